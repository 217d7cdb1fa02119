//! A plugin built against the same version of the interface with another type for one field.

use pintle_plugin::prelude::*;

pintle_plugin::export_plugin! {
    name: "changed-type.example.org",
    description: "Has a field of another type",
    project_versions: ["3"],
    commands: [Changed],
}

#[derive(Default)]
struct Changed;

impl Command for Changed {
    const PATH: &'static [&'static str] = &["changed"];
    const ABOUT: &'static str = "Cannot be called";

    fn run(&self, _call: &Call, _host: &Host<'_>) -> Result<Outcome> {
        Ok(Outcome::done())
    }
}
