//! The images of containers: the engine pulls those that it does not have.

use super::client::{Engine, in_time};
use super::credentials::credentials;
use super::error::EngineError;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::TryStreamExt as _;
use std::time::Duration;

/// How long the engine may be silent while it pulls an image.
const SILENCE: Duration = Duration::from_secs(5 * 60);

/// Pulls an image, unless the engine has it.
pub(crate) async fn ensure_image(engine: &Engine, image: &str) -> Result<(), EngineError> {
    let docker = engine.docker();
    match docker.inspect_image(image).await {
        Ok(_) => return Ok(()),
        Err(err) => match EngineError::failed(format!("find the image `{image}`"), err) {
            err if err.is_not_found() => {}
            err => return Err(err),
        },
    }
    // Most images need no credentials, so missing ones are reported only if the pull fails.
    let (credentials, problem) = match credentials(image).await {
        Ok(credentials) => (credentials, String::new()),
        Err(err) => (None, format!(" without the credentials of `docker login`: {err}")),
    };
    let action = || format!("pull the image `{image}`{problem}");
    let mut options = CreateImageOptionsBuilder::new().from_image(image);
    if !has_tag(image) {
        // Without a tag, the engine would pull all of them.
        options = options.tag("latest");
    }
    let mut steps = Box::pin(docker.create_image(Some(options.build()), None, credentials));
    while in_time(SILENCE, action, steps.try_next()).await?.is_some() {}
    Ok(())
}

fn has_tag(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.contains([':', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_behind_the_last_slash() {
        assert!(has_tag("a:1"));
        assert!(has_tag("localhost:5000/a:1"));
        assert!(has_tag("a@sha256:00"));
        assert!(!has_tag("localhost:5000/a"));
        assert!(!has_tag("a"));
    }
}
