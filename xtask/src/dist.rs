//! `cargo xtask dist --plugins`: release files of first-party plugins, as `plugin install` expects
//! them.
//!
//! The same sources give the same bytes: files in the order of their names, no user, and the time
//! of `SOURCE_DATE_EPOCH`, or none.

use crate::plugins::{self, Source};
use crate::{cargo, check};
use anyhow::{Context, Result, ensure};
use pintle_plugin::manifest::{Manifest, TARGET};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The file in an archive that has the plugin's manifest.
pub(crate) const MANIFEST: &str = "pintle-plugin.toml";

/// What to pack, and where to.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Pack first-party plugins
    #[arg(long, required = true)]
    plugins: bool,
    /// The folder of the files [default: target/dist]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Sign the files with this secret key of minisign
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Pack what is built for development, which is faster to build and larger
    #[arg(long)]
    debug: bool,
    /// The plugins, as folders of plugins/ [default: all]
    #[arg(long, value_name = "PLUGIN")]
    only: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let sources = plugins::choose(plugins::sources()?, &options.only)?;
    let mut args: Vec<_> = sources.iter().map(|it| format!("--package={}", it.package)).collect();
    args.extend((!options.debug).then(|| "--release".to_owned()));
    let artifacts = cargo::build(&args)?;
    let out = match &options.out {
        Some(it) => it.clone(),
        None => cargo::target_dir()?.join("dist"),
    };
    fs::create_dir_all(&out).with_context(|| format!("failed to make `{}`", out.display()))?;
    let mut packed = Vec::new();
    for source in &sources {
        let library = cargo::library(&artifacts, &source.folder)?;
        packed.push(Packed::new(source, &library)?);
    }
    for it in &packed {
        let path = out.join(&it.file);
        fs::write(&path, &it.bytes).with_context(|| format!("failed to write {path:?}"))?;
        if let Some(key) = &options.key {
            it.sign(&path, key)?;
        }
        println!("{}  {} bytes", it.file, it.bytes.len());
    }
    if let Some(key) = &options.key {
        publish_key(key, &out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A plugin as one file.
struct Packed {
    file: String,
    manifest: Manifest,
    bytes: Vec<u8>,
}

impl Packed {
    fn new(source: &Source, library: &Path) -> Result<Self> {
        let manifest = check::check(library)?;
        let short = manifest.name.split('.').next().unwrap_or_default();
        let stem = format!("{short}-{}-{TARGET}", manifest.version);
        let name =
            library.file_name().and_then(|it| it.to_str()).context("a library has a name")?;
        let toml = toml::to_string(&manifest).context("failed to write the manifest as TOML")?;
        let mut files =
            vec![(name.to_owned(), fs::read(library)?), (MANIFEST.to_owned(), toml.into_bytes())];
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            files.push((licence.to_owned(), fs::read(cargo::root().join(licence))?));
        }
        if let Ok(readme) = fs::read(source.folder.join("README.md")) {
            files.push(("README.md".to_owned(), readme));
        }
        files.sort();
        let bytes = pack(&stem, &files, modified())?;
        Ok(Self { file: format!("{stem}.tar.zst"), manifest, bytes })
    }

    /// Signs the file, bound to what it is.
    fn sign(&self, path: &Path, key: &Path) -> Result<()> {
        let (name, version) = (&self.manifest.name, &self.manifest.version);
        // As pintle_manager::signature reads it.
        let comment = format!(
            "pintle-plugin name={name} version={version} target={TARGET} file={}",
            self.file
        );
        sign(path, key, &comment)
    }
}

/// Signs a file with a secret key of minisign, and a comment that is signed, too.
pub(crate) fn sign(path: &Path, key: &Path, comment: &str) -> Result<()> {
    let mut minisign = Command::new("minisign");
    minisign.arg("-S").arg("-s").arg(key).args(["-t", comment]).arg("-m").arg(path);
    let out = minisign.output().context("failed to run minisign")?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "minisign failed: {}", said.trim());
    Ok(())
}

/// Writes the public part of a key, which minisign can make from the secret one.
fn publish_key(key: &Path, out: &Path) -> Result<()> {
    let path = out.join("minisign.pub");
    let mut minisign = Command::new("minisign");
    minisign.arg("-R").arg("-f").arg("-s").arg(key).arg("-p").arg(&path);
    let out = minisign.output().context("failed to run minisign")?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "minisign failed: {}", said.trim());
    Ok(())
}

/// The time that all files bear, in seconds since 1970.
///
/// Source: <https://reproducible-builds.org/specs/source-date-epoch/>.
fn modified() -> u64 {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
    epoch.and_then(|it| it.parse().ok()).unwrap_or_default()
}

fn pack(folder: &str, files: &[(String, Vec<u8>)], modified: u64) -> Result<Vec<u8>> {
    let zstd = zstd::Encoder::new(Vec::new(), 19).context("failed to start zstd")?;
    let mut tar = tar::Builder::new(zstd);
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(modified);
        tar.append_data(&mut header, format!("{folder}/{name}"), &bytes[..])?;
    }
    Ok(tar.into_inner()?.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_twice_gives_the_same_bytes() {
        let files = [("a".to_owned(), b"one".to_vec()), ("b".to_owned(), vec![0; 10_000])];
        let [first, second] = [(), ()].map(|()| pack("x-1.0.0", &files, 0).unwrap());
        assert_eq!(first, second);
        assert_ne!(first, pack("x-1.0.0", &files, 1).unwrap());
    }
}
