//! The contributions of a plugin to the host.
//!
//! With thousands of plugins installed, only a word or two is needed of most. Contributions are
//! therefore kept as the bytes of the index, and values are borrowed from them when they are
//! needed.

use super::codec::{Reader, put_bytes};
use super::manifest_view::{ManifestView, Text};
use pintle_plugin::manifest::{Manifest, ManifestCommand, ManifestNoun};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// The contributions of a plugin: the part of a manifest that is needed for each plugin.
#[derive(Default)]
pub(super) struct Contributions {
    all: Arc<Vec<u8>>,
    own: Range<usize>,
    /// Boxed, as most are never read as a whole.
    decoded: OnceLock<Box<Decoded>>,
}

/// Contributions, each of which can be requested repeatedly.
#[derive(Default)]
pub(super) struct Decoded {
    pub(super) commands: Vec<ManifestCommand>,
    pub(super) subcommands: Vec<String>,
    pub(super) events: Vec<String>,
    pub(super) interfaces: Vec<String>,
}

/// Words with a line of help: a command or a noun. The long help of a noun stays in the manifest,
/// which is read when the noun's own help is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HelpLine<'a> {
    /// The words, separated by spaces; a word contains no space, because it is typed.
    pub words: &'a str,
    /// The line of help.
    pub about: &'a str,
}

/// The bytes of a [`HelpLine`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawLine<'a> {
    pub(crate) words: &'a [u8],
    pub(crate) about: &'a [u8],
}

impl Contributions {
    /// Takes the contributions from a part of an index.
    pub(super) fn stored(all: &Arc<Vec<u8>>, own: Range<usize>) -> Self {
        Self { all: Arc::clone(all), own, decoded: OnceLock::new() }
    }

    /// Returns them as the index has them.
    pub(super) fn bytes(&self) -> &[u8] {
        self.all.get(self.own.clone()).unwrap_or_default()
    }

    /// Returns the commands.
    pub(super) fn lines(&self) -> impl Iterator<Item = HelpLine<'_>> + Clone {
        lines(self.part(Part::Commands))
    }

    /// Returns the commands as bytes, for the many uses that need only bytes.
    pub(super) fn raw_lines(&self) -> impl Iterator<Item = RawLine<'_>> + Clone {
        raw_lines(self.part(Part::Commands))
    }

    /// Returns the nouns that have help, as bytes.
    pub(super) fn raw_nouns(&self) -> impl Iterator<Item = RawLine<'_>> {
        raw_lines(self.part(Part::Nouns))
    }

    /// Returns the subcommands and the interfaces, as bytes.
    pub(super) fn raw_others(&self) -> impl Iterator<Item = &[u8]> {
        raw_texts(self.part(Part::Subcommands)).chain(raw_texts(self.part(Part::Interfaces)))
    }

    /// Returns how many events the plugin's hooks subscribe to.
    pub(super) fn n_events(&self) -> usize {
        raw_texts(self.part(Part::Events)).count()
    }

    /// Returns the nouns that have help.
    pub(super) fn noun_lines(&self) -> impl Iterator<Item = HelpLine<'_>> {
        lines(self.part(Part::Nouns))
    }

    /// Returns the scaffolding subcommands.
    pub(super) fn subcommands(&self) -> impl Iterator<Item = &str> {
        texts(self.part(Part::Subcommands))
    }

    /// Returns the events that the plugin's hooks subscribe to.
    pub(super) fn events(&self) -> impl Iterator<Item = &str> {
        texts(self.part(Part::Events))
    }

    /// Returns the interfaces of embedding programs.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &str> {
        texts(self.part(Part::Interfaces))
    }

    /// Returns the deprecation notice of the plugin, if there is one.
    pub(super) fn deprecated(&self) -> Option<&str> {
        texts(self.part(Part::Deprecated)).next()
    }

    fn part(&self, part: Part) -> Reader<'_> {
        let mut reader = Reader::new(self.bytes());
        for _ in 0..part as usize {
            reader.bytes();
        }
        Reader::new(reader.bytes().unwrap_or_default())
    }

    /// Returns those that are stored as lists.
    pub(super) fn decoded(&self) -> &Decoded {
        self.decoded.get_or_init(|| {
            let command = |it: HelpLine<'_>| {
                let mut command = ManifestCommand::default();
                (command.path, command.about) = (words(it.words), it.about.to_owned());
                command
            };
            Box::new(Decoded {
                commands: self.lines().map(command).collect(),
                subcommands: self.subcommands().map(str::to_owned).collect(),
                events: self.events().map(str::to_owned).collect(),
                interfaces: self.interfaces().map(str::to_owned).collect(),
            })
        })
    }

    fn of(parts: &Parts<'_>) -> Self {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, &of_lines(parts.commands.iter().map(|it| (&it.path, &it.about))));
        put_bytes(&mut bytes, &of_lines(parts.nouns.iter().map(|it| (&it.path, &it.about))));
        for list in [&parts.subcommands, &parts.events, &parts.interfaces, &parts.deprecated] {
            put_bytes(&mut bytes, &of_texts(list));
        }
        let own = 0..bytes.len();
        Self { all: Arc::new(bytes), own, decoded: OnceLock::new() }
    }
}

/// The parts of the stored bytes, each preceded by its length.
#[derive(Clone, Copy)]
enum Part {
    Commands,
    Nouns,
    Subcommands,
    Events,
    Interfaces,
    Deprecated,
}

struct Parts<'a> {
    commands: &'a [ManifestCommand],
    subcommands: Vec<&'a str>,
    events: Vec<&'a str>,
    interfaces: Vec<&'a str>,
    deprecated: Vec<&'a str>,
    nouns: &'a [ManifestNoun],
}

impl PartialEq for Contributions {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl fmt::Debug for Contributions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}

impl From<&ManifestView<'_>> for Contributions {
    fn from(view: &ManifestView<'_>) -> Self {
        fn texts<'t>(list: &'t [Text<'_>]) -> Vec<&'t str> {
            list.iter().map(|it| it.0.as_ref()).collect()
        }
        Self::of(&Parts {
            commands: &view.commands,
            subcommands: texts(&view.subcommands),
            events: texts(&view.events),
            interfaces: texts(&view.interfaces),
            deprecated: view.deprecated.iter().map(|it| it.0.as_ref()).collect(),
            nouns: &view.nouns,
        })
    }
}

impl From<&Manifest> for Contributions {
    fn from(manifest: &Manifest) -> Self {
        fn texts(list: &[String]) -> Vec<&str> {
            list.iter().map(String::as_str).collect()
        }
        Self::of(&Parts {
            commands: &manifest.commands,
            subcommands: texts(&manifest.subcommands),
            events: texts(&manifest.events),
            interfaces: texts(&manifest.interfaces),
            deprecated: manifest.deprecated.as_deref().into_iter().collect(),
            nouns: &manifest.nouns,
        })
    }
}

/// Returns words that were joined.
pub(super) fn words(joined: &str) -> Vec<String> {
    joined.split(' ').filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// Returns whether words begin with others, or are the same.
pub(super) fn begins_with(words: &[u8], start: &[u8]) -> bool {
    words.strip_prefix(start).is_some_and(|it| it.is_empty() || it.starts_with(b" "))
}

/// Returns whether two commands conflict.
pub(super) fn is_one(one: &[u8], other: &[u8]) -> bool {
    begins_with(one, other) || begins_with(other, one)
}

fn of_lines<'l>(lines: impl Iterator<Item = (&'l Vec<String>, &'l String)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, about) in lines {
        put_bytes(&mut bytes, path.join(" ").as_bytes());
        put_bytes(&mut bytes, about.as_bytes());
    }
    bytes
}

fn of_texts(texts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    texts.iter().for_each(|it| put_bytes(&mut bytes, it.as_bytes()));
    bytes
}

/// Returns the lines of a reader; damaged lines are skipped.
fn lines(mut reader: Reader<'_>) -> impl Iterator<Item = HelpLine<'_>> + Clone {
    std::iter::from_fn(move || Some(HelpLine { words: reader.text()?, about: reader.text()? }))
}

fn raw_lines(mut reader: Reader<'_>) -> impl Iterator<Item = RawLine<'_>> + Clone {
    std::iter::from_fn(move || Some(RawLine { words: reader.bytes()?, about: reader.bytes()? }))
}

fn raw_texts(mut reader: Reader<'_>) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || reader.bytes())
}

fn texts(mut reader: Reader<'_>) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || reader.text())
}
