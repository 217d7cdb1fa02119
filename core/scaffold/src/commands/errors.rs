//! The errors of scaffolding as the user reads them.

use crate::project::{NameError, ProjectError};
use crate::{RecordError, ScaffoldError};
use pintle_host::cli::{CliError, Exit};

impl From<ScaffoldError> for CliError {
    fn from(err: ScaffoldError) -> Self {
        let message = err.to_string();
        if let Some(call) = err.call() {
            return Self::from(call.clone()).under(message);
        }
        Self::from_error(Exit::Failed, &err).hint_if_known(err.hint())
    }
}

impl From<ProjectError> for CliError {
    fn from(err: ProjectError) -> Self {
        Self::from_error(Exit::Failed, &err).hint_if_known(err.hint())
    }
}

impl From<NameError> for CliError {
    fn from(err: NameError) -> Self {
        Self::from_error(Exit::Usage, &err).hint(err.hint())
    }
}

impl From<RecordError> for CliError {
    fn from(err: RecordError) -> Self {
        let hint = err.hint();
        Self::from_error(Exit::Failed, &err).hint(hint)
    }
}
