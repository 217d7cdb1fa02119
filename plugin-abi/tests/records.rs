//! Records that a plugin logs with the crates `tracing` and `log`.
//!
//! Subscriber and logger belong to the whole process, so these tests have one of their own, and
//! run one after the other.
#![cfg(all(feature = "log", feature = "tracing"))]

use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::json::json;
use pintle_plugin::message::{CommandRequest, ErrorReply, LogRecord, ServiceReply, ServiceRequest};
use pintle_plugin::prelude::*;
use pintle_plugin::raw::RawHost;
use pintle_plugin::{Level, testing};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

pintle_plugin::export_plugin! {
    name: "recorder.example.org",
    description: "Logs",
    host_events: ["post-lamp-light"],
    commands: [Everything, Threads, Nested],
    hooks: [Lamp],
}

/// Lets only one test run at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Everything;

impl Command for Everything {
    const PATH: &'static [&'static str] = &["everything"];
    const ABOUT: &'static str = "Log at each level, with each type";

    fn run(&self, _call: &Call, host: &Host<'_>) -> Result<Outcome> {
        tracing::error!(target: "deck", code = 5, "the mast is gone");
        tracing::info!(
            name = "Ada Lovelace",
            knots = 3.5,
            wind = f64::INFINITY,
            moored = false,
            depth = -7_i64,
            crew = ?["a", "b"],
            "sailing {}", "on"
        );
        host.info("a line between");
        tracing::trace!(anchor = "up");
        log::warn!(target: "hold", ship = "Ada", tons = 12, free = true; "leaks");
        log::debug!("pumping");
        Ok(Outcome::done())
    }
}

#[derive(Default)]
struct Threads;

impl Command for Threads {
    const PATH: &'static [&'static str] = &["threads"];
    const ABOUT: &'static str = "Log from another thread";

    fn run(&self, _call: &Call, _host: &Host<'_>) -> Result<Outcome> {
        let thread = std::thread::spawn(|| {
            tracing::info!("from a thread");
            log::info!("from a thread, too");
        });
        thread.join().expect("it does not panic");
        Ok(Outcome::done())
    }
}

/// Calls itself through the host, as a program that links plugins can.
#[derive(Default)]
struct Nested;

impl Command for Nested {
    const PATH: &'static [&'static str] = &["nested"];
    const ABOUT: &'static str = "Call another command while this one runs";

    fn run(&self, _call: &Call, _host: &Host<'_>) -> Result<Outcome> {
        tracing::info!("before");
        let inner = testing::command(plugin(), &["threads"]).run()?;
        ensure!(inner.records.len() == 2, "{:?}", inner.records);
        tracing::info!("after");
        Ok(Outcome::done())
    }
}

#[derive(Default)]
struct Lamp;

impl Hook for Lamp {
    const EVENTS: &'static [&'static str] = &["post-lamp-light"];

    fn on_event(&self, _event: &Event<'_>, _host: &Host<'_>) -> Result<HookReply> {
        log::info!("lit");
        Ok(HookReply::proceed())
    }
}

fn lines(records: &[LogRecord]) -> Vec<String> {
    records.iter().map(|it| format!("{:?} {it}", it.level)).collect()
}

#[test]
fn records_arrive_with_level_target_and_fields() {
    let _alone = alone();
    let run = testing::command(plugin(), &["everything"]).run().unwrap();
    expect_test::expect![[r#"
        Error deck: the mast is gone code=5
        Info records: sailing on name="Ada Lovelace" knots=3.5 wind=inf moored=false depth=-7 crew="[\"a\", \"b\"]"
        Trace records: anchor=up
        Warn hold: leaks ship=Ada tons=12 free=true
        Debug records: pumping
    "#]]
    .assert_eq(&(lines(&run.records).join("\n") + "\n"));
    assert_eq!(run.records[0].fields["code"], json!(5));
    assert_eq!(run.records[1].fields["moored"], json!(false));
    assert_eq!(run.records[3].fields["tons"], json!(12));
    assert_eq!(run.log, [(Level::Info, "a line between".to_owned())]);
}

#[test]
fn threads_of_a_call_log_to_its_host() {
    let _alone = alone();
    let run = testing::command(plugin(), &["threads"]).run().unwrap();
    assert_eq!(
        lines(&run.records),
        ["Info records: from a thread", "Info records: from a thread, too"]
    );
}

#[test]
fn hooks_log_too() {
    let _alone = alone();
    let reaction = testing::event(plugin(), "post-lamp-light").run().unwrap();
    assert_eq!(lines(&reaction.records), ["Info records: lit"]);
}

#[test]
fn a_call_inside_of_another_has_its_own_records() {
    let _alone = alone();
    let run = testing::command(plugin(), &["nested"]).run().unwrap();
    assert_eq!(lines(&run.records), ["Info records: before", "Info records: after"]);
}

#[test]
fn what_is_logged_outside_of_calls_is_dropped() {
    let _alone = alone();
    testing::command(plugin(), &["threads"]).run().unwrap();
    tracing::info!("before the call");
    assert_eq!(log::max_level(), log::LevelFilter::Off);
    let (start, starts) = mpsc::channel::<()>();
    let late = std::thread::spawn(move || {
        starts.recv().unwrap();
        tracing::error!("after the call");
        log::error!("after the call");
    });
    let run = testing::command(plugin(), &["threads"]).run().unwrap();
    start.send(()).unwrap();
    late.join().unwrap();
    assert_eq!(run.records.len(), 2, "{:?}", run.records);
}

/// A host that keeps what it receives.
struct Strict {
    /// The level that it shows; `None` for a host of an earlier release, which does not support
    /// records.
    shown: Option<Level>,
    got: Mutex<Vec<String>>,
}

impl Strict {
    fn run(shown: Option<Level>) -> Vec<String> {
        let host = Self { shown, got: Mutex::default() };
        let mut request = CommandRequest::default();
        request.path = vec!["everything".to_owned()];
        let request = pintle_plugin::json::to_vec(&request).expect("it has string keys");
        plugin().root().command(&request, RawHost::new(&host)).into_message().expect("it works");
        host.got.into_inner().expect("no host panics")
    }

    fn note(&self, what: String) {
        self.got.lock().expect("no host panics").push(what);
    }
}

impl HostServices for Strict {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, level: Level, text: &str) {
        self.note(format!("line {level:?} {text}"));
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        // A program that links the plugin can log while it receives a record. This must not cause
        // an endless chain of records.
        tracing::error!("took a record");
        log::error!("took a record");
        match (request, self.shown) {
            (ServiceRequest::Log(record), Some(_)) => self.note(format!("record {record}")),
            (ServiceRequest::LogLevel, Some(_)) => {
                self.note("level".to_owned());
                let mut reply = ServiceReply::default();
                reply.log_level = self.shown;
                return Ok(reply);
            }
            _ => return Err(ErrorReply::failed("unknown service")),
        }
        Ok(ServiceReply::default())
    }
}

#[test]
fn the_host_is_asked_once_and_gets_what_it_shows() {
    let _alone = alone();
    let got = Strict::run(Some(Level::Warn));
    let (expected, between) = ("record deck: the mast is gone code=5", "line Info a line between");
    let leak = "record hold: leaks ship=Ada tons=12 free=true";
    assert_eq!(got, ["level", expected, between, leak]);
}

#[test]
fn an_older_host_gets_lines() {
    let _alone = alone();
    let got = Strict::run(None);
    assert_eq!(got.len(), 6, "{got:?}");
    assert_eq!(got[0], "line Error deck: the mast is gone code=5");
    assert_eq!(got[4], "line Warn hold: leaks ship=Ada tons=12 free=true");
}
