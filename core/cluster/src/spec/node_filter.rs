//! Node filters: the nodes of a cluster that a value applies to.
//!
//! The grammar is k3d's: `VALUE@FILTER;FILTER…`, where a filter is `server`, `agent` or `all`,
//! alone or with `:N`, `:N,M`, `:A-B` (either end may be missing) or `:*`. In k3d's oldest files,
//! brackets replace the colon: `server[0]`, `agent[0:1]`. `all` means all nodes, whatever follows
//! it, because numbers belong to a role. Source: k3d, docs/usage/commands, pkg/util/filter.go and
//! cmd/util/filter.go.

use crate::role::Role;
use std::str::FromStr;

/// A set of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFilter(Vec<Selector>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Selector {
    /// The original text.
    text: String,
    /// `None` means nodes of both roles.
    role: Option<Role>,
    places: Places,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Places {
    All,
    These(Vec<usize>),
    /// Both ends are included. Without the last one, it extends to the last node.
    Range(usize, Option<usize>),
}

/// Why a text is not a node filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid node filter `{0}`")]
pub struct FilterError(String);

/// A node filter refers to a node that the cluster does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the node filter `{filter}` refers to a node that does not exist: the cluster has {count} \
     {role}{}",
    if *.count == 1 { "" } else { "s" }
)]
pub struct NoSuchNode {
    /// The filter, as written.
    pub filter: String,
    /// Its role.
    pub role: Role,
    /// The number of nodes with that role.
    pub count: usize,
}

impl NodeFilter {
    /// Returns the filter that matches all nodes.
    pub fn all() -> Self {
        Self(vec![Selector { text: "all".to_owned(), role: None, places: Places::All }])
    }

    /// Returns the filter that matches only the first server.
    pub fn first_server() -> Self {
        let places = Places::These(vec![0]);
        Self(vec![Selector { text: "server:0".to_owned(), role: Some(Role::Server), places }])
    }

    /// Returns whether a node matches.
    pub fn matches(&self, role: Role, idx: usize) -> bool {
        self.0.iter().any(|it| {
            it.role.is_none_or(|it| it == role)
                && match &it.places {
                    Places::All => true,
                    Places::These(all) => all.contains(&idx),
                    Places::Range(first, last) => {
                        *first <= idx && last.is_none_or(|last| idx <= last)
                    }
                }
        })
    }

    /// Checks that the nodes that it refers to by number exist.
    ///
    /// # Errors
    ///
    /// When one of them does not exist. All nodes of a role may be none.
    pub fn check(&self, servers: usize, agents: usize) -> Result<(), NoSuchNode> {
        for Selector { text, role, places } in &self.0 {
            let (role, count) = match role {
                Some(role @ Role::Server) => (*role, servers),
                Some(role @ Role::Agent) => (*role, agents),
                None => continue,
            };
            let lacks = match places {
                Places::All => false,
                Places::These(all) => all.iter().any(|it| *it >= count),
                // `agent:-` means the same as `agent:*`.
                Places::Range(0, None) => false,
                Places::Range(first, last) => last.unwrap_or(*first) >= count,
            };
            if lacks {
                return Err(NoSuchNode { filter: text.clone(), role, count });
            }
        }
        Ok(())
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
    let unsuffixed = text.strip_suffix(":direct").or_else(|| text.strip_suffix(":proxy"));
    let rest = unsuffixed.unwrap_or(text);
    let (role, places, dash) = match rest.strip_suffix(']').and_then(|it| it.split_once('[')) {
        // In brackets, a colon separates the ends of a range.
        Some((role, places)) => (role, places, ':'),
        None => {
            let (role, places) = rest.split_once(':').unwrap_or((rest, "*"));
            (role, places, '-')
        }
    };
    let role = match role {
        "server" | "servers" => Some(Role::Server),
        "agent" | "agents" => Some(Role::Agent),
        "all" => None,
        // There is no load balancer here; the first server gets the values for k3d's.
        "loadbalancer" if places == "*" => {
            let places = Places::These(vec![0]);
            return Some(Selector { text: text.to_owned(), role: Some(Role::Server), places });
        }
        _ => return None,
    };
    let places = match places.split_once(dash) {
        _ if places == "*" => Places::All,
        Some((first, last)) => range(first, last)?,
        None => list(places)?,
    };
    let places = if role.is_none() { Places::All } else { places };
    Some(Selector { text: text.to_owned(), role, places })
}

fn range(first: &str, last: &str) -> Option<Places> {
    let end = |it: &str| match it {
        "" => Some(None),
        it => it.parse().ok().map(Some),
    };
    let (first, last): (Option<usize>, Option<usize>) = (end(first)?, end(last)?);
    let first = first.unwrap_or(0);
    if last.is_some_and(|it| it < first) {
        return None;
    }
    Some(Places::Range(first, last))
}

/// Reads numbers, separated by commas. k3d allows a comma after the last one, too.
fn list(text: &str) -> Option<Places> {
    let text = text.strip_suffix(',').unwrap_or(text);
    let all = text.split(',').map(|it| it.parse().ok()).collect::<Option<_>>();
    all.map(Places::These)
}

/// A value, and the nodes that it applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered<T> {
    /// The value.
    pub value: T,
    /// The nodes; `None` if no filter was given.
    pub nodes: Option<NodeFilter>,
}

impl<T> Filtered<T> {
    /// Returns a value without a filter.
    pub fn plain(value: T) -> Self {
        Self { value, nodes: None }
    }

    /// Returns another value with the same nodes.
    pub fn try_map<U, E>(self, map: impl FnOnce(T) -> Result<U, E>) -> Result<Filtered<U>, E> {
        Ok(Filtered { value: map(self.value)?, nodes: self.nodes })
    }

    /// Returns whether the value applies to a node; `default` decides if there is no filter.
    pub fn is_for(&self, role: Role, idx: usize, default: &NodeFilter) -> bool {
        self.nodes.as_ref().unwrap_or(default).matches(role, idx)
    }
}

/// Splits `VALUE@FILTER` at the last `@` that a node filter follows. Any other `@` is part of the
/// value, and so is `\@`. Before an `@`, `\\` stands for one backslash.
impl From<&str> for Filtered<String> {
    fn from(text: &str) -> Self {
        let mut free = text.rmatch_indices('@').map(|it| it.0).filter(|it| !is_escaped(text, *it));
        match free.find_map(|at| Some((at, text[at + 1..].parse().ok()?))) {
            Some((at, nodes)) => {
                let value = &text[..at];
                let value = if value.ends_with("\\\\") { &value[..at - 1] } else { value };
                Self { value: unescaped(value), nodes: Some(nodes) }
            }
            None => Self::plain(unescaped(text)),
        }
    }
}

impl FromStr for Filtered<String> {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.into())
    }
}

/// Returns whether the `@` at `at` follows a backslash that is not escaped itself.
fn is_escaped(text: &str, at: usize) -> bool {
    text[..at].ends_with('\\') && !text[..at].ends_with("\\\\")
}

fn unescaped(text: &str) -> String {
    text.replace("\\\\@", "\\\u{0}@").replace("\\@", "@").replace('\u{0}', "")
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
        check("loadbalancer", "server0");
    }

    #[test]
    fn all_means_all_whatever_follows_it_as_with_k3d() {
        let all = "server0 server1 server2 server3 agent0 agent1 agent2 agent3";
        for filter in ["all", "all:*", "all:0", "all:1-2", "all[0]", "all:7", "server:0;all:0"] {
            check(filter, all);
            assert_eq!(filter.parse::<NodeFilter>().unwrap().check(1, 0), Ok(()), "{filter}");
        }
        for filter in ["all:", "all:x", "all:2-1"] {
            assert!(filter.parse::<NodeFilter>().is_err(), "{filter}");
        }
    }

    #[test]
    fn ranges_may_be_open_and_brackets_stand_for_the_colon() {
        check("agent:1-", "agent1 agent2 agent3");
        check("agent:-1", "agent0 agent1");
        check("agent:0-1", "agent0 agent1");
        check("agent:0,2,", "agent0 agent2");
        check("server[0]", "server0");
        check("agent[*]", "agent0 agent1 agent2 agent3");
        check("agent[0:1]", "agent0 agent1");
        check("agent[1,3]", "agent1 agent3");
        check("agent:0:direct;server[1]:proxy", "server1 agent0");
        check("loadbalancer:proxy", "server0");
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "node",
            "server:",
            "server:x",
            "server:2-1",
            "server:0;",
            "loadbalancer:1",
            "server:5432/db",
            "server[0",
            "server:0:sideways",
        ] {
            assert!(text.parse::<NodeFilter>().is_err(), "{text}");
        }
    }

    #[test]
    fn nodes_that_are_named_must_exist() {
        let check = |filter: &str, servers, agents| {
            filter
                .parse::<NodeFilter>()
                .unwrap()
                .check(servers, agents)
                .map_err(|it| it.to_string())
        };
        assert_eq!(
            check("agent:0", 1, 0).unwrap_err(),
            "the node filter `agent:0` refers to a node that does not exist: the cluster has 0 \
             agents"
        );
        assert_eq!(
            check("server:0;server:1", 1, 3).unwrap_err(),
            "the node filter `server:1` refers to a node that does not exist: the cluster has 1 \
             server"
        );
        for filter in ["agent:1-", "agent:-1", "agent[1]", "agent:0-1", "agent:0,1"] {
            assert!(check(filter, 1, 1).is_err(), "{filter}");
        }
        for filter in ["agent:*", "agents", "agent:-", "all", "loadbalancer"] {
            assert_eq!(check(filter, 1, 0), Ok(()), "{filter}");
        }
    }

    #[test]
    fn only_what_a_filter_follows_divides() {
        let parse = |it: &str| {
            let it: Filtered<String> = it.into();
            (it.value, it.nodes.map(|it| it.0.into_iter().map(|it| it.text).collect::<Vec<_>>()))
        };
        let plain = |it: &str| (it.to_owned(), None);
        let some = |it: &str, nodes: &str| (it.to_owned(), Some(vec![nodes.to_owned()]));
        assert_eq!(parse("a=b"), plain("a=b"));
        assert_eq!(parse("mail=a@b.example"), plain("mail=a@b.example"));
        assert_eq!(parse("url=u:p@server:5432/db"), plain("url=u:p@server:5432/db"));
        assert_eq!(parse("mail=a@b@agent:0"), some("mail=a@b", "agent:0"));
        assert_eq!(parse("mail=a@server"), some("mail=a", "server"));
        assert_eq!(parse(r"mail=a\@b@server"), some("mail=a@b", "server"));
        assert_eq!(parse(r"mail=a\@server"), plain("mail=a@server"));
        assert_eq!(parse(r"path=c:\\@server"), some(r"path=c:\", "server"));
        assert_eq!(parse(r"path=c:\x\\y"), plain(r"path=c:\x\\y"));
    }
}
