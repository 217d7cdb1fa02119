//! `plugin why`: shows the source and the trust of an installed plugin.

use super::{args, show};
use crate::errors::failed;
use crate::manager::Manager;
use crate::project::ProjectLock;
use crate::store::{Receipt, Stored};
use crate::trust::Trust;
use clap::{ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Session, Step, output};
use serde::Serialize;

pub(super) fn args(command: Command) -> Command {
    command.arg(args::name().required(true)).arg(output::arg())
}

/// The output. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    receipt: &'a Receipt,
    reason: String,
    pinned: bool,
    enabled: bool,
    pinned_key: Option<String>,
    others: Vec<String>,
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = Manager::new(session)?;
    let name = args::texts(matches, "plugin").next().unwrap_or_default();
    let Some(store) = manager.store()? else {
        return Err(failed(format!("plugin `{name}` is not installed")));
    };
    let stored = manager.find(&store, name)?;
    let project = ProjectLock::find(session)?;
    let demanded = project.as_ref().and_then(|project| {
        let (_, latest) = stored.latest()?;
        let locked = project.lock.plugin.get(&latest.name)?;
        let receipt = stored.versions.values().find(|it| it.version == locked.version)?;
        Some((receipt, format!("`{}` requires it", project.path.display())))
    });
    let (receipt, reason) = match demanded {
        Some(found) => found,
        None => {
            let (_, receipt) =
                stored.latest().ok_or_else(|| failed("no version has been in use"))?;
            (receipt, reason(&stored))
        }
    };
    let others = stored.versions.values().filter(|it| it.version != receipt.version);
    let answer = Answer {
        receipt: &receipt.shown(),
        reason,
        pinned: stored.state.is_pinned,
        enabled: stored.current.is_some(),
        pinned_key: stored.state.key.as_ref().map(ToString::to_string),
        others: others.map(|it| it.version.clone()).collect(),
    };
    output::print(matches, session.console(), &answer, text);
    Ok(Exit::Done.into())
}

fn reason(stored: &Stored) -> String {
    match (&stored.current, stored.state.is_pinned) {
        (None, _) => "it is not in use",
        (_, true) => "it is pinned",
        _ => "it was installed or updated last",
    }
    .to_owned()
}

fn text(it: &Answer<'_>) -> String {
    let receipt = it.receipt;
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("plugin", show::key(receipt)),
        row("why", it.reason.clone()),
        row("source", receipt.source.clone()),
    ];
    rows.extend(receipt.tag.clone().map(|it| row("release", it)));
    rows.extend(receipt.published.clone().map(|it| row("published", it)));
    rows.push(row("trust", trust(receipt)));
    rows.push(row("archive", receipt.archive.to_string()));
    rows.push(row("content", receipt.content.to_string()));
    let targets: Vec<_> = receipt.targets.keys().map(String::as_str).collect();
    rows.push(row("targets", targets.join(", ")));
    if !it.others.is_empty() {
        rows.push(row("kept", it.others.join(", ")));
    }
    output::table(&rows)
}

fn trust(receipt: &Receipt) -> String {
    let said = match receipt.trust {
        Trust::None => "nothing vouches for its bytes",
        Trust::Digest => "its bytes match the digest that was given for them",
        Trust::Signed => "its bytes are signed",
    };
    let key = receipt.key.as_ref().map(|it| format!(" with key {}", it.id())).unwrap_or_default();
    let immutable = if receipt.is_immutable { "; its release is immutable" } else { "" };
    format!("{}: {said}{key}{immutable}", receipt.trust)
}
