//! Merges the PROJECT files of two branches.

use super::error::ProjectError;
use super::file::{ProjectFile, read_text};
use super::gvk::Gvk;
use super::resource::Resource;
use crate::conflict::{self, Sides};
use crate::record::file::{Record, RecordedCommand};
use crate::record::replay::resource;
use crate::record::union::is_newer;
use serde_json::{Map, Value};
use std::path::Path;

/// Reads the PROJECT file at `path`, with both sides of the conflicts that a merge has left in it;
/// also returns its text. `record` is the merged record of both branches.
///
/// # Errors
///
/// [`ProjectError`] if a side cannot be read, or if the sides contradict each other.
pub(crate) fn load_both_sides(
    path: &Path,
    record: &Record,
) -> Result<(String, ProjectFile), ProjectError> {
    let text = read_text(path)?;
    let project = match conflict::sides(text.as_bytes()) {
        Ok(None) => ProjectFile::parse(&text),
        Ok(Some(Sides { ours, theirs, .. })) => parse(&ours)
            .and_then(|ours| parse(&theirs).and_then(|theirs| union(ours, theirs, record))),
        Err(line) => Err(ProjectError::Unpaired { line }),
    };
    Ok((text, project.map_err(|err| err.in_file(path))?))
}

fn parse(side: &[u8]) -> Result<ProjectFile, ProjectError> {
    ProjectFile::parse(&String::from_utf8_lossy(side))
}

/// Returns the content of both files.
fn union(
    mut ours: ProjectFile,
    mut theirs: ProjectFile,
    record: &Record,
) -> Result<ProjectFile, ProjectError> {
    upgrade_to(&mut ours, &theirs)?;
    upgrade_to(&mut theirs, &ours)?;
    let mut values = Map::new();
    for (key, value) in &theirs.values {
        match key.as_str() {
            "resources" | "layout" => {}
            // It is the version of the first `init`, and nothing depends on it.
            "cliVersion" if ours.values.contains_key(key) => {}
            _ => drop(values.insert(key.clone(), value.clone())),
        }
    }
    let mut merged = ours.values.clone();
    merge("", &mut merged, &values)?;
    if merged != ours.values {
        ours.edit("plugins", |values| *values = merged)?;
    }
    let mut layout = ours.layout().to_vec();
    layout.extend(theirs.layout().iter().filter(|it| !ours.layout().contains(it)).cloned());
    ours.set_layout(&layout)?;
    if let (Some(Value::Object(layout)), Some(Value::Object(added))) =
        (ours.values.get("layout"), theirs.values.get("layout"))
    {
        let mut merged = layout.clone();
        merge("layout", &mut merged, added)?;
        ours.edit("layout", |values| drop(values.insert("layout".to_owned(), merged.into())))?;
    }
    union_of_resources(&mut ours, &theirs, record)?;
    Ok(ours)
}

/// Replaces plugins with higher versions of the other side.
fn upgrade_to(project: &mut ProjectFile, other: &ProjectFile) -> Result<(), ProjectError> {
    for key in project.layout().to_vec() {
        if let Some(newer) = other.layout().iter().find(|it| is_newer(it, &key)) {
            project.rename_plugin(&key, newer)?;
        }
    }
    Ok(())
}

/// Adds to `ours` what only `theirs` contains.
fn merge(
    path: &str,
    ours: &mut Map<String, Value>,
    theirs: &Map<String, Value>,
) -> Result<(), ProjectError> {
    for (key, value) in theirs {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (ours.get_mut(key), value) {
            (None, _) => drop(ours.insert(key.clone(), value.clone())),
            (Some(it), _) if it == value => {}
            (Some(Value::Object(ours)), Value::Object(theirs)) => merge(&path, ours, theirs)?,
            (Some(it), _) => return Err(contradiction(path, it, value)),
        }
    }
    Ok(())
}

fn contradiction(key: String, ours: &Value, theirs: &Value) -> ProjectError {
    ProjectError::Contradiction { key, ours: ours.to_string(), theirs: theirs.to_string() }
}

fn union_of_resources(
    ours: &mut ProjectFile,
    theirs: &ProjectFile,
    record: &Record,
) -> Result<(), ProjectError> {
    let mut kinds: Vec<Gvk> = ours.resources().iter().map(|it| it.gvk().clone()).collect();
    kinds.extend(theirs.resources().iter().map(|it| it.gvk().clone()));
    let mut added = Vec::new();
    for gvk in kinds {
        match (ours.resource(&gvk).cloned(), theirs.resource(&gvk)) {
            (Some(one), Some(other)) => {
                ours.put_resource(&both(one, other, asked(record, &gvk).as_ref())?)?;
            }
            // One side has added it, or the other has deleted it; the record shows which.
            (Some(_), None) if is_undone(record, &gvk) => ours.remove_resource(&gvk)?,
            (None, Some(resource)) if !is_undone(record, &gvk) => added.push(resource.clone()),
            _ => {}
        }
    }
    // Plugins may depend on the order, so on every branch it is the order of the commands.
    let place = |gvk: &Gvk| {
        let mut commands = record.commands().iter();
        commands.position(|it| resource(it).is_ok_and(|it| it.gvk() == gvk))
    };
    let first = added.iter().map(|it| place(it.gvk())).min().flatten();
    let is_late = |it: &&Resource| theirs.resource(it.gvk()).is_none() && place(it.gvk()) > first;
    if first.is_some() {
        for resource in ours.resources().iter().filter(is_late).cloned().collect::<Vec<_>>() {
            ours.remove_resource(resource.gvk())?;
            added.push(resource);
        }
        added.sort_by_key(|it| place(it.gvk()));
    }
    added.iter().try_for_each(|it| ours.put_resource(it))
}

/// Returns a resource with the parts of either side. Where they differ, `asked`, the resource
/// according to the record, shows what was added and what was deleted.
fn both(
    one: Resource,
    other: &Resource,
    asked: Option<&Resource>,
) -> Result<Resource, ProjectError> {
    let (left, right) = (one.to_value(), other.to_value());
    let mut merged = one.clone();
    // Values that cannot be combined must be the same.
    if one.plural() != other.plural() {
        let key = format!("resources.{}.plural", one.gvk());
        return Err(contradiction(key, &one.plural().into(), &other.plural().into()));
    }
    for key in ["api", "path", "module"] {
        if let (Some(left), Some(right)) = (left.get(key), right.get(key))
            && left != right
        {
            let key = format!("resources.{}.{key}", one.gvk());
            return Err(contradiction(key, left, right));
        }
    }
    merged.complete_from(other);
    let Some(asked) = asked else { return Ok(merged) };
    if one.api.is_some() != other.api.is_some() && asked.api.is_none() {
        merged.api = None;
    }
    let keep = |one: bool, other: bool, asked: bool| if one == other { one } else { asked };
    merged.controller = keep(one.controller, other.controller, asked.controller);
    let (ours, theirs, asked) = (&one.webhooks, &other.webhooks, &asked.webhooks);
    let webhooks = &mut merged.webhooks;
    webhooks.defaulting = keep(ours.defaulting, theirs.defaulting, asked.defaulting);
    webhooks.validation = keep(ours.validation, theirs.validation, asked.validation);
    webhooks.conversion = keep(ours.conversion, theirs.conversion, asked.conversion);
    webhooks.spoke.retain(|it| {
        keep(ours.spoke.contains(it), theirs.spoke.contains(it), asked.spoke.contains(it))
    });
    Ok(merged)
}

/// Returns what the commands of the record have requested for a resource.
fn asked(record: &Record, gvk: &Gvk) -> Option<Resource> {
    of_kind(record.commands(), gvk).reduce(|mut all, one| {
        all.complete_from(&one);
        all
    })
}

/// Whether the resource was deleted on a branch.
fn is_undone(record: &Record, gvk: &Gvk) -> bool {
    of_kind(record.undone(), gvk).next().is_some()
        && of_kind(record.commands(), gvk).next().is_none()
}

fn of_kind<'a>(
    commands: &'a [RecordedCommand],
    gvk: &'a Gvk,
) -> impl Iterator<Item = Resource> + 'a {
    let resources = commands.iter().filter(|it| !it.resource.is_null());
    resources.filter_map(|it| resource(it).ok()).filter(move |it| it.gvk() == gvk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn both(ours: &str, theirs: &str) -> String {
        let parse = |it: &str| ProjectFile::parse(&format!("version: \"3\"\n{it}")).unwrap();
        match union(parse(ours), parse(theirs), &Record::default()) {
            Ok(it) => it.to_string().replacen("version: \"3\"\n", "", 1),
            Err(err) => err.to_string(),
        }
    }

    #[test]
    fn what_either_side_has_is_in_the_union() {
        let ours = "# mine\ndomain: a.io\nlayout:\n- a.io/v1.0.0 # first\ncliVersion: 1.0.0\n";
        let theirs = "domain: a.io\nlayout:\n- a.io/v1.0.0\n- b.io/v1.0.0\ncliVersion: 2.0.0\n\
                      plugins:\n  b.io/v1.0.0:\n    x: 1\n";
        let expected = "# mine\ndomain: a.io\nlayout:\n- a.io/v1.0.0 # first\n- b.io/v1.0.0\n\
                        cliVersion: 1.0.0\nplugins:\n  b.io/v1.0.0:\n    x: 1\n";
        assert_eq!(both(ours, theirs), expected);
        assert_eq!(both(ours, ours), ours);
        let map = |it: &str| format!("layout:\n{it}");
        let [ours, theirs] = ["  a.io/v1:\n    x: 1\n", "  a.io/v1:\n    y: 2\n  b.io/v1: {}\n"];
        let expected = map("  a.io/v1:\n    x: 1\n    y: 2\n  b.io/v1: {}\n");
        assert_eq!(both(&map(ours), &map(theirs)), expected);
    }

    #[test]
    fn an_upgrade_of_one_side_is_one_of_both() {
        let of = |version: &str, config: &str| {
            format!("layout:\n- a.io/{version}\nplugins:\n  a.io/{version}:\n    {config}: 1\n")
        };
        let expected = "layout:\n- a.io/v1.10.0\nplugins:\n  a.io/v1.10.0:\n    x: 1\n    y: 1\n";
        assert_eq!(both(&of("v1.9.0", "x"), &of("v1.10.0", "y")), expected);
        assert_eq!(both(&of("v1.10.0", "x"), &of("v1.9.0", "y")), expected);
    }

    #[test]
    fn what_contradicts_is_named() {
        let said = both("plugins:\n  a.io/v1:\n    x: 1\n", "plugins:\n  a.io/v1:\n    x: 2\n");
        assert_eq!(said, "the sides of the merge differ in `plugins.a.io/v1.x`: 1 and 2");
        let of = |plural: &str| {
            format!("resources:\n- group: g\n  version: v1\n  kind: A\n  plural: {plural}\n")
        };
        let said = both(&of("as"), &of("aas"));
        assert!(
            said.starts_with("the sides of the merge differ in `resources.g/v1/A.plural`"),
            "{said}"
        );
    }
}
