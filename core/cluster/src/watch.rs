//! Work that can be interrupted, can be too slow, and is undone when it fails.

use super::error::ClusterError;
use super::run::Run;
use pintle_plugin::Level;
use std::time::Duration;

/// Who is told how the work goes.
pub trait Report {
    /// Tells a line.
    fn log(&self, level: Level, text: &str);
    /// Tells what is done now.
    fn step(&self, text: &str) {
        self.log(Level::Info, text);
    }
    /// Tells how far a piece of work has come.
    fn progress(&self, title: &str, done: usize, total: usize);
    /// Tells that the piece of work has ended, well or not.
    fn progress_ends(&self, well: bool);
}

/// The signals that end a run: Ctrl-C, and SIGTERM.
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes the signals over: from now on they no longer end the process.
    pub fn take() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let take = |kind| signal(kind).expect("these signals can be caught");
            Self {
                interrupt: take(SignalKind::interrupt()),
                terminate: take(SignalKind::terminate()),
            }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Work that is watched.
pub(crate) struct Guard<'a> {
    pub(crate) run: &'a Run,
    /// What the work is called, as `cluster create`.
    pub(crate) work: &'static str,
    /// The cluster.
    pub(crate) name: &'a str,
    pub(crate) limit: Option<Duration>,
    /// Whether what was made is taken back after a failure.
    pub(crate) rollback: bool,
    pub(crate) report: &'a dyn Report,
}

impl Guard<'_> {
    /// Does the work; when it fails, is too slow, or a signal comes, undoes it.
    ///
    /// A second signal ends the undoing, and the error says what remains.
    pub(crate) async fn watch<T>(
        &self,
        work: impl Future<Output = Result<T, ClusterError>>,
        undo: impl AsyncFnOnce() -> Result<(), ClusterError>,
    ) -> Result<T, ClusterError> {
        let mut signals = Signals::take();
        let limit = self.limit.unwrap_or(Duration::MAX);
        let failure = tokio::select! {
            biased;
            () = signals.next() => ClusterError::Interrupted,
            result = work => match result {
                Ok(it) => return Ok(it),
                Err(err) => err,
            },
            () = tokio::time::sleep(limit) => ClusterError::TimedOut {
                work: format!("{} {}", self.work, self.name),
                limit,
                stage: self.run.stage(),
                is_undone: self.rollback,
            },
        };
        self.run.end();
        self.report.progress_ends(false);
        if !self.rollback {
            self.tell_kept();
            return Err(failure);
        }
        if self.run.remains().is_empty() {
            // There is still what hooks did.
        } else if failure.is_interrupt() {
            self.report.step("interrupted; removing what was made (once more leaves it)");
        } else {
            self.report.step("removing what was made");
        }
        tokio::select! {
            biased;
            () = signals.next() => Err(ClusterError::Abandoned {
                remains: self.run.remains(),
                name: self.name.to_owned(),
            }),
            undone = undo() => Err(match undone {
                Ok(()) => failure,
                Err(source) => ClusterError::NotUndone {
                    name: self.name.to_owned(),
                    failure: Box::new(failure),
                    source: Box::new(source),
                },
            }),
        }
    }

    fn tell_kept(&self) {
        let remains = self.run.remains();
        if !remains.is_empty() {
            self.report.log(Level::Warn, &format!("what was made is kept: {remains}"));
        }
    }
}
