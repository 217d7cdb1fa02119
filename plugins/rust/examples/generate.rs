//! Writes a project to a directory, without a host, to check whether it compiles.
//!
//! `generate DIR PROJECT [GROUP/VERSION/KIND…]`

use pintle_plugin::testing::{self, Scaffolded};
use std::error::Error;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (folder, project) =
        args.next().zip(args.next()).ok_or("missing arguments DIR and PROJECT")?;
    let plugin = pintle_plugin_rust::plugin();
    let mut made = testing::scaffold(plugin, "init").project(|it| it.name = project).run()?;
    let mut tools = Vec::new();
    for resource in args {
        let [group, version, kind] = resource.split('/').collect::<Vec<_>>()[..] else {
            return Err(format!("`{resource}` is not GROUP/VERSION/KIND").into());
        };
        made = testing::scaffold(plugin, "create api")
            .following(&made)
            .resource(|it| {
                it.group = group.into();
                it.version = version.into();
                it.kind = kind.into();
                let cluster_wide = kind.starts_with("Cluster");
                it.namespaced = !cluster_wide;
            })
            .run()?;
        made.log.iter().for_each(|(_, line)| tell(line));
        tools.append(&mut made.tools);
    }
    let folder = Path::new(&folder);
    write(&made, folder)?;
    for tool in tools {
        tell(&tool.command.join(" "));
        let [program, args @ ..] = &tool.command[..] else { return Err("an empty tool".into()) };
        Command::new(program).args(args).current_dir(folder).status()?;
    }
    Ok(())
}

fn write(made: &Scaffolded, folder: &Path) -> Result<(), Box<dyn Error>> {
    for (path, node) in &made.files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().ok_or("every file is in a folder")?)?;
        std::fs::write(path, node.bytes())?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "an example reports to its user")]
fn tell(line: &str) {
    eprintln!("{line}");
}
