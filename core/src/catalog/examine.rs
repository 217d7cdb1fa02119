//! One file: is it a plugin that this host can run?
//!
//! Invariants: no byte of the file is executed; the call never blocks, whatever
//! the path is; everything is read through one open file, so that what was checked
//! is what the [`Examined`] holds.

use super::Rules;
use super::image::{Image, inspect_sized};
use super::key::PluginKey;
use super::name::{PluginName, is_label};
use super::refusal::Refusal;
use super::version::PluginVersion;
use crate::LIBRARY_VERSION;
use crate::project::ProjectVersion;
use pintle_plugin::manifest::{self, Manifest};
use std::fs::{File, FileType, Metadata};
use std::path::{Path, PathBuf};

/// The target triple of this host.
pub(super) const HOST_TARGET: &str = manifest::TARGET;

/// A file that is a plugin which this host can run, still open.
#[derive(Debug)]
pub struct Examined {
    /// The file that was examined.
    pub file: File,
    /// What tells it from other files.
    pub id: FileId,
    /// The plugin's manifest.
    pub manifest: Manifest,
    /// The plugin's full name and version.
    pub key: PluginKey,
}

/// A file that is not a plugin which this host can run.
#[derive(Debug, thiserror::Error)]
#[error("plugin file `{}` was refused", path.display())]
pub struct RefusedFile {
    /// The file.
    pub path: PathBuf,
    /// What tells it from other files, if it could be opened.
    pub id: Option<FileId>,
    /// The plugin's manifest, if it could be read.
    pub manifest: Option<Manifest>,
    /// The plugin's full name and version, if the manifest has good ones.
    pub key: Option<PluginKey>,
    /// Why it was refused.
    #[source]
    pub refusal: Refusal,
}

/// What tells one file from all others, under whatever path.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// What tells one file from all others, under whatever path.
#[cfg(not(unix))]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileId {
    path: PathBuf,
}

/// Opens a file and checks all that can be checked without running its code.
///
/// # Errors
///
/// [`RefusedFile`] when it is not a plugin that this host can run.
pub fn examine(path: &Path, rules: &Rules) -> Result<Examined, Box<RefusedFile>> {
    let mut found = Found::default();
    match found.examine(path, rules) {
        Ok(examined) => Ok(examined),
        Err(refusal) => {
            let Found { id, manifest, key } = found;
            Err(Box::new(RefusedFile { path: path.to_owned(), id, manifest, key, refusal }))
        }
    }
}

/// What is known of a file so far.
#[derive(Default)]
struct Found {
    id: Option<FileId>,
    manifest: Option<Manifest>,
    key: Option<PluginKey>,
}

impl Found {
    fn examine(&mut self, path: &Path, rules: &Rules) -> Result<Examined, Refusal> {
        let (file, metadata) = open(path)?;
        let id = file_id(path, &metadata);
        self.id = Some(id.clone());

        let image = inspect_sized(&file, metadata.len())?;
        // The manifest comes first, so that a library that does not fit still
        // has a name to be listed with.
        let manifest = read_manifest(&image);
        if let Ok(manifest) = &manifest {
            self.manifest = Some(manifest.clone());
            self.key = key_of(manifest, rules).ok();
        }
        image.check_fit()?;
        let manifest = manifest?;
        check_abi(&manifest, rules)?;
        let key = check_facts(&manifest, rules)?;
        Ok(Examined { file, id, manifest, key })
    }
}

/// Checks what a manifest says of the plugin itself; returns the plugin's full key.
pub(super) fn check_facts(manifest: &Manifest, rules: &Rules) -> Result<PluginKey, Refusal> {
    let key = key_of(manifest, rules)?;
    if manifest.project_versions.is_empty() {
        return Err(Refusal::NoProjectVersions);
    }
    for version in &manifest.project_versions {
        version.parse::<ProjectVersion>().map_err(|source| Refusal::ProjectVersion { source })?;
    }
    let is_command = |path: &[String]| !path.is_empty() && path.iter().all(|it| is_label(it));
    match manifest.commands.iter().find(|it| !is_command(&it.path)) {
        Some(bad) => Err(Refusal::Command { command: bad.path.join(" ") }),
        None => check_host(&manifest.host).map(|()| key),
    }
}

/// Returns the full key that a manifest claims.
pub(super) fn key_of(manifest: &Manifest, rules: &Rules) -> Result<PluginKey, Refusal> {
    let name = manifest
        .name
        .parse::<PluginName>()
        .and_then(|it| it.qualified(&rules.identity.name_qualifier))
        .map_err(|source| Refusal::Name { source })?;
    let version: PluginVersion =
        manifest.version.parse().map_err(|source| Refusal::Version { source })?;
    Ok(PluginKey::exact(name, version))
}

fn read_manifest(image: &Image) -> Result<Manifest, Refusal> {
    match image.manifests() {
        [] => Err(Refusal::NoManifest),
        [json] => Manifest::parse(json).map_err(|source| Refusal::Manifest { source }),
        several => Err(Refusal::SeveralManifests { count: several.len() }),
    }
}

fn check_abi(manifest: &Manifest, rules: &Rules) -> Result<(), Refusal> {
    let abi = &manifest.abi;
    if manifest.target != HOST_TARGET {
        let found = manifest.target.clone();
        return Err(Refusal::WrongTarget { found, expected: HOST_TARGET });
    }
    check_interface(&abi.interface)?;
    if abi.abi_stable != manifest::ABI_STABLE_VERSION {
        let (found, expected) = (abi.abi_stable.clone(), manifest::ABI_STABLE_VERSION);
        return Err(Refusal::AbiStable { found, expected });
    }
    if abi.panic != "unwind" && !rules.allow_panic_abort {
        return Err(Refusal::PanicStrategy { strategy: abi.panic.clone() });
    }
    Ok(())
}

fn check_interface(text: &str) -> Result<(), Refusal> {
    let Ok(found) = text.parse::<semver::Version>() else {
        return Err(Refusal::BadInterface { found: text.to_owned() });
    };
    let expected = interface_major();
    // Within a major version both directions work: the transport picks the
    // direction of the layout check from the two versions.
    match found.major.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Refusal::InterfaceTooOld { found, expected }),
        std::cmp::Ordering::Greater => Err(Refusal::InterfaceTooNew { found, expected }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

fn interface_major() -> u64 {
    let version: semver::Version =
        manifest::INTERFACE_VERSION.parse().expect("cargo accepts no other version");
    version.major
}

fn check_host(requirement: &str) -> Result<(), Refusal> {
    // Absent, as in a manifest that somebody else wrote, or the macro's default.
    if requirement.is_empty() || requirement == "*" {
        return Ok(());
    }
    let parsed: semver::VersionReq = requirement.parse().map_err(|source| {
        Refusal::BadHostRequirement { requirement: requirement.to_owned(), source }
    })?;
    let host: semver::Version = LIBRARY_VERSION.parse().expect("cargo accepts no other version");
    if is_met(&parsed, &host) {
        return Ok(());
    }
    Err(Refusal::HostRequirement { requirement: requirement.to_owned(), host: LIBRARY_VERSION })
}

/// Whether a host of this version meets a requirement.
fn is_met(requirement: &semver::VersionReq, host: &semver::Version) -> bool {
    // semver keeps pre-releases out of every range that does not name one, but
    // `0.2.0-rc.1` is meant to be tried with the plugins for `0.2`.
    let released = semver::Version::new(host.major, host.minor, host.patch);
    requirement.matches(host) || requirement.matches(&released)
}

/// Opens a regular file, without ever waiting for it.
fn open(path: &Path) -> Result<(File, Metadata), Refusal> {
    let file = match open_options().open(path) {
        Ok(file) => file,
        // A socket cannot be opened, on Windows neither can a folder.
        Err(source) => match std::fs::metadata(path).map(|it| kind(it.file_type())) {
            Ok(Some(kind)) => return Err(Refusal::NotRegular { kind }),
            _ => return Err(Refusal::Unreadable { source }),
        },
    };
    let metadata = file.metadata().map_err(|source| Refusal::Unreadable { source })?;
    match kind(metadata.file_type()) {
        Some(kind) => Err(Refusal::NotRegular { kind }),
        None => Ok((file, metadata)),
    }
}

/// Opening a FIFO without a writer would wait for one, and a terminal could become ours.
#[cfg(unix)]
fn open_options() -> std::fs::OpenOptions {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut options = File::options();
    options.read(true).custom_flags(flags.bits().cast_signed());
    options
}

#[cfg(not(unix))]
fn open_options() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.read(true);
    options
}

/// Says what a file is, unless it is a regular one.
fn kind(file_type: FileType) -> Option<&'static str> {
    if file_type.is_file() {
        return None;
    }
    let kind = if file_type.is_dir() { "directory" } else { special_kind(file_type) };
    Some(kind)
}

#[cfg(unix)]
fn special_kind(file_type: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if file_type.is_fifo() => "FIFO",
        () if file_type.is_socket() => "socket",
        () if file_type.is_char_device() || file_type.is_block_device() => "device",
        () => "special file",
    }
}

#[cfg(not(unix))]
fn special_kind(_: FileType) -> &'static str {
    "special file"
}

#[cfg(unix)]
fn file_id(_: &Path, metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

#[cfg(not(unix))]
fn file_id(path: &Path, _: &Metadata) -> FileId {
    FileId { path: path.canonicalize().unwrap_or_else(|_| path.to_owned()) }
}
