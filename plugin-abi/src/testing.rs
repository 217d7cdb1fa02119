//! Runs a plugin in-process against a fake host, for unit tests.
//!
//! A call takes the same path as with a real host: through the functions of the plugin's root
//! module, with encoded messages. A plugin that passes its tests is therefore called in production
//! as it was in the tests. The fake host records the plugin's output and answers its questions from
//! a script. It does not access the terminal or the disk, except for the plugin's own directories
//! if a test sets a location for them.
//!
//! The result of a run can also be shown as text, for tests with snapshots: [`Run`], [`Reaction`]
//! and [`Scaffolded`] implement [`Display`](fmt::Display), so that
//! `expect![[…]].assert_eq(&run.to_string())` of expect-test and `assert_snapshot!(run)` of insta
//! work.
//!
//! ```
//! use pintle_plugin::{prelude::*, testing};
//!
//! pintle_plugin::export_plugin! {
//!     name: "hello.example.org",
//!     description: "Says hello",
//!     project_versions: ["3"],
//!     commands: [Hello],
//!     scaffolds: [Readme],
//! }
//!
//! #[derive(Default)]
//! struct Hello;
//!
//! impl Command for Hello {
//!     const PATH: &'static [&'static str] = &["hello"];
//!     const ABOUT: &'static str = "Greet somebody";
//!
//!     fn args(&self) -> Vec<Arg> {
//!         vec![Arg::positional("name").default_value("world")]
//!     }
//!
//!     fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
//!         let greeting = host.prompt(Prompt::new("Which greeting?").default_answer("hello"))?;
//!         host.println(format!("{greeting}, {}", call.args.get::<String>("name")?));
//!         Ok(Outcome::done())
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Readme;
//!
//! impl Scaffold for Readme {
//!     const SUBCOMMAND: &'static str = "init";
//!
//!     fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
//!         changes.add("README.md", format!("# {}\n", call.project().name));
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), testing::Error> {
//! let run = testing::command(plugin(), &["hello"]).arg("name", "Ada").answer("ahoy").run()?;
//! assert_eq!(run.stdout, "ahoy, Ada\n");
//! assert_eq!(run.outcome, Outcome::done());
//!
//! let made = testing::scaffold(plugin(), "init").project(|it| it.name = "ship".into()).run()?;
//! assert_eq!(made.text("README.md"), "# ship\n");
//!
//! let clash = testing::scaffold(plugin(), "init").file("README.md", "# mine\n").run();
//! assert!(clash.unwrap_err().to_string().contains("`README.md` exists"));
//! # Ok(())
//! # }
//! ```

mod declared;
mod engine;
mod fake;
mod given;
mod interface;
mod scaffold;
mod text;
mod values;

pub use declared::check;
pub use interface::{Shown, Stage, interface};
pub use scaffold::{ScaffoldTest, Scaffolded, scaffold};

use crate::containers::ContainerInfo;
use crate::message::{
    self, Caller, Candidate, CommandDescription, CommandReply, CommandRequest, CompleteReply,
    CompleteRequest, DescribeRequest, ErrorReply, LogRecord, ProgressUpdate,
};
use crate::raw::RawHost;
use crate::rules;
use crate::{HookReply, Level, LinkedPlugin, Outcome, manifest::Manifest};
use fake::FakeHost;
use given::{Given, host_methods};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Why a run does not have a result.
///
/// ```
#[doc = include_str!("testing/example.txt")]
/// let err = testing::command(plugin(), &["goodbye"]).run().unwrap_err();
/// assert!(matches!(err, testing::Error::Plugin(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The plugin replied with an error.
    Plugin(ErrorReply),
    /// A host would not have made this call, or would have rejected the plugin's reply.
    Refused(String),
}

impl Error {
    fn refused(message: impl Into<String>) -> Self {
        Self::Refused(message.into())
    }

    /// Returns the plugin's hint, if the error is from the plugin and has one.
    ///
    /// ```
    #[doc = include_str!("testing/example.txt")]
    /// let err = testing::command(plugin(), &["hello"]).arg("name", "").run().unwrap_err();
    /// assert_eq!(err.hint(), Some("give a name"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Plugin(reply) => reply.hint.as_deref(),
            Self::Refused(_) => None,
        }
    }
}

/// Shows the message and all causes on one line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(reply) => {
                f.write_str(&reply.message)?;
                reply.causes.iter().try_for_each(|it| write!(f, ": {it}"))
            }
            Self::Refused(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl From<ErrorReply> for Error {
    fn from(reply: ErrorReply) -> Self {
        Self::Plugin(reply)
    }
}

/// The result of a command.
///
/// ```
#[doc = include_str!("testing/example.txt")]
/// let run: testing::Run = testing::command(plugin(), &["hello"]).run()?;
/// assert_eq!((run.outcome, run.stdout.as_str()), (Outcome::done(), "hello, world\n"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// The exit code, or the arguments to continue with.
    pub outcome: Outcome,
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

/// A command to run; see [`command`].
///
/// ```
#[doc = include_str!("testing/example.txt")]
/// let test: testing::CommandTest = testing::command(plugin(), &["hello"]);
/// assert_eq!(test.arg("name", "Ada").run()?.stdout, "hello, Ada\n");
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing happens before `run`"]
pub struct CommandTest {
    plugin: LinkedPlugin,
    path: Vec<String>,
    values: Vec<(String, Value)>,
    given: Given,
}

host_methods!(CommandTest);

/// Prepares a run of the command `path`.
///
/// ```
#[doc = include_str!("testing/example.txt")]
/// let run = testing::command(plugin(), &["hello"]).run()?;
/// assert_eq!(run.stdout, "hello, world\n");
/// # Ok(())
/// # }
/// ```
pub fn command(plugin: LinkedPlugin, path: &[&str]) -> CommandTest {
    let path = path.iter().map(ToString::to_string).collect();
    CommandTest { plugin, path, values: Vec::new(), given: Given::default() }
}

impl CommandTest {
    /// Gives an argument a value; a repeated argument takes a list, or several calls.
    ///
    /// ```
    #[doc = include_str!("testing/example.txt")]
    /// let run = testing::command(plugin(), &["hello"]).arg("name", "Ada").run()?;
    /// assert_eq!(run.stdout, "hello, Ada\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.values.push((name.into(), value.into()));
        self
    }

    /// Returns the values that the plugin suggests for an argument whose typed part is `word`: an
    /// argument of the command, a flag of a scaffolding subcommand, or an option that a hook adds
    /// to the command.
    ///
    /// ```
    #[doc = include_str!("testing/example.txt")]
    /// let candidates = testing::command(plugin(), &["hello"]).complete("name", "A")?;
    /// assert_eq!(candidates[0].value, "Ada");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`] when the arguments are not as declared, or the plugin fails.
    pub fn complete(self, arg: &str, word: &str) -> Result<Vec<Candidate>, Error> {
        let request = CompleteRequest {
            caller: caller(self.plugin)?,
            path: self.path,
            arg: arg.to_owned(),
            word: word.to_owned(),
            args: self.values.into_iter().collect(),
        };
        let request = message::encode(&request);
        let host = FakeHost::new(self.given, BTreeMap::new());
        let reply = self.plugin.root().complete(&request, RawHost::new(&host));
        let reply: CompleteReply = decode("complete reply", &reply.into_message()?)?;
        Ok(reply.candidates)
    }

    /// Returns the command's description of itself without running it.
    ///
    /// ```
    #[doc = include_str!("testing/example.txt")]
    /// let description = testing::command(plugin(), &["hello"]).describe()?;
    /// assert_eq!(description.args[0].default.as_deref(), Some("world"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`] when the plugin has no such command, or when no host accepts the arguments
    /// that the command declares.
    pub fn describe(&self) -> Result<CommandDescription, Error> {
        let request = DescribeRequest { caller: caller(self.plugin)?, path: self.path.clone() };
        let request = message::encode(&request);
        let reply = self.plugin.root().describe(&request);
        let description: CommandDescription =
            decode("command description", &reply.into_message()?)?;
        rules::check_command(&description.args, &description.groups).map_err(|why| {
            Error::refused(format!(
                "invalid arguments of the command `{}`: {why}",
                self.path.join(" ")
            ))
        })?;
        Ok(description)
    }

    /// Runs the command.
    ///
    /// ```
    #[doc = include_str!("testing/example.txt")]
    /// let run = testing::command(plugin(), &["hello"]).run()?;
    /// assert_eq!(run.to_string(), "hello, world\n[exit 0]\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`] when the arguments are not as declared, when the plugin fails, or
    /// when it leaves an answer unasked.
    pub fn run(self) -> Result<Run, Error> {
        let command = format!("`{}`", self.path.join(" "));
        let args = values::check(&command, &self.describe()?.args, self.values)?;
        let request = CommandRequest { caller: caller(self.plugin)?, path: self.path, args };
        let request = message::encode(&request);
        let host = FakeHost::new(self.given, BTreeMap::new());
        let reply = self.plugin.root().command(&request, RawHost::new(&host));
        let reply: CommandReply = decode("command reply", &reply.into_message()?)?;
        let outcome = match reply.continue_with {
            Some(args) => Outcome::Continue(args),
            None => Outcome::Exit(reply.exit_code),
        };
        let fake::Record { stdout, stderr, log, records, progress, containers, applied } =
            host.finish()?;
        Ok(Run { outcome, stdout, stderr, log, records, progress, containers, applied })
    }
}

/// The result of the hooks for one event.
///
/// ```
#[doc = include_str!("testing/example.txt")]
/// let reaction: testing::Reaction = testing::event(plugin(), "post-project-init").run()?;
/// assert_eq!(reaction.to_string(), "--- log ---\ninfo: 0 files\n[proceed]\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Reaction {
    /// The reply of the hooks.
    pub reply: HookReply,
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

/// An event to pass to a plugin's hooks; see [`event`].
///
/// ```
#[doc = include_str!("testing/example.txt")]
/// let test: testing::EventTest = testing::event(plugin(), "post-project-init");
/// assert_eq!(test.run()?.log[0].1, "0 files");
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing happens before `run`"]
pub struct EventTest {
    plugin: LinkedPlugin,
    name: String,
    payload: Vec<u8>,
    given: Given,
}

host_methods!(EventTest);

/// Prepares the event `name`, with an empty object as its payload.
///
/// ```
#[doc = include_str!("testing/example.txt")]
/// let reaction = testing::event(plugin(), "post-project-init").run()?;
/// assert_eq!(reaction.reply, HookReply::proceed());
/// # Ok(())
/// # }
/// ```
pub fn event(plugin: LinkedPlugin, name: impl Into<String>) -> EventTest {
    EventTest { plugin, name: name.into(), payload: b"{}".to_vec(), given: Given::default() }
}

impl EventTest {
    /// Sets the payload, for example a [`ProjectEvent`](crate::message::ProjectEvent).
    ///
    /// ```
    #[doc = include_str!("testing/example.txt")]
    /// let payload = json::json!({ "files": ["README.md"] });
    /// let reaction = testing::event(plugin(), "post-project-init").payload(&payload).run()?;
    /// assert_eq!(reaction.log[0].1, "1 files");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When `payload` cannot be represented as JSON.
    pub fn payload(mut self, payload: &impl Serialize) -> Self {
        self.payload = message::encode(payload);
        self
    }

    /// Runs the plugin's hooks for the event.
    ///
    /// ```
    #[doc = include_str!("testing/example.txt")]
    /// assert!(testing::event(plugin(), "post-project-init").run().is_ok());
    /// assert!(testing::event(plugin(), "pre-project-init").run().is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`] when the plugin does not subscribe to the event, when a hook fails,
    /// or when it leaves an answer unasked.
    pub fn run(self) -> Result<Reaction, Error> {
        let known = manifest(self.plugin)?.events;
        if !known.contains(&self.name) {
            let known = values::listed(known.iter().map(String::as_str));
            return Err(Error::refused(format!(
                "the plugin does not subscribe to `{}`; it subscribes to {known}",
                self.name
            )));
        }
        let host = FakeHost::new(self.given, BTreeMap::new());
        let (name, payload) = (self.name.as_str(), self.payload.as_slice());
        let reply = self.plugin.root().event(name, payload, RawHost::new(&host));
        let reply = match reply.into_message()?.as_slice() {
            [] => HookReply::default(),
            bytes => decode("hook reply", bytes)?,
        };
        let fake::Record { stdout, stderr, log, records, progress, containers, applied } =
            host.finish()?;
        Ok(Reaction { reply, stdout, stderr, log, records, progress, containers, applied })
    }
}

fn manifest(plugin: LinkedPlugin) -> Result<Manifest, Error> {
    Manifest::parse(plugin.manifest().as_bytes()).map_err(|err| Error::refused(err.to_string()))
}

fn caller(plugin: LinkedPlugin) -> Result<Caller, Error> {
    let Manifest { name, version, .. } = manifest(plugin)?;
    let plugin = format!("{name}/v{version}");
    let interface = crate::manifest::INTERFACE_VERSION.into();
    Ok(Caller { host: "pintle".into(), version: "0.1.0".into(), plugin, interface })
}

fn decode<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Error> {
    Ok(message::decode(name, bytes)?)
}
