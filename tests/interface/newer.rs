//! A plugin built against the next minor version of the interface: it has a function that current
//! hosts do not know, and calls a service that they do not provide.

use pintle_plugin::prelude::*;

pintle_plugin::export_plugin! {
    name: "newer.example.org",
    description: "Is ahead of its time",
    project_versions: ["3"],
    commands: [Shout, Sing, Mumble],
}

#[derive(Default)]
struct Shout;

impl Command for Shout {
    const PATH: &'static [&'static str] = &["shout"];
    const ABOUT: &'static str = "Let the host shout";

    fn args(&self) -> Vec<Arg> {
        vec![Arg::option("for").lasting().help("How long")]
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
        host.println(host.shout("ahoy"));
        if let Some(duration) = call.args.find::<String>("for")? {
            host.println(format!("for {duration}"));
        }
        Ok(Outcome::done())
    }
}

#[derive(Default)]
struct Sing;

impl Command for Sing {
    const PATH: &'static [&'static str] = &["sing"];
    const ABOUT: &'static str = "Let the host sing";

    fn run(&self, _call: &Call, host: &Host<'_>) -> Result<Outcome> {
        host.println(host.sing("a shanty"));
        Ok(Outcome::done())
    }
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
