//! A plugin of this host as an external plugin of kubebuilder: one request, one response.
//!
//! The plugin's steps run on the files of the request, in memory; the response contains what the
//! plugin has added or changed, and kubebuilder writes it. What the protocol cannot express is
//! reported but not done: deletions, permissions, the plugin's configuration in PROJECT.

use super::arguments::{DEFAULT_DOMAIN, is_true};
use super::protocol::{Flag, SUBCOMMANDS, VERSION, field, to_json};
use crate::chain::answers::Answers;
use crate::chain::flags::Flags;
use crate::chain::members::Chain;
use crate::chain::steps::{
    CREATE_API, CREATE_WEBHOOK, FORCE, INIT, SKIP_EXISTING, Steps, StepsInput,
};
use crate::error::ScaffoldError;
use crate::path;
use crate::project::error::ProjectError;
use crate::project::file::{PROJECT, ProjectFile};
use crate::project::gvk::Gvk;
use crate::project::name::{NameError, default_project_name};
use crate::project::resource::{Api, Resource};
use crate::record::file::Record;
use crate::universe::{Change, Universe, UniverseError};
use pintle_host::cli::args;
use pintle_host::fs::{NO_LIMIT, read_regular};
use pintle_host::lifecycle::TimeLimit;
use pintle_host::transport::LoadedPlugin;
use pintle_host::{Identity, ProjectVersion};
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::message::{
    CommandDescription, ErrorReply, ServiceReply, ServiceRequest, Webhooks,
};
use pintle_plugin::{Arg, ArgKind, MODE_FILE, Node, ValueType, rules};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The host's own flags that a bridged plugin has in kubebuilder, with the types and defaults of
/// those of `go/v4`, so that one flag serves both.
///
/// `resource` and `controller` are missing: `go/v4` would not notice that its own flags are given,
/// and would ask the user. On the command line, they still take effect.
const OWN_FLAGS: [(&str, &[OwnFlag]); 4] = [
    (
        INIT,
        &[
            ("domain", "string", DEFAULT_DOMAIN, "The domain of the API groups"),
            ("repo", "string", "", "The repository of the project"),
            ("project-name", "string", "", "The name of the project"),
            ("namespaced", "bool", "false", "Restrict the operator to its own namespace"),
        ],
    ),
    ("edit", &[]),
    (
        CREATE_API,
        &[
            ("domain", "string", "", "The domain of the API group, if PROJECT has none"),
            ("project-name", "string", "", "The name of the project, if PROJECT has none"),
            ("plural", "string", "", "The plural of the kind [default: the English plural]"),
            ("namespaced", "bool", "true", "Whether the resource is namespaced"),
        ],
    ),
    (
        CREATE_WEBHOOK,
        &[
            ("domain", "string", "", "The domain of the API group, if PROJECT has none"),
            ("project-name", "string", "", "The name of the project, if PROJECT has none"),
            ("plural", "string", "", "The plural of the kind [default: the English plural]"),
            ("defaulting", "bool", "false", "Create the webhook that sets defaults"),
            (
                "programmatic-validation",
                "bool",
                "false",
                "Create the webhook that accepts or denies objects",
            ),
            ("conversion", "bool", "false", "Create the webhook that converts between versions"),
        ],
    ),
];

/// The flags of all subcommands.
const COMMON_FLAGS: [OwnFlag; 2] = [
    (FORCE, "bool", "false", "Recreate what already exists"),
    (SKIP_EXISTING, "bool", "false", "Keep files that already exist"),
];

/// Name, type, default and help.
type OwnFlag = (&'static str, &'static str, &'static str, &'static str);

/// A plugin that answers kubebuilder.
pub(crate) struct Bridge<'a> {
    pub(crate) plugin: LoadedPlugin,
    pub(crate) identity: &'a Identity,
    /// Today, for example `2026-11-21`.
    pub(crate) date: &'a str,
    /// The project's directory.
    pub(crate) root: &'a Path,
    /// What the plugin gets from the host. Its output goes to standard error.
    pub(crate) services: &'a dyn HostServices,
}

/// A request of kubebuilder.
pub(crate) struct Request {
    pub(crate) command: String,
    words: Words,
    universe: BTreeMap<String, String>,
    config: Map<String, Value>,
}

/// Why a request of kubebuilder cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BridgeError {
    /// The standard input is not a request.
    #[error("invalid request: {0}")]
    Request(String),
    /// The plugin, or its output, is at fault.
    #[error(transparent)]
    Scaffold(#[from] ScaffoldError),
    /// A flag has a value that the plugin does not accept.
    #[error("{0}")]
    Usage(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    api_version: &'a str,
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    universe: Option<BTreeMap<String, String>>,
    error: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_msgs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<Vec<Flag>>,
}

#[derive(Serialize)]
struct Metadata {
    description: String,
    examples: String,
}

impl<'a> Answer<'a> {
    fn new(command: &'a str) -> Self {
        Self {
            api_version: VERSION,
            command,
            metadata: None,
            universe: None,
            error: false,
            error_msgs: Vec::new(),
            flags: None,
        }
    }
}

/// Returns the answer that reports an error. The program must end with success: otherwise,
/// kubebuilder discards the answer.
pub(crate) fn error_answer(command: &str, messages: Vec<String>) -> String {
    to_json(&Answer { error: true, error_msgs: messages, ..Answer::new(command) })
}

impl Request {
    /// Reads a request.
    pub(crate) fn parse(stdin: &[u8]) -> Result<Self, BridgeError> {
        let invalid = |what: &str| BridgeError::Request(what.to_owned());
        let value: Value = serde_json::from_slice(stdin)
            .map_err(|err| BridgeError::Request(format!("not valid JSON: {err}")))?;
        let object = value.as_object().ok_or_else(|| invalid("not a JSON object"))?;
        if let Some(version) = field(object, "apiVersion").and_then(Value::as_str)
            && ![VERSION, ""].contains(&version)
        {
            let text =
                format!("unsupported protocol version `{version}`: only `{VERSION}` is supported");
            return Err(BridgeError::Request(text));
        }
        let command = field(object, "command").and_then(Value::as_str);
        let command = command.ok_or_else(|| invalid("`command` is missing"))?.to_owned();
        let args = field(object, "args").and_then(Value::as_array).into_iter().flatten();
        let args: Vec<_> = args.filter_map(|it| it.as_str().map(str::to_owned)).collect();
        let universe = field(object, "universe").and_then(Value::as_object).into_iter().flatten();
        let text = |(path, it): (&String, &Value)| Some((path.clone(), it.as_str()?.to_owned()));
        let config = field(object, "config").and_then(Value::as_object);
        Ok(Self {
            command,
            words: Words::new(&args),
            universe: universe.filter_map(text).collect(),
            config: config.cloned().unwrap_or_default(),
        })
    }
}

impl Bridge<'_> {
    /// Answers a request.
    pub(crate) fn answer(&self, request: &Request) -> Result<String, BridgeError> {
        let mut answer = Answer::new(&request.command);
        match request.command.as_str() {
            "metadata" => answer.metadata = Some(self.metadata(request.asked_subcommand()?)?),
            "flags" => answer.flags = Some(self.flags(request.asked_subcommand()?)?),
            command if SUBCOMMANDS.iter().any(|it| it.0 == command) => {
                answer.universe = Some(self.scaffold(request)?);
            }
            command => {
                return Err(BridgeError::Request(format!("unknown command `{command}`")));
            }
        }
        Ok(to_json(&answer))
    }

    fn chain<'c>(&'c self, subcommand: &'c str, version: &'c ProjectVersion) -> Chain<'c> {
        Chain {
            subcommand,
            plugins: std::slice::from_ref(&self.plugin),
            project_version: version,
            date: self.date,
            identity: self.identity,
            limit: TimeLimit::default(),
        }
    }

    fn metadata(&self, subcommand: &str) -> Result<Metadata, BridgeError> {
        let version = ProjectVersion::default();
        let CommandDescription { about, long_about, examples, .. } =
            self.chain(subcommand, &version).describe(self.services)?;
        let examples = examples.iter().map(|it| format!("  # {}\n  {}", it.about, it.line));
        let examples = examples.collect::<Vec<_>>().join("\n");
        let description = [about, long_about].join("\n\n").trim().to_owned();
        let description = if description.is_empty() {
            self.plugin.manifest().description.clone()
        } else {
            description
        };
        Ok(Metadata { description, examples })
    }

    fn own_args(&self, subcommand: &str) -> Result<Vec<Arg>, BridgeError> {
        let version = ProjectVersion::default();
        let own = rules::subcommand_options(subcommand);
        let reserved: Vec<_> = own.into_iter().map(|it| (it, None)).collect();
        let flags = self.chain(subcommand, &version).bind_flags(&reserved, self.services)?;
        Ok(flags.iter().map(|it| it.arg.clone()).collect())
    }

    fn flags(&self, subcommand: &str) -> Result<Vec<Flag>, BridgeError> {
        if !self.takes_part(subcommand) {
            return Ok(Vec::new());
        }
        let of_host = own_flags(subcommand).iter().chain(&COMMON_FLAGS).map(
            |(name, kind, default, usage)| {
                let [name, kind, default, usage] =
                    [name, kind, default, usage].map(|it| (*it).into());
                Flag { name, kind, default, usage }
            },
        );
        Ok(of_host.chain(self.own_args(subcommand)?.iter().map(to_flag)).collect())
    }

    fn takes_part(&self, subcommand: &str) -> bool {
        self.plugin.manifest().subcommands.iter().any(|it| it == subcommand)
    }

    /// Runs a subcommand with the plugin, and returns the files that it added or changed.
    fn scaffold(&self, request: &Request) -> Result<BTreeMap<String, String>, BridgeError> {
        let subcommand = request.command.as_str();
        if !self.takes_part(subcommand) {
            return Ok(BTreeMap::new());
        }
        let project = self.project(request).map_err(ScaffoldError::from)?;
        let version = *project.version();
        let resource = match subcommand {
            CREATE_API | CREATE_WEBHOOK => Some(resource(request, &project)?),
            _ => None,
        };
        let mut project = project;
        if let Some(resource) = resource.as_ref().filter(|_| subcommand == CREATE_API) {
            // A plugin before this one in the chain may have recorded it.
            let _ = project.remove_resource(resource.gvk());
        }
        let specs = self.own_args(subcommand)?;
        let mut args = request.words.values(&specs)?;
        for flag in [FORCE, SKIP_EXISTING] {
            args.insert(flag.to_owned(), request.words.is_on(flag, false).into());
        }
        let flags = Flags::merge([(self.plugin.key().to_string(), specs)], &[])
            .map_err(ScaffoldError::from)?;
        let config = project.config(&self.plugin.key().to_string()).clone();
        let mut steps = Steps::new(StepsInput {
            chain: self.chain(subcommand, &version),
            flags: &flags,
            args,
            services: self.services,
            answers: Answers::default(),
            project,
            resource,
            universe: self.universe(request).map_err(ScaffoldError::from)?,
            // This host has not created any of the files before.
            record: Some(Record::default()),
            settings: None,
        });
        steps.take_all()?;
        for notice in &steps.notices {
            self.services.log(Level::Info, notice);
        }
        if *steps.project.config(&self.plugin.key().to_string()) != config {
            let text = "kubebuilder does not store the plugin's configuration; specify its \
                        flags with each command";
            self.services.log(Level::Info, text);
        }
        let changes = steps.universe.changes().map_err(ScaffoldError::from)?;
        self.files(changes)
    }

    /// Returns the files of an answer; reports what an answer cannot contain.
    fn files(&self, changes: Vec<Change>) -> Result<BTreeMap<String, String>, BridgeError> {
        let mut files = BTreeMap::new();
        for change in changes {
            let node = match change {
                Change::Add(node) | Change::Replace { new: node, .. } => node,
                Change::Delete(node) => {
                    let text =
                        format!("kubebuilder cannot delete `{}`; delete it yourself", node.path());
                    self.services.log(Level::Warn, &text);
                    continue;
                }
            };
            let text = node.text().map_err(|_| {
                let text =
                    format!("`{}` is not text, but kubebuilder supports only text", node.path());
                BridgeError::Usage(text)
            })?;
            if node.mode() & 0o111 != 0 {
                let text = format!(
                    "kubebuilder cannot make `{0}` executable; run `chmod +x {0}`",
                    node.path()
                );
                self.services.log(Level::Warn, &text);
            }
            files.insert(node.path().to_owned(), text.to_owned());
        }
        Ok(files)
    }

    /// Returns the files of a request, without those that plugins may not see.
    fn universe(&self, request: &Request) -> Result<Universe, UniverseError> {
        let is_node = |path: &str| path::check(path).is_ok() && !path.starts_with("target/");
        let files = request.universe.iter().filter(|(path, _)| is_node(path));
        Universe::from_nodes(files.map(|(path, content)| node(self.root, path, content)))
    }

    /// Returns the PROJECT file at the start of the command.
    fn project(&self, request: &Request) -> Result<ProjectFile, ProjectError> {
        let text = |key: &str| request.config.get(key).and_then(Value::as_str).unwrap_or_default();
        let is_on = |key: &str| request.config.get(key).and_then(Value::as_bool) == Some(true);
        let words = &request.words;
        let mut project = match request.universe.get(PROJECT) {
            Some(text) => ProjectFile::parse(text)?,
            None => {
                let version = text("version").parse().unwrap_or_default();
                let mut project = ProjectFile::new(&version)?;
                project.set_repo(text("repo"))?;
                project.set_multigroup(is_on("multigroup"))?;
                project.set_namespaced(is_on("namespaced"))?;
                let known = request.config.get("resources").and_then(Value::as_array);
                for value in known.into_iter().flatten() {
                    if let Ok(resource) = serde_json::from_value(value.clone()) {
                        project.put_resource(&resource)?;
                    }
                }
                project
            }
        };
        let domain = [project.domain(), words.text("domain"), text("domain"), DEFAULT_DOMAIN];
        let domain = domain.into_iter().find(|it| !it.is_empty()).unwrap_or_default().to_owned();
        project.set_domain(&domain)?;
        let name = [project.project_name(), words.text("project-name"), text("projectName")];
        let name = name.into_iter().find(|it| !it.is_empty()).map(str::to_owned);
        project.set_project_name(&name.unwrap_or_else(|| default_project_name(self.root)))?;
        if project.repo().is_empty() {
            project.set_repo(words.text("repo"))?;
        }
        if request.command == INIT && words.is_on("namespaced", false) {
            project.set_namespaced(true)?;
        }
        Ok(project)
    }
}

impl Request {
    /// Returns the subcommand that a `metadata` or `flags` request is about.
    fn asked_subcommand(&self) -> Result<&'static str, BridgeError> {
        let asked = |(_, marker): &&(&str, &str)| {
            self.words.0.iter().any(|it| Some(it.0.as_str()) == marker.strip_prefix("--"))
        };
        let found = SUBCOMMANDS.iter().find(asked).map(|it| it.0);
        found.ok_or_else(|| {
            BridgeError::Request(format!("`{}` does not name a subcommand", self.command))
        })
    }
}

/// The flags of a request: names, and values if there are any.
struct Words(Vec<(String, Option<String>)>);

impl Words {
    fn new(args: &[String]) -> Self {
        let mut words = Vec::new();
        let mut args = args.iter().peekable();
        while let Some(arg) = args.next() {
            let Some(flag) = arg.strip_prefix("--") else { continue };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, args.next_if(|it| !it.starts_with("--")).cloned()),
            };
            words.push((name.to_owned(), value));
        }
        Self(words)
    }

    fn text(&self, name: &str) -> &str {
        let found = self.0.iter().rfind(|it| it.0 == name);
        found.and_then(|it| it.1.as_deref()).unwrap_or_default()
    }

    fn is_on(&self, name: &str, default: bool) -> bool {
        match self.0.iter().rfind(|it| it.0 == name) {
            Some((_, Some(value))) => is_true(value),
            Some((_, None)) => true,
            None => default,
        }
    }

    /// Returns the values of a plugin's own flags. The flags of other plugins are omitted.
    fn values(&self, specs: &[Arg]) -> Result<Map<String, Value>, BridgeError> {
        let mut line = Vec::new();
        for (name, value) in &self.0 {
            let Some(spec) = specs.iter().find(|it| it.name == *name) else { continue };
            match (spec.kind, value) {
                (ArgKind::Flag, Some(value)) if !is_true(value) => {}
                (ArgKind::Flag, _) => line.push(format!("--{name}")),
                (ArgKind::Count, value) => {
                    let n = value.as_ref().and_then(|it| it.parse::<usize>().ok()).unwrap_or(1);
                    line.extend(std::iter::repeat_n(format!("--{name}"), n));
                }
                (_, Some(value)) => line.push(format!("--{name}={value}")),
                (_, None) if spec.value == ValueType::Boolean => {
                    line.push(format!("--{name}=true"))
                }
                (_, None) => line.push(format!("--{name}=")),
            }
        }
        let mut description = CommandDescription::default();
        description.args = specs.to_vec();
        let command =
            args::command("bridge".to_owned(), &description).map_err(BridgeError::Usage)?;
        let matches = command
            .no_binary_name(true)
            .try_get_matches_from(line)
            .map_err(|err| usage(&err.render().to_string()))?;
        Ok(args::values(specs, &matches))
    }
}

/// Returns the first line of clap's message.
fn usage(text: &str) -> BridgeError {
    let line = text.lines().next().unwrap_or_default();
    BridgeError::Usage(line.strip_prefix("error: ").unwrap_or(line).to_owned())
}

fn own_flags(subcommand: &str) -> &'static [OwnFlag] {
    OWN_FLAGS.iter().find(|it| it.0 == subcommand).map_or(&[], |it| it.1)
}

/// Returns a plugin's flag in kubebuilder's form.
fn to_flag(arg: &Arg) -> Flag {
    let (kind, zero) = match (arg.kind, arg.value) {
        _ if arg.is_list() => ("string", ""),
        (ArgKind::Flag, _) | (_, ValueType::Boolean) => ("bool", "false"),
        (ArgKind::Count, _) | (_, ValueType::Integer) => ("int", "0"),
        (_, ValueType::Number) => ("float", "0"),
        _ => ("string", ""),
    };
    let mut usage = arg.help.clone();
    if !arg.choices.is_empty() {
        usage = format!("{usage} (one of: {})", arg.choices.join(", "));
    }
    let default = arg.default.clone().unwrap_or_else(|| zero.to_owned());
    Flag { name: arg.name.clone(), kind: kind.to_owned(), default, usage }
}

/// Returns a file of a request. kubebuilder damages files that are not text, so they are read from
/// disk.
fn node(root: &Path, path: &str, content: &str) -> Node {
    if content.contains(char::REPLACEMENT_CHARACTER)
        && let Ok(file) = read_regular(&root.join(path), NO_LIMIT)
        && String::from_utf8_lossy(&file.bytes) == content
    {
        return Node::new(path, file.bytes, MODE_FILE);
    }
    Node::new(path, content, MODE_FILE)
}

/// Returns the resource that a request names.
fn resource(request: &Request, project: &ProjectFile) -> Result<Resource, BridgeError> {
    let words = &request.words;
    let [group, version, kind] = ["group", "version", "kind"].map(|it| words.text(it));
    let invalid = |err: NameError| BridgeError::Usage(err.to_string());
    let gvk = match project.find(group, project.domain(), version, kind) {
        Some(known) => known.gvk().clone(),
        None => Gvk::new(group, project.domain(), version, kind).map_err(invalid)?,
    };
    let known = project.resource(&gvk).filter(|_| request.command == CREATE_WEBHOOK).cloned();
    let mut resource = known.unwrap_or_else(|| Resource::new(gvk));
    // Only those that are to be created now.
    resource.webhooks = Webhooks::default();
    match (words.text("plural"), project.of_kind(resource.gvk())) {
        ("", Some(known)) => resource.adopt_plural(known),
        ("", None) => {}
        (plural, _) => resource = resource.with_plural(plural).map_err(invalid)?,
    }
    project.check_plural(&resource).map_err(|err| BridgeError::Usage(err.to_string()))?;
    if request.command == CREATE_API {
        let namespaced = words.is_on("namespaced", true);
        let api = words.is_on("resource", true);
        resource.api = api.then(|| Api { namespaced, ..Api::default() });
        resource.controller = words.is_on("controller", true);
        return Ok(resource);
    }
    let webhooks = &mut resource.webhooks;
    webhooks.defaulting = words.is_on("defaulting", false);
    webhooks.validation = words.is_on("programmatic-validation", false);
    webhooks.conversion = words.is_on("conversion", false);
    let spokes = words.0.iter().filter(|it| it.0 == "spoke").filter_map(|it| it.1.as_deref());
    webhooks.spoke = spokes
        .flat_map(|it| it.split(','))
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect();
    if !webhooks.is_any() {
        let text = "no webhook is selected: use `--defaulting`, `--programmatic-validation` or \
                    `--conversion`";
        return Err(BridgeError::Usage(text.to_owned()));
    }
    Ok(resource)
}

/// Services that write nothing to standard output, which is reserved for the answer.
pub(crate) struct Quiet<S>(pub(crate) S);

impl<S: HostServices> HostServices for Quiet<S> {
    fn write(&self, _: Stream, text: &[u8]) {
        self.0.write(Stream::Err, text);
    }

    fn log(&self, level: Level, text: &str) {
        self.0.log(level, text);
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        match request {
            ServiceRequest::Show(_) => {
                Err(ErrorReply::unsupported("kubebuilder does not show results of plugins"))
            }
            request => self.0.request(request),
        }
    }

    fn wait_cancelled(&self, limit: Duration) -> bool {
        self.0.wait_cancelled(limit)
    }

    fn cleanup(&self, id: u64, work: Option<Box<dyn FnOnce() + Send>>) -> Result<(), ErrorReply> {
        self.0.cleanup(id, work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_request_are_flags_with_and_without_values() {
        let args = ["--a", "x", "--b", "--c=false", "stray", "--d", "-1"].map(str::to_owned);
        let words = Words::new(&args);
        assert_eq!((words.text("a"), words.text("d")), ("x", "-1"));
        assert!(words.is_on("b", false) && !words.is_on("c", true) && words.is_on("e", true));
    }

    #[test]
    fn flags_of_other_plugins_are_no_matter() {
        let specs = [
            Arg::flag("loud"),
            Arg::option("crew").integer().default_value("5"),
            Arg::option("name"),
        ];
        let args = ["--other", "--loud=true", "--crew", "7", "--name", "a b"].map(str::to_owned);
        let values = Words::new(&args).values(&specs).unwrap();
        let expected = serde_json::json!({"loud": true, "crew": 7, "name": "a b"});
        assert_eq!(Value::Object(values), expected);
        let args = ["--crew=x"].map(str::to_owned);
        let err = Words::new(&args).values(&specs).unwrap_err().to_string();
        assert!(err.starts_with("invalid value 'x' for '--crew <CREW>'"), "{err}");
    }

    #[test]
    fn what_kubebuilder_damages_is_read_from_disk() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = b"\x89PNG\xff\xfe";
        std::fs::write(folder.path().join("logo.png"), bytes).unwrap();
        let sent = String::from_utf8_lossy(bytes);
        let get = |path: &str, content: &str| node(folder.path(), path, content).bytes().to_vec();
        assert_eq!(get("logo.png", &sent), bytes);
        // This is not the file that was sent.
        assert_eq!(get("logo.png", "\u{fffd}"), "\u{fffd}".as_bytes());
        assert_eq!(get("missing.png", &sent), sent.as_bytes());
    }

    #[test]
    fn a_request_of_another_protocol_is_refused() {
        let parse = |text: &str| Request::parse(text.as_bytes()).map(|it| it.command);
        assert_eq!(parse(r#"{"command": "init", "args": null}"#).unwrap(), "init");
        for text in ["", "[]", "{}", r#"{"apiVersion": "v2", "command": "init"}"#] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
