//! How a project was made: the commands that scaffolded it, and the files as they were then.
//!
//! The record makes three things possible: saying which plugin wrote a file, undoing a
//! command, and taking over what a newer plugin makes of the same commands. It is a text
//! of JSON lines, sorted by path, so that version control shows and merges it well; a
//! file's content is packed into its line.
//!
//! Invariant: a file that scaffolding did not make is not in the record.

use crate::chain::steps::INIT;
use crate::merge::{self, is_executable};
use crate::path;
use crate::universe::Change;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use pintle_host::fs::{Cause, Dir};
use pintle_plugin::{MODE_EXECUTABLE, MODE_FILE, Node};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The name of the record in the folder of the host's state.
pub(crate) const FILE: &str = "scaffold.jsonl";

/// The number of the format that this host reads and writes.
const FORMAT: u32 = 1;

/// A record larger than this is not one that a host wrote.
const MAX_BYTES: u64 = 256 << 20;

/// A packed file that unpacks to more than this is damaged.
const MAX_BASE: u64 = 64 << 20;

/// How a project was made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    commands: Vec<RecordedCommand>,
    files: BTreeMap<String, RecordedFile>,
}

/// A scaffolding command that was carried out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RecordedCommand {
    /// The number of the command in the record, from 1.
    pub id: u32,
    /// The subcommand, as `create api`.
    pub subcommand: String,
    /// The version of the PROJECT file that the plugins were told.
    pub project_version: String,
    /// The day of the command in UTC, as `2026-11-21`.
    pub date: String,
    /// The full keys of the chain's plugins, in order.
    pub plugins: Vec<String>,
    /// The values of the flags.
    pub args: Map<String, Value>,
    /// What `init` was told of the project: `domain`, `projectName`, `repo` and
    /// `namespaced`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub project: Map<String, Value>,
    /// The resource that was asked for, as it would stand in PROJECT.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub resource: Value,
    /// What the user answered to the plugins' questions, secrets excepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
}

/// What the user answered to a question of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
}

/// A file as it was scaffolded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedFile {
    path: String,
    /// The permission bits, as chmod takes them: `644` or `755`; older hosts wrote others, too.
    mode: String,
    /// Who had a hand in it, in order.
    by: Vec<Origin>,
    /// The content, packed.
    base: String,
}

/// A plugin and the command in which it made or changed a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// The plugin's full key.
    pub plugin: String,
    /// The number of the command.
    pub command: u32,
}

/// A line of the record.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Format(u32),
    Command(Box<RecordedCommand>),
    File(RecordedFile),
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file cannot be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is none that a host wrote.
    #[error("line {line} of `{}` is damaged", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The record is of a later release.
    #[error("`{}` has format {format}, and this host reads format {FORMAT}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The number of its format.
        format: u32,
    },
    /// The resource of a command is none.
    #[error("the record of command {id} has no valid resource")]
    Resource {
        /// The number of the command.
        id: u32,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file is too large to be recorded.
    #[error("`{path}` is larger than {} MiB, the most that is recorded of a file", MAX_BASE >> 20)]
    TooLarge {
        /// The path of the file.
        path: String,
    },
    /// All files together are too large to be recorded.
    #[error("the record would be larger than {} MiB", MAX_BYTES >> 20)]
    Full,
    /// The content of a file cannot be unpacked.
    #[error("the record of `{path}` is damaged")]
    Base {
        /// The path of the file.
        path: String,
        /// What is wrong with it.
        source: io::Error,
    },
}

impl Record {
    /// Reads the record of the project in the folder `root`; a project without one has
    /// an empty record.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when there is one that cannot be read.
    pub fn load(root: &Path) -> Result<Self, RecordError> {
        let path = file(root);
        let read = || -> io::Result<String> {
            let dir = Dir::open(root)?;
            dir.read_regular(Path::new(path::HOST_FOLDER).join(FILE), MAX_BYTES)?.into_text()
        };
        match read() {
            Ok(text) => Self::parse(&text, &path),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(RecordError::Read { path, source }),
        }
    }

    /// Returns whether nothing is known of how the project was made.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Returns the commands, in the order in which they were carried out.
    pub fn commands(&self) -> &[RecordedCommand] {
        &self.commands
    }

    /// Whether it is known how the project was made from the start.
    pub(crate) fn begins_with_init(&self) -> bool {
        self.commands.first().is_some_and(|it| it.subcommand == INIT)
    }

    /// Returns the command with this number.
    pub fn command(&self, id: u32) -> Option<&RecordedCommand> {
        self.commands.iter().find(|it| it.id == id)
    }

    /// Returns the files, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = &RecordedFile> {
        self.files.values()
    }

    /// Returns what is known of the file at `path`.
    pub fn file(&self, path: &str) -> Option<&RecordedFile> {
        self.files.get(path)
    }

    /// Whether the file is known, and still as it was scaffolded.
    pub(crate) fn has(&self, node: &Node) -> bool {
        let file = self.file(node.path());
        file.is_some_and(|it| {
            it.content().is_ok_and(|it| merge::is_same(node.path(), &it, node.bytes()))
        })
    }

    /// Returns the text that goes to the disk.
    ///
    /// # Errors
    ///
    /// [`RecordError::Full`] when it would not be read again.
    pub(crate) fn to_text(&self) -> Result<String, RecordError> {
        self.to_text_within(MAX_BYTES)
    }

    fn to_text_within(&self, limit: u64) -> Result<String, RecordError> {
        let commands = self.commands.iter().cloned().map(|it| Line::Command(Box::new(it)));
        let files = self.files.values().cloned().map(Line::File);
        let lines = std::iter::once(Line::Format(FORMAT)).chain(commands).chain(files);
        let text: String = lines
            .map(|it| serde_json::to_string(&it).expect("the record has string keys") + "\n")
            .collect();
        if text.len() as u64 > limit { Err(RecordError::Full) } else { Ok(text) }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, RecordError> {
        let mut record = Self::default();
        for (line, text) in text.lines().enumerate().filter(|(_, it)| !it.trim().is_empty()) {
            let fail = |source| RecordError::Line { path: path.to_owned(), line: line + 1, source };
            match serde_json::from_str(text).map_err(fail)? {
                Line::Format(FORMAT) => {}
                Line::Format(format) => {
                    return Err(RecordError::Format { path: path.to_owned(), format });
                }
                Line::Command(it) => record.commands.push(*it),
                Line::File(it) => {
                    record.files.insert(it.path.clone(), it);
                }
            }
        }
        Ok(record)
    }

    /// Returns the number of the next command.
    pub(crate) fn next_id(&self) -> u32 {
        self.commands.iter().map(|it| it.id).max().unwrap_or(0) + 1
    }

    /// Adds a command that was carried out.
    pub(crate) fn push(&mut self, command: RecordedCommand) {
        self.commands.push(command);
    }

    /// Puts other commands in the place of those that are there.
    pub(crate) fn set_commands(&mut self, commands: Vec<RecordedCommand>) {
        self.commands = commands;
    }

    /// Takes over what a command did to the files on disk; `by` says who changed a path.
    ///
    /// Where the user had changed a file before, what the command changed is done to the
    /// file as it was scaffolded, so that the user's change stays the user's.
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

    /// Sets a file as it was scaffolded, after those in `before` by those in `by`.
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

    /// Forgets a file.
    pub(crate) fn forget(&mut self, path: &str) {
        self.files.remove(path);
    }
}

impl RecordedFile {
    /// Returns the path relative to the project.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns who had a hand in the file, in order.
    pub fn by(&self) -> &[Origin] {
        &self.by
    }

    /// Returns the permission bits that the file was scaffolded with. Of those, only whether
    /// it can be executed is known: the others are those of the user's umask.
    pub fn mode(&self) -> u32 {
        u32::from_str_radix(&self.mode, 8).map_or(MODE_FILE, mode)
    }

    /// Returns the file as it was scaffolded.
    ///
    /// # Errors
    ///
    /// [`RecordError::Base`] when the record is damaged.
    pub fn content(&self) -> Result<Vec<u8>, RecordError> {
        unpack(&self.base).map_err(|source| RecordError::Base { path: self.path.clone(), source })
    }

    /// Returns the file as it was scaffolded, as a node without an origin.
    ///
    /// # Errors
    ///
    /// [`RecordError::Base`] when the record is damaged.
    pub(crate) fn node(&self) -> Result<Node, RecordError> {
        Ok(Node::new(&*self.path, self.content()?, self.mode()))
    }
}

/// Returns the path of the record of the project in the folder `root`.
fn file(root: &Path) -> PathBuf {
    root.join(path::HOST_FOLDER).join(FILE)
}

/// Returns the mode that is recorded of a file, as git does.
fn mode(mode: u32) -> u32 {
    if is_executable(mode) { MODE_EXECUTABLE } else { MODE_FILE }
}

fn pack(bytes: &[u8]) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    STANDARD_NO_PAD.encode(packed.expect("writing to memory does not fail"))
}

fn unpack(text: &str) -> io::Result<Vec<u8>> {
    let packed = STANDARD_NO_PAD.decode(text).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    DeflateDecoder::new(&*packed).take(MAX_BASE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_BASE {
        true => Err(Cause::TooLarge { limit: MAX_BASE }.into()),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(path: &str, text: &str) -> Node {
        Node::new(path, text, MODE_FILE)
    }

    fn by(plugin: &str, command: u32) -> impl Fn(&str) -> Vec<Origin> {
        let plugin = plugin.to_owned();
        move |_| vec![Origin { plugin: plugin.clone(), command }]
    }

    fn content(record: &Record, path: &str) -> String {
        String::from_utf8(record.file(path).unwrap().content().unwrap()).unwrap()
    }

    #[test]
    fn a_record_survives_the_disk() {
        let mut record = Record::default();
        record.push(RecordedCommand { id: 1, subcommand: "init".into(), ..Default::default() });
        let bytes = Node::new("bin", vec![0, 255, 10, 13], 0o755);
        record.note(&[Change::Add(node("a", "1\n")), Change::Add(bytes)], &by("p/v1", 1)).unwrap();
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
        record.note(&[change], &by("p/v1", 1)).unwrap();
        assert!(record.file("a").is_none());
    }

    #[test]
    fn the_users_change_stays_the_users() {
        let mut record = Record::default();
        record.note(&[Change::Add(node("a", "1\n2\n3\n4\n5\n"))], &by("p/v1", 1)).unwrap();
        let old = node("a", "mine\n1\n2\n3\n4\n5\n");
        let new = node("a", "mine\n1\n2\n3\n4\n5\nnew\n");
        record.note(&[Change::Replace { old, new }], &by("q/v1", 2)).unwrap();
        assert_eq!(content(&record, "a"), "1\n2\n3\n4\n5\nnew\n");
        let names: Vec<_> = record.file("a").unwrap().by().iter().map(|it| &it.plugin).collect();
        assert_eq!(names, ["p/v1", "q/v1"]);
    }

    #[test]
    fn a_damaged_record_is_an_error_that_names_the_line() {
        let parse = |text: &str| Record::parse(text, Path::new("r")).unwrap_err().to_string();
        assert_eq!(parse("{\"format\":1}\n<<<<<<< ours\n"), "line 2 of `r` is damaged");
        assert_eq!(parse("{\"format\":9}\n"), "`r` has format 9, and this host reads format 1");
        let text = "{\"file\":{\"path\":\"a\",\"mode\":\"644\",\"by\":[],\"base\":\"!\"}}";
        let record = Record::parse(text, Path::new("r")).unwrap();
        let said = record.file("a").unwrap().content().unwrap_err().to_string();
        assert_eq!(said, "the record of `a` is damaged");
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
        let err = Record::default().note(&[Change::Add(large)], &by("p/v1", 1)).unwrap_err();
        let expected = "`a` is larger than 64 MiB, the most that is recorded of a file";
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
