//! One file: is it a plugin that this host can run?
//!
//! Invariants: no byte of the file is executed; the call never blocks, whatever the path is;
//! everything is read through one open file, so the [`Examined`] contains what was checked.

use super::contributions::Contributions;
use super::file::{self, FileError, FileId, RegularFile};
use super::key::PluginKey;
use super::lazy_manifest::LazyManifest;
use super::library_file::{self, LibraryError, LibraryFile, Scope, Source, source_exports};
use super::limits::{self, FIRST_PAGE};
use super::manifest_view::ManifestView;
use super::refusal::Refusal;
use super::requirements::{check_abi, check_facts, check_supported, key_of};
use super::rules::Rules;
use super::size;
use crate::fs::Exposure;
use memchr::memmem;
use pintle_plugin::manifest::Manifest;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The open file of a plugin that this host can run.
#[derive(Debug)]
pub struct Examined {
    /// The file that was examined.
    pub file: File,
    /// What distinguishes it from other files.
    pub id: FileId,
    /// The plugin's manifest.
    pub manifest: Manifest,
    /// The plugin's full name and version.
    pub key: PluginKey,
    /// Who else can change the file.
    pub exposure: Option<Exposure>,
}

/// A file that is not a plugin which this host can run.
#[derive(Debug, thiserror::Error)]
#[error("plugin file `{}` was refused", path.display())]
pub struct RefusedFile {
    /// The file.
    pub path: PathBuf,
    /// What distinguishes it from other files, if it could be opened.
    pub id: Option<FileId>,
    /// The plugin's manifest, if it could be read.
    pub manifest: Option<Manifest>,
    /// The plugin's full name and version, if those in the manifest are valid.
    pub key: Option<PluginKey>,
    /// Why it was refused.
    #[source]
    pub refusal: Refusal,
}

/// Opens a file and performs all checks that do not run its code.
///
/// # Errors
///
/// [`RefusedFile`] if it is not a plugin that this host can run.
pub fn examine(path: &Path, rules: &Rules) -> Result<Examined, Box<RefusedFile>> {
    let opened = file::open(path);
    let exposure = opened.as_ref().ok().and_then(|it| it.exposure);
    let Examination { file, id, manifest, key, refusal, .. } = examine_file(opened, rules);
    let manifest = manifest.get().cloned();
    match (refusal, file, id, manifest, key) {
        (None, Some(file), Some(id), Some(manifest), Some(key)) => {
            Ok(Examined { file, id, manifest, key, exposure })
        }
        (refusal, _, id, manifest, key) => {
            let refusal = refusal.unwrap_or(Refusal::NoManifest);
            Err(Box::new(RefusedFile { path: path.to_owned(), id, manifest, key, refusal }))
        }
    }
}

/// What is known of a file that should be a plugin.
#[derive(Default)]
pub(super) struct Examination {
    pub(super) file: Option<File>,
    pub(super) id: Option<FileId>,
    pub(super) manifest: LazyManifest,
    pub(super) contributions: Contributions,
    pub(super) key: Option<PluginKey>,
    pub(super) refusal: Option<Refusal>,
}

/// Examines a file; what was learned of it is kept if it is refused.
pub(super) fn examine_file(opened: Result<RegularFile, FileError>, rules: &Rules) -> Examination {
    let mut examination = Examination::default();
    examination.refusal = examination.look_at(opened, rules).err();
    examination
}

impl Examination {
    fn look_at(
        &mut self,
        opened: Result<RegularFile, FileError>,
        rules: &Rules,
    ) -> Result<(), Refusal> {
        let RegularFile { file, len, id, .. } = opened?;
        self.id = Some(id);
        let mut head = [0; FIRST_PAGE];
        let source = Source::open(&file, len, &mut head, limits::BYTES)?;
        let library = library_file::read(&source, Scope::Host)?;
        // The manifest is read even if the library is not compatible, so that it can be listed with
        // its name.
        let fits = library.check_fit().map_err(Refusal::from);
        let json = match take_manifest(library) {
            Ok(json) => json,
            Err(refusal) => return fits.and(Err(refusal)),
        };
        let view = ManifestView::parse(&json);
        let res = match &view {
            Ok(view) => {
                // If it is too large to be shown, it is not kept either.
                if let Err(refusal) = size::check(view) {
                    return fits.and(Err(refusal));
                }
                self.key = key_of(view, rules).ok();
                fits.and_then(|()| check_abi(view, rules))
                    .and_then(|()| check_facts(view, rules).map(drop))
                    .and_then(|()| check_supported(view))
                    .and_then(|()| check_root(&source, view))
            }
            Err(_) => fits,
        };
        let contributions = match view {
            Ok(view) => Ok(Contributions::from(&view)),
            Err(source) => Err(Refusal::Manifest { source }),
        };
        self.manifest = LazyManifest::new(json);
        res?;
        self.contributions = contributions?;
        self.file = Some(file);
        Ok(())
    }
}

fn take_manifest(library: LibraryFile) -> Result<Vec<u8>, Refusal> {
    let mut manifests = library.into_manifests();
    let json = manifests.pop().ok_or(Refusal::NoManifest)?;
    if !manifests.is_empty() {
        return Err(Refusal::SeveralManifests);
    }
    size::check_bytes(&json).map(|()| json)
}

/// Checks that the file has the root symbol that the manifest names.
///
/// The names of a plugin's symbols are in its first page; the symbol table is read only if this
/// name is not there. A table that is too large to be read here is left to the transport, which
/// always reads it.
fn check_root(source: &Source<'_>, view: &ManifestView<'_>) -> Result<(), Refusal> {
    let symbol = view.abi.root.as_ref();
    if is_name_in(source.head(), symbol) {
        return Ok(());
    }
    match source_exports(source, symbol) {
        Ok(true) | Err(LibraryError::TooMuch { .. }) => Ok(()),
        Ok(false) | Err(_) => Err(Refusal::NoRootSymbol { symbol: symbol.to_owned() }),
    }
}

/// Whether a table of names, each between zero bytes, contains a name.
fn is_name_in(table: &[u8], name: &str) -> bool {
    let ends = |at: usize| table.get(at + name.len()) == Some(&0);
    let begins = |at: usize| at.checked_sub(1).is_some_and(|it| table[it] == 0);
    memmem::find_iter(table, name).any(|at| begins(at) && ends(at))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::super::testing::{E_MACHINE, E_TYPE, EI_CLASS, EI_DATA, elf, manifest_json};
    use super::*;
    use crate::causes::with_causes;
    use crate::identity::LIBRARY_VERSION;
    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    fn normalize(text: &str) -> String {
        text.replace(pintle_plugin::manifest::TARGET, "[TARGET]")
            .replace(std::env::consts::ARCH, "[ARCH]")
            .replace(LIBRARY_VERSION, "[VERSION]")
    }

    #[track_caller]
    fn check_path(path: &Path, rules: &Rules, expected: Expect) {
        let text = match examine(path, rules) {
            Ok(it) => format!("{}\n", it.key),
            Err(it) => {
                let key = it.key.map_or("?".to_owned(), |it| it.to_string());
                format!("{key}: {}\n", with_causes(&it.refusal))
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
                ?: it is a 32-bit library, but this host is a 64-bit program
            "#]],
        );
        check_patched(
            EI_DATA,
            2,
            expect![[r#"
                ?: it is a big-endian library, but this host is a little-endian program
            "#]],
        );
        check_patched(
            E_MACHINE,
            22,
            expect![[r#"
                hello.example.org/v1.2.3: it is a library for s390x, but this host runs on [ARCH]
            "#]],
        );
        check_patched(
            E_MACHINE,
            99,
            expect![[r#"
                hello.example.org/v1.2.3: it is a library for machine 99, but this host runs on [ARCH]
            "#]],
        );
        check_patched(
            E_TYPE,
            2,
            expect![[r#"
                hello.example.org/v1.2.3: it is a program, not a shared library
            "#]],
        );
    }

    #[test]
    fn a_truncated_library_is_refused() {
        let mut bytes = elf(&[&manifest_json(&json!({}))]);
        // The size of the loaded segment is stored here, and the segment ends one page after the
        // file.
        let size = &mut bytes[64 + 32..64 + 40];
        size.copy_from_slice(&9000u64.to_le_bytes());
        bytes.resize(8000, 0);
        check(
            &bytes,
            expect![[r#"
                hello.example.org/v1.2.3: it is truncated: its content ends at byte 9000, but the file ends at byte 8000
            "#]],
        );
        check(
            &elf(&["{}"])[..100],
            expect![[r#"
                ?: it is truncated: its content ends at byte 176, but the file ends at byte 100
            "#]],
        );
    }

    #[test]
    fn a_name_is_found_between_zero_bytes() {
        let check = |table: &[u8], expected| assert_eq!(is_name_in(table, "root"), expected);
        check(b"\0root\0", true);
        check(b"\0rootroot\0a\0root\0", true);
        for table in [&b""[..], b"root\0", b"\0root", b"\0roots\0", b"\0aroot\0", b"\0roo"] {
            check(table, false);
        }
    }

    #[test]
    fn a_library_needs_one_manifest() {
        check(
            &elf(&[]),
            expect![[r#"
                ?: it has no plugin manifest
            "#]],
        );
        check(
            &elf(&["{}", "{}"]),
            expect![[r#"
                ?: it has more than one plugin manifest
            "#]],
        );
        check(
            &elf(&["no JSON"]),
            expect![[r#"
                ?: its manifest cannot be read: the manifest is not valid JSON: expected ident at line 1 column 2
            "#]],
        );
        check_manifest(
            json!({"format": 2}),
            expect![[r#"
                ?: its manifest cannot be read: unsupported manifest format 2: this host reads format 1
            "#]],
        );
    }

    #[test]
    fn bad_facts_are_refused() {
        check_manifest(
            json!({"name": "Hello"}),
            expect![[r#"
                ?: its manifest is invalid: invalid plugin name `Hello`: expected dot-separated parts of lower-case letters, digits and `-`, each with a letter or digit at both ends
            "#]],
        );
        check_manifest(
            json!({"version": "one"}),
            expect![[r#"
                ?: its manifest is invalid: invalid plugin version `one`: expected a form such as `v1`, `v1.2`, `v1.2.3` or `v1.2.3-rc.1`
            "#]],
        );
        check_manifest(
            json!({"project_versions": ["v3"]}),
            expect![[r#"
                hello.example.org/v1.2.3: its manifest is invalid: invalid project version `v3`: expected `N`, `N-alpha` or `N-beta`, for example `3`
            "#]],
        );
        check_manifest(
            json!({"project_versions": [], "subcommands": ["init"]}),
            expect![[r#"
                hello.example.org/v1.2.3: its manifest contains no project version
            "#]],
        );
        check_manifest(
            json!({"commands": [{"path": []}]}),
            expect![[r#"
                hello.example.org/v1.2.3: its manifest has an invalid command ``
            "#]],
        );
        check_manifest(
            json!({"commands": [{"path": ["a", "-b"]}]}),
            expect![[r#"
                hello.example.org/v1.2.3: its manifest has an invalid command `a -b`
            "#]],
        );
    }

    #[test]
    fn another_abi_is_refused() {
        check_manifest(
            json!({"target": "x86_64-unknown-linux-musl"}),
            expect![[r#"
                hello.example.org/v1.2.3: it was built for `[ARCH]-unknown-linux-musl`, but this host was built for `[TARGET]`
            "#]],
        );
        check_manifest(
            json!({"abi": {"interface": "0.9.0"}}),
            expect![[r#"
                hello.example.org/v1.2.3: it was built against plugin interface 0.9.0, but this host requires 1.x
            "#]],
        );
        check_manifest(
            json!({"abi": {"interface": "2.1.0"}}),
            expect![[r#"
                hello.example.org/v1.2.3: it was built against plugin interface 2.1.0, but this host supports only versions up to 1.x
            "#]],
        );
        check_manifest(
            json!({"abi": {"interface": ""}}),
            expect![[r#"
                hello.example.org/v1.2.3: its interface version `` is invalid
            "#]],
        );
        check_manifest(
            json!({"abi": {"abi_stable": "0.12"}}),
            expect![[r#"
                hello.example.org/v1.2.3: it was built with abi_stable 0.12, but this host was built with 0.11
            "#]],
        );
        check_manifest(
            json!({"abi": {"panic": "abort"}}),
            expect![[r#"
                hello.example.org/v1.2.3: it was built with `panic = "abort"`, so a panic in it would end the host
            "#]],
        );
        check_manifest(
            json!({"abi": {"root": "malloc"}}),
            expect![[r#"
            hello.example.org/v1.2.3: its root symbol `malloc` does not begin with `pintle_root_`
        "#]],
        );
        check_manifest(
            json!({"host": ">=99"}),
            expect![[r#"
                hello.example.org/v1.2.3: it requires version >=99 of the host library, but this host is built on [VERSION]
            "#]],
        );
        check_manifest(
            json!({"host": "new"}),
            expect![[r#"
                hello.example.org/v1.2.3: its requirement on the host, `new`, is not a valid version requirement: unexpected character 'n' while parsing major version number
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
            "#]],
        );
        check_path(
            &path("socket"),
            &rules,
            expect![[r#"
                ?: it is a socket, not a regular file
            "#]],
        );
        check_path(
            dir.path(),
            &rules,
            expect![[r#"
                ?: it is a directory, not a regular file
            "#]],
        );
        check_path(
            Path::new("/dev/null"),
            &rules,
            expect![[r#"
                ?: it is a device, not a regular file
            "#]],
        );
        check_path(
            &path("dangling"),
            &rules,
            expect![[r#"
                ?: it cannot be read: No such file or directory (os error 2)
            "#]],
        );
    }
}
