//! `cargo xtask bench --instructions`: the cost of a command in user instructions and system calls,
//! with up to ten thousand plugins installed, usable ones and refused ones.
//!
//! Neither depends on other work on the machine, so they show costs that times hide. callgrind
//! counts the instructions and strace the system calls; both are Debian packages.

use super::patch;
use super::stage::Stage;
use super::timing::Program;
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The numbers of installed plugins.
const COUNTS: &[usize] = &[0, 1, 10, 100, 1_000, 10_000];

/// The minimum age of files that the index records.
const SETTLED: Duration = Duration::from_secs(3);

/// The length of the part of each copy that is written: the manifest is in the first page, and the
/// rest of a file that is not loaded may be a hole.
const HEAD: usize = 16 * 1024;

/// The commands that can be measured.
#[derive(Clone, Copy)]
struct Cost {
    instructions: u64,
    calls: u64,
}

/// A command, and its costs with different numbers of installed plugins.
struct Line {
    work: &'static str,
    costs: Vec<(usize, Cost)>,
}

impl Line {
    fn at(&self, n_plugins: usize) -> Option<Cost> {
        self.costs.iter().find(|it| it.0 == n_plugins).map(|it| it.1)
    }
}

/// A statement about costs, and whether it is true.
struct Budget {
    text: String,
    holds: bool,
}

/// Measures everything; returns the table, and whether all budgets hold.
pub(super) fn report(stage: &Stage) -> Result<(String, bool)> {
    let mut lines =
        vec![Line { work: "an empty clap program", costs: vec![(0, cost(&stage.empty())?)] }];
    for (kind, change) in KINDS {
        let (word, event) = (super::stage::WORD, super::stage::EVENT);
        for n_plugins in COUNTS {
            let dir = stage.installed(*n_plugins, kind);
            install(stage, &dir, *n_plugins, *change, (word, event))?;
        }
    }
    std::thread::sleep(SETTLED);
    for (kind, _) in KINDS {
        for work in WORKS.iter().filter(|it| it.is_for(kind)) {
            eprintln!("measuring {} ({kind})", work.name);
            let least = usize::from(work.calls_plugin);
            let mut costs = Vec::new();
            for n_plugins in COUNTS.iter().filter(|it| **it >= least) {
                let program = (work.program)(stage, *n_plugins, kind)?;
                costs.push((*n_plugins, cost(&program)?));
            }
            lines.push(Line {
                work: if kind.is_empty() { work.name } else { work.refused_name },
                costs,
            });
        }
    }
    let budgets = budgets(&lines);
    let holds = budgets.iter().all(|it| it.holds);
    Ok((text(&lines, &budgets), holds))
}

/// Usable plugins, and plugins with an incompatible interface, all but the first.
const KINDS: &[(&str, Option<&str>)] = &[("", None), ("refused", Some("\"interface\":\""))];

struct Work {
    name: &'static str,
    refused_name: &'static str,
    calls_plugin: bool,
    program: fn(&Stage, usize, &str) -> Result<Program>,
}

impl Work {
    fn is_for(&self, kind: &str) -> bool {
        kind.is_empty() || !self.refused_name.is_empty()
    }
}

const VERSION: &str = "`version`";
const COMMAND: &str = "a plugin's command";
const OPTIONS: &str = "completion of its options";
const EVENT: &str = "`edit` with one hook";
const HELP: &str = "`--help`";
const LIST: &str = "`plugin list`";
const HELP_REFUSED: &str = "`--help`, all but one refused";
const LIST_REFUSED: &str = "`plugin list`, all but one refused";
const COMMAND_REFUSED: &str = "a plugin's command, all others refused";

const WORKS: &[Work] = &[
    Work {
        name: VERSION,
        refused_name: "",
        calls_plugin: false,
        program: |stage, n, kind| Ok(stage.with(n, kind, &["version"])),
    },
    Work {
        name: COMMAND,
        refused_name: COMMAND_REFUSED,
        calls_plugin: true,
        program: |stage, n, kind| Ok(stage.with(n, kind, &["bench-hello"])),
    },
    Work {
        name: OPTIONS,
        refused_name: "",
        calls_plugin: true,
        program: |stage, n, kind| Ok(stage.completing(n, kind, &["bench-hello", "--"])),
    },
    Work {
        name: EVENT,
        refused_name: "",
        calls_plugin: true,
        program: |stage, n, kind| stage.editing(n, kind),
    },
    Work {
        name: HELP,
        refused_name: HELP_REFUSED,
        calls_plugin: false,
        program: |stage, n, kind| Ok(stage.with(n, kind, &["--help"])),
    },
    Work {
        name: LIST,
        refused_name: LIST_REFUSED,
        calls_plugin: false,
        program: |stage, n, kind| Ok(stage.with(n, kind, &["plugin", "list"])),
    },
];

/// Fills a directory with plugins; only the first is complete and subscribes to `event`.
fn install(
    stage: &Stage,
    dir: &Path,
    n_plugins: usize,
    change: Option<&str>,
    (word, event): (&str, &str),
) -> Result<()> {
    fs::create_dir_all(dir)?;
    let bytes = fs::read(stage.plugin_file(0))?;
    let other_event = "x".repeat(event.len());
    for idx in 0..n_plugins {
        let path = dir.join(super::stage::file_name(idx));
        if idx == 0 {
            fs::write(&path, &bytes)?;
            continue;
        }
        let mut copy = patch::replace(&bytes[..HEAD], word, &format!("bench-{idx:05}"))?;
        copy = patch::replace(&copy, event, &other_event)?;
        if let Some(before) = change {
            copy = patch::replace(&copy, &format!("{before}1"), &format!("{before}0"))?;
        }
        fs::write(&path, &copy)?;
        File::options().write(true).open(&path)?.set_len(bytes.len() as u64)?;
    }
    Ok(())
}

/// Counts the cost of a program when the caches contain everything from earlier runs.
fn cost(program: &Program) -> Result<Cost> {
    for _ in 0..3 {
        program.output()?;
    }
    let log = tempfile::NamedTempFile::new()?;
    let mut counted = program.under(
        "valgrind",
        &["--tool=callgrind", "--callgrind-out-file=/dev/null", &log_option(&log)],
    )?;
    run(&mut counted)?;
    let text = fs::read_to_string(log.path())?;
    let number = text.lines().find_map(|it| it.split_once("Collected : ")).map(|it| it.1.trim());
    let instructions =
        number.context("the output of callgrind has no number of instructions")?.parse()?;
    let path = log.path().to_string_lossy().into_owned();
    run(&mut program.under("strace", &["-f", "-c", "-o", &path])?)?;
    let text = fs::read_to_string(log.path())?;
    let total = text.lines().find(|it| it.trim_end().ends_with("total"));
    let columns: Vec<_> =
        total.context("the output of strace has no total")?.split_whitespace().collect();
    // Percent, seconds, microseconds per call, calls, and errors if there are any.
    let calls = columns.get(3).context("the output of strace has no number of calls")?.parse()?;
    Ok(Cost { instructions, calls })
}

fn log_option(log: &tempfile::NamedTempFile) -> String {
    format!("--log-file={}", log.path().display())
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().context("failed to run valgrind or strace")?;
    ensure!(status.success(), "a measured program failed: {status}");
    Ok(())
}

fn budgets(lines: &[Line]) -> Vec<Budget> {
    let line = |work: &str| lines.iter().find(|it| it.work == work);
    let cost = |work: &str, n: usize| line(work).and_then(|it| it.at(n));
    let mut budgets = Vec::new();
    for (work, n, most) in [(VERSION, 0, 450_000), (COMMAND, 100, 1_200_000)] {
        let found = cost(work, n).map_or(u64::MAX, |it| it.instructions);
        let text = format!("{work} with {n} installed: {found} instructions, at most {most}");
        budgets.push(Budget { text, holds: found <= most });
    }
    for work in [COMMAND, OPTIONS, EVENT, COMMAND_REFUSED] {
        let (Some(few), Some(many)) = (cost(work, 10), cost(work, 10_000)) else { continue };
        let ratio = |few: u64, many: u64| many as f64 / few as f64;
        let (instructions, calls) =
            (ratio(few.instructions, many.instructions), ratio(few.calls, many.calls));
        let text = format!(
            "{work} with 10,000 against 10: {instructions:.2} of the instructions and {calls:.2} \
             of the system calls, at most 1.10"
        );
        budgets.push(Budget { text, holds: instructions <= 1.1 && calls <= 1.1 });
    }
    for work in [HELP, LIST, HELP_REFUSED, LIST_REFUSED] {
        let (Some(few), Some(many)) = (cost(work, 100), cost(work, 10_000)) else { continue };
        let each = many.instructions.saturating_sub(few.instructions) / 9_900;
        let text = format!("{work}: {each} instructions per plugin, at most 2000");
        budgets.push(Budget { text, holds: each <= 2_000 });
    }
    budgets
}

fn text(lines: &[Line], budgets: &[Budget]) -> String {
    let mut text = "| thousands of instructions (system calls) |".to_owned();
    for n_plugins in COUNTS {
        let _ = write!(text, " {n_plugins} installed |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(COUNTS.len()));
    for line in lines {
        let _ = write!(text, "\n| {} |", line.work);
        for n_plugins in COUNTS {
            match line.at(*n_plugins) {
                Some(it) => {
                    let _ = write!(text, " {} ({}) |", it.instructions / 1_000, it.calls);
                }
                None => text.push_str(" |"),
            }
        }
    }
    text.push('\n');
    for Budget { text: budget, holds } in budgets {
        let _ = write!(text, "\n- {budget}: {}", if *holds { "yes" } else { "NO" });
    }
    text.push('\n');
    text
}
