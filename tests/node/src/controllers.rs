//! What the leading server does all the time, beside answering: it promotes etcd's learner,
//! removes the members of deleted nodes, and marks nodes whose leases are not renewed.

use crate::api::Api;
use crate::etcd::Etcd;
use crate::lease::{self, Watch};
use crate::store::{Refusal, Write};
use crate::{log, times};
use std::thread;
use std::time::{Duration, Instant};

/// What the controllers remember from round to round.
pub(crate) struct Controllers {
    promotion: Duration,
    promoted: Instant,
    /// The learner that is not reachable, and since when.
    stalled: Option<(String, Instant)>,
    watch: Watch,
    leaving: Vec<(String, Instant)>,
}

impl Controllers {
    /// Returns controllers that look at the learner every `promotion`.
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
                // The next leader begins with nothing.
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

    /// Removes the members on deleted nodes, and then the nodes.
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
        let name = |it: &serde_json::Value| it["metadata"]["name"].as_str().map(str::to_owned);
        let names: Vec<_> = nodes.iter().filter_map(name).collect();
        let lease = |name: &str| api.store.get(&format!("leases/kube-node-lease/{name}"));
        for name in self.watch.lost(Instant::now(), &names, lease) {
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
        // The removed one is told too, as long as it is known.
        if let Some(etcd) = &api.etcd
            && let Err(err) = etcd.replicate()
        {
            log::info(&format!("{err:#}"));
        }
    }
    api.store.remove(&format!("leases/kube-node-lease/{node}"))?;
    api.store.remove(&format!("nodes/{node}")).map(drop)
}
