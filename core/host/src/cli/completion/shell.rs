//! The shells: their scripts, their requests and the answers.

use super::offer::Offer;
use super::typed::{Notation, Quote, Typed, words};
use crate::caller;
use std::ffi::OsString;

/// A shell that requests completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
    Pwsh,
}

/// A command line up to the cursor.
#[derive(Debug)]
pub(super) struct Question {
    shell: Shell,
    /// The words before the word that is typed, the program's name first.
    pub(super) before: Vec<OsString>,
    word: Typed,
    /// The length of the part of the word that the shell does not replace.
    n_fixed: usize,
}

impl Shell {
    const ALL: [Self; 4] = [Self::Bash, Self::Zsh, Self::Fish, Self::Pwsh];

    pub(super) fn names() -> [&'static str; 4] {
        Self::ALL.map(Self::name)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Pwsh => "powershell",
        }
    }

    /// Returns the script that makes the shell call `program`. The environment variable `variable`
    /// names the shell.
    pub(super) fn script(self, program: &str, variable: &str) -> String {
        let script = match self {
            Self::Bash => include_str!("scripts/bash.sh"),
            Self::Zsh => include_str!("scripts/zsh.zsh"),
            Self::Fish => include_str!("scripts/fish.fish"),
            Self::Pwsh => include_str!("scripts/powershell.ps1"),
        };
        let script = script.replace("FUNCTION", &program.replace('-', "_"));
        script.replace("PROGRAM", program).replace("VARIABLE", variable).trim_end().to_owned()
    }

    /// Parses the arguments from the script.
    pub(super) fn read(self, args: &[OsString]) -> Option<Question> {
        let text = |it: &OsString| it.to_string_lossy().into_owned();
        let (last, before) = args.split_last()?;
        let last = text(last);
        let expand = &|name: &str| match name {
            "~" => caller::home_dir()?.to_str().map(str::to_owned),
            name => caller::var(name),
        };
        let typed = |notation, raw: &str| Typed::read(notation, raw, expand);
        let (before, word, n_fixed) = match self {
            // The line, and the part of it that bash replaces: for bash, words end at `=` and `:`.
            Self::Bash => {
                let mut words = words(&text(before.first()?), expand);
                let word = words.pop()?;
                let n_fixed = word.raw().len().saturating_sub(last.len());
                (words.iter().map(|it| it.value().into()).collect(), word, n_fixed)
            }
            Self::Zsh => {
                let value = |it: &OsString| typed(Notation::Posix, &text(it)).value().into();
                (before.iter().map(value).collect(), typed(Notation::Posix, &last), 0)
            }
            Self::Fish => (before.to_vec(), typed(Notation::Fish, &last), 0),
            // An empty word could be lost, so each has a dot before it.
            Self::Pwsh => {
                let word = typed(Notation::PowerShell, last.strip_prefix('.')?);
                let value = |it: &OsString| Some(text(it).strip_prefix('.')?.into());
                (before.iter().map(value).collect::<Option<_>>()?, word, 0)
            }
        };
        Some(Question { shell: self, before, word, n_fixed })
    }
}

impl Question {
    /// Returns the typed part of the word, or `None` if only the shell knows it.
    pub(super) fn word(&self) -> Option<&str> {
        Some(self.word.value()).filter(|_| self.word.is_known())
    }

    /// Returns all words, the program's name first.
    pub(super) fn words(&self) -> Vec<OsString> {
        let word = OsString::from(self.word.value());
        self.before.iter().cloned().chain([word]).collect()
    }

    /// Returns the answer for the script.
    pub(super) fn answer(&self, offers: &[Offer]) -> String {
        let offers = offers.iter().filter(|it| it.is_plain());
        match self.shell {
            Shell::Bash => {
                let are_paths = offers.clone().all(|it| it.is_path);
                let kind = if are_paths { "paths\n" } else { "words\n" };
                let lines = offers.filter_map(|it| self.for_bash(it));
                [kind.to_owned()].into_iter().chain(lines).collect()
            }
            Shell::Zsh => offers.map(|it| self.for_zsh(it)).collect(),
            Shell::Fish => offers.map(|it| self.for_fish(it)).collect(),
            Shell::Pwsh => offers.map(|it| self.for_powershell(it)).collect(),
        }
    }

    /// A line: the replacement for the end of the word. A space or the closing quotation mark ends
    /// the word.
    fn for_bash(&self, offer: &Offer) -> Option<String> {
        let word = self.word.completed_to(&offer.value);
        let end = match self.word.quote() {
            _ if offer.is_open => "",
            Quote::None => " ",
            Quote::Single => "'",
            Quote::Double => "\"",
        };
        let fixed = &self.word.raw()[..self.n_fixed];
        Some(format!("{}{end}\n", word.strip_prefix(fixed)?))
    }

    /// A line: whether the word may be continued, the word, and the displayed text with its help.
    fn for_zsh(&self, offer: &Offer) -> String {
        let is_open = if offer.is_open { "open" } else { "done" };
        let shown = shown(offer).replace('\\', "\\\\").replace(':', "\\:");
        let help = if offer.help.is_empty() { String::new() } else { format!(":{}", offer.help) };
        format!("{is_open}\t{}\t{shown}{help}\n", self.word.completed_to(&offer.value))
    }

    /// A line: the word, which fish itself quotes, and its help. The typed part stays unexpanded.
    fn for_fish(&self, offer: &Offer) -> String {
        let (kept, rest) = self.word.split(&offer.value);
        let unexpanded =
            |name: &str| Some(if name == "~" { "~".into() } else { format!("${name}") });
        let kept = Typed::read(Notation::Fish, kept, &unexpanded);
        let help = if offer.help.is_empty() { String::new() } else { format!("\t{}", offer.help) };
        format!("{}{rest}{help}\n", kept.value())
    }

    /// A line: the word, the displayed text, and its help, which must not be empty.
    fn for_powershell(&self, offer: &Offer) -> String {
        let (kept, rest) = self.word.split(&offer.value);
        let is_quoted = |it: char| it.is_whitespace() || "'\"`$&;,|(){}<>@#".contains(it);
        let word = match kept.contains(['\'', '"', '`']) || rest.contains(is_quoted) {
            true => format!("'{}'", offer.value.replace('\'', "''")),
            false => format!("{kept}{rest}"),
        };
        let help = if offer.help.is_empty() { &offer.value } else { &offer.help };
        format!("{word}\t{}\t{help}\n", shown(offer))
    }
}

/// Returns the text of an offer in lists: for a path, its last part.
fn shown(offer: &Offer) -> &str {
    let is_last = |it: &usize| !offer.value[*it..].trim_end_matches('/').is_empty();
    let start =
        offer.value.rmatch_indices(std::path::is_separator).map(|it| it.0 + 1).find(is_last);
    &offer.value[start.filter(|_| offer.is_path).unwrap_or(0)..]
}
