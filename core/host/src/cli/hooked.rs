//! Commands with hooks: plugins can add options to them.

use super::completion::values::completed_by;
use super::group::{Row, Run};
use super::session::Subscribers;
use super::{CliError, Exit, Session, args, global};
use crate::lifecycle::Hooks;
use crate::transport::LoadedPlugin;
use crate::transport::program::HookedCommand;
use clap::{ArgMatches, Command};
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::DescribeRequest;
use pintle_plugin::{Arg, rules};

/// A command with the options of the plugins on it.
pub(super) struct Hooked {
    pub(super) command: Command,
    plugins: Vec<LoadedPlugin>,
    options: Vec<Arg>,
    /// The error of the first plugin without whose hooks the command must not run.
    fault: Option<CliError>,
    /// Hooks without which it runs.
    left_out: Vec<CliError>,
}

impl Hooked {
    /// Asks the plugins with hooks on `events` for their options.
    pub(super) fn new(
        session: &Session<'_>,
        row: &Row,
        events: &[&str],
        command: Command,
    ) -> Result<Self, CliError> {
        let Subscribers { plugins, fault, left_out } = subscribers(session, events);
        let (n_plugins, options) = (plugins.len(), Vec::new());
        let mut all =
            Self { command, plugins: Vec::with_capacity(n_plugins), options, fault, left_out };
        for plugin in plugins {
            if let Err(err) = all.add(session, row, plugin) {
                all.fault.get_or_insert(err);
            }
        }
        Ok(all)
    }

    /// Returns the first error of a plugin whose options are left out.
    pub(super) fn take_fault(&mut self) -> Option<CliError> {
        self.fault.take()
    }

    fn add(
        &mut self,
        session: &Session<'_>,
        row: &Row,
        plugin: LoadedPlugin,
    ) -> Result<(), CliError> {
        let mut request = DescribeRequest::default();
        request.caller = session.caller(plugin.key());
        request.path = row.path.iter().copied().map(str::to_owned).collect();
        let options = plugin.options(&request)?.args;
        rules::check_options(&options).map_err(|why| wrong(&plugin, row, &why))?;
        let why = options.iter().find_map(|option| clash(&self.command, option));
        if let Some(why) = why {
            return Err(wrong(&plugin, row, &why));
        }
        for option in &options {
            let heading = format!("Options of plugin {}", plugin.key());
            let command = std::mem::take(&mut self.command);
            self.command = command.arg(args::clap_arg(option).help_heading(heading));
        }
        if session.is_completing() {
            let command = std::mem::take(&mut self.command);
            self.command = completed_by(command, &plugin, row.path, &options);
        }
        self.options.extend(options);
        self.plugins.push(plugin);
        Ok(())
    }

    /// Returns the hooks with what the user gave them.
    pub(super) fn hooks(
        self,
        session: &Session<'_>,
        matches: &ArgMatches,
    ) -> Result<Hooks, CliError> {
        session.leave_out(&self.left_out);
        Ok(Hooks {
            plugins: self.plugins,
            services: session.services(),
            limit: session.hook_time_limit()?,
            options: given(&self.options, matches),
        })
    }
}

impl Session<'_> {
    /// Returns the plugins with hooks on some events, for a command that is not
    /// [`Run::Hooked`](super::Run::Hooked): they add no options.
    ///
    /// # Errors
    ///
    /// When one of them must not be loaded, a hook that runs before the work cannot run, or the
    /// variable with the time limit of hooks is invalid.
    pub fn hooks(&self, events: &[&str]) -> Result<Hooks, CliError> {
        let Subscribers { plugins, fault, left_out } = subscribers(self, events);
        if let Some(fault) = fault {
            return Err(fault);
        }
        self.leave_out(&left_out);
        Ok(Hooks {
            plugins,
            services: self.services(),
            limit: self.hook_time_limit()?,
            options: Map::new(),
        })
    }
}

fn subscribers(session: &Session<'_>, events: &[&str]) -> Subscribers {
    session.expect_events(events);
    let mut all = Subscribers::default();
    for event in events {
        let Subscribers { plugins, fault, left_out } = session.find_subscribers(event, &|_| true);
        for plugin in plugins {
            if !all.plugins.iter().any(|it| it.key() == plugin.key()) {
                all.plugins.push(plugin);
            }
        }
        all.fault = all.fault.or(fault);
        all.left_out.extend(left_out);
    }
    all
}

/// Returns why an option cannot be added to a command.
fn clash(command: &Command, option: &Arg) -> Option<String> {
    let names = || option.aliases.iter().chain([&option.name]);
    let has_long = |it: &&clap::Arg| names().any(|name| long_names(it).any(|it| it == name));
    if let Some(taken) = command.get_arguments().find(has_long) {
        let heading = taken.get_help_heading().and_then(|it| it.strip_prefix("Options of "));
        let owner = heading.filter(|it| it.starts_with("plugin")).unwrap_or("the host");
        let name = names().find(|name| long_names(taken).any(|it| it == *name))?;
        return Some(format!("`--{name}` belongs to {owner}"));
    }
    let short = option.short?;
    let has_short = |it: &clap::Arg| it.get_short() == Some(short);
    command.get_arguments().any(has_short).then(|| format!("`-{short}` is taken"))
}

/// Returns the names of an argument: its ID and its long ones.
fn long_names(arg: &clap::Arg) -> impl Iterator<Item = &str> {
    let others = arg.get_all_aliases().unwrap_or_default();
    [arg.get_id().as_str()].into_iter().chain(arg.get_long()).chain(others)
}

/// Returns the facts about a row that programs require to add options to it, if it has hooks.
pub(super) fn facts(row: &Row) -> Option<HookedCommand> {
    let Run::Hooked { events, .. } = &row.run else { return None };
    let command = global::add_to(row.command());
    Some(HookedCommand {
        words: row.path.join(" "),
        events: events.iter().copied().map(str::to_owned).collect(),
        names: command.get_arguments().flat_map(long_names).map(str::to_owned).collect(),
        letters: command.get_arguments().filter_map(clap::Arg::get_short).collect(),
    })
}

fn wrong(plugin: &LoadedPlugin, row: &Row, why: &str) -> CliError {
    let command = row.path.join(" ");
    let text = format!("plugin `{}` cannot add its options to `{command}`: {why}", plugin.key());
    let hint = format!("disable the plugin with `--disable-plugin {}`", plugin.key());
    CliError::new(Exit::Ambiguous, text).hint(hint)
}

/// Returns the values that the user gave or that are the defaults; flags that were not given are
/// left out.
fn given(options: &[Arg], matches: &ArgMatches) -> Map<String, Value> {
    let mut values = args::values(options, matches);
    values.retain(|_, value| *value != Value::Bool(false));
    values
}

/// Checks the options that a plugin adds to a row, and returns their number.
pub(super) fn check_options(
    session: &Session<'_>,
    row: &Row,
    plugin: &LoadedPlugin,
) -> Result<usize, CliError> {
    let command = global::add_to(row.command());
    let mut hooked = Hooked {
        command,
        plugins: Vec::new(),
        options: Vec::new(),
        fault: None,
        left_out: Vec::new(),
    };
    hooked.add(session, row, plugin.clone())?;
    Ok(hooked.options.len())
}

/// Returns a row's command with all its current options.
pub(super) fn describe(
    session: &Session<'_>,
    row: &Row,
    events: &[&str],
) -> Result<Hooked, CliError> {
    Hooked::new(session, row, events, global::add_to(row.command()))
}
