//! Kinds, plurals and webhooks that contradict each other are refused; commands work from anywhere
//! in the project; `project check` finds where PROJECT and the manifests disagree.

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
    fs::write(sandbox.work().join(path), text).expect("the sandbox is writable");
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
        expect![[r#"
            $ pintle create api --group crew --version v2 --kind Captain --plural captains
            --- stderr ---
            error: the plural of `crew.example.org/Captain` is `kapitane`, not `captains`: all versions of a kind share it
            hint: omit `--plural`, or use `--plural kapitane`
            [exit 2]
            $ pintle create webhook --group crew --version v1 --kind Captain --plural captains --defaulting
            --- stderr ---
            error: the plural of `crew.example.org/Captain` is `kapitane`, not `captains`: all versions of a kind share it
            hint: omit `--plural`, or use `--plural kapitane`
            [exit 2]
            $ pintle create api --group crew --version v1 --kind Kapitane
            --- stderr ---
            error: `crew.example.org/Kapitane` cannot have the name `kapitane`: the kind `Captain` of its group has it
            hint: choose another kind, or specify another plural with `--plural`
            [exit 2]
            $ pintle create api --group crew --version v1 --kind Cook --plural kapitane
            --- stderr ---
            error: `crew.example.org/Cook` cannot have the name `kapitane`: the kind `Captain` of its group has it
            hint: choose another kind, or specify another plural with `--plural`
            [exit 2]
            $ pintle create api --group crew --version v2 --kind Captain --namespaced=false
            --- stderr ---
            error: `Captain` is namespaced in its other versions
            hint: omit `--namespaced`
            [exit 2]
            $ pintle create api --group crew --version v2 --kind Captain -q
            [exit 0]
            $ pintle create api --group crew --version v3 --kind Captain --plural kapitane -q
            [exit 0]
        "#]],
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
    fs::create_dir_all(sandbox.work().join("config/crd/bases")).expect("the sandbox is writable");
    write(&sandbox, path, "mine: true\n");
    check(
        &sandbox,
        &["create api --group crew --version v1 --kind Captain"],
        expect![[r#"
        $ pintle create api --group crew --version v1 --kind Captain
        --- stderr ---
        error: `create api` failed in `rust.pintle.dev/v1.0.0` while scaffolding
          caused by: `rust.pintle.dev/v1.0.0` adds `config/crd/bases/captains.crew.example.org.yaml`, which already exists
        hint: use `--force` to overwrite `config/crd/bases/captains.crew.example.org.yaml`, or `--skip-existing` to keep it
        [exit 1]
    "#]],
    );
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
        create("--version v1 --kind Captain --defaulting --skip-existing"),
        create("--version v1 --kind Captain --defaulting --validation --skip-existing -q"),
        create("--version v1 --kind Captain --defaulting --force -q"),
    ];
    check(
        &sandbox,
        &lines.each_ref().map(String::as_str),
        expect![[r#"
            $ pintle create webhook --group crew --version v1 --kind Captain --defaulting
            --- stderr ---
            error: `crew.example.org/v1/Captain` already has a defaulting webhook
            hint: omit `--defaulting`, or use `--force` to scaffold it again
            [exit 1]
            $ pintle create webhook --group crew --version v1 --kind Captain --defaulting --validation
            --- stderr ---
            error: `crew.example.org/v1/Captain` already has a defaulting webhook
            hint: omit `--defaulting`, or use `--force` to scaffold it again
            [exit 1]
            $ pintle create webhook --group crew --version v1 --kind Captain --conversion --spoke v2
            --- stderr ---
            error: `crew.example.org/v1/Captain` already has a conversion webhook
            hint: omit `--conversion`, or use `--force` to scaffold it again
            [exit 1]
            $ pintle create webhook --group crew --version v2 --kind Captain --conversion --spoke v1
            --- stderr ---
            error: `v1` is already the version that `Captain` is converted to and from
            hint: delete the conversion webhook of `v1` first; each kind can have only one
            [exit 2]
            $ pintle create webhook --group crew --version v1 --kind Captain --validation --spoke v2
            --- stderr ---
            error: `--spoke` requires `--conversion`
            hint: add `--conversion`
            [exit 2]
            $ pintle create webhook --group crew --version v1 --kind Captain --conversion --spoke v9 --force
            --- stderr ---
            error: the project has no resource `crew.example.org/v9/Captain` to convert
            hint: run `pintle create api` for it first
            [exit 2]
            $ pintle create webhook --group crew --version v9 --kind Captain --validation
            --- stderr ---
            error: the project has no resource `crew.example.org/v9/Captain`
            hint: run `pintle project show` to list the project's resources
            [exit 1]
            $ pintle create webhook --group apps --version v1 --kind Deployment --conversion
            --- stderr ---
            error: cannot convert `apps/v1/Deployment`: the project does not define it
            hint: use `--conversion` only for kinds that the project defines
            [exit 2]
            $ pintle create webhook --group crew --version v1 --kind Captain --defaulting --skip-existing
            --- stderr ---
            error: `crew.example.org/v1/Captain` already has a defaulting webhook
            hint: omit `--defaulting`, or use `--force` to scaffold it again
            [exit 1]
            $ pintle create webhook --group crew --version v1 --kind Captain --defaulting --validation --skip-existing -q
            [exit 0]
            $ pintle create webhook --group crew --version v1 --kind Captain --defaulting --force -q
            [exit 0]
        "#]],
    );
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
        expect![[r#"
            $ pintle create webhook --group core --version v1 --kind Pod --validation
            ~ Cargo.toml
            + config/certmanager/certificate.yaml
            + config/certmanager/issuer.yaml
            + config/certmanager/kustomization.yaml
            + config/certmanager/kustomizeconfig.yaml
            ~ config/default/kustomization.yaml
            + config/default/webhook_patch.yaml
            + config/default/webhook_replacements.yaml
            ~ config/network-policy/kustomization.yaml
            + config/network-policy/webhooks.yaml
            + config/webhook/kustomization.yaml
            + config/webhook/service.yaml
            + config/webhook/validating.yaml
            ~ src/lib.rs
            ~ src/main.rs
            + src/patch.rs
            ~ src/settings.rs
            + src/webhook/core/mod.rs
            + src/webhook/core/v1/mod.rs
            + src/webhook/core/v1/pod_validation.rs
            + src/webhook/mod.rs
            ~ PROJECT
            --- stderr ---
            warning: `rustfmt --edition 2024 src/lib.rs src/main.rs src/patch.rs src/settings.rs src/webhook/core/mod.rs src/webhook/core/v1/mod.rs src/webhook/core/v1/pod_validation.rs src/webhook/mod.rs` of `rust.pintle.dev/v1.0.0` failed: No such file or directory (os error 2)
            [exit 0]
            $ pintle create api --group cert-manager --version v1 --kind Certificate --external-api-domain io --resource=false -q
            [exit 0]
            $ pintle create webhook --group cert-manager --version v1 --kind Certificate --validation -q
            [exit 0]
            $ pintle create api --group cert-manager --version v1 --kind Issuer --external-api-domain io --external-api-path cert_manager::v1 --external-api-module cert-manager@0.4 -q
            [exit 0]
            $ pintle create webhook --group cert-manager --version v1 --kind Issuer --defaulting -q
            [exit 0]
            $ pintle create api --group cert-manager --version v1 --kind Order --external-api-domain io --resource
            --- stderr ---
            error: cannot create the type of an API of another project
            hint: omit `--resource`, or the options `--external-api-…`
            [exit 2]
            $ pintle create api --group core --version v1 --kind Pod --resource=false -q
            [exit 0]
            $ pintle project show
            name      crew
            domain    example.org
            version   3
            plugin    rust.pintle.dev/v1.0.0
            resource  core/v1/Pod: controller, validation webhook, of Kubernetes
            resource  cert-manager.io/v1/Certificate: controller, validation webhook, of another project
            resource  cert-manager.io/v1/Issuer: controller, defaulting webhook, of another project
            command   1 init
            command   2 create webhook --group core --version v1 --kind Pod --validation
            command   3 create api --group cert-manager --version v1 --kind Certificate --external-api-domain io
            command   4 create webhook --group cert-manager --version v1 --kind Certificate --external-api-domain io --validation
            command   5 create api --group cert-manager --version v1 --kind Issuer --external-api-domain io --external-api-path cert_manager::v1 --external-api-module cert-manager@0.4
            command   6 create webhook --group cert-manager --version v1 --kind Issuer --external-api-domain io --external-api-path cert_manager::v1 --external-api-module cert-manager@0.4 --defaulting
            command   7 create api --group core --version v1 --kind Pod
            files     79 scaffolded
            [exit 0]
            $ pintle project check
            ok  rust.pintle.dev/v1.0.0  installed and compatible
            ok  files                   79 scaffolded, 0 changed since then
            ok  manifests               consistent with PROJECT
            ok  plugins                 would create the same files today
            [exit 0]
        "#]],
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
        "$PINTLE" create api --group crew --version v1 --kind Cook --dry-run 2>/dev/null | grep controller
        "$PINTLE" create api --group crew --version v1 --kind Cook -q
        "$PINTLE" create webhook --group crew --version v1 --kind Cook --validation -q
        "$PINTLE" delete webhook --group crew --version v1 --kind Cook -q
        "$PINTLE" edit -q
        "$PINTLE" project show | grep resource
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
    expect![[r#"
        + src/controller/crew/cook.rs
        ~ src/controller/crew/mod.rs
        resource  crew.example.org/v1/Captain: api, controller
        resource  crew.example.org/v1/Cook: api, controller
        PATH                   STATE      BY
        src/controller/mod.rs  unchanged  rust.pintle.dev/v1.0.0 (1 init), rust.pintle.dev/v1.0.0 (2 create api)
        PATH            STATE      BY
        src/api/mod.rs  unchanged  rust.pintle.dev/v1.0.0 (1 init), rust.pintle.dev/v1.0.0 (2 create api)
        ok  rust.pintle.dev/v1.0.0  installed and compatible
        ok  files                   68 scaffolded, 0 changed since then
        ok  manifests               consistent with PROJECT
        ok  plugins                 would create the same files today
        Start a project in the current directory
        crew
        mod.rs
        --- stderr ---
        the project is in `[SANDBOX]/desk`; all paths are relative to it
        the project is in `[SANDBOX]/desk`; all paths are relative to it
        the project is in `[SANDBOX]/desk`; all paths are relative to it
        the project is in `[SANDBOX]/desk`; all paths are relative to it
        error: `../../..` is not in the project
        the project is in `[SANDBOX]/desk`; all paths are relative to it
        the project is in `[SANDBOX]/desk`; all paths are relative to it
        the plugins create the same files as before
        error: the current directory is in the project `[SANDBOX]/desk`
        hint: start another project in a directory outside this project; all commands of a project also work in its subdirectories
        [exit 0]
    "#]].assert_eq(&sandbox.script(&[], script).to_string());
}

/// A change to a project, and the finding of `project check`.
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
            !it.contains("rust.pintle.dev") && !it.contains(" scaffolded, ") && !it.is_empty()
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
        let to = if to.is_empty() { "nothing" } else { to.trim() };
        said += &format!("\n{path}: {} -> {to}\n", from.trim());
        said += &found();
        write(&sandbox, path, &before);
    }
    fs::remove_file(sandbox.work().join(definition)).expect("it is scaffolded");
    said += &format!("\nno {definition}\n{}", found());
    expect![[r#"
        exit 0
        ok  manifests               consistent with PROJECT
        ok  plugins                 would create the same files today

        config/crd/bases/captains.crew.example.org.yaml: plural: captains -> plural: kapitane
        exit 1
        problem  config/crd/bases/captains.crew.example.org.yaml  its plural is `kapitane`, but in PROJECT, the plural of `Captain` is `captains`; correct the wrong one
        ok       plugins                                          would create the same files today

        config/crd/bases/captains.crew.example.org.yaml: kind: Captain -> kind: Kapitan
        exit 1
        problem  config/crd/bases/captains.crew.example.org.yaml  the definition of `crew.example.org/v1/Captain` is missing
        problem  config/crd/bases/captains.crew.example.org.yaml  its kind is `Kapitan`, but in PROJECT, the kind of `captains` is `Captain`
        ok       plugins                                          would create the same files today

        config/crd/bases/captains.crew.example.org.yaml: group: crew.example.org -> group: other.example.org
        exit 1
        problem  config/crd/bases/captains.crew.example.org.yaml  the definition of `crew.example.org/v1/Captain` is missing
        ok       plugins                                          would create the same files today

        config/crd/bases/captains.crew.example.org.yaml: scope: Namespaced -> scope: Cluster
        exit 1
        problem  config/crd/bases/captains.crew.example.org.yaml  its scope is `Cluster`, but `Namespaced` in PROJECT
        ok       plugins                                          would create the same files today

        config/crd/bases/captains.crew.example.org.yaml: name: v2 -> name: v3
        exit 1
        problem  config/crd/bases/captains.crew.example.org.yaml  it does not have version `v2` of `Captain`, but PROJECT does
        problem  config/crd/bases/captains.crew.example.org.yaml  it has version `v3` of `Captain`, but PROJECT does not
        ok       plugins                                          would create the same files today

        config/crd/bases/captains.crew.example.org.yaml: strategy: Webhook -> strategy: None
        exit 1
        problem  config/crd/bases/captains.crew.example.org.yaml  it does not have a conversion webhook for `Captain`, but PROJECT does
        ok       plugins                                          would create the same files today

        config/rbac/role.yaml: resources: [cooks] -> resources: [mates]
        exit 1
        problem  config/rbac/role.yaml   the controller of `crew.example.org/v1/Cook` has no permission to get, list, watch `cooks`
        ok       plugins                 would create the same files today

        config/rbac/role.yaml: verbs: [get, list, patch, update, watch] -> verbs: [get]
        exit 1
        problem  config/rbac/role.yaml   the controller of `crew.example.org/v1/Captain` has no permission to list, watch `captains`
        problem  config/rbac/role.yaml   the controller of `crew.example.org/v1/Cook` has no permission to list, watch `cooks`
        ok       plugins                 would create the same files today

        config/webhook/mutating.yaml: resources: [captains] -> resources: [cooks]
        exit 1
        problem  config/webhook                the configuration of the defaulting webhook of `crew.example.org/v1/Captain` is missing
        problem  config/webhook/mutating.yaml  it has a defaulting webhook of `crew.example.org/v1/Cook`, but PROJECT does not
        ok       plugins                       would create the same files today

        config/webhook/mutating.yaml: - name: mutate -> - name: mutate
        exit 1
        problem  config/webhook/mutating.yaml  invalid YAML: line 9 column 3: while parsing a block collection, did not find expected '-' indicator
        problem  config/webhook                the configuration of the defaulting webhook of `crew.example.org/v1/Captain` is missing
        ok       plugins                       would create the same files today

        PROJECT: conversion: true -> nothing
        exit 1
        problem  config/crd/bases/captains.crew.example.org.yaml  it has a conversion webhook for `Captain`, but PROJECT does not
        ok       plugins                                          would create the same files today

        PROJECT: defaulting: true -> nothing
        exit 1
        problem  config/webhook/mutating.yaml  it has a defaulting webhook of `crew.example.org/v1/Captain`, but PROJECT does not
        ok       plugins                       would create the same files today

        PROJECT: kind: Cook -> kind: Cook
          plural: captains
        exit 1
        problem  PROJECT                                       `crew.example.org/Captain` cannot have the name `captains`: the kind `Cook` of its group has it
        problem  PROJECT                                       `crew.example.org/Cook` cannot have the name `captains`: the kind `Captain` of its group has it
        problem  config/crd/bases/cooks.crew.example.org.yaml  its plural is `cooks`, but in PROJECT, the plural of `Cook` is `captains`; correct the wrong one
        problem  config/webhook/mutating.yaml                  it has a defaulting webhook of `crew.example.org/v1/Cook`, but PROJECT does not
        ok       plugins                                       would create the same files today

        PROJECT: defaulting: true -> defaulting: true
            spoke: [v9]
        exit 1
        problem  PROJECT                 `crew.example.org/v1/Captain` is converted to `v9`, which does not exist
        ok       plugins                 would create the same files today

        no config/crd/bases/captains.crew.example.org.yaml
        exit 1
        note     config/crd/bases/captains.crew.example.org.yaml  has been deleted since it was scaffolded
        problem  config/crd/bases/captains.crew.example.org.yaml  the definition of `crew.example.org/v1/Captain` is missing
        ok       plugins                                          would create the same files today
    "#]].assert_eq(&said);
}

#[test]
fn what_another_tool_generates_is_only_noted() {
    let sandbox = project(&["create api --group crew --version v1 --kind Captain -q"]);
    fs::remove_file(sandbox.work().join(".pintle/scaffold.jsonl")).expect("it is there");
    replace(&sandbox, "config/rbac/role.yaml", "resources: [captains]", "resources: [mates]");
    check(
        &sandbox,
        &["project check"],
        expect![[r#"
        $ pintle project check
        ok    rust.pintle.dev/v1.0.0  installed and compatible
        note  PROJECT                 there is no record of how the project was scaffolded: `delete` and `project upgrade` cannot work
        note  config/rbac/role.yaml   the controller of `crew.example.org/v1/Captain` has no permission to get, list, watch `captains`
        [exit 0]
    "#]],
    );
}

#[test]
fn an_older_file_is_shown_as_such_and_a_long_name_is_refused() {
    let sandbox = Sandbox::new().library("rust.so", &built("libpintle_plugin_rust.so"));
    let long = "n".repeat(57);
    let out = sandbox.run(["init", "--plugins", "rust", "--project-name", &long]);
    assert_eq!(out.code(), 2, "{out}");
    assert!(out.stderr.contains("it must be at most 56 lower-case letters"), "{out}");
    write(&sandbox, "PROJECT", "version: \"2\"\ndomain: example.org\n");
    check(
        &sandbox,
        &["project show"],
        expect![[r#"
        $ pintle project show
        name     desk
        domain   example.org
        version  2; the first change converts it to 3
        plugin   go.kubebuilder.io/v2
        files    0 scaffolded
        [exit 0]
    "#]],
    );
}

#[test]
fn a_licence_names_the_authors_of_a_project_without_a_name() {
    let sandbox = Sandbox::new()
        .library("rust.so", &built("libpintle_plugin_rust.so"))
        .library("license.so", &built("libpintle_plugin_license.so"));
    let _ = sandbox.run("init --plugins rust -q".split(' ')).success();
    replace(&sandbox, "PROJECT", "projectName: desk\n", "");
    let _ = sandbox.run("edit --plugins license -q".split(' ')).success();
    assert!(read(&sandbox, "src/main.rs").contains("The desk authors"));
    assert!(!read(&sandbox, "PROJECT").contains("projectName"));
}

/// Kinds with names that the templates use, that are in Rust's prelude, or that the derives of kube
/// and serde may use.
const KINDS: &[&str] = &[
    "T",
    "K",
    "E",
    "D",
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
        // The plural does not matter here: `Condition` and `Conditions` have the same one.
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
