//! How comments are written in a file, and which of its lines must be the first.

/// A kind of comment: its start, and for a block its end.
#[derive(Clone, Copy)]
pub(crate) enum Comment {
    Line(&'static str),
    Block(&'static str, &'static str),
}

impl Comment {
    pub(crate) fn start(self) -> &'static str {
        match self {
            Self::Line(start) | Self::Block(start, _) => start,
        }
    }
}

/// The style of a type of file: its comments, the one for headers first.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    comments: &'static [Comment],
    is_directive: Directive,
    /// The file has no place for a header unless it starts with a directive.
    needs_directive: bool,
}

/// Whether a line at the top, with its number from 0, has a meaning only there.
type Directive = fn(usize, &str) -> bool;

const SLASHES: &[Comment] = &[Comment::Line("//"), Comment::Block("/*", "*/")];
const HASH: &[Comment] = &[Comment::Line("#")];
const DASHES: &[Comment] = &[Comment::Line("--")];
const MARKUP: &[Comment] = &[Comment::Block("<!--", "-->")];
const CSS: &[Comment] = &[Comment::Block("/*", "*/")];

impl Style {
    /// Returns the style of a file, or `None` when it cannot have a header.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let style =
            |comments, is_directive| Some(Self { comments, is_directive, needs_directive: false });
        let starts = |it: &str| {
            name.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if starts("Dockerfile") || starts("Containerfile") {
            return style(HASH, is_parser_directive);
        }
        match name {
            "CMakeLists.txt" | "GNUmakefile" | "Gemfile" | "Justfile" | "Makefile" | "Rakefile"
            | "Tiltfile" | "Vagrantfile" | "justfile" => return style(HASH, is_interpreted),
            "Jenkinsfile" => return style(SLASHES, is_interpreted),
            _ => {}
        }
        let (stem, extension) = name.rsplit_once('.')?;
        if stem.is_empty() {
            return None;
        }
        match extension {
            "c" | "cc" | "cjs" | "cpp" | "cs" | "cxx" | "dart" | "go" | "gradle" | "groovy"
            | "h" | "hh" | "hpp" | "java" | "js" | "jsonnet" | "jsx" | "kt" | "kts" | "less"
            | "libsonnet" | "mjs" | "proto" | "rs" | "scala" | "scss" | "swift" | "ts" | "tsx"
            | "zig" => style(SLASHES, is_interpreted),
            "php" => {
                let opens = |_: usize, line: &str| line == "<?php" || line.starts_with("#!");
                Some(Self { comments: SLASHES, is_directive: opens, needs_directive: true })
            }
            "bash" | "bzl" | "cmake" | "ex" | "exs" | "fish" | "gql" | "graphql" | "hcl" | "jl"
            | "mk" | "nix" | "pl" | "pm" | "ps1" | "py" | "pyi" | "r" | "rb" | "rego" | "sh"
            | "star" | "tf" | "tfvars" | "toml" | "zsh" => style(HASH, is_interpreted),
            "yaml" | "yml" => style(HASH, is_yaml_directive),
            "elm" | "hs" | "lua" | "sql" => style(DASHES, is_interpreted),
            "htm" | "html" | "svg" | "vue" | "xhtml" | "xml" | "xsd" | "xsl" => {
                style(MARKUP, |_, line| line.starts_with("<?xml") || is_doctype(line))
            }
            "css" => style(CSS, |idx, line| idx == 0 && line.starts_with("@charset")),
            _ => None,
        }
    }

    /// Returns the comments that the type of file has.
    pub(crate) fn comments(self) -> &'static [Comment] {
        self.comments
    }

    /// Returns the lines of a header as a comment.
    pub(crate) fn comment(self, header: &[String]) -> Vec<String> {
        match self.comments[0] {
            Comment::Line(start) => {
                header.iter().map(|it| format!("{start} {it}").trim_end().to_owned()).collect()
            }
            Comment::Block(open, close) => [open]
                .into_iter()
                .chain(header.iter().map(String::as_str))
                .chain([close])
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Returns the length of the lines that have a meaning only at the top of the file, or `None`
    /// when the file lacks those that must precede a header.
    pub(crate) fn directives_len(self, text: &str) -> Option<usize> {
        let lines = text.split_inclusive('\n').enumerate();
        let len = lines
            .take_while(|(idx, line)| (self.is_directive)(*idx, line.trim_end()))
            .map(|(_, it)| it.len())
            .sum();
        (len > 0 || !self.needs_directive).then_some(len)
    }
}

/// A shebang, the encoding of Python (PEP 263) and Ruby in the first two lines, or the settings
/// that Emacs reads in the first line.
fn is_interpreted(idx: usize, line: &str) -> bool {
    // `#![…]` is an attribute of Rust.
    let shebang = idx == 0 && line.starts_with("#!") && !line.starts_with("#![");
    let encoding = line.starts_with('#') && (line.contains("coding:") || line.contains("coding="));
    let mode = line.contains("-*-");
    shebang || idx < 2 && !line.starts_with("#![") && (encoding || mode)
}

/// `# key=value` with a key that Docker reads from the top of a Dockerfile
/// (<https://docs.docker.com/reference/dockerfile/#parser-directives>).
fn is_parser_directive(_: usize, line: &str) -> bool {
    let Some((key, _)) = line.strip_prefix('#').and_then(|it| it.split_once('=')) else {
        return false;
    };
    ["syntax", "escape", "check"].iter().any(|it| key.trim().eq_ignore_ascii_case(it))
}

/// `%YAML` and similar lines, up to the line that ends them; a comment may precede a document.
fn is_yaml_directive(idx: usize, line: &str) -> bool {
    line.starts_with('%') || idx > 0 && line == "---" || is_interpreted(idx, line)
}

fn is_doctype(line: &str) -> bool {
    line.get(..9).is_some_and(|it| it.eq_ignore_ascii_case("<!doctype"))
}
