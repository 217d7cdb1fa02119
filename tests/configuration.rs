//! Mistakes in the configuration that a parser does not find.

use crate::support::Sandbox;
use expect_test::expect;
use std::fs;

#[test]
fn a_command_that_does_not_exist_is_reported_where_plugins_are_required_for_it() {
    let sandbox = Sandbox::new().plugin("good");
    let dir = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&dir).expect("it is accessible");
    let required = "[[required]]\nplugin = 'good'\ncommands = ['clutser create', 'init', \
                    'good greet', 'plugin', 'cluster rm', 'zzz']\n";
    fs::write(dir.join("config.toml"), required).expect("it is accessible");
    let expected = expect![[r#"
        $ pintle plugin list
        KEY                      STATE  TRANSPORT  PROVIDES                                                                                         REASON
        good.example.org/v1.0.0  ok     native     greet, ask, work, fail, misuse, exit-with, again, whoami, fleet list, fleet add, init; 2 events
        --- stderr ---
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `clutser create`, which is not a command; did you mean `cluster create`?
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `good greet`, which is not a command
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `plugin`, which is a command of the host and never requires plugins
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `cluster rm`, which is not a command
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `zzz`, which is not a command
        [exit 0]
        $ pintle project show
        --- stderr ---
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `clutser create`, which is not a command; did you mean `cluster create`?
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `good greet`, which is not a command
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `plugin`, which is a command of the host and never requires plugins
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `cluster rm`, which is not a command
        warning: `[HOME]/.config/pintle/config.toml` requires plugin `good.pintle.dev` for `zzz`, which is not a command
        error: there is no `[SANDBOX]/desk/PROJECT`: the project is not initialized
        hint: run `pintle init` first
        [exit 1]
        $ pintle version
        pintle 0.1.0 (plugin interface 1.0.0, [TARGET])
        [exit 0]
    "#]];
    expected.assert_eq(&sandbox.transcript(&["plugin list", "project show", "version"]));
}
