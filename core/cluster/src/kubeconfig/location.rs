//! Which file the user's kubeconfig is.

use super::error::KubeconfigError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Returns the file that kubectl writes new entries to: of the files that KUBECONFIG
/// lists, the first that exists, else the last; without it, `.kube/config` in the home
/// folder. Source: client-go, `PathOptions.GetDefaultFilename`.
pub fn default_path(var: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf, KubeconfigError> {
    let list = var("KUBECONFIG").unwrap_or_default();
    let paths: Vec<_> =
        std::env::split_paths(&list).filter(|it| !it.as_os_str().is_empty()).collect();
    if let Some(path) = paths.iter().find(|it| it.exists()).or(paths.last()) {
        return Ok(path.clone());
    }
    let home = var(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    let home = home.filter(|it| !it.is_empty()).ok_or(KubeconfigError::NoLocation)?;
    Ok(Path::new(&home).join(".kube/config"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_is_kubectls() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let list = std::env::join_paths([&one, &two]).unwrap();
        let var = |name: &str| match name {
            "KUBECONFIG" => Some(list.clone()),
            _ => Some("/h".into()),
        };
        assert_eq!(default_path(&var).unwrap(), two);
        std::fs::write(&one, "").unwrap();
        assert_eq!(default_path(&var).unwrap(), one);
        let home = |name: &str| (name == "HOME").then(|| "/h".into());
        assert_eq!(default_path(&home).unwrap(), Path::new("/h/.kube/config"));
        assert!(default_path(&|_| None).is_err());
    }
}
