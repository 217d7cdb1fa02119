//! The scaffolding subcommands.

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

    /// The middle of the names of its events.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Init => "project-init",
            Self::Edit => "project-edit",
            Self::CreateApi | Self::CreateWebhook => "resource-create",
            Self::DeleteApi | Self::DeleteWebhook => "resource-delete",
        }
    }

    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Init => "Start a project in the current folder",
            Self::Edit => "Change the project as a whole, or let more plugins take part in it",
            Self::CreateApi => "Add an API: a kind, its version and its controller",
            Self::CreateWebhook => "Add webhooks to an API",
            Self::DeleteApi => "Undo what was scaffolded for an API",
            Self::DeleteWebhook => "Undo what was scaffolded for the webhooks of an API",
        }
    }

    /// Whether the subcommand undoes what another has done.
    pub(super) fn deletes(self) -> bool {
        matches!(self, Self::DeleteApi | Self::DeleteWebhook)
    }
}
