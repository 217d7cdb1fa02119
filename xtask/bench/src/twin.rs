//! The bench's plugin as an executable plugin: the same command, and the same hook.
#![expect(clippy::print_stdout, reason = "a command-line program prints")]

use clap::{Arg, Command};
use std::env;
use std::io::{self, Read};

fn main() -> io::Result<()> {
    match env::var("PINTLE_COMMAND").as_deref() {
        Ok("INFO") => println!("{{\"short\": \"Greet somebody\"}}"),
        Ok("EXEC") => watch()?,
        _ => hello(),
    }
    Ok(())
}

/// Reads the event and does nothing.
fn watch() -> io::Result<()> {
    let mut event = Vec::new();
    io::stdin().read_to_end(&mut event).map(|_| ())
}

fn hello() {
    let name = Arg::new("name").default_value("world").help("Whom to greet");
    let matches = Command::new("pintle-bench-twin").about("Greet somebody").arg(name).get_matches();
    if let Some(name) = matches.get_one::<String>("name") {
        println!("hello, {name}");
    }
}
