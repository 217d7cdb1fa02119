//! Files and directories that match a word.

use super::offer::Offer;
use crate::caller;
use std::fs::read_dir;
use std::path::{Path, is_separator};

/// The kind of paths to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Files,
    /// Files with one of these extensions.
    FilesLike(Vec<String>),
    Dirs,
}

impl Wanted {
    fn has(&self, path: &Path) -> bool {
        match self {
            Self::Files => true,
            Self::FilesLike(all) => {
                path.extension().is_some_and(|it| all.iter().any(|one| it == one.as_str()))
            }
            Self::Dirs => false,
        }
    }
}

/// Returns the paths that begin with `word`. They always include directories, which may contain
/// matching paths.
///
/// Shells do not expand `~/` after `--option=`, so the path of the home directory is offered there.
pub(super) fn offers(word: &str, wanted: &Wanted) -> Vec<Offer> {
    let home = || caller::home_dir()?.to_str().map(str::to_owned);
    let word = match word.strip_prefix("~/").zip(home()) {
        Some((rest, home)) => format!("{home}/{rest}"),
        None => word.to_owned(),
    };
    below(Path::new(""), &word, wanted)
}

/// Returns the paths below `base` that begin with `word`.
pub(super) fn below(base: &Path, word: &str, wanted: &Wanted) -> Vec<Offer> {
    let (dir, name) = word.split_at(word.rfind(is_separator).map_or(0, |it| it + 1));
    let place = base.join(dir);
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { &place };
    let mut found = Vec::new();
    for entry in read_dir(place).into_iter().flatten().flatten() {
        let own = entry.file_name();
        let Some(own) = own.to_str().filter(|it| it.starts_with(name)) else { continue };
        let is_hidden = own.starts_with('.') && !name.starts_with('.');
        // It may be a link.
        let is_dir = entry.path().is_dir();
        if !is_hidden && (is_dir || wanted.has(&entry.path())) {
            let end = if is_dir { "/" } else { "" };
            found.push(Offer {
                is_path: true,
                is_open: is_dir,
                ..Offer::new(format!("{dir}{own}{end}"))
            });
        }
    }
    found.sort_by(|one, other| one.value.cmp(&other.value));
    found
}
