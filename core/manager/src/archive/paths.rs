//! Checks the paths of entries: each must be valid on every system, and unique.

use super::error::{PathFault, Reason};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The largest length of a path, in bytes.
const MAX: usize = 1024;
/// The largest length of a component, in bytes.
const MAX_COMPONENT: usize = 255;
/// The largest number of components. No plugin needs as many, and each one uses memory.
const MAX_DEPTH: usize = 32;

/// Returns the path without `.` components.
pub(super) fn normalise(raw: &[u8]) -> Result<String, PathFault> {
    if raw.len() > MAX {
        return Err(PathFault::Long { limit: MAX });
    }
    let path = std::str::from_utf8(raw).map_err(|_| PathFault::NotUtf8)?;
    for character in path.chars() {
        match character {
            _ if character.is_control() => return Err(PathFault::Control { character }),
            '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*' => {
                return Err(PathFault::Character { character });
            }
            _ => (),
        }
    }
    if path.starts_with('/') {
        return Err(PathFault::Absolute);
    }
    let components: Vec<_> = path.split('/').filter(|it| *it != ".").collect();
    if components.is_empty() {
        return Err(PathFault::Empty);
    }
    if components.len() > MAX_DEPTH {
        return Err(PathFault::Deep { limit: MAX_DEPTH });
    }
    components.iter().try_for_each(|it| check_component(it))?;
    Ok(components.join("/"))
}

/// Returns whether a path is relative, does not leave its directory, and is valid on every system.
pub(crate) fn is_portable_path(path: &str) -> bool {
    normalise(path.as_bytes()).is_ok_and(|it| it == path)
}

fn check_component(component: &str) -> Result<(), PathFault> {
    if component.is_empty() {
        return Err(PathFault::Empty);
    }
    if component == ".." {
        return Err(PathFault::Parent);
    }
    if component.len() > MAX_COMPONENT {
        return Err(PathFault::LongComponent { limit: MAX_COMPONENT });
    }
    if component.ends_with(['.', ' ']) {
        return Err(PathFault::TrailingDotOrBlank);
    }
    if is_reserved(component) {
        return Err(PathFault::Reserved);
    }
    Ok(())
}

/// Returns whether Windows interprets a name as a device, whatever its extension.
fn is_reserved(component: &str) -> bool {
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    const NUMBERED: [&str; 2] = ["COM", "LPT"];
    let stem = component.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_numbered = || {
        let mut digits = NUMBERED.iter().filter_map(|it| stem.strip_prefix(it));
        // The superscript digits of Latin-1 count as digits as well.
        digits.any(|it| {
            matches!(it.chars().next(), Some('0'..='9' | '¹' | '²' | '³'))
                && it.chars().count() == 1
        })
    };
    DEVICES.contains(&stem.as_str()) || is_numbered()
}

/// The paths so far, as the directories of a system that ignores case.
#[derive(Default)]
pub(super) struct Tree {
    root: HashMap<String, Node>,
}

struct Node {
    spelling: String,
    /// `None` for a file.
    children: Option<HashMap<String, Node>>,
}

impl Tree {
    /// Adds a normalised path with its directories. A directory may occur several times.
    pub(super) fn claim(&mut self, path: &str, is_directory: bool) -> Result<(), Reason> {
        let mut level = &mut self.root;
        let mut start = 0;
        for component in path.split('/') {
            let end = start + component.len();
            let must_be_directory = is_directory || end < path.len();
            let node = match level.entry(fold(component)) {
                Entry::Occupied(it) => {
                    let node = it.into_mut();
                    check_same(node, &path[..start], component, must_be_directory)?;
                    node
                }
                Entry::Vacant(it) => it.insert(Node {
                    spelling: component.to_owned(),
                    children: must_be_directory.then(HashMap::new),
                }),
            };
            let Some(children) = &mut node.children else { break };
            level = children;
            start = end + 1;
        }
        Ok(())
    }
}

/// Checks that an existing entry may occur again.
fn check_same(
    node: &Node,
    before: &str,
    component: &str,
    must_be_directory: bool,
) -> Result<(), Reason> {
    if node.spelling != component {
        return Err(Reason::CaseClash { other: format!("{before}{}", node.spelling) });
    }
    match (node.children.is_some(), must_be_directory) {
        (true, true) => Ok(()),
        (false, false) => Err(Reason::Duplicate),
        _ => Err(Reason::FileAndDirectory { path: format!("{before}{component}") }),
    }
}

/// Returns a form that is equal for two names that differ only in case.
fn fold(component: &str) -> String {
    // First to upper case, so `ß` becomes `ss`, as in APFS.
    component.to_uppercase().to_lowercase()
}
