//! Node filters: which nodes of a cluster a value is for.
//!
//! The grammar is k3d's: `VALUE@FILTER;FILTER…`, where a filter is `server`, `agent` or
//! `all`, alone or with `:N`, `:N,M`, `:A-B` or `:*`. Source: k3d, docs/usage/commands
//! and pkg/util/filter.go.

use crate::role::Role;
use std::str::FromStr;

/// A set of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFilter(Vec<Selector>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Selector {
    /// `None` means nodes of both roles.
    role: Option<Role>,
    places: Places,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Places {
    All,
    These(Vec<usize>),
    /// Both ends are part of it.
    Range(usize, usize),
}

/// Why a text is not a node filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid node filter `{0}`")]
pub struct FilterError(String);

impl NodeFilter {
    /// Returns the filter that all nodes pass.
    pub fn all() -> Self {
        Self(vec![Selector { role: None, places: Places::All }])
    }

    /// Returns the filter that only the first server passes.
    pub fn first_server() -> Self {
        Self(vec![Selector { role: Some(Role::Server), places: Places::These(vec![0]) }])
    }

    /// Returns whether a node passes.
    pub fn matches(&self, role: Role, idx: usize) -> bool {
        self.0.iter().any(|it| {
            it.role.is_none_or(|it| it == role)
                && match &it.places {
                    Places::All => true,
                    Places::These(all) => all.contains(&idx),
                    Places::Range(first, last) => (*first..=*last).contains(&idx),
                }
        })
    }
}

impl FromStr for NodeFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |it: &str| selector(it).ok_or_else(|| FilterError(text.to_owned()));
        text.split(';').map(parse).collect::<Result<_, _>>().map(Self)
    }
}

fn selector(text: &str) -> Option<Selector> {
    let (role, places) = text.split_once(':').unwrap_or((text, "*"));
    let role = match role {
        "server" | "servers" => Some(Role::Server),
        "agent" | "agents" => Some(Role::Agent),
        "all" => None,
        // There is no load balancer here; what is meant for k3d's, the first server takes.
        "loadbalancer" if places == "*" => {
            return Some(Selector { role: Some(Role::Server), places: Places::These(vec![0]) });
        }
        _ => return None,
    };
    let places = match places.split_once('-') {
        _ if places == "*" => Places::All,
        Some((first, last)) => {
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            if first > last {
                return None;
            }
            Places::Range(first, last)
        }
        None => Places::These(places.split(',').map(|it| it.parse().ok()).collect::<Option<_>>()?),
    };
    Some(Selector { role, places })
}

/// A value, and the nodes it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered<T> {
    /// The value.
    pub value: T,
    /// The nodes; `None` where none were named.
    pub nodes: Option<NodeFilter>,
}

impl<T> Filtered<T> {
    /// Returns a value for which no nodes were named.
    pub fn plain(value: T) -> Self {
        Self { value, nodes: None }
    }

    /// Returns the value for other values' sake.
    pub fn try_map<U, E>(self, map: impl FnOnce(T) -> Result<U, E>) -> Result<Filtered<U>, E> {
        Ok(Filtered { value: map(self.value)?, nodes: self.nodes })
    }

    /// Returns whether the value is for a node; `default` decides where none were named.
    pub fn is_for(&self, role: Role, idx: usize, default: &NodeFilter) -> bool {
        self.nodes.as_ref().unwrap_or(default).matches(role, idx)
    }
}

/// Takes `VALUE@FILTER` apart; `\@` stands for an `@` in the value.
impl FromStr for Filtered<String> {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = text
            .char_indices()
            .find(|(idx, it)| *it == '@' && !text[..*idx].ends_with('\\'))
            .map(|it| it.0);
        let plain = |it: &str| it.replace("\\@", "@");
        Ok(match at {
            None => Self::plain(plain(text)),
            Some(at) => Self { value: plain(&text[..at]), nodes: Some(text[at + 1..].parse()?) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &str, expected: &str) {
        let filter: NodeFilter = filter.parse().unwrap();
        let all = [Role::Server, Role::Agent]
            .into_iter()
            .flat_map(|role| (0..4).map(move |idx| (role, idx)));
        let passing = all.filter(|(role, idx)| filter.matches(*role, *idx));
        let names: Vec<_> = passing.map(|(role, idx)| format!("{role}{idx}")).collect();
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn filters_pick_nodes() {
        check("server", "server0 server1 server2 server3");
        check("servers:0", "server0");
        check("agent:1,3", "agent1 agent3");
        check("agents:1-2", "agent1 agent2");
        check("server:0;agent:*", "server0 agent0 agent1 agent2 agent3");
        check("all:0", "server0 agent0");
        check("loadbalancer", "server0");
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in ["", "node", "server:", "server:x", "server:2-1", "server:0;", "loadbalancer:1"]
        {
            assert!(text.parse::<NodeFilter>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_free_at_sign_divides() {
        let parse = |it: &str| it.parse::<Filtered<String>>().unwrap();
        assert_eq!(parse("a=b"), Filtered::plain("a=b".to_owned()));
        assert_eq!(parse(r"mail=a\@b@server").value, "mail=a@b");
        assert!(parse(r"mail=a\@b").nodes.is_none());
        assert!("a@b".parse::<Filtered<String>>().is_err());
    }
}
