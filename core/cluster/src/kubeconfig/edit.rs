//! What a merge or a removal changes in kubeconfigs, as data. The texts follow from it.
//!
//! Invariants: an entry is ours if it has the name that we assign and the content that our cluster
//! wrote, and no other context needs it. A context is ours only if it also refers to our cluster
//! and our user.

use super::credentials::user_name;
use serde_json::{Value, json};

/// The lists of named entries in a kubeconfig.
const LISTS: [&str; 3] = ["clusters", "contexts", "users"];

/// One change of one file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Edit {
    /// Write the beginning of a kubeconfig into an empty file.
    Begin,
    /// Add an entry.
    Insert { list: &'static str, entry: Value },
    /// Replace an entry with another one.
    Replace { list: &'static str, idx: usize, entry: Value },
    /// Remove an entry.
    Remove { list: &'static str, idx: usize },
    /// Set the current context.
    Select(String),
    /// Remove the current context.
    Deselect,
}

/// How a part is added or removed.
///
/// A text in block style can include everything that follows it (`|+`, or a text that ends with the
/// file). Text that is added after it, and the empty lines after removed text, then become part of
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// An entry is added after the others, and a removal deletes only the entry's own lines.
    Usual,
    /// An entry is added before the others. A removal also deletes the empty lines that follow, and
    /// a current context becomes an empty one.
    Careful,
}

/// What to change in a list of files. The first file that has an entry determines its value.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The changes of each file, in the order in which they are made.
    pub(super) edits: Vec<Vec<Edit>>,
    /// The file in which the current context was set, and its previous value.
    pub(super) previous: Option<(usize, Option<String>)>,
}

/// Why no plan is possible, with the file that prevents it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A list has another type.
    NotAList(usize, &'static str),
    /// An entry with our name is not ours.
    NotOurs(NotOurs),
}

/// An entry that has one of our names but is not ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotOurs {
    pub(super) file: usize,
    pub(super) list: &'static str,
    pub(super) name: String,
    /// For a cluster or a user: whether a context refers to it.
    pub(super) is_needed: bool,
}

/// Plans to add the entries of `config`, which has the context `name`. An existing entry is changed
/// in its file, and new entries go to the file `default`. With `switch`, the context becomes the
/// current one.
pub(super) fn merge(
    files: &[Value],
    default: usize,
    config: &Value,
    name: &str,
    switch: bool,
) -> Result<Plan, Refusal> {
    let mut plan = Plan { edits: vec![Vec::new(); files.len()], previous: None };
    let mut not_ours = Vec::new();
    for list in LISTS {
        let all = files.iter().enumerate().map(|(file, it)| entries(file, it, list));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        for entry in config[list].as_array().into_iter().flatten() {
            let found = all.iter().enumerate().find_map(|(file, entries)| {
                entries.iter().position(|it| it["name"] == entry["name"]).map(|idx| (file, idx))
            });
            let entry = entry.clone();
            let Some((file, idx)) = found else {
                plan.edits[default].push(Edit::Insert { list, entry });
                continue;
            };
            let old = &all[file][idx];
            let is_known = match list {
                "contexts" => is_ours(old, name),
                _ => {
                    // A run that was killed may have left entries with other certificates.
                    let is_left = || has(files, name) && is_plain(list, old);
                    *old == entry || is_written(list, old, config) || is_left()
                }
            };
            if !is_known {
                let is_needed = list != "contexts" && is_needed(files, list, &entry["name"]);
                let name = entry["name"].as_str().unwrap_or_default().to_owned();
                not_ours.push(NotOurs { file, list, name, is_needed });
            } else if list != "contexts" && *old != entry {
                // The user may have set the namespace of a context.
                plan.edits[file].push(Edit::Replace { list, idx, entry });
            }
        }
    }
    // A context with another name still needs its cluster and its user.
    not_ours.sort_by_key(|it| it.list == "contexts");
    if let Some(it) = not_ours.into_iter().next() {
        return Err(Refusal::NotOurs(it));
    }
    if switch {
        let file = files.iter().position(|it| current(it).is_some()).unwrap_or(default);
        let before = current(&files[file]);
        if before != Some(name) {
            plan.previous = Some((file, before.map(str::to_owned)));
            plan.edits[file].push(Edit::Select(name.to_owned()));
        }
    }
    for (edits, file) in plan.edits.iter_mut().zip(files) {
        if !edits.is_empty() && file.is_null() {
            edits.insert(0, Edit::Begin);
        }
    }
    Ok(plan)
}

/// Returns whether a context refers to the cluster or the user `name`.
fn is_needed(files: &[Value], list: &str, name: &Value) -> bool {
    let key = list.trim_end_matches('s');
    let contexts = files.iter().filter_map(|it| it.get("contexts")?.as_array()).flatten();
    contexts.into_iter().any(|it| it["context"][key] == *name)
}

/// Plans to remove the entries of the context `name` from all files. `written` is what its cluster
/// wrote, if known.
pub(super) fn remove(
    files: &[Value],
    name: &str,
    written: Option<&Value>,
) -> Result<Plan, Refusal> {
    let mut plan = Plan { edits: vec![Vec::new(); files.len()], previous: None };
    let (user, has_context) = (user_name(name), has(files, name));
    let is_known = |list: &str, entry: &Value| match written {
        Some(written) => is_written(list, entry, written),
        // Without a context of ours that needs it, its owner is unknown.
        None => has_context && is_plain(list, entry),
    };
    let all = |list: &'static str| files.iter().filter_map(move |it| it.get(list)?.as_array());
    let mut clusters = all("clusters").flatten().filter(|it| it["name"] == name);
    // A context that refers to another cluster is not ours either.
    let is_cluster_ours = clusters.all(|it| is_known("clusters", it));
    let (mut is_removed, mut is_cluster_used, mut is_user_used) = (false, false, false);
    for list in ["contexts", "clusters", "users"] {
        for (file, value) in files.iter().enumerate() {
            // From the last to the first, so that the positions of the others remain valid.
            for (idx, entry) in entries(file, value, list)?.iter().enumerate().rev() {
                let is_ours = match list {
                    "contexts" => is_ours(entry, name) && is_cluster_ours,
                    "clusters" => entry["name"] == name && !is_cluster_used && is_cluster_ours,
                    // The credentials for one of our clusters may have been renewed.
                    _ => {
                        let is_plain = || has_context && is_cluster_ours && is_plain(list, entry);
                        entry["name"] == user.as_str()
                            && !is_user_used
                            && (is_known(list, entry) || is_plain())
                    }
                };
                if is_ours {
                    plan.edits[file].push(Edit::Remove { list, idx });
                }
                if list == "contexts" {
                    is_removed |= is_ours;
                    is_cluster_used |= !is_ours && entry["context"]["cluster"] == name;
                    is_user_used |= !is_ours && entry["context"]["user"] == user.as_str();
                }
            }
        }
    }
    for (edits, file) in plan.edits.iter_mut().zip(files) {
        if is_removed && current(file) == Some(name) {
            edits.push(Edit::Deselect);
        }
    }
    Ok(plan)
}

/// Returns whether a cluster or a user is the one that a cluster wrote, even if some of it has
/// changed: another port, or an address through a tunnel.
fn is_written(list: &str, entry: &Value, written: &Value) -> bool {
    let (key, fields) = fields(list);
    let written = &written[list][0][key];
    fields.iter().any(|it| entry[key][it].as_str().is_some_and(|field| written[it] == field))
}

/// Returns whether a cluster or a user has only the fields that we write.
fn is_plain(list: &str, entry: &Value) -> bool {
    let (key, fields) = fields(list);
    entry[key].as_object().is_some_and(|it| {
        it.len() == fields.len() && fields.iter().all(|field| it.contains_key(*field))
    })
}

/// Returns the key of an entry's content, and the fields that we write there.
fn fields(list: &str) -> (&'static str, [&'static str; 2]) {
    match list {
        "clusters" => ("cluster", ["certificate-authority-data", "server"]),
        _ => ("user", ["client-certificate-data", "client-key-data"]),
    }
}

/// Returns the name of the current context, if the file has one.
pub(super) fn current(file: &Value) -> Option<&str> {
    file.get("current-context")?.as_str().filter(|it| !it.is_empty())
}

/// Returns whether one of the files has the context `name`, and it is ours.
pub(super) fn has(files: &[Value], name: &str) -> bool {
    let contexts = files.iter().filter_map(|it| it.get("contexts")?.as_array());
    contexts.flatten().find(|it| it["name"] == name).is_some_and(|it| is_ours(it, name))
}

/// Returns the meaning of a file after the edits. As for kubectl, empty, missing and null lists are
/// the same.
pub(super) fn apply(file: &Value, edits: &[Edit], way: Way) -> Value {
    let mut file = if file.is_null() { json!({}) } else { file.clone() };
    for edit in edits {
        match edit {
            Edit::Begin => {
                file["apiVersion"] = "v1".into();
                file["kind"] = "Config".into();
            }
            Edit::Insert { list, entry } => {
                if !file[list].is_array() {
                    file[list] = json!([]);
                }
                let is_first = way == Way::Careful;
                if let Some(entries) = file[list].as_array_mut() {
                    entries.insert(if is_first { 0 } else { entries.len() }, entry.clone());
                }
            }
            Edit::Replace { list, idx, entry } => file[list][idx] = entry.clone(),
            Edit::Remove { list, idx } => {
                file[list].as_array_mut().map(|it| it.remove(*idx));
            }
            Edit::Select(name) => file["current-context"] = name.as_str().into(),
            Edit::Deselect => {
                file.as_object_mut().map(|it| it.shift_remove("current-context"));
            }
        }
    }
    normal(file)
}

/// Returns the meaning of a file without the differences that kubectl ignores.
pub(super) fn normal(mut file: Value) -> Value {
    if file.is_null() {
        return json!({});
    }
    if let Some(all) = file.as_object_mut() {
        let is_empty = |it: &Value| it.is_null() || it.as_array().is_some_and(Vec::is_empty);
        all.retain(|key, value| !(LISTS.contains(&key.as_str()) && is_empty(value)));
        if all.get("current-context").is_some_and(|it| it == "") {
            all.shift_remove("current-context");
        }
    }
    file
}

fn is_ours(context: &Value, name: &str) -> bool {
    let (cluster, user) = (&context["context"]["cluster"], &context["context"]["user"]);
    context["name"] == name && cluster == name && *user == user_name(name).as_str()
}

fn entries<'a>(idx: usize, file: &'a Value, list: &'static str) -> Result<&'a [Value], Refusal> {
    match file.get(list) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(entries)) => Ok(entries),
        Some(_) => Err(Refusal::NotAList(idx, list)),
    }
}
