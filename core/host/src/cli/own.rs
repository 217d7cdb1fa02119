//! The commands that every host has, as a group like any other.

use super::group::{Group, HOST, Noun};
use super::{completion, events, help, interfaces, manual, plugin, version};

/// The commands that every host has.
pub(super) static GROUP: Group = Group {
    name: HOST,
    nouns: &[Noun {
        word: "plugin",
        about: "Create, list, inspect, check, run and register plugins",
    }],
    rows: &[
        help::ROW,
        version::ROW,
        completion::script::ROW,
        manual::ROW,
        plugin::list::ROW,
        plugin::inspect::ROW,
        plugin::check::ROW,
        plugin::new::ROW,
        plugin::dev::ROW,
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

/// The additional command of a host with interfaces.
pub(super) static INTERFACES: Group =
    Group { name: HOST, rows: &[interfaces::ROW], ..Group::EMPTY };
