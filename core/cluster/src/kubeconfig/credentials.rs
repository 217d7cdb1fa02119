//! What a cluster has written into its own kubeconfig: how to reach its API server.

use super::error::KubeconfigError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pintle_host::services::Excerpt;
use serde_json::{Value, json};

/// What is needed to reach a cluster.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// As `https://127.0.0.1:6443`.
    pub(crate) server: String,
    /// PEM.
    pub(crate) authority: Vec<u8>,
    /// PEM.
    pub(crate) certificate: Vec<u8>,
    /// PEM.
    pub(crate) key: Vec<u8>,
}

impl Credentials {
    /// Reads what the first server of a cluster has written, and sets the address at which the API
    /// server is published.
    pub(crate) fn of_cluster(text: &[u8], server: String) -> Result<Self, KubeconfigError> {
        let text = std::str::from_utf8(text).map_err(invalid)?;
        let config: Value =
            serde_saphyr::from_str(text).map_err(|err| invalid(Excerpt(err.to_string())))?;
        let data = |key: &'static str| {
            let text = config.pointer(key).and_then(Value::as_str);
            let text = text.ok_or(KubeconfigError::Incomplete { key })?;
            STANDARD.decode(text).map_err(invalid)
        };
        Ok(Self {
            server,
            authority: data("/clusters/0/cluster/certificate-authority-data")?,
            certificate: data("/users/0/user/client-certificate-data")?,
            key: data("/users/0/user/client-key-data")?,
        })
    }

    /// Returns credentials that allow nothing, for use while those of a cluster are unknown.
    pub(super) fn unknown() -> Self {
        let (server, authority) = ("https://unknown.invalid".to_owned(), b"unknown".to_vec());
        Self { server, certificate: authority.clone(), key: authority.clone(), authority }
    }

    /// Returns a kubeconfig with one context, called `name`.
    pub(crate) fn to_kubeconfig(&self, name: &str) -> Value {
        let user = user_name(name);
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": name,
                "cluster": {
                    "certificate-authority-data": STANDARD.encode(&self.authority),
                    "server": self.server,
                },
            }],
            "contexts": [{ "name": name, "context": { "cluster": name, "user": user } }],
            "current-context": name,
            "preferences": {},
            "users": [{
                "name": user,
                "user": {
                    "client-certificate-data": STANDARD.encode(&self.certificate),
                    "client-key-data": STANDARD.encode(&self.key),
                },
            }],
        })
    }
}

pub(super) fn user_name(context: &str) -> String {
    format!("admin@{context}")
}

fn invalid(err: impl std::error::Error + Send + Sync + 'static) -> KubeconfigError {
    KubeconfigError::OfCluster { source: Box::new(err) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::render;
    use super::*;

    /// Returns a kubeconfig with one context.
    pub(crate) fn config(name: &str) -> Value {
        let bytes = || b"x".to_vec();
        let credentials = Credentials {
            server: format!("https://{name}"),
            authority: bytes(),
            certificate: bytes(),
            key: bytes(),
        };
        credentials.to_kubeconfig(name)
    }

    #[test]
    fn what_a_cluster_wrote_is_read_back() {
        let text = render::document(&config("a"));
        let read = Credentials::of_cluster(text.as_bytes(), "https://b".into()).unwrap();
        assert_eq!((read.server.as_str(), read.key.as_slice()), ("https://b", b"x".as_slice()));
        let err = |text: &[u8]| {
            Credentials::of_cluster(text, String::new()).map(drop).unwrap_err().to_string()
        };
        assert_eq!(err(b"a: [\n"), "the cluster's own kubeconfig is invalid");
        assert_eq!(
            err(b"clusters: []\n"),
            "the cluster's own kubeconfig has no `/clusters/0/cluster/certificate-authority-data`"
        );
    }
}
