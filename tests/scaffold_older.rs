//! Projects of earlier releases: their records of their kinds remain valid.

use crate::operator::Operator;
use std::fs;

const ELF: &str = "--group crew --version v1 --kind Elf";

/// Returns a project from the time when the plural of `Elf` was `elfs`, and was not recorded.
#[track_caller]
fn project() -> Operator {
    let project = Operator::scaffold("crew", &[&format!("create api {ELF} --plural elfs")]);
    edit(&project, "PROJECT", "  plural: elfs\n", "");
    edit(&project, ".pintle/scaffold.jsonl", r#""plural":"elfs","#, "");
    project
}

/// Replaces a text in a file.
#[track_caller]
fn edit(project: &Operator, path: &str, old: &str, new: &str) {
    let path = project.root().join(path);
    let text = fs::read_to_string(&path).expect("the file is scaffolded");
    assert!(text.contains(old), "{text}");
    fs::write(path, text.replace(old, new)).expect("the project can be changed");
}

#[track_caller]
fn is_fine(project: &Operator) {
    let said = project.stdout("project check");
    assert!(!said.contains("note") && !said.contains("problem"), "{said}");
    assert!(!said.contains("elves"), "{said}");
}

#[test]
fn a_plural_that_went_without_saying_is_that_of_the_definition() {
    let project = project();
    let before = fs::read(project.root().join("PROJECT")).expect("it is there");
    is_fine(&project);
    project.pintle("create api --group crew --version v1 --kind Captain");
    project.pintle("delete api --group crew --version v1 --kind Captain");
    // Nothing is added to an entry that a command does not concern.
    assert_eq!(fs::read(project.root().join("PROJECT")).expect("it is there"), before);

    project.pintle(&format!("create webhook {ELF} --validation"));
    project.pintle("create api --group crew --version v2 --kind Elf --controller=false");
    let definitions = project.root().join("config/crd/bases");
    let names = fs::read_dir(definitions)
        .expect("there are definitions")
        .map(|it| it.map(|it| it.file_name()));
    let names: Vec<_> = names.collect::<Result<_, _>>().expect("they can be listed");
    assert_eq!(names, ["elfs.crew.example.org.yaml"]);
    is_fine(&project);
    let said = project.pintle("project upgrade");
    assert!(said.contains("the plugins create the same files as before"), "{said}");
    project.pintle("delete api --group crew --version v2 --kind Elf");
    let said = project.pintle(&format!("delete api {ELF}"));
    assert!(!said.contains("warning"), "{said}");
    is_fine(&project);
    assert!(!project.root().join("src/controller/crew/elf.rs").exists());
}

#[test]
fn a_plural_without_a_definition_is_a_problem_with_the_way_on() {
    let kind = "--group crew --version v1 --kind Elf";
    let create = format!("create api {kind} --plural elfs --external-api-domain other.io");
    let project = Operator::scaffold("crew", &[&create]);
    edit(&project, "PROJECT", "  plural: elfs\n", "");
    edit(&project, ".pintle/scaffold.jsonl", r#""plural":"elfs","#, "");
    let out = project.problems();
    let expected = "has no permission to get, list, watch `elves`, only `elfs`; if that is its \
                    plural, add `plural: elfs` to its entry in PROJECT";
    assert!(out.contains(expected), "{out}");
    edit(&project, "PROJECT", "  kind: Elf\n", "  kind: Elf\n  plural: elfs\n");
    is_fine(&project);
}
