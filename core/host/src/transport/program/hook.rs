//! A program that is run for an event.

use super::called::Program;
use super::files::Files;
use super::variables::Variables;
use crate::process::{Chunk, JobError, JobErrorKind, Running};
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::program::ProgramHookReply;
use pintle_plugin::message::{ErrorReply, HookReply, Resource};
use serde::Deserialize as _;
use std::path::Path;
use std::time::Duration;

/// The dispatch of hooks has its own limit, and cancels calls that exceed it.
const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);
/// The number of the only cleanup of a call.
const CLEANUP: u64 = 0;

pub(super) fn run(
    program: &Program,
    event: &str,
    payload: &[u8],
    services: &dyn HostServices,
) -> Result<HookReply, ErrorReply> {
    // From here on, a signal only cancels the call.
    if services.wait_cancelled(Duration::ZERO) {
        let kind = JobErrorKind::Cancelled;
        return Err(program.failed(&JobError { kind, stderr: String::new() }));
    }
    let files = Files::create()?;
    let parsed: Value = serde_json::from_slice(payload).unwrap_or_default();
    let mut variables = Variables::of("EXEC").set("EVENT", event).set("REPLY", files.reply());
    variables = variables.values(&own_options(program, &parsed));
    if let Ok(resource) = Resource::deserialize(&parsed["resource"]) {
        variables = variables.resource(&resource);
    }
    for of_group in &program.around.variables {
        for (suffix, value) in of_group(event, &parsed) {
            variables = variables.set(suffix, value);
        }
    }
    let ended = wait(program.command(variables), payload, files.path(), services);
    let reply: Result<ProgramHookReply, _> = files.read_reply();
    match (ended, reply) {
        (Ok(()), Ok(mut reply)) => {
            if let Some(err) = reply.error.take() {
                return Err(err);
            }
            for request in std::mem::take(&mut reply.services) {
                services.request(request)?;
            }
            Ok(reply.into_hook_reply())
        }
        (Err(err), Ok(ProgramHookReply { error: Some(mut reply), .. })) => {
            reply.causes.push(err.to_string());
            Err(reply)
        }
        (Err(err), _) => Err(program.failed(&err)),
        (Ok(()), Err(err)) => Err(err),
    }
}

/// Runs the program until it has ended; its output is shown as messages.
fn wait(
    command: std::process::Command,
    payload: &[u8],
    folder: &Path,
    services: &dyn HostServices,
) -> Result<(), JobError> {
    let mut running = Running::start(command, NO_LIMIT)?;
    // For a host that does not wait, after a second signal.
    let (kill, folder) = (running.killer(), folder.to_owned());
    let at_once = Box::new(move || {
        kill();
        // Nothing else can be done about it.
        let _ = std::fs::remove_dir_all(folder);
    });
    let _ = services.cleanup(CLEANUP, Some(at_once));
    let ended = follow(&mut running, payload, services);
    let _ = services.cleanup(CLEANUP, None);
    ended
}

fn follow(
    running: &mut Running,
    payload: &[u8],
    services: &dyn HostServices,
) -> Result<(), JobError> {
    running.send(payload.to_vec());
    running.close_input();
    while let Some(Chunk::Out(bytes) | Chunk::Err(bytes)) = running.next(Some(services))? {
        services.write(Stream::Err, &bytes);
    }
    let status = running.wait(Some(services))?;
    match status.success() {
        true => Ok(()),
        false => Err(JobError { kind: JobErrorKind::Failed { status }, stderr: running.stderr() }),
    }
}

/// Returns the values of the options that the program itself added to the command.
fn own_options(program: &Program, payload: &Value) -> Map<String, Value> {
    let is_own = |name: &String| {
        program.info.options.iter().flat_map(|it| &it.args).any(|it| it.name == *name)
    };
    let given = payload["options"].as_object().into_iter().flatten();
    given.filter(|it| is_own(it.0)).map(|(name, it)| (name.clone(), it.clone())).collect()
}
