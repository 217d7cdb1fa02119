//! Writes a project into a folder, without a host, to see whether it compiles.
//!
//! `generate FOLDER PROJECT [GROUP/VERSION/KIND…]`

use pintle_plugin::testing::{self, Scaffolded};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (folder, project) = args.next().zip(args.next()).ok_or("FOLDER and PROJECT are missing")?;
    let plugin = pintle_plugin_rust::plugin();
    let mut made = testing::scaffold(plugin, "init").project(|it| it.name = project).run()?;
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
                it.other.insert("namespaced".into(), (!cluster_wide).into());
            })
            .run()?;
        for (_, line) in &made.log {
            eprintln_line(line);
        }
        if !made.tools.is_empty() {
            eprintln_line(&format!("{resource} asks for {:?}", made.tools[0].command));
        }
    }
    write(&made, Path::new(&folder))
}

fn write(made: &Scaffolded, folder: &Path) -> Result<(), Box<dyn Error>> {
    for (path, node) in &made.files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().ok_or("every file is in a folder")?)?;
        std::fs::write(path, node.bytes())?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "an example talks to whoever runs it")]
fn eprintln_line(line: &str) {
    eprintln!("{line}");
}
