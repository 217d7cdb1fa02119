//! The plugin that `cargo xtask bench` measures: a small command, a hook that does nothing, and
//! steps of a scaffolding chain.
//!
//! The benchmark creates a thousand plugins from this one by overwriting `bench-hello` with other
//! words of the same length, so the library must not contain this text for any other purpose.

use pintle_plugin::Buffer;
use pintle_plugin::prelude::*;
use serde::{Deserialize, Serialize};

pintle_plugin::export_plugin! {
    name: "bench-hello.pintle.dev",
    description: "Greets, and watches silently",
    project_versions: ["3"],
    commands: [Hello],
    scaffolds: [Init, Edit],
    hooks: [Watch],
    interfaces: [Look as Scanner],
}

pintle_plugin::interface! {
    /// An interface of a host in another domain.
    pub trait Scanner = "scanner.bench.example/v1" {
        /// Inspects an image.
        fn scan(&self, image: Image, host: &Host<'_>) -> Result<Report>;
    }
}

/// The input of [`Scanner`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Image {
    /// The name of the image.
    pub name: String,
    /// The width of the image.
    pub width: u32,
    /// The pixels of the image.
    pub pixels: Buffer,
}

/// The result of [`Scanner`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The findings.
    pub findings: Vec<String>,
    /// The size of the pixels in bytes.
    pub n_bytes: usize,
    /// The pixels again.
    pub pixels: Buffer,
}

/// Returns its input; does not inspect each pixel.
#[derive(Default)]
struct Look;

impl Scanner for Look {
    fn scan(&self, image: Image, _host: &Host<'_>) -> Result<Report> {
        let n_bytes = image.pixels.len();
        Ok(Report { findings: vec![image.name], n_bytes, pixels: image.pixels })
    }
}

/// Greets; `pintle-bench-twin` is a program that does the same.
#[derive(Default)]
struct Hello;

impl Command for Hello {
    const PATH: &'static [&'static str] = &["bench-hello"];
    const ABOUT: &'static str = "Greet someone";

    fn args(&self) -> Vec<Arg> {
        vec![Arg::positional("name").default_value("world").help("The name to greet")]
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
        let name: String = call.args.get("name")?;
        host.println(format!("hello, {name}"));
        Ok(Outcome::done())
    }
}

/// Starts a project of 10,000 files.
#[derive(Default)]
struct Init;

impl Scaffold for Init {
    const SUBCOMMAND: &'static str = "init";

    fn scaffold(&self, _call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        for number in 0..10_000 {
            let (folder, lines) = (number / 100, format!("const N: u32 = {number};\n").repeat(20));
            changes.add(format!("src/part{folder}/file{number}.rs"), lines);
        }
        Ok(())
    }
}

/// Changes one file in a hundred, depending on its place in the chain; with the flag `look`, it
/// also reads the path and the length of every file.
///
/// `universe json` runs a process that does the same.
#[derive(Default)]
struct Edit;

impl Scaffold for Edit {
    const SUBCOMMAND: &'static str = "edit";

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let nodes = call.universe.all()?;
        if call.args.flag("look") {
            let mut n_bytes = 0;
            for node in nodes.iter() {
                ensure!(node.path().ends_with(".rs"), "`{}` is not a source file", node.path());
                n_bytes += node.bytes().len();
            }
            ensure!(n_bytes > 0, "the files are empty");
        }
        for node in nodes.iter().skip(call.position()).step_by(100) {
            changes.put(node, vec![b'#'; node.bytes().len()]);
        }
        Ok(())
    }
}

/// Does nothing.
#[derive(Default)]
struct Watch;

impl Hook for Watch {
    const EVENTS: &'static [&'static str] = &["post-resource-create", "post-project-edit"];

    fn on_event(&self, _event: &Event<'_>, _host: &Host<'_>) -> Result<HookReply> {
        Ok(HookReply::proceed())
    }
}

/// A bare function, which shows the minimum cost of a call across the boundary.
#[expect(unsafe_code, reason = "a function is found by name only without mangling")]
// SAFETY: no other library of the bench exports a function of this name.
#[unsafe(no_mangle)]
pub extern "C" fn pintle_bench_raw(number: u64) -> u64 {
    number.wrapping_add(1)
}
