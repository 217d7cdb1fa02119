//! Plugins that the host refuses, or takes with a warning: each is listed with its
//! reason, using it gives its own error, and nothing else suffers.

use crate::vices::check;
use expect_test::expect;

#[test]
fn an_empty_file_is_refused() {
    check("empty", &["plugin check [PLUGINS]/empty.so", "plugin run empty hello"], expect![[""]]);
}

#[test]
fn a_text_is_refused() {
    check("text", &["plugin check [PLUGINS]/text.so"], expect![[""]]);
}

#[test]
fn a_directory_is_refused() {
    check("directory", &["plugin check [PLUGINS]/directory.so"], expect![[""]]);
}

#[test]
fn a_fifo_is_refused_and_hangs_nobody() {
    check(
        "fifo",
        &["plugin check [PLUGINS]/fifo.so", "plugin inspect [PLUGINS]/fifo.so"],
        expect![[""]],
    );
}

#[test]
fn an_unreadable_file_is_refused() {
    check("unreadable", &["plugin check [PLUGINS]/unreadable.so"], expect![[""]]);
}

#[test]
fn a_file_truncated_in_half_is_refused() {
    check(
        "truncated",
        &["plugin check [PLUGINS]/truncated.so", "plugin run plain plain", "plain"],
        expect![[""]],
    );
}

#[test]
fn a_library_for_another_machine_is_refused() {
    check(
        "other-machine",
        &["plugin check [PLUGINS]/other-machine.so", "plugin run plain plain", "plain"],
        expect![[""]],
    );
}

#[test]
fn a_library_of_32_bits_is_refused() {
    check("elf32", &["plugin check [PLUGINS]/elf32.so"], expect![[""]]);
}

#[test]
fn a_library_without_a_manifest_is_refused() {
    check(
        "no-manifest",
        &["plugin check [PLUGINS]/no-manifest.so", "plugin inspect [PLUGINS]/no-manifest.so"],
        expect![[""]],
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
        expect![[""]],
    );
}

#[test]
fn a_root_symbol_in_a_dependency_does_not_count() {
    check(
        "root-symbol-in-dependency",
        &["plugin check [PLUGINS]/root-symbol-in-dependency.so", "root-symbol-in-dependency"],
        expect![[""]],
    );
}

#[test]
fn another_major_version_of_the_interface_is_refused() {
    check(
        "interface-major",
        &["plugin check [PLUGINS]/interface-major.so", "plugin run plain plain", "plain"],
        expect![[""]],
    );
}

#[test]
fn another_series_of_abi_stable_is_refused() {
    check(
        "abi-stable-series",
        &["plugin check [PLUGINS]/abi-stable-series.so", "plugin run plain plain", "plain"],
        expect![[""]],
    );
}

#[test]
fn a_header_of_another_abi_stable_is_refused_when_it_is_used() {
    check(
        "abi-stable-header",
        &["plugin check [PLUGINS]/abi-stable-header.so", "plain"],
        expect![[""]],
    );
}

#[test]
fn a_plugin_without_layout_is_refused_when_it_is_used() {
    check(
        "no-layout",
        &["plugin check [PLUGINS]/no-layout.so", "plugin run no-layout unchecked", "unchecked"],
        expect![[""]],
    );
}

#[test]
fn a_manifest_that_differs_from_the_modules_is_refused_when_it_is_used() {
    check(
        "manifest-differs",
        &["plugin check [PLUGINS]/manifest-differs.so", "differ"],
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
    );
}

#[test]
fn a_deprecated_plugin_works_with_a_warning() {
    check(
        "deprecated",
        &["old", "-q old", "plugin run deprecated old", "plugin check deprecated"],
        expect![[""]],
    );
}
