//! Kubeconfigs: what a cluster wrote, and the user's own.

mod credentials;
mod entries;
mod error;
mod kubectl_lock;
mod location;
mod user_file;

pub(crate) use credentials::{Credentials, to_text};
pub use error::KubeconfigError;
pub use location::default_path;
pub(crate) use user_file::{Merged, has, merge, remove};
