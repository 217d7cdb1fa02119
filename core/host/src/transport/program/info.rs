//! What a program says of itself: asking for it, and judging it.

use super::called::stderr;
use super::surroundings::Surroundings;
use super::variables::Variables;
use crate::identity::Identity;
use crate::process::{Job, JobErrorKind, Output};
use pintle_plugin::Arg;
use pintle_plugin::manifest::{FORMAT, Manifest, ManifestCommand, SUBCOMMANDS};
use pintle_plugin::message::Step;
use pintle_plugin::message::program::{ProgramInfo, ProgramScaffold};
use pintle_plugin::rules;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// The longest answer, also of a program that suggests values, in bytes.
pub(super) const MAX_ANSWER: usize = 1 << 20;
/// The capability of programs that suggest values.
pub(super) const COMPLETE: &str = "complete";
/// How long a program may take to say what it is.
const LIMIT: Duration = Duration::from_secs(5);

/// Why a program is refused, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    /// What is wrong; it speaks of the program as "it".
    pub(super) message: String,
    /// Details, which may have several lines.
    pub(super) details: String,
    pub(super) hint: String,
}

impl Refused {
    fn answer(message: impl Into<String>, details: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            details: details.into(),
            hint: "report this to the plugin's author".to_owned(),
        }
    }
}

/// Asks a program what it is, and judges the answer.
pub(super) fn ask(path: &Path, around: &Surroundings) -> Result<ProgramInfo, Refused> {
    // A program that was registered finds what is beside it by its own path.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut command = Command::new(path);
    Variables::of("INFO").apply(&mut command, &around.identity);
    // Relative paths mean nothing to what is asked once and for all.
    if let Some(folder) = path.parent() {
        command.current_dir(folder);
    }
    let (input, limit) = (Arc::default(), LIMIT);
    let job = Job { command, input, limit, max_output: MAX_ANSWER, services: None };
    let Output { stdout, .. } = job.run_well().map_err(|err| {
        let causes = std::iter::successors(std::error::Error::source(&err), |it| it.source());
        let mut details: Vec<_> = causes.map(ToString::to_string).collect();
        if !err.stderr.is_empty() {
            details.push(stderr(&err.stderr));
        }
        let hint = match &err.kind {
            JobErrorKind::Start(_) => {
                "check the program's first line, its interpreter and its permissions".to_owned()
            }
            JobErrorKind::KeepsOutput => {
                "redirect the output of what shall go on running: `>/dev/null 2>&1 &`".to_owned()
            }
            _ => {
                let variable = around.identity.env_var("COMMAND");
                format!("run it with `{variable}=INFO` to see what it does")
            }
        };
        let message = format!("it does not say what it is: {err}");
        Refused { message, details: details.join("\n"), hint }
    })?;
    let info = parse(&stdout)?;
    judge(&info, around)?;
    Ok(info)
}

/// Reads an answer, which is YAML; JSON is YAML, too.
fn parse(answer: &[u8]) -> Result<ProgramInfo, Refused> {
    let Ok(text) = std::str::from_utf8(answer) else {
        return Err(Refused::answer("its answer is not UTF-8", ""));
    };
    if text.trim().is_empty() {
        return Err(Refused::answer("it does not say what it is: its answer is empty", ""));
    }
    let info: ProgramInfo = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).map_err(|err| err.to_string()),
        // Its text would show the answer, over several lines.
        false => serde_saphyr::from_str(text).map_err(|err| {
            err.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter)
        }),
    }
    .map_err(|err| Refused::answer("its answer cannot be read as YAML or JSON", err))?;
    Ok(info)
}

/// Checks what the catalog does not: events, subcommands and arguments.
fn judge(info: &ProgramInfo, around: &Surroundings) -> Result<(), Refused> {
    if info.version.is_empty() {
        return Err(Refused::answer("its answer lacks `version`", ""));
    }
    if let Some(unknown) = info.events.iter().find(|it| !around.events.contains(&it.as_str())) {
        let mut refused =
            Refused::answer(format!("it has a hook on the unknown event `{unknown}`"), "");
        refused.hint = format!("`{} events` lists the events", around.identity.command_name);
        return Err(refused);
    }
    let wrong = |what: String| {
        move |why: String| Refused::answer(format!("it declares {what} wrongly"), why)
    };
    for it in &info.commands {
        rules::check_command(&it.args, &it.groups)
            .map_err(wrong(format!("its command `{}`", it.command)))?;
    }
    for it in &info.options {
        if !around.hooked.contains(&it.command) {
            let text = format!("it adds options to the unknown command `{}`", it.command);
            let known = around.hooked.join(", ");
            return Err(Refused::answer(text, format!("options can be added to {known}")));
        }
        rules::check_options(&it.args)
            .map_err(wrong(format!("its options of `{}`", it.command)))?;
    }
    for it in &info.scaffolds {
        judge_scaffold(it)?;
        rules::check_flags(&it.subcommand, &it.flags)
            .map_err(wrong(format!("its flags of `{}`", it.subcommand)))?;
    }
    let args = info.commands.iter().flat_map(|it| &it.args);
    let is_completed = |it: &Arg| it.completed;
    match args.into_iter().any(is_completed) && !info.capabilities.iter().any(|it| it == COMPLETE) {
        true => Err(Refused::answer(
            "it has an argument that is `completed`, and lacks the capability `complete`",
            "",
        )),
        false => Ok(()),
    }
}

fn judge_scaffold(scaffold: &ProgramScaffold) -> Result<(), Refused> {
    let name = &scaffold.subcommand;
    if !SUBCOMMANDS.contains(&name.as_str()) {
        let text = format!("it takes part in the unknown subcommand `{name}`");
        return Err(Refused::answer(text, format!("there are {}", SUBCOMMANDS.join(", "))));
    }
    let is_run = |it: &Step| !matches!(it, Step::UpdateMetadata | Step::BindFlags | Step::Unknown);
    match scaffold.steps.iter().all(is_run) {
        true => Ok(()),
        false => {
            let text = format!("it names a step of `{name}` that programs are not run for");
            let steps = "inject_config, inject_resource, pre_scaffold, scaffold, post_scaffold";
            Err(Refused::answer(text, format!("there are {steps}")))
        }
    }
}

/// Returns the manifest of a program that has said what it is.
pub(super) fn manifest(path: &Path, info: &ProgramInfo, host: &Identity) -> Manifest {
    let mut manifest = Manifest::default();
    manifest.format = FORMAT;
    manifest.name = match info.name.as_str() {
        "" => name_of(path, &host.command_name),
        name => name.to_owned(),
    };
    manifest.version.clone_from(&info.version);
    manifest.description.clone_from(&info.description);
    manifest.deprecated.clone_from(&info.deprecated);
    manifest.host.clone_from(&info.host);
    manifest.project_versions.clone_from(&info.project_versions);
    manifest.commands = info
        .commands
        .iter()
        .map(|it| {
            let mut command = ManifestCommand::default();
            command.path = it.path();
            command.about.clone_from(&it.about);
            command
        })
        .collect();
    manifest.subcommands = info.scaffolds.iter().map(|it| it.subcommand.clone()).collect();
    manifest.events.clone_from(&info.events);
    manifest.nouns.clone_from(&info.nouns);
    manifest.homepage.clone_from(&info.homepage);
    manifest.repository.clone_from(&info.repository);
    manifest.license.clone_from(&info.license);
    manifest.authors.clone_from(&info.authors);
    manifest
}

/// Returns the name of a program that does not say it: the file's, without the host's in front
/// and without an extension.
fn name_of(path: &Path, host: &str) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let own = name.strip_prefix(host).and_then(|it| it.strip_prefix('-'));
    own.unwrap_or(&name).replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_name_to_a_program_without_one() {
        for (path, name) in [
            ("/x/pintle-hello", "hello"),
            ("/x/hello.sh", "hello"),
            ("/x/pintle-big_ship.py", "big-ship"),
            ("/x/pintle", "pintle"),
        ] {
            assert_eq!(name_of(Path::new(path), "pintle"), name);
        }
    }

    #[test]
    fn answers_are_yaml_or_json() {
        let yaml = "version: 1.2.3\nevents: [post-ship-moor]\ncommands:\n- command: ship moor\n";
        let info = parse(yaml.as_bytes()).unwrap();
        assert_eq!((info.version.as_str(), info.commands[0].path().len()), ("1.2.3", 2));
        let json = br#" {"version": "1.2.3", "later": {}}"#;
        assert_eq!(parse(json).unwrap().version, "1.2.3");
        for (answer, message) in [
            (b"".as_slice(), "its answer is empty"),
            (b"hello", "cannot be read as YAML or JSON"),
            (b"version: [1]", "cannot be read as YAML or JSON"),
            (b"{\"version\": 1}", "cannot be read as YAML or JSON"),
            (b"version: 1\nevents: {a: b}", "cannot be read as YAML or JSON"),
            (b"\xff", "is not UTF-8"),
        ] {
            let refused = parse(answer).unwrap_err();
            assert!(refused.message.contains(message), "{refused:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_answer_is_one_line() {
        let refused = parse(b"version: 1.0.0\nevents: {a: b}").unwrap_err();
        assert_eq!(refused.details.lines().count(), 1, "{}", refused.details);
        assert!(refused.details.contains("line 2, column"), "{}", refused.details);
    }

    #[test]
    fn an_answer_is_judged() {
        let around = Surroundings {
            events: vec!["post-ship-moor"],
            hooked: vec!["ship moor".to_owned()],
            ..Surroundings::default()
        };
        let check = |yaml: &str| judge(&parse(yaml.as_bytes()).unwrap(), &around);
        assert_eq!(check("version: 1.0.0\nevents: [post-ship-moor]"), Ok(()));
        for (yaml, message) in [
            ("name: a", "lacks `version`"),
            ("version: 1.0.0\nevents: [post-ship-sink]", "unknown event `post-ship-sink`"),
            (
                "version: 1.0.0\ncommands: [{command: a, args: [{name: x}, {name: x}]}]",
                "declares its command `a` wrongly",
            ),
            (
                "version: 1.0.0\noptions: [{command: ship sink, args: [{name: x}]}]",
                "options to the unknown command `ship sink`",
            ),
            ("version: 1.0.0\nscaffolds: [{subcommand: paint}]", "unknown subcommand `paint`"),
            (
                "version: 1.0.0\nscaffolds: [{subcommand: init, steps: [bind_flags]}]",
                "names a step of `init`",
            ),
            (
                "version: 1.0.0\ncommands: [{command: a, args: [{name: x, completed: true}]}]",
                "lacks the capability `complete`",
            ),
        ] {
            let refused = check(yaml).unwrap_err();
            assert!(refused.message.contains(message), "{refused:?}");
        }
    }
}
