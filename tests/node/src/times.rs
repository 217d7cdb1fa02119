//! The times of the stand-in: k3s's own times, divided by about a hundred.

use std::time::Duration;

/// From the kubeconfig file to the API server's first answer. k3s: about 4 s.
pub(crate) const API_START: Duration = Duration::from_millis(40);

/// From the start of a node to its kubelet's first report. k3s: about 12 s.
pub(crate) const KUBELET_START: Duration = Duration::from_millis(120);

/// The interval between renewals of a node's lease. k3s: 10 s.
pub(crate) const LEASE_RENEWAL: Duration = Duration::from_millis(100);

/// How long a lease may stay unrenewed before its node counts as lost. k3s: 40 s.
pub(crate) const LEASE_GRACE: Duration = Duration::from_millis(400);

/// The interval between checks of the etcd learner. k3s: 15 s.
pub(crate) const PROMOTION: Duration = Duration::from_millis(150);

/// How long a learner may be unreachable before it is removed. k3s: 5 min.
pub(crate) const LEARNER_STALL: Duration = Duration::from_secs(3);

/// From the deletion of a server's Node object to the end of its finalizer.
pub(crate) const FINALIZER: Duration = Duration::from_millis(100);

/// The interval between an agent's attempts to join. k3s: 5 s; longer here, to keep logs short.
pub(crate) const JOIN_RETRY: Duration = Duration::from_millis(200);

/// The interval between probes of another etcd member.
pub(crate) const PROBE: Duration = Duration::from_millis(50);

/// The time limit for an answer of another member. Not scaled: a loaded machine is slow.
pub(crate) const PROBE_LIMIT: Duration = Duration::from_millis(1000);

/// The interval between rounds of the work that depends on the probes.
pub(crate) const TICK: Duration = Duration::from_millis(20);
