//! A plugin that can be called.

use super::called::Called;
use super::error::{CallError, NoInterface};
use crate::catalog::{Endpoint, PluginKey, contact, defect};
use pintle_plugin::host::HostServices;
use pintle_plugin::interface::{Interface, Remote, Route};
use pintle_plugin::manifest::{INTERFACE_VERSION, Manifest};
use pintle_plugin::message::{
    self, CommandDescription, CommandReply, CommandRequest, CompleteReply, CompleteRequest,
    DescribeRequest, ErrorKind, ErrorReply, HookReply, ScaffoldReply, ScaffoldRequest,
};
use pintle_plugin::raw::{PluginRootRef, RawHost};
use pintle_plugin::{Node, anyhow};
use serde::Serialize;
use std::cmp::Ordering;
use std::sync::Arc;

/// A plugin's answer to a scaffolding step, with the nodes to add.
type Scaffolded = Result<(ScaffoldReply, Vec<Node>), CallError>;

/// A plugin that has passed every check and can be called.
#[derive(Clone)]
pub struct LoadedPlugin {
    pub(super) key: PluginKey,
    pub(super) manifest: Manifest,
    pub(super) reach: Reach,
}

/// The target of the calls of a plugin.
#[derive(Clone)]
pub(super) enum Reach {
    /// The root module of a library.
    Root(PluginRootRef),
    /// The endpoint of a plugin that is not a library of this interface.
    Endpoint(Arc<dyn Endpoint>),
}

impl LoadedPlugin {
    /// Returns the plugin's full key.
    pub fn key(&self) -> &PluginKey {
        &self.key
    }

    /// Returns the plugin's manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns whether the plugin is a library of this interface, with a root module.
    pub fn is_library(&self) -> bool {
        matches!(self.reach, Reach::Root(_))
    }

    /// Returns the name of each function of the root module that this host knows, and whether the
    /// plugin has it.
    pub fn functions(&self) -> Vec<(&'static str, bool)> {
        match &self.reach {
            Reach::Root(root) => root.functions(),
            Reach::Endpoint(_) => Vec::new(),
        }
    }

    /// Requests the description of a command, which the host requires to show its help and parse
    /// its arguments.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the plugin fails, panics or returns an invalid reply.
    pub fn describe(&self, request: &DescribeRequest) -> Result<CommandDescription, CallError> {
        match &self.reach {
            Reach::Root(root) => {
                let reply = root.describe(&encode(request));
                self.decode("command description", reply.into_message())
            }
            Reach::Endpoint(it) => it.describe(request).map_err(|err| self.failed(err)),
        }
    }

    /// Runs a command.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the plugin fails, panics or returns an invalid reply.
    pub fn command<S: HostServices>(
        &self,
        request: &CommandRequest,
        services: &S,
    ) -> Result<CommandReply, CallError> {
        match &self.reach {
            Reach::Root(root) => {
                let called = Called { services, root: *root };
                let reply = root.command(&encode(request), RawHost::new(&called));
                self.decode("command reply", reply.into_message())
            }
            Reach::Endpoint(it) => it.command(request, services).map_err(|err| self.failed(err)),
        }
    }

    /// Takes one step of a scaffolding subcommand; returns the reply and the nodes to add.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the plugin fails, panics or returns an invalid reply.
    pub fn scaffold<S: HostServices>(
        &self,
        request: &ScaffoldRequest,
        services: &S,
    ) -> Result<(ScaffoldReply, Vec<Node>), CallError> {
        match &self.reach {
            Reach::Root(root) => self.scaffold_library(*root, &encode(request), services),
            Reach::Endpoint(it) => it.scaffold(request, services).map_err(|err| self.failed(err)),
        }
    }

    /// Prepares a step of a plugin that is a library, for another thread.
    pub(crate) fn prepare_scaffold<S: HostServices>(
        &self,
        request: &ScaffoldRequest,
    ) -> Option<impl FnOnce(&S) -> Scaffolded + Send + use<S>> {
        let Reach::Root(root) = self.reach else { return None };
        // The data of the request would otherwise have to be copied for the other thread.
        let (plugin, request) = (self.clone(), encode(request));
        Some(move |services: &S| plugin.scaffold_library(root, &request, services))
    }

    fn scaffold_library<S: HostServices>(
        &self,
        root: PluginRootRef,
        request: &[u8],
        services: &S,
    ) -> Scaffolded {
        let reply = root.scaffold(request, RawHost::new(&Called { services, root }));
        let (message, nodes) = reply.into_message_and_nodes().map_err(|err| self.failed(err))?;
        Ok((self.decode("scaffold reply", Ok(message))?, nodes))
    }

    /// Sends an event to the plugin's hooks; `payload` is JSON, encoded once for all plugins.
    ///
    /// # Errors
    ///
    /// [`CallError`] when a hook fails, panics or returns an invalid reply.
    pub fn event<S: HostServices>(
        &self,
        name: &str,
        payload: &[u8],
        services: &S,
    ) -> Result<HookReply, CallError> {
        let root = match &self.reach {
            Reach::Root(root) => *root,
            Reach::Endpoint(it) => {
                return it.event(name, payload, services).map_err(|err| self.failed(err));
            }
        };
        let reply = root.event(name, payload, RawHost::new(&Called { services, root }));
        let bytes = reply.into_message().map_err(|err| self.failed(err))?;
        match bytes.as_slice() {
            // An empty reply is the default reply.
            [] => Ok(HookReply::default()),
            bytes => self.decode("hook reply", Ok(bytes.to_vec())),
        }
    }

    /// Requests the options that the plugin's hooks add to a command of the host.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the plugin fails, panics or returns an invalid reply.
    pub fn options(&self, request: &DescribeRequest) -> Result<CommandDescription, CallError> {
        let root = match &self.reach {
            Reach::Root(root) => root,
            Reach::Endpoint(it) => return it.options(request).map_err(|err| self.failed(err)),
        };
        match root.options(&encode(request)).into_message() {
            // Built before hooks could have options.
            Err(err) if err.kind == ErrorKind::Unsupported => Ok(CommandDescription::default()),
            reply => self.decode("command description", reply),
        }
    }

    /// Returns the plugin's implementation of an interface of an embedding program, for example of
    /// `dyn ImageScanner`. This runs no code of the plugin.
    ///
    /// # Errors
    ///
    /// When the interface is not in the plugin's manifest.
    pub fn interface<I: Interface + ?Sized>(&self) -> Result<Remote<I>, NoInterface> {
        match self.manifest.interfaces.iter().any(|it| it == I::NAME) {
            true => Ok(Remote::new(self.clone())),
            false => Err(NoInterface {
                plugin: self.key.clone(),
                interface: I::NAME,
                implemented: self.manifest.interfaces.clone(),
            }),
        }
    }

    /// Requests values of a command's argument.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the plugin fails, panics or returns an invalid reply.
    pub fn complete<S: HostServices>(
        &self,
        request: &CompleteRequest,
        services: &S,
    ) -> Result<CompleteReply, CallError> {
        let root = match &self.reach {
            Reach::Root(root) => *root,
            Reach::Endpoint(it) => {
                return it.complete(request, services).map_err(|err| self.failed(err));
            }
        };
        let called = Called { services, root };
        match root.complete(&encode(request), RawHost::new(&called)).into_message() {
            // Built before plugins could complete values.
            Err(err) if err.kind == ErrorKind::Unsupported => Ok(CompleteReply::default()),
            reply => self.decode("complete reply", reply),
        }
    }

    fn decode<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
        reply: Result<Vec<u8>, ErrorReply>,
    ) -> Result<T, CallError> {
        let reply = reply.map_err(|err| self.failed(err))?;
        message::decode(name, &reply).map_err(|err| self.failed(self.of_another_age(err)))
    }

    /// Adds the versions and a hint to the error of an answer that cannot be read.
    fn of_another_age(&self, mut err: ErrorReply) -> ErrorReply {
        let theirs = &self.manifest.abi.interface;
        let parse = |it: &str| semver::Version::parse(it).ok();
        let newer = parse(theirs).zip(parse(INTERFACE_VERSION)).map(|(it, ours)| it.cmp(&ours));
        err.message = format!(
            "plugin `{}` has interface {theirs}, and this host has {INTERFACE_VERSION}: {}",
            self.key, err.message
        );
        err.hint = match newer {
            Some(Ordering::Greater) => Some("update the host".to_owned()),
            Some(Ordering::Less) => {
                Some(format!("rebuild the plugin against pintle-plugin {INTERFACE_VERSION}"))
            }
            _ => {
                Some(format!("report this to the plugin's author{}", contact(Some(&self.manifest))))
            }
        };
        err
    }

    fn failed(&self, mut err: ErrorReply) -> CallError {
        if err.kind == ErrorKind::Panicked {
            err.hint.get_or_insert_with(|| defect(Some(&self.manifest)));
        }
        CallError::new(&self.key, err)
    }
}

impl Route for LoadedPlugin {
    fn call(
        &self,
        name: &str,
        request: &[u8],
        host: RawHost<'_>,
    ) -> anyhow::Result<(Vec<u8>, Vec<Node>)> {
        let reply = match &self.reach {
            Reach::Root(root) => root.interface(name, request, host).into_message_and_nodes(),
            Reach::Endpoint(_) => {
                Err(ErrorReply::unsupported("only libraries can implement interfaces"))
            }
        };
        reply.map_err(|err| self.failed(err).into())
    }

    fn unreadable(&self, err: ErrorReply) -> anyhow::Error {
        self.failed(self.of_another_age(err)).into()
    }
}

fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages have string keys and no failing serializer")
}
