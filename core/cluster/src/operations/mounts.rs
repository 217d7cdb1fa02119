//! Everything that a cluster mounts must exist, except for the volumes that are created for it.

use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::spec::{ClusterSpec, VolumeMount};
use std::path::Path;

/// Fails if a mount names a path that does not exist: the engine would create an empty directory,
/// which nothing would remove.
pub(super) async fn check_paths(engine: &Engine, spec: &ClusterSpec) -> Result<(), ClusterError> {
    for mount in spec.volumes.iter().map(|it| &it.value).filter(|it| it.is_path()) {
        let Some(source) = &mount.source else { continue };
        check_path(engine, mount, source).await?;
    }
    Ok(())
}

/// Fails if a mount names a path or a volume that does not exist.
pub(super) async fn check_mounts(engine: &Engine, spec: &ClusterSpec) -> Result<(), ClusterError> {
    for mount in spec.volumes.iter().map(|it| &it.value) {
        let Some(source) = &mount.source else { continue };
        match mount.is_path() {
            true => check_path(engine, mount, source).await?,
            false => check_volume(engine, source).await?,
        }
    }
    Ok(())
}

async fn check_path(
    engine: &Engine,
    mount: &VolumeMount,
    source: &str,
) -> Result<(), ClusterError> {
    // Files on another machine cannot be checked from here.
    if !engine.endpoint().is_local()
        || tokio::fs::try_exists(Path::new(source)).await.is_ok_and(|it| it)
    {
        return Ok(());
    }
    let (source_path, target) = (source.to_owned(), mount.target.clone());
    Err(ClusterError::NoMountSource { source_path, target })
}

async fn check_volume(engine: &Engine, name: &str) -> Result<(), ClusterError> {
    let found = engine.docker().inspect_volume(name).await;
    let action = format!("inspect the volume `{name}`");
    match found.map_err(|err| EngineError::failed(action, err)) {
        Ok(_) => Ok(()),
        Err(err) if err.is_not_found() => Err(ClusterError::NoVolume { name: name.to_owned() }),
        Err(err) => Err(err.into()),
    }
}
