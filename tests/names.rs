//! Kinds, plurals and webhooks that contradict each other are refused; commands work from the
//! whole project; `project check` finds what PROJECT and the manifests do not agree on.

use crate::operator::Operator;
use crate::support::{Sandbox, built};
use expect_test::{Expect, expect};
use std::fs;

/// A sandbox with a project of the plugin `rust`, and more commands in it.
#[track_caller]
fn project(commands: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new().library("rust.so", &built("libpintle_plugin_rust.so"));
    let init = "init --domain example.org --plugins rust --project-name crew -q";
    for line in std::iter::once(init).chain(commands.iter().copied()) {
        let _ = sandbox.run(line.split(' ')).success();
    }
    sandbox
}

#[track_caller]
fn check(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

fn read(sandbox: &Sandbox, path: &str) -> String {
    fs::read_to_string(sandbox.work().join(path)).expect("it is scaffolded")
}

#[track_caller]
fn write(sandbox: &Sandbox, path: &str, text: &str) {
    fs::write(sandbox.work().join(path), text).expect("the sandbox is ours");
}

#[track_caller]
fn replace(sandbox: &Sandbox, path: &str, from: &str, to: &str) {
    let text = read(sandbox, path);
    assert!(text.contains(from), "{text}");
    write(sandbox, path, &text.replace(from, to));
}

const STAFF: &str = "create api --group crew --version v1 --kind Captain --plural kapitane -q";

#[test]
fn the_plural_belongs_to_the_kind() {
    let sandbox = project(&[STAFF]);
    check(
        &sandbox,
        &[
            "create api --group crew --version v2 --kind Captain --plural captains",
            "create webhook --group crew --version v1 --kind Captain --plural captains --defaulting",
            "create api --group crew --version v1 --kind Kapitane",
            "create api --group crew --version v1 --kind Cook --plural kapitane",
            "create api --group crew --version v2 --kind Captain --namespaced=false",
            "create api --group crew --version v2 --kind Captain -q",
            "create api --group crew --version v3 --kind Captain --plural kapitane -q",
        ],
        expect![[""]],
    );
    let definition = read(&sandbox, "config/crd/bases/kapitane.crew.example.org.yaml");
    for version in ["v1", "v2", "v3"] {
        assert!(definition.contains(&format!("    name: {version}\n")), "{definition}");
    }
    let files = fs::read_dir(sandbox.work().join("config/crd/bases")).expect("it is there");
    assert_eq!(files.count(), 1);
}

#[test]
fn a_definition_of_the_users_is_replaced_only_with_force() {
    let sandbox = project(&[]);
    let path = "config/crd/bases/captains.crew.example.org.yaml";
    fs::create_dir_all(sandbox.work().join("config/crd/bases")).expect("the sandbox is ours");
    write(&sandbox, path, "mine: true\n");
    check(&sandbox, &["create api --group crew --version v1 --kind Captain"], expect![[""]]);
    assert_eq!(read(&sandbox, path), "mine: true\n");
    let force = "create api --group crew --version v1 --kind Captain --force -q";
    let _ = sandbox.run(force.split(' ')).success();
    assert!(read(&sandbox, path).contains("plural: captains"));
}

#[test]
fn webhooks_that_contradict_others_are_refused_with_their_own_words() {
    let sandbox = project(&[
        "create api --group crew --version v1 --kind Captain -q",
        "create api --group crew --version v2 --kind Captain -q",
        "create webhook --group crew --version v1 --kind Captain --defaulting -q",
        "create webhook --group crew --version v1 --kind Captain --conversion --spoke v2 -q",
    ]);
    let create = |rest: &str| format!("create webhook --group crew {rest}");
    let lines = [
        create("--version v1 --kind Captain --defaulting"),
        create("--version v1 --kind Captain --defaulting --validation"),
        create("--version v1 --kind Captain --conversion --spoke v2"),
        create("--version v2 --kind Captain --conversion --spoke v1"),
        create("--version v1 --kind Captain --validation --spoke v2"),
        create("--version v1 --kind Captain --conversion --spoke v9 --force"),
        create("--version v9 --kind Captain --validation"),
        "create webhook --group apps --version v1 --kind Deployment --conversion".to_owned(),
        create("--version v1 --kind Captain --defaulting --skip-existing -q"),
        create("--version v1 --kind Captain --defaulting --force -q"),
    ];
    check(&sandbox, &lines.each_ref().map(String::as_str), expect![[""]]);
}

#[test]
fn apis_of_others_have_controllers_and_webhooks() {
    let sandbox = project(&[]);
    check(
        &sandbox,
        &[
            "create webhook --group core --version v1 --kind Pod --validation",
            "create api --group cert-manager --version v1 --kind Certificate \
             --external-api-domain io --resource=false -q",
            "create webhook --group cert-manager --version v1 --kind Certificate --validation -q",
            "create api --group cert-manager --version v1 --kind Issuer --external-api-domain io \
             --external-api-path cert_manager::v1 --external-api-module cert-manager@0.4 -q",
            "create webhook --group cert-manager --version v1 --kind Issuer --defaulting -q",
            "create api --group cert-manager --version v1 --kind Order --external-api-domain io \
             --resource",
            "create api --group core --version v1 --kind Pod --resource=false -q",
            "project show",
            "project check",
        ],
        expect![[""]],
    );
    assert!(read(&sandbox, "Cargo.toml").contains("cert-manager = \"0.4\"\n"));
    assert!(!sandbox.work().join("config/crd/bases").exists());
    let role = read(&sandbox, "config/rbac/role.yaml");
    assert!(role.contains("apiGroups: [\"cert-manager.io\"]\n  resources: [issuers]"), "{role}");
    assert!(!role.contains("cert-manager.example.org"), "{role}");
}

#[test]
fn every_command_works_from_a_subdirectory() {
    let sandbox = project(&["create api --group crew --version v1 --kind Captain -q"]);
    let script = r#"
        cd src/controller
        "$PINTLE" create api --group crew --version v1 --kind Cook --dry-run 2>&1 | head -2
        "$PINTLE" create api --group crew --version v1 --kind Cook -q
        "$PINTLE" create webhook --group crew --version v1 --kind Cook --validation -q
        "$PINTLE" delete webhook --group crew --version v1 --kind Cook -q
        "$PINTLE" edit -q
        "$PINTLE" project show | grep resource
        "$PINTLE" project blame mod.rs ../api/mod.rs 2>/dev/null || true
        "$PINTLE" project blame mod.rs
        "$PINTLE" project blame ../api/mod.rs
        "$PINTLE" project blame ../../.. || true
        "$PINTLE" project check
        "$PINTLE" project upgrade
        "$PINTLE" delete api --group crew --version v1 --kind Cook -q
        "$PINTLE" init || true
        "$PINTLE" init --help | head -1
        ls
    "#;
    expect![[""]].assert_eq(&sandbox.script(&[], script).to_string());
}

/// What is done to a project, and what `project check` then finds.
#[test]
fn check_finds_what_project_and_manifests_do_not_agree_on() {
    let definition = "config/crd/bases/captains.crew.example.org.yaml";
    let role = "config/rbac/role.yaml";
    let sandbox = project(&[
        "create api --group crew --version v1 --kind Captain -q",
        "create api --group crew --version v2 --kind Captain -q",
        "create api --group crew --version v1 --kind Cook -q",
        "create webhook --group crew --version v1 --kind Captain --defaulting --conversion -q",
    ]);
    let found = || {
        let output = sandbox.run(["project", "check"]);
        let is_found = |it: &&str| {
            !it.contains("rust.pintle.dev") && !it.contains(" were scaffolded") && !it.is_empty()
        };
        let lines: Vec<_> = output.stdout.lines().filter(is_found).map(str::trim).collect();
        format!("exit {}\n{}\n", output.code(), lines.join("\n"))
    };
    let mut said = found();
    for (path, from, to) in [
        (definition, "plural: captains", "plural: kapitane"),
        (definition, "kind: Captain", "kind: Kapitan"),
        (definition, "group: crew.example.org", "group: other.example.org"),
        (definition, "scope: Namespaced", "scope: Cluster"),
        (definition, "name: v2", "name: v3"),
        (definition, "strategy: Webhook", "strategy: None"),
        (role, "resources: [cooks]", "resources: [mates]"),
        (role, "verbs: [get, list, patch, update, watch]", "verbs: [get]"),
        ("config/webhook/mutating.yaml", "resources: [captains]", "resources: [cooks]"),
        ("config/webhook/mutating.yaml", "- name: mutate", "  - name: mutate"),
        ("PROJECT", "    conversion: true\n", ""),
        ("PROJECT", "    defaulting: true\n", ""),
        ("PROJECT", "  kind: Cook\n", "  kind: Cook\n  plural: captains\n"),
        ("PROJECT", "    defaulting: true\n", "    defaulting: true\n    spoke: [v9]\n"),
    ] {
        let before = read(&sandbox, path);
        replace(&sandbox, path, from, to);
        said += &format!("\n{path}: {} -> {}\n", from.trim(), to.trim());
        said += &found();
        write(&sandbox, path, &before);
    }
    fs::remove_file(sandbox.work().join(definition)).expect("it is scaffolded");
    said += &format!("\nno {definition}\n{}", found());
    expect![[""]].assert_eq(&said);
}

#[test]
fn an_older_file_is_shown_as_such_and_a_long_name_is_refused() {
    let sandbox = Sandbox::new().library("rust.so", &built("libpintle_plugin_rust.so"));
    let long = "n".repeat(57);
    let out = sandbox.run(["init", "--plugins", "rust", "--project-name", &long]);
    assert_eq!(out.code(), 2, "{out}");
    assert!(out.stderr.contains("it must be at most 56 lower-case letters"), "{out}");
    write(&sandbox, "PROJECT", "version: \"2\"\ndomain: example.org\n");
    check(&sandbox, &["project show"], expect![[""]]);
}

/// Kinds that are called like something that the templates use, that Rust has in its prelude,
/// or that the derives of kube and serde may use.
const KINDS: &[&str] = &[
    "Action",
    "Api",
    "Arc",
    "Body",
    "Box",
    "CancellationToken",
    "Clone",
    "Client",
    "Cleanup",
    "Condition",
    "Conditions",
    "ConfigMap",
    "Context",
    "Controller",
    "CustomResource",
    "Debug",
    "Default",
    "Deserialize",
    "DeserializeGuard",
    "Duration",
    "Err",
    "Error",
    "Event",
    "Finalizer",
    "Info",
    "Instant",
    "JsonSchema",
    "Key",
    "Kube",
    "Method",
    "Mod",
    "None",
    "Object",
    "ObjectMeta",
    "Ok",
    "Option",
    "OptionKind",
    "Parser",
    "PartialObjectMeta",
    "Patch",
    "PatchParams",
    "Queue",
    "Request",
    "Resource",
    "ResourceExt",
    "Response",
    "Result",
    "S",
    "Self",
    "Serialize",
    "Settings",
    "Some",
    "Spec",
    "State",
    "Status",
    "Stored",
    "Stream",
    "String",
    "Test",
    "Tests",
    "Type",
    "Vec",
    "Warnings",
    "Watch",
    "Work",
];

#[test]
fn no_kind_clashes_with_what_the_templates_use() {
    let mut commands = Vec::new();
    for kind in KINDS {
        // The plural is not the matter here: `Condition` and `Conditions` have one.
        let plural = format!("all{}", kind.to_lowercase());
        let version = format!("--group crew --version v1 --kind {kind}");
        commands.push(format!("create api {version} --plural {plural} -q"));
        if ["Event", "Option", "Result", "S", "Warnings"].contains(kind) {
            commands.push(format!("create webhook {version} --defaulting --validation -q"));
        }
    }
    for group in ["kube", "serde", "patch"] {
        commands.push(format!("create api --group {group} --version v1 --kind A -q"));
        commands
            .push(format!("create webhook --group {group} --version v1 --kind A --validation -q"));
    }
    for line in [
        "create webhook --group core --version v1 --kind Pod --defaulting --validation -q",
        "create api --group core --version v1 --kind Event --resource=false -q",
        "create api --group cert-manager --version v1 --kind Certificate --external-api-domain io -q",
        "create webhook --group cert-manager --version v1 --kind Certificate --defaulting \
         --validation -q",
    ] {
        commands.push(line.to_owned());
    }
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let operator = Operator::scaffold("clashes", &commands);
    operator.cargo(&["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]);
    operator.cargo(&["fmt", "--check"]);
}
