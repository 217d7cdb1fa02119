//! A server as a member of etcd: it probes the others, leads or follows, and copies what it
//! writes to them. What it may do at a time is decided by [`quorum`].

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

/// Where members ask each other if they are there.
const PROBE: &str = "/standin/probe";
/// Where members read and replace each other's data.
const DATA: &str = "/standin/data";
/// The headers that say from which member a probe comes, where that one is, and for whom the
/// probe is.
const FROM: &str = "x-standin-from";
const ADDRESS: &str = "x-standin-address";
const TO: &str = "x-standin-to";
/// The least time between two complaints about other members.
const COMPLAINTS: Duration = Duration::from_millis(500);

pub(crate) struct Etcd {
    /// This member's name.
    pub(crate) name: String,
    /// Where this member is now, which need not be where it joined.
    address: String,
    token: String,
    config: ClientConfig,
    store: Arc<Store>,
    state: Mutex<State>,
}

struct State {
    standing: Standing,
    /// The term in which this member has begun to lead.
    term: u64,
    peers: BTreeMap<String, Arc<Peer>>,
    complained: Option<Instant>,
}

/// Another member, and what was last heard of it.
struct Peer {
    name: String,
    is_removed: AtomicBool,
    view: Mutex<Option<View>>,
    /// Probes have a connection of their own, so that no other request delays them.
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

    /// Answers what other members ask; `None` for other requests.
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

    /// Looks at what is known of the other members, and acts on it.
    pub(crate) fn tick(&self) -> anyhow::Result<()> {
        self.keep_peers()?;
        let stamp = self.store.stamp();
        // Another member may have begun a term since.
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
        if standing == Standing::Leading {
            self.send_to(|it| it.stamp < self.store.stamp());
        }
        Ok(())
    }

    /// Copies the data to the others.
    ///
    /// # Errors
    ///
    /// When there is no majority that has it.
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

    /// Sends the data to the reachable members that fit; returns who has it.
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

    /// Probes exactly the members that there are.
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
            let url = format!("https://{}:6443", member.address);
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
