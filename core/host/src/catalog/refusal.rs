//! Why a file is not a plugin that this host can run.

use super::file::FileError;
use super::foreign::ForeignRefusal;
use super::library_file::LibraryError;
use super::name::NameError;
use super::project_version::{ProjectVersion, ProjectVersionError};
use super::version::VersionError;
use crate::fs::Exposure;
use pintle_plugin::manifest::ManifestError;
use std::path::PathBuf;

/// Why a file is not a plugin that this host can run.
///
/// The messages refer to the file as "it"; a message that shows them names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It cannot be read, or is not a library that this platform can load.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// Others can change it, and could thereby control this process.
    #[error("it is not safe to load: {exposure}")]
    Exposed {
        /// Who can change it.
        exposure: Exposure,
    },
    /// It is a library without a manifest.
    #[error("it has no plugin manifest")]
    NoManifest,
    /// It contains several plugins.
    #[error("it has more than one plugin manifest")]
    SeveralManifests,
    /// Its manifest is longer than that of any plugin.
    #[error("its manifest has {found} bytes, but the limit is {limit}")]
    LongManifest {
        /// How many bytes it has.
        found: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A text in its manifest is longer than it may be.
    #[error("the {what} in its manifest has {found} bytes, but the limit is {limit}")]
    TooLong {
        /// The name of the text.
        what: &'static str,
        /// How many bytes it has.
        found: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A list in its manifest is longer than it may be.
    #[error("its manifest has {found} {what}, but the limit is {limit}")]
    TooMany {
        /// The items, in the plural.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Its manifest has something twice.
    #[error("its manifest contains the {what} `{value}` twice")]
    Twice {
        /// The kind of the item.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// Its manifest cannot be read.
    #[error("its manifest cannot be read")]
    Manifest {
        /// Why.
        source: ManifestError,
    },
    /// Its manifest has an invalid name.
    #[error("its manifest is invalid")]
    Name {
        /// Why.
        source: NameError,
    },
    /// Its manifest has an invalid version.
    #[error("its manifest is invalid")]
    Version {
        /// Why.
        source: VersionError,
    },
    /// Its manifest has an invalid project version.
    #[error("its manifest is invalid")]
    ProjectVersion {
        /// Why.
        source: ProjectVersionError,
    },
    /// Its manifest has no project versions.
    #[error("its manifest contains no project version")]
    NoProjectVersions,
    /// It does not define the symbol that its manifest names as its root.
    #[error("it does not define its root symbol `{symbol}`")]
    NoRootSymbol {
        /// The symbol.
        symbol: String,
    },
    /// Its root symbol has a name that other libraries could use for another purpose.
    #[error("its root symbol `{symbol}` does not begin with `{prefix}`")]
    RootSymbolName {
        /// The symbol.
        symbol: String,
        /// The prefix of the names of root symbols.
        prefix: &'static str,
    },
    /// It does not support any version of the PROJECT file that this host supports.
    #[error(
        "it supports project version {found}, but this host supports {}",
        ProjectVersion::default()
    )]
    UnsupportedProjectVersions {
        /// The versions that the plugin understands.
        found: String,
    },
    /// Its manifest has a command that cannot be typed.
    #[error("its manifest has an invalid command `{command}`")]
    Command {
        /// The command's words.
        command: String,
    },
    /// It was built for another platform.
    #[error("it was built for `{found}`, but this host was built for `{expected}`")]
    WrongTarget {
        /// Its target triple.
        found: String,
        /// The host's.
        expected: &'static str,
    },
    /// Its interface version is invalid.
    #[error("its interface version `{found}` is invalid")]
    BadInterface {
        /// The version in the manifest.
        found: String,
    },
    /// It was built against an interface that this host no longer supports.
    #[error("it was built against plugin interface {found}, but this host requires {expected}.x")]
    InterfaceTooOld {
        /// Its interface version.
        found: semver::Version,
        /// The host's major version.
        expected: u64,
    },
    /// It was built against an interface that this host does not support yet.
    #[error(
        "it was built against plugin interface {found}, but this host supports only versions up to {expected}.x"
    )]
    InterfaceTooNew {
        /// Its interface version.
        found: semver::Version,
        /// The host's major version.
        expected: u64,
    },
    /// Its root module has the layout of another series of abi_stable.
    #[error("it was built with abi_stable {found}, but this host was built with {expected}")]
    AbiStable {
        /// Its series.
        found: String,
        /// The host's.
        expected: &'static str,
    },
    /// A panic in it would end the host.
    #[error("it was built with `panic = \"{strategy}\"`, so a panic in it would end the host")]
    PanicStrategy {
        /// Its panic strategy.
        strategy: String,
    },
    /// Its requirement on the host is invalid.
    #[error("its requirement on the host, `{requirement}`, is not a valid version requirement")]
    BadHostRequirement {
        /// The requirement in the manifest.
        requirement: String,
        /// Why.
        source: semver::Error,
    },
    /// It is not a library of this interface, and cannot be used as another kind of plugin.
    #[error(transparent)]
    Foreign {
        /// Why.
        source: ForeignRefusal,
    },
    /// It was refused before, and has not changed since.
    #[error("{text}")]
    Remembered {
        /// Why, with all causes.
        text: String,
        /// The file, which can be [examined](super::examine) again.
        path: PathBuf,
    },
    /// It requires another version of the host.
    #[error(
        "it requires version {requirement} of the host library, but this host is built on {host}"
    )]
    HostRequirement {
        /// The requirement.
        requirement: String,
        /// The host library's version.
        host: &'static str,
    },
}

impl From<FileError> for Refusal {
    fn from(err: FileError) -> Self {
        Self::Library(err.into())
    }
}
