//! Passes the target triple and the compiler's version to the manifest.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").expect("cargo sets TARGET for build scripts");
    println!("cargo::rustc-env=PINTLE_TARGET={target}");

    let rustc = std::env::var_os("RUSTC").expect("cargo sets RUSTC for build scripts");
    let version = Command::new(rustc).arg("--version").output();
    let version = version.ok().and_then(|it| String::from_utf8(it.stdout).ok()).unwrap_or_default();
    println!("cargo::rustc-env=PINTLE_RUSTC={}", version.trim());
}
