//! `completion SHELL`: the script that calls the host at each Tab.

use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::session::Session;
use crate::identity::Identity;
use clap::{Arg, ArgMatches};
use clap_complete::env::Shells;

const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "powershell"];

pub(in crate::cli) const ROW: Row =
    Row::new(&["completion"], "Print the completion script of a shell", Run::Plain(run)).args(
        |command| {
            let shell = Arg::new("shell").value_name("SHELL").required(true);
            command.arg(shell.value_parser(SHELLS).help("The shell"))
        },
    );

/// Prints the script for the shell in `matches`.
fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let shell = matches.get_one::<String>("shell").expect("the argument is required");
    let shells = Shells::builtins();
    let completer = shells.completer(shell).expect("the shells are clap_complete's");
    let name = &session.identity().command_name;
    let mut script = Vec::new();
    completer
        .write_registration(&variable(session.identity()), name, name, name, &mut script)
        .map_err(|err| CliError::from_error(Exit::Failed, &err))?;
    let mut script = String::from_utf8_lossy(&script).trim_end().to_owned();
    if shell == "zsh" {
        script.push_str(&first_call(name));
    }
    session.console().println(script);
    Ok(Exit::Done.into())
}

/// Returns what the script needs as a file of a package: zsh reads such a file at the first Tab,
/// as a function that shall complete at once.
fn first_call(name: &str) -> String {
    let function = name.replace('-', "_");
    format!(
        "\n\nif [[ $funcstack[1] == _{name} ]]; then\n    \
         _clap_dynamic_completer_{function} \"$@\"\nfi"
    )
}

/// Returns the name of the variable by which the script tells the host what it is.
pub(super) fn variable(identity: &Identity) -> String {
    identity.env_var("COMPLETE")
}
