//! `plugin register` and `plugin unregister`: plugins in other directories, as links in the user's
//! plugin directory.

use super::probe::{self, Prober};
use crate::catalog::{Entry, PluginKey, folder};
use crate::cli::completion::values::{Values, plugin_keys};
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::output;
use crate::cli::raised;
use crate::cli::session::Session;
use crate::fs;
use clap::{Arg, ArgMatches, value_parser};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

pub(in crate::cli) const REGISTER: Row = Row::new(
    &["plugin", "register"],
    "Register a program or a library as a plugin without copying it",
    Run::Plain(register),
)
.args(|command| {
    command.arg(
        Arg::new("file")
            .value_name("FILE")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .value_hint(clap::ValueHint::FilePath)
            .help("The program or library (it is checked first)"),
    )
});

pub(in crate::cli) const UNREGISTER: Row = Row::new(
    &["plugin", "unregister"],
    "Undo `plugin register`; the file is kept",
    Run::Plain(unregister),
)
.args(|command| {
    command.arg(
        Arg::new("file")
            .value_name("FILE|NAME|KEY")
            .required(true)
            .value_parser(value_parser!(OsString))
            .value_hint(clap::ValueHint::FilePath)
            .add(Values(|session, _| plugin_keys(session, Entry::is_link)))
            .help("The registered file, or the name of its link or of the plugin"),
    )
});

fn register(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    raised::check_trusted("a plugin file as an argument")?;
    let path: &PathBuf = matches.get_one("file").expect("the argument is required");
    let path = place(path);
    let shown = output::path(&path);
    check_name(&path)?;
    let report = Prober::new(session)?.probe(&path)?;
    let folder = user_dir(session)?;
    let name = path.file_name().expect("a file that was checked has a name");
    if !folder::is_library(name) && !probe::is_program(&path) {
        let text = format!("library `{shown}` does not have the suffix of a library");
        let hint =
            format!("rename the file so that its name ends in `{}`", std::env::consts::DLL_SUFFIX);
        return Err(CliError::new(Exit::Usage, text).hint(hint));
    }
    let link = folder.join(name);
    let failed = |err: &io::Error| {
        CliError::new(Exit::Failed, format!("failed to register `{shown}`")).cause(err)
    };
    match std::fs::read_link(&link) {
        Ok(target) if target == path => {}
        Ok(target) => {
            let text = format!("`{}` is already registered", output::path(&target));
            let text = format!("failed to register `{shown}`: {text} as `{}`", name.display());
            let host = &session.identity().command_name;
            let hint = format!("run `{host} plugin unregister {}` first", name.display());
            return Err(CliError::new(Exit::Failed, text).hint(hint));
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(&folder).map_err(|err| failed(&err))?;
            link_to(&path, &link).map_err(|err| failed(&err))?;
        }
        // A file of the user's.
        Err(_) => {
            let text =
                format!("failed to register `{shown}`: `{}` already exists", output::path(&link));
            return Err(CliError::new(Exit::Failed, text).hint("rename one of the two".to_owned()));
        }
    }
    session.console().println(format!("registered `{}` as {}", shown, report.key));
    Ok(Exit::Done.into())
}

fn unregister(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let given: &OsString = matches.get_one("file").expect("the argument is required");
    let path = place(Path::new(given));
    let folder = user_dir(session)?;
    let is_meant = |link: &Path| match std::fs::read_link(link) {
        Ok(target) => target == path || link.file_name() == Some(given),
        Err(_) => false,
    };
    let links = fs::Dir::open(&folder).and_then(|it| it.list("")).unwrap_or_default();
    let links: Vec<_> = links.into_iter().map(|it| folder.join(it.name)).collect();
    let by_path = links.iter().find(|it| is_meant(it));
    let Some(link) = by_path.or_else(|| of_plugin(session, given, &links)) else {
        let registered: Vec<_> = links.iter().filter(|it| it.is_symlink()).collect();
        let names: Vec<_> = registered.iter().filter_map(|it| it.file_name()).collect();
        let names: Vec<_> = names.iter().map(|it| format!("`{}`", it.display())).collect();
        let text = format!("`{}` is not registered", given.display());
        let hint = match names.is_empty() {
            true => "no plugins are registered".to_owned(),
            false => format!("specify one of the registered plugins: {}", names.join(", ")),
        };
        return Err(CliError::new(Exit::Usage, text).hint(hint));
    };
    std::fs::remove_file(link).map_err(|err| {
        CliError::new(Exit::Failed, format!("failed to remove `{}`", output::path(link)))
            .cause(&err)
    })?;
    session.console().println(format!("removed the link `{}`", output::path(link)));
    Ok(Exit::Done.into())
}

/// Returns the link of the plugin with a name or a key.
fn of_plugin<'a>(
    session: &Session<'_>,
    given: &OsStr,
    links: &'a [PathBuf],
) -> Option<&'a PathBuf> {
    let given = given.to_str()?;
    let qualifier = format!(".{}", session.identity().name_qualifier);
    let is_meant = |key: &PluginKey| {
        let key = key.to_string();
        let name = key.split('/').next().unwrap_or_default();
        given == key || given == name || name.strip_suffix(&qualifier) == Some(given)
    };
    let entries = session.catalog().entries().iter();
    let meant = entries.filter(|it| it.key().is_some_and(is_meant));
    let mut paths = meant.filter_map(|it| it.path());
    paths.find_map(|path| links.iter().find(|link| *link == path && link.is_symlink()))
}

/// Refuses files that a host ignores in a plugin directory.
fn check_name(path: &Path) -> Result<(), CliError> {
    let shown = output::path(path);
    let refuse =
        |text: String, hint: &str| Err(CliError::new(Exit::Usage, text).hint(hint.to_owned()));
    let is_other = |it: std::fs::Metadata| !it.is_file();
    if path.file_name().is_none() || path.metadata().is_ok_and(is_other) {
        return refuse(
            format!("`{shown}` is not a file"),
            "specify the file of a program or a library",
        );
    }
    match path.file_name() {
        Some(name) if !folder::is_visible(name) => {
            let is_hidden = name.as_encoded_bytes().starts_with(b".");
            let (why, hint) = match is_hidden {
                true => {
                    ("is hidden", "rename it: the name of a plugin file does not begin with `.`")
                }
                false => ("has a version after its suffix", "register the file that ends in `.so`"),
            };
            refuse(format!("`{shown}` {why}, so the host would ignore it"), hint)
        }
        _ => Ok(()),
    }
}

/// Returns the absolute path of a file that may be a link: only its directory is resolved.
fn place(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().and_then(|it| std::fs::canonicalize(it).ok());
    folder.zip(path.file_name()).map_or(path.clone(), |(folder, name)| folder.join(name))
}

/// Returns the user's plugin directory.
fn user_dir(session: &Session<'_>) -> Result<PathBuf, CliError> {
    raised::check_trusted("the user's plugin directory")?;
    session.user_plugin_dir().map(Path::to_owned).ok_or_else(|| {
        CliError::new(Exit::Failed, "the user has no plugin directory".to_owned())
            .hint("set `HOME` or `XDG_DATA_HOME`".to_owned())
    })
}

#[cfg(unix)]
fn link_to(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn link_to(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(not(any(unix, windows)))]
fn link_to(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
