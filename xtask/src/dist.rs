//! `cargo xtask dist --plugins`: first-party plugins as the files of a release.
//!
//! The same library always gives the same bytes: entries are sorted, and have no owner and no time
//! but `SOURCE_DATE_EPOCH`.

use crate::{cargo, check, minisign, plugins};
use anyhow::{Context, Result};
use pintle_host::PluginKey;
use pintle_host::catalog::{Rules, examine};
use pintle_host::fs::{Mode, replace};
use pintle_manager::Digest;
use pintle_manager::signature::{Bound, trusted_comment};
use pintle_plugin::manifest::Manifest;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tar::{Builder, EntryType, Header};

/// What the archives are called after their stem.
pub(crate) const SUFFIX: &str = ".tar.zst";
/// The file of an archive with the manifest of its plugin.
pub(crate) const MANIFEST: &str = "pintle-plugin.toml";
/// The file with the digests of all archives.
const SUMS: &str = "SHA256SUMS";
/// The file with the public key, which `plugin install` looks for.
const PUBLIC_KEY: &str = "minisign.pub";
/// The level of compression for a release: hosts unpack each level equally fast.
const LEVEL: i32 = 19;
/// The level for tests, which do not wait that long.
const QUICK_LEVEL: i32 = 3;

/// What to pack, and where to.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Pack the first-party plugins, an archive each
    #[arg(long, required = true)]
    plugins: bool,
    /// The folder of the files [default: target/dist]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Sign the archives with this secret key of minisign
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Pack this plugin alone, a folder of plugins/; can be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Build faster, and larger libraries
    #[arg(long)]
    debug: bool,
}

/// How an archive is made.
struct How {
    /// The time of all entries, in seconds since 1970.
    time: u64,
    level: i32,
}

/// A plugin to be packed.
struct Plugin {
    key: PluginKey,
    manifest: Manifest,
    library: PathBuf,
    /// The folder of its sources.
    folder: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let sources = plugins::choose(plugins::sources()?, &options.only)?;
    let mut args: Vec<_> = sources.iter().map(|it| format!("--package={}", it.package)).collect();
    args.extend((!options.debug).then(|| "--release".to_owned()));
    let artifacts = cargo::build(&args)?;
    let found =
        sources.iter().map(|it| Plugin::read(&cargo::library(&artifacts, &it.folder)?, &it.folder));
    let found = found.collect::<Result<Vec<_>>>()?;
    let out = match &options.out {
        Some(it) => it.clone(),
        None => cargo::target_dir()?.join("dist"),
    };
    fs::create_dir_all(&out).with_context(|| format!("failed to make `{}`", out.display()))?;
    let time = source_date(std::env::var_os("SOURCE_DATE_EPOCH").as_deref())?;
    let how = How { time, level: if options.debug { QUICK_LEVEL } else { LEVEL } };
    for plugin in &found {
        let path = pack(plugin, &cargo::root(), &out, &how)?;
        if let Some(key) = &options.key {
            plugin.sign(&path, key)?;
        }
        let size = plugins::human_size(fs::metadata(&path)?.len());
        println!("{}  {size}  {}", plugin.key, path.display());
    }
    if let Some(key) = &options.key {
        minisign::write_public_key(key, &out.join(PUBLIC_KEY))?;
    }
    write_sums(&out)?;
    Ok(ExitCode::SUCCESS)
}

impl Plugin {
    /// Reads what a library says of itself, and checks that a host takes it.
    fn read(library: &Path, folder: &Path) -> Result<Self> {
        let manifest = check::check(library)?;
        let examined = examine(library, &Rules::default())?;
        Ok(Self {
            key: examined.key,
            manifest,
            library: library.to_owned(),
            folder: folder.to_owned(),
        })
    }

    fn version(&self) -> Result<String> {
        let version = self.key.exact_version().context("a plugin's own key has a version")?;
        Ok(version.as_semver().to_string())
    }

    /// Returns the name of the archive without its suffix, as `plugin install` expects it.
    fn stem(&self) -> Result<String> {
        Ok(format!("{}-{}-{}", self.key.name().short(), self.version()?, self.manifest.target))
    }

    fn sign(&self, archive: &Path, key: &Path) -> Result<PathBuf> {
        let file = archive.file_name().and_then(OsStr::to_str).context("our names are text")?;
        let (name, version) = (self.key.name().to_string(), self.version()?);
        let target = &self.manifest.target;
        let bound = Bound { name: &name, version: &version, target, file };
        minisign::sign(key, archive, &trusted_comment(&bound))
    }
}

/// Packs a plugin into a folder; `root` is the folder that may have licences.
fn pack(plugin: &Plugin, root: &Path, out: &Path, how: &How) -> Result<PathBuf> {
    let stem = plugin.stem()?;
    let path = out.join(format!("{stem}{SUFFIX}"));
    let bytes = archive(&stem, &files(plugin, root)?, how)
        .with_context(|| format!("failed to pack `{stem}`"))?;
    replace(&path, &bytes, Mode::New(0o644))?;
    Ok(path)
}

/// Returns the files of an archive by their names, which sorts them.
fn files(plugin: &Plugin, root: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut paths = vec![plugin.library.clone()];
    for (folder, begin) in [(root, "LICENSE"), (&*plugin.folder, "README")] {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let is_meant = entry.file_name().to_str().is_some_and(|it| it.starts_with(begin));
            if is_meant && entry.file_type()?.is_file() {
                paths.push(entry.path());
            }
        }
    }
    let mut files = BTreeMap::new();
    for path in paths {
        let name = path.file_name().and_then(OsStr::to_str).context("our names are text")?;
        let bytes =
            fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
        files.insert(name.to_owned(), bytes);
    }
    files.insert(MANIFEST.to_owned(), toml::to_string(&plugin.manifest)?.into_bytes());
    Ok(files)
}

/// Returns an archive with one folder.
fn archive(top: &str, files: &BTreeMap<String, Vec<u8>>, how: &How) -> Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), how.level)?;
    encoder.include_checksum(true)?;
    let mut builder = Builder::new(encoder);
    builder.append(&header(&format!("{top}/"), EntryType::Directory, 0, how.time)?, &[][..])?;
    for (name, bytes) in files {
        let header = header(&format!("{top}/{name}"), EntryType::Regular, bytes.len(), how.time)?;
        builder.append(&header, &bytes[..])?;
    }
    Ok(builder.into_inner()?.finish()?)
}

fn header(path: &str, kind: EntryType, len: usize, time: u64) -> Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_entry_type(kind);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
    header.set_size(len as u64);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(header)
}

/// Returns the time of all entries, in seconds since 1970.
fn source_date(variable: Option<&OsStr>) -> Result<u64> {
    let Some(text) = variable else { return Ok(0) };
    let time = text.to_str().and_then(|it| it.parse().ok());
    time.with_context(|| format!("invalid `SOURCE_DATE_EPOCH`: `{}`", text.display()))
}

/// Writes the digests of all archives of a folder, also of those that were there before: machines
/// of several kinds build a release.
fn write_sums(out: &Path) -> Result<()> {
    let mut lines = BTreeMap::new();
    for path in archives(out)? {
        let name = path.file_name().and_then(OsStr::to_str).context("the names are text")?;
        lines.insert(name.to_owned(), Digest::of(&fs::read(&path)?).hex());
    }
    let text: String = lines.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    replace(&out.join(SUMS), text.as_bytes(), Mode::New(0o644))?;
    Ok(())
}

/// Returns the archives of a folder, sorted by name.
pub(crate) fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("failed to read the folder `{}`", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        if name.is_some_and(|it| it.ends_with(SUFFIX)) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pintle_manager::asset::{Wanted, choose};
    use pintle_manager::signature::{PublicKey, verify};
    use std::process::Command;
    use std::time::{Duration, SystemTime};

    /// Packs a plugin whose only code is a text, and returns the path of the archive.
    pub(crate) fn pack_text(manifest: &str, file: &str, text: &str, out: &Path) -> PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let plugin = plugin(folder.path(), manifest, file, text);
        pack(&plugin, folder.path(), out, &HOW).unwrap()
    }

    fn plugin(folder: &Path, manifest: &str, file: &str, text: &str) -> Plugin {
        let path = folder.join(file);
        fs::write(&path, text).unwrap();
        fs::write(folder.join("LICENSE-MIT"), "do as you like").unwrap();
        fs::write(folder.join("README.md"), "# It").unwrap();
        fs::write(folder.join("Cargo.toml"), "").unwrap();
        let manifest: Manifest = toml::from_str(manifest).unwrap();
        let key = format!("{}/{}", manifest.name, manifest.version).parse().unwrap();
        Plugin { key, manifest, library: path, folder: folder.to_owned() }
    }

    const HOW: How = How { time: 0, level: LEVEL };
    const LINUX: &str = "name = \"it.example.org\"\nversion = \"1.2.3-rc.1\"\n\
                         target = \"x86_64-unknown-linux-gnu\"\n";

    #[test]
    fn the_same_library_gives_the_same_bytes_wherever_and_whenever_it_is_packed() {
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let pack = |folder: &Path, age| {
            let plugin = plugin(folder, LINUX, "libit.so", "a library");
            let library = fs::File::options().write(true).open(&plugin.library).unwrap();
            library.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            let path = pack(&plugin, folder, folder, &HOW).unwrap();
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
        let out =
            Command::new("tar").args(["--utc", "--numeric-owner", "-tvf"]).arg(&path).output();
        let out = String::from_utf8(out.unwrap().stdout).unwrap();
        let top = "it-1.2.3-rc.1-x86_64-unknown-linux-gnu/";
        let lines: Vec<_> = out.lines().map(|it| it.split_whitespace().collect()).collect();
        let expected: Vec<Vec<&str>> =
            vec![vec!["drwxr-xr-x", "0/0", "0", "1970-01-01", "00:00", top]];
        assert_eq!(lines[..1], expected);
        let names =
            ["LICENSE-MIT", "README.md", "libit.so", MANIFEST].map(|it| format!("{top}{it}"));
        let rest: Vec<_> = lines[1..].iter().map(|it: &Vec<&str>| (it[0], it[1], it[5])).collect();
        assert_eq!(rest, names.each_ref().map(|it| ("-rw-r--r--", "0/0", it.as_str())));
    }

    #[test]
    fn the_manager_chooses_and_unpacks_what_is_packed() {
        let folder = tempfile::tempdir().unwrap();
        let targets =
            ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"];
        for target in targets {
            let manifest = LINUX.replace("x86_64-unknown-linux-gnu", target);
            let _ = pack_text(&manifest, "libit.so", target, folder.path());
        }
        write_sums(folder.path()).unwrap();
        let mut names: Vec<_> = archives(folder.path()).unwrap();
        names.extend(names.clone().iter().map(|it| it.with_extension("zst.minisig")));
        names.extend([SUMS, PUBLIC_KEY].map(|it| folder.path().join(it)));
        let names: Vec<_> =
            names.iter().map(|it| it.file_name().unwrap().to_str().unwrap()).collect();
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
    fn the_real_minisign_signs_what_the_manager_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let Some(key) = secret_key(folder.path()) else { return };
        let plugin = plugin(folder.path(), LINUX, "libit.so", "a library");
        let path = pack(&plugin, folder.path(), folder.path(), &HOW).unwrap();
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

    /// Makes a secret key without a password; `None` where there is no minisign.
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
    fn the_time_is_that_of_the_variable() {
        assert_eq!(source_date(None).unwrap(), 0);
        assert_eq!(source_date(Some("1795802521".as_ref())).unwrap(), 1_795_802_521);
        assert!(source_date(Some("now".as_ref())).is_err());
    }
}
