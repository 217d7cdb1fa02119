//! The one way to web servers: who is trusted, where redirects and credentials may go, how long
//! an answer may take and how large it may be.
//!
//! Invariants: `Authorization` never reaches another scheme, host or port than it was given for;
//! nothing goes from `https` to `http`; every answer has a limit.

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
