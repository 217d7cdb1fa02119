//! `plugin dev`: a plugin is built and run, again when a source changes, and ends with Ctrl-C.

use crate::rebuilt::{root, target_dir};
use crate::support::Sandbox;
use expect_test::expect;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How long a build on a loaded machine may take.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A command that waits until it is cancelled, and cleans up.
const WAITING: &str = r#"
        let dir = std::path::Path::new("running");
        std::fs::write(dir, std::process::id().to_string())?;
        // The host waits only for a call that has checked for cancellation.
        host.is_cancelled();
        host.println("at work");
        host.wait_cancelled(std::time::Duration::from_secs(600));
        std::fs::remove_file(dir)?;
        host.println("cleaned up");
        Ok(Outcome::done())
"#;

/// Returns a sandbox in which cargo works.
fn sandbox() -> Sandbox {
    let toolchain = Path::new(env!("CARGO")).parent().expect("cargo is in a directory");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(toolchain.to_owned()).chain(std::env::split_paths(&path));
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    Sandbox::new()
        .env("PATH", std::env::join_paths(path).expect("no path has a colon"))
        .env("CARGO_HOME", cargo_home.expect("the user has a home directory"))
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TERM_QUIET", "true")
        .env("CARGO_BUILD_BUILD_DIR", target_dir().join("guides"))
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_INCREMENTAL", "0")
}

/// Creates a plugin with the crate of this checkout, and returns the path of its library's source.
/// Each test uses different names of plugins, because they share a build directory.
fn create(sandbox: &Sandbox, name: &str) -> PathBuf {
    let sdk = root().join("plugin-abi");
    let sdk = sdk.to_str().expect("the path is UTF-8");
    let _ = sandbox.run(["plugin", "new", name, "--pintle-plugin", sdk]).success();
    sandbox.work().join(name).join("src/lib.rs")
}

fn edit(source: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(source).expect("it was created");
    assert!(text.contains(from), "{text}");
    fs::write(source, text.replace(from, to)).expect("it is ours");
}

/// Replaces the body of the generated command.
fn set_body(source: &Path, body: &str) {
    let text = fs::read_to_string(source).expect("it was created");
    let (head, rest) = text.split_once("host.println(").expect("it greets");
    let (_, tail) = rest.split_once("Outcome::done())").expect("it ends");
    let text = format!("{head}{}{tail}", body.trim()).replace("call: &Call", "_: &Call");
    fs::write(source, text).expect("it is ours");
}

/// Makes the generated command wait until it is cancelled.
fn wait_in(source: &Path) {
    set_body(source, WAITING);
}

/// A running host.
struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    fn of(mut child: Child) -> Self {
        let (sender, lines) = mpsc::channel();
        let stdout = child.stdout.take().map(|it| Box::new(it) as Box<dyn Read + Send>);
        let stderr = child.stderr.take().map(|it| Box::new(it) as Box<dyn Read + Send>);
        for pipe in [stdout, stderr].into_iter().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        Self { child, lines, said: Vec::new() }
    }

    /// Waits for a line that contains a text.
    #[track_caller]
    fn until(&mut self, text: &str) {
        self.until_all(&[text]);
    }

    /// Waits for the end of a round that has printed some texts. Its streams are read separately,
    /// so their lines are in no defined order.
    #[track_caller]
    fn round(&mut self, texts: &[&str]) {
        self.until_all(&[texts, &["waiting for changes"]].concat());
    }

    #[track_caller]
    fn until_all(&mut self, texts: &[&str]) {
        let deadline = Instant::now() + TIME_LIMIT;
        let mut left = texts.to_vec();
        while !left.is_empty() {
            let limit = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(limit) {
                Ok(line) => {
                    left.retain(|it| !line.contains(it));
                    self.said.push(line);
                }
                Err(err) => panic!("{left:?} are missing: {err}\n{}", self.said.join("\n")),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is at work");
    }

    fn end(mut self) -> ExitStatus {
        self.child.wait().expect("it was started")
    }
}

#[test]
fn a_change_is_built_and_run_and_an_error_is_waited_out() {
    let sandbox = sandbox();
    let source = create(&sandbox, "bosun");
    let mut dev = Running::of(sandbox.start(["plugin", "dev", "bosun", "--", "bosun", "Ada"]));
    dev.round(&["hello, Ada"]);
    edit(&source, "\"hello, {}\"", "\"ahoy, {}\"");
    dev.round(&["`src/lib.rs` has changed", "ahoy, Ada"]);
    let failed = "error: failed to build the plugin `pintle-plugin-bosun`";
    edit(&source, "host.println(", "host.println((");
    dev.round(&["error: mismatched", "src/lib.rs:", failed]);
    edit(&source, "host.println((", "host.println(");
    dev.round(&["ahoy, Ada"]);
    // A missing module counts, and any file that the compiler reads.
    edit(&source, "\n\nuse ", "\n\nmod words;\nuse ");
    dev.round(&["file not found for module `words`", failed]);
    fs::write(sandbox.work().join("bosun/words.txt"), "first").expect("it is ours");
    fs::write(source.with_file_name("words.rs"), "const _: &str = include_str!(\"../words.txt\");")
        .expect("it is ours");
    dev.round(&["`src/words.rs` has changed", "ahoy, Ada"]);
    fs::write(sandbox.work().join("bosun/words.txt"), "second").expect("it is ours");
    dev.round(&["words.txt` has changed", "ahoy, Ada"]);
    // An invalid manifest is an error like any other.
    let manifest = sandbox.work().join("bosun/Cargo.toml");
    edit(&manifest, "[lib]", "[lib");
    dev.round(&["`Cargo.toml` has changed", failed]);
    dev.signal(Signal::INT);
    assert_eq!(dev.end().code(), Some(130));
}

#[test]
fn a_command_at_work_ends_cleanly_with_a_change_and_with_a_signal() {
    let sandbox = sandbox();
    let source = create(&sandbox, "guard");
    wait_in(&source);
    let mut dev = Running::of(sandbox.start(["plugin", "dev", "guard", "--", "guard"]));
    dev.until("at work");
    edit(&source, "\"at work\"", "\"at work again\"");
    dev.until_all(&["cleaned up", "at work again"]);
    let pid = fs::read_to_string(sandbox.work().join("running")).expect("it is at work");
    let pid = pid.parse().ok().and_then(Pid::from_raw).expect("it is a number");
    dev.signal(Signal::INT);
    dev.until("cleaned up");
    assert_eq!(dev.end().code(), Some(130));
    assert!(!sandbox.work().join("running").exists());
    assert!(test_kill_process(pid).is_err(), "process {pid:?} is there");
    let mut once = Running::of(sandbox.start(["plugin", "dev", "guard", "--once", "--", "guard"]));
    once.until("at work again");
    once.signal(Signal::TERM);
    once.until("cleaned up");
    assert_eq!(once.end().code(), Some(130));
}

/// Starts the host on a terminal, whose keyboard is the standard input.
fn on_a_terminal(sandbox: &Sandbox, line: &str) -> Child {
    let mut command = Command::new("env");
    // The process that runs the tests may ignore the signal.
    command.arg("--default-signal=HUP,INT").args(["script", "-qfec"]);
    command.args([&format!("exec \"$PINTLE\" {line}"), "/dev/null"]).current_dir(sandbox.work());
    let script = sandbox.command_env(&mut command).env("PINTLE", env!("CARGO_BIN_EXE_pintle"));
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    script.spawn().expect("`script` is there")
}

#[test]
fn ctrl_c_on_a_terminal_ends_all() {
    let sandbox = sandbox();
    wait_in(&create(&sandbox, "lookout"));
    let mut child = on_a_terminal(&sandbox, "plugin dev lookout -- lookout");
    let mut keys = child.stdin.take().expect("it is a pipe");
    let mut dev = Running::of(child);
    dev.until("at work");
    keys.write_all(b"\x03").and_then(|()| keys.flush()).expect("it reads");
    dev.until("cleaned up");
    assert_eq!(dev.end().code(), Some(130), "it is the code of the host");
    assert!(!sandbox.work().join("running").exists());
}

#[test]
fn once_ends_with_what_became_of_it() {
    let sandbox = sandbox();
    let source = create(&sandbox, "purser");
    let expected = expect![[r#"
        file         [SANDBOX]/desk/purser/target/debug/libpintle_plugin_purser.so
        format       ELF, x86_64
        name         purser.example.org
        version      0.1.0
        description  A plugin for pintle
        interface    1.0.0, abi_stable 0.11, panic = unwind
        root symbol  pintle_root_pintle_plugin_purser_0_1_0
        target       [TARGET]
        host         *
        project      3
        command      purser: Greet someone
        this host    accepts it

        plugin       purser.example.org/v0.1.0
        path         [SANDBOX]/desk/purser/target/debug/libpintle_plugin_purser.so
        file         a regular file, a library for this machine, with all segments inside the file
        root symbol  `pintle_root_pintle_plugin_purser_0_1_0`, defined by this file
        layout       matches this host
        code         matches the manifest in the file
        interface    1.0.0 (this host: 1.0.0)
        abi_stable   0.11 (this host: 0.11)
        target       [TARGET]
        panic        unwind
        host         requires `*` (this host: 0.1.0)
        project      3
        functions    manifest, call
        command      `purser`, 1 argument
        all checks passed
    "#]];
    let shown = sandbox.run(["plugin", "dev", "--once", "purser"]).success().stdout;
    let shown: Vec<_> = shown.lines().filter(|it| !it.starts_with("built by")).collect();
    expected.assert_eq(&(shown.join("\n") + "\n"));
    // An installed plugin with a higher version does not take precedence over the built one.
    let library = sandbox.work().join("purser/target/debug/libpintle_plugin_purser.so");
    fs::copy(&library, sandbox.path("plugins/old.so")).expect("it was built");
    edit(&source, "\"hello, {}\"", "\"ahoy, {}\"");
    edit(&sandbox.work().join("purser/Cargo.toml"), "version = \"0.1.0\"", "version = \"0.0.9\"");
    edit(&source, "Ok(Outcome::done())", "Ok(Outcome::Exit(7))");
    let expected = expect![[r#"
        $ pintle purser Ada
        hello, Ada
        [exit 0]
        $ pintle plugin dev purser --once -- purser Ada
        ahoy, Ada
        [exit 7]
        $ pintle plugin dev purser --once -- qqq
        --- stderr ---
        error: unrecognized subcommand 'qqq'

        Usage: pintle [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [exit 2]
    "#]];
    expected.assert_eq(&sandbox.transcript(&[
        "purser Ada",
        "plugin dev purser --once -- purser Ada",
        "plugin dev purser --once -- qqq",
    ]));
    edit(&source, "Ok(Outcome::Exit(7))", "Ok(7)");
    let failed = sandbox.run(["plugin", "dev", "purser", "--once", "--", "purser"]);
    assert_eq!(failed.code(), 1);
    assert!(failed.stderr.contains("mismatched types"), "{failed}");
}

#[test]
fn what_is_not_a_plugins_project_is_named() {
    let sandbox = sandbox();
    let write = |path: &str, text: &str| {
        let path = sandbox.work().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it is ours");
        fs::write(path, text).expect("it is ours");
    };
    let package = |dir: &str, name: &str, lib: &str| {
        let text = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n{lib}");
        write(&format!("{dir}/Cargo.toml"), &text);
        write(&format!("{dir}/src/lib.rs"), "");
    };
    let cdylib = "[lib]\ncrate-type = [\"cdylib\"]\n";
    fs::create_dir(sandbox.work().join("empty")).expect("it is ours");
    package("plain", "plain", "[workspace]\n");
    package("bare", "bare", &format!("{cdylib}[workspace]\n"));
    write("none/Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"plain\"]\n");
    package("none/plain", "plain", "");
    write(
        "many/Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"fore\", \"aft\", \"keel\"]\n",
    );
    package("many/fore", "fore", cdylib);
    package("many/aft", "aft", cdylib);
    package("many/keel", "keel", "");
    write("torn/Cargo.toml", "[package\n");
    let expected = expect![[r#"
        $ pintle plugin dev
        --- stderr ---
        error: `.` has no `Cargo.toml`
        hint: specify the source directory of a plugin; `pintle plugin new` creates one
        [exit 2]
        $ pintle plugin dev absent
        --- stderr ---
        error: `absent` has no `Cargo.toml`
        hint: specify the source directory of a plugin; `pintle plugin new` creates one
        [exit 2]
        $ pintle plugin dev empty
        --- stderr ---
        error: `empty` has no `Cargo.toml`
        hint: specify the source directory of a plugin; `pintle plugin new` creates one
        [exit 2]
        $ pintle plugin dev plain
        --- stderr ---
        error: package `plain` does not build a `cdylib`
        hint: add `crate-type = ["cdylib", "rlib"]` to `[lib]` in its `Cargo.toml`
        [exit 2]
        $ pintle plugin dev bare --once
        --- stderr ---
        error: plugin file `[SANDBOX]/desk/bare/target/debug/libbare.so` was refused
          caused by: it has no plugin manifest
        hint: build plugins with `pintle_plugin::export_plugin!`; remove other libraries from the plugin directory
        [exit 3]
        $ pintle plugin dev none
        --- stderr ---
        error: the workspace of `none` has no plugin
        hint: set `crate-type = ["cdylib"]` in `[lib]` of the plugin's package
        [exit 2]
        $ pintle plugin dev many
        --- stderr ---
        error: the workspace of `many` has several plugins
        hint: choose one with `--package`: `fore`, `aft`
        [exit 2]
        $ pintle plugin dev many --package mast
        --- stderr ---
        error: the workspace of `many` has no package `mast`
        hint: choose a plugin of the workspace: `fore`, `aft`
        [exit 2]
        $ pintle plugin dev many --package keel
        --- stderr ---
        error: package `keel` does not build a `cdylib`
        hint: add `crate-type = ["cdylib", "rlib"]` to `[lib]` in its `Cargo.toml`
        [exit 2]
        $ pintle plugin dev many --package aft --once
        --- stderr ---
        error: plugin file `[SANDBOX]/desk/many/target/debug/libaft.so` was refused
          caused by: it has no plugin manifest
        hint: build plugins with `pintle_plugin::export_plugin!`; remove other libraries from the plugin directory
        [exit 3]
        $ pintle plugin dev many/fore --once
        --- stderr ---
        error: plugin file `[SANDBOX]/desk/many/target/debug/libfore.so` was refused
          caused by: it has no plugin manifest
        hint: build plugins with `pintle_plugin::export_plugin!`; remove other libraries from the plugin directory
        [exit 3]
        $ pintle plugin dev torn
        --- stderr ---
        error: unclosed table, expected `]`
         --> Cargo.toml:1:9
          |
        1 | [package
          |         ^
        error: failed to read the project in `torn`
        hint: fix the errors that cargo reports
        [exit 1]
    "#]];
    let transcript = sandbox.transcript(&[
        "plugin dev",
        "plugin dev absent",
        "plugin dev empty",
        "plugin dev plain",
        "plugin dev bare --once",
        "plugin dev none",
        "plugin dev many",
        "plugin dev many --package mast",
        "plugin dev many --package keel",
        "plugin dev many --package aft --once",
        "plugin dev many/fore --once",
        "plugin dev torn",
    ]);
    expected.assert_eq(&transcript);
}

#[test]
fn an_unsuitable_cargo_and_a_file_are_named() {
    let sandbox = sandbox();
    let _ = create(&sandbox, "boatswain");
    let run = |cargo: &str, path: &str| {
        let env = [("CARGO".to_owned(), cargo.to_owned())];
        sandbox.run_with(&env, ["plugin", "dev", path, "--once"]).to_string()
    };
    let expected = expect![[r#"
        --- stderr ---
        error: failed to run `/etc`
          caused by: Permission denied (os error 13)
        hint: set the environment variable `CARGO` to the path of cargo, or unset it
        [exit 1]
    "#]];
    expected.assert_eq(&run("/etc", "boatswain"));
    let expected = expect![[r#"
        --- stderr ---
        error: `/bin/true metadata` did not print the metadata of `boatswain`
        hint: set the environment variable `CARGO` to the path of cargo, or unset it
        [exit 1]
    "#]];
    expected.assert_eq(&run("/bin/true", "boatswain"));
    let expected = expect![[r#"
        --- stderr ---
        error: `boatswain/Cargo.toml` is not a directory
        hint: specify the source directory of a plugin; `pintle plugin new` creates one
        [exit 2]
    "#]];
    expected.assert_eq(&run("", "boatswain/Cargo.toml"));
}

#[test]
fn a_signal_ends_a_cargo_that_waits() {
    let sandbox = sandbox();
    let project = sandbox.work().join("stuck");
    fs::create_dir(&project).expect("it is ours");
    let fifo = project.join("Cargo.toml");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.is_ok_and(|it| it.success()), "a FIFO can be created");
    let dev = Running::of(sandbox.start(["plugin", "dev", "stuck"]));
    let cargo = child_of(dev.child.id(), "cargo");
    dev.signal(Signal::TERM);
    assert_eq!(dev.end().code(), Some(130));
    let cargo = Pid::from_raw(cargo).expect("it is a process");
    assert!(test_kill_process(cargo).is_err(), "cargo still runs");
}

/// Waits until a process has a child that runs a program, and returns its number.
fn child_of(parent: u32, program: &str) -> i32 {
    let deadline = Instant::now() + TIME_LIMIT;
    let list = format!("/proc/{parent}/task/{parent}/children");
    let is_meant = |child: &str| {
        let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        name.trim() == program
    };
    while Instant::now() < deadline {
        let children = fs::read_to_string(&list).unwrap_or_default();
        if let Some(child) = children.split_whitespace().find(|it| is_meant(it)) {
            return child.parse().expect("the system lists numbers");
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("`{program}` was not started");
}

#[test]
fn a_dependency_and_settings_are_watched_from_the_first_build_on() {
    let sandbox = sandbox();
    let source = create(&sandbox, "stoker");
    let write = |path: &str, text: &str| {
        let path = sandbox.work().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it is ours");
        fs::write(path, text).expect("it is ours");
    };
    write("coal/Cargo.toml", "[package]\nname = \"coal\"\nedition = \"2024\"\n[workspace]\n");
    write("coal/src/lib.rs", "pub const HEAT: &str = ");
    let manifest = sandbox.work().join("stoker/Cargo.toml");
    edit(&manifest, "[dependencies]\n", "[dependencies]\ncoal = { path = \"../coal\" }\n");
    edit(&source, "\"hello, {}\"", "\"{} {}\", coal::HEAT");
    // A build script that writes a source again without changing it causes no round.
    write("stoker/src/made.rs", "// made\n");
    write(
        "stoker/build.rs",
        "fn main() { std::fs::write(\"src/made.rs\", \"// made\\n\").unwrap(); }",
    );
    let mut dev = Running::of(sandbox.start(["plugin", "dev", "stoker", "--", "stoker", "Ada"]));
    dev.round(&["failed to build the plugin `pintle-plugin-stoker`"]);
    write("coal/src/lib.rs", "pub const HEAT: &str = \"warm\";");
    dev.round(&["coal/src/lib.rs` has changed", "warm Ada"]);
    write("stoker/.cargo/config.toml", "[env]\nSTOKER = \"1\"\n");
    dev.round(&["`.cargo/config.toml` has changed", "warm Ada"]);
    thread::sleep(Duration::from_secs(1));
    assert!(dev.lines.try_recv().is_err(), "a round without a change");
    dev.signal(Signal::INT);
    assert_eq!(dev.end().code(), Some(130));
}

#[test]
fn several_runs_in_one_project_do_not_disturb_each_other() {
    let sandbox = sandbox();
    let _ = create(&sandbox, "lascar");
    let line = ["--disable-plugin", "x", "plugin", "dev", "lascar", "--once", "--", "lascar"];
    let _ = sandbox.run(line).success();
    let all: Vec<_> = (0..4).map(|_| sandbox.start(line)).collect();
    for run in all {
        let out = sandbox.finish(run).success();
        assert_eq!(out.stdout, "hello, world\n");
    }
    let left = fs::read_dir(sandbox.work().join("lascar/target/pintle-dev"));
    assert_eq!(left.expect("it was created").count(), 0);
}

#[test]
fn its_own_options_are_those_of_the_command() {
    let sandbox = sandbox().plugin("good");
    let _ = create(&sandbox, "cook");
    let line = ["plugin", "dev", "cook", "--once", "--disable-plugin", "good", "--"];
    let out = sandbox.run([&line[..], &["plugin", "list"]].concat()).success();
    assert!(out.stdout.contains("it is disabled by the key `good`"), "{out}");
}

/// A process that has ended may wait for its parent to notice.
fn is_running(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|it| !it.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

/// Without the terminal's help, a change and a signal also end what the command has started.
#[test]
fn what_a_command_has_started_ends_with_it_on_a_terminal() {
    let sandbox = sandbox();
    let source = create(&sandbox, "rigger");
    let body = r#"
        let mut child = std::process::Command::new("sleep").arg("600").spawn()?;
        std::fs::write("started", child.id().to_string())?;
        child.wait()?;
        host.println("awake");
        Ok(Outcome::done())
"#;
    set_body(&source, body);
    let script = Running::of(on_a_terminal(&sandbox, "plugin dev rigger -- rigger"));
    let dev = child_of(script.child.id(), "pintle");
    let started = || {
        let deadline = Instant::now() + TIME_LIMIT;
        let path = sandbox.work().join("started");
        loop {
            match fs::read_to_string(&path).unwrap_or_default().parse() {
                Ok(pid) => {
                    fs::remove_file(&path).expect("it is ours");
                    return Pid::from_raw(pid).expect("it is a process");
                }
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
                Err(err) => panic!("the command was not started: {err}"),
            }
        }
    };
    let is_gone = |pid: Pid| {
        let start = Instant::now();
        while is_running(pid) && start.elapsed() < TIME_LIMIT {
            thread::sleep(Duration::from_millis(20));
        }
        !is_running(pid)
    };
    let first = started();
    edit(&source, "\"600\"", "\"601\"");
    let second = started();
    assert!(is_gone(first), "a change has left a process behind");
    kill_process(Pid::from_raw(dev).expect("it is a process"), Signal::INT).expect("it is at work");
    let start = Instant::now();
    assert!(is_gone(second), "a signal has left a process behind");
    assert!(start.elapsed() < Duration::from_secs(10), "it was not ended, but killed");
}
