//! Commands with hooks: plugins can add options of their own to them.

use super::super::{CliError, Exit, Session, args, dispatch, global};
use super::{create, delete, node, power};
use crate::cluster::Hooks;
use crate::transport::LoadedPlugin;
use clap::{ArgMatches, Command};
use pintle_plugin::Arg;
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::DescribeRequest;
use std::ffi::OsString;

/// A command whose events plugins can hook.
pub(super) struct Hooked {
    pub(super) path: [&'static str; 2],
    pub(super) about: &'static str,
    /// The events, of which each hook may subscribe to some.
    events: &'static [&'static str],
    command: fn(Command) -> Command,
    run: fn(&Session<'_>, &Hooks, &ArgMatches) -> Result<Exit, CliError>,
}

impl Hooked {
    /// Returns whether `-v` is an option of the command's own, rather than `--verbose`:
    /// `cluster create` has k3d's `-v` for volumes, and Docker's.
    pub(super) fn has_own_v(&self) -> bool {
        self.path == ["cluster", "create"]
    }
}

/// All commands with hooks.
pub(super) const COMMANDS: &[Hooked] = &[
    Hooked {
        path: ["cluster", "create"],
        about: "Make a cluster",
        // A failed creation is undone, and then plugins undo theirs.
        events: &["pre-cluster-create", "post-cluster-create", "post-cluster-delete"],
        command: create::command,
        run: create::run,
    },
    Hooked {
        path: ["cluster", "delete"],
        about: "Delete clusters with everything that belongs to them",
        events: &["pre-cluster-delete", "post-cluster-delete"],
        command: delete::command,
        run: delete::run,
    },
    Hooked {
        path: ["cluster", "start"],
        about: "Start clusters that were stopped",
        events: &["pre-cluster-start", "post-cluster-start"],
        command: power::start_command,
        run: power::start,
    },
    Hooked {
        path: ["cluster", "stop"],
        about: "Stop clusters; what they store is kept",
        events: &["pre-cluster-stop", "post-cluster-stop"],
        command: power::stop_command,
        run: power::stop,
    },
    Hooked {
        path: ["node", "create"],
        about: "Add nodes to a cluster",
        events: &["pre-node-create", "post-node-create", "post-node-delete"],
        command: node::create_command,
        run: node::create,
    },
    Hooked {
        path: ["node", "delete"],
        about: "Remove nodes from their clusters",
        events: &["pre-node-delete", "post-node-delete"],
        command: node::delete_command,
        run: node::delete,
    },
];

fn find(words: &[&str]) -> Option<&'static Hooked> {
    COMMANDS.iter().find(|it| it.path == words)
}

/// Runs a command with hooks.
pub(super) fn run(
    session: &Session<'_>,
    words: &[&str],
    rest: &[OsString],
) -> Result<Exit, CliError> {
    let hooked = find(words).expect("the tree has no other commands");
    let plugins = subscribers(session, hooked);
    let (command, options) = with_options(session, hooked, &plugins)?;
    let line = std::iter::once(OsString::new()).chain(rest.iter().cloned());
    let matches = match command.try_get_matches_from(line) {
        Ok(matches) => matches,
        Err(err) => return Ok(dispatch::show_clap(session, &err)),
    };
    dispatch::apply_verbosity(session, &matches);
    let hooks = Hooks {
        plugins,
        services: session.services(),
        limit: session.hook_time_limit()?,
        options: given(&options, &matches),
    };
    (hooked.run)(session, &hooks, &matches)
}

/// Returns the command that the words begin with, with all its options.
pub(super) fn complete(session: &Session<'_>, words: &[String]) -> Option<(Vec<String>, Command)> {
    let words: Vec<&str> = words.iter().take(2).map(String::as_str).collect();
    let hooked = find(&words)?;
    let plugins = subscribers(session, hooked);
    let (command, _) = with_options(session, hooked, &plugins).ok()?;
    Some((words.into_iter().map(str::to_owned).collect(), command))
}

fn subscribers(session: &Session<'_>, hooked: &Hooked) -> Vec<LoadedPlugin> {
    let mut plugins: Vec<LoadedPlugin> = Vec::new();
    for event in hooked.events {
        for plugin in session.subscribers(event, &|_| true) {
            if !plugins.iter().any(|it| it.key() == plugin.key()) {
                plugins.push(plugin);
            }
        }
    }
    plugins
}

/// Returns the clap command with the options of the host and of the plugins.
fn with_options(
    session: &Session<'_>,
    hooked: &Hooked,
    plugins: &[LoadedPlugin],
) -> Result<(Command, Vec<Arg>), CliError> {
    let [noun, verb] = hooked.path;
    let name = format!("{} {noun} {verb}", session.host.identity.command_name);
    let command = (hooked.command)(Command::new(verb).about(hooked.about));
    let globals = if hooked.has_own_v() { global::args_without_v() } else { global::args() };
    let mut command = command.bin_name(name).disable_version_flag(true).args(globals);
    let mut all: Vec<Arg> = Vec::new();
    for plugin in plugins {
        let mut request = DescribeRequest::default();
        request.caller = session.caller(plugin.key());
        request.path = hooked.path.map(str::to_owned).to_vec();
        let options = plugin.options(&request)?.args;
        args::check(&options).map_err(|why| wrong(plugin, hooked, &why))?;
        for option in options {
            if let Some(why) = clash(&command, &option) {
                return Err(wrong(plugin, hooked, &why));
            }
            let heading = format!("Options of plugin {}", plugin.key());
            command = command.arg(args::clap_arg(&option).help_heading(heading));
            all.push(option);
        }
    }
    Ok((command, all))
}

/// Returns why an option cannot be added to a command.
fn clash(command: &Command, option: &Arg) -> Option<String> {
    if option.kind == pintle_plugin::ArgKind::Positional {
        return Some(format!("`{}` is no option", option.name));
    }
    if option.required {
        return Some(format!("`--{}` would have to be given each time", option.name));
    }
    let has_long = |it: &&clap::Arg| {
        it.get_long() == Some(option.name.as_str()) || it.get_id() == option.name.as_str()
    };
    if let Some(taken) = command.get_arguments().find(has_long) {
        let heading = taken.get_help_heading().and_then(|it| it.strip_prefix("Options of "));
        let owner = heading.filter(|it| it.starts_with("plugin")).unwrap_or("the host");
        return Some(format!("`--{}` belongs to {owner}", option.name));
    }
    let short = option.short?;
    let has_short = |it: &clap::Arg| it.get_short() == Some(short);
    command.get_arguments().any(has_short).then(|| format!("`-{short}` is taken"))
}

fn wrong(plugin: &LoadedPlugin, hooked: &Hooked, why: &str) -> CliError {
    let text = format!(
        "plugin `{}` cannot add its options to `{}`: {why}",
        plugin.key(),
        hooked.path.join(" ")
    );
    let hint = format!("do without it: `--disable-plugin {}`", plugin.key());
    CliError::new(Exit::Ambiguous, text).hint(hint)
}

/// Returns the values that the user gave, or that are the defaults; flags that were not
/// given are left out.
fn given(options: &[Arg], matches: &ArgMatches) -> Map<String, Value> {
    let mut values = args::values(options, matches);
    values.retain(|_, value| *value != Value::Bool(false));
    values
}
