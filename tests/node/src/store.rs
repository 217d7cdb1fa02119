//! The stand-in's objects, in memory and in one file that outlives the process. With etcd, the file
//! also has its members, and everything is copied from the leader to the others.

use crate::members::Members;
use crate::quorum::Stamp;
use crate::{keys, log};
use anyhow::Context as _;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

/// All objects, by keys such as `nodes/NAME` and `configmaps/NAMESPACE/NAME`.
pub(crate) struct Store {
    path: PathBuf,
    content: Mutex<Content>,
}

/// How an object is written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Write {
    /// The object must not exist yet.
    Create,
    /// The object must exist, with the version in the new object if it has one.
    Replace,
    /// As [`Write::Replace`], but fields that are absent stay.
    Merge,
    /// Whether the object exists or not.
    Apply,
    /// As [`Write::Apply`], but fields that are absent stay.
    Join,
}

/// The reason why an object is not written.
#[derive(Debug)]
pub(crate) enum Refusal {
    Exists,
    Missing,
    Conflict,
    Failed(anyhow::Error),
}

#[derive(Default)]
struct Content {
    /// How often a server has become the leader.
    term: u64,
    version: u64,
    members: Members,
    objects: Map<String, Value>,
}

impl Store {
    /// Reads the file, if it exists.
    pub(crate) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let content = match fs::read(&path) {
            Ok(bytes) => Content::parse(&bytes)
                .with_context(|| format!("failed to read `{}`", path.display()))?,
            Err(err) if err.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(err) => {
                return Err(err).with_context(|| format!("failed to read `{}`", path.display()));
            }
        };
        Ok(Self { path, content: Mutex::new(content) })
    }

    /// Returns the objects whose keys have this prefix, in their order, and the store's version.
    pub(crate) fn list(&self, prefix: &str) -> (Vec<Value>, u64) {
        let content = self.lock();
        let mut found: Vec<_> =
            content.objects.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
        found.sort_by_key(|(key, _)| *key);
        (found.into_iter().map(|(_, it)| it.clone()).collect(), content.version)
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        self.lock().objects.get(key).cloned()
    }

    /// Writes an object; returns its new state, and whether it is new.
    pub(crate) fn write(
        &self,
        key: &str,
        mut object: Value,
        how: Write,
    ) -> Result<(Value, bool), Refusal> {
        let mut content = self.lock();
        let old = content.objects.get(key);
        match (how, old) {
            (Write::Create, Some(_)) => return Err(Refusal::Exists),
            (Write::Replace | Write::Merge, None) => return Err(Refusal::Missing),
            _ => {}
        }
        let wanted = &object["metadata"]["resourceVersion"];
        if let (Some(wanted), Some(old)) = (wanted.as_str(), old)
            && !wanted.is_empty()
            && old["metadata"]["resourceVersion"] != wanted
        {
            return Err(Refusal::Conflict);
        }
        if let (Write::Merge | Write::Join, Some(old)) = (how, old) {
            let mut merged = old.clone();
            merge(&mut merged, &object);
            object = merged;
        }
        let old = old.map(|it| it["metadata"].clone());
        let version = content.version + 1;
        let now = log::now();
        let uid = uid(&format!("{key} {version} {now}"));
        let kept = |name: &str, new: String| {
            old.as_ref().map(|it| it[name].clone()).unwrap_or_else(|| new.into())
        };
        object["metadata"]["uid"] = kept("uid", uid);
        object["metadata"]["creationTimestamp"] = kept("creationTimestamp", now);
        object["metadata"]["resourceVersion"] = version.to_string().into();
        content.version = version;
        content.objects.insert(key.to_owned(), object.clone());
        self.save(&content)?;
        Ok((object, old.is_none()))
    }

    /// Removes an object, and returns it if there was one.
    pub(crate) fn remove(&self, key: &str) -> Result<Option<Value>, Refusal> {
        let mut content = self.lock();
        let removed = content.objects.shift_remove(key);
        if removed.is_some() {
            content.version += 1;
            self.save(&content)?;
        }
        Ok(removed)
    }

    /// Returns the age of the data.
    pub(crate) fn stamp(&self) -> Stamp {
        let content = self.lock();
        (content.term, content.version)
    }

    pub(crate) fn members(&self) -> Members {
        self.lock().members.clone()
    }

    /// Changes the members of etcd.
    pub(crate) fn change_members<T>(
        &self,
        change: impl FnOnce(&mut Members) -> T,
    ) -> Result<T, Refusal> {
        let mut content = self.lock();
        let result = change(&mut content.members);
        content.version += 1;
        self.save(&content)?;
        Ok(result)
    }

    /// Starts a new term, and returns it.
    pub(crate) fn begin_term(&self) -> Result<u64, Refusal> {
        let mut content = self.lock();
        content.term += 1;
        self.save(&content)?;
        Ok(content.term)
    }

    /// Returns everything, for another member.
    pub(crate) fn export(&self) -> Vec<u8> {
        self.lock().to_text().into_bytes()
    }

    /// Replaces the data with that of another member, unless the local data is newer.
    ///
    /// # Errors
    ///
    /// When it cannot be read or stored.
    pub(crate) fn import(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let new = Content::parse(bytes)?;
        let mut content = self.lock();
        if (new.term, new.version) >= (content.term, content.version) {
            *content = new;
            let saved = self.save(&content);
            saved.map_err(|err| anyhow::anyhow!("failed to keep the data: {err:?}"))?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, content: &Content) -> Result<(), Refusal> {
        let text = content.to_text();
        keys::write_secret(&self.path, text.as_bytes()).map_err(Refusal::Failed)
    }
}

impl Content {
    fn to_text(&self) -> String {
        json!({
            "term": self.term,
            "version": self.version,
            "members": self.members.to_json(),
            "objects": self.objects,
        })
        .to_string()
    }

    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut value: Value = serde_json::from_slice(bytes)?;
        let version = value["version"].as_u64().context("it has no version")?;
        match value["objects"].take() {
            Value::Object(objects) => Ok(Self {
                term: value["term"].as_u64().unwrap_or_default(),
                version,
                members: Members::parse(&value["members"]),
                objects,
            }),
            _ => anyhow::bail!("it has no objects"),
        }
    }
}

/// Merges according to RFC 7386: null removes, objects are merged, everything else is replaced.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        match (value, target.as_object_mut()) {
            (Value::Null, Some(target)) => drop(target.shift_remove(key)),
            _ => merge(&mut target[key.as_str()], value),
        }
    }
}

fn uid(words: &str) -> String {
    let hash = keys::hash(words);
    format!(
        "{}-{}-4{}-8{}-{}",
        &hash[..8],
        &hash[8..12],
        &hash[12..15],
        &hash[15..18],
        &hash[18..30]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("x/standin.json")).unwrap();
        (folder, store)
    }

    fn map(data: Value) -> Value {
        json!({ "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data })
    }

    #[test]
    fn objects_outlive_the_process() {
        let (_folder, store) = store();
        let (made, is_new) = store.write("configmaps/d/a", map(json!({})), Write::Apply).unwrap();
        assert!(is_new);
        let store = Store::open(store.path).unwrap();
        assert_eq!(store.get("configmaps/d/a"), Some(made));
        let removed = store.remove("configmaps/d/a").unwrap();
        assert!(removed.is_some());
        let store = Store::open(store.path).unwrap();
        assert_eq!(store.list("configmaps/"), (vec![], 2));
    }

    #[test]
    fn what_is_written_must_fit_to_what_is_there() {
        let (_folder, store) = store();
        let key = "configmaps/d/a";
        let write = |object, how| store.write(key, object, how);
        assert!(matches!(write(map(json!({})), Write::Replace), Err(Refusal::Missing)));
        let (first, _) = write(map(json!({ "x": "1" })), Write::Create).unwrap();
        assert!(matches!(write(map(json!({})), Write::Create), Err(Refusal::Exists)));
        let patch = json!({ "data": { "y": "2", "x": null } });
        let (merged, is_new) = write(patch, Write::Merge).unwrap();
        assert_eq!((merged["data"].clone(), is_new), (json!({ "y": "2" }), false));
        assert_eq!(merged["metadata"]["uid"], first["metadata"]["uid"]);
        assert!(matches!(write(first, Write::Replace), Err(Refusal::Conflict)));
        assert!(write(merged, Write::Replace).is_ok());
    }

    #[test]
    fn older_data_does_not_replace_newer() {
        let ((_a, first), (_b, second)) = (store(), store());
        let members = Members::of_first("a-1", "10.0.0.1");
        first.change_members(|it| *it = members.clone()).unwrap();
        second.import(&first.export()).unwrap();
        assert_eq!((second.members(), second.stamp()), (members, (0, 1)));
        second.begin_term().unwrap();
        first.write("configmaps/d/a", map(json!({})), Write::Create).unwrap();
        second.import(&first.export()).unwrap();
        assert_eq!(second.get("configmaps/d/a"), None);
        first.import(&second.export()).unwrap();
        assert_eq!((first.get("configmaps/d/a"), first.stamp()), (None, (1, 1)));
    }
}
