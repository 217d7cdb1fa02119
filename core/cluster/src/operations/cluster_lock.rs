//! Runs that change a cluster, from its creation to its deletion, take turns: a run that deletes
//! what another one is still working on cannot know what that one will create next.
//!
//! A host that is started by a hook of such a run belongs to that run, and does not wait for it.
//!
//! The lock is a file of the user on this machine. It does not cover what other users or machines
//! create on the same engine: a run that creates a cluster checks at its end whether the cluster is
//! still its own.

use super::report::Report;
use crate::blocking::blocking;
use crate::engine::Engine;
use crate::error::ClusterError;
use crate::names::ClusterName;
use pintle_host::fs::{self, Attempt, Dir, Holder, Lock, Unowned};
use pintle_plugin::Level;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to wait for another run.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often to check the lock.
const PAUSE: Duration = Duration::from_millis(50);

/// Where the locks of clusters are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locks {
    folder: Option<PathBuf>,
}

impl Locks {
    /// Returns the locks that are files in a directory. Without a directory, there are none.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Takes the lock of a cluster on an engine, waiting if necessary. A run that was started by
    /// the run with the lock needs none.
    ///
    /// # Errors
    ///
    /// [`ClusterError::Busy`] when another run does not end in time.
    pub(crate) async fn take(
        &self,
        engine: &Engine,
        cluster: &ClusterName,
        report: &dyn Report,
    ) -> Result<Option<Lock>, ClusterError> {
        let Some(folder) = self.folder.clone() else { return Ok(None) };
        let mut hasher = DefaultHasher::new();
        engine.endpoint().to_string().hash(&mut hasher);
        let name = format!("{:016x}-{cluster}.lock", hasher.finish());
        let (start, mut has_told) = (Instant::now(), false);
        loop {
            let (folder, name) = (folder.clone(), name.clone());
            let holder = match blocking(move || attempt(&folder, &name)).await {
                Ok(Attempt::Taken(lock)) => return Ok(Some(lock)),
                Ok(Attempt::Held(holder)) if holder.is_ancestor() => return Ok(None),
                Ok(Attempt::Held(holder)) => holder,
                Ok(Attempt::Vanished) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                // If nothing can be written, no run can have a lock.
                Err(_) => return Ok(None),
            };
            if start.elapsed() >= PATIENCE || !holder.is_certain {
                return Err(busy(cluster, holder));
            }
            if !has_told {
                has_told = true;
                let text =
                    format!("waiting for {holder}, which is working on the cluster `{cluster}`");
                report.log(Level::Info, &text);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn attempt(folder: &Path, name: &str) -> fs::Result<Attempt> {
    // If it cannot be created, opening it reports the error.
    let _ = std::fs::create_dir_all(folder);
    Lock::attempt(&Dir::open(folder)?, name, Unowned::Stale)
}

fn busy(cluster: &ClusterName, holder: Holder) -> ClusterError {
    ClusterError::Busy { cluster: cluster.to_string(), holder }
}
