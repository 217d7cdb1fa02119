//! A kubeconfig as text with a meaning.
//!
//! Invariant: a changed text is returned only after two independent parsers have read it, and both
//! have found the previous content with only these changes. The second parser is libyaml. kubectl's
//! parser is a port of it, and refuses the same texts.

use super::edit::{self, Edit, Way};
use super::splice::{self, Unchangeable};
use super::tree::Document;
use pintle_host::services::Excerpt;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use std::error::Error;

type Cause = Box<dyn Error + Send + Sync>;

/// Returns the meaning of the first document of a kubeconfig; null if it is empty.
pub(super) fn read(text: &str) -> Result<Value, Cause> {
    let meaning = by_first_parser(text)?;
    by_second_parser(text)?;
    match meaning {
        Value::Object(_) | Value::Null => Ok(meaning),
        _ => Err("it is not a map".into()),
    }
}

/// Returns `text` with the edits, after checking that they change nothing else.
pub(super) fn change(text: &str, edits: &[Edit]) -> Result<String, Cause> {
    let before = (by_first_parser(text)?, by_second_parser(text)?);
    let try_way = |way| -> Result<String, Cause> {
        let mut new = text.to_owned();
        for edit in edits {
            new = splice::apply(&new, edit, way)?;
        }
        let expected = (edit::apply(&before.0, edits, way), edit::apply(&before.1, edits, way));
        let after = (by_first_parser(&new)?, by_second_parser(&new)?);
        match (edit::normal(after.0), edit::normal(after.1)) == expected {
            true => Ok(new),
            false => Err("the change would also affect other entries".into()),
        }
    };
    try_way(Way::Usual).or_else(|err| try_way(Way::Careful).map_err(|_| err))
}

fn by_first_parser(text: &str) -> Result<Value, Cause> {
    let text = first_document(text)?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_saphyr::from_str(text).map_err(|err| Excerpt(err.to_string()).into())
}

fn by_second_parser(text: &str) -> Result<Value, Cause> {
    let text = first_document(text)?;
    let Some(document) = serde_yaml_ng::Deserializer::from_str(text).next() else {
        return Ok(Value::Null);
    };
    let value = serde_yaml_ng::Value::deserialize(document);
    value.map(to_json).map_err(|err| Excerpt(err.to_string()).into())
}

fn first_document(text: &str) -> Result<&str, Cause> {
    let end = Document::find(text).map_err(Unchangeable::from)?.end;
    Ok(&text[..end])
}

/// Returns a value as JSON, for comparisons. It may have any keys and tags.
fn to_json(value: serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(it) => it.into(),
        // Numbers are only compared, and some are not valid in JSON.
        Yaml::Number(it) => it.to_string().into(),
        Yaml::String(it) => it.into(),
        Yaml::Sequence(items) => items.into_iter().map(to_json).collect(),
        Yaml::Mapping(pairs) => {
            let key = |it| match to_json(it) {
                Value::String(it) => it,
                other => other.to_string(),
            };
            let pairs = pairs.into_iter().map(|(name, it)| (key(name), to_json(it)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Yaml::Tagged(it) => {
            let it = *it;
            Value::Array(vec![it.tag.to_string().into(), to_json(it.value)])
        }
    }
}
