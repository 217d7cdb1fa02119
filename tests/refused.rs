//! Plugins that the host refuses, or accepts with a warning: each is listed with its reason, using
//! it gives a specific error, and nothing else is affected.

use crate::libraries::{cc, manifest, with_manifest_text};
use crate::support::Sandbox;
use crate::vices::check;
use expect_test::expect;

#[test]
fn an_empty_file_is_refused() {
    check(
        "empty",
        &["plugin check [PLUGINS]/empty.so", "plugin run empty hello"],
        expect![[r#"
            empty.so: -, refused: it is empty
            $ pintle plugin check [PLUGINS]/empty.so
            --- stderr ---
            error: plugin file `[PLUGINS]/empty.so` was refused
              caused by: it is empty
            hint: install the plugin again: its file is incomplete
            [exit 3]
            $ pintle plugin run empty hello
            --- stderr ---
            error: plugin `empty` was found in `[PLUGINS]/empty.so`, but is refused
              caused by: it is empty
            hint: install the plugin again: its file is incomplete
            [exit 3]
        "#]],
    );
}

#[test]
fn a_text_is_refused() {
    check(
        "text",
        &["plugin check [PLUGINS]/text.so"],
        expect![[r#"
            text.so: -, refused: it is not a library
            $ pintle plugin check [PLUGINS]/text.so
            --- stderr ---
            error: plugin file `[PLUGINS]/text.so` was refused
              caused by: it is not a library
            hint: remove it from the plugin directory
            [exit 3]
        "#]],
    );
}

#[test]
fn a_directory_is_refused() {
    check(
        "directory",
        &["plugin check [PLUGINS]/directory.so"],
        expect![[r#"
            directory.so: -, refused: it is a directory, not a regular file
            $ pintle plugin check [PLUGINS]/directory.so
            --- stderr ---
            error: plugin file `[PLUGINS]/directory.so` was refused
              caused by: it is a directory, not a regular file
            hint: remove it from the plugin directory
            [exit 3]
        "#]],
    );
}

#[test]
fn a_fifo_is_refused_and_hangs_nobody() {
    check(
        "fifo",
        &["plugin check [PLUGINS]/fifo.so", "plugin inspect [PLUGINS]/fifo.so"],
        expect![[r#"
            fifo.so: -, refused: it is a FIFO, not a regular file
            $ pintle plugin check [PLUGINS]/fifo.so
            --- stderr ---
            error: plugin file `[PLUGINS]/fifo.so` was refused
              caused by: it is a FIFO, not a regular file
            hint: remove it from the plugin directory
            [exit 3]
            $ pintle plugin inspect [PLUGINS]/fifo.so
            --- stderr ---
            error: `[PLUGINS]/fifo.so` is not a plugin
              caused by: it is a FIFO, not a regular file
            hint: remove it from the plugin directory
            [exit 3]
        "#]],
    );
}

#[test]
fn a_missing_file_is_reported_as_missing() {
    let sandbox = Sandbox::new();
    expect![[r#"
        $ pintle plugin check missing.so
        --- stderr ---
        error: plugin file `missing.so` was refused
          caused by: it cannot be read
          caused by: No such file or directory (os error 2)
        hint: check the path: the file, or the target of the link, does not exist
        [exit 3]
    "#]]
    .assert_eq(&sandbox.transcript(&["plugin check missing.so"]));
}

#[test]
fn an_unreadable_file_is_refused() {
    check(
        "unreadable",
        &["plugin check [PLUGINS]/unreadable.so"],
        expect![[r#"
        unreadable.so: -, refused: it cannot be read: Permission denied (os error 13)
        $ pintle plugin check [PLUGINS]/unreadable.so
        --- stderr ---
        error: plugin file `[PLUGINS]/unreadable.so` was refused
          caused by: it cannot be read
          caused by: Permission denied (os error 13)
        hint: check its permissions, or remove it
        [exit 3]
    "#]],
    );
}

#[test]
fn a_file_truncated_in_half_is_refused() {
    check(
        "truncated",
        &["plugin check [PLUGINS]/truncated.so", "plugin run plain plain", "plain"],
        expect![[r#"
            truncated.so: plain.example.org/v1.0.0, refused: it is truncated: its content ends at byte [N], but the file ends at byte [N]
            $ pintle plugin check [PLUGINS]/truncated.so
            --- stderr ---
            error: plugin file `[PLUGINS]/truncated.so` was refused
              caused by: it is truncated: its content ends at byte [N], but the file ends at byte [N]
            hint: install the plugin again: its file is incomplete
            [exit 3]
            $ pintle plugin run plain plain
            --- stderr ---
            error: plugin `plain` was found in `[PLUGINS]/truncated.so`, but is refused
              caused by: it is truncated: its content ends at byte [N], but the file ends at byte [N]
            hint: install the plugin again: its file is incomplete
            [exit 3]
            $ pintle plain
            --- stderr ---
            error: plugin `plain.example.org/v1.0.0` is refused
              caused by: it is truncated: its content ends at byte [N], but the file ends at byte [N]
            hint: install the plugin again: its file is incomplete
            [exit 3]
        "#]],
    );
}

#[test]
fn a_library_for_another_machine_is_refused() {
    check(
        "other-machine",
        &["plugin check [PLUGINS]/other-machine.so", "plugin run plain plain", "plain"],
        expect![[r#"
            other-machine.so: plain.example.org/v1.0.0, refused: it is a library for aarch64, but this host runs on x86_64
            $ pintle plugin check [PLUGINS]/other-machine.so
            --- stderr ---
            error: plugin file `[PLUGINS]/other-machine.so` was refused
              caused by: it is a library for aarch64, but this host runs on x86_64
            hint: install the plugin's build for `[TARGET]`
            [exit 3]
            $ pintle plugin run plain plain
            --- stderr ---
            error: plugin `plain` was found in `[PLUGINS]/other-machine.so`, but is refused
              caused by: it is a library for aarch64, but this host runs on x86_64
            hint: install the plugin's build for `[TARGET]`
            [exit 3]
            $ pintle plain
            --- stderr ---
            error: plugin `plain.example.org/v1.0.0` is refused
              caused by: it is a library for aarch64, but this host runs on x86_64
            hint: install the plugin's build for `[TARGET]`
            [exit 3]
        "#]],
    );
}

#[test]
fn a_library_of_32_bits_is_refused() {
    check(
        "elf32",
        &["plugin check [PLUGINS]/elf32.so"],
        expect![[r#"
        elf32.so: -, refused: it is a 32-bit library, but this host is a 64-bit program
        $ pintle plugin check [PLUGINS]/elf32.so
        --- stderr ---
        error: plugin file `[PLUGINS]/elf32.so` was refused
          caused by: it is a 32-bit library, but this host is a 64-bit program
        hint: install the plugin's build for `[TARGET]`
        [exit 3]
    "#]],
    );
}

#[test]
fn a_library_without_a_manifest_is_refused() {
    check(
        "no-manifest",
        &["plugin check [PLUGINS]/no-manifest.so", "plugin inspect [PLUGINS]/no-manifest.so"],
        expect![[r#"
            no-manifest.so: -, refused: it has no plugin manifest
            $ pintle plugin check [PLUGINS]/no-manifest.so
            --- stderr ---
            error: plugin file `[PLUGINS]/no-manifest.so` was refused
              caused by: it has no plugin manifest
            hint: build plugins with `pintle_plugin::export_plugin!`; remove other libraries from the plugin directory
            [exit 3]
            $ pintle plugin inspect [PLUGINS]/no-manifest.so
            --- stderr ---
            error: `[PLUGINS]/no-manifest.so` is not a plugin
              caused by: it has no plugin manifest
            hint: build plugins with `pintle_plugin::export_plugin!`; remove other libraries from the plugin directory
            [exit 3]
        "#]],
    );
}

#[test]
fn a_library_without_the_root_symbol_is_refused_when_it_is_used() {
    check(
        "no-root-symbol",
        &[
            "plugin check [PLUGINS]/no-root-symbol.so",
            "plugin run no-root-symbol no-root-symbol",
            "no-root-symbol",
        ],
        expect![[r#"
            no-root-symbol.so: no-root-symbol.example.org/v1.0.0, refused: it does not define its root symbol `pintle_root_fixture_plain_1_0_0`
            $ pintle plugin check [PLUGINS]/no-root-symbol.so
            --- stderr ---
            error: plugin file `[PLUGINS]/no-root-symbol.so` was refused
              caused by: it does not define its root symbol `pintle_root_fixture_plain_1_0_0`
            hint: build it with `pintle_plugin::export_plugin!`
            [exit 3]
            $ pintle plugin run no-root-symbol no-root-symbol
            --- stderr ---
            error: plugin `no-root-symbol` was found in `[PLUGINS]/no-root-symbol.so`, but is refused
              caused by: it does not define its root symbol `pintle_root_fixture_plain_1_0_0`
            hint: build it with `pintle_plugin::export_plugin!`
            [exit 3]
            $ pintle no-root-symbol
            --- stderr ---
            error: plugin `no-root-symbol.example.org/v1.0.0` is refused
              caused by: it does not define its root symbol `pintle_root_fixture_plain_1_0_0`
            hint: build it with `pintle_plugin::export_plugin!`
            [exit 3]
        "#]],
    );
}

#[test]
fn a_root_symbol_in_a_dependency_does_not_count() {
    check(
        "root-symbol-in-dependency",
        &["plugin check [PLUGINS]/root-symbol-in-dependency.so", "root-symbol-in-dependency"],
        expect![[r#"
            root-symbol-in-dependency.so: root-symbol-in-dependency.example.org/v1.0.0, refused: it does not define its root symbol `pintle_root_fixture_plain_1_0_0`
            $ pintle plugin check [PLUGINS]/root-symbol-in-dependency.so
            --- stderr ---
            warning: it has the RUNPATH `[SANDBOX]/`: on other machines, these directories contain other libraries, or none
            error: plugin file `[PLUGINS]/root-symbol-in-dependency.so` was refused
              caused by: it does not define its root symbol `pintle_root_fixture_plain_1_0_0`
            hint: build it with `pintle_plugin::export_plugin!`
            [exit 3]
            $ pintle root-symbol-in-dependency
            --- stderr ---
            error: plugin `root-symbol-in-dependency.example.org/v1.0.0` is refused
              caused by: it does not define its root symbol `pintle_root_fixture_plain_1_0_0`
            hint: build it with `pintle_plugin::export_plugin!`
            [exit 3]
        "#]],
    );
}

#[test]
fn another_major_version_of_the_interface_is_refused() {
    check(
        "interface-major",
        &["plugin check [PLUGINS]/interface-major.so", "plugin run plain plain", "plain"],
        expect![[r#"
            interface-major.so: plain.example.org/v1.0.0, refused: it was built against plugin interface 2.0.0, but this host supports only versions up to 1.x
            $ pintle plugin check [PLUGINS]/interface-major.so
            --- stderr ---
            error: plugin file `[PLUGINS]/interface-major.so` was refused
              caused by: it was built against plugin interface 2.0.0, but this host supports only versions up to 1.x
            hint: update this host, or install an older version of the plugin
            [exit 3]
            $ pintle plugin run plain plain
            --- stderr ---
            error: plugin `plain` was found in `[PLUGINS]/interface-major.so`, but is refused
              caused by: it was built against plugin interface 2.0.0, but this host supports only versions up to 1.x
            hint: update this host, or install an older version of the plugin
            [exit 3]
            $ pintle plain
            --- stderr ---
            error: plugin `plain.example.org/v1.0.0` is refused
              caused by: it was built against plugin interface 2.0.0, but this host supports only versions up to 1.x
            hint: update this host, or install an older version of the plugin
            [exit 3]
        "#]],
    );
}

#[test]
fn another_series_of_abi_stable_is_refused() {
    check(
        "abi-stable-series",
        &["plugin check [PLUGINS]/abi-stable-series.so", "plugin run plain plain", "plain"],
        expect![[r#"
            abi-stable-series.so: plain.example.org/v1.0.0, refused: it was built with abi_stable 0.12, but this host was built with 0.11
            $ pintle plugin check [PLUGINS]/abi-stable-series.so
            --- stderr ---
            error: plugin file `[PLUGINS]/abi-stable-series.so` was refused
              caused by: it was built with abi_stable 0.12, but this host was built with 0.11
            hint: rebuild the plugin with a pintle-plugin that uses abi_stable 0.11
            [exit 3]
            $ pintle plugin run plain plain
            --- stderr ---
            error: plugin `plain` was found in `[PLUGINS]/abi-stable-series.so`, but is refused
              caused by: it was built with abi_stable 0.12, but this host was built with 0.11
            hint: rebuild the plugin with a pintle-plugin that uses abi_stable 0.11
            [exit 3]
            $ pintle plain
            --- stderr ---
            error: plugin `plain.example.org/v1.0.0` is refused
              caused by: it was built with abi_stable 0.12, but this host was built with 0.11
            hint: rebuild the plugin with a pintle-plugin that uses abi_stable 0.11
            [exit 3]
        "#]],
    );
}

#[test]
fn a_header_of_another_abi_stable_is_refused_when_it_is_used() {
    check(
        "abi-stable-header",
        &["plugin check [PLUGINS]/abi-stable-header.so", "plain"],
        expect![[r#"
            abi-stable-header.so: plain.example.org/v1.0.0, ok: -
            with --check, abi-stable-header.so: plain.example.org/v1.0.0, refused: the root symbol of plugin file `[PLUGINS]/abi-stable-header.so` is not an abi_stable 0.11 header
            $ pintle plugin check [PLUGINS]/abi-stable-header.so
            --- stderr ---
            error: the root symbol of plugin file `[PLUGINS]/abi-stable-header.so` is not an abi_stable 0.11 header
            hint: build it with `pintle_plugin::export_plugin!` of interface 1.x
            [exit 3]
            $ pintle plain
            --- stderr ---
            error: the root symbol of plugin file `[PLUGINS]/abi-stable-header.so` is not an abi_stable 0.11 header
            hint: build it with `pintle_plugin::export_plugin!` of interface 1.x
            [exit 3]
        "#]],
    );
}

#[test]
fn a_plugin_without_layout_is_refused_when_it_is_used() {
    check(
        "no-layout",
        &["plugin check [PLUGINS]/no-layout.so", "plugin run no-layout unchecked", "unchecked"],
        expect![[r#"
            no-layout.so: no-layout.example.org/v1.0.0, ok: -
            with --check, no-layout.so: no-layout.example.org/v1.0.0, refused: plugin file `[PLUGINS]/no-layout.so` does not describe its layout
            $ pintle plugin check [PLUGINS]/no-layout.so
            --- stderr ---
            error: plugin file `[PLUGINS]/no-layout.so` does not describe its layout
            hint: build it with `pintle_plugin::export_plugin!` of interface 1.x
            [exit 3]
            $ pintle plugin run no-layout unchecked
            --- stderr ---
            error: plugin file `[PLUGINS]/no-layout.so` does not describe its layout
            hint: build it with `pintle_plugin::export_plugin!` of interface 1.x
            [exit 3]
            $ pintle unchecked
            --- stderr ---
            error: plugin file `[PLUGINS]/no-layout.so` does not describe its layout
            hint: build it with `pintle_plugin::export_plugin!` of interface 1.x
            [exit 3]
        "#]],
    );
}

#[test]
fn a_manifest_that_differs_from_the_modules_is_refused_when_it_is_used() {
    check(
        "manifest-differs",
        &["plugin check [PLUGINS]/manifest-differs.so", "differ"],
        expect![[r#"
            manifest-differs.so: manifest-differs.example.org/v1.0.0, ok: -
            with --check, manifest-differs.so: manifest-differs.example.org/v1.0.0, refused: the manifest in plugin file `[PLUGINS]/manifest-differs.so` does not match the manifest in its code: `version` differs
            $ pintle plugin check [PLUGINS]/manifest-differs.so
            --- stderr ---
            error: the manifest in plugin file `[PLUGINS]/manifest-differs.so` does not match the manifest in its code: `version` differs
            hint: install the plugin again: its file was changed after it was built
            [exit 3]
            $ pintle differ
            --- stderr ---
            error: the manifest in plugin file `[PLUGINS]/manifest-differs.so` does not match the manifest in its code: `version` differs
            hint: install the plugin again: its file was changed after it was built
            [exit 3]
        "#]],
    );
}

#[test]
fn a_host_requirement_that_is_not_met_refuses() {
    check(
        "host-requirement",
        &[
            "plugin check [PLUGINS]/host-requirement.so",
            "plugin check host-requirement",
            "plugin inspect host-requirement",
            "plugin run host-requirement future",
            "future",
            "future --help",
        ],
        expect![[r#"
            host-requirement.so: host-requirement.example.org/v1.0.0, refused: it requires version >=99 of the host library, but this host is built on 0.1.0
            $ pintle plugin check [PLUGINS]/host-requirement.so
            --- stderr ---
            error: plugin file `[PLUGINS]/host-requirement.so` was refused
              caused by: it requires version >=99 of the host library, but this host is built on 0.1.0
            hint: install compatible versions of the plugin and of this host
            [exit 3]
            $ pintle plugin check host-requirement
            --- stderr ---
            error: plugin `host-requirement` was found in `[PLUGINS]/host-requirement.so`, but is refused
              caused by: it requires version >=99 of the host library, but this host is built on 0.1.0
            hint: install compatible versions of the plugin and of this host
            [exit 3]
            $ pintle plugin inspect host-requirement
            file         [PLUGINS]/host-requirement.so
            format       ELF, x86_64
            name         host-requirement.example.org
            version      1.0.0
            description  Waits for another host
            licence      MIT OR Apache-2.0
            interface    1.0.0, abi_stable 0.11, panic = unwind
            root symbol  pintle_root_fixture_host_requirement_1_0_0
            target       [TARGET]
            built by     [RUSTC]
            host         >=99
            project      3
            command      future: Wait for version 99
            this host    refuses it: it requires version >=99 of the host library, but this host is built on 0.1.0
            [exit 0]
            $ pintle plugin run host-requirement future
            --- stderr ---
            error: plugin `host-requirement` was found in `[PLUGINS]/host-requirement.so`, but is refused
              caused by: it requires version >=99 of the host library, but this host is built on 0.1.0
            hint: install compatible versions of the plugin and of this host
            [exit 3]
            $ pintle future
            --- stderr ---
            error: plugin `host-requirement.example.org/v1.0.0` is refused
              caused by: it requires version >=99 of the host library, but this host is built on 0.1.0
            hint: install compatible versions of the plugin and of this host
            [exit 3]
            $ pintle future --help
            --- stderr ---
            error: plugin `host-requirement.example.org/v1.0.0` is refused
              caused by: it requires version >=99 of the host library, but this host is built on 0.1.0
            hint: install compatible versions of the plugin and of this host
            [exit 3]
        "#]],
    );
}

#[test]
fn a_plugin_that_aborts_is_refused_unless_allowed() {
    check(
        "panic-abort",
        &[
            "plugin check [PLUGINS]/panic-abort.so",
            "plugin run panic-abort abort",
            "abort",
            "--allow-panic-abort plugin check panic-abort",
            "--allow-panic-abort abort",
        ],
        expect![[r#"
            panic-abort.so: panic-abort.example.org/v1.0.0, refused: it was built with `panic = "abort"`, so a panic in it would end the host
            $ pintle plugin check [PLUGINS]/panic-abort.so
            --- stderr ---
            error: plugin file `[PLUGINS]/panic-abort.so` was refused
              caused by: it was built with `panic = "abort"`, so a panic in it would end the host
            hint: rebuild the plugin with `panic = "unwind"`, or load it anyway with `--allow-panic-abort`
            [exit 3]
            $ pintle plugin run panic-abort abort
            --- stderr ---
            error: plugin `panic-abort` was found in `[PLUGINS]/panic-abort.so`, but is refused
              caused by: it was built with `panic = "abort"`, so a panic in it would end the host
            hint: rebuild the plugin with `panic = "unwind"`, or load it anyway with `--allow-panic-abort`
            [exit 3]
            $ pintle abort
            --- stderr ---
            error: plugin `panic-abort.example.org/v1.0.0` is refused
              caused by: it was built with `panic = "abort"`, so a panic in it would end the host
            hint: rebuild the plugin with `panic = "unwind"`, or load it anyway with `--allow-panic-abort`
            [exit 3]
            $ pintle --allow-panic-abort plugin check panic-abort
            plugin       panic-abort.example.org/v1.0.0
            path         [PLUGINS]/panic-abort.so
            file         a regular file, a library for this machine, with all segments inside the file
            root symbol  `pintle_root_fixture_aborts_1_0_0`, defined by this file
            layout       matches this host
            code         matches the manifest in the file
            interface    1.0.0 (this host: 1.0.0)
            abi_stable   0.11 (this host: 0.11)
            target       [TARGET]
            panic        abort
            host         requires `*` (this host: 0.1.0)
            project      3
            functions    manifest, call
            command      `abort`, 0 arguments
            all checks passed
            [exit 0]
            $ pintle --allow-panic-abort abort
            here it comes
            --- stderr ---

            thread '<unnamed>' panicked at abort/plugin/src/lib.rs:26:9:
            the end
            note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
            [signal 6]
        "#]],
    );
}

#[test]
fn a_deprecated_plugin_works_with_a_warning() {
    check(
        "deprecated",
        &["old", "-q old", "plugin run deprecated old", "plugin check deprecated"],
        expect![[r#"
            deprecated.so: deprecated.example.org/v1.0.0, ok: it is deprecated: use good.example.org
            $ pintle old
            the old way
            --- stderr ---
            warning: plugin `deprecated.example.org/v1.0.0` is deprecated: use good.example.org
            [exit 0]
            $ pintle -q old
            the old way
            [exit 0]
            $ pintle plugin run deprecated old
            the old way
            --- stderr ---
            warning: plugin `deprecated.example.org/v1.0.0` is deprecated: use good.example.org
            [exit 0]
            $ pintle plugin check deprecated
            plugin       deprecated.example.org/v1.0.0
            path         [PLUGINS]/deprecated.so
            file         a regular file, a library for this machine, with all segments inside the file
            root symbol  `pintle_root_fixture_deprecated_1_0_0`, defined by this file
            layout       matches this host
            code         matches the manifest in the file
            interface    1.0.0 (this host: 1.0.0)
            abi_stable   0.11 (this host: 0.11)
            target       [TARGET]
            panic        unwind
            host         requires `*` (this host: 0.1.0)
            project      3
            functions    manifest, call
            command      `old`, 0 arguments
            all checks passed
            [exit 0]
        "#]],
    );
}

#[test]
fn a_file_truncated_inside_its_segments_is_refused() {
    check(
        "truncated-segments",
        &["plugin check [PLUGINS]/truncated-segments.so", "plain"],
        expect![[r#"
            truncated-segments.so: plain.example.org/v1.0.0, refused: it is truncated: its content ends at byte [N], but the file ends at byte [N]
            $ pintle plugin check [PLUGINS]/truncated-segments.so
            --- stderr ---
            error: plugin file `[PLUGINS]/truncated-segments.so` was refused
              caused by: it is truncated: its content ends at byte [N], but the file ends at byte [N]
            hint: install the plugin again: its file is incomplete
            [exit 3]
            $ pintle plain
            --- stderr ---
            error: plugin `plain.example.org/v1.0.0` is refused
              caused by: it is truncated: its content ends at byte [N], but the file ends at byte [N]
            hint: install the plugin again: its file is incomplete
            [exit 3]
        "#]],
    );
}

/// The consequence of loading the exact file that was examined: the host opens it as
/// `/proc/self/fd/N`, so `$ORIGIN` is `/proc/self/fd`. ARCHITECTURE.md explains the reason.
#[test]
fn a_library_beside_a_plugin_is_not_found_through_origin() {
    let sandbox = Sandbox::new();
    let plugins = sandbox.plugins();
    let manifest = manifest("beside");
    let folder = format!("-L{}", plugins.display());
    // A root symbol that is not a header: the host must get far enough to detect it.
    let root = format!("-Wl,--defsym={}=nothing", manifest.abi.root);
    let args = [&folder, "-Wl,--no-as-needed", "-l:companion.so.1", "-Wl,-rpath,$ORIGIN", &root];
    if !cc(&plugins.join("companion.so.1"), None, &[])
        || !cc(&plugins.join("beside.so"), Some(&manifest), &args)
    {
        return;
    }
    expect![[r#"
        $ pintle beside
        --- stderr ---
        error: the dynamic linker rejected plugin file `[PLUGINS]/beside.so`
          caused by: dlopen failed
          caused by: companion.so.1: cannot open shared object file: No such file or directory
        hint: check that the libraries that the plugin requires are installed on this machine
        [exit 3]
    "#]]
    .assert_eq(&sandbox.transcript(&["beside"]));
}

/// The linker identifies a library by the number of a descriptor, which must not be reused while
/// the library is loaded.
#[test]
fn a_library_that_fails_its_checks_is_not_taken_for_the_next() {
    let sandbox = Sandbox::new().plugin("manifest-differs").plugin("plain").plugin("good");
    let listed = crate::vices::listed(&sandbox, &["--check"], |_| true);
    expect![[r#"
        good.so: good.example.org/v1.0.0, ok: -
        manifest-differs.so: manifest-differs.example.org/v1.0.0, refused: the manifest in plugin file `[PLUGINS]/manifest-differs.so` does not match the manifest in its code: `version` differs
        plain.so: plain.example.org/v1.0.0, ok: -
    "#]].assert_eq(&listed);
}

#[cfg(unix)]
#[test]
fn a_plugin_folder_that_is_a_fifo_hangs_nobody() {
    let sandbox = Sandbox::new();
    let made = std::process::Command::new("mkfifo").arg(sandbox.path("fifo")).status();
    assert!(made.expect("coreutils are there").success());
    let sandbox = sandbox.env("PINTLE_PLUGIN_SYSTEM_PATH", "../fifo");
    assert!(sandbox.run(["--help"]).success().stdout.contains("Usage"));
    expect![[r#"
        $ pintle plugin list
        no plugins found; `pintle plugin abi` lists the plugin directories
        --- stderr ---
        warning: failed to search plugin directory `[SANDBOX]/desk/../fifo`: Not a directory (os error 20)
        [exit 0]
    "#]]
    .assert_eq(&sandbox.transcript(&["plugin list"]));
}

#[test]
fn a_refused_plugins_command_says_why_wherever_an_option_stands() {
    let sandbox = Sandbox::new().plugin("host-requirement");
    expect![[r#"
        $ pintle future
        --- stderr ---
        error: plugin `host-requirement.example.org/v1.0.0` is refused
          caused by: it requires version >=99 of the host library, but this host is built on 0.1.0
        hint: install compatible versions of the plugin and of this host
        [exit 3]
        $ pintle -v future
        --- stderr ---
        error: plugin `host-requirement.example.org/v1.0.0` is refused
          caused by: it requires version >=99 of the host library, but this host is built on 0.1.0
        hint: install compatible versions of the plugin and of this host
        [exit 3]
        $ pintle future -v
        --- stderr ---
        error: plugin `host-requirement.example.org/v1.0.0` is refused
          caused by: it requires version >=99 of the host library, but this host is built on 0.1.0
        hint: install compatible versions of the plugin and of this host
        [exit 3]
    "#]]
    .assert_eq(&sandbox.transcript(&["future", "-v future", "future -v"]));
}

#[test]
fn a_damaged_layout_is_refused() {
    check(
        "damaged-layout",
        &["plain", "plugin check [PLUGINS]/damaged-layout.so"],
        expect![[r#"
        damaged-layout.so: plain.example.org/v1.0.0, ok: -
        with --check, damaged-layout.so: plain.example.org/v1.0.0, refused: the description of the layout of plugin file `[PLUGINS]/damaged-layout.so` is damaged
        $ pintle plain
        --- stderr ---
        error: the description of the layout of plugin file `[PLUGINS]/damaged-layout.so` is damaged
        hint: install the plugin again: its file was changed after it was built
        [exit 3]
        $ pintle plugin check [PLUGINS]/damaged-layout.so
        --- stderr ---
        error: the description of the layout of plugin file `[PLUGINS]/damaged-layout.so` is damaged
        hint: install the plugin again: its file was changed after it was built
        [exit 3]
    "#]],
    );
}

/// Any symbol could have another name, and only a header may be accepted as one.
#[test]
fn a_root_symbol_without_the_prefix_is_refused() {
    check(
        "root-symbol-name",
        &["plugin check root-symbol-name"],
        expect![[r#"
        root-symbol-name.so: root-symbol-name.example.org/v1.0.0, refused: its root symbol `nothing` does not begin with `pintle_root_`
        $ pintle plugin check root-symbol-name
        --- stderr ---
        error: plugin `root-symbol-name` was found in `[PLUGINS]/root-symbol-name.so`, but is refused
          caused by: its root symbol `nothing` does not begin with `pintle_root_`
        hint: build it with `pintle_plugin::export_plugin!`
        [exit 3]
    "#]],
    );
}

/// Text from a file is shown as such: it cannot look like a line of the host's output.
#[test]
fn a_manifest_cannot_forge_a_line_of_the_host() {
    let target = pintle_plugin::manifest::TARGET;
    let forged = r"x\nhint: run evil\u001b";
    let forged = format!("{forged:.<width$}", width = target.len());
    let text = |it: &str| format!("\"target\":\"{it}\"");
    let sandbox = Sandbox::new();
    let library = with_manifest_text(&text(target), &text(&forged));
    std::fs::write(sandbox.plugins().join("plain.so"), library).expect("the directory is writable");
    let file = sandbox.plugins().join("plain.so").display().to_string();
    let lines = ["plugin list", "plugin list --all --check", "plugin inspect", "plugin check"];
    let subjects = ["", &file, "plain"];
    let forms = ["", "-o json", "-o yaml", "-v"];
    let mut lines: Vec<String> = lines
        .iter()
        .flat_map(|line| subjects.iter().map(move |it| format!("{line} {it}")))
        .flat_map(|line| forms.iter().map(move |it| format!("{line} {it}")))
        .collect();
    lines.extend(["plain", "plain -v", "plugin run plain plain"].map(str::to_owned));
    for line in lines {
        let output = sandbox.run(line.split_whitespace()).to_string();
        // The lines of a YAML string are indented; only its parser treats them as text.
        let is_yaml = line.contains("yaml");
        let is_forged = |it: &str| {
            let it = if is_yaml { it } else { it.trim_start() };
            it.starts_with("hint: run evil")
        };
        assert!(!output.lines().any(is_forged), "`{line}` forges a hint:\n{output}");
        let is_control = |it: char| it.is_control() && it != '\n';
        assert!(!output.contains(is_control), "`{line}` writes control characters:\n{output:?}");
    }
    expect![[r#"
        $ pintle plain
        --- stderr ---
        error: plugin `plain.example.org/v1.0.0` is refused
          caused by: it was built for `x\nhint: run evil\u{1b}.`, but this host was built for `[TARGET]`
        hint: install the plugin's build for `[TARGET]`
        [exit 3]
        $ pintle plugin list
        KEY                       STATE    TRANSPORT  PROVIDES  REASON
        plain.example.org/v1.0.0  refused  native     plain     it was built for `x\nhint: run evil\u{1b}.`, but this host was built for `[TARGET]`
        [exit 0]
        $ pintle plugin check plain -o json
        --- stderr ---
        {
          "code": 3,
          "message": "plugin `plain` was found in `[PLUGINS]/plain.so`, but is refused",
          "causes": [
            "it was built for `x\nhint: run evil\u001b.`, but this host was built for `[TARGET]`"
          ],
          "hint": "install the plugin's build for `[TARGET]`"
        }
        [exit 3]
    "#]].assert_eq(&sandbox.transcript(&[
        "plain",
        "plugin list",
        "plugin check plain -o json",
    ]));
}

#[test]
fn a_plugin_dir_that_does_not_exist_is_reported() {
    let sandbox = Sandbox::new().plugin("plain");
    let lines = ["--plugin-dir nowhere plain", "plugin list --plugin-dir nowhere"];
    expect![[r#"
        $ pintle --plugin-dir nowhere plain
        plain
        --- stderr ---
        warning: failed to search plugin directory `[SANDBOX]/desk/nowhere`: No such file or directory (os error 2)
        [exit 0]
        $ pintle plugin list --plugin-dir nowhere
        KEY                       STATE  TRANSPORT  PROVIDES  REASON
        plain.example.org/v1.0.0  ok     native     plain
        --- stderr ---
        warning: failed to search plugin directory `[SANDBOX]/desk/nowhere`: No such file or directory (os error 2)
        [exit 0]
    "#]]
    .assert_eq(&sandbox.transcript(&lines));
    let n_warnings = |line: &str| {
        let output = sandbox.run(line.split(' ')).success();
        output.stderr.matches("failed to search").count()
    };
    assert_eq!(n_warnings("plugin check plain --plugin-dir nowhere --plugin-dir nowhere"), 1);
    assert_eq!(n_warnings("--plugin-dir nowhere --help"), 1);
    assert_eq!(n_warnings("--plugin-dir nowhere -q plain"), 0);
    assert_eq!(n_warnings("--plugin-dir nowhere version"), 0);
    let sandbox = sandbox.env("PINTLE_COMPLETE", "fish");
    let completed = sandbox.run("-- pintle --plugin-dir nowhere plai".split(' ')).success();
    assert!(completed.stdout.starts_with("plain") && completed.stderr.is_empty(), "{completed}");
}

#[cfg(unix)]
#[test]
fn a_plugin_directory_that_cannot_be_read_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::unprivileged().plugin("good");
    let closed = sandbox.path("closed");
    std::fs::create_dir(&closed).expect("the sandbox is writable");
    let nobody = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(&closed, nobody).expect("the directory is writable");
    let sandbox = sandbox.env("PINTLE_PLUGIN_SYSTEM_PATH", &closed);
    let lines = ["greet ada", "plugin list", "plugin check good -o json", "--help"];
    for line in lines {
        let output = sandbox.run(line.split(' '));
        let warning = "failed to search plugin directory `[SANDBOX]/closed`";
        assert_eq!(output.stderr.matches(warning).count(), 1, "`{line}`:\n{output}");
    }
}
