//! GitHub's releases: which there are, and their files.
//!
//! Invariants: a token reaches the host of its API and no other, and is in no text; what was
//! asked for a moment ago is not asked again, as anonymous users have 60 requests an hour.

mod api;
mod cache;
mod error;
mod release;
mod tokens;

pub use api::GitHub;
pub use error::GitHubError;
pub use release::{Asset, Release};
pub use tokens::{Tokens, api_address};

#[cfg(test)]
mod tests;
