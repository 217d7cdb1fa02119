//! A release as distributions and users get it: built twice from vendored sources, packaged,
//! and installed from packages and from crates.

use crate::support::{deps_dir, skip};
use expect_test::expect;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The time that all files of the release have.
const EPOCH: &str = "1795802521";
const PLUGINS: [&str; 4] =
    ["pintle-plugin-ci", "pintle-plugin-license", "pintle-plugin-registry", "pintle-plugin-rust"];

#[test]
fn two_builds_in_two_places_are_the_same_and_their_packages_install() {
    let tools = ["dpkg", "dpkg-query", "fakeroot", "lintian", "unshare"];
    if let Some(missing) = tools.into_iter().find(|it| !is_there(it)) {
        return skip(missing);
    }
    let temp = temp_dir();
    let vendor = temp.path().join("vendor");
    vendor_crates(&vendor);
    let [one, two] = ["one", "some/where/else"].map(|name| {
        let tree = temp.path().join(name);
        copy_sources(&tree, &vendor);
        (build_release(&tree), tree)
    });
    compare(&one.0, &two.0);
    for name in ["pintle".to_owned()].into_iter().chain(PLUGINS.iter().map(|it| library(it))) {
        let bytes = fs::read(one.1.join("target/debug").join(&name)).expect("it was built");
        let temp = temp.path().as_os_str().as_encoded_bytes();
        assert!(!contains(&bytes, temp), "`{name}` names the directory that it was built in");
    }
    check_with_lintian(&one.0);
    install_and_remove(&one.0);
}

#[test]
fn the_host_and_plugins_are_built_from_their_crates_in_an_empty_home() {
    let temp = temp_dir();
    let crates = temp.path().join("crates");
    vendor_crates(&crates);
    package_crates(temp.path(), &crates);
    let home = temp.path().join("home");
    fs::create_dir_all(home.join(".cargo")).expect("the directory is ours");
    replace_source(&home.join(".cargo/config.toml"), &crates);
    let cargo = |args: &[&str]| {
        let mut cargo = cargo(args);
        cargo.env("HOME", &home).env("CARGO_HOME", home.join(".cargo")).current_dir(&home);
        cargo.env("CARGO_TARGET_DIR", temp.path().join("target"));
        run(&mut cargo)
    };

    let _ = cargo(&["install", "--locked", "--debug", "pintle"]);
    let installed = home.join(".cargo/bin/pintle");
    let version = run(Command::new(&installed).arg("version"));
    assert!(version.starts_with("pintle 0."), "{version}");

    let _ = cargo(&["new", "--lib", "--quiet", "greeter"]);
    let manifest = ["--manifest-path", "greeter/Cargo.toml"];
    let kit: Vec<_> =
        ["add", "--quiet"].into_iter().chain(manifest).chain(["pintle-plugin"]).collect();
    let _ = cargo(&kit);
    let all: Vec<_> = ["add", "--quiet"].into_iter().chain(manifest).chain(PLUGINS).collect();
    let _ = cargo(&all);
    let check: Vec<_> = ["check", "--quiet"].into_iter().chain(manifest).collect();
    let _ = cargo(&check);
}

/// Returns a directory in that of cargo, as what is built in it is large.
fn temp_dir() -> TempDir {
    let temp = tempfile::Builder::new().prefix("release-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    temp.expect("a temporary directory can be made")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core is in the workspace").to_owned()
}

/// Puts all crates of others into a directory.
fn vendor_crates(dir: &Path) {
    let mut vendor = Command::new(env!("CARGO"));
    let _ = run(vendor.args(["vendor", "--locked", "--quiet"]).arg(dir).current_dir(root()));
}

/// Tells cargo to take all crates from a directory.
fn replace_source(config: &Path, dir: &Path) {
    let text = fs::read_to_string(config).unwrap_or_default();
    let source = format!(
        "[source.crates-io]\nreplace-with = \"vendored\"\n\n\
         [source.vendored]\ndirectory = \"{}\"\n\n[net]\noffline = true\n",
        dir.display()
    );
    fs::write(config, format!("{text}\n{source}")).expect("the file is ours");
}

/// Copies the workspace, with crates of others beside it.
fn copy_sources(tree: &Path, vendor: &Path) {
    fs::create_dir_all(tree).expect("the directory is ours");
    for entry in fs::read_dir(root()).expect("the workspace can be read") {
        let entry = entry.expect("it can be read");
        // The fuzz targets are a workspace of their own.
        if ![".git", "fuzz", "target"].contains(&&*entry.file_name().to_string_lossy()) {
            let _ = run(Command::new("cp").arg("-a").arg(entry.path()).arg(tree));
        }
    }
    // Links, as the crates are large.
    let _ = run(Command::new("cp").arg("-al").arg(vendor).arg(tree.join("vendor")));
    replace_source(&tree.join(".cargo/config.toml"), &tree.join("vendor"));
}

/// Builds a release, and returns the directory of its files.
fn build_release(tree: &Path) -> PathBuf {
    // Beside the tests, so that it need not be built from each tree.
    let program = deps_dir().parent().expect("`deps` is in a directory").join("xtask");
    let mut xtask = clean(program);
    xtask.args(["dist", "--debug"]).current_dir(tree);
    xtask.env("CARGO_MANIFEST_DIR", tree.join("xtask")).env("SOURCE_DATE_EPOCH", EPOCH);
    // Nothing but the sources: not even what this machine has of crates.
    xtask.env("CARGO_HOME", tree.join("cargo-home")).env("CARGO_NET_OFFLINE", "true");
    let _ = run(&mut xtask);
    tree.join("target/dist")
}

#[track_caller]
fn compare(one: &Path, two: &Path) {
    let [one, two] = [one, two].map(read_all);
    let names = |it: &BTreeMap<String, Vec<u8>>| it.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&two));
    let differ: Vec<_> =
        one.iter().filter(|(name, it)| two[*name] != **it).map(|it| it.0).collect();
    assert!(differ.is_empty(), "builds in two directories differ: {differ:?}");
    let target = pintle_plugin::manifest::TARGET;
    let names = names(&one).join("\n").replace(target, "[TARGET]");
    expect![[""]].assert_eq(&names);
}

fn check_with_lintian(dist: &Path) {
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--pedantic", "--tag-display-limit", "0"]);
    lintian.args(debs(dist));
    let out = lintian.output().expect("it is there");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{text}");
    expect![[""]].assert_eq(&text);
}

/// Installs the packages into a root of its own, and uses and removes them.
fn install_and_remove(dist: &Path) {
    let root = System::new();
    let plugin = debs(dist).into_iter().find(|it| it.to_string_lossy().contains("plugin-ci"));
    let plugin = plugin.expect("there is one").into_os_string();
    let message = root.dpkg(["--install".into(), plugin]).expect_err("there is no host");
    assert!(message.contains("depends on pintle-plugin-abi-1; however"), "{message}");
    root.dpkg(["--remove", "pintle-plugin-ci"].map(Into::into)).expect("it is there");

    let all = debs(dist).into_iter().map(PathBuf::into_os_string);
    let _ = root.dpkg(["--install".into()].into_iter().chain(all)).expect("all are there");
    root.add_libraries();
    expect![[""]].assert_eq(&root.host("plugin list"));
    expect![[""]].assert_eq(&root.host("plugin install acme/hello"));
    let files = ["pintle"].into_iter().chain(PLUGINS).map(|it| root.files_of(it));
    expect![[""]].assert_eq(&files.collect::<String>());
    let pc = fs::read_to_string(root.path(&format!("usr/lib/{}/pkgconfig/pintle.pc", triplet())));
    expect![[""]].assert_eq(&pc.expect("it is there").replace(&triplet(), "[TRIPLET]"));

    let all = ["pintle"].into_iter().chain(PLUGINS).map(OsString::from);
    let _ = root.dpkg(["--purge".into()].into_iter().chain(all)).expect("all are there");
    assert!(!root.path("usr").exists(), "something is left of the packages");
}

/// A directory that dpkg takes for a system with the machine's C library and nothing else.
struct System {
    dir: TempDir,
}

impl System {
    fn new() -> Self {
        let dir = temp_dir();
        let admin = dir.path().join("var/lib/dpkg");
        for name in ["info", "updates"] {
            fs::create_dir_all(admin.join(name)).expect("the directory is ours");
        }
        let status = run(Command::new("dpkg-query").args(["--status", "libc6", "libgcc-s1"]));
        fs::write(admin.join("status"), status).expect("the file is ours");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs dpkg as root, or as someone who it takes for root.
    fn dpkg(&self, args: impl IntoIterator<Item = OsString>) -> Result<String, String> {
        let mut dpkg = Command::new("fakeroot");
        dpkg.arg("dpkg").arg("--root").arg(self.dir.path()).arg("--log").arg(self.path("log"));
        // dpkg wants programs of the superuser to be found.
        dpkg.args(args).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
        let out = dpkg.output().expect("it is there");
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
    }

    /// Returns the files of a package with their modes, but for most of the manual pages.
    fn files_of(&self, package: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let list = self.dpkg(["--listfiles", package].map(Into::into)).expect("it is there");
        let mut lines = format!("{package}:\n");
        for path in list.lines().filter(|it| !it.contains("/man1/pintle-")) {
            let metadata = fs::metadata(self.path(&path[1..])).expect("it is installed");
            if metadata.is_file() {
                let mode = metadata.permissions().mode() & 0o7777;
                lines.push_str(&format!("{mode:04o} {}\n", path.replace(&triplet(), "[TRIPLET]")));
            }
        }
        lines
    }

    /// Adds the libraries that the host is linked with.
    fn add_libraries(&self) {
        let libraries = run(Command::new("ldd").arg(self.path("usr/bin/pintle")));
        for library in libraries.split_whitespace().filter(|it| it.starts_with('/')) {
            let copy = self.path(&library[1..]);
            fs::create_dir_all(copy.parent().expect("it is in a directory")).expect("it is ours");
            let _ = fs::copy(library, copy).expect("a library can be copied");
        }
    }

    /// Runs the host with this directory as the whole system.
    fn host(&self, line: &str) -> String {
        let mut host = Command::new("unshare");
        host.arg("--map-root-user").arg("--root").arg(self.dir.path()).args(["--wd", "/"]);
        host.arg("/usr/bin/pintle").args(line.split(' ')).env_clear();
        let out = host.output().expect("it is there");
        let text = [out.stdout, out.stderr].concat();
        String::from_utf8_lossy(&text).replace(&triplet(), "[TRIPLET]")
    }
}

/// Packages all crates that are published, and puts what is in the packages beside the crates
/// of others.
fn package_crates(temp: &Path, crates: &Path) {
    let mut package = cargo(&["package", "--no-verify", "--allow-dirty", "--offline", "--quiet"]);
    let names = published();
    package.args(names.iter().map(|(name, _)| format!("--package={name}")));
    let target = temp.join("package");
    let _ = run(package.env("CARGO_TARGET_DIR", &target).current_dir(root()));
    for (name, version) in &names {
        let stem = format!("{name}-{version}");
        let archive = target.join("package").join(format!("{stem}.crate"));
        let _ = run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(crates));
        let unpacked = crates.join(&stem);
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(unpacked.join(file).is_file(), "the crate `{name}` has no {file}");
        }
        let digest = pintle_manager::Digest::of(&fs::read(&archive).expect("it was made")).hex();
        let sums = serde_json::json!({"files": {}, "package": digest});
        let path = unpacked.join(".cargo-checksum.json");
        fs::write(path, sums.to_string()).expect("the directory is ours");
    }
}

/// Returns the names and versions of the crates that are published.
fn published() -> Vec<(String, String)> {
    let mut metadata = cargo(&["metadata", "--no-deps", "--format-version=1", "--offline"]);
    let metadata = run(metadata.current_dir(root()));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("it is JSON");
    let packages = metadata["packages"].as_array().expect("there are packages").iter();
    let text = |it: &serde_json::Value| it.as_str().expect("it is a text").to_owned();
    let packages = packages.filter(|it| it["publish"].is_null());
    packages.map(|it| (text(&it["name"]), text(&it["version"]))).collect()
}

/// Returns a call of cargo that takes no notice of how these tests are built.
fn cargo(args: &[&str]) -> Command {
    let mut cargo = clean(env!("CARGO"));
    cargo.args(args);
    cargo
}

fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in ["CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    // Not in the home directory that some get.
    if let Some(home) = std::env::home_dir().map(|it| it.join(".rustup")).filter(|it| it.exists())
        && std::env::var_os("RUSTUP_HOME").is_none()
    {
        command.env("RUSTUP_HOME", home);
    }
    command.env("CARGO_PROFILE_DEV_DEBUG", "false");
    command
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let out = command.output().expect("the program is there");
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("it is a text")
}

fn is_there(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|it| it.join(tool).is_file())
}

fn read_all(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).expect("it was made");
    let paths = entries.map(|it| it.expect("it can be read").path());
    let name = |it: &Path| it.file_name().expect("it has a name").to_string_lossy().into_owned();
    paths.map(|it| (name(&it), fs::read(&it).expect("it can be read"))).collect()
}

fn debs(dist: &Path) -> Vec<PathBuf> {
    let names = read_all(dist).into_keys().filter(|it| it.ends_with(".deb"));
    names.map(|it| dist.join(it)).collect()
}

fn library(package: &str) -> String {
    format!("lib{}.so", package.replace('-', "_"))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|it| it == part)
}

/// Returns Debian's name for this platform.
fn triplet() -> String {
    pintle_plugin::manifest::TARGET.replace("-unknown", "")
}
