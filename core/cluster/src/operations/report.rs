//! Reports work with clusters to whatever displays it.

use crate::error::ClusterError;
use pintle_plugin::Level;

/// Receives reports of the progress of the work.
pub trait Report {
    /// Reports a line.
    fn log(&self, level: Level, text: &str);
    /// Reports an error that does not end the work.
    fn warn(&self, what: &str, err: ClusterError);
    /// Reports the current step.
    fn step(&self, text: &str) {
        self.log(Level::Info, text);
    }
    /// Reports the progress of a piece of work.
    fn progress(&self, title: &str, done: usize, total: usize);
    /// Reports that the piece of work has ended, whether it succeeded or not.
    fn progress_ends(&self, well: bool);
}
