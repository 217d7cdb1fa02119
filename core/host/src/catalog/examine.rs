//! One file: is it a plugin that this host can run?
//!
//! Invariants: no byte of the file is executed; the call never blocks, whatever
//! the path is; everything is read through one open file, so that what was checked
//! is what the [`Examined`] holds.

use super::ProjectVersion;
use super::Rules;
use super::facts::{Brings, Facts, LazyManifest, Text};
use super::image::{HEAD, Image, exports, inspect_head};
use super::key::PluginKey;
use super::name::{PluginName, is_label};
use super::refusal::Refusal;
use super::version::PluginVersion;
use crate::LIBRARY_VERSION;
use crate::fs;
use pintle_plugin::manifest::{self, Manifest};
use std::fs::{File, Metadata};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// What tells one file from all others, under whatever path.
#[cfg(not(unix))]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    path: PathBuf,
}

#[cfg(unix)]
impl FileId {
    pub(super) fn new(device: u64, inode: u64) -> Self {
        Self { device, inode }
    }
}

/// Opens a file and checks all that can be checked without running its code.
///
/// # Errors
///
/// [`RefusedFile`] when it is not a plugin that this host can run.
pub fn examine(path: &Path, rules: &Rules) -> Result<Examined, Box<RefusedFile>> {
    let Judged { file, id, manifest, key, refusal, .. } = judge_file(open(path), rules);
    let manifest = manifest.get().cloned();
    match (refusal, file, id, manifest, key) {
        (None, Some(file), Some(id), Some(manifest), Some(key)) => {
            Ok(Examined { file, id, manifest, key })
        }
        (refusal, _, id, manifest, key) => {
            let refusal = refusal.unwrap_or(Refusal::NoManifest);
            Err(Box::new(RefusedFile { path: path.to_owned(), id, manifest, key, refusal }))
        }
    }
}

/// What is known of a file that should be a plugin.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) file: Option<File>,
    pub(super) id: Option<FileId>,
    pub(super) manifest: LazyManifest,
    pub(super) brings: Brings,
    pub(super) key: Option<PluginKey>,
    pub(super) refusal: Option<Refusal>,
}

/// Judges an opened file; all that is known of it stays known if it is refused.
pub(super) fn judge_file(opened: Result<Opened, Refusal>, rules: &Rules) -> Judged {
    let mut judged = Judged::default();
    judged.refusal = judged.look_at(opened, rules).err();
    judged
}

impl Judged {
    fn look_at(&mut self, opened: Result<Opened, Refusal>, rules: &Rules) -> Result<(), Refusal> {
        let Opened { file, len, id } = opened?;
        self.id = Some(id);
        let mut head = [0; HEAD];
        let image = inspect_head(&file, len, &mut head)?;
        // The manifest is read even if the library does not fit, so that it still
        // has a name to be listed with.
        let fits = image.check_fit();
        let json = match take_manifest(image) {
            Ok(json) => json,
            Err(refusal) => return fits.and(Err(refusal)),
        };
        let facts = Facts::parse(&json);
        let res = match &facts {
            Ok(facts) => {
                self.key = key_of(facts, rules).ok();
                fits.and_then(|()| check_abi(facts, rules))
                    .and_then(|()| judge(facts, rules).map(drop))
                    .and_then(|()| check_supported(facts))
                    .and_then(|()| check_root(&file, &head, facts))
            }
            Err(_) => fits,
        };
        let brings = facts.map(Brings::from).map_err(|source| Refusal::Manifest { source });
        self.manifest = LazyManifest::new(json);
        res?;
        self.brings = brings?;
        self.file = Some(file);
        Ok(())
    }
}

/// Returns the full key of a plugin whose manifest makes sense.
pub(super) fn judge(facts: &Facts<'_>, rules: &Rules) -> Result<PluginKey, Refusal> {
    let key = key_of(facts, rules)?;
    check_facts(facts)?;
    Ok(key)
}

/// Checks that the file has the root symbol that the manifest names.
///
/// The names of a plugin's symbols stand in its first page; only where this one does
/// not is the symbol table read. The transport reads it always.
fn check_root(file: &File, head: &[u8], facts: &Facts<'_>) -> Result<(), Refusal> {
    let symbol = facts.abi.root.as_ref();
    let is_in_head = head.split(|it| *it == 0).any(|it| it == symbol.as_bytes());
    if is_in_head || exports(file, symbol).unwrap_or(false) {
        return Ok(());
    }
    Err(Refusal::NoRootSymbol { symbol: symbol.to_owned() })
}

/// Checks what a manifest says of the plugin, apart from its name and version.
fn check_facts(facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.project_versions.is_empty() {
        return Err(Refusal::NoProjectVersions);
    }
    for version in &facts.project_versions {
        version.0.parse::<ProjectVersion>().map_err(|source| Refusal::ProjectVersion { source })?;
    }
    let is_command = |path: &[String]| !path.is_empty() && path.iter().all(|it| is_label(it));
    match facts.commands.iter().find(|it| !is_command(&it.path)) {
        Some(bad) => Err(Refusal::Command { command: bad.path.join(" ") }),
        None => check_host(&facts.host),
    }
}

/// Checks that the plugin understands some version of the PROJECT file that this host reads.
fn check_supported(facts: &Facts<'_>) -> Result<(), Refusal> {
    let is_supported = |it: &Text<'_>| it.0.parse().is_ok_and(ProjectVersion::is_supported);
    match facts.project_versions.iter().any(is_supported) {
        true => Ok(()),
        false => {
            let found: Vec<_> = facts.project_versions.iter().map(|it| it.0.as_ref()).collect();
            Err(Refusal::UnsupportedProjectVersions { found: found.join(", ") })
        }
    }
}

/// Returns the full key that a manifest claims.
pub(super) fn key_of(facts: &Facts<'_>, rules: &Rules) -> Result<PluginKey, Refusal> {
    let name = facts
        .name
        .parse::<PluginName>()
        .and_then(|it| it.qualified(&rules.identity.name_qualifier))
        .map_err(|source| Refusal::Name { source })?;
    let version: PluginVersion =
        facts.version.parse().map_err(|source| Refusal::Version { source })?;
    Ok(PluginKey::exact(name, version))
}

fn take_manifest(image: Image) -> Result<Vec<u8>, Refusal> {
    let mut manifests = image.into_manifests();
    match (manifests.len(), manifests.pop()) {
        (1, Some(json)) => Ok(json),
        (0, _) | (_, None) => Err(Refusal::NoManifest),
        (count, _) => Err(Refusal::SeveralManifests { count }),
    }
}

fn check_abi(facts: &Facts<'_>, rules: &Rules) -> Result<(), Refusal> {
    let abi = &facts.abi;
    if facts.target != HOST_TARGET {
        let found = facts.target.to_string();
        return Err(Refusal::WrongTarget { found, expected: HOST_TARGET });
    }
    check_interface(&abi.interface)?;
    if abi.abi_stable != manifest::ABI_STABLE_VERSION {
        let (found, expected) = (abi.abi_stable.to_string(), manifest::ABI_STABLE_VERSION);
        return Err(Refusal::AbiStable { found, expected });
    }
    if abi.panic != "unwind" && !rules.allow_panic_abort {
        return Err(Refusal::PanicStrategy { strategy: abi.panic.to_string() });
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

/// A regular file, open.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) len: u64,
    pub(super) id: FileId,
}

/// Opens a regular file, without ever waiting for it.
pub(super) fn open(path: &Path) -> Result<Opened, Refusal> {
    let (file, metadata) = fs::open_named(path).map_err(refuse)?;
    Ok(Opened { file, len: metadata.len(), id: file_id(path, &metadata) })
}

/// Returns why a file that cannot be opened is refused.
pub(super) fn refuse(err: fs::Error) -> Refusal {
    match err.cause {
        fs::Cause::NotRegular { kind } => Refusal::NotRegular { kind: kind.name() },
        cause => Refusal::Unreadable { source: cause.into() },
    }
}

#[cfg(unix)]
fn file_id(_: &Path, metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    FileId::new(metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn file_id(path: &Path, _: &Metadata) -> FileId {
    FileId { path: path.canonicalize().unwrap_or_else(|_| path.to_owned()) }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::super::testing::{E_MACHINE, E_TYPE, EI_CLASS, EI_DATA, elf, manifest_json};
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    fn normalize(text: &str) -> String {
        text.replace(manifest::TARGET, "[TARGET]")
            .replace(std::env::consts::ARCH, "[ARCH]")
            .replace(LIBRARY_VERSION, "[VERSION]")
    }

    #[track_caller]
    fn check_path(path: &Path, rules: &Rules, expected: Expect) {
        let text = match examine(path, rules) {
            Ok(it) => format!("{}\n", it.key),
            Err(it) => {
                let key = it.key.map_or("?".to_owned(), |it| it.to_string());
                format!("{key}: {}\n{}\n", it.refusal.reason(), it.refusal.hint())
            }
        };
        expected.assert_eq(&normalize(&text));
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Expect) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("libit.so");
        std::fs::write(&path, bytes).unwrap();
        check_path(&path, &Rules::default(), expected);
    }

    #[track_caller]
    fn check_manifest(patch: Value, expected: Expect) {
        check(&elf(&[&manifest_json(&patch)]), expected);
    }

    #[track_caller]
    fn check_patched(at: usize, value: u8, expected: Expect) {
        let mut bytes = elf(&[&manifest_json(&json!({}))]);
        bytes[at] = value;
        check(&bytes, expected);
    }

    #[test]
    fn a_good_library_has_a_full_key() {
        check_manifest(
            json!({}),
            expect![[r#"
            hello.example.org/v1.2.3
        "#]],
        );
        check_manifest(
            json!({"name": "hello", "version": "2-alpha"}),
            expect![[r#"
            hello.pintle.dev/v2.0.0-alpha
        "#]],
        );
    }

    #[test]
    fn a_library_for_another_machine_is_refused_with_its_name() {
        check_patched(
            EI_CLASS,
            1,
            expect![[r#"
            ?: it is a 32-bit library, this host is a 64-bit program
            install the plugin's build for `[TARGET]`
        "#]],
        );
        check_patched(
            EI_DATA,
            2,
            expect![[r#"
                ?: it is a big-endian library, this host is a little-endian program
                install the plugin's build for `[TARGET]`
            "#]],
        );
        check_patched(
            E_MACHINE,
            22,
            expect![[r#"
            hello.example.org/v1.2.3: it is a library for s390x, this host runs on [ARCH]
            install the plugin's build for `[TARGET]`
        "#]],
        );
        check_patched(
            E_MACHINE,
            99,
            expect![[r#"
            hello.example.org/v1.2.3: it is a library for machine 99, this host runs on [ARCH]
            install the plugin's build for `[TARGET]`
        "#]],
        );
        check_patched(
            E_TYPE,
            2,
            expect![[r#"
                hello.example.org/v1.2.3: it is a program, not a shared library
                it has no place in a plugin folder
            "#]],
        );
    }

    #[test]
    fn a_truncated_library_is_refused() {
        let mut bytes = elf(&[&manifest_json(&json!({}))]);
        // The loaded segment, whose size stands here, ends one page behind the file.
        let size = &mut bytes[64 + 32..64 + 40];
        size.copy_from_slice(&9000u64.to_le_bytes());
        bytes.resize(8000, 0);
        check(
            &bytes,
            expect![[r#"
                hello.example.org/v1.2.3: it is truncated: its content ends at byte 9000, the file at byte 8000
                install the plugin again, its file is incomplete
            "#]],
        );
        check(
            &elf(&["{}"])[..100],
            expect![[r#"
                ?: it is truncated: its content ends at byte 176, the file at byte 100
                install the plugin again, its file is incomplete
            "#]],
        );
    }

    #[test]
    fn a_library_needs_one_manifest() {
        check(
            &elf(&[]),
            expect![[r#"
            ?: it has no plugin manifest
            a plugin is made with `pintle_plugin::export_plugin!`; remove other libraries from the plugin folder
        "#]],
        );
        check(
            &elf(&["{}", "{}"]),
            expect![[r#"
            ?: it has 2 plugin manifests
            build each plugin as a library of its own
        "#]],
        );
        check(
            &elf(&["no JSON"]),
            expect![[r#"
            ?: its manifest cannot be read: the manifest is not valid JSON: expected ident at line 1 column 2
            tell the plugin's author, it must be built anew
        "#]],
        );
        check_manifest(
            json!({"format": 2}),
            expect![[r#"
            ?: its manifest cannot be read: the manifest has format 2, this host reads format 1
            update this host, or install an older version of the plugin
        "#]],
        );
    }

    #[test]
    fn bad_facts_are_refused() {
        check_manifest(
            json!({"name": "Hello"}),
            expect![[r#"
            ?: its manifest has a bad name: `Hello` is not a plugin name, which is dot-separated parts of lower-case letters, digits and `-`, each with a letter or digit at both ends
            tell the plugin's author, it must be built anew
        "#]],
        );
        check_manifest(
            json!({"version": "one"}),
            expect![[r#"
            ?: its manifest has a bad version: `one` is not a plugin version, which looks like `v1`, `v1.2`, `v1.2.3` or `v1.2.3-rc.1`
            tell the plugin's author, it must be built anew
        "#]],
        );
        check_manifest(
            json!({"project_versions": ["v3"]}),
            expect![[r#"
            hello.example.org/v1.2.3: its manifest has a bad project version: `v3` is not a project version, which is `N`, `N-alpha` or `N-beta`, as `3`
            tell the plugin's author, it must be built anew
        "#]],
        );
        check_manifest(
            json!({"project_versions": []}),
            expect![[r#"
            hello.example.org/v1.2.3: its manifest names no project version
            tell the plugin's author, it must be built anew
        "#]],
        );
        check_manifest(
            json!({"commands": [{"path": []}]}),
            expect![[r#"
            hello.example.org/v1.2.3: its manifest has a bad command ``
            tell the plugin's author, it must be built anew
        "#]],
        );
        check_manifest(
            json!({"commands": [{"path": ["a", "-b"]}]}),
            expect![[r#"
            hello.example.org/v1.2.3: its manifest has a bad command `a -b`
            tell the plugin's author, it must be built anew
        "#]],
        );
    }

    #[test]
    fn another_abi_is_refused() {
        check_manifest(
            json!({"target": "x86_64-unknown-linux-musl"}),
            expect![[r#"
            hello.example.org/v1.2.3: it was built for `[ARCH]-unknown-linux-musl`, this host for `[TARGET]`
            install the plugin's build for `[TARGET]`
        "#]],
        );
        check_manifest(
            json!({"abi": {"interface": "0.9.0"}}),
            expect![[r#"
            hello.example.org/v1.2.3: it was built against plugin interface 0.9.0, this host needs 1.x
            update the plugin, or rebuild it with pintle-plugin 1
        "#]],
        );
        check_manifest(
            json!({"abi": {"interface": "2.1.0"}}),
            expect![[r#"
            hello.example.org/v1.2.3: it was built against plugin interface 2.1.0, this host knows up to 1.x
            update this host, or install an older version of the plugin
        "#]],
        );
        check_manifest(
            json!({"abi": {"interface": ""}}),
            expect![[r#"
            hello.example.org/v1.2.3: its interface version `` is not a version
            tell the plugin's author, it must be built anew
        "#]],
        );
        check_manifest(
            json!({"abi": {"abi_stable": "0.12"}}),
            expect![[r#"
            hello.example.org/v1.2.3: it was built with abi_stable 0.12, this host with 0.11
            rebuild the plugin with a pintle-plugin that uses abi_stable 0.11
        "#]],
        );
        check_manifest(
            json!({"abi": {"panic": "abort"}}),
            expect![[r#"
                hello.example.org/v1.2.3: it was built with `panic = "abort"`, so that a panic in it ends the host
                rebuild the plugin with `panic = "unwind"`, or take it as it is with `--allow-panic-abort`
            "#]],
        );
        check_manifest(
            json!({"host": ">=99"}),
            expect![[r#"
            hello.example.org/v1.2.3: it requires pintle >=99, this host is built on pintle [VERSION]
            install a version of the plugin, or of this host, that fits the other
        "#]],
        );
        check_manifest(
            json!({"host": "new"}),
            expect![[r#"
            hello.example.org/v1.2.3: its requirement on the host, `new`, is not a version requirement: unexpected character 'n' while parsing major version number
            tell the plugin's author, it must be built anew
        "#]],
        );
    }

    #[test]
    fn a_newer_interface_of_the_same_major_version_is_taken() {
        check_manifest(
            json!({"abi": {"interface": "1.999.0"}}),
            expect![[r#"
            hello.example.org/v1.2.3
        "#]],
        );
        check_manifest(
            json!({"host": ""}),
            expect![[r#"
            hello.example.org/v1.2.3
        "#]],
        );
    }

    #[test]
    fn an_aborting_plugin_can_be_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("libit.so");
        let json = manifest_json(&json!({"abi": {"panic": "abort"}}));
        std::fs::write(&path, elf(&[&json])).unwrap();
        let rules = Rules { allow_panic_abort: true, ..Rules::default() };
        check_path(
            &path,
            &rules,
            expect![[r#"
            hello.example.org/v1.2.3
        "#]],
        );
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        use rustix::fs::{CWD, Mode};
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let rules = Rules::default();
        rustix::fs::mknodat(CWD, path("fifo"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("nowhere", path("dangling")).unwrap();
        check_path(
            &path("fifo"),
            &rules,
            expect![[r#"
                ?: it is a FIFO, not a regular file
                it has no place in a plugin folder
            "#]],
        );
        check_path(
            &path("socket"),
            &rules,
            expect![[r#"
                ?: it is a socket, not a regular file
                it has no place in a plugin folder
            "#]],
        );
        check_path(
            dir.path(),
            &rules,
            expect![[r#"
                ?: it is a directory, not a regular file
                it has no place in a plugin folder
            "#]],
        );
        check_path(
            Path::new("/dev/null"),
            &rules,
            expect![[r#"
                ?: it is a device, not a regular file
                it has no place in a plugin folder
            "#]],
        );
        check_path(
            &path("dangling"),
            &rules,
            expect![[r#"
            ?: it cannot be read: No such file or directory (os error 2)
            check its permissions, or remove it
        "#]],
        );
    }

    #[test]
    fn a_pre_release_of_the_host_is_tried_with_the_plugins_for_the_release() {
        for (requirement, host, met) in [
            (">=0.2", "0.2.0-rc.1", true),
            ("^0.2", "0.2.3", true),
            (">=0.3", "0.2.0-rc.1", false),
            ("<0.2", "0.2.0", false),
        ] {
            let (requirement, host) = (requirement.parse().unwrap(), host.parse().unwrap());
            assert_eq!(is_met(&requirement, &host), met, "{requirement} {host}");
        }
    }
}
