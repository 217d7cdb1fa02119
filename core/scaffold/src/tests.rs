//! Tests of the chain, from the job to the disk.

use crate::commands::errors::Advice as _;
use crate::project::{Api, Gvk, PROJECT, ProjectFile, Resource};
use crate::*;
use pintle_host::Identity;
use pintle_host::ProjectVersion;
use pintle_host::lifecycle::TimeLimit;
use pintle_host::transport::{LoadedPlugin, link};
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::manifest::Manifest;
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use tempfile::TempDir;

pub(super) struct Silent;

impl HostServices for Silent {
    fn write(&self, _: Stream, _: &[u8]) {}
    fn log(&self, _: Level, _: &str) {}
    fn request(&self, _: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        Err(ErrorReply::failed("no services"))
    }
}

/// A project directory, and the test plugin under several keys.
struct Fixture {
    folder: TempDir,
    plugins: Vec<LoadedPlugin>,
    identity: Identity,
    version: ProjectVersion,
}

impl Fixture {
    fn new(keys: &[&str]) -> Self {
        let plugin = |key: &&str| {
            let linked = test_plugin::plugin();
            let manifest = Manifest::parse(linked.manifest().as_bytes()).unwrap();
            link(linked, key.parse().unwrap(), manifest)
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            plugins: keys.iter().map(plugin).collect(),
            identity: Identity::default(),
            version: ProjectVersion::default(),
        }
    }

    fn chain<'a>(&'a self, subcommand: &'a str) -> Chain<'a> {
        Chain {
            subcommand,
            plugins: &self.plugins,
            project_version: &self.version,
            date: "2026-11-21",
            identity: &self.identity,
            limit: TimeLimit::default(),
        }
    }

    fn run(
        &self,
        subcommand: &str,
        args: Value,
        project: ProjectFile,
        resource: Option<Resource>,
    ) -> Result<Report, ScaffoldError> {
        let chain = self.chain(subcommand);
        let flags = chain.bind_flags(&[("domain", None)], &Silent).unwrap();
        let Value::Object(args) = args else { panic!("arguments are an object") };
        let root = self.folder.path();
        run(Job { root, chain, flags: &flags, args, project, resource }, &Silent)
    }

    fn init(&self, args: Value) -> Result<Report, ScaffoldError> {
        let mut project = ProjectFile::new(&self.version).unwrap();
        project.set_domain("example.org").unwrap();
        project.set_project_name("ship").unwrap();
        self.run("init", args, project, None)
    }

    fn create_api(
        &self,
        kind: &str,
        api: bool,
        controller: bool,
        args: Value,
    ) -> Result<Report, ScaffoldError> {
        let project = ProjectFile::load(&self.folder.path().join(PROJECT)).unwrap();
        let gvk = Gvk::new("crew", project.domain(), "v1", kind).unwrap();
        let mut resource = Resource::new(gvk);
        resource.api = api.then(|| Api { namespaced: true, ..Api::default() });
        resource.controller = controller;
        self.run("create api", args, project, Some(resource))
    }

    fn delete_api(&self, kind: &str) -> Result<Prepared, ScaffoldError> {
        self.rework(&self.plugins, |rework| {
            let gvk = Gvk::new("crew", "example.org", "v1", kind).unwrap();
            let chain = self.chain("delete api");
            rework.undo(chain, &Flags::default(), Map::new(), &gvk, Part::All, &Silent)
        })
    }

    fn commit(&self, prepared: Prepared) -> Report {
        let lock = Lock::acquire(self.folder.path(), &mut |_| {}).unwrap();
        prepared.commit(&lock).unwrap()
    }

    /// Reruns all commands with the test plugin under another key.
    fn upgrade(&self, key: &str) -> Result<Prepared, ScaffoldError> {
        let newer = Self::new(&[key]);
        self.rework(&newer.plugins, |rework| rework.upgrade("project upgrade", &Silent))
    }

    fn rework<T>(&self, plugins: &[LoadedPlugin], work: impl FnOnce(Rework<'_>) -> T) -> T {
        let root = self.folder.path();
        let project = ProjectFile::load(&root.join(PROJECT)).unwrap();
        let record = Record::load(root).unwrap_or_default();
        let keys = project.layout().iter().cloned();
        let plugins: Plugins = keys.zip(plugins.iter().cloned()).collect();
        let (identity, memo) = (&self.identity, &Memo::default());
        let limit = TimeLimit::default();
        work(Rework { root, project, record, plugins: &plugins, identity, limit, memo })
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).unwrap()
    }

    fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        let universe = Universe::new(self.folder.path());
        let nodes = universe.nodes(pintle_plugin::Select::All).unwrap();
        let mut tree: BTreeMap<_, _> =
            nodes.iter().map(|it| (it.path().to_owned(), it.bytes().to_vec())).collect();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name != path::HOST_FOLDER {
                tree.entry(name).or_default();
            }
        }
        tree
    }
}

/// Returns an error with its causes, as the command line shows it.
fn chain_of(err: &dyn Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(it) = cause {
        text = format!("{text}: {it}");
        cause = it.source();
    }
    text
}

const A: &str = "a.pintle.dev/v1.0.0";
const B: &str = "b.pintle.dev/v1.0.0";

#[test]
fn init_and_create_api_make_a_project() {
    let fixture = Fixture::new(&[A, B]);
    let report = fixture.init(json!({"owner": "ada", "domain": "example.org"})).unwrap();
    assert_eq!(report.added, ["bin/0", "bin/1", "chain.txt"]);
    assert_eq!(fixture.text("chain.txt"), format!("{A}\n{B}\n"));
    assert_eq!(report.event().files, report.added);
    let version = &fixture.identity.version;
    let project = format!(
        "version: \"3\"
domain: example.org
projectName: ship
cliVersion: \"{version}\"
layout:
- {A}
- {B}
repo: example.org/ship
plugins:
  {A}:
    owner: ada
  {B}:
    owner: ada
"
    );
    assert_eq!(fixture.text(PROJECT), project);

    let fixture = Fixture { plugins: fixture.plugins[..1].to_vec(), ..fixture };
    let report = fixture.create_api("Policy", true, true, json!({})).unwrap();
    assert_eq!(report.added, ["kinds.txt", "list.txt", "src/api/v1.rs", "src/policies.rs"]);
    assert_eq!(fixture.text("src/api/v1.rs"), "policies of ada");
    let resources = "resources:
- api:
    crdVersion: v1
    namespaced: true
  controller: true
  domain: example.org
  group: crew
  kind: Policy
  path: src/api/v1.rs
  plural: policies
  version: v1
";
    assert_eq!(fixture.text(PROJECT), format!("{project}{resources}"));
    assert_eq!(report.event().resource.unwrap().plural, "policies");
}

#[test]
fn a_resource_is_made_once_unless_forced() {
    let fixture = Fixture::new(&[A]);
    fixture.init(json!({})).unwrap();
    fixture.create_api("Captain", true, false, json!({})).unwrap();
    let before = fixture.tree();
    let err = fixture.create_api("Captain", true, false, json!({})).unwrap_err();
    let expected = "the project already has the resource `crew.example.org/v1/Captain`";
    assert_eq!(err.to_string(), expected);
    assert_eq!(fixture.tree(), before);
    fixture.create_api("Captain", true, false, json!({"force": true})).unwrap();
    assert_eq!(fixture.tree(), before);
}

#[test]
fn a_controller_is_added_to_an_api_that_is_there() {
    let fixture = Fixture::new(&[A]);
    fixture.init(json!({})).unwrap();
    fixture.create_api("Captain", true, false, json!({})).unwrap();
    let report = fixture.create_api("Captain", false, true, json!({})).unwrap();
    assert_eq!(report.added, ["kinds.txt", "list.txt", "src/captains.rs"]);
    assert_eq!(fixture.text("src/captains.rs"), "namespaced: true");
    let [resource] = report.project.resources() else { panic!("one resource") };
    assert!(resource.controller && resource.api.as_ref().unwrap().namespaced);
    assert_eq!(resource.path, "src/api/v1.rs");
}

#[test]
fn a_project_is_initialized_once_and_first() {
    let fixture = Fixture::new(&[A]);
    let project = ProjectFile::new(&fixture.version).unwrap();
    let err = fixture.run("create api", json!({}), project, None).unwrap_err();
    assert!(matches!(err, ScaffoldError::NotInitialized { .. }), "{err}");
    assert_eq!(err.hint_text().unwrap(), "run `pintle init` first");
    fixture.init(json!({})).unwrap();
    let err = fixture.init(json!({})).unwrap_err();
    assert!(matches!(err, ScaffoldError::AlreadyInitialized { .. }), "{err}");
}

#[test]
fn whatever_fails_leaves_no_trace_and_names_step_and_plugin() {
    for (vice, expected) in [
        ("fail", format!("`init` failed in `{B}` while scaffolding: plugin `{B}` failed: no wind")),
        (
            "refuse",
            format!("`init` failed in `{A}` before scaffolding: plugin `{A}` failed: not here"),
        ),
        (
            "panic",
            format!(
                "`init` failed in `{A}` while scaffolding: plugin `{A}` panicked: abandon ship"
            ),
        ),
        (
            "clash",
            format!(
                "`init` failed in `{B}` while scaffolding: \
                 `{B}` adds `same.txt`, which `{A}` has already added"
            ),
        ),
        (
            "outside",
            format!(
                "`init` failed in `{A}` while scaffolding: invalid path `../outside.txt`: \
                 its part `..` is not a valid file name"
            ),
        ),
    ] {
        let fixture = Fixture::new(&[A, B]);
        let err = fixture.init(json!({ "vice": vice })).unwrap_err();
        let said = chain_of(&err);
        assert!(said.starts_with(&expected), "{said}");
        assert!(fixture.tree().is_empty(), "{vice}");
        fixture.init(json!({})).unwrap();
    }
}

#[test]
fn a_file_in_the_way_stops_everything() {
    let fixture = Fixture::new(&[A]);
    fs::create_dir(fixture.folder.path().join("bin")).unwrap();
    fs::write(fixture.folder.path().join("bin/0"), "mine").unwrap();
    let before = fixture.tree();
    let err = fixture.init(json!({})).unwrap_err();
    assert!(chain_of(&err).ends_with("adds `bin/0`, which already exists"), "{err}");
    assert_eq!(
        err.hint_text().unwrap(),
        "use `--force` to overwrite `bin/0`, or `--skip-existing` to keep it"
    );
    assert_eq!(fixture.tree(), before);
}

#[test]
fn a_plugin_that_stops_lets_the_others_go_on() {
    let fixture = Fixture::new(&[A, B]);
    let report = fixture.init(json!({"vice": "stop"})).unwrap();
    assert_eq!(
        report.notices,
        [A, B].map(|it| format!(
            "`{it}` takes no further part in this command: it has nothing to do"
        ))
    );
    assert!(report.added.is_empty());
    assert_eq!(fixture.text(PROJECT).lines().next(), Some("version: \"3\""));
}

#[test]
fn preparing_touches_nothing_and_says_what_is_coming() {
    let fixture = Fixture::new(&[A]);
    let chain = fixture.chain("init");
    let flags = Flags::default();
    let mut project = ProjectFile::new(&fixture.version).unwrap();
    project.set_project_name("ship").unwrap();
    let root = fixture.folder.path();
    let job = Job { root, chain, flags: &flags, args: Map::new(), project, resource: None };
    let prepared = prepare(job, &Silent).unwrap();
    assert_eq!(prepared.changes().len(), 2);
    let event = prepared.event();
    assert_eq!(
        (event.subcommand.as_str(), event.chain.as_slice()),
        ("init", [A.to_owned()].as_slice())
    );
    assert_eq!(event.project.repo, "example.org/ship");
    assert!(event.files.is_empty());
    assert!(fixture.tree().is_empty());
    fixture.commit(prepared);
    assert!(fixture.tree().contains_key("chain.txt"));
}

#[test]
fn help_and_flags_come_from_the_plugins() {
    let fixture = Fixture::new(&[A, B]);
    assert_eq!(fixture.chain("init").describe(&Silent).unwrap().about, "Starts a test project");
    let flags = fixture.chain("init").bind_flags(&[], &Silent).unwrap();
    let flags: Vec<_> = flags.iter().map(|it| (it.arg.name.as_str(), it.plugins.len())).collect();
    assert_eq!(flags, [("owner", 2), ("vice", 2)]);
    let err = fixture.chain("init").bind_flags(&[("owner", None)], &Silent).unwrap_err();
    assert_eq!(
        err.to_string(),
        format!("plugin `{A}` has the flag `--owner`, which is reserved for the host")
    );
}

#[test]
fn a_subcommand_without_a_plugin_is_refused() {
    let fixture = Fixture::new(&[A]);
    fixture.init(json!({})).unwrap();
    let project = ProjectFile::load(&fixture.folder.path().join(PROJECT)).unwrap();
    let err = fixture.run("create webhook", json!({}), project, None).unwrap_err();
    let expected = format!("no plugin of the project implements `create webhook`: `{A}`");
    assert_eq!(err.to_string(), expected);
}

#[cfg(unix)]
#[test]
fn tools_run_in_a_copy_and_what_they_change_is_the_plugins() {
    let fixture = Fixture::new(&[A, B]);
    fixture.init(json!({"vice": "good-tool"})).unwrap();
    // The tool of each appends to the file; the second one has seen the first.
    assert_eq!(fixture.text("chain.txt"), format!("{A}\n{B}\ntool\ntool\n"));
    let record = Record::load(fixture.folder.path()).unwrap();
    let by: Vec<_> =
        record.file("chain.txt").unwrap().by().iter().map(|it| it.plugin.as_str()).collect();
    assert_eq!(by, [A, B]);
    assert!(record.file("made.txt").is_some());
    assert!(!fixture.folder.path().join("target").exists());

    let fixture = Fixture::new(&[A]);
    let report = fixture.init(json!({"vice": "tool"})).unwrap();
    let [notice] = report.notices.as_slice() else { panic!("one notice") };
    assert!(notice.starts_with(&format!("`pintle-no-such-tool` of `{A}` failed: ")), "{notice}");

    let fixture = Fixture::new(&[A]);
    let err = fixture.init(json!({"vice": "required-tool"})).unwrap_err();
    assert!(chain_of(&err).contains("its tool `false` failed: exit status: 1"), "{err}");
    assert!(fixture.tree().is_empty());
}

#[cfg(unix)]
#[test]
fn nothing_that_a_killed_tool_has_left_is_taken() {
    let fixture = Fixture::new(&[A]);
    fixture.write("mine.txt", "mine");
    fixture.write("other.txt", "mine");
    let report = fixture.init(json!({"vice": "killed-tool"})).unwrap();
    assert_eq!(fixture.text("mine.txt"), "mine");
    assert_eq!(fixture.text("other.txt"), "mine");
    assert!(!fixture.folder.path().join("made.txt").exists());
    // The changes of the tools before and after it count.
    assert_eq!(fixture.text("chain.txt"), format!("{A}\nfirst\nlast\n"));
    assert_eq!(report.added, ["bin/0", "chain.txt"]);
    let [notice] = report.notices.as_slice() else { panic!("one notice") };
    assert!(notice.contains("kill -9 $$` of `a.pintle.dev/v1.0.0` failed: signal: 9"), "{notice}");
}

#[cfg(unix)]
#[test]
fn a_tool_changes_what_plugins_have_made_and_nothing_of_the_users() {
    let fixture = Fixture::new(&[A]);
    fixture.write("mine.txt", "mine");
    fixture.write("other.txt", "mine");
    let report = fixture.init(json!({"vice": "greedy-tool"})).unwrap();
    assert_eq!(report.added, ["bin/0", "chain.txt", "made.txt"]);
    assert!(report.replaced.is_empty() && report.deleted.is_empty());
    assert_eq!(fixture.text("mine.txt"), "mine");
    assert_eq!(fixture.text("other.txt"), "mine");

    // A file of an earlier command may change while the user has not changed it.
    let greedy = || json!({"vice": "greedy-tool"});
    let report = fixture.create_api("Captain", false, true, greedy()).unwrap();
    assert_eq!(report.replaced, ["chain.txt"]);
    assert_eq!(fixture.text("chain.txt"), format!("{A}\ntool\ntool\n"));
    fixture.write("chain.txt", "mine");
    let report = fixture.create_api("Sailor", false, true, greedy()).unwrap();
    assert_eq!(report.replaced, ["kinds.txt", "list.txt"]);
    assert_eq!(fixture.text("chain.txt"), "mine");

    // A file that is ignored belongs to the user, even if the tool no longer lists it.
    fixture.write(".gitignore", "mine.txt\n");
    fixture.write("mine.txt", "still mine");
    fixture.create_api("Mate", false, true, greedy()).unwrap();
    assert_eq!(fixture.text("mine.txt"), "still mine");
}

#[test]
fn a_command_that_repeats_another_and_changes_nothing_is_not_recorded() {
    let fixture = Fixture::new(&[A]);
    let record = || Record::load(fixture.folder.path()).unwrap();
    fixture.init(json!({})).unwrap();
    fixture.create_api("Captain", false, true, json!({})).unwrap();
    let before = record();
    fixture.write("unrelated.txt", "mine");
    let report = fixture.create_api("Captain", false, true, json!({"force": true})).unwrap();
    assert_eq!(report.replaced, ["kinds.txt"], "the plugin adds to this file each time");
    assert_eq!(record().commands().len(), before.commands().len() + 1);

    let fixture = Fixture::new(&[A]);
    let record = || Record::load(fixture.folder.path()).unwrap();
    fixture.init(json!({})).unwrap();
    fixture.create_api("Captain", true, false, json!({})).unwrap();
    fixture.create_api("Sailor", true, false, json!({"force": true})).unwrap();
    let (before, tree) = (record(), fixture.tree());
    for _ in 0..2 {
        fixture.create_api("Sailor", true, false, json!({"force": true})).unwrap();
    }
    assert_eq!((record(), fixture.tree()), (before, tree));
    let edit = || {
        let project = ProjectFile::load(&fixture.folder.path().join(PROJECT)).unwrap();
        fixture.run("edit", json!({}), project, None).unwrap();
    };
    edit();
    let before = record();
    edit();
    assert_eq!(record(), before);
    // The same words with another effect are a different command.
    fixture.create_api("Sailor", true, true, json!({"force": true})).unwrap();
    assert_eq!(record().commands().len(), 5);
    let prepared = fixture.delete_api("Sailor").unwrap();
    assert!(prepared.conflicts().is_empty());
    fixture.commit(prepared);
    assert!(!fixture.folder.path().join("src/sailors.rs").exists());
}

#[test]
fn what_was_scaffolded_is_undone_but_not_what_the_user_did() {
    let fixture = Fixture::new(&[A]);
    fixture.init(json!({})).unwrap();
    let before = fixture.tree();
    fixture.create_api("Captain", true, true, json!({})).unwrap();
    let prepared = fixture.delete_api("Captain").unwrap();
    assert!(prepared.conflicts().is_empty());
    fixture.commit(prepared);
    assert_eq!(fixture.tree(), before);

    fixture.create_api("Captain", true, true, json!({})).unwrap();
    fixture.write("src/captains.rs", "mine");
    let report = fixture.commit(fixture.delete_api("Captain").unwrap());
    assert_eq!(report.deleted, ["kinds.txt", "list.txt", "src/api/v1.rs"]);
    let [conflict] = report.conflicts.as_slice() else { panic!("one file is left") };
    assert_eq!(
        (conflict.path.as_str(), conflict.reason),
        ("src/captains.rs", ConflictReason::Changed)
    );
    assert_eq!(fixture.text("src/captains.rs"), "mine");
    assert!(report.project.resources().is_empty());

    let err = fixture.delete_api("Captain").unwrap_err();
    assert_eq!(err.to_string(), "the project has no resource `crew.example.org/v1/Captain`");
}

#[test]
fn a_deletion_takes_its_lines_out_of_shared_files() {
    let fixture = Fixture::new(&[A]);
    fixture.init(json!({})).unwrap();
    fixture.create_api("Captain", false, true, json!({})).unwrap();
    fixture.create_api("Sailor", false, true, json!({})).unwrap();
    let text = fixture.text("kinds.txt");
    assert_eq!(text, "Captain\n\n\n\nSailor\n\n\n\n");
    fixture.write("kinds.txt", &format!("{text}mine\n"));
    let prepared = fixture.delete_api("Captain").unwrap();
    assert!(prepared.conflicts().is_empty(), "{:?}", prepared.conflicts());
    fixture.commit(prepared);
    assert_eq!(fixture.text("kinds.txt"), "Sailor\n\n\n\nmine\n");
    // The remaining files are recorded as they would have been without the deleted kind.
    let record = Record::load(fixture.folder.path()).unwrap();
    assert_eq!(record.file("kinds.txt").unwrap().content().unwrap(), b"Sailor\n\n\n\n");
    assert_eq!(record.commands().len(), 2);
}

#[test]
fn a_newer_plugins_files_are_merged_with_the_users() {
    let fixture = Fixture::new(&[A]);
    fixture.init(json!({"owner": "ada"})).unwrap();
    fixture.create_api("Captain", true, true, json!({})).unwrap();
    fixture.write("src/captains.rs", "mine");
    let newer = "a.pintle.dev/v2.0.0";

    let report = fixture.commit(fixture.upgrade(newer).unwrap());
    assert_eq!(fixture.text("chain.txt"), format!("{newer}\n"));
    assert_eq!(
        (report.replaced.as_slice(), report.conflicts.as_slice()),
        (["chain.txt".to_owned()].as_slice(), [].as_slice())
    );
    assert_eq!(fixture.text("src/captains.rs"), "mine");
    assert_eq!(report.project.layout(), [newer]);
    assert_eq!(report.project.config(newer)["owner"], "ada");

    // Both sides have changed the only line.
    fixture.write("chain.txt", "mine\n");
    let prepared = fixture.upgrade("a.pintle.dev/v3.0.0").unwrap();
    let [conflict] = prepared.conflicts() else { panic!("one conflict") };
    assert!(conflict.marked);
    fixture.commit(prepared);
    let text = fixture.text("chain.txt");
    assert!(text.contains("<<<<<<<") && text.contains("mine") && text.contains("v3.0.0"), "{text}");
}

#[cfg(unix)]
#[test]
fn the_mode_that_a_umask_or_checkout_gives_a_file_is_no_change() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new(&[A]);
    let place = |path: &str| fixture.folder.path().join(path);
    let mode = |path: &str| fs::metadata(place(path)).unwrap().permissions().mode() & 0o777;
    let set = |path: &str, mode| {
        fs::set_permissions(place(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    fixture.init(json!({})).unwrap();
    fixture.create_api("Captain", false, true, json!({})).unwrap();
    set("kinds.txt", 0o600);
    set("bin/0", 0o700);
    fixture.create_api("Sailor", false, true, json!({})).unwrap();
    set("chain.txt", 0o664);
    let record = Record::load(fixture.folder.path()).unwrap();
    assert_eq!(record.file("kinds.txt").unwrap().mode(), 0o644);
    assert_eq!(record.file("bin/0").unwrap().mode(), 0o755);
    let drift = fixture
        .rework(&fixture.plugins, |rework| rework.drift("project check", &BTreeSet::new(), &Silent))
        .unwrap();
    assert_eq!(drift.drifted, BTreeSet::new());
    let report = fixture.commit(fixture.upgrade("a.pintle.dev/v2.0.0").unwrap());
    assert_eq!(report.replaced, ["chain.txt"]);
    assert_eq!([mode("kinds.txt"), mode("bin/0"), mode("chain.txt")], [0o600, 0o700, 0o664]);
}

#[test]
fn nothing_is_known_of_a_project_without_a_record() {
    let fixture = Fixture::new(&[A]);
    fixture.init(json!({})).unwrap();
    fixture.create_api("Captain", true, true, json!({})).unwrap();
    let state = fixture.folder.path().join(path::HOST_FOLDER);
    fs::remove_file(state.join(record::file::FILE)).unwrap();
    let err = fixture.delete_api("Captain").unwrap_err();
    assert!(matches!(err, ScaffoldError::NoRecord { .. }), "{err}");
    fs::write(state.join(record::file::FILE), "<<<<<<<\n").unwrap();
    let err = fixture.create_api("Sailor", false, true, json!({})).unwrap_err();
    assert!(chain_of(&err).contains("line 1 of"), "{err}");
    assert!(err.hint_text().unwrap().contains("project repair"));
}

#[test]
fn files_that_are_there_already_are_not_overwritten_silently() {
    let files = |fixture: &Fixture| fixture.write("bin/0", "mine");
    let fixture = Fixture::new(&[A]);
    files(&fixture);
    let err = fixture.init(json!({})).unwrap_err();
    assert!(chain_of(&err).contains("adds `bin/0`, which already exists"), "{err}");
    let report = fixture.init(json!({"skip-existing": true})).unwrap();
    assert_eq!(report.added, ["chain.txt"]);
    assert_eq!(report.notices, ["`bin/0` already exists and is kept"]);
    assert_eq!(fixture.text("bin/0"), "mine");
    let record = Record::load(fixture.folder.path()).unwrap();
    assert_eq!(record.file("bin/0").unwrap().content().unwrap(), b"");

    let fixture = Fixture::new(&[A]);
    files(&fixture);
    let report = fixture.init(json!({"force": true})).unwrap();
    assert_eq!(report.replaced, ["bin/0"]);

    // Identical bytes are not a conflict.
    let fixture = Fixture::new(&[A]);
    fixture.write("bin/0", "");
    fixture.init(json!({})).unwrap();
}

#[test]
fn what_the_user_changed_is_not_lost_to_a_plugin_that_makes_a_file_anew() {
    let fixture = Fixture::new(&[A]);
    fixture.init(json!({})).unwrap();
    fixture.create_api("Captain", false, true, json!({})).unwrap();
    fixture.write("list.txt", "Captain\nmine\n1 in all\n");
    let report = fixture.create_api("Sailor", false, true, json!({})).unwrap();
    assert_eq!(report.notices, ["`list.txt` is merged with your changes"]);
    assert_eq!(fixture.text("list.txt"), "Captain\nmine\nSailor\n2 in all\n");

    fixture.write("list.txt", "Captain\nmine\nSailor\ntwo\n");
    let err = fixture.create_api("Pilot", false, true, json!({})).unwrap_err();
    let expected = format!("`{A}` changes lines of `list.txt` that you have also changed\n    two");
    assert_eq!(err.to_string(), expected);
    let report = fixture.create_api("Pilot", false, true, json!({"skip-existing": true})).unwrap();
    assert_eq!(fixture.text("list.txt"), "Captain\nmine\nPilot\nSailor\ntwo\n");
    let [conflict] = report.conflicts.as_slice() else { panic!("one file is left") };
    assert_eq!((&*conflict.path, &conflict.lines[..]), ("list.txt", &["two".to_owned()][..]));

    let report = fixture.create_api("Rower", false, true, json!({"force": true})).unwrap();
    assert_eq!(fixture.text("list.txt"), "Captain\nPilot\nRower\nSailor\n4 in all\n");
    let [dropped] = report.dropped.as_slice() else { panic!("one file has lost something") };
    assert_eq!(
        (&*dropped.path, &dropped.lines[..]),
        ("list.txt", &["mine".to_owned(), "two".to_owned()][..])
    );
}

#[test]
fn an_edit_is_no_conflict_with_what_the_user_changed() {
    let fixture = Fixture::new(&[A]);
    fixture.init(json!({})).unwrap();
    fixture.create_api("Captain", false, true, json!({})).unwrap();
    // The user and the plugin change the same place of one file; the other file is unchanged.
    fixture.write("kinds.txt", "mine\nCaptain\n");
    fixture.create_api("Sailor", false, true, json!({})).unwrap();
    assert_eq!(fixture.text("kinds.txt"), "mine\nCaptain\nSailor\n\n\n\n");
}

#[test]
fn a_failure_shows_plugin_step_and_node() {
    let fixture = Fixture::new(&[A]);
    let chain = fixture.chain("init");
    let flags = chain.bind_flags(&[], &Silent).unwrap();
    let Value::Object(args) = json!({"vice": "outside"}) else { panic!() };
    let project = ProjectFile::new(&fixture.version).unwrap();
    let root = fixture.folder.path();
    let job = Job { root, chain, flags: &flags, args, project, resource: None };
    let failure = prepare(job, &Silent).unwrap_err();
    let dump: Value =
        serde_json::from_str(&failure.dump().to_json(Detail::Paths).unwrap()).unwrap();
    assert_eq!(dump["failed"]["plugin"], A);
    assert_eq!(dump["failed"]["step"], "scaffold");
    assert_eq!(dump["failed"]["node"], "../outside.txt");
    assert_eq!(dump["nodes"], json!([]));
}

#[test]
fn a_dump_shows_origins_and_bytes() {
    let fixture = Fixture::new(&[A, B]);
    fixture.write("mine", "text");
    fs::write(fixture.folder.path().join("raw"), [0xff, 0]).unwrap();
    let chain = fixture.chain("init");
    let project = ProjectFile::new(&fixture.version).unwrap();
    let (root, flags) = (fixture.folder.path(), Flags::default());
    let job = Job { root, chain, flags: &flags, args: Map::new(), project, resource: None };
    let prepared = prepare(job, &Silent).unwrap();
    let dump = |detail| -> Value {
        serde_json::from_str(&prepared.dump().to_json(detail).unwrap()).unwrap()
    };
    let summary = dump(Detail::Summary);
    assert_eq!(summary["summary"]["origins"], json!({"": 2, A: 1, B: 2}));
    assert_eq!(summary["nodes"], Value::Null);
    let full = dump(Detail::Full);
    let node = |path: &str| {
        full["nodes"].as_array().unwrap().iter().find(|it| it["path"] == path).unwrap().clone()
    };
    assert_eq!(node("mine")["text"], "text");
    assert_eq!(node("mine")["plugin"], Value::Null);
    assert_eq!(node("raw")["base64"], "/wA=");
    assert_eq!(node("chain.txt")["plugin"], B);
    assert_eq!(node("bin/0")["mode"], "755");
    assert_eq!(dump(Detail::Paths)["nodes"][0].get("text"), None);
}
