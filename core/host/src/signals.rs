//! The signals that a program should leave alone.
//!
//! By convention, a signal that was ignored when the program started stays ignored: `nohup` and the
//! background jobs of scripts depend on this. On Linux, the ignored signals are known; on other
//! systems, no signal counts as ignored.

/// Returns whether the process ignored a signal, given by its number, when this was first called.
pub fn is_ignored(signal: i32) -> bool {
    u32::try_from(signal - 1).is_ok_and(|bit| ignored().checked_shr(bit).unwrap_or(0) & 1 == 1)
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

#[cfg(not(target_os = "linux"))]
fn ignored() -> u64 {
    0
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_which_signals_are_ignored() {
        let status = "Name:\tsh\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\n";
        assert_eq!(parse(status), Some(0x1003));
        // Rust ignores SIGPIPE before `main`.
        assert!(is_ignored(13) && !is_ignored(15) && !is_ignored(0));
    }
}
