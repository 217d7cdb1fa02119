//! What an embedding program says of its plugins.

/// Where the plugins of a host are, if the user does not say it; given to the host by
/// [`Cli::defaults`](pintle_host::Cli::defaults).
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The owner at GitHub of plugins that are named by one word: with `acme`, `plugin install
    /// hello` means `acme/hello`.
    pub owner: Option<String>,
}
