//! The manager under faults: it is killed, or the disk fails, at each system call that changes the
//! disk. strace injects both into the real program, by the kind and number of the call.

use crate::plugin_manager::Harbour;
use crate::program_kit::has;
use crate::support::Output;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// The system calls that can change the disk; not every platform has all of them.
const CALLS: &str = "?open,?openat,?creat,?write,?writev,?pwrite64,?pwritev,?rename,?renameat,\
                     ?renameat2,?link,?linkat,?symlink,?symlinkat,?unlink,?unlinkat,?mkdir,\
                     ?mkdirat,?rmdir,?chmod,?fchmod,?fchmodat,?fchmodat2,?fsync,?fdatasync,\
                     ?truncate,?ftruncate,?fallocate,?copy_file_range,?sendfile,?utimensat";

/// The maximum number of faults of a kind per command; above it, only every second or third is
/// tried.
const MAX_POINTS: usize = 150;

/// A command and its effect.
struct Verb {
    /// The directory that it runs in, below the home.
    dir: &'static str,
    args: &'static str,
    /// The answer of `hello` before and afterwards, or `None` if there is no such command.
    before: Option<&'static str>,
    after: Option<&'static str>,
    /// Whether it can fail after everything is done.
    only_once: bool,
    /// Whether it can fail with versions in the store that no command uses.
    keeps_parts: bool,
}

/// A system call that changes the disk: its kind, and its number within the kind.
#[derive(Debug, Clone)]
struct Point {
    call: String,
    number: usize,
}

/// A server, and a home directory to run a command in.
struct Weather {
    harbour: Harbour,
    verb: Verb,
    prepared: PathBuf,
}

impl Weather {
    /// Prepares a home directory with some lines of `sh`.
    #[track_caller]
    fn new(verb: Verb, prepare: &str) -> Option<Self> {
        if !has("strace") {
            return None;
        }
        let harbour = Harbour::new(&["1.0.0", "1.2.0"]);
        let prepared = harbour.sandbox.path("prepared");
        fs::create_dir(&prepared).expect("the directory is new");
        let this = Self { harbour, verb, prepared };
        let script = format!("mkdir \"$HOME/ship\"; cd \"$HOME/ship\"; {prepare}");
        let _ = this.script(&this.prepared, &[], &script).success();
        Some(this)
    }

    fn script(&self, home: &Path, launcher: &[&str], script: &str) -> Output {
        let script = format!("HOME='{}'; export HOME; {script}", home.display());
        self.harbour.sandbox.script(launcher, &script)
    }

    /// Returns a copy of the prepared home directory.
    fn home(&self, name: &str) -> PathBuf {
        let home = self.harbour.sandbox.path(name);
        let copy = format!("cp -a '{}' '{}'", self.prepared.display(), home.display());
        let _ = self.harbour.sandbox.script(&[], &copy).success();
        home
    }

    /// Runs the command under strace, which injects a fault if requested.
    fn run(&self, home: &Path, inject: Option<&str>) -> Output {
        let trace = home.with_extension("trace").display().to_string();
        let calls = format!("trace={CALLS}");
        let mut launcher = vec!["strace", "-qq", "-y", "-e", &calls, "-e", "signal=none"];
        launcher.extend(["-o", &trace]);
        launcher.extend(inject.map(|it| ["-e", it]).into_iter().flatten());
        let script = format!("cd \"$HOME/{}\"; exec \"$PINTLE\" {}", self.verb.dir, self.verb.args);
        self.script(home, &launcher, &script)
    }

    /// Returns the calls that change something in the home directory, in their order.
    fn points(&self) -> (BTreeMap<String, String>, Vec<Point>) {
        let home = self.home("whole");
        let _ = self.run(&home, None).success();
        let trace = fs::read_to_string(home.with_extension("trace")).expect("strace has written");
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut points = Vec::new();
        for line in trace.lines() {
            let Some((call, rest)) = line.split_once('(') else { continue };
            let number = numbers.entry(call).or_default();
            *number += 1;
            let is_open = call.starts_with("open");
            let changes = !is_open || rest.contains("O_CREAT") || rest.contains("O_TRUNC");
            if changes && rest.contains(&*home.to_string_lossy()) {
                points.push(Point { call: call.to_owned(), number: *number });
            }
        }
        (tree(&home), points)
    }

    /// Returns the answer of `hello`.
    fn answer(&self, home: &Path) -> Option<String> {
        let script = format!("cd \"$HOME/{}\"; exec \"$PINTLE\" hello", self.verb.dir);
        let out = self.script(home, &[], &script);
        match out.code() {
            0 => Some(out.stdout.trim().to_owned()),
            2 => None,
            _ => panic!("{out}"),
        }
    }

    /// Checks each point with a fault; there may be one fault per kind of call.
    #[track_caller]
    fn check(&self, fault_of: fn(&str) -> &'static str) {
        let before = tree(&self.prepared);
        let (after, points) = self.points();
        assert!(points.len() > 10, "{points:?}");
        let step = points.len().div_ceil(MAX_POINTS);
        let (mut n_tried, mut n_hit) = (0, 0);
        for point in points.iter().step_by(step) {
            n_tried += 1;
            n_hit += usize::from(self.check_point(point, fault_of(&point.call), &before, &after));
        }
        assert!(n_hit * 10 >= n_tried * 9, "only {n_hit} of {n_tried} were hit");
    }

    /// Checks one point, and returns whether the fault occurred.
    fn check_point(
        &self,
        point: &Point,
        fault: &str,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) -> bool {
        let Point { call, number } = point;
        let verb = &self.verb;
        let home = self.home(&format!("{call}-{number}"));
        let out = self.run(&home, Some(&format!("inject={call}:{fault}:when={number}")));
        let seen = format!("{} with {fault} at {call} {number}:\n{out}", verb.args);
        let trace = fs::read_to_string(home.with_extension("trace")).expect("strace has written");
        let is_hit = out.status().code().is_none() || trace.contains("(INJECTED)");

        let answer = self.answer(&home);
        let answer = answer.as_deref();
        assert!([verb.before, verb.after].contains(&answer), "{answer:?} after {seen}");
        if let Some(code) = out.status().code() {
            // The command's output matches what has happened.
            let (expected, files) =
                if code == 0 { (verb.after, after) } else { (verb.before, before) };
            assert_eq!(answer, expected, "{seen}");
            if code == 0 || !verb.keeps_parts {
                assert_eq!(&tree(&home), files, "{seen}");
            }
        }

        let again = format!("cd \"$HOME/{}\"; exec \"$PINTLE\" {}", verb.dir, verb.args);
        let again = self.script(&home, &[], &again);
        let is_fine = again.code() == 0 || verb.only_once && again.code() == 1;
        assert!(is_fine, "after {seen}\nagain:\n{again}");
        assert_eq!(self.answer(&home).as_deref(), verb.after, "after {seen}");
        assert_eq!(&tree(&home), after, "after {seen}");
        assert_eq!(leftovers(&home), Vec::<PathBuf>::new(), "after {seen}");
        let verify = self.script(&home, &[], "exec \"$PINTLE\" plugin verify");
        assert_eq!(verify.code(), 0, "{verify} after {seen}");
        // Many copies need a lot of space.
        fs::remove_dir_all(&home).expect("it is accessible");
        is_hit
    }
}

/// Returns the paths below the store and the projects, with their contents. The lock's own files
/// and directories without a file are omitted.
fn tree(home: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let store = home.join(STORE);
    for root in [&store, &home.join("ship")] {
        walk(root, &mut |path| {
            let is_own = path.starts_with(store.join(".store"));
            if is_own && !path.starts_with(store.join(".store/projects")) {
                return;
            }
            let name = path.strip_prefix(home).expect("it is below").display().to_string();
            // The digest of a project's path is the name of the link to it.
            let name = name.split("/.project-").next().unwrap_or_default().to_owned();
            let text = match fs::read_link(path) {
                Ok(target) => format!("-> {}", target.display()),
                Err(_) => String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned(),
            };
            found.insert(name, text.replace(&*home.to_string_lossy(), "[HOME]"));
        });
    }
    // A lock file without plugins is equivalent to a missing one.
    let lock = format!("{STORE}/plugins.lock");
    if found.get(&lock).is_some_and(|it| it.ends_with("[plugin]\n")) {
        found.remove(&lock);
    }
    found
}

/// Returns the files of the store and the projects that only an interrupted command can leave.
fn leftovers(home: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let own = home.join(STORE).join(".store");
    for root in [&own, &home.join("ship")] {
        walk(root, &mut |path| {
            let known = path == own.join("lock")
                || path.starts_with(own.join("projects"))
                || path.ends_with(".pintle/plugins.lock");
            if !known {
                found.push(path.to_owned());
            }
        });
    }
    found
}

/// Visits everything below a directory that is not a directory.
fn walk(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.expect("it can be read").path();
        match path.is_dir() && !path.is_symlink() {
            true => walk(&path, visit),
            false => visit(&path),
        }
    }
}

const STORE: &str = ".local/share/pintle/plugins";

const INSTALL: Verb = Verb {
    dir: "",
    args: "plugin install acme/hello@1.0.0",
    before: None,
    after: Some("hello 1.0.0"),
    only_once: false,
    keeps_parts: false,
};
const UPDATE: Verb = Verb {
    args: "plugin update",
    before: Some("hello 1.0.0"),
    after: Some("hello 1.2.0"),
    ..INSTALL
};
const ROLLBACK: Verb = Verb {
    args: "plugin rollback hello",
    before: Some("hello 1.2.0"),
    after: Some("hello 1.0.0"),
    only_once: true,
    ..INSTALL
};
const REMOVE: Verb = Verb {
    args: "plugin remove hello",
    before: Some("hello 1.0.0"),
    after: None,
    only_once: true,
    ..INSTALL
};
const SYNC: Verb = Verb { dir: "ship", args: "plugin sync", keeps_parts: true, ..INSTALL };

const OLD: &str = "\"$PINTLE\" plugin install acme/hello@1.0.0";
const BOTH: &str = "\"$PINTLE\" plugin install acme/hello@1.0.0; \"$PINTLE\" plugin update";
/// The lock file is that of another home directory.
const LOCKED: &str = "\"$PINTLE\" plugin install --project acme/hello@1.0.0; \
                      rm -r \"$HOME/.local\" \"$HOME/.cache\"";

fn killed(_: &str) -> &'static str {
    "signal=SIGKILL"
}

/// Returns the error of a full or broken disk for a call.
fn refused(call: &str) -> &'static str {
    let is_for_room = ["write", "open", "mkdir", "link", "symlink", "rename", "truncate"];
    match is_for_room.iter().any(|it| call.contains(it)) && !call.starts_with("unlink") {
        true => "error=ENOSPC",
        false => "error=EIO",
    }
}

#[track_caller]
fn check(verb: Verb, prepare: &str, fault_of: fn(&str) -> &'static str) {
    if let Some(weather) = Weather::new(verb, prepare) {
        weather.check(fault_of);
    }
}

#[test]
fn an_install_that_is_killed_is_whole_or_nothing() {
    check(INSTALL, "", killed);
}

#[test]
fn an_install_on_a_disk_that_fails_is_whole_or_nothing() {
    check(INSTALL, "", refused);
}

#[test]
fn an_update_that_is_killed_is_whole_or_nothing() {
    check(UPDATE, OLD, killed);
}

#[test]
fn an_update_on_a_disk_that_fails_is_whole_or_nothing() {
    check(UPDATE, OLD, refused);
}

#[test]
fn a_rollback_that_is_killed_is_whole_or_nothing() {
    check(ROLLBACK, BOTH, killed);
}

#[test]
fn a_rollback_on_a_disk_that_fails_is_whole_or_nothing() {
    check(ROLLBACK, BOTH, refused);
}

#[test]
fn a_sync_that_is_killed_is_whole_or_nothing() {
    check(SYNC, LOCKED, killed);
}

#[test]
fn a_sync_on_a_disk_that_fails_is_whole_or_nothing() {
    check(SYNC, LOCKED, refused);
}

#[test]
fn a_removal_that_is_killed_is_whole_or_nothing() {
    check(REMOVE, OLD, killed);
}

#[test]
fn a_removal_on_a_disk_that_fails_is_whole_or_nothing() {
    check(REMOVE, OLD, refused);
}
