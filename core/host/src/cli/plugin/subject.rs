//! A plugin as the user names it: by its file or by its key.

use crate::catalog::{Entry, PluginKey};
use crate::cli::completion::values::{Values, plugin_keys};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::hint::Hint;
use crate::cli::output;
use crate::cli::raised;
use crate::cli::session::Session;
use clap::{Arg, ArgMatches, value_parser};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Returns the argument that names a plugin by its file or its key.
pub(super) fn subject_arg() -> Arg {
    Arg::new("plugin")
        .value_name("FILE|KEY")
        .required(true)
        .value_parser(value_parser!(OsString))
        .value_hint(clap::ValueHint::FilePath)
        .add(Values(|session, _| plugin_keys(session, |_| true)))
        .help("A plugin file, or the key of an installed plugin")
}

/// A plugin as the user named it.
pub(super) enum Subject<'a> {
    File(PathBuf),
    Entry(&'a Entry),
}

/// Returns what the user means: a file if the text looks like a path or if the file exists,
/// otherwise a key.
pub(super) fn subject<'a>(
    session: &'a Session<'_>,
    matches: &ArgMatches,
) -> Result<Subject<'a>, CliError> {
    let text = matches.get_one::<OsString>("plugin").expect("the argument is required");
    match text.to_str().filter(|it| !is_path(it)) {
        Some(key) => {
            let entry = parse_key(key)
                .and_then(|key| Ok(session.catalog().resolve(&key, None)?))
                .map_err(|err| directory(text).unwrap_or(err))?;
            Ok(Subject::Entry(entry))
        }
        // A key is text.
        None => {
            raised::check_trusted("a plugin file as an argument")?;
            Ok(Subject::File(PathBuf::from(text)))
        }
    }
}

/// Returns the error for a directory, if `text` is one.
fn directory(text: &OsString) -> Option<CliError> {
    let path = Path::new(text);
    let hint = "specify the plugin's file in it, or the key of an installed plugin";
    let err = || CliError::new(Exit::Usage, format!("`{}` is a directory", output::path(path)));
    path.is_dir().then(|| err().hint(hint))
}

fn is_path(text: &str) -> bool {
    let path = Path::new(text);
    let has_suffix =
        path.extension().is_some_and(|it| ["so", "dylib", "dll"].iter().any(|ext| it == *ext));
    let is_file = || path.symlink_metadata().is_ok_and(|it| !it.is_dir());
    text.starts_with('.') || path.is_absolute() || has_suffix || is_file()
}

/// Reads a key as the user typed it.
pub fn parse_key(text: &str) -> Result<PluginKey, CliError> {
    text.parse().map_err(|err| {
        CliError::from_error(Exit::Usage, &err).hint(Hint::new(|host| {
            let qualifier = &host.name_qualifier;
            format!(
                "use `name` or `name/version`, for example `hello`, `hello/v1` or \
                 `hello.{qualifier}/v1.0.0`"
            )
        }))
    })
}
