//! Tests of the packed files, with plugins whose only code is a text.

use super::build::{How, source_date};
use super::plugin::Plugin;
use super::sums::SUMS;
use super::{MANIFEST, PUBLIC_KEY, archives, sums};
use crate::minisign;
use crate::notices::{self, Notices};
use pintle_manager::asset::{Wanted, choose};
use pintle_manager::signature::{Bound, PublicKey, verify};
use pintle_plugin::manifest::Manifest;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Packs a plugin whose only code is a text, and returns the path of the archive.
pub(crate) fn pack_text(manifest: &str, file: &str, text: &str, out: &Path) -> PathBuf {
    let folder = tempfile::tempdir().unwrap();
    let plugin = plugin(folder.path(), manifest, file, text);
    plugin.pack(folder.path(), out, &HOW).unwrap()
}

fn plugin(folder: &Path, manifest: &str, file: &str, text: &str) -> Plugin {
    let path = folder.join(file);
    fs::write(&path, text).unwrap();
    fs::write(folder.join("LICENSE-MIT"), "do as you like").unwrap();
    fs::write(folder.join("README.md"), "# It").unwrap();
    fs::write(folder.join("Cargo.toml"), "").unwrap();
    let manifest: Manifest = toml::from_str(manifest).unwrap();
    let key = format!("{}/{}", manifest.name, manifest.version).parse().unwrap();
    let notices = Notices::default();
    Plugin { key, manifest, library: path, folder: folder.to_owned(), notices }
}

const HOW: How = How { time: 0, is_quick: false };
const LINUX: &str = "name = \"it.example.org\"\nversion = \"1.2.3-rc.1\"\n\
                     target = \"x86_64-unknown-linux-gnu\"\n";

#[test]
fn the_same_library_gives_the_same_bytes_wherever_and_whenever_it_is_packed() {
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let pack = |folder: &Path, age| {
        let plugin = plugin(folder, LINUX, "libit.so", "a library");
        let library = fs::File::options().write(true).open(&plugin.library).unwrap();
        library.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        let path = plugin.pack(folder, folder, &HOW).unwrap();
        (path.file_name().unwrap().to_owned(), fs::read(path).unwrap())
    };
    let first = pack(one.path(), 0);
    assert!(first == pack(other.path(), 1000) && first == pack(one.path(), 2000));
    assert_eq!(first.0, "it-1.2.3-rc.1-x86_64-unknown-linux-gnu.tar.zst");
}

#[test]
fn an_archive_has_one_folder_and_no_traces_of_its_machine() {
    let folder = tempfile::tempdir().unwrap();
    let path = pack_text(LINUX, "libit.so", "a library", folder.path());
    let out = Command::new("tar").args(["--utc", "--numeric-owner", "-tvf"]).arg(&path).output();
    let out = String::from_utf8(out.unwrap().stdout).unwrap();
    let top = "it-1.2.3-rc.1-x86_64-unknown-linux-gnu/";
    let lines: Vec<_> = out.lines().map(|it| it.split_whitespace().collect()).collect();
    let expected: Vec<Vec<&str>> = vec![vec!["drwxr-xr-x", "0/0", "0", "1970-01-01", "00:00", top]];
    assert_eq!(lines[..1], expected);
    let names = ["LICENSE-MIT", "README.md", notices::FILE, "libit.so", MANIFEST];
    let names = names.map(|it| format!("{top}{it}"));
    let rest: Vec<_> = lines[1..].iter().map(|it: &Vec<&str>| (it[0], it[1], it[5])).collect();
    assert_eq!(rest, names.each_ref().map(|it| ("-rw-r--r--", "0/0", it.as_str())));
}

#[test]
fn the_manager_chooses_and_unpacks_what_is_packed() {
    let folder = tempfile::tempdir().unwrap();
    let targets = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"];
    for target in targets {
        let manifest = LINUX.replace("x86_64-unknown-linux-gnu", target);
        let _ = pack_text(&manifest, "libit.so", target, folder.path());
    }
    sums::write(folder.path()).unwrap();
    let mut names: Vec<_> = archives(folder.path()).unwrap();
    names.extend(names.clone().iter().map(|it| it.with_extension("zst.minisig")));
    names.extend([SUMS, PUBLIC_KEY].map(|it| folder.path().join(it)));
    let names: Vec<_> = names.iter().map(|it| it.file_name().unwrap().to_str().unwrap()).collect();
    for target in targets {
        let choice = choose(&names, &Wanted { target, plugin: Some("it") }).unwrap();
        let name = names[choice.index];
        assert_eq!(name, format!("it-1.2.3-rc.1-{target}.tar.zst"));
        let bytes = fs::read(folder.path().join(name)).unwrap();
        let limits = pintle_manager::archive::Limits::default();
        let files = pintle_manager::archive::unpack(name, &bytes, &limits).unwrap();
        let files = pintle_manager::archive::without_top(files);
        let library = files.iter().find(|it| it.path == "libit.so").unwrap();
        assert_eq!(library.bytes, target.as_bytes());
        assert!(files.iter().any(|it| it.path == MANIFEST));
    }
    let mut sums = Command::new("sha256sum");
    sums.args(["--check", "--quiet", SUMS]).current_dir(folder.path());
    assert!(sums.status().unwrap().success());
}

#[test]
fn the_archive_of_the_host_is_not_one_of_a_plugin() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["pintle-0.1.0-x.tar.zst", "pintle-it-0.1.0-x.tar.zst", "pintle_0.1.0_amd64.deb"];
    names.iter().for_each(|it| fs::write(dir.path().join(it), "").unwrap());
    assert_eq!(archives(dir.path()).unwrap(), [dir.path().join(names[1])]);
    sums::write(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join(SUMS)).unwrap().lines().count(), 3);
}

#[test]
fn the_real_minisign_signs_what_the_manager_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let Some(key) = secret_key(folder.path()) else { return };
    let plugin = plugin(folder.path(), LINUX, "libit.so", "a library");
    let path = plugin.pack(folder.path(), folder.path(), &HOW).unwrap();
    let signature = fs::read_to_string(plugin.sign(&path, &key).unwrap()).unwrap();
    let public = folder.path().join(PUBLIC_KEY);
    minisign::write_public_key(&key, &public).unwrap();
    let public: PublicKey = fs::read_to_string(public).unwrap().parse().unwrap();
    let file = "it-1.2.3-rc.1-x86_64-unknown-linux-gnu.tar.zst";
    let bound = Bound {
        name: "it.example.org",
        version: "1.2.3-rc.1",
        target: "x86_64-unknown-linux-gnu",
        file,
    };
    let comment = verify(&public, &fs::read(&path).unwrap(), &signature, file).unwrap();
    comment.check(&bound).unwrap();
    let err = plugin.sign(&path, &folder.path().join("absent")).unwrap_err();
    assert!(err.to_string().starts_with("there is no secret key"), "{err}");
}

/// Creates a secret key without a password; returns `None` if minisign is not installed.
pub(crate) fn secret_key(folder: &Path) -> Option<PathBuf> {
    let key = folder.join("it.key");
    let mut minisign = Command::new("minisign");
    minisign.args(["-G", "-W", "-p"]).arg(folder.join("it.pub")).arg("-s").arg(&key);
    let is_required = std::env::var_os("PINTLE_REQUIRE_ALL").is_some();
    match minisign.output() {
        Err(err) if !is_required && err.kind() == std::io::ErrorKind::NotFound => None,
        out => {
            assert!(out.unwrap().status.success());
            Some(key)
        }
    }
}

#[test]
fn the_time_is_that_of_the_variable_or_of_the_last_change() {
    assert_eq!(source_date(Some("1795802521".as_ref()), Some(7)).unwrap(), 1_795_802_521);
    assert_eq!(source_date(None, Some(1_795_802_521)).unwrap(), 1_795_802_521);
    // An archive of the sources has no history, and Debian rejects files dated 1970.
    assert!(source_date(None, None).unwrap() > 6 * 365 * 24 * 3600);
    assert!(source_date(Some("now".as_ref()), Some(7)).is_err());
}
