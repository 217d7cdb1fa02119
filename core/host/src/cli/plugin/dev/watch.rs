//! Detects changes to the sources of a plugin.
//!
//! The sources are polled: a few hundred files cost less than a millisecond, and polling also works
//! in containers and on network disks, where the system does not report changes.

use super::project::Project;
use crate::fs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The interval at which the sources are polled.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// How long the sources must be unchanged before a change counts: an editor may write several
/// files.
const SETTLE: Duration = Duration::from_millis(100);

/// The longest list of sources that is read.
const MAX_LIST: u64 = 16 << 20;

/// Time and size of a file; `None` if it does not exist.
type Stamp = Option<(SystemTime, u64)>;

/// The sources as they were when they were last polled.
pub(super) struct Watch {
    /// The directory that is searched for new files.
    src: PathBuf,
    manifests: Vec<PathBuf>,
    /// The files that the compiler has read, as cargo reports them, including path dependencies and
    /// files of `include_str!`.
    read: Vec<PathBuf>,
    seen: BTreeMap<PathBuf, Stamp>,
}

impl Watch {
    pub(super) fn new(project: &Project) -> Self {
        let Project { dir, workspace, .. } = project;
        let manifests = [dir, workspace].map(|it| it.join("Cargo.toml")).into();
        let src = dir.join("src");
        let mut watch = Self { src, manifests, read: Vec::new(), seen: BTreeMap::new() };
        watch.seen = watch.look();
        watch
    }

    /// Reads the list of files that the last build has read.
    pub(super) fn learn(&mut self, dep_info: &Path) {
        // Without the list, only the package's own sources are watched.
        let Ok(list) = fs::read_regular(dep_info, MAX_LIST) else { return };
        self.read = sources(&String::from_utf8_lossy(&list.bytes));
        for path in &self.read {
            // A known file keeps its stamp: it may have changed during the build.
            self.seen.entry(path.clone()).or_insert_with(|| stamp(path));
        }
    }

    /// Returns whether a source has changed since [`change`](Self::change) last returned one.
    pub(super) fn has_changed(&self) -> bool {
        self.difference(&self.look()).is_some()
    }

    /// Returns a changed source once no more sources change.
    pub(super) fn change(&mut self) -> Option<PathBuf> {
        let mut now = self.look();
        let changed = self.difference(&now)?;
        loop {
            std::thread::sleep(SETTLE);
            let next = self.look();
            if next == now {
                break;
            }
            now = next;
        }
        self.seen = now;
        Some(changed)
    }

    fn difference(&self, now: &BTreeMap<PathBuf, Stamp>) -> Option<PathBuf> {
        let known = |it: &BTreeMap<PathBuf, Stamp>, path| it.get(path).copied().flatten();
        let mut paths = now.keys().chain(self.seen.keys());
        paths.find(|it| known(now, *it) != known(&self.seen, *it)).cloned()
    }

    fn look(&self) -> BTreeMap<PathBuf, Stamp> {
        let mut files = self.manifests.clone();
        files.extend_from_slice(&self.read);
        walk(&self.src, &mut files);
        files.into_iter().map(|it| (stamp(&it), it)).map(|(stamp, it)| (it, stamp)).collect()
    }
}

fn stamp(path: &Path) -> Stamp {
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
