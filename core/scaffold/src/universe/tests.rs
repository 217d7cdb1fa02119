//! Tests of the universe.

use super::*;
use crate::commands::errors::Advice as _;
use std::fs;
use std::io;

struct Project(tempfile::TempDir);

impl Project {
    fn new(files: &[&str]) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        for file in files {
            let path = project.0.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        project
    }

    fn universe(&self) -> Universe {
        Universe::new(self.0.path())
    }
}

fn add(path: &str) -> ChangeSet {
    let mut changes = ChangeSet::new();
    changes.add(path, path);
    changes
}

fn delete(path: &str) -> ChangeSet {
    let mut changes = ChangeSet::new();
    changes.delete(path);
    changes
}

#[track_caller]
fn refusal(universe: &mut Universe, plugin: &str, changes: ChangeSet) -> String {
    universe.apply(plugin, "init", changes).unwrap_err().to_string()
}

fn summary(universe: &Universe) -> Vec<String> {
    let line = |it| match it {
        Change::Add(node) => format!("+{}", node.path()),
        Change::Replace { new, .. } => format!("~{}", new.path()),
        Change::Delete(node) => format!("-{}", node.path()),
    };
    universe.changes().unwrap().into_iter().map(line).collect()
}

#[test]
fn a_type_of_file_that_is_not_known_is_refused() {
    let project = Project::new(&["a"]);
    let mut universe = project.universe();
    for path in ["a", "link"] {
        let mut changes = add("b");
        changes.delete("a");
        // A symbolic link, according to stat(2).
        changes.add_node(Node::new(path, "elsewhere", 0o120_777));
        let expected =
            format!("`x/v1` adds `{path}` with a file type that this host does not support");
        assert_eq!(refusal(&mut universe, "x/v1", changes), expected);
        assert!(summary(&universe).is_empty());
    }
}

#[test]
fn selections_pick_nodes_of_disk_and_run() {
    let project = Project::new(&["src/main.rs", "src/api/v1.rs", "Cargo.toml"]);
    let mut universe = project.universe();
    universe.apply("a/v1", "init", add("src/lib.rs")).unwrap();
    let paths = |select| universe.paths(select).unwrap();
    assert_eq!(paths(Select::All), ["Cargo.toml", "src/api/v1.rs", "src/lib.rs", "src/main.rs"]);
    assert_eq!(paths(Select::Glob("src/*.rs")), ["src/lib.rs", "src/main.rs"]);
    assert_eq!(paths(Select::Glob("**/*.rs")), ["src/api/v1.rs", "src/lib.rs", "src/main.rs"]);
    assert_eq!(paths(Select::Plugin("a/v1")), ["src/lib.rs"]);
    assert_eq!(paths(Select::Path("src/main.rs")), ["src/main.rs"]);
    assert_eq!(paths(Select::Path("src")), [""; 0]);
    assert_eq!(paths(Select::Path("../x")), [""; 0]);
    assert!(universe.paths(Select::Glob("a[")).is_err());
}

#[test]
fn bytes_stay_bytes_and_know_their_origin() {
    let project = Project::new(&[]);
    fs::write(project.0.path().join("blob"), [0, 255, 254]).unwrap();
    let mut universe = project.universe();
    universe.apply("a/v1", "init", add("new")).unwrap();
    let nodes = universe.nodes(Select::All).unwrap();
    let [blob, new] = nodes.as_slice() else { panic!("two nodes: {nodes:?}") };
    assert_eq!((blob.bytes(), blob.plugin()), ([0, 255, 254].as_slice(), None));
    assert_eq!((new.plugin(), new.subcommand()), (Some("a/v1"), Some("init")));
}

#[test]
fn what_is_no_business_of_a_plugin_is_no_node() {
    let project =
        Project::new(&["PROJECT", ".git/config", "sub/.git/config", "target/x", ".gitkeep"]);
    let universe = project.universe();
    assert_eq!(universe.paths(Select::All).unwrap(), [".gitkeep"]);
    for path in ["PROJECT", ".git/config", "sub/.git/config", "target/x"] {
        assert!(universe.nodes(Select::Path(path)).unwrap().is_empty(), "{path}");
    }
}

#[cfg(unix)]
#[test]
fn links_and_sockets_are_no_nodes_and_harm_nobody() {
    use std::os::unix::fs::symlink;
    let outside = Project::new(&["secret"]);
    let project = Project::new(&["file"]);
    let root = project.0.path();
    symlink(outside.0.path(), root.join("out")).unwrap();
    symlink("file", root.join("link")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink(".", root.join("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let mut universe = project.universe();
    assert_eq!(universe.paths(Select::All).unwrap(), ["file"]);
    for path in ["out/secret", "link", "dangling", "socket", "loop/file"] {
        assert!(universe.nodes(Select::Path(path)).unwrap().is_empty(), "{path}");
    }
    let said = refusal(&mut universe, "a/v1", add("out/new"));
    assert_eq!(said, "invalid path `out/new`");
    let said = refusal(&mut universe, "a/v1", add("dangling"));
    assert_eq!(said, "`a/v1` adds `dangling`, but there is a symbolic link on disk");
    let said = refusal(&mut universe, "a/v1", add("socket"));
    assert_eq!(said, "`a/v1` adds `socket`, but there is a socket on disk");
    for path in ["link", "dangling", "socket"] {
        let said = refusal(&mut universe, "a/v1", delete(path));
        assert_eq!(said, format!("`a/v1` deletes `{path}`, which does not exist"));
    }
}

#[test]
fn adding_what_is_there_is_a_conflict_that_names_both_sides() {
    let project = Project::new(&["README.md"]);
    let mut universe = project.universe();
    let said = refusal(&mut universe, "a/v1", add("README.md"));
    assert_eq!(said, "`a/v1` adds `README.md`, which already exists");
    universe.apply("a/v1", "init", add("LICENSE")).unwrap();
    let said = refusal(&mut universe, "b/v1", add("LICENSE"));
    assert_eq!(said, "`b/v1` adds `LICENSE`, which `a/v1` has already added");
}

#[test]
fn a_later_plugin_replaces_what_it_deletes_first() {
    let project = Project::new(&["README.md", "gone", "same"]);
    let mut universe = project.universe();
    universe.apply("a/v1", "init", add("LICENSE")).unwrap();
    for path in ["LICENSE", "README.md"] {
        let mut changes = delete(path);
        changes.add(path, "new");
        universe.apply("b/v1", "init", changes).unwrap();
    }
    universe.apply("b/v1", "init", delete("gone")).unwrap();
    let same = universe.nodes(Select::Path("same")).unwrap().remove(0);
    let mut changes = ChangeSet::new();
    changes.put(&same, same.bytes());
    universe.apply("b/v1", "init", changes).unwrap();

    assert_eq!(summary(&universe), ["+LICENSE", "~README.md", "-gone"]);
    assert!(universe.nodes(Select::Path("gone")).unwrap().is_empty());
    let said = refusal(&mut universe, "c/v1", delete("gone"));
    assert_eq!(said, "`c/v1` deletes `gone`, which does not exist");
    universe.apply("c/v1", "init", delete("LICENSE")).unwrap();
    assert_eq!(summary(&universe), ["~README.md", "-gone"]);
}

#[test]
fn a_change_says_what_it_is() {
    let project = Project::new(&["edited", "put", "both", "readme"]);
    let mut universe = project.universe();
    let change = |universe: &mut Universe, path: &str, kind| {
        let node = Node::new(path, format!("{path}: {kind:?}"), 0o644);
        let changes = ChangeSet::from_parts(Vec::new(), vec![node.with_change(kind)]);
        universe.apply("a/v1", "init", changes).map_err(|err| err.to_string())
    };
    let kind =
        |universe: &Universe, path| universe.nodes(Select::Path(path)).unwrap().remove(0).change();
    for path in ["edited", "both"] {
        change(&mut universe, path, ChangeKind::Edit).unwrap();
        // An edit of an edit is still based on the file on disk.
        change(&mut universe, path, ChangeKind::Edit).unwrap();
        assert_eq!(kind(&universe, path), ChangeKind::Edit);
    }
    for path in ["put", "both"] {
        change(&mut universe, path, ChangeKind::Put).unwrap();
        // An edit of it is based on what the plugin has put there.
        change(&mut universe, path, ChangeKind::Edit).unwrap();
        assert_eq!(kind(&universe, path), ChangeKind::Put);
    }
    change(&mut universe, "new", ChangeKind::Put).unwrap();
    change(&mut universe, "new", ChangeKind::Edit).unwrap();
    assert_eq!(summary(&universe), ["~both", "~edited", "+new", "~put"]);

    let said = change(&mut universe, "missing", ChangeKind::Edit).unwrap_err();
    assert_eq!(said, "`a/v1` edits `missing`, which does not exist");
    let said = change(&mut universe, "edited", ChangeKind::Add).unwrap_err();
    assert_eq!(said, "`a/v1` adds `edited`, which `a/v1` has already added");
    let said = change(&mut universe, "readme", ChangeKind::Unknown).unwrap_err();
    assert_eq!(said, "`a/v1` changes `readme` in a way that this host does not support");
    assert_eq!(summary(&universe), ["~both", "~edited", "+new", "~put"]);
}

#[test]
fn a_formatter_makes_no_edit_anything_else() {
    let project = Project::new(&["edited", "put"]);
    let mut universe = project.universe();
    let mut changes = ChangeSet::new();
    let nodes = universe.nodes(Select::All).unwrap();
    changes.edit(&nodes[0], "edited").put(&nodes[1], "put");
    universe.apply("a/v1", "init", changes).unwrap();
    let mut formatted = ChangeSet::new();
    formatted.add("edited", "edited, formatted").add("put", "put, formatted");
    universe.replace_contents("a/v1", "init", formatted).unwrap();
    let kinds: Vec<_> = universe.nodes(Select::All).unwrap().iter().map(|it| it.change()).collect();
    assert_eq!(kinds, [ChangeKind::Edit, ChangeKind::Put]);
}

#[test]
fn a_file_is_no_folder() {
    let project = Project::new(&["file", "folder/x"]);
    let mut universe = project.universe();
    let said = refusal(&mut universe, "a/v1", add("file/x"));
    assert_eq!(said, "`a/v1` adds `file/x`, but `file` is not a directory");
    let said = refusal(&mut universe, "a/v1", add("folder"));
    assert_eq!(said, "`a/v1` adds `folder`, but `folder` is a directory");
    universe.apply("a/v1", "init", add("new/x")).unwrap();
    refusal(&mut universe, "a/v1", add("new"));
    refusal(&mut universe, "a/v1", add("new/x/y"));
}

/// Deletes and adds every node with the same bytes.
fn echo(universe: &Universe) -> ChangeSet {
    let mut changes = ChangeSet::new();
    for node in universe.nodes(Select::All).unwrap() {
        changes.delete(node.path());
        changes.add_node(Node::new(node.path(), node.bytes(), node.mode()));
    }
    changes
}

#[test]
fn ten_thousand_files_cost_nothing_until_somebody_looks() {
    let project = Project::new(&[]);
    for folder in 0..100 {
        let folder = project.0.path().join(format!("folder-{folder}"));
        fs::create_dir(&folder).unwrap();
        (0..100).for_each(|it| fs::write(folder.join(it.to_string()), "x").unwrap());
    }
    let mut universe = project.universe();
    let n_accesses = |it: &Universe| {
        it.files.disk.as_ref().unwrap().n_accesses.load(std::sync::atomic::Ordering::Relaxed)
    };
    assert!(universe.changes().unwrap().is_empty());
    assert!(universe.paths(Select::Plugin("a/v1")).unwrap().is_empty());
    assert_eq!(universe.paths(Select::Path("folder-1/1")).unwrap(), ["folder-1/1"]);
    universe.apply("a/v1", "edit", delete("folder-1/1")).unwrap();
    assert_eq!(n_accesses(&universe), 0);
    // A new name is compared with its siblings, and nothing else.
    universe.apply("a/v1", "edit", add("folder-2/new")).unwrap();
    assert_eq!(n_accesses(&universe), 2);
    universe.apply("a/v1", "edit", add("folder-2/newer")).unwrap();
    assert_eq!(n_accesses(&universe), 2);

    assert_eq!(universe.paths(Select::All).unwrap().len(), 10_001);
    assert_eq!(n_accesses(&universe), 2 + 101);
    assert_eq!(universe.nodes(Select::Glob("folder-3/*")).unwrap().len(), 100);
    assert_eq!(n_accesses(&universe), 2 + 101 + 100);
    assert_eq!(universe.all_nodes().unwrap().len(), 10_001);
    universe.all_nodes().unwrap();
    assert_eq!(n_accesses(&universe), 2 + 101 + 9_999);
}

#[test]
fn an_echo_changes_nothing() {
    let project = Project::new(&["src/main.rs", "README.md"]);
    let root = project.0.path();
    fs::write(root.join("logo.png"), b"\x89PNG\r\n\x1a\n\0\xff").unwrap();
    fs::write(root.join("latin1"), b"caf\xe9").unwrap();
    fs::write(root.join("crlf"), "a\r\nb\r\n").unwrap();
    fs::write(root.join("bare"), "no newline at the end").unwrap();
    fs::write(root.join("empty"), "").unwrap();
    // Names that a plugin could not create, but finds.
    for name in ["aux.c", "readme.md", "trailing.", "a:b"] {
        fs::write(root.join(name), name).unwrap();
    }
    let mut universe = project.universe();
    let n_nodes = universe.nodes(Select::All).unwrap().len();
    for plugin in ["a/v1", "b/v1"] {
        universe.apply(plugin, "edit", echo(&universe)).unwrap();
    }
    assert_eq!(universe.paths(Select::Plugin("b/v1")).unwrap().len(), n_nodes);
    assert_eq!(summary(&universe), [""; 0]);
}

#[cfg(unix)]
#[test]
fn an_echo_leaves_a_git_work_tree_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new(&["bin/run", "target/debug/x", "build/out", ".gitignore"]);
    let root = project.0.path();
    fs::write(root.join(".gitignore"), "/build/\n").unwrap();
    fs::set_permissions(root.join("bin/run"), fs::Permissions::from_mode(0o750)).unwrap();
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(args);
        let out = git.current_dir(root).output().unwrap();
        assert!(out.status.success(), "git {args:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    git(&["init", "-q"]);
    git(&["add", "bin", ".gitignore"]);
    git(&["commit", "-qm", "all"]);
    let mut universe = project.universe();
    assert_eq!(universe.paths(Select::All).unwrap(), [".gitignore", "bin/run"]);
    universe.apply("a/v1", "edit", echo(&universe)).unwrap();
    assert_eq!(summary(&universe), [""; 0]);
    let accessed = universe.files.disk.as_ref().unwrap();
    assert!(accessed.paths().iter().all(|it| !it.starts_with(".git/")));
    assert_eq!(git(&["fsck"]), "");
}

/// git's own answer is the reference.
#[test]
fn what_git_ignores_is_in_no_list() {
    let project = Project::new(&[
        "a.log",
        "keep.log",
        "sub/a.log",
        "sub/keep.log",
        "sub/deep/a.log",
        "sub/deep/b.txt",
        "build/x",
        "src/build/x",
        "docs/build",
        "tmp/a/b",
        "tmp/keep/c",
        "cache/x",
        "cache/keep",
        "foo/bar/x",
        "x/foo/bar/x",
        "a/one/b",
        "a/one/two/b",
        "a/b",
        "#hash",
        "!bang",
        "space ",
        "é.txt",
        "v1.o",
        "v2.o",
        "v3.o",
        "deep/er/only/x",
        "deep/only/x",
        "crlf",
    ]);
    let ignore = |folder: &str, text: &str| {
        fs::write(project.0.path().join(folder).join(".gitignore"), text).unwrap();
    };
    ignore(
        "",
        "# a comment\n*.log\n!keep.log\nbuild/\n/tmp/*\n!/tmp/keep/\ncache/\n!cache/keep\nfoo/bar\n\
         a/**/b\n\\#hash\n\\!bang\nspace\\ \nv[1-2].o\n?.txt\ncrlf\r\n\n   \n**/only/\n",
    );
    ignore("sub", "!a.log\n/keep.log\n");
    ignore("sub/deep", "a.log\n");
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        let out = git.args(args).current_dir(project.0.path()).output().unwrap();
        assert!(out.status.success(), "git {args:?}");
        out.stdout
    };
    git(&["init", "-q"]);
    let out = git(&["ls-files", "-z", "--others", "--exclude-per-directory=.gitignore"]);
    let mut expected: Vec<_> = out.split(|it| *it == 0).filter(|it| !it.is_empty()).collect();
    expected.sort_unstable();
    let universe = project.universe();
    let paths = universe.paths(Select::All).unwrap();
    assert_eq!(paths.iter().map(String::as_bytes).collect::<Vec<_>>(), expected);
    assert!(paths.iter().any(|it| it == "sub/a.log") && paths.iter().all(|it| it != "a.log"));
    assert!(universe.paths(Select::Glob("build/*")).unwrap().is_empty());
}

#[test]
fn an_ignored_file_is_there_for_who_asks_for_it() {
    let project = Project::new(&[".env", "build/x"]);
    fs::write(project.0.path().join(".gitignore"), ".env\nbuild\n").unwrap();
    let mut universe = project.universe();
    assert_eq!(universe.paths(Select::All).unwrap(), [".gitignore"]);
    for path in [".env", "build/x"] {
        assert_eq!(universe.nodes(Select::Path(path)).unwrap()[0].text().unwrap(), path);
        let said = refusal(&mut universe, "a/v1", add(path));
        assert_eq!(said, format!("`a/v1` adds `{path}`, which already exists"));
    }
    // What a plugin creates is visible to the next one.
    let mut changes = delete(".env");
    changes.add(".env", "new");
    universe.apply("a/v1", "edit", changes).unwrap();
    assert_eq!(universe.paths(Select::All).unwrap(), [".env", ".gitignore"]);
    assert_eq!(summary(&universe), ["~.env"]);
}

#[cfg(target_os = "linux")]
#[test]
fn fifos_devices_and_names_that_are_no_text_harm_nobody() {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    use std::os::unix::ffi::OsStrExt as _;
    let project = Project::new(&["file", "sub/file"]);
    let root = project.0.path();
    let fifo = |it: &str| mknodat(CWD, root.join(it), FileType::Fifo, Mode::RWXU, 0).unwrap();
    fifo("fifo");
    // Only root can create a device; this one is /dev/zero, which never ends.
    let device = root.join("device");
    let has_device =
        mknodat(CWD, device, FileType::CharacterDevice, Mode::RWXU, makedev(1, 5)).is_ok();
    // This would hang forever if it were opened.
    fifo("sub/.gitignore");
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "").unwrap();
    fs::write(root.join("back\\slash"), "").unwrap();
    let mut universe = project.universe();
    let nodes = universe.nodes(Select::All).unwrap();
    assert_eq!(nodes.iter().map(Node::path).collect::<Vec<_>>(), ["file", "sub/file"]);
    assert!(universe.nodes(Select::Path("fifo")).unwrap().is_empty());
    let said = refusal(&mut universe, "a/v1", add("fifo"));
    assert_eq!(said, "`a/v1` adds `fifo`, but there is a FIFO on disk");
    if has_device {
        let said = refusal(&mut universe, "a/v1", add("device"));
        assert_eq!(said, "`a/v1` adds `device`, but there is a device on disk");
    }

    // Neither is what replaces a file after it was listed.
    let universe = project.universe();
    universe.paths(Select::All).unwrap();
    fs::remove_file(root.join("file")).unwrap();
    fifo("file");
    let err = universe.nodes(Select::Glob("file")).unwrap_err();
    assert_eq!(err.to_string(), "failed to read `file`");
}

#[test]
fn the_hosts_own_folder_is_none_of_a_plugins_business() {
    let project = Project::new(&[".pintle/state", ".PINTLE/x", "sub/.pintle/x"]);
    let mut universe = project.universe();
    assert!(universe.paths(Select::All).unwrap().is_empty());
    for path in [".pintle/state", ".Pintle/new", ".pintle", "sub/.pintle/x"] {
        assert!(universe.paths(Select::Path(path)).unwrap().is_empty());
        assert_eq!(refusal(&mut universe, "a/v1", add(path)), format!("invalid path `{path}`"));
    }
}

#[test]
fn names_that_not_every_system_can_keep_are_refused() {
    let project = Project::new(&["README.md", "src/main.rs"]);
    let mut universe = project.universe();
    assert_eq!(refusal(&mut universe, "a/v1", add("src/nul.rs")), "invalid path `src/nul.rs`");
    for (path, other) in
        [("readme.MD", "README.md"), ("SRC/lib.rs", "src"), ("src/Main.rs", "src/main.rs")]
    {
        let said = refusal(&mut universe, "a/v1", add(path));
        assert_eq!(
            said,
            format!("`a/v1` adds `{path}`, which differs from `{other}` only in case")
        );
    }
    universe.apply("a/v1", "init", add("docs/Über.md")).unwrap();
    let said = refusal(&mut universe, "b/v1", add("docs/über.md"));
    assert_eq!(said, "`b/v1` adds `docs/über.md`, which differs from `docs/Über.md` only in case");
    // A file that is deleted first is not an obstacle.
    let mut changes = delete("README.md");
    changes.add("readme.md", "");
    universe.apply("b/v1", "init", changes).unwrap();
    assert_eq!(summary(&universe), ["-README.md", "+docs/Über.md", "+readme.md"]);
}

#[test]
fn a_change_set_holds_as_a_whole_or_not_at_all() {
    let project = Project::new(&["a", "b"]);
    let mut universe = project.universe();
    universe.apply("a/v1", "init", add("made")).unwrap();
    let paths = universe.paths(Select::All).unwrap();
    for in_memory in [false, true] {
        if in_memory {
            universe.all_nodes().unwrap();
        }
        let mut changes = delete("a");
        changes.delete("made").add("a", "new").add("sub/new", "").add("b", "clash");
        refusal(&mut universe, "b/v1", changes);
        assert_eq!(universe.paths(Select::All).unwrap(), paths);
        assert_eq!(universe.paths(Select::Plugin("a/v1")).unwrap(), ["made"]);
        assert_eq!(universe.all_nodes().unwrap().len(), 3);
        assert_eq!(summary(&universe), ["+made"]);
    }
}

#[test]
fn the_list_of_all_nodes_follows_every_change() {
    let names = ["a", "b/c", "b/d", "e", "f/g/h"];
    let nodes = names.map(|it| Node::new(it, it, pintle_plugin::MODE_FILE));
    let mut universe = Universe::from_nodes(nodes).unwrap();
    let mut changes = delete("b/c");
    changes.delete("e").delete("f/g/h").add("0", "").add("b/c", "new").add("b-", "").add("z", "");
    universe.apply("a/v1", "edit", changes).unwrap();
    let seen: Vec<_> = universe.all_nodes().unwrap().iter().map(Node::path).collect();
    assert_eq!(seen, ["0", "a", "b-", "b/c", "b/d", "z"]);
    assert_eq!(universe.paths(Select::All).unwrap(), seen);
    assert_eq!(universe.all_nodes().unwrap()[3].bytes(), b"new");
    assert_eq!(summary(&universe), ["+0", "+b-", "~b/c", "-e", "-f/g/h", "+z"]);
}

#[test]
fn a_universe_needs_no_disk() {
    let mut universe = Universe::empty();
    universe.apply("a/v1", "init", add("src/lib.rs")).unwrap();
    universe.apply("a/v1", "create api", add("src/api.rs")).unwrap();
    let origin =
        |plugin, subcommand| universe.paths(Select::Origin { plugin, subcommand }).unwrap();
    assert_eq!(origin("a/v1", "init"), ["src/lib.rs"]);
    assert_eq!(origin("a/v1", "create api"), ["src/api.rs"]);
    assert_eq!(origin("b/v1", "init"), [""; 0]);
    assert_eq!(summary(&universe), ["+src/api.rs", "+src/lib.rs"]);

    // The same files as the start of another run.
    let mut next = Universe::from_nodes(universe.all_nodes().unwrap().iter().cloned()).unwrap();
    assert_eq!(summary(&next), [""; 0]);
    assert_eq!(next.paths(Select::Plugin("a/v1")).unwrap().len(), 2);
    let said = refusal(&mut next, "b/v1", add("src/lib.rs"));
    assert_eq!(said, "`b/v1` adds `src/lib.rs`, which `a/v1` has already added");
    let said = refusal(&mut next, "b/v1", add("project"));
    assert_eq!(said, "`b/v1` adds `project`, which differs from `PROJECT` only in case");
    refusal(&mut next, "b/v1", add("Project/x"));
    let said = refusal(&mut next, "b/v1", add("PROJECT/x"));
    assert_eq!(said, "`b/v1` adds `PROJECT/x`, but `PROJECT` is not a directory");
    refusal(&mut next, "b/v1", add("src/lib.rs/x"));
    refusal(&mut next, "b/v1", add("src"));
    refusal(&mut next, "b/v1", add("Src/x"));
    refusal(&mut next, "b/v1", delete("nothing"));
    refusal(&mut next, "b/v1", add("../x"));
    let node = |it: &str| Node::new(it, "", pintle_plugin::MODE_FILE);
    for clash in [["a", "a"], ["a", "a/b"], ["a/b", "a"], ["a", "/b"], ["a", "PROJECT"]] {
        assert!(Universe::from_nodes(clash.map(node)).is_err(), "{clash:?}");
    }
}

#[test]
fn what_a_tool_changed_enters_without_conflicts() {
    let project = Project::new(&["on-disk", "same", "old"]);
    let mut universe = project.universe();
    universe.apply("a/v1", "init", add("made")).unwrap();
    universe.apply("a/v1", "init", add("kept")).unwrap();
    let mut changes = delete("old");
    changes.delete("gone already").add("made", "formatted").add("kept", "kept");
    let same = universe.nodes(Select::Path("same")).unwrap().remove(0);
    changes.add_node(same).add("on-disk", "formatted").add("generated/x", "");
    universe.replace_contents("b/v1", "init", changes).unwrap();
    assert_eq!(summary(&universe), ["+generated/x", "+kept", "+made", "-old", "~on-disk"]);
    let of_tool = ["generated/x", "made", "on-disk"];
    assert_eq!(universe.paths(Select::Plugin("b/v1")).unwrap(), of_tool);
    assert_eq!(universe.paths(Select::Plugin("a/v1")).unwrap(), ["kept"]);

    for path in ["../x", ".git/config", "PROJECT", "made/x"] {
        let mut changes = delete("made-up");
        changes.add("kept", "new").add("kept", "newer").add(path, "");
        assert!(universe.replace_contents("b/v1", "init", changes).is_err(), "{path}");
        assert_eq!(universe.nodes(Select::Path("kept")).unwrap()[0].bytes(), b"kept");
    }
}

/// Makes the listing of a directory fail, except the first `after` times.
fn unreadable_after(after: usize) -> pintle_host::fs::fault::Injected {
    let mut n = 0;
    pintle_host::fs::fault::inject(move |it| {
        n += usize::from(it == pintle_host::fs::Operation::List);
        let fails = it == pintle_host::fs::Operation::List && n > after;
        if fails { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    })
}

#[test]
fn a_folder_that_cannot_be_read_is_an_error_for_those_who_look_there() {
    let project = Project::new(&["src/main.rs", "data/b", "README.md"]);
    let universe = project.universe();
    // The project itself, `src` and then `data`.
    let fault = unreadable_after(2);
    let failed = |select| universe.paths(select).unwrap_err();
    let err = failed(Select::All);
    let expected = "failed to list the files of the project: `data` cannot be read";
    assert_eq!(err.to_string(), expected);
    assert_eq!(err.path(), Some("data"));
    assert!(std::error::Error::source(&err).is_some() && err.hint_text().is_some());
    for glob in ["**", "data/*", "d*/b"] {
        failed(Select::Glob(glob));
    }
    universe.all_nodes().unwrap_err();
    assert_eq!(universe.paths(Select::Glob("src/*.rs")).unwrap(), ["src/main.rs"]);
    assert_eq!(universe.paths(Select::Path("data/b")).unwrap(), ["data/b"]);

    // A new name cannot be compared with its siblings.
    let mut universe = project.universe();
    drop(fault);
    let _fault = unreadable_after(1);
    assert_eq!(refusal(&mut universe, "a/v1", add("data/c")), expected);
}

#[test]
fn what_is_on_disk_is_never_taken_for_missing_because_it_cannot_be_looked_at() {
    let project = Project::new(&["src/main.rs"]);
    let mut universe = project.universe();
    let fault = pintle_host::fs::fault::inject(|it| match it {
        pintle_host::fs::Operation::Find => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    });
    universe.paths(Select::Path("src/main.rs")).unwrap_err();
    for changes in [add("src/main.rs"), add("src/new.rs"), delete("src/main.rs")] {
        let said = refusal(&mut universe, "a/v1", changes);
        assert!(said.starts_with("failed to read `src"), "{said}");
    }
    drop(fault);
    assert!(universe.changes().unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn ignore_rules_that_are_a_fifo_are_no_rules_and_ones_that_cannot_be_read_an_error() {
    let project = Project::new(&["src/main.rs", "ignored"]);
    let rules = project.0.path().join(".gitignore");
    assert!(std::process::Command::new("mkfifo").arg(&rules).status().unwrap().success());
    assert_eq!(project.universe().paths(Select::All).unwrap(), ["ignored", "src/main.rs"]);
    fs::remove_file(&rules).unwrap();
    fs::write(&rules, "ignored\n").unwrap();
    assert_eq!(project.universe().paths(Select::All).unwrap(), [".gitignore", "src/main.rs"]);
    let _fault = pintle_host::fs::fault::inject(|it| match it {
        pintle_host::fs::Operation::Read => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    });
    let err = project.universe().paths(Select::All).unwrap_err();
    assert_eq!(err.path(), Some(".gitignore"));
}

#[test]
fn a_new_file_is_compared_with_few_of_those_beside_it() {
    let project = Project::new(&["src/there"]);
    let mut universe = project.universe();
    let n = 3000;
    let mut changes = ChangeSet::new();
    for idx in 0..n {
        changes.add(format!("src/{idx}"), "");
    }
    universe.apply("a/v1", "init", changes).unwrap();
    let n_compared = universe.files.names.n_compared;
    assert!(n_compared < 10 * n, "{n_compared} comparisons");
    assert_eq!(
        refusal(&mut universe, "b/v1", add("src/There")),
        "`b/v1` adds `src/There`, which differs from `src/there` only in case"
    );
}

#[test]
fn a_universe_that_begins_anew_is_one_of_the_same_files_without_an_origin() {
    let mut universe =
        Universe::from_nodes([Node::new("a", "1", 0o644), Node::new("b", "1", 0o644)]).unwrap();
    universe.all_nodes().unwrap();
    let mut changes = ChangeSet::new();
    changes.add("src/new", "1");
    changes.delete("a").delete("b");
    changes.add("b", "2");
    universe.apply("p/v1", "init", changes).unwrap();
    assert_eq!(universe.begin_anew().unwrap(), ["a"]);
    assert!(universe.changes().unwrap().is_empty());
    assert!(universe.nodes(Select::Plugin("p/v1")).unwrap().is_empty());
    let listed: Vec<_> = universe.all_nodes().unwrap().to_vec();
    for node in &listed {
        assert_eq!((node.plugin(), node.change()), (None, ChangeKind::Add));
        assert!(universe.nodes(Select::Path(node.path())).unwrap()[0].ptr_eq(node));
    }
    let paths: Vec<_> = listed.iter().map(Node::path).collect();
    assert_eq!(paths, ["b", "src/new"]);
    assert!(universe.begin_anew().unwrap().is_empty());
}
