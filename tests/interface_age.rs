//! Plugins and hosts that know different versions of the interface.

use crate::rebuilt;
use crate::support::Sandbox;
use crate::vices::check;
use expect_test::expect;

#[test]
fn a_plugin_one_minor_newer_than_the_host_works_and_does_without() {
    let newer = rebuilt::newer();
    let sandbox = Sandbox::new().plugin("good").library("newer.so", &newer.plugin);
    let lines = ["shout", "plugin check newer", "plugin list", "greet ada"];
    expect![[""]].assert_eq(&sandbox.transcript(&lines));
}

#[test]
fn a_plugin_one_minor_older_than_the_host_works_and_lacks_the_new_function() {
    let newer = rebuilt::newer();
    let sandbox = Sandbox::of(newer.host, "PINTLE").plugin("good");
    let lines = ["greet ada", "whoami", "plugin check good", "plugin list", "ask", "again bob"];
    expect![[""]].assert_eq(&sandbox.transcript(&lines));
}

#[test]
fn a_plugin_and_a_host_of_the_newer_interface_have_all_of_it() {
    let newer = rebuilt::newer();
    let sandbox = Sandbox::of(newer.host, "PINTLE").library("newer.so", &newer.plugin);
    expect![[""]].assert_eq(&sandbox.transcript(&["shout", "plugin check newer"]));
}

#[test]
fn a_changed_field_type_is_refused_with_the_one_difference() {
    check(
        "changed-type",
        &["plugin check [PLUGINS]/changed-type.so", "changed", "plugin run changed-type changed"],
        expect![[""]],
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
}
