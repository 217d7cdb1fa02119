//! What is being waited for, and what stands in the way: told to a user who has waited for
//! some time, and part of the error when the time is up.

use super::container::last_complaint;
use super::inventory::NodeContainer;
use crate::engine::Engine;
use pintle_host::causes::with_causes;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After how long a user wants to know.
const FIRST: Duration = Duration::from_secs(10);
/// How long nodes are waited for, unless the user says otherwise. The time that the engine
/// takes to get images is not part of it.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);
/// How often it is told again.
const AGAIN: Duration = Duration::from_secs(60);

/// What is being waited for.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    what: String,
    /// The last error.
    problem: Option<String>,
    /// The nodes that are not ready, and why each is not.
    nodes: Vec<(NodeContainer, String)>,
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is waited for from now on.
    pub(crate) fn for_what(&self, what: &str) {
        *self.state() = State { what: what.to_owned(), ..State::default() };
    }

    /// Notes which nodes are waited for, and why each is not ready.
    pub(crate) fn for_nodes(&self, nodes: Vec<(NodeContainer, String)>) {
        let mut state = self.state();
        "the nodes".clone_into(&mut state.what);
        state.problem = None;
        state.nodes = nodes;
    }

    /// Notes why the last attempt failed.
    pub(crate) fn note(&self, err: &(dyn Error + 'static)) {
        self.state().problem = Some(with_causes(err));
    }

    /// Tells `tell` what stands in the way, as long as it does. Returns when it was waited for
    /// [`LIMIT`], or never where the user has set a limit for all of the work.
    pub(crate) async fn tell(
        &self,
        engine: &Engine,
        of_user: Option<Duration>,
        tell: impl Fn(&str),
    ) {
        let told = async {
            tokio::time::sleep(FIRST).await;
            loop {
                if let Some(text) = self.describe(engine).await {
                    tell(&text);
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        let limit = of_user.map_or(LIMIT, |_| Duration::MAX);
        // It does not end before the time is up.
        let _: Result<(), _> = tokio::time::timeout(limit, told).await;
    }

    /// Returns what is waited for and why it is not there, if something is known.
    async fn describe(&self, engine: &Engine) -> Option<String> {
        let (what, problem, nodes) = {
            let state = self.state();
            (state.what.clone(), state.problem.clone(), state.nodes.clone())
        };
        if what.is_empty() {
            return None;
        }
        let mut lines = vec![match problem {
            Some(problem) => format!("still waiting for {what}: {problem}"),
            None => format!("still waiting for {what}"),
        }];
        for (node, why) in nodes {
            // A node that is refused says so itself, and nobody else does.
            let said = last_complaint(engine, &node.id).await;
            let said = said.map_or_else(String::new, |it| format!("; it says: {it}"));
            lines.push(format!("`{}`: {why}{said}", node.name));
        }
        Some(lines.join("\n"))
    }
}
