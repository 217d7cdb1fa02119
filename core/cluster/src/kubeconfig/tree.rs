//! Finds the parts of a kubeconfig in its text.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StructureStyle};
use std::iter::Peekable;
use std::ops::Range;

/// The first document of a text, which is the one that kubectl reads.
#[derive(Debug)]
pub(super) struct Document {
    /// `None` if there are only comments.
    pub(super) root: Option<Node>,
    /// Where the document ends: at `---` or `...`, or at the end of the text.
    pub(super) end: usize,
}

/// A part of a document.
#[derive(Debug)]
pub(super) struct Node {
    /// Its position, without its anchor and tag. For a collection in block style, only the end is
    /// reliable.
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

/// A key and its value.
pub(super) type Pair = (Node, Node);

/// The kind of a part.
#[derive(Debug)]
pub(super) enum Kind {
    Scalar {
        text: String,
        is_plain: bool,
    },
    List {
        is_flow: bool,
        items: Vec<Node>,
    },
    Map {
        is_flow: bool,
        pairs: Vec<Pair>,
    },
    /// A reference to an anchor.
    Alias,
}

/// A text that is not YAML, or is nested too deeply.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotYaml {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("unexpected end of the file")]
    Truncated,
}

impl Document {
    /// Finds the parts of the first document in `text`.
    pub(super) fn find(text: &str) -> Result<Self, NotYaml> {
        let mut reader = Reader { text, events: Events(Parser::new_from_str(text)).peekable() };
        loop {
            let (event, _) = reader.next()?;
            match event {
                Event::DocumentStart(..) => break,
                Event::StreamEnd => return Ok(Self { root: None, end: text.len() }),
                _ => {}
            }
        }
        let root = reader.node(0)?;
        let (event, range) = reader.next()?;
        let end = match event {
            // An implicit end is at the next token.
            Event::DocumentEnd => range.start,
            _ => return Err(NotYaml::Truncated),
        };
        Ok(Self { root: Some(root), end })
    }
}

impl Node {
    /// Returns whether it is null because nothing is written there.
    pub(super) fn is_empty(&self) -> bool {
        self.range.is_empty() && matches!(self.kind, Kind::Scalar { is_plain: true, .. })
    }

    /// Returns whether it is null.
    pub(super) fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, is_plain } => {
                *is_plain && ["", "~", "null", "Null", "NULL"].contains(&text.as_str())
            }
            _ => false,
        }
    }
}

/// The events that belong to the document, with their positions.
struct Events<'a>(Parser<'a, granit_parser::StrInput<'a>>);

impl<'a> Iterator for Events<'a> {
    type Item = Result<(Event<'a>, Range<usize>), NotYaml>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.0.next_event()?;
        Some(next.map_err(NotYaml::from).and_then(|(event, span)| {
            let offset = |it: granit_parser::Marker| it.byte_offset().ok_or(NotYaml::Truncated);
            Ok((event, offset(span.start)?..offset(span.end)?))
        }))
    }
}

struct Reader<'a> {
    text: &'a str,
    events: Peekable<Events<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Range<usize>), NotYaml> {
        self.events.next().unwrap_or(Err(NotYaml::Truncated))
    }

    /// Returns whether the collection ends here; if so, its end is consumed.
    fn is_end(&mut self) -> Option<Range<usize>> {
        let is_end = |it: &Result<(Event<'_>, Range<usize>), NotYaml>| {
            matches!(it, Ok((Event::SequenceEnd | Event::MappingEnd, _)))
        };
        self.events.next_if(is_end)?.ok().map(|it| it.1)
    }

    /// Reads a node. The text before it ends at `before`.
    fn node(&mut self, before: usize) -> Result<Node, NotYaml> {
        let (event, range) = self.next()?;
        Ok(match event {
            Event::Scalar(text, style, ..) => {
                let range = match style {
                    ScalarStyle::Plain if range.is_empty() => before..before,
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        range.start..self.without_indent(range)
                    }
                    _ => range,
                };
                let is_plain = style == ScalarStyle::Plain;
                Node { range, kind: Kind::Scalar { text: text.into_owned(), is_plain } }
            }
            Event::Alias(_) => Node { range, kind: Kind::Alias },
            Event::SequenceStart(style, ..) => {
                let (is_flow, mut items, mut last) = (is_flow(style), Vec::new(), range.end);
                let end = loop {
                    if let Some(end) = self.is_end() {
                        break end.end;
                    }
                    let item = self.node(last)?;
                    last = item.range.end;
                    items.push(item);
                };
                let end = if is_flow { end } else { last };
                Node { range: range.start..end, kind: Kind::List { is_flow, items } }
            }
            Event::MappingStart(style, ..) => {
                let (is_flow, mut pairs, mut last) = (is_flow(style), Vec::new(), range.end);
                let end = loop {
                    if let Some(end) = self.is_end() {
                        break end.end;
                    }
                    let key = self.node(last)?;
                    let value = self.node(key.range.end)?;
                    last = value.range.end;
                    pairs.push((key, value));
                };
                let end = if is_flow { end } else { last };
                Node { range: range.start..end, kind: Kind::Map { is_flow, pairs } }
            }
            _ => return Err(NotYaml::Truncated),
        })
    }

    /// Returns the end of a block scalar without the indentation of the line after it, which the
    /// parser includes.
    fn without_indent(&self, range: Range<usize>) -> usize {
        let text = &self.text[..range.end];
        let trimmed = text.trim_end_matches([' ', '\t']);
        match trimmed.ends_with(['\n', '\r']) {
            true => trimmed.len().max(range.start),
            false => range.end,
        }
    }
}

fn is_flow(style: StructureStyle) -> bool {
    style == StructureStyle::Flow
}
