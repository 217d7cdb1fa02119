//! The test kit, with a plugin whose scaffolds and hooks have invalid declarations.

use pintle_plugin::testing;
use pintle_plugin::{Arg, prelude::*};
use std::sync::atomic::{AtomicBool, Ordering};

pintle_plugin::export_plugin! {
    name: "ship.example.org",
    description: "Wants too much",
    project_versions: ["3"],
    scaffolds: [Init],
    hooks: [Lookout],
}

/// Whether a host accepts the flags of `init`.
static HAS_LEARNT: AtomicBool = AtomicBool::new(false);

#[derive(Default)]
struct Init;

impl Scaffold for Init {
    const SUBCOMMAND: &'static str = "init";

    fn bind_flags(&self) -> Vec<Arg> {
        let name = if HAS_LEARNT.load(Ordering::Relaxed) { "owner" } else { "domain" };
        vec![Arg::option(name)]
    }

    fn scaffold(&self, _call: &ScaffoldCall<'_>, _changes: &mut ChangeSet) -> Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Lookout;

impl Hook for Lookout {
    const EVENTS: &'static [&'static str] = &["post-node-create"];

    fn options(&self, command: &[&str]) -> Vec<Arg> {
        match command {
            ["node", "create"] => vec![Arg::option("watch").required()],
            _ => Vec::new(),
        }
    }

    fn on_event(&self, _event: &Event<'_>, _host: &Host<'_>) -> Result<HookReply> {
        Ok(HookReply::default())
    }
}

#[test]
fn flags_and_options_are_checked() {
    let err = || testing::check(plugin()).unwrap_err().to_string();
    let run = testing::scaffold(plugin(), "init").run().unwrap_err().to_string();
    assert_eq!(err(), "invalid flags on `init`: the flag `--domain` belongs to the host");
    assert_eq!(run, err());
    HAS_LEARNT.store(true, Ordering::Relaxed);
    assert_eq!(err(), "invalid options on `node create`: `--watch` must not be required");
}
