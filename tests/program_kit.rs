//! Programs as plugins of a sandbox. Their messages to and from the host are recorded, and can be
//! checked against the schema.

use crate::support::{Output, Sandbox, skip};
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A sandbox with programs.
pub(crate) struct Programs<'a>(Held<'a>);

enum Held<'a> {
    Own(Sandbox),
    Lent(&'a Sandbox),
}

impl Deref for Programs<'_> {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        match &self.0 {
            Held::Own(it) => it,
            Held::Lent(it) => it,
        }
    }
}

impl Programs<'static> {
    /// Returns a sandbox without plugins.
    pub(crate) fn new() -> Self {
        Self::with(Sandbox::new())
    }

    /// Returns a sandbox in which programs find each other and interpreters.
    pub(crate) fn with(sandbox: Sandbox) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self(Held::Own(sandbox.env("PATH", path))).prepared()
    }
}

impl<'a> Programs<'a> {
    /// Adds programs to an existing sandbox.
    pub(crate) fn in_sandbox(sandbox: &'a Sandbox) -> Self {
        Self(Held::Lent(sandbox)).prepared()
    }

    fn prepared(self) -> Self {
        for name in ["real", "kept"] {
            fs::create_dir(self.path(name)).expect("the directory is new");
        }
        for name in ["pintle.sh", "pintle.py"] {
            fs::copy(kit_file(name), self.path("real").join(name)).expect("the kit is there");
        }
        self
    }

    /// Sets an environment variable from now on.
    pub(crate) fn set_env(&mut self, name: &str, value: impl AsRef<OsStr>) {
        match &mut self.0 {
            Held::Own(it) => it.set_env(name, value),
            Held::Lent(_) => panic!("the sandbox is another's"),
        }
    }

    /// Adds a program without changes.
    pub(crate) fn add(&self, name: &str, text: &str) {
        write_program(&self.plugins().join(name), text);
    }

    /// Adds a program that has the kits beside it, and whose messages are recorded.
    pub(crate) fn add_kit(&self, name: &str, text: &str) {
        write_program(&self.path("real").join(name), text);
        self.add_recorder(name);
    }

    /// Adds an example of the kits under a name.
    pub(crate) fn add_example(&self, name: &str, example: &str) {
        let text = fs::read_to_string(kit_file(example)).expect("the example is there");
        self.add_kit(name, &text);
    }

    /// Adds a program that is not a text file.
    pub(crate) fn add_file(&self, name: &str, file: &Path) {
        fs::rename(file, self.path("real").join(name)).expect("the directory is writable");
        self.add_recorder(name);
    }

    fn add_recorder(&self, name: &str) {
        let real = self.path("real").join(name).display().to_string();
        let kept = self.path("kept").display().to_string();
        self.add(name, &RECORDER.replace("[REAL]", &real).replace("[KEPT]", &kept));
    }

    /// Runs the host with the words of a line.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> Output {
        self.run_args(line.split(' '))
    }

    #[track_caller]
    pub(crate) fn run_args<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Output {
        (**self).run(args)
    }

    /// Returns the recorded messages of a kind, the oldest first.
    pub(crate) fn kept(&self, kind: &str) -> Vec<Value> {
        let files = fs::read_dir(self.path("kept")).expect("the directory is readable");
        let files = files.map(|it| it.expect("the directory is readable").path());
        let mut files: Vec<_> =
            files.filter(|it| it.extension().is_some_and(|it| it == kind)).collect();
        files.sort_by_key(|it| it.metadata().and_then(|it| it.modified()).expect("it is there"));
        let texts = files.iter().map(|it| fs::read_to_string(it).expect("a message is a string"));
        texts.flat_map(|it| messages(kind, &it)).collect()
    }

    /// Checks the messages against the schema. There must be some of each of these kinds.
    #[track_caller]
    pub(crate) fn assert_valid(&self, kinds: &[&str]) {
        let schema = Schema::read();
        for kind in kinds {
            let kept = self.kept(kind);
            assert!(!kept.is_empty(), "no {kind} was recorded");
            kept.iter().for_each(|it| schema.check(kind, it));
        }
    }
}

/// Returns the messages in a file.
fn messages(kind: &str, text: &str) -> Vec<Value> {
    let json = |it: serde_json::Result<_>| it.unwrap_or_else(|err| panic!("{err}: {text}"));
    match kind {
        "ProgramInfo" => vec![serde_saphyr::from_str(text).expect("it is YAML")],
        _ => serde_json::Deserializer::from_str(text).into_iter().map(json).collect(),
    }
}

/// A program that runs another, and records its messages to and from the host.
const RECORDER: &str = r#"#!/bin/sh
real='[REAL]' kept='[KEPT]'/$$
case $PINTLE_COMMAND in
INFO)
    "$real" >"$kept.ProgramInfo"
    code=$?
    cat "$kept.ProgramInfo"
    ;;
COMPLETE) exec "$real" "$@" ;;
*)
    if [ -n "$PINTLE_EVENT" ]; then
        cat >"$kept.HookEvent"
        "$real" <"$kept.HookEvent"
        code=$?
        cp "$PINTLE_REPLY" "$kept.ProgramHookReply"
    elif [ -n "$PINTLE_SUBCOMMAND" ]; then
        tee "$kept.HostLine" | { "$real"; echo $? >"$kept.code"; } | tee "$kept.ProgramLine"
        read -r code <"$kept.code"
    else
        cp "$PINTLE_REQUEST" "$kept.CommandRequest"
        "$real" "$@"
        code=$?
        [ "$(head -c 7 "$PINTLE_REPLY")" = garbage ] || cp "$PINTLE_REPLY" "$kept.ProgramCommandReply"
    fi
    ;;
esac
[ "$code" -lt 128 ] || kill "-$((code - 128))" $$
exit "$code"
"#;

/// `docs/protocol.schema.json`.
struct Schema(Value);

impl Schema {
    fn read() -> Self {
        let path = kit_file("../../docs/protocol.schema.json");
        let text = fs::read_to_string(path).expect("the schema is there");
        let mut schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
        // Readers ignore unknown fields; the first-party programs have none.
        for kind in ["ProgramInfo", "ProgramCommand", "ProgramScaffold", "Arg", "ProgramNode"] {
            schema["$defs"][kind]["additionalProperties"] = false.into();
        }
        for kind in ["ProgramHookReply", "ProgramCommandReply", "ProgramSelection"] {
            schema["$defs"][kind]["additionalProperties"] = false.into();
        }
        Self(schema)
    }

    /// Fails if a message is not one of its kind.
    #[track_caller]
    fn check(&self, kind: &str, message: &Value) {
        let kind = match kind {
            "HookEvent" if message.get("nodes").is_some() => "NodeEvent",
            "HookEvent" if message.get("cluster").is_some() => "ClusterEvent",
            "HookEvent" => "ProjectEvent",
            kind => kind,
        };
        let (schemas, idx) = self.compile(kind);
        if let Err(err) = schemas.validate(message, idx) {
            panic!("not a {kind}: {err}\n{message:#}");
        }
    }

    fn compile(&self, kind: &str) -> (Schemas, SchemaIndex) {
        const URL: &str = "https://pintle.dev/protocol.schema.json";
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(URL, self.0.clone()).expect("the URL is valid");
        let place = format!("{URL}#/$defs/{kind}");
        let idx = compiler.compile(&place, &mut schemas).unwrap_or_else(|err| panic!("{err}"));
        (schemas, idx)
    }
}

/// Returns a file of `plugin-abi/kits`, or of the examples there.
pub(crate) fn kit_file(name: &str) -> PathBuf {
    let kits = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-abi/kits");
    let example = kits.join("examples").join(name);
    if example.exists() { example } else { kits.join(name) }
}

fn write_program(path: &Path, text: &str) {
    // A new file, so that a running program is not overwritten.
    let _ = fs::remove_file(path);
    fs::write(path, text).expect("the directory is writable");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the file is writable");
}

/// Returns the path of a program, if it is on the search path.
pub(crate) fn executable(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|it| it.join(name)).find(|it| it.is_file())
}

/// Returns whether a program exists; without it, a test is skipped.
#[track_caller]
pub(crate) fn has(name: &str) -> bool {
    let is_there = executable(name).is_some();
    if !is_there {
        skip(name);
    }
    is_there
}

#[test]
fn what_is_not_a_message_does_not_fit_the_schema() {
    let schema = Schema::read();
    let good = serde_json::json!({"version": "1.0.0", "commands": [{"command": "a b"}]});
    schema.check("ProgramInfo", &good);
    for bad in [
        serde_json::json!({"version": 1}),
        serde_json::json!({"version": "1.0.0", "events": {}}),
        serde_json::json!({"version": "1.0.0", "comands": []}),
    ] {
        let (schemas, idx) = schema.compile("ProgramInfo");
        assert!(schemas.validate(&bad, idx).is_err(), "{bad}");
    }
    let (schemas, idx) = schema.compile("ProgramLine");
    let two = serde_json::json!({"paths": {}, "nodes": {}});
    assert!(schemas.validate(&two, idx).is_err());
}
