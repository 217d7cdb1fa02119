//! The scaffolding subcommands.

use super::commit::Moments;
use pintle_plugin::events;

/// A scaffolding subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subcommand {
    Init,
    Edit,
    CreateApi,
    CreateWebhook,
    DeleteApi,
    DeleteWebhook,
}

impl Subcommand {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Edit => "edit",
            Self::CreateApi => "create api",
            Self::CreateWebhook => "create webhook",
            Self::DeleteApi => "delete api",
            Self::DeleteWebhook => "delete webhook",
        }
    }

    /// The events before and after its work.
    pub(super) fn moments(self) -> Moments {
        match self {
            Self::Init => {
                Moments { before: events::PRE_PROJECT_INIT, behind: events::POST_PROJECT_INIT }
            }
            Self::Edit => Moments::EDIT,
            Self::CreateApi | Self::CreateWebhook => Moments {
                before: events::PRE_RESOURCE_CREATE,
                behind: events::POST_RESOURCE_CREATE,
            },
            Self::DeleteApi | Self::DeleteWebhook => Moments {
                before: events::PRE_RESOURCE_DELETE,
                behind: events::POST_RESOURCE_DELETE,
            },
        }
    }

    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Init => "Start a project in the current directory",
            Self::Edit => "Change the project as a whole, or add plugins to it",
            Self::CreateApi => "Add an API: a kind, its version and its controller",
            Self::CreateWebhook => "Add webhooks to an API",
            Self::DeleteApi => "Undo the scaffolding of an API",
            Self::DeleteWebhook => "Undo the scaffolding of an API's webhooks",
        }
    }

    /// Whether the subcommand undoes the work of another.
    pub(super) fn deletes(self) -> bool {
        matches!(self, Self::DeleteApi | Self::DeleteWebhook)
    }
}
