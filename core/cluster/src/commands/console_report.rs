//! Shows the progress of work on a cluster on the terminal.

use crate::error::ClusterError;
use crate::operations::Report;
use pintle_host::cli::CliError;
use pintle_host::services::Console;
use pintle_plugin::Level;
use pintle_plugin::message::ProgressUpdate;
use std::sync::{Mutex, PoisonError};

/// The name that the console uses for the host's own progress.
const OWNER: &str = "";

/// Reports to the console.
pub(super) struct ConsoleReport<'a> {
    console: &'a Console,
    current: Mutex<Option<ProgressUpdate>>,
}

impl<'a> ConsoleReport<'a> {
    pub(super) fn new(console: &'a Console) -> Self {
        Self { console, current: Mutex::default() }
    }
}

impl Report for ConsoleReport<'_> {
    fn log(&self, level: Level, text: &str) {
        self.console.log(level, text);
    }

    fn warn(&self, what: &str, err: ClusterError) {
        let err = CliError::from(err);
        let text = if what.is_empty() { err.to_string() } else { format!("{what}: {err}") };
        self.console.log(Level::Warn, &text);
    }

    fn progress(&self, title: &str, done: usize, total: usize) {
        let mut update = ProgressUpdate::default();
        update.title = title.to_owned();
        update.done = done as u64;
        update.total = Some(total as u64);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(update.clone());
        self.console.progress(OWNER, update);
    }

    fn progress_ends(&self, well: bool) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut update) = current else { return };
        match well {
            true => {
                update.finished = true;
                self.console.progress(OWNER, update);
            }
            false => self.console.drop_progress(OWNER, update.id),
        }
    }
}
