//! A host of another name: two plugins are part of the program, others are loaded, and there is a
//! command of its own beside those of scaffolding. Clusters and the plugin manager are left out.
//!
//! Its plugins are in directories called `rudder`, its environment variables begin with
//! `RUDDER_`, and a plugin called `x` is for it the plugin `x.rudder.example`.
//!
//! The package is built and packaged as a product of its own; the tests build the same file as an
//! example of `pintle`.

use pintle::clap::{Arg, Command};
use pintle::{Cli, PluginKey, ProjectVersion, scaffold};
use std::process::ExitCode;

fn main() -> ExitCode {
    let steer = Command::new("steer")
        .about("Steer into a direction")
        .arg(Arg::new("direction").required(true).value_parser(["north", "south"]));
    let chain = ["rust.pintle.dev/v1", "license.pintle.dev/v1"]
        .map(|it| it.parse::<PluginKey>().expect("the key is well formed"));

    Cli::new()
        .command_name("rudder")
        .version("2.3.4")
        .about("Steers ships, with plugins")
        .name_qualifier("rudder.example")
        .group(&scaffold::GROUP)
        .plugin(pintle_plugin_rust::plugin())
        .plugin(pintle_plugin_license::plugin())
        .default_plugins(ProjectVersion::default(), chain)
        .extra_command(steer, |matches, context| {
            let direction = matches.get_one::<String>("direction").map_or("", String::as_str);
            context.println(format!("steering {direction}"));
            Ok(0)
        })
        .run(std::env::args_os())
}
