//! Hooks of plugins.

use crate::support::fixture;
use crate::vices::check;
use expect_test::{Expect, expect};
use pintle::catalog::Rules;
use pintle::lifecycle::{HookError, dispatch};
use pintle::services::Console;
use pintle_plugin::message::ProjectEvent;

/// Hands `pre-project-init` to the hooks of some fixtures.
#[track_caller]
fn check_dispatch(names: &[&str], expected: Expect) {
    let load = |it: &&str| pintle::transport::load(&fixture(it), &Rules::default());
    let plugins: Vec<_> = names.iter().map(load).collect::<Result<_, _>>().expect("they fit");
    let mut event = ProjectEvent::default();
    event.subcommand = "init".to_owned();
    let outcome = match dispatch("pre-project-init", &event, &plugins, &Console::new()) {
        Ok(replies) => format!("{} replies", replies.len()),
        Err(HookError::Failed { event, source }) => {
            format!("{event} failed: {source}: {}", source.reply())
        }
        Err(err) => err.to_string(),
    };
    expected.assert_eq(&outcome);
}

#[test]
fn a_panic_in_a_hook_is_an_error_of_the_event() {
    check_dispatch(&["panic-hook"], expect![[""]]);
    check_dispatch(&["good", "panic-hook"], expect![[""]]);
}

#[test]
fn a_veto_stops_what_was_announced() {
    check_dispatch(&["veto"], expect![[""]]);
    check_dispatch(&["good", "veto"], expect![[""]]);
}

#[test]
fn hooks_that_have_nothing_to_say_let_things_go_on() {
    check_dispatch(&["good", "plain"], expect![[""]]);
}

#[test]
fn a_panic_in_a_hook_stops_only_the_work_it_belongs_to() {
    check("panic-hook", &["init --plugins good", "plugin check panic-hook"], expect![[""]]);
}

#[test]
fn a_veto_stops_only_the_work_it_belongs_to() {
    check("veto", &["init --plugins good"], expect![[""]]);
}

#[test]
fn an_unsupported_project_version_is_an_error_where_a_project_is_meant() {
    check(
        "project-version",
        &["beyond", "init --plugins project-version", "plugin check project-version"],
        expect![[""]],
    );
}
