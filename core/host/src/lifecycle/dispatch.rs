//! Sends an event to the hooks of several plugins, and collects their answers.

use super::error::HookError;
use crate::services::{self, Capture, PluginServices, ProgramCall, Services, is_interrupted};
use crate::transport::{CallError, LoadedPlugin};
use pintle_plugin::EventType;
use pintle_plugin::Level;
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::HookReply;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How long a hook that checks whether it is cancelled may take to end after its time limit. A
/// program is sent SIGTERM, and SIGKILL two seconds later, before the host continues.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// How long hooks may take.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimit {
    /// After which time a hook counts as failed and is no longer waited for.
    pub limit: Duration,
    /// After which time, and how often, a hook that is still running is reported.
    pub notice: Duration,
}

impl Default for TimeLimit {
    fn default() -> Self {
        Self { limit: Duration::from_secs(5 * 60), notice: Duration::from_secs(20) }
    }
}

/// The result of one plugin's hooks on an event.
#[derive(Debug)]
pub struct Outcome<R = ()> {
    /// The plugin's full key.
    pub plugin: String,
    /// Its answer; a veto is an error.
    pub result: Result<Answer<R>, HookError>,
}

/// The answers of one plugin's hooks to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<R = ()> {
    /// Their amendments, by name, if the event can be amended.
    pub amend: Map<String, Value>,
    /// Their typed answers, one for each hook that returned one.
    pub replies: Vec<R>,
}

/// Sends an event to the hooks of all `subscribers`, and waits until all have ended.
///
/// The payload is encoded once for all subscribers.
///
/// # Errors
///
/// The first veto or failure in the order of `subscribers`.
pub fn dispatch<P: Serialize, R: Serialize + DeserializeOwned>(
    event: &EventType<P, R>,
    payload: &P,
    subscribers: &[LoadedPlugin],
    services: &Services,
    limit: TimeLimit,
) -> Result<Vec<(String, Answer<R>)>, HookError> {
    let outcomes = dispatch_each(event, payload, subscribers, services, limit);
    outcomes.into_iter().map(|it| it.result.map(|answer| (it.plugin, answer))).collect()
}

/// Sends an event to the hooks of all `subscribers`, and returns the result of each.
///
/// A hook cannot be stopped from outside. After its time limit, it is cancelled, which it can
/// check; its cleanups run; then it is left behind, and ends with the process.
pub fn dispatch_each<P: Serialize, R: Serialize + DeserializeOwned>(
    event: &EventType<P, R>,
    payload: &P,
    subscribers: &[LoadedPlugin],
    services: &Services,
    limit: TimeLimit,
) -> Vec<Outcome<R>> {
    if subscribers.is_empty() {
        return Vec::new();
    }
    match pintle_plugin::json::to_vec(payload) {
        Ok(payload) => {
            let outcomes = call_each(event.name(), payload.into(), subscribers, services, limit);
            outcomes.into_iter().map(|it| it.judge(event)).collect()
        }
        Err(err) => {
            let outcome = |plugin: &LoadedPlugin| {
                let (event, reason) = (event.name().to_owned(), err.to_string());
                let plugin = plugin.key().to_string();
                Outcome { plugin, result: Err(HookError::Payload { event, reason }) }
            };
            subscribers.iter().map(outcome).collect()
        }
    }
}

/// A plugin's answer, before it is checked against the event.
struct Raw {
    plugin: String,
    result: Result<HookReply, HookError>,
}

impl Raw {
    fn judge<P, R: Serialize + DeserializeOwned>(self, event: &EventType<P, R>) -> Outcome<R> {
        let Self { plugin, result } = self;
        let result = result.and_then(|reply| {
            let (plugin, name) = (plugin.clone(), event.name().to_owned());
            if !event.has_amendments() && !reply.amend.is_empty() {
                return Err(HookError::Amendment { plugin, event: name });
            }
            match event.replies(&reply) {
                Ok(replies) => Ok(Answer { amend: reply.amend, replies }),
                Err(err) => {
                    let reason = err.causes.join(": ");
                    Err(HookError::Reply { plugin, event: name, reason })
                }
            }
        });
        Outcome { plugin, result }
    }
}

fn call_each(
    event: &str,
    payload: Arc<[u8]>,
    subscribers: &[LoadedPlugin],
    services: &Services,
    limit: TimeLimit,
) -> Vec<Raw> {
    let (sender, receiver) = mpsc::channel();
    let start = |(idx, plugin): (usize, &LoadedPlugin)| {
        let output = output(services, plugin, subscribers.len() > 1);
        let call = Call { plugin: plugin.clone(), event: event.to_owned() };
        // A program is ended with the run; a library cannot be ended.
        let program = (!plugin.is_library()).then(|| services.program_call(output.call()));
        let is_program = program.is_some();
        let payload = Arc::clone(&payload);
        let started = start(call, idx, payload, output.clone(), program, sender.clone());
        let plugin = plugin.key().to_string();
        Started { plugin, output, is_program, failure: started.err() }
    };
    let calls: Vec<_> = subscribers.iter().enumerate().map(start).collect();
    drop(sender);
    let replies = collect(&receiver, &calls, event, services, limit);
    cancel_late(&receiver, &calls, &replies);
    let outcome = |(call, reply): (Started, Option<Reply>)| {
        if reply.is_none() {
            call.output.release();
        }
        ended(event, call, reply, limit)
    };
    calls.into_iter().zip(replies).map(outcome).collect()
}

struct Call {
    plugin: LoadedPlugin,
    event: String,
}

/// A hook that runs, or could not be started.
struct Started {
    plugin: String,
    output: HookOutput,
    /// Whether it can be ended, and is therefore waited for after its time limit.
    is_program: bool,
    failure: Option<io::Error>,
}

/// Where a hook's output goes.
#[derive(Clone)]
enum HookOutput {
    /// Directly to the streams: no other output could be mixed with it.
    Direct(PluginServices),
    Held(Arc<Capture>),
}

impl HookOutput {
    fn call(&self) -> &services::Call {
        match self {
            Self::Direct(services) => services.call(),
            Self::Held(capture) => capture.call(),
        }
    }

    fn release(&self) {
        if let Self::Held(capture) = self {
            capture.release();
        }
    }
}

fn output(services: &Services, plugin: &LoadedPlugin, has_others: bool) -> HookOutput {
    match has_others {
        true => HookOutput::Held(Arc::new(Capture::new(services, &plugin.key().to_string()))),
        false => HookOutput::Direct(services.of(plugin.key().to_string())),
    }
}

type Reply = Result<HookReply, CallError>;

fn start(
    call: Call,
    idx: usize,
    payload: Arc<[u8]>,
    output: HookOutput,
    program: Option<ProgramCall>,
    sender: mpsc::Sender<(usize, Reply)>,
) -> io::Result<()> {
    let run = move || {
        let Call { plugin, event } = call;
        let reply = match &output {
            HookOutput::Direct(services) => plugin.event(&event, &payload, services),
            HookOutput::Held(capture) => plugin.event(&event, &payload, &**capture),
        };
        drop(program);
        output.release();
        // The receiver no longer waits for a hook that has exceeded its time limit.
        let _ = sender.send((idx, reply));
    };
    std::thread::Builder::new().spawn(run).map(drop)
}

/// Waits for the replies; `None` is a hook that did not end in time.
fn collect(
    receiver: &mpsc::Receiver<(usize, Reply)>,
    calls: &[Started],
    event: &str,
    services: &Services,
    limit: TimeLimit,
) -> Vec<Option<Reply>> {
    let start = Instant::now();
    let mut notice = limit.notice;
    let mut replies: Vec<Option<Reply>> = calls.iter().map(|_| None).collect();
    let is_awaited =
        |(call, reply): (&Started, &Option<Reply>)| reply.is_none() && call.failure.is_none();
    while calls.iter().zip(&replies).any(is_awaited) {
        let passed = start.elapsed();
        let Some(left) = limit.limit.checked_sub(passed).filter(|it| !it.is_zero()) else { break };
        // At the limit itself, no notice is required.
        let next = if notice < limit.limit { notice.saturating_sub(passed) } else { left };
        match receiver.recv_timeout(left.min(next)) {
            Ok((idx, reply)) => replies[idx] = Some(reply),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if notice < limit.limit && start.elapsed() >= notice {
                    tell_slow(calls, &replies, event, notice, services);
                    notice += limit.notice;
                }
            }
        }
    }
    replies
}

/// Cancels the hooks that have exceeded their time limit, and runs the cleanups of those that do
/// not end. Later answers are ignored.
fn cancel_late(
    receiver: &mpsc::Receiver<(usize, Reply)>,
    calls: &[Started],
    replies: &[Option<Reply>],
) {
    let late = || {
        let all = calls.iter().zip(replies).enumerate();
        all.filter(|(_, (call, reply))| reply.is_none() && call.failure.is_none())
            .map(|(idx, (call, _))| (idx, call))
    };
    late().for_each(|(_, it)| it.output.call().cancel());
    let ends = |it: &Started| it.is_program || it.output.call().asks();
    let mut ending: Vec<_> = late().filter(|it| ends(it.1)).map(|it| it.0).collect();
    let start = Instant::now();
    while !ending.is_empty() {
        let Ok((ended, _)) = receiver.recv_timeout(GRACE.saturating_sub(start.elapsed())) else {
            break;
        };
        ending.retain(|it| *it != ended);
    }
    late().for_each(|(_, it)| it.output.call().clean_up());
}

fn tell_slow(
    calls: &[Started],
    replies: &[Option<Reply>],
    event: &str,
    passed: Duration,
    services: &Services,
) {
    let passed = humantime::format_duration(passed);
    let slow = calls.iter().zip(replies).filter(|it| it.1.is_none() && it.0.failure.is_none());
    for (Started { plugin, .. }, _) in slow {
        let text = format!("plugin `{plugin}` has been working on `{event}` for {passed}");
        services.console().log(Level::Warn, &text);
    }
}

fn ended(event: &str, call: Started, reply: Option<Reply>, limit: TimeLimit) -> Raw {
    let Started { plugin, failure, .. } = call;
    let event = event.to_owned();
    let result = match reply {
        Some(_) if is_interrupted() => Err(HookError::Interrupted),
        Some(Ok(HookReply { veto: Some(mut reason), .. })) => {
            if reason.trim().is_empty() {
                "no reason given".clone_into(&mut reason);
            }
            Err(HookError::Veto { plugin: plugin.clone(), event, reason })
        }
        Some(Ok(reply)) => Ok(reply),
        Some(Err(source)) => Err(HookError::Failed { event, source }),
        None => Err(match failure {
            Some(source) => HookError::NotStarted { plugin: plugin.clone(), event, source },
            None => HookError::TimedOut { plugin: plugin.clone(), event, limit: limit.limit },
        }),
    };
    Raw { plugin, result }
}
