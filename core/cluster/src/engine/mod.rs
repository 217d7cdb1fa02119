//! A Docker engine: its location, and calls with a time limit.
//!
//! Invariant: every call has a time limit, so an engine that hangs causes an error.

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
