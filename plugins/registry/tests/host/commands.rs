//! The commands.

use super::support::{plugin, registry, stopped, with};
use pintle_plugin::json::{Value, from_str, json};
use pintle_plugin::message::ErrorKind;
use pintle_plugin::testing::{self, CommandTest, Error};
use pintle_plugin::{Level, Outcome};

fn command(verb: &str) -> CommandTest {
    testing::command(plugin(), &["registry", verb])
}

#[track_caller]
fn check_usage(test: CommandTest, expected: &str) {
    match test.run().expect_err("the usage is wrong") {
        Error::Plugin(reply) => {
            assert_eq!((reply.kind, reply.message.as_str()), (ErrorKind::Usage, expected));
        }
        err => panic!("{err}"),
    }
}

#[test]
fn a_registry_gets_a_port_of_this_machine_only_and_keeps_it() {
    let run = command("create").run().unwrap();
    assert_eq!(run.outcome, Outcome::done());
    assert_eq!(
        run.stdout,
        "push to:     localhost:40000/IMAGE\nin clusters: pintle-registry:5000/IMAGE\n"
    );
    assert_eq!(
        run.log,
        [(Level::Info, "the registry `pintle-registry` runs at localhost:40000".to_owned())]
    );
    let [made] = run.containers.as_slice() else { panic!("there is one registry") };
    assert_eq!((made.name.as_str(), made.cluster.as_str()), ("pintle-registry", ""));
    assert_eq!(made.image, "docker.io/library/registry:2");
    let port = &made.ports[0];
    assert_eq!((port.container, port.host_ip.as_str(), port.host), (5000, "127.0.0.1", 40000));
}

#[test]
fn a_registry_is_made_as_it_is_asked_for() {
    let run = command("create")
        .arg("name", "registry.localhost")
        .arg("port", "10.0.0.7:5001")
        .arg("image", "mine:1")
        .arg("volume", "data:/var/lib/registry")
        .arg("no-delete", true)
        .run()
        .unwrap();
    assert_eq!(
        run.stdout,
        "push to:     10.0.0.7:5001/IMAGE\nin clusters: registry.localhost:5000/IMAGE\n"
    );
    assert_eq!(run.containers[0].image, "mine:1");
}

#[test]
fn a_cache_takes_no_images_and_remembers_whose_it_is() {
    let run = command("create")
        .arg("proxy-remote-url", "https://registry-1.docker.io")
        .arg("proxy-username", "ada")
        .arg("proxy-password", "secret")
        .run()
        .unwrap();
    assert!(run.stdout.starts_with("pull from:   localhost:40000/IMAGE\n"), "{}", run.stdout);
    let labels = &run.containers[0].labels;
    assert_eq!(labels["registry.pintle.dev/proxy"], "https://registry-1.docker.io");
    assert!(!format!("{labels:?}").contains("secret"));
}

#[test]
fn a_registry_that_cannot_be_is_wrong_usage() {
    let name = |name: &str| command("create").arg("name", name);
    check_usage(name("Mine"), "invalid registry name `Mine`");
    check_usage(name(&"a".repeat(64)), &format!("invalid registry name `{}`", "a".repeat(64)));
    assert!(name("Mine").run().unwrap_err().hint().unwrap().starts_with("use 2 to 63 lower-case"));
    let port = command("create").arg("port", "high");
    check_usage(port, "invalid port `high`");
    let volume = command("create").arg("volume", "data");
    check_usage(volume, "invalid volume `data`");
    let user = command("create").arg("proxy-username", "ada");
    check_usage(user, "a user name or a password without a remote registry");
    let url = command("create").arg("proxy-remote-url", "docker.io");
    check_usage(url, "invalid URL of the remote registry");
}

#[test]
fn a_name_that_is_taken_is_told() {
    let err = command("create").arg("name", "one").container(registry("one", 1)).run();
    let err = err.unwrap_err();
    assert_eq!(err.to_string(), "the registry `one` already exists");
    assert!(err.hint().unwrap().starts_with("choose another name"));
}

fn list(form: &str) -> String {
    let cache = with(stopped(registry("two", 0)), |it| {
        it.labels.insert("registry.pintle.dev/proxy".into(), "https://ghcr.io".into());
        it.cluster = "demo".into();
        it.networks.push("pintle-demo".into());
    });
    let test = command("list").container(registry("one", 4000)).container(cache);
    test.arg("output", form).run().expect("registries can be listed").stdout
}

#[test]
fn a_listing_is_a_table() {
    assert_eq!(
        list("text"),
        "NAME  STATE    ADDRESS         CLUSTER  PROXY\n\
         one   running  localhost:4000  -        -\n\
         two   exited   -               demo     https://ghcr.io\n"
    );
    let none = command("list").run().unwrap().stdout;
    assert_eq!(none, "NAME  STATE  ADDRESS  CLUSTER  PROXY\n");
}

#[test]
fn a_listing_for_programs_says_more() {
    let expected = json!([
        {
            "name": "one",
            "state": "running",
            "address": "localhost:4000",
            "clusterAddress": "one:5000",
            "networks": ["bridge"],
            "image": "registry:2",
        },
        {
            "name": "two",
            "state": "exited",
            "clusterAddress": "two:5000",
            "cluster": "demo",
            "proxy": "https://ghcr.io",
            "networks": ["bridge", "pintle-demo"],
            "image": "registry:2",
        },
    ]);
    assert_eq!(from_str::<Value>(&list("json")).unwrap(), expected);
    assert_eq!(serde_saphyr::from_str::<Value>(&list("yaml")).unwrap(), expected);
    for form in ["json", "yaml"] {
        let none = command("list").arg("output", form).run().unwrap().stdout;
        assert_eq!(none, "[]\n");
    }
}

#[test]
fn what_is_deleted_is_gone_and_its_clusters_are_named() {
    let used = with(registry("two", 2), |it| it.networks.push("pintle-demo".into()));
    let run = command("delete")
        .arg("name", "two")
        .arg("name", "one")
        .arg("name", "two")
        .container(registry("one", 1))
        .container(used)
        .container(registry("three", 3))
        .run()
        .unwrap();
    let names: Vec<_> = run.containers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["three"]);
    let log: Vec<_> = run.log.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(
        log,
        [
            "the registry `one` is gone",
            "`two` was in the network `pintle-demo`: clusters there can no longer pull from it",
            "the registry `two` is gone",
        ]
    );
    assert_eq!(run.log[1].0, Level::Warn);
}

#[test]
fn all_can_be_deleted_also_if_there_are_none() {
    let two = |it: CommandTest| it.container(registry("one", 1)).container(registry("two", 2));
    let run = two(command("delete")).arg("all", true).run().unwrap();
    assert!(run.containers.is_empty());
    assert!(command("delete").arg("all", true).run().unwrap().log.is_empty());
    check_usage(command("delete"), "expected either names or `--all`");
    let both = command("delete").arg("all", true).arg("name", "one");
    check_usage(both, "expected either names or `--all`");
}

#[test]
fn a_registry_that_is_missing_stops_the_command_before_it_does_anything() {
    for verb in ["delete", "start", "stop"] {
        let test = |name: &str| command(verb).arg("name", name).arg("name", "absent");
        let err = test("one").container(registry("one", 1)).run().unwrap_err();
        assert_eq!(err.to_string(), "there is no registry `absent`");
        assert_eq!(err.hint(), Some("use an existing registry: `one`"));
        let err = test("absent").run().unwrap_err();
        assert_eq!(err.hint(), Some("there are no registries; create one with `registry create`"));
    }
}

#[test]
fn registries_are_stopped_and_started() {
    let run = command("stop").arg("name", "one").container(registry("one", 1)).run().unwrap();
    assert!(!run.containers[0].running);
    assert_eq!(run.log[0].1, "the registry `one` has stopped");
    let run = command("start").arg("name", "one").container(stopped(registry("one", 1))).run();
    let run = run.unwrap();
    assert!(run.containers[0].running);
    assert_eq!(run.log[0].1, "the registry `one` runs at localhost:1");
}

#[test]
fn registries_are_suggested_that_are_not_on_the_line_yet() {
    let values = |test: CommandTest, arg: &str| {
        let test = test.container(registry("one", 5001)).container(stopped(registry("two", 5002)));
        let found = test.complete(arg, "").unwrap();
        found.into_iter().map(|it| format!("{}: {}", it.value, it.help)).collect::<Vec<_>>()
    };
    for verb in ["delete", "start", "stop"] {
        assert_eq!(values(command(verb), "name"), ["one: running", "two: exited"]);
        assert_eq!(values(command(verb).arg("name", ["one"]), "name"), ["two: exited"]);
    }
    let create = testing::command(plugin(), &["cluster", "create"]);
    assert_eq!(values(create, "registry-use"), ["one: running", "two: exited"]);
}
