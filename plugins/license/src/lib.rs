//! A plugin that adds a licence to a project, and a header to its source files.
//!
//! In the chain, it comes after the plugins whose files it marks: `--plugins rust,license`. When a
//! project or an API is created, it marks what the plugins before it created in that command;
//! `edit` marks the whole project. An existing header is never changed.
//!
//! This file is the plugin as its host sees it.

mod header;
mod settings;
mod style;

use pintle_plugin::prelude::*;
use settings::{Choice, Header, Settings};

pintle_plugin::export_plugin! {
    name: "license.pintle.dev",
    description: "Adds a licence to a project, and a header to its source files",
    project_versions: ["3"],
    scaffolds: [Init, Edit, CreateApi, CreateWebhook],
}

/// `init`: the licence of a new project.
#[derive(Default)]
struct Init;

impl Scaffold for Init {
    const SUBCOMMAND: &'static str = "init";

    fn bind_flags(&self) -> Vec<Arg> {
        flags(" [default: Apache-2.0]")
    }

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        settings::choose(call.args.parse()?, &project.name, call.date(), config)
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let settings = Settings::read(call.config())?;
        add_texts(&settings, call, changes)?;
        add_headers(&settings, &made_before(call)?, changes)
    }
}

/// `edit`: a licence for a project that has none, or another one for future files; and headers for
/// all files that have none.
#[derive(Default)]
struct Edit;

impl Scaffold for Edit {
    const SUBCOMMAND: &'static str = "edit";

    fn bind_flags(&self) -> Vec<Arg> {
        flags("")
    }

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        settings::choose(call.args.parse()?, &project.name, call.date(), config)
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let settings = Settings::read(call.config())?;
        add_texts(&settings, call, changes)?;
        // Files that cannot have a header are not even read.
        let paths = call.universe.paths(Select::All)?.into_iter().filter(|it| header::fits(it));
        let nodes: Vec<_> = paths.map(|it| call.universe.get(&it)).collect::<Result<_>>()?;
        add_headers(&settings, &nodes.into_iter().flatten().collect::<Vec<_>>(), changes)
    }
}

/// `create api`: the headers of the new files.
#[derive(Default)]
struct CreateApi;

impl Scaffold for CreateApi {
    const SUBCOMMAND: &'static str = "create api";

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        settings::choose(Choice::default(), &project.name, call.date(), config)
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        add_headers(&Settings::read(call.config())?, &made_before(call)?, changes)
    }
}

/// `create webhook`: the headers of the new files.
#[derive(Default)]
struct CreateWebhook;

impl Scaffold for CreateWebhook {
    const SUBCOMMAND: &'static str = "create webhook";

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        CreateApi.inject_config(call, project, config)
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        CreateApi.scaffold(call, changes)
    }
}

fn flags(default: &str) -> Vec<Arg> {
    let license = format!("Licence of the project: an SPDX expression or `none`{default}");
    let header = Header::NAMES.iter().fold(Arg::option("header"), |arg, it| arg.choice(*it));
    vec![
        Arg::option("license").help(license),
        Arg::option("owner").help("Copyright holder [default: The <project> authors]"),
        Arg::option("year").integer().help("Year of the copyright [default: this year]"),
        header.help("Content of the header: the SPDX identifier, or the notice of the licence"),
        Arg::option("template")
            .help("Text of the header, with `{{ license }}`, `{{ owner }}` and `{{ year }}`"),
    ]
}

/// Adds the text of each licence, unless the project has one.
fn add_texts(settings: &Settings, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    let (texts, unknown) = settings.texts()?;
    for it in texts {
        match call.universe.get(it.path)? {
            None => drop(changes.add(it.path, it.text)),
            Some(existing) if existing.bytes() == it.text.as_bytes() => {}
            Some(existing) if call.args.flag("force") => drop(changes.put(&existing, it.text)),
            Some(_) => call
                .host
                .warn(format!("`{}` exists and is kept; use `--force` to replace it", it.path)),
        }
    }
    for id in unknown {
        call.host.info(format!(
            "the plugin does not have the text of `{id}`; add it to the project yourself"
        ));
    }
    Ok(())
}

/// Returns what the plugins before this one created in this command.
fn made_before(call: &ScaffoldCall<'_>) -> Result<Vec<Node>> {
    let mut made = Vec::new();
    for plugin in &call.chain()[..call.position()] {
        made.extend(call.universe.nodes(Select::Plugin(plugin))?);
    }
    Ok(made)
}

/// Adds the header to those of the files that can have one but have none.
fn add_headers(settings: &Settings, nodes: &[Node], changes: &mut ChangeSet) -> Result<()> {
    let Some(header) = settings.header()? else { return Ok(()) };
    for node in nodes {
        // A file that is not text has no comments.
        let Ok(text) = node.text() else { continue };
        if let Some(text) = header::add(node.path(), text, &header) {
            changes.edit(node, text);
        }
    }
    Ok(())
}
