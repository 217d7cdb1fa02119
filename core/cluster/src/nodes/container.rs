//! What is done with the container of a node: files, programs, the end of its log.

use super::inventory::Node;
use crate::engine::{Engine, EngineError, File, TIME_LIMIT, TRANSFER_LIMIT, in_time, pack};
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::{LogsOptionsBuilder, UploadToContainerOptionsBuilder};
use futures_util::TryStreamExt as _;
use pintle_host::services::Excerpt;

/// Puts files into a container, which need not run.
pub(crate) async fn put_files(
    engine: &Engine,
    id: &str,
    name: &str,
    files: &[File],
) -> Result<(), EngineError> {
    let action = || format!("put files into the container `{name}`");
    let archive = pack(files).map_err(|err| EngineError::other(action(), err.to_string()))?;
    let options = UploadToContainerOptionsBuilder::new().path("/").build();
    let body = bollard::body_full(archive.into());
    let uploaded = engine.docker().upload_to_container(id, Some(options), body).await;
    uploaded.map_err(|err| EngineError::failed(action(), err))
}

/// Runs a program in a node, and returns its exit code and its output.
pub(crate) async fn exec(
    engine: &Engine,
    node: &Node,
    command: &[&str],
) -> Result<(i64, Option<Excerpt>), EngineError> {
    let action = || format!("run `{}` in `{}`", command.join(" "), node.name);
    let failed = |err| EngineError::failed(action(), err);
    let docker = engine.for_transfer();
    let config = ExecConfig {
        cmd: Some(command.iter().map(|it| (*it).to_owned()).collect()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..ExecConfig::default()
    };
    let id = docker.create_exec(&node.id, config).await.map_err(failed)?.id;
    let started = docker.start_exec(&id, None::<StartExecOptions>).await.map_err(failed)?;
    let mut said = String::new();
    if let StartExecResults::Attached { output, .. } = started {
        let parts = output.map_ok(|it| it.to_string()).try_collect::<Vec<_>>();
        said = in_time(TRANSFER_LIMIT, action, parts).await?.concat();
    }
    // The stream ends when the program does, so its exit code is known now.
    let ended = docker.inspect_exec(&id).await.map_err(failed)?;
    Ok((ended.exit_code.unwrap_or(-1), excerpt(said)))
}

/// Returns the last lines that a container has printed.
pub(crate) async fn log_tail(engine: &Engine, id: &str) -> Option<Excerpt> {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail("10").build();
    let lines = engine.docker().logs(id, Some(options));
    let lines = lines.map_ok(|it| it.to_string()).try_collect();
    let lines = in_time(TIME_LIMIT, || "read a log".to_owned(), lines).await;
    // Another failure is reported already; the log would only have explained it.
    let lines: Vec<String> = lines.unwrap_or_default();
    excerpt(lines.concat())
}

fn excerpt(text: String) -> Option<Excerpt> {
    let is_empty = text.trim().is_empty();
    (!is_empty).then_some(Excerpt(text))
}
