//! Puts a header at the top of a source file.

/// Returns `text` with the header, or `None` when the file has a header or takes none.
pub(crate) fn add(path: &str, text: &str, header: &[String]) -> Option<String> {
    let comment = comment(path)?;
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    if has_header(body, comment) {
        return None;
    }
    let ending = if body.lines().next().is_some_and(|it| body[it.len()..].starts_with("\r\n")) {
        "\r\n"
    } else {
        "\n"
    };
    let (first, rest) = body.split_at(directives_len(path, body));

    let mut lines: Vec<String> =
        header.iter().map(|it| format!("{comment} {it}{ending}")).collect();
    if !rest.is_empty() && !rest.starts_with(['\n', '\r']) {
        lines.push(ending.to_owned());
    }
    // The last directive may lack its line ending when there is nothing behind it.
    let gap = if first.is_empty() || first.ends_with('\n') { "" } else { ending };
    Some([mark, first, gap, &lines.concat(), rest].concat())
}

/// Returns what starts a comment in the file, or `None` when it takes no header.
fn comment(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_dockerfile(name) || matches!(name, "Makefile" | "GNUmakefile" | "Justfile" | "justfile") {
        return Some("#");
    }
    let (stem, extension) = name.rsplit_once('.')?;
    if stem.is_empty() {
        return None;
    }
    match extension {
        "c" | "cc" | "cpp" | "go" | "h" | "hpp" | "java" | "js" | "kt" | "mjs" | "proto" | "rs"
        | "swift" | "ts" | "tsx" => Some("//"),
        "bash" | "mk" | "pl" | "py" | "rb" | "sh" | "tf" | "toml" | "yaml" | "yml" => Some("#"),
        _ => None,
    }
}

fn is_dockerfile(name: &str) -> bool {
    ["Dockerfile", "Containerfile"].iter().any(|it| {
        name.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Whether the comments at the top name a licence.
fn has_header(text: &str, comment: &str) -> bool {
    let is_comment = |line: &&str| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with(comment) || line.starts_with(['#', '/', '*'])
    };
    text.lines().take_while(is_comment).any(|it| it.contains("SPDX-License-Identifier:"))
}

/// Returns the length of the lines that mean something only at the top of the file.
fn directives_len(path: &str, text: &str) -> usize {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_directive = |(idx, line): &(usize, &str)| {
        let line = line.trim_end();
        // `#![…]` is an attribute of Rust.
        let shebang = *idx == 0 && line.starts_with("#!") && !line.starts_with("#![");
        shebang
            || is_dockerfile(name) && is_parser_directive(line)
            || *idx < 2 && name.ends_with(".py") && line.starts_with('#') && line.contains("coding")
    };
    text.split_inclusive('\n').enumerate().take_while(is_directive).map(|(_, it)| it.len()).sum()
}

/// Whether a line is `# key=value` with a key that Docker reads from the top of a Dockerfile.
fn is_parser_directive(line: &str) -> bool {
    let Some((key, _)) = line.strip_prefix('#').and_then(|it| it.split_once('=')) else {
        return false;
    };
    ["syntax", "escape", "check"].iter().any(|it| key.trim().eq_ignore_ascii_case(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: Option<&str>) {
        let header = ["SPDX-License-Identifier: MIT".to_owned(), "Copyright 2026 A".to_owned()];
        assert_eq!(add(path, text, &header).as_deref(), expected);
    }

    #[test]
    fn the_comment_follows_the_type_of_the_file() {
        let slashes = "// SPDX-License-Identifier: MIT\n// Copyright 2026 A\n\nx\n";
        let hashes = "# SPDX-License-Identifier: MIT\n# Copyright 2026 A\n\nx\n";
        for path in ["src/main.rs", "a.go"] {
            check(path, "x\n", Some(slashes));
        }
        for path in ["Cargo.toml", "a/b.yml", "Makefile", "Dockerfile", "b/Dockerfile.dev", "x.sh"]
        {
            check(path, "x\n", Some(hashes));
        }
        for path in ["README.md", "LICENSE", ".gitignore", "Cargo.lock", "a.png", ".rs", "a.json"] {
            check(path, "x\n", None);
        }
    }

    #[test]
    fn what_must_stand_first_stays_first() {
        let header = "# SPDX-License-Identifier: MIT\n# Copyright 2026 A\n";
        check("a.sh", "#!/bin/sh\nx\n", Some(&format!("#!/bin/sh\n{header}\nx\n")));
        check("a.sh", "#!/bin/sh", Some(&format!("#!/bin/sh\n{header}")));
        let syntax = "# syntax=docker/dockerfile:1\n# escape=`\n";
        check("Dockerfile", &format!("{syntax}\nx"), Some(&format!("{syntax}{header}\nx")));
        check(
            "a.py",
            "#!/bin/py\n# coding: x\nx",
            Some(&format!("#!/bin/py\n# coding: x\n{header}\nx")),
        );
        let slashes = header.replace('#', "//");
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
        let quoted = "const A: &str = \"SPDX-License-Identifier: MIT\";\n";
        let header = "// SPDX-License-Identifier: MIT\n// Copyright 2026 A\n\n";
        check("a.rs", quoted, Some(&format!("{header}{quoted}")));
    }
}
