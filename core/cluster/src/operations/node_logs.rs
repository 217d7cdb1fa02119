//! The logs of the nodes.

use super::signals::Signals;
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::nodes::Node;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::TryStreamExt as _;
use futures_util::future::try_join_all;

/// Passes the logs of nodes to `print`, in whole lines, with the node's name.
///
/// With `follow`, it continues until a signal arrives, or all of them have ended.
///
/// # Errors
///
/// When the engine fails.
pub async fn logs(
    engine: &Engine,
    nodes: &[&Node],
    tail: Option<u32>,
    follow: bool,
    print: &dyn Fn(&str, &str),
) -> Result<(), ClusterError> {
    let mut signals = Signals::take();
    let all = nodes.iter().map(|it| one(engine, it, tail, follow, print));
    // Concurrently if they have no end, one after another otherwise.
    let work = async {
        match follow {
            true => try_join_all(all).await.map(drop),
            false => {
                for it in all {
                    it.await?;
                }
                Ok(())
            }
        }
    };
    tokio::select! {
        () = signals.next() => Ok(()),
        result = work => result,
    }
}

async fn one(
    engine: &Engine,
    node: &Node,
    tail: Option<u32>,
    follow: bool,
    print: &dyn Fn(&str, &str),
) -> Result<(), ClusterError> {
    let tail = tail.map_or("all".to_owned(), |it| it.to_string());
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).follow(follow).tail(&tail);
    let mut output = Box::pin(engine.docker().logs(&node.id, Some(options.build())));
    let failed = |err| EngineError::failed(format!("read the log of `{}`", node.name), err);
    let mut line = String::new();
    while let Some(part) = output.try_next().await.map_err(failed)? {
        line.push_str(&part.to_string());
        if let Some(end) = line.rfind('\n') {
            print(&node.name, &line[..end]);
            line.drain(..=end);
        }
    }
    if !line.is_empty() {
        print(&node.name, &line);
    }
    Ok(())
}
