//! The configuration files of a host: disabled and required plugins.
//!
//! There are two files: the system's and the user's. Both apply, so the user's file cannot revoke
//! anything in the system's.

use super::toml_text::{self, ConfigError};
use crate::catalog::{Disabled, DisabledBy, NameError, PluginKey, PluginName, PluginVersion};
use crate::identity::{Identity, Purpose};
use serde::{Deserialize, Deserializer};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The name of the file.
const FILE: &str = "config.toml";

/// The configuration of the system and the user.
#[derive(Debug, Default)]
pub struct Config {
    /// The system's plugins come first.
    disabled: Vec<Disabled>,
    required: Vec<Requirement>,
}

/// A plugin without which some commands must not run.
#[derive(Debug)]
pub struct Requirement {
    /// The file that requires it.
    pub file: PathBuf,
    /// Whether the file is the user's own.
    pub is_users: bool,
    /// The plugin's full name.
    pub plugin: PluginName,
    version: semver::VersionReq,
    /// The first words of commands; `None` means all.
    commands: Option<Vec<Vec<String>>>,
}

/// One file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Contents {
    pub(super) disabled: Vec<PluginKey>,
    required: Vec<Required>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Required {
    plugin: PluginName,
    #[serde(default, deserialize_with = "version")]
    version: semver::VersionReq,
    #[serde(default, deserialize_with = "commands")]
    commands: Option<Vec<Vec<String>>>,
}

impl Config {
    /// Reads the files of a host. If a caller has started the process with privileges that the
    /// caller does not have (`is_privileged`), the caller cannot choose the files.
    ///
    /// # Errors
    ///
    /// When one of the files exists but cannot be read.
    pub fn load(
        identity: &Identity,
        env: &dyn Fn(&str) -> Option<OsString>,
        is_privileged: bool,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let env: &dyn Fn(&str) -> Option<OsString> = if is_privileged { &|_| None } else { env };
        if let Some(path) = system_path(identity, env) {
            config.add(identity, path, DisabledBy::System)?;
        }
        if let Some(path) = user_path(identity, env) {
            config.add(identity, path, DisabledBy::User)?;
        }
        Ok(config)
    }

    fn add(
        &mut self,
        identity: &Identity,
        file: PathBuf,
        by: fn(PathBuf) -> DisabledBy,
    ) -> Result<(), ConfigError> {
        let Contents { disabled, required } = toml_text::read(&file)?;
        let disabled = disabled.into_iter().map(|key| Disabled { key, by: by(file.clone()) });
        self.disabled.extend(disabled);
        let is_users = matches!(by(PathBuf::new()), DisabledBy::User(_));
        for Required { plugin, version, commands } in required {
            let plugin = plugin
                .qualified(&identity.name_qualifier)
                .map_err(|err: NameError| ConfigError { path: file.clone(), source: err.into() })?;
            let file = file.clone();
            self.required.push(Requirement { file, is_users, plugin, version, commands });
        }
        Ok(())
    }

    /// Returns the plugins that are disabled.
    pub fn disabled(&self) -> &[Disabled] {
        &self.disabled
    }

    /// Returns the commands in the files, each as words, with the requirement that names it.
    pub fn named(&self) -> impl Iterator<Item = (&Requirement, &[String])> {
        let named = |it| Requirement::named(it).map(move |words| (it, words));
        self.required.iter().flat_map(named)
    }

    /// Returns the plugins without which a command must not run.
    pub fn required(&self, command: &[&str]) -> impl Iterator<Item = &Requirement> {
        self.required.iter().filter(|it| it.is_for(command))
    }
}

impl Requirement {
    fn named(&self) -> impl Iterator<Item = &[String]> {
        self.commands.iter().flatten().map(Vec::as_slice)
    }

    fn is_for(&self, command: &[&str]) -> bool {
        let begins = |words: &Vec<String>| {
            words.len() <= command.len() && words.iter().zip(command).all(|(a, b)| a == b)
        };
        self.commands.as_ref().is_none_or(|it| it.iter().any(begins))
    }

    /// Returns whether a version of the plugin will do.
    pub fn takes(&self, version: &PluginVersion) -> bool {
        self.version.matches(version.as_semver())
    }

    /// Returns the plugin and its accepted versions, for messages.
    pub fn wanted(&self) -> String {
        match self.version == semver::VersionReq::STAR {
            true => format!("plugin `{}`", self.plugin),
            false => format!("plugin `{}` with version `{}`", self.plugin, self.version),
        }
    }
}

/// Returns the path of the user's file, which may not exist.
pub fn user_path(identity: &Identity, env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    Some(identity.dir(Purpose::Config, env)?.join(FILE))
}

/// Returns the path of the system's file: a variable can name another one, or none if it is empty.
fn system_path(identity: &Identity, env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    match env(&identity.env_var("SYSTEM_CONFIG")) {
        Some(path) => Some(PathBuf::from(path)).filter(|it| !it.as_os_str().is_empty()),
        None => cfg!(unix).then(|| Path::new("/etc").join(&identity.command_name).join(FILE)),
    }
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<semver::VersionReq, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|err| {
        let why =
            format!("invalid version requirement `{text}`, expected for example `>=1.2`: {err}");
        serde::de::Error::custom(why)
    })
}

fn commands<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Vec<String>>>, D::Error> {
    let commands = Vec::<String>::deserialize(deserializer)?;
    let words = |it: &String| it.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let commands: Vec<_> = commands.iter().map(words).collect();
    match commands.is_empty() || commands.iter().any(Vec::is_empty) {
        true => Err(serde::de::Error::custom(
            "list the first words of at least one command, or omit `commands` to include all commands",
        )),
        false => Ok(Some(commands)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::with_causes;
    use expect_test::{Expect, expect};

    fn load(system: &str, user: &str, is_privileged: bool) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let of_user = dir.path().join("pintle");
        std::fs::create_dir(&of_user).unwrap();
        std::fs::write(dir.path().join("system.toml"), system).unwrap();
        std::fs::write(of_user.join(FILE), user).unwrap();
        let env = |name: &str| match name {
            "PINTLE_SYSTEM_CONFIG" => Some(dir.path().join("system.toml").into()),
            "XDG_CONFIG_HOME" => Some(dir.path().into()),
            _ => None,
        };
        let root = dir.path().display().to_string();
        let text = |err: ConfigError| with_causes(&err).replace(&root, "[DIR]");
        Config::load(&Identity::default(), &env, is_privileged).map_err(text)
    }

    #[track_caller]
    fn check_err(text: &str, expected: Expect) {
        expected.assert_eq(&load(text, "", false).unwrap_err());
    }

    #[test]
    fn both_files_count_and_the_systems_comes_first() {
        let system = "disabled = ['a']\n[[required]]\nplugin = 'policy'\ncommands = ['cluster']\n";
        let user = "disabled = ['b.io/v1']\n[[required]]\nplugin = 'c.io'\nversion = '>=1.2'\n";
        let config = load(system, user, false).unwrap();
        let disabled: Vec<_> = config.disabled().iter().map(|it| it.key.to_string()).collect();
        assert_eq!(disabled, ["a", "b.io/v1"]);
        let wanted = |words: &[&str]| -> Vec<_> {
            config.required(words).map(|it| (it.wanted(), it.is_users)).collect()
        };
        let all = ("plugin `c.io` with version `>=1.2`".to_owned(), true);
        assert_eq!(wanted(&["init"]), std::slice::from_ref(&all));
        let policy = ("plugin `policy.pintle.dev`".to_owned(), false);
        assert_eq!(wanted(&["cluster", "create"]), [policy, all]);
        let required = &config.required[1];
        assert!(required.takes(&"1.2".parse().unwrap()));
        assert!(!required.takes(&"1.1.9".parse().unwrap()));
        // A pre-release is not taken in silence.
        assert!(!required.takes(&"2.0.0-rc.1".parse().unwrap()));
    }

    #[test]
    fn with_raised_privileges_no_file_counts_that_the_caller_can_choose() {
        let config = load("disabled = ['a']", "disabled = ['b']", true);
        assert!(config.unwrap().disabled().is_empty());
    }

    #[test]
    fn an_error_has_file_line_and_key() {
        check_err(
            "disable = ['a']",
            expect![
                "failed to read the configuration `[DIR]/system.toml`: line 1: `disable`: unknown field `disable`, expected `disabled` or `required`"
            ],
        );
        check_err(
            "\ndisabled = [",
            expect![
                "failed to read the configuration `[DIR]/system.toml`: line 2: unclosed array, expected `]`"
            ],
        );
        check_err(
            "disabled = 1",
            expect![
                "failed to read the configuration `[DIR]/system.toml`: line 1: `disabled`: invalid type: integer `1`, expected a sequence"
            ],
        );
        check_err(
            "disabled = [\n  'a',\n  'B/v1',\n]",
            expect![
                "failed to read the configuration `[DIR]/system.toml`: line 1: `disabled[1]`: invalid plugin key `B/v1`: expected `name` or `name/v1.2.3`"
            ],
        );
        check_err(
            "[[required]]\nplugin = 'a'\n[[required]]\nplugin = 'b'\nversion = '>=x'",
            expect![
                "failed to read the configuration `[DIR]/system.toml`: line 5: `required[1].version`: invalid version requirement `>=x`, expected for example `>=1.2`: unexpected character 'x' while parsing major version number"
            ],
        );
        check_err(
            "[[required]]\nversion = '1'",
            expect![
                "failed to read the configuration `[DIR]/system.toml`: line 1: `required[0]`: missing field `plugin`"
            ],
        );
        check_err(
            "[[required]]\nplugin = 'a/v1'",
            expect![
                "failed to read the configuration `[DIR]/system.toml`: line 2: `required[0].plugin`: invalid plugin name `a/v1`: expected dot-separated parts of lower-case letters, digits and `-`, each with a letter or digit at both ends"
            ],
        );
        check_err(
            "[[required]]\nplugin = 'a'\ncommands = []",
            expect![
                "failed to read the configuration `[DIR]/system.toml`: line 3: `required[0].commands`: list the first words of at least one command, or omit `commands` to include all commands"
            ],
        );
    }
}
