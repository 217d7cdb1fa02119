//! A release as distributions and users receive it: built twice from vendored sources, packaged,
//! and installed from packages and from crates.

use crate::support::{deps_dir, skip};
use expect_test::expect;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The time of all files of the release.
const EPOCH: &str = "1795802521";
const HOSTS: [&str; 2] = ["pintle", "rudder"];
const PLUGINS: [&str; 4] =
    ["pintle-plugin-ci", "pintle-plugin-license", "pintle-plugin-registry", "pintle-plugin-rust"];

#[test]
fn two_builds_in_two_places_are_the_same_and_install_as_packages_and_as_crates() {
    let temp = temp_dir();
    let vendor = temp.path().join("vendor");
    vendor_crates(&vendor);
    let trees = ["one", "some/where/else"].map(|it| Tree::new(temp.path().join(it), &vendor));
    trees.iter().for_each(Tree::build_release);
    let [one, two] = &trees;
    compare(&one.dist(), &two.dist());
    for name in HOSTS.map(str::to_owned).into_iter().chain(PLUGINS.iter().map(|it| library(it))) {
        let bytes = fs::read(one.path.join("target/debug").join(&name)).expect("it was built");
        let temp = temp.path().as_os_str().as_encoded_bytes();
        assert!(!contains(&bytes, temp), "`{name}` names the directory that it was built in");
    }
    check_notices(&one.dist());
    check_with_lintian(&one.dist());
    install_and_remove(&one.dist());
    one.build_from_crates(temp.path());
}

#[test]
fn the_recipes_for_packages_can_be_parsed() {
    let guide = fs::read_to_string(root().join("docs/packaging.md")).expect("it is there");
    let block = |language: &str| {
        let (_, rest) = guide.split_once(&format!("```{language}\n")).expect("it is there");
        rest.split_once("```").expect("a block ends").0.to_owned()
    };
    let temp = temp_dir();
    let [spec, arch] = [("spec", "pintle.spec"), ("bash", "PKGBUILD")].map(|(language, name)| {
        let path = temp.path().join(name);
        fs::write(&path, block(language)).expect("the directory is writable");
        path
    });
    let show = r#"set -eu; RUSTFLAGS=; . "$0"; for it in "${pkgname[@]}"; do
        declare -F "package_$it"; done; echo "$pkgver ${source[*]}""#;
    let shown = run(Command::new("bash").args(["-c", show]).arg(arch));
    expect![[r#"
        package_pintle
        package_pintle-plugin-rust
        0.1.0 pintle-0.1.0.tar.gz::https://github.com/pintle-dev/pintle/archive/v0.1.0.tar.gz
    "#]]
    .assert_eq(&shown);
    if !is_there("rpmspec") {
        return skip("rpmspec");
    }
    let format = "%{NAME}:[ provides %{PROVIDENEVRS},][ requires %{REQUIRENEVRS}]\n";
    let shown = run(Command::new("rpmspec").args(["-q", "--qf", format]).arg(spec));
    expect![[r#"
        pintle: provides pintle = 0.1.0-1, provides pintle(plugin-abi) = 1, provides pintle(x86-64) = 0.1.0-1,
        pintle-plugin-rust: provides pintle-plugin-rust = 0.1.0-1, provides pintle-plugin-rust(x86-64) = 0.1.0-1, requires pintle(plugin-abi) = 1
        pintle-devel: provides pintle-devel = 0.1.0-1, provides pintle-devel(x86-64) = 0.1.0-1, requires pintle = 0.1.0-1
    "#]]
    .assert_eq(&shown);
}

/// Returns a directory in cargo's directory, because the builds in it are large.
fn temp_dir() -> TempDir {
    let temp = tempfile::Builder::new().prefix("release-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    temp.expect("a temporary directory can be created")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core is in the workspace").to_owned()
}

/// Vendors all third-party crates into a directory.
fn vendor_crates(dir: &Path) {
    let mut vendor = Command::new(env!("CARGO"));
    let _ = run(vendor.args(["vendor", "--locked", "--quiet"]).arg(dir).current_dir(root()));
}

/// Configures cargo to take all crates from a directory.
fn replace_source(config: &Path, dir: &Path) {
    let text = fs::read_to_string(config).unwrap_or_default();
    let source = format!(
        "[source.crates-io]\nreplace-with = \"vendored\"\n\n\
         [source.vendored]\ndirectory = \"{}\"\n\n[net]\noffline = true\n",
        dir.display()
    );
    fs::write(config, format!("{text}\n{source}")).expect("the file is writable");
}

/// The sources in a directory, with third-party crates beside them.
struct Tree {
    path: PathBuf,
}

impl Tree {
    fn new(path: PathBuf, vendor: &Path) -> Self {
        fs::create_dir_all(&path).expect("the directory is writable");
        for entry in fs::read_dir(root()).expect("the workspace can be read") {
            let entry = entry.expect("it can be read");
            // The fuzz targets are a separate workspace.
            if ![".git", "fuzz", "target"].contains(&&*entry.file_name().to_string_lossy()) {
                let _ = run(Command::new("cp").arg("-a").arg(entry.path()).arg(&path));
            }
        }
        // Links, because the crates are large.
        let _ = run(Command::new("cp").arg("-al").arg(vendor).arg(path.join("vendor")));
        replace_source(&path.join(".cargo/config.toml"), &path.join("vendor"));
        Self { path }
    }

    /// Returns the directory of the release's files.
    fn dist(&self) -> PathBuf {
        self.path.join("target/dist")
    }

    /// Returns the directory for cargo's own files: the build requires only the sources, and no
    /// crates that this machine has.
    fn cargo_home(&self) -> PathBuf {
        self.path.join("home/.cargo")
    }

    fn build_release(&self) {
        // Beside the tests, so that it is not rebuilt from each tree.
        let program = deps_dir().parent().expect("`deps` is in a directory").join("xtask");
        let mut xtask = clean(program);
        xtask.args(["dist", "--debug"]).current_dir(&self.path);
        xtask.env("CARGO_MANIFEST_DIR", self.path.join("xtask")).env("SOURCE_DATE_EPOCH", EPOCH);
        xtask.env("CARGO_HOME", self.cargo_home()).env("CARGO_NET_OFFLINE", "true");
        let _ = run(&mut xtask);
    }

    /// Installs the host and builds the plugins from packaged crates, with an empty home.
    fn build_from_crates(&self, temp: &Path) {
        let crates = self.path.join("vendor");
        package_crates(temp, &crates);
        let home = self.cargo_home().parent().expect("it is in a home").to_owned();
        fs::create_dir_all(self.cargo_home()).expect("the directory is writable");
        replace_source(&self.cargo_home().join("config.toml"), &crates);
        // Built like `dist`, so that the third-party crates are not rebuilt.
        let renamed = [
            (self.path.clone(), "/src"),
            (self.path.join("target"), "/src/target"),
            (self.cargo_home(), "/cargo"),
        ];
        let flags =
            renamed.map(|(it, name)| format!("--remap-path-prefix={}={name}", it.display()));
        let cargo = |args: &[&str]| {
            let mut cargo = cargo(args);
            cargo.env("HOME", &home).env("CARGO_HOME", self.cargo_home()).current_dir(&home);
            cargo.env("CARGO_TARGET_DIR", self.path.join("target")).env("CARGO_INCREMENTAL", "0");
            cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
            cargo.env("CARGO_PROFILE_DEV_STRIP", "symbols").env("SOURCE_DATE_EPOCH", EPOCH);
            let _ = run(&mut cargo);
        };

        cargo(&["install", "--locked", "--debug", "--quiet", "pintle"]);
        let version = run(Command::new(self.cargo_home().join("bin/pintle")).arg("version"));
        assert!(version.starts_with("pintle 0."), "{version}");

        cargo(&["new", "--lib", "--quiet", "fleet"]);
        let manifest = ["--quiet", "--manifest-path", "fleet/Cargo.toml"];
        cargo(&[&["add"][..], &manifest, &["pintle-plugin"], &PLUGINS].concat());
        cargo(&[&["build"][..], &manifest].concat());
    }
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
    expect![[r#"
        SHA256SUMS
        ci-1.0.0-[TARGET].tar.zst
        license-1.0.0-[TARGET].tar.zst
        pintle-0.1.0-[TARGET].tar.zst
        pintle-plugin-ci_1.0.0_amd64.deb
        pintle-plugin-license_1.0.0_amd64.deb
        pintle-plugin-registry_1.0.0_amd64.deb
        pintle-plugin-rust_1.0.0_amd64.deb
        pintle_0.1.0_amd64.deb
        registry-1.0.0-[TARGET].tar.zst
        rudder-2.3.4-[TARGET].tar.zst
        rudder_2.3.4_amd64.deb
        rust-1.0.0-[TARGET].tar.zst"#]]
    .assert_eq(&names);
}

/// Checks that an archive has the notices of the crates that are linked into its binary, and of no
/// others.
fn check_notices(dist: &Path) {
    let host = notices(dist, "pintle-0.1.0", "share/doc/pintle/THIRD-PARTY.txt");
    let plugin = notices(dist, "ci-1.0.0", "THIRD-PARTY.txt");
    let has = |text: &str, name: &str| text.contains(&format!("\n\n{name} "));
    assert!(has(&host, "clap") && host.contains("Copyright (c) Individual contributors"));
    assert!(has(&plugin, "abi_stable") && !has(&plugin, "clap"));
    // Used by tests, by a build script, and by macros.
    for name in ["expect-test", "cc", "syn"] {
        assert!(!has(&host, name), "`{name}` is not linked");
    }
}

/// Reads a file of an archive.
fn notices(dist: &Path, stem: &str, path: &str) -> String {
    let stem = format!("{stem}-{}", pintle_plugin::manifest::TARGET);
    let archive = dist.join(format!("{stem}.tar.zst"));
    run(Command::new("tar").arg("-xOf").arg(archive).arg(format!("{stem}/{path}")))
}

fn check_with_lintian(dist: &Path) {
    if !is_there("lintian") {
        return skip("lintian");
    }
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--pedantic", "--tag-display-limit", "0"]);
    lintian.args(debs(dist));
    let out = lintian.output().expect("it is there");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{text}");
    expect![[""]].assert_eq(&text);
}

/// Installs the packages into a separate root directory, and uses and removes them.
fn install_and_remove(dist: &Path) {
    if let Some(missing) = System::missing() {
        return skip(missing);
    }
    let root = System::new();
    let plugin = debs(dist).into_iter().find(|it| it.to_string_lossy().contains("plugin-ci"));
    let plugin = plugin.expect("there is one").into_os_string();
    let message = root.dpkg(["--install".into(), plugin]).expect_err("there is no host");
    assert!(message.contains("depends on pintle-plugin-abi-1; however"), "{message}");
    root.dpkg(["--remove", "pintle-plugin-ci"].map(Into::into)).expect("it is there");

    let all = debs(dist).into_iter().map(PathBuf::into_os_string);
    let _ = root.dpkg(["--install".into()].into_iter().chain(all)).expect("all exist");
    root.add_libraries();
    expect![[r#"
        KEY                         STATE  TRANSPORT  PROVIDES                                                                                  REASON
        ci.pintle.dev/v1.0.0        ok     native     init, edit, create webhook
        license.pintle.dev/v1.0.0   ok     native     init, edit, create api, create webhook
        registry.pintle.dev/v1.0.0  ok     native     registry create, registry list, registry delete, registry start, registry stop; 4 events
        rust.pintle.dev/v1.0.0      ok     native     init, create api, create webhook
    "#]].assert_eq(&root.host("pintle plugin list"));
    expect![[r#"
        error: plugins are managed by the system, according to `/usr/lib/[TRIPLET]/pintle/plugins/managed.toml`
        hint: install the package `pintle-plugin-NAME`; to run the command anyway, set `PINTLE_MANAGER=on`
    "#]].assert_eq(&root.host("pintle plugin install acme/hello"));
    check_embedding_host(&root);
    let files = HOSTS.into_iter().chain(PLUGINS).map(|it| root.files_of(it));
    expect![[r#"
        pintle:
        0755 /usr/bin/pintle
        0644 /usr/lib/[TRIPLET]/pintle/plugins/managed.toml
        0644 /usr/lib/[TRIPLET]/pkgconfig/pintle.pc
        0644 /usr/share/bash-completion/completions/pintle
        0644 /usr/share/doc/pintle/THIRD-PARTY.txt.gz
        0644 /usr/share/doc/pintle/changelog.gz
        0644 /usr/share/doc/pintle/copyright
        0644 /usr/share/fish/vendor_completions.d/pintle.fish
        0644 /usr/share/lintian/overrides/pintle
        0644 /usr/share/man/man1/pintle.1.gz
        0644 /usr/share/zsh/vendor-completions/_pintle
        rudder:
        0755 /usr/bin/rudder
        0644 /usr/lib/[TRIPLET]/pkgconfig/rudder.pc
        0644 /usr/share/bash-completion/completions/rudder
        0644 /usr/share/doc/rudder/THIRD-PARTY.txt.gz
        0644 /usr/share/doc/rudder/changelog.gz
        0644 /usr/share/doc/rudder/copyright
        0644 /usr/share/fish/vendor_completions.d/rudder.fish
        0644 /usr/share/lintian/overrides/rudder
        0644 /usr/share/man/man1/rudder.1.gz
        0644 /usr/share/zsh/vendor-completions/_rudder
        pintle-plugin-ci:
        0644 /usr/lib/[TRIPLET]/pintle/plugins/libpintle_plugin_ci.so
        0644 /usr/share/doc/pintle-plugin-ci/THIRD-PARTY.txt.gz
        0644 /usr/share/doc/pintle-plugin-ci/changelog.gz
        0644 /usr/share/doc/pintle-plugin-ci/copyright
        pintle-plugin-license:
        0644 /usr/lib/[TRIPLET]/pintle/plugins/libpintle_plugin_license.so
        0644 /usr/share/doc/pintle-plugin-license/THIRD-PARTY.txt.gz
        0644 /usr/share/doc/pintle-plugin-license/changelog.gz
        0644 /usr/share/doc/pintle-plugin-license/copyright
        pintle-plugin-registry:
        0644 /usr/lib/[TRIPLET]/pintle/plugins/libpintle_plugin_registry.so
        0644 /usr/share/doc/pintle-plugin-registry/THIRD-PARTY.txt.gz
        0644 /usr/share/doc/pintle-plugin-registry/changelog.gz
        0644 /usr/share/doc/pintle-plugin-registry/copyright
        pintle-plugin-rust:
        0644 /usr/lib/[TRIPLET]/pintle/plugins/libpintle_plugin_rust.so
        0644 /usr/share/doc/pintle-plugin-rust/THIRD-PARTY.txt.gz
        0644 /usr/share/doc/pintle-plugin-rust/changelog.gz
        0644 /usr/share/doc/pintle-plugin-rust/copyright
    "#]]
    .assert_eq(&files.collect::<String>());
    let packaged = root.path("usr/share/doc/pintle/THIRD-PARTY.txt.gz");
    let packaged = run(Command::new("gzip").arg("-dc").arg(packaged));
    assert_eq!(packaged, notices(dist, "pintle-0.1.0", "share/doc/pintle/THIRD-PARTY.txt"));
    let pc = fs::read_to_string(root.path(&format!("usr/lib/{}/pkgconfig/pintle.pc", triplet())));
    expect![[r#"
        prefix=/usr
        libdir=/usr/lib/[TRIPLET]
        pluginsdir=${libdir}/pintle/plugins
        plugin_abi=1

        Name: pintle
        Description: Kubernetes operator projects and throw-away clusters in Docker
        URL: https://github.com/pintle-dev/pintle
        Version: 0.1.0
    "#]]
    .assert_eq(&pc.expect("it is there").replace(&triplet(), "[TRIPLET]"));

    let all = HOSTS.into_iter().chain(PLUGINS).map(OsString::from);
    let _ = root.dpkg(["--purge".into()].into_iter().chain(all)).expect("all exist");
    assert!(!root.path("usr").exists(), "the packages left files behind");
}

/// Runs the host that is built on the library: it has its own name, and loads plugins from its own
/// directory besides those that are part of it.
fn check_embedding_host(root: &System) {
    let plugins = format!("usr/lib/{}/rudder/plugins", triplet());
    fs::create_dir_all(root.path(&plugins)).expect("the directory is writable");
    let library = "libpintle_plugin_ci.so";
    let packaged = root.path(&format!("usr/lib/{}/pintle/plugins/{library}", triplet()));
    let _ = fs::copy(packaged, root.path(&plugins).join(library)).expect("it is installed");
    expect![[r#"
        KEY                        STATE  TRANSPORT  PROVIDES                                REASON
        rust.pintle.dev/v1.0.0     ok     linked     init, create api, create webhook
        license.pintle.dev/v1.0.0  ok     linked     init, edit, create api, create webhook
        ci.pintle.dev/v1.0.0       ok     native     init, edit, create webhook
    "#]]
    .assert_eq(&root.host("rudder plugin list"));
    expect![[r#"
        rudder 2.3.4
    "#]]
    .assert_eq(&root.host("rudder --version"));
    // A library is opened through `/proc`, which this system does not have.
    let mut rudder = Command::new(root.path("usr/bin/rudder"));
    let _ = rudder.args(["plugin", "check", "ci.pintle.dev"]).env_clear();
    let checked = run(rudder.env("RUDDER_PLUGIN_SYSTEM_PATH", root.path(&plugins)));
    assert!(checked.contains("all checks passed"), "{checked}");
    let help = root.host("rudder --help");
    assert!(!help.to_lowercase().contains("pintle") && !help.contains("cluster"), "{help}");
    fs::remove_dir_all(root.path(&format!("usr/lib/{}/rudder", triplet())))
        .expect("it is accessible");
}

/// A directory that dpkg treats as a system that has only the machine's C library.
struct System {
    dir: TempDir,
}

impl System {
    /// Returns a requirement that is missing: users other than root act as if they were root.
    fn missing() -> Option<&'static str> {
        let programs: &[_] = match is_root() {
            true => &["dpkg", "dpkg-query", "chroot"],
            false => &["dpkg", "dpkg-query", "fakeroot", "unshare"],
        };
        if let Some(missing) = programs.iter().find(|it| !is_there(it)) {
            return Some(missing);
        }
        if is_root() {
            return None;
        }
        let out = Command::new("unshare").args(["--map-root-user", "true"]).output();
        let is_allowed = out.is_ok_and(|it| it.status.success());
        (!is_allowed).then_some("permission for user namespaces")
    }

    fn new() -> Self {
        let dir = temp_dir();
        let admin = dir.path().join("var/lib/dpkg");
        for name in ["info", "updates"] {
            fs::create_dir_all(admin.join(name)).expect("the directory is writable");
        }
        let status = run(Command::new("dpkg-query").args(["--status", "libc6", "libgcc-s1"]));
        fs::write(admin.join("status"), status).expect("the file is writable");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn dpkg(&self, args: impl IntoIterator<Item = OsString>) -> Result<String, String> {
        let mut dpkg = match is_root() {
            true => Command::new("dpkg"),
            false => Command::new("fakeroot"),
        };
        dpkg.args((!is_root()).then_some("dpkg"))
            .arg("--root")
            .arg(self.dir.path())
            .arg("--log")
            .arg(self.path("log"));
        // dpkg requires that the superuser's programs are found.
        dpkg.args(args).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
        let out = dpkg.output().expect("it is there");
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
    }

    /// Returns the files of a package with their modes, except most of the manual pages.
    fn files_of(&self, package: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let list = self.dpkg(["--listfiles", package].map(Into::into)).expect("it is there");
        let mut lines = format!("{package}:\n");
        for path in list
            .lines()
            .filter(|it| !HOSTS.iter().any(|host| it.contains(&format!("/man1/{host}-"))))
        {
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
            fs::create_dir_all(copy.parent().expect("it is in a directory"))
                .expect("it is accessible");
            let _ = fs::copy(library, copy).expect("a library can be copied");
        }
    }

    /// Runs a host with this directory as the whole system.
    fn host(&self, line: &str) -> String {
        let mut host = match is_root() {
            true => Command::new("/usr/sbin/chroot"),
            false => Command::new("/usr/bin/unshare"),
        };
        host.args((!is_root()).then_some(["--map-root-user", "--root"]).into_iter().flatten());
        host.arg(self.dir.path()).args(line.split(' ')).env_clear();
        let out = host.output().expect("it is there");
        let text = [out.stdout, out.stderr].concat();
        String::from_utf8_lossy(&text).replace(&triplet(), "[TRIPLET]")
    }
}

/// Packages all published crates, and puts the contents of the packages beside the third-party
/// crates.
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
        let digest = pintle_manager::Digest::of(&fs::read(&archive).expect("it was created")).hex();
        let sums = serde_json::json!({"files": {}, "package": digest});
        let path = unpacked.join(".cargo-checksum.json");
        fs::write(path, sums.to_string()).expect("the directory is writable");
    }
}

/// Returns the names and versions of the published crates.
fn published() -> Vec<(String, String)> {
    let mut metadata = cargo(&["metadata", "--no-deps", "--format-version=1", "--offline"]);
    let metadata = run(metadata.current_dir(root()));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("it is JSON");
    let packages = metadata["packages"].as_array().expect("there are packages").iter();
    let text = |it: &serde_json::Value| it.as_str().expect("it is a string").to_owned();
    let packages = packages.filter(|it| it["publish"].is_null());
    packages.map(|it| (text(&it["name"]), text(&it["version"]))).collect()
}

/// Returns a call of cargo that ignores how these tests are built.
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
    // Not in the home directory, which may not exist.
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
    String::from_utf8(out.stdout).expect("it is UTF-8")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn is_there(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    dirs.any(|it| it.join(tool).is_file())
}

fn read_all(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).expect("it was created");
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
