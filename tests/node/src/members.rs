//! The members of the cluster's etcd: names and addresses. The address is that of the member when
//! it joined, and never changes.

use crate::keys;
use serde_json::{Value, json};
use std::path::Path;
use std::{fs, io};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    /// The name of the node, and a random suffix: a node that joins again is another member.
    pub(crate) name: String,
    pub(crate) address: String,
    /// Whether it is a learner, without a vote.
    pub(crate) is_learner: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Members(Vec<Member>);

/// Returns the name of this node as a member, which is the same as long as its container exists.
///
/// # Errors
///
/// When the file with it can neither be read nor written.
pub(crate) fn own_name(path: &Path, node: &str) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Ok(name) => Ok(name),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            let name = format!("{node}-{}", keys::random(4)?);
            keys::write_secret(path, name.as_bytes())?;
            Ok(name)
        }
        Err(err) => Err(err.into()),
    }
}

impl Member {
    /// Returns the name of the member's node.
    pub(crate) fn node(&self) -> &str {
        self.name.rsplit_once('-').map_or(&self.name, |(node, _)| node)
    }

    /// Returns the address at which it answers.
    pub(crate) fn url(&self) -> String {
        match self.address.contains(':') {
            true => format!("https://{}", self.address),
            false => format!("https://{}:6443", self.address),
        }
    }
}

impl Members {
    /// Returns the members of a new cluster.
    pub(crate) fn of_first(name: &str, address: &str) -> Self {
        let (name, address) = (name.to_owned(), address.to_owned());
        Self(vec![Member { name, address, is_learner: false }])
    }

    pub(crate) fn parse(value: &Value) -> Self {
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let member = |it: &Value| Member {
            name: text(&it["name"]),
            address: text(&it["address"]),
            is_learner: it["isLearner"] == true,
        };
        Self(value.as_array().into_iter().flatten().map(member).collect())
    }

    pub(crate) fn to_json(&self) -> Value {
        let show = |it: &Member| json!({ "name": it.name, "address": it.address, "isLearner": it.is_learner });
        self.0.iter().map(show).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.0.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Member> {
        self.0.iter().find(|it| it.name == name)
    }

    pub(crate) fn voters(&self) -> impl Iterator<Item = &Member> {
        self.0.iter().filter(|it| !it.is_learner)
    }

    pub(crate) fn learner(&self) -> Option<&Member> {
        self.0.iter().find(|it| it.is_learner)
    }

    /// Adds a learner; a learner that was added before may ask again.
    ///
    /// # Errors
    ///
    /// The message of etcd or k3s, if it cannot be added.
    pub(crate) fn add_learner(&mut self, name: &str, address: &str) -> Result<(), String> {
        if self.find(name).is_some_and(|it| it.address == address) {
            return Ok(());
        }
        let (name, address) = (name.to_owned(), address.to_owned());
        let member = Member { name, address, is_learner: true };
        if self.0.iter().any(|it| it.node() == member.node()) {
            return Err("duplicate node name found, please use a unique name for this node".into());
        }
        if self.0.iter().any(|it| it.address == member.address) {
            return Err("etcdserver: Peer URLs already exists".into());
        }
        if self.learner().is_some() {
            return Err("etcdserver: too many learner members in cluster".into());
        }
        self.0.push(member);
        Ok(())
    }

    /// Promotes the learner to a voting member.
    pub(crate) fn promote(&mut self, name: &str) {
        if let Some(member) = self.0.iter_mut().find(|it| it.name == name) {
            member.is_learner = false;
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|it| it.name != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_learner_at_a_time() {
        let mut members = Members::of_first("a-1", "10.0.0.1");
        members.add_learner("b-1", "10.0.0.2").unwrap();
        // It asks again because its container was restarted.
        members.add_learner("b-1", "10.0.0.2").unwrap();
        let refused = members.add_learner("c-1", "10.0.0.3").unwrap_err();
        assert_eq!(refused, "etcdserver: too many learner members in cluster");
        members.promote("b-1");
        members.add_learner("c-1", "10.0.0.3").unwrap();
        assert_eq!(members.voters().count(), 2);
        assert_eq!(Members::parse(&members.to_json()), members);
    }

    #[test]
    fn a_new_member_takes_nobodys_name_or_address() {
        let mut members = Members::of_first("a-1", "10.0.0.1");
        assert!(members.add_learner("a-2", "10.0.0.2").unwrap_err().starts_with("duplicate"));
        assert!(members.add_learner("b-1", "10.0.0.1").unwrap_err().contains("Peer URLs"));
        members.remove("a-1");
        assert!(members.is_empty());
    }

    #[test]
    fn a_member_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etcd/name");
        let name = own_name(&path, "node-a").unwrap();
        assert_eq!(own_name(&path, "node-a").unwrap(), name);
        let member = Member { name, address: String::new(), is_learner: false };
        assert_eq!(member.node(), "node-a");
    }
}
