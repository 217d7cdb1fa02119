//! A run that creates objects on the engine, and can remove all of them again.
//!
//! Invariants: every created object has the run's label from its first moment. A request that
//! creates something is awaited even if the run is abandoned, so nothing is created after its end.
//! A run can therefore undo exactly what it has created.

use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::names::{ClusterName, Names, label};
use crate::nodes::objects;
use crate::random::random_hex;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_util::task::TaskTracker;

/// One run.
pub struct Run {
    engine: Engine,
    names: Names,
    cluster: ClusterName,
    id: String,
    tasks: TaskTracker,
    known: Mutex<Known>,
    stage: Mutex<String>,
}

/// The state of a run. Both parts have one lock, because the run must not end between the check and
/// the beginning of a request.
#[derive(Default)]
struct Known {
    names: BTreeSet<String>,
    is_over: bool,
}

impl Run {
    /// Begins a run that creates objects of a cluster.
    pub fn new(engine: Engine, names: Names, cluster: ClusterName) -> Self {
        Self {
            engine,
            names,
            cluster,
            id: random_hex(),
            tasks: TaskTracker::new(),
            known: Mutex::default(),
            stage: Mutex::new("starting".to_owned()),
        }
    }

    /// Returns the engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the names of clusters and of their objects.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Returns whether this run has created an object with these labels.
    pub(crate) fn has_made(&self, labels: &HashMap<String, String>) -> bool {
        labels.get(&self.names.key(label::RUN)) == Some(&self.id)
    }

    /// Returns the labels of everything that this run creates.
    pub(crate) fn labels(&self) -> HashMap<String, String> {
        self.names.labels(self.cluster.as_str(), &self.id)
    }

    /// Records the current step, which is reported if it takes too long.
    pub(crate) fn enter(&self, stage: impl Into<String>) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage.into();
    }

    pub(crate) fn stage(&self) -> String {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Creates an object called `name`.
    ///
    /// The request continues if the returned future is dropped, and [`undo`](Self::undo) waits for
    /// it.
    ///
    /// # Errors
    ///
    /// The error of `request`; or [`ClusterError::Interrupted`] when the run is over.
    pub(crate) async fn make<T: Send + 'static>(
        &self,
        name: &str,
        request: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, ClusterError> {
        let task = {
            let mut known = self.known();
            if known.is_over {
                return Err(ClusterError::Interrupted);
            }
            known.names.insert(name.to_owned());
            self.tasks.spawn(request)
        };
        match task.await {
            Ok(result) => result.map_err(|err| {
                self.forget(name);
                err.into()
            }),
            // Tasks are not aborted, and do not panic.
            Err(_) => Err(ClusterError::Interrupted),
        }
    }

    /// Runs some work to its end: it continues if the returned future is dropped, and
    /// [`undo`](Self::undo) waits for it.
    ///
    /// # Errors
    ///
    /// The error of `work`; or [`ClusterError::Interrupted`] when the run is over.
    pub(crate) async fn complete<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ClusterError>> + Send + 'static,
    ) -> Result<T, ClusterError> {
        let task = {
            let known = self.known();
            if known.is_over {
                return Err(ClusterError::Interrupted);
            }
            self.tasks.spawn(work)
        };
        task.await.unwrap_or(Err(ClusterError::Interrupted))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forget(&self, name: &str) {
        self.known().names.remove(name);
    }

    /// Returns whether the run has created an object called `name`, and not removed it yet.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.known().names.contains(name)
    }

    /// Returns the names of the objects that were created and not removed yet, as far as known.
    pub(crate) fn remains(&self) -> String {
        self.known().names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
    }

    /// Ends the run: it creates nothing more.
    pub(crate) fn end(&self) {
        self.known().is_over = true;
        self.tasks.close();
    }

    /// Ends the run, and waits for its requests.
    pub(crate) async fn settle(&self) {
        self.end();
        self.tasks.wait().await;
    }

    /// Removes everything that this run has created, and nothing else.
    ///
    /// # Errors
    ///
    /// The first failure; everything else is removed regardless.
    pub(crate) async fn undo(&self) -> Result<(), ClusterError> {
        self.settle().await;
        let labels = [(label::RUN, self.id.as_str())];
        let objects = objects::find(&self.engine, &self.names, &labels).await?;
        Ok(objects::remove(&self.engine, &objects, &|name| self.forget(name)).await?)
    }
}
