//! The flags that the plugins of a chain add to one subcommand.

use pintle_plugin::{Arg, ArgKind};

/// The flags of one subcommand, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags(Vec<Flag>);

/// A flag, and the plugins that share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag; its help names the plugins where they differ.
    pub arg: Arg,
    /// The keys of the plugins that have the flag, in the order of the chain.
    pub plugins: Vec<String>,
}

/// Flags that clash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    /// Two plugins declare the same flag differently.
    #[error("plugins `{first}` and `{second}` both have the flag `--{name}`, with different types")]
    Types {
        /// The flag's name.
        name: String,
        /// The plugin earlier in the chain.
        first: String,
        /// The plugin later in the chain.
        second: String,
    },
    /// Two plugins use one letter for different flags.
    #[error("plugins `{first}` and `{second}` both have the flag `-{letter}`")]
    Letter {
        /// The letter.
        letter: char,
        /// The plugin earlier in the chain.
        first: String,
        /// The plugin later in the chain.
        second: String,
    },
    /// The host already has this flag.
    #[error("plugin `{plugin}` has the flag `{flag}`, which is reserved for the host")]
    Reserved {
        /// The flag, with its dashes.
        flag: String,
        /// The plugin.
        plugin: String,
    },
    /// A plugin has an argument without a name on the command line.
    #[error(
        "plugin `{plugin}` has the positional argument `{name}`, but subcommands take only flags"
    )]
    Positional {
        /// The argument's name.
        name: String,
        /// The plugin.
        plugin: String,
    },
}

impl Flags {
    /// Merges the flags of the plugins, given in the order of the chain. `reserved` contains the
    /// host's own flags: the name, and the letter if there is one.
    ///
    /// # Errors
    ///
    /// [`FlagError`] when two of them clash.
    pub fn merge(
        plugins: impl IntoIterator<Item = (String, Vec<Arg>)>,
        reserved: &[(&str, Option<char>)],
    ) -> Result<Self, FlagError> {
        let mut flags = Self::default();
        for (plugin, args) in plugins {
            for arg in args {
                check_reserved(&plugin, &arg, reserved)?;
                flags.insert(&plugin, arg)?;
            }
        }
        Ok(flags)
    }

    /// Returns the flags, in the order of the chain.
    pub fn iter(&self) -> impl Iterator<Item = &Flag> {
        self.0.iter()
    }

    /// Whether the plugin gets the argument `name`: it is the plugin's own, or the host's.
    pub(crate) fn concerns(&self, plugin: &str, name: &str) -> bool {
        match self.0.iter().find(|it| it.arg.name == name) {
            Some(flag) => flag.plugins.iter().any(|it| it == plugin),
            None => true,
        }
    }

    fn insert(&mut self, plugin: &str, arg: Arg) -> Result<(), FlagError> {
        let second = plugin.to_owned();
        if let Some(letter) = arg.short {
            let other = |it: &&Flag| it.arg.short == Some(letter) && it.arg.name != arg.name;
            if let Some(other) = self.0.iter().find(other) {
                return Err(FlagError::Letter { letter, first: other.plugins[0].clone(), second });
            }
        }
        let Some(flag) = self.0.iter_mut().find(|it| it.arg.name == arg.name) else {
            self.0.push(Flag { arg, plugins: vec![second] });
            return Ok(());
        };
        if !same_type(&flag.arg, &arg) {
            let (name, first) = (arg.name, flag.plugins[0].clone());
            return Err(FlagError::Types { name, first, second });
        }
        flag.share(second, arg);
        Ok(())
    }
}

impl Flag {
    /// Adds a plugin: the first plugin determines the letter and the default; the help texts are
    /// joined, and the flag is required if one plugin requires it.
    fn share(&mut self, plugin: String, arg: Arg) {
        if self.arg.help != arg.help {
            if self.plugins.len() == 1 {
                self.arg.help = format!("{} ({})", self.arg.help, self.plugins[0]);
            }
            self.arg.help = format!("{}; {} ({plugin})", self.arg.help, arg.help);
        }
        self.arg.short = self.arg.short.or(arg.short);
        self.arg.default = self.arg.default.take().or(arg.default);
        self.arg.required |= arg.required;
        if !self.plugins.contains(&plugin) {
            self.plugins.push(plugin);
        }
    }
}

fn same_type(left: &Arg, right: &Arg) -> bool {
    left.kind == right.kind
        && left.value == right.value
        && left.repeated == right.repeated
        && left.choices == right.choices
}

fn check_reserved(
    plugin: &str,
    arg: &Arg,
    reserved: &[(&str, Option<char>)],
) -> Result<(), FlagError> {
    let (name, plugin) = (arg.name.clone(), plugin.to_owned());
    if arg.kind == ArgKind::Positional {
        return Err(FlagError::Positional { name, plugin });
    }
    if reserved.iter().any(|(it, _)| *it == name) {
        return Err(FlagError::Reserved { flag: format!("--{name}"), plugin });
    }
    match arg.short {
        Some(letter) if reserved.iter().any(|(_, it)| *it == Some(letter)) => {
            Err(FlagError::Reserved { flag: format!("-{letter}"), plugin })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn merge(left: Arg, right: Arg) -> Result<Flags, FlagError> {
        let plugins = [("a/v1".to_owned(), vec![left]), ("b/v1".to_owned(), vec![right])];
        Flags::merge(plugins, &[("plugins", None), ("quiet", Some('q'))])
    }

    #[test]
    fn one_flag_of_two_plugins_is_shared() {
        let flags = merge(
            Arg::option("owner").help("Who holds the copyright"),
            Arg::option("owner").help("Who maintains the crate").default_value("me"),
        )
        .unwrap();
        let [flag] = flags.0.as_slice() else { panic!("one flag") };
        assert_eq!(flag.plugins, ["a/v1", "b/v1"]);
        assert_eq!(flag.arg.help, "Who holds the copyright (a/v1); Who maintains the crate (b/v1)");
        assert_eq!(flag.arg.default.as_deref(), Some("me"));
    }

    #[test]
    fn a_plugin_sees_its_own_flags_and_the_hosts() {
        let flags = merge(Arg::option("owner"), Arg::flag("ci")).unwrap();
        assert!(flags.concerns("a/v1", "owner") && !flags.concerns("b/v1", "owner"));
        assert!(flags.concerns("a/v1", "domain"));
    }

    #[test]
    fn flags_that_cannot_stand_together_name_their_plugins() {
        let check = |left, right, expected: &str| {
            assert_eq!(merge(left, right).unwrap_err().to_string(), expected);
        };
        check(
            Arg::option("force"),
            Arg::flag("force"),
            "plugins `a/v1` and `b/v1` both have the flag `--force`, with different types",
        );
        check(
            Arg::option("a").short('x'),
            Arg::option("b").short('x'),
            "plugins `a/v1` and `b/v1` both have the flag `-x`",
        );
        check(
            Arg::option("a"),
            Arg::option("plugins"),
            "plugin `b/v1` has the flag `--plugins`, which is reserved for the host",
        );
        check(
            Arg::option("a").short('q'),
            Arg::option("b"),
            "plugin `a/v1` has the flag `-q`, which is reserved for the host",
        );
        check(
            Arg::positional("a"),
            Arg::option("b"),
            "plugin `a/v1` has the positional argument `a`, but subcommands take only flags",
        );
    }
}
