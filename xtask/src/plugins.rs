//! `cargo xtask build-plugins`: builds first-party plugins into a directory that can be installed.

use crate::{cargo, check};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tempfile::NamedTempFile;

/// What to build, and where.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build for release
    #[arg(long)]
    release: bool,
    /// The output directory for the libraries [default: target/plugins]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The plugins, as directories of plugins/ [default: all]
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<String>,
}

/// A first-party plugin.
pub(crate) struct Source {
    /// The package's name.
    pub(crate) package: String,
    /// The package's directory.
    pub(crate) folder: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let sources = choose(sources()?, &options.plugins)?;
    let mut args: Vec<_> = sources.iter().map(|it| format!("--package={}", it.package)).collect();
    args.extend(options.release.then(|| "--release".to_owned()));
    let artifacts = cargo::build(&args)?;
    let out = match &options.out {
        Some(it) => it.clone(),
        None => cargo::target_dir()?.join("plugins"),
    };
    for line in lay_out(&sources, &artifacts, &out)? {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the first-party plugins: the packages in `plugins/` that build a library.
pub(crate) fn sources() -> Result<Vec<Source>> {
    let home = cargo::root().join("plugins");
    let packages = cargo::packages()?.into_iter();
    let packages = packages.filter(|it| it.is_cdylib && it.folder.parent() == Some(&home));
    Ok(packages.map(|it| Source { package: it.name, folder: it.folder }).collect())
}

/// Returns the plugins whose directories are named, or all.
pub(crate) fn choose(sources: Vec<Source>, names: &[String]) -> Result<Vec<Source>> {
    let is =
        |it: &Source, name: &String| it.folder.file_name().is_some_and(|it| it == name.as_str());
    for name in names {
        if !sources.iter().any(|it| is(it, name)) {
            bail!("unknown plugin `{name}`: there is no such directory in plugins/");
        }
    }
    let wanted = |it: &Source| names.is_empty() || names.iter().any(|name| is(it, name));
    let chosen: Vec<_> = sources.into_iter().filter(wanted).collect();
    if chosen.is_empty() { bail!("there are no plugins in plugins/") } else { Ok(chosen) }
}

/// Checks the libraries and installs them in `out`; returns a line for each.
///
/// If one of them fails a check, none is installed.
pub(crate) fn lay_out(
    sources: &[Source],
    artifacts: &[cargo::Artifact],
    out: &Path,
) -> Result<Vec<String>> {
    let mut checked = Vec::new();
    for source in sources {
        let library = cargo::library(artifacts, &source.folder)?;
        checked.push((check::check(&library)?, library));
    }
    fs::create_dir_all(out).with_context(|| format!("failed to create `{}`", out.display()))?;
    let mut lines = Vec::new();
    for (manifest, library) in checked {
        let path = install(&library, out)?;
        let size = fs::metadata(&path)?.len();
        let (name, version, path) = (manifest.name, manifest.version, path.display());
        lines.push(format!("{name} v{version}  {}  {path}", human_size(size)));
    }
    Ok(lines)
}

/// Copies a library into `dir`. The whole file appears there in one step.
///
/// A host may have mapped the old file; overwriting it would crash that host.
pub(crate) fn install(library: &Path, dir: &Path) -> Result<PathBuf> {
    let name = library.file_name().context("a library has a file name")?;
    let path = dir.join(name);
    copy(library, dir, &path).with_context(|| format!("failed to write `{}`", path.display()))?;
    Ok(path)
}

fn copy(library: &Path, dir: &Path, path: &Path) -> io::Result<()> {
    let mut temp = NamedTempFile::new_in(dir)?;
    io::copy(&mut File::open(library)?, &mut temp)?;
    make_readable(temp.as_file())?;
    temp.persist(path)?;
    Ok(())
}

/// A library needs no execute bit, and distributions reject it.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_file: &File) -> io::Result<()> {
    Ok(())
}

pub(crate) fn human_size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Source {
        Source { package: format!("pintle-plugin-{name}"), folder: Path::new("plugins").join(name) }
    }

    #[test]
    fn plugins_are_chosen_by_their_folder() {
        let both = || vec![source("rust"), source("license")];
        assert_eq!(choose(both(), &[]).unwrap().len(), 2);
        let one = choose(both(), &["license".to_owned()]).unwrap();
        assert_eq!(one[0].package, "pintle-plugin-license");
        assert!(choose(both(), &["absent".to_owned()]).is_err());
        assert!(choose(Vec::new(), &[]).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn an_installed_library_is_not_executable_and_replaces_the_old_one() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("libx.so");
        fs::write(&library, "new").unwrap();
        fs::set_permissions(&library, fs::Permissions::from_mode(0o755)).unwrap();
        let out = dir.path().join("out");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("libx.so"), "old").unwrap();
        let path = install(&library, &out).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(human_size(1), "1 kB");
        assert_eq!(human_size(722_000), "722 kB");
        assert_eq!(human_size(1_160_000), "1.1 MB");
    }
}
