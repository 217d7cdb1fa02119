//! Entry point. Everything worth testing lives in the library.

fn main() -> std::process::ExitCode {
    pintle::Cli::new().run(std::env::args_os())
}
