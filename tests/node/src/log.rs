//! Log lines in k3s's format, and times in Kubernetes's format.

use std::io::{self, Write as _};
use time::OffsetDateTime;

/// Prints a message on standard output.
pub(crate) fn info(message: &str) {
    say("info", message);
}

/// Prints why the process ends.
pub(crate) fn fatal(message: &str) {
    say("fatal", message);
}

/// Returns the time as Kubernetes writes it, to the second.
pub(crate) fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second) = now.to_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(month))
}

fn say(level: &str, message: &str) {
    // A closed output is not a reason to stop.
    let _ = writeln!(io::stdout(), "time=\"{}\" level={level} msg={message:?}", now());
}
