//! The files of a project as an external plugin gets them, and the files that it returns.
//!
//! Invariant: files that are not text, and files that plugins may not see, are neither sent nor
//! changed.

use crate::chain::services::{PROJECT_BEFORE, PROJECT_NOW};
use crate::path::{is_git, is_host};
use crate::project::PROJECT;
use pintle_host::fs::{Dir, Kind};
use pintle_plugin::host::HostServices;
use pintle_plugin::message::ErrorReply;
use pintle_plugin::{ChangeKind, MODE_FILE, Node, Select};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The prefix of the names of files that contain secrets.
const SECRETS: &str = ".env";

/// The files that a plugin gets, by path.
pub(super) struct Sent {
    files: BTreeMap<String, Node>,
}

/// A path that a plugin returned and that is outside the project.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path `{0}` is outside the project")]
pub(super) struct Escape(String);

impl Sent {
    /// Collects the text files of the universe. Unless `all` is set, files with secrets and files
    /// that git ignores are omitted.
    pub(super) fn collect(services: &dyn HostServices, all: bool) -> Result<Self, ErrorReply> {
        let mut nodes = services.nodes(Select::All)?;
        if all {
            let ignored = ignored(services, &nodes)?;
            nodes.extend(ignored);
        } else {
            nodes.retain(|it| !name(it.path()).starts_with(SECRETS));
        }
        // kubebuilder has not yet written the command's changes to it.
        let project = services.nodes(Select::Path(PROJECT_BEFORE))?.pop();
        nodes.extend(project.map(|it| Node::new(PROJECT, it.bytes(), it.mode())));
        nodes.retain(is_text);
        Ok(Self { files: nodes.into_iter().map(|it| (it.path().to_owned(), it)).collect() })
    }

    /// Returns paths and contents.
    pub(super) fn universe(&self) -> BTreeMap<&str, &str> {
        let files = self.files.iter();
        files.filter_map(|(path, it)| Some((path.as_str(), it.text().ok()?))).collect()
    }

    /// Returns what a plugin has changed or added.
    pub(super) fn changed(&self, returned: Vec<(String, String)>) -> Result<Vec<Node>, ErrorReply> {
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        for (path, content) in returned {
            let clean = clean(&path).map_err(|err| refused(err.to_string()))?;
            let node = match self.files.get(&clean) {
                Some(old) if old.bytes() == content.as_bytes() => continue,
                Some(_) if clean == PROJECT => {
                    return Err(refused(
                        "the plugin changed `PROJECT`, which only the host may change",
                    ));
                }
                Some(old) => Node::new(clean, content, old.mode()).with_change(ChangeKind::Put),
                None => Node::new(clean, content, MODE_FILE),
            };
            nodes.insert(node.path().to_owned(), node);
        }
        Ok(nodes.into_values().collect())
    }
}

/// Returns the current PROJECT file, as an object with sorted keys.
pub(super) fn project(services: &dyn HostServices) -> Result<Value, ErrorReply> {
    let node = services.nodes(Select::Path(PROJECT_NOW))?.pop();
    let value = node.and_then(|it| serde_json::from_slice(it.bytes()).ok());
    Ok(value.map_or(Value::Null, sorted))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let object: BTreeMap<_, _> =
                object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(object.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        value => value,
    }
}

/// Returns a path in the project as kubebuilder interprets it: a leading `/` means the project, and
/// `.`, `..` and `//` are resolved.
fn clean(path: &str) -> Result<String, Escape> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| Escape(path.to_owned()))?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Returns the files that lists omit because git ignores them.
fn ignored(services: &dyn HostServices, listed: &[Node]) -> Result<Vec<Node>, ErrorReply> {
    let is_listed = |path: &str| listed.binary_search_by(|it| it.path().cmp(path)).is_ok();
    let mut nodes = Vec::new();
    let mut folders = vec![String::new()];
    // In a replay, nothing is on disk, and the universe contains none of these paths.
    let Ok(dir) = Dir::open(Path::new(".")) else { return Ok(nodes) };
    while let Some(folder) = folders.pop() {
        for entry in dir.list(&folder).map_err(|err| ErrorReply::failed(err.to_string()))? {
            let Ok(name) = entry.name.into_string() else { continue };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            match entry.kind {
                _ if is_git(&name) || is_host(&name) => {}
                Kind::Directory => folders.push(path),
                Kind::File if !is_listed(&path) => {
                    nodes.extend(services.nodes(Select::Path(&path))?);
                }
                _ => {}
            }
        }
    }
    Ok(nodes)
}

fn is_text(node: &Node) -> bool {
    !node.bytes().contains(&0) && std::str::from_utf8(node.bytes()).is_ok()
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn refused(message: impl Into<String>) -> ErrorReply {
    let mut err = ErrorReply::failed(message);
    err.hint = Some("this is a defect of the plugin; report it to its author".to_owned());
    err
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(files: &[(&str, &str, u32)]) -> Sent {
        let nodes = files.iter().map(|(path, text, mode)| Node::new(*path, *text, *mode));
        Sent { files: nodes.map(|it| (it.path().to_owned(), it)).collect() }
    }

    #[test]
    fn only_what_differs_is_a_change() {
        let sent = sent(&[("a", "one\r\n", 0o644), ("b.sh", "two", 0o755), (PROJECT, "p", 0o644)]);
        let returned =
            [("a", "one\r\n"), ("/b.sh", "three"), ("x//./c/../new/", ""), (PROJECT, "p")];
        let returned = returned.map(|(path, text)| (path.to_owned(), text.to_owned())).to_vec();
        let changed = sent.changed(returned).unwrap();
        let shown: Vec<_> = changed.iter().map(|it| (it.path(), it.mode(), it.change())).collect();
        let expected = [("b.sh", 0o755, ChangeKind::Put), ("x/new", 0o644, ChangeKind::Add)];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_path_that_leaves_the_project_is_refused() {
        for path in ["../a", "a/../../b", "/..", "/../etc/passwd"] {
            assert_eq!(clean(path), Err(Escape(path.to_owned())));
            assert!(sent(&[]).changed(vec![(path.to_owned(), String::new())]).is_err());
        }
        let changed = sent(&[(PROJECT, "p", 0o644)]).changed(vec![(PROJECT.into(), "q".into())]);
        assert!(changed.is_err());
    }
}
