//! Runs one program that a plugin names, and keeps what it prints.

use pintle_host::services::Excerpt;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// How many bytes of a tool's output are kept.
const MAX_OUTPUT: u64 = 64 << 10;

/// Why a tool failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The plugin names no program.
    #[error("the command is empty")]
    Empty,
    /// The program cannot be run.
    #[error(transparent)]
    Run(#[from] io::Error),
    /// The program reported a failure.
    #[error("{status}")]
    Status {
        /// How it ended.
        status: ExitStatus,
        /// What it printed, if anything.
        #[source]
        output: Option<Excerpt>,
    },
}

/// Runs `command` in a folder, and returns what it printed to either stream.
pub(super) fn run(folder: &Path, command: &[String]) -> Result<Option<Excerpt>, ToolError> {
    let (program, args) = command.split_first().ok_or(ToolError::Empty)?;
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // The end of the output can only be seen once this process cannot write any more.
    drop(command);
    let output = read_output(reader);
    let status = child.wait()?;
    let output = Some(output?).filter(|it| !it.0.is_empty());
    match status.success() {
        true => Ok(output),
        false => Err(ToolError::Status { status, output }),
    }
}

/// Reads the whole output, and returns the beginning, with a line that says how much of it
/// was dropped.
fn read_output(mut reader: impl Read) -> io::Result<Excerpt> {
    let mut bytes = Vec::new();
    reader.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes)?;
    let n_dropped = io::copy(&mut reader, &mut io::sink())?;
    let mut text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
    if n_dropped > 0 {
        text += &format!("\n{n_dropped} bytes of the tool's output were dropped here");
    }
    Ok(Excerpt(text))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Option<Excerpt>, ToolError> {
        run(Path::new("."), &["sh", "-c", script].map(str::to_owned))
    }

    #[test]
    fn both_streams_of_a_tool_are_kept_in_their_order() {
        let output = shell("echo one; echo two >&2; echo three").unwrap().unwrap();
        assert_eq!(output.0, "one\ntwo\nthree");
        assert_eq!(shell("true").unwrap(), None);
    }

    #[test]
    fn what_a_tool_prints_has_a_limit() {
        let n_bytes = MAX_OUTPUT + 5000;
        let script = format!("head -c {n_bytes} /dev/zero | tr '\\0' x; exit 3");
        let Err(ToolError::Status { status, output: Some(output) }) = shell(&script) else {
            panic!("the tool fails, and prints something")
        };
        assert_eq!(status.code(), Some(3));
        let (kept, note) = output.0.split_once('\n').unwrap();
        assert_eq!(kept.len() as u64, MAX_OUTPUT);
        assert_eq!(note, "5000 bytes of the tool's output were dropped here");
    }

    #[test]
    fn a_tool_that_cannot_be_run_is_an_error() {
        assert!(matches!(run(Path::new("."), &[]), Err(ToolError::Empty)));
        let missing = run(Path::new("."), &["/nowhere/tool".to_owned()]);
        assert!(matches!(missing, Err(ToolError::Run(_))));
    }
}
