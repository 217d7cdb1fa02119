//! A Docker engine: where it is, and calls that end.
//!
//! Invariant: every call has a time limit, so that an engine that hangs is an error.

mod archive;
mod client;
mod credentials;
mod endpoint;
mod error;
mod lazy;
mod pull;

pub use archive::{File, pack, unpack_one};
pub use client::{Engine, TIME_LIMIT, TRANSFER_LIMIT, in_time};
pub use endpoint::{Endpoint, EndpointError, Environment, Origin};
pub use error::{EngineError, EngineFault, FaultKind};
pub use lazy::Lazy;
pub(crate) use pull::ensure_image;
