//! Unpacks Debian packages without installing them. This requires no superuser rights, and packages
//! that conflict can be unpacked side by side.

use crate::cargo;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// `None` for the version that apt would install.
    pub(crate) version: Option<String>,
}

impl Package {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), version: None }
    }

    pub(crate) fn of_version(name: &str, version: &str) -> Self {
        Self { version: Some(version.to_owned()), ..Self::new(name) }
    }

    /// Returns the package as an argument of apt-get.
    fn argument(&self) -> String {
        match &self.version {
            Some(version) => format!("{}={version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// apt, with the machine's sources and with separate package lists.
pub(crate) struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// Downloads the current lists into a directory of the target directory.
    pub(crate) fn update(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder.join("lists/partial"))?;
        fs::create_dir_all(folder.join("cache/archives/partial"))?;
        let options = [
            format!("Dir::State::Lists={}", folder.join("lists").display()),
            format!("Dir::Cache={}", folder.join("cache").display()),
            // The system's hooks apply to the system's own lists.
            "APT::Update::Post-Invoke::=true".to_owned(),
            "Debug::NoLocking=true".to_owned(),
            // The user that apt uses for downloads may have no access to the directory.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Retries=3".to_owned(),
        ];
        let apt = Self { options: options.into_iter().flat_map(|it| ["-o".into(), it]).collect() };
        cargo::run(apt.command("apt-get").args(["update", "-qq"]))?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).env("LC_ALL", "C");
        command
    }

    /// Returns the available versions of a package, the newest first.
    pub(crate) fn versions(&self, package: &str) -> Result<Vec<String>> {
        let text = read(self.command("apt-cache").args(["madison", package]))?;
        Ok(versions(&text))
    }

    /// Downloads packages and their dependencies, and unpacks them into a new directory. Installed
    /// dependencies are not unpacked.
    pub(crate) fn unpack(&self, packages: &[Package], folder: &Path) -> Result<()> {
        let wanted = self.with_dependencies(packages)?;
        let archives = folder.join("archives");
        fs::create_dir_all(&archives)?;
        let mut download = self.command("apt-get");
        download.args(["download", "-qq"]).args(wanted.iter().map(Package::argument));
        cargo::run(download.current_dir(&archives))?;
        for archive in fs::read_dir(&archives)? {
            let path = archive?.path();
            cargo::run(Command::new("dpkg-deb").arg("-x").args([path.as_path(), folder]))?;
        }
        fs::remove_dir_all(&archives).context("failed to remove the archives")
    }

    fn with_dependencies(&self, packages: &[Package]) -> Result<Vec<Package>> {
        let mut depends = self.command("apt-cache");
        depends.args(["depends", "--recurse", "--important"]);
        // Packages with a version are complete: apt-cache would use the candidate's dependencies.
        let open: Vec<_> = packages.iter().filter(|it| it.version.is_none()).collect();
        let mut wanted = packages.to_vec();
        if open.is_empty() {
            return Ok(wanted);
        }
        let text = read(depends.args(open.iter().map(|it| &it.name)))?;
        let installed =
            read(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status} ${Package}\n"]))?;
        let installed: BTreeSet<_> =
            installed.lines().filter_map(|it| it.strip_prefix("installed ")).collect();
        for name in dependencies(&text) {
            let is_new = !wanted.iter().any(|it| it.name == name);
            if is_new && !installed.contains(name) {
                wanted.push(Package::new(name));
            }
        }
        Ok(wanted)
    }
}

/// Returns the library directories in a directory into which packages were unpacked.
pub(crate) fn library_dirs(folder: &Path) -> Vec<PathBuf> {
    let parents = ["usr/lib", "lib"].map(|it| folder.join(it));
    let entries = parents.iter().filter_map(|it| fs::read_dir(it).ok()).flatten().flatten();
    let is_triplet = |it: &PathBuf| it.to_string_lossy().ends_with("-linux-gnu");
    let mut found: Vec<_> = entries.map(|it| it.path()).filter(is_triplet).collect();
    found.sort();
    found
}

/// Creates a directory that `make` fills, in one step, unless it exists; returns whether it was
/// created.
pub(crate) fn once(folder: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<bool> {
    if folder.exists() {
        return Ok(false);
    }
    let parent = folder.parent().context("the directory is in the target directory")?;
    fs::create_dir_all(parent).context("failed to create the target directory")?;
    let temp = tempfile::Builder::new().prefix("unpacked-").tempdir_in(parent)?;
    make(temp.path())?;
    // In one step, so that an interrupted run never looks complete.
    fs::rename(temp.keep(), folder).context("failed to store the unpacked packages")?;
    Ok(true)
}

fn read(command: &mut Command) -> Result<String> {
    let out = command.output();
    let out = out.with_context(|| format!("failed to run `{}`", cargo::line(command)))?;
    ensure!(
        out.status.success(),
        "`{}` failed: {}",
        cargo::line(command),
        String::from_utf8_lossy(&out.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Reads the output of `apt-cache madison`: `name | version | source`, the newest first.
fn versions(text: &str) -> Vec<String> {
    let found = text.lines().filter_map(|it| it.split('|').nth(1));
    found.map(|it| it.trim().to_owned()).collect()
}

/// Reads the output of `apt-cache depends --recurse`: each package, with its relations indented
/// below it. Names in angle brackets are virtual.
fn dependencies(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|it| it.starts_with(|it: char| it.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_prints_is_read() {
        let text = " rustc-web | 1.96.0+dfsg1-1~deb12u2 | http://deb.debian.org/x bookworm/main\n \
                    rustc-web | 1.85.0+dfsg3-1~deb12u3 | http://deb.debian.org/y bookworm/main\n";
        assert_eq!(versions(text), ["1.96.0+dfsg1-1~deb12u2", "1.85.0+dfsg3-1~deb12u3"]);
        assert!(versions("").is_empty());
        let text = "rustc\n  Depends: libc6\n |Depends: gcc\n  Depends: <libc-dev>\n    \
                    libc6-dev\n<libc-dev>\nlibc6\n";
        assert_eq!(dependencies(text).collect::<Vec<_>>(), ["rustc", "libc6"]);
    }

    #[test]
    fn what_failed_half_way_is_not_kept() {
        let target = tempfile::tempdir().unwrap();
        let folder = target.path().join("compilers/one");
        let fail = |it: &Path| {
            fs::write(it.join("a"), "")?;
            anyhow::bail!("no network")
        };
        once(&folder, fail).unwrap_err();
        assert_eq!(fs::read_dir(folder.parent().unwrap()).unwrap().count(), 0);
        assert!(once(&folder, |it| Ok(fs::write(it.join("a"), "")?)).unwrap());
        assert!(!once(&folder, fail).unwrap());
        assert!(folder.join("a").exists());
    }
}
