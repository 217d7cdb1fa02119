//! A plugin that checks an operator project on GitHub Actions.
//!
//! In the chain, it comes after the plugin that creates the project: `--plugins rust,ci`. The
//! workflow depends on the content of the project: the definitions of API types, manifests, an
//! image, and webhooks, which need cert-manager in the cluster.
//!
//! This file is the plugin as its host sees it.

mod workflow;

use pintle_plugin::prelude::*;
use workflow::{PATH, Project};

pintle_plugin::export_plugin! {
    name: "ci.pintle.dev",
    description: "Checks an operator project on GitHub Actions",
    project_versions: ["3"],
    scaffolds: [Init, Edit, CreateWebhook],
}

/// `init`: the workflow of a new project.
#[derive(Default)]
struct Init;

impl Scaffold for Init {
    const SUBCOMMAND: &'static str = "init";

    fn bind_flags(&self) -> Vec<Arg> {
        vec![branch().default_value(workflow::BRANCH)]
    }

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        _project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        workflow::configure(call.args.find("branch")?, config)
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let mut draft = Draft::new(call.universe, call.args.flag("force"));
        workflow::add(Project::look(call)?, call.config(), &mut draft)?;
        draft.finish(changes);
        Ok(())
    }
}

/// `edit`: the workflow of a project that has none, or the parts that it lacks.
#[derive(Default)]
struct Edit;

impl Scaffold for Edit {
    const SUBCOMMAND: &'static str = "edit";

    fn bind_flags(&self) -> Vec<Arg> {
        vec![branch()]
    }

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        _project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        workflow::configure(call.args.find("branch")?, config)
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let project = Project::look(call)?;
        let force = call.args.flag("force");
        let mut draft = Draft::new(call.universe, force);
        match call.universe.get(PATH)?.filter(|_| !force) {
            None => workflow::add(project, call.config(), &mut draft)?,
            Some(existing) => {
                if call.args.find::<String>("branch")?.is_some() {
                    call.host.warn(format!(
                        "`{PATH}` exists and keeps its branch; use `--force` to recreate it"
                    ));
                }
                workflow::follow(project, &existing, &mut draft)?;
            }
        }
        draft.finish(changes);
        Ok(())
    }
}

/// `create webhook`: what the cluster needs for the first webhook.
#[derive(Default)]
struct CreateWebhook;

impl Scaffold for CreateWebhook {
    const SUBCOMMAND: &'static str = "create webhook";

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let project = Project::look(call)?;
        let workflow = call
            .universe
            .get(PATH)?
            .ok_or_else(|| Stop(format!("there is no `{PATH}`; run `edit` to create it")))?;
        let mut draft = Draft::new(call.universe, false);
        workflow::follow(project, &workflow, &mut draft)?;
        draft.finish(changes);
        Ok(())
    }
}

fn branch() -> Arg {
    Arg::option("branch").help("Branch whose pushes are checked, in addition to pull requests")
}
