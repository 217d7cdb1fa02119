//! The text that the host shows when it is called without a command: the most common commands.

use super::builder::Host;
use super::group::{HOST, Row};
use super::rows::root;
use clap::Command;

const TEMPLATE: &str = "{about-with-newline}\n{usage-heading} {usage}\n\n\
                        Common commands:\n{subcommands}{after-help}";

/// Returns the text with its styles; `None` for a host whose groups have marked no commands as
/// common, because the full help is as good.
pub(super) fn text(host: &Host) -> Option<String> {
    let (own, others): (Vec<_>, Vec<_>) = host.table.groups().partition(|it| it.name == HOST);
    let common = |rows: &'static [Row]| rows.iter().filter(|it| it.is_common);
    let first: Vec<_> = others.into_iter().flat_map(|it| common(it.rows)).collect();
    if first.is_empty() {
        return None;
    }
    let own = own.into_iter().flat_map(|it| common(it.rows));
    let commands = first.into_iter().chain(own);
    let commands = commands.map(|it| Command::new(it.path.join(" ")).about(it.about));
    let extra = host.table.extra_commands.iter();
    let extra =
        extra.map(|it| Command::new(it.command.get_name().to_owned()).about(about(&it.command)));
    let name = &host.settings.identity.command_name;
    let mut root =
        root(&host.settings).subcommands(commands.chain(extra)).help_template(TEMPLATE).after_help(
            format!("`{name} --help` lists all commands, and `{name} help COMMAND` explains one."),
        );
    Some(root.render_help().ansi().to_string())
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}
