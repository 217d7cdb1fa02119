//! The engine of one run of the host, for commands and services.

use super::console_report::ConsoleReport;
use super::service::ContainerService;
use crate::engine::{Engine, Lazy};
use crate::error::ClusterError;
use crate::kubeconfig::Kubeconfig;
use crate::names::Names;
use crate::operations::{Locks, PluginContainers, Run};
use pintle_host::Purpose;
use pintle_host::caller;
use pintle_host::cli::{CliError, Hooks, Need, Session};
use std::sync::Arc;
use std::time::Duration;

/// An engine, which is searched for at the first call. Before that, only the setting for the time
/// limit of its calls can be invalid.
pub(super) const ENGINE: Need = Need {
    check: |session| {
        engine(session).limit().map(drop).map_err(|err| ClusterError::from(err).into())
    },
};

/// How long a call of the engine may take while the user waits for a line to be completed.
pub(super) const WHILE_COMPLETING: Duration = Duration::from_secs(1);

/// Returns the engine, which is not searched for before it is needed.
fn engine(session: &Session<'_>) -> Arc<Lazy> {
    session.shared(|| {
        let variable = session.identity().env_var("ENGINE_TIMEOUT");
        let value = match session.is_completing() {
            true => Some(humantime::format_duration(WHILE_COMPLETING).to_string()),
            false => caller::var_os(&variable).map(|it| it.to_string_lossy().into_owned()),
        };
        Lazy::new(variable, value)
    })
}

/// Returns containers as a service for a plugin's own commands.
pub(super) fn containers(session: &Session<'_>) -> ContainerService {
    let containers = PluginContainers::new(engine(session), names(session));
    ContainerService::new(containers, session.identity())
}

/// Makes the hooks' containers part of a run, so that the run can undo them.
pub(super) fn in_run(session: &Session<'_>, hooks: &Hooks, run: &Arc<Run>) -> Hooks {
    let containers = PluginContainers::in_run(engine(session), Arc::clone(run));
    let service = ContainerService::new(containers, session.identity());
    Hooks { services: hooks.services.clone().with(Arc::new(service)), ..hooks.clone() }
}

pub(super) fn names(session: &Session<'_>) -> Names {
    Names::new(session.identity())
}

/// Runs some work with the engine.
pub(super) fn with_engine<T>(
    session: &Session<'_>,
    work: impl AsyncFnOnce(Engine) -> Result<T, ClusterError>,
) -> Result<T, CliError> {
    let lazy = engine(session);
    let work = async {
        let engine = lazy.engine().await?;
        work(engine).await
    };
    Ok(lazy.block_on(work)?)
}

/// Returns the locks that make runs on the same cluster take turns.
pub(super) fn locks(session: &Session<'_>) -> Locks {
    let cache = session.identity().dir(Purpose::Cache, &caller::var_os);
    Locks::new(cache.map(|it| it.join("clusters")))
}

pub(super) fn report<'a>(session: &'a Session<'_>) -> ConsoleReport<'a> {
    ConsoleReport::new(session.console())
}

/// Returns the user's own kubeconfig.
pub(super) fn user_kubeconfig() -> Result<Kubeconfig, ClusterError> {
    Ok(Kubeconfig::of_user(&caller::var_os)?)
}
