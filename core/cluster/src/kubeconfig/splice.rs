//! Changes a kubeconfig as text: everything that is not ours stays as it is, byte by byte.

use super::edit::{Edit, Way};
use super::render;
use super::tree::{Document, Kind, Node, NotYaml, Pair};
use serde_json::Value;
use std::ops::Range;

/// A kubeconfig whose text cannot be changed in place.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unchangeable {
    #[error(transparent)]
    NotYaml(#[from] NotYaml),
    #[error("its top level is not a map that can be edited in place")]
    Root,
    #[error("`{0}` is written in a way that cannot be edited in place")]
    Part(&'static str),
}

/// Returns `text` with one part changed.
pub(super) fn apply(text: &str, edit: &Edit, way: Way) -> Result<String, Unchangeable> {
    let document = Document::find(text)?;
    let (range, new) = Splice { text, way, document: &document }.of(edit)?;
    Ok([&text[..range.start], &new, &text[range.end..]].concat())
}

/// What replaces a range of the text.
type Change = (Range<usize>, String);

struct Splice<'a> {
    text: &'a str,
    way: Way,
    document: &'a Document,
}

impl<'a> Splice<'a> {
    fn of(&self, edit: &Edit) -> Result<Change, Unchangeable> {
        match edit {
            Edit::Begin => self.begin(),
            Edit::Insert { list, entry } => self.insert(list, entry),
            Edit::Replace { list, idx, entry } => self.replace(list, *idx, entry),
            Edit::Remove { list, idx } => self.remove(list, *idx),
            Edit::Select(name) => self.select(name),
            Edit::Deselect => self.deselect(),
        }
    }

    /// Writes the first lines of an empty document.
    fn begin(&self) -> Result<Change, Unchangeable> {
        let end = self.line_end();
        let first = format!("apiVersion: v1{end}kind: Config{end}");
        let at = match &self.document.root {
            None => self.document.end,
            Some(root) if root.is_empty() => self.document.end,
            Some(_) => return Err(Unchangeable::Root),
        };
        Ok(self.lines_at(at, first))
    }

    fn insert(&self, list: &'static str, entry: &Value) -> Result<Change, Unchangeable> {
        let (pairs, is_flow) = self.root()?;
        let Some((key, value)) = find(pairs, list) else {
            if is_flow {
                let pair = format!("\"{list}\": [{}]", render::flow(entry));
                return Ok(self.add_to_flow(pair, pairs.last().map(|it| &it.1)));
            }
            let (indent, at) = self.member_place(pairs)?;
            let end = self.line_end();
            let lines = format!("{indent}{list}:{end}{}", render::item(entry, indent, end));
            return Ok(self.lines_at(at, lines));
        };
        let items = match &value.kind {
            Kind::List { items, .. } => items.as_slice(),
            _ if value.is_null() => &[],
            _ => return Err(Unchangeable::Part(list)),
        };
        let is_flow_list = matches!(value.kind, Kind::List { is_flow: true, .. });
        if is_flow || (is_flow_list && !items.is_empty()) {
            if !is_flow_list {
                return Ok((self.value_range(key, value, list)?, {
                    let lead = if value.is_empty() { " " } else { "" };
                    format!("{lead}[{}]", render::flow(entry))
                }));
            }
            return Ok(add_item(value, items, render::flow(entry)));
        }
        if items.is_empty() {
            return self.fill(list, key, value, entry);
        }
        let lines = self.item_lines(list, key, items)?;
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
            return Err(Unchangeable::Part(list));
        };
        let at = if self.way == Way::Careful { first.start } else { last.end };
        Ok(self.lines_at(at, render::item(entry, self.indent(first), self.line_end())))
    }

    /// Adds the first entry to a list in block style, in place of null or `[]`.
    fn fill(
        &self,
        list: &'static str,
        key: &Node,
        value: &Node,
        entry: &Value,
    ) -> Result<Change, Unchangeable> {
        let indent = &self.text[self.line_start(key.range.start)..key.range.start];
        if !is_blank(indent) {
            return Err(Unchangeable::Part(list));
        }
        let range = self.value_range(key, value, list)?;
        // A comment after it stays where it is.
        let line = self.end_of_line(range.end);
        let rest = self.text[range.end..line].trim_end();
        let end = self.line_end();
        let mut lines = format!("{rest}{end}{}", render::item(entry, indent, end));
        if !self.text[..line].ends_with(['\n', '\r']) {
            lines.truncate(lines.len() - end.len());
        }
        Ok((self.before_blanks(range.start)..line, lines))
    }

    fn replace(
        &self,
        list: &'static str,
        idx: usize,
        entry: &Value,
    ) -> Result<Change, Unchangeable> {
        let (key, value, items) = self.list(list)?;
        let item = items.get(idx).ok_or(Unchangeable::Part(list))?;
        if matches!(value.kind, Kind::List { is_flow: true, .. }) {
            return Ok((item.range.clone(), render::flow(entry)));
        }
        let lines = self.item_lines(list, key, items)?;
        let range = lines[idx].clone();
        let end = self.line_end();
        let mut new = render::item(entry, self.indent(&range), end);
        if !self.text[range.clone()].ends_with(['\n', '\r']) {
            new.truncate(new.len() - end.len());
        }
        Ok((range, new))
    }

    fn remove(&self, list: &'static str, idx: usize) -> Result<Change, Unchangeable> {
        let (key, value, items) = self.list(list)?;
        items.get(idx).ok_or(Unchangeable::Part(list))?;
        if matches!(value.kind, Kind::List { is_flow: true, .. }) {
            let ranges: Vec<_> = items.iter().map(|it| it.range.clone()).collect();
            return Ok(self.without_comma(&ranges, idx));
        }
        let lines = self.item_lines(list, key, items)?;
        if items.len() > 1 {
            return Ok(self.without(lines[idx].clone()));
        }
        // kubectl writes an empty list in this form.
        let colon = self.colon(key, list)?;
        let (range, _) = self.without(lines[idx].clone());
        Ok((colon..range.end, format!(" null{}", &self.text[colon..range.start])))
    }

    fn select(&self, name: &str) -> Result<Change, Unchangeable> {
        const KEY: &str = "current-context";
        let (pairs, is_flow) = self.root()?;
        let Some((key, value)) = find(pairs, KEY) else {
            if is_flow {
                let pair = format!("\"{KEY}\": {}", render::flow(&name.into()));
                return Ok(self.add_to_flow(pair, pairs.last().map(|it| &it.1)));
            }
            let (indent, at) = self.member_place(pairs)?;
            let line = format!("{indent}{KEY}: {}{}", render::scalar(name), self.line_end());
            return Ok(self.lines_at(at, line));
        };
        if !matches!(value.kind, Kind::Scalar { .. } | Kind::Alias) {
            return Err(Unchangeable::Part(KEY));
        }
        let new = if is_flow { render::flow(&name.into()) } else { render::scalar(name) };
        let lead = if value.is_empty() { " " } else { "" };
        let range = self.value_range(key, value, KEY)?;
        // The lines of a block scalar begin after its header.
        if self.text[self.colon(key, KEY)?..range.start].contains(['|', '>']) {
            return Err(Unchangeable::Part(KEY));
        }
        Ok((range, format!("{lead}{new}")))
    }

    fn deselect(&self) -> Result<Change, Unchangeable> {
        const KEY: &str = "current-context";
        let (pairs, is_flow) = self.root()?;
        let is_key = |it: &Pair| is_key(&it.0, KEY);
        let idx = pairs.iter().position(is_key).ok_or(Unchangeable::Part(KEY))?;
        let (key, value) = &pairs[idx];
        if self.way == Way::Careful {
            let range = self.value_range(key, value, KEY)?;
            return Ok((range, "\"\"".to_owned()));
        }
        if is_flow {
            let ranges: Vec<_> =
                pairs.iter().map(|(key, value)| key.range.start..value.range.end).collect();
            return Ok(self.without_comma(&ranges, idx));
        }
        let start = self.line_start(key.range.start);
        if !is_blank(&self.text[start..key.range.start]) {
            return Err(Unchangeable::Part(KEY));
        }
        Ok(self.without(start..self.end_of_content(value.range.end)))
    }

    /// Returns the pairs of the document, and whether they are in flow style.
    fn root(&self) -> Result<(&'a [Pair], bool), Unchangeable> {
        match &self.document.root {
            Some(Node { kind: Kind::Map { is_flow, pairs }, .. }) => Ok((pairs, *is_flow)),
            _ => Err(Unchangeable::Root),
        }
    }

    fn list(&self, list: &'static str) -> Result<(&'a Node, &'a Node, &'a [Node]), Unchangeable> {
        match find(self.root()?.0, list) {
            Some((key, value @ Node { kind: Kind::List { items, .. }, .. })) => {
                Ok((key, value, items))
            }
            _ => Err(Unchangeable::Part(list)),
        }
    }

    /// Returns the lines of each item of a list in block style.
    fn item_lines(
        &self,
        list: &'static str,
        key: &Node,
        items: &[Node],
    ) -> Result<Vec<Range<usize>>, Unchangeable> {
        let mut at = self.end_of_line(key.range.end);
        let mut ranges = Vec::new();
        for item in items {
            let start = loop {
                let line = &self.text[at..self.end_of_line(at)];
                match line.trim_start_matches([' ', '\t']).as_bytes() {
                    [b'-', b' ' | b'\t' | b'\n' | b'\r', ..] | [b'-'] => break at,
                    [b'#' | b'\n' | b'\r', ..] => at += line.len(),
                    _ => return Err(Unchangeable::Part(list)),
                }
            };
            // An item that is null may have no position except that of its dash.
            at = self.end_of_content(item.range.end.max(start + 1));
            ranges.push(start..at);
        }
        Ok(ranges)
    }

    /// Returns the position of a new pair in block style, and its indentation.
    fn member_place(&self, pairs: &[Pair]) -> Result<(&'a str, usize), Unchangeable> {
        let (Some((key, _)), Some((_, value))) = (pairs.first(), pairs.last()) else {
            return Err(Unchangeable::Root);
        };
        let start = self.line_start(key.range.start);
        let indent = &self.text[start..key.range.start];
        if !is_blank(indent) {
            return Err(Unchangeable::Root);
        }
        let end = self.end_of_content(value.range.end);
        Ok((indent, if self.way == Way::Careful { start } else { end }))
    }

    /// Adds a pair to a document in flow style.
    fn add_to_flow(&self, pair: String, last: Option<&Node>) -> Change {
        let end = self.document.root.as_ref().map_or(0, |it| it.range.end - 1);
        match last {
            Some(last) => (last.range.end..last.range.end, format!(", {pair}")),
            None => (end..end, pair),
        }
    }

    /// Returns the position of a value. An empty one follows the colon of its key.
    fn value_range(
        &self,
        key: &Node,
        value: &Node,
        part: &'static str,
    ) -> Result<Range<usize>, Unchangeable> {
        let colon = self.colon(key, part)?;
        if value.is_empty() { Ok(colon..colon) } else { Ok(value.range.clone()) }
    }

    /// Returns the position after the colon of a key.
    fn colon(&self, key: &Node, part: &'static str) -> Result<usize, Unchangeable> {
        let rest = &self.text[key.range.end..];
        let trimmed = rest.trim_start_matches([' ', '\t']);
        match trimmed.starts_with(':') {
            true => Ok(self.text.len() - trimmed.len() + 1),
            false => Err(Unchangeable::Part(part)),
        }
    }

    /// Inserts whole lines at the start of a line, or at the end of a text whose last line may have
    /// no line ending. In that case, the last new line has none either.
    fn lines_at(&self, at: usize, mut lines: String) -> Change {
        if at > 0 && !self.text[..at].ends_with(['\n', '\r']) {
            let end = self.line_end();
            lines.truncate(lines.len() - end.len());
            lines.insert_str(0, end);
        }
        (at..at, lines)
    }

    /// Removes whole lines. If the last line has no line ending, the new last line has none either.
    fn without(&self, mut lines: Range<usize>) -> Change {
        let mut start = lines.start;
        while self.way == Way::Careful && lines.end < self.document.end {
            let end = self.end_of_line(lines.end);
            if !self.text[lines.end..end].trim().is_empty() {
                break;
            }
            lines.end = end;
        }
        if !self.text[lines.clone()].ends_with(['\n', '\r']) {
            let head = &self.text[..start];
            start =
                head.strip_suffix("\r\n").or(head.strip_suffix(['\n', '\r'])).unwrap_or(head).len();
        }
        (start..lines.end, String::new())
    }

    /// Removes a part in flow style, with the comma that is no longer required.
    fn without_comma(&self, parts: &[Range<usize>], idx: usize) -> Change {
        let part = &parts[idx];
        let before = idx.checked_sub(1).map(|it| parts[it].end);
        let end = match before {
            None if idx + 1 < parts.len() => self.behind_comma(part.end),
            _ => part.end,
        };
        (before.unwrap_or(part.start)..end, String::new())
    }

    /// Returns the position after the comma that follows, and after the spaces behind it.
    fn behind_comma(&self, at: usize) -> usize {
        let mut is_comment = false;
        let is_comma = |it: char| {
            is_comment = it == '#' || (is_comment && !matches!(it, '\n' | '\r'));
            it == ',' && !is_comment
        };
        let Some(comma) = self.text[at..].find(is_comma) else { return at };
        let rest = &self.text[at + comma + 1..];
        self.text.len() - rest.trim_start_matches([' ', '\t']).len()
    }

    /// Returns the end of the line on which content ends. A block scalar has its own end.
    fn end_of_content(&self, at: usize) -> usize {
        if self.text[..at].ends_with(['\n', '\r']) { at } else { self.end_of_line(at) }
    }

    /// Returns the position after the line of `at`, including its line ending.
    fn end_of_line(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let Some(idx) = rest.find(['\n', '\r']) else { return self.text.len() };
        at + idx + if rest[idx..].starts_with("\r\n") { 2 } else { 1 }
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind(['\n', '\r']).map_or(0, |it| it + 1)
    }

    fn before_blanks(&self, at: usize) -> usize {
        self.text[..at].trim_end_matches([' ', '\t']).len()
    }

    fn indent(&self, lines: &Range<usize>) -> &'a str {
        let line = &self.text[lines.clone()];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// Returns the line ending of this text.
    fn line_end(&self) -> &'static str {
        match self.text.find('\n') {
            Some(idx) if self.text[..idx].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }
}

fn find<'a>(pairs: &'a [Pair], name: &str) -> Option<(&'a Node, &'a Node)> {
    pairs.iter().find(|it| is_key(&it.0, name)).map(|it| (&it.0, &it.1))
}

fn is_key(key: &Node, name: &str) -> bool {
    matches!(&key.kind, Kind::Scalar { text, .. } if text == name)
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|it| it == b' ')
}

/// Adds an item to a list in flow style.
fn add_item(list: &Node, items: &[Node], new: String) -> Change {
    match items.last() {
        Some(last) => (last.range.end..last.range.end, format!(", {new}")),
        None => (list.range.end - 1..list.range.end - 1, new),
    }
}
