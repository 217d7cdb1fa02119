//! Plugins in OCI registries: an index with one manifest for each target, whose layers are files.
//!
//! Invariants: every manifest and every file is compared with its digest; credentials reach the
//! registry, and the server of tokens that it names, alone. Manifests and files are fetched by
//! [`http`](super::http), which has limits; oci-client knows how registries give tokens and how
//! they are pushed to.

mod artifact;
mod credentials;
mod error;
mod push;
mod registry;

pub use artifact::{
    OciFile, OciPlatform, OciSignature, PLUGIN_TYPE, Pinned, SIGNATURE_TYPE, TARGET_ANNOTATION,
};
pub use credentials::Credentials;
pub use error::OciError;
pub use push::{PushFile, PushTarget};
pub use registry::Registry;

#[cfg(test)]
mod tests;
