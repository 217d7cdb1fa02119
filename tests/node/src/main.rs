//! A stand-in for the k3s image, for tests of clusters: one static program that is the node's first
//! process, and the `ctr` that runs beside it.

mod api;
mod args;
mod controllers;
mod crash;
mod etcd;
mod flags;
mod http;
mod images;
mod join;
mod keys;
mod kubelet;
mod lease;
mod log;
mod members;
mod node;
mod password;
mod plane;
mod quorum;
mod servers;
mod signals;
mod standin;
mod store;
mod switches;
mod table;
mod times;

use crate::args::{Command, Settings};
use crate::flags::Unknown;
use crate::switches::Switches;
use anyhow::Context as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, io, thread};

/// The version that the program reports, for example in `kubectl get nodes`.
const VERSION: &str = "v1.34.1+k3s1";

/// Where k3s keeps its state.
const STATE: &str = "/var/lib/rancher/k3s";

/// Records in a container that it has crashed before.
const CRASHED: &str = "/crashed";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(err) => {
            if let Some(unknown) = err.downcast_ref::<Unknown>() {
                // If the output is closed, the process still ends in the same way.
                let _ = write!(io::stdout(), "{unknown}\n{}", flags::usage(unknown.is_server));
                return ExitCode::FAILURE;
            }
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
    let form = switches.crash_as;
    if switches.crash_at_start {
        let cause = "starting kubernetes: preparing server: failed to start: crashed as told";
        crash::print(form, cause);
        return Ok(ExitCode::FAILURE);
    }
    let is_over = switches.crash_once && Path::new(CRASHED).exists();
    if let Some(duration) = switches.crash_after.filter(|_| !is_over) {
        thread::Builder::new().name("crash".to_owned()).spawn(move || {
            thread::sleep(duration);
            let _ = std::fs::write(CRASHED, "");
            crash::print(form, "apiserver exited: crashed as told");
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
