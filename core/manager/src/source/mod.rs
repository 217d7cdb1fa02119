//! Sources of plugins: parses what the user typed, and fetches the files of a release.
//!
//! In reading order: the syntax of sources ([`spec`]), the transfer of bytes ([`http`]), and the
//! two kinds of servers with releases ([`github`], [`oci`]). All functions here block. Everything
//! that comes from the network has a limit, and nothing is trusted before its hash has been
//! compared.

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
