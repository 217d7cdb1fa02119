//! `interfaces`: the interfaces of the host's groups, and the plugins that implement them.

use super::group::{Row as CommandRow, Run};
use super::interface_info::InterfaceInfo;
use super::{CliError, Exit, Session, Step, output, required};
use clap::ArgMatches;
use serde::Serialize;

pub(super) const ROW: CommandRow = CommandRow::new(
    &["interfaces"],
    "List the interfaces for plugins and the plugins that implement them",
    Run::Plain(run),
)
.args(|command| command.arg(output::arg()))
.needs(&[required::READABLE]);

/// An interface in the listing.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    interface: InterfaceInfo,
    /// The keys of the plugins that implement it.
    implementers: Vec<String>,
}

/// Lists the interfaces. No plugin is loaded: their manifests list the interfaces that they
/// implement.
fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let row = |interface: InterfaceInfo| {
        let implementers = session.catalog().implementers(interface.name);
        let keys = implementers.filter_map(|it| it.key()).map(ToString::to_string);
        Listed { interface, implementers: keys.collect() }
    };
    let rows: Vec<Listed> = session.interfaces().into_iter().map(row).collect();
    output::print(matches, session.console(), &rows, |rows| {
        let mut table = vec![["INTERFACE", "PURPOSE", "PLUGINS"].map(str::to_owned).to_vec()];
        for Listed { interface, implementers } in rows {
            let implementers = match implementers.is_empty() {
                true => "-".to_owned(),
                false => implementers.join(", "),
            };
            table.push(vec![interface.name.to_owned(), interface.about.to_owned(), implementers]);
        }
        output::table(&table)
    });
    Ok(Exit::Done.into())
}
