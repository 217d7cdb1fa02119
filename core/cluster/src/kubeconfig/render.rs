//! Writes our own entries as text: plain YAML that every reader understands, or JSON inside JSON.
//!
//! Invariant: a string is on one line, however long it is, because scripts expect this of
//! certificates. It is either a plain word that can only be a string, or a JSON string.

use serde_json::Value;

/// Words that some version of YAML interprets as something other than a string.
const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// Returns a whole document.
pub(crate) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, "", "\n", &mut text);
    text
}

/// Returns an entry of a list in block style: its lines, each with its end.
pub(super) fn item(value: &Value, indent: &str, line_end: &str) -> String {
    let mut text = String::new();
    block(&Value::Array(vec![value.clone()]), indent, line_end, &mut text);
    text
}

/// Returns a value in JSON, on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Object(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|(key, it)| format!("{}: {}", quoted(key), flow(it))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// Returns a string as a scalar in block style.
pub(super) fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|it: char| it.is_ascii_alphabetic())
        && text.chars().all(|it| it.is_ascii_alphanumeric() || "+/=._:@-".contains(it))
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// Returns a string as a JSON string, which is valid YAML as well.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for it in text.chars() {
        match it {
            '"' | '\\' => quoted.extend(['\\', it]),
            ' '..='~' => quoted.push(it),
            // Outside the first plane, the escapes of JSON and YAML differ.
            '\u{10000}'.. => quoted.push(it),
            _ => quoted.push_str(&format!("\\u{:04x}", u32::from(it))),
        }
    }
    quoted + "\""
}

fn block(value: &Value, indent: &str, line_end: &str, text: &mut String) {
    let deeper = format!("{indent}  ");
    match value {
        Value::Object(pairs) => {
            for (key, value) in pairs {
                text.push_str(&format!("{indent}{}:", scalar(key)));
                let indent = if value.is_array() { indent } else { &deeper };
                nested(value, indent, line_end, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                let start = text.len() + indent.len();
                block(item, &deeper, line_end, text);
                text.replace_range(start..=start, "-");
            }
        }
        other => text.push_str(&format!("{indent}{}{line_end}", leaf(other))),
    }
}

/// Writes the text after a key.
fn nested(value: &Value, indent: &str, line_end: &str, text: &mut String) {
    let is_nested = value.as_object().is_some_and(|it| !it.is_empty())
        || value.as_array().is_some_and(|it| !it.is_empty());
    if is_nested {
        text.push_str(line_end);
        block(value, indent, line_end, text);
    } else {
        text.push_str(&format!(" {}{line_end}", leaf(value)));
    }
}

fn leaf(value: &Value) -> String {
    value.as_str().map_or_else(|| flow(value), scalar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_back_by_every_parser() {
        let odd = [
            "",
            " ",
            "yes",
            "Null",
            "7",
            "1e5",
            "~",
            "a: b",
            "a #b",
            "\n\tx",
            "ü",
            "𝄞",
            "'",
            "\"\\",
            "-",
            "a:",
            "2001-01-01",
            "\u{7f}\u{85}\u{2028}\u{feff}",
            "LS0t+/==",
        ];
        let entry = json!({ "name": odd[0], "odd": { "deep": {} } });
        for text in odd {
            let mut entry = entry.clone();
            entry["odd"]["text"] = text.into();
            let all = json!({ "empty": [], "list": [entry, entry] });
            for written in [document(&all), flow(&all)] {
                assert_eq!(serde_saphyr::from_str::<Value>(&written).unwrap(), all, "{written}");
                assert_eq!(serde_yaml_ng::from_str::<Value>(&written).unwrap(), all, "{written}");
            }
            assert_eq!(serde_json::from_str::<Value>(&flow(&all)).unwrap(), all);
        }
    }

    #[test]
    fn a_long_text_is_on_one_line() {
        let long = "LS0t".repeat(2000);
        assert_eq!(document(&json!({ "data": long })), format!("data: {long}\n"));
    }
}
