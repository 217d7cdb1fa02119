//! A pending change: new files, and new lines in existing files.
//!
//! Invariant: everything that is not explicitly changed stays as it is, byte for byte.

use crate::{ChangeSet, Hint as _, Node, Result, Universe};
use anyhow::Context as _;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The start of every marker, after the comment sign.
const MARKER: &str = "+pintle:scaffold:";

/// The languages whose comments start with two slashes; all others use `#`.
const SLASHES: &[&str] =
    &["c", "cc", "cpp", "cs", "go", "h", "hpp", "java", "js", "kt", "proto", "rs", "swift", "ts"];

/// Returns the comment sign of a file.
fn comment(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map_or("", |it| it.1);
    if SLASHES.contains(&extension) { "//" } else { "#" }
}

/// A pending change: new files, and lines at the markers of existing files.
///
/// A marker is a line that contains only a comment such as `// +pintle:scaffold:crds` (`#` in TOML,
/// YAML and all languages that are not like C). It stays where it is, so that the next command
/// finds it. Text that users write around it stays, too. A line that the file already has, at any
/// indentation, is not inserted again. Nor is code that a formatter has broken into other lines.
/// broken into other lines.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
/// let mut draft = Draft::new(call.universe, call.args.flag("force"));
/// draft.add("src/captain.rs", "pub struct Captain;\n")?;
/// draft.insert("src/lib.rs", "modules", "pub mod captain;", Place::Sorted)?;
/// draft.finish(changes);
/// # Ok(())
/// # }
/// ```
pub struct Draft<'a> {
    universe: Universe<'a>,
    replace: bool,
    files: BTreeMap<String, File>,
}

/// A file before the change, if it existed, and after it.
struct File {
    original: Option<Node>,
    text: String,
    /// Whether the text is based on the text of the original.
    is_edit: bool,
}

/// The position of a line among the lines above its marker.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
/// let mut draft = Draft::new(call.universe, call.args.flag("force"));
/// draft.insert("src/lib.rs", "modules", "pub mod captain;", Place::Sorted)?;
/// draft.insert("src/main.rs", "controllers", ".with(captain::run)", Place::Last)?;
/// draft.finish(changes);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Directly above the marker.
    Last,
    /// Where rustfmt would sort it among the lines of its block, in edition 2024.
    Sorted,
}

impl<'a> Draft<'a> {
    /// Returns a draft that changes nothing. With `replace`, new files may replace existing ones.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let mut draft = Draft::new(call.universe, call.args.flag("force"));
    /// draft.add("README.md", "# Demo\n")?;
    /// draft.finish(changes);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(universe: Universe<'a>, replace: bool) -> Self {
        Self { universe, replace, files: BTreeMap::new() }
    }

    /// Adds a file. Without `replace`, the host rejects it if the file exists.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let mut draft = Draft::new(call.universe, call.args.flag("force"));
    /// draft.add("src/captain.rs", "pub struct Captain;\n")?;
    /// draft.finish(changes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the existing file cannot be read.
    pub fn add(&mut self, path: &str, text: impl Into<String>) -> Result<()> {
        let text = text.into();
        let original = if self.replace { self.universe.get(path)? } else { None };
        self.files.insert(path.to_owned(), File { original, text, is_edit: false });
        Ok(())
    }

    /// Adds a file unless it exists.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let mut draft = Draft::new(call.universe, call.args.flag("force"));
    /// draft.ensure("src/api/mod.rs", || Ok("//! The APIs.\n".to_owned()))?;
    /// draft.finish(changes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If `make` fails.
    pub fn ensure(&mut self, path: &str, make: impl FnOnce() -> Result<String>) -> Result<()> {
        if self.files.contains_key(path) || self.exists(path)? {
            return Ok(());
        }
        self.files.insert(path.to_owned(), File { original: None, text: make()?, is_edit: false });
        Ok(())
    }

    /// Returns whether the file exists in the project; the draft's own files do not exist there
    /// yet.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let mut draft = Draft::new(call.universe, call.args.flag("force"));
    /// if !draft.exists("Makefile")? {
    ///     draft.add("Makefile", "all:\n\tcargo build\n")?;
    /// }
    /// draft.finish(changes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the host cannot determine it.
    pub fn exists(&self, path: &str) -> Result<bool> {
        self.universe.exists(path)
    }

    /// Replaces a file with a text of the plugin's own, or creates it.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let mut draft = Draft::new(call.universe, call.args.flag("force"));
    /// draft.put("generated.json", "{}\n")?;
    /// draft.finish(changes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the existing file cannot be read.
    pub fn put(&mut self, path: &str, text: impl Into<String>) -> Result<()> {
        let text = text.into();
        let original = self.universe.get(path)?;
        self.files.insert(path.to_owned(), File { original, text, is_edit: false });
        Ok(())
    }

    /// Inserts lines at the marker `// +pintle:scaffold:<marker>`, with its indentation, unless the
    /// file already has them.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let mut draft = Draft::new(call.universe, call.args.flag("force"));
    /// // Above the line `// +pintle:scaffold:modules`:
    /// draft.insert("src/lib.rs", "modules", "pub mod captain;", Place::Sorted)?;
    /// draft.finish(changes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the file does not exist, or does not have the marker.
    pub fn insert(&mut self, path: &str, marker: &str, line: &str, place: Place) -> Result<()> {
        if !self.files.contains_key(path) {
            let node = self
                .universe
                .get(path)?
                .with_context(|| format!("cannot insert `{line}` in `{path}`: no such file"))
                .hint(
                    "`init` creates this file: restore it, or run the command where it is; if an \
                     older version of the plugin created the project, run `project upgrade` first",
                )?;
            let text = node.text()?.to_owned();
            self.files.insert(path.to_owned(), File { original: Some(node), text, is_edit: true });
        }
        let file = self.files.get_mut(path).context("the file was just added")?;
        let marker = format!("{MARKER}{marker}");
        if comment(path) == "//" && has_code(&file.text, line) {
            return Ok(());
        }
        let new = with_line(&file.text, &marker, line, place);
        let shown = || format!("`{path}` has no line `{} {marker}`", comment(path));
        file.text = new.with_context(shown).hint(format!(
            "put that line back where lines such as `{line}` belong; if an older version of \
                 the plugin created the file, run `project upgrade` first"
        ))?;
        Ok(())
    }

    /// Adds the draft to a change set.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let mut draft = Draft::new(call.universe, call.args.flag("force"));
    /// draft.add("README.md", "# Demo\n")?;
    /// draft.finish(changes);
    /// # Ok(())
    /// # }
    /// ```
    pub fn finish(self, changes: &mut ChangeSet) {
        for (path, file) in self.files {
            match file.original {
                None => changes.add(path, file.text),
                Some(node) if node.bytes() == file.text.as_bytes() => changes,
                Some(node) if file.is_edit => changes.edit(&node, file.text),
                Some(node) => changes.put(&node, file.text),
            };
        }
    }
}

/// Returns `text` with the lines of `new` inserted, or `None` if it has neither these lines nor the
/// marker.
fn with_line(text: &str, marker: &str, new: &str, place: Place) -> Option<String> {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let wanted: Vec<&str> = new.lines().collect();
    if wanted.is_empty() {
        return Some(text.to_owned());
    }
    let are_wanted = |there: &[&str]| {
        there.iter().zip(&wanted).all(|(there, wanted)| there.trim() == wanted.trim())
    };
    if lines.windows(wanted.len()).any(are_wanted) {
        return Some(text.to_owned());
    }
    let marker_idx = lines.iter().position(|it| is_marker(it, marker))?;
    let marker_line = lines[marker_idx];
    let indent = &marker_line[..marker_line.len() - marker_line.trim_start().len()];
    let ending = if marker_line.ends_with("\r\n") { "\r\n" } else { "\n" };
    let indented = |line: &&str| match line.is_empty() {
        true => ending.to_owned(),
        false => format!("{indent}{line}{ending}"),
    };
    let inserted: String = wanted.iter().map(indented).collect();
    let idx = match place {
        Place::Last => marker_idx,
        Place::Sorted => sorted_idx(&lines[..marker_idx], new),
    };
    lines.insert(idx, &inserted);
    Some(lines.concat())
}

/// Returns whether a text has lines of code, regardless of how a formatter has broken them.
fn has_code(text: &str, wanted: &str) -> bool {
    let (wanted, _) = unformatted(wanted);
    let (text, starts) = unformatted(text);
    let is_there = |start: &usize| {
        text[*start..].starts_with(&wanted) && starts.binary_search(&(start + wanted.len())).is_ok()
    };
    !wanted.is_empty() && starts.iter().any(is_there)
}

/// Returns code without white space and without the comma after a last element, which formatters
/// add when they break a line, and the positions where its lines start and end in that text.
fn unformatted(code: &str) -> (String, Vec<usize>) {
    let mut kept = String::with_capacity(code.len());
    let mut starts = Vec::new();
    for line in code.lines() {
        starts.push(kept.len());
        for it in line.chars().filter(|it| !it.is_whitespace()) {
            if matches!(it, ')' | ']' | '}') && kept.ends_with(',') {
                kept.pop();
            }
            kept.push(it);
        }
    }
    starts.push(kept.len());
    starts.dedup();
    (kept, starts)
}

/// Returns whether a line is a marker, in any spelling of its comment: kubebuilder, too, leaves the
/// space before a marker to the user.
fn is_marker(line: &str, marker: &str) -> bool {
    let line = line.trim();
    let comment = ["//", "#"].into_iter().find_map(|it| line.strip_prefix(it));
    comment.is_some_and(|it| it.trim_start() == marker)
}

/// Returns the position of `line` in the block of similar lines at the end of `lines`.
fn sorted_idx(lines: &[&str], line: &str) -> usize {
    let start = lines.iter().rposition(|it| it.trim().is_empty()).map_or(0, |it| it + 1);
    let key = words(line);
    let is_comment = |line: &str| line.trim_start().starts_with(['#', '/']);
    let comes_later = |other: &&str| !is_comment(other) && compare(&words(other), &key).is_gt();
    let Some(next) = lines[start..].iter().position(comes_later) else { return lines.len() };
    // Attributes and comments belong to the line below them.
    let above = lines[start..start + next].iter().rposition(|it| !is_comment(it));
    start + above.map_or(0, |it| it + 1)
}

/// Returns the identifiers in a line of code.
fn words(line: &str) -> Vec<&str> {
    line.split(|it: char| !it.is_alphanumeric() && it != '_').filter(|it| !it.is_empty()).collect()
}

/// Compares lines, given as their identifiers, in the order of rustfmt in edition 2024: modules as
/// plain text, imports with numbers by value and `_` before everything else.
fn compare(left: &[&str], right: &[&str]) -> Ordering {
    if left.contains(&"mod") {
        return left.cmp(right);
    }
    let mut pairs = left.iter().zip(right).map(|(left, right)| compare_word(left, right));
    pairs.find(|it| it.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
}

fn compare_word(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        let (left_number, right_number) = (digits(left), digits(right));
        let order = if left_number.is_empty() || right_number.is_empty() {
            let rank = |it: &[u8]| it.first().map(|byte| (*byte != b'_', *byte));
            rank(left).cmp(&rank(right))
        } else {
            compare_number(left_number, right_number)
        };
        if order.is_ne() || left.is_empty() {
            return order;
        }
        left = &left[left_number.len().max(1)..];
        right = &right[right_number.len().max(1)..];
    }
}

fn digits(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|it| !it.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

fn compare_number(left: &[u8], right: &[u8]) -> Ordering {
    let zeros = |it: &[u8]| it.iter().take_while(|byte| **byte == b'0').count();
    let (left_zeros, right_zeros) = (zeros(left), zeros(right));
    let (left, right) = (&left[left_zeros..], &right[right_zeros..]);
    let by_value = left.len().cmp(&right.len()).then_with(|| left.cmp(right));
    by_value.then(right_zeros.cmp(&left_zeros))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "//! Kinds.\n\npub mod b;\n// Old.\n#[cfg(unix)]\npub mod d;\n// +m\n\nend\n";

    #[track_caller]
    fn check(line: &str, place: Place, expected: &str) {
        assert_eq!(with_line(TEXT, "+m", line, place).as_deref(), Some(expected));
    }

    #[test]
    fn a_line_goes_where_it_belongs() {
        check("pub mod a;", Place::Last, &TEXT.replace("// +m", "pub mod a;\n// +m"));
        check("pub mod a;", Place::Sorted, &TEXT.replace("pub mod b;", "pub mod a;\npub mod b;"));
        check("pub mod c;", Place::Sorted, &TEXT.replace("// Old", "pub mod c;\n// Old"));
        check("pub mod e;", Place::Sorted, &TEXT.replace("// +m", "pub mod e;\n// +m"));
    }

    #[test]
    fn a_line_that_is_there_is_not_inserted_again() {
        check("pub mod d;", Place::Sorted, TEXT);
        assert_eq!(with_line("a;\n", "+m", "a;", Place::Last).as_deref(), Some("a;\n"));
    }

    #[test]
    fn code_that_a_formatter_has_broken_is_there() {
        let text = "new()\n    .with(\n        a::run,\n        b,\n    )\n    // +m\n    .end()\n";
        assert!(has_code(text, ".with(a::run, b)"));
        assert!(has_code(text, ".with(\n    a::run,\n    b\n)"));
        assert!(has_code(&text.replace('\n', "\r\n"), ".with(a::run, b)"));
        for other in [".with(a::run)", ".with(a::run, b", "with(a::run, b)", "", ".with(a::run, c)"]
        {
            assert!(!has_code(text, other), "{other}");
        }
        assert!(!has_code("a(b)c()\n", "a(b)"), "it is not a line");
    }

    #[test]
    fn several_lines_stay_together() {
        let rule = "- a: 1\n  b: 2";
        let once = with_line("rules:\n  # +m\n", "+m", rule, Place::Last).unwrap();
        assert_eq!(once, "rules:\n  - a: 1\n    b: 2\n  # +m\n");
        assert_eq!(with_line(&once, "+m", rule, Place::Last).unwrap(), once);
    }

    #[test]
    fn nothing_is_inserted_as_nothing() {
        assert_eq!(with_line("a;\n// +m\n", "+m", "", Place::Last).unwrap(), "a;\n// +m\n");
    }

    #[test]
    fn a_marker_is_found_however_its_comment_is_written() {
        for marker in ["//+m", "//   +m", "#+m", "  # +m"] {
            let text = with_line(&format!("{marker}\n"), "+m", "a", Place::Last).unwrap();
            assert_eq!(text.trim_start(), format!("a\n{marker}\n"));
        }
        assert_eq!(with_line("+m\n", "+m", "a", Place::Last), None);
    }

    #[test]
    fn a_missing_marker_is_noticed() {
        assert_eq!(with_line("a;\n// +more\n", "+m", "b;", Place::Last), None);
    }

    #[test]
    fn indentation_and_line_endings_are_kept() {
        let text = with_line("f()\r\n    // +m\r\n", "+m", ".g()", Place::Last);
        assert_eq!(text.as_deref(), Some("f()\r\n    .g()\r\n    // +m\r\n"));
    }

    #[test]
    fn lines_are_sorted_as_rustfmt_does() {
        let check = |lines: &[&str]| {
            let mut sorted = lines.to_vec();
            sorted.reverse();
            sorted.sort_by(|left, right| compare(&words(left), &words(right)));
            assert_eq!(sorted, lines);
        };
        check(&["pub mod _3scale;", "pub mod a;", "pub mod a_b;", "pub mod ab;"]);
        check(&["pub mod v1;", "pub mod v10;", "pub mod v1alpha1;", "pub mod v2;"]);
        check(&["use self::a::A;", "use self::a_b::B;", "use self::ab::C;"]);
        check(&["use self::v1::A;", "use self::v1a::A;", "use self::v2::A;", "use self::v10::A;"]);
    }
}
