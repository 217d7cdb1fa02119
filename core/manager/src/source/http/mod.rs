//! The only access to web servers. It determines which servers are trusted, where redirects and
//! credentials may be sent, and how long and how large a response may be.
//!
//! Invariants: `Authorization` is sent only to the scheme, host and port for which it was given; no
//! redirect leads from `https` to `http`; every response has a limit.

mod client;
mod download;
mod error;
mod secrets;
mod setup;

pub use client::{Answer, Client, MAX_JSON, Options};
pub use download::{Content, Download, Downloaded};
pub use error::{FetchError, Limits, host_of, redact};
pub use reqwest::header;

#[cfg(test)]
mod tests;
