//! The cost of a host in another domain on pintle-host, and of the alternatives without it.
//!
//! The programs are in `xtask/bench/compare`, a separate workspace: nothing else builds wasmtime.

use crate::cargo;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// How often each program runs. The best time counts, because other work on the machine can only
/// add to a time.
const N_RUNS: usize = 7;

/// A way to write a host.
struct Way {
    name: &'static str,
    program: &'static str,
    /// Its argument: the plugin's file, or a word.
    arg: Arg,
    /// The crate whose dependencies are counted, including itself.
    host_crate: &'static str,
}

enum Arg {
    Library(&'static str),
    Program(&'static str),
    Word(&'static str),
    None,
}

const WAYS: [Way; 6] = [
    Way {
        name: "pintle-host",
        program: "ours",
        arg: Arg::Library("pintle_bench_plugin"),
        host_crate: "pintle-host",
    },
    Way {
        name: "libloading alone",
        program: "on_libloading",
        arg: Arg::Library("plugin_raw"),
        host_crate: "libloading",
    },
    Way {
        name: "abi_stable alone",
        program: "on_abi_stable",
        arg: Arg::Library("plugin_abi_stable"),
        host_crate: "abi_stable",
    },
    Way {
        name: "executables, JSON and a pipe",
        program: "on_programs",
        arg: Arg::Program("filter"),
        host_crate: "serde_json",
    },
    Way {
        name: "a component on wasmtime",
        program: "on_wasmtime",
        arg: Arg::None,
        host_crate: "wasmtime",
    },
    Way {
        name: "the same, precompiled",
        program: "on_wasmtime",
        arg: Arg::Word("compiled"),
        host_crate: "wasmtime",
    },
];

/// Builds and measures all alternatives, and returns the table as Markdown.
pub(super) fn table() -> Result<String> {
    let folder = cargo::root().join("xtask/bench/compare");
    let target = cargo::target_dir()?.join("compare");
    eprintln!("building hosts in another domain, including wasmtime");
    let mut build = Command::new("cargo");
    build.args(["build", "--release"]);
    for package in ["compare", "plugin-raw", "plugin-abi-stable", "pintle-bench-plugin"] {
        build.args(["-p", package]);
    }
    build.env("CARGO_TARGET_DIR", &target).current_dir(&folder);
    let status = build.status().context("failed to run cargo")?;
    ensure!(status.success(), "failed to build the hosts to compare with");
    let target = target.join("release");
    let mut text = String::from(
        "| host on | load a plugin | a call, 64 bytes | a call, 50 MB | crates | host | plugin |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for way in &WAYS {
        eprintln!("measuring {}", way.name);
        text += &way.row(&folder, &target)?;
    }
    Ok(text)
}

impl Way {
    fn row(&self, folder: &Path, target: &Path) -> Result<String> {
        let program = target.join(self.program);
        let plugin = match self.arg {
            Arg::Library(name) => Some(target.join(format!("lib{name}.so"))),
            Arg::Program(name) => Some(target.join(name)),
            Arg::Word(_) | Arg::None => None,
        };
        let mut best = [f64::INFINITY; 3];
        for _ in 0..N_RUNS {
            let times = self.run(&program, plugin.as_deref())?;
            best = [0, 1, 2].map(|it| best[it].min(times[it]));
        }
        let [load, small, large] = best.map(super::table::nanos);
        let load = if best[0] == 0.0 { "in each call".to_owned() } else { load };
        let plugin = plugin.unwrap_or_else(|| folder.join("src/scan.wat"));
        let (host, plugin) = (kilobytes(&program)?, kilobytes(&plugin)?);
        let n_crates = n_crates(folder, self.host_crate)?;
        let name = self.name;
        Ok(format!("| {name} | {load} | {small} | {large} | {n_crates} | {host} | {plugin} |\n"))
    }

    fn run(&self, program: &Path, plugin: Option<&Path>) -> Result<[f64; 3]> {
        let mut command = Command::new(program);
        command.args(plugin);
        if let Arg::Word(word) = self.arg {
            command.arg(word);
        }
        let out = command.output().with_context(|| format!("failed to run `{}`", self.program))?;
        ensure!(out.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&out.stderr));
        let times: Value = serde_json::from_slice(&out.stdout).context("the output is not JSON")?;
        let time = |name: &str| {
            times[name].as_f64().with_context(|| format!("the output has no time `{name}`"))
        };
        Ok([time("load")?, time("small")?, time("large")?])
    }
}

fn kilobytes(path: &Path) -> Result<String> {
    let len = path
        .metadata()
        .with_context(|| format!("failed to read the size of `{}`", path.display()))?
        .len();
    Ok(format!("{} kB", len.div_ceil(1000)))
}

/// Returns how many crates a host on `name` compiles, including `name` itself.
fn n_crates(folder: &Path, name: &str) -> Result<usize> {
    // Other crates may depend on another version of it.
    let direct = crates(folder, &["compare", "--depth", "1"])?;
    let version = direct.iter().find_map(|it| it.strip_prefix(name)?.strip_prefix(" v"));
    let version = version.with_context(|| format!("the programs do not depend on `{name}`"))?;
    Ok(crates(folder, &[&format!("{name}@{version}")])?.len())
}

/// Returns a crate and its dependencies, as `name v1.2.3`.
fn crates(folder: &Path, of: &[&str]) -> Result<BTreeSet<String>> {
    let mut tree = Command::new("cargo");
    tree.args(["tree", "--prefix", "none", "--edges", "normal,build", "-p"]).args(of);
    let out = tree.current_dir(folder).output().context("failed to run cargo")?;
    ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).context("the output of `cargo tree` is not UTF-8")?;
    let name_and_version = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    Ok(text.lines().map(name_and_version).collect())
}
