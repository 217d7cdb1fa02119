//! A program that is run for a command.

use super::called::Program;
use super::files::Files;
use super::variables::{Variables, positional};
use crate::process::{ending, pause};
use crate::services::ForegroundProgram;
use pintle_plugin::host::{HostServices, Level};
use pintle_plugin::message::program::ProgramCommandReply;
use pintle_plugin::message::{CommandReply, CommandRequest, ErrorKind, ErrorReply};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// The exit codes after Ctrl-C, and after writing to a closed pipe.
const SIGINT_CODE: u8 = 128 + 2;
const SIGPIPE_CODE: u8 = 128 + 13;
/// How long a program may take to end when the host is asked to end.
const GRACE: Duration = Duration::from_secs(8);

pub(super) fn run(
    program: &Program,
    request: &CommandRequest,
    services: &dyn HostServices,
) -> Result<CommandReply, ErrorReply> {
    let files = Files::create()?;
    let json = serde_json::to_vec(request).map_err(|err| ErrorReply::failed(err.to_string()))?;
    let variables = Variables::of("EXEC")
        .set("WORDS", request.path.join(" "))
        .set("REQUEST", files.request(&json)?)
        .set("REPLY", files.reply())
        .values(&request.args);
    let mut command = program.command(variables);
    command.args(positional(&program.description(&request.path)?.args, &request.args));
    let cannot = |err: std::io::Error| {
        let mut reply =
            ErrorReply::failed(format!("failed to run program `{}`", program.path.display()));
        reply.causes.push(err.to_string());
        reply
    };
    let status = wait(&mut command, services).map_err(cannot)?;
    let reply: ProgramCommandReply = match files.read_reply() {
        // A program that failed may have written no reply.
        Err(_) if !status.success() => ProgramCommandReply::default(),
        reply => reply?,
    };
    if let Some(mut err) = reply.error {
        if status.code() == Some(2) && err.kind == ErrorKind::Failed {
            err.kind = ErrorKind::Usage;
        }
        return Err(err);
    }
    let mut answer = CommandReply::default();
    answer.exit_code = exit_code(status);
    if !status.success() {
        // That of Ctrl-C and a closed pipe is the user's.
        if status.code().is_none() && !matches!(answer.exit_code, SIGINT_CODE | SIGPIPE_CODE) {
            let text = format!("program `{}` {}", program.path.display(), ending(status));
            services.log(Level::Error, &text);
        }
        return Ok(answer);
    }
    for request in reply.services {
        services.request(request)?;
    }
    answer.continue_with = reply.continue_with;
    Ok(answer)
}

/// Runs the program with the host's own streams, in the host's process group: Ctrl-C is sent to
/// both, and the host waits for the program. The host passes on other signals.
fn wait(command: &mut Command, services: &dyn HostServices) -> std::io::Result<ExitStatus> {
    let _terminal = ForegroundProgram::begin();
    let mut child = command.spawn()?;
    let start = Instant::now();
    let mut cancelled: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        match cancelled {
            None if services.wait_cancelled(pause(start.elapsed())) => {
                cancelled = Some(Instant::now());
                tell(&mut child);
            }
            None => {}
            Some(since) if since.elapsed() > GRACE => {
                child.kill()?;
                return child.wait();
            }
            Some(_) => std::thread::sleep(pause(start.elapsed())),
        }
    }
}

#[cfg(unix)]
fn tell(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn tell(child: &mut Child) {
    let _ = child.kill();
}

/// Returns the exit code, for a signal as shells give it.
fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(1);
    }
    // Windows has codes of 32 bits.
    status.code().map_or(1, |it| u8::try_from(it).unwrap_or(1))
}
