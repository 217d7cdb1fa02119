//! `cargo xtask index`: the index that `plugin search` reads, of release files.

use crate::dist;
use anyhow::{Context, Result, ensure};
use pintle_plugin::manifest::Manifest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to list, and where to.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder that `cargo xtask dist --plugins` has made
    #[arg(value_name = "DIR")]
    dist: PathBuf,
    /// The owner at GitHub: the plugin `x.pintle.dev` is then `OWNER/x`
    #[arg(long, value_name = "OWNER")]
    owner: String,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "index.json")]
    out: PathBuf,
    /// Sign it with this secret key of minisign
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut plugins = BTreeMap::new();
    for entry in fs::read_dir(&options.dist).context("failed to list the folder")? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "zst") {
            let manifest = manifest(&path).with_context(|| format!("failed to read {path:?}"))?;
            let listed = listed(&manifest, &options.owner);
            plugins.insert(manifest.name, listed);
        }
    }
    ensure!(!plugins.is_empty(), "there are no plugins in `{}`", options.dist.display());
    let n_plugins = plugins.len();
    let plugins: Vec<Value> = plugins.into_values().collect();
    let text = serde_json::to_string_pretty(&json!({ "format": 1, "plugins": plugins }))?;
    fs::write(&options.out, text + "\n").context("failed to write the index")?;
    if let Some(key) = &options.key {
        dist::sign(&options.out, key, "pintle-index")?;
    }
    println!("{}  {n_plugins} plugins", options.out.display());
    Ok(ExitCode::SUCCESS)
}

/// Returns the manifest that lies in an archive beside the library.
fn manifest(archive: &Path) -> Result<Manifest> {
    let mut tar = tar::Archive::new(zstd::Decoder::new(File::open(archive)?)?);
    for entry in tar.entries()? {
        let mut entry = entry?;
        if entry.path()?.file_name().is_some_and(|it| it == dist::MANIFEST) {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            return toml::from_str(&text).context("the manifest is damaged");
        }
    }
    anyhow::bail!("there is no `{}` in it", dist::MANIFEST)
}

fn listed(manifest: &Manifest, owner: &str) -> Value {
    let short = manifest.name.split('.').next().unwrap_or_default();
    let commands: Vec<_> = manifest.commands.iter().map(|it| it.path.join(" ")).collect();
    let mut listed = json!({
        "name": manifest.name,
        "source": format!("{owner}/{short}"),
        "version": manifest.version,
        "description": manifest.description,
        "commands": commands,
        "subcommands": manifest.subcommands,
        "events": manifest.events,
    });
    if let Some(why) = &manifest.deprecated {
        listed["deprecated"] = json!(why);
    }
    listed
}
