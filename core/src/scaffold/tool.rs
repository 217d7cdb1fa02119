//! Runs the programs that plugins name after scaffolding, as formatters.

use super::error::ScaffoldError;
use pintle_plugin::Tool;
use pintle_plugin::host::{HostServices, Stream};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the tool of the plugin with the key `plugin` in the project; returns a notice if
/// an optional one failed.
pub(super) fn run(
    root: &Path,
    plugin: &str,
    tool: Tool,
    services: &dyn HostServices,
) -> Result<Option<String>, ScaffoldError> {
    let Err(source) = start(root, &tool.command, services) else { return Ok(None) };
    if tool.required {
        return Err(ScaffoldError::Tool {
            plugin: plugin.to_owned(),
            command: tool.command,
            source,
        });
    }
    Ok(Some(format!("`{}` of `{plugin}` failed: {source}", tool.command.join(" "))))
}

/// Runs `command`; what it prints is a message, not a result.
fn start(root: &Path, command: &[String], services: &dyn HostServices) -> io::Result<()> {
    let Some((program, args)) = command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
    };
    let output =
        Command::new(program).args(args).current_dir(root).stdin(Stdio::null()).output()?;
    services.write(Stream::Err, &output.stdout);
    services.write(Stream::Err, &output.stderr);
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(output.status.to_string())),
    }
}
