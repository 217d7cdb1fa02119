//! `plugin mirror`: copies releases to a directory or a registry to install from.

use super::args;
use crate::archive::is_portable_path;
use crate::digest::Digest;
use crate::errors::{failed, refused};
use crate::install::{KEY_FILE, Source, check_digest};
use crate::manager::{Manager, Mirror, mirrored, parse};
use crate::origin::{
    MirrorFile, MirrorOrigin, MirrorRelease, OriginError, Release, Remote, Wanted,
};
use crate::source::Client;
use crate::source::oci::{Credentials, OciError, OciSignature, PushFile, PushTarget, Registry};
use crate::source::spec::{OciSpec, Spec};
use crate::{asking, asset, signature};
use clap::{Arg, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Session, Step};
use pintle_host::fs::{self, Mode};
use std::path::Path;
use time::format_description::well_known::Rfc3339;

pub(super) fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("mirror")
                .value_name("MIRROR")
                .required(true)
                .value_hint(clap::ValueHint::DirPath)
                .help("A directory, or `oci://host/name` for a registry"),
        )
        .arg(
            Arg::new("source")
                .value_name("SOURCE")
                .num_args(0..)
                .help("`owner/repo[@version]` [default: all installed plugins]"),
        )
        .arg(
            Arg::new("api")
                .long("api")
                .value_name("URL")
                .help("The URL of the GitHub API, for GitHub Enterprise servers"),
        )
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = Manager::new(session)?.with_api(matches.get_one::<String>("api").cloned());
    let mirror = args::texts(matches, "mirror").next().unwrap_or_default();
    let mirror = Mirror::parse(mirror)?;
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
        let n_files = copy(&manager, &source, version, &mirror)
            .map_err(|err| err.under(format!("failed to mirror `{}`", source.shown())))?;
        let files = if n_files == 1 { "file" } else { "files" };
        session.console().println(format!("mirrored `{}` ({n_files} {files})", source.shown()));
    }
    Ok(Exit::Done.into())
}

/// A fetched release.
struct Fetched {
    release: Release,
    /// The version, without a `v`.
    version: String,
    files: Vec<(Remote, Vec<u8>)>,
}

/// Copies a release to a mirror, and returns the number of its files.
fn copy(
    manager: &Manager<'_>,
    source: &Source<'_>,
    version: Option<String>,
    mirror: &Mirror,
) -> Result<usize, CliError> {
    let fetched = fetch(manager, source, &Wanted { version, ..manager.newest(false) })?;
    match mirror {
        Mirror::Dir(root) => write(root, source, &fetched)?,
        Mirror::Oci(spec) => push(manager, &mirrored(spec, &source.place), source, &fetched)?,
    }
    Ok(fetched.files.len())
}

fn fetch(manager: &Manager<'_>, source: &Source<'_>, wanted: &Wanted) -> Result<Fetched, CliError> {
    let release = asking::release(manager.session.console(), &*source.origin, wanted)?;
    let tag = release.tag.clone().ok_or_else(|| {
        failed("it has no versions").hint("mirror a source that has releases".to_owned())
    })?;
    let version = tag.strip_prefix('v').unwrap_or(&tag).to_owned();
    if !is_portable_path(&version) {
        return Err(refused(format!(
            "its release is called `{version}`, which is not a valid directory name"
        )));
    }
    let mut fetched = Vec::new();
    for remote in files(source, &release) {
        check_digest(remote)?;
        let bytes = source.origin.fetch(remote, &mut |_, _| {})?;
        let digest = Digest::of(&bytes);
        if let Some(expected) = remote.digest.filter(|it| *it != digest) {
            let text = format!("`{}` has the digest {digest}, not {expected}", remote.name);
            return Err(refused(text));
        }
        fetched.push((remote.clone(), bytes));
    }
    Ok(Fetched { release, version, files: fetched })
}

fn write(root: &Path, source: &Source<'_>, fetched: &Fetched) -> Result<(), CliError> {
    let folder = root.join(MirrorOrigin::path(&source.place, &fetched.version));
    std::fs::create_dir_all(&folder)
        .map_err(|err| failed(format!("failed to create `{}`", folder.display())).cause(&err))?;
    let release = &fetched.release;
    let mut mirrored = MirrorRelease {
        tag: release.tag.clone(),
        published: release.published.and_then(|it| it.format(&Rfc3339).ok()),
        is_immutable: release.is_immutable,
        ..MirrorRelease::default()
    };
    for (remote, bytes) in &fetched.files {
        fs::replace(&folder.join(&remote.name), bytes, Mode::New(0o644))
            .map_err(|err| CliError::from_error(Exit::Failed, &err))?;
        let file = MirrorFile { digest: Digest::of(bytes), target: remote.target.clone() };
        mirrored.files.insert(remote.name.clone(), file);
    }
    // Written last, so that a release in the mirror is complete.
    MirrorOrigin::write(&folder, &mirrored).map_err(|err| CliError::from_error(Exit::Failed, &err))
}

/// Pushes a release to a registry, under its version and as `latest`: a manifest for each target,
/// with signatures that refer to it.
fn push(
    manager: &Manager<'_>,
    spec: &OciSpec,
    source: &Source<'_>,
    fetched: &Fetched,
) -> Result<(), CliError> {
    let names: Vec<_> = fetched.files.iter().map(|it| &*it.0.name).collect();
    let target_of = |remote: &Remote| -> Vec<String> {
        if let Some(target) = &remote.target {
            return vec![target.clone()];
        }
        let chosen = asset::TARGETS.iter().filter(|target| {
            let wanted = asset::Wanted { target, plugin: Some(&source.place.repo) };
            asset::choose(&names, &wanted).is_ok_and(|it| names[it.index] == remote.name)
        });
        chosen.map(|it| (*it).to_owned()).collect()
    };
    let file = |remote: &Remote, bytes: &[u8]| PushFile {
        name: remote.name.clone(),
        media_type: "application/octet-stream".to_owned(),
        bytes: bytes.to_vec(),
    };
    let key = fetched.files.iter().find(|it| it.0.name == KEY_FILE);
    let key = key.map(|(remote, bytes)| file(remote, bytes));
    let mut targets = Vec::new();
    for (remote, bytes) in &fetched.files {
        for target in target_of(remote) {
            let files = std::iter::once(file(remote, bytes)).chain(key.clone()).collect();
            targets.push(PushTarget { target, files });
        }
    }
    for tag in [&*fetched.version, "latest"] {
        let spec = OciSpec { tag: Some(tag.to_owned()), ..spec.clone() };
        push_to(manager.client()?, &spec, &targets, fetched).map_err(OriginError::from)?;
    }
    Ok(())
}

fn push_to(
    client: &Client,
    spec: &OciSpec,
    targets: &[PushTarget],
    fetched: &Fetched,
) -> Result<(), OciError> {
    let credentials = Credentials::of_docker(&spec.registry)?;
    let registry = Registry::new(client, spec, credentials)?;
    registry.push(targets, Some(&fetched.version))?;
    for platform in registry.pin()?.platforms {
        for file in &platform.files {
            let names = signature::signature_names(&file.name);
            let found = fetched.files.iter().find(|it| names.contains(&it.0.name));
            if let Some((remote, bytes)) = found {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let signature = OciSignature { name: remote.name.clone(), text };
                registry.push_signature(&platform, &signature)?;
            }
        }
    }
    Ok(())
}

/// Returns the installable files of a release, and their signatures.
fn files<'r>(source: &Source<'_>, release: &'r Release) -> Vec<&'r Remote> {
    let names: Vec<_> = release.files.iter().map(|it| &*it.name).collect();
    let is_plugin = |file: &Remote| {
        file.target.is_some()
            || asset::TARGETS.iter().any(|target| {
                let wanted = asset::Wanted { target, plugin: Some(&source.place.repo) };
                asset::choose(&names, &wanted).is_ok_and(|it| names[it.index] == file.name)
            })
    };
    let plugins: Vec<_> = release.files.iter().filter(|it| is_plugin(it)).collect();
    let signatures: Vec<_> =
        plugins.iter().flat_map(|it| signature::signature_names(&it.name)).collect();
    let is_wanted =
        |it: &&Remote| is_plugin(it) || signatures.contains(&it.name) || it.name == KEY_FILE;
    release.files.iter().filter(is_wanted).filter(|it| is_plain(&it.name)).collect()
}

/// Returns whether a name is that of a file in a directory, and does not lead out of it.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0'])
}
