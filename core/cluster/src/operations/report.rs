//! How work with clusters is reported, to whatever shows it.

use crate::error::ClusterError;
use pintle_plugin::Level;

/// Gets to know how the work goes.
pub trait Report {
    /// Reports a line.
    fn log(&self, level: Level, text: &str);
    /// Reports an error that does not end the work.
    fn warn(&self, what: &str, err: ClusterError);
    /// Reports what is done now.
    fn step(&self, text: &str) {
        self.log(Level::Info, text);
    }
    /// Reports how far a piece of work has come.
    fn progress(&self, title: &str, done: usize, total: usize);
    /// Reports that the piece of work has ended, well or not.
    fn progress_ends(&self, well: bool);
}
