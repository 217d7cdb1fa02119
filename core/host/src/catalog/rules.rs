//! What a host decides of plugins before it looks for them.

use super::key::PluginKey;
use crate::identity::Identity;

/// What a host decides of plugins before it looks for them.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Who the host is.
    pub identity: Identity,
    /// The paths of the host's own commands, for example `["plugin", "list"]`. The nouns
    /// among them follow from the paths.
    pub core_commands: Vec<Vec<String>>,
    /// The plugins that the user has disabled.
    pub disabled: Vec<PluginKey>,
    /// Whether plugins may be run although a panic in them ends the host.
    pub allow_panic_abort: bool,
}
