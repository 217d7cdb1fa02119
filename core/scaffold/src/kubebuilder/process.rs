//! Runs a program once: bytes to its standard input, bytes from its standard output.
//!
//! Invariant: when a run ends, however it does, the program and all that it has started in its
//! process group are gone.

use pintle_plugin::host::{HostServices, Stream};
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How much a program may print.
const MAX_OUTPUT: u64 = 256 << 20;

/// How much of the standard error is kept for an error message.
const MAX_TAIL: usize = 4 << 10;

/// How long the rest of the output may take when the program has ended. What it has started
/// can keep the pipes open outside of its process group.
const REST: Duration = Duration::from_millis(500);

/// How often the program is asked whether it has ended, and the host whether it shall.
const PAUSE: Duration = Duration::from_millis(20);

/// What a program printed, and how it ended.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) stdout: Vec<u8>,
    pub(super) status: ExitStatus,
    /// The end of what it printed to the standard error.
    pub(super) stderr_tail: String,
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// It cannot be started, or waited for.
    #[error("failed to run `{path}`")]
    Run { path: String, source: io::Error },
    /// It takes too long.
    #[error("timed out after {} waiting for `{path}`; it was killed", humantime::format_duration(*limit))]
    TimedOut { path: String, limit: Duration },
    /// It prints too much.
    #[error("`{path}` printed more than {} MiB; it was killed", MAX_OUTPUT >> 20)]
    TooLong { path: String },
    /// The host is interrupted.
    #[error("interrupted; `{path}` was killed")]
    Interrupted { path: String },
}

enum Event {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    /// One of the two streams has ended.
    End,
    TooLong,
}

/// Runs the program at `path` in the current directory, without arguments. What it prints to
/// its standard error goes to the user at once.
pub(super) fn run(
    path: &Path,
    stdin: Vec<u8>,
    limit: Duration,
    services: &dyn HostServices,
) -> Result<Output, RunError> {
    let name = path.display().to_string();
    let failed = |source| RunError::Run { path: name.clone(), source };
    let mut command = Command::new(path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut running = Running(command.spawn().map_err(failed)?);
    let (sender, events) = mpsc::channel();
    let child = &mut running.0;
    if let Some(mut pipe) = child.stdin.take() {
        // A program need not read what it is sent.
        thread::spawn(move || drop(pipe.write_all(&stdin)));
    }
    if let Some(pipe) = child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || forward(pipe, &sender, MAX_OUTPUT, Event::Stdout));
    }
    if let Some(pipe) = child.stderr.take() {
        thread::spawn(move || forward(pipe, &sender, u64::MAX, Event::Stderr));
    }
    let start = Instant::now();
    let mut heard = Heard { services, stdout: Vec::new(), tail: Vec::new(), n_open: 2 };
    loop {
        heard.wait(&events, PAUSE).map_err(|TooLong| RunError::TooLong { path: name.clone() })?;
        if running.has_ended().map_err(failed)? {
            break;
        }
        if services.wait_cancelled(Duration::ZERO) {
            return Err(RunError::Interrupted { path: name.clone() });
        }
        if start.elapsed() >= limit {
            return Err(RunError::TimedOut { path: name.clone(), limit });
        }
    }
    // What it has started must not keep the pipes open.
    let status = running.end().map_err(failed)?;
    let end = Instant::now();
    while heard.n_open > 0 && end.elapsed() < REST {
        heard.wait(&events, PAUSE).map_err(|TooLong| RunError::TooLong { path: name.clone() })?;
    }
    let stderr_tail = heard.tail();
    Ok(Output { stdout: heard.stdout, status, stderr_tail })
}

/// What the program has printed so far.
struct Heard<'a> {
    services: &'a dyn HostServices,
    stdout: Vec<u8>,
    tail: Vec<u8>,
    n_open: usize,
}

struct TooLong;

impl Heard<'_> {
    /// Takes in what is printed within `limit`.
    fn wait(&mut self, events: &Receiver<Event>, limit: Duration) -> Result<(), TooLong> {
        let mut event = events.recv_timeout(limit);
        loop {
            match event {
                Ok(Event::Stdout(bytes)) => self.stdout.extend(bytes),
                Ok(Event::Stderr(bytes)) => {
                    self.services.write(Stream::Err, &bytes);
                    self.tail.extend(bytes);
                    let surplus = self.tail.len().saturating_sub(MAX_TAIL);
                    self.tail.drain(..surplus);
                }
                Ok(Event::End) => self.n_open = self.n_open.saturating_sub(1),
                Ok(Event::TooLong) => return Err(TooLong),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    // Both streams are closed; only the end of the program is waited for.
                    thread::sleep(limit.min(Duration::from_millis(1)));
                    return Ok(());
                }
            }
            event = events.recv_timeout(Duration::ZERO);
        }
    }

    fn tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).trim_end().to_owned()
    }
}

/// Sends what a pipe has.
fn forward(
    mut pipe: impl Read,
    sender: &Sender<Event>,
    limit: u64,
    event: impl Fn(Vec<u8>) -> Event,
) {
    let (mut buffer, mut n_read) = (vec![0; 64 << 10], 0);
    // Whoever has no use for the rest drops the receiver.
    while let Ok(n @ 1..) = pipe.read(&mut buffer) {
        n_read += n as u64;
        if n_read > limit {
            let _ = sender.send(Event::TooLong);
            return;
        }
        if sender.send(event(buffer[..n].to_vec())).is_err() {
            return;
        }
    }
    let _ = sender.send(Event::End);
}

/// A program that runs. When this value is dropped, its whole process group is killed.
struct Running(Child);

impl Running {
    /// Whether the program itself has ended. Its number stays its own until it is waited for.
    #[cfg(unix)]
    fn has_ended(&mut self) -> io::Result<bool> {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid()?), options)?.is_some())
    }

    #[cfg(not(unix))]
    fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    #[cfg(unix)]
    fn pid(&self) -> io::Result<rustix::process::Pid> {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        pid.ok_or_else(|| io::Error::other("the system gave the process no number"))
    }

    /// Kills what is left of the process group, and returns how the program ended.
    fn end(&mut self) -> io::Result<ExitStatus> {
        #[cfg(unix)]
        if let Ok(pid) = self.pid() {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
        let _ = self.0.kill();
        self.0.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once it was waited for, the number may be another process's.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.end();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use pintle_plugin::Level;
    use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Ear(Mutex<Vec<u8>>);

    impl HostServices for Ear {
        fn write(&self, _: Stream, text: &[u8]) {
            self.0.lock().unwrap().extend(text);
        }

        fn log(&self, _: Level, _: &str) {}

        fn request(&self, _: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
            Ok(ServiceReply::default())
        }
    }

    fn script(text: &str, limit: Duration) -> (Result<Output, RunError>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let ear = Ear::default();
        let mut output = run(&path, b"in".to_vec(), limit, &ear);
        // Another thread of the tests may have started a process while the file was open.
        while matches!(&output, Err(RunError::Run { source, .. })
            if source.kind() == io::ErrorKind::ExecutableFileBusy)
        {
            output = run(&path, b"in".to_vec(), limit, &ear);
        }
        (output, String::from_utf8(ear.0.into_inner().unwrap()).unwrap())
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_streams_are_kept_apart() {
        let (output, heard) = script("cat; echo warning >&2; exit 3", LONG);
        let output = output.unwrap();
        assert_eq!(
            (output.stdout.as_slice(), output.stderr_tail.as_str()),
            (&b"in"[..], "warning")
        );
        assert_eq!((output.status.code(), heard.as_str()), (Some(3), "warning\n"));
    }

    #[test]
    fn a_child_that_keeps_the_pipe_is_killed_with_the_program() {
        let start = Instant::now();
        let (output, _) = script("sleep 60 & echo done", LONG);
        assert_eq!(output.unwrap().stdout, b"done\n");
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let (output, _) = script("sleep 60 & sleep 60", Duration::from_millis(100));
        assert!(matches!(output, Err(RunError::TimedOut { .. })), "{output:?}");
    }

    #[test]
    fn a_program_need_not_read_nor_print() {
        let (output, _) = script("exec >&- 2>&-; exit 0", LONG);
        assert!(output.unwrap().stdout.is_empty());
    }
}
