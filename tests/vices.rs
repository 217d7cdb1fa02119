//! Every known or conceivable fault of a plugin.

use crate::libraries::{
    cc, manifest, plain, segments_end, symbol_offset, with_damaged_layout, with_manifest_text,
};
use crate::support::{Sandbox, fixture, install};
use crate::{rebuilt, support};
use expect_test::Expect;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

/// A faulty plugin, or a faulty file that could be mistaken for one.
pub(crate) struct Vice {
    /// Its name; its file is `<name>.so`.
    pub(crate) name: &'static str,
    /// Puts it into the plugin directory; returns false if a tool for that is missing.
    put: fn(&Sandbox) -> bool,
}

/// All faults, in the order of the tests.
pub(crate) const VICES: &[Vice] = &[
    Vice { name: "empty", put: |it| write(it, "empty", b"") },
    Vice { name: "text", put: |it| write(it, "text", b"just some text\n") },
    Vice { name: "directory", put: directory },
    Vice { name: "fifo", put: fifo },
    Vice { name: "unreadable", put: unreadable },
    Vice { name: "truncated", put: truncated },
    Vice { name: "truncated-segments", put: truncated_segments },
    // `e_machine` of the ELF header.
    Vice { name: "other-machine", put: |it| with_byte(it, "other-machine", 18, 0xb7) },
    // `EI_CLASS` of the ELF header.
    Vice { name: "elf32", put: |it| with_byte(it, "elf32", 4, 1) },
    Vice { name: "no-manifest", put: |it| cc(&file(it, "no-manifest"), None, &[]) },
    Vice { name: "no-root-symbol", put: no_root_symbol },
    Vice { name: "root-symbol-in-dependency", put: root_symbol_in_dependency },
    Vice { name: "interface-major", put: interface_major },
    Vice { name: "abi-stable-series", put: abi_stable_series },
    Vice { name: "abi-stable-header", put: abi_stable_header },
    Vice { name: "no-layout", put: |it| copy(it, "no-layout") },
    Vice { name: "damaged-layout", put: |it| write(it, "damaged-layout", &with_damaged_layout()) },
    Vice { name: "root-symbol-name", put: root_symbol_name },
    Vice { name: "manifest-differs", put: |it| copy(it, "manifest-differs") },
    Vice { name: "changed-type", put: changed_type },
    Vice { name: "host-requirement", put: |it| copy(it, "host-requirement") },
    Vice { name: "project-version", put: |it| copy(it, "project-version") },
    Vice { name: "panic-abort", put: panic_abort },
    Vice { name: "panic-construction", put: |it| copy(it, "panic-construction") },
    Vice { name: "panic-command", put: |it| copy(it, "panic-command") },
    Vice { name: "panic-hook", put: |it| copy(it, "panic-hook") },
    Vice { name: "veto", put: |it| copy(it, "veto") },
    Vice { name: "deprecated", put: |it| copy(it, "deprecated") },
    Vice { name: "endless", put: |it| copy(it, "endless") },
    Vice { name: "core-command", put: |it| copy(it, "core-command") },
    Vice { name: "same-command", put: same_command },
    Vice { name: "two-links", put: two_links },
];

/// Adds a faulty plugin beside the good one, shows how it is listed and the result of using it with
/// each of `lines`, and checks that no other plugin is affected.
#[track_caller]
pub(crate) fn check(name: &str, lines: &[&str], expected: Expect) {
    let vice = VICES.iter().find(|it| it.name == name).expect("the fault is in the list");
    let sandbox = match name {
        "unreadable" => Sandbox::unprivileged(),
        _ => Sandbox::new(),
    };
    let sandbox = sandbox.plugin("good");
    if !(vice.put)(&sandbox) {
        return;
    }
    let listed = listed(&sandbox, &[], |it| it != "good.so");
    let checked = checked(&sandbox);
    expected.assert_eq(&format!("{listed}{checked}{}", sandbox.transcript(lines)));
    check_others(&sandbox);
}

/// Returns the lines of the listing that a full check changes.
fn checked(sandbox: &Sandbox) -> String {
    let before = listed(sandbox, &[], |it| it != "good.so");
    let after = listed(sandbox, &["--check"], |it| it != "good.so");
    let changed = after.lines().filter(|it| !before.lines().any(|line| line == *it));
    changed.map(|it| format!("with --check, {it}\n")).collect()
}

#[test]
fn all_vices_together_stop_nobody() {
    let sandbox = Sandbox::unprivileged().plugin("good");
    for vice in VICES {
        assert!((vice.put)(&sandbox) || std::env::var_os("PINTLE_REQUIRE_ALL").is_none());
    }
    check_others(&sandbox);
    let listed = listed(&sandbox, &[], |_| true);
    for vice in VICES {
        assert!(listed.contains(vice.name), "{} is not listed:\n{listed}", vice.name);
    }
}

/// Runs commands that must work regardless of the other installed plugins.
#[track_caller]
pub(crate) fn check_others(sandbox: &Sandbox) {
    for line in [
        "version",
        "--version",
        "help",
        "--help",
        "completion bash",
        "plugin list",
        "plugin list --check",
    ] {
        let output = sandbox.run(line.split(' ')).success();
        assert!(!output.stdout.is_empty(), "`{line}` prints nothing:\n{output}");
    }
    assert!(sandbox.run(["version"]).stdout.starts_with("pintle 0."));
    assert_eq!(sandbox.run(["greet", "ada"]).success().stdout, "hello, ada\n");
    assert_eq!(sandbox.run(["fleet", "list"]).success().stdout, "no ships\n");
    let help = sandbox.run(["greet", "--help"]).success();
    assert!(help.stdout.starts_with("Greet somebody"), "{help}");
}

/// Returns a line for each listed file whose name is wanted.
#[track_caller]
pub(crate) fn listed(
    sandbox: &Sandbox,
    options: &[&str],
    is_wanted: impl Fn(&str) -> bool,
) -> String {
    let line = ["plugin", "list", "--all", "-o", "json"].iter().chain(options);
    let output = sandbox.run(line).success();
    let rows: Vec<Value> = serde_json::from_str(&output.stdout).expect("the listing is JSON");
    let field = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let line = |row: &Value| {
        let path = field(row, "path");
        let (_, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let (key, state, reason) = (field(row, "key"), field(row, "state"), field(row, "reason"));
        is_wanted(name).then(|| format!("{name}: {key}, {state}: {reason}\n"))
    };
    rows.iter().filter_map(line).collect()
}

fn file(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    sandbox.plugins().join(format!("{name}.so"))
}

fn write(sandbox: &Sandbox, name: &str, bytes: &[u8]) -> bool {
    fs::write(file(sandbox, name), bytes).expect("the directory is writable");
    true
}

fn copy(sandbox: &Sandbox, name: &str) -> bool {
    install(&fixture(name), &file(sandbox, name));
    true
}

fn directory(sandbox: &Sandbox) -> bool {
    fs::create_dir(file(sandbox, "directory")).expect("the directory is writable");
    true
}

fn fifo(sandbox: &Sandbox) -> bool {
    match Command::new("mkfifo").arg(file(sandbox, "fifo")).status() {
        Ok(status) => status.success(),
        Err(_) => {
            support::skip("mkfifo");
            false
        }
    }
}

fn unreadable(sandbox: &Sandbox) -> bool {
    write(sandbox, "unreadable", &plain());
    let nobody = Permissions::from_mode(0o000);
    fs::set_permissions(file(sandbox, "unreadable"), nobody).expect("the file is writable");
    true
}

fn truncated(sandbox: &Sandbox) -> bool {
    let bytes = plain();
    write(sandbox, "truncated", &bytes[..bytes.len() / 2])
}

/// The first half of a library without debug information: a part of the mapped data is missing.
fn truncated_segments(sandbox: &Sandbox) -> bool {
    let bytes = plain();
    write(sandbox, "truncated-segments", &bytes[..segments_end(&bytes) / 2])
}

fn with_byte(sandbox: &Sandbox, name: &str, place: usize, byte: u8) -> bool {
    let mut bytes = plain();
    bytes[place] = byte;
    write(sandbox, name, &bytes)
}

fn no_root_symbol(sandbox: &Sandbox) -> bool {
    cc(&file(sandbox, "no-root-symbol"), Some(&manifest("no-root-symbol")), &[])
}

/// The dynamic linker finds the root symbol in a plugin that the library requires.
fn root_symbol_in_dependency(sandbox: &Sandbox) -> bool {
    install(&fixture("plain"), &sandbox.path("plain.so"));
    let manifest = manifest("root-symbol-in-dependency");
    let folder = sandbox.path("");
    let (search, run_path) =
        (format!("-L{}", folder.display()), format!("-Wl,-rpath,{}", folder.display()));
    let args = [search.as_str(), "-Wl,--no-as-needed", "-l:plain.so", &run_path];
    cc(&file(sandbox, "root-symbol-in-dependency"), Some(&manifest), &args)
}

/// The manifest names a root symbol that any library could have.
fn root_symbol_name(sandbox: &Sandbox) -> bool {
    let mut manifest = manifest("root-symbol-name");
    manifest.abi.root = "nothing".to_owned();
    cc(&file(sandbox, "root-symbol-name"), Some(&manifest), &[])
}

fn interface_major(sandbox: &Sandbox) -> bool {
    let (from, to) = ("\"interface\":\"1.", "\"interface\":\"2.");
    write(sandbox, "interface-major", &with_manifest_text(from, to))
}

fn abi_stable_series(sandbox: &Sandbox) -> bool {
    let (from, to) = ("\"abi_stable\":\"0.11\"", "\"abi_stable\":\"0.12\"");
    write(sandbox, "abi-stable-series", &with_manifest_text(from, to))
}

/// The manifest is valid, but the header behind the root symbol is from abi_stable 0.12.
fn abi_stable_header(sandbox: &Sandbox) -> bool {
    const MAGIC: &[u8] = b"abi stable library for Rust";
    let mut bytes = plain();
    let header = symbol_offset(&bytes, &manifest("any").abi.root);
    assert!(bytes[header..].starts_with(MAGIC), "the header begins with its magic");
    // 32 bytes of magic, the major version, the minor version.
    let minor = &mut bytes[header + 36..][..4];
    assert_eq!(minor, 11u32.to_ne_bytes());
    minor.copy_from_slice(&12u32.to_ne_bytes());
    write(sandbox, "abi-stable-header", &bytes)
}

fn changed_type(sandbox: &Sandbox) -> bool {
    install(&rebuilt::changed_type(), &file(sandbox, "changed-type"));
    true
}

fn panic_abort(sandbox: &Sandbox) -> bool {
    install(&rebuilt::panic_abort(), &file(sandbox, "panic-abort"));
    true
}

fn same_command(sandbox: &Sandbox) -> bool {
    copy(sandbox, "same-command-a") && copy(sandbox, "same-command-b")
}

/// One file with three names.
fn two_links(sandbox: &Sandbox) -> bool {
    let path = file(sandbox, "two-links");
    install(&fixture("plain"), &path);
    fs::hard_link(&path, file(sandbox, "two-links-hard")).expect("the directory is writable");
    symlink(&path, file(sandbox, "two-links-soft")).expect("the directory is writable");
    true
}
