//! Merges the changes of the user and of a plugin to one file, three ways.

use crate::line_merge::{self, Clash, Spaces};
use pintle_plugin::Node;

/// The result for a file that was scaffolded as `base` and is now created differently.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It stays as the user has it.
    Keep,
    /// It gets these bytes and this mode.
    Write(Vec<u8>, u32),
    /// Both changed the same lines.
    Conflict(Conflict, u32),
    /// It is deleted.
    Delete,
    /// It stays as the user has it, although it should have changed.
    Unresolved(ConflictReason),
}

/// Lines that both have changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// Everything else is merged, and they have markers around them.
    pub(crate) marked: Vec<u8>,
    /// Everything else is merged, and they stay as the user has them.
    pub(crate) spared: Vec<u8>,
    /// The lines as the user has them.
    pub(crate) lines: Vec<String>,
}

/// Why a file stays as the user has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConflictReason {
    /// It is no longer created, but the user has changed it.
    Changed,
    /// It is created differently now, but the user has deleted it.
    Deleted,
    /// The user and the plugin have changed the same lines.
    SameLines,
    /// Both have changed it, and it is not text.
    Binary,
}

impl std::fmt::Display for ConflictReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Changed => "it has changed since it was scaffolded",
            Self::Deleted => "it has been deleted since it was scaffolded",
            Self::SameLines => "the lines to change have been edited since they were scaffolded",
            Self::Binary => "it is not text and has changed since it was scaffolded",
        })
    }
}

/// Decides what happens to a file: `base` is the scaffolded version, `ours` the user's version, and
/// `theirs` the version that is created now.
pub(crate) fn merge(base: Option<&Node>, ours: Option<&Node>, theirs: Option<&Node>) -> Verdict {
    let same = |left: &Node, right: &Node| is_same(left.path(), left.bytes(), right.bytes());
    match (base, ours, theirs) {
        (_, None, None) | (None, Some(_), None) => Verdict::Keep,
        (Some(base), Some(ours), None) => match same(base, ours) {
            true => Verdict::Delete,
            false => Verdict::Unresolved(ConflictReason::Changed),
        },
        (Some(base), None, Some(theirs)) => match same(base, theirs) {
            true => Verdict::Keep,
            false => Verdict::Unresolved(ConflictReason::Deleted),
        },
        (None, None, Some(theirs)) => Verdict::Write(theirs.bytes().to_vec(), theirs.mode()),
        (base, Some(ours), Some(theirs)) => both(base, ours, theirs),
    }
}

/// Decides as [`merge`] does, for a file that tools format as `tidied`: lines that conflict only
/// because they are formatted differently are merged. Lines that are not adjacent to changed ones
/// keep their formatting.
pub(crate) fn merge_tidied(
    base: Option<&Node>,
    ours: &Node,
    tidied: &Node,
    theirs: Option<&Node>,
) -> Verdict {
    let untidied = |text: &[u8]| {
        let (path, tidied, ours) = (ours.path(), tidied.bytes(), ours.bytes());
        line_merge::merge(tidied, ours, text, Spaces::of(path), Clash::Theirs).text
    };
    match (merge(base, Some(ours), theirs), merge(base, Some(tidied), theirs)) {
        (Verdict::Unresolved(_), Verdict::Delete) => Verdict::Delete,
        (Verdict::Conflict(..), Verdict::Keep) => Verdict::Keep,
        (Verdict::Conflict(..), Verdict::Write(bytes, mode)) => {
            Verdict::Write(untidied(&bytes), mode)
        }
        (Verdict::Conflict(known, _), Verdict::Conflict(found, mode))
            if found.lines.len() < known.lines.len() =>
        {
            let [marked, spared] = [&found.marked, &found.spared].map(|it| untidied(it));
            Verdict::Conflict(Conflict { marked, spared, ..found }, mode)
        }
        (verdict, _) => verdict,
    }
}

fn both(base: Option<&Node>, ours: &Node, theirs: &Node) -> Verdict {
    let base_bytes = base.map_or(&[][..], Node::bytes);
    let mode = mode(base, ours, theirs);
    let bytes = match three_way(ours.path(), base_bytes, ours.bytes(), theirs.bytes()) {
        Ok(bytes) => bytes,
        Err(Some(conflict)) => return Verdict::Conflict(conflict, mode),
        Err(None) => return Verdict::Unresolved(ConflictReason::Binary),
    };
    match bytes == ours.bytes() && mode == ours.mode() {
        true => Verdict::Keep,
        false => Verdict::Write(bytes, mode),
    }
}

/// Returns the mode of `ours`, made executable if `theirs` has become executable. The plugin does
/// not change the other bits, which come from a umask or a checkout.
fn mode(base: Option<&Node>, ours: &Node, theirs: &Node) -> u32 {
    let base = base.unwrap_or(ours);
    match (is_executable(base.mode()), is_executable(theirs.mode())) {
        // Everyone who may read it may execute it.
        (false, true) => ours.mode() | (ours.mode() & 0o444) >> 2,
        (true, false) => ours.mode() & !0o111,
        _ => ours.mode(),
    }
}

/// Whether the owner may execute a file with this mode.
pub(crate) fn is_executable(mode: u32) -> bool {
    mode & 0o100 != 0
}

/// Returns the lines that were inserted into `old` to create `new`, and that are not in `there`;
/// none for files that are not text.
pub(crate) fn lost(path: &str, old: &[u8], new: &[u8], there: &[u8]) -> Vec<String> {
    match [old, new, there].iter().any(|it| it.contains(&0)) {
        true => Vec::new(),
        false => line_merge::lost(old, new, there, Spaces::of(path)),
    }
}

/// Returns a text with the line endings of the file that it replaces.
pub(crate) fn with_endings_of(like: &[u8], text: &[u8]) -> Vec<u8> {
    match line_merge::has_crlf(like) && ![like, text].iter().any(|it| it.contains(&0)) {
        true => line_merge::with_crlf(text),
        false => text.to_vec(),
    }
}

/// Whether two versions of a file differ at most by the changes of a checkout or a formatter.
pub(crate) fn is_same(path: &str, one: &[u8], other: &[u8]) -> bool {
    one == other
        || ![one, other].iter().any(|it| it.contains(&0)) && Spaces::of(path).are_same(one, other)
}

/// Applies the changes from `base` to `theirs` to `ours`; `None` if both changed the same lines.
pub(crate) fn bytes(path: &str, base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    three_way(path, base, ours, theirs).ok()
}

/// Merges three ways; an error contains the conflict, or nothing if the files are not text.
pub(crate) fn three_way(
    path: &str,
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
) -> Result<Vec<u8>, Option<Conflict>> {
    // A change of only one side does not require lines, and may be binary.
    if base == theirs || ours == theirs {
        return Ok(ours.to_vec());
    }
    if base == ours {
        return Ok(theirs.to_vec());
    }
    if [base, ours, theirs].iter().any(|it| it.contains(&0)) {
        return Err(None);
    }
    let merge = |clash| line_merge::merge(base, ours, theirs, Spaces::of(path), clash);
    let spared = merge(Clash::Ours);
    if spared.clashes.is_empty() {
        return Ok(spared.text);
    }
    let marked = merge(Clash::Marked).text;
    let lines = spared.clashes.into_iter().flatten().collect();
    Err(Some(Conflict { marked, spared: spared.text, lines }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_plugin::{MODE_EXECUTABLE, MODE_FILE};

    fn node(text: &str) -> Node {
        Node::new("a", text, MODE_FILE)
    }

    fn verdict(base: Option<&str>, ours: Option<&str>, theirs: Option<&str>) -> String {
        let [base, ours, theirs] = [base, ours, theirs].map(|it| it.map(node));
        match merge(base.as_ref(), ours.as_ref(), theirs.as_ref()) {
            Verdict::Write(bytes, _) => format!("write {}", String::from_utf8(bytes).unwrap()),
            Verdict::Conflict(it, _) => {
                format!("conflict {}", String::from_utf8(it.marked).unwrap())
            }
            it => format!("{it:?}"),
        }
    }

    #[test]
    fn what_one_side_changed_is_taken() {
        assert_eq!(verdict(Some("1\n"), Some("1\n"), Some("2\n")), "write 2\n");
        assert_eq!(verdict(Some("1\n"), Some("2\n"), Some("1\n")), "Keep");
        assert_eq!(verdict(Some("1\n"), Some("2\n"), Some("2\n")), "Keep");
        assert_eq!(verdict(None, None, Some("2\n")), "write 2\n");
        assert_eq!(verdict(Some("1\n"), Some("1\n"), None), "Delete");
        let merged =
            verdict(Some("1\n2\n3\n4\n"), Some("0\n1\n2\n3\n4\n"), Some("1\n2\n3\n4\n5\n"));
        assert_eq!(merged, "write 0\n1\n2\n3\n4\n5\n");
    }

    #[test]
    fn what_both_changed_is_marked_or_left() {
        let both = verdict(Some("1\n"), Some("2\n"), Some("3\n"));
        assert!(
            both.starts_with("conflict <<<<<<<") && both.contains("=======\n3\n>>>>>>>"),
            "{both}"
        );
        assert_eq!(verdict(Some("1\n"), Some("2\n"), None), "Unresolved(Changed)");
        assert_eq!(verdict(Some("1\n"), None, Some("2\n")), "Unresolved(Deleted)");
        assert_eq!(verdict(Some("1\0"), Some("2\0"), Some("3\0")), "Unresolved(Binary)");
        assert!(verdict(None, Some("mine\n"), Some("theirs\n")).starts_with("conflict"));
    }

    #[test]
    fn lines_that_are_only_formatted_otherwise_do_not_clash() {
        let node = |text: &str| Node::new("a.rs", text, MODE_FILE);
        let base = "f(|| x)\n1;\ng(|| y)\n2;\nh(|| z)\n";
        let verdict = |ours: &str, tidied: &str, theirs: Option<&str>| {
            let theirs = theirs.map(node);
            match merge_tidied(Some(&node(base)), &node(ours), &node(tidied), theirs.as_ref()) {
                Verdict::Write(bytes, _) => String::from_utf8(bytes).unwrap(),
                Verdict::Conflict(it, _) => {
                    format!("{:?}\n{}", it.lines, String::from_utf8(it.spared).unwrap())
                }
                it => format!("{it:?}"),
            }
        };
        let wrapped = "f(|| {\n  x\n})\n1;\ng(|| {\n  y\n})\n2;\nh(|| {\n  z\n})\n";
        assert_eq!(verdict(wrapped, base, None), "Delete");
        let [mine, tidied] = [wrapped, base].map(|it| it.to_owned() + "mine\n");
        assert_eq!(verdict(&mine, &tidied, None), "Unresolved(Changed)");
        let theirs = "f(|| x)\n1;\n2;\nh(|| z)\n";
        let expected = "f(|| {\n  x\n})\n1;\n2;\nh(|| {\n  z\n})\n";
        assert_eq!(verdict(wrapped, base, Some(theirs)), expected);
        let [mine, tidied] = [wrapped, base].map(|it| it.replace("h(", "mine\nh("));
        let expected = expected.replace("h(", "mine\nh(");
        assert_eq!(verdict(&mine, &tidied, Some(theirs)), expected);
        // A line that the user has also changed.
        let [mine, tidied] = [wrapped, base].map(|it| it.replace('y', "mine"));
        assert_eq!(verdict(&mine, &tidied, Some(theirs)), format!("[\"g(|| mine)\"]\n{mine}"));
    }

    #[test]
    fn a_mode_is_merged_like_a_line() {
        let theirs = Node::new("a", "1\n", MODE_EXECUTABLE);
        let verdict = merge(Some(&node("1\n")), Some(&node("mine\n")), Some(&theirs));
        assert_eq!(verdict, Verdict::Write(b"mine\n".to_vec(), MODE_EXECUTABLE));

        let private = |mode| Node::new("a", "1\n", mode);
        let verdict = merge(Some(&node("1\n")), Some(&private(0o600)), Some(&theirs));
        assert_eq!(verdict, Verdict::Write(b"1\n".to_vec(), 0o700));
        let verdict = merge(Some(&theirs), Some(&private(0o750)), Some(&node("2\n")));
        assert_eq!(verdict, Verdict::Write(b"2\n".to_vec(), 0o640));
        let verdict = merge(Some(&private(0o600)), Some(&private(0o600)), Some(&node("1\n")));
        assert_eq!(verdict, Verdict::Keep);
    }
}
