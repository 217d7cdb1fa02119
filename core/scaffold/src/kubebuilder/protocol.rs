//! The protocol `v1alpha1` of kubebuilder's external plugins: one request, one response.
//!
//! kubebuilder reads names in any case, ignores what it does not know, and takes `null` for
//! anything; programs rely on that.

use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The version of the protocol.
pub(super) const VERSION: &str = "v1alpha1";

/// The scaffolding subcommands, and the argument that names each in `metadata` and `flags`.
pub(super) const SUBCOMMANDS: [(&str, &str); 4] = [
    ("init", "--init"),
    ("edit", "--edit"),
    ("create api", "--api"),
    ("create webhook", "--webhook"),
];

/// A request, with the fields in kubebuilder's order.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    pub(super) api_version: &'a str,
    /// `null` if there are none.
    pub(super) args: Option<Vec<String>>,
    pub(super) command: &'a str,
    pub(super) universe: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) plugin_chain: Vec<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(super) config: Value,
}

/// A plugin's answer, as this host reads it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Response {
    /// Whether the plugin reports that it has failed.
    pub(super) is_error: bool,
    pub(super) messages: Vec<String>,
    pub(super) description: String,
    pub(super) examples: String,
    pub(super) flags: Vec<Flag>,
    /// Paths and contents.
    pub(super) universe: Vec<(String, String)>,
}

/// A flag that a plugin declares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Flag {
    pub(super) name: String,
    /// `bool`, `int`, `float`, or anything else for a string.
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) default: String,
    pub(super) usage: String,
}

/// How many flags a plugin may have: each is an argument of a command.
const MAX_FLAGS: usize = 1000;

/// Why the standard output of a plugin is not a response.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResponseError {
    /// There is no output.
    #[error("the standard output is empty")]
    Empty,
    /// The first character is a byte order mark.
    #[error("the standard output begins with a byte order mark, which JSON does not allow")]
    Mark,
    /// It is not JSON, or contains more than JSON.
    #[error("the standard output is not a single JSON value: it begins with `{start}`")]
    Json {
        start: String,
        #[source]
        source: serde_json::Error,
    },
    /// A field has another type than the protocol requires.
    #[error("`{field}` is not {expected}")]
    Type { field: String, expected: &'static str },
    /// No help could list them.
    #[error("the plugin has {n} flags, but at most {MAX_FLAGS} are supported")]
    Flags { n: usize },
}

impl Request<'_> {
    /// Returns the bytes that kubebuilder would send.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        to_json(self).into_bytes()
    }
}

impl Response {
    /// Reads the standard output of a plugin.
    pub(super) fn parse(stdout: &[u8]) -> Result<Self, ResponseError> {
        // As in kubebuilder, and some programs rely on it.
        let text = String::from_utf8_lossy(stdout);
        if text.trim().is_empty() {
            return Err(ResponseError::Empty);
        }
        if text.starts_with('\u{feff}') {
            return Err(ResponseError::Mark);
        }
        let value = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(source) => serde_json::from_str(&without_lone_surrogates(&text)).map_err(|_| {
                let line = text.trim().lines().next().unwrap_or_default();
                ResponseError::Json { start: line.chars().take(60).collect(), source }
            })?,
        };
        Self::from_value(&value)
    }

    fn from_value(value: &Value) -> Result<Self, ResponseError> {
        if value.is_null() {
            return Ok(Self::default());
        }
        let whole = object("the response", value)?;
        let mut response = Self::default();
        if let Some(value) = field(whole, "error") {
            let wrong = || wrong_type("error", "`true` or `false`");
            response.is_error = value.as_bool().ok_or_else(wrong)?;
        }
        // The first plugins used `error_msg`.
        for name in ["errorMsgs", "error_msg"] {
            response
                .messages
                .extend(field(whole, name).map_or(Ok(Vec::new()), |it| texts(name, it))?);
        }
        if let Some(value) = field(whole, "metadata") {
            let metadata = object("metadata", value)?;
            response.description = text_in(metadata, "description")?;
            response.examples = text_in(metadata, "examples")?;
        }
        if let Some(value) = field(whole, "flags") {
            let flags = value.as_array().ok_or_else(|| wrong_type("flags", "a list"))?;
            if flags.len() > MAX_FLAGS {
                return Err(ResponseError::Flags { n: flags.len() });
            }
            response.flags = flags.iter().map(Flag::from_value).collect::<Result<_, _>>()?;
        }
        if let Some(value) = field(whole, "universe") {
            for (path, content) in object("universe", value)? {
                let content = match content {
                    Value::Null => "",
                    content => content
                        .as_str()
                        .ok_or_else(|| wrong_type(&format!("universe[\"{path}\"]"), "a string"))?,
                };
                response.universe.push((path.clone(), content.to_owned()));
            }
        }
        Ok(response)
    }
}

impl Flag {
    fn from_value(value: &Value) -> Result<Self, ResponseError> {
        let flag = object("flags", value)?;
        Ok(Self {
            name: text_in(flag, "name")?,
            kind: text_in(flag, "type")?,
            default: text_in(flag, "default")?,
            usage: text_in(flag, "usage")?,
        })
    }
}

/// Returns compact JSON with the escapes of kubebuilder's encoder.
pub(super) fn to_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("it has string keys and no failing serializer");
    if !json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return json;
    }
    // None of these characters occurs outside a string.
    let mut escaped = String::with_capacity(json.len() + json.len() / 8);
    for it in json.chars() {
        match it {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            it => escaped.push(it),
        }
    }
    escaped
}

/// Returns the field with this name in any case, unless it is null.
pub(super) fn field<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    let exact = object.get(name);
    let found = exact.or_else(|| {
        object.iter().rfind(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    });
    found.filter(|it| !it.is_null())
}

fn text_in(object: &Map<String, Value>, name: &str) -> Result<String, ResponseError> {
    match field(object, name) {
        None => Ok(String::new()),
        Some(value) => Ok(value.as_str().ok_or_else(|| wrong_type(name, "a string"))?.to_owned()),
    }
}

/// Returns a list of strings, or a single one.
fn texts(name: &str, value: &Value) -> Result<Vec<String>, ResponseError> {
    let wrong = || wrong_type(name, "a list of strings");
    let values = match value {
        Value::String(text) => return Ok(vec![text.clone()]),
        value => value.as_array().ok_or_else(wrong)?,
    };
    values.iter().map(|it| it.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

fn object<'v>(name: &str, value: &'v Value) -> Result<&'v Map<String, Value>, ResponseError> {
    value.as_object().ok_or_else(|| wrong_type(name, "an object"))
}

fn wrong_type(field: &str, expected: &'static str) -> ResponseError {
    ResponseError::Type { field: field.to_owned(), expected }
}

/// Replaces each escape of half a character with U+FFFD, as Go's decoder does.
fn without_lone_surrogates(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let escape = &rest[at..];
        let unit = |it: &str| {
            let digits = it.strip_prefix("\\u").and_then(|it| it.get(..4))?;
            u16::from_str_radix(digits, 16).ok()
        };
        let length = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                text.push_str("\\ufffd");
                rest = &escape[6..];
                continue;
            }
            // With the following character, which may be another backslash.
            _ => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        text.push_str(&escape[..length]);
        rest = &escape[length..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn parse(text: &str) -> Response {
        Response::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn more_flags_than_a_help_could_list_are_refused() {
        let flags = |n: usize| {
            let flags: Vec<_> = (0..n).map(|it| format!(r#"{{"name":"f{it}"}}"#)).collect();
            Response::parse(format!(r#"{{"flags":[{}]}}"#, flags.join(",")).as_bytes())
        };
        assert_eq!(flags(1000).unwrap().flags.len(), 1000);
        let err = flags(50_000).unwrap_err();
        assert_eq!(err.to_string(), "the plugin has 50000 flags, but at most 1000 are supported");
    }

    #[test]
    fn a_request_has_the_bytes_of_kubebuilders() {
        let universe = [("b", "x"), ("a", "<&>\u{2028}\"\n")].into_iter().collect();
        let request =
            Request { api_version: VERSION, command: "edit", universe, ..Request::default() };
        expect![[r#"{"apiVersion":"v1alpha1","args":null,"command":"edit","universe":{"a":"\u003c\u0026\u003e\u2028\"\n","b":"x"}}"#]]
            .assert_eq(&String::from_utf8(request.to_bytes()).unwrap());
        let request = Request {
            args: Some(vec!["--crew".to_owned(), "7".to_owned()]),
            plugin_chain: vec!["a/v1".to_owned()],
            config: serde_json::json!({"version": "3"}),
            ..Request::default()
        };
        expect![[r#"{"apiVersion":"","args":["--crew","7"],"command":"","universe":{},"pluginChain":["a/v1"],"config":{"version":"3"}}"#]]
            .assert_eq(&String::from_utf8(request.to_bytes()).unwrap());
    }

    #[test]
    fn names_are_read_in_any_case_and_null_is_nothing() {
        for text in ["null", "{}", r#"{"universe": null, "flags": null, "error": null}"#] {
            assert_eq!(parse(text), Response::default(), "{text}");
        }
        let response = parse(
            r#"{"APIVersion": "v999", "Command": 1, "ERROR": true, "ErrorMsgs": ["a"],
                "error_msg": "b", "Metadata": {"Description": "d", "EXAMPLES": "e"},
                "Flags": [{"Name": "n", "Type": "int", "Default": "1", "Usage": "u"}],
                "Universe": {"A": "1", "a": null}}"#,
        );
        expect![[r#"
            Response {
                is_error: true,
                messages: [
                    "a",
                    "b",
                ],
                description: "d",
                examples: "e",
                flags: [
                    Flag {
                        name: "n",
                        kind: "int",
                        default: "1",
                        usage: "u",
                    },
                ],
                universe: [
                    (
                        "A",
                        "1",
                    ),
                    (
                        "a",
                        "",
                    ),
                ],
            }
        "#]]
        .assert_debug_eq(&response);
    }

    #[test]
    fn half_characters_and_bad_utf_8_are_replaced() {
        let response = parse(r#"{"universe": {"a": "\ud800x\\ud800\ud83d\ude00\udc00\u0000"}}"#);
        let expected = "\u{fffd}x\\ud800\u{1f600}\u{fffd}\0";
        assert_eq!(response.universe, [("a".to_owned(), expected.to_owned())]);
        let response = Response::parse(b"{\"universe\": {\"a\": \"\xff\"}}").unwrap();
        assert_eq!(response.universe, [("a".to_owned(), "\u{fffd}".to_owned())]);
    }

    #[track_caller]
    fn check_err(stdout: &str, expected: Expect) {
        expected.assert_eq(&Response::parse(stdout.as_bytes()).unwrap_err().to_string());
    }

    #[test]
    fn what_is_not_a_response_is_an_error() {
        check_err(" \n", expect!["the standard output is empty"]);
        check_err(
            "\u{feff}{}",
            expect!["the standard output begins with a byte order mark, which JSON does not allow"],
        );
        check_err(
            "starting\n{}",
            expect!["the standard output is not a single JSON value: it begins with `starting`"],
        );
        check_err(
            "{} done",
            expect!["the standard output is not a single JSON value: it begins with `{} done`"],
        );
        check_err("[]", expect!["`the response` is not an object"]);
        check_err(r#"{"error": "yes"}"#, expect!["`error` is not `true` or `false`"]);
        check_err(r#"{"universe": {"a": 1}}"#, expect![[r#"`universe["a"]` is not a string"#]]);
        check_err(r#"{"flags": [{"default": 1}]}"#, expect!["`default` is not a string"]);
        check_err(r#"{"errorMsgs": {}}"#, expect!["`errorMsgs` is not a list of strings"]);
    }
}
