//! The user's configuration of the manager: `plugins.toml` in the configuration directory.

use crate::signature::PublicKey;
use crate::trust::Trust;
use pintle_host::caller;
use pintle_host::config::{self, ConfigError};
use pintle_host::{Identity, Purpose};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// The name of the file.
const FILE: &str = "plugins.toml";

/// The user's configuration. A missing file counts as an empty one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// When the bytes of plugins are compared with the installed ones.
    pub verify: Verify,
    /// The minimum trust of every plugin that is installed.
    pub minimum_trust: Trust,
    /// How old a release must be to be installed without an explicit version, for example `1day`.
    #[serde(with = "duration")]
    pub minimum_release_age: Option<Duration>,
    /// The directories of projects whose lock files are accepted, regardless of their owner.
    pub trusted_projects: Vec<PathBuf>,
    /// Where `search` looks: a file, relative to the directory of the configuration, or a URL.
    pub index: Option<String>,
    /// The key that the index is signed with. Without one, no signature is required.
    pub index_key: Option<PublicKey>,
}

/// When the bytes of plugins are compared with the installed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// By `plugin verify`.
    #[default]
    Command,
    /// Before each load, too.
    Load,
}

impl Config {
    /// Returns the path of the configuration of a host's user.
    pub fn path(identity: &Identity) -> Option<PathBuf> {
        let dir = identity.dir(Purpose::Config, &caller::var_os)?;
        Some(dir.join(FILE))
    }

    /// Reads the configuration of a host's user.
    ///
    /// # Errors
    ///
    /// When the file exists but cannot be read.
    pub fn load(identity: &Identity) -> Result<Self, ConfigError> {
        Self::path(identity).map_or_else(|| Ok(Self::default()), |path| config::read(&path))
    }
}

mod duration {
    use serde::{Deserialize as _, Deserializer};
    use std::time::Duration;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
    }
}
