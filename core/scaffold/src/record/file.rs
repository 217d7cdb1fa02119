//! How a project was created: the commands that scaffolded it, and the files as they were then.
//!
//! The record makes three things possible: to show which plugin wrote a file, to undo a command,
//! and to apply what a newer plugin creates from the same commands. It consists of sorted JSON
//! lines, so that version control shows and merges it well; a file's content is packed into its
//! line.
//!
//! The lines of two branches together are also a record, in any order: nothing is counted, an
//! undone command stays in the record as undone, and several lines about one thing are merged when
//! they are read.
//!
//! Invariant: the record contains only files that scaffolding created.

pub use super::entries::{Answer, Origin, RecordError, RecordedCommand, RecordedFile};

use super::entries::{FORMAT, MAX_BASE, MAX_BYTES, mode, pack};
use super::union;
use crate::conflict::{self, Sides};
use crate::merge;
use crate::path;
use crate::universe::{Change, Universe};
use pintle_host::fnv::fnv;
use pintle_host::fs::Dir;
use pintle_plugin::{Node, Select};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The name of the record in the directory of the host's state.
pub(crate) const FILE: &str = "scaffold.jsonl";

/// How a project was created.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Those that are in effect, in their order.
    commands: Vec<RecordedCommand>,
    /// Those that were undone: a merge with a branch that still has them must not restore them.
    undone: Vec<RecordedCommand>,
    files: BTreeMap<String, RecordedFile>,
    /// The files that branches have created differently, in each of their versions.
    variants: BTreeMap<String, Vec<RecordedFile>>,
}

/// A line of the record.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Format(u32),
    Command(Box<RecordedCommand>),
    File(RecordedFile),
}

impl Record {
    /// Reads the record of the project in the directory `root`; a project without one has an empty
    /// record.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if it exists but cannot be read.
    pub fn load(root: &Path) -> Result<Self, RecordError> {
        match read(root)? {
            Some(text) => {
                let mut record = Self::parse(&text, &file(root))?;
                record.choose_binaries(&Universe::new(root));
                Ok(record)
            }
            None => Ok(Self::default()),
        }
    }

    /// Chooses the scaffolded versions of files that branches have created differently and that are
    /// not text: git keeps the version of one branch, which counts as scaffolded.
    fn choose_binaries(&mut self, project: &Universe) {
        for (path, variants) in &self.variants {
            let node = project.nodes(Select::Path(path)).ok().and_then(|mut it| it.pop());
            let Some(node) = node.filter(|it| it.bytes().contains(&0)) else { continue };
            let is_there = |it: &&RecordedFile| it.content().is_ok_and(|it| it == node.bytes());
            if let Some(there) = variants.iter().find(is_there)
                && let Some(file) = self.files.get_mut(path)
            {
                file.base.clone_from(&there.base);
            }
        }
    }

    /// Reads the record as [`load`](Self::load) does, with both sides of the conflicts that a merge
    /// has left in it. Also returns whether the text on disk must change.
    pub(crate) fn load_both_sides(root: &Path) -> Result<(Self, bool), RecordError> {
        let Some(text) = read(root)? else { return Ok((Self::default(), false)) };
        let path = file(root);
        let unpaired = |line| RecordError::Unpaired { path: path.clone(), line };
        let record = match conflict::sides(text.as_bytes()).map_err(unpaired)? {
            None => Self::parse(&text, &path)?,
            Some(Sides { ours, theirs, .. }) => {
                // Sides with numbers are read separately, because each side has counted for itself.
                let mut lines = Vec::new();
                for side in [ours, theirs] {
                    lines.extend(parse_lines(&String::from_utf8_lossy(&side), &path)?);
                }
                Self::from_lines(lines)
            }
        };
        let is_stale = record.to_text()? != text;
        Ok((record, is_stale))
    }

    /// Returns whether nothing is known about how the project was created.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Returns the commands, in the order in which they were run.
    pub fn commands(&self) -> &[RecordedCommand] {
        &self.commands
    }

    /// Returns the command with this id.
    pub fn command(&self, id: &str) -> Option<&RecordedCommand> {
        self.commands.iter().find(|it| it.id == id)
    }

    /// Returns the files, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = &RecordedFile> {
        self.files.values()
    }

    /// Returns the recorded file at `path`.
    pub fn file(&self, path: &str) -> Option<&RecordedFile> {
        self.files.get(path)
    }

    /// Returns the commands that were undone.
    pub(crate) fn undone(&self) -> &[RecordedCommand] {
        &self.undone
    }

    /// Returns the files that branches have created differently, in each of their versions.
    pub(crate) fn variants(&self) -> &BTreeMap<String, Vec<RecordedFile>> {
        &self.variants
    }

    /// Whether the file is recorded, and still as it was scaffolded.
    pub(crate) fn has(&self, node: &Node) -> bool {
        let file = self.file(node.path());
        file.is_some_and(|it| {
            it.content().is_ok_and(|it| merge::is_same(node.path(), &it, node.bytes()))
        })
    }

    /// Returns the text to be written to the disk.
    ///
    /// # Errors
    ///
    /// [`RecordError::Full`] if it would be too large to be read again.
    pub(crate) fn to_text(&self) -> Result<String, RecordError> {
        self.to_text_within(MAX_BYTES)
    }

    fn to_text_within(&self, limit: u64) -> Result<String, RecordError> {
        let mut commands: Vec<_> = self.commands.iter().chain(&self.undone).cloned().collect();
        sort(&mut commands);
        let commands = commands.into_iter().map(|it| Line::Command(Box::new(it)));
        let files = self.files.values().cloned().map(Line::File);
        let lines = std::iter::once(Line::Format(FORMAT)).chain(commands).chain(files);
        let text: String = lines
            .map(|it| serde_json::to_string(&it).expect("the record has string keys") + "\n")
            .collect();
        if text.len() as u64 > limit { Err(RecordError::Full) } else { Ok(text) }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, RecordError> {
        Ok(Self::from_lines(parse_lines(text, path)?))
    }

    /// Merges the lines of any number of branches.
    fn from_lines(lines: Vec<Line>) -> Self {
        let mut commands: BTreeMap<String, RecordedCommand> = BTreeMap::new();
        let mut files: BTreeMap<String, Vec<RecordedFile>> = BTreeMap::new();
        for line in lines {
            match line {
                Line::Format(_) => {}
                Line::Command(it) => {
                    let merged = match commands.remove(&it.id) {
                        Some(other) => union::command(other, *it),
                        None => *it,
                    };
                    commands.insert(merged.id.clone(), merged);
                }
                Line::File(it) => files.entry(it.path.clone()).or_default().push(it),
            }
        }
        let (mut undone, commands): (Vec<_>, Vec<_>) =
            commands.into_values().partition(|it| it.undone);
        sort(&mut undone);
        let mut record = Self { undone, ..Self::default() };
        record.set_order(commands);
        let order: BTreeMap<String, usize> =
            record.commands.iter().map(|it| (it.id.clone(), it.number)).collect();
        let undone: BTreeSet<String> = record.undone.iter().map(|it| it.id.clone()).collect();
        for (path, lines) in files {
            let Some(union) = union::file(lines, &order, &undone) else { continue };
            if union.variants.len() > 1 {
                record.variants.insert(path.clone(), union.variants);
            }
            record.files.insert(path, union.file);
        }
        record
    }

    /// Adds a command that has just been run, and returns its id.
    pub(crate) fn push(&mut self, mut command: RecordedCommand) -> String {
        command.at = now_after(self.commands.iter().chain(&self.undone).map(|it| &*it.at).max());
        command.id = digest(&command);
        command.number = self.commands.len() + 1;
        let id = command.id.clone();
        self.commands.push(command);
        id
    }

    /// Replaces the commands. Those that are missing were undone.
    pub(crate) fn set_commands(&mut self, commands: Vec<RecordedCommand>) {
        for mut command in std::mem::take(&mut self.commands) {
            if !commands.iter().any(|it| it.id == command.id) {
                (command.undone, command.number) = (true, 0);
                self.undone.push(command);
            }
        }
        sort(&mut self.undone);
        self.set_order(commands);
    }

    fn set_order(&mut self, mut commands: Vec<RecordedCommand>) {
        sort(&mut commands);
        for (idx, command) in commands.iter_mut().enumerate() {
            command.number = idx + 1;
        }
        self.commands = commands;
    }

    /// Records the changes of a command to the files on disk; `by` returns which plugins changed a
    /// path.
    ///
    /// If the user has changed a file before, the change of the command is applied to the
    /// scaffolded version of the file, so that the user's change remains the user's.
    ///
    /// # Errors
    ///
    /// [`RecordError::Base`] when the record is damaged; [`RecordError::TooLarge`] for a file
    /// that is too large to be recorded.
    pub(crate) fn note(
        &mut self,
        changes: &[Change],
        by: &dyn Fn(&str) -> Vec<Origin>,
    ) -> Result<(), RecordError> {
        for change in changes {
            match change {
                Change::Add(node) => self.put(node, Vec::new(), by(node.path()))?,
                Change::Delete(node) => {
                    self.files.remove(node.path());
                }
                Change::Replace { old, new } => {
                    let Some(known) = self.files.get(new.path()) else { continue };
                    let (base, before) = (known.content()?, known.by.clone());
                    let content = match base == old.bytes() {
                        true => new.bytes().to_vec(),
                        false => merge::bytes(new.path(), old.bytes(), &base, new.bytes())
                            .unwrap_or(base),
                    };
                    let node = Node::new(new.path(), content, new.mode());
                    self.put(&node, before, by(new.path()))?;
                }
            }
        }
        Ok(())
    }

    /// Sets the scaffolded version of a file, created or changed by the origins in `before`, then
    /// by those in `by`.
    ///
    /// # Errors
    ///
    /// [`RecordError::TooLarge`] when it is too large to be recorded.
    pub(crate) fn put(
        &mut self,
        node: &Node,
        before: Vec<Origin>,
        by: Vec<Origin>,
    ) -> Result<(), RecordError> {
        if node.bytes().len() as u64 > MAX_BASE {
            return Err(RecordError::TooLarge { path: node.path().to_owned() });
        }
        let mut all = before;
        for origin in by {
            if !all.contains(&origin) {
                all.push(origin);
            }
        }
        let path = node.path().to_owned();
        let mode = format!("{:o}", mode(node.mode()));
        let base = pack(node.bytes());
        self.files.insert(path.clone(), RecordedFile { path, mode, by: all, base });
        Ok(())
    }

    /// Replaces the origins of the files: no origin may refer to an undone command.
    pub(crate) fn credit(&mut self, by: &BTreeMap<String, Vec<Origin>>) {
        for (path, file) in &mut self.files {
            if let Some(by) = by.get(path) {
                file.by.clone_from(by);
            }
        }
    }

    /// Removes a file from the record.
    pub(crate) fn forget(&mut self, path: &str) {
        self.files.remove(path);
    }
}

/// Returns the text of the record, if there is one.
fn read(root: &Path) -> Result<Option<String>, RecordError> {
    let read = || -> io::Result<String> {
        let dir = Dir::open(root)?;
        dir.read_regular(Path::new(path::HOST_FOLDER).join(FILE), MAX_BYTES)?.into_text()
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(RecordError::Read { path: file(root), source }),
    }
}

/// Reads lines of this format, and of the previous one.
fn parse_lines(text: &str, path: &Path) -> Result<Vec<Line>, RecordError> {
    let mut lines = Vec::new();
    for (idx, text) in text.lines().enumerate().filter(|(_, it)| !it.trim().is_empty()) {
        let (line, path) = (idx + 1, path.to_owned());
        match serde_json::from_str(text) {
            Ok(Line::Format(format)) if format > FORMAT => {
                return Err(RecordError::Format { path, format });
            }
            Ok(it) => lines.push(it),
            Err(_) if conflict::is_marker(text.as_bytes()) => {
                return Err(RecordError::Conflict { path, line });
            }
            Err(source) => return Err(RecordError::Line { path, line, source }),
        }
    }
    renew(&mut lines);
    Ok(lines)
}

/// Converts lines of format 1, in which commands were counted, to lines of this format. The same
/// line has the same result on every branch.
fn renew(lines: &mut [Line]) {
    let (mut ids, mut day) = (BTreeMap::new(), String::new());
    for line in &mut *lines {
        let Line::Command(command) = line else { continue };
        if !command.at.is_empty() {
            continue;
        }
        let number = std::mem::take(&mut command.id);
        // They were ordered by number, regardless of the clock.
        day = day.max(command.date.clone());
        command.at = format!("{day}T00:00:00.{number:0>6}Z");
        command.id = digest(command);
        ids.entry(number).or_insert_with(|| command.id.clone());
    }
    for line in lines {
        let Line::File(file) = line else { continue };
        for origin in &mut file.by {
            if let Some(id) = ids.get(&origin.command) {
                origin.command.clone_from(id);
            }
        }
    }
}

fn sort(commands: &mut [RecordedCommand]) {
    commands.sort_by(|one, other| (&one.at, &one.id).cmp(&(&other.at, &other.id)));
}

/// Returns the id of a command that has none: a hash of its content and its time.
fn digest(command: &RecordedCommand) -> String {
    let text = serde_json::to_string(command).expect("the record has string keys");
    format!("{:016x}", fnv(text.as_bytes()))
}

/// Returns the current time, or one just after `last` if the clock is behind it.
fn now_after(last: Option<&str>) -> String {
    let text = |time| humantime::format_rfc3339_micros(time).to_string();
    let now = text(SystemTime::now());
    let last = last.filter(|it| **it >= *now);
    match last.and_then(|it| humantime::parse_rfc3339(it).ok()) {
        Some(last) => text(last + Duration::from_micros(1)),
        None => now,
    }
}

/// Returns the path of the record of the project in the directory `root`.
fn file(root: &Path) -> PathBuf {
    root.join(path::HOST_FOLDER).join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_plugin::MODE_FILE;

    fn node(path: &str, text: &str) -> Node {
        Node::new(path, text, MODE_FILE)
    }

    fn by(plugin: &str, command: &str) -> impl Fn(&str) -> Vec<Origin> {
        let origin = Origin { plugin: plugin.to_owned(), command: command.to_owned() };
        move |_| vec![origin.clone()]
    }

    fn content(record: &Record, path: &str) -> String {
        String::from_utf8(record.file(path).unwrap().content().unwrap()).unwrap()
    }

    #[test]
    fn of_two_binaries_the_one_that_the_merge_has_left_was_scaffolded() {
        let record = |name: &str, bytes: &[u8]| {
            let mut record = Record::default();
            let command = RecordedCommand { subcommand: name.into(), ..Default::default() };
            let id = record.push(command);
            let node = Node::new("bin", bytes, MODE_FILE);
            record.note(&[Change::Add(node)], &by("p/v1", &id)).unwrap();
            record.to_text().unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(path::HOST_FOLDER)).unwrap();
        let (one, other) = (record("one", b"\x001"), record("other", b"\x002"));
        std::fs::write(file(folder.path()), one + &other).unwrap();
        let later = Record::load(folder.path()).unwrap();
        let later = later.file("bin").unwrap().content().unwrap();
        for bytes in [b"\x001", b"\x002", b"\x003"] {
            std::fs::write(folder.path().join("bin"), bytes).unwrap();
            let read = Record::load(folder.path()).unwrap();
            let expected = if bytes == b"\x003" { &later } else { &bytes.to_vec() };
            assert_eq!(read.file("bin").unwrap().content().unwrap(), *expected);
        }
    }

    #[test]
    fn a_record_survives_the_disk() {
        let mut record = Record::default();
        record.push(RecordedCommand { subcommand: "init".into(), ..Default::default() });
        let bytes = Node::new("bin", vec![0, 255, 10, 13], 0o755);
        record
            .note(&[Change::Add(node("a", "1\n")), Change::Add(bytes)], &by("p/v1", "1"))
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(path::HOST_FOLDER)).unwrap();
        std::fs::write(file(folder.path()), record.to_text().unwrap()).unwrap();
        let read = Record::load(folder.path()).unwrap();
        assert_eq!(read, record);
        assert_eq!(read.file("bin").unwrap().content().unwrap(), [0, 255, 10, 13]);
        assert_eq!(read.file("bin").unwrap().mode(), 0o755);
        assert_eq!(read.to_text().unwrap().lines().count(), 4);
        assert!(Record::load(&folder.path().join("elsewhere")).unwrap().is_empty());
    }

    #[test]
    fn of_a_mode_only_the_executable_bit_is_recorded_and_read() {
        let mut record = Record::default();
        for (path, mode, expected) in
            [("a", 0o600, 0o644), ("b", 0o664, 0o644), ("c", 0o710, 0o755)]
        {
            record.put(&Node::new(path, "", mode), Vec::new(), Vec::new()).unwrap();
            assert_eq!(record.file(path).unwrap().mode(), expected, "{mode:o}");
            let old = RecordedFile { mode: format!("{mode:o}"), ..record.files[path].clone() };
            assert_eq!(old.mode(), expected, "{mode:o} of an older host");
        }
    }

    #[test]
    fn a_file_of_the_user_is_not_recorded() {
        let mut record = Record::default();
        let change = Change::Replace { old: node("a", "1\n"), new: node("a", "2\n") };
        record.note(&[change], &by("p/v1", "1")).unwrap();
        assert!(record.file("a").is_none());
    }

    #[test]
    fn the_users_change_stays_the_users() {
        let mut record = Record::default();
        record.note(&[Change::Add(node("a", "1\n2\n3\n4\n5\n"))], &by("p/v1", "1")).unwrap();
        let old = node("a", "mine\n1\n2\n3\n4\n5\n");
        let new = node("a", "mine\n1\n2\n3\n4\n5\nnew\n");
        record.note(&[Change::Replace { old, new }], &by("q/v1", "2")).unwrap();
        assert_eq!(content(&record, "a"), "1\n2\n3\n4\n5\nnew\n");
        let names: Vec<_> = record.file("a").unwrap().by().iter().map(|it| &it.plugin).collect();
        assert_eq!(names, ["p/v1", "q/v1"]);
    }

    #[test]
    fn a_damaged_record_is_an_error_that_names_the_line() {
        let parse = |text: &str| Record::parse(text, Path::new("r")).unwrap_err().to_string();
        assert_eq!(parse("{\"format\":1}\n{\"file\":1}\n"), "line 2 of `r` is damaged");
        let marked = "{\"format\":2}\r\n<<<<<<< ours\r\n";
        assert_eq!(parse(marked), "line 2 of `r` is a merge conflict marker");
        let newer = "`r` has format 9, but this host supports formats only up to 2";
        assert_eq!(parse("{\"format\":9}\n"), newer);
        let text = "{\"file\":{\"path\":\"a\",\"mode\":\"644\",\"by\":[],\"base\":\"!\"}}";
        let record = Record::parse(text, Path::new("r")).unwrap();
        let said = record.file("a").unwrap().content().unwrap_err().to_string();
        assert_eq!(said, "the record of `a` is damaged");
    }

    #[test]
    fn commands_stay_in_their_order_whatever_the_clock_says() {
        let mut record = Record::default();
        let ids: Vec<String> = (0..3).map(|_| record.push(RecordedCommand::default())).collect();
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
        record.commands[2].at = "2999-01-01T00:00:00.000000Z".to_owned();
        record.push(RecordedCommand::default());
        assert_eq!(record.commands[3].at, "2999-01-01T00:00:00.000001Z");
        let rest = vec![record.commands[3].clone(), record.commands[0].clone()];
        record.set_commands(rest);
        let read = Record::parse(&record.to_text().unwrap(), Path::new("r")).unwrap();
        assert_eq!(read, record);
        let numbers: Vec<_> = read.commands().iter().map(|it| (it.number, &*it.id)).collect();
        assert_eq!(numbers, [(1, &*ids[0]), (2, &*record.commands[1].id)]);
        assert_eq!(read.undone().len(), 2);
    }

    #[test]
    fn counted_commands_get_the_same_ids_on_every_branch() {
        let command = |id: u32, kind: &str, date: &str| {
            format!(
                "{{\"command\":{{\"id\":{id},\"subcommand\":\"{kind}\",\"date\":\"{date}\"}}}}\n"
            )
        };
        let file = |path: &str, by: u32| {
            let by = format!("[{{\"plugin\":\"p\",\"command\":{by}}}]");
            format!(
                "{{\"file\":{{\"path\":\"{path}\",\"mode\":\"644\",\"by\":{by},\"base\":\"\"}}}}\n"
            )
        };
        let base = command(1, "init", "2026-02-02") + &command(2, "a", "2026-01-01");
        let of = |text: String| Record::parse(&text, Path::new("r")).unwrap();
        let ours = of(format!("{base}{}{}", command(3, "b", "2026-03-03"), file("x", 3)));
        let theirs = of(format!("{base}{}{}", command(3, "c", "2026-02-03"), file("y", 3)));
        assert_eq!(ours.commands()[..2], theirs.commands()[..2]);
        let both = ours.to_text().unwrap() + &theirs.to_text().unwrap();
        let both = of(both);
        let kinds: Vec<_> = both.commands().iter().map(|it| &*it.subcommand).collect();
        assert_eq!(kinds, ["init", "a", "c", "b"]);
        for (path, kind) in [("x", "b"), ("y", "c")] {
            let by = &both.file(path).unwrap().by()[0].command;
            assert_eq!(both.command(by).unwrap().subcommand, kind);
        }
    }

    #[test]
    fn a_base_that_unpacks_to_too_much_is_an_error_and_never_cut_off() {
        let line = |len: u64| {
            let base = pack(&vec![0; usize::try_from(len).unwrap()]);
            let file = RecordedFile { path: "a".into(), mode: "644".into(), by: vec![], base };
            serde_json::to_string(&Line::File(file)).unwrap()
        };
        let load = |len| Record::parse(&line(len), Path::new("record")).unwrap();
        assert_eq!(load(MAX_BASE).file("a").unwrap().content().unwrap().len() as u64, MAX_BASE);
        let err = load(MAX_BASE + 1).file("a").unwrap().content().err().unwrap();
        assert_eq!(err.to_string(), "the record of `a` is damaged");
        let source = std::error::Error::source(&err).unwrap().to_string();
        assert_eq!(source, "it is larger than 64 MiB");

        let large = Node::new("a", vec![0; usize::try_from(MAX_BASE + 1).unwrap()], MODE_FILE);
        let err = Record::default().note(&[Change::Add(large)], &by("p/v1", "1")).unwrap_err();
        let expected = "`a` is larger than 64 MiB, the maximum size of a recorded file";
        assert_eq!(err.to_string(), expected);
    }

    #[test]
    fn a_record_that_is_too_large_is_an_error_and_never_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path());
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, Record::default().to_text().unwrap()).unwrap();
        assert!(Record::load(folder.path()).unwrap().is_empty());
        std::fs::File::options().write(true).open(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        let err = Record::load(folder.path()).unwrap_err();
        let source = std::error::Error::source(&err).unwrap().to_string();
        assert_eq!(source, "it is larger than 256 MiB");

        let mut record = Record::default();
        record.push(RecordedCommand::default());
        let len = record.to_text().unwrap().len() as u64;
        record.to_text_within(len).unwrap();
        assert!(matches!(record.to_text_within(len - 1), Err(RecordError::Full)));
    }

    #[cfg(unix)]
    #[test]
    fn a_record_that_is_no_regular_file_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path());
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(fifo.success());
        let err = Record::load(folder.path()).unwrap_err();
        let source = std::error::Error::source(&err).unwrap().to_string();
        assert_eq!(source, "it is a FIFO, not a regular file");
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_dir(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(".", path.parent().unwrap()).unwrap();
        assert!(matches!(Record::load(folder.path()), Err(RecordError::Read { .. })));
    }
}
