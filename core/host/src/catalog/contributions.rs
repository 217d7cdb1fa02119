//! What a plugin contributes to the host.
//!
//! With thousands of plugins installed, most are asked for nothing but a word or two. So
//! contributions are kept as the bytes that stand in the index, and those that are looked at
//! are borrowed from them.

use super::codec::{Reader, put_bytes, put_number};
use super::manifest_view::{ManifestView, Text};
use pintle_plugin::manifest::{Manifest, ManifestCommand, ManifestNoun};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// What a plugin contributes: the part of a manifest that is looked at for each plugin.
#[derive(Default)]
pub(super) struct Contributions {
    all: Arc<[u8]>,
    own: Range<usize>,
    /// Boxed, as most are never read as a whole.
    decoded: OnceLock<Box<Decoded>>,
}

/// Contributions, of which each can be asked for as often as one likes.
#[derive(Default)]
pub(super) struct Decoded {
    pub(super) commands: Vec<ManifestCommand>,
    pub(super) subcommands: Vec<String>,
    pub(super) events: Vec<String>,
    pub(super) interfaces: Vec<String>,
    pub(super) deprecated: Option<String>,
}

/// Words with a line of help: a command, or a noun. The long help of a noun is left in the
/// manifest, which is read when the noun's own help is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HelpLine<'a> {
    /// The words, with a blank between any two: none has one, as commands are typed.
    pub words: &'a str,
    /// The line of help.
    pub about: &'a str,
}

impl Contributions {
    /// Takes a part of what an index has.
    pub(super) fn stored(all: &Arc<[u8]>, own: Range<usize>) -> Self {
        Self { all: Arc::clone(all), own, decoded: OnceLock::new() }
    }

    /// Returns them as the index has them.
    pub(super) fn bytes(&self) -> &[u8] {
        self.all.get(self.own.clone()).unwrap_or_default()
    }

    /// Returns the commands.
    pub(super) fn lines(&self) -> impl Iterator<Item = HelpLine<'_>> + Clone {
        lines(&mut Reader::new(self.bytes()))
    }

    /// Returns the nouns that have help.
    pub(super) fn noun_lines(&self) -> impl Iterator<Item = HelpLine<'_>> {
        let mut reader = Reader::new(self.bytes());
        skip_lines(&mut reader);
        (0..N_LISTS).for_each(|_| skip(&mut reader, 1));
        lines(&mut reader)
    }

    /// Returns the events that the plugin's hooks subscribe to.
    pub(super) fn events(&self) -> impl Iterator<Item = &str> {
        let mut reader = Reader::new(self.bytes());
        skip_lines(&mut reader);
        skip(&mut reader, 1);
        texts(&mut reader)
    }

    /// Returns all of them.
    pub(super) fn decoded(&self) -> &Decoded {
        self.decoded.get_or_init(|| {
            let mut reader = Reader::new(self.bytes());
            let command = |it: HelpLine<'_>| {
                let mut command = ManifestCommand::default();
                (command.path, command.about) = (words(it.words), it.about.to_owned());
                command
            };
            let commands = lines(&mut reader).map(command).collect();
            let mut list = || texts(&mut reader).map(str::to_owned).collect();
            let (subcommands, events, interfaces) = (list(), list(), list());
            let deprecated: Vec<String> = list();
            let deprecated = deprecated.into_iter().next();
            Box::new(Decoded { commands, subcommands, events, interfaces, deprecated })
        })
    }

    fn of(parts: &Parts<'_>) -> Self {
        let mut bytes = Vec::new();
        put_lines(&mut bytes, parts.commands.iter().map(|it| (&it.path, &it.about)));
        for list in [&parts.subcommands, &parts.events, &parts.interfaces, &parts.deprecated] {
            put_number(&mut bytes, list.len());
            list.iter().for_each(|it| put_bytes(&mut bytes, it.as_bytes()));
        }
        put_lines(&mut bytes, parts.nouns.iter().map(|it| (&it.path, &it.about)));
        let own = 0..bytes.len();
        Self { all: bytes.into(), own, decoded: OnceLock::new() }
    }
}

/// How many lists of texts there are between the commands and the nouns.
const N_LISTS: usize = 4;

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

fn put_lines<'l>(
    bytes: &mut Vec<u8>,
    lines: impl ExactSizeIterator<Item = (&'l Vec<String>, &'l String)>,
) {
    put_number(bytes, lines.len());
    for (path, about) in lines {
        put_bytes(bytes, path.join(" ").as_bytes());
        put_bytes(bytes, about.as_bytes());
    }
}

/// Returns the lines that a reader has next; those that are damaged are none.
fn lines<'a>(reader: &mut Reader<'a>) -> impl Iterator<Item = HelpLine<'a>> + Clone + use<'a> {
    let mut own = *reader;
    let n_lines = own.number().unwrap_or(0);
    skip_lines(reader);
    (0..n_lines).map_while(move |_| Some(HelpLine { words: own.text()?, about: own.text()? }))
}

fn skip_lines(reader: &mut Reader<'_>) {
    skip(reader, 2);
}

fn texts<'a>(reader: &mut Reader<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let mut own = *reader;
    let n_texts = own.number().unwrap_or(0);
    skip(reader, 1);
    (0..n_texts).map_while(move |_| own.text())
}

/// Goes past a list whose items have so many texts each.
fn skip(reader: &mut Reader<'_>, n_each: usize) {
    let n_items = reader.number().unwrap_or(0);
    for _ in 0..n_items.saturating_mul(n_each) {
        if reader.bytes().is_none() {
            return;
        }
    }
}
