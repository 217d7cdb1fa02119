//! The resource that a command line names.

use super::subcommand::Subcommand;
use crate::error::ScaffoldError;
use crate::project::file::ProjectFile;
use crate::project::gvk::Gvk;
use crate::project::resource::{Api, Resource};
use clap::ArgMatches;
use clap::parser::ValueSource;
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
    } else if let Some(known) = project.of_kind(resource.gvk()) {
        resource.adopt_plural(known);
    }
    project.check_plural(&resource)?;
    Ok(Some(resource))
}

/// Returns the resource of `create api`.
fn api_resource(project: &ProjectFile, matches: &ArgMatches) -> Result<Resource, CliError> {
    let switch = |name: &str| matches.get_one::<bool>(name).copied().unwrap_or(true);
    let is_asked = matches.value_source("resource") == Some(ValueSource::CommandLine);
    let foreign = match external_resource(matches)? {
        Some(_) if is_asked && switch("resource") => {
            let text = "cannot create the type of an API of another project";
            let hint = "omit `--resource`, or the options `--external-api-…`";
            return Err(CliError::new(Exit::Usage, text).hint(hint));
        }
        // A controller for a kind that the project does not define: Kubernetes must define it.
        None if !switch("resource") => foreign_resource(project, matches)?,
        external => external,
    };
    let mut resource = match foreign {
        Some(resource) => resource,
        None => {
            let [group, version, kind] = gvk_texts(matches);
            let own = project.find(group, project.domain(), version, kind);
            let mut resource = match own {
                Some(known) => Resource::new(known.gvk().clone()),
                None => Resource::new(Gvk::new(group, project.domain(), version, kind)?),
            };
            let namespaced = scope(project, resource.gvk(), matches)?;
            let api = Api { namespaced, ..Api::default() };
            resource.api = switch("resource").then_some(api);
            resource
        }
    };
    resource.controller = switch("controller");
    if resource.api.is_none() && !resource.controller {
        let text = "neither a type nor a controller is requested";
        let hint = "omit `--controller=false`, or both options";
        return Err(CliError::new(Exit::Usage, text).hint(hint));
    }
    Ok(resource)
}

/// Returns whether the kind is namespaced, which is the same in all versions.
fn scope(project: &ProjectFile, gvk: &Gvk, matches: &ArgMatches) -> Result<bool, CliError> {
    let asked = matches.get_one::<bool>("namespaced").copied().unwrap_or(true);
    let mut versions = project.resources().iter().filter(|it| it.gvk().is_of_kind(gvk));
    let Some(known) = versions.find_map(|it| it.api.as_ref()) else { return Ok(asked) };
    let is_given = matches.value_source("namespaced") == Some(ValueSource::CommandLine);
    if is_given && asked != known.namespaced {
        let is_not = if known.namespaced { "is" } else { "is not" };
        let text = format!("`{}` {is_not} namespaced in its other versions", gvk.kind());
        return Err(CliError::new(Exit::Usage, text).hint("omit `--namespaced`"));
    }
    Ok(known.namespaced)
}

/// Returns the resource of `create webhook`.
fn webhook_resource(project: &ProjectFile, matches: &ArgMatches) -> Result<Resource, CliError> {
    let [group, version, kind] = gvk_texts(matches);
    let mut resource = match external_resource(matches)? {
        Some(external) => external,
        None => match foreign_resource(project, matches)? {
            Some(foreign) => foreign,
            None => Resource::new(find_gvk(project, group, version, kind)?),
        },
    };
    let known = project.resource(resource.gvk());
    let is_foreign = resource.external || resource.core;
    if known.is_none() && !is_foreign {
        return Err(ScaffoldError::UnknownResource { gvk: resource.gvk().clone() }.into());
    }
    let is_on = |name: &str| matches.get_flag(name);
    let webhooks = &mut resource.webhooks;
    webhooks.defaulting = is_on("defaulting");
    webhooks.validation = is_on("validation");
    webhooks.conversion = is_on("conversion");
    if !webhooks.is_any() {
        return Err(CliError::new(Exit::Usage, "no webhook is selected")
            .hint("use at least one of `--defaulting`, `--validation` and `--conversion`"));
    }
    if webhooks.conversion && is_foreign {
        let text = format!("cannot convert `{}`: the project does not define it", resource.gvk());
        return Err(CliError::new(Exit::Usage, text)
            .hint("use `--conversion` only for kinds that the project defines"));
    }
    if let Some(known) = known.filter(|_| !is_on("force")) {
        refuse_second(known, &resource, is_on("skip-existing"))?;
    }
    check_hub(project, &resource)?;
    resource.webhooks.spoke = spokes(project, &resource, matches)?;
    Ok(resource)
}

fn gvk_texts(matches: &ArgMatches) -> [&str; 3] {
    ["group", "version", "kind"].map(|it| matches.get_one::<String>(it).map_or("", |it| it))
}

/// Returns the resource of another project that the line describes, if it describes one. Its domain
/// alone determines its group.
fn external_resource(matches: &ArgMatches) -> Result<Option<Resource>, CliError> {
    let given = ["domain", "path", "module"]
        .map(|it| matches.get_one::<String>(&format!("external-api-{it}")).map_or("", |it| it));
    if given.iter().all(|it| it.is_empty()) {
        return Ok(None);
    }
    let ([group, version, kind], [domain, path, module]) = (gvk_texts(matches), given);
    let mut resource = Resource::new(Gvk::new(group, domain, version, kind)?);
    resource.external = true;
    resource.path = path.to_owned();
    resource.module = module.to_owned();
    Ok(Some(resource))
}

/// Returns the resource that is not the project's own, if the line names one: one that the project
/// already has, otherwise one of Kubernetes.
fn foreign_resource(
    project: &ProjectFile,
    matches: &ArgMatches,
) -> Result<Option<Resource>, CliError> {
    let [group, version, kind] = gvk_texts(matches);
    if project.find(group, project.domain(), version, kind).is_some() {
        return Ok(None);
    }
    let is_it = |it: &&Resource| it.gvk().group() == group;
    let mut of_group = project.resources().iter().filter(is_it).peekable();
    let is_own_group = of_group.peek().is_some_and(|it| !it.core);
    let known = of_group.find(|it| it.gvk().version() == version && it.gvk().kind() == kind);
    if let Some(known) = known.filter(|it| it.external || it.core) {
        let mut resource = Resource::new(known.gvk().clone());
        (resource.external, resource.core) = (known.external, known.core);
        resource.path.clone_from(&known.path);
        resource.module.clone_from(&known.module);
        return Ok(Some(resource));
    }
    // The project's own group may have the same name as one of Kubernetes.
    let core = if is_own_group { None } else { Resource::of_core(group, version, kind) };
    Ok(core.transpose()?)
}

/// Rejects a webhook of a kind that the resource already has.
///
/// With `skips`, such a webhook stays as it is while another one is added.
fn refuse_second(known: &Resource, new: &Resource, skips: bool) -> Result<(), ScaffoldError> {
    let sorts = [
        ("defaulting", known.webhooks.defaulting, new.webhooks.defaulting),
        ("validation", known.webhooks.validation, new.webhooks.validation),
        ("conversion", known.webhooks.conversion, new.webhooks.conversion),
    ];
    let adds = sorts.iter().any(|(_, is_known, is_new)| *is_new && !is_known);
    match sorts.iter().find(|(_, is_known, is_new)| *is_known && *is_new) {
        Some((webhook, ..)) if !(skips && adds) => {
            Err(ScaffoldError::WebhookExists { gvk: new.gvk().clone(), webhook })
        }
        _ => Ok(()),
    }
}

/// Rejects a second version that all others are converted to and from.
fn check_hub(project: &ProjectFile, hub: &Resource) -> Result<(), CliError> {
    let is_hub = |it: &&Resource| {
        it.webhooks.conversion && it.gvk().is_of_kind(hub.gvk()) && it.gvk() != hub.gvk()
    };
    let other = project.resources().iter().filter(|_| hub.webhooks.conversion).find(is_hub);
    let Some(other) = other else { return Ok(()) };
    let (version, kind) = (other.gvk().version(), other.gvk().kind());
    let text = format!("`{version}` is already the version that `{kind}` is converted to and from");
    let hint =
        format!("delete the conversion webhook of `{version}` first; each kind can have only one");
    Err(CliError::new(Exit::Usage, text).hint(hint))
}

/// Returns the versions that are converted to and from the version of `hub`.
fn spokes(
    project: &ProjectFile,
    resource: &Resource,
    matches: &ArgMatches,
) -> Result<Vec<String>, CliError> {
    let hub = resource.gvk();
    let mut spokes: Vec<String> = Vec::new();
    for version in matches.get_many::<String>("spoke").into_iter().flatten() {
        if !resource.webhooks.conversion {
            let text = "`--spoke` requires `--conversion`";
            return Err(CliError::new(Exit::Usage, text).hint("add `--conversion`"));
        }
        let gvk = match project.find(hub.group(), hub.domain(), version, hub.kind()) {
            Some(known) => known.gvk().clone(),
            None => Gvk::new(hub.group(), hub.domain(), version, hub.kind())?,
        };
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
        (text, "specify the other versions with `--spoke`".into())
    } else if is_twice {
        let text = format!("the version `{version}` is specified twice");
        (text, "specify each version once with `--spoke`".into())
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

/// Returns the resource of the project that the user means: one of the project's domain, otherwise
/// one of any domain.
pub(super) fn find_gvk(
    project: &ProjectFile,
    group: &str,
    version: &str,
    kind: &str,
) -> Result<Gvk, CliError> {
    if let Some(own) = project.find(group, project.domain(), version, kind) {
        return Ok(own.gvk().clone());
    }
    let is_it = |it: &&Resource| {
        it.gvk().group() == group && it.gvk().version() == version && it.gvk().kind() == kind
    };
    match project.resources().iter().find(is_it) {
        Some(known) => Ok(known.gvk().clone()),
        None => Ok(Gvk::new(group, project.domain(), version, kind)?),
    }
}
