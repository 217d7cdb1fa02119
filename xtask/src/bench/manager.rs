//! The cost of installing plugins: compared with curl and tar, and when there is nothing to do.

#[expect(dead_code, reason = "shared with the tests")]
#[path = "../../../tests/release_server.rs"]
mod release_server;

use super::stage::Stage;
use super::table::{Row, row};
use super::timing::{MILLISECOND, Program, compare};
use crate::cargo;
use anyhow::{Context, Result, ensure};
use pintle_plugin::manifest::TARGET;
use release_server::{Asset, Release, ReleaseServer};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The number of plugins in a lock file.
const N_LOCKED: usize = 20;

/// The rows of the plugin manager.
pub(super) fn rows(stage: &Stage, n_runs: usize) -> Result<Vec<Row>> {
    let temp = tempfile::Builder::new().prefix("bench-").tempdir_in(cargo::target_dir()?)?;
    let server = ReleaseServer::start();
    let own = stage.own_plugin("license")?;
    let asset = publish(&server, temp.path(), "license", &own)?;
    let n_runs = (n_runs / 10).max(5);
    let home = |name: &str| -> Result<std::path::PathBuf> {
        let home = temp.path().join(name);
        fs::create_dir_all(&home)?;
        Ok(home)
    };
    let managed = |name: &str, script: &str| -> Result<Program> {
        let mut program = stage.script(&home(name)?, script);
        program.env.push(("PINTLE_GITHUB_API".to_owned(), server.url().into()));
        program.env.push(("ASSET".to_owned(), asset.clone().into()));
        Ok(program)
    };
    let install = managed(
        "install",
        "rm -rf \"$HOME/.local\" && \"$PINTLE\" plugin install bench/license -q",
    )?;
    let by_hand = managed(
        "manual",
        "rm -rf plugins && mkdir plugins && curl -sSfL \"$ASSET\" -o it.tar.gz && \
         tar -xzf it.tar.gz -C plugins",
    )?;
    let mut rows = vec![row(
        "plugin install of `license`, from a server on this machine",
        &install,
        "installed",
        &("curl and tar, without any check", by_hand),
        None,
        n_runs,
    )];
    rows.extend(sync(stage, &server, temp.path(), &managed, n_runs)?);
    rows.push(verify(&managed, n_runs)?);
    Ok(rows)
}

/// Packs a plugin, publishes it, and returns the address of the file.
fn publish(server: &ReleaseServer, temp: &Path, name: &str, library: &Path) -> Result<String> {
    let archive = temp.join(format!("{name}.tar.gz"));
    let folder = library.parent().context("a library is in a directory")?;
    let file = library.file_name().context("a library has a name")?;
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(folder).arg(file);
    ensure!(tar.status()?.success(), "tar failed");
    let asset = format!("{name}-1.0.0-{TARGET}.tar.gz");
    release(
        server,
        name,
        "v1.0.0",
        Asset { name: asset.clone(), bytes: fs::read(archive)?, digest: None },
    );
    Ok(server.file_url(&format!("bench/{name}"), "v1.0.0", &asset))
}

fn release(server: &ReleaseServer, name: &str, tag: &str, asset: Asset) {
    let release = Release { tag: tag.to_owned(), assets: vec![asset], ..Release::default() };
    server.release(&format!("bench/{name}"), release);
}

/// `plugin sync` of twenty plugins: all of them must be fetched, or none.
fn sync(
    stage: &Stage,
    server: &ReleaseServer,
    temp: &Path,
    managed: &dyn Fn(&str, &str) -> Result<Program>,
    n_runs: usize,
) -> Result<Vec<Row>> {
    let mut names = Vec::new();
    for idx in 0..N_LOCKED {
        let name = format!("bench-{idx}");
        let asset = format!("{name}-0.1.0-{TARGET}.so");
        let bytes = fs::read(stage.plugin_file(idx))?;
        release(server, &name, "v0.1.0", Asset { name: asset, bytes, digest: None });
        names.push(format!("bench/{name}"));
    }
    let lock = temp.join("plugins.lock");
    let script = format!(
        "\"$PINTLE\" plugin install -q {} && cp .local/share/pintle/plugins/plugins.lock {}",
        names.join(" "),
        lock.display()
    );
    managed("locking", &script)?.probe("installed")?;
    let sync = format!("\"$PINTLE\" plugin sync -q --lock {}", lock.display());
    let cold = managed("cold", &format!("rm -rf \"$HOME/.local\" && {sync}"))?;
    let cold = compare(&cold, &stage.empty(), n_runs.min(5))?;
    let warm = managed("warm", &format!("exec {sync}"))?;
    warm.probe("locked")?;
    let warm = compare(&warm, &stage.empty(), n_runs)?;
    Ok(vec![
        Row::alone(
            format!("plugin sync of {N_LOCKED} plugins, all to be fetched"),
            cold.ours.median,
        ),
        Row::under("the same, nothing to do", warm.ours.median, 10.0 * MILLISECOND),
    ])
}

/// A command of a plugin whose bytes are checked before each load.
fn verify(managed: &dyn Fn(&str, &str) -> Result<Program>, n_runs: usize) -> Result<Row> {
    let command = "\"$PINTLE\" bench-hello";
    let mut programs = Vec::new();
    for (name, config) in [("verified", "verify = \"load\"\n"), ("unverified", "")] {
        managed(name, "\"$PINTLE\" plugin install -q bench/bench-0")?.probe("installed")?;
        let program = managed(name, &format!("exec {command}"))?;
        let folder = program.folder.join(".config/pintle");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("plugins.toml"), config)?;
        programs.push(program);
    }
    let [verified, unverified] = &programs[..] else { unreachable!("there are two") };
    let work = "a native plugin's command with `verify = \"load\"`";
    let other = ("without", unverified.clone());
    Ok(row(work, verified, "hello, world", &other, Some(MILLISECOND), n_runs * 10))
}
