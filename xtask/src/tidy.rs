//! What must hold for every file and every dependency, as tests.

use crate::cargo;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The licences that a dependency may have without a word.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Dependencies with another licence: the crate, the licence, and why it may stay.
const LICENCE_EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "generational-arena",
    "MPL-2.0",
    "comes through abi_stable; copyleft by file, and we change none of its files",
)];

/// Crates of which there may be several versions, and why. Only crates that a
/// package of the workspace names itself are looked at.
const DOUBLE_EXCEPTIONS: &[(&str, &str)] = &[
    ("base64", "serde-saphyr uses 0.23, and bollard 0.22"),
    ("libloading", "abi_stable, which is frozen, uses 0.7"),
];

/// Folders that hold no sources of ours.
const NOT_OURS: &[&str] = &["target", ".git", ".jj"];

/// The endings of the files that are text of ours.
const TEXT: &[&str] = &["rs", "toml", "md", "yml", "yaml", "sh", "json"];

#[test]
fn every_rust_file_says_why_it_exists() {
    let files = sources().into_iter().filter(|(path, _)| has_ending(path, &["rs"]));
    let mute = files.filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path);
    assert_none("files that do not start with `//!`", mute.map(|it| it.display().to_string()));
}

#[test]
fn no_line_ends_in_a_blank() {
    let found = lines().filter(|it| it.text.ends_with([' ', '\t', '\r']));
    assert_none("lines with trailing blanks", found.map(|it| it.place));
}

#[test]
fn no_file_has_tabs() {
    assert_none("lines with tabs", lines().filter(|it| it.text.contains('\t')).map(|it| it.place));
}

#[test]
fn every_text_file_ends_in_one_line_feed() {
    let bad = |text: &str| !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n"));
    let found = sources().into_iter().filter(|(_, text)| bad(text));
    assert_none("files with a bad end", found.map(|(path, _)| path.display().to_string()));
}

#[test]
fn every_dependency_has_a_licence_from_the_list() {
    let packages = packages();
    let bad = packages.iter().filter(|it| !may_stay(it)).map(describe);
    assert_none("dependencies with other licences", bad);

    let needed = |name: &str, licence: &str| {
        packages.iter().any(|it| it["name"] == name && it["license"] == licence)
    };
    let stale = LICENCE_EXCEPTIONS.iter().filter(|(name, licence, _)| !needed(name, licence));
    assert_none("exceptions that nothing needs", stale.map(|(name, ..)| (*name).to_owned()));
}

#[test]
fn our_own_dependencies_are_there_in_one_version() {
    let mut versions = BTreeMap::<&str, Vec<&str>>::new();
    let packages = packages();
    for package in &packages {
        versions.entry(text(&package["name"])).or_default().push(text(&package["version"]));
    }
    let own = own_dependencies(&packages);
    let several = versions.iter().filter(|(name, it)| own.contains(name) && it.len() > 1);
    let is_known = |name: &str| DOUBLE_EXCEPTIONS.iter().any(|(it, _)| *it == name);
    let bad = several.clone().filter(|(name, _)| !is_known(name));
    assert_none("crates in several versions", bad.map(|(name, it)| format!("{name}: {it:?}")));

    let stale = DOUBLE_EXCEPTIONS.iter().filter(|(name, _)| several.clone().all(|it| it.0 != name));
    assert_none("exceptions that nothing needs", stale.map(|(name, _)| (*name).to_owned()));
}

#[test]
fn licence_expressions_are_judged_as_a_whole() {
    for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT", "(MIT OR Apache-2.0) AND ISC"] {
        assert!(is_allowed(good), "{good}");
    }
    for bad in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "nonsense", ""] {
        assert!(!is_allowed(bad), "{bad}");
    }
}

/// Fails with the list if it is not empty.
#[track_caller]
fn assert_none(what: &str, found: impl Iterator<Item = String>) {
    let found: Vec<_> = found.collect();
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// A line of a file.
struct Line {
    /// As `src/main.rs:3`.
    place: String,
    text: String,
}

fn lines() -> impl Iterator<Item = Line> {
    sources().into_iter().flat_map(|(path, text)| {
        let lines: Vec<_> = text.split('\n').map(str::to_owned).collect();
        lines
            .into_iter()
            .enumerate()
            .map(move |(idx, text)| Line { place: format!("{}:{}", path.display(), idx + 1), text })
    })
}

/// Returns the text files of the repository, with paths that start at its root.
fn sources() -> Vec<(PathBuf, String)> {
    let root = cargo::root();
    let (mut folders, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let is_ours = !NOT_OURS.iter().any(|it| entry.file_name() == *it);
            if kind.is_dir() && is_ours {
                folders.push(path);
            } else if kind.is_file() && has_ending(&path, TEXT) {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|it| endings.iter().any(|ending| it == *ending))
}

/// Returns what cargo knows of each package, the workspace's own included.
fn packages() -> Vec<Value> {
    let metadata = cargo::metadata(&["--locked"]).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Returns the names of what the workspace's own packages depend on directly.
fn own_dependencies(packages: &[Value]) -> Vec<&str> {
    // A package from a registry has a source; ours have none.
    let own = packages.iter().filter(|it| it["source"].is_null());
    let names = own.flat_map(|it| it["dependencies"].as_array().unwrap());
    names.map(|it| text(&it["name"])).collect()
}

fn may_stay(package: &Value) -> bool {
    let (name, licence) = (text(&package["name"]), text(&package["license"]));
    let is_exception = LICENCE_EXCEPTIONS.iter().any(|it| it.0 == name && it.1 == licence);
    is_exception || is_allowed(licence)
}

fn is_allowed(licence: &str) -> bool {
    match spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX) {
        Ok(it) => it.evaluate(|it| LICENCES.contains(&it.to_string().as_str())),
        Err(_) => false,
    }
}

fn describe(package: &Value) -> String {
    let (name, version) = (text(&package["name"]), text(&package["version"]));
    format!("{name} {version}: {}", text(&package["license"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
