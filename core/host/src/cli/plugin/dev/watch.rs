//! Detects changes to the sources of a plugin.
//!
//! The sources are polled: a few hundred files cost less than a millisecond, and polling also works
//! in containers and on network disks, where the system does not report changes. A file has changed
//! if its contents have changed.

use super::project::Project;
use crate::fs;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The interval at which the sources are polled.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// How long the sources must be unchanged before a change counts: an editor may write several
/// files.
const SETTLE: Duration = Duration::from_millis(100);

/// The longest list of sources that is read.
const MAX_LIST: u64 = 16 << 20;

/// The largest file whose contents are compared.
const MAX_COMPARED: u64 = 1 << 20;

/// How much longer than one look at the sources the pause before the next one is, at least.
const REST: u32 = 20;

/// Time and size of a file.
type Stamp = (SystemTime, u64);

/// A file as it was when it was last polled.
#[derive(Clone, Copy)]
struct Seen {
    /// None if it does not exist.
    stamp: Option<Stamp>,
    /// The hash of its contents, unless it is large: a build script can write a file again and
    /// again without changing it.
    contents: Option<u64>,
}

/// The sources as they were when they were last polled.
pub(super) struct Watch {
    /// The directories that are searched for new files.
    modules: Vec<PathBuf>,
    /// Files that change the build, whether the compiler reads them or not.
    settings: Vec<PathBuf>,
    /// The file that cargo itself writes during a build.
    lock: PathBuf,
    /// The files that the compiler has read, as cargo reports them, including all path dependencies
    /// and files of `include_str!`.
    read: Vec<PathBuf>,
    seen: BTreeMap<PathBuf, Seen>,
    /// When to look next.
    next: Instant,
}

impl Watch {
    pub(super) fn new(project: &Project) -> Self {
        let lock = project.workspace.join("Cargo.lock");
        let mut settings = vec![project.workspace.join("Cargo.toml"), lock.clone()];
        for source in &project.sources {
            settings.extend(["Cargo.toml", "build.rs"].map(|it| source.dir.join(it)));
        }
        // Cargo and rustup read these for the directory that they run in.
        for dir in project.dir.ancestors() {
            let names =
                [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];
            settings.extend(names.map(|it| dir.join(it)));
        }
        let modules = project.sources.iter().map(|it| it.modules.clone()).collect();
        let (read, seen) = (Vec::new(), BTreeMap::new());
        let mut watch = Self { modules, settings, lock, read, seen, next: Instant::now() };
        watch.seen = watch.look();
        watch
    }

    /// Ends a build; reads the list of the files that were read for its library.
    pub(super) fn learn(&mut self, library: Option<&Path>) {
        let lock = self.file(&self.lock);
        self.seen.insert(self.lock.clone(), lock);
        let Some(library) = library else { return };
        // Without the list, only the sources of the packages are watched.
        let Ok(list) = fs::read_regular(&library.with_extension("d"), MAX_LIST) else { return };
        self.read = sources(&String::from_utf8_lossy(&list.bytes));
        for path in &self.read {
            // A known file keeps its state: it may have changed during the build.
            if !self.seen.contains_key(path) {
                let file = self.file(path);
                self.seen.insert(path.clone(), file);
            }
        }
    }

    /// Returns whether a source has changed since [`change`](Self::change) last returned one.
    pub(super) fn has_changed(&mut self) -> bool {
        Instant::now() >= self.next && {
            let now = self.look();
            self.difference(&now).is_some()
        }
    }

    /// Returns a changed source once no more sources change.
    pub(super) fn change(&mut self) -> Option<PathBuf> {
        if Instant::now() < self.next {
            return None;
        }
        let mut now = self.look();
        let Some(changed) = self.difference(&now) else {
            self.seen = now;
            return None;
        };
        loop {
            std::thread::sleep(SETTLE);
            let next = self.look();
            let is_settled =
                next.iter().all(|(path, it)| now.get(path).is_some_and(|now| !now.differs(it)));
            now = next;
            if is_settled {
                break;
            }
        }
        self.seen = now;
        Some(changed)
    }

    fn difference(&self, now: &BTreeMap<PathBuf, Seen>) -> Option<PathBuf> {
        let absent = Seen { stamp: None, contents: None };
        let known = |it: &BTreeMap<PathBuf, Seen>, path| it.get(path).copied().unwrap_or(absent);
        let mut paths = now.keys().chain(self.seen.keys());
        paths.find(|it| known(now, *it).differs(&known(&self.seen, *it))).cloned()
    }

    fn look(&mut self) -> BTreeMap<PathBuf, Seen> {
        let start = Instant::now();
        let mut files = [&self.settings[..], &self.read].concat();
        self.modules.iter().for_each(|it| walk(it, &mut files));
        let seen = files.into_iter().map(|it| (self.file(&it), it)).map(|(seen, it)| (it, seen));
        let seen = seen.collect();
        self.next = Instant::now() + start.elapsed() * REST;
        seen
    }

    /// Returns the current state of a file. Its contents are read only if it has a new time or
    /// size.
    fn file(&self, path: &Path) -> Seen {
        let stamp = stamp(path);
        let Some((_, size)) = stamp else { return Seen { stamp, contents: None } };
        if let Some(known) = self.seen.get(path).filter(|it| it.stamp == stamp) {
            return *known;
        }
        let text = (size <= MAX_COMPARED).then(|| fs::read_regular(path, MAX_COMPARED).ok());
        let contents = text.flatten().map(|it| {
            let mut hasher = DefaultHasher::new();
            it.bytes.hash(&mut hasher);
            hasher.finish()
        });
        Seen { stamp, contents }
    }
}

impl Seen {
    fn differs(&self, other: &Self) -> bool {
        match (self.contents, other.contents) {
            (Some(one), Some(other)) => one != other,
            _ => self.stamp != other.stamp,
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Adds the sources in a directory. Editors keep files with other names there, too.
fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(it) if it.is_dir() => walk(&path, files),
            Ok(_) if path.extension().is_some_and(|it| it == "rs") => files.push(path),
            _ => {}
        }
    }
}

/// Returns the dependencies of a rule in a makefile, as cargo writes it.
fn sources(rule: &str) -> Vec<PathBuf> {
    let Some((_, list)) = rule.lines().next().and_then(|it| it.split_once(": ")) else {
        return Vec::new();
    };
    let list = list.replace("\\ ", "\0");
    list.split(' ').filter(|it| !it.is_empty()).map(|it| it.replace('\0', " ").into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_sources_may_have_blanks_in_names() {
        let rule = "/a b/libx.so: /a/src/lib.rs /a\\ b/src/text.md\n";
        let expected = ["/a/src/lib.rs", "/a b/src/text.md"].map(PathBuf::from);
        assert_eq!(sources(rule), expected);
        assert_eq!(sources(""), Vec::<PathBuf>::new());
    }
}
