//! Links the unwinder into the program: a library less to load at each start.

use std::env::var;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| var(name).is_ok_and(|it| it == value);
    // GCC's `-static-libgcc` comes too late behind Rust's own list of libraries, which keeps the
    // shared one if nothing before has the symbols. Plugins bring the shared one with them, which
    // does no harm: no panic crosses the border between a plugin and the host.
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
