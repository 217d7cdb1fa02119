//! `project show`: the content of PROJECT, and the commands that created the project.

use super::working_project::{PROJECT_TO_READ, open_project};
use crate::project::file::ProjectFile;
use crate::project::resource::Resource;
use crate::record::file::{Record, RecordedCommand};
use clap::ArgMatches;
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step, output};
use pintle_plugin::message;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

/// The form of the listing. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Shown<'a> {
    version: String,
    /// The older version of the file, until the first change.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_version: Option<String>,
    name: &'a str,
    domain: &'a str,
    repo: &'a str,
    layout: Vec<&'a str>,
    resources: Vec<message::Resource>,
    commands: Vec<Value>,
    /// How many scaffolded files are recorded.
    files: usize,
}

pub(super) const ROW: Row = Row::new(
    &["project", "show"],
    "Show the project: plugins, resources, and the commands that created it",
    Run::Plain(run),
)
.args(|command| command.arg(output::arg()))
.needs(&[PROJECT_TO_READ]);

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let (root, project) = open_project()?;
    let record = Record::load(&root)?;
    let form = Shown {
        version: project.version().to_string(),
        file_version: project.migrated_from().map(|it| it.to_string()),
        name: project.project_name(),
        domain: project.domain(),
        repo: project.repo(),
        layout: project.keys(),
        resources: project.resources().iter().map(Resource::to_message).collect(),
        commands: record.commands().iter().map(numbered).collect(),
        files: record.files().count(),
    };
    output::print(matches, session.console(), &form, |form| text(form, &project, &record));
    Ok(Exit::Done.into())
}

fn text(form: &Shown<'_>, project: &ProjectFile, record: &Record) -> String {
    let mut rows = vec![
        ["name".to_owned(), form.name.to_owned()],
        ["domain".to_owned(), form.domain.to_owned()],
    ];
    if !form.repo.is_empty() {
        rows.push(["repo".to_owned(), form.repo.to_owned()]);
    }
    let version = match &form.file_version {
        Some(older) => format!("{older}; the first change converts it to {}", form.version),
        None => form.version.clone(),
    };
    rows.push(["version".to_owned(), version]);
    rows.extend(form.layout.iter().map(|it| ["plugin".to_owned(), (*it).to_owned()]));
    rows.extend(project.resources().iter().map(|it| ["resource".to_owned(), resource(it)]));
    rows.extend(record.commands().iter().map(|it| ["command".to_owned(), line(it)]));
    rows.push(["files".to_owned(), format!("{} scaffolded", form.files)]);
    output::table(&rows.into_iter().map(Vec::from).collect::<Vec<_>>())
}

fn resource(resource: &Resource) -> String {
    let webhooks = &resource.webhooks;
    let parts = [
        (resource.api.is_some(), "api"),
        (resource.controller, "controller"),
        (webhooks.defaulting, "defaulting webhook"),
        (webhooks.validation, "validation webhook"),
        (webhooks.conversion, "conversion webhook"),
        (resource.external, "of another project"),
        (resource.core, "of Kubernetes"),
    ];
    let parts: Vec<_> = parts.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
    format!("{}: {}", resource.gvk(), parts.join(", "))
}

/// Returns the command with its number instead of its id in the record.
fn numbered(command: &RecordedCommand) -> Value {
    let mut value = serde_json::to_value(command).expect("the record has string keys");
    if let Value::Object(map) = &mut value {
        map.insert("id".to_owned(), command.number.into());
        map.shift_remove("at");
    }
    value
}

/// Returns the command as a line, with its options.
fn line(command: &RecordedCommand) -> String {
    let mut text = format!("{} {}", command.number, command.subcommand);
    let mut option = |name: &str, value: &Value| match value {
        Value::Null | Value::Bool(false) => {}
        Value::Bool(true) => drop(write!(text, " --{name}")),
        Value::String(value) => drop(write!(text, " --{name} {value}")),
        value => drop(write!(text, " --{name} {value}")),
    };
    for key in ["group", "version", "kind"] {
        option(key, &command.resource[key]);
    }
    if command.resource["external"] == true {
        for key in ["domain", "path", "module"] {
            option(&format!("external-api-{key}"), &command.resource[key]);
        }
    }
    let webhooks = &command.resource["webhooks"];
    for key in ["defaulting", "validation", "conversion"] {
        option(key, &webhooks[key]);
    }
    let spokes = webhooks["spoke"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let spokes = spokes.collect::<Vec<_>>().join(",");
    if !spokes.is_empty() {
        option("spoke", &spokes.into());
    }
    for (name, value) in &command.args {
        option(name, value);
    }
    text
}
