//! Node passwords: every container stores one in its own layer, and the cluster stores its hash
//! under the node's name. Another container cannot use the name until the hash is removed.

use crate::keys;
use crate::store::{Refusal, Store, Write};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::path::Path;
use std::{fs, io};

/// The path of the node's password.
pub(crate) const PATH: &str = "/etc/rancher/node/password";

/// k3s's message about a wrong password.
pub(crate) const REJECTED: &str = "Node password rejected, duplicate hostname or contents of \
    '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique \
    node name with the --with-node-id flag";

/// Returns the password of this node, a random one in a new container.
///
/// # Errors
///
/// When the file can neither be read nor written.
pub(crate) fn own(path: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Ok(password) => Ok(password.trim().to_owned()),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            let password = keys::random(16)?;
            keys::write_secret(path, password.as_bytes())?;
            Ok(password)
        }
        Err(err) => Err(err.into()),
    }
}

/// Checks a node's password; the first password for a name is stored.
///
/// # Errors
///
/// When it cannot be stored.
pub(crate) fn is_right(store: &Store, node: &str, password: &str) -> Result<bool, Refusal> {
    let name = format!("{node}.node-password.k3s");
    let key = format!("secrets/kube-system/{name}");
    let hash = hash(node, password);
    match store.get(&key) {
        Some(secret) => Ok(secret["data"]["hash"] == hash),
        None => {
            store.write(&key, secret(&name, &hash), Write::Create)?;
            Ok(true)
        }
    }
}

fn hash(node: &str, password: &str) -> String {
    BASE64_STANDARD.encode(format!("$1:{}", keys::hash(&format!("{node} {password}"))))
}

fn secret(name: &str, hash: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "namespace": "kube-system" },
        "type": "Opaque",
        "immutable": true,
        "data": { "hash": hash },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_its_first_password() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("standin.json")).unwrap();
        let is_right = |password| super::is_right(&store, "a", password).unwrap();
        assert!(is_right("x"));
        assert!(is_right("x"));
        assert!(!is_right("y"));
        store.remove("secrets/kube-system/a.node-password.k3s").unwrap().unwrap();
        assert!(is_right("y"));
    }

    #[test]
    fn a_container_keeps_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = |it: &str| folder.path().join(it).join("password");
        assert_eq!(own(&path("a")).unwrap(), own(&path("a")).unwrap());
        assert_ne!(own(&path("a")).unwrap(), own(&path("b")).unwrap());
    }
}
