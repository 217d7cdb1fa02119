//! Entry point: puts the host together from its groups, and runs it.

fn main() -> std::process::ExitCode {
    // Projects that name no plugins are Rust operators.
    let rust = "rust.pintle.dev/v1".parse().expect("the key is well formed");
    pintle::host()
        .default_plugins(pintle::ProjectVersion::default(), [rust])
        .run(std::env::args_os())
}
