//! Where a plugin was installed from, for listings.

/// Where a plugin was installed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The source, as the user would type it.
    pub source: String,
    /// Who vouched for its bytes, in a word.
    pub trust: String,
}
