//! A server as a member of etcd: it probes the others, leads or follows, and copies its writes to
//! them. [`quorum`] decides what it may do at a time.

use crate::http::{Client, Request, Response};
use crate::keys::Authority;
use crate::quorum::{self, Stamp, Standing, View};
use crate::store::Store;
use crate::{log, times};
use anyhow::{Context as _, ensure};
use rustls::ClientConfig;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Where members probe each other.
const PROBE: &str = "/standin/probe";
/// Where members read and replace each other's data.
const DATA: &str = "/standin/data";
/// The headers with the name of the member that sends a probe, its address, and the name of the
/// member that the probe is for.
const FROM: &str = "x-standin-from";
const ADDRESS: &str = "x-standin-address";
const TO: &str = "x-standin-to";
/// The minimum time between two complaints about other members.
const COMPLAINTS: Duration = Duration::from_millis(500);

pub(crate) struct Etcd {
    /// This member's name.
    pub(crate) name: String,
    /// The current address of this member, which may differ from its address when it joined.
    address: String,
    token: String,
    config: ClientConfig,
    store: Arc<Store>,
    state: Mutex<State>,
}

struct State {
    standing: Standing,
    /// The term in which this member started to lead.
    term: u64,
    peers: BTreeMap<String, Arc<Peer>>,
    complained: Option<Instant>,
    /// When the data was last copied to all members that did not have it.
    copied: Option<Instant>,
}

/// Another member, and its last answer.
struct Peer {
    name: String,
    is_removed: AtomicBool,
    view: Mutex<Option<View>>,
    /// Probes use a separate connection, so that no other request delays them.
    probes: Client,
    requests: Client,
}

impl Etcd {
    pub(crate) fn new(
        name: String,
        address: String,
        token: &str,
        authority: &Authority,
        store: Arc<Store>,
    ) -> anyhow::Result<Self> {
        let state = State {
            standing: Standing::NoLeader,
            term: 0,
            peers: BTreeMap::new(),
            complained: None,
            copied: None,
        };
        Ok(Self {
            name,
            address,
            token: token.to_owned(),
            config: authority.client_of_any_name(None)?,
            store,
            state: Mutex::new(state),
        })
    }

    pub(crate) fn standing(&self) -> Standing {
        self.state().standing.clone()
    }

    /// Answers requests of other members; returns `None` for other requests.
    pub(crate) fn answer(&self, request: &Request) -> Option<Response> {
        match (request.method.as_str(), request.path()) {
            ("GET", PROBE) => Some(self.answer_probe(request)),
            ("GET", DATA) => Some(Response::json(200, self.store.export())),
            ("PUT", DATA) => Some(match self.store.import(&request.body) {
                Ok(()) => Response::json(200, b"{}".to_vec()),
                Err(err) => self.refuse(500, &format!("{err:#}")),
            }),
            _ => None,
        }
    }

    /// Sends a request to the leader `name`.
    pub(crate) fn ask(&self, name: &str, request: &Request) -> anyhow::Result<Response> {
        let peer = self.state().peers.get(name).cloned();
        peer.context("etcdserver: no leader")?.requests.send(request)
    }

    /// Evaluates the state of the other members, and acts on it.
    pub(crate) fn tick(&self) -> anyhow::Result<()> {
        self.keep_peers()?;
        let stamp = self.store.stamp();
        // Another member may have started a term since then.
        let is_leading = self.leads_in(stamp.0);
        let views = self.views();
        let members = self.store.members();
        let mut standing = quorum::decide(&members, &self.name, is_leading, stamp, &views);
        if standing == Standing::Candidate {
            standing = match self.take_over(stamp, &views) {
                Ok(()) => Standing::Leading,
                Err(err) => {
                    log::info(&format!("failed to become leader: {err:#}"));
                    Standing::NoLeader
                }
            };
        }
        self.change_standing(standing.clone());
        // Not in every round: leases are renewed all the time.
        if standing == Standing::Leading && self.has_to_copy() {
            self.send_to(|it| it.stamp < self.store.stamp());
        }
        Ok(())
    }

    /// Copies the data to the other members.
    ///
    /// # Errors
    ///
    /// When no majority has it.
    pub(crate) fn replicate(&self) -> anyhow::Result<()> {
        let has_it = self.send_to(|_| true);
        let members = self.store.members();
        let mut n_with = 0;
        for member in members.voters() {
            n_with += usize::from(member.name == self.name || has_it.contains(&member.name));
        }
        ensure!(n_with * 2 > members.voters().count(), "etcdserver: request timed out");
        Ok(())
    }

    /// Returns whether a member is reachable and has all data.
    pub(crate) fn is_up_to_date(&self, name: &str) -> Option<bool> {
        let peer = self.state().peers.get(name).cloned()?;
        let view = (*lock(&peer.view))?;
        // Leases are renewed all the time.
        let (term, version) = self.store.stamp();
        Some(view.stamp.0 == term && view.stamp.1 + 100 >= version)
    }

    fn take_over(&self, stamp: Stamp, views: &BTreeMap<String, View>) -> anyhow::Result<()> {
        let newest = views.iter().max_by_key(|(_, it)| it.stamp);
        if let Some((name, _)) = newest.filter(|(_, it)| it.stamp > stamp) {
            let response = self.ask(name, &self.request("GET", DATA))?;
            ensure!(response.status == 200, "the answer has status {}", response.status);
            self.store.import(&response.body)?;
        }
        let term = self.store.begin_term();
        let term = term.map_err(|err| anyhow::anyhow!("failed to begin a term: {err:?}"))?;
        self.replicate()?;
        self.state().term = term;
        log::info(&format!("{} became leader at term {term}", self.name));
        Ok(())
    }

    /// Sends the data to the reachable members that match; returns the members that have it.
    fn send_to(&self, fits: impl Fn(&View) -> bool) -> Vec<String> {
        let peers: Vec<_> = self.state().peers.values().cloned().collect();
        let mut has_it = Vec::new();
        for peer in peers {
            if !lock(&peer.view).is_some_and(|it| fits(&it)) {
                continue;
            }
            let stamp = self.store.stamp();
            let request = self.request("PUT", DATA);
            let request = request.with_body("application/json", self.store.export());
            if peer.requests.send(&request).is_ok_and(|it| it.status == 200) {
                if let Some(view) = lock(&peer.view).as_mut() {
                    view.stamp = view.stamp.max(stamp);
                }
                has_it.push(peer.name.clone());
            }
        }
        has_it
    }

    /// Probes exactly the current members.
    fn keep_peers(&self) -> anyhow::Result<()> {
        let members = self.store.members();
        let mut state = self.state();
        state.peers.retain(|name, peer| {
            let stays = members.find(name).is_some();
            peer.is_removed.store(!stays, Ordering::Release);
            stays
        });
        for member in members.iter().filter(|it| it.name != self.name) {
            if state.peers.contains_key(&member.name) {
                continue;
            }
            let url = member.url();
            let client = || {
                let client = Client::new(&url, self.config.clone())?;
                anyhow::Ok(client.keep_alive().within(times::PROBE_LIMIT))
            };
            let peer = Arc::new(Peer {
                name: member.name.clone(),
                is_removed: AtomicBool::new(false),
                view: Mutex::default(),
                probes: client()?,
                requests: client()?,
            });
            state.peers.insert(member.name.clone(), Arc::clone(&peer));
            let request = self
                .request("GET", PROBE)
                .with(FROM, &self.name)
                .with(ADDRESS, &self.address)
                .with(TO, &member.name);
            thread::Builder::new().name("probe".to_owned()).spawn(move || peer.probe(&request))?;
        }
        Ok(())
    }

    fn answer_probe(&self, request: &Request) -> Response {
        let (from, address) = (request.header(FROM), request.header(ADDRESS));
        let members = self.store.members();
        let member = members.find(from);
        if request.header(TO) != self.name || member.is_some_and(|it| it.address != address) {
            return self.refuse(412, "ignored streaming request; ID mismatch");
        }
        if member.is_none() {
            return self.refuse(410, "rejected stream from remote peer because it was removed");
        }
        let (term, version) = self.store.stamp();
        let is_leading = self.leads_in(term);
        let view = json!({ "isLeading": is_leading, "term": term, "version": version });
        Response::json(200, view.to_string().into_bytes())
    }

    fn refuse(&self, status: u16, message: &str) -> Response {
        let mut state = self.state();
        if state.complained.is_none_or(|it| it.elapsed() > COMPLAINTS) {
            state.complained = Some(Instant::now());
            log::info(message);
        }
        Response::json(status, json!({ "message": message }).to_string().into_bytes())
    }

    fn change_standing(&self, standing: Standing) {
        let mut state = self.state();
        if state.standing != standing {
            log::info(&format!("etcd: {} is {standing:?} now", self.name));
            state.standing = standing;
        }
    }

    fn has_to_copy(&self) -> bool {
        let mut state = self.state();
        let has_to = state.copied.is_none_or(|it| it.elapsed() > times::LEASE_RENEWAL);
        if has_to {
            state.copied = Some(Instant::now());
        }
        has_to
    }

    fn leads_in(&self, term: u64) -> bool {
        let state = self.state();
        state.standing == Standing::Leading && state.term == term
    }

    fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, path).with("authorization", &format!("Bearer {}", self.token))
    }

    fn views(&self) -> BTreeMap<String, View> {
        let peers: Vec<_> = self.state().peers.values().cloned().collect();
        peers.iter().filter_map(|it| Some((it.name.clone(), (*lock(&it.view))?))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Peer {
    /// Probes the member until it is removed.
    fn probe(&self, request: &Request) {
        while !self.is_removed.load(Ordering::Acquire) {
            let answer = self.probes.send(request).ok().filter(|it| it.status == 200);
            let view = answer.map(|it| {
                let body: Value = serde_json::from_slice(&it.body).unwrap_or_default();
                let number = |name: &str| body[name].as_u64().unwrap_or_default();
                let stamp = (number("term"), number("version"));
                View { is_leading: body["isLeading"] == true, stamp }
            });
            *lock(&self.view) = view;
            thread::sleep(times::PROBE);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Api;
    use crate::http;
    use crate::members::Members;
    use std::collections::BTreeSet;
    use std::net::TcpListener;

    /// Three members that listen; the first `n_alive` of them answer.
    fn three(folder: &tempfile::TempDir, n_alive: usize) -> Vec<Arc<Api>> {
        let authority = Authority::new("a").unwrap();
        let names = BTreeSet::from(["kubernetes".to_owned()]);
        let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<_> =
            listeners.iter().map(|it| it.local_addr().unwrap().to_string()).collect();
        let mut members = Members::of_first("n0-a", &addresses[0]);
        for (name, address) in ["n1-a", "n2-a"].into_iter().zip(&addresses[1..]) {
            members.add_learner(name, address).unwrap();
            members.promote(name);
        }
        let mut servers = Vec::new();
        for (idx, listener) in listeners.into_iter().enumerate().take(n_alive) {
            let path = folder.path().join(format!("{idx}.json"));
            let store = Arc::new(Store::open(path).unwrap());
            store.change_members(|it| *it = members.clone()).unwrap();
            let (name, address) = (format!("n{idx}-a"), addresses[idx].clone());
            let etcd = Etcd::new(name, address, "a", &authority, Arc::clone(&store)).unwrap();
            let (token, is_ready) = ("a".to_owned(), AtomicBool::new(true));
            let (etcd, authority_pem) = (Some(Arc::new(etcd)), String::new());
            let api = Api { store, is_ready, token, authority: authority_pem, etcd };
            let api = Arc::new(api);
            let config = authority.serve(&authority.server(&names).unwrap()).unwrap();
            let answering = Arc::clone(&api);
            http::serve(listener, config, move |it| answering.answer(it)).unwrap();
            servers.push(api);
        }
        servers
    }

    fn tick_until(servers: &[Arc<Api>], limit: Duration, is_done: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        while !is_done() && start.elapsed() < limit {
            servers.iter().for_each(|it| it.etcd.as_ref().unwrap().tick().unwrap());
            thread::sleep(Duration::from_millis(5));
        }
        is_done()
    }

    fn ask(api: &Api, method: &str, path: &str) -> u16 {
        let request = Request::new(method, path)
            .with("authorization", "Bearer a")
            .with_body("application/apply-patch+yaml", b"{}".to_vec());
        api.answer(&request).status
    }

    const PATIENCE: Duration = Duration::from_secs(20);
    const MAP: &str = "/api/v1/namespaces/default/configmaps/x";

    #[test]
    fn what_one_member_writes_all_have() {
        let folder = tempfile::tempdir().unwrap();
        let servers = three(&folder, 3);
        assert!(tick_until(&servers, PATIENCE, || servers.iter().all(|it| it.works())));
        assert_eq!(servers.iter().filter(|it| it.leads()).count(), 1);
        assert_eq!(ask(&servers[2], "PATCH", MAP), 201);
        for server in &servers {
            assert_eq!(ask(server, "GET", MAP), 200);
            assert!(server.store.get("configmaps/default/x").is_some());
        }
    }

    #[test]
    fn two_of_three_go_on_and_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let servers = three(&folder, 2);
        assert!(tick_until(&servers, PATIENCE, || servers.iter().all(|it| it.works())));
        assert_eq!(ask(&servers[1], "PATCH", MAP), 201);
        let alone = three(&folder, 1);
        assert!(
            !tick_until(&alone, 6 * times::PROBE, || alone[0].works())
                && ask(&alone[0], "GET", MAP) == 503
        );
        assert_eq!(ask(&alone[0], "GET", "/readyz"), 500);
    }

    #[test]
    fn a_member_at_another_address_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let servers = three(&folder, 1);
        let etcd = servers[0].etcd.as_ref().unwrap();
        let address = servers[0].store.members().find("n1-a").unwrap().address.clone();
        let probe = |to: &str, from: &str, address: &str| {
            let request = etcd.request("GET", PROBE);
            let request = request.with(TO, to).with(FROM, from).with(ADDRESS, address);
            etcd.answer(&request).unwrap().status
        };
        assert_eq!(probe("n0-a", "n1-a", &address), 200);
        assert_eq!(probe("n0-a", "n1-a", "10.0.0.9"), 412);
        assert_eq!(probe("n2-a", "n1-a", &address), 412);
        assert_eq!(probe("n0-a", "n3-a", &address), 410);
    }

    #[test]
    fn a_new_leader_has_the_newest_data() {
        let folder = tempfile::tempdir().unwrap();
        let servers = three(&folder, 2);
        let newer = servers[1].store.clone();
        newer.change_members(|_| ()).unwrap();
        newer.begin_term().unwrap();
        let object = json!({ "metadata": { "name": "x" } });
        newer.write("configmaps/default/x", object, crate::store::Write::Create).unwrap();
        assert!(tick_until(&servers, PATIENCE, || servers.iter().all(|it| it.works())));
        assert!(servers[0].leads());
        assert_eq!(ask(&servers[0], "GET", MAP), 200);
        assert!(servers[0].store.stamp().0 >= 2);
    }
}
