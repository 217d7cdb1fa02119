//! The fuzz targets: one function for each kind of foreign bytes.
//!
//! libFuzzer calls them with generated input, and the ordinary tests with the corpus. They fail by
//! panicking: invalid input must be an error, and valid input must stay unchanged.

use pintle::catalog::{Rules, SearchPath, VersionPattern, examine, library_file};
use pintle::cluster::{
    self, ApiAddress, ClusterName, Defaults, Filtered, Memory, NodeFilter, Pair, Privilege,
    Publish, Role, VolumeMount,
};
use pintle::scaffold::project::{check_domain, check_project_name};
use pintle::scaffold::{Record, Recovery, recover};
use pintle::{
    Catalog, Gvk, Identity, Manifest, PluginKey, PluginName, PluginVersion, ProjectFile,
    ProjectVersion, Resource,
};
use pintle_manager::archive::{Limits, unpack, without_top};
use pintle_manager::asset::{Wanted, choose, targets_of};
use pintle_manager::lockfile::{LockFile, Locked};
use pintle_manager::signature::{Bound, PublicKey, verify};
use pintle_manager::store::Receipt;
use pintle_plugin::manifest::NOTE_TYPE;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt::{Debug, Display};
use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::{NamedTempFile, TempDir};

/// A target: its name, and its function.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: &[Target] = &[
    ("archive", archive),
    ("asset", asset),
    ("cluster_file", cluster_file),
    ("image", library_image),
    ("index", index),
    ("journal", journal),
    ("lockfile", lockfile),
    ("manifest", manifest),
    ("project", project),
    ("record", record),
    ("signature", signature),
    ("values", values),
];

/// The bytes are an archive with a plugin.
fn archive(data: &[u8]) {
    let limits = Limits { n_entries: 64, file: 1 << 20, total: 4 << 20, ratio: 100 };
    let files = match unpack("archive", data, &limits) {
        Ok(files) => files,
        Err(err) => return drop((err.to_string(), err.reason.to_string())),
    };
    assert!(files.len() <= limits.n_entries);
    assert!(files.iter().all(|it| it.bytes.len() as u64 <= limits.file));
    assert!(files.iter().map(|it| it.bytes.len() as u64).sum::<u64>() <= limits.total);
    for files in [files.clone(), without_top(files)] {
        let paths: HashSet<_> = files.iter().map(|it| it.path.to_lowercase()).collect();
        assert_eq!(paths.len(), files.len(), "a path is there twice");
        for file in files {
            let mut components = Path::new(&file.path).components();
            assert!(components.all(|it| matches!(it, Component::Normal(_))), "{}", file.path);
        }
    }
}

/// The bytes are the names of a release's files, one per line; the first is the plugin's.
fn asset(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let plugin = lines.next();
    let names: Vec<_> = lines.collect();
    for target in ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"] {
        match choose(&names, &Wanted { target, plugin }) {
            Ok(choice) => assert!(names.get(choice.index).is_some()),
            Err(err) => drop(err.to_string()),
        }
    }
    for name in names {
        let _ = targets_of(name, plugin);
    }
}

/// The bytes are a lock file of plugins, or the receipt of one.
fn lockfile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(lock) = parse::<LockFile>(text) {
        let shown = lock.to_string();
        assert_eq!(parse::<LockFile>(&shown).expect("what was shown is read"), lock);
        assert_eq!(shown.parse::<LockFile>().expect("it was").to_string(), shown);
        // Each line belongs to one plugin, so a merge can be a union.
        let lines: Vec<_> = shown.lines().filter(|it| it.starts_with('"')).collect();
        let different: HashSet<_> = lines.iter().collect();
        assert_eq!(different.len(), lines.len());
        for (name, locked) in &lock.plugin {
            let mut targets = locked.targets.values();
            assert!(parse::<PluginName>(name).is_some());
            assert!(is_below(&locked.version) && targets.all(|it| is_below(&it.asset)));
        }
    }
    if let Some(receipt) = parse::<Receipt>(text) {
        assert_eq!(parse::<Receipt>(&receipt.to_string()), Some(receipt.clone()));
        assert!(receipt.key().is_some() && is_below(&receipt.version));
        assert!(is_below(&receipt.file) && is_below(&receipt.link) && !receipt.link.contains('/'));
        let lock = Locked::of(&receipt);
        assert!(lock.fits(&receipt, "x86_64-unknown-linux-gnu") || !receipt.targets.is_empty());
        let mut all = LockFile::default();
        all.plugin.insert(receipt.name.clone(), lock);
        assert_eq!(parse::<LockFile>(&all.to_string()).expect("what was shown is read"), all);
    }
}

fn is_below(path: &str) -> bool {
    let mut components = Path::new(path).components().peekable();
    components.peek().is_some() && components.all(|it| matches!(it, Component::Normal(_)))
}

/// The bytes are a public key and a signature, separated by a zero byte.
fn signature(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (key, signature) = text.split_once('\0').unwrap_or((text, ""));
    let Some(key) = parse::<PublicKey>(key) else { return };
    assert_eq!(parse::<PublicKey>(&key.to_string()), Some(key.clone()));
    let bound = Bound {
        name: "greeter.example.org",
        version: "v1.2.3",
        target: "x86_64-unknown-linux-gnu",
        file: "greeter.tar.gz",
    };
    let verified = verify(&key, b"a plugin\n", signature, bound.file);
    if let Err(err) = verified.and_then(|it| it.check(&bound)) {
        drop((err.to_string(), err.reason.to_string(), key.id()));
    }
    assert!(verify(&key, b"another plugin\n", signature, bound.file).is_err());
}

/// The bytes are a file in a plugin directory.
fn library_image(data: &[u8]) {
    let file = file_of(data);
    if let Ok(image) = library_file::open(file.path()) {
        let _ = (image.check_fit(), image.architecture().len(), image.manifests().len());
    }
    let _ = library_file::exports(file.as_file(), "pintle_root");
    let _ = library_file::lint(file.path(), "2.31".parse().ok());
    examine_file(file.path());
}

/// The bytes are a manifest in a library.
fn manifest(data: &[u8]) {
    examine_file(file_of(&elf(data)).path());
    let Ok(manifest) = Manifest::parse(data) else { return };
    let again = serde_json::to_vec(&manifest).expect("a manifest is JSON");
    assert_eq!(Manifest::parse(&again).expect("what was written is read"), manifest);
    let catalog = Catalog::from_manifests([manifest]);
    for entry in catalog.entries() {
        let _ = (entry.reason(), entry.commands().len(), entry.events().len());
        if let Some(key) = entry.key() {
            let _ = catalog.resolve(key, None);
        }
    }
}

fn examine_file(path: &Path) {
    match examine(path, &Rules::default()) {
        Ok(it) => drop(it.key.to_string()),
        Err(it) => drop(it.refusal.to_string()),
    }
}

/// The bytes are the differences between an index and one that the host wrote: first its length,
/// then offsets with what is added to the byte there.
fn index(data: &[u8]) {
    static FOLDER: LazyLock<Indexed> = LazyLock::new(Indexed::new);
    let Some((len, places)) = data.split_first_chunk() else { return };
    let mut bytes = FOLDER.bytes.clone();
    bytes.truncate(usize::from(u16::from_le_bytes(*len)));
    for place in places.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([place[0], place[1]]));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = byte.wrapping_add(place[2]);
        }
    }
    fs::write(&FOLDER.index, bytes).expect("the folder is ours");
    FOLDER.look();
}

/// A directory with enough plugins for an index.
struct Indexed {
    folder: TempDir,
    index: PathBuf,
    bytes: Vec<u8>,
}

impl Indexed {
    fn new() -> Self {
        let mut indexed = Self { folder: folder(), index: PathBuf::new(), bytes: Vec::new() };
        let plugins = indexed.folder.path().join("plugins");
        fs::create_dir(&plugins).expect("the folder is ours");
        for idx in 0..32 {
            let manifest = valid_manifest(&format!("p{idx}.example.org"));
            fs::write(plugins.join(format!("p{idx}.so")), elf(manifest.as_bytes()))
                .expect("the folder is ours");
        }
        // A file that has just changed does not count as known.
        std::thread::sleep(Duration::from_millis(3500));
        indexed.look();
        let found = find_file(&indexed.folder.path().join("cache"), "index");
        indexed.index = found.expect("the host has written an index");
        indexed.bytes = fs::read(&indexed.index).expect("the index can be read");
        indexed
    }

    /// Searches for the plugins, and reads everything that is known of each.
    fn look(&self) {
        let cache = self.folder.path().join("cache");
        let env = |name: &str| match name {
            "XDG_CACHE_HOME" => Some(cache.clone().into_os_string()),
            "PINTLE_PLUGIN_SYSTEM_PATH" => Some(OsString::new()),
            _ => None,
        };
        let folder = self.folder.path().join("plugins");
        let search = SearchPath::new(&Identity::default(), &[folder], &env);
        let catalog = Catalog::discover(&search, &[], &Rules::default());
        assert_eq!(catalog.entries().len(), 32);
        for entry in catalog.entries() {
            let _ = (entry.manifest().is_some(), entry.commands().len(), entry.reason());
        }
    }
}

/// Returns the first file with an extension, at any depth.
fn find_file(folder: &Path, extension: &str) -> Option<PathBuf> {
    let paths: Vec<_> = fs::read_dir(folder).ok()?.flatten().map(|it| it.path()).collect();
    paths.into_iter().find_map(|it| match it.is_dir() {
        true => find_file(&it, extension),
        false => it.extension().is_some_and(|it| it == extension).then_some(it),
    })
}

/// The bytes are a PROJECT file, and edits of it, each preceded by a zero byte: a letter and a
/// value.
fn project(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.split('\0');
    let text = parts.next().unwrap_or_default();
    let Ok(mut file) = ProjectFile::parse(text) else { return };
    if file.migrated_from().is_none() {
        assert_eq!(file.to_string(), text, "nothing was changed");
    }
    // An edit affects the whole file, so a few are as good as many.
    for edit in parts.take(8) {
        let before = file.clone();
        if edit_project(&mut file, edit).is_none() {
            assert_eq!(file.to_string(), before.to_string(), "a failed edit changes nothing");
            continue;
        }
        let again = ProjectFile::parse(&file.to_string()).expect("what was written is read");
        assert_eq!(again.info(), file.info());
        assert_eq!(again.layout(), file.layout());
    }
}

fn edit_project(file: &mut ProjectFile, edit: &str) -> Option<()> {
    let mut letters = edit.chars();
    let verb = letters.next()?;
    let value = letters.as_str();
    let words: Vec<_> = value.split('/').collect();
    let done = match (verb, words.as_slice()) {
        ('d', _) => file.set_domain(value),
        ('r', _) => file.set_repo(value),
        ('n', _) => file.set_project_name(value),
        ('v', _) => file.set_cli_version(value),
        ('m', _) => file.set_multigroup(value == "1"),
        ('l', _) => file.set_layout(&value.split(',').map(str::to_owned).collect::<Vec<_>>()),
        ('a', [group, version, kind]) => {
            let gvk = Gvk::new(group, file.domain(), version, kind).ok()?;
            file.put_resource(&Resource::new(gvk))
        }
        ('x', _) => {
            let gvk = file.resources().first()?.gvk().clone();
            file.remove_resource(&gvk)
        }
        ('p', [old, new]) => file.rename_plugin(old, new),
        ('c', [plugin, config @ ..]) => {
            file.set_config(plugin, serde_json::from_str(&config.join("/")).ok()?)
        }
        _ => return None,
    };
    done.ok()
}

/// The bytes are a project's record.
fn record(data: &[u8]) {
    let root = folder();
    write(root.path(), ".pintle/scaffold.jsonl", data);
    match Record::load(root.path()) {
        Ok(record) => {
            for file in record.files() {
                let _ = (file.content().is_ok(), file.by().len(), file.mode());
            }
            for it in record.commands() {
                assert!(record.command(&it.id).is_some());
            }
        }
        Err(err) => drop(err.to_string()),
    }
}

/// The bytes are the journal of a run that was killed.
fn journal(data: &[u8]) {
    let folder = folder();
    let root = folder.path().join("project");
    write(folder.path(), "outside", b"untouched");
    let files: [(&str, &[u8]); 8] = [
        ("PROJECT", b"old"),
        ("a.txt", b"old"),
        ("d/b.txt", b"old"),
        (".pintle/run/journal", data),
        (".pintle/run/0.new", b"new"),
        (".pintle/run/0.old", b"old"),
        (".pintle/run/1.new", b"new"),
        (".pintle/run/1.old", b"old"),
    ];
    for (path, bytes) in files {
        write(&root, path, bytes);
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", root.join("link")).expect("the folder is ours");
    if recover(&root).is_ok() {
        assert!(matches!(recover(&root), Ok(Recovery::Nothing)), "a recovery is whole");
    }
    let outside = fs::read_dir(folder.path()).expect("the folder is ours").count();
    assert_eq!(outside, 2, "a journal reaches out of the project");
    let text = fs::read(folder.path().join("outside")).expect("the file is ours");
    assert_eq!(text, b"untouched", "a journal reaches out of the project");
}

/// The bytes are a cluster file.
fn cluster_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let name = ClusterName::from_str("given").expect("it is a name");
    for name in [None, Some(&name)] {
        match cluster::parse_cluster_file(text, Path::new("/folder"), name, Defaults::default()) {
            Ok(file) => {
                assert!(name.is_none() || file.spec.is_none_or(|it| Some(&it.name) == name))
            }
            Err(err) => drop(err.to_string()),
        }
    }
}

/// The bytes are a value on the command line, or in a file.
fn values(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    round_trip::<PluginKey>(text);
    round_trip::<PluginName>(text);
    round_trip::<PluginVersion>(text);
    round_trip::<ProjectVersion>(text);
    round_trip::<VersionPattern>(text);
    round_trip::<ClusterName>(text);
    round_trip::<Privilege>(text);
    round_trip::<Role>(text);
    parse::<ApiAddress>(text);
    parse::<Filtered<String>>(text);
    parse::<Memory>(text);
    parse::<Pair>(text);
    parse::<Publish>(text);
    if let Some(mount) = parse::<VolumeMount>(text) {
        let _ = (mount.is_path(), mount.to_bind());
    }
    if let Some(filter) = parse::<NodeFilter>(text) {
        let _ = (filter.matches(Role::Server, 0), filter.matches(Role::Agent, usize::MAX));
    }
    let _ = (check_domain(text).is_ok(), check_project_name(text).is_ok());
    if let [group, domain, version, kind] = text.split('/').collect::<Vec<_>>()[..] {
        let _ = Gvk::new(group, domain, version, kind).map(|it| it.qualified_group());
    }
}

fn parse<T: FromStr<Err: Debug>>(text: &str) -> Option<T> {
    T::from_str(text).inspect_err(|err| drop(format!("{err:?}"))).ok()
}

fn round_trip<T: FromStr<Err: Debug> + Display + Debug + PartialEq>(text: &str) {
    if let Some(value) = parse::<T>(text) {
        assert_eq!(parse::<T>(&value.to_string()).expect("what was shown is read"), value);
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be created")
}

fn file_of(data: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file can be created");
    file.write_all(data).expect("the file is ours");
    file
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder is ours");
    fs::write(path, bytes).expect("the folder is ours");
}

/// Returns a manifest that this host accepts.
fn valid_manifest(name: &str) -> String {
    use pintle_plugin::manifest::{ABI_STABLE_VERSION, INTERFACE_VERSION, TARGET};
    serde_json::json!({
        "format": 1,
        "name": name,
        "version": "1.2.3",
        "abi": {
            "interface": INTERFACE_VERSION,
            "abi_stable": ABI_STABLE_VERSION,
            "panic": "unwind",
            "root": "pintle_root_it",
        },
        "target": TARGET,
        "host": "*",
        "project_versions": ["3"],
        "commands": [{"path": [name.replace('.', "-"), "go"], "about": "Go"}],
        "events": ["post-cluster-create"],
    })
    .to_string()
}

/// Returns the smallest ELF library for this processor with a manifest in a note.
fn elf(manifest: &[u8]) -> Vec<u8> {
    let len = u32::try_from(manifest.len()).expect("the manifest is small");
    let mut note = [7, len, NOTE_TYPE].map(u32::to_le_bytes).concat();
    note.extend(b"Pintle\0\0");
    note.extend(manifest);
    note.resize(note.len().next_multiple_of(4), 0);
    let strings = b"\0pintle_root_it\0";
    let start = (64 + 2 * 56 + strings.len()) as u64;
    let len = start + note.len() as u64;
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    bytes.extend([3u16, machine].iter().flat_map(|it| it.to_le_bytes()));
    bytes.extend(1u32.to_le_bytes());
    bytes.extend([0u64, 64, 0].iter().flat_map(|it| it.to_le_bytes()));
    bytes.extend(0u32.to_le_bytes());
    bytes.extend([64u16, 56, 2, 64, 0, 0].iter().flat_map(|it| it.to_le_bytes()));
    for (kind, offset, size) in [(1, 0, len), (4, start, note.len() as u64)] {
        bytes.extend([kind, 4].map(u32::to_le_bytes).concat());
        bytes.extend([offset, offset, offset, size, size, 4].map(u64::to_le_bytes).concat());
    }
    bytes.extend(strings);
    bytes.extend(note);
    bytes
}
