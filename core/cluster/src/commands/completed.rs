//! Completions for clusters, nodes and images, which the engine currently has.
//!
//! While a line is completed, the engine has [a short time](super::session_engine) to respond. If
//! it fails, there are no completions.

use super::session_engine::{WHILE_COMPLETING, names, with_engine};
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::nodes::{self, Node};
use bollard::query_parameters::ListImagesOptions;
use clap::ArgMatches;
use pintle_host::cli::Session;
use pintle_plugin::Candidate;
use std::collections::BTreeMap;
use tokio::time::timeout;

/// Returns the clusters that are not on the line yet.
pub(super) fn clusters(session: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for node in all_nodes(session) {
        *found.entry(node.cluster).or_default() += 1;
    }
    let given: Vec<_> = ["name", "cluster"].iter().flat_map(|it| texts(matches, it)).collect();
    found.retain(|name, _| !given.contains(&name));
    let candidate = |(name, n): (String, usize)| {
        Candidate::new(name, if n == 1 { "1 node".to_owned() } else { format!("{n} nodes") })
    };
    found.into_iter().map(candidate).collect()
}

/// Returns the nodes that are not on the line yet.
pub(super) fn nodes(session: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    let given: Vec<_> = texts(matches, "node").collect();
    let mut nodes = all_nodes(session);
    nodes.retain(|it| !given.contains(&&it.name));
    let about = |it: &Node| format!("{} of {}", it.role, it.cluster);
    nodes.iter().map(|it| Candidate::new(it.name.clone(), about(it))).collect()
}

/// Returns the ways to name one node of the cluster on the line, or all nodes of a role.
pub(super) fn filters(session: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    let Some(name) = texts(matches, "name").next() else { return Vec::new() };
    let mut found = Vec::new();
    for node in all_nodes(session).into_iter().filter(|it| it.cluster == *name) {
        let all = Candidate::new(
            format!("{}:*", node.role),
            format!("All nodes with the role {}", node.role),
        );
        if !found.contains(&all) {
            found.push(all);
        }
        found.push(Candidate::new(format!("{}:{}", node.role, node.idx()), node.name));
    }
    found
}

/// Returns the images of the engine that have a name.
pub(super) fn images(session: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    let given: Vec<_> = texts(matches, "image").collect();
    let mut names = asked(session, async |engine| images_of(&engine).await);
    names.retain(|it| !given.contains(&it));
    names.into_iter().map(|it| Candidate::new(it, "")).collect()
}

async fn images_of(engine: &Engine) -> Result<Vec<String>, ClusterError> {
    let images = engine.docker().list_images(None::<ListImagesOptions>).await;
    let images = images.map_err(|err| EngineError::failed("list images", err))?;
    let mut names: Vec<_> = images.into_iter().flat_map(|it| it.repo_tags).collect();
    names.retain(|it| !it.starts_with("<none>"));
    names.sort();
    Ok(names)
}

fn all_nodes(session: &Session<'_>) -> Vec<Node> {
    let names = names(session);
    asked(session, async |engine| nodes::all_nodes(&engine, &names).await)
}

/// Returns the engine's answer. The time limit of its client ends at the head of a response.
fn asked<T>(
    session: &Session<'_>,
    work: impl AsyncFnOnce(Engine) -> Result<Vec<T>, ClusterError>,
) -> Vec<T> {
    let answer = with_engine(session, async |engine| {
        timeout(WHILE_COMPLETING, work(engine)).await.unwrap_or(Ok(Vec::new()))
    });
    answer.unwrap_or_default()
}

/// Returns the values of an argument that the command may have.
fn texts<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a String> {
    matches.try_get_many::<String>(name).ok().flatten().into_iter().flatten()
}
