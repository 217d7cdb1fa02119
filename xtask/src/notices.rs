//! `cargo xtask notices`: the third-party crates in a binary, with the texts that their licences
//! demand of everyone who distributes it.

use crate::cargo;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The name of the file in archives.
pub(crate) const FILE: &str = "THIRD-PARTY.txt";
/// How the names of files with licences begin, in lower case.
const BEGINNINGS: [&str; 6] = ["copying", "copyright", "licence", "license", "notice", "unlicense"];
const RULE: &str = "----------------------------------------------------------------------------";

/// The binary.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The package of this workspace, built with its default features
    #[arg(value_name = "PACKAGE")]
    package: String,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let package = options.package.as_str();
    let notices = Notices::of(package, &[package], &cargo::host_triple()?)?;
    print!("{}", notices.text(package)?);
    Ok(ExitCode::SUCCESS)
}

/// The third-party crates that are linked into a binary, sorted by name and version.
#[derive(Default)]
pub(crate) struct Notices(Vec<Crate>);

/// A third-party crate.
struct Crate {
    name: String,
    version: String,
    /// An SPDX expression.
    licence: String,
    authors: Vec<String>,
    source: String,
    /// The directory of its sources.
    folder: PathBuf,
}

impl Notices {
    /// Finds the crates of a package of the workspace. The packages in `built` are built at once
    /// with it, so cargo enables the features that any of them needs.
    pub(crate) fn of(package: &str, built: &[&str], target: &str) -> Result<Self> {
        let metadata = cargo::metadata(&["--locked", "--filter-platform", target])?;
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut crates = BTreeMap::new();
        for value in packages {
            let it = of_metadata(value)
                .context("a package in the output of `cargo metadata` lacks a name or path")?;
            // The workspace has no source.
            let is_third_party = !value["source"].is_null();
            crates.insert(format!("{} v{}", it.name, it.version), is_third_party.then_some(it));
        }
        let mut found = Vec::new();
        for name in linked(package, built, target)? {
            let it = crates.remove(&name);
            let it = it.with_context(|| format!("the output of `cargo metadata` has no `{name}`"));
            found.extend(it?);
        }
        Ok(Self(found))
    }

    /// Returns the SPDX expressions of all crates.
    pub(crate) fn licences(&self) -> BTreeSet<&str> {
        self.0.iter().map(|it| it.licence.as_str()).collect()
    }

    /// Returns the list of the crates, and below it the texts of their licences, each once.
    pub(crate) fn text(&self, name: &str) -> Result<String> {
        let mut text = format!(
            "Third-party software in {name}\n\n\
             The binary contains the crates below, and the standard library of Rust\n\
             (https://www.rust-lang.org, MIT OR Apache-2.0, by the Rust Project contributors).\n\
             The numbers refer to the texts that follow the list. If a crate offers a choice of\n\
             licences, the texts are those of all choices.\n\n\
             Licences, as SPDX expressions:\n"
        );
        self.licences().iter().for_each(|it| text.push_str(&format!("  {it}\n")));
        let mut texts = Texts::default();
        for it in &self.0 {
            let own = it.texts().with_context(|| format!("failed to read the crate `{}`", it.name));
            let numbers: BTreeSet<_> = own?.into_iter().map(|it| texts.number(it)).collect();
            let numbers: Vec<_> = numbers.iter().map(usize::to_string).collect();
            text.push_str(&format!("\n{} {}\n  licence: {}\n", it.name, it.version, it.licence));
            text.push_str(&format!("  source:  {}\n", it.source));
            if !numbers.is_empty() {
                text.push_str(&format!("  texts:   {}\n", numbers.join(", ")));
            } else if !it.authors.is_empty() {
                text.push_str(&format!("  authors: {}\n", it.authors.join(", ")));
            }
        }
        for (index, it) in texts.all.iter().enumerate() {
            text.push_str(&format!("\n{RULE}\nText {}\n{RULE}\n\n{it}\n", index + 1));
        }
        Ok(text)
    }
}

/// The texts of licences; texts that differ only in white space are the same.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Texts {
    /// Returns the number of a text, and adds the text if it is new.
    fn number(&mut self, text: String) -> usize {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        *self.numbers.entry(words).or_insert_with(|| {
            self.all.push(text);
            self.all.len()
        })
    }
}

/// Returns the names and versions of the crates that are linked into a package, as cargo prints
/// them. Macros and build scripts run on the build machine only.
fn linked(package: &str, built: &[&str], target: &str) -> Result<BTreeSet<String>> {
    let mut tree = cargo::cargo(["tree", "--locked", "--target", target, "--format={p}"]);
    tree.args(["--edges=normal,no-proc-macro", "--prefix=none", "--no-dedupe"]);
    tree.args(built.iter().map(|it| format!("--package={it}")));
    let out = tree.output().context("failed to run `cargo tree`")?;
    let message = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "`{}` failed: {}", cargo::line(&tree), message.trim());
    let text = String::from_utf8(out.stdout).context("the output of `cargo tree` is not UTF-8")?;
    // An empty line separates the trees of the packages.
    let of_package = |it: &&str| it.split(' ').next() == Some(package);
    let tree = text.split("\n\n").find(of_package);
    let tree = tree.with_context(|| format!("the output of `cargo tree` has no `{package}`"))?;
    let names = tree.lines().map(|it| it.split(' ').take(2).collect::<Vec<_>>().join(" "));
    Ok(names.collect())
}

/// Reads a package of cargo's metadata.
fn of_metadata(value: &Value) -> Option<Crate> {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let (name, version) = (text("name")?, text("version")?);
    let authors = value["authors"].as_array().into_iter().flatten();
    Some(Crate {
        licence: text("license").map_or_else(|| "see its text".to_owned(), |it| spdx(&it)),
        authors: authors.filter_map(Value::as_str).map(str::to_owned).collect(),
        source: text("repository")
            .unwrap_or_else(|| format!("https://crates.io/crates/{name}/{version}")),
        folder: Path::new(value["manifest_path"].as_str()?).parent()?.to_owned(),
        name,
        version,
    })
}

/// Older crates write `MIT/Apache-2.0` for a choice.
fn spdx(licence: &str) -> String {
    licence.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

impl Crate {
    /// Returns the texts of the licences of the crate, and of the code in it that others wrote.
    fn texts(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        find_licences(&self.folder, &mut found)?;
        found.sort();
        found.iter().map(|it| text(it)).collect()
    }
}

/// Finds the files with licences in a directory and the directories below it.
fn find_licences(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if kind.is_dir() && !name.starts_with('.') {
            find_licences(&path, found)?;
        } else if kind.is_file() && is_licence(&name) {
            found.push(path);
        }
    }
    Ok(())
}

/// Returns whether a file with this name, in lower case, contains a licence, for example
/// `license-mit`, `copying` or `mit_license`.
fn is_licence(name: &str) -> bool {
    let begins = BEGINNINGS.iter().any(|it| name.starts_with(it));
    (begins || name.ends_with("_license")) && !name.ends_with(".rs")
}

/// Reads a text with the line ends of Unix.
fn text(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.trim_start_matches('\u{feff}').lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates the sources of a crate in a directory.
    fn of_files(name: &str, folder: &Path, files: &[(&str, &str)]) -> Crate {
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Crate {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: "MIT".to_owned(),
            authors: vec!["Ada".to_owned()],
            source: format!("https://example.org/{name}"),
            folder: folder.to_owned(),
        }
    }

    #[test]
    fn each_text_is_printed_once_and_a_crate_without_one_names_its_authors() {
        let dir = tempfile::tempdir().unwrap();
        let [one, two, three] = ["one", "two", "three"].map(|it| dir.path().join(it));
        let of_one = [("LICENSE-MIT", "do as\nyou like\n"), ("src/license.rs", "mod it;")];
        let of_two = [("MIT_license", "do as you\r\n  like"), ("c/COPYING.md", "  of C\n")];
        let of_three = [("README.md", "# It"), (".github/LICENSE", "of a workflow")];
        fs::create_dir_all(&three).unwrap();
        let notices = Notices(vec![
            of_files("one", &one, &of_one),
            of_files("two", &two, &of_two),
            of_files("three", &three, &of_three),
        ]);
        let text = notices.text("it").unwrap();
        let (_, list) = text.split_once("SPDX expressions:\n").unwrap();
        let expected = format!(
            "  MIT\n\n\
             one 1.0.0\n  licence: MIT\n  source:  https://example.org/one\n  texts:   1\n\n\
             two 1.0.0\n  licence: MIT\n  source:  https://example.org/two\n  texts:   1, 2\n\n\
             three 1.0.0\n  licence: MIT\n  source:  https://example.org/three\n  authors: Ada\n\n\
             {RULE}\nText 1\n{RULE}\n\ndo as\nyou like\n\n\
             {RULE}\nText 2\n{RULE}\n\n  of C\n"
        );
        assert_eq!(list, expected);
    }

    #[test]
    fn only_linked_crates_are_listed() {
        let target = cargo::host_triple().unwrap();
        let names = |package, built: &[&str]| {
            let notices = Notices::of(package, built, &target).unwrap();
            notices.0.into_iter().map(|it| it.name).collect::<BTreeSet<_>>()
        };
        let host = names("pintle", &["pintle"]);
        for linked in ["clap", "ring", "zstd-sys"] {
            assert!(host.contains(linked), "{linked} is missing in {host:?}");
        }
        // Of tests, a build script, macros, and the workspace.
        for other in ["expect-test", "cc", "serde_derive", "syn", "pintle-host"] {
            assert!(!host.contains(other), "{other} is not linked");
        }
        let built = ["pintle-plugin-ci", "pintle-plugin-rust"];
        let [ci, rust] = built.map(|it| names(it, &built));
        assert!(ci.contains("abi_stable") && !ci.contains("clap"), "{ci:?}");
        assert!(rust.contains("abi_stable") && rust.contains("minijinja"), "{rust:?}");
    }

    #[test]
    fn a_choice_of_licences_has_one_spelling() {
        for it in ["MIT/Apache-2.0", "MIT / Apache-2.0", "MIT OR Apache-2.0"] {
            assert_eq!(spdx(it), "MIT OR Apache-2.0");
        }
    }
}
