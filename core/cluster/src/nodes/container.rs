//! Operations on the container of a node: files, programs, the end of its log.

use super::inventory::Node;
use crate::engine::{Engine, EngineError, File, TIME_LIMIT, TRANSFER_LIMIT, in_time, pack};
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::{LogsOptionsBuilder, UploadToContainerOptionsBuilder};
use futures_util::TryStreamExt as _;
use pintle_host::services::{Excerpt, escaped};

/// Copies files into a container, which need not be running.
pub(crate) async fn put_files(
    engine: &Engine,
    id: &str,
    name: &str,
    files: &[File],
) -> Result<(), EngineError> {
    let action = || format!("copy files into the container `{name}`");
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
    // The stream ends with the program, so its exit code is known now.
    let ended = docker.inspect_exec(&id).await.map_err(failed)?;
    Ok((ended.exit_code.unwrap_or(-1), excerpt(said)))
}

/// How much of a log is searched. k3s prints two screens of usage after the error, and a stack
/// trace of each goroutine after the line that states why it ends.
const SEARCHED: &str = "2000";

/// How many lines of a log are shown.
const SHOWN: usize = 10;

/// Returns why a container has ended: the lines of its log that explain the cause, or else the last
/// lines.
pub(crate) async fn cause_of_end(engine: &Engine, id: &str) -> Option<Excerpt> {
    excerpt(telling(&log(engine, id, SEARCHED).await).join("\n"))
}

/// Returns the last message of a container that concerns joining.
pub(crate) async fn last_complaint(engine: &Engine, id: &str) -> Option<String> {
    let log = log(engine, id, "50").await;
    let line = log.lines().rfind(|it| COMPLAINTS.iter().any(|words| it.contains(words)))?;
    Some(escaped(&message(line), " ").chars().take(MAX_LINE).collect())
}

/// Returns the message of a log line, without time and level: `time="…" level=… msg="…"`.
fn message(line: &str) -> String {
    let line = line.trim_end();
    match line.split_once(" msg=\"") {
        Some((_, message)) => message.trim_end_matches('"').replace("\\\"", "\""),
        None => line.to_owned(),
    }
}

/// A longer line is truncated: the important part comes first.
const MAX_LINE: usize = 400;

/// Messages that nodes repeat while they cannot join. Source: logs of k3s.
const COMPLAINTS: [&str; 6] = [
    "401 Unauthorized",
    "Node password rejected",
    "x509: ",
    "no such host",
    "connection refused",
    "level=fatal",
];

async fn log(engine: &Engine, id: &str, tail: &str) -> String {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(tail).build();
    let lines = engine.docker().logs(id, Some(options));
    let lines = lines.map_ok(|it| it.to_string()).try_collect();
    let lines = in_time(TIME_LIMIT, || "read a log".to_owned(), lines).await;
    // Another failure has been reported already. The log would only have explained it.
    let lines: Vec<String> = lines.unwrap_or_default();
    lines.concat()
}

/// Returns the lines that explain why a Go program has ended, or else the last ones.
fn telling(log: &str) -> Vec<&str> {
    let lines: Vec<_> = log.lines().collect();
    let is_klog = |it: &str| {
        it.strip_prefix('F')
            .is_some_and(|it| it.chars().take(4).filter(char::is_ascii_digit).count() == 4)
    };
    let tells = |it: &str| {
        let words = ["level=fatal", "flag provided but not defined"];
        words.iter().any(|words| it.contains(words))
            || lacks_privilege(it)
            || is_klog(it)
            || it.starts_with("panic:")
            || it.starts_with("Error:")
    };
    let telling: Vec<_> = lines.iter().copied().filter(|it| tells(it)).collect();
    if telling.is_empty() {
        return last(&lines).to_vec();
    }
    let mut shown = last(&telling).to_vec();
    // A node that has been restarted several times logs the same lines each time, except for the
    // time.
    shown.dedup_by_key(|it| it.replace(|it: char| it.is_ascii_digit(), ""));
    shown
}

fn last<'s, 'l>(lines: &'s [&'l str]) -> &'s [&'l str] {
    &lines[lines.len().saturating_sub(SHOWN)..]
}

/// Returns whether the log shows that a node's container lacks privileges that a kubelet needs.
/// Source: the kubelet's own messages, observed with k3s 1.0 and 1.20.
pub(crate) fn lacks_privilege(said: &str) -> bool {
    let has_both = |it: &str| it.contains("/kubepods") && it.contains("read-only file system");
    said.contains("open /dev/kmsg")
        || said.contains("can't set sysctl")
        || said.lines().any(has_both)
}

fn excerpt(text: String) -> Option<Excerpt> {
    let is_empty = text.trim().is_empty();
    (!is_empty).then_some(Excerpt(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_tell_the_cause_are_shown_and_not_what_follows_them() {
        let usage = (0..60).map(|it| format!("   --flag-{it} value  Something\n"));
        let usage: String = usage.collect();
        let wrong = format!("Incorrect Usage: flag provided but not defined: -x\n\n{usage}");
        assert_eq!(telling(&wrong), ["Incorrect Usage: flag provided but not defined: -x"]);
        let goroutines = "goroutine 1 [running]:\nmain.main()\n\t/go/main.go:1 +0x1\n".repeat(30);
        for line in ["panic: assignment", "F1126 17:00:00.1 1 x.go:1] no", "Error: no such file"] {
            let log = format!("time=\"t\" level=info msg=\"Starting\"\n{line}\n\n{goroutines}");
            assert_eq!(telling(&log), [line]);
        }
        let fatal = "time=\"t\" level=fatal msg=\"starting kubernetes\"";
        assert_eq!(telling(&format!("{goroutines}{fatal}\n")), [fatal]);
    }

    #[test]
    fn a_node_that_was_started_again_and_again_says_it_once() {
        let fatal = |second| format!("time=\"17:00:0{second}\" level=fatal msg=\"kubelet\"");
        let log = format!("{}\n{}\n", fatal(1), fatal(4));
        assert_eq!(telling(&log), [fatal(1)]);
    }

    #[test]
    fn what_a_kubelet_says_of_its_container_is_recognised() {
        for line in [
            "failed to start OOM watcher open /dev/kmsg: operation not permitted",
            "can't set sysctl net/ipv4/conf/all/route_localnet: read-only file system",
            "mkdir /sys/fs/cgroup/cpuset/kubepods: read-only file system",
            "open /sys/fs/cgroup/cpu/kubepods/besteffort/cpu.shares: read-only file system",
        ] {
            assert!(lacks_privilege(line), "{line}");
            assert_eq!(telling(&format!("{line}\nand more\n")), [line]);
        }
        assert!(!lacks_privilege("/kubepods is there\nread-only file system"));
    }

    #[test]
    fn a_complaint_is_shown_without_its_time() {
        let line =
            r#"time="2026-01-01T00:00:00Z" level=error msg="Get \"https://a\": no such host""#;
        assert_eq!(message(line), r#"Get "https://a": no such host"#);
        assert_eq!(message("E1126 no such host\r"), "E1126 no such host");
    }

    #[test]
    fn without_such_lines_the_last_ones_are_shown() {
        let log: String = (0..20).map(|it| format!("Flag {it}\n")).collect();
        let shown = telling(&log);
        assert_eq!((shown.len(), shown[9]), (SHOWN, "Flag 19"));
    }
}
