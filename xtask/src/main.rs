//! The development tasks of this repository, as `cargo xtask <verb>`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program prints")]

mod abi;
mod bench;
mod book;
mod cargo;
mod check;
mod ci;
mod compilers;
mod control_plane;
mod counts;
mod debian;
mod demo;
mod deny;
mod dist;
mod fuzz;
mod index;
mod minisign;
mod node_images;
mod notices;
mod pictures;
mod platforms;
mod plugins;
mod recipes;
mod slowest;
mod step;
mod test;
#[cfg(test)]
mod tidy;
mod tools;

use anyhow::Result;
use clap::Parser;
use std::process::ExitCode;

/// The development tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Verb {
    /// Build first-party plugins, check the libraries, and prepare them for installation
    BuildPlugins(plugins::Options),
    /// Pack the host and first-party plugins for a release
    Dist(dist::Options),
    /// Print the licence notices of the third-party crates that are linked into a package
    Notices(notices::Options),
    /// Build the packages of the recipes for Fedora and Arch Linux, and check their contents
    Recipes,
    /// Write an index of the plugins whose archives are in a directory
    Index(index::Options),
    /// Build everything and scaffold an operator project with it
    Demo(demo::Options),
    /// Build what the tests need, and run all tests
    Test(test::Options),
    /// Build the Kubernetes control plane that operators are tested against, once
    ControlPlane,
    /// Unpack Debian's compilers that plugins are tested with
    Compilers,
    /// Build the host and its plugins for ARM Linux and Windows
    Platforms(platforms::Options),
    /// Build the images of the nodes and the registry that clusters are tested with
    NodeImages,
    /// Build the guides as a book
    Book,
    /// Draw the terminal pictures of the README and the guides from real runs; requires a Docker
    /// engine
    Pictures,
    /// Run all checks except the tests: fmt, clippy, doc, dependencies, the plugin interface
    Check,
    /// Check that the plugin interface has not changed incompatibly
    Abi(abi::Options),
    /// Run the same as CI: checks, then tests
    Ci,
    /// Run libFuzzer on a target of `fuzz/`
    Fuzz(fuzz::Options),
    /// Measure the costs that have budgets: time, memory, system calls
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match run(Verb::parse()) {
        Ok(code) => code,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::BuildPlugins(options) => plugins::run(&options),
        Verb::Dist(options) => dist::run(&options),
        Verb::Notices(options) => notices::run(&options),
        Verb::Recipes => recipes::run(),
        Verb::Index(options) => index::run(&options),
        Verb::Demo(options) => demo::run(&options),
        Verb::Test(options) => test::run(&options),
        Verb::ControlPlane => control_plane::run(),
        Verb::Compilers => compilers::run(),
        Verb::Platforms(options) => platforms::run(&options),
        Verb::NodeImages => node_images::run(),
        Verb::Book => book::run(),
        Verb::Pictures => pictures::run(),
        Verb::Check => ci::check(),
        Verb::Abi(options) => abi::run(&options),
        Verb::Ci => ci::run(),
        Verb::Fuzz(options) => fuzz::run(&options),
        Verb::Bench(options) => bench::run(&options),
    }
}
