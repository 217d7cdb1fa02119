//! Plugins and hosts that know different versions of the interface.

use crate::rebuilt;
use crate::support::{Sandbox, fixture};
use crate::vices::check;
use expect_test::expect;
use pintle::catalog::Rules;
use pintle::services::{Console, Services};
use pintle::transport::load;
use pintle_plugin::message::{ErrorKind, ScaffoldRequest, Step};
use std::sync::Arc;

#[test]
fn a_plugin_one_minor_newer_than_the_host_works_and_does_without() {
    let newer = rebuilt::newer();
    let sandbox = Sandbox::new().plugin("good").library("newer.so", &newer.plugin);
    let lines =
        ["shout", "shout --for 5m", "sing", "plugin check newer", "plugin list", "greet ada"];
    expect![[r#"
        $ pintle shout
        ahoy (this host cannot shout)
        [exit 0]
        $ pintle shout --for 5m
        ahoy (this host cannot shout)
        for 5m
        [exit 0]
        $ pintle sing
        this host cannot sing
        [exit 0]
        $ pintle plugin check newer
        plugin       newer.example.org/v1.0.0
        path         [PLUGINS]/newer.so
        file         a regular file, a library for this machine, with all segments inside the file
        root symbol  `pintle_root_fixture_newer_1_0_0`, defined by this file
        layout       matches this host
        code         matches the manifest in the file
        interface    1.1.0 (this host: 1.0.0)
        abi_stable   0.11 (this host: 0.11)
        target       [TARGET]
        panic        unwind
        host         requires `*` (this host: 0.1.0)
        project      3
        functions    manifest, call
        command      `shout`, 1 argument
        command      `sing`, 0 arguments
        command      `mumble`, 0 arguments
        all checks passed
        [exit 0]
        $ pintle plugin list
        KEY                       STATE  TRANSPORT  PROVIDES                                                                                         REASON
        good.example.org/v1.0.0   ok     native     greet, ask, work, fail, misuse, exit-with, again, whoami, fleet list, fleet add, init; 2 events
        newer.example.org/v1.0.0  ok     native     shout, sing, mumble
        [exit 0]
        $ pintle greet ada
        hello, ada
        [exit 0]
    "#]].assert_eq(&sandbox.transcript(&lines));
}

#[test]
fn a_plugin_one_minor_older_than_the_host_works_and_lacks_the_new_function() {
    let newer = rebuilt::newer();
    let sandbox = Sandbox::of(newer.host, "PINTLE").plugin("good");
    let lines = ["greet ada", "whoami", "plugin check good", "plugin list", "ask", "again bob"];
    expect![[r#"
        $ pintle-newer greet ada
        hello, ada
        [exit 0]
        $ pintle-newer whoami
        pintle calls `whoami` of good.example.org/v1.0.0
        --- stderr ---
        the plugin says the default salute
        it cheers: not at all, as this plugin has no entry 1000
        [exit 0]
        $ pintle-newer plugin check good
        plugin       good.example.org/v1.0.0
        path         [PLUGINS]/good.so
        file         a regular file, a library for this machine, with all segments inside the file
        root symbol  `pintle_root_fixture_good_1_0_0`, defined by this file
        layout       matches this host
        code         matches the manifest in the file
        interface    1.0.0 (this host: 1.1.0)
        abi_stable   0.11 (this host: 0.11)
        target       [TARGET]
        panic        unwind
        host         requires `*` (this host: 0.1.0)
        project      3
        functions    manifest, call
        absent       salute (newer than the plugin; not required)
        command      `greet`, 6 arguments
        command      `ask`, 1 argument
        command      `work`, 0 arguments
        command      `fail`, 0 arguments
        command      `misuse`, 0 arguments
        command      `exit-with`, 1 argument
        command      `again`, 1 argument
        command      `whoami`, 0 arguments
        command      `fleet list`, 0 arguments
        command      `fleet add`, 1 argument
        subcommand   `init`, 1 flag
        all checks passed
        [exit 0]
        $ pintle-newer plugin list
        KEY                      STATE  TRANSPORT  PROVIDES                                                                                         REASON
        good.example.org/v1.0.0  ok     native     greet, ask, work, fail, misuse, exit-with, again, whoami, fleet list, fleet add, init; 2 events
        [exit 0]
        $ pintle-newer ask
        blue
        [exit 0]
        $ pintle-newer again bob
        hello, bob
        hello, bob
        [exit 0]
    "#]].assert_eq(&sandbox.transcript(&lines));
}

#[test]
fn a_plugin_and_a_host_of_the_newer_interface_have_all_of_it() {
    let newer = rebuilt::newer();
    let sandbox = Sandbox::of(newer.host, "PINTLE").library("newer.so", &newer.plugin);
    expect![[r#"
        $ pintle-newer shout
        AHOY
        [exit 0]
        $ pintle-newer sing
        this host cannot sing
        --- stderr ---
        the plugin says a salute of its own
        it cheers: hurrah
        [exit 0]
        $ pintle-newer plugin check newer
        plugin       newer.example.org/v1.0.0
        path         [PLUGINS]/newer.so
        file         a regular file, a library for this machine, with all segments inside the file
        root symbol  `pintle_root_fixture_newer_1_0_0`, defined by this file
        layout       matches this host
        code         matches the manifest in the file
        interface    1.1.0 (this host: 1.1.0)
        abi_stable   0.11 (this host: 0.11)
        target       [TARGET]
        panic        unwind
        host         requires `*` (this host: 0.1.0)
        project      3
        functions    manifest, call, salute
        command      `shout`, 1 argument
        command      `sing`, 0 arguments
        command      `mumble`, 0 arguments
        all checks passed
        [exit 0]
    "#]]
    .assert_eq(&sandbox.transcript(&["shout", "sing", "plugin check newer"]));
}

#[test]
fn a_changed_field_type_is_refused_with_the_one_difference() {
    check(
        "changed-type",
        &["plugin check [PLUGINS]/changed-type.so", "changed", "plugin run changed-type changed"],
        expect![[r#"
            changed-type.so: changed-type.example.org/v1.0.0, ok: -
            with --check, changed-type.so: changed-type.example.org/v1.0.0, refused: the layout of plugin file `[PLUGINS]/changed-type.so` differs from the layout of this host: incompatible type size Expected: 80 Found: 88
            $ pintle plugin check [PLUGINS]/changed-type.so
            --- stderr ---
            error: the layout of plugin file `[PLUGINS]/changed-type.so` differs from the layout of this host: incompatible type size Expected: 80 Found: 88
            hint: rebuild the plugin with pintle-plugin 1.0.0; `-v` shows every difference
            [exit 3]
            $ pintle changed
            --- stderr ---
            error: the layout of plugin file `[PLUGINS]/changed-type.so` differs from the layout of this host: incompatible type size Expected: 80 Found: 88
            hint: rebuild the plugin with pintle-plugin 1.0.0; `-v` shows every difference
            [exit 3]
            $ pintle plugin run changed-type changed
            --- stderr ---
            error: the layout of plugin file `[PLUGINS]/changed-type.so` differs from the layout of this host: incompatible type size Expected: 80 Found: 88
            hint: rebuild the plugin with pintle-plugin 1.0.0; `-v` shows every difference
            [exit 3]
        "#]],
    );
}

#[test]
fn all_differences_are_shown_on_demand_only() {
    let sandbox = Sandbox::new().library("changed.so", &rebuilt::changed_type());
    let short = sandbox.run(["changed"]);
    let long = sandbox.run(["-v", "changed"]);
    assert_eq!((short.code(), long.code()), (3, 3));
    assert!(short.stderr.lines().count() <= 3, "{short}");
    assert!(long.stderr.lines().count() > 20, "{long}");

    let detail = |options: &[&str]| {
        let words = ["plugin", "check", "changed-type", "-o", "json"];
        let output = sandbox.run(words.iter().chain(options));
        let error: serde_json::Value =
            serde_json::from_str(&output.stderr).expect("the output is one JSON object");
        error["detail"].as_str().map(|it| it.lines().count())
    };
    assert_eq!(detail(&[]), None);
    assert!(detail(&["-v"]).is_some_and(|it| it > 20));
}

#[test]
fn an_answer_that_cannot_be_read_says_whose_it_is_and_who_must_move() {
    let newer = rebuilt::newer();
    let mumbler = rebuilt::mumbler();
    let sandbox = Sandbox::new().library("newer.so", &newer.plugin);
    expect![[r#"
        $ pintle mumble
        --- stderr ---
        error: plugin `newer.example.org/v1.0.0` has interface 1.1.0, and this host has 1.0.0: the command reply is not a valid message
          caused by: invalid type: string "m", expected u8 at line 1 column 16
        hint: update the host
        [exit 1]
    "#]]
    .assert_eq(&sandbox.transcript(&["mumble"]));
    let sandbox = Sandbox::new().library("mumbler.so", &mumbler);
    expect![[r#"
        $ pintle mumble
        --- stderr ---
        error: plugin `mumbler.example.org/v1.0.0` has interface 1.0.0, and this host has 1.0.0: the command reply is not a valid message
          caused by: invalid type: string "m", expected u8 at line 1 column 16
        hint: report this to the plugin's author
        [exit 1]
    "#]]
    .assert_eq(&sandbox.transcript(&["mumble"]));
    let sandbox = Sandbox::of(newer.host, "PINTLE").library("mumbler.so", &mumbler);
    expect![[r#"
        $ pintle-newer mumble
        --- stderr ---
        error: plugin `mumbler.example.org/v1.0.0` has interface 1.0.0, and this host has 1.1.0: the command reply is not a valid message
          caused by: invalid type: string "m", expected u8 at line 1 column 16
        hint: rebuild the plugin against pintle-plugin 1.1.0
        [exit 1]
    "#]]
    .assert_eq(&sandbox.transcript(&["mumble"]));
}

#[test]
fn a_step_of_a_newer_host_is_unsupported_by_a_plugin() {
    let plugin = load(&fixture("good"), &Rules::default()).expect("it fits");
    let mut request = ScaffoldRequest::default();
    request.subcommand = "init".to_owned();
    request.step = Step::Unknown;
    let services = Services::new(Arc::new(Console::new()));
    let err = plugin.scaffold(&request, &services.of(plugin.key().to_string())).unwrap_err();
    assert_eq!(err.reply().kind, ErrorKind::Unsupported);
}
