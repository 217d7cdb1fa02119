//! The features of the kit for authors, tested with a real library and the real host.

use crate::support::{Output, Sandbox, first_line};
use expect_test::expect;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read as _;
use std::process::Child;
use std::time::{Duration, Instant};

fn sandbox() -> Sandbox {
    Sandbox::new().plugin("toolbox")
}

#[test]
fn arguments_have_many_forms() {
    let sandbox = sandbox().env("TOOL_PORT", "80");
    expect![[r#"
        $ pintle tool args a -ddd --size 4 3 --labels x,y --json -- --port -x
        {"harbour":"a","command":["--port","-x"],"deep":3,"size":[4,3],"tags":["x","y"],"port":80,"json":true,"table":false,"wide":false}
        [exit 0]
        $ pintle tool args --json --table
        --- stderr ---
        error: the argument '--json' cannot be used with '--table'

        Usage: pintle tool args --json --port <PORT> [HARBOUR] [-- [COMMAND]...]

        For more information, try '--help'.
        [exit 2]
        $ pintle tool args --port 0
        --- stderr ---
        error: invalid value '0' for '--port <PORT>': 0 is not in 1..=65535

        For more information, try '--help'.
        [exit 2]
        $ pintle tool args --wide
        --- stderr ---
        error: the following required arguments were not provided:
          --table

        Usage: pintle tool args --table --port <PORT> [HARBOUR] [-- [COMMAND]...]

        For more information, try '--help'.
        [exit 2]
    "#]]
    .assert_eq(&sandbox.transcript(&[
        "tool args a -ddd --size 4 3 --labels x,y --json -- --port -x",
        "tool args --json --table",
        "tool args --port 0",
        "tool args --wide",
    ]));
    let help = sandbox.run(["tool", "args", "--help"]).success().stdout;
    assert!(help.contains("[env: TOOL_PORT]") && !help.contains("TOOL_PORT=80"), "{help}");
    assert!(help.contains("[alias: --labels]") && help.contains("\nForm:\n"), "{help}");
    assert!(!help.contains("--wide"), "{help}");
}

#[test]
fn a_plugin_completes_its_values() {
    let sandbox = sandbox();
    let offers = |words: &[&str]| {
        let env = [("PINTLE_COMPLETE".to_owned(), "fish".to_owned())];
        let line = ["--", "pintle"].iter().chain(words);
        sandbox.run_with(&env, line).success().stdout
    };
    let first = offers(&["tool", "args", "--port", "7", "a"]);
    assert_eq!(first, "antwerp[TAB]harbour at 7\naarhus[TAB]typed a\n");
    assert_eq!(offers(&["tool", "args", "be"]), "bergen\n");
    assert_eq!(offers(&["tool", "args", "x"]), "");
}

#[test]
fn a_result_has_three_forms() {
    expect![[r#"
        $ pintle tool list
        NAME     STATE
        antwerp  open
        rest
        [exit 0]
        $ pintle tool list -o json
        [
          {
            "name": "antwerp",
            "open": true
          },
          {
            "name": "rest"
          }
        ]
        [exit 0]
        $ pintle tool list -o yaml
        - name: antwerp
          open: true
        - name: rest
        [exit 0]
        $ pintle tool list -o xml
        --- stderr ---
        error: invalid value 'xml' for '--output <FORMAT>'
          [possible values: text, json, yaml]

          tip: a similar value exists: 'yaml'

        For more information, try '--help'.
        [exit 2]
    "#]]
    .assert_eq(&sandbox().transcript(&[
        "tool list",
        "tool list -o json",
        "tool list -o yaml",
        "tool list -o xml",
    ]));
}

#[test]
fn without_a_terminal_the_defaults_answer() {
    expect![[r#"
        $ pintle tool ask
        true bergen ada hush
        [exit 0]
        $ pintle tool ask --strict
        --- stderr ---
        error: cannot ask `Set sail?`: there is no terminal, and the question has no default
        hint: run the command in a terminal, or pass the answer as an option
        [exit 1]
        $ pintle tool screen
        {"stdin":false,"stdout":false,"stderr":false,"width":null,"colors":false,"message_colors":false}
        [exit 0]
    "#]]
    .assert_eq(&sandbox().transcript(&["tool ask", "tool ask --strict", "tool screen"]));
}

#[test]
fn a_plugin_has_directories_of_its_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = sandbox();
    let config = sandbox.path("config");
    let sandbox = sandbox.env("XDG_CONFIG_HOME", &config);
    let shown = sandbox.transcript(&["tool home"]);
    expect![[r#"
        $ pintle tool home
        [SANDBOX]/config/pintle/plugins/toolbox.example.org
        [HOME]/.cache/pintle/plugins/toolbox.example.org
        [HOME]/.local/state/pintle/plugins/toolbox.example.org
        [exit 0]
    "#]]
    .assert_eq(&shown);
    let of_plugin = config.join("pintle/plugins/toolbox.example.org");
    assert_eq!(fs::read_to_string(of_plugin.join("note")).unwrap(), "kept");
    assert_eq!(of_plugin.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    // The error names the obstacle.
    let blocked = sandbox.env("XDG_CONFIG_HOME", of_plugin.join("note"));
    let output = blocked.run(["tool", "home"]);
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("failed to create the directory `"), "{output}");
}

#[test]
fn threads_use_the_host_as_long_as_the_call_goes_on() {
    let output = sandbox().run(["tool", "threads"]).success();
    assert_eq!(output.stdout, "from a thread\nfrom the call\n");
}

/// Starts a command that waits, and returns when it does.
fn start_waiting(sandbox: &Sandbox, way: &str) -> Child {
    let mut child = sandbox.start(["tool", "wait", way]);
    let mut stdout = child.stdout.take().expect("the output is a pipe");
    let mut text = [0; "waiting\n".len()];
    stdout.read_exact(&mut text).expect("the command begins");
    child.stdout = Some(stdout);
    child
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).expect("it waits");
}

fn is_file(sandbox: &Sandbox, name: &str) -> bool {
    sandbox.work().join(name).exists()
}

#[test]
fn an_interrupted_plugin_that_asks_ends_by_itself() {
    let sandbox = sandbox();
    let child = start_waiting(&sandbox, "ask");
    interrupt(&child);
    let output = sandbox.finish(child);
    assert_eq!(output.code(), 130, "{output}");
    assert!(output.stdout.contains("cancelled true"), "{output}");
    // It removed its cleanup.
    assert!(is_file(&sandbox, "partial") && !is_file(&sandbox, "wrong"), "{output}");
}

#[test]
fn an_interrupted_plugin_that_does_not_ask_is_cleaned_up_after() {
    let sandbox = sandbox();
    let child = start_waiting(&sandbox, "clean");
    let start = Instant::now();
    interrupt(&child);
    let output = sandbox.finish(child);
    assert_eq!(output.code(), 130, "{output}");
    assert!(start.elapsed() < Duration::from_secs(8), "the host waited for it: {output}");
    assert!(!is_file(&sandbox, "partial") && !is_file(&sandbox, "wrong"), "{output}");
}

#[test]
fn a_second_signal_does_not_wait_for_a_plugin() {
    let sandbox = sandbox();
    let child = start_waiting(&sandbox, "stay");
    let start = Instant::now();
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(300));
    interrupt(&child);
    let output = sandbox.finish(child);
    assert_eq!(output.code(), 130, "{output}");
    assert!(start.elapsed() < Duration::from_secs(8), "the host waited for it: {output}");
    assert!(!is_file(&sandbox, "partial"), "{output}");
}

#[test]
fn a_signal_that_is_ignored_interrupts_no_plugin() {
    let sandbox = sandbox();
    let script = "trap '' INT; exec \"$PINTLE\" tool wait ask";
    let mut child = sandbox.start_script(&[], script);
    let stdout = child.stdout.take().expect("the output is a pipe");
    assert_eq!(first_line(stdout), "waiting");
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("it is a child process").is_none());
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it waits");
    assert_eq!(sandbox.finish(child).code(), 130);
}

/// Runs a scaffolding command with a hook that exceeds its time limit.
fn run_late_hook(sandbox: &Sandbox, way: &str) -> Output {
    let env = [("TOOL_HOOK", way), ("PINTLE_HOOK_TIMEOUT", "300ms")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    sandbox.run_with(&env, ["init", "--domain", "example.org", "--plugins", "shipyard.example.org"])
}

#[test]
fn a_hook_that_is_over_its_time_is_told_so() {
    let sandbox = sandbox().plugin("shipyard");
    let output = run_late_hook(&sandbox, "ask");
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("timed out after 300ms"), "{output}");
    assert_eq!(fs::read_to_string(sandbox.work().join("told")).unwrap(), "true");
    assert!(!is_file(&sandbox, "cleaned") && !is_file(&sandbox, "PROJECT"), "{output}");
}

#[test]
fn a_hook_that_does_not_end_is_cleaned_up_after() {
    let sandbox = sandbox().plugin("shipyard");
    let output = run_late_hook(&sandbox, "sleep");
    assert_eq!(output.code(), 1, "{output}");
    assert!(is_file(&sandbox, "cleaned") && !is_file(&sandbox, "PROJECT"), "{output}");
}

#[test]
fn an_interrupted_hook_ends_the_command() {
    let sandbox = sandbox().plugin("shipyard");
    let env = [("TOOL_HOOK".to_owned(), "ask".to_owned())];
    let words = ["init", "--domain", "example.org", "--plugins", "shipyard.example.org"];
    let child = sandbox.start_with(&env, words);
    // The hook has started when the signal handlers are installed: see the mask of caught signals.
    let caught = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let mask = status.lines().find_map(|it| it.strip_prefix("SigCgt:").map(str::to_owned));
        let mask = mask.and_then(|it| u64::from_str_radix(it.trim(), 16).ok());
        mask.is_some_and(|it| it & (1 << (2 - 1)) != 0)
    };
    let start = Instant::now();
    while !caught() {
        assert!(start.elapsed() < Duration::from_secs(30), "the hook does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    let output = sandbox.finish(child);
    assert_eq!(output.code(), 130, "{output}");
    assert_eq!(fs::read_to_string(sandbox.work().join("told")).unwrap(), "true", "{output}");
    assert!(!is_file(&sandbox, "PROJECT"), "{output}");
}
