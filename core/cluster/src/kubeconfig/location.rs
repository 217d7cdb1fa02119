//! The files of the user's kubeconfig.

use super::error::KubeconfigError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A kubeconfig: one file, or several that kubectl reads as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    /// At least one. If two files have the same entry, the first one applies.
    paths: Vec<PathBuf>,
}

impl Kubeconfig {
    /// Returns a kubeconfig with a single file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { paths: vec![path.into()] }
    }

    /// Returns the user's own kubeconfig: the files that KUBECONFIG lists, or else `.kube/config`
    /// in the home directory.
    ///
    /// # Errors
    ///
    /// [`KubeconfigError::NoLocation`] when neither is set.
    pub fn of_user(var: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, KubeconfigError> {
        let list = var("KUBECONFIG").unwrap_or_default();
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in std::env::split_paths(&list).filter(|it| !it.as_os_str().is_empty()) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        if !paths.is_empty() {
            return Ok(Self { paths });
        }
        let home = var(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
        let home = home.filter(|it| !it.is_empty()).ok_or(KubeconfigError::NoLocation)?;
        Ok(Self::file(Path::new(&home).join(".kube/config")))
    }

    /// Returns the file to which kubectl writes new entries: the first one that exists, or else the
    /// last one. Source: client-go, `PathOptions.GetDefaultFilename`.
    pub fn default_path(&self) -> &Path {
        &self.paths[self.default_idx()]
    }

    pub(super) fn default_idx(&self) -> usize {
        self.paths.iter().position(|it| it.exists()).unwrap_or(self.paths.len() - 1)
    }

    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_is_kubectls() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let list = std::env::join_paths([&one, Path::new(""), &two, &one]).unwrap();
        let var = |name: &str| match name {
            "KUBECONFIG" => Some(list.clone()),
            _ => Some("/h".into()),
        };
        let of_user = || Kubeconfig::of_user(&var).unwrap();
        assert_eq!(of_user().paths(), [one.clone(), two.clone()]);
        assert_eq!(of_user().default_path(), two);
        std::fs::write(&one, "").unwrap();
        assert_eq!(of_user().default_path(), one);
        let home = |name: &str| (name == "HOME").then(|| "/h".into());
        let at_home = Kubeconfig::of_user(&home).unwrap();
        assert_eq!(at_home.default_path(), Path::new("/h/.kube/config"));
        let empty = |name: &str| Some(if name == "HOME" { "/h" } else { "::" }.into());
        assert_eq!(Kubeconfig::of_user(&empty).unwrap(), at_home);
        assert!(Kubeconfig::of_user(&|_| None).is_err());
    }
}
