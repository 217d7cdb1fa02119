//! A host of another name with all that Pintle has: its clusters, its manager and its plugins are
//! apart from those of `pintle`.

use pintle::{Cli, cluster, manager, scaffold};
use std::process::ExitCode;

fn main() -> ExitCode {
    Cli::new()
        .command_name("tender")
        .version("1.2.3")
        .about("Serves ships")
        .group(&scaffold::GROUP)
        .group(&cluster::GROUP)
        .group(&manager::GROUP)
        .defaults(manager::Defaults {
            owner: Some("acme".to_owned()),
            ..manager::Defaults::default()
        })
        .run(std::env::args_os())
}
