//! What `docker login` has stored for a registry: in Docker's configuration, or with one of its
//! credential helpers.

use crate::blocking::blocking;
use bollard::auth::DockerCredentials;
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential};

/// The name of Docker Hub in Docker's configuration, for historical reasons.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Returns the credentials for the registry of an image; `None` if there was no login.
///
/// # Errors
///
/// When credentials exist but cannot be read, for example because a helper fails.
pub(super) async fn credentials(
    image: &str,
) -> Result<Option<DockerCredentials>, CredentialRetrievalError> {
    let server = registry(image).to_owned();
    let found = {
        let server = server.clone();
        // A helper may prompt the user.
        blocking(move || get_credential(&server)).await
    };
    let mut credentials =
        DockerCredentials { serveraddress: Some(server), ..DockerCredentials::default() };
    match found {
        Ok(DockerCredential::IdentityToken(token)) => credentials.identitytoken = Some(token),
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            credentials.username = Some(user);
            credentials.password = Some(password);
        }
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound,
        ) => return Ok(None),
        Err(err) => return Err(err),
    }
    Ok(Some(credentials))
}

/// Returns the registry of an image, under its name in Docker's configuration. Source:
/// distribution/reference, "familiar names": a first part without a dot or a colon that is not
/// `localhost` is part of a name on Docker Hub.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some(("docker.io" | "index.docker.io", _)) | None => DOCKER_HUB,
        Some((first, _)) if first == "localhost" || first.contains(['.', ':']) => first,
        Some(_) => DOCKER_HUB,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_the_first_part_of_a_name() {
        for image in ["a", "a:1", "rancher/k3s:v1", "docker.io/rancher/k3s", "index.docker.io/a"] {
            assert_eq!(registry(image), DOCKER_HUB, "{image}");
        }
        assert_eq!(registry("localhost/a"), "localhost");
        assert_eq!(registry("localhost:5000/a:1"), "localhost:5000");
        assert_eq!(registry("ghcr.io/a/b@sha256:00"), "ghcr.io");
    }
}
