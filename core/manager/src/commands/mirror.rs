//! `plugin mirror`: copies releases into a directory that others install from.

use super::args;
use crate::archive::is_portable_path;
use crate::digest::Digest;
use crate::errors::{failed, refused};
use crate::install::{KEY_FILE, Source};
use crate::manager::{Manager, parse};
use crate::origin::{MirrorFile, MirrorOrigin, MirrorRelease, Release, Remote, Wanted};
use crate::source::Spec;
use crate::{asset, signature};
use clap::{Arg, ArgMatches, Command, value_parser};
use pintle_host::cli::{CliError, Exit, Session, Step};
use pintle_host::fs::{self, Mode};
use std::path::{Path, PathBuf};
use time::format_description::well_known::Rfc3339;

pub(super) fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("mirror")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .value_hint(clap::ValueHint::DirPath)
                .help("The directory"),
        )
        .arg(
            Arg::new("source")
                .value_name("SOURCE")
                .num_args(0..)
                .help("`owner/repo[@version]`; without, all plugins that are installed"),
        )
        .arg(
            Arg::new("api")
                .long("api")
                .value_name("URL")
                .help("The address of GitHub's API, for servers of an enterprise"),
        )
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = Manager::new(session)?.with_api(matches.get_one::<String>("api").cloned());
    let root: &PathBuf = matches.get_one("mirror").expect("the argument is required");
    let mut wanted: Vec<(Spec, Option<String>)> = Vec::new();
    for text in args::texts(matches, "source") {
        let spec = parse(text)?;
        let version = spec.version().map(ToOwned::to_owned);
        wanted.push((spec, version));
    }
    if wanted.is_empty() {
        for stored in manager.plugins()? {
            let Some((_, receipt)) = stored.in_use() else { continue };
            let spec = parse(&receipt.source)?;
            if !matches!(spec, Spec::Path(_)) {
                wanted.push((spec, receipt.tag.clone()));
            }
        }
    }
    for (spec, version) in wanted {
        let source = manager.source(&spec)?;
        let n_files = copy(&manager, &source, version, root)
            .map_err(|err| err.under(format!("failed to mirror `{}`", source.text)))?;
        let text = format!("mirrored `{}` ({n_files} files)", source.text);
        session.console().println(text);
    }
    Ok(Exit::Done.into())
}

/// Copies a release into a mirror, and returns how many files it has.
fn copy(
    manager: &Manager<'_>,
    source: &Source<'_>,
    version: Option<String>,
    root: &Path,
) -> Result<usize, CliError> {
    let wanted = Wanted { version, ..manager.newest(false) };
    let release = source.origin.release(&wanted)?;
    let tag = release.tag.clone().ok_or_else(|| {
        failed("it has no versions").hint("mirror what has releases".to_owned())
    })?;
    let version = tag.strip_prefix('v').unwrap_or(&tag);
    if !is_portable_path(version) {
        return Err(refused(format!("its release is called `{version}`, which no directory can be")));
    }
    let folder = root.join(MirrorOrigin::path(&source.place, version));
    std::fs::create_dir_all(&folder)
        .map_err(|err| failed(format!("failed to make `{}`", folder.display())).cause(&err))?;
    let mut mirrored = MirrorRelease {
        tag: release.tag.clone(),
        published: release.published.and_then(|it| it.format(&Rfc3339).ok()),
        is_immutable: release.is_immutable,
        ..MirrorRelease::default()
    };
    for remote in files(source, &release) {
        let bytes = source.origin.fetch(remote, &mut |_, _| {})?;
        let digest = Digest::of(&bytes);
        if let Some(expected) = remote.digest.filter(|it| *it != digest) {
            let text = format!("`{}` has digest {digest}, and not {expected}", remote.name);
            return Err(refused(text));
        }
        let path = folder.join(&remote.name);
        fs::replace(&path, &bytes, Mode::New(0o644))
            .map_err(|err| CliError::from_error(Exit::Failed, &err))?;
        let target = remote.target.clone();
        mirrored.files.insert(remote.name.clone(), MirrorFile { digest, target });
    }
    // Last, so that a release is in the mirror when it is whole.
    MirrorOrigin::write(&folder, &mirrored)
        .map_err(|err| CliError::from_error(Exit::Failed, &err))?;
    Ok(mirrored.files.len())
}

/// Returns the files of a release that someone could install, and their signatures.
fn files<'r>(source: &Source<'_>, release: &'r Release) -> Vec<&'r Remote> {
    let names: Vec<_> = release.files.iter().map(|it| &*it.name).collect();
    let is_plugin = |file: &Remote| {
        file.target.is_some() || asset::TARGETS.iter().any(|target| {
            let wanted = asset::Wanted { target, plugin: Some(&source.place.repo) };
            asset::choose(&names, &wanted).is_ok_and(|it| names[it.index] == file.name)
        })
    };
    let plugins: Vec<_> = release.files.iter().filter(|it| is_plugin(it)).collect();
    let signatures: Vec<_> =
        plugins.iter().flat_map(|it| signature::signature_names(&it.name)).collect();
    let is_wanted = |it: &&Remote| {
        is_plugin(it) || signatures.contains(&it.name) || it.name == KEY_FILE
    };
    release.files.iter().filter(is_wanted).filter(|it| is_plain(&it.name)).collect()
}

/// Whether a name is that of a file in a directory, and not a way out of it.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0'])
}
