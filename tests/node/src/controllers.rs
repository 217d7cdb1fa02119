//! The background work of the leading server: it promotes etcd's learner, removes the members of
//! deleted nodes, and marks nodes whose leases are not renewed.

use crate::api::Api;
use crate::etcd::Etcd;
use crate::lease::{self, Watch};
use crate::store::{Refusal, Write};
use crate::{log, times};
use serde_json::Value;
use std::thread;
use std::time::{Duration, Instant};

/// The state that the controllers keep between rounds.
pub(crate) struct Controllers {
    promotion: Duration,
    promoted: Instant,
    /// The learner that is not reachable, and the time since then.
    stalled: Option<(String, Instant)>,
    watch: Watch,
    leaving: Vec<(String, Instant)>,
}

impl Controllers {
    /// Returns controllers that check the learner every `promotion`.
    pub(crate) fn new(promotion: Duration) -> Self {
        Self {
            promotion,
            promoted: Instant::now(),
            stalled: None,
            watch: Watch::default(),
            leaving: Vec::new(),
        }
    }

    /// Works for ever.
    pub(crate) fn run(&mut self, api: &Api) -> ! {
        loop {
            if let Some(etcd) = &api.etcd
                && let Err(err) = etcd.tick()
            {
                log::info(&format!("etcd: {err:#}"));
            }
            if api.leads() {
                if let Err(err) = self.round(api) {
                    log::info(&format!("a controller failed: {err:?}"));
                }
            } else {
                // The next leader starts with an empty state.
                *self = Self::new(self.promotion);
            }
            thread::sleep(times::TICK);
        }
    }

    fn round(&mut self, api: &Api) -> Result<(), Refusal> {
        if let Some(etcd) = &api.etcd {
            self.care_for_learner(api, etcd)?;
        }
        self.finish_deletions(api)?;
        self.mark_lost_nodes(api)
    }

    fn care_for_learner(&mut self, api: &Api, etcd: &Etcd) -> Result<(), Refusal> {
        if self.promoted.elapsed() < self.promotion {
            return Ok(());
        }
        self.promoted = Instant::now();
        let members = api.store.members();
        let Some(learner) = members.learner().map(|it| it.name.clone()) else {
            self.stalled = None;
            return Ok(());
        };
        if etcd.is_up_to_date(&learner) == Some(true) {
            self.stalled = None;
            log::info(&format!("Learner {learner} has been promoted"));
            api.store.change_members(|it| it.promote(&learner))?;
            return Ok(());
        }
        let since = match &self.stalled {
            Some((name, since)) if *name == learner => *since,
            _ => self.stalled.insert((learner.clone(), Instant::now())).1,
        };
        if since.elapsed() > times::LEARNER_STALL {
            log::info(&format!("Removing learner {learner}: it has stalled"));
            api.store.change_members(|it| it.remove(&learner))?;
        }
        Ok(())
    }

    /// Removes the members of deleted nodes, and then the nodes.
    fn finish_deletions(&mut self, api: &Api) -> Result<(), Refusal> {
        let (nodes, _) = api.store.list("nodes/");
        let deleted = nodes.iter().filter(|it| !it["metadata"]["deletionTimestamp"].is_null());
        let deleted: Vec<_> = deleted.filter_map(|it| it["metadata"]["name"].as_str()).collect();
        self.leaving.retain(|(name, _)| deleted.contains(&name.as_str()));
        for name in deleted {
            let since = self.leaving.iter().find(|(it, _)| it == name).map(|(_, it)| *it);
            match since {
                None => self.leaving.push((name.to_owned(), Instant::now())),
                Some(since) if since.elapsed() >= times::FINALIZER => remove_member(api, name)?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn mark_lost_nodes(&mut self, api: &Api) -> Result<(), Refusal> {
        let (nodes, _) = api.store.list("nodes/");
        let sign = |node: &Value| {
            let name = node["metadata"]["name"].as_str()?.to_owned();
            let lease = api.store.get(&format!("leases/kube-node-lease/{name}"));
            let sign = lease::sign_of_life(node, lease.as_ref());
            Some((name, sign))
        };
        let signs = nodes.iter().filter_map(sign).collect();
        for name in self.watch.lost(Instant::now(), signs) {
            let key = format!("nodes/{name}");
            let node = api.store.get(&key).unwrap_or_default();
            if let Some(change) = lease::unknown(&node, &log::now()) {
                log::info(&format!("Node {name} is not renewing its lease"));
                api.store.write(&key, change, Write::Merge)?;
            }
        }
        Ok(())
    }
}

fn remove_member(api: &Api, node: &str) -> Result<(), Refusal> {
    let members = api.store.members();
    for member in members.iter().filter(|it| it.node() == node) {
        log::info(&format!("Removing name={} from etcd", member.name));
        api.store.change_members(|it| it.remove(&member.name))?;
        // The removed member is also notified, as long as it is known.
        if let Some(etcd) = &api.etcd
            && let Err(err) = etcd.replicate()
        {
            log::info(&format!("{err:#}"));
        }
    }
    api.store.remove(&format!("leases/kube-node-lease/{node}"))?;
    api.store.remove(&format!("nodes/{node}")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Authority;
    use crate::store::Store;
    use serde_json::json;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    /// Returns a server that leads etcd alone, with a learner that does not exist.
    fn api(folder: &tempfile::TempDir) -> Api {
        let store = Arc::new(Store::open(folder.path().join("standin.json")).unwrap());
        let change = |it: &mut crate::members::Members| {
            *it = crate::members::Members::of_first("a-1", "127.0.0.1:1");
            it.add_learner("b-1", "127.0.0.1:2").unwrap();
        };
        store.change_members(change).unwrap();
        let authority = Authority::new("a").unwrap();
        let (name, address) = ("a-1".to_owned(), "127.0.0.1:1".to_owned());
        let etcd = Etcd::new(name, address, "a", &authority, Arc::clone(&store)).unwrap();
        etcd.tick().unwrap();
        let (token, is_ready) = ("a".to_owned(), AtomicBool::new(true));
        Api { store, is_ready, token, authority: String::new(), etcd: Some(Arc::new(etcd)) }
    }

    #[test]
    fn the_member_of_a_deleted_node_goes_before_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(&folder);
        let node = json!({ "metadata": { "name": "b", "deletionTimestamp": "now" } });
        api.store.write("nodes/b", node, Write::Create).unwrap();
        let mut controllers = Controllers::new(Duration::ZERO);
        controllers.round(&api).unwrap();
        assert!(api.store.members().find("b-1").is_some());
        thread::sleep(times::FINALIZER);
        controllers.round(&api).unwrap();
        assert_eq!(api.store.members().find("b-1"), None);
        assert_eq!(api.store.get("nodes/b"), None);
    }

    #[test]
    fn a_learner_that_is_not_there_is_not_promoted() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(&folder);
        Controllers::new(Duration::ZERO).round(&api).unwrap();
        assert!(api.store.members().find("b-1").is_some_and(|it| it.is_learner));
    }

    #[test]
    fn a_node_without_a_lease_is_unknown_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(&folder);
        let conditions = json!([{ "type": "Ready", "status": "True" }]);
        let node = json!({ "metadata": { "name": "c" }, "status": { "conditions": conditions } });
        api.store.write("nodes/c", node, Write::Create).unwrap();
        let mut controllers = Controllers::new(Duration::ZERO);
        let readiness = || lease::readiness(&api.store.get("nodes/c").unwrap()).to_owned();
        controllers.round(&api).unwrap();
        assert_eq!(readiness(), "True");
        while readiness() == "True" {
            thread::sleep(times::TICK);
            controllers.round(&api).unwrap();
        }
        assert_eq!(readiness(), "Unknown");
    }
}
