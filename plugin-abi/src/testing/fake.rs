//! The host of the tests: it records everything and shows nothing.

use super::Error;
use super::engine::Engine;
use super::given::Given;
use crate::cancel;
use crate::containers::ContainerInfo;
use crate::host::{HostServices, Level, Stream};
use crate::message::{
    CleanupRequest, Directories, ErrorReply, LogRecord, ProgressUpdate, Prompt, ServiceReply,
    ServiceRequest, Shown, Terminal,
};
use crate::view::View;
use crate::{Node, Select};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A host that a plugin can be called with.
pub(super) struct FakeHost {
    state: Mutex<State>,
    /// The universe, by path.
    files: BTreeMap<String, Node>,
    /// The same files, for lending.
    all: Vec<Node>,
    /// The location of the plugin's own directories.
    directories: Option<PathBuf>,
    terminal: Terminal,
    /// The text at which the call is interrupted.
    interrupted_at: Option<String>,
}

#[derive(Default)]
struct State {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    log: Vec<(Level, String)>,
    records: Vec<LogRecord>,
    progress: Vec<ProgressUpdate>,
    answers: VecDeque<String>,
    containers: Engine,
    is_cancelled: bool,
    /// Whether the plugin has checked whether the call is cancelled.
    has_asked: bool,
    /// The registered cleanups, in order.
    cleanups: Vec<u64>,
}

/// What a plugin did with its host.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) log: Vec<(Level, String)>,
    pub(super) records: Vec<LogRecord>,
    pub(super) progress: Vec<ProgressUpdate>,
    pub(super) containers: Vec<ContainerInfo>,
    pub(super) applied: Vec<(String, Value)>,
}

impl FakeHost {
    pub(super) fn new(given: Given, files: BTreeMap<String, Node>) -> Self {
        let Given { answers, containers, directories, terminal, .. } = given;
        let containers = Engine { containers, ..Engine::default() };
        let is_cancelled = given.is_cancelled;
        let state = State { answers: answers.into(), containers, is_cancelled, ..State::default() };
        let all = files.values().cloned().collect();
        let interrupted_at = given.interrupted_at;
        Self { state: Mutex::new(state), files, all, directories, terminal, interrupted_at }
    }

    /// Replaces the files of the universe.
    pub(super) fn set_files(&mut self, files: BTreeMap<String, Node>) {
        self.all = files.values().cloned().collect();
        self.files = files;
    }

    /// Ends the run. An answer that was not requested is an error of the test.
    pub(super) fn finish(self) -> Result<Record, Error> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = state.answers.front() {
            return Err(Error::refused(format!(
                "the plugin never asked for the answer `{answer}`"
            )));
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (stdout, stderr) = (text(state.stdout), text(state.stderr));
        let Engine { containers, applied, .. } = state.containers;
        let State { log, records, progress, .. } = state;
        Ok(Record { stdout, stderr, log, records, progress, containers, applied })
    }

    /// Interrupts the call at the text for it.
    fn notice(&self, text: &str) {
        if self.interrupted_at.as_ref().is_none_or(|it| !text.contains(it)) {
            return;
        }
        let mut state = self.state();
        if state.is_cancelled {
            return;
        }
        state.is_cancelled = true;
        let cleanups = match state.has_asked {
            true => Vec::new(),
            false => std::mem::take(&mut state.cleanups),
        };
        drop(state);
        // Later registrations may depend on earlier ones.
        cleanups.into_iter().rev().for_each(cancel::run);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn selected(&self, select: Select<'_>) -> Result<Vec<&Node>, ErrorReply> {
        match select {
            Select::Glob(pattern) if pattern.contains(['[', ']', '{', '}', '!']) => {
                return Err(ErrorReply::failed(format!(
                    "unsupported glob `{pattern}`: use only `*`, `?` and `**`"
                )));
            }
            _ => {}
        }
        let fits = |node: &&Node| match select {
            Select::All => true,
            Select::Glob(pattern) => matches_glob(pattern.as_bytes(), node.path().as_bytes()),
            Select::Plugin(key) => node.plugin() == Some(key),
            Select::Path(path) => node.path() == path,
            Select::Origin { plugin, subcommand } => {
                node.plugin() == Some(plugin) && node.subcommand() == Some(subcommand)
            }
        };
        Ok(self.files.values().filter(fits).collect())
    }
}

impl HostServices for FakeHost {
    fn write(&self, stream: Stream, text: &[u8]) {
        let mut state = self.state();
        match stream {
            Stream::Out => state.stdout.extend_from_slice(text),
            Stream::Err => state.stderr.extend_from_slice(text),
        }
        drop(state);
        self.notice(&String::from_utf8_lossy(text));
    }

    fn log(&self, level: Level, text: &str) {
        self.state().log.push((level, text.to_owned()));
        self.notice(text);
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        match request {
            ServiceRequest::Prompt(prompt) => {
                let answer = answer(&prompt, self.state().answers.pop_front())?;
                Ok(ServiceReply { answer: Some(answer), ..ServiceReply::default() })
            }
            ServiceRequest::Progress(update) => {
                self.state().progress.push(update);
                Ok(ServiceReply::default())
            }
            ServiceRequest::Containers(request) => {
                let containers = self.state().containers.answer(request)?;
                Ok(ServiceReply { containers, ..ServiceReply::default() })
            }
            ServiceRequest::Terminal => {
                let terminal = Some(self.terminal.clone());
                Ok(ServiceReply { terminal, ..ServiceReply::default() })
            }
            ServiceRequest::Directories(_) => {
                let directories = self.directories.as_deref().map(directories).transpose()?;
                Ok(ServiceReply { directories, ..ServiceReply::default() })
            }
            ServiceRequest::Show(shown) => {
                let text = text_of(shown)?;
                self.write(Stream::Out, text.as_bytes());
                Ok(ServiceReply::default())
            }
            ServiceRequest::Cleanup(CleanupRequest { id, is_needed }) => {
                let cleanups = &mut self.state().cleanups;
                cleanups.retain(|it| *it != id);
                cleanups.extend(is_needed.then_some(id));
                Ok(ServiceReply::default())
            }
            ServiceRequest::Log(record) => {
                let text = record.to_string();
                self.state().records.push(record);
                self.notice(&text);
                Ok(ServiceReply::default())
            }
            ServiceRequest::LogLevel => {
                let log_level = Some(Level::Trace);
                Ok(ServiceReply { log_level, ..ServiceReply::default() })
            }
            ServiceRequest::Unknown => {
                Err(ErrorReply::unsupported("the test kit does not support this service"))
            }
        }
    }

    fn wait_cancelled(&self, limit: Duration) -> bool {
        let start = Instant::now();
        loop {
            let mut state = self.state();
            state.has_asked = true;
            let is_cancelled = state.is_cancelled;
            drop(state);
            let left = limit.saturating_sub(start.elapsed());
            if is_cancelled || left.is_zero() {
                return is_cancelled;
            }
            // Another thread of the plugin may interrupt the call.
            std::thread::sleep(left.min(Duration::from_millis(10)));
        }
    }

    fn paths(&self, select: Select<'_>) -> Result<Vec<String>, ErrorReply> {
        Ok(self.selected(select)?.into_iter().map(|it| it.path().to_owned()).collect())
    }

    fn nodes(&self, select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        Ok(self.selected(select)?.into_iter().cloned().collect())
    }

    fn all_nodes(&self) -> Result<&[Node], ErrorReply> {
        Ok(&self.all)
    }
}

/// Creates a plugin's own directories.
fn directories(root: &Path) -> Result<Directories, ErrorReply> {
    let create = |name: &str| {
        let path = root.join(name);
        match std::fs::create_dir_all(&path) {
            Ok(()) => Ok(path),
            Err(err) => {
                Err(ErrorReply::failed(format!("failed to create `{}`: {err}", path.display())))
            }
        }
    };
    Ok(Directories { config: create("config")?, cache: create("cache")?, state: create("state")? })
}

/// Returns a result as the host prints it, except for YAML, which only the host writes.
fn text_of(shown: Shown) -> Result<String, ErrorReply> {
    let View { text, table } = shown.view;
    let lines = match (shown.form.as_str(), table) {
        ("json" | "yaml", _) => format!("{:#}", shown.value),
        (_, Some(table)) => {
            let lines = [table.columns].into_iter().chain(table.rows);
            lines.map(|it| it.join("  ")).collect::<Vec<_>>().join("\n")
        }
        (_, None) => text.unwrap_or_default().trim_end_matches('\n').to_owned(),
    };
    Ok(lines + "\n")
}

fn answer(prompt: &Prompt, scripted: Option<String>) -> Result<String, ErrorReply> {
    let question = &prompt.question;
    let answer = scripted.or_else(|| prompt.default.clone()).ok_or_else(|| {
        ErrorReply::failed(format!("no answer and no default for the question `{question}`"))
    })?;
    if prompt.confirm && answer.parse::<bool>().is_err() {
        return Err(ErrorReply::failed(format!(
            "the answer `{answer}` to `{question}` is neither `true` nor `false`"
        )));
    }
    if !prompt.choices.is_empty() && !prompt.choices.contains(&answer) {
        return Err(ErrorReply::failed(format!(
            "the answer `{answer}` is not one of the choices of `{question}`"
        )));
    }
    Ok(answer)
}

/// Whether `path` matches: `*` and `?` stay inside a part, `**` crosses parts.
fn matches_glob(pattern: &[u8], path: &[u8]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        ([b'*', b'*', b'/', rest @ ..], _) => {
            // `**/` matches any number of whole parts, including none.
            matches_glob(rest, path)
                || path
                    .iter()
                    .position(|it| *it == b'/')
                    .is_some_and(|slash| matches_glob(pattern, &path[slash + 1..]))
        }
        ([b'*', b'*', rest @ ..], _) => (0..=path.len()).any(|it| matches_glob(rest, &path[it..])),
        ([b'*', rest @ ..], _) => {
            let part = path.iter().position(|it| *it == b'/').unwrap_or(path.len());
            (0..=part).any(|it| matches_glob(rest, &path[it..]))
        }
        ([b'?', pattern @ ..], [byte, path @ ..]) => *byte != b'/' && matches_glob(pattern, path),
        ([expected, pattern @ ..], [byte, path @ ..]) => {
            expected == byte && matches_glob(pattern, path)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_keeps_to_its_parts() {
        let fits = |pattern: &str, path: &str| matches_glob(pattern.as_bytes(), path.as_bytes());
        assert!(fits("src/*.rs", "src/main.rs"));
        assert!(!fits("src/*.rs", "src/api/mod.rs"));
        assert!(fits("src/**/*.rs", "src/main.rs"));
        assert!(fits("src/**/*.rs", "src/api/v1/mod.rs"));
        assert!(fits("**/mod.rs", "mod.rs"));
        assert!(!fits("**/mod.rs", "a/xmod.rs"));
        assert!(fits("src/**", "src/a/b"));
        assert!(fits("?.toml", "a.toml"));
        assert!(!fits("?.toml", "/.toml"));
    }
}
