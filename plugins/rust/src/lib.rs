//! A plugin that scaffolds Kubernetes operators in Rust, on kube-rs.
//!
//! This file is the plugin as its host sees it; the other modules are ordinary Rust that converts
//! names and files to files.

mod api;
mod crd;
mod init;
mod names;
mod template;
mod webhook;

use api::Names;
use pintle_plugin::prelude::*;

pintle_plugin::export_plugin! {
    name: "rust.pintle.dev",
    description: "Scaffolds Kubernetes operators in Rust, on kube-rs",
    project_versions: ["3"],
    scaffolds: [Init, CreateApi, CreateWebhook],
}

/// `init`: a project that compiles, without any API.
#[derive(Default)]
struct Init;

impl Scaffold for Init {
    const SUBCOMMAND: &'static str = "init";

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let mut draft = Draft::new(call.universe, call.args.flag("force"));
        init::scaffold(&call.caller().host, call.project(), &mut draft)?;
        draft.finish(changes);
        Ok(())
    }
}

/// `create api`: an API type, its controller, or both.
#[derive(Default)]
struct CreateApi;

impl Scaffold for CreateApi {
    const SUBCOMMAND: &'static str = "create api";

    fn inject_resource(&self, call: &ScaffoldCall<'_>, resource: &mut Resource) -> Result<()> {
        let names = Names::new(resource, call.project())?;
        if resource.api {
            resource.path = names.type_path();
        }
        if let Some(other) = api::other_controller(resource, call.project()) {
            resource.controller = false;
            call.host.info(format!(
                "`{}` already has a controller for `{}`; no other one is created",
                resource.kind, other.version
            ));
        }
        Ok(())
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let names = Names::new(call.resource()?, call.project())?;
        let mut draft = Draft::new(call.universe, call.args.flag("force"));
        api::scaffold(call.resource()?, &names, call, &mut draft)?;
        draft.finish(changes);
        Ok(())
    }

    fn post_scaffold(&self, call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
        rustfmt(call)
    }
}

/// `create webhook`: webhooks of an API type, and with the first one the server for all.
#[derive(Default)]
struct CreateWebhook;

impl Scaffold for CreateWebhook {
    const SUBCOMMAND: &'static str = "create webhook";

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let names = Names::new(call.resource()?, call.project())?;
        let mut draft = Draft::new(call.universe, call.args.flag("force"));
        webhook::scaffold(call.resource()?, &names, call, &mut draft)?;
        draft.finish(changes);
        Ok(())
    }

    fn post_scaffold(&self, call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
        rustfmt(call)
    }
}

/// The files that the formatter reads: the modules, its settings, and its version.
const RUSTFMT_READS: [&str; 6] = [
    "src/**/*.rs",
    "tests/**/*.rs",
    "rustfmt.toml",
    ".rustfmt.toml",
    "rust-toolchain.toml",
    "rust-toolchain",
];

/// Returns the formatter for the files that this command created: line breaks depend on names.
fn rustfmt(call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
    let mut sources = Vec::new();
    let own = &call.caller().plugin;
    // A file to which another plugin has added a header counts as that plugin's.
    for plugin in call.chain().iter().filter(|it| *it != own).chain([own]) {
        let made = call.universe.paths(Select::Plugin(plugin))?;
        sources.extend(made.into_iter().filter(|it| it.ends_with(".rs")));
    }
    sources.sort();
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let rustfmt = Tool::optional(["rustfmt", "--edition", "2024"]);
    Ok(vec![rustfmt.files(sources).reads(RUSTFMT_READS)])
}
