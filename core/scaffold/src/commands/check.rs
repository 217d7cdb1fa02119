//! `project check`: whether every plugin of the layout is installed and compatible, and agrees with
//! the files.

use super::file_state::FileState;
use super::recorded_plugins::recorded_plugins;
use super::working_project::{PROJECT_TO_READ, open_directory, open_project};
use crate::manifests::compare;
use crate::operations::rework::Rework;
use crate::project::file::{PROJECT, ProjectFile};
use crate::project::keys::{is_kubebuilders, means, short};
use crate::record::file::{Record, RecordError};
use crate::record::replay::begins_with_init;
use clap::ArgMatches;
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step, output, plugin};
use pintle_host::fs::{Contents, Dir};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// Larger files that have changed are not searched for conflict markers.
const MAX_MERGED: u64 = 128 << 20;

/// One finding. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Finding {
    level: Level,
    /// What the finding is about: a plugin's key, a path, or `PROJECT`.
    subject: String,
    message: String,
}

impl Finding {
    fn of_files(n_files: usize, n_changed: usize) -> Self {
        let message = format!("{n_files} scaffolded, {n_changed} changed since then");
        Self { level: Level::Ok, subject: "files".to_owned(), message }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Note,
    Problem,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

const NAME: &str = "project check";

pub(super) const ROW: Row = Row::new(
    &["project", "check"],
    "Check that the project's plugins are compatible and agree with its files",
    Run::Plain(run),
)
.args(|command| command.arg(output::arg()))
.needs(&[PROJECT_TO_READ])
.common();

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let (root, project) = open_project()?;
    let mut findings = Findings(Vec::new());
    if let Err(err) = project.check_domain() {
        findings.add(Level::Problem, "PROJECT", &err.to_string());
    }
    let record = Record::load(&root);
    findings.plugins(session, &project, record.as_ref().ok());
    match record {
        Ok(record) if record.is_empty() => {
            findings.add(
                Level::Note,
                "PROJECT",
                "there is no record of how the project was scaffolded: `delete` and `project \
                 upgrade` cannot work",
            );
            findings.manifests(&root, &project, &record)?;
        }
        Ok(record) => {
            let n_files = record.files().count();
            let mut changed = findings.files(&root, &record)?;
            let place = findings.0.len();
            findings.manifests(&root, &project, &record)?;
            match begins_with_init(&record) {
                true => {
                    let formatted = findings.agreement(session, &root, project, record, &changed);
                    changed.retain(|it| !formatted.contains(it));
                }
                false => findings.add(
                    Level::Note,
                    "plugins",
                    "there is no record of how the project was created: cannot check whether the \
                     plugins would create the same files today",
                ),
            }
            findings.0.insert(place, Finding::of_files(n_files, changed.len()));
        }
        Err(err @ RecordError::Conflict { .. }) => return Err(err.into()),
        Err(err) => findings.add(Level::Problem, "PROJECT", &CliError::from(err).to_string()),
    }
    let is_bad = findings.0.iter().any(|it| it.level == Level::Problem);
    output::print(matches, session.console(), &findings.0, |it| text(it));
    Ok(if is_bad { Exit::Failed } else { Exit::Done }.into())
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, level: Level, subject: &str, message: &str) {
        let (subject, message) = (subject.to_owned(), message.to_owned());
        self.0.push(Finding { level, subject, message });
    }

    /// Loads every plugin of the layout.
    ///
    /// A kubebuilder project may also have plugins of other programs.
    fn plugins(&mut self, session: &Session<'_>, project: &ProjectFile, record: Option<&Record>) {
        let used: Vec<_> = record.into_iter().flat_map(Record::commands).collect();
        let is_ours = |key: &str| {
            let used = used.iter().flat_map(|it| &it.plugins).any(|it| means(key, it));
            used || !is_kubebuilders(key) && project.layout().iter().any(|it| it == key)
        };
        for text in project.keys() {
            if project.is_shared() && is_ours(text) && short(text) != text {
                let text = format!(
                    "kubebuilder refuses every command because of the key `{text}`; replace it \
                     with `{}`",
                    short(text)
                );
                self.add(Level::Problem, "PROJECT", &text);
            }
            let loaded = plugin::parse_key(text).and_then(|key| {
                let found = session.resolve(&key, Some(project.version()))?;
                session.load(&found)
            });
            match loaded {
                Ok(plugin) => match &plugin.manifest().deprecated {
                    Some(notice) => {
                        self.add(Level::Note, text, &format!("it is deprecated: {notice}"));
                    }
                    None => self.add(Level::Ok, text, "installed and compatible"),
                },
                Err(_) if !is_ours(text) => {
                    self.add(Level::Note, text, "not a plugin of this host; not checked");
                }
                Err(err) => self.add(Level::Problem, text, &err.to_string()),
            }
        }
    }

    /// Compares the scaffolded files with those on disk; returns those that have changed.
    fn files(&mut self, root: &Path, record: &Record) -> Result<BTreeSet<String>, CliError> {
        let dir = open_directory(root)?;
        let mut changed = BTreeSet::new();
        for file in record.files() {
            match FileState::of(&dir, file)? {
                FileState::Unchanged => {}
                FileState::Changed if has_markers(&dir, file.path()) => {
                    self.add(
                        Level::Problem,
                        file.path(),
                        "contains conflict markers; see `project repair`",
                    );
                }
                FileState::Changed => drop(changed.insert(file.path().to_owned())),
                FileState::Deleted => {
                    self.add(Level::Note, file.path(), "has been deleted since it was scaffolded");
                }
                FileState::Unreadable => self.add(Level::Problem, file.path(), "cannot be read"),
            }
        }
        Ok(changed)
    }

    /// Compares PROJECT with the manifests. The manifests that no plugin of this host creates are
    /// left to the tool that generates them.
    fn manifests(
        &mut self,
        root: &Path,
        project: &ProjectFile,
        record: &Record,
    ) -> Result<(), CliError> {
        let Some(found) = compare(&open_directory(root)?, project) else { return Ok(()) };
        let is_ours = record.files().any(|it| it.path().starts_with("config/"));
        for it in &found {
            let is_problem = !it.is_harmless && (is_ours || it.subject == PROJECT);
            let level = if is_problem { Level::Problem } else { Level::Note };
            self.add(level, &it.subject, &it.message);
        }
        if found.is_empty() {
            self.add(Level::Ok, "manifests", "consistent with PROJECT");
        }
        Ok(())
    }

    /// Checks whether the plugins would create the same files today; returns which of the changed
    /// files the user has only formatted.
    fn agreement(
        &mut self,
        session: &Session<'_>,
        root: &Path,
        project: ProjectFile,
        record: Record,
        changed: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let limit = session.hook_time_limit();
        let plugins = recorded_plugins(session, &record, &|_| None);
        let (plugins, memo, limit) = match plugins.and_then(|it| Ok((it.0, it.1, limit?))) {
            Ok(it) => it,
            Err(err) => {
                // The plugin's own finding already reports this.
                if !self.0.iter().any(|it| it.level == Level::Problem) {
                    self.add(Level::Problem, "plugins", &err.to_string());
                }
                return BTreeSet::new();
            }
        };
        let identity = session.identity();
        let rework =
            Rework { root, project, record, plugins: &plugins, identity, limit, memo: &memo };
        match rework.drift(NAME, changed, &session.services().of("")) {
            Ok(drift) => {
                if drift.drifted.is_empty() {
                    self.add(Level::Ok, "plugins", "would create the same files today");
                }
                for path in &drift.drifted {
                    let text = "its plugin would create it differently today; see `project upgrade \
                                --diff`";
                    self.add(Level::Note, path, text);
                }
                drift.formatted
            }
            Err(err) => {
                self.add(Level::Problem, "plugins", &CliError::from(err).to_string());
                BTreeSet::new()
            }
        }
    }
}

/// Whether a file has all three conflict markers, each at the start of a line.
fn has_markers(root: &Dir, path: &str) -> bool {
    // A file that cannot be read is reported separately.
    let Ok(Contents { bytes, .. }) = root.read_regular(path, MAX_MERGED) else { return false };
    let has = |mark: &str| bytes.split(|it| *it == b'\n').any(|it| it.starts_with(mark.as_bytes()));
    ["<<<<<<< ", "=======", ">>>>>>> "].into_iter().all(has)
}

fn text(findings: &[Finding]) -> String {
    let line =
        |it: &Finding| vec![it.level.name().to_owned(), it.subject.clone(), it.message.clone()];
    output::table(&findings.iter().map(line).collect::<Vec<_>>())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use pintle_plugin::{MODE_FILE, Node};
    use std::time::Duration;

    #[test]
    fn a_fifo_in_the_place_of_a_scaffolded_file_is_a_changed_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let fifo = std::process::Command::new("mkfifo").arg(root.join("a")).status().unwrap();
        assert!(fifo.success());
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut record = Record::default();
            record.put(&Node::new("a", "text", MODE_FILE), Vec::new(), Vec::new()).unwrap();
            let mut findings = Findings(Vec::new());
            send.send(findings.files(&root, &record).unwrap()).unwrap();
        });
        let changed = receive.recv_timeout(Duration::from_secs(20)).expect("it hangs");
        assert_eq!(changed, BTreeSet::from(["a".to_owned()]));
    }
}
