//! `plugin abi`: the plugin interface of this host, and the plugin directories.

use crate::LIBRARY_VERSION;
use crate::catalog::PluginDir;
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::output;
use crate::cli::session::Session;
use clap::ArgMatches;
use pintle_plugin::manifest::{ABI_STABLE_VERSION, INTERFACE_VERSION, RUSTC, TARGET};
use serde::Serialize;

#[derive(Serialize)]
struct Interface<'a> {
    interface: &'a str,
    abi_stable: &'a str,
    target: &'a str,
    rustc: &'a str,
    library: &'a str,
    suffix: &'a str,
    directories: Vec<Directory>,
}

#[derive(Serialize)]
struct Directory {
    path: String,
    origin: String,
    exists: bool,
}

pub(in crate::cli) const ROW: Row = Row::new(
    &["plugin", "abi"],
    "Show the plugin interface of this host and the plugin directories",
    Run::Plain(run),
)
.args(|command| command.arg(output::arg()));

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let interface = Interface {
        interface: INTERFACE_VERSION,
        abi_stable: ABI_STABLE_VERSION,
        target: TARGET,
        rustc: RUSTC,
        library: LIBRARY_VERSION,
        suffix: std::env::consts::DLL_SUFFIX,
        directories: session.search().dirs().iter().map(directory).collect(),
    };
    output::print(matches, session.console(), &interface, text);
    Ok(Exit::Done.into())
}

fn directory(dir: &PluginDir) -> Directory {
    Directory {
        path: output::path(&dir.path),
        origin: dir.origin.to_string(),
        exists: dir.path.is_dir(),
    }
}

fn text(interface: &Interface<'_>) -> String {
    let row = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    let mut rows = vec![
        row("interface", interface.interface),
        row("abi_stable", interface.abi_stable),
        row("target", interface.target),
        row("rustc", interface.rustc),
        row("library", interface.library),
        row("suffix", interface.suffix),
    ];
    for (idx, it) in interface.directories.iter().enumerate() {
        let missing = if it.exists { "" } else { ", missing" };
        let name = if idx == 0 { "directories" } else { "" };
        rows.push(row(name, &format!("{} ({}{missing})", it.path, it.origin)));
    }
    output::table(&rows)
}
