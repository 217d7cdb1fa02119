//! `cargo xtask recipes`: builds the packages of the recipes in the guide to packaging, and checks
//! their contents.
//!
//! Not part of the tests, because each recipe compiles everything from the beginning.

use crate::cargo::{self, cargo};
use crate::notices;
use crate::step::{Verdict, step};
use anyhow::{Context, Result, ensure};
use object::Object as _;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The guide with the recipes.
const GUIDE: &str = "docs/packaging.md";
const PROGRAM: &str = "usr/bin/pintle";
const PLUGIN: &str = "libpintle_plugin_rust.so";
/// Only the recipes are checked, not the code.
const FAST: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
];

pub(crate) fn run() -> Result<ExitCode> {
    let dir = cargo::target_dir()?.join("recipes");
    match fs::remove_dir_all(&dir) {
        Err(err) if err.kind() != ErrorKind::NotFound => {
            return Err(err).with_context(|| format!("failed to remove `{}`", dir.display()));
        }
        _ => {}
    }
    let guide = fs::read_to_string(cargo::root().join(GUIDE))?;
    let mut done = Vec::new();
    step(&mut done, "fedora", || fedora(&guide, &dir.join("fedora")));
    step(&mut done, "arch", || arch(&guide, &dir.join("arch")));

    println!();
    done.iter().for_each(|it| println!("{it}"));
    let passed = done.iter().all(|it| it.verdict.is_some());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fedora(guide: &str, dir: &Path) -> Result<Verdict> {
    let sources = dir.join("SOURCES");
    fs::create_dir_all(&sources)?;
    let spec = dir.join("pintle.spec");
    // As on Fedora, whose rpm always has packages of debug symbols.
    let debug = "\n%{!?_enable_debug_packages:%debug_package}\n%install\n";
    fs::write(&spec, block(guide, "spec")?.replacen("\n%install\n", debug, 1))?;
    let stem = archive_sources(guide, &sources)?;
    let mut vendor = cargo(["vendor", "--locked", "--manifest-path"]);
    vendor.arg(cargo::root().join("Cargo.toml")).arg("vendor").current_dir(dir);
    fs::write(dir.join("vendor.toml"), read(&mut vendor)?)?;
    let mut tar = Command::new("tar");
    tar.arg("-cJf").arg(sources.join(format!("{stem}-vendor.tar.xz")));
    cargo::run(tar.args(["vendor", "vendor.toml"]).env("XZ_OPT", "-0").current_dir(dir))?;

    let mut build = Command::new("rpmbuild");
    build.args(["-bb", "--nodeps", "--define"]).arg(format!("_topdir {}", dir.display()));
    build.args(["--define", "_docdir_fmt %%{NAME}", "--define", "_debugsource_packages 1"]);
    run_recipe(build.arg(spec))?;
    let packages = packages(&dir.join("RPMS").join(env::consts::ARCH), ".rpm")?;
    let is_debug = |it: &PathBuf| it.to_string_lossy().contains("-debug");
    let (debug, packages): (Vec<_>, Vec<_>) = packages.into_iter().partition(is_debug);
    let debug = read(Command::new("rpm").args(["--query", "--list", "--package"]).args(debug))?;
    for part in ["/usr/bin/pintle-", PLUGIN, "/core/src/main.rs"] {
        ensure!(debug.contains(part), "the debug packages have no `{part}`: {debug}");
    }
    check(&dir.join("root"), &packages, &["rpm", "--query", "--list", "--verbose", "--package"])
}

fn arch(guide: &str, dir: &Path) -> Result<Verdict> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join("PKGBUILD"), block(guide, "bash")?)?;
    let _ = archive_sources(guide, dir)?;
    let mut build = Command::new("makepkg");
    // Pacman would check dependencies; makepkg of other distributions comes without it.
    build.arg("--nodeps").env("PACMAN", "true").env("PKGDEST", dir);
    run_recipe(build.current_dir(dir))?;
    check(&dir.join("root"), &packages(dir, ".pkg.tar")?, &["bsdtar", "-tvf"])
}

/// Returns the recipe in a language.
fn block<'a>(guide: &'a str, language: &str) -> Result<&'a str> {
    let begin = guide.split_once(&format!("```{language}\n"));
    let block = begin.and_then(|(_, rest)| rest.split_once("```"));
    Ok(block.with_context(|| format!("`{GUIDE}` has no recipe in {language}"))?.0)
}

/// Archives the last commit as the server of the sources does; returns the name of the directory in
/// the archive.
fn archive_sources(guide: &str, dir: &Path) -> Result<String> {
    let version = block(guide, "bash")?.lines().find_map(|it| it.strip_prefix("pkgver="));
    let stem = format!("pintle-{}", version.context("the PKGBUILD has no `pkgver`")?);
    let mut git = Command::new("git");
    git.arg("archive").arg(format!("--prefix={stem}/")).arg("-o");
    git.arg(dir.join(format!("{stem}.tar.gz"))).arg("HEAD").current_dir(cargo::root());
    cargo::run(&mut git)?;
    Ok(stem)
}

/// Runs a packaging program as if cargo did not run this one.
fn run_recipe(command: &mut Command) -> Result<()> {
    for name in ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    cargo::run(command.envs(FAST))
}

/// Returns the files in a directory whose names contain a part.
fn packages(dir: &Path, part: &str) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(dir)?.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    let name = |it: &PathBuf| it.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut paths: Vec<_> = paths.into_iter().filter(|it| name(it).contains(part)).collect();
    paths.sort();
    Ok(paths)
}

/// Lists packages with a command, unpacks them over each other, and checks the result.
fn check(root: &Path, packages: &[PathBuf], list: &[&str]) -> Result<Verdict> {
    fs::create_dir(root)?;
    for package in packages {
        let list = read(Command::new(list[0]).args(&list[1..]).arg(package))?;
        println!("{}\n{list}", package.display());
        check_modes(&list)?;
        cargo::run(Command::new("bsdtar").arg("-xf").arg(package).arg("-C").arg(root))?;
    }
    let program = root.join(PROGRAM);
    let abi = read(Command::new(&program).args(["plugin", "abi", "-o", "json"]).env_clear())?;
    let abi: serde_json::Value = serde_json::from_str(&abi)?;
    let dirs = abi["directories"].as_array().into_iter().flatten();
    let dir = dirs.filter(|it| it["origin"] == "system").find_map(|it| it["path"].as_str());
    let dir = dir.context("the host has no directory for packaged plugins")?;
    let plugins = root.join(dir.trim_start_matches('/'));
    let mut list = Command::new(&program);
    list.args(["plugin", "list"]).env_clear().env("PINTLE_PLUGIN_SYSTEM_PATH", &plugins);
    let list = read(&mut list)?;
    ensure!(list.contains("rust.pintle.dev") && list.contains(" ok "), "unexpected list: {list}");

    [program, plugins.join(PLUGIN)].iter().try_for_each(|it| check_is_stripped(it))?;
    let licences = root.join("usr/share/licenses");
    let pc = plugins.join("../../pkgconfig/pintle.pc");
    let notices = ["pintle", "pintle-plugin-rust"].map(|it| licences.join(it).join(notices::FILE));
    for path in [plugins.join("managed.toml"), pc].iter().chain(&notices) {
        ensure!(path.is_file(), "`{}` was not packaged", path.display());
    }
    Ok(Verdict::Passed)
}

/// Checks that all files belong to root, and that only the program is executable.
fn check_modes(list: &str) -> Result<()> {
    for line in list.lines().filter(|it| it.starts_with('-')) {
        let expected = if line.ends_with(PROGRAM) { "-rwxr-xr-x" } else { "-rw-r--r--" };
        let words: Vec<_> = line.split_whitespace().collect();
        let is_fine = words[0] == expected && words.get(2..4) == Some(&["root", "root"]);
        ensure!(is_fine, "expected the mode {expected} and the owner root: {line}");
    }
    Ok(())
}

/// Checks that a program or library has no symbols for debuggers.
fn check_is_stripped(path: &Path) -> Result<()> {
    let name = path.display();
    let bytes = fs::read(path).with_context(|| format!("failed to read `{name}`"))?;
    let file = object::File::parse(&*bytes)?;
    let has_symbols = file.section_by_name(".debug_info").is_some();
    ensure!(!has_symbols, "`{name}` is not stripped");
    Ok(())
}

fn read(command: &mut Command) -> Result<String> {
    let out = command.output();
    let out = out.with_context(|| format!("failed to run `{}`", cargo::line(command)))?;
    let message = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "`{}` failed: {}", cargo::line(command), message.trim());
    Ok(String::from_utf8(out.stdout)?)
}
