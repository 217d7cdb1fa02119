//! Indexes that exceed limits and violate rules, minisign signatures, and a server.

use super::kept::Kept;
use super::*;
use crate::signature::PublicKey;
use crate::source::http::{Client, Options};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use tempfile::TempDir;
use url::Url;

/// Signatures of this text, made with minisign 0.11 (Debian) and a key that no longer exists.
const SIGNED: &str = r#"{"format": 1, "plugins": [{"name": "registry.example.org", "source": "acme/registry", "description": "Image registries for clusters", "version": "1.2.0", "commands": ["registry create", "registry list"]}]}
"#;
const KEY: &str = "RWSyPCEGGN6QPTdQDrXnOXRbwXdSSP9SzlF4Hji4JnW297c+tAd2DWZh";
const OTHER_KEY: &str = "RWSde9aOKdXRuZsej2aiDMYIiIzAQWy0DClnngFzQvz8NI4CWqCe3Oix";
const GOOD: &str = "untrusted comment: signature from minisign secret key
RUSyPCEGGN6QPd9jJJ42S6s2USQoCJdt7fUeQg/n0lHk8oeyFAEWXcftIb7DGxZJ4yADtnJFaEJeDG2UdnOtRfKSnyF9i7JJ0wE=
trusted comment: pintle-index created=1795802521
rlefDKqhXiC20b6WCgVoux+JKDhomGJajjTSN88PqPdGym0Nz7TuXBkoQESN0kZHXQFlxf3cCl4SpUG13Wf3DQ==
";
/// One second earlier.
const OLD: &str = "untrusted comment: signature from minisign secret key
RUSyPCEGGN6QPd9jJJ42S6s2USQoCJdt7fUeQg/n0lHk8oeyFAEWXcftIb7DGxZJ4yADtnJFaEJeDG2UdnOtRfKSnyF9i7JJ0wE=
trusted comment: pintle-index created=1795802520
ESgHRJY6yb29bLVQ4L/PZ4bDSF7lWighzw6FC7gmE1IjeRWSmHTIixLSQCrKCt3pJVIqG4VPxu0hUlZMtNs2AQ==
";
const OF_A_PLUGIN: &str = "untrusted comment: signature from minisign secret key
RUSyPCEGGN6QPd9jJJ42S6s2USQoCJdt7fUeQg/n0lHk8oeyFAEWXcftIb7DGxZJ4yADtnJFaEJeDG2UdnOtRfKSnyF9i7JJ0wE=
trusted comment: pintle-plugin name=a version=1 target=t file=f
aw5jE0O4CHVhJioebOoOOo8lOoKHA+gwhYiPkhe+pbwQqtAXpTMQFfqjej0YTwfE5wdO/oN7lJ2+sjaMnnClDw==
";
const TWICE: &str = "untrusted comment: signature from minisign secret key
RUSyPCEGGN6QPd9jJJ42S6s2USQoCJdt7fUeQg/n0lHk8oeyFAEWXcftIb7DGxZJ4yADtnJFaEJeDG2UdnOtRfKSnyF9i7JJ0wE=
trusted comment: pintle-index created=1 created=2
J3FQbuf580ikfi/ItvFSLuNXUwQkf1SJ1y+bq7F93wopJ/mh0S6g6VmOsGTWfqoGpglNbwLUiA4XXHFcGH4/DA==
";

fn plugin(name: &str, description: &str, commands: &[&str]) -> Plugin {
    Plugin {
        name: name.to_owned(),
        source: "acme/it".to_owned(),
        description: description.to_owned(),
        version: "1.0.0".to_owned(),
        commands: commands.iter().map(|it| (*it).to_owned()).collect(),
        ..Plugin::default()
    }
}

fn index() -> Index {
    let plugins = vec![
        plugin("tide.example.org", "Tells the TIDE of a harbour", &["tide", "tide table"]),
        plugin("log.example.org", "Writes the log of tides", &["log"]),
        plugin("log.acme.dev", "Ölstand", &["cluster log", "cluster tide"]),
    ];
    Index::new(plugins).unwrap()
}

fn names(plugins: &[&Plugin]) -> Vec<String> {
    plugins.iter().map(|it| it.name.clone()).collect()
}

#[test]
fn a_search_finds_all_words_in_name_description_and_commands() {
    let index = index();
    let check = |words: &[&str], expected: &[&str]| {
        assert_eq!(names(&index.search(words)), expected, "{words:?}");
    };
    check(&[], &["log.acme.dev", "log.example.org", "tide.example.org"]);
    check(&["Tide"], &["tide.example.org", "log.acme.dev", "log.example.org"]);
    check(&["tide", "harbour"], &["tide.example.org"]);
    check(&["ölST"], &["log.acme.dev"]);
    check(&["cluster tide"], &["log.acme.dev"]);
    check(&["storm"], &[]);
}

#[test]
fn a_name_is_full_or_short() {
    let index = index();
    let check = |name, expected: &[&str]| assert_eq!(names(&index.named(name)), expected, "{name}");
    check("tide", &["tide.example.org"]);
    check("log", &["log.acme.dev", "log.example.org"]);
    check("log.acme.dev", &["log.acme.dev"]);
    check("log.acme", &[]);
    check("acme/log", &[]);
}

#[test]
fn words_are_compared_with_commands_word_by_word() {
    let index = index();
    let check = |words: &str, expected: Option<(Match, &[&str])>| {
        let words: Vec<_> = words.split_whitespace().map(ToOwned::to_owned).collect();
        let found = index.with_command(&words).map(|(how, found)| (how, names(&found)));
        let expected = expected
            .map(|(how, names)| (how, names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()));
        assert_eq!(found, expected, "{words:?}");
    };
    check("tide", Some((Match::Command, &["tide.example.org"])));
    check("tide table today", Some((Match::Command, &["tide.example.org"])));
    check("cluster log", Some((Match::Command, &["log.acme.dev"])));
    check("cluster", Some((Match::Noun, &["log.acme.dev"])));
    for words in ["", "tides", "cluster lo", "table", "clusterlog"] {
        check(words, None);
    }
}

fn with_causes(err: &dyn Error) -> String {
    let cause = err.source().map(|it| format!(": {}", with_causes(it)));
    format!("{err}{}", cause.unwrap_or_default())
}

/// Reads an index with one plugin, some fields of which are replaced.
#[track_caller]
fn refused(changes: Value) -> String {
    let mut plugin = json!({
        "name": "it.example.org", "source": "acme/it", "description": "It", "version": "1",
    });
    for (field, value) in changes.as_object().unwrap() {
        plugin[field] = value.clone();
    }
    let text = json!({ "format": 1, "plugins": [plugin] }).to_string();
    match Index::parse(text.as_bytes()) {
        Ok(_) => "fine".to_owned(),
        Err(err) => with_causes(&err),
    }
}

#[test]
fn what_is_not_an_index_is_refused() {
    let check = |text: &str, expected: Expect| {
        expected.assert_eq(&with_causes(&Index::parse(text.as_bytes()).unwrap_err()));
    };
    check(
        "",
        expect![
            "it is not JSON in the expected format: EOF while parsing a value at line 1 column 0"
        ],
    );
    check(
        "<html>",
        expect!["it is not JSON in the expected format: expected value at line 1 column 1"],
    );
    check(
        "[]",
        expect![
            "it is not JSON in the expected format: invalid length 0, expected struct File with 2 elements at line 1 column 2"
        ],
    );
    check(
        r#"{"plugins": []}"#,
        expect![
            "it is not JSON in the expected format: missing field `format` at line 1 column 15"
        ],
    );
    check(
        r#"{"format": 1}"#,
        expect![
            "it is not JSON in the expected format: missing field `plugins` at line 1 column 13"
        ],
    );
    check(
        r#"{"format": 1, "plugins": [{"name": "a"}]}"#,
        expect![
            "it is not JSON in the expected format: missing field `source` at line 1 column 39"
        ],
    );
    check(
        r#"{"format": 2, "plugins": []}"#,
        expect!["its format is 2, but this host reads format 1"],
    );
    check(
        r#"{"format": 3, "names": {}}"#,
        expect!["its format is 3, but this host reads format 1"],
    );
    check(
        &SIGNED[..100],
        expect![
            "it is not JSON in the expected format: EOF while parsing a value at line 1 column 100"
        ],
    );
    check(
        &"[".repeat(100_000),
        expect![
            "it is not JSON in the expected format: invalid type: sequence, expected u32 at line 1 column 1"
        ],
    );
}

#[test]
fn a_field_that_breaks_a_rule_is_named() {
    assert_eq!(refused(json!({})), "fine");
    assert_eq!(refused(json!({ "unknown": [1], "commands": ["a b"], "deprecated": "x" })), "fine");
    for (changes, expected) in [
        (
            json!({ "name": "it" }),
            "the name of plugin `it` is not a full plugin name, for example `hello.example.org`",
        ),
        (
            json!({ "name": "It\u{1b}[2J" }),
            "the name of plugin `It\\u{1b}[2J` contains control characters",
        ),
        (
            json!({ "description": "a\nhint: b" }),
            "the description of plugin `it.example.org` contains control characters",
        ),
        (
            json!({ "commands": ["a\u{9b}"] }),
            "the commands of plugin `it.example.org` contains control characters",
        ),
        (
            json!({ "deprecated": "\t" }),
            "the deprecation of plugin `it.example.org` contains control characters",
        ),
        (
            json!({ "description": "a".repeat(1001) }),
            "the description of plugin `it.example.org` has 1001 bytes, but the limit is 1000",
        ),
        (
            json!({ "events": vec!["a"; 1001] }),
            "the events of plugin `it.example.org` are 1001, but the limit is 1000",
        ),
        (
            json!({ "commands": [" "] }),
            "the commands of plugin `it.example.org` contain an empty one",
        ),
        (json!({ "version": "new" }), "the version of plugin `it.example.org` is invalid: `new`"),
    ] {
        assert_eq!(refused(changes), expected);
    }
}

#[test]
fn a_source_is_safe_to_be_copied_to_a_command_line() {
    for source in [
        "acme/it",
        "oci://ghcr.io/acme/it",
        "https://a.example/it.tar.gz",
        "./it.so",
        "/a/b_1+2.so",
    ] {
        assert_eq!(refused(json!({ "source": source })), "fine");
    }
    for source in [
        "",
        "it",
        "acme/it@1.0",
        "acme/it; reboot",
        "./$(reboot)",
        "./a b",
        "--from=/a",
        "ftp://a/b",
        "https://user:secret@a.example/it",
        "./`a`",
        "./a|b",
        "./a&b",
        "./a'b",
        "oci://a.example/b:1",
    ] {
        let expected =
            "the source of plugin `it.example.org` is not a valid source without a version";
        assert_eq!(refused(json!({ "source": source })), format!("{expected}: `{source}`"));
    }
}

#[test]
fn there_are_not_too_many_plugins_and_none_twice() {
    let many =
        |n: usize| (0..n).map(|it| plugin(&format!("p{it}.example.org"), "It", &[])).collect();
    Index::new(many(50_000)).unwrap();
    let err = Index::new(many(50_001)).unwrap_err();
    assert_eq!(err.to_string(), "it has 50001 plugins, but the limit is 50000");
    let err = Index::new(vec![plugin("a.b", "", &[]), plugin("a.b", "", &[])]).unwrap_err();
    assert_eq!(err.to_string(), "plugin `a.b` is listed twice");
}

#[test]
fn what_is_written_is_read() {
    let index = index();
    assert_eq!(Index::parse(index.to_json().as_bytes()).unwrap(), index);
}

fn file(dir: &TempDir, text: &str, signature: Option<&str>) -> String {
    let path = dir.path().join("index.json");
    fs::write(&path, text).unwrap();
    if let Some(signature) = signature {
        fs::write(dir.path().join("index.json.minisig"), signature).unwrap();
    }
    path.to_str().unwrap().to_owned()
}

fn place(text: &str, key: Option<&str>, cache: Option<&Path>) -> Place {
    let key: Option<PublicKey> = key.map(|it| it.parse().unwrap());
    Place::new(text, None, key, cache.map(ToOwned::to_owned)).unwrap()
}

#[test]
fn with_a_key_the_signature_is_verified_before_anything_is_read() {
    let check = |text: &str, signature: Option<&str>, key, expected: Expect| {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, text, signature);
        let shown = match place(&path, key, None).load(None) {
            Ok(it) => format!("{} plugins, signed: {}", it.index.plugins().len(), it.key.is_some()),
            Err(err) => format!("{}\n{}", with_causes(&err), err.hint().unwrap_or_default()),
        };
        expected.assert_eq(&shown.replace(dir.path().to_str().unwrap(), "[DIR]"));
    };
    check(SIGNED, None, None, expect!["1 plugins, signed: false"]);
    check(SIGNED, Some("anything"), None, expect!["1 plugins, signed: false"]);
    check(SIGNED, Some(GOOD), Some(KEY), expect!["1 plugins, signed: true"]);
    check(
        SIGNED,
        None,
        Some(KEY),
        expect![[r#"
        the plugin index `[DIR]/index.json` has no signature
        `index-key` in the configuration requires a signature: a `.minisig` file next to the index"#]],
    );
    check(
        "not JSON",
        Some(GOOD),
        Some(KEY),
        expect![[r#"
        failed to verify the signature of `[DIR]/index.json`: the signature does not match the file and its trusted comment
        do not use the index, and report it to its publisher: it is not the published one"#]],
    );
    check(
        SIGNED,
        Some(GOOD),
        Some(OTHER_KEY),
        expect![[r#"
        failed to verify the signature of `[DIR]/index.json`: signed with key 3D90DE1806213CB2, but the trusted key is B9D1D5298ED67B9D
        check `index-key` in the configuration"#]],
    );
    check(
        SIGNED,
        Some(OF_A_PLUGIN),
        Some(KEY),
        expect![[r#"
        the signature of `[DIR]/index.json` is not for a plugin index: found `pintle-plugin name=a version=1 target=t file=f`
        report it to the publisher of the index"#]],
    );
    check(
        SIGNED,
        Some(TWICE),
        Some(KEY),
        expect![[r#"
        the signature of `[DIR]/index.json` is not for a plugin index: found `pintle-index created=1 created=2`
        report it to the publisher of the index"#]],
    );
    assert!(GOOD.contains(&trusted_comment(1_795_802_521)));
}

#[test]
fn a_place_is_a_file_or_an_address() {
    let is_remote = |text: &str| Place::new(text, None, None, None).map(|it| it.server().is_some());
    assert!(is_remote("https://a.example/index.json").unwrap());
    assert!(is_remote("https://github.com/a/b/releases/latest/download/index.json").unwrap());
    for path in ["index.json", "a/b", "/a/index.json", "file:///a/index.json", "~/index.json"] {
        assert!(!is_remote(path).unwrap(), "{path}");
    }
    for text in ["", "oci://a.example/b", "ftp://a.example/b", "https://github.com/a/b"] {
        let err = is_remote(text).unwrap_err();
        assert_eq!(err.to_string(), format!("invalid location of the plugin index `{text}`"));
    }
}

#[test]
fn paths_are_relative_to_what_names_them() {
    let dir = tempfile::tempdir().unwrap();
    let text = SIGNED.replace("acme/registry", "./registry.so");
    let _ = file(&dir, &text, None);
    let place = Place::new("index.json", Some(dir.path()), None, None).unwrap();
    let loaded = place.load(None).unwrap();
    let source = loaded.index.plugins()[0].source.clone();
    assert_eq!(Path::new(&source), dir.path().join("registry.so"));
}

#[test]
fn a_large_file_is_refused_and_not_glanced_at() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, SIGNED, None);
    let pad = |len: usize| fs::write(&path, SIGNED.trim().to_owned() + &" ".repeat(len)).unwrap();
    assert!(place(&path, None, None).glance().is_some());
    pad(5 << 20);
    assert!(place(&path, None, None).glance().is_none());
    place(&path, None, None).load(None).unwrap();
    pad(16 << 20);
    let err = place(&path, None, None).load(None).unwrap_err();
    assert!(with_causes(&err).contains("failed to read"), "{}", with_causes(&err));
    let absent = dir.path().join("absent.json");
    let err = place(absent.to_str().unwrap(), None, None).load(None).unwrap_err();
    assert_eq!(err.hint().as_deref(), Some("check the path of the index"));
}

/// A server for files. The ETag of each is the length of its text.
struct Server {
    url: Url,
    files: Arc<Mutex<HashMap<String, String>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = Arc::new(Mutex::new(HashMap::<String, String>::new()));
        let requests = Arc::default();
        let url = format!("http://127.0.0.1:{port}/index.json?token=secret").parse().unwrap();
        let server = Self { url, files: Arc::clone(&files), requests: Arc::clone(&requests) };
        thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(&client).lines().map_while(Result::ok);
                let lines: Vec<_> = lines.take_while(|it| !it.is_empty()).collect();
                let path = lines[0].split([' ', '?']).nth(1).unwrap().to_owned();
                let text = files.lock().unwrap().get(&path).cloned();
                let etag = text.as_ref().map(|it| format!("\"{}\"", it.len()));
                let is_same = etag.as_ref().is_some_and(|etag| {
                    lines.iter().any(|it| *it == format!("if-none-match: {etag}"))
                });
                let (status, text) = match text {
                    Some(it) if it == "broken" => ("500 Internal Server Error", String::new()),
                    Some(_) if is_same => ("304 Not Modified", String::new()),
                    Some(it) => ("200 OK", it),
                    None => ("404 Not Found", String::new()),
                };
                requests.lock().unwrap().push(format!("{path} {}", &status[..3]));
                let etag = etag.unwrap_or_default();
                let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nETag: {etag}\r\n");
                let _ = write!(client, "{head}Content-Length: {}\r\n\r\n{text}", text.len());
            }
        });
        server
    }

    fn put(&self, path: &str, text: &str) {
        self.files.lock().unwrap().insert(path.to_owned(), text.to_owned());
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

fn client() -> Client {
    let options =
        Options { pauses: Vec::new(), is_interrupted: || false, ..Options::new("a", "1") };
    Client::new(options, &|_| None).unwrap()
}

/// Makes the cached copy two hours older.
fn age(cache: &Path, url: &Url) {
    let mut kept = Kept::read(cache, url, MAX_LEN).unwrap();
    kept.head.at -= 7200;
    kept.write(cache, url);
}

#[test]
fn what_was_fetched_is_used_for_an_hour_and_then_only_if_it_is_still_current() {
    let (server, dir, client) = (Server::start(), tempfile::tempdir().unwrap(), client());
    let place = place(server.url.as_str(), None, Some(dir.path()));
    let err = place.load(None).unwrap_err();
    assert!(matches!(err, IndexError::NotKept { .. }));
    assert!(place.glance().is_none());
    assert!(matches!(place.load(Some(&client)).unwrap_err(), IndexError::Fetch(_)));
    server.put("/index.json", SIGNED);
    let loaded = place.load(Some(&client)).unwrap();
    assert_eq!(loaded.index.plugins().len(), 1);
    assert!(!loaded.place.contains("secret"), "{}", loaded.place);
    assert_eq!(server.requests(), ["/index.json 404", "/index.json 200"]);
    let _ = place.load(Some(&client)).unwrap();
    assert!(place.glance().is_some() && place.load(None).is_ok());
    assert!(server.requests().is_empty());
    age(dir.path(), &server.url);
    let _ = place.load(Some(&client)).unwrap();
    let _ = place.load(Some(&client)).unwrap();
    assert_eq!(server.requests(), ["/index.json 304"]);
    age(dir.path(), &server.url);
    server.put("/index.json", r#"{"format": 1, "plugins": []}"#);
    assert!(place.load(Some(&client)).unwrap().index.plugins().is_empty());
    assert_eq!(server.requests(), ["/index.json 200"]);
    // A failing server does not prevent the use of the cached copy.
    age(dir.path(), &server.url);
    server.put("/index.json", "broken");
    let loaded = place.load(Some(&client)).unwrap();
    assert!(loaded.stale.unwrap().to_string().contains("500"));
    // A new index that is invalid does.
    server.put("/index.json", "{}");
    let err = place.load(Some(&client)).unwrap_err();
    assert!(with_causes(&err).contains("missing field"), "{}", with_causes(&err));
}

#[test]
fn what_is_kept_is_verified_like_what_is_fetched() {
    let (server, dir, client) = (Server::start(), tempfile::tempdir().unwrap(), client());
    let load = |key| place(server.url.as_str(), key, Some(dir.path())).load(Some(&client));
    server.put("/index.json", SIGNED);
    let _ = load(None).unwrap();
    // Without a key, the signature was not fetched.
    assert!(matches!(load(Some(KEY)).unwrap_err(), IndexError::NoSignature { .. }));
    server.put("/index.json.minisig", GOOD);
    assert!(load(Some(KEY)).unwrap().key.is_some());
    let _ = server.requests();
    let _ = load(Some(KEY)).unwrap();
    assert!(server.requests().is_empty());
    assert!(matches!(load(Some(OTHER_KEY)).unwrap_err(), IndexError::Signature(_)));
    // Bytes that have changed in the cache are fetched again.
    let mut kept = Kept::read(dir.path(), &server.url, MAX_LEN).unwrap();
    kept.bytes[50] ^= 1;
    kept.write(dir.path(), &server.url);
    assert!(place(server.url.as_str(), Some(KEY), Some(dir.path())).glance().is_none());
    let _ = load(Some(KEY)).unwrap();
}

#[test]
fn a_server_cannot_go_back_to_an_older_index() {
    let (server, dir, client) = (Server::start(), tempfile::tempdir().unwrap(), client());
    let place = place(server.url.as_str(), Some(KEY), Some(dir.path()));
    server.put("/index.json", SIGNED);
    server.put("/index.json.minisig", GOOD);
    let _ = place.load(Some(&client)).unwrap();
    let mut kept = Kept::read(dir.path(), &server.url, MAX_LEN).unwrap();
    (kept.head.at, kept.head.etag) = (0, None);
    kept.write(dir.path(), &server.url);
    server.put("/index.json.minisig", OLD);
    assert!(matches!(place.load(Some(&client)).unwrap_err(), IndexError::Older { .. }));
    server.put("/index.json.minisig", GOOD);
    let _ = place.load(Some(&client)).unwrap();
}

#[test]
fn an_index_of_a_server_names_no_files_of_this_machine() {
    let (server, client) = (Server::start(), client());
    server.put("/index.json", &SIGNED.replace("acme/registry", "/etc/registry.so"));
    let err = place(server.url.as_str(), None, None).load(Some(&client)).unwrap_err();
    let text = with_causes(&err);
    assert!(text.ends_with("is a path, but the index is not a file: `/etc/registry.so`"), "{text}");
}
