//! The directory of the demo, with a host and plugins that were just built.

use crate::{cargo, plugins};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A directory for the project and for the host's files.
pub(crate) struct Stage {
    pub(super) project: PathBuf,
    pub(super) data: PathBuf,
    pub(crate) plugins: PathBuf,
    pub(super) host: PathBuf,
}

impl Stage {
    /// Builds the host and its plugins without the optimizations of a release, which take longer
    /// than the whole demo.
    pub(crate) fn build(temp: &Path) -> Result<Self> {
        println!("Building the host and its plugins …");
        let sources = plugins::sources()?;
        let mut args: Vec<_> =
            sources.iter().map(|it| format!("--package={}", it.package)).collect();
        args.push("--package=pintle".to_owned());
        let artifacts = cargo::build(&args)?;
        let plugins = temp.join("plugins");
        plugins::lay_out(&sources, &artifacts, &plugins)?;

        let (project, data) = (temp.join("crew-operator"), temp.join("data"));
        fs::create_dir(&project).context("failed to create the project's directory")?;
        let host = cargo::executable(&artifacts, "pintle")?;
        Ok(Self { project, data, plugins, host })
    }
}
