//! What an embedding program says of its plugins.

/// Where the plugins of a host are, if the user does not say it; given to the host by
/// [`Cli::defaults`](pintle_host::Cli::defaults).
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The owner at GitHub of plugins that are named by one word: with `acme`, `plugin install
    /// hello` means `acme/hello`.
    pub owner: Option<String>,
    /// The index of plugins: a file, or an address.
    pub index: Option<String>,
    /// The minisign key that it is signed with.
    pub index_key: Option<String>,
}
