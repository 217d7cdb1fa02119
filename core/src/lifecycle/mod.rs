//! Events and the dispatch of hooks.
//!
//! Hooks of several plugins run side by side, in no order; each one's output is
//! kept together.

use crate::services::{Capture, Console, PluginServices};
use crate::transport::{CallError, LoadedPlugin};
use pintle_plugin::message::HookReply;
use serde::Serialize;

/// Why the work behind an event must not go on, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// A hook said no to what a `pre-` event announced.
    #[error("plugin `{plugin}` vetoed `{event}`: {reason}")]
    Veto {
        /// The plugin's full key.
        plugin: String,
        /// The event.
        event: String,
        /// Why.
        reason: String,
    },
    /// A hook failed.
    #[error("the hook of plugin `{}` on `{event}` failed", source.plugin())]
    Failed {
        /// The event.
        event: String,
        /// What went wrong.
        source: CallError,
    },
}

/// Hands an event to the hooks of all `subscribers`.
///
/// The payload is encoded once, however many subscribers there are.
///
/// # Errors
///
/// The first veto or failure in the order of `subscribers`, after all hooks have ended.
pub fn dispatch<T: Serialize>(
    event: &str,
    payload: &T,
    subscribers: &[LoadedPlugin],
    console: &Console,
) -> Result<Vec<HookReply>, HookError> {
    if subscribers.is_empty() {
        return Ok(Vec::new());
    }
    let payload = serde_json::to_vec(payload).expect("an event has string keys");
    let outcomes = match subscribers {
        [plugin] => vec![call_alone(plugin, event, &payload, console)],
        plugins => call_side_by_side(plugins, event, &payload, console),
    };
    outcomes.into_iter().map(|it| judge(event, it)).collect()
}

/// What one plugin's hooks made of an event.
struct HookOutcome {
    plugin: String,
    reply: Result<HookReply, CallError>,
}

fn call_alone(
    plugin: &LoadedPlugin,
    event: &str,
    payload: &[u8],
    console: &Console,
) -> HookOutcome {
    let key = plugin.key().to_string();
    let reply = plugin.event(event, payload, &PluginServices::new(console, &key));
    HookOutcome { reply, plugin: key }
}

fn call_side_by_side(
    plugins: &[LoadedPlugin],
    event: &str,
    payload: &[u8],
    console: &Console,
) -> Vec<HookOutcome> {
    let call = |plugin: &LoadedPlugin| {
        let key = plugin.key().to_string();
        let services = Capture::new(console, &key);
        let reply = plugin.event(event, payload, &services);
        services.release();
        HookOutcome { reply, plugin: key }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = plugins.iter().map(|it| scope.spawn(move || call(it))).collect();
        let join = |it: std::thread::ScopedJoinHandle<'_, _>| {
            it.join().expect("a plugin's panic is caught on its own side of the boundary")
        };
        threads.into_iter().map(join).collect()
    })
}

fn judge(event: &str, outcome: HookOutcome) -> Result<HookReply, HookError> {
    let event = event.to_owned();
    match outcome.reply {
        Ok(HookReply { veto: Some(reason), .. }) => {
            Err(HookError::Veto { plugin: outcome.plugin, event, reason })
        }
        Ok(reply) => Ok(reply),
        Err(source) => Err(HookError::Failed { event, source }),
    }
}
