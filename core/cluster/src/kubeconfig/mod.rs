//! Kubeconfigs: those that clusters have written, and the user's own.

mod credentials;
mod disk;
mod document;
mod edit;
mod encoding;
mod error;
mod kubectl_lock;
mod location;
mod render;
mod splice;
#[cfg(test)]
mod tests;
mod tree;
mod user_file;

pub(crate) use credentials::Credentials;
pub use error::KubeconfigError;
pub use location::Kubeconfig;
pub(crate) use render::document as to_text;
pub(crate) use user_file::{Merged, check, has, merge, remove};
