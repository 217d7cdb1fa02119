//! Calls the implementation of an interface through the interface's own trait.

use super::fake::FakeHost;
use super::given::{Given, host_methods};
use super::{Error, fake, manifest, values};
use crate::containers::ContainerInfo;
use crate::error::{ErrorReply, from_reply};
use crate::interface::{Interface, Remote, Route};
use crate::message::{LogRecord, ProgressUpdate};
use crate::raw::{PluginRootRef, RawHost};
use crate::{Host, Level, LinkedPlugin, Node, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Returns the plugin's implementation of an interface, for example of `dyn ImageScanner`. It is
/// called as with a real host, with encoded messages.
///
/// ```
/// # use pintle_plugin::{prelude::*, testing};
/// # pintle_plugin::interface! {
/// #     /// Counts.
/// #     pub trait Counter = "counter.example.org/v1" {
/// #         /// Counts characters.
/// #         fn count(&self, text: String, host: &Host<'_>) -> Result<usize>;
/// #     }
/// # }
/// # pintle_plugin::export_plugin! {
/// #     name: "count.example.org",
/// #     description: "Counts",
/// #     interfaces: [Plain as Counter],
/// # }
/// # #[derive(Default)]
/// # struct Plain;
/// # impl Counter for Plain {
/// #     fn count(&self, text: String, _host: &Host<'_>) -> Result<usize> { Ok(text.chars().count()) }
/// # }
/// # fn main() -> Result<()> {
/// let counter = testing::interface::<dyn Counter>(plugin())?;
/// let stage = testing::Stage::new();
/// assert_eq!(counter.count("ahoy".to_owned(), &stage.host())?, 4);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error`] if the plugin does not implement the interface.
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

/// A fake host for the calls of interfaces, and for functions that take a [`Host`]. It records what
/// is written.
///
/// ```
/// use pintle_plugin::{Host, testing};
///
/// fn greet(host: &Host<'_>) {
///     host.println("hello");
/// }
///
/// let stage = testing::Stage::new();
/// greet(&stage.host());
/// assert_eq!(stage.finish().unwrap().stdout, "hello\n");
/// ```
#[derive(Default)]
pub struct Stage {
    given: Given,
    fake: OnceLock<FakeHost>,
}

host_methods!(Stage);

/// What a plugin did with its host on a [`Stage`].
///
/// ```
/// use pintle_plugin::testing;
///
/// let stage = testing::Stage::new();
/// stage.host().println("hello");
/// let shown: testing::Shown = stage.finish().unwrap();
/// assert_eq!(shown.stdout, "hello\n");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Shown {
    /// What the plugin wrote to the standard output.
    pub stdout: String,
    /// What the plugin wrote to the standard error.
    pub stderr: String,
    /// The lines that the plugin logged.
    pub log: Vec<(Level, String)>,
    /// The records that the plugin logged with the crates `tracing` and `log`, if this crate has
    /// the features of these names.
    pub records: Vec<LogRecord>,
    /// All progress reports, in order.
    pub progress: Vec<ProgressUpdate>,
    /// The plugin's containers at the end.
    pub containers: Vec<ContainerInfo>,
    /// The manifests that the plugin applied, each with its cluster.
    pub applied: Vec<(String, Value)>,
}

impl Stage {
    /// Returns a host without answers to questions.
    ///
    /// ```
    /// let stage = pintle_plugin::testing::Stage::new();
    /// assert!(stage.host().ask("Who?", None).is_err());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a host that gives these answers to the plugin's questions, in order.
    ///
    /// ```
    /// let stage = pintle_plugin::testing::Stage::with_answers(["Ada", "true"]);
    /// assert_eq!(stage.host().ask("Who?", None).unwrap(), "Ada");
    /// assert!(stage.host().confirm("Sure?", None).unwrap());
    /// ```
    pub fn with_answers<T: Into<String>>(answers: impl IntoIterator<Item = T>) -> Self {
        answers.into_iter().fold(Self::default(), Self::answer)
    }

    /// Returns the host, for a call.
    ///
    /// ```
    /// let stage = pintle_plugin::testing::Stage::new();
    /// stage.host().info("begun");
    /// ```
    pub fn host(&self) -> Host<'_> {
        Host::of(self.fake.get_or_init(|| FakeHost::new(self.given.clone(), BTreeMap::new())))
    }

    /// Ends the test, and returns what the plugin wrote and logged.
    ///
    /// ```
    /// let stage = pintle_plugin::testing::Stage::new();
    /// stage.host().warn("shallow water");
    /// assert_eq!(stage.finish().unwrap().to_string(), "--- log ---\nwarn: shallow water\n");
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`] if the plugin did not request an answer.
    pub fn finish(self) -> Result<Shown, Error> {
        let create = || FakeHost::new(self.given, BTreeMap::new());
        let record = self.fake.into_inner().unwrap_or_else(create).finish()?;
        let fake::Record { stdout, stderr, log, records, progress, containers, applied } = record;
        Ok(Shown { stdout, stderr, log, records, progress, containers, applied })
    }
}
