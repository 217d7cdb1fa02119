//! The workflow, made of what the project has.

use pintle_plugin::prelude::*;

/// Where GitHub looks for workflows.
pub(crate) const PATH: &str = ".github/workflows/ci.yml";

/// The branch whose pushes are checked unless another is chosen.
pub(crate) const BRANCH: &str = "main";

const WORKFLOW: &str = include_str!("../templates/workflow.yml");
const DEFINITIONS: &str = include_str!("../templates/definitions.yml");
const MANIFESTS: &str = include_str!("../templates/manifests.yml");
const CLUSTER: &str = include_str!("../templates/cluster.yml");
const CLUSTER_TESTS: &str = include_str!("../templates/cluster-tests.yml");
const CERT_MANAGER: &str = include_str!("../templates/cert-manager.yml");

/// What there is to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Project {
    definitions: bool,
    manifests: bool,
    image: bool,
    cluster_tests: bool,
    webhooks: bool,
}

impl Project {
    /// Looks at what the plugins earlier in the chain have made, now or before.
    ///
    /// # Errors
    ///
    /// [`Stop`] when there is no Rust project.
    pub(crate) fn look(call: &ScaffoldCall<'_>) -> Result<Self> {
        let has = |path| call.universe.exists(path);
        if !has("Cargo.toml")? {
            let reason = "there is no `Cargo.toml`; in the chain, this plugin must come after the \
                          plugin that creates the project";
            return Err(Stop(reason.to_owned()).into());
        }
        let manifests = has("config/default/kustomization.yaml")?;
        Ok(Self {
            definitions: has("src/bin/crdgen.rs")?,
            manifests,
            image: manifests && has("Dockerfile")? && has("Makefile")?,
            cluster_tests: has("tests/cluster.rs")?,
            webhooks: has("config/certmanager/kustomization.yaml")?,
        })
    }
}

/// Puts the branch into the configuration; without one, what is there stays.
///
/// # Errors
///
/// When the branch cannot be one, or the configuration is no map.
pub(crate) fn configure(branch: Option<String>, config: &mut json::Value) -> Result<()> {
    if let Some(branch) = &branch {
        ensure!(
            is_branch(branch),
            UsageError(format!("invalid branch name `{branch}` in `--branch`"))
        );
    }
    if config.is_null() {
        *config = json::json!({});
    }
    let config =
        config.as_object_mut().context("the plugin's configuration in PROJECT is not a map")?;
    match branch {
        Some(branch) => drop(config.insert("branch".to_owned(), branch.into())),
        None => drop(config.entry("branch").or_insert_with(|| BRANCH.into())),
    }
    Ok(())
}

/// Whether the name can stand in the workflow as it is: what git allows, without the signs
/// of YAML and of the patterns of GitHub.
fn is_branch(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_alphanumeric())
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && name.chars().all(|it| it.is_ascii_alphanumeric() || "-_./".contains(it))
}

/// Returns the workflow without what depends on the project's parts.
fn text(config: &json::Value) -> Result<String> {
    let branch = config.get("branch").and_then(json::Value::as_str).unwrap_or(BRANCH);
    ensure!(is_branch(branch), "invalid branch name `{branch}` in PROJECT");
    Ok(WORKFLOW.replace("<branch>", branch))
}

/// Drafts the whole workflow.
///
/// # Errors
///
/// When the branch in PROJECT cannot be one.
pub(crate) fn add(project: Project, config: &json::Value, draft: &mut Draft<'_>) -> Result<()> {
    draft.add(PATH, text(config)?)?;
    if project.definitions {
        draft.insert(PATH, "checks", DEFINITIONS, Place::Last)?;
    }
    if project.manifests {
        draft.insert(PATH, "checks", MANIFESTS, Place::Last)?;
    }
    if project.image {
        draft.insert(PATH, "jobs", CLUSTER, Place::Last)?;
        if project.cluster_tests {
            draft.insert(PATH, "cluster-tests", CLUSTER_TESTS, Place::Last)?;
        }
        if project.webhooks {
            draft.insert(PATH, "cluster", CERT_MANAGER, Place::Last)?;
        }
    }
    Ok(())
}

/// Drafts what the webhooks need in a workflow that is there, unless it has it. All else in
/// it is the user's by now.
///
/// # Errors
///
/// [`Stop`] when the workflow has no place for it.
pub(crate) fn follow(project: Project, workflow: &Node, draft: &mut Draft<'_>) -> Result<()> {
    let text = workflow.text()?;
    if !project.webhooks || text.contains("cert-manager") {
        return Ok(());
    }
    let marker = "# +pintle:scaffold:cluster";
    if !text.contains(marker) {
        return Err(Stop(format!(
            "`{PATH}` does not contain the line `{marker}`, above which cert-manager is added for \
             webhooks"
        ))
        .into());
    }
    draft.insert(PATH, "cluster", CERT_MANAGER, Place::Last)
}
