//! Projects that users edit: their changes are neither lost nor an obstacle.

use crate::operator::Operator;
use crate::support::copy_dir;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const CAPTAIN: &str = "create api --group crew --version v1 --kind Captain";
const GUARD: &str = "create webhook --group crew --version v1 --kind Captain --defaulting";

/// Operations on a project that leave nothing behind in the end.
const ROUND: [&str; 4] = [
    "create api --group crew --version v1 --kind Sailor",
    "create webhook --group crew --version v1 --kind Sailor --validation",
    "delete webhook --group crew --version v1 --kind Sailor --validation",
    "delete api --group crew --version v1 --kind Sailor",
];

/// Returns a project with an API and a webhook, as it was scaffolded.
fn project() -> Operator {
    static FIRST: OnceLock<Operator> = OnceLock::new();
    let first = FIRST.get_or_init(|| Operator::scaffold("crew", &[CAPTAIN, GUARD]));
    let copy = Operator::empty();
    copy_dir(&first.root(), &copy.root());
    copy
}

/// Returns the files of a project by path, except the record.
#[track_caller]
fn files(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("the project can be read") {
            let path = entry.expect("the project can be read").path();
            if path.is_dir() && !path.ends_with(".pintle") {
                dirs.push(path);
            } else if path.is_file() {
                let bytes = fs::read(&path).expect("the project can be read");
                let path = path.strip_prefix(root).expect("it is in the project").to_owned();
                found.insert(path, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    found
}

#[track_caller]
fn read(project: &Operator, path: &str) -> String {
    fs::read_to_string(project.root().join(path)).expect("the file is scaffolded")
}

#[track_caller]
fn write(project: &Operator, path: &str, text: &str) {
    fs::write(project.root().join(path), text).expect("the project can be changed");
}

/// Replaces a text that occurs once in a file.
#[track_caller]
fn replace(project: &Operator, path: &str, old: &str, new: &str) {
    let text = read(project, path);
    assert_eq!(text.matches(old).count(), 1, "{path}:\n{text}");
    write(project, path, &text.replace(old, new));
}

/// Runs commands in a project that the user has edited, and checks that the user's edits are kept.
#[track_caller]
fn check(edit: impl FnOnce(&Operator)) {
    let project = project();
    edit(&project);
    let before = files(&project.root());
    for line in ROUND {
        let said = project.pintle(line);
        assert!(!said.contains("warning"), "{line}:\n{said}");
        let said = project.stdout("project check");
        assert!(!said.contains("note") && !said.contains("problem"), "{line}:\n{said}");
    }
    let said = project.pintle("project upgrade");
    assert!(said.contains("the plugins create the same files as before"), "{said}");
    let after = files(&project.root());
    for (path, text) in &after {
        assert_eq!(before.get(path), Some(text), "{}", path.display());
    }
    assert!(before.keys().eq(after.keys()));
}

#[test]
fn nothing_is_left_of_what_was_deleted() {
    check(|_| {});
}

#[test]
fn a_dependency_of_the_users_is_no_obstacle() {
    check(|it| replace(it, "Cargo.toml", "tokio-util =", "uuid = \"1.0\"\ntokio-util ="));
    // As `cargo add` does, before the marker or after it.
    check(|it| {
        let marker = "# +pintle:scaffold:dependencies";
        replace(it, "Cargo.toml", marker, &format!("uuid = \"1.0\"\n{marker}\nzip = \"1.0\""));
    });
}

#[test]
fn rules_of_the_users_and_changed_verbs_are_no_obstacle() {
    let rule = "- apiGroups: [\"\"]\n  resources: [secrets]\n  verbs: [get]\n";
    let marker = "# +pintle:scaffold:rules";
    check(|it| replace(it, "config/rbac/role.yaml", marker, &format!("{rule}{marker}")));
    check(|it| replace(it, "config/rbac/role.yaml", "rules:\n", &format!("rules:\n{rule}")));
    check(|it| {
        let verbs = "  resources: [captains/status]\n  verbs: [get, patch]";
        replace(it, "config/rbac/role.yaml", verbs, &verbs.replace("[get", "[list, get"));
    });
    // A rule that all controllers share.
    check(|it| {
        let verbs = "  resources: [configmaps]\n  verbs: [create";
        replace(it, "config/rbac/role.yaml", verbs, &verbs.replace("[create", "[delete, create"));
    });
}

#[test]
fn nothing_is_left_in_project_of_a_type_of_others() {
    let project = project();
    let before = files(&project.root());
    for kind in
        ["--group core --version v1 --kind Pod", "--group apps --version v1 --kind Deployment"]
    {
        project.pintle(&format!("create webhook {kind} --validation"));
        project.pintle(&format!("delete webhook {kind}"));
        project.pintle(&format!("create api {kind} --resource=false"));
        project.pintle(&format!("create webhook {kind} --validation"));
        project.pintle(&format!("delete webhook {kind}"));
        assert!(read(&project, "PROJECT").contains("core: true"));
        project.pintle(&format!("delete api {kind}"));
        assert_eq!(files(&project.root()), before, "{kind}");
    }
    let said = project.refused(
        "create api --group cert-manager --version v1 --kind Issuer --external-api-domain io \
         --controller=false",
    );
    assert!(said.contains("neither a type nor a controller is requested"), "{said}");
}

#[test]
fn code_of_the_users_beside_markers_is_no_obstacle() {
    let marker = "        // +pintle:scaffold:controllers";
    check(|it| {
        replace(it, "src/main.rs", marker, &format!("        .controller(mine)\n{marker}"));
    });
    check(|it| {
        replace(it, "src/main.rs", marker, &format!("{marker}\n        .controller(mine)"));
    });
    check(|it| {
        write(it, "src/api/mine.rs", "");
        let text = read(it, "src/api/mod.rs") + "pub mod mine;\n";
        write(it, "src/api/mod.rs", &text);
    });
}

#[test]
fn definitions_and_samples_of_the_users_are_no_obstacle() {
    check(|it| {
        for (dir, marker) in [("crd", "crds"), ("samples", "samples")] {
            let path = format!("config/{dir}/kustomization.yaml");
            let marker = format!("# +pintle:scaffold:{marker}");
            write(it, &format!("config/{dir}/mine.yaml"), "apiVersion: v1\n");
            replace(it, &path, &marker, &format!("- mine.yaml\n{marker}"));
        }
    });
}

#[test]
fn lines_in_another_order_are_no_obstacle() {
    check(|it| {
        let text = read(it, "src/main.rs");
        let (server, controller) = (".server(", ".controller(");
        let line = |what: &str| text.lines().find(|it| it.contains(what)).unwrap_or_default();
        let swapped = text
            .replace(line(server), "[SERVER]")
            .replace(line(controller), line(server))
            .replace("[SERVER]", line(controller));
        write(it, "src/main.rs", &swapped);
    });
}

#[test]
fn what_was_moved_before_it_is_deleted_is_found() {
    let project = project();
    let before = files(&project.root());
    project.pintle(ROUND[0]);
    let text = read(&project, "src/main.rs");
    let line = text.lines().find(|it| it.contains("sailor::run")).expect("it is there");
    let first = text.lines().find(|it| it.contains("captain::run")).expect("it is there");
    let moved = text.replace(&format!("{line}\n"), "");
    write(&project, "src/main.rs", &moved.replace(first, &format!("{line}\n{first}")));
    let said = project.pintle(ROUND[3]);
    assert!(!said.contains("warning"), "{said}");
    assert_eq!(files(&project.root()), before);
}

#[test]
fn a_formatter_with_other_settings_is_no_obstacle() {
    for settings in ["hard_tabs = true", "max_width = 80", "max_width = 120"] {
        check(|it| format(it, settings));
    }
}

/// Formats the project as `cargo fmt` does.
#[track_caller]
fn format(project: &Operator, settings: &str) {
    write(project, "rustfmt.toml", &format!("{settings}\n"));
    let sources = ["src/main.rs", "src/lib.rs", "src/bin/crdgen.rs", "tests/cluster.rs"];
    project.run(Command::new("rustfmt").args(["--edition", "2024"]).args(sources));
}

#[test]
fn a_formatter_with_other_settings_is_no_obstacle_to_what_was_scaffolded_before() {
    for settings in ["hard_tabs = true", "max_width = 80", "max_width = 120"] {
        let expected = project();
        format(&expected, settings);
        let project = project();
        ROUND[..2].iter().for_each(|line| drop(project.pintle(line)));
        // Formatted immediately, or only by the tools of later commands.
        for is_formatted in [true, false] {
            let round = Operator::empty();
            copy_dir(&project.root(), &round.root());
            write(&round, "rustfmt.toml", &format!("{settings}\n"));
            if is_formatted {
                format(&round, settings);
            }
            let said = round.stdout("project check");
            assert!(!said.contains("note") && !said.contains("problem"), "{settings}:\n{said}");
            assert!(said.contains(" 0 changed since then"), "{settings}:\n{said}");
            let said = round.pintle("project upgrade");
            assert!(said.contains("the plugins create the same files as before"), "{said}");
            for line in &ROUND[2..] {
                let said = round.pintle(line);
                assert!(!said.contains("warning"), "{settings}: {line}:\n{said}");
            }
            let said = round.stdout("project check");
            assert!(!said.contains("note") && !said.contains("problem"), "{settings}:\n{said}");
            format(&round, settings);
            assert_eq!(files(&round.root()), files(&expected.root()), "{settings} {is_formatted}");
        }
    }
}

#[test]
fn a_checkout_with_the_line_endings_of_windows_keeps_them() {
    let crlf = |it: &Operator, path: &str| {
        let text = read(it, path);
        write(it, path, &text.replace('\n', "\r\n"));
    };
    check(|it| crlf(it, "src/main.rs"));
    check(|it| {
        let root = it.root();
        files(&root).keys().filter_map(|it| it.to_str()).for_each(|path| crlf(it, path));
    });
    let project = project();
    crlf(&project, "src/main.rs");
    project.pintle(ROUND[0]);
    let text = read(&project, "src/main.rs");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
}

#[test]
fn a_marker_is_found_however_its_comment_is_written() {
    check(|it| {
        replace(
            it,
            "src/main.rs",
            "// +pintle:scaffold:controllers",
            "//+pintle:scaffold:controllers",
        );
        let path = "config/rbac/role.yaml";
        replace(it, path, "# +pintle:scaffold:rules", "#   +pintle:scaffold:rules");
    });
}

#[test]
fn a_marker_that_was_removed_is_an_error_and_nothing_is_written() {
    let project = project();
    replace(&project, "src/main.rs", "        // +pintle:scaffold:controllers\n", "");
    let before = files(&project.root());
    let said = project.fails(ROUND[0]);
    assert!(said.contains("`src/main.rs` has no line `// +pintle:scaffold:controllers`"), "{said}");
    assert!(said.contains("put that line back"), "{said}");
    assert_eq!(files(&project.root()), before);
}

#[test]
fn lines_that_cannot_be_taken_out_are_told() {
    let project = project();
    project.pintle(ROUND[0]);
    let verbs = "  resources: [sailors/status]\n  verbs: [get, patch]";
    let path = "config/rbac/role.yaml";
    replace(&project, path, verbs, &verbs.replace("[get", "[list, get"));
    let text = read(&project, "src/controller/crew/sailor.rs");
    write(&project, "src/controller/crew/sailor.rs", &format!("{text}// Mine.\n"));
    let said = project.fails(ROUND[3]);
    assert!(
        said.contains(
            "these lines of `config/rbac/role.yaml` are kept, because you have changed them:"
        ),
        "{said}"
    );
    assert!(said.contains("verbs: [list, get, patch]"), "{said}");
    let left =
        "`src/controller/crew/sailor.rs` is left as it is: it has changed since it was scaffolded";
    assert!(said.contains(left), "{said}");
    assert!(!read(&project, "src/main.rs").contains("sailor"));
}

#[test]
fn lines_that_a_forced_command_takes_away_are_listed_first() {
    let project = project();
    let path = "src/controller/crew/captain.rs";
    let text = read(&project, path);
    write(&project, path, &format!("{text}// Mine.\n"));
    let forced = format!("{CAPTAIN} --force");
    for line in [format!("{forced} --dry-run"), forced] {
        let said = project.pintle(&line);
        let expected = format!("`{path}` is replaced, and these lines of yours are lost:");
        assert!(said.contains(&expected) && said.contains("    // Mine."), "{said}");
        assert!(!said.contains("src/main.rs"), "{said}");
    }
    assert_eq!(read(&project, path), text);
}

#[test]
fn a_forced_command_inserts_nothing_twice_however_it_is_formatted() {
    let project = project();
    format(&project, "max_width = 50");
    let paths = ["src/main.rs", "src/crd.rs", "src/webhook/mod.rs", "config/rbac/role.yaml"];
    let before = paths.map(|it| read(&project, it));
    assert!(before[0].contains(".controller(\n"), "{}", before[0]);
    for line in [CAPTAIN, GUARD] {
        project.pintle(&format!("{line} --force"));
    }
    assert_eq!(paths.map(|it| read(&project, it)), before);
}

#[test]
fn a_dependency_of_another_version_is_not_added_again() {
    check(|it| replace(it, "Cargo.toml", "json-patch = \"4.0\"", "json-patch = \"4.1\""));
}
