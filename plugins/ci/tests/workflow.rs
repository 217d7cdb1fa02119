//! The workflow behind the `rust` plugin: what it does follows from what is there.

use pintle_plugin::json::{Value, json};
use pintle_plugin::testing::{self, ScaffoldTest, Scaffolded};
use pintle_plugin::{Level, Resource};

const PATH: &str = ".github/workflows/ci.yml";

fn ci(subcommand: &str) -> ScaffoldTest {
    testing::scaffold(pintle_plugin_ci::plugin(), subcommand)
}

fn rust(subcommand: &str) -> ScaffoldTest {
    testing::scaffold(pintle_plugin_rust::plugin(), subcommand)
}

fn init() -> Scaffolded {
    let project = rust("init").run().expect("an empty folder takes a project");
    ci("init").downstream_of(&project).run().expect("the project takes a workflow")
}

/// Adds an API and a webhook for it with `rust`; the test's plugin comes next.
fn with_webhook(before: &Scaffolded) -> Scaffolded {
    let captain = |it: &mut Resource| {
        it.group = "crew".into();
        it.version = "v1".into();
        it.kind = "Captain".into();
    };
    let api = rust("create api").following(before).resource(captain).run();
    let api = api.expect("the project takes an API");
    let webhook = rust("create webhook").following(&api).resource(|it| {
        captain(it);
        it.webhooks.validation = true;
    });
    webhook.run().expect("the API takes a webhook")
}

/// Returns the names of a job's steps.
fn steps(made: &Scaffolded, job: &str) -> Vec<String> {
    let workflow: Value = serde_saphyr::from_str(made.text(PATH)).expect("the workflow is YAML");
    let steps = workflow["jobs"][job]["steps"].as_array().cloned().unwrap_or_default();
    let name = |it: &Value| {
        let name = it.get("name").or(it.get("uses")).and_then(Value::as_str);
        name.expect("a step has a name").to_owned()
    };
    steps.iter().map(name).collect()
}

#[test]
fn an_operator_is_checked_alone_and_in_a_cluster() {
    let made = init();
    assert_eq!(
        steps(&made, "check"),
        [
            "actions/checkout@v6",
            "Install Rust",
            "Swatinem/rust-cache@v2",
            "Check formatting",
            "Run clippy",
            "Run the tests",
            "Check that the CRDs match the types",
            "Check the manifests",
        ]
    );
    assert_eq!(
        steps(&made, "cluster"),
        [
            "actions/checkout@v6",
            "Build the image",
            "Create a cluster",
            "Load the image",
            "Deploy the operator",
            "Wait for the operator",
            "Test the operator in the cluster",
            "Undeploy the operator",
            "Show events and logs",
        ]
    );
    assert_eq!(made.config, json!({ "branch": "main" }));
}

#[test]
fn the_first_webhook_brings_cert_manager_once() {
    let before = init();
    let made = with_webhook(&before);
    let made = ci("create webhook").config(before.config).downstream_of(&made).run().unwrap();
    let cluster = steps(&made, "cluster");
    let idx = cluster.iter().position(|it| it.contains("cert-manager")).unwrap();
    assert_eq!(cluster[idx - 1..][2], "Deploy the operator", "it is there before the operator");
    let again = ci("create webhook").downstream_of(&made).run().unwrap();
    assert!(again.added.is_empty());
}

#[test]
fn a_project_with_webhooks_gets_them_from_the_start() {
    let project = with_webhook(&rust("init").run().unwrap());
    let made = ci("edit").following(&project).run().unwrap();
    assert!(steps(&made, "cluster").iter().any(|it| it.contains("cert-manager")));
}

#[test]
fn only_what_is_there_is_checked() {
    let made = ci("init").upstream("a.b/v1", "Cargo.toml", "").run().unwrap();
    assert_eq!(steps(&made, "check").last().unwrap(), "Run the tests");
    assert!(steps(&made, "cluster").is_empty());
}

#[test]
fn without_a_project_the_plugin_stops_itself() {
    let made = ci("init").run().unwrap();
    assert!(made.stopped.unwrap().starts_with("there is no `Cargo.toml`"));
    let made = with_webhook(&rust("init").run().unwrap());
    let made = ci("create webhook").downstream_of(&made).run().unwrap();
    assert_eq!(made.stopped.unwrap(), format!("there is no `{PATH}`; run `edit` to create it"));
}

#[test]
fn what_the_user_made_of_the_workflow_stays() {
    let before = init();
    let made = with_webhook(&before);
    let test = ci("create webhook").downstream_of(&made).file(PATH, "name: mine\n");
    let made = test.run().unwrap();
    assert_eq!(made.text(PATH), "name: mine\n");
    assert!(
        made.stopped.unwrap().contains("does not contain the line `# +pintle:scaffold:cluster`")
    );
}

#[test]
fn edit_makes_the_workflow_again_only_with_force() {
    let before = init();
    let edit = || ci("edit").following(&before).flag("branch", "trunk");
    let made = edit().run().unwrap();
    assert!(made.added.is_empty());
    assert_eq!(made.log[0].0, Level::Warn);
    let made = edit().flag("force", true).run().unwrap();
    assert!(made.text(PATH).contains("branches: [trunk]"));
}

#[test]
fn a_branch_that_cannot_be_is_refused() {
    for branch in ["", "a b", "a]", "-x", "a..b", "main*", "a/"] {
        let err = ci("init").flag("branch", branch).run().unwrap_err();
        assert!(err.to_string().starts_with("invalid branch name"), "{err}");
    }
}
