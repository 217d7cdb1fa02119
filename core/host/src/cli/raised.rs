//! Errors and warnings of a process with privileges that its caller does not have, and which
//! therefore ignores requests of the caller.

use super::error::CliError;
use super::exit::Exit;
use super::hint::Hint;
use crate::caller;
use crate::identity::Identity;
use crate::services::Console;
use pintle_plugin::Level;

/// Why something is refused or ignored.
const WHY: &str = "this process has privileges that its caller does not have";

/// Refuses a request by which an untrusted caller would choose code to run; `what` is the subject
/// of the sentence.
///
/// # Errors
///
/// When this process has privileges that its caller does not have.
pub fn check_trusted(what: &str) -> Result<(), CliError> {
    if caller::is_trusted() {
        return Ok(());
    }
    Err(CliError::new(Exit::Refused, format!("{what} is not allowed: {WHY}")).hint(Hint::new(|host| {
        let name = &host.command_name;
        format!("use a plugin that the administrator has installed, or a copy of `{name}` that has no privileges")
    })))
}

/// Reports to an untrusted caller which variables of the host are ignored.
pub(super) fn report_ignored(host: &Identity, console: &Console) {
    if caller::is_trusted() {
        return;
    }
    let prefix = host.env_var("");
    let is_own = |it: &String| it.starts_with(&prefix);
    let mut names: Vec<_> =
        caller::var_names().filter_map(|it| it.into_string().ok()).filter(is_own).collect();
    names.sort_unstable();
    let text = "the environment and the user's directories are ignored";
    match names.is_empty() {
        true => console.log(Level::Debug, &format!("{text}: {WHY}")),
        false => {
            let text = format!("{text}, including {}: {WHY}", names.join(", "));
            console.log(Level::Warn, &text);
        }
    }
}
