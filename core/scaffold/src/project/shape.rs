//! Describes what is wrong with a value of PROJECT: its key, its position, and how to fix it.
//!
//! The typed reader stops at a value without knowing its key, so a text that it rejects is read a
//! second time without types. This module does not check what the typed reader accepts.

use super::error::ProjectError;
use super::resource::Resource;
use super::yaml::read;
use serde::de::{self, Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;
use std::fmt;

/// What the value of a key must be.
enum Shape {
    Text,
    Switch,
    Texts,
    /// A map with these keys, and any other keys.
    Map(&'static [(&'static str, Shape)]),
    /// A list of such maps.
    Maps(&'static [(&'static str, Shape)]),
    /// The layout: a key, a list of keys, or a map.
    Layout,
}

const PROJECT: Shape = Shape::Map(&[
    ("version", Shape::Text),
    ("domain", Shape::Text),
    ("repo", Shape::Text),
    ("projectName", Shape::Text),
    ("cliVersion", Shape::Text),
    ("multigroup", Shape::Switch),
    ("namespaced", Shape::Switch),
    ("layout", Shape::Layout),
    ("plugins", Shape::Map(&[])),
    ("resources", Shape::Maps(RESOURCE)),
]);

const RESOURCE: &[(&str, Shape)] = &[
    ("group", Shape::Text),
    ("domain", Shape::Text),
    ("version", Shape::Text),
    ("kind", Shape::Text),
    ("plural", Shape::Text),
    ("path", Shape::Text),
    ("module", Shape::Text),
    ("api", Shape::Map(&[("crdVersion", Shape::Text), ("namespaced", Shape::Switch)])),
    ("controller", Shape::Switch),
    ("external", Shape::Switch),
    ("core", Shape::Switch),
    (
        "webhooks",
        Shape::Map(&[
            ("webhookVersion", Shape::Text),
            ("defaulting", Shape::Switch),
            ("validation", Shape::Switch),
            ("conversion", Shape::Switch),
            ("spoke", Shape::Texts),
        ]),
    ),
];

/// Describes the first value that does not have the shape that its key requires.
pub(super) fn diagnose(text: &str) -> Option<ProjectError> {
    let tree: Spanned<Tree> = read(text).ok()?;
    check("", &tree, &PROJECT).err()
}

fn check(key: &str, node: &Spanned<Tree>, shape: &Shape) -> Result<(), ProjectError> {
    match (shape, &node.value) {
        (_, Tree::Scalar(Value::Null)) => Ok(()),
        (Shape::Text, Tree::Scalar(_)) | (Shape::Switch, Tree::Scalar(Value::Bool(_))) => Ok(()),
        (Shape::Layout, Tree::Scalar(_) | Tree::Map(_)) => Ok(()),
        (Shape::Texts | Shape::Layout, Tree::List(items)) => {
            let item = |(idx, it)| check(&format!("{key}[{idx}]"), it, &Shape::Text);
            items.iter().enumerate().try_for_each(item)
        }
        (Shape::Map(keys), Tree::Map(entries)) => check_map(key, entries, keys),
        (Shape::Maps(keys), Tree::List(items)) => {
            for (idx, item) in items.iter().enumerate() {
                let key = format!("{key}[{idx}]");
                check(&key, item, &Shape::Map(keys))?;
                check_resource(&key, item)?;
            }
            Ok(())
        }
        _ => Err(wrong(key, node, shape)),
    }
}

fn check_map(
    parent: &str,
    entries: &[(String, Spanned<Tree>)],
    keys: &[(&str, Shape)],
) -> Result<(), ProjectError> {
    for (name, value) in entries {
        if let Some((_, shape)) = keys.iter().find(|(key, _)| key == name) {
            check(&join(parent, name), value, shape)?;
        }
    }
    Ok(())
}

/// Checks the names of an entry of `resources`.
fn check_resource(key: &str, node: &Spanned<Tree>) -> Result<(), ProjectError> {
    let Tree::Map(entries) = &node.value else { return Ok(()) };
    for name in ["version", "kind"] {
        let value = entries.iter().find(|(key, _)| key == name).map(|(_, it)| &it.value);
        if matches!(value, None | Some(Tree::Scalar(Value::Null))) {
            let message = format!("`{}` is missing", join(key, name));
            let example = if name == "version" { "v1alpha1" } else { "Captain" };
            return Err(value_error(node, message, format!("add the line `{name}: {example}`")));
        }
    }
    let Err(err) = Resource::check_names(&node.value.to_json()) else { return Ok(()) };
    let named = entries.iter().find(|(key, _)| key == err.key()).map_or(node, |(_, it)| it);
    let message = format!("`{}`: {err}", join(key, err.key()));
    Err(value_error(named, message, format!("use a value such as `{}`", err.example())))
}

fn wrong(key: &str, node: &Spanned<Tree>, shape: &Shape) -> ProjectError {
    let name = key.rsplit('.').next().unwrap_or_default();
    let (list, is_item) = name.split_once('[').map_or((name, false), |it| (it.0, true));
    let (expected, fix) = match shape {
        Shape::Text if is_item => ("a single value", format!("write `- VALUE` below `{list}:`")),
        Shape::Text => ("a single value", format!("write `{name}: VALUE`")),
        Shape::Switch => ("`true` or `false`", format!("write `{name}: true` or `{name}: false`")),
        Shape::Texts => ("a list of values", format!("write `{name}: [VALUE, VALUE]`")),
        Shape::Map(_) if key.is_empty() => {
            ("a map", "write lines of `key: value`, for example `version: \"3\"`".to_owned())
        }
        Shape::Map(_) if is_item => ("a map", format!("write `- key: value` below `{list}:`")),
        Shape::Map(_) => ("a map", format!("write `key: value` in lines below `{name}:`")),
        Shape::Maps(_) => ("a list", format!("start each entry below `{name}:` with `- `")),
        Shape::Layout => (
            "a plugin key, a list of plugin keys, or a map",
            format!("write `{name}: [NAME/VERSION]`"),
        ),
    };
    let subject = if key.is_empty() { "the file".to_owned() } else { format!("`{key}`") };
    let message = format!("{subject} must be {expected}, not {}", node.value.describe());
    value_error(node, message, fix)
}

fn value_error(node: &Spanned<Tree>, message: String, fix: String) -> ProjectError {
    let (line, column) = (node.referenced.line(), node.referenced.column());
    ProjectError::Value { line, column, message, fix }
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// A value, and the position of each part of it.
enum Tree {
    Scalar(Value),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(String, Spanned<Tree>)>),
}

impl Tree {
    fn describe(&self) -> String {
        match self {
            Self::Scalar(Value::String(text)) => format!("`{text}`"),
            Self::Scalar(value) => format!("`{value}`"),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(items) => items.iter().map(|it| it.value.to_json()).collect(),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, it)| (key.clone(), it.value.to_json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> de::Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(text.into()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
