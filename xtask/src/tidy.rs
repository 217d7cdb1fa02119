//! Rules for all files, as tests. The rules for dependencies are in `deny.toml`.

mod english;
mod examples;
mod imports;

use crate::cargo;
use std::fs;
use std::path::{Path, PathBuf};

/// Directories without sources of this repository.
const NOT_OURS: &[&str] = &["target", ".git", ".jj"];

/// The extensions of the text files of this repository.
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
    assert_none(
        "files that do not end with exactly one newline",
        found.map(|(path, _)| path.display().to_string()),
    );
}

/// Fails with the list if it is not empty.
#[track_caller]
fn assert_none(what: &str, found: impl Iterator<Item = String>) {
    let found: Vec<_> = found.collect();
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// A line of a file.
struct Line {
    /// For example `src/main.rs:3`.
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

/// Returns the text files of the repository, with paths relative to its root.
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
