//! Entry point: combines the groups into the host, and runs it.

fn main() -> std::process::ExitCode {
    // Projects that do not name any plugins are Rust operators.
    let rust = "rust.pintle.dev/v1".parse().expect("the key is well formed");
    pintle::host()
        .default_plugins(pintle::ProjectVersion::default(), [rust])
        .run(std::env::args_os())
}
