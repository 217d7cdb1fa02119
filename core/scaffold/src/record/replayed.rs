//! What recorded commands make when they are carried out once more.

use super::file::{Origin, RecordedCommand};
use crate::error::ScaffoldError;
use crate::project::file::ProjectFile;
use pintle_host::ProjectVersion;
use pintle_plugin::Node;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What recorded commands make.
pub(crate) struct Replayed {
    /// The files, by path.
    pub(crate) files: BTreeMap<String, Node>,
    /// Who had a hand in each.
    pub(crate) by: BTreeMap<String, Vec<Origin>>,
    /// The PROJECT file.
    pub(crate) project: ProjectFile,
    /// The commands, with the keys of the plugins that carried them out now.
    pub(crate) commands: Vec<RecordedCommand>,
    /// The names of the programs that were run.
    pub(crate) programs: BTreeSet<String>,
}

impl Replayed {
    pub(super) fn new() -> Result<Self, ScaffoldError> {
        Ok(Self {
            files: BTreeMap::new(),
            by: BTreeMap::new(),
            project: ProjectFile::new(&ProjectVersion::default())?,
            commands: Vec::new(),
            programs: BTreeSet::new(),
        })
    }
}

/// When the tools of a plugin are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Tools {
    /// As `Once`, without those that are run on files of the commands, as formatters are: what
    /// they do is most often no difference, and takes long.
    Unformatted,
    /// Once, behind the last command.
    Once,
    /// With each command that has some.
    EachTime,
}
