//! Mistakes in the configuration that no parser finds.

use crate::support::Sandbox;
use expect_test::expect;
use std::fs;

#[test]
fn a_command_that_does_not_exist_is_reported_where_plugins_are_required_for_it() {
    let sandbox = Sandbox::new().plugin("good");
    let dir = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&dir).expect("it is ours");
    let required = "[[required]]\nplugin = 'good'\ncommands = ['clutser create', 'init', \
                    'good greet', 'plugin', 'cluster rm', 'zzz']\n";
    fs::write(dir.join("config.toml"), required).expect("it is ours");
    let expected = expect![[""]];
    expected.assert_eq(&sandbox.transcript(&["plugin list", "cluster list", "version"]));
}
