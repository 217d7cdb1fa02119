//! The transports: plugins behave the same with each of them.

use crate::libraries::with_manifest_text;
use crate::support::fixture;
use expect_test::{Expect, expect};
use pintle::catalog::{Catalog, DirOrigin, PluginDir, Rules, SearchPath};
use pintle::cli::CliError;
use pintle::transport::{self, CallError, LoadedPlugin};
use pintle::{Manifest, PluginKey};
use pintle_plugin::Level;
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::message::{
    CommandRequest, DescribeRequest, ErrorReply, ProjectEvent, ScaffoldRequest, ServiceReply,
    ServiceRequest, Step,
};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::Mutex;

/// Runs the same with the good plugin as a file and as a part of this program.
#[track_caller]
fn check(work: impl Fn(&LoadedPlugin, &Recorder) -> String, expected: Expect) {
    let native = transport::load(&fixture("good"), &Rules::default()).expect("it fits");
    let linked = fixture_good::plugin();
    let manifest = Manifest::parse(linked.manifest().as_bytes()).expect("it has a manifest");
    let key: PluginKey = "good.example.org/v1.0.0".parse().expect("it is a key");
    let linked = transport::link(linked, key, manifest);
    let [native, linked] = [native, linked].map(|plugin| {
        let recorder = Recorder::default();
        let outcome = work(&plugin, &recorder);
        format!("{}{outcome}\n", recorder.0.into_inner().expect("no thread panics"))
    });
    assert_eq!(native, linked, "the transports differ");
    expected.assert_eq(&native);
}

/// Services that record the plugin's requests.
#[derive(Default)]
struct Recorder(Mutex<String>);

impl Recorder {
    fn note(&self, line: String) {
        self.0.lock().expect("no thread panics").push_str(&(line + "\n"));
    }
}

impl HostServices for Recorder {
    fn write(&self, stream: Stream, text: &[u8]) {
        self.note(format!("{stream:?}: {:?}", String::from_utf8_lossy(text)));
    }

    fn log(&self, level: Level, text: &str) {
        self.note(format!("{level:?}: {text}"));
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        match request {
            ServiceRequest::Prompt(it) => {
                self.note(format!("prompt: {} {:?}", it.question, it.choices));
                let mut reply = ServiceReply::default();
                reply.answer = Some("red".to_owned());
                Ok(reply)
            }
            ServiceRequest::Progress(it) => {
                let end = if it.finished { ", finished" } else { "" };
                self.note(format!("progress: {} {}/{:?}{end}", it.title, it.done, it.total));
                Ok(ServiceReply::default())
            }
            _ => Err(ErrorReply::failed("unknown")),
        }
    }
}

fn run(plugin: &LoadedPlugin, services: &Recorder, path: &[&str], args: Value) -> String {
    let mut request = CommandRequest::default();
    request.path = path.iter().map(ToString::to_string).collect();
    request.caller.host = "tester".to_owned();
    request.caller.plugin = plugin.key().to_string();
    request.args = args.as_object().expect("arguments have names").clone();
    show(plugin.command(&request, services))
}

fn show<T: Debug>(res: Result<T, CallError>) -> String {
    match res {
        Ok(it) => format!("{it:?}"),
        Err(err) => format!("{err}: {:?}", err.reply()),
    }
}

#[test]
fn the_manifest_is_the_same() {
    check(
        |plugin, _| format!("{} {}", plugin.key(), plugin.manifest().description),
        expect![[r#"
        good.example.org/v1.0.0 Does everything right
    "#]],
    );
}

#[test]
fn all_functions_are_there() {
    check(
        |plugin, _| format!("{:?}", plugin.functions()),
        expect![[r#"
            [("manifest", true), ("call", true)]
        "#]],
    );
}

#[test]
fn a_command_describes_itself() {
    check(
        |plugin, _| {
            let mut request = DescribeRequest::default();
            request.path = vec!["exit-with".to_owned()];
            show(plugin.describe(&request))
        },
        expect![[r#"
            CommandDescription { about: "Exit with a code", long_about: "", args: [Arg { name: "code", kind: Positional, value: Integer, short: None, value_name: None, help: "", default: None, choices: [], required: true, repeated: false, aliases: [], env: None, min: None, max: None, n_values: None, delimiter: None, conflicts: [], requires: [], rest: false, hidden: false, completed: false, heading: None }], groups: [], examples: [] }
        "#]],
    );
}

#[test]
fn a_command_that_the_plugin_lacks_is_an_error() {
    check(
        |plugin, services| run(plugin, services, &["lost"], json!({})),
        expect![[r#"
        plugin `good.example.org/v1.0.0` failed: ErrorReply { message: "the plugin has no command `lost`", causes: [], hint: None, kind: Failed }
    "#]],
    );
}

#[test]
fn a_command_gets_its_arguments_and_writes() {
    let args = json!({"name": "ada", "times": 2, "style": "plain", "loud": true});
    check(
        move |plugin, services| run(plugin, services, &["greet"], args.clone()),
        expect![[r#"
        Out: "HELLO, ADA\n"
        Out: "HELLO, ADA\n"
        CommandReply { exit_code: 0, continue_with: None }
    "#]],
    );
}

#[test]
fn an_argument_of_another_type_is_an_error() {
    check(
        |plugin, services| run(plugin, services, &["greet"], json!({"name": 1})),
        expect![[r#"
        plugin `good.example.org/v1.0.0` failed: ErrorReply { message: "the argument `name` has an unexpected type", causes: ["invalid type: integer `1`, expected a string"], hint: None, kind: Failed }
    "#]],
    );
}

#[test]
fn services_are_called_back() {
    check(
        |plugin, services| {
            let ask = run(plugin, services, &["ask"], json!({}));
            let work = run(plugin, services, &["work"], json!({}));
            format!("{ask}\n{work}")
        },
        expect![[r#"
            prompt: Which colour? ["red", "blue"]
            Out: "red\n"
            progress: hoisting 0/Some(2)
            progress: hoisting 1/Some(2)
            Error: a line at Error
            Warn: a line at Warn
            Info: a line at Info
            Debug: a line at Debug
            Trace: a line at Trace
            progress: hoisting still 1/Some(2)
            progress: hoisting still 2/Some(2)
            progress: hoisting still 2/Some(2), finished
            Err: "a message\n"
            Out: "bytes �\n"
            CommandReply { exit_code: 0, continue_with: None }
            CommandReply { exit_code: 0, continue_with: None }
        "#]],
    );
}

#[test]
fn errors_cross_with_causes_hint_and_kind() {
    check(
        |plugin, services| {
            let fail = run(plugin, services, &["fail"], json!({}));
            let misuse = run(plugin, services, &["misuse"], json!({}));
            format!("{fail}\n{misuse}")
        },
        expect![[r#"
            plugin `good.example.org/v1.0.0` failed: ErrorReply { message: "cannot sail", causes: ["the sail fell down", "the rope is rotten"], hint: Some("buy a rope"), kind: Failed }
            plugin `good.example.org/v1.0.0` failed: ErrorReply { message: "there is no right way to call this", causes: [], hint: None, kind: Usage }
        "#]],
    );
}

#[test]
fn a_command_ends_with_a_code_or_goes_on() {
    check(
        |plugin, services| {
            let exit = run(plugin, services, &["exit-with"], json!({"code": 7}));
            let again = run(plugin, services, &["again"], json!({"name": "ada"}));
            format!("{exit}\n{again}")
        },
        expect![[r#"
            CommandReply { exit_code: 7, continue_with: None }
            CommandReply { exit_code: 0, continue_with: Some(["greet", "--times=2", "ada"]) }
        "#]],
    );
}

#[test]
fn the_caller_is_known() {
    check(
        |plugin, services| run(plugin, services, &["whoami"], json!({})),
        expect![[r#"
        Out: "tester calls `whoami` of good.example.org/v1.0.0\n"
        CommandReply { exit_code: 0, continue_with: None }
    "#]],
    );
}

#[test]
fn scaffolding_answers_with_nodes() {
    check(
        |plugin, services| {
            let mut request = ScaffoldRequest::default();
            request.subcommand = "init".to_owned();
            request.step = Step::Scaffold;
            request.args.insert("motto".to_owned(), "sail on".into());
            match plugin.scaffold(&request, services) {
                Ok((_, nodes)) => {
                    let texts = nodes.iter().map(|it| format!("{it:?} {:?}", it.text()));
                    texts.collect()
                }
                Err(err) => err.reply().to_string(),
            }
        },
        expect![[r#"
            Node("HELLO", 8 bytes, 644) Ok("sail on\n")
        "#]],
    );
}

#[test]
fn an_event_reaches_the_hooks() {
    check(
        |plugin, services| {
            let mut event = ProjectEvent::default();
            event.subcommand = "init".to_owned();
            let payload = serde_json::to_vec(&event).expect("an event has string keys");
            let known = show(plugin.event("pre-project-init", &payload, services));
            let unknown = show(plugin.event("pre-breakfast", &payload, services));
            let broken = show(plugin.event("pre-project-init", b"{", services));
            format!("{known}\n{unknown}\n{broken}")
        },
        expect![[r#"
            Out: "saw pre-project-init: init []\n"
            HookReply { veto: None, amend: {}, replies: [] }
            HookReply { veto: None, amend: {}, replies: [] }
            plugin `good.example.org/v1.0.0` failed: ErrorReply { message: "the event payload is not a valid message", causes: ["EOF while parsing an object at line 1 column 1"], hint: None, kind: Failed }
        "#]],
    );
}

/// The plugin that is loaded is the one that was listed: it is called because of its key, its
/// commands and its hooks.
#[test]
fn a_library_that_is_replaced_after_it_was_listed_is_not_loaded() {
    let check = |library: &[u8], expected: Expect| {
        let folder = tempfile::tempdir().expect("a temporary directory can be created");
        let path = folder.path().join("it.so");
        std::fs::copy(fixture("plain"), &path).expect("the directory is writable");
        let dir = PluginDir { path: folder.path().to_owned(), origin: DirOrigin::Option };
        let catalog = Catalog::discover(&SearchPath::from_dirs([dir]), &[], &Rules::default());
        std::fs::remove_file(&path).expect("the directory is writable");
        std::fs::write(&path, library).expect("the directory is writable");
        let loaded = transport::load_listed(&catalog.entries()[0], &Rules::default());
        let text = match loaded {
            Ok(plugin) => format!("loaded {}", plugin.key()),
            Err(err) => {
                let text = err.to_string().replace(&path.display().to_string(), "[PATH]");
                format!("{text}; exit code {}", CliError::from(err).exit().code())
            }
        };
        expected.assert_eq(&text);
    };
    let read = |name: &str| std::fs::read(fixture(name)).expect("the fixture can be read");
    check(&read("plain"), expect!["loaded plain.example.org/v1.0.0"]);
    check(
        &read("veto"),
        expect![
            "plugin file `[PATH]` was replaced after it was listed: it was `plain.example.org/v1.0.0` and is now `veto.example.org/v1.0.0`; exit code 3"
        ],
    );
    let other_command = with_manifest_text(r#""path":["plain"]"#, r#""path":["plane"]"#);
    check(
        &other_command,
        expect![
            "plugin file `[PATH]` was replaced after it was listed: it is now another build of `plain.example.org/v1.0.0`; exit code 3"
        ],
    );
}
