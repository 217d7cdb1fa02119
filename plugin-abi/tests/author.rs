//! The tests that an author would write for a plugin that uses most of a host's features.

use expect_test::expect;
use pintle_plugin::events::PRE_CLUSTER_CREATE;
use pintle_plugin::prelude::*;
use pintle_plugin::testing::{self, Error};
use pintle_plugin::{Amendment, ContainerInfo, ContainerSpec};
use std::fs;

pintle_plugin::export_plugin! {
    name: "quay.example.org",
    description: "Keeps a quay",
    project_versions: ["3"],
    commands: [Berth],
    scaffolds: [Files],
    hooks: [Watch],
}

/// Writes a file in steps, and counts the ships in a file of its own.
#[derive(Default)]
struct Berth;

impl Command for Berth {
    const PATH: &'static [&'static str] = &["berth"];
    const ABOUT: &'static str = "Berth a ship";

    fn args(&self) -> Vec<Arg> {
        vec![Arg::positional("file").path().required(), Arg::flag("asks")]
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
        if call.args.flag("asks") && host.is_cancelled() {
            return Ok(Outcome::Exit(130));
        }
        let file: std::path::PathBuf = call.args.get("file")?;
        let partial = file.clone();
        let cleanup = host.on_cancel(move || drop(fs::remove_file(partial)))?;
        fs::write(&file, "half")?;
        host.info("half of it");
        if call.args.flag("asks") && host.is_cancelled() {
            cleanup.run();
            return Ok(Outcome::Exit(130));
        }
        let log = host.directories()?.state.join("ships");
        let n_ships = fs::read_to_string(&log).map_or(0, |it| it.lines().count());
        fs::write(&log, "ship\n".repeat(n_ships + 1))?;
        let width = host.terminal()?.width.unwrap_or(20);
        host.println("-".repeat(width.into()));
        host.eprintln(format!("ship {}", n_ships + 1));
        host.containers().run(ContainerSpec::new("pilot", "pilot:1"))?;
        Ok(Outcome::done())
    }
}

/// Adds, edits, replaces and deletes files.
#[derive(Default)]
struct Files;

impl Scaffold for Files {
    const SUBCOMMAND: &'static str = "edit";

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        _project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        let dir = call.host.directories()?;
        let owner = call.host.ask("Whose?", Some("unknown"))?;
        *config = json::json!({ "owner": owner, "cached": dir.cache.is_dir() });
        Ok(())
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        for node in call.universe.nodes(pintle_plugin::Select::Glob("*.txt"))? {
            changes.edit(&node, node.text()?.replace("two", "2\nand a half"));
        }
        changes.add_executable("run.sh", "#!/bin/sh\n\necho run");
        changes.add("logo.png", [0xff, 0xfe]);
        changes.delete("old.md");
        Ok(())
    }

    fn post_scaffold(&self, call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
        call.host.warn("no formatter");
        Ok(vec![Tool::optional(["fmt", "-w"]).files(["run.sh"])])
    }
}

/// Amends clusters, or vetoes them.
#[derive(Default)]
struct Watch;

impl Hook for Watch {
    const EVENTS: &'static [&'static str] = &[PRE_CLUSTER_CREATE.name()];

    fn on_event(&self, event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
        let cluster = event.payload(&PRE_CLUSTER_CREATE)?.cluster;
        if host.is_cancelled() {
            return Ok(HookReply::veto("the call is cancelled"));
        }
        let home = host.directories()?.config;
        host.info(format!("{} is watched from {}", cluster.name, home.is_dir()));
        Ok(Amendment::new().env("WATCHED", "1").into())
    }
}

fn berth(file: &std::path::Path) -> testing::CommandTest {
    let dir = file.parent().map(std::path::Path::to_owned).unwrap_or_default();
    let test = testing::command(plugin(), &["berth"]).directories(dir);
    test.arg("file", file.display().to_string())
}

#[test]
fn a_command_has_directories_a_terminal_and_containers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ship");
    fs::create_dir(dir.path().join("state")).unwrap();
    fs::write(dir.path().join("state/ships"), "ship\n").unwrap();
    let run = berth(&file).terminal(|it| it.width = Some(5)).run().unwrap();
    let expected = expect![[r#"
        -----
        --- stderr ---
        ship 2
        --- log ---
        info: half of it
        --- containers ---
        pilot: pilot:1, running
        [exit 0]
    "#]];
    expected.assert_eq(&run.to_string());
    assert!(file.is_file());
}

#[test]
fn a_cleanup_runs_when_the_call_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ship");
    // A plugin that does not check for cancellation is ended after its cleanups.
    let _ = berth(&file).interrupted_at("half of it").run().unwrap();
    assert!(!file.exists());
    // A plugin that has checked ends by itself.
    let run = berth(&file).arg("asks", true).interrupted_at("half of it").run().unwrap();
    assert_eq!(run.to_string(), "--- log ---\ninfo: half of it\n[exit 130]\n");
    assert!(!file.exists());
    let run = berth(&file).arg("asks", true).cancelled().run().unwrap();
    assert_eq!(run.to_string(), "[exit 130]\n");
    // A plugin that is not interrupted keeps its file.
    let _ = berth(&file).interrupted_at("the whole").run().unwrap();
    assert!(file.exists());
}

#[test]
fn a_change_set_is_a_text() {
    let dir = tempfile::tempdir().unwrap();
    let test = testing::scaffold(plugin(), "edit").directories(dir.path()).answer("Ada");
    let test = test.file("list.txt", "one\ntwo\nthree\n").file("old.md", "").file("kept.md", "");
    let made = test.file("same.txt", "1\n").run().unwrap();
    let expected = expect![[r#"
        ~ list.txt
        @ line 2
        -two
        +2
        +and a half
        + logo.png
        (2 bytes)
        - old.md
        + run.sh (executable)
        | #!/bin/sh
        |
        | echo run
        (no line feed at the end)
        --- config ---
        {
          "owner": "Ada",
          "cached": true
        }
        --- log ---
        warn: no formatter
        [optional tool: fmt -w run.sh]
    "#]];
    expected.assert_eq(&made.to_string());
}

#[test]
fn a_hook_has_what_a_command_has() {
    let dir = tempfile::tempdir().unwrap();
    let event = || testing::event(plugin(), PRE_CLUSTER_CREATE.name());
    let reaction = event().directories(dir.path()).run().unwrap();
    let expected = expect![[r#"
        --- log ---
        info:  is watched from true
        [amend env = {"WATCHED":"1"}]
    "#]];
    expected.assert_eq(&reaction.to_string());
    let reaction = event().cancelled().run().unwrap();
    assert_eq!(reaction.to_string(), "[veto the call is cancelled]\n");
    let Error::Plugin(err) = event().run().unwrap_err() else { panic!("it is the plugin's") };
    assert_eq!(err.message, "the host has no directories for plugins");
}

#[test]
fn a_stage_has_containers() {
    let mut quay = ContainerInfo::default();
    (quay.name, quay.image) = ("quay".into(), "quay:2".into());
    let stage = testing::Stage::new().container(quay);
    stage.host().containers().stop("quay").unwrap();
    stage.host().containers().apply("dev", json::json!({ "kind": "Pod" })).unwrap();
    let shown = stage.finish().unwrap().to_string();
    let expected = expect![[r#"
        --- containers ---
        quay: quay:2, stopped
        --- applied to dev ---
        {
          "kind": "Pod"
        }
    "#]];
    expected.assert_eq(&shown);
}
