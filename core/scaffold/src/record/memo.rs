//! The results of recorded commands that were rerun, so that they need not be computed twice.
//!
//! Each result is a file in the user's cache directory, named after everything that determines it:
//! the commands, the plugins' files and the host's file. It contains the tools that were run, and
//! their settings at that time.
//!
//! Invariants: a result is used only if all of that is unchanged; any of the files may be missing
//! or damaged at any time.

use super::file::{Origin, RecordedCommand};
use super::replayed::{Replayed, Tools};
use crate::chain::staging;
use crate::project::file::ProjectFile;
use crate::universe::Universe;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use pintle_host::caller;
use pintle_host::fnv::fnv;
use pintle_host::fs::{self, Mode};
use pintle_plugin::{Node, Select, Tool};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The directory in the user's cache directory.
const DIR: &str = "replays";

/// How many results are stored.
const MAX_RESULTS: usize = 32;

/// A host does not write a result that is larger than this.
const MAX_BYTES: u64 = 256 << 20;

/// Where results are stored.
#[derive(Debug, Default)]
pub struct Memo {
    /// `None` if nothing is to be stored.
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    dir: PathBuf,
    /// The host's file, and the files of the plugins by their recorded keys.
    files: BTreeMap<String, Stamp>,
}

/// The state of a file: device, inode, size, and the times of the last change of content and of
/// status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp(PathBuf, [i128; 5]);

/// A result on disk.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Everything that determines the result: the file's name contains only a short hash of it.
    key: String,
    /// The tools, each with its plugin.
    tools: Vec<(String, Tool)>,
    /// The programs of the tools, by name, at the place where they were found.
    programs: BTreeMap<String, Stamp>,
    /// The hash of each of the tools' settings in the project, if it exists.
    settings: BTreeMap<String, Option<u64>>,
    project: String,
    commands: Vec<RecordedCommand>,
    files: Vec<KeptFile>,
}

#[derive(Serialize, Deserialize)]
struct KeptFile {
    path: String,
    mode: u32,
    by: Vec<Origin>,
    content: String,
}

impl Memo {
    /// Returns a memo in the user's cache directory. `plugins` are the files of the plugins, by
    /// their recorded keys.
    pub(crate) fn new(cache: Option<PathBuf>, plugins: BTreeMap<String, PathBuf>) -> Self {
        let place = || {
            let host = (String::new(), std::env::current_exe().ok()?);
            let files = plugins.into_iter().chain([host]);
            let files = files.map(|(key, path)| Some((key, Stamp::of(&path)?)));
            Some(Place { dir: cache?.join(DIR), files: files.collect::<Option<_>>()? })
        };
        Self { place: place() }
    }

    /// Returns the stored result of the commands, if there is one.
    pub(super) fn get(
        &self,
        commands: &[RecordedCommand],
        tools: Tools,
        settings: Option<&Universe>,
    ) -> Option<Replayed> {
        let place = self.place.as_ref()?;
        let keys = Keys::new(place, commands, tools, settings);
        place.read(&keys, commands.len(), settings)
    }

    /// Returns the stored result of as many of the first commands as possible.
    pub(super) fn longest(
        &self,
        commands: &[RecordedCommand],
        tools: Tools,
        settings: Option<&Universe>,
    ) -> Option<Replayed> {
        let place = self.place.as_ref()?;
        let keys = Keys::new(place, commands, tools, settings);
        (1..=commands.len()).rev().find_map(|n| place.read(&keys, n, settings))
    }

    /// Stores the result of the commands. A failure is not an error: the result is computed again
    /// next time.
    pub(super) fn put(
        &self,
        commands: &[RecordedCommand],
        tools: Tools,
        replayed: &Replayed,
        settings: Option<&Universe>,
    ) {
        let Some(place) = &self.place else { return };
        let stamps = replayed.programs().into_iter().map(|it| Some((it.to_owned(), find(it)?)));
        let Some(stamps) = stamps.collect::<Option<_>>() else { return };
        let by = |path: &str| replayed.by.get(path).cloned().unwrap_or_default();
        let files = replayed.files.values().map(|it| KeptFile {
            path: it.path().to_owned(),
            mode: it.mode(),
            by: by(it.path()),
            content: STANDARD_NO_PAD.encode(it.bytes()),
        });
        let keys = Keys::new(place, commands, tools, settings);
        let kept = Kept {
            key: keys.key(commands.len()).to_owned(),
            tools: replayed.tools.clone(),
            programs: stamps,
            settings: replayed
                .tools
                .iter()
                .flat_map(|it| staging::settings(&it.1))
                .map(|it| (it.to_owned(), hash_of(it, settings)))
                .collect(),
            project: replayed.project.to_string(),
            commands: replayed.commands.clone(),
            files: files.collect(),
        };
        let Ok(text) = serde_json::to_vec(&kept) else { return };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = encoder.write_all(&text).and_then(|()| encoder.finish());
        if let Ok(packed) = packed
            && std::fs::create_dir_all(&place.dir).is_ok()
        {
            let _ = fs::replace(&place.file(&keys, commands.len()), &packed, Mode::Exact(0o600));
            place.prune();
        }
    }
}

impl Place {
    /// Returns the stored result of the first `n` commands.
    fn read(&self, keys: &Keys, n: usize, settings: Option<&Universe>) -> Option<Replayed> {
        let packed = fs::read_regular(&self.file(keys, n), MAX_BYTES).ok()?;
        let mut text = Vec::new();
        GzDecoder::new(&*packed.bytes).take(MAX_BYTES).read_to_end(&mut text).ok()?;
        let kept: Kept = serde_json::from_slice(&text).ok()?;
        let is_same = |(name, stamp): (&String, &Stamp)| find(name).as_ref() == Some(stamp);
        if kept.key != keys.key(n)
            || !kept.programs.iter().all(is_same)
            || !kept.settings.iter().all(|(path, hash)| hash_of(path, settings) == *hash)
        {
            return None;
        }
        let mut replayed = Replayed {
            files: BTreeMap::new(),
            by: BTreeMap::new(),
            project: ProjectFile::parse(&kept.project).ok()?,
            commands: kept.commands,
            tools: kept.tools,
        };
        for KeptFile { path, mode, by, content } in kept.files {
            let content = STANDARD_NO_PAD.decode(content).ok()?;
            replayed.files.insert(path.clone(), Node::new(&*path, content, mode));
            replayed.by.insert(path, by);
        }
        Some(replayed)
    }

    fn file(&self, keys: &Keys, n: usize) -> PathBuf {
        self.dir.join(format!("{:016x}.json.gz", keys.hashes[n]))
    }

    /// Removes the oldest results.
    fn prune(&self) {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let time = |it: &std::fs::DirEntry| it.metadata().and_then(|it| it.modified());
        let mut results: Vec<(SystemTime, PathBuf)> =
            entries.filter_map(|it| Some((time(&it).ok()?, it.path()))).collect();
        results.sort();
        let n_old = results.len().saturating_sub(MAX_RESULTS);
        for (_, path) in results.into_iter().take(n_old) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What determines the results of commands, for each number of commands.
struct Keys {
    text: String,
    /// Where the text for this number of commands ends.
    ends: Vec<usize>,
    hashes: Vec<u64>,
}

impl Keys {
    fn new(
        place: &Place,
        commands: &[RecordedCommand],
        tools: Tools,
        settings: Option<&Universe>,
    ) -> Self {
        let mut keys = Self { text: String::new(), ends: Vec::new(), hashes: Vec::new() };
        let mut hasher = DefaultHasher::new();
        keys.add(&(tools, settings.is_some(), &place.files), &mut hasher);
        commands.iter().for_each(|it| keys.add(it, &mut hasher));
        keys
    }

    fn add(&mut self, part: &impl Serialize, hasher: &mut DefaultHasher) {
        let line = serde_json::to_string(part).unwrap_or_default();
        line.hash(hasher);
        self.text.push_str(&line);
        self.text.push('\n');
        self.ends.push(self.text.len());
        self.hashes.push(hasher.finish());
    }

    /// Returns everything that determines the result of the first `n` commands.
    fn key(&self, n: usize) -> &str {
        &self.text[..self.ends[n]]
    }
}

impl Stamp {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let it = path.metadata().ok()?;
        let time =
            |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        let (modified, changed) =
            (time(it.mtime(), it.mtime_nsec()), time(it.ctime(), it.ctime_nsec()));
        let [device, inode, size] = [it.dev(), it.ino(), it.size()].map(i128::from);
        Some(Self(path.to_owned(), [device, inode, size, modified, changed]))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Option<Self> {
        let it = path.metadata().ok()?;
        let modified = it.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let modified = i128::try_from(modified.as_nanos()).ok()?;
        Some(Self(path.to_owned(), [0, 0, i128::from(it.len()), modified, 0]))
    }
}

/// Returns the hash of a file of the project.
fn hash_of(path: &str, project: Option<&Universe>) -> Option<u64> {
    project?.nodes(Select::Path(path)).ok()?.pop().map(|it| fnv(it.bytes()))
}

/// Returns the file that is run as `program`, if it is known.
fn find(program: &str) -> Option<Stamp> {
    if program.contains('/') {
        return Some(Path::new(program)).filter(|it| it.is_absolute()).and_then(Stamp::of);
    }
    std::env::split_paths(&caller::var_os("PATH")?).find_map(|it| Stamp::of(&it.join(program)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_host::ProjectVersion;

    fn replayed(text: &str) -> Replayed {
        Replayed {
            files: [("a".to_owned(), Node::new("a", text, 0o755))].into(),
            by: [("a".to_owned(), vec![])].into(),
            project: ProjectFile::new(&ProjectVersion::default()).unwrap(),
            commands: vec![RecordedCommand::default()],
            tools: vec![("p/v1".to_owned(), Tool::required(["sh"]).reads(["mine.toml", "*.a"]))],
        }
    }

    fn settings(text: &str) -> Universe {
        Universe::from_nodes([Node::new("mine.toml", text, 0o644)]).unwrap()
    }

    #[test]
    fn a_result_is_taken_as_long_as_all_that_decides_it_is_the_same() {
        let cache = tempfile::tempdir().unwrap();
        let plugin = cache.path().join("plugin.so");
        std::fs::write(&plugin, "1").unwrap();
        let memo = || {
            let plugins = [("p/v1".to_owned(), plugin.clone())].into();
            Memo::new(Some(cache.path().to_owned()), plugins)
        };
        let commands = [RecordedCommand::default()];
        assert!(memo().get(&commands, Tools::Once, Some(&settings("1"))).is_none());
        memo().put(&commands, Tools::Once, &replayed("x"), Some(&settings("1")));
        let found = memo().get(&commands, Tools::Once, Some(&settings("1"))).unwrap();
        assert_eq!(found.files["a"].bytes(), b"x");
        assert_eq!(found.files["a"].mode(), 0o755);
        assert!(found.programs().contains("sh"));
        assert!(memo().get(&commands, Tools::Once, Some(&Universe::empty())).is_none());
        assert!(memo().get(&commands, Tools::Once, Some(&settings("2"))).is_none());
        assert!(memo().get(&commands, Tools::Once, None).is_none());

        assert!(memo().get(&[], Tools::Once, Some(&settings("1"))).is_none());
        assert!(memo().get(&commands, Tools::EachTime, Some(&settings("1"))).is_none());
        assert!(memo().get(&commands, Tools::Unformatted, Some(&settings("1"))).is_none());
        let tools = vec![("p/v1".to_owned(), Tool::required(["/no/tool"]))];
        let unknown = Replayed { tools, ..replayed("x") };
        memo().put(&commands, Tools::EachTime, &unknown, Some(&settings("1")));
        assert!(
            memo().get(&commands, Tools::EachTime, Some(&settings("1"))).is_none(),
            "the tool cannot be known"
        );
        std::fs::write(&plugin, "12").unwrap();
        assert!(memo().get(&commands, Tools::Once, Some(&settings("1"))).is_none());
    }

    #[test]
    fn a_damaged_result_is_none() {
        let cache = tempfile::tempdir().unwrap();
        let memo = Memo::new(Some(cache.path().to_owned()), BTreeMap::new());
        let file = || std::fs::read_dir(cache.path().join(DIR)).unwrap().next().unwrap();
        for damage in 0..3 {
            memo.put(&[], Tools::Once, &replayed("some text"), Some(&settings("1")));
            assert!(memo.get(&[], Tools::Once, Some(&settings("1"))).is_some());
            let path = file().unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            match damage {
                0 => bytes.truncate(middle),
                1 => bytes[middle] ^= 1,
                _ => bytes.clear(),
            }
            std::fs::write(&path, bytes).unwrap();
            assert!(memo.get(&[], Tools::Once, Some(&settings("1"))).is_none(), "{damage}");
        }
    }

    #[test]
    fn only_so_many_results_are_kept() {
        let cache = tempfile::tempdir().unwrap();
        let memo = Memo::new(Some(cache.path().to_owned()), BTreeMap::new());
        for id in 0..40_u32 {
            let commands = [RecordedCommand { id: id.to_string(), ..RecordedCommand::default() }];
            memo.put(&commands, Tools::Once, &replayed("x"), Some(&settings("1")));
        }
        let n_kept = std::fs::read_dir(cache.path().join(DIR)).unwrap().count();
        assert_eq!(n_kept, MAX_RESULTS);
    }
}
