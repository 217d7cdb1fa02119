//! Plugins that are not libraries of this interface: programs, and plugins of other systems.
//!
//! The catalog gets them from the sources of the host's groups, and treats them like all other
//! plugins.

use super::transport::Transport;
use pintle_plugin::Node;
use pintle_plugin::host::HostServices;
use pintle_plugin::manifest::Manifest;
use pintle_plugin::message::{
    CommandDescription, CommandReply, CommandRequest, CompleteReply, CompleteRequest,
    DescribeRequest, ErrorReply, HookReply, ScaffoldReply, ScaffoldRequest,
};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// A plugin that is not a library of this interface.
pub struct ForeignPlugin {
    /// How the host reaches it.
    pub transport: Transport,
    /// Its file.
    pub path: PathBuf,
    /// Its description of itself, and what answers its calls; or why it cannot be used.
    pub found: Result<(Manifest, Arc<dyn Endpoint>), ForeignRefusal>,
}

/// Why a plugin that is not a library of this interface cannot be used.
///
/// The message speaks of the file as "it".
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ForeignRefusal {
    /// What is wrong.
    pub message: String,
    /// The cause.
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// What to do about it.
    pub hint: String,
}

/// Answers the calls of a plugin that is not a library of this interface.
///
/// Each method corresponds to the method with the same name of
/// [`LoadedPlugin`](crate::transport::LoadedPlugin). Methods that are not implemented return an
/// error of the kind "unsupported".
pub trait Endpoint: Send + Sync {
    /// Describes a command.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when the plugin fails.
    fn describe(&self, _: &DescribeRequest) -> Result<CommandDescription, ErrorReply> {
        Err(ErrorReply::unsupported("the plugin has no commands"))
    }

    /// Runs a command.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when the plugin fails.
    fn command(
        &self,
        _: &CommandRequest,
        _: &dyn HostServices,
    ) -> Result<CommandReply, ErrorReply> {
        Err(ErrorReply::unsupported("the plugin has no commands"))
    }

    /// Takes one step of a scaffolding subcommand.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when the plugin fails.
    fn scaffold(
        &self,
        _: &ScaffoldRequest,
        _: &dyn HostServices,
    ) -> Result<(ScaffoldReply, Vec<Node>), ErrorReply> {
        Err(ErrorReply::unsupported("the plugin does not scaffold"))
    }

    /// Hands an event to the plugin's hooks; `payload` is JSON.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when a hook fails.
    fn event(
        &self,
        _name: &str,
        _payload: &[u8],
        _: &dyn HostServices,
    ) -> Result<HookReply, ErrorReply> {
        Err(ErrorReply::unsupported("the plugin has no hooks"))
    }

    /// Describes the options that the plugin's hooks add to a command of the host.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when the plugin fails.
    fn options(&self, _: &DescribeRequest) -> Result<CommandDescription, ErrorReply> {
        Ok(CommandDescription::default())
    }

    /// Suggests values of a command's argument.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when the plugin fails.
    fn complete(
        &self,
        _: &CompleteRequest,
        _: &dyn HostServices,
    ) -> Result<CompleteReply, ErrorReply> {
        Ok(CompleteReply::default())
    }
}
