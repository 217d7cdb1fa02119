//! The entries of a kubeconfig, in memory: clusters come and go, the others stay.

use super::credentials::user_name;
use serde_json::{Map, Value};

/// The lists of a kubeconfig whose entries have names.
const LISTS: [&str; 3] = ["clusters", "contexts", "users"];

/// A list of a kubeconfig is something else.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a list")]
pub(super) struct NotAList(&'static str);

/// Adds the entries of `config`, which has the context `name`. With `switch` that becomes
/// the current context; then the one before is returned.
pub(super) fn add(
    all: &mut Map<String, Value>,
    config: &Value,
    name: &str,
    switch: bool,
) -> Result<Option<Option<String>>, NotAList> {
    for list in LISTS {
        let new = config.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        let entries = entries(all, list)?;
        for entry in new {
            entries.retain(|it| it.get("name") != entry.get("name"));
            entries.push(entry);
        }
    }
    for key in ["apiVersion", "kind"] {
        all.entry(key).or_insert_with(|| config[key].clone());
    }
    let current = all.get("current-context").and_then(Value::as_str);
    if !switch || current == Some(name) {
        return Ok(None);
    }
    let previous = current.map(str::to_owned);
    all.insert("current-context".to_owned(), name.into());
    Ok(Some(previous))
}

/// Returns whether there is a context `name`.
pub(super) fn has(all: &Map<String, Value>, name: &str) -> bool {
    let contexts = all.get("contexts").and_then(Value::as_array);
    contexts.is_some_and(|it| it.iter().any(|it| it["name"] == name))
}

/// Removes the entries of the context `name`, and returns whether there were any.
pub(super) fn remove(all: &mut Map<String, Value>, name: &str) -> Result<bool, NotAList> {
    let user = user_name(name);
    let mut has_changed = false;
    for list in LISTS {
        let own = if list == "users" { user.as_str() } else { name };
        let entries = entries(all, list)?;
        let n_before = entries.len();
        entries.retain(|it| it["name"] != own);
        has_changed |= entries.len() < n_before;
    }
    if all.get("current-context").and_then(Value::as_str) == Some(name) {
        all.shift_remove("current-context");
        has_changed = true;
    }
    Ok(has_changed)
}

fn entries<'a>(
    all: &'a mut Map<String, Value>,
    list: &'static str,
) -> Result<&'a mut Vec<Value>, NotAList> {
    let entries = all.entry(list).or_insert(Value::Null);
    if entries.is_null() {
        *entries = Value::Array(Vec::new());
    }
    entries.as_array_mut().ok_or(NotAList(list))
}
