//! A plugin that adds a licence, and its header to the files of the plugins before it.
//!
//! It belongs behind the plugins whose files it marks: `--plugins rust,license`.
//! What was on disk before the command is left alone.
//!
//! This file is the plugin as its host sees it.

mod header;
mod settings;

use pintle_plugin::prelude::*;
use settings::{Choice, License, Settings};

pintle_plugin::export_plugin! {
    name: "license.pintle.dev",
    description: "Adds a licence, and its header to the files of the plugins before it",
    project_versions: ["3"],
    scaffolds: [Init, Edit, CreateApi],
}

/// `init`: the licence of a new project.
#[derive(Default)]
struct Init;

impl Scaffold for Init {
    const SUBCOMMAND: &'static str = "init";

    fn bind_flags(&self) -> Vec<Arg> {
        flags(|license| license.default_value(License::default().name()))
    }

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        settings::choose(call.args.parse()?, &project.name, config)
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        add_all(call, changes)
    }
}

/// `edit`: a licence for a project that has none, or another one for the files to come.
#[derive(Default)]
struct Edit;

impl Scaffold for Edit {
    const SUBCOMMAND: &'static str = "edit";

    fn bind_flags(&self) -> Vec<Arg> {
        flags(|license| license)
    }

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        settings::choose(call.args.parse()?, &project.name, config)
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        add_all(call, changes)
    }
}

/// `create api`: the headers of the new files.
#[derive(Default)]
struct CreateApi;

impl Scaffold for CreateApi {
    const SUBCOMMAND: &'static str = "create api";

    fn inject_config(
        &self,
        _call: &ScaffoldCall<'_>,
        project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        settings::choose(Choice::default(), &project.name, config)
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        add_headers(&Settings::read(call.config())?, call, changes)
    }
}

fn flags(complete: impl FnOnce(Arg) -> Arg) -> Vec<Arg> {
    let license = License::ALL.iter().fold(Arg::option("license"), |arg, it| arg.choice(it.name()));
    vec![
        complete(license.help("Licence of the project")),
        Arg::option("owner").help("Owner of the copyright [default: The <project> authors]"),
        Arg::option("year").integer().help("Year of the copyright [default: this year]"),
    ]
}

/// Adds the text of the licence, and the headers.
fn add_all(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    let settings = Settings::read(call.config())?;
    add_text(&settings, call, changes)?;
    add_headers(&settings, call, changes)
}

/// Adds LICENSE, unless the project has one.
fn add_text(settings: &Settings, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    let Some(text) = settings.text() else { return Ok(()) };
    match call.universe.get("LICENSE")? {
        None => drop(changes.add("LICENSE", text)),
        Some(existing) if existing.bytes() == text.as_bytes() => {}
        Some(_) => call.host.warn("`LICENSE` exists and is left as it is"),
    }
    Ok(())
}

/// Puts the header on what the plugins before this one made in this command.
fn add_headers(
    settings: &Settings,
    call: &ScaffoldCall<'_>,
    changes: &mut ChangeSet,
) -> Result<()> {
    let Some(header) = settings.header() else { return Ok(()) };
    for plugin in &call.chain()[..call.position()] {
        for node in call.universe.nodes(Select::Plugin(plugin))? {
            // What is not text has no comments.
            let Ok(text) = node.text() else { continue };
            if let Some(text) = header::add(node.path(), text, &header) {
                changes.replace(&node, text);
            }
        }
    }
    Ok(())
}
