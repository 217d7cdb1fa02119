//! What the plugin makes, and how it fits into what is there.

use pintle_plugin::testing::{self, Scaffolded};
use std::process::Command;

fn init() -> Scaffolded {
    let made = testing::scaffold(pintle_plugin_rust::plugin(), "init").run();
    made.expect("an empty folder takes a project")
}

/// Adds the resource `group/version/kind` to a project.
fn create_api(before: &Scaffolded, resource: &str) -> Result<Scaffolded, testing::Error> {
    let [group, version, kind] = resource.split('/').collect::<Vec<_>>()[..] else {
        panic!("`{resource}` is not group/version/kind")
    };
    testing::scaffold(pintle_plugin_rust::plugin(), "create api")
        .following(before)
        .resource(|it| {
            it.group = group.into();
            it.version = version.into();
            it.kind = kind.into();
        })
        .run()
}

/// Returns a project with resources.
fn project(resources: &[&str]) -> Scaffolded {
    resources
        .iter()
        .fold(init(), |before, it| create_api(&before, it).expect("the project takes the resource"))
}

#[track_caller]
fn check_rustfmt(made: &Scaffolded) {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    for (path, node) in &made.files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it is new");
        std::fs::write(path, node.bytes()).expect("the folder is new");
    }
    let roots = ["src/lib.rs", "src/main.rs", "src/bin/crdgen.rs"];
    let rustfmt = Command::new("rustfmt")
        .args(["--check", "--edition", "2024"])
        .args(roots)
        .current_dir(folder.path())
        .output()
        .expect("rustfmt belongs to the toolchain");
    assert!(rustfmt.status.success(), "{}", String::from_utf8_lossy(&rustfmt.stdout));
}

#[test]
fn init_makes_a_project_that_is_called_by_its_name() {
    let made = init();
    assert!(made.text("Cargo.toml").starts_with("[package]\nname = \"demo\"\n"));
    assert!(
        made.text("src/main.rs")
            .contains("use demo::{Manager, Result, Settings, client, shutdown};\n")
    );
    assert!(made.tools.is_empty());
    check_rustfmt(&made);

    let plugin = pintle_plugin_rust::plugin();
    let made = testing::scaffold(plugin, "init").project(|it| it.name = "my-kube".into()).run();
    assert!(made.unwrap().text("src/main.rs").contains("use my_kube::{"));
}

#[test]
fn services_have_names_that_the_cluster_takes() {
    let init = |name: &str| {
        let test = testing::scaffold(pintle_plugin_rust::plugin(), "init");
        test.project(|it| it.name = name.into()).run()
    };
    for (length, service) in [
        (28, "controller-manager-metrics-service"),
        (29, "metrics-service"),
        (47, "metrics-service"),
    ] {
        let made = init(&"n".repeat(length)).unwrap();
        let text = made.text("config/default/metrics_service.yaml");
        assert!(text.contains(&format!("  name: {service}\n")), "{text}");
        assert!(length + 1 + service.len() <= 63);
    }
    let err = init(&"n".repeat(48)).unwrap_err();
    assert!(err.to_string().starts_with("the project name is too long"), "{err}");
}

#[test]
fn create_api_makes_a_type_and_a_controller_and_registers_them() {
    let made = project(&["crew/v1alpha1/Captain"]);
    assert_eq!(made.resource.as_ref().unwrap().path, "src/api/crew/v1alpha1/captain.rs");
    assert!(made.text("src/api/crew/v1alpha1/captain.rs").contains("pub struct CaptainSpec"));
    let controller = made.text("src/controller/crew/captain.rs");
    assert!(controller.contains("use crate::api::crew::v1alpha1::captain as api;"));
    let main = made.text("src/main.rs");
    assert!(main.contains(".controller(demo::controller::crew::captain::run)\n        // +pintle"));
    let crd = made.text("src/crd.rs");
    assert!(crd.contains(".with::<crate::api::crew::v1alpha1::Captain>()\n        // +pintle"));
}

#[test]
fn modules_stand_where_rustfmt_wants_them() {
    let made = project(&[
        "fleet/v10/Ship",
        "fleet/v2/Ship",
        "crew/v1/Type",
        "crew/v1/Captain",
        "crew/v1/CaptainLog",
        "my-group/v1/Option",
        "net.my/v1beta1/A",
    ]);
    let groups = "pub mod crew;\npub mod fleet;\npub mod my_group;\npub mod net_my;\n// +pintle";
    assert!(made.text("src/api/mod.rs").contains(groups));
    assert!(made.text("src/api/fleet/mod.rs").contains("pub mod v10;\npub mod v2;\n"));
    let exports = "pub use self::captain::Captain;\npub use self::captain_log::CaptainLog;\n\
                   pub use self::type_::Type;\n";
    assert!(made.text("src/api/crew/v1/mod.rs").contains(exports));
}

#[test]
fn rustfmt_is_asked_for_all_sources_that_are_made() {
    let made = project(&["crew/v1alpha1/Captain"]);
    let [tool] = made.tools.as_slice() else { panic!("one tool") };
    assert!(!tool.required);
    assert_eq!(tool.command, ["rustfmt", "--edition", "2024"]);
    let mut added: Vec<_> = made.added.iter().filter(|it| it.ends_with(".rs")).collect();
    added.sort();
    assert_eq!(tool.files.iter().collect::<Vec<_>>(), added);
}

#[test]
fn a_definition_has_all_versions_of_its_kind() {
    let made = project(&["crew/v1alpha1/Captain", "crew/v1/Captain"]);
    let path = "config/crd/bases/captains.crew.example.org.yaml";
    let text = made.text(path);
    let versions: Vec<_> = text.lines().filter(|it| it.starts_with("    name: ")).collect();
    assert_eq!(versions, ["    name: v1alpha1", "    name: v1"]);
    assert_eq!(text.matches("    storage: true").count(), 1);
    let list = made.text("config/crd/kustomization.yaml");
    assert_eq!(list.matches("bases/captains.crew.example.org.yaml").count(), 1);
}

#[test]
fn the_operator_may_do_what_its_controllers_do() {
    let made = project(&["crew/v1/Captain", "crew/v1/Sailor"]);
    let role = made.text("config/rbac/role.yaml");
    for resource in ["captains", "captains/finalizers", "captains/status", "sailors"] {
        assert_eq!(role.matches(&format!("resources: [{resource}]\n")).count(), 1, "{role}");
    }
    assert_eq!(role.matches("[configmaps]").count(), 1, "both use the same rule");
}

/// Adds webhooks to the first version of `Captain`.
fn create_webhook(before: &Scaffolded, which: [bool; 3]) -> Result<Scaffolded, testing::Error> {
    testing::scaffold(pintle_plugin_rust::plugin(), "create webhook")
        .following(before)
        .resource(|it| {
            (it.group, it.version, it.kind) = ("crew".into(), "v1".into(), "Captain".into());
            let webhooks = &mut it.webhooks;
            [webhooks.defaulting, webhooks.validation, webhooks.conversion] = which;
        })
        .run()
}

#[test]
fn webhooks_come_one_by_one_and_their_server_once() {
    let before = project(&["crew/v1/Captain"]);
    let made = create_webhook(&before, [true, false, false]).unwrap();
    assert!(made.files.contains_key("src/webhook/crew/v1/captain_defaulting.rs"));
    assert!(!made.files.contains_key("src/webhook/crew/v1/captain_validation.rs"));
    assert!(made.text("src/main.rs").contains(".server(demo::webhook::serve)"));
    assert!(made.text("Cargo.toml").contains("axum-server"));
    let made = create_webhook(&made, [false, true, true]).unwrap();
    assert_eq!(made.text("src/main.rs").matches("webhook::serve").count(), 1);
    assert_eq!(made.text("Cargo.toml").matches("axum-server").count(), 1);
    assert_eq!(made.text("src/lib.rs").matches("pub mod webhook;").count(), 1);
    let server = made.text("src/webhook/mod.rs");
    for route in ["/mutate/crew.example.org/v1/captains", "/validate/crew.example.org/v1/captains"]
    {
        assert_eq!(server.matches(route).count(), 1, "{server}");
    }
    assert!(server.contains("\"Captain.crew.example.org\" => Some("));
    let definition = made.text("config/crd/bases/captains.crew.example.org.yaml");
    assert!(definition.contains("strategy: Webhook"));
    assert!(made.text("src/crd.rs").contains("\"captains.crew.example.org\","));

    let err = create_webhook(&init(), [true, false, false]).unwrap_err().to_string();
    assert!(err.contains("no file `src/api/crew/v1/captain.rs`"), "{err}");
}

#[test]
fn a_controller_can_watch_what_is_not_the_projects() {
    let watch = |change: &dyn Fn(&mut pintle_plugin::Resource)| {
        let test = testing::scaffold(pintle_plugin_rust::plugin(), "create api").following(&init());
        test.resource(|it| {
            it.api = false;
            change(it);
        })
        .run()
        .unwrap()
    };
    let made = watch(&|it| {
        (it.group, it.version, it.kind) = ("apps".into(), "v1".into(), "Deployment".into());
        it.core = true;
    });
    let controller = made.text("src/controller/apps/deployment.rs");
    assert!(controller.contains("use k8s_openapi::api::apps::v1 as api;"));
    let made = watch(&|it| {
        (it.group, it.version, it.kind) = ("".into(), "v1".into(), "Certificate".into());
        (it.domain, it.external) = ("cert-manager.io".into(), true);
        it.module = "cert_manager::v1".into();
    });
    let controller = made.text("src/controller/cert_manager_io/certificate.rs");
    assert!(controller.contains("use cert_manager::v1 as api;"));
    assert!(made.text("config/rbac/role.yaml").contains("apiGroups: [\"cert-manager.io\"]"));
}

#[test]
fn a_kind_has_one_controller_however_many_versions() {
    let made = project(&["crew/v1alpha1/Captain", "crew/v1/Captain"]);
    assert!(!made.resource.as_ref().unwrap().controller);
    assert!(made.log[0].1.contains("already has a controller for `v1alpha1`"));
    assert!(made.files.contains_key("src/api/crew/v1/captain.rs"));
    assert_eq!(made.text("src/main.rs").matches(".controller(").count(), 1);
}

#[test]
fn a_controller_needs_its_type() {
    let controller_only = |before: &Scaffolded| {
        testing::scaffold(pintle_plugin_rust::plugin(), "create api")
            .following(before)
            .resource(|it| {
                (it.group, it.version, it.kind) = ("crew".into(), "v1".into(), "Cook".into());
                it.api = false;
            })
            .run()
    };
    let err = controller_only(&init()).unwrap_err().to_string();
    assert!(err.ends_with("no file `src/api/crew/v1/cook.rs`"), "{err}");

    let type_only = testing::scaffold(pintle_plugin_rust::plugin(), "create api")
        .following(&init())
        .resource(|it| {
            (it.group, it.version, it.kind) = ("crew".into(), "v1".into(), "Cook".into());
            it.controller = false;
        })
        .run()
        .unwrap();
    assert!(!type_only.files.contains_key("src/controller/crew/cook.rs"));
    let made = controller_only(&type_only).unwrap();
    assert!(made.files.contains_key("src/controller/crew/cook.rs"));
}

#[test]
fn a_missing_marker_is_named_with_what_to_do() {
    let before = init();
    let main = before.text("src/main.rs").replace("// +pintle:scaffold:controllers", "");
    let err = testing::scaffold(pintle_plugin_rust::plugin(), "create api")
        .following(&before)
        .file("src/main.rs", main)
        .resource(|it| {
            (it.group, it.version, it.kind) = ("crew".into(), "v1".into(), "Cook".into());
        })
        .run()
        .unwrap_err();
    assert_eq!(err.to_string(), "`src/main.rs` has no line `// +pintle:scaffold:controllers`");
    assert_eq!(
        err.hint(),
        Some(
            "put that line back where lines such as \
             `.controller(demo::controller::crew::cook::run)` belong; if an older version of the \
             plugin created the file, run `project upgrade` first"
        )
    );
}

#[test]
fn what_exists_is_replaced_only_with_force() {
    let before = project(&["crew/v1/Captain"]);
    let err = create_api(&before, "crew/v1/Captain").unwrap_err();
    assert!(err.to_string().starts_with("`src/api/crew/v1/captain.rs` exists"), "{err}");

    let made = testing::scaffold(pintle_plugin_rust::plugin(), "create api")
        .following(&before)
        .file("src/api/crew/v1/captain.rs", "// Changed.\n")
        .flag("force", true)
        .resource(|it| {
            (it.group, it.version, it.kind) = ("crew".into(), "v1".into(), "Captain".into());
        })
        .run()
        .unwrap();
    assert_eq!(made.added, ["src/api/crew/v1/captain.rs"]);
    assert_eq!(made.text("src/main.rs"), before.text("src/main.rs"));
}

#[test]
fn a_users_own_lines_stay() {
    let before = init();
    let ours = "//! Ours.\r\n\r\nmod helper;\r\n// +pintle:scaffold:api-groups\r\n\r\nfn f() {}";
    let made = testing::scaffold(pintle_plugin_rust::plugin(), "create api")
        .following(&before)
        .file("src/api/mod.rs", ours)
        .resource(|it| {
            (it.group, it.version, it.kind) = ("crew".into(), "v1".into(), "Captain".into());
        })
        .run()
        .unwrap();
    let expected = ours.replace("// +pintle", "pub mod crew;\r\n// +pintle");
    assert_eq!(made.text("src/api/mod.rs"), expected);
}

#[test]
fn names_that_cannot_be_rust_are_refused() {
    let err = create_api(&init(), "crew/v1/captain").unwrap_err();
    assert_eq!(
        err.to_string(),
        "invalid kind `captain`: it must be in upper camel case, for example `Captain`"
    );
    let err = create_api(&project(&["my-group/v1/A"]), "my.group/v1/A").unwrap_err();
    assert_eq!(
        err.to_string(),
        "the groups `my.group` and `my-group` would share the module `my_group`"
    );
}
