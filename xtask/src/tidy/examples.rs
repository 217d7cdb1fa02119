//! What a plugin author calls has an example in its documentation.

use super::{assert_none, sources};

/// The files of `plugin-abi/src` that authors call.
const FILES: &[&str] = &[
    "args.rs",
    "buffer.rs",
    "cancel.rs",
    "cluster.rs",
    "containers.rs",
    "draft.rs",
    "error.rs",
    "event_type.rs",
    "handle.rs",
    "host.rs",
    "message.rs",
    "message/containers.rs",
    "node.rs",
    "plugin.rs",
    "testing.rs",
    "testing/declared.rs",
    "testing/given.rs",
    "testing/interface.rs",
    "testing/scaffold.rs",
    "testing/text.rs",
    "universe.rs",
    "view.rs",
];

/// What is public there, and for hosts.
const FOR_HOSTS: &[&str] = &["fn decode"];

#[test]
fn what_an_author_calls_has_an_example() {
    let is_authors = |path: &str| FILES.iter().any(|it| path == format!("plugin-abi/src/{it}"));
    let files = sources().into_iter().map(|(path, text)| (path.display().to_string(), text));
    let files: Vec<_> = files.filter(|(path, _)| is_authors(path)).collect();
    assert_eq!(files.len(), FILES.len(), "a file is gone");
    let found = files.iter().flat_map(|(path, text)| {
        without_example(text).into_iter().map(move |item| format!("{path}: {item}"))
    });
    assert_none("public items without an example", found);
}

/// Returns the public functions and traits whose documentation has no block of code.
fn without_example(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut has_example = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("///") {
            has_example |= line.starts_with("/// ```");
        } else if let Some(item) = item(line) {
            if !has_example && !FOR_HOSTS.contains(&item.as_str()) {
                found.push(item);
            }
            has_example = false;
        } else if !line.starts_with("#[") {
            has_example = false;
        }
    }
    found
}

/// Returns the function or trait that a line declares for all, as `fn name`.
fn item(line: &str) -> Option<String> {
    let line = line.strip_prefix("pub ")?;
    let line = line.strip_prefix("const fn").map_or(line.to_owned(), |it| format!("fn{it}"));
    let is_item = line.starts_with("fn ") || line.starts_with("trait ");
    let end = line.find(|it: char| "(<: ".contains(it) && it != ' ').unwrap_or(line.len());
    is_item.then(|| line[..end].trim_end_matches([' ', '{']).to_owned())
}
