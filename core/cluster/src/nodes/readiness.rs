//! Waits until a cluster is ready in the sense of its user: the API server answers, and each node
//! is Ready and has reported since its container was started. No delay is fixed.

use super::api_access::{ApiAccess, read_credentials};
use super::inventory::NodeContainer;
use super::waiting::Waiting;
use crate::api_server::{Api, ApiError, NodeStatus};
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use futures_util::future::try_join_all;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Pauses between checks. The first ones are short, because most checks soon succeed.
struct Pace(Duration);

impl Pace {
    fn new() -> Self {
        Self(Duration::from_millis(5))
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        // A check takes less than a millisecond, so a longer pause gains nothing.
        self.0 = (self.0 * 3 / 2).min(Duration::from_millis(25));
    }
}

/// Waits until the API server of a first server is ready, and returns the access to it.
pub(crate) async fn api(
    engine: &Engine,
    first: &NodeContainer,
    host: &str,
    waiting: &Waiting,
) -> Result<ApiAccess, ClusterError> {
    waiting.for_what("the API server");
    let mut pace = Pace::new();
    let credentials = loop {
        match read_credentials(engine, first, host).await? {
            Some(credentials) => break credentials,
            None => pace.pause().await,
        }
    };
    let mut access = ApiAccess::new(first.clone(), host, credentials)?;
    let mut pace = Pace::new();
    while let Err(err) = access.api.check_ready().await {
        waiting.note(&err);
        pace.pause().await;
        access.renew(engine).await?;
    }
    Ok(access)
}

/// Waits until all of these nodes are ready.
pub(crate) async fn nodes(
    engine: &Engine,
    access: &mut ApiAccess,
    nodes: &[NodeContainer],
    waiting: &Waiting,
    progress: &dyn Fn(usize),
) -> Result<(), ClusterError> {
    let mut pace = Pace::new();
    let mut started = BTreeMap::new();
    let mut n_before = 0;
    loop {
        // An API server that has just started may fail again for a moment.
        let missing = match state(engine, &access.api, nodes, &mut started).await? {
            Ok(missing) => missing,
            Err(err) => {
                waiting.note(&err);
                pace.pause().await;
                access.renew(engine).await?;
                continue;
            }
        };
        let n_ready = nodes.len() - missing.len();
        if n_ready > n_before {
            n_before = n_ready;
            progress(n_ready);
        }
        if missing.is_empty() {
            return Ok(());
        }
        waiting.for_nodes(missing);
        pace.pause().await;
    }
}

/// Returns the nodes that are not ready, each with the reason.
async fn state(
    engine: &Engine,
    api: &Api,
    nodes: &[NodeContainer],
    started: &mut BTreeMap<String, SystemTime>,
) -> Result<Result<Vec<(NodeContainer, String)>, ApiError>, ClusterError> {
    let listed: BTreeMap<_, _> = match api.nodes().await {
        Ok(listed) => listed.into_iter().map(|it| (it.name.clone(), it)).collect(),
        Err(err) => return Ok(Err(err)),
    };
    let is_ready = |it: &NodeContainer| listed.get(&it.name).is_some_and(|it| it.is_ready);
    // The leases are requested only when they make a difference.
    let leases = match nodes.iter().any(is_ready) {
        true => match api.leases().await {
            Ok(leases) => leases,
            Err(err) => return Ok(Err(err)),
        },
        false => BTreeMap::new(),
    };
    let unknown = nodes.iter().filter(|it| is_ready(it) && !started.contains_key(&it.name));
    let times =
        try_join_all(unknown.map(async |it| {
            Ok::<_, ClusterError>((it.name.clone(), started_at(engine, it).await?))
        }));
    started.extend(times.await?);
    let missing = nodes.iter().filter_map(|node| {
        let why =
            why_not_ready(listed.get(&node.name), leases.get(&node.name), started.get(&node.name));
        Some((node.clone(), why?))
    });
    Ok(Ok(missing.collect()))
}

/// Returns why a node is not ready; `None` if it is.
fn why_not_ready(
    node: Option<&NodeStatus>,
    renewed: Option<&SystemTime>,
    started: Option<&SystemTime>,
) -> Option<String> {
    match (node, renewed, started) {
        (None, ..) => Some("it has not joined yet".to_owned()),
        (Some(node), ..) if !node.is_ready => Some(format!("NotReady: {}", node.message)),
        (_, Some(renewed), Some(started)) if renewed > started => None,
        _ => Some("it has not reported since it was started".to_owned()),
    }
}

/// Returns when a container was last started.
async fn started_at(engine: &Engine, node: &NodeContainer) -> Result<SystemTime, ClusterError> {
    let action = || format!("inspect the node `{}`", node.name);
    let container = engine.docker().inspect_container(&node.id, None).await;
    let container = container.map_err(|err| EngineError::failed(action(), err))?;
    let text = container.state.and_then(|it| it.started_at).unwrap_or_default();
    // Engines write it in RFC 3339. Any other value is not a time.
    Ok(parse_time(&text).unwrap_or(SystemTime::UNIX_EPOCH))
}

/// Reads a time in RFC 3339, which some engines write with the offset of the machine's time zone.
fn parse_time(text: &str) -> Option<SystemTime> {
    // The date before it contains `-`, too.
    let clock = text.find('T')?;
    let Some(at) = text[clock..].find(['+', '-']) else {
        return humantime::parse_rfc3339(text).ok();
    };
    let (time, offset) = text.split_at(clock + at);
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let offset_secs = Duration::from_secs((hours * 60 + minutes) * 60);
    let time = humantime::parse_rfc3339(&format!("{time}Z")).ok()?;
    match offset.starts_with('+') {
        true => time.checked_sub(offset_secs),
        false => time.checked_add(offset_secs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_be_those_of_a_zone() {
        let utc = parse_time("2026-11-26T18:00:00.5Z").unwrap();
        for text in [
            "2026-11-26T18:00:00.500000000+00:00",
            "2026-11-26T20:00:00.5+02:00",
            "2026-11-26T12:30:00.5-05:30",
        ] {
            assert_eq!(parse_time(text), Some(utc), "{text}");
        }
        for text in ["", "2026-11-26", "2026-11-26T18:00:00+x:y"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn a_node_is_ready_only_when_it_was_heard_of_since_its_start() {
        let time = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        let node =
            |is_ready| NodeStatus { is_ready, message: "no network".into(), ..<_>::default() };
        let why = |node: Option<&NodeStatus>, renewed, started: Option<u64>| {
            why_not_ready(node, Option::map(renewed, time).as_ref(), started.map(time).as_ref())
        };
        assert_eq!(why(Some(&node(true)), Some(2), Some(1)), None);
        let says = |it: Option<String>| it.unwrap();
        assert_eq!(says(why(None, None, None)), "it has not joined yet");
        assert_eq!(says(why(Some(&node(false)), Some(2), Some(1))), "NotReady: no network");
        // The state in the API is from before the node was stopped.
        let silent = "it has not reported since it was started";
        assert_eq!(says(why(Some(&node(true)), Some(1), Some(2))), silent);
        assert_eq!(says(why(Some(&node(true)), None, Some(2))), silent);
    }
}
