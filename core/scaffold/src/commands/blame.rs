//! `project blame`: which plugin wrote a file, in which command, and whether the file has changed
//! since then.

use super::file_state::FileState;
use super::working_project::{PROJECT_TO_READ, current_dir, open_directory, open_project};
use crate::record::file::{Origin, Record, RecordedFile};
use clap::{Arg, ArgMatches, ValueHint};
use pintle_host::cli::{CliError, Exit, Hint, Row, Run, Session, Step, output};
use serde::Serialize;
use std::path::{Component, Path, PathBuf};

/// One file of the listing. The names of the fields are part of the interface.
#[derive(Serialize)]
struct BlameRow {
    path: String,
    state: FileState,
    by: Vec<Author>,
}

#[derive(Serialize)]
struct Author {
    plugin: String,
    /// The number of the command.
    command: Option<usize>,
    subcommand: String,
}

pub(super) const ROW: Row = Row::new(
    &["project", "blame"],
    "Show which plugin wrote a file, and whether the file has changed since then",
    Run::Plain(run),
)
.args(|command| {
    command
        .arg(
            Arg::new("path")
                .value_name("PATH")
                .value_hint(ValueHint::AnyPath)
                .value_parser(clap::value_parser!(PathBuf))
                .help(
                    "A file, or a directory to show all files in it [default: the whole project]",
                ),
        )
        .arg(output::arg())
})
.needs(&[PROJECT_TO_READ]);

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let (root, _) = open_project()?;
    let record = Record::load(&root)?;
    let here = current_dir()?;
    let wanted =
        matches.get_one::<PathBuf>("path").map(|it| inside(&root, &here, it)).transpose()?;
    // The paths of scaffolded files are UTF-8, so no such file has a path that is not.
    let prefix = wanted.as_ref().map(|it| it.to_str());
    let is_wanted = |it: &&RecordedFile| match prefix {
        None | Some(Some("")) => true,
        Some(None) => false,
        Some(Some(prefix)) => {
            it.path().strip_prefix(prefix).is_some_and(|it| it.is_empty() || it.starts_with('/'))
        }
    };
    let dir = open_directory(&root)?;
    let mut rows = Vec::new();
    for file in record.files().filter(is_wanted) {
        let author = |it: &Origin| {
            let command = record.command(&it.command);
            Author {
                plugin: it.plugin.clone(),
                command: command.map(|it| it.number),
                subcommand: command.map_or_else(String::new, |it| it.subcommand.clone()),
            }
        };
        rows.push(BlameRow {
            path: file.path().to_owned(),
            state: FileState::of(&dir, file)?,
            by: file.by().iter().map(author).collect(),
        });
    }
    if let (true, Some(wanted)) = (rows.is_empty(), wanted) {
        let exists = dir.exists(&wanted);
        let exists = exists.map_err(|err| CliError::from_error(Exit::Failed, &err))?;
        let what = if exists { "was not scaffolded" } else { "does not exist" };
        let error = CliError::new(Exit::Failed, format!("`{}` {what}", output::path(&wanted)));
        return Err(error.hint(Hint::new(|host| {
            format!("run `{} project blame` to list all scaffolded files", host.command_name)
        })));
    }
    output::print(matches, session.console(), &rows, |rows| text(rows));
    Ok(Exit::Done.into())
}

fn text(rows: &[BlameRow]) -> String {
    if rows.is_empty() {
        return "no scaffolded files are recorded".to_owned();
    }
    let heading = ["PATH", "STATE", "BY"].map(str::to_owned).to_vec();
    let by = |it: &Author| match it.command {
        Some(number) => format!("{} ({number} {})", it.plugin, it.subcommand),
        None => it.plugin.clone(),
    };
    let line = |it: &BlameRow| {
        let by: Vec<_> = it.by.iter().map(by).collect();
        vec![it.path.clone(), it.state.name().to_owned(), by.join(", ")]
    };
    output::table(&std::iter::once(heading).chain(rows.iter().map(line)).collect::<Vec<_>>())
}

/// Converts a path that is relative to the directory `here` to one that is relative to the project,
/// without `.` and `..`.
fn inside(root: &Path, here: &Path, path: &Path) -> Result<PathBuf, CliError> {
    let mut absolute = PathBuf::new();
    for part in here.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(absolute.pop()),
            part => absolute.push(part),
        }
    }
    absolute.strip_prefix(root).map(Path::to_owned).map_err(|_| {
        CliError::new(Exit::Usage, format!("`{}` is not in the project", output::path(path)))
    })
}
