//! Work that can be interrupted or can take too long, and is then undone if possible.

use super::report::Report;
use super::rollback::Run;
use super::signals::Signals;
use crate::error::ClusterError;
use pintle_plugin::Level;
use std::time::Duration;

/// Work that can be undone.
pub(crate) struct Guard<'a> {
    pub(crate) run: &'a Run,
    /// The name of the work, for example `cluster create`.
    pub(crate) work: &'static str,
    /// The cluster.
    pub(crate) name: &'a str,
    pub(crate) limit: Option<Duration>,
    /// Whether what was created is removed again after a failure.
    pub(crate) rollback: bool,
    pub(crate) report: &'a dyn Report,
}

impl Guard<'_> {
    /// Runs the work. If it fails, takes too long, or a signal arrives, the work is undone.
    ///
    /// A second signal ends the removal, and the error lists what remains.
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
            // The engine must not finish an object after the end of the run.
            tokio::select! {
                biased;
                () = signals.next() => {}
                () = self.run.settle() => {}
            }
            self.report_kept();
            return Err(failure);
        }
        if self.run.remains().is_empty() {
            // Hooks may still have created something.
        } else if failure.is_interrupt() {
            self.report.step("interrupted; removing what was created (interrupt again to keep it)");
        } else {
            self.report.step("removing what was created");
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

    fn report_kept(&self) {
        let remains = self.run.remains();
        if !remains.is_empty() {
            self.report.log(Level::Warn, &format!("what was created is kept: {remains}"));
        }
    }
}

/// Ends work that undoes nothing when it takes too long, or a signal arrives.
pub(super) async fn bounded<T>(
    work_name: &str,
    stage: &str,
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    let mut signals = Signals::take();
    let limit = limit.unwrap_or(Duration::MAX);
    tokio::select! {
        biased;
        () = signals.next() => Err(ClusterError::Interrupted),
        result = work => result,
        () = tokio::time::sleep(limit) => Err(ClusterError::TimedOut {
            work: work_name.to_owned(),
            limit,
            stage: stage.to_owned(),
            is_undone: false,
        }),
    }
}
