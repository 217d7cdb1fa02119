//! The test kit, with a plugin that has one part of each kind.

use pintle_plugin::message::{ErrorKind, ProjectEvent};
use pintle_plugin::testing::{self, Error};
use pintle_plugin::{Level, prelude::*};

pintle_plugin::export_plugin! {
    name: "ship.example.org",
    description: "One of everything",
    project_versions: ["3"],
    commands: [Hail, Sink],
    scaffolds: [Init, Crew],
    hooks: [Lookout],
}

#[derive(Default)]
struct Hail;

impl Command for Hail {
    const PATH: &'static [&'static str] = &["hail"];
    const ABOUT: &'static str = "Hail a ship";

    fn args(&self) -> Vec<Arg> {
        vec![
            Arg::positional("ship").required(),
            Arg::option("times").integer().default_value("2"),
            Arg::option("flag").choice("red").choice("blue").repeated(),
            Arg::flag("loud"),
        ]
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
        let (ship, times): (String, i64) = (call.args.get("ship")?, call.args.get("times")?);
        let flags: Vec<String> = call.args.find("flag")?.unwrap_or_default();
        host.info("hailing");
        let mut progress = host.progress("Hailing", None);
        progress.advance(1);
        drop(progress);
        host.eprintln(format!("with {flags:?}"));
        // An absent flag is false rather than missing.
        host.println(format!("{ship} x{times}, loud: {}", call.args.get::<bool>("loud")?));
        Ok(Outcome::go_on(["version"]))
    }
}

#[derive(Default)]
struct Sink;

impl Command for Sink {
    const PATH: &'static [&'static str] = &["sink"];
    const ABOUT: &'static str = "Sink";

    fn args(&self) -> Vec<Arg> {
        vec![Arg::option("depth").integer().default_value("deep")]
    }

    fn run(&self, _call: &Call, _host: &Host<'_>) -> Result<Outcome> {
        Ok(Outcome::done())
    }
}

#[derive(Default)]
struct Init;

impl Scaffold for Init {
    const SUBCOMMAND: &'static str = "init";

    fn bind_flags(&self) -> Vec<Arg> {
        vec![Arg::option("owner").default_value("unknown"), Arg::flag("skip")]
    }

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        ensure!(project.name != "Titanic", UsageError("no such name".into()));
        project.repo = format!("example.org/{}", project.name);
        *config = json::json!({ "owner": call.args.get::<String>("owner")? });
        Ok(())
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        if call.args.get("skip")? {
            bail!(Stop("asked to skip".into()));
        }
        let captain = call.host.prompt(Prompt::new("Captain?").choice("Ada").choice("Bob"))?;
        changes.add("CAPTAIN", captain);
        if let Some(log) = call.universe.get("log/book.txt")? {
            changes.edit(&log, format!("{}by {}\n", log.text()?, call.config()["owner"]));
        }
        for path in call.universe.paths(Select::Glob("tmp/**"))? {
            changes.delete(path);
        }
        // All kinds of selections show the plugin the same files.
        let upstream = call.universe.all()?.iter().filter(|it| it.plugin().is_some()).count();
        let [plugin, subcommand] = ["a.b/v1", "init"];
        let made = call.universe.paths(Select::Origin { plugin, subcommand })?.len();
        ensure!(upstream == made, "{upstream} files of other plugins, {made} of them by origin");
        Ok(())
    }

    fn post_scaffold(&self, call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
        let captain = call.universe.get("CAPTAIN")?.context("the captain has left")?;
        Ok(vec![Tool::optional(["paint", captain.text()?])])
    }
}

#[derive(Default)]
struct Crew;

impl Scaffold for Crew {
    const SUBCOMMAND: &'static str = "create api";

    fn inject_resource(&self, _: &ScaffoldCall<'_>, resource: &mut Resource) -> Result<()> {
        resource.path = "crew".into();
        Ok(())
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let resource = call.resource()?;
        let place = format!("{} of {}", call.position(), call.chain().len());
        changes.add(call.resource()?.path.clone() + "/" + &resource.plural, place);
        if call.args.flag("force") {
            changes.add("../overboard", "");
        }
        Ok(())
    }
}

#[derive(Default)]
struct Lookout;

impl Hook for Lookout {
    const EVENTS: &'static [&'static str] = &["pre-project-init"];

    fn on_event(&self, event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
        let event: ProjectEvent = event.decode()?;
        assert!(event.project.name != "storm", "a wave");
        host.println(format!("saw {}", event.project.name));
        Ok(HookReply::veto("land ahead"))
    }
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(res: Result<T, Error>, message: &str) {
    assert_eq!(res.expect_err("the test expects a refusal"), Error::Refused(message.to_owned()));
}

#[test]
fn a_command_gets_its_values_and_its_output_is_kept() {
    let run = testing::command(plugin(), &["hail"])
        .arg("ship", "Pequod")
        .arg("flag", "red")
        .arg("flag", "blue")
        .arg("loud", true)
        .run()
        .unwrap();
    assert_eq!(run.stdout, "Pequod x2, loud: true\n");
    assert_eq!(run.stderr, "with [\"red\", \"blue\"]\n");
    assert_eq!(run.log, [(Level::Info, "hailing".to_owned())]);
    assert_eq!(run.progress.len(), 3);
    assert_eq!(run.outcome, Outcome::go_on(["version"]));
}

#[test]
fn values_that_no_host_would_pass_are_refused() {
    let hail = || testing::command(plugin(), &["hail"]).arg("ship", "Pequod");
    check_refused(
        testing::command(plugin(), &["hail"]).run(),
        "`hail` requires the argument `ship`",
    );
    check_refused(
        hail().arg("sail", 1).run(),
        "`hail` declares no argument `sail`; it declares `ship`, `times`, `flag`, `loud`",
    );
    check_refused(
        hail().arg("times", "three").run(),
        "the argument `times` takes a 64-bit integer, not \"three\"",
    );
    check_refused(
        hail().arg("flag", "green").run(),
        "the argument `flag` takes `red`, `blue`, not `green`",
    );
    check_refused(
        hail().arg("times", 1).arg("times", 2).run(),
        "the argument `times` is given twice",
    );
    check_refused(hail().answer("aye").run(), "the plugin never asked for the answer `aye`");
    check_refused(
        testing::command(plugin(), &["sink"]).run(),
        "invalid arguments of the command `sink`: invalid default `deep` of the argument `depth`",
    );
    check_refused(
        testing::check(plugin()),
        "invalid arguments of the command `sink`: invalid default `deep` of the argument `depth`",
    );
}

#[test]
fn an_absent_flag_is_false() {
    let run = testing::command(plugin(), &["hail"]).arg("ship", "Pequod").run().unwrap();
    assert_eq!(run.stdout, "Pequod x2, loud: false\n");
    let made = testing::scaffold(plugin(), "init").answer("Ada").run().unwrap();
    assert_eq!(made.flags[1].name, "skip");
}

#[test]
fn an_unknown_command_is_the_plugins_own_error() {
    let err = testing::command(plugin(), &["fly"]).run().unwrap_err();
    assert_eq!(err.to_string(), "the plugin has no command `fly`");
}

#[test]
fn a_scaffold_takes_all_steps() {
    let made = testing::scaffold(plugin(), "init")
        .flag("owner", "Ishmael")
        .answer("Ada")
        .file("log/book.txt", "day 1\n")
        .file("tmp/a/b", "x")
        .run()
        .unwrap();
    assert_eq!(made.text("CAPTAIN"), "Ada");
    assert_eq!(made.text("log/book.txt"), "day 1\nby \"Ishmael\"\n");
    assert_eq!(made.added, ["CAPTAIN", "log/book.txt"]);
    assert_eq!(made.deleted, ["tmp/a/b", "log/book.txt"]);
    assert_eq!(made.files["CAPTAIN"].plugin(), Some("ship.example.org/v1.0.0"));
    assert_eq!(made.files["CAPTAIN"].subcommand(), Some("init"));
    assert_eq!(made.project.repo, "example.org/demo");
    assert_eq!(made.config, json::json!({ "owner": "Ishmael" }));
    assert_eq!(made.flags[0].name, "owner");
    assert_eq!(made.tools, [Tool::optional(["paint", "Ada"])]);
    assert_eq!(made.stopped, None);
}

#[test]
fn a_question_without_answer_and_default_fails() {
    let err = testing::scaffold(plugin(), "init").run().unwrap_err();
    assert_eq!(err.to_string(), "no answer and no default for the question `Captain?`");
    let err = testing::scaffold(plugin(), "init").answer("Eve").run().unwrap_err();
    assert_eq!(err.to_string(), "the answer `Eve` is not one of the choices of `Captain?`");
}

#[test]
fn a_plugin_may_stop() {
    let made = testing::scaffold(plugin(), "init").flag("skip", true).run().unwrap();
    assert_eq!(made.stopped.as_deref(), Some("asked to skip"));
    assert!(made.files.is_empty() && made.tools.is_empty());
}

#[test]
fn a_change_must_fit_the_files() {
    check_refused(
        testing::scaffold(plugin(), "init").answer("Ada").file("CAPTAIN", "Bob").run(),
        "`CAPTAIN` exists: delete it in the same change before adding it",
    );
    check_refused(
        testing::scaffold(plugin(), "init").answer("Ada").upstream("a.b/v1", "CAPTAIN", "").run(),
        "`CAPTAIN` exists, created by `a.b/v1`: delete it in the same change before adding it",
    );
    check_refused(
        testing::scaffold(plugin(), "init").answer("Ada").file("CAPTAIN/hat", "").run(),
        "`CAPTAIN` cannot be added: `CAPTAIN/hat` exists, and one of them would be a directory",
    );
    check_refused(
        testing::scaffold(plugin(), "init").answer("Ada").file("captain", "").run(),
        "`CAPTAIN` cannot be added: it differs from `captain` only in case",
    );
    check_refused(
        testing::scaffold(plugin(), "create api").resource(|_| {}).flag("force", true).run(),
        "`../overboard` cannot be added: it must be relative to the project, without `.` and `..`",
    );
}

#[test]
fn a_subcommand_has_a_resource_or_has_none() {
    check_refused(
        testing::scaffold(plugin(), "create api").run(),
        "`create api` has a resource: set it with `resource` in the test",
    );
    check_refused(
        testing::scaffold(plugin(), "init").resource(|_| {}).run(),
        "`init` has no resource",
    );
    check_refused(
        testing::scaffold(plugin(), "edit").run(),
        "the plugin does not take part in `edit`; it takes part in `init`, `create api`",
    );
}

#[test]
fn commands_follow_each_other_and_plugins_stand_in_a_chain() {
    let first = testing::scaffold(plugin(), "init").answer("Bob").run().unwrap();
    let made = testing::scaffold(plugin(), "create api")
        .following(&first)
        .upstream("base.example.org/v1.0.0", "base", "")
        .resource(|it| it.kind = "Sailor".into())
        .run()
        .unwrap();
    assert_eq!(made.text("crew/sailors"), "1 of 2");
    assert_eq!(made.files["CAPTAIN"].plugin(), None);
    let resource = made.resource.as_ref().unwrap();
    assert_eq!((resource.domain.as_str(), resource.path.as_str()), ("example.org", "crew"));

    let next = testing::scaffold(plugin(), "create api")
        .following(&made)
        .resource(|it| it.kind = "Cook".into())
        .run()
        .unwrap();
    let kinds = next.project.resources.iter().map(|it| it.kind.as_str());
    assert_eq!(kinds.collect::<Vec<_>>(), ["Sailor", "Cook"]);
    assert_eq!(next.text("crew/cooks"), "0 of 1");
}

#[test]
fn a_hook_answers_and_its_panic_is_an_error() {
    let mut payload = ProjectEvent::default();
    payload.project.name = "Beagle".into();
    let seen = testing::event(plugin(), "pre-project-init").payload(&payload).run().unwrap();
    assert_eq!(seen.reply, HookReply::veto("land ahead"));
    assert_eq!(seen.stdout, "saw Beagle\n");

    payload.project.name = "storm".into();
    let err = testing::event(plugin(), "pre-project-init").payload(&payload).run().unwrap_err();
    assert!(err.to_string().starts_with("a wave, at "), "{err}");

    check_refused(
        testing::event(plugin(), "post-project-init").run(),
        "the plugin does not subscribe to `post-project-init`; it subscribes to `pre-project-init`",
    );
}

#[test]
fn the_plugins_errors_keep_hint_and_kind() {
    let res = testing::scaffold(plugin(), "init").project(|it| it.name = "Titanic".into()).run();
    let Error::Plugin(reply) = res.unwrap_err() else { panic!("the plugin refuses the name") };
    assert_eq!(reply.kind, ErrorKind::Usage);
    assert_eq!(reply.message, "no such name");
}
