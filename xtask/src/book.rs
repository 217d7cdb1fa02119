//! `cargo xtask book`: the guides as a book.

use crate::cargo;
use crate::step::Verdict;
use crate::tools::Tool;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const MDBOOK: Tool = Tool { name: "mdbook", version: "0.5.4" };

pub(crate) fn run() -> Result<ExitCode> {
    ensure!(MDBOOK.ensure()?, "failed to install mdbook");
    println!("{}", build()?.join("index.html").display());
    Ok(ExitCode::SUCCESS)
}

/// Checks that the book builds without warnings and that its links have targets.
pub(crate) fn check() -> Result<Verdict> {
    if !MDBOOK.ensure()? {
        return Ok(Verdict::LeftOut("failed to install mdbook"));
    }
    let book = build()?;
    let broken = broken_links(&book)?;
    ensure!(broken.is_empty(), "broken links in the book:\n{}", broken.join("\n"));
    Ok(Verdict::Passed)
}

/// Builds the book, and returns its directory.
fn build() -> Result<PathBuf> {
    let book = cargo::target_dir()?.join("book");
    let mut command = MDBOOK.command()?;
    command.arg("build").arg(cargo::root().join("docs")).arg("--dest-dir").arg(&book);
    let out = command.output().context("failed to run mdbook")?;
    let log = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() || ["WARN", "ERROR"].iter().any(|it| log.contains(it)) {
        bail!("mdbook: {}\n{log}", out.status);
    }
    Ok(book)
}

/// Returns the links within the book whose file or anchor does not exist.
fn broken_links(book: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(book)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // The first contains all pages, the second is for addresses of any depth.
        if name.ends_with(".html") && !["print.html", "404.html"].contains(&&*name) {
            let _ = pages.insert(name, fs::read_to_string(&path)?);
        }
    }
    let mut broken = Vec::new();
    for (name, page) in &pages {
        let links = ["href=\"", "src=\""].into_iter().flat_map(|it| page.split(it).skip(1));
        for link in links.filter_map(|it| it.split('"').next()) {
            if link.contains("://") || link.starts_with("data:") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { name } else { file };
            let has_anchor = |it: &String| anchor.is_empty() || it.contains(&id(anchor));
            let is_there = match pages.get(file) {
                Some(page) => has_anchor(page),
                None => book.join(file).exists(),
            };
            if !is_there {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    Ok(broken)
}

fn id(anchor: &str) -> String {
    format!("id=\"{anchor}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_files_and_to_places_in_pages() {
        let book = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(book.path().join(name), text).unwrap();
        write("a.html", r##"<a href="b.html#x">, <a href="#y">, <img src="p.svg"> <h1 id="z">"##);
        write("b.html", r#"<h1 id="x"> <a href="https://example.org/#q"> <a href="c.html">"#);
        write("print.html", r#"<a href="none.html">"#);
        let broken = broken_links(book.path()).unwrap();
        assert_eq!(broken, ["a.html: #y", "a.html: p.svg", "b.html: c.html"]);
        write("p.svg", "");
        write("c.html", "");
        assert_eq!(broken_links(book.path()).unwrap(), ["a.html: #y"]);
    }
}
