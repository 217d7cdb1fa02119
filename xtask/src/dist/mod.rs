//! `cargo xtask dist`: the files of a release.
//!
//! The same sources always give the same bytes, regardless of place and time: the compiler gets
//! other names for the directories of this machine, and the entries of archives and packages are
//! sorted, have no owner, and have the time in `SOURCE_DATE_EPOCH`.

mod archive;
mod build;
mod deb;
mod debian;
mod depends;
mod files;
mod host;
mod plugin;
mod sums;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use plugin::MANIFEST;
pub(crate) use sums::archives;

use self::build::How;
use self::host::Host;
use self::plugin::Plugin;
use crate::{cargo, minisign, plugins};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The file with the public key, which `plugin install` looks for.
const PUBLIC_KEY: &str = "minisign.pub";

/// What to pack, and where.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Pack only the archives of first-party plugins, without the host and packages
    #[arg(long)]
    plugins: bool,
    /// The output directory [default: target/dist]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Sign the archives with this minisign secret key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Pack only this plugin, a directory of plugins/; can be repeated
    #[arg(long, value_name = "NAME", requires = "plugins")]
    only: Vec<String>,
    /// Build and pack faster, with larger files
    #[arg(long)]
    debug: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let how = How::new(options.debug)?;
    let sources = plugins::choose(plugins::sources()?, &options.only)?;
    let packages: Vec<_> = sources.iter().map(|it| it.package.as_str()).collect();
    let artifacts = build::build(&packages, &how)?;

    let out = match &options.out {
        Some(it) => it.clone(),
        None => cargo::target_dir()?.join("dist"),
    };
    fs::create_dir_all(&out).with_context(|| format!("failed to create `{}`", out.display()))?;
    let found = sources.iter().map(|it| Plugin::of(it, &packages, &artifacts));
    let found = found.collect::<Result<Vec<_>>>()?;
    for plugin in &found {
        let path = plugin.pack(&cargo::root(), &out, &how)?;
        if let Some(key) = &options.key {
            let _ = plugin.sign(&path, key)?;
        }
        report(plugin.key(), &path)?;
    }
    if !options.plugins {
        for product in host::PRODUCTS {
            let host = Host::of(product, &build::build_host(product.name, &how)?)?;
            pack_host(&host, &found, &out, options, &how)?;
        }
    }
    if let Some(key) = &options.key {
        minisign::write_public_key(key, &out.join(PUBLIC_KEY))?;
    }
    sums::write(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// Packs a host and the packages of its plugins.
fn pack_host(
    host: &Host,
    plugins: &[Plugin],
    out: &Path,
    options: &Options,
    how: &How,
) -> Result<()> {
    let name = host.product.name;
    let path = host.pack(out, how)?;
    if let Some(key) = &options.key {
        let _ = host.sign(&path, key)?;
    }
    report(&format!("{name} v{}", host.version()), &path)?;
    if !debian::is_for(host.target()) {
        return Ok(());
    }
    let mut packages = vec![debian::of_host(host, how.time)?];
    if host.product.has_packaged_plugins {
        let plugins = plugins.iter().map(|it| debian::of_plugin(it, host, how.time));
        packages.extend(plugins.collect::<Result<Vec<_>>>()?);
    }
    for package in packages {
        let path = package.write(out, how)?;
        report(&format!("{} {}", package.name, package.version), &path)?;
    }
    Ok(())
}

/// Prints a line about a file that was written.
fn report(what: &impl std::fmt::Display, path: &Path) -> Result<()> {
    let size = plugins::human_size(fs::metadata(path)?.len());
    println!("{what}  {size}  {}", path.display());
    Ok(())
}
