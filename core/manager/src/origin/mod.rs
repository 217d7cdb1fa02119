//! The releases of a plugin, wherever they are kept.
//!
//! All sources give the same: a release is a set of named files, some of them with a digest that
//! the source vouches for, and each can be fetched.

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
