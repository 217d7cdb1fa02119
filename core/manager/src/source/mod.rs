//! Where plugins come from: what the user typed, and how the files of a release are fetched.
//!
//! In reading order: what a source is ([`spec`]), how bytes are fetched ([`http`]), the two kinds
//! of servers that know releases ([`github`], [`oci`]). Everything here blocks; what comes from
//! the network has a limit, and nothing is trusted before its hash is compared.

mod environment;
pub mod github;
pub mod http;
pub mod oci;
pub mod spec;

#[cfg(test)]
#[allow(dead_code, reason = "shared with the integration tests, each of which uses a part")]
#[path = "../../../../tests/release_server.rs"]
mod release_server;

pub use environment::Environment;
pub use github::GitHub;
pub use http::{Client, Download, Downloaded, FetchError};
pub use spec::Spec;
