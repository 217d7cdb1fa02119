//! The output of a process that crashes: one line with the cause, and below it the goroutines,
//! which are much longer than the part of a log that a host shows.

use crate::log;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use time::OffsetDateTime;

/// The part of Kubernetes or k3s that prints the cause.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Form {
    /// k3s itself: `level=fatal`.
    #[default]
    Fatal,
    /// Kubernetes's logger: `F1126 …`.
    Klog,
    /// The Go runtime: `panic: …`.
    Panic,
}

impl Form {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "fatal" => Some(Self::Fatal),
            "klog" => Some(Self::Klog),
            "panic" => Some(Self::Panic),
            _ => None,
        }
    }
}

/// Prints the cause of a crash in the given form, and a dump of goroutines.
pub(crate) fn print(form: Form, cause: &str) {
    match form {
        Form::Fatal => log::fatal(cause),
        Form::Klog => say(&klog_line(OffsetDateTime::now_utc(), cause)),
        Form::Panic => say(&format!("panic: {cause}\n\n")),
    }
    say(&goroutines());
}

fn klog_line(now: OffsetDateTime, cause: &str) -> String {
    let (_, month, day) = now.to_calendar_date();
    let (hour, minute, second, micro) = now.to_hms_micro();
    let month = u8::from(month);
    format!(
        "F{month:02}{day:02} {hour:02}:{minute:02}:{second:02}.{micro:06}       1 server.go:181] \
         {cause}\n"
    )
}

/// Returns about sixty lines in the form of Go's dumps.
fn goroutines() -> String {
    const WAITS: [&str; 4] = ["select", "chan receive", "IO wait", "sync.Cond.Wait"];
    let mut text = String::from("goroutine 1 [running]:\n");
    for idx in 0..12_usize {
        if idx > 0 {
            let wait = WAITS[idx % WAITS.len()];
            let _ = writeln!(text, "goroutine {} [{wait}]:", 17 * idx + 4);
        }
        let (first, second) = (0x01a0_b2c0 + idx * 0x940, 0x01a0_f800 + idx * 0x720);
        let _ = writeln!(text, "example.test/standin/worker{idx}.run(0xc{first:09x}, 0x1)");
        let _ = writeln!(text, "\t/standin/worker{idx}.go:{} +0x{:x}", 40 + idx, first % 0xfff);
        let _ = writeln!(text, "created by example.test/standin/worker{idx}.Start");
        let _ = writeln!(text, "\t/standin/start.go:{} +0x{:x}\n", 70 + idx, second % 0xfff);
    }
    text
}

fn say(text: &str) {
    // If the output is closed, the process still ends in the same way.
    let _ = io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dump_is_longer_than_the_end_of_a_log() {
        assert!(goroutines().lines().count() >= 60);
        assert!(!goroutines().contains("crashed"));
    }

    #[test]
    fn klog_lines_begin_with_the_level_and_the_date() {
        let time = OffsetDateTime::from_unix_timestamp(1_795_692_221).unwrap();
        let line = klog_line(time, "it broke");
        assert!(line.starts_with("F1126 "), "{line}");
        assert!(line.ends_with(" 1 server.go:181] it broke\n"), "{line}");
    }
}
