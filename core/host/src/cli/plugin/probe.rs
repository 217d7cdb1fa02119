//! Loads a plugin in a separate process, so that nothing its library does there affects the host.
//!
//! The process runs the same program again, with the command `plugin check` and a hidden option. It
//! reports on its standard output, before each call of the plugin and at the end; the plugin's own
//! output is dropped.

use super::report::{Report, examine};
use crate::caller;
use crate::catalog::library_file::{self, GlibcVersion, LibraryWarning, lint};
use crate::catalog::{Entry, Manifest, Transport, defect};
use crate::cli::error::{CliError, Failure};
use crate::cli::exit::{Exit, Step};
use crate::cli::output;
use crate::cli::session::Session;
use crate::transport::{self, program};
use clap::{Arg, ArgAction};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// The hidden option of `plugin check` with which the program runs again.
pub(super) const OPTION: &str = "in-this-process";

/// The default time limit for a plugin.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The time limit for the rest of a process's output after the process has ended. A process that
/// the plugin has started can keep the pipe open forever.
const OUTPUT_LIMIT: Duration = Duration::from_millis(500);

/// How much of a plugin's standard error is kept.
const MAX_KEPT: usize = 4 * 1024;

/// The longest report that is read.
const MAX_REPORT: usize = 16 * 1024 * 1024;

/// The prefix of a line of the report. The plugin's own output may precede it without a line break,
/// so each report begins with one.
const MARK: &[u8] = b"\x1epintle-plugin-check ";

/// A message of the process.
#[derive(Debug, Serialize, Deserialize)]
enum Message {
    /// The next action: it completes the sentence "it crashed while …".
    Next(String),
    /// The plugin has passed.
    Passed(Report),
    /// The plugin has not passed.
    Failed(Failure),
}

/// Returns the hidden option.
pub(super) fn arg() -> Arg {
    Arg::new(OPTION).long(OPTION).action(ArgAction::SetTrue).hide(true)
}

/// Checks a plugin file in this process, which may end at any time, and reports the result.
pub(super) fn answer(session: &Session<'_>, path: &Path) -> Step {
    let is_program = is_program(path);
    restrict(is_program);
    send(&Message::Next("being loaded".to_owned()));
    let plugin = match is_program {
        true => session.load_program(path),
        false => transport::load(path, session.rules()).map_err(CliError::from),
    };
    let announce = |next| send(&Message::Next(next));
    let report = plugin.and_then(|it| examine(session, &it, Some(output::path(path)), &announce));
    send(&match report {
        Ok(report) => Message::Passed(report),
        Err(err) => Message::Failed(err.failure(session.identity())),
    });
    Exit::Done.into()
}

/// Returns the file of a plugin, if it can be checked alone. Only the group that found a plugin of
/// another system knows how to call it.
pub(super) fn file(entry: &Entry) -> Option<&Path> {
    entry.path().filter(|_| entry.transport() != Transport::External)
}

/// Whether a file is to be run instead of loaded: it is executable or a script, and has neither the
/// name of a library nor a manifest.
pub(super) fn is_program(path: &Path) -> bool {
    let is_library = |it: &OsStr| ["so", "dylib", "dll"].iter().any(|ext| it == *ext);
    !path.extension().is_some_and(is_library)
        && (program::is_executable(path) || program::is_script(path))
        && !library_file::open(path).is_ok_and(|it| !it.manifests().is_empty())
}

/// Ends the process when its parent ends, and prevents core dumps.
#[cfg(target_os = "linux")]
fn restrict(is_program: bool) {
    use rustix::process::{Resource, Rlimit, Signal};
    // A library could ignore any other signal; a process that queries a program must still end the
    // program.
    let signal = if is_program { Signal::TERM } else { Signal::KILL };
    // Neither is needed for the answer.
    let _ = rustix::process::set_parent_process_death_signal(Some(signal));
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
}

#[cfg(not(target_os = "linux"))]
fn restrict(_is_program: bool) {}

fn send(message: &Message) {
    let json = serde_json::to_vec(message).expect("messages have string keys");
    let line = [b"\n", MARK, &json, b"\n"].concat();
    let mut stdout = std::io::stdout().lock();
    // If the host has ended, no process waits for the answer.
    let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
}

/// Starts a process for each plugin.
pub(super) struct Prober {
    program: PathBuf,
    allow_panic_abort: bool,
    limit: Duration,
    /// The variable that is set for the process. A program that ignores its arguments would
    /// otherwise start itself endlessly.
    variable: String,
}

/// Why a plugin has not passed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    /// The process has reported why.
    #[error("plugin file `{}` failed a check", path.display())]
    Failed {
        /// The plugin.
        path: PathBuf,
        /// The error that the process reported.
        failure: Box<Failure>,
    },
    /// The process ended early.
    #[error("plugin file `{}` crashed while {doing}", path.display())]
    Crashed {
        /// The plugin.
        path: PathBuf,
        /// What the plugin was doing.
        doing: String,
        /// How the process ended.
        source: Ended,
        /// The beginning of what it wrote to its standard error.
        output: String,
        /// The plugin's manifest.
        manifest: Option<Box<Manifest>>,
    },
    /// The process took too long.
    #[error("timed out after {} while plugin file `{}` was {doing}", humantime::format_duration(*limit), path.display())]
    TimedOut {
        /// The plugin.
        path: PathBuf,
        /// What the plugin was doing.
        doing: String,
        /// How long it was allowed to take.
        limit: Duration,
        /// The beginning of what it wrote to its standard error.
        output: String,
        /// The plugin's manifest.
        manifest: Option<Box<Manifest>>,
    },
    /// The system's loader would not load it.
    #[error("plugin file `{}` cannot be loaded on this machine", path.display())]
    NewerGlibc {
        /// The plugin.
        path: PathBuf,
        /// The missing requirement.
        source: Unmet,
    },
    /// The process could not be started.
    #[error("failed to start a process for plugin file `{}`", path.display())]
    NotStarted {
        /// The plugin.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The program does not hand its arguments on to the host.
    #[error(
        "plugin file `{}` cannot be checked: `{}` did not run the command `plugin check`",
        path.display(), program.display()
    )]
    NotAHost {
        /// The plugin.
        path: PathBuf,
        /// The program.
        program: PathBuf,
    },
}

/// A requirement of a library that this machine does not meet.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unmet(LibraryWarning);

/// How a process ended.
#[derive(Debug, thiserror::Error)]
#[error("its process {0}")]
pub(super) struct Ended(String);

impl Prober {
    pub(super) fn new(session: &Session<'_>) -> Result<Self, CliError> {
        let limit = session.time_limit("CHECK_TIMEOUT")?.unwrap_or(TIME_LIMIT);
        Ok(Self {
            program: program().map_err(|err| unknown_program(&err))?,
            allow_panic_abort: session.rules().allow_panic_abort,
            limit,
            variable: session.identity().env_var("CHECKS_PLUGIN"),
        })
    }

    /// Loads and checks a plugin file in a separate process.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] when the plugin has not passed.
    pub(super) fn probe(&self, path: &Path) -> Result<Report, ProbeError> {
        let owned = || path.to_owned();
        let not_a_host = || ProbeError::NotAHost { path: owned(), program: self.program.clone() };
        if caller::is_set(&self.variable) {
            return Err(not_a_host());
        }
        if let Some(source) = newer_glibc(path) {
            return Err(ProbeError::NewerGlibc { path: owned(), source });
        }
        let run =
            self.run(path).map_err(|source| ProbeError::NotStarted { path: owned(), source })?;
        let Run { status, last, output } = run;
        let has_succeeded = status.is_some_and(|it| it.success());
        let doing = match last {
            None => return Err(not_a_host()),
            Some(Message::Passed(report)) if has_succeeded => return Ok(report),
            Some(Message::Failed(failure)) if has_succeeded => {
                return Err(ProbeError::Failed { path: owned(), failure: Box::new(failure) });
            }
            Some(Message::Next(doing)) => doing,
            Some(_) => "ending".to_owned(),
        };
        let (path, manifest) = (owned(), manifest(path));
        Err(match status {
            Some(status) => {
                let source = Ended(how(status));
                ProbeError::Crashed { path, doing, source, output, manifest }
            }
            None => ProbeError::TimedOut { path, doing, limit: self.limit, output, manifest },
        })
    }

    fn run(&self, path: &Path) -> std::io::Result<Run> {
        let mut child = self.command(path).spawn()?;
        let last = Arc::default();
        let output = Arc::default();
        let done = mpsc::channel();
        let readers = [
            drain(child.stdout.take(), Messages::new(Arc::clone(&last)), done.0.clone()),
            drain(child.stderr.take(), Beginning(Arc::clone(&output)), done.0),
        ];
        let status = match readers.into_iter().collect::<std::io::Result<()>>() {
            Ok(()) => wait(&mut child, self.limit),
            Err(err) => {
                end(&mut child);
                return Err(err);
            }
        };
        let deadline = Instant::now() + OUTPUT_LIMIT;
        for _ in 0..2 {
            let _ = done.1.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        }
        let output = output.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = last.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Run { status, last, output: String::from_utf8_lossy(&output).into_owned() })
    }

    fn command(&self, path: &Path) -> Command {
        let mut command = same_name(&self.program);
        command.args(["plugin", "check"]).arg(format!("--{OPTION}"));
        if self.allow_panic_abort {
            command.arg("--allow-panic-abort");
        }
        command.arg("--").arg(path).env(&self.variable, "1");
        caller::protect(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Returns the symbols of a newer glibc than that of this machine that a file requires. The dynamic
/// linker would report only the first missing version.
fn newer_glibc(path: &Path) -> Option<Unmet> {
    let warnings = lint(path, Some(GlibcVersion::of_this_process()?)).ok()?;
    warnings.into_iter().find(|it| matches!(it, LibraryWarning::NewerGlibc { .. })).map(Unmet)
}

/// Reads the manifest of a plugin that can no longer be queried.
fn manifest(path: &Path) -> Option<Box<Manifest>> {
    let library = library_file::open(path).ok()?;
    match library.manifests() {
        [json] => Manifest::parse(json).ok().map(Box::new),
        _ => None,
    }
}

/// The result of a process.
struct Run {
    /// How it ended; `None` if it took too long.
    status: Option<ExitStatus>,
    last: Option<Message>,
    output: String,
}

/// Returns the file of this program, even if it has been replaced or removed.
fn program() -> std::io::Result<PathBuf> {
    let own = Path::new("/proc/self/exe");
    match cfg!(target_os = "linux") && own.exists() {
        true => Ok(own.to_owned()),
        false => std::env::current_exe(),
    }
}

/// Returns the call of this program, to which arguments can be added.
pub(super) fn this_program() -> Result<Command, CliError> {
    Ok(same_name(&program().map_err(|err| unknown_program(&err))?))
}

fn unknown_program(err: &std::io::Error) -> CliError {
    CliError::new(Exit::Failed, "failed to determine the path of this program").cause(err)
}

/// Returns the call of a program by the name by which this one was started: some programs act
/// as several hosts.
fn same_name(program: &Path) -> Command {
    let mut command = Command::new(program);
    #[cfg(unix)]
    if let Some(name) = std::env::args_os().next() {
        use std::os::unix::process::CommandExt as _;
        command.arg0(name);
    }
    command
}

/// Waits for a process, and ends it if it takes too long.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(pause),
            _ => {
                end(child);
                return None;
            }
        }
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

fn end(child: &mut Child) {
    // It may have ended in the meantime.
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads a pipe to its end in a separate thread, so that the process never waits for it.
fn drain(
    pipe: Option<impl Read + Send + 'static>,
    mut sink: impl Sink + Send + 'static,
    done: mpsc::Sender<()>,
) -> std::io::Result<()> {
    let mut pipe = pipe.expect("the pipe was asked for");
    let read = move || {
        let mut chunk = [0; 8 * 1024];
        while let Ok(n_read @ 1..) = pipe.read(&mut chunk) {
            sink.take(&chunk[..n_read]);
        }
        let _ = done.send(());
    };
    thread::Builder::new().spawn(read).map(drop)
}

/// A receiver of the bytes from a pipe.
trait Sink {
    fn take(&mut self, bytes: &[u8]);
}

/// Keeps the beginning.
struct Beginning(Arc<Mutex<Vec<u8>>>);

impl Sink for Beginning {
    fn take(&mut self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_KEPT - kept.len();
        kept.extend(&bytes[..bytes.len().min(room)]);
    }
}

/// Keeps the last message.
struct Messages {
    last: Arc<Mutex<Option<Message>>>,
    /// The line so far, as long as it can be a message.
    line: Vec<u8>,
    is_message: bool,
}

impl Messages {
    fn new(last: Arc<Mutex<Option<Message>>>) -> Self {
        Self { last, line: Vec::new(), is_message: true }
    }

    fn end_line(&mut self) {
        let json = self.line.strip_prefix(MARK).filter(|_| self.is_message);
        if let Some(message) = json.and_then(|it| serde_json::from_slice(it).ok()) {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
        }
        self.line.clear();
        self.is_message = true;
    }
}

impl Sink for Messages {
    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|it| *it == b'\n') {
            let (text, is_end) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            if self.is_message {
                self.line.extend(text);
                let n = self.line.len().min(MARK.len());
                self.is_message = self.line[..n] == MARK[..n] && self.line.len() <= MAX_REPORT;
            }
            if !self.is_message {
                self.line.clear();
            }
            if is_end {
                self.end_line();
            }
        }
    }
}

/// Returns how a process ended, as part of a sentence.
#[cfg(unix)]
fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => match signal_name(signal) {
            Some(name) => format!("was terminated by signal {signal} ({name})"),
            None => format!("was terminated by signal {signal}"),
        },
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(unix)]
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        _ => return None,
    })
}

#[cfg(not(unix))]
fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => "ended".to_owned(),
    }
}

impl From<ProbeError> for CliError {
    fn from(err: ProbeError) -> Self {
        let exit = match &err {
            ProbeError::Failed { .. } | ProbeError::NewerGlibc { .. } => Exit::Refused,
            ProbeError::Crashed { .. } | ProbeError::TimedOut { .. } => Exit::Crashed,
            ProbeError::NotStarted { .. } | ProbeError::NotAHost { .. } => Exit::Failed,
        };
        let error = Self::from_error(exit, &err);
        match err {
            ProbeError::Failed { failure, .. } => Self::from(*failure),
            ProbeError::Crashed { output, manifest, .. } => {
                error.hint(defect(manifest.as_deref())).detail(written(&output))
            }
            ProbeError::TimedOut { output, manifest, .. } => error
                .hint(super::super::explain::check_timeout(manifest.as_deref()))
                .detail(written(&output)),
            ProbeError::NotAHost { .. } => {
                error.hint("run the host with the program's own arguments: `Host::run_to_exit`")
            }
            ProbeError::NewerGlibc { .. } => {
                error.hint("ask the author for a build for an older glibc, or use a newer system")
            }
            ProbeError::NotStarted { .. } => error,
        }
    }
}

fn written(output: &str) -> String {
    match output.trim_end() {
        "" => "it wrote nothing to the standard error".to_owned(),
        text => format!("it wrote to the standard error:\n{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn last(chunks: &[&[u8]]) -> Option<String> {
        let last = Arc::default();
        let mut messages = Messages::new(Arc::clone(&last));
        chunks.iter().for_each(|it| messages.take(it));
        let last = last.lock().unwrap().take();
        last.map(|it| match it {
            Message::Next(text) => text,
            other => format!("{other:?}"),
        })
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_is_no_host_is_reported() {
        let mut prober = Prober {
            program: "/bin/true".into(),
            allow_panic_abort: false,
            limit: TIME_LIMIT,
            variable: "PINTLE_NOT_SET".to_owned(),
        };
        let probe = |prober: &Prober| prober.probe(Path::new("a.so")).unwrap_err().to_string();
        let expected = "plugin file `a.so` cannot be checked: `/bin/true` did not run the command `plugin check`";
        assert_eq!(probe(&prober), expected);
        // Within a process that a check has started, no other process is started.
        prober.program = "/bin/false".into();
        prober.variable = "PATH".to_owned();
        assert_eq!(probe(&prober), expected.replace("true", "false"));
        prober.variable = "PINTLE_NOT_SET".to_owned();
        prober.program = "/nowhere".into();
        assert_eq!(probe(&prober), "failed to start a process for plugin file `a.so`");
    }

    fn line(text: &str) -> Vec<u8> {
        [b"\n", MARK, &serde_json::to_vec(&Message::Next(text.into())).unwrap(), b"\n"].concat()
    }

    #[test]
    fn the_last_message_is_found_in_whatever_the_plugin_writes() {
        assert_eq!(last(&[]), None);
        assert_eq!(last(&[b"hello\n", MARK, b"{\n"]), None);
        let (one, two) = (line("one"), line("two"));
        assert_eq!(last(&[&one, b"no end of a line", &two, b"more"]).as_deref(), Some("two"));
        let bytes = [one, vec![b'x'; 100_000], two].concat();
        let chunks: Vec<&[u8]> = bytes.chunks(7).collect();
        assert_eq!(last(&chunks).as_deref(), Some("two"));
        // A message that is cut is none.
        assert_eq!(last(&[&line("one"), &line("two")[..20]]).as_deref(), Some("one"));
    }
}
