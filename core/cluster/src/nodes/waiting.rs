//! What the host is waiting for, and what prevents it. This is shown to a user who has waited for
//! some time, and is part of the error when the time has expired.

use super::container::last_complaint;
use super::inventory::NodeContainer;
use crate::engine::Engine;
use pintle_host::causes::with_causes;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After how long the user is informed.
const FIRST: Duration = Duration::from_secs(10);
/// How long to wait for nodes, unless the user sets a limit. The time that the engine needs to pull
/// images is not included.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);
/// How often the information is repeated.
const AGAIN: Duration = Duration::from_secs(60);

/// What the host is waiting for.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    what: String,
    /// The last error.
    problem: Option<String>,
    /// The nodes that are not ready, each with the reason.
    nodes: Vec<(NodeContainer, String)>,
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records what the host is waiting for from now on.
    pub(crate) fn for_what(&self, what: &str) {
        *self.state() = State { what: what.to_owned(), ..State::default() };
    }

    /// Records which nodes the host is waiting for, and why each is not ready.
    pub(crate) fn for_nodes(&self, nodes: Vec<(NodeContainer, String)>) {
        let mut state = self.state();
        "the nodes".clone_into(&mut state.what);
        state.problem = None;
        state.nodes = nodes;
    }

    /// Records why the last attempt failed.
    pub(crate) fn note(&self, err: &(dyn Error + 'static)) {
        self.state().problem = Some(with_causes(err));
    }

    /// Calls `tell` with the reason for the delay, again and again. Returns when [`LIMIT`] has
    /// expired, or never if the user has set a limit for the whole command.
    pub(crate) async fn tell(
        &self,
        engine: &Engine,
        of_user: Option<Duration>,
        tell: impl Fn(&str),
    ) {
        let told = async {
            tokio::time::sleep(FIRST).await;
            loop {
                let is_known = self.is_cause_known();
                if let Some(text) = self.describe(engine).await {
                    tell(&text);
                }
                match is_known {
                    true => tokio::time::sleep(AGAIN).await,
                    // It does not matter which of the two came first.
                    false => drop(tokio::time::timeout(AGAIN, self.cause()).await),
                }
            }
        };
        let limit = of_user.map_or(LIMIT, |_| Duration::MAX);
        // It does not end before the limit.
        let _: Result<(), _> = tokio::time::timeout(limit, told).await;
    }

    fn is_cause_known(&self) -> bool {
        let state = self.state();
        state.problem.is_some() || !state.nodes.is_empty()
    }

    /// Returns when the reason for the delay is known.
    async fn cause(&self) {
        while !self.is_cause_known() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Returns what the host is waiting for and why it is delayed, if anything is known.
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
            // Only the log of a node shows that it has been refused.
            let said = last_complaint(engine, &node.id).await;
            let said = said.map_or_else(String::new, |it| format!("; it logs: {it}"));
            lines.push(format!("`{}`: {why}{said}", node.name));
        }
        Some(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nodes_are_waited_for_ten_minutes_unless_the_user_says_otherwise() {
        let (waiting, engine) = (Waiting::default(), Engine::unconnected());
        let start = tokio::time::Instant::now();
        waiting.tell(&engine, None, |_| ()).await;
        assert_eq!(start.elapsed().as_secs(), 600);
        let limit = Duration::from_secs(3600);
        // The limit of the whole command is not enforced here.
        let told = tokio::time::timeout(2 * limit, waiting.tell(&engine, Some(limit), |_| ()));
        assert!(told.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_waited_for_is_told_after_ten_seconds_and_then_every_minute() {
        let (waiting, engine) = (Waiting::default(), Engine::unconnected());
        let (start, told) = (tokio::time::Instant::now(), Mutex::new(Vec::new()));
        waiting.for_what("the API server");
        waiting.note(&std::io::Error::other("no route"));
        let tell = |text: &str| {
            assert_eq!(text, "still waiting for the API server: no route");
            told.lock().unwrap().push(start.elapsed().as_secs());
        };
        waiting.tell(&engine, None, tell).await;
        let times = told.into_inner().unwrap();
        assert_eq!(times, [10, 70, 130, 190, 250, 310, 370, 430, 490, 550]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cause_that_shows_later_is_told_at_once() {
        let (waiting, engine) = (Waiting::default(), Engine::unconnected());
        let (start, told) = (tokio::time::Instant::now(), Mutex::new(Vec::new()));
        waiting.for_what("the API server");
        let tell = |text: &str| {
            told.lock().unwrap().push((start.elapsed().as_secs(), text.ends_with("no route")));
        };
        let shows = async {
            tokio::time::sleep(Duration::from_millis(15_500)).await;
            waiting.note(&std::io::Error::other("no route"));
        };
        let limit = Duration::from_secs(70);
        let _ = tokio::time::timeout(limit, async {
            tokio::join!(waiting.tell(&engine, None, tell), shows)
        })
        .await;
        assert_eq!(told.into_inner().unwrap(), [(10, false), (16, true)]);
    }
}
