//! What the user has configured for the manager, in `plugins.toml` of the configuration directory.

use crate::signature::PublicKey;
use crate::trust::Trust;
use pintle_host::config::{self, ConfigError};
use pintle_host::{Identity, Purpose};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// The name of the file.
const FILE: &str = "plugins.toml";

/// The user's configuration. A missing file is an empty one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// When the bytes of plugins are compared with what was installed.
    pub verify: Verify,
    /// How far the bytes of every plugin that is installed must be vouched for.
    pub minimum_trust: Trust,
    /// How old a release must be to be installed without being asked for by its version, for
    /// example `1day`.
    #[serde(with = "duration")]
    pub minimum_release_age: Option<Duration>,
    /// The directories of projects whose lock files are honoured, whoever owns these.
    pub trusted_projects: Vec<PathBuf>,
    /// Where `search` looks: a file, relative to the directory of the configuration, or an address.
    pub index: Option<String>,
    /// The key that the index is signed with. Without one, no signature is required.
    pub index_key: Option<PublicKey>,
}

/// When the bytes of plugins are compared with what was installed.
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
    /// Returns where the configuration of a host's user is.
    pub fn path(identity: &Identity) -> Option<PathBuf> {
        let dir = identity.dir(Purpose::Config, &|name| std::env::var_os(name))?;
        Some(dir.join(FILE))
    }

    /// Reads the configuration of a host's user.
    ///
    /// # Errors
    ///
    /// When the file is there, and cannot be read.
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
