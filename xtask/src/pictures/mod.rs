//! `cargo xtask pictures`: draws the terminal pictures of the README and the guides from real runs.

mod screen;

use self::screen::{Moment, recording, still};
use crate::cargo;
use crate::demo::{Desk, NAME, Stage};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::{Command, ExitCode};

pub(crate) fn run() -> Result<ExitCode> {
    let temp = tempfile::Builder::new().prefix("pintle-pictures-").tempdir()?;
    let stage = Stage::build(temp.path())?;
    let desk = Desk::new(&stage)?.context("the pictures of clusters require a Docker engine")?;
    let dir = cargo::root().join("docs/pictures");
    fs::create_dir_all(&dir)?;
    for (name, picture) in pictures(&desk)? {
        let path = dir.join(format!("{name}.svg"));
        let written = fs::write(&path, picture);
        written.with_context(|| format!("failed to write `{}`", path.display()))?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn pictures(desk: &Desk<'_>) -> Result<Vec<(&'static str, String)>> {
    let run = |line: &str| moment(desk, line, true);
    let mut story = vec![
        run("pintle init --domain example.org --plugins rust,license")?,
        run("pintle create api --group crew --version v1 --kind Captain")?,
        run("pintle project check")?,
    ];
    let create = run(&format!("pintle cluster create {NAME} --agents 2 --registry"))?;
    let nodes = run("kubectl get nodes");
    let delete = run(&format!("pintle cluster delete {NAME}"))?;
    let cluster = [create, nodes?];
    let cluster_create = still(&cluster);
    story.extend(cluster.into_iter().chain([delete]));

    let list = run("pintle --disable-plugin ci plugin list")?;
    let diff = "pintle create webhook --group crew --version v1 --kind Captain --defaulting --diff";
    let error = "pintle create api --group crew --version v1 --kind sailor";
    Ok(vec![
        ("recording", recording(&story)),
        ("help", still(&[run("pintle --help")?])),
        ("plugin-list", still(&[list])),
        ("diff", still(&[run(diff)?.first(40)])),
        ("cluster-create", cluster_create),
        ("error", still(&[moment(desk, error, false)?])),
    ])
}

/// Runs a command line as in a terminal with colours.
fn moment(desk: &Desk<'_>, line: &str, should_succeed: bool) -> Result<Moment> {
    let mut words = line.split_whitespace();
    let program = words.next().context("the command line is empty")?;
    let words: Vec<_> = words.collect();
    let mut command = match program {
        "pintle" => desk.command(&words),
        _ => {
            let mut command = Command::new(program);
            command.args(words).env("KUBECONFIG", desk.kubeconfig());
            command
        }
    };
    command.env("CLICOLOR_FORCE", "1").env("COLUMNS", screen::COLUMNS.to_string());
    let out = command.output().with_context(|| format!("failed to run `{line}`"))?;
    let output = String::from_utf8([out.stderr, out.stdout].concat())?;
    ensure!(out.status.success() == should_succeed, "`{line}`: {}\n{output}", out.status);
    Ok(Moment { line: line.to_owned(), output })
}
