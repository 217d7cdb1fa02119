//! Programs that are run with limits: for their time, their output, and the processes that they
//! leave behind.
//!
//! Invariants: waiting for a program ends. On Unix, a program has its own process group, and a
//! program that is ended early is ended together with all processes that it has started in that
//! group.

use crate::caller;
use crate::services::Call;
use pintle_plugin::host::{HostServices, Stream};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// How often a silent program is checked for its end or its cancellation.
const TICK: Duration = Duration::from_millis(50);
/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// How long the output of a program may stay open after the program has ended.
const DRAIN: Duration = Duration::from_millis(500);
/// How much of a program's standard error is kept.
const MAX_KEPT: usize = 4 * 1024;
/// How many lines of it are shown.
const MAX_LINES: usize = 10;
/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// A program to run, whose output is collected.
pub struct Job<'a> {
    /// The program, its arguments, variables and directory; the streams are set here.
    pub command: Command,
    /// The data on its standard input.
    pub input: Arc<[u8]>,
    /// The time limit.
    pub limit: Duration,
    /// How many bytes it may write to its standard output.
    pub max_output: usize,
    /// Where its standard error is shown, and what can cancel it; without it, the standard error is
    /// only kept.
    pub services: Option<&'a dyn HostServices>,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// The last lines of its standard error.
    pub stderr: String,
}

/// A program that has ended, and its output on either stream.
#[derive(Debug)]
pub struct Printed {
    /// How it ended.
    pub status: ExitStatus,
    /// The beginning of the output, in order.
    pub text: Vec<u8>,
    /// How many bytes more it wrote.
    pub n_dropped: usize,
}

/// Why a program did not do its work.
#[derive(Debug)]
pub struct JobError {
    /// What happened.
    pub kind: JobErrorKind,
    /// The last lines of the program's standard error.
    pub stderr: String,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for JobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

/// What can happen to a program. The messages refer to the program as "it".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobErrorKind {
    /// The system did not start it.
    #[error("it cannot be run")]
    Start(#[source] io::Error),
    /// It cannot be waited for.
    #[error("it cannot be waited for")]
    Wait(#[source] io::Error),
    /// It took too long, and was ended.
    #[error("it timed out after {}", humantime::format_duration(*limit))]
    TimedOut {
        /// How long it was allowed to take.
        limit: Duration,
    },
    /// The run was cancelled, and the program with it.
    #[error("it was interrupted")]
    Cancelled,
    /// It wrote too much.
    #[error("it wrote more than {limit} bytes to its standard output")]
    TooLong {
        /// How much it was allowed to write.
        limit: usize,
    },
    /// It has ended, but a process that it has started keeps its output open.
    #[error("it exited but left a process behind that keeps its output open")]
    KeepsOutput,
    /// It failed.
    #[error("it {}", ending(*status))]
    Failed {
        /// How it ended.
        status: ExitStatus,
    },
}

impl Job<'_> {
    /// Runs the program, and waits for its end.
    ///
    /// # Errors
    ///
    /// [`JobError`] if it does not end by itself; an exit code other than 0 is not an error.
    pub fn run(self) -> Result<Output, JobError> {
        let mut running = Running::start(self.command, self.limit)?;
        // A program that is not cancelled would outlive a host that is ended by a signal.
        let alone = Call::default();
        if self.services.is_none() {
            alone.cleanup(0, Some(Box::new(running.killer())));
        }
        running.send(self.input.to_vec());
        running.close_input();
        let mut stdout = Vec::new();
        while let Some(chunk) = running.next(self.services)? {
            match (chunk, self.services) {
                (Chunk::Out(bytes), _) => stdout.extend(bytes),
                (Chunk::Err(bytes), Some(services)) => services.write(Stream::Err, &bytes),
                (Chunk::Err(_), None) => {}
            }
            if stdout.len() > self.max_output {
                return Err(running.error(JobErrorKind::TooLong { limit: self.max_output }));
            }
        }
        let status = running.wait(self.services)?;
        Ok(Output { status, stdout, stderr: running.stderr() })
    }

    /// Runs the program, and waits for its end; its two streams are combined, and the first
    /// `max_output` bytes are kept.
    ///
    /// # Errors
    ///
    /// [`JobError`] as for [`run`](Self::run), except that too much output is not an error.
    pub fn run_printing(self) -> Result<Printed, JobError> {
        let mut running = Running::start_as(self.command, self.limit, Streams::One)?;
        let alone = Call::default();
        alone.cleanup(0, Some(Box::new(running.killer())));
        running.send(self.input.to_vec());
        running.close_input();
        let (mut text, mut n_dropped) = (Vec::new(), 0);
        while let Some(Chunk::Out(bytes) | Chunk::Err(bytes)) = running.next(self.services)? {
            let n_kept = bytes.len().min(self.max_output - text.len());
            text.extend(&bytes[..n_kept]);
            n_dropped += bytes.len() - n_kept;
        }
        let status = running.wait(self.services)?;
        Ok(Printed { status, text, n_dropped })
    }

    /// Runs the program, and waits for its success.
    ///
    /// # Errors
    ///
    /// [`JobError`] if it does not end by itself, or fails.
    pub fn run_well(self) -> Result<Output, JobError> {
        let output = self.run()?;
        if output.status.success() {
            return Ok(output);
        }
        let Output { status, stderr, .. } = output;
        Err(JobError { kind: JobErrorKind::Failed { status }, stderr })
    }
}

/// The streams that a program writes to.
enum Streams {
    /// One for its output and one for its errors.
    Two,
    /// The same for both.
    One,
}

/// A part of a program's output.
pub(crate) enum Chunk {
    /// Of its standard output.
    Out(Vec<u8>),
    /// Of its standard error.
    Err(Vec<u8>),
}

/// A program that is under way. One that is dropped is ended.
pub(crate) struct Running {
    child: Child,
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<Option<Chunk>>,
    /// How many of its streams are open.
    n_open: usize,
    kept: VecDeque<u8>,
    limit: Duration,
    start: Instant,
    status: Option<ExitStatus>,
    /// When it was seen to have ended.
    ended: Option<Instant>,
}

impl Running {
    /// Starts a program with pipes for its streams, in its own process group.
    pub(crate) fn start(command: Command, limit: Duration) -> Result<Self, JobError> {
        Self::start_as(command, limit, Streams::Two)
    }

    fn start_as(mut command: Command, limit: Duration, streams: Streams) -> Result<Self, JobError> {
        let failed = |err| JobError { kind: JobErrorKind::Start(err), stderr: String::new() };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut both = None;
        if let Streams::One = streams {
            let (reader, writer) = io::pipe().map_err(failed)?;
            command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
            both = Some(reader);
        }
        caller::protect(&mut command);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = spawn(&mut command).map_err(failed)?;
        // The end of the output is visible only after this process has closed its own ends.
        drop(command);
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let stdout: Option<Box<dyn Read + Send>> = match both {
            Some(both) => Some(Box::new(both)),
            None => child.stdout.take().map(|it| Box::new(it) as Box<dyn Read + Send>),
        };
        let (input, lines) = mpsc::channel::<Vec<u8>>();
        // If the host is slower than the program, the program waits.
        let (sender, output) = mpsc::sync_channel(16);
        let mut running = Self {
            child,
            input: Some(input),
            output,
            n_open: 0,
            kept: VecDeque::new(),
            limit,
            start: Instant::now(),
            status: None,
            ended: None,
        };
        let start = |work: Box<dyn FnOnce() + Send>| thread::Builder::new().spawn(work).map(drop);
        let mut started = start(Box::new(move || {
            let Some(mut stdin) = stdin else { return };
            // A program need not read its input.
            for bytes in lines {
                if stdin.write_all(&bytes).and_then(|()| stdin.flush()).is_err() {
                    break;
                }
            }
        }));
        if let Some(stdout) = stdout.filter(|_| started.is_ok()) {
            let sender = sender.clone();
            started = start(Box::new(move || read(stdout, Chunk::Out, &sender)));
            running.n_open += 1;
        }
        if let Some(stderr) = stderr.filter(|_| started.is_ok()) {
            started = start(Box::new(move || read(stderr, Chunk::Err, &sender)));
            running.n_open += 1;
        }
        match started {
            Ok(()) => Ok(running),
            Err(err) => Err(running.error(JobErrorKind::Start(err))),
        }
    }

    /// Gives the program something to read.
    pub(crate) fn send(&self, bytes: Vec<u8>) {
        if let Some(input) = &self.input {
            // Input that a program does not read is lost.
            let _ = input.send(bytes);
        }
    }

    /// Ends what the program can read.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits for output; `None` when there will be no more.
    pub(crate) fn next(
        &mut self,
        services: Option<&dyn HostServices>,
    ) -> Result<Option<Chunk>, JobError> {
        while self.n_open > 0 {
            let tick = self.left(services)?.min(TICK);
            match self.output.recv_timeout(tick) {
                Ok(Some(chunk)) => {
                    if let Chunk::Err(bytes) = &chunk {
                        self.keep(bytes);
                    }
                    return Ok(Some(chunk));
                }
                Ok(None) => self.n_open -= 1,
                Err(RecvTimeoutError::Disconnected) => self.n_open = 0,
                Err(RecvTimeoutError::Timeout) => self.check_output()?,
            }
        }
        Ok(None)
    }

    /// Waits for the program's end, after the end of its output.
    pub(crate) fn wait(
        &mut self,
        services: Option<&dyn HostServices>,
    ) -> Result<ExitStatus, JobError> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.poll()? {
                return Ok(status);
            }
            let left = self.left(services)?;
            // A program that closes its output usually ends at once.
            thread::sleep(pause(start.elapsed()).min(left));
        }
    }

    /// Returns the last lines of the program's standard error.
    pub(crate) fn stderr(&mut self) -> String {
        let text = String::from_utf8_lossy(self.kept.make_contiguous());
        let lines: Vec<_> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(MAX_LINES)..].join("\n")
    }

    /// Returns a function that ends the program and all processes that it has started at once.
    pub(crate) fn killer(&self) -> impl FnOnce() + Send + use<> {
        let id = self.child.id();
        move || kill_group(id, true)
    }

    /// Ends the program, and returns why.
    pub(crate) fn error(&mut self, kind: JobErrorKind) -> JobError {
        self.end();
        JobError { kind, stderr: self.stderr() }
    }

    /// Returns the remaining time of the program.
    fn left(&mut self, services: Option<&dyn HostServices>) -> Result<Duration, JobError> {
        if services.is_some_and(|it| it.wait_cancelled(Duration::ZERO)) {
            return Err(self.error(JobErrorKind::Cancelled));
        }
        match self.limit.checked_sub(self.start.elapsed()) {
            Some(left) => Ok(left),
            None => Err(self.error(JobErrorKind::TimedOut { limit: self.limit })),
        }
    }

    /// Checks, if there is no output, whether the program is still running or has just ended.
    fn check_output(&mut self) -> Result<(), JobError> {
        if self.poll()?.is_some() && self.ended.is_some_and(|it| it.elapsed() > DRAIN) {
            return Err(self.error(JobErrorKind::KeepsOutput));
        }
        Ok(())
    }

    fn poll(&mut self) -> Result<Option<ExitStatus>, JobError> {
        if self.status.is_none() {
            match self.child.try_wait() {
                Ok(status) => self.status = status,
                Err(err) => return Err(self.error(JobErrorKind::Wait(err))),
            }
            self.ended = self.status.map(|_| Instant::now());
        }
        Ok(self.status)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
        let n_more = self.kept.len().saturating_sub(MAX_KEPT);
        self.kept.drain(..n_more);
    }

    /// Ends the program and the processes that it has started: first with SIGTERM, then with
    /// SIGKILL.
    fn end(&mut self) {
        self.input = None;
        self.signal(false);
        let start = Instant::now();
        // If the output is still open, some of its processes are still running.
        while start.elapsed() < GRACE && (self.n_open > 0 || self.status.is_none()) {
            match self.output.recv_timeout(pause(start.elapsed())) {
                Ok(Some(Chunk::Err(bytes))) => self.keep(&bytes),
                Ok(Some(Chunk::Out(_))) => {}
                Ok(None) => self.n_open = self.n_open.saturating_sub(1),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.n_open = 0;
                    thread::sleep(pause(start.elapsed()));
                }
            }
            if self.status.is_none() {
                self.status = self.child.try_wait().ok().flatten();
            }
        }
        self.signal(true);
        if self.status.is_none() {
            self.status = self.child.wait().ok();
        }
    }

    #[cfg(unix)]
    fn signal(&mut self, hard: bool) {
        kill_group(self.child.id(), hard);
    }

    #[cfg(not(unix))]
    fn signal(&mut self, _hard: bool) {
        let _ = self.child.kill();
    }
}

#[cfg(unix)]
fn kill_group(id: u32, hard: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let signal = if hard { Signal::KILL } else { Signal::TERM };
    // The group exists as long as any of its processes does; otherwise, there is nothing to end.
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, signal);
    }
}

#[cfg(not(unix))]
fn kill_group(_id: u32, _hard: bool) {}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.end();
        }
    }
}

/// Starts a program; if another process is writing its file, the start is repeated for a while,
/// because the file is not busy for long.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let start = Instant::now();
    loop {
        match command.spawn() {
            Err(err)
                if err.kind() == io::ErrorKind::ExecutableFileBusy && start.elapsed() < GRACE =>
            {
                thread::sleep(TICK);
            }
            res => return res,
        }
    }
}

/// Returns how long to wait for something that has taken `elapsed`: an eighth of that, so that a
/// quick end is noticed quickly.
pub(crate) fn pause(elapsed: Duration) -> Duration {
    (elapsed / 8).clamp(Duration::from_micros(100), TICK)
}

fn read(
    mut stream: impl Read,
    chunk: impl Fn(Vec<u8>) -> Chunk,
    sender: &SyncSender<Option<Chunk>>,
) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(n) => {
                if sender.send(Some(chunk(buffer[..n].to_vec()))).is_err() {
                    return;
                }
            }
        }
    }
    let _ = sender.send(None);
}

/// Returns how a program ended, as a part of a sentence.
pub(crate) fn ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            libc::SIGABRT => " (SIGABRT)",
            libc::SIGBUS => " (SIGBUS)",
            libc::SIGHUP => " (SIGHUP)",
            libc::SIGILL => " (SIGILL)",
            libc::SIGINT => " (SIGINT)",
            libc::SIGKILL => " (SIGKILL)",
            libc::SIGPIPE => " (SIGPIPE)",
            libc::SIGSEGV => " (SIGSEGV)",
            libc::SIGTERM => " (SIGTERM)",
            _ => "",
        };
        return format!("was terminated by signal {signal}{name}");
    }
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => "exited without an exit code".to_owned(),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn job(script: &str) -> Job<'static> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Job {
            command,
            input: b"question\n".as_slice().into(),
            limit: Duration::from_secs(60),
            max_output: 1000,
            services: None,
        }
    }

    fn fails(job: Job<'_>) -> JobError {
        job.run_well().expect_err("it cannot work")
    }

    #[test]
    fn a_program_reads_its_input_and_writes_its_output() {
        let output = job("cat; echo oh >&2; exit 3").run().unwrap();
        assert_eq!(output.stdout, b"question\n");
        assert_eq!((output.stderr.as_str(), output.status.code()), ("oh", Some(3)));
        // A program that does not read its input behaves the same.
        let mut deaf = job("exec 0<&-; sleep 0.1; echo done");
        deaf.input = vec![0; 10_000_000].into();
        assert_eq!(deaf.run_well().unwrap().stdout, b"done\n");
    }

    #[test]
    fn a_failure_says_how_and_has_the_last_lines_of_standard_error() {
        let err = fails(job("for i in $(seq 20); do echo $i >&2; done; exit 4"));
        assert_eq!(err.to_string(), "it exited with code 4");
        assert_eq!(err.stderr.lines().collect::<Vec<_>>()[..2], ["11", "12"]);
        let err = fails(job("kill -SEGV $$"));
        assert_eq!(err.to_string(), "it was terminated by signal 11 (SIGSEGV)");
    }

    #[test]
    fn too_much_output_is_an_error_at_once() {
        let err = fails(job("yes"));
        assert_eq!(err.to_string(), "it wrote more than 1000 bytes to its standard output");
    }

    #[test]
    fn a_time_limit_ends_all_that_a_program_has_started() {
        let temp = tempfile::tempdir().unwrap();
        let pid = temp.path().join("pid");
        // The inner process ignores the signals that would end it, and the outer one waits for it.
        let script = format!(
            "(trap '' TERM; echo $$ > /dev/null; sh -c 'echo $PPID' > {0}.tmp; mv {0}.tmp {0}; \
             sleep 600) & echo begun >&2; wait",
            pid.display()
        );
        let mut slow = job(&script);
        slow.limit = Duration::from_millis(700);
        let err = fails(slow);
        assert_eq!(err.to_string(), "it timed out after 700ms");
        assert_eq!(err.stderr, "begun");
        let pid = std::fs::read_to_string(pid).unwrap();
        let start = Instant::now();
        while is_running(pid.trim()) {
            assert!(start.elapsed() < Duration::from_secs(20), "process {pid} is there");
            thread::sleep(TICK);
        }
    }

    #[test]
    fn a_process_that_keeps_the_output_open_is_an_error_and_ended() {
        let err = fails(job("sleep 600 & echo $!"));
        let text = "it exited but left a process behind that keeps its output open";
        assert_eq!(err.to_string(), text);
        // One whose output is elsewhere may go on.
        let output = job("sleep 600 >/dev/null 2>&1 & echo $!").run_well().unwrap();
        let pid = String::from_utf8(output.stdout).unwrap();
        assert!(is_running(pid.trim()));
        assert!(Command::new("kill").arg(pid.trim()).status().unwrap().success());
    }

    #[test]
    fn a_program_that_cannot_be_run_says_why() {
        let mut absent = job("");
        absent.command = Command::new("/nonexistent/program");
        let err = absent.run().unwrap_err();
        assert!(matches!(err.kind, JobErrorKind::Start(_)), "{err}");
    }

    fn is_running(pid: &str) -> bool {
        // A process that has ended may wait for its parent to notice.
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|it| !it.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
    }
}
