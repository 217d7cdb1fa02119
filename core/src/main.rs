//! Entry point. Everything worth testing lives in the library.

fn main() -> std::process::ExitCode {
    // Projects that name no plugins are Rust operators.
    let rust = "rust.pintle.dev/v1".parse().expect("the key is well formed");
    pintle::Cli::new()
        .default_plugins(pintle::ProjectVersion::default(), [rust])
        .run(std::env::args_os())
}
