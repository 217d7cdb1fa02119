//! Changes single values of a YAML text, and leaves every other byte unchanged.

use serde_json::{Map, Value};
use std::str::FromStr;
use yaml_edit::{Document, Mapping, Sequence, YamlNode};

/// Whether a value is changed in depth, or each changed top-level key is rewritten.
///
/// The latter loses the comments below the key, and is for text that the editor cannot change in
/// depth.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Full,
    Top,
}

/// Returns `text`, whose content is `old`, changed to have the content `new`; `None` if the editor
/// cannot work with one of them.
///
/// The caller must check the content of the result.
pub(super) fn rewrite(
    text: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    depth: Depth,
) -> Option<String> {
    let document = Document::from_str(text).ok()?;
    change_mapping(&document.as_mapping()?, old, new, depth)?;
    Some(document.to_string())
}

fn change_mapping(
    mapping: &Mapping,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    depth: Depth,
) -> Option<()> {
    for key in old.keys().filter(|it| !new.contains_key(*it)) {
        mapping.remove(key)?;
    }
    for (key, value) in new {
        match (old.get(key), value) {
            (Some(before), after) if before == after => {}
            (Some(Value::Object(before)), Value::Object(after))
                if depth == Depth::Full && !before.is_empty() && !after.is_empty() =>
            {
                change_mapping(&mapping.get_mapping(key)?, before, after, depth)?;
            }
            (Some(Value::Array(before)), Value::Array(after))
                if depth == Depth::Full && !before.is_empty() && !after.is_empty() =>
            {
                change_sequence(&mapping.get_sequence(key)?, before, after)?;
            }
            _ => mapping.set(key, node(value)?),
        }
    }
    Some(())
}

fn change_sequence(sequence: &Sequence, old: &[Value], new: &[Value]) -> Option<()> {
    // The remaining items keep their comments, even after an item is removed from the middle.
    let n_before = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let behind = old[n_before..].iter().rev().zip(new[n_before..].iter().rev());
    let n_behind = behind.take_while(|(old, new)| old == new).count();
    if n_before + n_behind == new.len() && new.len() < old.len() {
        (n_before..old.len() - n_behind)
            .rev()
            .try_for_each(|idx| sequence.remove(idx).map(drop))?;
        return Some(());
    }
    for idx in (new.len()..old.len()).rev() {
        sequence.remove(idx)?;
    }
    for (idx, value) in new.iter().enumerate() {
        match (old.get(idx), value) {
            (Some(before), after) if before == after => {}
            (Some(Value::Object(before)), Value::Object(after))
                if !before.is_empty() && !after.is_empty() =>
            {
                let item = sequence.get(idx)?;
                change_mapping(item.as_mapping()?, before, after, Depth::Full)?;
            }
            (Some(_), after) => {
                sequence.set(idx, node(after)?).then_some(())?;
            }
            (None, after) => sequence.push(node(after)?),
        }
    }
    Some(())
}

/// Returns a value in the editor's form.
fn node(value: &Value) -> Option<YamlNode> {
    let options = serde_saphyr::ser_options! { compact_list_indent: true };
    let text = serde_saphyr::to_string_with_options(value, options).ok()?;
    let document = Document::from_str(&text).ok()?;
    document
        .as_mapping()
        .map(YamlNode::Mapping)
        .or_else(|| document.as_sequence().map(YamlNode::Sequence))
        .or_else(|| document.as_scalar().map(YamlNode::Scalar))
}
