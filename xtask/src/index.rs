//! `cargo xtask index`: writes an index of the plugins whose archives are in a directory.
//!
//! The entries come from the libraries themselves; `docs/plugin-index.md` describes the format.

use crate::{check, dist, minisign};
use anyhow::{Context, Result, bail, ensure};
use pintle_host::fs::{Mode, replace};
use pintle_host::{Identity, PluginName, PluginVersion};
use pintle_manager::archive::{Limits, UnpackedFile, unpack, without_top};
use pintle_manager::index::{self, Index};
use pintle_plugin::manifest::{Manifest, TARGET};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

/// The name of the index file in the directory.
const FILE: &str = "index.json";

/// What to list, and how.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The directory with archives from `cargo xtask dist`; the index is written into it
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Sign the index with this minisign secret key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The owner of the repositories, each named by its plugin's short name; or a prefix such as
    /// `oci://ghcr.io/OWNER`. Without it, the sources are the archives in the directory
    #[arg(long, value_name = "OWNER")]
    source_base: Option<String>,
}

/// A plugin, as its archives describe it.
struct Found {
    version: PluginVersion,
    manifest: Manifest,
    /// The archives of this version by target.
    archives: BTreeMap<String, PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let index = make(&options.folder, options.source_base.as_deref())?;
    let path = options.folder.join(FILE);
    replace(&path, index.to_json().as_bytes(), Mode::New(0o644))?;
    if let Some(key) = &options.key {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let _ = minisign::sign(key, &path, &index::trusted_comment(now.as_secs()))?;
    }
    println!("{} plugins in {}", index.plugins().len(), path.display());
    Ok(ExitCode::SUCCESS)
}

fn make(folder: &Path, source_base: Option<&str>) -> Result<Index> {
    let mut found: BTreeMap<PluginName, Found> = BTreeMap::new();
    let archives = dist::archives(folder)?;
    ensure!(!archives.is_empty(), "`{}` contains no archives", folder.display());
    for path in archives {
        let manifest = read(&path);
        manifest
            .and_then(|it| add(&mut found, it, &path))
            .with_context(|| format!("failed to list `{}`", path.display()))?;
    }
    let plugins = found.into_iter().map(|(name, it)| plugin(&name, it, source_base));
    Ok(Index::new(plugins.collect::<Result<_>>()?)?)
}

/// Reads the manifest of the plugin in an archive.
fn read(path: &Path) -> Result<Manifest> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    manifest(&without_top(unpack(name, &fs::read(path)?, &Limits::default())?))
}

/// Adds an archive; of several versions, the newest is used.
fn add(found: &mut BTreeMap<PluginName, Found>, manifest: Manifest, path: &Path) -> Result<()> {
    let version: PluginVersion = manifest.version.parse()?;
    let name: PluginName = manifest.name.parse()?;
    let name = name.qualified(&Identity::default().name_qualifier)?;
    let (target, path) = (manifest.target.clone(), std::path::absolute(path)?);
    if found.get(&name).is_none_or(|it| it.version < version) {
        let archives = BTreeMap::from([(target, path)]);
        found.insert(name, Found { version, manifest, archives });
        return Ok(());
    }
    let known = found.get_mut(&name).filter(|it| it.version == version);
    let Some(known) = known else { return Ok(()) };
    ensure!(
        says_the_same(&known.manifest, &manifest),
        "the archives of `{name}` v{} describe different plugins",
        manifest.version
    );
    match known.archives.insert(target, path) {
        Some(other) => bail!("duplicate archive for the same target: `{}`", other.display()),
        None => Ok(()),
    }
}

/// Returns whether two manifests give the same entry.
fn says_the_same(left: &Manifest, right: &Manifest) -> bool {
    let facts = |it: &Manifest| {
        let commands: Vec<_> = it.commands.iter().map(|it| it.path.clone()).collect();
        let lists = (commands, it.subcommands.clone(), it.events.clone());
        (it.description.clone(), it.deprecated.clone(), lists)
    };
    facts(left) == facts(right)
}

/// Reads the manifest of the library, as a host does; for a plugin that is not a library, reads the
/// manifest file.
fn manifest(files: &[UnpackedFile]) -> Result<Manifest> {
    let is_library = |it: &&UnpackedFile| {
        let extension = Path::new(&it.path).extension().and_then(OsStr::to_str);
        matches!(extension, Some("so" | "dylib" | "dll"))
    };
    if let Some(library) = files.iter().find(is_library) {
        return check::check_bytes(&library.bytes);
    }
    let file = files.iter().find(|it| it.path == dist::MANIFEST);
    let file = file.with_context(|| {
        format!("the archive contains neither a library nor `{}`", dist::MANIFEST)
    })?;
    Ok(toml::from_str(std::str::from_utf8(&file.bytes)?)?)
}

fn plugin(name: &PluginName, found: Found, source_base: Option<&str>) -> Result<index::Plugin> {
    let manifest = found.manifest;
    let source = match source_base {
        Some(base) => format!("{}/{}", base.trim_end_matches('/'), name.short()),
        None => {
            let path = found.archives.get(TARGET).with_context(|| {
                format!("there is no archive of `{name}` for this machine; use `--source-base`")
            })?;
            path.to_str().context("the path of the archive is not UTF-8")?.to_owned()
        }
    };
    Ok(index::Plugin {
        name: name.to_string(),
        source,
        description: manifest.description,
        version: found.version.as_semver().to_string(),
        commands: manifest.commands.iter().map(|it| it.path.join(" ")).collect(),
        subcommands: manifest.subcommands,
        events: manifest.events,
        deprecated: manifest.deprecated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::tests::{pack_text, secret_key};
    use pintle_manager::index::Place;

    const MAC: &str = "aarch64-apple-darwin";

    fn manifest(version: &str, target: &str, description: &str) -> String {
        format!(
            "name = \"it\"\nversion = \"{version}\"\ntarget = \"{target}\"\n\
             description = \"{description}\"\nsubcommands = [\"init\"]\n\
             events = [\"post-cluster-create\"]\n\
             [[commands]]\npath = [\"it\", \"now\"]\nabout = \"\"\n"
        )
    }

    /// Returns a directory with archives of a plugin that is a program.
    fn packed(archives: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (version, target, description) in archives {
            let manifest = manifest(version, target, description);
            let _ = pack_text(&manifest, "it", "#!/bin/sh\n", folder.path());
        }
        folder
    }

    #[test]
    fn of_several_versions_the_newest_is_listed() {
        let archives =
            [("1.10.0", TARGET, "New"), ("1.9.0", TARGET, "Old"), ("1.10.0", MAC, "New")];
        let folder = packed(&archives);
        let index = make(folder.path(), Some("acme")).unwrap();
        let [plugin] = index.plugins() else { panic!("{index:?}") };
        assert_eq!((&*plugin.name, &*plugin.version), ("it.pintle.dev", "1.10.0"));
        assert_eq!((&*plugin.source, &*plugin.description), ("acme/it", "New"));
        assert_eq!(
            (&*plugin.commands, &*plugin.subcommands),
            (&["it now".into()][..], &["init".into()][..])
        );
        assert_eq!(plugin.events, ["post-cluster-create"]);
        let index = make(folder.path(), Some("oci://ghcr.io/acme/")).unwrap();
        assert_eq!(index.plugins()[0].source, "oci://ghcr.io/acme/it");
        let index = make(folder.path(), None).unwrap();
        let path = folder.path().join(format!("it-1.10.0-{TARGET}.tar.zst"));
        assert_eq!(Path::new(&index.plugins()[0].source), path);
    }

    #[track_caller]
    fn check_refused(archives: &[(&str, &str, &str)], base: Option<&str>, expected: &str) {
        let err = format!("{:#}", make(packed(archives).path(), base).unwrap_err());
        assert!(err.ends_with(expected), "{err}");
    }

    #[test]
    fn archives_that_make_no_index_are_refused() {
        check_refused(&[], None, "` contains no archives");
        check_refused(&[("1.0.0", MAC, "It")], None, "for this machine; use `--source-base`");
        check_refused(&[("1.0.0", TARGET, "It")], Some("acme; reboot"), "`acme; reboot/it`");
        let two = [("1.0.0", TARGET, "It"), ("1.0.0", MAC, "That")];
        check_refused(
            &two,
            None,
            "the archives of `it.pintle.dev` v1.0.0 describe different plugins",
        );
        let folder = tempfile::tempdir().unwrap();
        let _ = pack_text(&manifest("1.0.0", TARGET, "It"), "libit.so", "text", folder.path());
        let err = format!("{:#}", make(folder.path(), None).unwrap_err());
        assert!(err.contains("failed to list `") && err.contains("check `format`"), "{err}");
    }

    #[test]
    fn the_manager_reads_what_the_real_minisign_has_signed() {
        let folder = packed(&[("1.0.0", TARGET, "It")]);
        let Some(key) = secret_key(folder.path()) else { return };
        let source_base = Some("acme".to_owned());
        let options = Options { folder: folder.path().to_owned(), key: Some(key), source_base };
        run(&options).unwrap();
        let public = fs::read_to_string(folder.path().join("it.pub")).unwrap();
        let path = folder.path().join(FILE);
        let path = path.to_str().unwrap();
        let place = Place::new(path, None, Some(public.parse().unwrap()), None).unwrap();
        assert_eq!(place.load(None).unwrap().index.plugins()[0].source, "acme/it");
    }
}
