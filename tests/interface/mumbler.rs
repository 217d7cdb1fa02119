//! A plugin of the current interface whose answer cannot be read.

use pintle_plugin::prelude::*;

pintle_plugin::export_plugin! {
    name: "mumbler.example.org",
    description: "Cannot be understood",
    commands: [Mumble],
}

/// The test replaces its answer with one that cannot be read.
#[derive(Default)]
struct Mumble;

impl Command for Mumble {
    const PATH: &'static [&'static str] = &["mumble"];
    const ABOUT: &'static str = "Answer what no host can read";

    fn run(&self, _call: &Call, _host: &Host<'_>) -> Result<Outcome> {
        Ok(Outcome::done())
    }
}
