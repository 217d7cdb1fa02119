//! Tests of the universe.

use super::*;
use std::fs;

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
        Project::new(&["PROJECT", ".git/config", "sub/.git/config", "target/x", ".gitignore"]);
    let universe = project.universe();
    assert_eq!(universe.paths(Select::All).unwrap(), [".gitignore"]);
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
    assert_eq!(said, "`a/v1` adds `dangling`, which was on disk before");
}

#[test]
fn adding_what_is_there_is_a_conflict_that_names_both_sides() {
    let project = Project::new(&["README.md"]);
    let mut universe = project.universe();
    let said = refusal(&mut universe, "a/v1", add("README.md"));
    assert_eq!(said, "`a/v1` adds `README.md`, which was on disk before");
    universe.apply("a/v1", "init", add("LICENSE")).unwrap();
    let said = refusal(&mut universe, "b/v1", add("LICENSE"));
    assert_eq!(said, "`b/v1` adds `LICENSE`, which `a/v1` added before");
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
    changes.replace(&same, same.bytes());
    universe.apply("b/v1", "init", changes).unwrap();

    assert_eq!(summary(&universe), ["+LICENSE", "~README.md", "-gone"]);
    assert!(universe.nodes(Select::Path("gone")).unwrap().is_empty());
    let said = refusal(&mut universe, "c/v1", delete("gone"));
    assert_eq!(said, "`c/v1` deletes `gone`, which does not exist");
    universe.apply("c/v1", "init", delete("LICENSE")).unwrap();
    assert_eq!(summary(&universe), ["~README.md", "-gone"]);
}

#[test]
fn a_file_is_no_folder() {
    let project = Project::new(&["file", "folder/x"]);
    let mut universe = project.universe();
    let said = refusal(&mut universe, "a/v1", add("file/x"));
    assert_eq!(said, "`a/v1` adds `file/x`, but `file` is no folder");
    let said = refusal(&mut universe, "a/v1", add("folder"));
    assert_eq!(said, "`a/v1` adds `folder`, but `folder` is a folder");
    universe.apply("a/v1", "init", add("new/x")).unwrap();
    refusal(&mut universe, "a/v1", add("new"));
    refusal(&mut universe, "a/v1", add("new/x/y"));
}
