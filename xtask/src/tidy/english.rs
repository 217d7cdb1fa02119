//! Words that messages, documents and comments do without: they are unidiomatic, or say less than
//! the standard word for the thing.

use super::{assert_none, lines};

/// The words, and what is written instead.
const WORDS: &[(&str, &str)] = &[
    ("anew", "again"),
    ("nobody", "no one, no process, no plugin"),
    ("whoever", "anyone who"),
    ("whomever", "anyone whom"),
    ("bears", "has"),
    ("be it", "whether"),
    ("by hand", "manually, yourself"),
    ("nevertheless", "anyway"),
    ("that which", "what"),
    ("to be sure", ""),
];

/// Text that users and readers see; what the tests do is less important.
const PLACES: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "README.md",
    "core/",
    "docs/",
    "plugin-abi/",
    "plugins/",
    "xtask/src/",
];

/// Files that are written into the projects of users, texts of licences, and this list.
const EXCEPTIONS: &[&str] = &["/templates/", "/licenses/", "xtask/src/tidy/english.rs"];

#[test]
fn texts_are_written_in_standard_words() {
    let found = lines().filter_map(|it| {
        let is_ours = PLACES.iter().any(|place| it.place.starts_with(place));
        let is_exempt = EXCEPTIONS.iter().any(|place| it.place.contains(place));
        let fault = fault(&it.text).filter(|_| is_ours && !is_exempt)?;
        Some(format!("{}: {fault}", it.place))
    });
    assert_none("lines with unidiomatic words", found);
}

/// Returns what is wrong with the English of a line.
fn fault(line: &str) -> Option<String> {
    // What is in backticks is a name.
    let text: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ").to_lowercase();
    let words: Vec<&str> = text.split(|it: char| !it.is_alphanumeric() && it != '_').collect();
    let words: Vec<&str> = words.into_iter().filter(|it| !it.is_empty()).collect();
    for (word, better) in WORDS {
        let sought: Vec<_> = word.split(' ').collect();
        if words.windows(sought.len()).any(|it| it == sought) {
            return Some(format!("`{word}`; write `{better}`"));
        }
    }
    let is_no = words.windows(2).enumerate().any(|(at, it)| {
        let before = at.checked_sub(1).map(|it| words[it]);
        let behind = words.get(at + 2).copied();
        it == ["is", "no"]
            && before != Some("there")
            && !["longer", "more"].map(Some).contains(&behind)
    });
    if is_no {
        return Some("`is no`; write `is not a`, or `is not`".to_owned());
    }
    let is_comment = line.trim_start().starts_with("//");
    let is_document = !line.contains(';') && !line.contains("fn ");
    if is_comment && is_document && (words.contains(&"folder") || words.contains(&"folders")) {
        return Some("`folder`; write `directory`".to_owned());
    }
    None
}

#[test]
fn unidiomatic_words_are_found() {
    for line in ["Nobody knows.", "/// It is no plugin.", "x is no", "// The folder.", "made anew"]
    {
        assert!(fault(line).is_some(), "{line}");
    }
    for line in [
        "It is no longer there.",
        "There is a plugin.",
        "let folder = 1;",
        "renewed",
        "knob odyssey",
    ] {
        assert_eq!(fault(line), None, "{line}");
    }
}
