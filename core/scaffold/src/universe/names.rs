//! The names in the directories of a project by their lower case, to find those that differ from
//! another one only in case without comparing all of them.

use std::collections::HashMap;

/// The names in those directories in which a file was added.
#[derive(Debug, Default)]
pub(super) struct Names {
    folders: HashMap<String, HashMap<String, Vec<Name>>>,
    /// How many names have been compared so far.
    #[cfg(test)]
    pub(super) n_compared: usize,
}

/// A name that is, or was, in a directory.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) on_disk: bool,
}

impl Names {
    /// Whether the names in a directory are known.
    pub(super) fn knows(&self, folder: &str) -> bool {
        self.folders.contains_key(folder)
    }

    /// Adds the names that are in a directory on disk.
    pub(super) fn list(&mut self, folder: &str, on_disk: &[String]) {
        let names = self.folders.entry(folder.to_owned()).or_default();
        for text in on_disk {
            let name = Name { text: text.clone(), on_disk: true };
            names.entry(text.to_lowercase()).or_default().push(name);
        }
    }

    /// Adds a name in a directory that is known.
    pub(super) fn note(&mut self, folder: &str, text: &str) {
        let Some(names) = self.folders.get_mut(folder) else { return };
        let alike = names.entry(text.to_lowercase()).or_default();
        if alike.iter().all(|it| it.text != text) {
            alike.push(Name { text: text.to_owned(), on_disk: false });
        }
    }

    /// Returns the names in a directory that differ from `text` at most in case.
    pub(super) fn alike(&mut self, folder: &str, text: &str) -> &[Name] {
        let names = self.folders.get(folder);
        let alike = names.and_then(|it| it.get(&text.to_lowercase()));
        let alike = alike.map(Vec::as_slice).unwrap_or_default();
        #[cfg(test)]
        {
            self.n_compared += alike.len();
        }
        alike
    }
}
