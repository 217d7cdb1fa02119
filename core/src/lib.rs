//! Pintle: a host for native plugins, with the everyday tools of Kubernetes developers.
//!
//! Its parts are separate crates, which are re-exported here for programs that need all of them:
//! the host (`pintle-host`), [scaffolding](scaffold), [clusters](cluster) and the [plugin
//! manager](manager). [`host`] combines them into the `pintle` command. A program with another name
//! starts with [`Cli::new`] and adds the groups that it needs. A program that needs none of them
//! depends only on `pintle-host`.
#![deny(unsafe_code)]

#[cfg(not(feature = "manager"))]
mod no_manager;

#[cfg(feature = "cluster")]
pub use pintle_cluster as cluster;
pub use pintle_host::{
    Catalog, Cli, Identity, LIBRARY_VERSION, Manifest, PluginKey, PluginName, PluginVersion,
    ProjectVersion, catalog, clap, cli, lifecycle, services, transport,
};
#[cfg(feature = "manager")]
pub use pintle_manager as manager;
pub use pintle_plugin::ChangeSet;
pub use pintle_scaffold as scaffold;
pub use pintle_scaffold::project::{self, Gvk, ProjectFile, Resource};
pub use pintle_scaffold::{Transaction, Universe};

/// Returns the host with all groups, as in the `pintle` command.
pub fn host() -> Cli {
    let cli = Cli::new()
        .about("Scaffolds Kubernetes operator projects and runs throw-away clusters in Docker")
        .group(&scaffold::GROUP);
    #[cfg(feature = "cluster")]
    let cli = cli.group(&cluster::GROUP);
    #[cfg(feature = "manager")]
    let cli = cli.group(&manager::GROUP);
    #[cfg(not(feature = "manager"))]
    let cli = cli.group(&no_manager::GROUP);
    cli
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_groups_fit_each_other_and_clap() {
        super::host().build().expect("the groups fit").command().debug_assert();
    }
}
