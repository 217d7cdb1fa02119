//! Runs a plugin through all steps of a scaffolding subcommand.

use super::fake::{FakeHost, Record};
use super::given::{Given, host_methods};
use super::{Error, caller, decode, manifest, values};
use crate::containers::ContainerInfo;
use crate::message::{
    CommandDescription, LogRecord, ProgressUpdate, ProjectInfo, ScaffoldReply, ScaffoldRequest,
    Step, encode,
};
use crate::raw::RawHost;
use crate::rules;
use crate::{Arg, ChangeKind, Level, LinkedPlugin, MODE_FILE, Node, Resource, Tool};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The flags of a host on every subcommand that a plugin can read.
const HOST_FLAGS: [&str; 2] = ["force", "skip-existing"];

/// A scaffolding subcommand to run; see [`scaffold`].
///
/// ```
#[doc = include_str!("example.txt")]
/// let test: testing::ScaffoldTest = testing::scaffold(plugin(), "init");
/// assert_eq!(test.run()?.added, ["README.md"]);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing happens before `run`"]
pub struct ScaffoldTest {
    plugin: LinkedPlugin,
    subcommand: String,
    date: String,
    flags: Vec<(String, Value)>,
    given: Given,
    project: ProjectInfo,
    config: Value,
    resource: Option<Resource>,
    files: BTreeMap<String, Node>,
    upstream: Vec<String>,
}

host_methods!(ScaffoldTest);

/// The result of a plugin in a scaffolding subcommand.
///
/// ```
#[doc = include_str!("example.txt")]
/// let made: testing::Scaffolded = testing::scaffold(plugin(), "init").run()?;
/// assert_eq!(made.to_string(), "+ README.md\n| # demo\n| unknown, 2000-01-01\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Scaffolded {
    /// The files after the plugin's change, by path.
    pub files: BTreeMap<String, Node>,
    /// The paths that the plugin added, in its order.
    pub added: Vec<String>,
    /// The paths that the plugin deleted, in its order; a replaced file is in both.
    pub deleted: Vec<String>,
    /// The properties of the project in PROJECT, with the current resource.
    pub project: ProjectInfo,
    /// The plugin's configuration in PROJECT.
    pub config: Value,
    /// The current resource.
    pub resource: Option<Resource>,
    /// The plugin's flags.
    pub flags: Vec<Arg>,
    /// The plugin's changes to the help of the subcommand.
    pub description: CommandDescription,
    /// The tools that a host would run now; the test kit does not run them.
    pub tools: Vec<Tool>,
    /// Why the plugin stopped taking part.
    pub stopped: Option<String>,
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
    /// The manifests that the plugin applied, each with its cluster.
    pub applied: Vec<(String, Value)>,
    /// The plugin's containers at the end.
    pub containers: Vec<ContainerInfo>,
    chain: Vec<String>,
    /// The files before the plugin's change.
    pub(super) before: BTreeMap<String, Node>,
    /// The plugin's configuration before.
    pub(super) config_before: Value,
}

/// Prepares a run of the plugin's part in `subcommand`, for example `init`.
///
/// The project is called `demo`, has the domain `example.org` and no files. The plugin is the only
/// one in the chain.
///
/// ```
#[doc = include_str!("example.txt")]
/// let made = testing::scaffold(plugin(), "init").run()?;
/// assert_eq!(made.text("README.md"), "# demo\nunknown, 2000-01-01\n");
/// # Ok(())
/// # }
/// ```
pub fn scaffold(plugin: LinkedPlugin, subcommand: impl Into<String>) -> ScaffoldTest {
    let (name, domain) = ("demo".to_owned(), "example.org".to_owned());
    ScaffoldTest {
        plugin,
        subcommand: subcommand.into(),
        date: "2000-01-01".to_owned(),
        flags: Vec::new(),
        given: Given::default(),
        project: ProjectInfo { name, domain, ..ProjectInfo::default() },
        config: Value::Null,
        resource: None,
        files: BTreeMap::new(),
        upstream: Vec::new(),
    }
}

impl ScaffoldTest {
    /// Gives a flag of the plugin a value. The host's `force` and `skip-existing` can be given,
    /// too.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let made = testing::scaffold(plugin(), "init").flag("long", true).run()?;
    /// assert_eq!(made.text("README.md").lines().count(), 4);
    /// # Ok(())
    /// # }
    /// ```
    pub fn flag(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.flags.push((name.into(), value.into()));
        self
    }

    /// Sets the date of the command; the default is `2000-01-01`.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let made = testing::scaffold(plugin(), "init").date("2026-11-21").run()?;
    /// assert!(made.text("README.md").ends_with("2026-11-21\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn date(mut self, date: impl Into<String>) -> Self {
        self.date = date.into();
        self
    }

    /// Changes the properties of the project in PROJECT.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let made = testing::scaffold(plugin(), "init").project(|it| it.name = "ship".into()).run()?;
    /// assert!(made.text("README.md").starts_with("# ship\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn project(mut self, change: impl FnOnce(&mut ProjectInfo)) -> Self {
        change(&mut self.project);
        self
    }

    /// Sets the plugin's configuration in PROJECT.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let test = testing::scaffold(plugin(), "init").config(json::json!({ "owner": "Ada" }));
    /// assert!(test.run()?.text("README.md").contains("Ada"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn config(mut self, config: impl Into<Value>) -> Self {
        self.config = config.into();
        self
    }

    /// Sets the current resource, for subcommands that have one.
    ///
    /// By default, it is a namespaced API type with a controller. An empty domain is replaced with
    /// the project's, unless the API belongs to another project. An empty plural is replaced with
    /// the kind in lower case followed by `s`.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let test = testing::scaffold(plugin(), "create api").resource(|it| {
    ///     (it.group, it.version, it.kind) = ("crew".into(), "v1".into(), "Captain".into());
    /// });
    /// assert_eq!(test.run()?.added, ["captains.md"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn resource(mut self, change: impl FnOnce(&mut Resource)) -> Self {
        let resource =
            Resource { api: true, controller: true, namespaced: true, ..Resource::default() };
        change(self.resource.insert(resource));
        self
    }

    /// Puts a file on disk.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let test = testing::scaffold(plugin(), "create api").resource(|it| {
    ///     (it.group, it.version, it.kind) = ("crew".into(), "v1".into(), "Captain".into());
    /// });
    /// assert_eq!(test.file("README.md", "").run()?.text("captains.md"), "1 files\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn file(self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.node(Node::new(path, bytes, MODE_FILE))
    }

    /// Adds a node to the universe. A node with an origin was created by a plugin earlier in the
    /// chain.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use pintle_plugin::MODE_EXECUTABLE;
    ///
    /// let test = testing::scaffold(plugin(), "init").node(Node::new("run.sh", "", MODE_EXECUTABLE));
    /// assert_eq!(test.run()?.files["run.sh"].mode(), 0o755);
    /// # Ok(())
    /// # }
    /// ```
    pub fn node(mut self, node: Node) -> Self {
        let new = node.plugin().filter(|plugin| !self.upstream.iter().any(|it| it == plugin));
        self.upstream.extend(new.map(str::to_owned));
        self.files.insert(node.path().to_owned(), node);
        self
    }

    /// Adds a file that a plugin earlier in the chain created in this command.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let test = testing::scaffold(plugin(), "init");
    /// let made = test.upstream("other.example.org/v1.0.0", "src/lib.rs", "").run()?;
    /// assert_eq!(made.files["src/lib.rs"].subcommand(), Some("init"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn upstream(
        self,
        plugin: &str,
        path: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
    ) -> Self {
        let node = Node::with_origin(path, bytes, MODE_FILE, plugin, &self.subcommand);
        self.node(node)
    }

    /// Runs in the project that an earlier command of the same plugin created.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let made = testing::scaffold(plugin(), "init").run()?;
    /// let test = testing::scaffold(plugin(), "create api").resource(|it| {
    ///     (it.group, it.version, it.kind) = ("crew".into(), "v1".into(), "Captain".into());
    /// });
    /// assert_eq!(test.following(&made).run()?.text("captains.md"), "1 files\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn following(mut self, earlier: &Scaffolded) -> Self {
        self.project = earlier.project.clone();
        self.config = earlier.config.clone();
        let on_disk = |node: &Node| Node::new(node.path(), node.bytes(), node.mode());
        self.files = earlier.files.iter().map(|(path, it)| (path.clone(), on_disk(it))).collect();
        self
    }

    /// Runs after another plugin in the chain of the same command.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let first = testing::scaffold(plugin(), "init").project(|it| it.name = "ship".into()).run()?;
    /// let clash = testing::scaffold(plugin(), "init").downstream_of(&first).run().unwrap_err();
    /// assert!(clash.to_string().contains("created by `hello.example.org/v"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn downstream_of(mut self, earlier: &Scaffolded) -> Self {
        self.project = earlier.project.clone();
        self.resource = earlier.resource.clone();
        self.files = earlier.files.clone();
        self.upstream = earlier.chain.clone();
        self
    }

    /// Runs all steps, and applies the plugin's change with the rules of a host.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let made = testing::scaffold(plugin(), "init").run()?;
    /// assert_eq!(made.changes(), "+ README.md\n| # demo\n| unknown, 2000-01-01\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`] when the flags are not as declared, when a step fails, when the
    /// change does not fit the files, or when the plugin leaves an answer unasked.
    pub fn run(mut self) -> Result<Scaffolded, Error> {
        self.complete_resource()?;
        let mut run = Steps::new(self)?;
        // As in a host, a plugin that stops does not run further steps.
        if run.prepare()? && run.step(Step::PreScaffold)?.is_some() && run.change()? {
            run.finish()?;
        }
        run.end()
    }

    fn complete_resource(&mut self) -> Result<(), Error> {
        let subcommand = &self.subcommand;
        let wanted = !matches!(subcommand.as_str(), "init" | "edit");
        match &mut self.resource {
            None if wanted => Err(Error::refused(format!(
                "`{subcommand}` has a resource: set it with `resource` in the test"
            ))),
            Some(_) if !wanted => Err(Error::refused(format!("`{subcommand}` has no resource"))),
            Some(resource) => {
                if resource.domain.is_empty() && !resource.core && !resource.external {
                    resource.domain.clone_from(&self.project.domain);
                }
                if resource.plural.is_empty() {
                    resource.plural = format!("{}s", resource.kind.to_lowercase());
                }
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Scaffolded {
    /// Returns the text of a file.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let made = testing::scaffold(plugin(), "init").run()?;
    /// assert!(made.text("README.md").starts_with("# demo\n"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When there is no such file, or when it is not UTF-8.
    #[track_caller]
    pub fn text(&self, path: &str) -> &str {
        let Some(node) = self.files.get(path) else {
            let known = values::listed(self.files.keys().map(String::as_str));
            panic!("there is no file `{path}`; there is {known}");
        };
        match node.text() {
            Ok(text) => text,
            Err(err) => panic!("{err}"),
        }
    }
}

/// A run in progress.
struct Steps {
    plugin: LinkedPlugin,
    host: FakeHost,
    request: ScaffoldRequest,
    given: Vec<(String, Value)>,
    result: Scaffolded,
}

impl Steps {
    fn new(test: ScaffoldTest) -> Result<Self, Error> {
        let caller = caller(test.plugin)?;
        let known = manifest(test.plugin)?.subcommands;
        if !known.contains(&test.subcommand) {
            let known = values::listed(known.iter().map(String::as_str));
            return Err(Error::refused(format!(
                "the plugin does not take part in `{}`; it takes part in {known}",
                test.subcommand
            )));
        }
        let position = test.upstream.len();
        let mut chain = test.upstream;
        chain.push(caller.plugin.clone());
        let request = ScaffoldRequest {
            caller,
            subcommand: test.subcommand,
            chain: chain.clone(),
            position,
            project_version: "3".into(),
            date: test.date,
            project: test.project.clone(),
            config: test.config.clone(),
            resource: test.resource.clone(),
            ..ScaffoldRequest::default()
        };
        let result = Scaffolded {
            before: test.files.clone(),
            config_before: test.config.clone(),
            files: test.files.clone(),
            added: Vec::new(),
            deleted: Vec::new(),
            project: test.project,
            config: test.config,
            resource: test.resource,
            flags: Vec::new(),
            description: CommandDescription::default(),
            tools: Vec::new(),
            stopped: None,
            stdout: String::new(),
            stderr: String::new(),
            log: Vec::new(),
            records: Vec::new(),
            progress: Vec::new(),
            applied: Vec::new(),
            containers: Vec::new(),
            chain,
        };
        let host = FakeHost::new(test.given, test.files);
        Ok(Self { plugin: test.plugin, host, request, given: test.flags, result })
    }

    /// Runs the steps up to the resource; returns whether the plugin continues.
    fn prepare(&mut self) -> Result<bool, Error> {
        let Some((reply, _)) = self.step(Step::UpdateMetadata)? else { return Ok(false) };
        self.result.description = reply.description.unwrap_or_default();
        let Some((reply, _)) = self.step(Step::BindFlags)? else { return Ok(false) };
        self.request.args = self.check_flags(&reply.flags)?;
        self.result.flags = reply.flags;
        let Some((reply, _)) = self.step(Step::InjectConfig)? else { return Ok(false) };
        if let Some(project) = reply.project {
            self.request.project = project;
        }
        if let Some(config) = reply.config {
            self.request.config = config;
        }
        if self.request.resource.is_some() {
            let Some((reply, _)) = self.step(Step::InjectResource)? else { return Ok(false) };
            self.request.resource = reply.resource.or(self.request.resource.take());
            self.record_resource();
        }
        Ok(true)
    }

    /// Makes the resource one of the project's for the next steps.
    fn record_resource(&mut self) {
        let Some(mut resource) = self.request.resource.clone() else { return };
        let known = &mut self.request.project.resources;
        let same = |it: &&mut Resource| {
            (&it.group, &it.domain, &it.version, &it.kind)
                == (&resource.group, &resource.domain, &resource.version, &resource.kind)
        };
        match known.iter_mut().find(same) {
            Some(known) => {
                resource.api |= known.api;
                resource.controller |= known.controller;
                *known = resource;
            }
            None => known.push(resource),
        }
    }

    /// Runs the main step; returns whether the plugin continues.
    fn change(&mut self) -> Result<bool, Error> {
        let Some((reply, added)) = self.step(Step::Scaffold)? else { return Ok(false) };
        let key = self.request.caller.plugin.clone();
        let had = self.result.files.clone();
        for path in reply.deleted {
            delete(&mut self.result.files, &path)?;
            self.result.deleted.push(path);
        }
        for node in added {
            let path = node.path().to_owned();
            match (node.change(), self.result.files.contains_key(&path)) {
                (ChangeKind::Edit | ChangeKind::Put, true) => {
                    delete(&mut self.result.files, &path)?;
                    self.result.deleted.push(path.clone());
                }
                (ChangeKind::Edit, false) => {
                    let text = format!("`{path}` cannot be edited: there is no such file");
                    return Err(Error::refused(text));
                }
                _ => {}
            }
            // The plugin is not responsible for the names of existing files.
            let mut others = self.result.files.keys().filter(|_| !had.contains_key(&path));
            if let Some(other) = others.find(|it| differ_in_case(it, &path)) {
                return Err(Error::refused(format!(
                    "`{path}` cannot be added: it differs from `{other}` only in case"
                )));
            }
            add(&mut self.result.files, node.attributed(&key, &self.request.subcommand))?;
            self.result.added.push(path);
        }
        Ok(true)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.host.set_files(self.result.files.clone());
        if let Some((reply, _)) = self.step(Step::PostScaffold)? {
            self.result.tools = reply.tools;
        }
        Ok(())
    }

    fn end(self) -> Result<Scaffolded, Error> {
        let record = self.host.finish()?;
        let Record { stdout, stderr, log, records, progress, containers, applied } = record;
        let ScaffoldRequest { project, config, resource, .. } = self.request;
        let output = Scaffolded { stdout, stderr, log, records, progress, ..self.result };
        Ok(Scaffolded { project, config, resource, containers, applied, ..output })
    }

    /// Runs one step; returns `None` if the plugin stops.
    fn step(&mut self, step: Step) -> Result<Option<(ScaffoldReply, Vec<Node>)>, Error> {
        self.request.step = step;
        let request = encode(&self.request);
        let reply = self.plugin.root().scaffold(&request, RawHost::new(&self.host));
        let (message, nodes) = reply.into_message_and_nodes()?;
        let reply: ScaffoldReply = decode("scaffold reply", &message)?;
        if let Some(reason) = reply.stop {
            self.result.stopped = Some(reason);
            return Ok(None);
        }
        Ok(Some((reply, nodes)))
    }

    fn check_flags(&mut self, declared: &[Arg]) -> Result<Map<String, Value>, Error> {
        accept_flags(&self.request.subcommand, declared)?;
        let all = [declared, &HOST_FLAGS.map(Arg::flag)].concat();
        let command = format!("`{}`", self.request.subcommand);
        values::check(&command, &all, std::mem::take(&mut self.given))
    }
}

fn delete(files: &mut BTreeMap<String, Node>, path: &str) -> Result<(), Error> {
    match files.remove(path) {
        Some(_) => Ok(()),
        None => Err(Error::refused(format!("`{path}` cannot be deleted: there is no such file"))),
    }
}

fn add(files: &mut BTreeMap<String, Node>, node: Node) -> Result<(), Error> {
    let path = node.path().to_owned();
    if let Some(reason) = why_unfit(&path) {
        return Err(Error::refused(format!("`{path}` cannot be added: {reason}")));
    }
    let blocked = |it: &&String| is_inside(&path, it) || is_inside(it, &path);
    if let Some(other) = files.keys().find(blocked) {
        return Err(Error::refused(format!(
            "`{path}` cannot be added: `{other}` exists, and one of them would be a directory"
        )));
    }
    if let Some(existing) = files.get(&path) {
        let maker = existing.plugin().map(|it| format!(", created by `{it}`")).unwrap_or_default();
        return Err(Error::refused(format!(
            "`{path}` exists{maker}: delete it in the same change before adding it"
        )));
    }
    files.insert(path, node);
    Ok(())
}

/// Returns why no host accepts the path, or `None` if it does.
fn why_unfit(path: &str) -> Option<&'static str> {
    let is = |name: &'static str| move |part: &str| part.eq_ignore_ascii_case(name);
    if path.contains(['\\', '\0']) {
        Some("its parts must be separated by `/`")
    } else if path.split('/').any(|it| matches!(it, "" | "." | "..")) {
        Some("it must be relative to the project, without `.` and `..`")
    } else if path == "PROJECT"
        || path.split('/').any(is(".git"))
        || path.split('/').next().is_some_and(is(".pintle"))
    {
        Some("it belongs to the host")
    } else {
        None
    }
}

fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|it| it.starts_with('/'))
}

/// Whether some file systems cannot store both paths.
fn differ_in_case(left: &str, right: &str) -> bool {
    left != right && left.to_lowercase() == right.to_lowercase()
}

/// Requests the flags of a subcommand, and checks them.
pub(super) fn check_flags(plugin: LinkedPlugin, subcommand: &str) -> Result<(), Error> {
    let request = ScaffoldRequest {
        caller: caller(plugin)?,
        subcommand: subcommand.to_owned(),
        step: Step::BindFlags,
        project_version: "3".into(),
        ..ScaffoldRequest::default()
    };
    let host = FakeHost::new(Given::default(), BTreeMap::new());
    let reply = plugin.root().scaffold(&encode(&request), RawHost::new(&host));
    let (reply, _) = reply.into_message_and_nodes()?;
    let reply: ScaffoldReply = decode("scaffold reply", &reply)?;
    accept_flags(subcommand, &reply.flags)
}

fn accept_flags(subcommand: &str, flags: &[Arg]) -> Result<(), Error> {
    rules::check_flags(subcommand, flags)
        .map_err(|why| Error::refused(format!("invalid flags on `{subcommand}`: {why}")))
}
