//! A plugin that was built with other flags than the host: nothing that crosses the boundary
//! depends on them.

use crate::plugin_new::{create, in_project, sandbox, succeed};
use std::fs;

#[test]
fn flags_and_profile_need_not_be_those_of_the_host() {
    let sandbox = sandbox();
    create(&sandbox, &["tuned", "--command", "tuned", "--scaffold"]);
    let dir = sandbox.work().join("tuned");
    let mut build = in_project(&dir, env!("CARGO"));
    build.args(["rustc", "--release", "--lib", "--crate-type", "cdylib"]);
    for (name, value) in [
        ("CARGO_PROFILE_RELEASE_LTO", "fat"),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
        ("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true"),
        ("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-cpu=native\x1f-Crelocation-model=pic"),
    ] {
        build.env(name, value);
    }
    let _ = succeed(build);
    let library = dir.join("target/release/libpintle_plugin_tuned.so");
    let checked = sandbox.run(["plugin", "check", library.to_str().expect("it is UTF-8")]);
    assert!(checked.success().stdout.contains("all checks passed"));
    fs::copy(&library, sandbox.plugins().join("tuned.so")).expect("it was built");
    assert_eq!(sandbox.run(["tuned", "Ada"]).success().stdout, "hello, Ada\n");
    let init = ["init", "--domain", "example.org", "--plugins", "tuned"];
    assert!(sandbox.run(init).success().stdout.contains("+ docs/tuned-init.md"));
}
