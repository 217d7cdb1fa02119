//! Takes a scaffolding step with a plugin, within the plugin's time limit.
//!
//! A library cannot be ended, so it runs on a separate thread. After its time limit, it is
//! cancelled, which it can check; its cleanups run; then it is left behind, and ends with the
//! process.
//!
//! Invariant: that thread borrows nothing from the command. The thread of the command does what the
//! plugin requests of the host, and stops when the call has ended.

use super::dispatch::{GRACE, TimeLimit};
use crate::services::Call;
use crate::transport::{CallError, LoadedPlugin};
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::message::{
    ErrorReply, ScaffoldReply, ScaffoldRequest, ServiceReply, ServiceRequest,
};
use pintle_plugin::{Node, Select};
use std::io;
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

/// As much as a program's first thread has on most systems.
const STACK: usize = 8 << 20;

/// Why a step of a plugin was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeStepError {
    /// The plugin did not do its work.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The system has no thread to spare.
    #[error("failed to start a call of plugin `{plugin}`")]
    NotStarted {
        /// The plugin's full key.
        plugin: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The plugin did not end in time.
    #[error("plugin `{plugin}` timed out after {}", humantime::format_duration(*limit))]
    TimedOut {
        /// The plugin's full key.
        plugin: String,
        /// How long it had.
        limit: Duration,
    },
}

/// A plugin's answer to a step.
type Reply = Result<(ScaffoldReply, Vec<Node>), CallError>;

/// A request of a plugin to the host.
type Wish = Box<dyn FnOnce(&dyn HostServices) + Send>;

/// A message from the thread of a plugin.
enum Message {
    /// The plugin requests something of the host.
    Asks(Wish),
    Ended(Box<Reply>),
}

/// Takes one step of a scaffolding subcommand; returns the reply and the nodes to add. The time for
/// requests to the host, for example for a question to the user, does not count.
///
/// A program has its own time limit, and is ended together with all processes that it has started.
///
/// # Errors
///
/// [`TakeStepError`].
pub fn take_step<S: HostServices>(
    plugin: &LoadedPlugin,
    request: &ScaffoldRequest,
    services: &S,
    limit: TimeLimit,
) -> Result<(ScaffoldReply, Vec<Node>), TakeStepError> {
    let Some(work) = plugin.prepare_scaffold(request) else {
        return Ok(plugin.scaffold(request, services)?);
    };
    let call = Call::default();
    let messages = start(work, &call)
        .map_err(|source| TakeStepError::NotStarted { plugin: plugin.key().to_string(), source })?;
    let tell_slow = |passed| {
        let (plugin, passed) = (plugin.key(), humantime::format_duration(passed));
        let text =
            format!("plugin `{plugin}` has been working on `{}` for {passed}", request.subcommand);
        services.log(Level::Warn, &text);
    };
    if let Some(reply) = wait(&messages, services, limit, &tell_slow) {
        return Ok(reply?);
    }
    call.cancel();
    if call.asks() {
        wait_for_end(&messages);
    }
    call.clean_up();
    Err(TakeStepError::TimedOut { plugin: plugin.key().to_string(), limit: limit.limit })
}

fn start(
    work: impl FnOnce(&Distant) -> Reply + Send + 'static,
    call: &Call,
) -> io::Result<mpsc::Receiver<Message>> {
    let (sender, messages) = mpsc::channel();
    let services = Distant { sender, call: call.clone(), all: OnceLock::new() };
    let work = move || {
        let reply = work(&services);
        // The receiver no longer waits for a plugin that has exceeded its time limit.
        let _ = services.sender.send(Message::Ended(Box::new(reply)));
    };
    std::thread::Builder::new().stack_size(STACK).spawn(work)?;
    Ok(messages)
}

/// Handles the plugin's requests until it has ended; `None` if it exceeds its time limit.
fn wait(
    messages: &mpsc::Receiver<Message>,
    services: &dyn HostServices,
    limit: TimeLimit,
    tell_slow: &dyn Fn(Duration),
) -> Option<Reply> {
    let mut start = Instant::now();
    let mut notice = limit.notice;
    loop {
        let passed = start.elapsed();
        let left = limit.limit.checked_sub(passed).filter(|it| !it.is_zero())?;
        // At the limit itself, no notice is required.
        let next = if notice < limit.limit { notice.saturating_sub(passed) } else { left };
        match messages.recv_timeout(left.min(next)) {
            Ok(Message::Asks(question)) => {
                let asked = Instant::now();
                question(services);
                start += asked.elapsed();
            }
            Ok(Message::Ended(reply)) => return Some(*reply),
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("the thread of a plugin panicked"),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if notice < limit.limit && start.elapsed() >= notice {
                    tell_slow(notice);
                    notice += limit.notice;
                }
            }
        }
    }
}

/// Waits for some time for a plugin that was cancelled. Later answers are ignored, and requests are
/// refused.
fn wait_for_end(messages: &mpsc::Receiver<Message>) {
    let start = Instant::now();
    while let Ok(Message::Asks(_)) = messages.recv_timeout(GRACE.saturating_sub(start.elapsed())) {}
}

/// The host's services on the thread of a plugin: the thread of the command does the work.
struct Distant {
    sender: mpsc::Sender<Message>,
    call: Call,
    /// All nodes: the universe does not change during a call.
    all: OnceLock<Vec<Node>>,
}

impl Distant {
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn HostServices) -> Result<T, ErrorReply> + Send + 'static,
    ) -> Result<T, ErrorReply> {
        let over = || ErrorReply::failed("the call has ended");
        let (sender, answer) = mpsc::channel();
        let ask = move |services: &dyn HostServices| {
            let _ = sender.send(question(services));
        };
        self.sender.send(Message::Asks(Box::new(ask))).map_err(|_| over())?;
        answer.recv().map_err(|_| over())?
    }
}

impl HostServices for Distant {
    fn write(&self, stream: Stream, text: &[u8]) {
        let text = text.to_vec();
        // After the time limit, output is ignored.
        let _ = self.ask(move |it| {
            it.write(stream, &text);
            Ok(())
        });
    }

    fn log(&self, level: Level, text: &str) {
        let text = text.to_owned();
        let _ = self.ask(move |it| {
            it.log(level, &text);
            Ok(())
        });
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        self.ask(move |it| it.request(request))
    }

    fn wait_cancelled(&self, limit: Duration) -> bool {
        self.call.wait(limit)
    }

    fn cleanup(&self, id: u64, work: Option<Box<dyn FnOnce() + Send>>) -> Result<(), ErrorReply> {
        self.call.cleanup(id, work);
        Ok(())
    }

    fn paths(&self, select: Select<'_>) -> Result<Vec<String>, ErrorReply> {
        let select = Selection::new(select)?;
        self.ask(move |it| it.paths(select.as_select()))
    }

    fn nodes(&self, select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        let select = Selection::new(select)?;
        self.ask(move |it| it.nodes(select.as_select()))
    }

    fn all_nodes(&self) -> Result<&[Node], ErrorReply> {
        if let Some(all) = self.all.get() {
            return Ok(all);
        }
        let all = self.ask(|it| it.all_nodes().map(<[Node]>::to_vec))?;
        Ok(self.all.get_or_init(|| all))
    }
}

/// A [`Select`] that is sent to another thread.
enum Selection {
    All,
    Glob(String),
    Plugin(String),
    Path(String),
    Origin { plugin: String, subcommand: String },
}

impl Selection {
    fn new(select: Select<'_>) -> Result<Self, ErrorReply> {
        Ok(match select {
            Select::All => Self::All,
            Select::Glob(it) => Self::Glob(it.to_owned()),
            Select::Plugin(it) => Self::Plugin(it.to_owned()),
            Select::Path(it) => Self::Path(it.to_owned()),
            Select::Origin { plugin, subcommand } => {
                Self::Origin { plugin: plugin.to_owned(), subcommand: subcommand.to_owned() }
            }
            _ => return Err(ErrorReply::unsupported("the host does not support this selection")),
        })
    }

    fn as_select(&self) -> Select<'_> {
        match self {
            Self::All => Select::All,
            Self::Glob(it) => Select::Glob(it),
            Self::Plugin(it) => Select::Plugin(it),
            Self::Path(it) => Select::Path(it),
            Self::Origin { plugin, subcommand } => Select::Origin { plugin, subcommand },
        }
    }
}
