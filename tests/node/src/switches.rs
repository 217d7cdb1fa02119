//! The faults of a node, which environment variables switch on.

use crate::{crash, times};
use anyhow::Context as _;
use std::time::Duration;

/// The faults of a node.
#[derive(Debug, PartialEq)]
pub(crate) struct Switches {
    /// When the API server is ready; `None` means never.
    pub(crate) ready_after: Option<Duration>,
    /// When the node is Ready; `None` means never.
    pub(crate) node_ready_after: Option<Duration>,
    pub(crate) crash_at_start: bool,
    pub(crate) crash_after: Option<Duration>,
    /// Whether only the first start ends like this.
    pub(crate) crash_once: bool,
    /// Which part prints the cause of a crash.
    pub(crate) crash_as: crash::Form,
    /// How often etcd's learner is checked.
    pub(crate) promotion: Duration,
    pub(crate) hang_on_term: bool,
    pub(crate) ctr_fails: bool,
}

impl Switches {
    /// Reads the switches; all are off if they are for other nodes.
    pub(crate) fn read(
        variable: impl Fn(&str) -> Option<String>,
        hostname: &str,
    ) -> anyhow::Result<Self> {
        let is_meant = variable("STANDIN_ONLY").is_none_or(|it| hostname.ends_with(&it));
        let variable = |name: &str| variable(name).filter(|_| is_meant);
        let is_on = |name: &str| variable(name).is_some_and(|it| it != "0");
        let duration = |name: &str| {
            let read = |it: String| it.parse().map(Duration::from_millis);
            variable(name).map(read).transpose().with_context(|| format!("failed to read {name}"))
        };
        let after = |never: &str, after: &str| {
            let duration = duration(after)?.unwrap_or_default();
            anyhow::Ok(Some(duration).filter(|_| !is_on(never)))
        };
        Ok(Self {
            ready_after: after("STANDIN_NEVER_READY", "STANDIN_READY_AFTER")?,
            node_ready_after: after("STANDIN_NODE_NEVER_READY", "STANDIN_NODE_READY_AFTER")?,
            crash_at_start: is_on("STANDIN_CRASH_AT_START"),
            crash_after: duration("STANDIN_CRASH_AFTER")?,
            crash_once: is_on("STANDIN_CRASH_ONCE"),
            crash_as: match variable("STANDIN_CRASH_AS") {
                Some(it) => crash::Form::parse(&it).context("failed to read STANDIN_CRASH_AS")?,
                None => crash::Form::default(),
            },
            promotion: duration("STANDIN_PROMOTION_EVERY")?.unwrap_or(times::PROMOTION),
            hang_on_term: is_on("STANDIN_HANG_ON_TERM"),
            ctr_fails: is_on("STANDIN_CTR_FAILS"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<Switches> {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, it)| (*it).to_owned())
        };
        Switches::read(variable, "pintle-x-agent-1")
    }

    #[test]
    fn nothing_is_wrong_unless_told() {
        let switches = read(&[("STANDIN_HANG_ON_TERM", "0")]).unwrap();
        assert_eq!(switches.ready_after, Some(Duration::ZERO));
        assert_eq!(switches.node_ready_after, Some(Duration::ZERO));
        assert_eq!(switches.crash_after, None);
        assert!(
            !switches.crash_at_start
                && !switches.crash_once
                && !switches.hang_on_term
                && !switches.ctr_fails
        );
    }

    #[test]
    fn switches_are_meant_for_some_nodes() {
        let on = ("STANDIN_CRASH_AT_START", "1");
        assert!(read(&[on]).unwrap().crash_at_start);
        assert!(read(&[on, ("STANDIN_ONLY", "agent-1")]).unwrap().crash_at_start);
        assert!(!read(&[on, ("STANDIN_ONLY", "agent-0")]).unwrap().crash_at_start);
    }

    #[test]
    fn times_are_in_milliseconds() {
        let switches =
            read(&[("STANDIN_READY_AFTER", "250"), ("STANDIN_NODE_NEVER_READY", "1")]).unwrap();
        assert_eq!(switches.ready_after, Some(Duration::from_millis(250)));
        assert_eq!(switches.node_ready_after, None);
        assert!(read(&[("STANDIN_CRASH_AFTER", "soon")]).is_err());
    }

    #[test]
    fn a_crash_has_one_of_three_forms() {
        let form = |it| read(&[("STANDIN_CRASH_AS", it)]).map(|it| it.crash_as);
        assert_eq!(read(&[]).unwrap().crash_as, crash::Form::Fatal);
        assert_eq!(form("klog").unwrap(), crash::Form::Klog);
        assert!(form("loudly").is_err());
    }
}
