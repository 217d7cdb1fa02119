//! A plugin that logs with the crates `tracing` and `log`, whose features its interface enables.

use pintle_plugin::prelude::*;

pintle_plugin::export_plugin! {
    name: "recorder.example.org",
    description: "Logs by other crates",
    project_versions: ["3"],
    commands: [Sail],
    hooks: [Watch],
}

/// A command that logs at each level, between lines of output.
#[derive(Default)]
struct Sail;

impl Command for Sail {
    const PATH: &'static [&'static str] = &["sail"];
    const ABOUT: &'static str = "Sail, and log it";

    fn run(&self, _call: &Call, host: &Host<'_>) -> Result<Outcome> {
        tracing::error!(target: "deck", masts = 2, "a mast is gone");
        log::warn!(target: "hold", ship = "Ada"; "a leak");
        host.info("a line of the plugin's own");
        tracing::info!(captain = "Ada Lovelace", "sailing\u{1b}[2J\non");
        log::debug!("pumping");
        tracing::trace!(anchor = "up");
        let thread = std::thread::spawn(|| tracing::info!("from a thread"));
        thread.join().expect("it does not panic");
        Ok(Outcome::done())
    }
}

/// A hook that logs.
#[derive(Default)]
struct Watch;

impl Hook for Watch {
    const EVENTS: &'static [&'static str] = &["pre-project-init"];

    fn on_event(&self, _event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
        host.println("watching");
        log::info!("saw an event");
        host.println("watched");
        Ok(HookReply::proceed())
    }
}
