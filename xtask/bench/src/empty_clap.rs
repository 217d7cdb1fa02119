//! A minimal command-line program with clap, the baseline for Pintle's start-up time.
#![expect(clippy::print_stdout, reason = "a command-line program prints")]

use clap::Command;

fn main() {
    let version = Command::new("version").about("Print the version");
    let cli = Command::new("empty-clap").version("0.1.0").subcommand_required(true);
    if cli.subcommand(version).get_matches().subcommand_name() == Some("version") {
        println!("empty-clap 0.1.0");
    }
}
