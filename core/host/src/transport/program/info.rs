//! The description of a program: requesting it, and checking it.

use super::called::stderr;
use super::strict::not_an_object;
use super::surroundings::{HookedCommand, Surroundings};
use super::variables::{Variables, capitals};
use crate::identity::Identity;
use crate::process::{Job, JobErrorKind, Output};
use pintle_plugin::Arg;
use pintle_plugin::json::Value;
use pintle_plugin::manifest::{FORMAT, Manifest, ManifestCommand, SUBCOMMANDS};
use pintle_plugin::message::Step;
use pintle_plugin::message::program::{ProgramInfo, ProgramOptions, ProgramScaffold};
use pintle_plugin::rules;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// The maximum length of an answer in bytes, also for suggested values.
pub(super) const MAX_ANSWER: usize = 1 << 20;
/// The capability of programs that suggest values.
pub(super) const COMPLETE: &str = "complete";
/// The time limit for the description.
const LIMIT: Duration = Duration::from_secs(5);

/// Why a program is refused, as it is cached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    /// What is wrong; the text refers to the program as "it".
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

/// Asks a program for its description, and checks the answer.
pub(super) fn ask(path: &Path, around: &Surroundings) -> Result<ProgramInfo, Refused> {
    // A registered program finds the files next to it by its own path.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut command = Command::new(path);
    Variables::of("INFO").apply(&mut command, &around.identity);
    // The answer is cached, so relative paths must not depend on the current directory.
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
                "redirect the output of background processes: `>/dev/null 2>&1 &`".to_owned()
            }
            _ => {
                let variable = around.identity.env_var("COMMAND");
                format!("run it with `{variable}=INFO` to see what it does")
            }
        };
        let message = format!("it does not describe itself: {err}");
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
        return Err(Refused::answer("it does not describe itself: its answer is empty", ""));
    }
    let info: ProgramInfo = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).map_err(|err| err.to_string()),
        // Its text would show the answer, over several lines.
        false => serde_saphyr::from_str(text).map_err(|err| {
            err.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter)
        }),
    }
    .map_err(|err| Refused::answer("its answer is not a valid description in YAML or JSON", err))?;
    let value = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).ok(),
        false => serde_saphyr::from_str(text).ok(),
    };
    value.map_or(Ok(()), |it| check_shape(&it))?;
    Ok(info)
}

/// Checks what parsing tolerates: lists in place of objects, and, for compatibility with newer
/// plugins, kinds and types of arguments that this host does not know.
fn check_shape(answer: &Value) -> Result<(), Refused> {
    const PARTS: [&str; 8] =
        ["commands", "nouns", "options", "scaffolds", "args", "flags", "groups", "examples"];
    let invalid =
        |why: String| Refused::answer("its answer is not a valid description in YAML or JSON", why);
    let Some(fields) = answer.as_object() else {
        return Err(invalid(not_an_object(answer).to_string()));
    };
    for (key, words) in [
        ("kind", ["positional", "flag", "count", "option"].as_slice()),
        ("value", &["string", "integer", "number", "boolean", "path"]),
    ] {
        if let Some(unknown) = fields.get(key).filter(|it| !is_one_of(it, words)) {
            let why = format!("unknown `{key}` {unknown} of an argument");
            return Err(invalid(format!("{why}: expected one of {}", words.join(", "))));
        }
    }
    let parts = PARTS.iter().filter_map(|it| fields.get(*it)?.as_array());
    parts.flatten().try_for_each(check_shape)
}

fn is_one_of(value: &Value, words: &[&str]) -> bool {
    value.as_str().is_some_and(|it| words.contains(&it))
}

/// Checks what the catalog does not check: events, subcommands and arguments.
fn judge(info: &ProgramInfo, around: &Surroundings) -> Result<(), Refused> {
    if info.version.is_empty() {
        return Err(Refused::answer("its answer does not contain `version`", ""));
    }
    if let Some(unknown) = info.events.iter().find(|it| !around.events.contains(&it.as_str())) {
        let mut refused =
            Refused::answer(format!("it has a hook on the unknown event `{unknown}`"), "");
        refused.hint = format!("run `{} events` to list the events", around.identity.command_name);
        return Err(refused);
    }
    let wrong = |what: String| {
        move |why: String| Refused::answer(format!("its declaration of {what} is invalid"), why)
    };
    for it in &info.commands {
        rules::check_command(&it.args, &it.groups)
            .and_then(|()| check_variables(&it.args))
            .map_err(wrong(format!("the command `{}`", it.command)))?;
    }
    for ProgramOptions { command, .. } in &info.options {
        let Some(known) = around.hooked.iter().find(|it| it.words == *command) else {
            let text = format!("it adds options to the unknown command `{command}`");
            let known: Vec<_> = around.hooked.iter().map(|it| it.words.as_str()).collect();
            let known = known.join(", ");
            return Err(Refused::answer(text, format!("options can be added to {known}")));
        };
        if !known.events.iter().any(|it| info.events.contains(it)) {
            let text = format!("it adds options to `{command}`, but has no hook on its events");
            let events = known.events.join(", ");
            return Err(Refused::answer(text, format!("`{command}` has the events {events}")));
        }
        // The options of one command may be in several places.
        let args = info.options.iter().filter(|it| it.command == *command);
        let args: Vec<_> = args.flat_map(|it| it.args.iter().cloned()).collect();
        rules::check_options(&args)
            .and_then(|()| check_variables(&args))
            .and_then(|()| check_free(known, &args))
            .map_err(wrong(format!("the options for `{command}`")))?;
    }
    for it in &info.scaffolds {
        judge_scaffold(it)?;
        rules::check_flags(&it.subcommand, &it.flags)
            .and_then(|()| check_variables(&it.flags))
            .map_err(wrong(format!("the flags for `{}`", it.subcommand)))?;
    }
    let args = info.commands.iter().flat_map(|it| &it.args);
    let is_completed = |it: &Arg| it.completed;
    match args.into_iter().any(is_completed) && !info.capabilities.iter().any(|it| it == COMPLETE) {
        true => Err(Refused::answer(
            "it has an argument that is `completed`, but does not have the capability `complete`",
            "",
        )),
        false => Ok(()),
    }
}

/// Checks that no two arguments have the same variable.
fn check_variables(args: &[Arg]) -> Result<(), String> {
    let mut names = BTreeMap::new();
    for Arg { name, .. } in args {
        if let Some(other) = names.insert(capitals(name), name) {
            let variable = format!("ARG_{}", capitals(name));
            return Err(format!(
                "the arguments `{other}` and `{name}` have the same variable, `…_{variable}`"
            ));
        }
    }
    Ok(())
}

/// Checks that the command has no options with the same names.
fn check_free(command: &HookedCommand, args: &[Arg]) -> Result<(), String> {
    let mut names = args.iter().flat_map(|it| it.aliases.iter().chain([&it.name]));
    if let Some(name) = names.find(|it| command.names.contains(it)) {
        return Err(format!("`--{name}` belongs to the host"));
    }
    let mut letters = args.iter().filter_map(|it| it.short);
    match letters.find(|it| command.letters.contains(it)) {
        Some(letter) => Err(format!("`-{letter}` belongs to the host")),
        None => Ok(()),
    }
}

fn judge_scaffold(scaffold: &ProgramScaffold) -> Result<(), Refused> {
    let name = &scaffold.subcommand;
    if !SUBCOMMANDS.contains(&name.as_str()) {
        let text = format!("it takes part in the unknown subcommand `{name}`");
        return Err(Refused::answer(
            text,
            format!("the known subcommands are {}", SUBCOMMANDS.join(", ")),
        ));
    }
    let is_run = |it: &Step| !matches!(it, Step::UpdateMetadata | Step::BindFlags | Step::Unknown);
    match scaffold.steps.iter().all(is_run) {
        true => Ok(()),
        false => {
            let text = format!("it lists a step of `{name}` that programs cannot take part in");
            let steps = "inject_config, inject_resource, pre_scaffold, scaffold, post_scaffold";
            Err(Refused::answer(text, format!("the supported steps are {steps}")))
        }
    }
}

/// Returns the manifest of a program with a valid description.
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

/// Returns the default name of a program: that of the file, without the host's prefix and without
/// an extension.
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
            (b"hello", "is not a valid description in YAML or JSON"),
            (b"version: [1]", "is not a valid description in YAML or JSON"),
            (b"{\"version\": 1}", "is not a valid description in YAML or JSON"),
            (b"version: 1\nevents: {a: b}", "is not a valid description in YAML or JSON"),
            (b"\xff", "is not UTF-8"),
        ] {
            let refused = parse(answer).unwrap_err();
            assert!(refused.message.contains(message), "{refused:?}");
        }
    }

    #[test]
    fn an_answer_has_objects_and_known_words() {
        let details = |yaml: &str| parse(yaml.as_bytes()).unwrap_err().details;
        let list = "invalid type: sequence, expected an object";
        for text in ["[a, 1.0.0]", "version: 1.0.0\ncommands: [[a, b]]"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(details(r#"{"version": "1.0.0", "commands": [["a", "b"]]}"#), list);
        assert_eq!(
            details("version: 1.0.0\ncommands: [{command: a, args: [{name: x, kind: flagg}]}]"),
            "unknown `kind` \"flagg\" of an argument: expected one of positional, flag, count, option"
        );
        assert_eq!(
            details("version: 1.0.0\nscaffolds: [{flags: [{name: x, value: int}]}]"),
            "unknown `value` \"int\" of an argument: expected one of string, integer, number, boolean, path"
        );
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
            hooked: vec![HookedCommand {
                words: "ship moor".to_owned(),
                events: vec!["post-ship-moor".to_owned()],
                names: vec!["berth".to_owned()],
                letters: vec!['b'],
            }],
            ..Surroundings::default()
        };
        let check = |yaml: &str| judge(&parse(yaml.as_bytes()).unwrap(), &around);
        assert_eq!(check("version: 1.0.0\nevents: [post-ship-moor]"), Ok(()));
        let moor = |args: &str| {
            let options = format!("options: [{{command: ship moor, args: [{args}]}}]");
            check(&format!("version: 1.0.0\nevents: [post-ship-moor]\n{options}"))
        };
        assert_eq!(moor("{name: rope, short: r}"), Ok(()));
        for (args, details) in [
            ("{name: berth}", "`--berth` belongs to the host"),
            ("{name: x, aliases: [berth]}", "`--berth` belongs to the host"),
            ("{name: x, short: b}", "`-b` belongs to the host"),
            ("{name: a-b}, {name: a_b}", "`a-b` and `a_b` have the same variable, `…_ARG_A_B`"),
            ("{name: x, required: true}", "must not be required"),
        ] {
            let refused = moor(args).unwrap_err();
            assert!(refused.details.contains(details), "{refused:?}");
        }
        for (yaml, message) in [
            ("name: a", "does not contain `version`"),
            ("version: 1.0.0\nevents: [post-ship-sink]", "unknown event `post-ship-sink`"),
            (
                "version: 1.0.0\ncommands: [{command: a, args: [{name: x}, {name: x}]}]",
                "its declaration of the command `a` is invalid",
            ),
            (
                "version: 1.0.0\noptions: [{command: ship moor, args: [{name: x}]}]",
                "has no hook on its events",
            ),
            (
                "version: 1.0.0\ncommands: [{command: a, args: [{name: a-b}, {name: a_b}]}]",
                "its declaration of the command `a` is invalid",
            ),
            (
                "version: 1.0.0\noptions: [{command: ship sink, args: [{name: x}]}]",
                "options to the unknown command `ship sink`",
            ),
            ("version: 1.0.0\nscaffolds: [{subcommand: paint}]", "unknown subcommand `paint`"),
            (
                "version: 1.0.0\nscaffolds: [{subcommand: init, steps: [bind_flags]}]",
                "lists a step of `init`",
            ),
            (
                "version: 1.0.0\ncommands: [{command: a, args: [{name: x, completed: true}]}]",
                "does not have the capability `complete`",
            ),
        ] {
            let refused = check(yaml).unwrap_err();
            assert!(refused.message.contains(message), "{refused:?}");
        }
    }
}
