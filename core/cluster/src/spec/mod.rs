//! What a cluster is to be, and how users write it: options' values and cluster files.

pub(crate) mod amendments;
mod cluster_file;
mod cluster_spec;
mod error;
mod fields;
mod k3d_format;
mod node_filter;
mod own_format;
mod parse;
#[cfg(test)]
mod tests;
mod values;

pub use amendments::AmendmentError;
pub use cluster_file::ClusterFile;
pub(crate) use cluster_spec::REGISTRIES_FILE;
pub use cluster_spec::{ClusterSpec, DEFAULT_IMAGE, Defaults, Secret};
pub use error::{ClusterFileError, FileFault};
pub(crate) use fields::absolute;
pub use node_filter::{FilterError, Filtered, NodeFilter};
pub use parse::parse;
pub use values::{ApiAddress, Memory, Pair, Privilege, Publish, ValueError, VolumeMount};
