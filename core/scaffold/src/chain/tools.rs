//! Runs one program that a plugin names, and keeps its output.

use pintle_host::process::{Job, JobErrorKind, Printed};
use pintle_host::services::Excerpt;
use pintle_plugin::host::HostServices;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

/// How many bytes of a tool's output are kept.
const MAX_OUTPUT: usize = 64 << 10;

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
    /// The program did not end on its own.
    #[error(transparent)]
    Ended(JobErrorKind),
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

/// Runs `command` in a directory, and returns its output on both streams.
///
/// The program and all processes that it has started are ended if it takes longer than `limit`, or
/// if the user interrupts the command.
pub(super) fn run(
    folder: &Path,
    command: &[String],
    limit: Duration,
    services: &dyn HostServices,
) -> Result<Option<Excerpt>, ToolError> {
    let (program, args) = command.split_first().ok_or(ToolError::Empty)?;
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    let input = Arc::new([]);
    let services = Some(services);
    let job = Job { command, input, limit, max_output: MAX_OUTPUT, services };
    let Printed { status, text, n_dropped } = job.run_printing().map_err(|err| match err.kind {
        JobErrorKind::Start(err) => ToolError::Run(err),
        kind => ToolError::Ended(kind),
    })?;
    let mut text = String::from_utf8_lossy(&text).trim_end().to_owned();
    if n_dropped > 0 {
        text += &format!("\n{n_dropped} bytes of the tool's output were dropped here");
    }
    let output = Some(Excerpt(text)).filter(|it| !it.0.is_empty());
    match status.success() {
        true => Ok(output),
        false => Err(ToolError::Status { status, output }),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Option<Excerpt>, ToolError> {
        limited(script, Duration::from_secs(60))
    }

    fn limited(script: &str, limit: Duration) -> Result<Option<Excerpt>, ToolError> {
        let command = ["sh", "-c", script].map(str::to_owned);
        run(Path::new("."), &command, limit, &crate::tests::Silent)
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
        assert_eq!(kept.len(), MAX_OUTPUT);
        assert_eq!(note, "5000 bytes of the tool's output were dropped here");
    }

    #[test]
    fn a_tool_that_cannot_be_run_is_an_error() {
        let run = |command: &[String]| {
            run(Path::new("."), command, Duration::from_secs(60), &crate::tests::Silent)
        };
        assert!(matches!(run(&[]), Err(ToolError::Empty)));
        assert!(matches!(run(&["/nowhere/tool".to_owned()]), Err(ToolError::Run(_))));
    }

    #[test]
    fn a_tool_that_takes_too_long_is_ended_with_what_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alive");
        let script = format!("(sleep 3; touch '{}') & sleep 60", file.display());
        let err = limited(&script, Duration::from_millis(200)).unwrap_err();
        assert_eq!(err.to_string(), "it timed out after 200ms");
        std::thread::sleep(Duration::from_secs(4));
        assert!(!file.exists());
    }
}
