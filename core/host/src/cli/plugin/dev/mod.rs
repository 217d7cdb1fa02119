//! `plugin dev`: builds a plugin from its sources, checks it and runs a command with it, and
//! repeats this on each change.
//!
//! The command runs in a separate process of this program: a library is never unloaded, so this
//! process could not load the next build.

mod child;
mod project;
mod watch;

use self::child::{Child, Ended, Signals};
use self::project::Project;
use self::watch::Watch;
use super::{check, inspect, probe};
use crate::catalog::{DisabledBy, PluginKey};
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::session::Session;
use crate::cli::{output, raised};
use crate::process::ending;
use crate::services::Verbosity;
use clap::{Arg, ArgAction, ArgMatches, ValueHint, value_parser};
use pintle_plugin::Level;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub(in crate::cli) const ROW: Row = Row::new(
    &["plugin", "dev"],
    "Build and run a plugin, and repeat when its sources change",
    Run::Plain(run),
)
.args(|command| {
    let path = Arg::new("path").value_name("PATH").default_value(".");
    let package = Arg::new("package").short('p').long("package").value_name("NAME");
    let once = Arg::new("once").long("once").action(ArgAction::SetTrue);
    let words = Arg::new("command").value_name("COMMAND").num_args(1..).last(true);
    command.args([
        path.value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::DirPath)
            .help("The directory of the plugin's `Cargo.toml`"),
        package.help("Build this package of the workspace"),
        once.help("Build and run once, and exit with the exit code of the command"),
        words.value_parser(value_parser!(OsString)).action(ArgAction::Append).help(
            "The command to run with the plugin, and its arguments; \
             without it, show the manifest and check the plugin",
        ),
    ])
});

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    raised::check_trusted("a plugin's source directory as an argument")?;
    let path: &PathBuf = matches.get_one("path").expect("the argument has a default");
    let package = matches.get_one::<String>("package").map(String::as_str);
    let words = matches.get_many::<OsString>("command").unwrap_or_default().cloned().collect();
    let signals = Signals::take();
    let project = match Project::find(path, package, &signals) {
        _ if signals.came() => return Ok(Exit::Interrupted.into()),
        found => found?,
    };
    let watch = Watch::new(&project);
    let mut dev = Dev { session, project, words, signals, watch, dir: None };
    let watches = !matches.get_flag("once");
    loop {
        let res = dev.round(watches);
        if dev.signals.came() {
            return Ok(Exit::Interrupted.into());
        }
        match res {
            res if !watches => return res.map(Step::from),
            Ok(_) => {}
            Err(err) => drop(session.fail(&err)),
        }
        let Some(changed) = dev.next_change() else { return Ok(Exit::Interrupted.into()) };
        let shown = changed.strip_prefix(&dev.project.dir).unwrap_or(&changed);
        dev.log(&format!("`{}` has changed", output::path(shown)));
    }
}

struct Dev<'a> {
    session: &'a Session<'a>,
    project: Project,
    /// The command and its arguments; none if the plugin is only shown.
    words: Vec<OsString>,
    signals: Signals,
    watch: Watch,
    /// The directory that contains nothing but the built library.
    dir: Option<TempDir>,
}

impl Dev<'_> {
    /// Builds, checks and runs the plugin. If it `watches`, a change ends the command.
    fn round(&mut self, watches: bool) -> Result<Exit, CliError> {
        let Some(library) = self.build()? else { return Ok(Exit::Interrupted) };
        let (key, checks) = check::of_file(self.session, &library)?;
        if self.words.is_empty() {
            let console = self.session.console();
            console.println(inspect::text_of_file(self.session, &library)?);
            console.println(format!("\n{checks}"));
            return Ok(Exit::Done);
        }
        let dir = self.publish(&library)?;
        let mut child = Child::start(self.command(&dir, &key)?)?;
        loop {
            match child.wait(&self.signals) {
                Ended::Interrupted => return Ok(Exit::Interrupted),
                Ended::Not if watches && self.watch.has_changed() => {
                    child.end();
                    return Ok(Exit::Done);
                }
                Ended::Not => {}
                Ended::With(status) => {
                    if watches && !status.success() {
                        let words: Vec<_> =
                            self.words.iter().map(|it| it.to_string_lossy()).collect();
                        self.log(&format!("`{}` {}", words.join(" "), ending(status)));
                    }
                    let code = status.code().and_then(|it| u8::try_from(it).ok());
                    return Ok(code.map_or(Exit::Crashed, Exit::Code));
                }
            }
        }
    }

    /// Returns the built library, or `None` if a signal has ended cargo.
    fn build(&mut self) -> Result<Option<PathBuf>, CliError> {
        let mut build = self.project.build(self.session.console().verbosity())?;
        let Some(status) = build.child.status(&self.signals) else { return Ok(None) };
        let library = build.library();
        self.watch.learn(library.as_deref());
        if !status.success() {
            let text = format!("failed to build the plugin `{}`", self.project.package);
            return Err(CliError::new(Exit::Failed, text));
        }
        Ok(Some(library.ok_or_else(|| self.project.not_a_cdylib())?))
    }

    /// Copies the library to a directory of this run, and returns the directory.
    fn publish(&mut self, library: &Path) -> Result<PathBuf, CliError> {
        let dir = match self.dir.take() {
            Some(dir) => dir,
            None => self.project.new_dir(&self.session.identity().command_name)?,
        };
        let dir = self.dir.insert(dir).path().to_owned();
        project::publish(library, &dir)?;
        Ok(dir)
    }

    /// Returns the call of this program that runs the command, with the plugin in `dir` first.
    fn command(&self, dir: &Path, key: &PluginKey) -> Result<Command, CliError> {
        let mut command = probe::this_program()?;
        command.arg("--plugin-dir").arg(dir);
        for dir in self.session.named_plugin_dirs() {
            command.arg("--plugin-dir").arg(dir);
        }
        // An installed plugin with a higher version would take precedence.
        for entry in self.session.catalog().entries() {
            let Some(other) = entry.key() else { continue };
            if other.name() == key.name() && other != key {
                command.arg("--disable-plugin").arg(other.to_string());
            }
        }
        let rules = self.session.rules();
        for it in rules.disabled.iter().filter(|it| it.by == DisabledBy::Run) {
            command.arg("--disable-plugin").arg(it.key.to_string());
        }
        if rules.allow_panic_abort {
            command.arg("--allow-panic-abort");
        }
        command.args(match self.session.console().verbosity() {
            Verbosity::Quiet => Some("-q"),
            Verbosity::Normal => None,
            Verbosity::Debug => Some("-v"),
            Verbosity::Trace => Some("-vv"),
        });
        command.args(&self.words);
        Ok(command)
    }

    /// Waits for a change, and returns a changed file, or `None` if a signal is received.
    fn next_change(&mut self) -> Option<PathBuf> {
        self.log("waiting for changes; press Ctrl-C to stop");
        loop {
            if let Some(changed) = self.watch.change() {
                return Some(changed);
            }
            if self.signals.came() {
                return None;
            }
            std::thread::sleep(watch::PAUSE);
        }
    }

    fn log(&self, text: &str) {
        self.session.console().log(Level::Info, text);
    }
}
