//! A program that takes a step of a scaffolding subcommand: host and program exchange lines of
//! JSON, and the program requests the files that it needs.

use super::called::Program;
use super::strict;
use super::variables::Variables;
use crate::process::{Chunk, JobError, JobErrorKind, Running};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::json::Value;
use pintle_plugin::message::program::{
    HostLine, ProgramNode, ProgramScaffold, ProgramScaffoldReply, ProgramSelection,
};
use pintle_plugin::message::{
    CommandDescription, ErrorReply, ScaffoldReply, ScaffoldRequest, ServiceRequest, Step,
};
use pintle_plugin::{ChangeKind, MODE_FILE, Node, Select};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The longest line of a program, in bytes.
const MAX_LINE: usize = 256 << 20;
/// The time limit for a step.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// The number of the only cleanup of a step.
const CLEANUP: u64 = 0;

pub(super) fn run(
    program: &Program,
    request: &ScaffoldRequest,
    services: &dyn HostServices,
) -> Result<(ScaffoldReply, Vec<Node>), ErrorReply> {
    let declared = program.info.scaffolds.iter().find(|it| it.subcommand == request.subcommand);
    let Some(declared) = declared else { return Ok((ScaffoldReply::default(), Vec::new())) };
    match request.step {
        Step::UpdateMetadata | Step::BindFlags => {
            return Ok((description(declared, request.step), Vec::new()));
        }
        step if !takes(declared, step) => return Ok((ScaffoldReply::default(), Vec::new())),
        _ => {}
    }
    let mut session = Session::start(program, request, services)?;
    session.send(&HostLine::Request(Box::new(request.clone())))?;
    loop {
        let (key, value) = session.line()?;
        match key.as_str() {
            "reply" => {
                let ProgramScaffoldReply { nodes, reply, .. } = read(&key, value)?;
                session.end()?;
                let nodes = nodes.into_iter().map(|it| node(it, services));
                return Ok((reply, nodes.collect::<Result<_, _>>()?));
            }
            "error" => return Err(read(&key, value)?),
            _ => session.send(&answer(&key, value, services).unwrap_or_else(HostLine::Error))?,
        }
    }
}

/// Returns the program's declaration of a subcommand.
fn description(declared: &ProgramScaffold, step: Step) -> ScaffoldReply {
    let mut reply = ScaffoldReply::default();
    if step == Step::BindFlags {
        reply.flags.clone_from(&declared.flags);
    } else if !declared.about.is_empty() {
        let mut description = CommandDescription::default();
        description.about.clone_from(&declared.about);
        reply.description = Some(description);
    }
    reply
}

fn takes(declared: &ProgramScaffold, step: Step) -> bool {
    match declared.steps.as_slice() {
        [] => step == Step::Scaffold,
        steps => steps.contains(&step),
    }
}

/// A program that takes a step.
struct Session<'a> {
    program: &'a Program,
    services: &'a dyn HostServices,
    running: Running,
    /// The output of the program for the next lines.
    pending: Vec<u8>,
    /// How much of it has no line feed.
    searched: usize,
}

impl<'a> Session<'a> {
    fn start(
        program: &'a Program,
        request: &ScaffoldRequest,
        services: &'a dyn HostServices,
    ) -> Result<Self, ErrorReply> {
        let step = serde_json::to_value(request.step).unwrap_or_default();
        let mut variables = Variables::of("EXEC")
            .set("SUBCOMMAND", &request.subcommand)
            .set("STEP", step.as_str().unwrap_or_default())
            .set("PROJECT_NAME", &request.project.name)
            .set("PROJECT_DOMAIN", &request.project.domain)
            .set("PROJECT_REPO", &request.project.repo)
            .values(&request.args);
        if let Some(resource) = &request.resource {
            variables = variables.resource(resource);
        }
        let running = Running::start(program.command(variables), LIMIT);
        let running = running.map_err(|err| program.failed(&err))?;
        // For a host that does not wait, after a second signal.
        let _ = services.cleanup(CLEANUP, Some(Box::new(running.killer())));
        Ok(Self { program, services, running, pending: Vec::new(), searched: 0 })
    }

    fn send(&self, line: &HostLine) -> Result<(), ErrorReply> {
        let json = serde_json::to_vec(line).map_err(|err| ErrorReply::failed(err.to_string()))?;
        self.running.send([&json, b"\n".as_slice()].concat());
        Ok(())
    }

    /// Waits for the next line, and returns its key and its value.
    fn line(&mut self) -> Result<(String, Value), ErrorReply> {
        loop {
            while let Some(line) = self.take_line() {
                if !line.trim_ascii().is_empty() {
                    return parse(&line);
                }
            }
            if self.pending.len() > MAX_LINE {
                let err = self.running.error(JobErrorKind::TooLong { limit: MAX_LINE });
                return Err(self.program.failed(&err));
            }
            match self.next()? {
                Some(bytes) => self.pending.extend(bytes),
                None => return Err(self.silent()),
            }
        }
    }

    /// Takes a complete line from the program's output.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        let found = self.pending[self.searched..].iter().position(|it| *it == b'\n');
        let Some(at) = found else {
            self.searched = self.pending.len();
            return None;
        };
        let rest = self.pending.split_off(self.searched + at + 1);
        self.searched = 0;
        Some(std::mem::replace(&mut self.pending, rest))
    }

    /// Waits for output; the standard error is shown.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ErrorReply> {
        loop {
            let chunk = self.running.next(Some(self.services));
            match chunk.map_err(|err| self.program.failed(&err))? {
                Some(Chunk::Err(bytes)) => self.services.write(Stream::Err, &bytes),
                Some(Chunk::Out(bytes)) => return Ok(Some(bytes)),
                None => return Ok(None),
            }
        }
    }

    /// Waits for the program's end, after its last line.
    fn end(&mut self) -> Result<(), ErrorReply> {
        self.running.close_input();
        while let Some(bytes) = self.next()? {
            self.pending.extend(bytes);
            if self.pending.len() > MAX_LINE {
                break;
            }
        }
        if !self.pending.trim_ascii().is_empty() {
            let mut err = ErrorReply::failed("the program wrote more output after its reply");
            err.causes.push(shown(&self.pending));
            return Err(err);
        }
        self.success()
    }

    fn success(&mut self) -> Result<(), ErrorReply> {
        let status = self.running.wait(Some(self.services));
        let status = status.map_err(|err| self.program.failed(&err))?;
        if status.success() {
            return Ok(());
        }
        let stderr = self.running.stderr();
        Err(self.program.failed(&JobError { kind: JobErrorKind::Failed { status }, stderr }))
    }

    /// Returns the error of a program that ended without a reply.
    fn silent(&mut self) -> ErrorReply {
        if !self.pending.trim_ascii().is_empty() {
            let mut err = ErrorReply::failed("the last line of the program's output is incomplete");
            err.causes.push(shown(&self.pending));
            return err;
        }
        self.success().err().unwrap_or_else(|| {
            let mut err = ErrorReply::failed("the program exited without a reply");
            err.hint = Some("end each step with a `reply` or an `error`".to_owned());
            err
        })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let _ = self.services.cleanup(CLEANUP, None);
    }
}

/// Parses a line: an object with one key.
fn parse(line: &[u8]) -> Result<(String, Value), ErrorReply> {
    let invalid = |why: String| {
        let mut err = ErrorReply::failed("the program wrote a line that is not a message");
        err.causes.push(why);
        err.causes.push(shown(line));
        err.hint = Some("write messages for the user to the standard error".to_owned());
        err
    };
    let value: Value = serde_json::from_slice(line).map_err(|err| invalid(err.to_string()))?;
    match value {
        Value::Object(map) if map.len() == 1 => {
            map.into_iter().next().ok_or_else(|| invalid("it is empty".to_owned()))
        }
        _ => Err(invalid("it is not an object with one key".to_owned())),
    }
}

/// Returns the beginning of a line as a text.
fn shown(line: &[u8]) -> String {
    const MAX: usize = 200;
    let text = String::from_utf8_lossy(&line[..line.len().min(MAX)]);
    let text = text.trim();
    match line.len() {
        0..=MAX => format!("the line is: {text}"),
        len => format!("the line, of {len} bytes, begins with: {text}"),
    }
}

fn read<T: DeserializeOwned>(key: &str, value: Value) -> Result<T, ErrorReply> {
    strict::read(value).map_err(|err| {
        let mut reply = ErrorReply::failed(format!("the program wrote an invalid `{key}`"));
        reply.causes.push(err.to_string());
        reply
    })
}

/// Handles the request in a line. If it cannot be handled, the program receives an error.
fn answer(key: &str, value: Value, services: &dyn HostServices) -> Result<HostLine, ErrorReply> {
    match key {
        "paths" => {
            let selection: ProgramSelection = read(key, value)?;
            Ok(HostLine::Paths(services.paths(select(&selection)?)?))
        }
        "nodes" => {
            let selection: ProgramSelection = read(key, value)?;
            let nodes = services.nodes(select(&selection)?)?;
            Ok(HostLine::Nodes(nodes.iter().map(|it| sent(it, selection.base64)).collect()))
        }
        "service" => {
            let request: ServiceRequest = read(key, value)?;
            Ok(HostLine::Service(Box::new(services.request(request)?)))
        }
        other => Err(ErrorReply::unsupported(format!("this host does not support `{other}`"))),
    }
}

fn select(selection: &ProgramSelection) -> Result<Select<'_>, ErrorReply> {
    let ProgramSelection { path, glob, plugin, subcommand, .. } = selection;
    match (path, glob, plugin, subcommand) {
        (None, None, None, None) => Ok(Select::All),
        (Some(path), None, None, None) => Ok(Select::Path(path)),
        (None, Some(glob), None, None) => Ok(Select::Glob(glob)),
        (None, None, Some(plugin), None) => Ok(Select::Plugin(plugin)),
        (None, None, Some(plugin), Some(subcommand)) => Ok(Select::Origin { plugin, subcommand }),
        _ => Err(ErrorReply::failed(
            "a selection can have only one of `path`, `glob` and `plugin`, and `subcommand` only \
             with `plugin`",
        )),
    }
}

/// Returns a file in the form for programs.
fn sent(node: &Node, as_base64: bool) -> ProgramNode {
    let mut sent = ProgramNode::default();
    node.path().clone_into(&mut sent.path);
    sent.mode = format!("{:04o}", node.mode());
    match std::str::from_utf8(node.bytes()) {
        Ok(text) if !as_base64 => sent.text = Some(text.to_owned()),
        _ => sent.base64 = Some(BASE64.encode(node.bytes())),
    }
    sent.plugin = node.plugin().unwrap_or_default().to_owned();
    sent.subcommand = node.subcommand().unwrap_or_default().to_owned();
    sent
}

/// Returns a file that a program has sent.
fn node(made: ProgramNode, services: &dyn HostServices) -> Result<Node, ErrorReply> {
    let wrong = |why: String| {
        ErrorReply::failed(format!("the program wrote an invalid file `{}`: {why}", made.path))
    };
    let kind = match made.change.as_str() {
        "" | "add" => ChangeKind::Add,
        "edit" => ChangeKind::Edit,
        "put" => ChangeKind::Put,
        other => {
            return Err(wrong(format!(
                "unknown change `{other}`: expected `add`, `edit` or `put`"
            )));
        }
    };
    let mode = match (made.mode.as_str(), kind) {
        ("", ChangeKind::Edit) => {
            let present = services.nodes(Select::Path(&made.path))?;
            present.first().map_or(MODE_FILE, Node::mode)
        }
        ("", _) => MODE_FILE,
        (digits, _) => {
            u32::from_str_radix(digits, 8).ok().filter(|it| *it <= 0o777).ok_or_else(|| {
                wrong(format!(
                    "invalid mode `{digits}`: expected an octal number, for example `0755`"
                ))
            })?
        }
    };
    let bytes = match (&made.text, &made.base64) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(text)) => {
            BASE64.decode(text).map_err(|err| wrong(format!("its base64 is invalid: {err}")))?
        }
        _ => return Err(wrong("exactly one of `text` and `base64` is required".to_owned())),
    };
    Ok(Node::new(made.path, bytes, mode).with_change(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::{Console, Services};
    use pintle_plugin::json::json;
    use std::sync::Arc;

    #[test]
    fn files_come_and_go_as_text_or_base64() {
        let text = Node::new("a.txt", "ä\n", 0o644);
        assert_eq!(
            json!(sent(&text, false)),
            json!({"path": "a.txt", "mode": "0644", "text": "ä\n"})
        );
        assert_eq!(sent(&text, true).base64.as_deref(), Some("w6QK"));
        let binary = Node::new("b", [0xff, 0], 0o755);
        assert_eq!(
            json!(sent(&binary, false)),
            json!({"path": "b", "mode": "0755", "base64": "/wA="})
        );
    }

    fn made(json: Value) -> Result<Node, String> {
        let services = Services::new(Arc::new(Console::new())).of("a.io/v1.0.0");
        node(serde_json::from_value(json).unwrap(), &services).map_err(|err| err.message)
    }

    #[test]
    fn a_file_of_a_program_is_checked() {
        let node = made(json!({"path": "b", "mode": "0755", "base64": "/wA=", "change": "put"}));
        let node = node.unwrap();
        assert_eq!((node.bytes(), node.mode()), ([0xff, 0].as_slice(), 0o755));
        assert_eq!(node.change(), ChangeKind::Put);
        for (json, why) in [
            (json!({"path": "b"}), "exactly one of `text` and `base64` is required"),
            (
                json!({"path": "b", "text": "", "base64": ""}),
                "exactly one of `text` and `base64` is required",
            ),
            (json!({"path": "b", "text": "", "mode": "9"}), "invalid mode `9`"),
            (json!({"path": "b", "text": "", "mode": "4755"}), "invalid mode `4755`"),
            (json!({"path": "b", "text": "", "change": "x"}), "unknown change `x`"),
            (json!({"path": "b", "base64": "?"}), "its base64 is invalid"),
        ] {
            let err = made(json).unwrap_err();
            assert!(err.contains(why), "{err}");
        }
    }

    #[test]
    fn a_line_is_an_object_with_one_key() {
        assert_eq!(parse(br#"{"reply":{}}"#).unwrap().0, "reply");
        for line in ["log line", "[]", "{}", r#"{"a":1,"b":2}"#, "3"] {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
    }
}
