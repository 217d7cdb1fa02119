//! `kubeconfig get` and `kubeconfig merge`.

use super::session_engine::{ENGINE, names, user_kubeconfig, with_engine};
use super::shared_args::{self, name, name_arg, names_args};
use crate::kubeconfig::Kubeconfig;
use crate::{nodes, operations};
use clap::{Arg, ArgAction, ArgMatches, ValueHint, value_parser};
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step};
use pintle_plugin::Level;
use std::path::PathBuf;

pub(super) const GET: Row =
    Row::new(&["kubeconfig", "get"], "Print a cluster's kubeconfig", Run::Plain(get))
        .args(|command| command.arg(name_arg()))
        .needs(&[ENGINE]);

pub(super) const MERGE: Row =
    Row::new(&["kubeconfig", "merge"], "Add clusters to your kubeconfig", Run::Plain(merge))
        .args(|command| {
            command
                .args(names_args())
                .arg(
                    Arg::new("output")
                        .short('o')
                        .long("output")
                        .value_name("FILE")
                        .value_hint(ValueHint::FilePath)
                        .value_parser(value_parser!(PathBuf))
                        .help("Write to this file instead of your kubeconfig"),
                )
                .arg(
                    Arg::new("switch")
                        .long("kubeconfig-switch")
                        .action(ArgAction::SetTrue)
                        .help("Make the last cluster the current context"),
                )
        })
        .needs(&[ENGINE]);

fn get(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let (name, names) = (name(matches)?, names(session));
    let text = with_engine(session, async |engine| {
        let cluster = nodes::get(&engine, &names, &name).await?;
        operations::kubeconfig_text(&engine, &names, &cluster).await
    })?;
    session.console().println(text.trim_end());
    Ok(Exit::Done.into())
}

fn merge(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let names = names(session);
    let given = shared_args::names(matches)?;
    let kubeconfig = match matches.get_one::<PathBuf>("output") {
        Some(path) => Kubeconfig::file(path),
        None => user_kubeconfig()?,
    };
    let switch = matches.get_flag("switch");
    let merged = with_engine(session, async |engine| {
        let clusters = match matches.get_flag("all") {
            true => nodes::list(&engine, &names).await?,
            false => {
                let mut found = Vec::new();
                for name in &given {
                    found.push(nodes::get(&engine, &names, name).await?);
                }
                found
            }
        };
        let mut merged = Vec::new();
        for cluster in &clusters {
            merged.push(
                operations::merge_kubeconfig(&engine, &names, cluster, &kubeconfig, switch).await?,
            );
        }
        Ok(merged)
    })?;
    for context in merged {
        let text =
            format!("the context `{context}` is in `{}`", kubeconfig.default_path().display());
        session.console().log(Level::Info, &text);
    }
    Ok(Exit::Done.into())
}
