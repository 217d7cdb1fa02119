//! A stand-in for the k3s image, for tests of clusters: one static program that is the node's
//! first process, and the `ctr` that is run beside it.

mod api;
mod args;
mod http;
mod images;
mod join;
mod keys;
mod log;
mod node;
mod plane;
mod signals;
mod standin;
mod store;
mod switches;
mod table;

use crate::args::{Command, Settings};
use crate::switches::Switches;
use anyhow::{Context as _, bail};
use std::io::Write as _;
use std::process::ExitCode;
use std::{env, io, thread};

/// The version that the program says to be, as in `kubectl get nodes`.
const VERSION: &str = "v1.34.1+k3s1";

/// Where k3s keeps its state.
const STATE: &str = "/var/lib/rancher/k3s";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(err) => {
            log::fatal(&format!("{err:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let mut args = env::args_os().map(|it| it.to_string_lossy().into_owned());
    let program = args.next().unwrap_or_default();
    let hostname = node::hostname();
    let variable = |name: &str| env::var(name).ok().filter(|it| !it.is_empty());
    let switches = Switches::read(variable, &hostname)?;
    match args::read(&program, args, variable, &hostname)? {
        Command::Version => {
            writeln!(io::stdout(), "k3s version {VERSION} (stand-in)")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Ctr(args) => Ok(images::ctr(&args, switches.ctr_fails)),
        Command::Rm(args) => {
            for path in args.iter().filter(|it| !it.starts_with('-')) {
                std::fs::remove_file(path).with_context(|| format!("rm: `{path}`"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Node(settings) => run_node(settings, switches),
    }
}

fn run_node(settings: Settings, switches: Switches) -> anyhow::Result<ExitCode> {
    signals::install(switches.hang_on_term)?;
    if switches.crash_at_start {
        bail!("starting kubernetes: preparing server: failed to start: crashed as told");
    }
    if let Some(duration) = switches.crash_after {
        thread::Builder::new().name("crash".to_owned()).spawn(move || {
            thread::sleep(duration);
            log::fatal("apiserver exited: crashed as told");
            std::process::exit(1);
        })?;
    }
    if plane::is_there() {
        plane::run(settings).context("starting kubernetes")?;
    } else {
        standin::run(settings, switches).context("starting kubernetes")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Sleeps until a signal ends the process.
fn park() -> ! {
    loop {
        thread::park();
    }
}
