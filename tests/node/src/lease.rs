//! Leases: a node that works renews its own; a node that does not becomes Unknown after some time.

use crate::times;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Returns the path of a node's lease in the API.
pub(crate) fn path(node: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}")
}

/// Returns the lease of a node, renewed at `now`.
pub(crate) fn object(node: &str, now: OffsetDateTime) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": node, "namespace": "kube-node-lease" },
        "spec": {
            "holderIdentity": node,
            "leaseDurationSeconds": 40,
            "renewTime": micro_time(now),
        },
    })
}

/// Returns the time as Kubernetes writes it in leases, to the microsecond.
fn micro_time(now: OffsetDateTime) -> String {
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second, micro) = now.to_hms_micro();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z")
}

/// The state of the node controller. It starts empty, so a node counts as alive for some time after
/// a start, regardless of its lease.
#[derive(Default)]
pub(crate) struct Watch {
    last: Option<Instant>,
    seen: BTreeMap<String, (Value, Duration)>,
}

impl Watch {
    /// Returns which of the nodes are lost, given all nodes and their last signs of life.
    pub(crate) fn lost(&mut self, now: Instant, nodes: Vec<(String, Value)>) -> Vec<String> {
        // While this process does not run, the nodes may not run either.
        let passed = self.last.replace(now).map_or(Duration::ZERO, |it| now - it);
        let passed = passed.min(times::TICK * 2);
        self.seen.retain(|name, _| nodes.iter().any(|(it, _)| it == name));
        let mut lost = Vec::new();
        for (name, sign) in nodes {
            match self.seen.get_mut(&name) {
                Some((before, age)) if *before == sign => {
                    *age += passed;
                    if *age >= times::LEASE_GRACE {
                        lost.push(name);
                    }
                }
                _ => drop(self.seen.insert(name, (sign, Duration::ZERO))),
            }
        }
        lost
    }
}

/// Returns a node's last sign of life: the renewal of its lease, and its own last report.
pub(crate) fn sign_of_life(node: &Value, lease: Option<&Value>) -> Value {
    let renewed = lease.map(|it| it["spec"]["renewTime"].clone()).unwrap_or_default();
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    let reported = conditions.map(|it| it["lastHeartbeatTime"].clone()).next().unwrap_or_default();
    json!([renewed, reported])
}

/// Returns the node's conditions with an unknown readiness, or `None` if it is unknown already.
pub(crate) fn unknown(node: &Value, now: &str) -> Option<Value> {
    let conditions = node["status"]["conditions"].as_array()?;
    let is_ready = |it: &Value| it["type"] == "Ready";
    if conditions.iter().any(|it| is_ready(it) && it["status"] == "Unknown") {
        return None;
    }
    let change = |it: &Value| {
        let mut it = it.clone();
        if is_ready(&it) {
            it["status"] = "Unknown".into();
            it["reason"] = "NodeStatusUnknown".into();
            it["message"] = "Kubelet stopped posting node status.".into();
            it["lastTransitionTime"] = now.into();
        }
        it
    };
    let conditions: Vec<_> = conditions.iter().map(change).collect();
    Some(json!({ "status": { "conditions": conditions } }))
}

/// Returns the status of a node's condition Ready.
pub(crate) fn readiness(node: &Value) -> &str {
    let conditions = node["status"]["conditions"].as_array();
    let mut ready = conditions.into_iter().flatten().filter(|it| it["type"] == "Ready");
    ready.next().and_then(|it| it["status"].as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewals_are_told_to_the_microsecond() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_795_692_221_000_042_000).unwrap();
        let lease = object("a", time);
        assert_eq!(lease["spec"]["renewTime"], "2026-11-26T11:23:41.000042Z");
        assert!(path("a").ends_with("/kube-node-lease/leases/a"));
    }

    #[test]
    fn a_node_is_lost_when_its_lease_is_not_renewed() {
        let mut watch = Watch::default();
        let start = Instant::now();
        let n_ticks = times::LEASE_GRACE.as_millis() / times::TICK.as_millis();
        let n_ticks = u32::try_from(n_ticks).unwrap();
        let mut lost = vec![];
        for tick in 0..=n_ticks {
            assert!(lost.is_empty());
            let signs = vec![("a".to_owned(), json!(tick)), ("b".to_owned(), json!(0))];
            lost = watch.lost(start + times::TICK * tick, signs);
        }
        assert_eq!(lost, ["b"]);
    }

    #[test]
    fn a_lease_and_a_report_are_signs_of_life() {
        let node = |time| json!({ "status": { "conditions": [{ "lastHeartbeatTime": time }] } });
        let lease = |time| json!({ "spec": { "renewTime": time } });
        let first = sign_of_life(&node("1"), Some(&lease("1")));
        assert_eq!(first, sign_of_life(&node("1"), Some(&lease("1"))));
        assert_ne!(first, sign_of_life(&node("2"), Some(&lease("1"))));
        assert_ne!(first, sign_of_life(&node("1"), Some(&lease("2"))));
        assert_ne!(first, sign_of_life(&node("1"), None));
    }

    #[test]
    fn a_lost_node_is_marked_once() {
        let node = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
        let marked = unknown(&node, "now").unwrap();
        assert_eq!(readiness(&marked), "Unknown");
        assert_eq!(unknown(&marked, "now"), None);
    }
}
