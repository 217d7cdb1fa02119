//! `plugin verify`: compares installed plugins with their digests again.

use super::{args, show};
use crate::manager::Manager;
use crate::store::LinkFault;
use crate::verify::faults;
use clap::{ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Session, Step, output};
use serde::Serialize;

pub(super) fn args(command: Command) -> Command {
    args::names(command, "The plugins to verify [default: all]").arg(output::arg())
}

/// The result. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Verified {
    plugin: String,
    files: usize,
    faults: Vec<String>,
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = Manager::new(session)?;
    let mut found = Vec::new();
    if let Some(store) = manager.store()? {
        let names: Vec<_> = args::texts(matches, "plugin").collect();
        let plugins = match names[..] {
            [] => store.plugins()?,
            _ => names.iter().map(|it| manager.find(&store, it)).collect::<Result<_, _>>()?,
        };
        let is_named = |it: &LinkFault| {
            names.is_empty()
                || plugins.iter().any(|plugin| it.place.as_ref() == Some(&plugin.place))
        };
        for fault in store.link_faults()?.into_iter().filter(is_named) {
            let plugin = fault.path.display().to_string();
            found.push(Verified { plugin, files: 0, faults: vec![format!("it {}", fault.text)] });
        }
        for stored in plugins {
            for (version, receipt) in &stored.versions {
                let faults = faults(&store, &stored.place, version, receipt)?;
                let files = receipt.files.len();
                found.push(Verified { plugin: show::key(receipt), files, faults });
            }
            for (version, fault) in &stored.damaged {
                let plugin = format!("{}/{version}", stored.place);
                found.push(Verified { plugin, files: 0, faults: vec![fault.clone()] });
            }
        }
    }
    let exit = match found.iter().all(|it| it.faults.is_empty()) {
        true => Exit::Done,
        false => Exit::Refused,
    };
    output::print(matches, session.console(), &found, |found| {
        let row = |it: &Verified| {
            let verdict = match it.faults.is_empty() {
                true => "as installed".to_owned(),
                false => it.faults.join("; "),
            };
            vec![it.plugin.clone(), verdict]
        };
        match found.is_empty() {
            true => "no plugin is installed".to_owned(),
            false => output::table(&found.iter().map(row).collect::<Vec<_>>()),
        }
    });
    Ok(exit.into())
}
