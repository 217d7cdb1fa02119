//! Decides what a member of etcd may do, from the answers of the others. Pure.
//!
//! The leader continues to lead; without a leader, the first voting member that is reachable takes
//! over. There is never a leader without a majority of the voting members.

use crate::members::Members;
use std::collections::BTreeMap;

/// The age of a copy of the data: the term of its leader, and its version in that term.
pub(crate) type Stamp = (u64, u64);

/// The answer of another member; only for members that are reachable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    pub(crate) is_leading: bool,
    pub(crate) stamp: Stamp,
}

/// The permitted actions of this member.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// Nothing: it has been removed.
    Removed,
    /// Nothing yet: it is a learner.
    Learner,
    /// Nothing: there is no majority, or no leader yet.
    NoLeader,
    /// Take over.
    Candidate,
    /// Forward requests to this member.
    Following(String),
    /// Answer requests.
    Leading,
}

/// Returns what the member `own` may do, which has data with `stamp`, and may be the leader.
pub(crate) fn decide(
    members: &Members,
    own: &str,
    is_leading: bool,
    stamp: Stamp,
    views: &BTreeMap<String, View>,
) -> Standing {
    match members.find(own) {
        None => return Standing::Removed,
        Some(it) if it.is_learner => return Standing::Learner,
        Some(_) => {}
    }
    let is_there = |name: &str| name == own || views.contains_key(name);
    let n_voters = members.voters().count();
    let mut reachable = members.voters().filter(|it| is_there(&it.name)).peekable();
    let first = reachable.peek().map(|it| it.name.clone());
    if reachable.count() * 2 <= n_voters {
        return Standing::NoLeader;
    }
    let leaders = members.voters().filter_map(|it| Some((&it.name, views.get(&it.name)?)));
    let leader = leaders.filter(|(_, it)| it.is_leading).max_by_key(|(_, it)| it.stamp);
    match leader {
        Some((_, it)) if is_leading && it.stamp.0 <= stamp.0 => Standing::Leading,
        // Everything that it has written as leader is here, or will be soon.
        Some((name, it)) if it.stamp.0 == stamp.0 => Standing::Following(name.clone()),
        Some(_) => Standing::NoLeader,
        None if is_leading => Standing::Leading,
        None if first.as_deref() == Some(own) => Standing::Candidate,
        None => Standing::NoLeader,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Members {
        let mut members = Members::of_first("a-1", "10.0.0.1");
        for (name, address) in [("b-1", "10.0.0.2"), ("c-1", "10.0.0.3")] {
            members.add_learner(name, address).unwrap();
            members.promote(name);
        }
        members
    }

    fn view(is_leading: bool, term: u64) -> View {
        View { is_leading, stamp: (term, 7) }
    }

    #[track_caller]
    fn check(own: &str, is_leading: bool, views: &[(&str, View)], expected: Standing) {
        let views = views.iter().map(|(name, it)| ((*name).to_owned(), *it)).collect();
        assert_eq!(decide(&three(), own, is_leading, (2, 7), &views), expected);
    }

    #[test]
    fn one_alone_is_a_majority_of_itself() {
        let members = Members::of_first("a-1", "10.0.0.1");
        let decide = |is_leading| decide(&members, "a-1", is_leading, (1, 1), &BTreeMap::new());
        assert_eq!(decide(false), Standing::Candidate);
        assert_eq!(decide(true), Standing::Leading);
    }

    #[test]
    fn a_minority_may_do_nothing() {
        check("a-1", true, &[], Standing::NoLeader);
        check("b-1", false, &[("stranger-1", view(true, 9))], Standing::NoLeader);
    }

    #[test]
    fn the_first_that_is_reachable_takes_over() {
        let silent = view(false, 2);
        check("a-1", false, &[("c-1", silent)], Standing::Candidate);
        check("b-1", false, &[("a-1", silent)], Standing::NoLeader);
        check("b-1", false, &[("c-1", silent)], Standing::Candidate);
    }

    #[test]
    fn whoever_leads_goes_on() {
        check("a-1", false, &[("b-1", view(true, 2))], Standing::Following("b-1".into()));
        check("b-1", true, &[("a-1", view(false, 2))], Standing::Leading);
        // This member does not have the data of the new term yet.
        check("a-1", false, &[("b-1", view(true, 3))], Standing::NoLeader);
        check("b-1", true, &[("a-1", view(true, 3))], Standing::NoLeader);
    }

    #[test]
    fn learners_and_strangers_do_not_count() {
        let mut members = Members::of_first("a-1", "10.0.0.1");
        members.add_learner("b-1", "10.0.0.2").unwrap();
        let decide = |own| decide(&members, own, false, (1, 1), &BTreeMap::new());
        assert_eq!(decide("a-1"), Standing::Candidate);
        assert_eq!(decide("b-1"), Standing::Learner);
        assert_eq!(decide("c-1"), Standing::Removed);
    }
}
