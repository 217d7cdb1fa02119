//! Interfaces and events of a host in another domain, with a linked plugin and one from a file.

use crate::support::fixture;
use expect_test::{Expect, expect};
use fixture_codec_kit::{
    Buffer, Codec, Conversion, ErrorExt as _, EventType, File, Host, Interface as _, Notes,
    POST_CONVERT, PRE_CONVERT, Picture, Printer, Result,
};
use pintle::catalog::{Catalog, Rules};
use pintle::cli::{CliError, Exit, Group, InterfaceInfo, Row, Run};
use pintle::lifecycle::{EventInfo, Hooks, Outcome, TimeLimit};
use pintle::services::{Console, Services};
use pintle::transport::{CallError, LoadedPlugin};
use pintle::{Cli, Manifest, PluginKey};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A plugin of an earlier version of the same interface crate: one method, with another reply.
mod of_another_age {
    pintle_plugin::interface! {
        pub trait Codec = "codec.fixture.example/v1" {
            fn decode(&self, _request: pintle_plugin::json::Value, _host: &Host<'_>)
                -> Result<String>;
        }
    }

    pintle_plugin::export_plugin! {
        name: "old.fixture.example",
        description: "Was built before the interface grew",
        version: "0.9.0",
        interfaces: [Old as Codec],
    }

    #[derive(Default)]
    struct Old;

    impl Codec for Old {
        fn decode(
            &self,
            _request: pintle_plugin::json::Value,
            _host: &pintle_plugin::Host<'_>,
        ) -> pintle_plugin::Result<String> {
            Ok("a text".to_owned())
        }
    }
}

fn native() -> LoadedPlugin {
    pintle::transport::load(&fixture("codec"), &Rules::default()).expect("it fits")
}

fn link(plugin: pintle_plugin::LinkedPlugin) -> LoadedPlugin {
    let manifest = Manifest::parse(plugin.manifest().as_bytes()).expect("it is valid");
    let key = format!("{}/v{}", manifest.name, manifest.version);
    let key: PluginKey = key.parse().expect("it is valid");
    pintle::transport::link(plugin, key, manifest)
}

/// The same plugin, from a file and as a part of the program.
fn both() -> [LoadedPlugin; 2] {
    [native(), link(fixture_codec::plugin())]
}

fn services() -> Services {
    Services::new(Arc::new(Console::new()))
}

fn decode(plugin: &LoadedPlugin, file: File) -> Result<Picture> {
    let services = services().of(plugin.key().to_string());
    plugin.interface::<dyn Codec>()?.decode(file, &services.host())
}

#[track_caller]
fn check_error(plugin: &LoadedPlugin, name: &str, expected: Expect) {
    let decoded = decode(plugin, File { name: name.to_owned(), ..File::default() });
    let err = decoded.expect_err("it is refused");
    let err = CliError::from(err);
    expected.assert_eq(&format!("{err}\n{:?}", err.exit()));
}

#[test]
fn a_plugin_is_called_by_the_trait_of_its_host() {
    for plugin in both() {
        let pixels = Buffer::from(vec![1; 1000]);
        let head = Buffer::from(br#"{"width":25}"#.to_vec());
        let parts = [("head".to_owned(), head), ("pixels".to_owned(), pixels.clone())].into();
        let picture = decode(&plugin, File { name: "photo".to_owned(), parts }).unwrap();
        assert_eq!(picture.width, 25);
        // The plugin received the host's own bytes, and returned the same ones.
        assert!(std::ptr::eq(picture.pixels.bytes(), pixels.bytes()));
    }
}

#[test]
fn a_buffer_of_a_plugin_outlives_the_call() {
    for plugin in both() {
        let services = services().of("test");
        let codec = plugin.interface::<dyn Codec>().unwrap();
        let kept: Vec<_> = (0..3u8)
            .map(|it| codec.echo(vec![it; 100].into(), &services.host()).unwrap())
            .collect();
        drop((codec, plugin));
        assert!(
            kept.iter().enumerate().all(|(idx, it)| it.iter().all(|it| usize::from(*it) == idx))
        );
    }
}

#[test]
fn several_threads_call_one_plugin() {
    let codec = native().interface::<dyn Codec>().unwrap();
    let call = |number: u8| {
        let codec = codec.clone();
        std::thread::spawn(move || {
            let services = services().of("test");
            (0..100).all(|_| {
                let echo = codec.echo(vec![number; 10].into(), &services.host());
                echo.is_ok_and(|it| it.iter().all(|it| *it == number))
            })
        })
    };
    let threads: Vec<_> = (0..4).map(call).collect();
    assert!(threads.into_iter().all(|it| it.join().expect("it does not panic")));
}

#[test]
fn a_plugin_reaches_the_services_of_its_host() {
    for plugin in both() {
        let file = File { name: "ask".to_owned(), ..File::default() };
        assert_eq!(decode(&plugin, file).unwrap().width, 7);
    }
}

#[test]
fn what_fails_in_the_plugin_is_an_error_of_the_call() {
    for plugin in both() {
        check_error(
            &plugin,
            "broken",
            expect![[r#"
                the file is broken
                Failed"#]],
        );
        check_error(
            &plugin,
            "panic",
            expect![[r#"
                plugin `codec.fixture.example/v1.0.0` panicked: decoded, at tests/fixtures/codec/src/lib.rs:29:24
                Crashed"#]],
        );
        check_error(
            &plugin,
            "empty",
            expect![[r#"
                `empty` has no head
                Failed"#]],
        );
    }
}

#[test]
fn an_interface_that_a_plugin_lacks_is_known_from_its_manifest() {
    for plugin in both() {
        let err = plugin.interface::<dyn Printer>().map(|_| ()).unwrap_err();
        assert_eq!(
            err.to_string(),
            "plugin `codec.fixture.example/v1.0.0` does not implement the interface \
             `printer.fixture.example/v2`"
        );
        assert_eq!(CliError::from(err).exit().code(), Exit::Refused.code());
    }
    let manifests = ["codec", "other"].map(|name| {
        let mut manifest = native().manifest().clone();
        manifest.name = format!("{name}.fixture.example");
        manifest.interfaces.retain(|_| name == "codec");
        manifest
    });
    let catalog = Catalog::from_manifests(manifests);
    let implementers = catalog.implementers(<dyn Codec>::NAME);
    let keys: Vec<_> = implementers.filter_map(|it| it.key()).map(ToString::to_string).collect();
    assert_eq!(keys, ["codec.fixture.example/v1.0.0"]);
    assert_eq!(catalog.implementers(<dyn Printer>::NAME).count(), 0);
}

#[test]
fn an_implementation_of_another_age_is_told_from_a_faulty_one() {
    let old = link(of_another_age::plugin());
    let services = services().of("test");
    let codec = old.interface::<dyn Codec>().unwrap();
    let err = codec.echo(Buffer::default(), &services.host()).unwrap_err();
    assert!(
        err.chain().any(|it| {
            let call = it.downcast_ref::<CallError>();
            call.is_some_and(|it| {
                it.reply().message.contains("does not know `codec.fixture.example/v1/echo`")
            })
        }),
        "{err:#}"
    );
    assert!(err.is_unsupported(), "{err:#}");
    check_error(
        &old,
        "any",
        expect![[r#"
            plugin `old.fixture.example/v0.9.0` has interface 1.0.0, and this host has 1.0.0: the reply of `codec.fixture.example/v1/decode` is not a valid message: invalid type: string "a text", expected struct Picture at line 1 column 8
            Failed"#]],
    );
}

fn hooks(plugins: Vec<LoadedPlugin>, limit: Duration) -> Hooks {
    let limit = TimeLimit { limit, ..TimeLimit::default() };
    Hooks { plugins, services: services(), limit, options: Default::default() }
}

/// Passes an event about `file` to both forms of the plugin in one dispatch.
fn outcomes<R>(event: &EventType<Conversion, R>, file: &str, seconds: u64) -> Vec<Outcome<R>>
where
    R: fixture_codec_kit::serde::Serialize + fixture_codec_kit::serde::de::DeserializeOwned,
{
    let payload = Conversion { file: file.to_owned() };
    hooks(both().into(), Duration::from_secs(seconds)).dispatch(event, &payload)
}

#[track_caller]
fn check_event(file: &str, expected: Expect) {
    let each = outcomes(&PRE_CONVERT, file, 1).into_iter().map(|it| match it.result {
        Ok(answer) => format!("{:?}", answer.replies),
        Err(err) => err.to_string(),
    });
    let each: Vec<_> = each.collect();
    assert_eq!(each[0], each[1], "linked and native plugins answer alike");
    expected.assert_eq(&each[0]);
}

#[test]
fn an_event_of_its_own_has_typed_replies() {
    let answers = outcomes(&PRE_CONVERT, "a.ppm", 60).into_iter().map(|it| it.result.unwrap());
    let notes = |it: &str| Notes { lines: vec![it.to_owned()] };
    for answer in answers {
        assert_eq!(answer.replies, [notes("seen: a.ppm"), notes("stamped")]);
        assert!(answer.amend.is_empty());
    }
}

#[test]
fn an_event_of_its_own_has_the_limits_and_errors_of_ours() {
    check_event(
        "secret",
        expect!["plugin `codec.fixture.example/v1.0.0` vetoed `pre-convert`: it is secret"],
    );
    check_event(
        "odd",
        expect![
            "plugin `codec.fixture.example/v1.0.0` replied to `pre-convert` with an invalid type"
        ],
    );
    check_event(
        "slow",
        expect![
            "the hook of plugin `codec.fixture.example/v1.0.0` on `pre-convert` timed out after 1s"
        ],
    );
}

#[test]
fn an_event_says_whether_it_can_be_amended() {
    for outcome in outcomes(&POST_CONVERT, "a.ppm", 60) {
        assert_eq!(outcome.result.unwrap().amend.len(), 0);
    }
    for outcome in outcomes(&POST_CONVERT, "amended", 60) {
        assert_eq!(
            outcome.result.unwrap_err().to_string(),
            "plugin `codec.fixture.example/v1.0.0` amended `post-convert`, which does not support amendments"
        );
    }
    const AMENDABLE: EventType<Conversion> =
        EventType::new("post-convert", "when a file was converted").with_amendments();
    for outcome in outcomes(&AMENDABLE, "amended", 60) {
        assert_eq!(outcome.result.unwrap().amend["colour"], "red");
    }
}

#[test]
fn a_payload_that_is_no_message_is_an_error_and_no_panic() {
    const HEAVY: EventType<Buffer> = EventType::new("post-convert", "when a file was converted");
    let hooks = hooks(vec![native()], Duration::from_secs(60));
    let outcomes = hooks.dispatch(&HEAVY, &Buffer::default());
    assert_eq!(
        outcomes[0].result.as_ref().unwrap_err().to_string(),
        "failed to encode the payload of `post-convert`: a buffer can only be sent \
         in a request or a reply of an interface"
    );
}

/// Runs the line `look` with a host whose extra command is the function `look`.
#[track_caller]
fn look(
    cli: Cli,
    args: &[&str],
    look: impl Fn(&pintle::cli::Context<'_>) -> Result<(), Box<dyn std::error::Error>>
    + Send
    + Sync
    + 'static,
) {
    let seen = Arc::new(Mutex::new(None));
    let told = Arc::clone(&seen);
    let host = cli.extra_command(clap::Command::new("look"), move |_, context| {
        *told.lock().expect("no thread panics while it holds the lock") =
            Some(look(context).map_err(|err| err.to_string()));
        Ok(0)
    });
    let _ =
        host.build().expect("the host is valid").run(["reel"].iter().chain(args).chain(&["look"]));
    let seen = seen.lock().expect("no thread panics while it holds the lock").take();
    assert_eq!(seen, Some(Ok(())));
}

#[test]
fn an_extra_command_has_the_whole_session() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(fixture("codec"), folder.path().join("codec.so")).unwrap();
    let cli = Cli::new()
        .command_name("reel")
        .name_qualifier("fixture.example")
        .event(EventInfo::of(&PRE_CONVERT))
        .interface(InterfaceInfo::of::<dyn Codec>("Reads one format"));
    let dir = folder.path().to_str().unwrap().to_owned();
    look(cli, &["--plugin-dir", &dir.clone()], move |context| {
        let session = context.session();
        let entry = session.catalog().resolve(&"codec".parse()?, None)?;
        let codec = session.interface::<dyn Codec>(entry)?;
        let services = session.services().of(entry.key().unwrap().to_string());
        let file = File { name: "ask".to_owned(), ..File::default() };
        assert_eq!(codec.decode(file.clone(), &services.host())?.width, 7);
        let picture = session.call::<dyn Codec, _>(entry, |it, host| it.decode(file, host))?;
        assert_eq!(picture.width, 7);
        let hooks = session.hooks(&[PRE_CONVERT.name()])?;
        let event = Conversion { file: "b".to_owned() };
        assert_eq!(
            hooks.dispatch(&PRE_CONVERT, &event)[0].result.as_ref().unwrap().replies.len(),
            2
        );
        assert_eq!(session.events().len(), 1);
        assert_eq!(session.interfaces()[0].name, <dyn Codec>::NAME);
        assert_eq!(session.search().dirs()[0].path.to_str(), Some(dir.as_str()));
        let prompt = pintle_plugin::Prompt::new("Sure?").default_answer("yes");
        assert_eq!(session.console().prompt(prompt)?, "yes");
        Ok(())
    });
}

#[test]
fn an_error_of_an_extra_command_keeps_its_exit_code() {
    let code = |fail: fn() -> Box<dyn std::error::Error>| {
        let cli = Cli::new().extra_command(clap::Command::new("fail"), move |_, _| Err(fail()));
        cli.build().unwrap().run(["reel", "-q", "fail"])
    };
    let usage: fn() -> Box<dyn std::error::Error> = || CliError::new(Exit::Usage, "no").into();
    assert_eq!(code(usage), Exit::Usage.into());
    let lacking = || native().interface::<dyn Printer>().map(|_| ()).unwrap_err().into();
    assert_eq!(code(lacking), Exit::Refused.into());
    let panicked = || {
        let file = File { name: "panic".to_owned(), ..File::default() };
        decode(&native(), file).unwrap_err().into()
    };
    assert_eq!(code(panicked), Exit::Crashed.into());
    assert_eq!(code(|| "something".into()), Exit::Failed.into());
}

static UNREGISTERED: Group = Group {
    name: "reel",
    rows: &[Row::new(
        &["convert"],
        "Convert a file",
        Run::Hooked { events: &["pre-convert"], run: |_, _, _| Ok(Exit::Done.into()) },
    )],
    ..Group::EMPTY
};

#[test]
fn what_is_registered_wrongly_is_an_error_at_construction() {
    let err = |it: Cli| it.build().map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        err(Cli::new().group(&UNREGISTERED)),
        "the command `convert` refers to the event `pre-convert`, which is not registered"
    );
    let event = EventInfo::of(&PRE_CONVERT);
    assert!(Cli::new().group(&UNREGISTERED).event(event).build().is_ok());
    assert_eq!(
        err(Cli::new().event(event).event(event)),
        "the event `pre-convert` is registered twice"
    );
    let interface = InterfaceInfo::of::<dyn Codec>("Reads one format");
    assert_eq!(
        err(Cli::new().interface(interface).interface(interface)),
        "the interface `codec.fixture.example/v1` is registered twice"
    );
}

#[test]
fn a_host_without_interfaces_has_no_command_for_them() {
    let names = |cli: Cli| {
        let command = cli.build().unwrap().command();
        command.get_subcommands().any(|it| it.get_name() == "interfaces")
    };
    assert!(!names(Cli::new()));
    assert!(names(Cli::new().interface(InterfaceInfo::of::<dyn Codec>("Reads one format"))));
}

#[test]
fn a_plugin_that_does_not_scaffold_needs_no_project_versions() {
    let manifest = native().manifest().clone();
    assert_eq!(manifest.project_versions, Vec::<String>::new());
    let state = |manifest: Manifest| Catalog::from_manifests([manifest]).entries()[0].state();
    assert_eq!(state(manifest.clone()).to_string(), "ok");
    let mut scaffolds = manifest;
    scaffolds.subcommands.push("init".to_owned());
    assert_eq!(state(scaffolds).to_string(), "refused");
}

/// A host's own implementation of an interface is called through the same trait as a plugin's.
#[test]
fn own_and_plugins_implementations_mix() {
    struct Own;

    impl Codec for Own {
        fn decode(&self, _file: File, _host: &Host<'_>) -> Result<Picture> {
            Ok(Picture { width: 1, ..Picture::default() })
        }
    }

    let services = services().of("reel");
    let codecs: [Box<dyn Codec>; 2] =
        [Box::new(Own), Box::new(native().interface::<dyn Codec>().unwrap())];
    let widths = codecs.map(|it| {
        let file = File { name: "ask".to_owned(), ..File::default() };
        it.decode(file, &services.host()).unwrap().width
    });
    assert_eq!(widths, [1, 7]);
}
