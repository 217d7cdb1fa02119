//! Parses the rest of a line after a command's words: once, with all arguments of the command.

use super::error::CliError;
use super::exit::{Exit, Step};
use super::session::Session;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command};
use pintle_plugin::host::Stream;
use std::ffi::OsString;

/// Parses the rest of a line after a command's words, and continues with it; or shows clap's error
/// or the help.
pub(super) fn parse(
    session: &Session<'_>,
    command: Command,
    rest: &[OsString],
    run: impl FnOnce(&ArgMatches) -> Result<Step, CliError>,
) -> Result<Step, CliError> {
    parse_with_hint(session, command, rest, |_| None, run)
}

/// Does the same, with a hint for options that the command does not have, given without dashes.
pub(super) fn parse_with_hint(
    session: &Session<'_>,
    command: Command,
    rest: &[OsString],
    hint: impl FnOnce(&str) -> Option<String>,
    run: impl FnOnce(&ArgMatches) -> Result<Step, CliError>,
) -> Result<Step, CliError> {
    session.narrow_form(&command);
    let line = std::iter::once(OsString::new()).chain(rest.iter().cloned());
    match command.try_get_matches_from(line) {
        Ok(matches) => {
            session.apply_verbosity(&matches);
            run(&matches)
        }
        Err(err) => match unknown_option(&err).and_then(hint) {
            Some(hint) => Err(CliError::from_clap(&err).hint(hint)),
            None => Ok(show_clap(session, &err).into()),
        },
    }
}

/// Returns the option that a command does not have, without its dashes.
fn unknown_option(err: &clap::Error) -> Option<&str> {
    match err.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) if err.kind() == ErrorKind::UnknownArgument => {
            text.strip_prefix("--")
        }
        _ => None,
    }
}

/// Shows clap's error, or the help or version that it is.
pub(super) fn show_clap(session: &Session<'_>, err: &clap::Error) -> Exit {
    if !err.use_stderr() {
        session.console().styled(Stream::Out, &err.render().ansi().to_string());
        return Exit::Done;
    }
    if err.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        && (!session.form().is_text() || quotes_control_characters(err))
    {
        return session.fail(&CliError::from_clap(err));
    }
    session.console().styled(Stream::Err, &err.render().ansi().to_string());
    Exit::Usage
}

/// Whether clap quotes a part of the line that could control the terminal or look like a line of
/// the host.
fn quotes_control_characters(err: &clap::Error) -> bool {
    let is_risky = |text: &String| text.contains(char::is_control);
    err.context().any(|(_, value)| match value {
        ContextValue::String(text) => is_risky(text),
        ContextValue::Strings(texts) => texts.iter().any(is_risky),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts the runs whose session, and with it the catalog, has been dropped.
    struct Counter(&'static AtomicUsize);

    impl Drop for Counter {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_run_leaves_nothing_behind() {
        static N_GONE: AtomicUsize = AtomicUsize::new(0);
        let host = Cli::new().extra_command(Command::new("sail"), |_, context| {
            context.session().catalog();
            context.session().shared(|| Counter(&N_GONE));
            Ok(0)
        });
        let host = host.build().unwrap();
        for n in 1..=10 {
            host.run(["pintle", "sail", "--plugin-dir", "/dev/null/none", "-q"]);
            assert_eq!(N_GONE.load(Ordering::Relaxed), n);
        }
    }
}
