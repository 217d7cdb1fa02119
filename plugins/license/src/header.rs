//! Adds a header at the top of a source file.

use crate::style::{Comment, Style};

/// How many lines at the top may contain the note that a program wrote the file.
const N_LINES_OF_GENERATED: usize = 5;

/// The names of directories with other people's sources, whose headers are not ours to write.
const FOREIGN: &[&str] = &["node_modules", "third-party", "third_party", "vendor"];

/// Returns whether a file with this path can have a header.
pub(crate) fn fits(path: &str) -> bool {
    Style::of(path).is_some() && !path.split('/').any(|it| FOREIGN.contains(&it))
}

/// Returns `text` with the header, or `None` when the file has a header or cannot have one.
pub(crate) fn add(path: &str, text: &str, header: &[String]) -> Option<String> {
    let style = Style::of(path).filter(|_| fits(path))?;
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    if is_generated(body) {
        return None;
    }
    let ending = if body.lines().next().is_some_and(|it| body[it.len()..].starts_with("\r\n")) {
        "\r\n"
    } else {
        "\n"
    };
    let (first, rest) = body.split_at(style.directives_len(body)?);
    let lines = style.comment(header);
    if has_header(style, rest, &lines) {
        return None;
    }

    let mut block: String = lines.iter().flat_map(|it| [it.as_str(), ending]).collect();
    if !rest.is_empty() && !rest.starts_with(['\n', '\r']) {
        block.push_str(ending);
    }
    // The last directive may lack its line ending if nothing follows it.
    let gap = if first.is_empty() || first.ends_with('\n') { "" } else { ending };
    Some([mark, first, gap, &block, rest].concat())
}

/// Whether a program wrote the file, and will overwrite it: by the convention of Go
/// (<https://go.dev/s/generatedcode>), or by the mark that many other tools use.
fn is_generated(text: &str) -> bool {
    text.lines().take(N_LINES_OF_GENERATED).any(|it| {
        it.contains("@generated") || it.contains("Code generated ") && it.contains("DO NOT EDIT")
    })
}

/// Whether the comments at the top are about copyright, or are the header.
fn has_header(style: Style, text: &str, lines: &[String]) -> bool {
    let comments = leading_comments(style, text);
    let lower = comments.to_ascii_lowercase();
    lower.contains("spdx-license-identifier:")
        || lower.contains("copyright")
        || text.lines().map(str::trim_end).zip(lines).filter(|(there, line)| there == line).count()
            == lines.len()
}

/// Returns the comments at the start of the text.
fn leading_comments(style: Style, text: &str) -> &str {
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let comment = style.comments().iter().find(|it| trimmed.starts_with(it.start()));
        let end = match comment {
            None => break,
            Some(Comment::Line(_)) => trimmed.find('\n').map(|it| it + 1),
            Some(Comment::Block(_, close)) => trimmed.find(close).map(|it| it + close.len()),
        };
        rest = &trimmed[end.unwrap_or(trimmed.len())..];
    }
    &text[..text.len() - rest.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHES: &str = "# SPDX-License-Identifier: MIT\n# Copyright 2026 A\n";

    #[track_caller]
    fn check(path: &str, text: &str, expected: Option<&str>) {
        let header = ["SPDX-License-Identifier: MIT".to_owned(), "Copyright 2026 A".to_owned()];
        let made = add(path, text, &header);
        assert_eq!(made.as_deref(), expected, "{path}");
        // A file that has a header keeps it.
        if let Some(made) = made {
            assert_eq!(add(path, &made, &header), None, "{path}");
        }
    }

    #[test]
    fn the_comment_follows_the_type_of_the_file() {
        let slashes = format!("{}\nx\n", HASHES.replace('#', "//"));
        for path in ["src/main.rs", "a.go", "b.proto", "Jenkinsfile"] {
            check(path, "x\n", Some(&slashes));
        }
        let hashes = format!("{HASHES}\nx\n");
        for path in ["Cargo.toml", "a/b.yml", "Makefile", "Dockerfile", "b/Dockerfile.dev", "x.sh"]
        {
            check(path, "x\n", Some(&hashes));
        }
        check("a.sql", "x\n", Some(&format!("{}\nx\n", HASHES.replace('#', "--"))));
        let block = "SPDX-License-Identifier: MIT\nCopyright 2026 A\n";
        check("a.html", "x\n", Some(&format!("<!--\n{block}-->\n\nx\n")));
        check("a.css", "x\n", Some(&format!("/*\n{block}*/\n\nx\n")));
        for path in ["README.md", "LICENSE", ".gitignore", "Cargo.lock", "a.png", ".rs", "a.json"] {
            check(path, "x\n", None);
        }
    }

    #[test]
    fn what_must_stand_first_stays_first() {
        for (path, first) in [
            ("a.sh", "#!/bin/sh\n"),
            ("Dockerfile", "# syntax=docker/dockerfile:1\n# escape=`\n"),
            ("a.py", "#!/bin/py\n# -*- coding: x -*-\n"),
            ("a.rb", "# encoding: utf-8\n"),
            ("a.yaml", "%YAML 1.2\n---\n"),
            ("a.pl", "# -*- mode: perl -*-\n"),
        ] {
            check(path, &format!("{first}x\n"), Some(&format!("{first}{HASHES}\nx\n")));
            check(path, &format!("{first}\nx\n"), Some(&format!("{first}{HASHES}\nx\n")));
        }
        check("a.sh", "#!/bin/sh", Some(&format!("#!/bin/sh\n{HASHES}")));

        let block = "SPDX-License-Identifier: MIT\nCopyright 2026 A\n";
        for (path, first) in [
            ("a.xml", "<?xml version=\"1.0\"?>\n"),
            ("a.html", "<!DOCTYPE html>\n"),
            ("a.svg", "<?xml version=\"1.0\"?>\n<!DOCTYPE svg>\n"),
        ] {
            check(path, &format!("{first}x"), Some(&format!("{first}<!--\n{block}-->\n\nx")));
        }
        check("a.css", "@charset \"x\";\nx", Some(&format!("@charset \"x\";\n/*\n{block}*/\n\nx")));

        let slashes = HASHES.replace('#', "//");
        check("a.php", "<?php\nx", Some(&format!("<?php\n{slashes}\nx")));
        check("a.php", "<p><?php x ?>", None);
        check("a.rs", "#![no_std]\n", Some(&format!("{slashes}\n#![no_std]\n")));
        check("a.rs", "\u{feff}x", Some(&format!("\u{feff}{slashes}\nx")));
        check("a.rs", "", Some(&slashes));
    }

    #[test]
    fn line_endings_are_kept() {
        let header = "// SPDX-License-Identifier: MIT\r\n// Copyright 2026 A\r\n\r\n";
        check("a.rs", "x\r\ny\r\n", Some(&format!("{header}x\r\ny\r\n")));
    }

    #[test]
    fn a_file_keeps_the_header_that_it_has() {
        check("a.rs", "// SPDX-License-Identifier: Apache-2.0\nx\n", None);
        check("a.rs", "//! Doc.\n\n/* SPDX-License-Identifier: MIT */\nx\n", None);
        check("a.rs", "/*\n * (c) COPYRIGHT somebody\n */\nx\n", None);
        check("a.html", "<!--\n  Copyright somebody\n-->\nx\n", None);
        check("a.sh", "#!/bin/sh\n#\n# Copyright somebody\n", None);
        let quoted = "const A: &str = \"SPDX-License-Identifier: MIT\";\n";
        check("a.rs", quoted, Some(&format!("{}\n{quoted}", HASHES.replace('#', "//"))));
    }

    #[test]
    fn a_header_that_says_nothing_of_copyright_is_known_again() {
        let header = ["Ours.".to_owned(), String::new(), "Hands off.".to_owned()];
        let once = add("a.rs", "x\n", &header).unwrap();
        assert_eq!(once, "// Ours.\n//\n// Hands off.\n\nx\n");
        assert_eq!(add("a.rs", &once, &header), None);
        assert_eq!(add("a.rs", &once.replace('\n', "\r\n"), &header), None);
    }

    #[test]
    fn what_others_wrote_is_left_alone() {
        check("a.go", "// Code generated by deepcopy-gen. DO NOT EDIT.\nx\n", None);
        check("a.yaml", "---\n# @generated by crdgen\nx\n", None);
        for path in ["vendor/a.rs", "a/third_party/b.c", "web/node_modules/x/y.js"] {
            check(path, "x\n", None);
        }
        check("src/vendor.rs", "x\n", Some(&format!("{}\nx\n", HASHES.replace('#', "//"))));
    }
}
