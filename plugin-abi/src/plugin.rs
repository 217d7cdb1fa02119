//! The traits that an author implements.
//!
//! Each implementing type is created once, with [`Default`], when it is first called, and then
//! kept: its fields may hold state behind the usual locks.

use crate::message::{
    Caller, Candidate, CommandDescription, CommandRequest, Example, HookReply, ProjectInfo,
    Resource, Step, Tool,
};
use crate::{Arg, ArgGroup, Args, ChangeSet, EventType, Host, Result, Universe, error, message};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// A command: `pintle <PATH> …`.
///
/// ```
/// use pintle_plugin::prelude::*;
///
/// #[derive(Default)]
/// struct Moor;
///
/// impl Command for Moor {
///     const PATH: &'static [&'static str] = &["ship", "moor"];
///     const ABOUT: &'static str = "Moor a ship";
///
///     fn args(&self) -> Vec<Arg> {
///         vec![Arg::positional("ship").required().completed(), Arg::flag("fore"), Arg::flag("aft")]
///     }
///
///     fn groups(&self) -> Vec<ArgGroup> {
///         vec![ArgGroup::new("end", ["fore", "aft"])]
///     }
///
///     fn complete(
///         &self,
///         _arg: &str,
///         _word: &str,
///         _call: &Call,
///         _host: &Host<'_>,
///     ) -> Result<Vec<Candidate>> {
///         Ok(vec![Candidate::new("argo", "has 50 oars")])
///     }
///
///     fn long_about(&self) -> String {
///         "The ship must be in the harbour.".to_owned()
///     }
///
///     fn examples(&self) -> Vec<(String, String)> {
///         vec![("Moor the Argo".to_owned(), "ship moor argo".to_owned())]
///     }
///
///     fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
///         host.println(format!("{} is moored", call.args.get::<String>("ship")?));
///         Ok(Outcome::done())
///     }
/// }
/// ```
pub trait Command: Default + Send + Sync + 'static {
    /// The words that call the command, for example `&["registry", "create"]`.
    const PATH: &'static [&'static str];
    /// One-line help.
    const ABOUT: &'static str;

    /// Returns the command's arguments.
    fn args(&self) -> Vec<Arg> {
        Vec::new()
    }

    /// Returns the groups of arguments that exclude each other, or that must be given.
    fn groups(&self) -> Vec<ArgGroup> {
        Vec::new()
    }

    /// Suggests values for an argument that is declared as [`completed`](Arg::completed), while a
    /// user types a command line in a shell.
    ///
    /// `call` has the values on the line so far, and `word` is the typed part of this value. Output
    /// and log lines are not shown here, and an error suggests nothing.
    ///
    /// # Errors
    ///
    /// Any error of the search.
    fn complete(
        &self,
        _arg: &str,
        _word: &str,
        _call: &Call,
        _host: &Host<'_>,
    ) -> Result<Vec<Candidate>> {
        Ok(Vec::new())
    }

    /// Returns the paragraphs of help for `--help`, or an empty string.
    fn long_about(&self) -> String {
        String::new()
    }

    /// Returns example command lines for the help: what each one does, and the line without the
    /// host's name.
    fn examples(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Runs the command.
    ///
    /// # Errors
    ///
    /// Any error of the command. The host shows it with its causes and exits with 1.
    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome>;
}

/// One call of a [`Command`].
///
/// ```
/// # use pintle_plugin::prelude::*;
/// fn run(call: &Call, host: &Host<'_>) -> Result<Outcome> {
///     host.debug(format!("`{}` for {}", call.path.join(" "), call.caller.host));
///     Ok(Outcome::done())
/// }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Call {
    /// The words that called the command.
    pub path: Vec<String>,
    /// The values of the arguments.
    pub args: Args,
    /// The calling host, and the key that it has for the plugin.
    pub caller: Caller,
}

/// How a [`Command`] ends.
///
/// ```
/// use pintle_plugin::Outcome;
///
/// assert_eq!(Outcome::done(), Outcome::Exit(0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The host exits with this code.
    Exit(u8),
    /// The host dispatches these arguments again, without the program's name.
    Continue(Vec<String>),
}

impl Outcome {
    /// Ends successfully.
    ///
    /// ```
    /// assert_eq!(pintle_plugin::Outcome::done(), pintle_plugin::Outcome::Exit(0));
    /// ```
    pub fn done() -> Self {
        Self::Exit(0)
    }

    /// Makes the host continue with other arguments.
    ///
    /// ```
    /// use pintle_plugin::Outcome;
    ///
    /// // A command that is another command with some options:
    /// let outcome = Outcome::go_on(["cluster", "create", "dev", "--servers", "3"]);
    /// assert!(matches!(outcome, Outcome::Continue(args) if args.len() == 5));
    /// ```
    pub fn go_on<I: IntoIterator<Item: Into<String>>>(args: I) -> Self {
        Self::Continue(args.into_iter().map(Into::into).collect())
    }
}

/// A plugin's part in a scaffolding subcommand.
///
/// The host runs one step of all plugins in the chain before the next step, in the order of the
/// methods here. Nothing is written to disk before the last step of the last plugin.
///
/// ```
/// use pintle_plugin::prelude::*;
///
/// /// Adds a document for each API.
/// #[derive(Default)]
/// struct Document;
///
/// impl Scaffold for Document {
///     const SUBCOMMAND: &'static str = "create api";
///
///     fn bind_flags(&self) -> Vec<Arg> {
///         vec![Arg::option("author").help("Who writes the document")]
///     }
///
///     fn pre_scaffold(&self, call: &ScaffoldCall<'_>) -> Result<()> {
///         ensure!(call.resource()?.kind != "Document", "an API cannot be called `Document`");
///         Ok(())
///     }
///
///     fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
///         let kind = &call.resource()?.kind;
///         changes.add(format!("docs/{kind}.md"), format!("# {kind}\n"));
///         Ok(())
///     }
///
///     fn post_scaffold(&self, _call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
///         Ok(vec![Tool::optional(["prettier", "--write", "docs"]).reads(["docs/**"])])
///     }
/// }
/// ```
pub trait Scaffold: Default + Send + Sync + 'static {
    /// The subcommand, one of [`SUBCOMMANDS`](crate::manifest::SUBCOMMANDS).
    const SUBCOMMAND: &'static str;

    /// Changes the help of the subcommand.
    ///
    /// # Errors
    ///
    /// Any error that stops the command.
    fn update_metadata(&self, _description: &mut CommandDescription) -> Result<()> {
        Ok(())
    }

    /// Returns the plugin's flags on the subcommand.
    ///
    /// Two plugins that name the same flag with the same type share it.
    fn bind_flags(&self) -> Vec<Arg> {
        Vec::new()
    }

    /// Suggests values for a flag that is declared as [`completed`](Arg::completed), while a user
    /// types a command line in a shell. `call` has the words of the subcommand and the values of
    /// the plugin's flags on the line so far, and `word` is the typed part of this value.
    ///
    /// # Errors
    ///
    /// Any error of the search; nothing is suggested then.
    fn complete(
        &self,
        _flag: &str,
        _word: &str,
        _call: &Call,
        _host: &Host<'_>,
    ) -> Result<Vec<Candidate>> {
        Ok(Vec::new())
    }

    /// Changes the project's properties and the plugin's own configuration in PROJECT.
    ///
    /// # Errors
    ///
    /// Any error that stops the command.
    fn inject_config(
        &self,
        _call: &ScaffoldCall<'_>,
        _project: &mut ProjectInfo,
        _config: &mut Value,
    ) -> Result<()> {
        Ok(())
    }

    /// Changes the current resource, for subcommands that have one.
    ///
    /// # Errors
    ///
    /// Any error that stops the command.
    fn inject_resource(&self, _call: &ScaffoldCall<'_>, _resource: &mut Resource) -> Result<()> {
        Ok(())
    }

    /// Runs checks before anything is scaffolded.
    ///
    /// # Errors
    ///
    /// Any error that stops the command.
    fn pre_scaffold(&self, _call: &ScaffoldCall<'_>) -> Result<()> {
        Ok(())
    }

    /// Adds and deletes files.
    ///
    /// # Errors
    ///
    /// Any error that stops the command; no file of any plugin is written then.
    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()>;

    /// Returns the tools to run on the result, for example a formatter.
    ///
    /// # Errors
    ///
    /// Any error that stops the command.
    fn post_scaffold(&self, _call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
        Ok(Vec::new())
    }
}

/// One step of a [`Scaffold`].
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
/// if !call.universe.exists("README.md")? {
///     changes.add("README.md", format!("# {}\n", call.project().name));
/// }
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
pub struct ScaffoldCall<'a> {
    /// The values of the flags: the plugin's own and those of the subcommand.
    pub args: Args,
    /// The files of the project, including the changes of plugins earlier in the chain.
    pub universe: Universe<'a>,
    /// The host.
    pub host: Host<'a>,
    request: UnreadRequest<'a>,
    project: OnceLock<ProjectInfo>,
}

/// A [`ScaffoldRequest`](crate::message::ScaffoldRequest) whose project is read when the plugin
/// first accesses it: a large project is most of the request, and most steps do not use it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct UnreadRequest<'a> {
    caller: Caller,
    pub(crate) subcommand: String,
    pub(crate) step: Step,
    chain: Vec<String>,
    position: usize,
    project_version: String,
    date: String,
    args: Map<String, Value>,
    #[serde(borrow)]
    project: Option<&'a RawValue>,
    config: Value,
    resource: Option<Resource>,
}

impl<'a> ScaffoldCall<'a> {
    pub(crate) fn new(
        mut request: UnreadRequest<'a>,
        universe: Universe<'a>,
        host: Host<'a>,
    ) -> Self {
        let args = Args::new(std::mem::take(&mut request.args));
        Self { args, universe, host, request, project: OnceLock::new() }
    }

    /// Returns the subcommand, for example `create api`.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let is_new = call.subcommand() == "init";
    /// # Ok(())
    /// # }
    /// ```
    pub fn subcommand(&self) -> &str {
        &self.request.subcommand
    }

    /// Returns the full keys of the chain's plugins, in order.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let has_licence = call.chain().iter().any(|it| it.starts_with("license."));
    /// # Ok(())
    /// # }
    /// ```
    pub fn chain(&self) -> &[String] {
        &self.request.chain
    }

    /// Returns the position of this plugin in the chain, starting from 0.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let is_first = call.position() == 0;
    /// # Ok(())
    /// # }
    /// ```
    pub fn position(&self) -> usize {
        self.request.position
    }

    /// Returns the version of the PROJECT file.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// ensure!(call.project_version() == "3", "only version 3 is supported");
    /// # Ok(())
    /// # }
    /// ```
    pub fn project_version(&self) -> &str {
        &self.request.project_version
    }

    /// Returns the date of the command in UTC, for example `2026-11-21`.
    ///
    /// Hosts run commands again, to undo one or to merge the changes of a newer plugin. This is
    /// then still the date of the first run, so a plugin should use it if its files depend on the
    /// date.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let year = &call.date()[..4];
    /// changes.add("NOTICE", format!("Copyright {year}\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn date(&self) -> &str {
        &self.request.date
    }

    /// Returns the properties of the project in PROJECT.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// changes.add("README.md", format!("# {}\n", call.project().name));
    /// # Ok(())
    /// # }
    /// ```
    pub fn project(&self) -> &ProjectInfo {
        self.project.get_or_init(|| {
            let json = self.request.project.map_or("{}", RawValue::get);
            serde_json::from_str(json).expect("the host follows this interface")
        })
    }

    /// Returns the plugin's own configuration in PROJECT, or null if there is none.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let owner = call.config()["owner"].as_str().unwrap_or("unknown");
    /// # Ok(())
    /// # }
    /// ```
    pub fn config(&self) -> &Value {
        &self.request.config
    }

    /// Returns the calling host, and the key that it has for the plugin.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let own = call.universe.paths(Select::Plugin(&call.caller().plugin))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn caller(&self) -> &Caller {
        &self.request.caller
    }

    /// Returns the current resource.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let kind = &call.resource()?.kind;
    /// changes.add(format!("docs/{kind}.md"), format!("# {kind}\n"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the subcommand has no resource.
    pub fn resource(&self) -> Result<&Resource> {
        self.request
            .resource
            .as_ref()
            .ok_or_else(|| anyhow::anyhow!("`{}` has no resource", self.subcommand()))
    }
}

/// The error of a [`Scaffold`] that stops taking part in the command, with the reason.
///
/// The other plugins in the chain continue.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// fn pre_scaffold(call: &ScaffoldCall<'_>) -> Result<()> {
///     if call.resource()?.external {
///         return Err(Stop("the API belongs to another project".to_owned()).into());
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Stop(pub String);

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stop {}

/// A hook: code that runs at certain points of a lifecycle.
///
/// Hooks of several plugins run in parallel and in no defined order.
///
/// ```
/// use pintle_plugin::events::PRE_CLUSTER_CREATE;
/// use pintle_plugin::prelude::*;
///
/// #[derive(Default)]
/// struct Limit;
///
/// impl Hook for Limit {
///     const EVENTS: &'static [&'static str] = &[PRE_CLUSTER_CREATE.name()];
///
///     fn options(&self, command: &[&str]) -> Vec<Arg> {
///         match command {
///             ["cluster", "create"] => vec![Arg::flag("large").help("Allow more than five nodes")],
///             _ => Vec::new(),
///         }
///     }
///
///     fn on_event(&self, event: &Event<'_>, _host: &Host<'_>) -> Result<HookReply> {
///         let event = event.payload(&PRE_CLUSTER_CREATE)?;
///         match event.cluster.nodes.len() {
///             6.. if !event.flag("large") => Ok(HookReply::veto("it has more than five nodes")),
///             _ => Ok(HookReply::proceed()),
///         }
///     }
/// }
/// ```
pub trait Hook: Default + Send + Sync + 'static {
    /// The events that the hook subscribes to, for example `&["post-cluster-create"]`.
    const EVENTS: &'static [&'static str];

    /// Returns the options that the hook adds to a command of the host, for example
    /// `["cluster", "create"]`. The events of that command have their values.
    fn options(&self, _command: &[&str]) -> Vec<Arg> {
        Vec::new()
    }

    /// Suggests values for an option that is declared as [`completed`](Arg::completed), while a
    /// user types a command line in a shell. `call` has the words of the command and the values of
    /// the plugin's options on the line so far, and `word` is the typed part of this value.
    ///
    /// # Errors
    ///
    /// Any error of the search; nothing is suggested then.
    fn complete(
        &self,
        _option: &str,
        _word: &str,
        _call: &Call,
        _host: &Host<'_>,
    ) -> Result<Vec<Candidate>> {
        Ok(Vec::new())
    }

    /// Handles an event.
    ///
    /// # Errors
    ///
    /// Any error of the hook. What the host does then depends on the event.
    fn on_event(&self, event: &Event<'_>, host: &Host<'_>) -> Result<HookReply>;
}

/// An event, whose payload is decoded only when the hook reads it.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # use pintle_plugin::events::POST_CLUSTER_CREATE;
/// # fn on_event(event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
/// host.info(format!("{} happened", event.name()));
/// # Ok(HookReply::proceed())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    name: &'a str,
    payload: &'a [u8],
}

impl<'a> Event<'a> {
    /// Reads the payload of an event that is declared as a constant, for example in
    /// [`events`](crate::events).
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # use pintle_plugin::events::POST_CLUSTER_CREATE;
    /// # fn on_event(event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
    /// let cluster = event.payload(&POST_CLUSTER_CREATE)?.cluster;
    /// host.info(format!("{} is ready", cluster.name));
    /// # Ok(HookReply::proceed())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If this is another event, or the payload is not a `P`.
    pub fn payload<P: DeserializeOwned, R>(&self, of: &EventType<P, R>) -> Result<P> {
        of.read(self.name, self.payload)
    }

    pub(crate) fn new(name: &'a str, payload: &'a [u8]) -> Self {
        Self { name, payload }
    }

    /// Returns the event's name, for example `post-cluster-create`.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # use pintle_plugin::events::POST_CLUSTER_CREATE;
    /// # fn on_event(event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
    /// let is_before = event.name().starts_with("pre-");
    /// # Ok(HookReply::proceed())
    /// # }
    /// ```
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Reads the payload, for example as a [`ProjectEvent`](crate::message::ProjectEvent) for the
    /// events of projects and resources.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # use pintle_plugin::events::POST_CLUSTER_CREATE;
    /// # fn on_event(event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
    /// let payload: json::Value = event.decode()?;
    /// # Ok(HookReply::proceed())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the payload is not a `T`.
    pub fn decode<T: Deserialize<'a>>(&self) -> Result<T> {
        message::decode("event payload", self.payload).map_err(error::from_reply)
    }
}

impl Call {
    pub(crate) fn new(request: CommandRequest) -> Self {
        Self { path: request.path, args: Args::new(request.args), caller: request.caller }
    }
}

/// Collects the description of a [`Command`].
pub(crate) fn describe<C: Command>(command: &C) -> CommandDescription {
    let example = |(about, line)| Example { about, line };
    CommandDescription {
        about: C::ABOUT.to_owned(),
        long_about: command.long_about(),
        args: command.args(),
        groups: command.groups(),
        examples: command.examples().into_iter().map(example).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ScaffoldRequest, encode};
    use serde_json::json;

    #[test]
    fn an_unread_request_has_all_of_the_request() {
        let project = ProjectInfo { name: "demo".into(), ..ProjectInfo::default() };
        let text = encode(&ScaffoldRequest {
            caller: Caller { plugin: "a.io/v1".into(), ..Caller::default() },
            subcommand: "create api".into(),
            step: Step::PreScaffold,
            chain: vec!["a.io/v1".into()],
            position: 1,
            project_version: "3".into(),
            date: "2026-11-21".into(),
            args: Map::from_iter([("a".to_owned(), json!(1))]),
            project: project.clone(),
            config: json!({"b": 2}),
            resource: Some(Resource { kind: "Captain".into(), ..Resource::default() }),
        });
        let unread: UnreadRequest<'_> = message::decode("", &text).unwrap();
        let json = unread.project.unwrap().get();
        let read = ScaffoldRequest {
            caller: unread.caller,
            subcommand: unread.subcommand,
            step: unread.step,
            chain: unread.chain,
            position: unread.position,
            project_version: unread.project_version,
            date: unread.date,
            args: unread.args,
            project: serde_json::from_str(json).unwrap(),
            config: unread.config,
            resource: unread.resource,
        };
        assert_eq!(read.project, project);
        assert_eq!(encode(&read), text);
    }
}
