//! The parts of a new plugin, and their names in its code.

use crate::catalog::PluginName;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use std::path::PathBuf;

/// A plugin that does not exist yet.
pub(super) struct Draft {
    /// The command name of the host.
    pub(super) host: String,
    pub(super) name: PluginName,
    /// The words of each command.
    pub(super) commands: Vec<String>,
    /// The events of its hook.
    pub(super) hooks: Vec<String>,
    /// The scaffolding subcommands that it takes part in.
    pub(super) scaffolds: Vec<String>,
    /// The location of the crate `pintle-plugin`, if it is not on crates.io.
    pub(super) sdk: Option<PathBuf>,
}

impl Draft {
    /// Adds a command with the plugin's own name if the plugin has no parts, and checks all
    /// commands.
    pub(super) fn complete(&mut self, core_commands: &[Vec<String>]) -> Result<(), CliError> {
        let is_named_like_it =
            self.commands.is_empty() && self.hooks.is_empty() && self.scaffolds.is_empty();
        if is_named_like_it {
            self.commands.push(self.name.short().to_owned());
        }
        for list in [&mut self.commands, &mut self.hooks, &mut self.scaffolds] {
            list.sort();
            list.dedup();
        }
        for words in &mut self.commands {
            *words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_word = |it: &str| {
                it.starts_with(|it: char| it.is_ascii_lowercase())
                    && it
                        .bytes()
                        .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
                    && !it.ends_with('-')
            };
            if words.is_empty() || !words.split(' ').all(is_word) {
                let rule = "lower-case letters, digits and `-`, starting with a letter";
                let (text, hint) = match is_named_like_it {
                    true => (
                        format!("the name `{words}` cannot be the name of a command"),
                        format!("choose words for the command with `--command`: {rule}"),
                    ),
                    false => (format!("invalid command words `{words}`"), format!("use {rule}")),
                };
                return Err(CliError::new(Exit::Usage, text).hint(hint));
            }
        }
        self.check_clashes(core_commands)
    }

    /// Checks that each command can be called, and has a type of its own.
    fn check_clashes(&self, core_commands: &[Vec<String>]) -> Result<(), CliError> {
        let usage = |text: String| CliError::new(Exit::Usage, text);
        for (idx, words) in self.commands.iter().enumerate() {
            let path: Vec<_> = words.split(' ').collect();
            let is_own = |it: &Vec<String>| it.iter().zip(&path).all(|(one, other)| one == other);
            if core_commands.iter().any(is_own) {
                let text = format!("the command `{words}` conflicts with one of `{}`", self.host);
                return Err(usage(text).hint("choose other words with `--command`"));
            }
            let same = self.commands[..idx].iter().find(|it| camel(it) == camel(words));
            if let Some(same) = same {
                let text = format!("the commands `{same}` and `{words}` are too similar");
                return Err(usage(text).hint("choose words that differ in more than a hyphen"));
            }
        }
        Ok(())
    }

    /// Returns the name of the package, which must not be a Rust keyword.
    pub(super) fn package(&self) -> String {
        format!("pintle-plugin-{}", self.name.short())
    }

    /// Returns the name of the crate.
    pub(super) fn krate(&self) -> String {
        snake(&self.package())
    }
}

/// Returns words as the name of a type, for example `PartyInvite`.
pub(super) fn camel(words: &str) -> String {
    let words = words.split([' ', '-']).filter(|it| !it.is_empty());
    words.map(|it| format!("{}{}", it[..1].to_uppercase(), &it[1..])).collect()
}

/// Returns words as the name of a function, for example `party_invite`.
pub(super) fn snake(words: &str) -> String {
    words.replace([' ', '-'], "_")
}
