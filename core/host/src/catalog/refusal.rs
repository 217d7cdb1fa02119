//! Why a file is not a plugin that this host can run.

use super::image::Format;
use super::name::NameError;
use super::version::VersionError;
use super::{ProjectVersion, ProjectVersionError};
use pintle_plugin::manifest::ManifestError;
use std::error::Error;

/// Why a file is not a plugin that this host can run.
///
/// The messages speak of the file as "it"; whoever shows one names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is a folder, a FIFO or the like.
    #[error("it is a {kind}, not a regular file")]
    NotRegular {
        /// What it is, as `directory`.
        kind: &'static str,
    },
    /// It cannot be opened or read.
    #[error("it cannot be read")]
    Unreadable {
        /// What the system says.
        source: std::io::Error,
    },
    /// It has no bytes.
    #[error("it is empty")]
    Empty,
    /// It is some other kind of file.
    #[error("it is not a library")]
    NotALibrary,
    /// It is a library of a kind that makes no sense.
    #[error("it is damaged: {what}")]
    Damaged {
        /// What makes no sense.
        what: String,
    },
    /// It is a library for another kind of operating system.
    #[error("it is a library in {found} format, this platform loads {expected}")]
    WrongFormat {
        /// Its format.
        found: Format,
        /// The platform's format.
        expected: Format,
    },
    /// Its addresses have another size.
    #[error("it is a {found}-bit library, this host is a {expected}-bit program")]
    WrongClass {
        /// Its size of an address.
        found: u8,
        /// The host's.
        expected: u8,
    },
    /// Its numbers are the other way round.
    #[error("it is a {found}-endian library, this host is a {expected}-endian program")]
    WrongEndianness {
        /// Its byte order, as `big`.
        found: &'static str,
        /// The host's.
        expected: &'static str,
    },
    /// It is made for another processor.
    #[error("it is a library for {found}, this host runs on {expected}")]
    WrongMachine {
        /// Its architecture.
        found: String,
        /// The host's.
        expected: &'static str,
    },
    /// It is a program, an object file or a memory dump.
    #[error("it is {found}, not a shared library")]
    NotShared {
        /// What it is, with its article.
        found: &'static str,
    },
    /// Its end is missing.
    #[error("it is truncated: its content ends at byte {needed}, the file at byte {len}")]
    Truncated {
        /// Where the file would have to end at least.
        needed: u64,
        /// Where it ends.
        len: u64,
    },
    /// It is a library without a manifest.
    #[error("it has no plugin manifest")]
    NoManifest,
    /// It is made of several plugins.
    #[error("it has {count} plugin manifests")]
    SeveralManifests {
        /// How many.
        count: usize,
    },
    /// Its manifest cannot be read.
    #[error("its manifest cannot be read")]
    Manifest {
        /// Why.
        source: ManifestError,
    },
    /// Its manifest has a bad name.
    #[error("its manifest has a bad name")]
    Name {
        /// Why.
        source: NameError,
    },
    /// Its manifest has a bad version.
    #[error("its manifest has a bad version")]
    Version {
        /// Why.
        source: VersionError,
    },
    /// Its manifest has a bad project version.
    #[error("its manifest has a bad project version")]
    ProjectVersion {
        /// Why.
        source: ProjectVersionError,
    },
    /// Its manifest has no project versions.
    #[error("its manifest names no project version")]
    NoProjectVersions,
    /// It does not define the symbol that its manifest names as its root.
    #[error("it does not define its root symbol `{symbol}`")]
    NoRootSymbol {
        /// The symbol.
        symbol: String,
    },
    /// It understands no version of the PROJECT file that this host reads.
    #[error(
        "it understands project version {found}, this host reads {}",
        ProjectVersion::default()
    )]
    UnsupportedProjectVersions {
        /// The versions that the plugin understands.
        found: String,
    },
    /// Its manifest has a command that nobody could type.
    #[error("its manifest has a bad command `{command}`")]
    Command {
        /// The command's words.
        command: String,
    },
    /// It is made for another platform.
    #[error("it was built for `{found}`, this host for `{expected}`")]
    WrongTarget {
        /// Its target triple.
        found: String,
        /// The host's.
        expected: &'static str,
    },
    /// Its interface version is not a version.
    #[error("its interface version `{found}` is not a version")]
    BadInterface {
        /// What the manifest says.
        found: String,
    },
    /// It was built against an interface that this host has outgrown.
    #[error("it was built against plugin interface {found}, this host needs {expected}.x")]
    InterfaceTooOld {
        /// Its interface version.
        found: semver::Version,
        /// The host's major version.
        expected: u64,
    },
    /// It was built against an interface that this host does not know yet.
    #[error("it was built against plugin interface {found}, this host knows up to {expected}.x")]
    InterfaceTooNew {
        /// Its interface version.
        found: semver::Version,
        /// The host's major version.
        expected: u64,
    },
    /// Its root module is laid out by another series of abi_stable.
    #[error("it was built with abi_stable {found}, this host with {expected}")]
    AbiStable {
        /// Its series.
        found: String,
        /// The host's.
        expected: &'static str,
    },
    /// A panic in it would end the host.
    #[error("it was built with `panic = \"{strategy}\"`, so that a panic in it ends the host")]
    PanicStrategy {
        /// Its panic strategy.
        strategy: String,
    },
    /// It asks for something that is not a requirement.
    #[error("its requirement on the host, `{requirement}`, is not a version requirement")]
    BadHostRequirement {
        /// What the manifest says.
        requirement: String,
        /// Why.
        source: semver::Error,
    },
    /// It asks for another version of the host.
    #[error("it requires pintle {requirement}, this host is built on pintle {host}")]
    HostRequirement {
        /// What it asks for.
        requirement: String,
        /// The host library's version.
        host: &'static str,
    },
}

impl Refusal {
    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotRegular { .. } | Self::NotALibrary | Self::NotShared { .. } => {
                "it has no place in a plugin folder".to_owned()
            }
            Self::Unreadable { .. } => "check its permissions, or remove it".to_owned(),
            Self::Empty | Self::Damaged { .. } | Self::Truncated { .. } => {
                "install the plugin again, its file is incomplete".to_owned()
            }
            Self::WrongFormat { .. }
            | Self::WrongClass { .. }
            | Self::WrongEndianness { .. }
            | Self::WrongMachine { .. }
            | Self::WrongTarget { .. } => {
                format!("install the plugin's build for `{}`", super::examine::HOST_TARGET)
            }
            Self::NoRootSymbol { .. } => "build it with `pintle_plugin::export_plugin!`".to_owned(),
            Self::NoManifest => "a plugin is made with `pintle_plugin::export_plugin!`; \
                                 remove other libraries from the plugin folder"
                .to_owned(),
            Self::SeveralManifests { .. } => "build each plugin as a library of its own".to_owned(),
            Self::Manifest { source: ManifestError::Format(_) } | Self::InterfaceTooNew { .. } => {
                "update this host, or install an older version of the plugin".to_owned()
            }
            Self::InterfaceTooOld { expected, .. } => {
                format!("update the plugin, or rebuild it with pintle-plugin {expected}")
            }
            Self::Manifest { .. }
            | Self::Name { .. }
            | Self::Version { .. }
            | Self::ProjectVersion { .. }
            | Self::NoProjectVersions
            | Self::Command { .. }
            | Self::BadInterface { .. }
            | Self::BadHostRequirement { .. } => {
                "tell the plugin's author, it must be built anew".to_owned()
            }
            Self::AbiStable { expected, .. } => {
                format!("rebuild the plugin with a pintle-plugin that uses abi_stable {expected}")
            }
            Self::PanicStrategy { .. } => {
                "rebuild the plugin with `panic = \"unwind\"`, or take it as it \
                                           is with `--allow-panic-abort`"
                    .to_owned()
            }
            Self::HostRequirement { .. } | Self::UnsupportedProjectVersions { .. } => {
                "install a version of the plugin, or of this host, that fits the other".to_owned()
            }
        }
    }

    /// Returns the message with those of its causes.
    pub fn reason(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(err) = cause {
            text.push_str(": ");
            text.push_str(&err.to_string());
            cause = err.source();
        }
        text
    }
}
