//! The description of a cluster, and how users write it: as options and cluster files.

pub(crate) mod amendments;
mod cluster_file;
mod cluster_spec;
mod destinations;
mod error;
mod expansion;
mod fields;
#[cfg(test)]
mod k3d_files;
mod k3d_format;
mod node_filter;
mod own_format;
mod parse;
mod surroundings;
#[cfg(test)]
mod tests;
mod values;

pub use amendments::AmendmentError;
pub use cluster_file::ClusterFile;
pub(crate) use cluster_spec::REGISTRIES_FILE;
pub use cluster_spec::{ClusterSpec, DEFAULT_IMAGE, Defaults, Secret};
pub use error::{ClusterFileError, FileFault};
pub(crate) use fields::{variable_of_line, volume_of_line};
pub use node_filter::{FilterError, Filtered, NoSuchNode, NodeFilter};
pub use parse::{name_of_cluster, parse};
pub use values::{ApiAddress, Memory, Pair, Privilege, Publish, Ulimit, ValueError, VolumeMount};
