//! The defaults that an embedding program sets for its plugins.

/// The sources of a host's plugins, unless the user configures others; passed to the host with
/// [`Cli::defaults`](pintle_host::Cli::defaults).
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The GitHub owner of plugins that are named by one word: with `acme`, `plugin install hello`
    /// means `acme/hello`.
    pub owner: Option<String>,
    /// The plugin index: a file or a URL.
    pub index: Option<String>,
    /// The minisign key that it is signed with.
    pub index_key: Option<String>,
}
