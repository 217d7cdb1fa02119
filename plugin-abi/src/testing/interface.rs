//! Calls the implementation of an interface, by the interface's own trait.

use super::fake::FakeHost;
use super::{Error, fake, manifest, values};
use crate::error::{ErrorReply, from_reply};
use crate::interface::{Interface, Remote, Route};
use crate::message::LogRecord;
use crate::raw::{PluginRootRef, RawHost};
use crate::{Host, Level, LinkedPlugin, Node, Result};
use std::collections::BTreeMap;

/// Returns the plugin's implementation of an interface, for example of `dyn ImageScanner`. It
/// is called as under a real host, with encoded messages.
///
/// # Errors
///
/// [`Error`] when the plugin does not implement the interface.
pub fn interface<I: Interface + ?Sized>(plugin: LinkedPlugin) -> Result<Remote<I>, Error> {
    let known = manifest(plugin)?.interfaces;
    if !known.iter().any(|it| it == I::NAME) {
        let known = values::listed(known.iter().map(String::as_str));
        return Err(Error::refused(format!(
            "the plugin does not implement `{}`; it implements {known}",
            I::NAME
        )));
    }
    Ok(Remote::new(Direct(plugin.root())))
}

struct Direct(PluginRootRef);

impl Route for Direct {
    fn call(&self, name: &str, request: &[u8], host: RawHost<'_>) -> Result<(Vec<u8>, Vec<Node>)> {
        self.0.interface(name, request, host).into_message_and_nodes().map_err(from_reply)
    }

    fn unreadable(&self, err: ErrorReply) -> anyhow::Error {
        from_reply(err)
    }
}

/// A fake host for the calls of interfaces: it keeps what the plugin writes.
pub struct Stage {
    fake: FakeHost,
}

/// What a plugin did with its host on a [`Stage`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Shown {
    /// What the plugin wrote to the standard output.
    pub stdout: String,
    /// What the plugin wrote to the standard error.
    pub stderr: String,
    /// The lines that the plugin logged.
    pub log: Vec<(Level, String)>,
    /// What the plugin logged with the crates `tracing` and `log`, if this crate has the features
    /// of those names.
    pub records: Vec<LogRecord>,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// Returns a host that has no answers to questions.
    pub fn new() -> Self {
        Self::with_answers::<String>([])
    }

    /// Returns a host that gives these answers to the plugin's questions, in order.
    pub fn with_answers<T: Into<String>>(answers: impl IntoIterator<Item = T>) -> Self {
        let answers = answers.into_iter().map(Into::into).collect();
        Self { fake: FakeHost::new(answers, BTreeMap::new(), Vec::new()) }
    }

    /// Returns the host, for a call.
    pub fn host(&self) -> Host<'_> {
        Host::of(&self.fake)
    }

    /// Ends the test, and returns what the plugin has written and logged.
    ///
    /// # Errors
    ///
    /// [`Error`] when the plugin left an answer unasked.
    pub fn finish(self) -> Result<Shown, Error> {
        let fake::Record { stdout, stderr, log, records, .. } = self.fake.finish()?;
        Ok(Shown { stdout, stderr, log, records })
    }
}
