//! The PROJECT file and what it speaks of.

mod version;

pub use version::{ProjectVersion, ProjectVersionError, Stage};
