//! The engine, to which the host connects when it is first needed.

use super::client::{Engine, TIME_LIMIT};
use super::endpoint::{Endpoint, Environment};
use super::error::EngineError;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// An engine that is searched for when it is first needed, and the runtime for calls.
pub struct Lazy {
    limit: Setting,
    runtime: OnceLock<Runtime>,
    engine: OnceCell<Engine>,
}

/// A user's setting.
struct Setting {
    /// The environment variable.
    variable: String,
    value: Option<String>,
}

impl Lazy {
    /// Prepares an engine whose calls may take as long as the environment variable `variable`
    /// specifies, which has the value `value`.
    ///
    /// An invalid value is an error for everything that uses the engine, and for nothing else.
    pub fn new(variable: String, value: Option<String>) -> Self {
        let limit = Setting { variable, value };
        Self { limit, runtime: OnceLock::new(), engine: OnceCell::new() }
    }

    /// Returns how long a call may take.
    ///
    /// # Errors
    ///
    /// [`EngineError::TimeLimit`] when the user's setting is not a duration.
    pub fn limit(&self) -> Result<Duration, EngineError> {
        let Setting { variable, value } = &self.limit;
        let Some(text) = value.as_ref().filter(|it| !it.is_empty()) else {
            return Ok(TIME_LIMIT);
        };
        humantime::parse_duration(text).map_err(|source| EngineError::TimeLimit {
            variable: variable.clone(),
            text: text.clone(),
            source,
        })
    }

    /// Returns the engine.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when there is no engine, or the setting for it is invalid.
    pub async fn engine(&self) -> Result<Engine, EngineError> {
        let limit = self.limit()?;
        let connect = async || {
            // Docker's configuration is stored in files.
            let find = || Endpoint::find(&Environment::of_process());
            let endpoint = tokio::task::spawn_blocking(find).await;
            Engine::connect(endpoint.expect("the search does not panic")?, limit).await
        };
        self.engine.get_or_try_init(connect).await.cloned()
    }

    /// Runs asynchronous work to its end.
    ///
    /// # Errors
    ///
    /// [`EngineError::Runtime`] when the process has no descriptors or threads left for it; or the
    /// error of the work itself.
    ///
    /// # Panics
    ///
    /// When called from within such work.
    pub fn block_on<T, E: From<EngineError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.runtime()?.block_on(work)
    }

    fn runtime(&self) -> Result<&Runtime, EngineError> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime =
            has_descriptors().and_then(|()| builder.worker_threads(2).enable_all().build());
        let runtime = runtime.map_err(|source| EngineError::Runtime { source })?;
        Ok(self.runtime.get_or_init(|| runtime))
    }
}

/// Fails if the process cannot open as many descriptors as the runtime needs. Tokio panics if it
/// does not get its descriptors for signals.
fn has_descriptors() -> std::io::Result<()> {
    /// An event queue, a descriptor to wake it, two ends of a pipe, and copies of them.
    const NEEDED: usize = 8;
    let (one, _other) = std::io::pipe()?;
    let copies: std::io::Result<Vec<_>> = (2..NEEDED).map(|_| one.try_clone()).collect();
    copies.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_time_limit_is_an_error_of_every_use() {
        let lazy = |value: &str| Lazy::new("X_ENGINE_TIMEOUT".into(), Some(value.into()));
        assert_eq!(lazy("").limit().unwrap(), TIME_LIMIT);
        assert_eq!(lazy("90s").limit().unwrap(), Duration::from_secs(90));
        let lazy = lazy("soon");
        let err = lazy.block_on(lazy.engine()).err().map(|it| it.to_string());
        assert_eq!(err.as_deref(), Some("invalid duration `soon` in X_ENGINE_TIMEOUT"));
    }
}
