//! The workflow, which depends on the parts of the project.

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

/// The parts of the project to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Project {
    definitions: bool,
    manifests: bool,
    image: bool,
    cluster_tests: bool,
    webhooks: bool,
}

impl Project {
    /// Finds what the plugins earlier in the chain have created, now or before.
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

/// Sets the branch in the configuration; without one, the existing value stays.
///
/// # Errors
///
/// When the branch name is invalid, or the configuration is not a map.
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

/// Whether the name can be used unquoted in the workflow: the characters that git allows, without
/// the special characters of YAML and of GitHub's patterns.
fn is_branch(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_alphanumeric())
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && name.chars().all(|it| it.is_ascii_alphanumeric() || "-_./".contains(it))
}

/// Returns the workflow without the parts that depend on the project.
fn text(config: &json::Value) -> Result<String> {
    let branch = config.get("branch").and_then(json::Value::as_str).unwrap_or(BRANCH);
    ensure!(is_branch(branch), "invalid branch name `{branch}` in PROJECT");
    Ok(WORKFLOW.replace("<branch>", branch))
}

/// Drafts the whole workflow.
///
/// # Errors
///
/// When the branch name in PROJECT is invalid.
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

/// Drafts what the webhooks need in an existing workflow, unless it has it. Everything else in it
/// belongs to the user by now.
///
/// # Errors
///
/// [`Stop`] when the workflow has no marker for it.
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
