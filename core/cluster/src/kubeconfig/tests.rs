//! Tests what kubectl reads from our kubeconfigs, and what a merge and a removal leave of other
//! entries.
//!
//! The files are composed of pieces, each of which is unusual in its own way. The seed is fixed, so
//! a failure can be reproduced.

use super::credentials::tests::config;
use super::{Kubeconfig, edit, merge, remove, render};
use serde_json::{Value, json};
use std::error::Error as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// How many files are generated from one seed.
const N_FILES: usize = 40;

/// kubectl must be able to read at least this many of the 160 files.
const N_READABLE: usize = 110;

/// At least this many files must be identical, byte for byte, after a removal. Undone merges are
/// not counted, because after these, all files must be.
const N_SAME: usize = 20;

/// Strings in YAML, as other programs write them into their entries.
const STRINGS: [&str; 21] = [
    "plain",
    "'it''s'",
    r#""a\tb""#,
    r#""\n\tx""#,
    r#""\u263a""#,
    "ü",
    "'yes'",
    r#""""#,
    "!!str 7",
    "a#b",
    "'a # b'",
    "https://[::1]:6443",
    "\"a \\\n      b\"",
    "'a\n\n      b'",
    "a\n      b",
    "|\n      first\n\n      second",
    "|-\n      x",
    ">\n      folded\n      text",
    "|+\n      kept\n\n",
    r#""\x07\e\0""#,
    "~",
];

/// Values that are not strings, which kubectl refuses in known fields.
const OTHERS: [&str; 8] = ["yes", "y", "12", "1e3", "0x1f", "2001-01-01", ".nan", "? "];

/// Returns whether a working kubectl exists. If all tests must run, there must be one.
fn has_kubectl() -> bool {
    let works = Command::new("kubectl")
        .args(["config", "view", "--kubeconfig", "/dev/null"])
        .output()
        .is_ok_and(|it| it.status.success());
    assert!(works || std::env::var_os("PINTLE_REQUIRE_ALL").is_none(), "kubectl is required here");
    works
}

/// Returns kubectl's output for a kubeconfig; `None` if it refuses the file.
fn kubectl(path: &Path) -> Option<Value> {
    let mut command = Command::new("kubectl");
    command.args(["config", "view", "--raw", "-o", "json", "--kubeconfig"]).arg(path);
    let output = command.output().unwrap();
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

/// Returns kubectl's output without the entries of the context `name`.
fn others(mut all: Value, name: &str) -> Value {
    for (list, own) in [("clusters", name), ("contexts", name), ("users", &format!("admin@{name}"))]
    {
        if let Some(entries) = all[list].as_array_mut() {
            entries.retain(|it| it["name"] != own);
        }
    }
    edit::normal(all)
}

/// A generator of numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn is(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// Returns a kubeconfig of another program, with entries in each list, or in none.
fn foreign(random: &mut Random) -> String {
    let mut parts = vec!["apiVersion: v1\n".to_owned(), "kind: Config\n".to_owned()];
    if random.is(2) {
        parts.push("preferences: {}\n".to_owned());
    }
    if random.is(2) {
        let current = random.pick(&["other", "\"\"", "'other' # mine", "\n  other"]);
        parts.push(format!("current-context: {current}\n"));
    }
    for list in ["clusters", "contexts", "users"] {
        parts.push(foreign_list(random, list));
    }
    for idx in 0..parts.len() {
        let other = random.below(parts.len());
        parts.swap(idx, other);
    }
    let mut text =
        random.pick(&["", "", "# head\n\n", "---\n", "%YAML 1.1\n---\n", "--- # c\n"]).to_owned();
    for part in parts {
        text.push_str(&part);
        if random.is(4) {
            text.push_str(random.pick(&[
                "# comment: [\n",
                "\n",
                "   # indented\n",
                "\n\n# two\n\n",
            ]));
        }
    }
    text.push_str(random.pick(&["", "", "", "---\n", "...\n", "---\nkind: Other\n", "# end"]));
    if random.is(6) {
        text.truncate(text.trim_end().len());
    }
    if random.is(5) {
        text = text.replace('\n', "\r\n");
    }
    text
}

fn foreign_list(random: &mut Random, list: &str) -> String {
    let indent = random.pick(&["", "", "  ", "    "]);
    let n_entries = random.below(4);
    if n_entries == 0 {
        return match random.below(5) {
            0 => String::new(),
            1 => format!("{list}:\n"),
            2 => format!("{list}: null # none\n"),
            3 => format!("{list}: []\n"),
            _ => format!("{list}: [ ] # none\n"),
        };
    }
    if random.is(6) {
        let entries: Vec<_> = (0..n_entries)
            .map(|idx| format!("{{name: o{idx}, \"{}\": {{}}}}", &list[..list.len() - 1]))
            .collect();
        return format!(
            "{list}: [{}{}]\n",
            entries.join(random.pick(&[", ", ",\n  ", " ,\n # a, b\n  "])),
            random.pick(&["", " ", ","])
        );
    }
    let key = random.pick(&["", "\"", "'"]);
    let mut text = format!("{key}{list}{key}:{}\n", random.pick(&["", " ", " # theirs"]));
    for idx in 0..n_entries {
        if random.is(5) {
            text.push_str(random.pick(&["# before\n", "\n", "      # far\n"]));
        }
        text.push_str(&foreign_entry(random, list, indent, idx));
    }
    text
}

fn foreign_entry(random: &mut Random, list: &str, indent: &str, idx: usize) -> String {
    let (inner, field) = match list {
        "clusters" => ("cluster", "server"),
        "contexts" => ("context", "namespace"),
        _ => ("user", "token"),
    };
    let value = random.pick(&STRINGS).replace("\n      ", &format!("\n{indent}            "));
    let dash = random.pick(&["- ", "-   ", "- "]);
    let pad = " ".repeat(dash.len());
    let anchor = if random.is(5) { format!(" &{inner}{idx}") } else { String::new() };
    let more = match random.below(5) {
        0 if !anchor.is_empty() => format!("{indent}{pad}again: *{inner}{idx}\n"),
        1 => {
            let (other, long) = (random.pick(&OTHERS), "long ".repeat(60));
            format!("{indent}{pad}\"extra\": {{a: [1, {other}], b: '{long}'}} # c\n")
        }
        _ => String::new(),
    };
    match random.below(3) {
        0 => format!(
            "{indent}{dash}name: o{idx}\n{more}{indent}{pad}{inner}:{anchor}\n{indent}{pad}  {field}: {value}\n"
        ),
        1 => format!(
            "{indent}{dash}{inner}:{anchor}\n{indent}{pad}  {field}: {value}\n{more}{indent}{pad}name: 'o{idx}' # c\n"
        ),
        _ => format!(
            "{indent}-\n{indent}{pad}{inner}:{anchor} # c\n{indent}{pad}    {field}: {value}\n{indent}{pad}name: \"o{idx}\"\n{more}"
        ),
    }
}

/// The results for a number of files.
#[derive(Debug, Default)]
struct Count {
    readable: usize,
    refused: usize,
    same: usize,
}

#[test]
fn what_others_wrote_is_the_same_for_kubectl_and_byte_for_byte() {
    if !has_kubectl() {
        return;
    }
    let seeds = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 7];
    let counts = std::thread::scope(|scope| {
        let run = |seed| scope.spawn(move || others_of(seed));
        seeds.map(run).map(|it| it.join().unwrap())
    });
    let sum = |part: fn(&Count) -> usize| counts.iter().map(part).sum::<usize>();
    let (n_readable, n_same) = (sum(|it| it.readable), sum(|it| it.same));
    // The exact number depends on kubectl's version.
    assert!(n_readable >= N_READABLE && n_same >= N_SAME, "{counts:?}");
}

fn others_of(seed: u64) -> Count {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    let (mut random, mut count) = (Random(seed), Count::default());
    for round in 0..N_FILES {
        let text = foreign(&mut random);
        fs::write(&path, &text).unwrap();
        check(&path, &text, round, &mut count);
    }
    count
}

/// Merges a cluster into a file and removes it again, in one of several ways.
fn check(path: &Path, text: &str, round: usize, count: &mut Count) {
    let kubeconfig = Kubeconfig::file(path);
    let (before, switch) = (kubectl(path), round.is_multiple_of(2));
    let merged = match merge(&kubeconfig, &config("a"), "a", switch) {
        Ok(merged) => merged,
        Err(err) => {
            assert_eq!(fs::read_to_string(path).unwrap(), text);
            assert!(before.is_none(), "{text}\n{text:?}\n{err}: {:?}", err.source());
            count.refused += 1;
            return;
        }
    };
    let after = fs::read_to_string(path).unwrap();
    assert_has_lines(&after, text);
    let Some(before) = before else { return };
    count.readable += 1;
    let mut found = kubectl(path).unwrap_or_else(|| panic!("kubectl refuses\n{after}"));
    assert!(found["clusters"].to_string().contains("https://a"), "{after}");
    assert_eq!(found["current-context"] == "a", switch, "{after}");
    found["current-context"] = before["current-context"].clone();
    assert_eq!(others(found, "a"), others(before, "a"), "{text}\n---\n{after}");
    if round.is_multiple_of(3) {
        merged.undo().unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), text);
        return;
    }
    remove(&kubeconfig, "a", Some(&config("a")))
        .unwrap_or_else(|err| panic!("{text:?}\n{after:?}\n{err:?}"));
    let left = fs::read_to_string(path).unwrap();
    count.same += usize::from(left == text);
    assert!(left == text || kubectl(path).is_some(), "{left}");
    // The previous current context is no longer known.
    if !switch || !text.contains("current-context") {
        // A list that had to be created is now empty, and how an empty list was written is lost.
        assert_eq!(without_empty_lists(&left), without_empty_lists(text), "{after}");
    }
}

/// Checks that `all` contains all lines of `text`, in their order. A list in flow style gets its
/// new entry before its end, and empty lists and the current context may change.
#[track_caller]
fn assert_has_lines(all: &str, text: &str) {
    let mut lines = all.lines();
    for line in without_empty_lists(text).lines() {
        if line.contains("current-context") || line.trim().starts_with("other") {
            continue;
        }
        let is_line = |it: &str| match line.strip_suffix(']') {
            Some(line) => it.starts_with(line.trim_end_matches([',', ' '])),
            None => it == line,
        };
        assert!(lines.any(is_line), "{line:?} is lost:\n{text}\n---\n{all}");
    }
}

/// Returns a text without the lines of empty lists.
fn without_empty_lists(text: &str) -> String {
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let is_empty_list = |idx: usize| {
        let mut parts = lines[idx].splitn(2, ':');
        let is_list =
            parts.next().is_some_and(|it| ["clusters", "contexts", "users"].contains(&it));
        let value = parts.next().unwrap_or_default().split('#').next().unwrap_or_default().trim();
        let is_blank = |it: &&&str| it.trim().is_empty() || it.trim().starts_with('#');
        let next = lines[idx + 1..].iter().find(|it| !is_blank(it)).map_or("", |it| *it);
        let has_items = next.trim_start().starts_with('-') && !next.starts_with("---");
        is_list && (["[]", "[ ]", "null"].contains(&value) || (value.is_empty() && !has_items))
    };
    let kept = (0..lines.len()).filter(|it| !is_empty_list(*it)).map(|it| lines[it]);
    kept.collect::<String>().trim_end().to_owned()
}

#[test]
fn kubectl_reads_what_we_write_for_any_name() {
    if !has_kubectl() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    for name in ["a", "\n\tx", "yes", "12", "a: b", "ü𝄞", "\u{85}\u{2028}"] {
        fs::write(&path, render::document(&config(name))).unwrap();
        let found = kubectl(&path).unwrap_or_else(|| panic!("kubectl refuses {name:?}"));
        assert_eq!(found["contexts"][0]["name"], name);
        assert_eq!(found["current-context"], name);
    }
}

#[test]
fn kubectl_reads_what_we_write_for_any_text() {
    if !has_kubectl() {
        return;
    }
    let alphabet: Vec<char> =
        "\n\t\r :#-?&*!|>'\"%@`{}[],\\~ab1.\0\x07\x7fé\u{85}\u{a0}\u{2028}\u{feff}𝄞"
            .chars()
            .collect();
    let mut random = Random(0xd1b5_4a32_d192_ed03);
    let mut users = Vec::new();
    for idx in 0..3000 {
        let length = random.below(7);
        let text: String = (0..length).map(|_| alphabet[random.below(alphabet.len())]).collect();
        users.push(json!({ "name": format!("u{idx}"), "user": { "username": text } }));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    let all = json!({ "apiVersion": "v1", "kind": "Config", "users": users });
    for text in [render::document(&all), render::flow(&all)] {
        fs::write(&path, text).unwrap();
        let found = kubectl(&path).expect("kubectl reads it");
        for user in &users {
            let entries = found["users"].as_array().unwrap();
            let entry = entries.iter().find(|it| it["name"] == user["name"]).unwrap();
            // kubectl omits empty fields.
            let text = entry["user"]["username"].as_str().unwrap_or_default();
            assert_eq!(text, user["user"]["username"]);
        }
    }
}
