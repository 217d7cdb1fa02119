//! The processes of `plugin dev`, and the signals that end them together with it.
//!
//! With a terminal, a child shares its process group, and Ctrl-C reaches both. Without one, a child
//! has a group of its own, which receives the signal from here.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::process;
use crate::services::CommandSignals;
#[cfg(unix)]
use crate::signals;
use std::io::{self, IsTerminal as _};
use std::process::{ChildStdout, Command, ExitStatus};
#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The duration of one wait for a child.
const TICK: Duration = Duration::from_millis(200);
/// How long a child may take to end. A host gives its plugins ten seconds to clean up.
const GRACE: Duration = Duration::from_secs(12);

/// The signals that end this command.
pub(super) struct Signals {
    _own_end: CommandSignals,
    /// The number of the last signal; 0 if there was none.
    #[cfg(unix)]
    last: Arc<AtomicUsize>,
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn take() -> Self {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGHUP, SIGTERM] {
            if !signals::is_ignored(signal) {
                let number = usize::try_from(signal).unwrap_or_default();
                // If this fails, the signal ends this process like any other.
                let _ = signal_hook::flag::register_usize(signal, Arc::clone(&last), number);
            }
        }
        Self { _own_end: CommandSignals::leave(), last }
    }

    #[cfg(not(unix))]
    pub(super) fn take() -> Self {
        Self { _own_end: CommandSignals::leave() }
    }

    /// Returns whether a signal was received.
    #[cfg(unix)]
    pub(super) fn came(&self) -> bool {
        self.last.load(Ordering::SeqCst) != 0
    }

    /// Returns whether a signal was received: on this platform, Ctrl-C ends all processes at once.
    #[cfg(not(unix))]
    pub(super) fn came(&self) -> bool {
        false
    }

    /// Returns whether the terminal also sent the signal to the children.
    #[cfg(unix)]
    fn is_of_terminal(&self) -> bool {
        let interrupt = usize::try_from(signal_hook::consts::SIGINT).unwrap_or_default();
        io::stdin().is_terminal() && self.last.load(Ordering::SeqCst) == interrupt
    }

    #[cfg(not(unix))]
    fn is_of_terminal(&self) -> bool {
        true
    }
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
    is_group: bool,
    has_ended: bool,
}

impl Child {
    pub(super) fn start(mut command: Command) -> Result<Self, CliError> {
        let is_group = cfg!(unix) && !io::stdin().is_terminal();
        #[cfg(unix)]
        if is_group {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let child = command.spawn().map_err(|err| {
            let program = command.get_program().to_string_lossy();
            CliError::new(Exit::Failed, format!("failed to run `{program}`")).cause(&err)
        })?;
        Ok(Self { child, is_group, has_ended: false })
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

    #[cfg(unix)]
    fn signal(&self, hard: bool) {
        use rustix::process::{Pid, Signal, kill_process, kill_process_group};
        let signal = if hard { Signal::KILL } else { Signal::TERM };
        let pid = Pid::from_child(&self.child);
        // It may have ended by itself in the meantime.
        let _ = match self.is_group {
            true => kill_process_group(pid, signal),
            false => kill_process(pid, signal),
        };
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
