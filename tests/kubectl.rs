//! The machine's own kubectl: any version, or a wrapper of one.

use crate::support::{leave_out, skip};
use serde_json::Value;
use std::process::Command;
use std::sync::LazyLock;

/// A kubeconfig that works without a server.
const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: probe\n";

/// Returns whether there is a kubectl that works; a test that requires one is skipped otherwise.
#[track_caller]
pub(crate) fn has_kubectl() -> bool {
    static WORKS: LazyLock<bool> = LazyLock::new(works);
    if !*WORKS {
        skip("a kubectl that works");
    }
    *WORKS
}

fn works() -> bool {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be created");
    std::fs::write(file.path(), KUBECONFIG).expect("the file is writable");
    let mut command = Command::new("kubectl");
    command.args(["config", "current-context"]).env("KUBECONFIG", file.path());
    command.output().is_ok_and(|it| it.status.success() && it.stdout == b"probe\n")
}

/// Returns whether kubectl has a kustomize that reads the scaffolded manifests. A test that
/// requires one is skipped otherwise, even if all tests must run: Debian 12's kubectl is older.
#[track_caller]
pub(crate) fn has_kustomize() -> bool {
    if !has_kubectl() {
        return false;
    }
    let found = kustomize_major().is_some_and(|it| it >= 5);
    if !found {
        leave_out("kubectl 1.27 or newer, which has kustomize 5");
    }
    found
}

fn kustomize_major() -> Option<u32> {
    let mut command = Command::new("kubectl");
    let out = command.args(["version", "--client", "--output=json"]).output().ok()?;
    let version: Value = serde_json::from_slice(&out.stdout).ok()?;
    let version = version["kustomizeVersion"].as_str()?.trim_start_matches('v');
    version.split('.').next()?.parse().ok()
}
