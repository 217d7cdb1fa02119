//! The processes of `plugin dev`, and the signals that end them together with it.
//!
//! With a terminal, a child shares its process group, so that Ctrl-C reaches both, and the child can
//! use the terminal. Without one, a child has a group of its own. In both cases, a child is ended
//! together with the processes that it has started.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::process;
use crate::services::CommandSignals;
#[cfg(unix)]
use crate::signals;
#[cfg(unix)]
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
#[cfg(unix)]
use signal_hook::iterator::{SignalsInfo, exfiltrator::WithRawSiginfo};
#[cfg(unix)]
use std::cell::{Cell, RefCell};
use std::process::{ChildStdout, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// The duration of one wait for a child.
const TICK: Duration = Duration::from_millis(200);
/// How long a child may take to end. A host gives its plugins ten seconds to clean up.
const GRACE: Duration = Duration::from_secs(12);

/// The signals that end this command.
pub(super) struct Signals {
    _own_end: CommandSignals,
    #[cfg(unix)]
    pending: RefCell<Option<SignalsInfo<WithRawSiginfo>>>,
    /// The first signal.
    #[cfg(unix)]
    received: Cell<Option<libc::siginfo_t>>,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn take() -> Self {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        let taken = [SIGINT, SIGHUP, SIGQUIT, SIGTERM];
        let taken = taken.iter().filter(|it| !signals::is_ignored(**it));
        // If this fails, a signal ends this process like any other.
        let pending = RefCell::new(SignalsInfo::new(taken).ok());
        Self { _own_end: CommandSignals::leave(), pending, received: Cell::new(None) }
    }

    /// Returns whether a signal was received.
    pub(super) fn came(&self) -> bool {
        if self.received.get().is_none() {
            let mut pending = self.pending.borrow_mut();
            self.received.set(pending.as_mut().and_then(|it| it.pending().next()));
        }
        self.received.get().is_some()
    }

    /// Returns whether the terminal sent the signal: if so, it sent it to the children, too.
    fn is_of_terminal(&self) -> bool {
        let Some(signal) = self.received.get() else { return false };
        // The sender is the kernel and not a process. Source: sigaction(2).
        #[cfg(target_os = "linux")]
        return signal.si_code == libc::SI_KERNEL;
        #[cfg(not(target_os = "linux"))]
        return signal.si_signo == signal_hook::consts::SIGINT && has_terminal();
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(super) fn take() -> Self {
        Self { _own_end: CommandSignals::leave() }
    }

    /// Returns whether a signal was received: on this platform, Ctrl-C ends all processes at once.
    pub(super) fn came(&self) -> bool {
        false
    }

    fn is_of_terminal(&self) -> bool {
        true
    }
}

/// Returns whether a terminal sends signals to this process and its children.
#[cfg(unix)]
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// The state of a child.
pub(super) enum Ended {
    /// It has not ended yet.
    Not,
    /// It has ended by itself.
    With(ExitStatus),
    /// It has ended because of a signal to this process.
    Interrupted,
}

/// A process that ends when this value is dropped.
pub(super) struct Child {
    child: std::process::Child,
    /// Whether it leads a process group of its own.
    #[cfg(unix)]
    is_group: bool,
    has_ended: bool,
}

impl Child {
    pub(super) fn start(mut command: Command) -> Result<Self, CliError> {
        #[cfg(unix)]
        let is_group = !has_terminal();
        #[cfg(unix)]
        if is_group {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let child = command.spawn().map_err(|err| {
            let program = command.get_program().to_string_lossy();
            CliError::new(Exit::Failed, format!("failed to run `{program}`")).cause(&err)
        })?;
        Ok(Self {
            child,
            #[cfg(unix)]
            is_group,
            has_ended: false,
        })
    }

    /// Returns its standard output, if it was piped.
    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for its end for a moment. If a signal was received, ends it.
    pub(super) fn wait(&mut self, signals: &Signals) -> Ended {
        let start = Instant::now();
        while start.elapsed() < TICK {
            if signals.came() {
                match signals.is_of_terminal() {
                    true => self.finish(),
                    false => self.end(),
                }
                return Ended::Interrupted;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                self.has_ended = true;
                return Ended::With(status);
            }
            thread::sleep(process::pause(start.elapsed()));
        }
        Ended::Not
    }

    /// Waits for its end; returns `None` if a signal to this process has ended it.
    pub(super) fn status(&mut self, signals: &Signals) -> Option<ExitStatus> {
        loop {
            match self.wait(signals) {
                Ended::Interrupted => return None,
                Ended::Not => {}
                Ended::With(status) => return Some(status),
            }
        }
    }

    /// Requests its end, and waits for it.
    pub(super) fn end(&mut self) {
        self.signal(false);
        self.finish();
    }

    /// Waits for its end; if it takes too long, kills it.
    fn finish(&mut self) {
        let start = Instant::now();
        while !self.has_ended && start.elapsed() < GRACE {
            self.has_ended = !matches!(self.child.try_wait(), Ok(None));
            thread::sleep(process::pause(start.elapsed()));
        }
        if !self.has_ended {
            self.signal(true);
            let _ = self.child.wait();
            self.has_ended = true;
        }
    }

    /// Signals the child and the processes that it has started, as the terminal does with Ctrl-C.
    #[cfg(unix)]
    fn signal(&self, hard: bool) {
        let signal = if hard { Signal::KILL } else { Signal::TERM };
        let pid = Pid::from_child(&self.child);
        // They may have ended by themselves in the meantime. A process that was stopped receives
        // the signal when it continues.
        if self.is_group {
            let _ = kill_process_group(pid, signal);
            let _ = kill_process_group(pid, Signal::CONT);
            return;
        }
        for pid in family(pid) {
            let _ = kill_process(pid, signal);
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    #[cfg(not(unix))]
    fn signal(&mut self, _hard: bool) {
        let _ = self.child.kill();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end();
        }
    }
}

/// Returns a process and, where the system lists them, the processes below it that are in the
/// process group of this one. Source: proc_tid_children(5).
#[cfg(unix)]
fn family(pid: Pid) -> Vec<Pid> {
    let own_group = getpgid(None).ok();
    let mut found = vec![pid];
    let mut n_done = 0;
    while let Some(pid) = found.get(n_done).copied() {
        n_done += 1;
        let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
        for thread in threads.into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(thread.path().join("children"));
            let children = children.unwrap_or_default();
            let children = children.split_whitespace().filter_map(|it| it.parse().ok());
            let children = children.filter_map(Pid::from_raw);
            found.extend(children.filter(|it| getpgid(Some(*it)).ok() == own_group));
        }
    }
    found
}
