//! The owner of a lock: what a lock file records about it, and whether it still runs.
//!
//! Invariant: an owner counts as dead only if that is certain. A process of another machine, or of
//! a container whose processes are not visible here, never counts as dead.

use super::error::Holder;
use super::replace::random;
use serde::{Deserialize, Serialize};

/// The number of the format.
const FORMAT: u32 = 1;
/// The maximum number of ancestors that are examined.
const MAX_ANCESTORS: usize = 1000;

/// The contents of a lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    /// Distinguishes this lock from all earlier and later ones in the file.
    pub(super) nonce: u64,
    /// Whether the owner also holds the kernel's lock on the file.
    pub(super) kernel: bool,
    /// The number of the owner's process.
    pub(super) process: u32,
    /// The start time of the process, in the kernel's ticks since boot.
    start: Option<u64>,
    /// The boot of the kernel to which the process belongs.
    boot: Option<String>,
    /// The process namespace of the number.
    namespace: Option<String>,
    /// The machine, which has the same name in its next run.
    machine: Option<String>,
}

/// The state of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Alive,
    Dead,
    /// It cannot be seen from here.
    Unknown,
}

impl Record {
    /// Returns the record of this process.
    pub(super) fn of_this_process(kernel: bool) -> Self {
        let process = std::process::id();
        Self {
            format: FORMAT,
            nonce: random(),
            kernel,
            process,
            start: system::start(process),
            boot: system::boot(),
            namespace: system::namespace(),
            machine: system::machine(),
        }
    }

    /// Parses a record; `None` if the bytes do not have this format.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|it: &Self| it.format == FORMAT)
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("the record has string keys") + "\n"
    }

    /// Returns whether the owner still runs.
    pub(super) fn state(&self) -> State {
        if let (Some(theirs), Some(ours)) = (&self.boot, &system::boot()) {
            let is_known = |theirs: &Option<String>, ours| theirs.is_some() && *theirs == ours;
            return match theirs == ours {
                true if is_known(&self.namespace, system::namespace()) => self.process_state(),
                // The machine has been restarted since, with all its processes.
                false if is_known(&self.machine, system::machine()) => State::Dead,
                _ => State::Unknown,
            };
        }
        State::Unknown
    }

    fn process_state(&self) -> State {
        if !system::exists(self.process) {
            return State::Dead;
        }
        match (self.start, system::start(self.process)) {
            (Some(theirs), Some(found)) if theirs != found => State::Dead,
            _ => State::Alive,
        }
    }
}

impl Holder {
    /// Whether this process was started by the one that holds the lock, for example by one of its
    /// hooks: waiting for it would be a deadlock.
    pub fn is_ancestor(&self) -> bool {
        self.is_certain && self.process.is_some_and(is_ancestor)
    }
}

/// Whether this process is a descendant of a process.
fn is_ancestor(process: u32) -> bool {
    let mut next = system::parent(None);
    // No chain is longer, and a number that is reused could form a cycle.
    for _ in 0..MAX_ANCESTORS {
        match next {
            Some(found) if found == process => return true,
            Some(found) if found > 1 => next = system::parent(Some(found)),
            _ => return false,
        }
    }
    false
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    use std::fs;

    /// Returns the start time of a process; `None` if it cannot be determined, or if the process is
    /// dead and its parent has not collected it yet.
    pub(super) fn start(process: u32) -> Option<u64> {
        field(process, 19)?.parse().ok()
    }

    /// Returns the parent of a process, or of this one.
    pub(super) fn parent(process: Option<u32>) -> Option<u32> {
        field(process.unwrap_or_else(std::process::id), 1)?.parse().ok()
    }

    /// Returns a field of the kernel's data about a process, counted from its state.
    fn field(process: u32, idx: usize) -> Option<String> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The previous field is the program's name in parentheses, which may contain any character.
        let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
        fields.nth(idx).map(str::to_owned)
    }

    pub(super) fn boot() -> Option<String> {
        line("/proc/sys/kernel/random/boot_id")
    }

    pub(super) fn namespace() -> Option<String> {
        fs::read_link("/proc/self/ns/pid").ok()?.into_os_string().into_string().ok()
    }

    pub(super) fn machine() -> Option<String> {
        Some(format!("{} {}", line("/proc/sys/kernel/hostname")?, line("/etc/machine-id")?))
    }

    /// Whether a process exists; one that only waits for its parent does not count.
    pub(super) fn exists(process: u32) -> bool {
        let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else { return false };
        if test_kill_process(pid) == Err(Errno::SRCH) {
            return false;
        }
        !matches!(field(process, 0).as_deref(), Some("Z" | "X"))
    }

    fn line(path: &str) -> Option<String> {
        let text = fs::read_to_string(path).ok()?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! This does not query anything that would prove a process dead.

    /// Returns the parent of this process; those of other processes are not queried.
    pub(super) fn parent(process: Option<u32>) -> Option<u32> {
        #[cfg(unix)]
        if process.is_none() {
            return rustix::process::getppid().map(|it| it.as_raw_nonzero().get().unsigned_abs());
        }
        let _ = process;
        None
    }

    pub(super) fn start(_: u32) -> Option<u64> {
        None
    }

    pub(super) fn boot() -> Option<String> {
        None
    }

    pub(super) fn namespace() -> Option<String> {
        None
    }

    pub(super) fn machine() -> Option<String> {
        None
    }

    pub(super) fn exists(_: u32) -> bool {
        true
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn this_process_is_alive() {
        let record = Record::of_this_process(true);
        assert_eq!(record.state(), State::Alive);
        assert_eq!(Record::parse(record.to_text().as_bytes()), Some(record));
    }

    #[test]
    fn a_process_that_has_ended_is_dead_even_if_nobody_has_asked_for_its_status() {
        let mut child = Command::new("true").spawn().unwrap();
        let record = Record { process: child.id(), start: None, ..Record::of_this_process(false) };
        for _ in 0..1000 {
            if record.state() == State::Dead {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(record.state(), State::Dead);
        child.wait().unwrap();
        assert_eq!(record.state(), State::Dead);
    }

    #[test]
    fn a_descendant_knows_its_ancestors() {
        assert!(is_ancestor(std::os::unix::process::parent_id()));
        assert!(is_ancestor(1) || system::parent(None) == Some(0));
        assert!(!is_ancestor(std::process::id()));
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(!is_ancestor(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn another_process_of_the_same_number_is_not_the_owner() {
        let record = Record { start: Some(1), ..Record::of_this_process(false) };
        assert_eq!(record.state(), State::Dead);
    }

    #[test]
    fn a_process_from_before_the_last_boot_is_dead() {
        let record = Record { boot: Some("earlier".into()), ..Record::of_this_process(false) };
        let is_known = record.machine.is_some();
        assert_eq!(record.state(), if is_known { State::Dead } else { State::Unknown });
    }

    #[test]
    fn a_process_that_cannot_be_seen_is_never_taken_for_dead() {
        let me = || Record::of_this_process(false);
        let elsewhere = Some("elsewhere".to_owned());
        let records = [
            Record { boot: elsewhere.clone(), machine: elsewhere.clone(), ..me() },
            Record { boot: elsewhere.clone(), machine: None, ..me() },
            Record { namespace: elsewhere, process: u32::MAX, ..me() },
            Record { namespace: None, process: u32::MAX, ..me() },
            Record { boot: None, process: u32::MAX, ..me() },
        ];
        for record in records {
            assert_eq!(record.state(), State::Unknown, "{record:?}");
        }
    }

    #[test]
    fn what_is_not_a_record_is_not_read_as_one() {
        let future = Record { format: FORMAT + 1, ..Record::of_this_process(true) }.to_text();
        for text in ["", "1\n", "pintle\n", "{}", "\0", &future] {
            assert_eq!(Record::parse(text.as_bytes()), None, "{text}");
        }
    }
}
