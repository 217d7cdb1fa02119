//! The signals that end work with clusters.

use pintle_host::services::CommandSignals;

/// The signals that end a run: Ctrl-C, SIGTERM, and SIGHUP where it exists.
///
/// While this value exists, they are forwarded to the running plugins, and nothing else ends the
/// host.
pub struct Signals {
    _left_to_us: CommandSignals,
    #[cfg(unix)]
    caught: Vec<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Takes over the signals: from now on, they do not end the process.
    pub fn take() -> Self {
        #[cfg(unix)]
        {
            use pintle_host::signals::is_ignored;
            use tokio::signal::unix::{SignalKind, signal};
            let kinds = [SignalKind::interrupt(), SignalKind::hangup(), SignalKind::terminate()];
            // Service managers end a program with SIGTERM, whatever started it.
            let is_caught = |kind: &SignalKind| {
                *kind == SignalKind::terminate() || !is_ignored(kind.as_raw_value())
            };
            let take = |kind| signal(kind).expect("these signals can be caught");
            let _left_to_us = CommandSignals::leave();
            Self { _left_to_us, caught: kinds.into_iter().filter(is_caught).map(take).collect() }
        }
        #[cfg(not(unix))]
        Self { _left_to_us: CommandSignals::leave() }
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        {
            let signals = self.caught.iter_mut().map(|it| Box::pin(it.recv()));
            futures_util::future::select_all(signals).await;
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
