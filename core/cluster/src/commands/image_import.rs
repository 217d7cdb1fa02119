//! `image import`.

use super::completed;
use super::session_engine::{ENGINE, locks, names, report, with_engine};
use super::shared_args::parse_name;
use crate::nodes;
use crate::operations;
use clap::{Arg, ArgAction, ArgMatches, ValueHint};
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step, Values};
use pintle_plugin::Level;

pub(super) const ROW: Row =
    Row::new(&["image", "import"], "Import images into every node of a cluster", Run::Plain(run))
        .aliases(&["load"])
        .args(|command| {
            command
        .arg(
            Arg::new("image")
                .value_name("IMAGE|FILE|-")
                .required(true)
                .num_args(1..)
                .value_hint(ValueHint::FilePath)
                .add(Values(completed::images))
                .help(
                    "Images of the engine, archives that `docker save` has written (uncompressed \
                     or compressed with gzip), or `-` for an archive on the standard input",
                ),
        )
        .arg(
            Arg::new("cluster")
                .short('c')
                .long("cluster")
                .value_name("NAME")
                .required(true)
                .add(Values(completed::clusters))
                .action(ArgAction::Append)
                .help("The cluster (can be repeated)"),
        )
        })
        .needs(&[ENGINE])
        .common();

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let (names, report) = (names(session), report(session));
    let given = matches.get_many::<String>("cluster").into_iter().flatten();
    let clusters = given.map(|it| parse_name(it)).collect::<Result<Vec<_>, _>>()?;
    let given: Vec<String> =
        matches.get_many::<String>("image").into_iter().flatten().cloned().collect();
    if given.iter().any(|it| it == "-") && (given.len() > 1 || clusters.len() > 1) {
        let text = "the standard input can be read only once: use one `-` and one cluster";
        return Err(CliError::new(Exit::Usage, text));
    }
    with_engine(session, async |engine| {
        let sources = operations::sources(&engine, &given).await?;
        for name in &clusters {
            let _lock = locks(session).take(&engine, name, &report).await?;
            let cluster = nodes::get(&engine, &names, name).await?;
            for source in &sources {
                let nodes = operations::import(&engine, &cluster, source).await?;
                let text = format!("imported into {}", nodes.join(", "));
                session.console().log(Level::Info, &text);
            }
        }
        Ok(())
    })?;
    Ok(Exit::Done.into())
}
