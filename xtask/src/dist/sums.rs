//! The digests of a release.

use super::archive::SUFFIX;
use super::files::file_name;
use anyhow::{Context, Result};
use pintle_host::fs::{Mode, replace};
use pintle_manager::Digest;
use std::fs;
use std::path::{Path, PathBuf};

/// The file with the digests of all archives and packages.
pub(super) const SUMS: &str = "SHA256SUMS";

/// Writes the digests of all files of a release, including files that existed before: machines of
/// several platforms build a release.
pub(super) fn write(out: &Path) -> Result<()> {
    let mut text = String::new();
    for path in files_with(out, &[SUFFIX, super::deb::SUFFIX])? {
        let digest = Digest::of(&fs::read(&path)?).hex();
        text.push_str(&format!("{digest}  {}\n", file_name(&path)?));
    }
    replace(&out.join(SUMS), text.as_bytes(), Mode::New(0o644))?;
    Ok(())
}

/// Returns the archives of plugins in a directory, sorted by name.
pub(crate) fn archives(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = files_with(dir, &[SUFFIX])?;
    found.retain(|it| !file_name(it).is_ok_and(is_of_host));
    Ok(found)
}

/// Returns whether an archive is `pintle-VERSION-TARGET`, and not that of a plugin whose name
/// begins with `pintle-`.
fn is_of_host(name: &str) -> bool {
    let rest = name.strip_prefix("pintle-");
    rest.is_some_and(|it| it.starts_with(|it: char| it.is_ascii_digit()))
}

fn files_with(dir: &Path, suffixes: &[&str]) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir)
        .with_context(|| format!("failed to read the directory `{}`", dir.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|it| it.to_str());
        let fits = |it: &str| suffixes.iter().any(|suffix| it.ends_with(suffix));
        if name.is_some_and(fits) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
