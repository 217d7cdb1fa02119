//! The releases of a plugin, regardless of their source.
//!
//! All sources provide the same: a release is a set of named files, some with a digest from the
//! source, and each of them can be fetched.

mod github;
mod local;
mod mirror;
mod oci;
mod partial;
mod release;
mod url;

pub(crate) use github::GitHubOrigin;
pub use local::LocalOrigin;
pub use mirror::{MirrorFile, MirrorOrigin, MirrorRelease};
pub(crate) use oci::OciOrigin;
pub(crate) use partial::sweep;
pub use release::{Origin, OriginError, Progress, Release, Remote, Wanted};
pub(crate) use url::UrlOrigin;
