//! Plugins in OCI registries: an index with a manifest for each target. The layers are the files.
//!
//! Invariants: every manifest and every file is compared with its digest; credentials are sent only
//! to the registry and the token server that it names. Manifests and files are fetched by
//! [`http`](super::http), which has limits. oci-client handles tokens and pushes.

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
