//! `manual DIR`: the manual pages, for a package of the host.

use super::error::CliError;
use super::exit::{Exit, Step};
use super::group::{Row, Run};
use super::output;
use super::session::Session;
use crate::fs::{Mode, replace};
use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use clap_mangen::Man;
use std::fs;
use std::path::{Path, PathBuf};

pub(super) const ROW: Row =
    Row::new(&["manual"], "Write a manual page for each command to a directory", Run::Plain(run))
        .args(|command| {
            let dir =
                Arg::new("dir").value_name("DIR").required(true).value_hint(ValueHint::DirPath);
            command.arg(dir.value_parser(value_parser!(PathBuf)).help("The directory"))
        })
        .hidden();

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let dir = matches.get_one::<PathBuf>("dir").expect("the argument is required");
    fs::create_dir_all(dir).map_err(|err| {
        let text = format!("failed to create the directory `{}`", output::path(dir));
        CliError::new(Exit::Failed, text).cause(&err)
    })?;
    let mut command = session.command();
    // Sets the full name of each command, and adds the options of its parents.
    command.build();
    let identity = session.identity();
    let source = format!("{} {}", identity.command_name, identity.version);
    write(&command, &source, dir)?;
    Ok(Exit::Done.into())
}

/// Writes the page of a command and those of its subcommands.
fn write(command: &Command, source: &str, dir: &Path) -> Result<(), CliError> {
    let page = Man::new(command.clone()).source(source);
    let mut text = Vec::new();
    page.render(&mut text).map_err(|err| CliError::from_error(Exit::Failed, &err))?;
    replace(&dir.join(page.get_filename()), &text, Mode::New(0o644))
        .map_err(|err| CliError::from_error(Exit::Failed, &err))?;
    let mut below = command.get_subcommands().filter(|it| !it.is_hide_set());
    below.try_for_each(|it| write(it, source, dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use std::ffi::OsString;

    #[test]
    fn each_command_has_a_page_but_for_hidden_ones() {
        let dir = tempfile::tempdir().unwrap();
        let host = Cli::new().command_name("rudder").version("2.0.0").build().unwrap();
        let session = Session::new(&host.settings, &host.table);
        let pages = dir.path().join("man/man1");
        let line = [OsString::from("manual"), pages.clone().into()];
        run(&session, &ROW.command().get_matches_from(line)).unwrap();

        let names = fs::read_dir(&pages).unwrap().map(|it| it.unwrap().file_name());
        let names: Vec<_> = names.map(|it| it.into_string().unwrap()).collect();
        for path in host.command().get_subcommands().flat_map(|noun| {
            let below = noun.get_subcommands().map(|it| format!("-{}", it.get_name()));
            below.chain([String::new()]).map(|it| format!("rudder-{}{it}.1", noun.get_name()))
        }) {
            assert_eq!(names.contains(&path), path != "rudder-manual.1", "{path}");
        }
        let page = fs::read_to_string(pages.join("rudder-plugin-list.1")).unwrap();
        let title = page.lines().find(|it| it.starts_with(".TH rudder-plugin-list 1 "));
        assert!(title.is_some_and(|it| it.contains("\"rudder 2.0.0\"")), "{page}");
        assert!(page.contains("plugin\\-dir"), "the options of every command are there: {page}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let host = Cli::new().build().unwrap();
        let session = Session::new(&host.settings, &host.table);
        let line = [OsString::from("manual"), file.path().join("man").into()];
        let err = run(&session, &ROW.command().get_matches_from(line)).err().unwrap();
        assert!(err.to_string().contains(&output::path(file.path())), "{err}");
    }
}
