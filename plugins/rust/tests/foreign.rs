//! APIs that the project does not define: those of Kubernetes and of other projects; and
//! definitions that the plugin has not written.

use pintle_plugin::Resource;
use pintle_plugin::testing::{self, Scaffolded};

type Made = Result<Scaffolded, testing::Error>;

fn init() -> Scaffolded {
    let made = testing::scaffold(pintle_plugin_rust::plugin(), "init").run();
    made.expect("an empty directory takes a project")
}

fn run(subcommand: &str, before: &Scaffolded, change: impl FnOnce(&mut Resource)) -> Made {
    let test = testing::scaffold(pintle_plugin_rust::plugin(), subcommand).following(before);
    test.resource(|it| {
        (it.api, it.controller) = (false, subcommand == "create api");
        change(it);
    })
    .run()
}

fn certificate(it: &mut Resource) {
    (it.group, it.version, it.kind) = ("cert-manager".into(), "v1".into(), "Certificate".into());
    (it.domain, it.external, it.plural) = ("io".into(), true, "certificates".into());
}

#[test]
fn a_type_of_another_project_comes_from_where_the_user_says() {
    for (path, module, code, dependency) in [
        ("cert_manager::v1", "", "cert_manager::v1", None),
        (
            "cert_manager::v1",
            "cert-manager@0.4",
            "cert_manager::v1",
            Some("cert-manager = \"0.4\""),
        ),
        ("", "cert-manager", "cert_manager", Some("cert-manager = \"*\"")),
        ("crate::certificates", "", "crate::certificates", None),
        ("", "", "crate::api::cert_manager::v1::certificate", None),
    ] {
        let made = run("create api", &init(), |it| {
            certificate(it);
            (it.path, it.module) = (path.into(), module.into());
        })
        .unwrap();
        let controller = made.text("src/controller/cert_manager/certificate.rs");
        assert!(controller.contains(&format!("use {code} as api;\n")), "{controller}");
        assert!(controller.contains("DeserializeGuard<api::Certificate>"), "{controller}");
        let manifest = made.text("Cargo.toml");
        assert_eq!(manifest.contains("cert-manager"), dependency.is_some(), "{manifest}");
        assert!(manifest.contains(dependency.unwrap_or_default()), "{manifest}");
        // The domain alone decides the group, and the project defines nothing.
        assert!(made.text("config/rbac/role.yaml").contains("apiGroups: [\"cert-manager.io\"]"));
        assert!(!made.files.keys().any(|it| it.starts_with("config/crd/bases")));
        assert!(!made.text("src/crd.rs").contains("Certificate"));
        let own = made.files.contains_key("src/api/cert_manager/v1/certificate.rs");
        assert_eq!(own, path.is_empty() && module.is_empty());
        let is_missing = path == "cert_manager::v1" && module.is_empty();
        assert_eq!(made.log.iter().any(|it| it.1.contains("add it")), is_missing, "{:?}", made.log);
    }
}

#[test]
fn a_dependency_that_is_there_is_not_added_again() {
    let before = init();
    let manifest = before.text("Cargo.toml");
    for line in ["cert-manager = { version = \"0.3\" }", "cert_manager.version = \"0.3\""] {
        let manifest = manifest.replace("[dependencies]\n", &format!("[dependencies]\n{line}\n"));
        let test = testing::scaffold(pintle_plugin_rust::plugin(), "create api").following(&before);
        let made = test.file("Cargo.toml", manifest.clone()).resource(|it| {
            certificate(it);
            (it.api, it.module) = (false, "cert-manager@0.4".into());
        });
        assert_eq!(made.run().unwrap().text("Cargo.toml"), manifest);
    }
}

#[test]
fn paths_and_packages_that_are_not_of_rust_are_refused() {
    for (path, module, expected) in [
        (
            "github.com/a/b",
            "",
            "invalid Rust path `github.com/a/b`: use a path such as `cert_manager::v1`",
        ),
        (
            "",
            "github.com/a/b@v1",
            "invalid package `github.com/a/b@v1`: use a package such as `cert-manager@0.4`",
        ),
        ("a", "b@1\"", "invalid package `b@1\"`: use a package such as `cert-manager@0.4`"),
    ] {
        let err = run("create api", &init(), |it| {
            certificate(it);
            (it.path, it.module) = (path.into(), module.into());
        });
        assert_eq!(err.unwrap_err().to_string(), expected);
    }
}

#[test]
fn types_of_kubernetes_have_webhooks_without_an_api() {
    for (group, domain, kind, plural, code, group_of_rules) in [
        ("core", "", "Pod", "pods", "k8s_openapi::api::core::v1", "\"\""),
        ("apps", "", "Deployment", "deployments", "k8s_openapi::api::apps::v1", "apps"),
        (
            "apiextensions",
            "k8s.io",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            "k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1",
            "apiextensions.k8s.io",
        ),
    ] {
        let made = run("create webhook", &init(), |it| {
            (it.group, it.domain, it.version) = (group.into(), domain.into(), "v1".into());
            (it.kind, it.plural, it.core) = (kind.into(), plural.into(), true);
            (it.webhooks.defaulting, it.webhooks.validation) = (true, true);
        })
        .unwrap();
        let sources: Vec<_> = made
            .added
            .iter()
            .filter(|it| it.starts_with(&format!("src/webhook/{group}/")))
            .collect();
        assert_eq!(sources.len(), 4, "{sources:?}");
        for source in sources.iter().filter(|it| !it.ends_with("mod.rs")) {
            let text = made.text(source);
            assert!(text.contains(&format!("use {code} as api;\n")), "{text}");
            assert!(text.contains(&format!("api::{kind}")) && !text.contains("spec"), "{text}");
        }
        let manifest = made.text("config/webhook/mutating.yaml");
        assert!(manifest.contains(&format!("apiGroups: [{group_of_rules}]\n")), "{manifest}");
        assert!(manifest.contains(&format!("resources: [{plural}]")), "{manifest}");
        // The pods of the operator must not wait for the operator.
        assert!(manifest.contains("operator: NotIn\n      values: [demo]\n"), "{manifest}");
    }
}

#[test]
fn webhooks_of_another_projects_type_need_no_controller() {
    let made = run("create webhook", &init(), |it| {
        certificate(it);
        it.webhooks.validation = true;
    })
    .unwrap();
    assert!(made.files.contains_key("src/api/cert_manager/v1/certificate.rs"));
    let text = made.text("src/webhook/cert_manager/v1/certificate_validation.rs");
    assert!(text.contains("use crate::api::cert_manager::v1::certificate as api;\n"), "{text}");
    let err = run("create webhook", &init(), |it| {
        certificate(it);
        it.webhooks.conversion = true;
    });
    let err = err.unwrap_err().to_string();
    assert_eq!(err, "cannot convert `Certificate`: the project does not define it");
}

#[test]
fn a_definition_that_the_plugin_has_not_written_is_not_replaced() {
    let path = "config/crd/bases/captains.crew.example.org.yaml";
    let create = |text: &str, version: &str, before: &Scaffolded, force: bool| {
        testing::scaffold(pintle_plugin_rust::plugin(), "create api")
            .following(before)
            .file(path, text)
            .flag("force", force)
            .resource(|it| {
                (it.group, it.version, it.kind) = ("crew".into(), version.into(), "Captain".into());
            })
            .run()
    };
    let err = create("kind: Mine\n", "v1", &init(), false).unwrap_err().to_string();
    assert!(err.contains(&format!("`{path}`")) && err.contains("exists"), "{err}");
    let made = create("kind: Mine\n", "v1", &init(), true).unwrap();
    assert!(made.text(path).contains("kind: CustomResourceDefinition"));

    // One that it has written is, also where `make manifests` has put more into it.
    let text = made.text(path).replace("maxLength: 253", "maxLength: 63");
    let made = create(&text, "v2", &made, false).unwrap();
    assert!(made.text(path).contains("name: v2\n"));
    let err = create("kind: Mine\n", "v3", &made, false).unwrap_err().to_string();
    assert!(err.contains("exists"), "{err}");
}

#[test]
fn a_group_does_not_hide_what_the_server_of_webhooks_uses() {
    let api = testing::scaffold(pintle_plugin_rust::plugin(), "create api").following(&init());
    let made = api
        .resource(|it| (it.group, it.version, it.kind) = ("kube".into(), "v1".into(), "A".into()))
        .run()
        .unwrap();
    assert!(made.text("src/api/mod.rs").contains("pub mod kube_;\n"));
}
