//! The signals that end work with clusters.
//!
//! By convention a signal that was ignored when the program started stays ignored: `nohup`
//! and the background jobs of scripts rely on it. Linux tells which ones those are; on other
//! systems none counts as ignored.

/// The signals that end a run: Ctrl-C, SIGTERM, and SIGHUP where there is one.
pub struct Signals {
    #[cfg(unix)]
    caught: Vec<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Takes the signals over: from now on they no longer end the process.
    pub fn take() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let ignored = ignored();
            let kinds = [SignalKind::interrupt(), SignalKind::hangup(), SignalKind::terminate()];
            // SIGTERM is how service managers end a program, whatever started it.
            let is_caught = |kind: &SignalKind| {
                *kind == SignalKind::terminate() || !has(ignored, kind.as_raw_value())
            };
            let take = |kind| signal(kind).expect("these signals can be caught");
            Self { caught: kinds.into_iter().filter(is_caught).map(take).collect() }
        }
        #[cfg(not(unix))]
        Self {}
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

/// Returns the set of signals that the process ignores, one bit for each. Source:
/// proc_pid_status(5).
#[cfg(target_os = "linux")]
fn ignored() -> u64 {
    use std::sync::OnceLock;

    static IGNORED: OnceLock<u64> = OnceLock::new();
    *IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        parse(&status).unwrap_or_default()
    })
}

#[cfg(target_os = "linux")]
fn parse(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|it| it.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(all(unix, not(target_os = "linux")))]
fn ignored() -> u64 {
    0
}

#[cfg(unix)]
fn has(signals: u64, number: i32) -> bool {
    u32::try_from(number - 1).is_ok_and(|bit| signals.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_which_signals_are_ignored() {
        let status = "Name:\tsh\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\n";
        let ignored = parse(status).unwrap();
        assert!(has(ignored, 1) && has(ignored, 2) && has(ignored, 13));
        assert!(!has(ignored, 15) && !has(ignored, 0));
    }
}
