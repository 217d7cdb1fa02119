//! `plugin new`: creates the project of a plugin.

mod draft;
mod files;

use self::draft::Draft;
use crate::caller;
use crate::catalog::PluginName;
use crate::cli::completion::values::Values;
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::output;
use crate::cli::session::Session;
use crate::fs::{self, Mode};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, ValueHint, value_parser};
use pintle_plugin::manifest::SUBCOMMANDS;
use pintle_plugin::{Candidate, Level};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The interface crate.
const SDK: &str = "pintle-plugin";

/// The largest manifest of that crate that is read.
const MAX_MANIFEST: u64 = 1 << 20;

/// The domain of a plugin whose name does not have one.
const DOMAIN: &str = "example.org";

/// Returns the scaffolding subcommands that add files. For deletions, the host itself determines
/// the files to remove.
fn subcommands() -> impl Iterator<Item = &'static str> {
    SUBCOMMANDS.iter().copied().filter(|it| !it.starts_with("delete "))
}

pub(in crate::cli) const ROW: Row = Row::new(
    &["plugin", "new"],
    "Create a plugin project with tests and release files",
    Run::Plain(run),
)
.args(|command| {
    let name = Arg::new("name").value_name("NAME").required(true);
    let command_arg = Arg::new("command").long("command").value_name("WORDS");
    let hook = Arg::new("hook").long("hook").value_name("EVENT");
    let scaffold = Arg::new("scaffold").long("scaffold").value_name("SUBCOMMAND");
    let sdk = Arg::new("pintle-plugin").long("pintle-plugin").value_name("DIR");
    command.args([
        name.value_parser(value_parser!(PluginName)).help(
            "The plugin's name, for example hello.example.org; its first part names the directory",
        ),
        command_arg.action(ArgAction::Append).help(
            "Add a command with these words, for example \"party invite\" [default: the name]",
        ),
        hook.action(ArgAction::Append)
            .add(Values(|session, _| {
                let events = session.events().into_iter();
                events.map(|it| Candidate::new(it.name, it.about)).collect()
            }))
            .help("Add a hook for this event; `events` lists the events"),
        scaffold
            .action(ArgAction::Append)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("init")
            .value_parser(PossibleValuesParser::new(subcommands()))
            .help("Take part in this scaffolding subcommand; without a value, in `init`"),
        sdk.value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::DirPath)
            .help("Use the crate pintle-plugin in this directory instead of crates.io"),
    ])
});

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let name: &PluginName = matches.get_one("name").expect("the argument is required");
    let texts =
        |id: &str| -> Vec<String> { matches.get_many(id).unwrap_or_default().cloned().collect() };
    let mut draft = Draft {
        host: session.identity().command_name.clone(),
        name: name.qualified(DOMAIN).map_err(|err| CliError::from_error(Exit::Usage, &err))?,
        commands: texts("command"),
        hooks: texts("hook"),
        scaffolds: texts("scaffold"),
        sdk: matches.get_one("pintle-plugin").map(|it: &PathBuf| absolute(it)).transpose()?,
    };
    check_events(session, &draft.hooks)?;
    draft.complete(&session.rules().core_commands)?;
    let dir = Path::new(name.short());
    write(dir, &draft.files())?;
    format(dir);
    let console = session.console();
    console.println(format!("created the plugin `{}` in `{}`", draft.name, output::path(dir)));
    if let Some(report) = objection(dir) {
        console.log(Level::Warn, &format!("cargo does not accept the project yet: {report}"));
    }
    console.println(format!("next, run `cd {} && cargo test`", output::path(dir)));
    Ok(Exit::Done.into())
}

/// Checks that the host has the events: a hook for another one would never run.
fn check_events(session: &Session<'_>, names: &[String]) -> Result<(), CliError> {
    let events = session.events();
    match names.iter().find(|name| !events.iter().any(|it| it.name == *name)) {
        None => Ok(()),
        Some(name) => {
            let host = &session.identity().command_name;
            let text = format!("`{host}` does not have an event `{name}`");
            let hint = format!("run `{host} events` to list the events");
            Err(CliError::new(Exit::Usage, text).hint(hint))
        }
    }
}

/// Returns why cargo does not accept the project, for example because the workspace in a directory
/// above does not include it. Without cargo, there is no report.
fn objection(dir: &Path) -> Option<String> {
    if !caller::is_trusted() {
        return None;
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["locate-project", "--workspace", "--quiet", "--color", "never"]);
    let out = cargo.current_dir(dir).stdin(Stdio::null()).output().ok()?;
    let report = String::from_utf8_lossy(&out.stderr).trim().to_owned();
    let report = report.strip_prefix("error: ").unwrap_or(&report).to_owned();
    (!out.status.success() && !report.is_empty()).then_some(report)
}

/// Returns the absolute path of the interface crate.
fn absolute(dir: &Path) -> Result<PathBuf, CliError> {
    let failed = |text: String| CliError::new(Exit::Usage, text);
    let manifest = dir.join("Cargo.toml");
    let hint = "specify the directory `plugin-abi` of a checkout";
    if !manifest.is_file() {
        return Err(failed(format!("`{}` has no `Cargo.toml`", output::path(dir))).hint(hint));
    }
    let text = fs::read_regular(&manifest, MAX_MANIFEST).map_err(|err| {
        failed(format!("failed to read `{}`", output::path(&manifest))).cause(&err)
    })?;
    if package_name(&text.bytes).is_none_or(|it| it != SDK) {
        let text = format!("the package in `{}` is not `{SDK}`", output::path(dir));
        return Err(failed(text).hint(hint));
    }
    dir.canonicalize().map_err(|err| {
        failed(format!("failed to find the directory `{}`", output::path(dir))).cause(&err)
    })
}

/// Returns the name of the package of a manifest for cargo.
fn package_name(manifest: &[u8]) -> Option<String> {
    let manifest = toml::from_slice::<toml::Table>(manifest).ok()?;
    Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
}

/// Formats the sources, because lines break where the names are long. Without a formatter, they
/// stay as they are.
fn format(dir: &Path) {
    if caller::is_trusted() {
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--quiet", "--edition", "2024", "src/lib.rs", "tests/plugin.rs"]);
        rustfmt.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = rustfmt.status();
    }
}

/// Writes the files into a new directory: all of them or, if one fails, none.
fn write(dir: &Path, files: &[(String, String, u32)]) -> Result<(), CliError> {
    let shown = output::path(dir);
    let failed = |err: &(dyn std::error::Error + 'static)| {
        CliError::new(Exit::Failed, format!("failed to create the directory `{shown}`")).cause(err)
    };
    let is_denied = |it: &io::Error| {
        matches!(it.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
    };
    match std::fs::create_dir(dir) {
        Ok(()) => {}
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
            let text = format!("`{shown}` already exists");
            let hint = "choose another name, or move the directory".to_owned();
            return Err(CliError::new(Exit::Failed, text).hint(hint));
        }
        Err(err) if is_denied(&err) => {
            let hint = "run the command in a directory that you can write to";
            return Err(failed(&err).hint(hint));
        }
        Err(err) => return Err(failed(&err)),
    }
    let write = || -> Result<(), fs::Error> {
        let root = fs::Dir::open(dir)?;
        for (path, text, mode) in files {
            if let Some(parent) = Path::new(path).parent() {
                root.create_dirs(parent)?;
            }
            root.create(path, text.as_bytes(), Mode::New(*mode))?;
        }
        Ok(())
    };
    write().map_err(|err| {
        // This command has just created the directory, so it owns everything in it.
        let _ = std::fs::remove_dir_all(dir);
        failed(&err)
    })
}
