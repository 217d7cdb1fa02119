//! The commands that every host has, as a group like any other.

use super::group::{Group, Noun};
use super::{completion, events, help, interfaces, plugin, version};

/// The commands that every host has.
pub(super) static GROUP: Group = Group {
    name: "host",
    nouns: &[Noun { word: "plugin", about: "List, inspect, check, run and register plugins" }],
    rows: &[
        help::ROW,
        version::ROW,
        completion::script::ROW,
        plugin::list::ROW,
        plugin::inspect::ROW,
        plugin::check::ROW,
        plugin::run::ROW,
        plugin::register::REGISTER,
        plugin::register::UNREGISTER,
        plugin::enable::DISABLE,
        plugin::enable::ENABLE,
        plugin::abi::ROW,
        events::ROW,
    ],
    ..Group::EMPTY
};

/// Returns whether the commands that begin with a word are for the host itself: they tell what
/// there is, and manage plugins.
pub(super) fn has(word: &str) -> bool {
    let mut rows = GROUP.rows.iter().chain(INTERFACES.rows);
    rows.any(|it| it.path()[0] == word)
}

/// The command that a host with interfaces has besides.
pub(super) static INTERFACES: Group =
    Group { name: "host", rows: &[interfaces::ROW], ..Group::EMPTY };
