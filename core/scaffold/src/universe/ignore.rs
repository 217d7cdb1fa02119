//! What git ignores: the rules of the `.gitignore` files in a project.
//!
//! Only the files in the project count, not the user's or the repository's own lists:
//! a chain must find the same nodes on every machine.

use gix_ignore::glob::{Pattern, pattern::Case, wildmatch::Mode};
use std::rc::Rc;

/// The rules of one `.gitignore` file, and of those in the directories around it.
pub(super) struct Rules {
    folder: String,
    patterns: Vec<Pattern>,
    outer: Option<Rc<Self>>,
}

impl Rules {
    /// Reads the `.gitignore` of a directory.
    pub(super) fn new(folder: &str, bytes: &[u8], outer: Option<Rc<Self>>) -> Self {
        let patterns = gix_ignore::parse(bytes, false).map(|(pattern, ..)| pattern).collect();
        Self { folder: folder.to_owned(), patterns, outer }
    }

    /// Whether the rules ignore `path`, which is in a directory that they do not ignore.
    ///
    /// The innermost file that contains a matching line decides, and in it the last such line.
    pub(super) fn ignore(rules: Option<&Self>, path: &str, is_folder: bool) -> bool {
        let files = std::iter::successors(rules, |it| it.outer.as_deref());
        files.into_iter().find_map(|it| it.decide(path, is_folder)).unwrap_or(false)
    }

    fn decide(&self, path: &str, is_folder: bool) -> Option<bool> {
        let path = path.strip_prefix(self.folder.as_str())?.trim_start_matches('/');
        let name_at = path.rfind('/').map(|it| it + 1);
        let mode = Mode::NO_MATCH_SLASH_LITERAL;
        let matches = |it: &&Pattern| {
            let path = path.into();
            it.matches_repo_relative_path(path, name_at, Some(is_folder), Case::Sensitive, mode)
        };
        self.patterns.iter().rev().find(matches).map(|it| !it.is_negative())
    }
}
