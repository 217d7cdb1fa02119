//! The engine, connected to when it is first needed.

use super::{Engine, EngineError, Environment};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// An engine that is looked for when something first needs it, and the runtime for calls.
pub struct Lazy {
    limit: Duration,
    runtime: OnceLock<Runtime>,
    engine: OnceCell<Engine>,
}

impl Lazy {
    /// Prepares for an engine whose calls may take as long as `limit` each.
    pub fn new(limit: Duration) -> Self {
        Self { limit, runtime: OnceLock::new(), engine: OnceCell::new() }
    }

    /// Returns the engine.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when there is none.
    pub async fn engine(&self) -> Result<Engine, EngineError> {
        let connect = async || Engine::connect(&Environment::of_process(), self.limit).await;
        self.engine.get_or_try_init(connect).await.cloned()
    }

    /// Runs asynchronous work to its end.
    ///
    /// # Panics
    ///
    /// When it is called from within such work.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.runtime().block_on(work)
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.get_or_init(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("the system gives a process threads and an event queue")
        })
    }
}
