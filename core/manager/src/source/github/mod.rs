//! GitHub's releases, and their files.
//!
//! Invariants: a token is sent only to the host of its API, and is in no text. Recent queries are
//! not repeated, because anonymous users have only 60 requests per hour.

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
