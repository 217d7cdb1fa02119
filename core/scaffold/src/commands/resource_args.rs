//! The resource that a command line names.

use super::subcommand::Subcommand;
use crate::error::ScaffoldError;
use crate::project::file::ProjectFile;
use crate::project::gvk::Gvk;
use crate::project::resource::{Api, Resource};
use clap::ArgMatches;
use pintle_host::Identity;
use pintle_host::cli::{CliError, Exit, Hint};

/// Returns the resource that the line names.
pub(super) fn resource(
    subcommand: Subcommand,
    project: &ProjectFile,
    matches: &ArgMatches,
) -> Result<Option<Resource>, CliError> {
    let mut resource = match subcommand {
        Subcommand::CreateApi => api_resource(project, matches)?,
        Subcommand::CreateWebhook => webhook_resource(project, matches)?,
        _ => return Ok(None),
    };
    if let Some(plural) = matches.get_one::<String>("plural") {
        resource = resource.with_plural(plural)?;
    }
    Ok(Some(resource))
}

/// Returns the resource of `create api`.
fn api_resource(project: &ProjectFile, matches: &ArgMatches) -> Result<Resource, CliError> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", |it| it);
    let switch = |name: &str| matches.get_one::<bool>(name).copied().unwrap_or(true);
    let (group, version, kind) = (text("group"), text("version"), text("kind"));
    let own = || Gvk::new(group, project.domain(), version, kind);
    let is_external = !text("external-api-module").is_empty();
    let mut resource = if is_external {
        let domain = text("external-api-domain");
        let mut resource = Resource::new(Gvk::new(group, domain, version, kind)?);
        resource.external = true;
        resource.module = text("external-api-module").to_owned();
        resource
    } else if !switch("resource") && own().is_ok_and(|it| project.resource(&it).is_none()) {
        // A controller for what the project does not define: Kubernetes must define it.
        match Resource::of_core(group, version, kind) {
            Some(resource) => resource?,
            None => Resource::new(own()?),
        }
    } else {
        Resource::new(own()?)
    };
    if !resource.external && !resource.core {
        let api = Api { namespaced: switch("namespaced"), ..Api::default() };
        resource.api = switch("resource").then_some(api);
    }
    resource.controller = switch("controller");
    Ok(resource)
}

/// Returns the resource of `create webhook`.
fn webhook_resource(project: &ProjectFile, matches: &ArgMatches) -> Result<Resource, CliError> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", |it| it);
    let gvk = find_gvk(project, text("group"), text("version"), text("kind"))?;
    let Some(known) = project.resource(&gvk) else {
        return Err(ScaffoldError::UnknownResource { gvk }.into());
    };
    let mut resource = Resource::new(gvk);
    (resource.external, resource.core) = (known.external, known.core);
    resource.module.clone_from(&known.module);
    resource.webhooks.defaulting = matches.get_flag("defaulting");
    resource.webhooks.validation = matches.get_flag("validation");
    resource.webhooks.conversion = matches.get_flag("conversion");
    resource.webhooks.spoke = spokes(project, resource.gvk(), matches)?;
    if !resource.webhooks.is_any() {
        return Err(CliError::new(Exit::Usage, "no webhook is selected")
            .hint("use one or more of `--defaulting`, `--validation` and `--conversion`"));
    }
    Ok(resource)
}

/// Returns the versions that are converted to and from that of `hub`.
fn spokes(project: &ProjectFile, hub: &Gvk, matches: &ArgMatches) -> Result<Vec<String>, CliError> {
    let mut spokes: Vec<String> = Vec::new();
    for version in matches.get_many::<String>("spoke").into_iter().flatten() {
        let gvk = Gvk::new(hub.group(), hub.domain(), version, hub.kind())?;
        check_spoke(project, hub, &gvk, spokes.contains(version))?;
        spokes.push(version.clone());
    }
    Ok(spokes)
}

fn check_spoke(
    project: &ProjectFile,
    hub: &Gvk,
    spoke: &Gvk,
    is_twice: bool,
) -> Result<(), CliError> {
    let version = spoke.version();
    let (text, hint): (String, Hint) = if spoke == hub {
        let text = format!("`{version}` is the version that the others are converted to and from");
        (text, "name the other versions with `--spoke`".into())
    } else if is_twice {
        let text = format!("the version `{version}` is given twice");
        (text, "name each version once with `--spoke`".into())
    } else if project.resource(spoke).is_none() {
        let text = format!("the project has no resource `{spoke}` to convert");
        let hint =
            move |host: &Identity| format!("run `{} create api` for it first", host.command_name);
        (text, Hint::new(hint))
    } else {
        return Ok(());
    };
    Err(CliError::new(Exit::Usage, text).hint(hint))
}

/// Returns the resource of the project that the user means: one of the project's domain,
/// else one of any domain.
pub(super) fn find_gvk(
    project: &ProjectFile,
    group: &str,
    version: &str,
    kind: &str,
) -> Result<Gvk, CliError> {
    let own = Gvk::new(group, project.domain(), version, kind)?;
    let is_it = |it: &&Resource| {
        it.gvk().group() == group && it.gvk().version() == version && it.gvk().kind() == kind
    };
    if project.resource(&own).is_some() {
        return Ok(own);
    }
    Ok(project.resources().iter().find(is_it).map_or(own, |it| it.gvk().clone()))
}
