//! What was found in plugin files before, so that they need not be opened again.
//!
//! Opening a plugin file and reading its manifest takes some four times as long as
//! asking the system whether it is the file of last time. The index is a cache and
//! nothing more: it is in the user's cache folder, is written again when files
//! are new, and may be deleted at any time. It only ever speaks of plugins that were
//! found to be usable; and before one is loaded, its file is examined again.
//!
//! Invariants: a file counts as known if its device, inode, size, and times of
//! modification and status change are those that were seen before it was read, and
//! lie far enough in the past for the clock to tell the next change. An index of
//! another host, or of other rules, is ignored; so is one that is cut off.

use super::contributions::{Contributions, NounHelp};
use super::entry::{Entry, Known};
use super::file::{self, RegularFile, Stamp};
use super::key::PluginKey;
use super::lazy_manifest::LazyManifest;
use super::name::PluginName;
use super::rules::Rules;
use super::version::PluginVersion;
use crate::fs;
use crate::identity::LIBRARY_VERSION;
use pintle_plugin::manifest::{INTERFACE_VERSION, ManifestCommand, TARGET};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// How many files make an index worth its own reading.
pub(super) const MIN_FILES: usize = 32;

/// An index larger than this is not one that this host wrote.
const MAX_BYTES: u64 = 256 << 20;

const MAGIC: &[u8; 8] = b"PNTLIDX6";

/// What was found in plugin files before.
pub(super) struct Index {
    /// All but the manifests, which are read when they are looked at.
    bytes: Vec<u8>,
    file: Arc<File>,
    file_len: u64,
    /// Where the table of stamps begins, and how many there are.
    table: usize,
    len: usize,
}

/// A stamp; where what is known of its file begins; where its manifest does, and its length.
const ROW: usize = Stamp::BYTES + 3 * 8;

/// The magic bytes, and the number of bytes before the manifests.
const HEAD: usize = MAGIC.len() + 8;

impl Index {
    /// Reads an index; `None` when there is none for these rules.
    pub(super) fn load(path: &Path, rules: &Rules) -> Option<Self> {
        let RegularFile { file, len: file_len, .. } =
            file::open_private(path).filter(|it| it.len <= MAX_BYTES)?;
        let mut head = [0; HEAD];
        read_exact_at(&file, &mut head, 0)?;
        let mut cursor = Cursor { bytes: &head, at: 0 };
        let is_ours = cursor.take(MAGIC.len())? == MAGIC;
        let end = cursor.number().filter(|it| is_ours && *it as u64 <= file_len && *it >= HEAD)?;
        let mut bytes = vec![0; end];
        read_exact_at(&file, &mut bytes, 0)?;
        let mut cursor = Cursor { bytes: &bytes, at: HEAD };
        let is_ours = cursor.text()? == fingerprint(rules);
        let len = cursor.number()?;
        let table = cursor.at;
        let fits = len.checked_mul(ROW)?.checked_add(table)? <= bytes.len();
        (is_ours && fits).then(|| Self { bytes, file: Arc::new(file), file_len, table, len })
    }

    /// Returns what is known of the file with this stamp.
    pub(super) fn find(&self, stamp: &Stamp) -> Option<Known> {
        let wanted = stamp.to_bytes();
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            let row = &self.bytes[self.table + middle * ROW..][..ROW];
            match row[..Stamp::BYTES].cmp(&wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.known(&row[Stamp::BYTES..]),
            }
        }
        None
    }

    fn known(&self, place: &[u8]) -> Option<Known> {
        let mut place = Cursor { bytes: place, at: 0 };
        let (at, manifest, len) = (place.number()?, place.number()?, place.number()?);
        let mut cursor = Cursor { bytes: &self.bytes, at };
        // The rules for names are those of the host that wrote the index, which is this one.
        let name = PluginName::known(cursor.text()?);
        let mut number = || cursor.number().map(|it| it as u64);
        let numbers = [number()?, number()?, number()?];
        let version = PluginVersion::from_parts(numbers, cursor.text()?)?;
        let key = PluginKey::exact(name, version);
        let contributions = Contributions {
            commands: cursor.list(Cursor::command)?,
            subcommands: cursor.list(Cursor::string)?,
            events: cursor.list(Cursor::string)?,
            interfaces: cursor.list(Cursor::string)?,
            deprecated: cursor.list(Cursor::string)?.pop(),
            nouns: cursor.list(Cursor::noun)?,
        };
        let is_cut_off = manifest.checked_add(len)? as u64 > self.file_len;
        let manifest = LazyManifest::shared(Arc::clone(&self.file), manifest as u64, len);
        (!is_cut_off).then_some(Known { key, manifest, contributions })
    }
}

/// Fills `buffer` from the bytes of `file` that begin at `start`.
fn read_exact_at(file: &File, buffer: &mut [u8], start: u64) -> Option<()> {
    file::read_at(file, buffer, start).is_ok_and(|it| it == buffer.len()).then_some(())
}

/// Writes an index of the usable ones of `entries`, as of `now`. That it cannot be written is no
/// error: the files are then opened again next time.
pub(super) fn save<'e>(
    path: &Path,
    rules: &Rules,
    entries: impl Iterator<Item = (Stamp, &'e Entry)>,
    now: SystemTime,
) {
    let mut rows: Vec<_> = entries
        .filter(|(stamp, entry)| entry.is_usable() && stamp.is_settled(now))
        .filter_map(|(stamp, entry)| Some((stamp, record(entry)?)))
        .collect();
    rows.sort_unstable_by_key(|(stamp, _)| *stamp);
    rows.dedup_by_key(|(stamp, _)| *stamp);
    let fingerprint = fingerprint(rules);
    let table = HEAD + 8 + fingerprint.len() + 8;
    let mut at = table + rows.len() * ROW;
    let mut manifest_at = at + rows.iter().map(|(_, it)| it.brief.len()).sum::<usize>();
    let mut bytes = MAGIC.to_vec();
    put_number(&mut bytes, manifest_at);
    put_text(&mut bytes, fingerprint.as_bytes());
    put_number(&mut bytes, rows.len());
    for (stamp, Record { brief, manifest }) in &rows {
        bytes.extend(stamp.to_bytes());
        put_number(&mut bytes, at);
        put_number(&mut bytes, manifest_at);
        put_number(&mut bytes, manifest.len());
        at += brief.len();
        manifest_at += manifest.len();
    }
    bytes.extend(rows.iter().flat_map(|(_, it)| &it.brief));
    bytes.extend(rows.iter().flat_map(|(_, it)| &it.manifest));
    let _ = write(path, &bytes);
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    Ok(fs::replace(path, bytes, fs::Mode::Keep(0o600))?)
}

/// What the index keeps of one file.
struct Record {
    /// Name and version, and what the plugin contributes.
    brief: Vec<u8>,
    /// The manifest as JSON.
    manifest: Vec<u8>,
}

fn record(entry: &Entry) -> Option<Record> {
    let key = entry.key()?;
    let mut bytes = Vec::new();
    put_text(&mut bytes, key.name().as_str().as_bytes());
    let version = key.exact_version()?;
    let version = version.as_semver();
    for number in [version.major, version.minor, version.patch] {
        put_number(&mut bytes, usize::try_from(number).ok()?);
    }
    put_text(&mut bytes, version.pre.as_bytes());
    put_number(&mut bytes, entry.commands().len());
    for command in entry.commands() {
        put_text(&mut bytes, command.about.as_bytes());
        put_list(&mut bytes, command.path.iter().map(String::as_str));
    }
    put_list(&mut bytes, entry.subcommands().iter().map(String::as_str));
    put_list(&mut bytes, entry.events().iter().map(String::as_str));
    put_list(&mut bytes, entry.interfaces().iter().map(String::as_str));
    put_list(&mut bytes, entry.deprecated().into_iter());
    put_number(&mut bytes, entry.nouns().len());
    for noun in entry.nouns() {
        put_text(&mut bytes, noun.about.as_bytes());
        put_list(&mut bytes, noun.path.iter().map(String::as_str));
    }
    Some(Record { brief: bytes, manifest: serde_json::to_vec(entry.manifest()?).ok()? })
}

/// Returns all that decides, besides a file's bytes, whether it is usable.
fn fingerprint(rules: &Rules) -> String {
    let (qualifier, abort) = (&rules.identity.name_qualifier, rules.allow_panic_abort);
    format!("{TARGET} {INTERFACE_VERSION} {LIBRARY_VERSION} {qualifier} {abort}")
}

fn put_number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u64).to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &[u8]) {
    put_number(bytes, text.len());
    bytes.extend(text);
}

fn put_list<'t>(bytes: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'t str>) {
    put_number(bytes, texts.len());
    texts.for_each(|it| put_text(bytes, it.as_bytes()));
}

/// Reads what the functions above wrote; `None` where that is not it.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        let bytes = self.take(8)?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = self.number()?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    fn command(&mut self) -> Option<ManifestCommand> {
        let mut command = ManifestCommand::default();
        command.about = self.string()?;
        command.path = self.list(Self::string)?;
        Some(command)
    }

    fn noun(&mut self) -> Option<NounHelp> {
        let about = self.string()?;
        Some(NounHelp { about, path: self.list(Self::string)? })
    }

    fn string(&mut self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let len = self.number()?;
        // Each item takes its bytes, so a damaged length asks for no more than there is.
        let mut items = Vec::with_capacity(len.min(self.bytes.len() - self.at));
        for _ in 0..len {
            items.push(read(self)?);
        }
        Some(items)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::super::discover::look_at_all;
    use super::super::entry::State;
    use super::super::folder::Folder;
    use super::super::search::{DirOrigin, PluginDir, SearchPath};
    use super::super::testing::{elf, manifest_json};
    use super::*;
    use serde_json::json;
    use std::path::PathBuf;
    use std::time::Duration;
    use tempfile::TempDir;

    /// A folder with enough plugins for an index, and a place for that.
    struct Installed {
        home: TempDir,
        search: SearchPath,
        rules: Rules,
    }

    impl Installed {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let (folder, cache) = (home.path().join("plugins"), home.path().join("cache"));
            std::fs::create_dir(&folder).unwrap();
            let dir = PluginDir { path: folder, origin: DirOrigin::Option };
            let search = SearchPath::from_dirs([dir]).with_index_in(Some(cache));
            let installed = Self { home, search, rules: Rules::default() };
            (0..MIN_FILES).for_each(|it| installed.install(it, "1.0.0"));
            installed
        }

        fn install(&self, number: usize, version: &str) {
            let command = json!([{"path": [format!("c{number}"), "do"], "about": "Does it"}]);
            let noun =
                json!([{"path": [format!("c{number}")], "about": "Acts", "long_about": "So"}]);
            let name = format!("p{number:02}.io");
            let patch =
                json!({"name": name, "version": version, "commands": command, "nouns": noun});
            let bytes = elf(&[&manifest_json(&patch)]);
            std::fs::write(self.file(number), bytes).unwrap();
        }

        fn file(&self, number: usize) -> PathBuf {
            self.home.path().join(format!("plugins/{number:02}.so"))
        }

        /// Looks at all files, so late that all of them are settled.
        fn look(&self) -> Vec<String> {
            let folder = Folder::open(&self.home.path().join("plugins")).unwrap();
            let later = SystemTime::now() + Duration::from_secs(60);
            let candidates = folder.libraries(&mut Vec::new()).unwrap();
            let entries = look_at_all(&candidates, &self.search, &self.rules, later);
            entries.iter().map(describe).collect()
        }

        fn index(&self) -> Option<Index> {
            Index::load(self.search.index().unwrap(), &self.rules)
        }
    }

    fn describe(entry: &Entry) -> String {
        let key = entry.key().map(ToString::to_string);
        let commands: Vec<_> = entry.commands().iter().map(|it| (&it.path, &it.about)).collect();
        let nouns = entry.nouns();
        let host = entry.manifest().map(|it| (&it.host, &it.nouns));
        format!("{key:?} {} {commands:?} {nouns:?} {host:?} {:?}", entry.state(), entry.path())
    }

    #[test]
    fn what_is_known_is_what_was_read() {
        let installed = Installed::new();
        let read = installed.look();
        assert_eq!(installed.index().expect("there are enough files").len, MIN_FILES);
        assert_eq!(installed.look(), read);
    }

    #[test]
    fn what_comes_later_is_known_too() {
        let installed = Installed::new();
        installed.look();
        installed.install(MIN_FILES, "1.0.0");
        let read = installed.look();
        assert_eq!(installed.index().expect("there are enough files").len, MIN_FILES + 1);
        assert_eq!(installed.look(), read);
    }

    #[test]
    fn a_known_file_is_not_opened() {
        let installed = Installed::new();
        let read = installed.look();
        // From now on its records are others.
        let path = installed.search.index().unwrap();
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.contains("Does it"));
        let other = bytes.windows(7).position(|it| it == b"Does it").unwrap();
        let mut changed = bytes.clone();
        changed[other..other + 7].copy_from_slice(b"Was it?");
        std::fs::write(path, changed).unwrap();
        let known = installed.look();
        assert_eq!(known.iter().zip(&read).filter(|(known, read)| known != read).count(), 1);
        assert!(known.iter().any(|it| it.contains("Was it?")));
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let installed = Installed::new();
        installed.look();
        installed.install(7, "2.0.0");
        assert!(installed.look()[7].starts_with("Some(\"p07.io/v2.0.0\") ok"));
        std::fs::write(installed.file(7), "no library").unwrap();
        let entry = &installed.look()[7];
        assert!(entry.contains(&State::Refused.to_string()), "{entry}");
    }

    #[test]
    fn fresh_files_are_not_kept() {
        let installed = Installed::new();
        let folder = Folder::open(&installed.home.path().join("plugins")).unwrap();
        let candidates = folder.libraries(&mut Vec::new()).unwrap();
        look_at_all(&candidates, &installed.search, &installed.rules, SystemTime::now());
        assert!(installed.index().is_none());
    }

    #[test]
    fn a_damaged_record_costs_no_plugin() {
        let installed = Installed::new();
        installed.look();
        let path = installed.search.index().unwrap();
        let mut bytes = std::fs::read(path).unwrap();
        let json = bytes.windows(9).position(|it| it == b"{\"format\"").unwrap();
        bytes[json] = b'?';
        std::fs::write(path, bytes).unwrap();
        assert!(installed.look().iter().all(|it| it.contains(" ok ")));
    }

    #[test]
    fn an_index_of_other_rules_is_none() {
        let mut installed = Installed::new();
        installed.look();
        installed.rules.allow_panic_abort = true;
        assert!(installed.index().is_none());
    }

    #[test]
    fn a_damaged_index_changes_nothing() {
        let installed = Installed::new();
        let read = installed.look();
        let path = installed.search.index().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        for len in [0, 4, 8, 20, 60, 100, 200, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..len]).unwrap();
            let found = installed.look();
            // A cut manifest is none; all else is read again.
            assert_eq!(found.len(), read.len(), "{len} bytes");
            assert!(found.iter().all(|it| it.contains(" ok ")), "{len} bytes");
        }
    }
}
