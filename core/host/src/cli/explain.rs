//! What to do about an error: the only module whose hints name options, variables and the host's
//! own command.
//!
//! The libraries' errors carry facts only.

use super::hint::Hint;
use crate::callables::RunError;
use crate::catalog::library_file::LibraryError;
use crate::catalog::{
    Claim, Clash, CommandConflict, Disabled, DisabledBy, Entry, FileError, Manifest, Reason,
    Refusal, ResolveError, Rules, contact, examine,
};
use crate::causes::with_causes;
use crate::config::{ConfigError, EditError, Requirement};
use crate::identity::Identity;
use crate::lifecycle::HookError;
use crate::transport::{LoadError, NoInterface};
use pintle_plugin::manifest::{INTERFACE_VERSION, ManifestError, TARGET};
use std::io::ErrorKind;

/// How many names or keys are suggested.
const MAX_SUGGESTED: usize = 3;

/// Returns what to do about a plugin that cannot be used, or some of whose commands cannot be used.
pub(super) fn reason(reason: &Reason, manifest: Option<&Manifest>) -> Hint {
    match reason {
        Reason::Refused(err) => refusal(err, manifest),
        Reason::SameFile { .. } | Reason::AlreadyFound { .. } => "remove one of the two".into(),
        Reason::Locked { .. } => "if this is not intended, change the project's lock file".into(),
        Reason::Disabled { by } => disabled(by),
        Reason::Clashes(clashes) => match clashes.first() {
            Some(it) => clash(it.clone()),
            None => "disable one of the plugins".into(),
        },
    }
}

/// Returns what to do about a plugin that is disabled.
pub(super) fn disabled(disabled: &Disabled) -> Hint {
    let Disabled { key, by } = disabled.clone();
    Hint::new(move |host| match &by {
        DisabledBy::Run => {
            let variable = host.env_var("DISABLE_PLUGINS");
            format!("remove it from `--disable-plugin` and from the variable `{variable}`")
        }
        DisabledBy::User(_) => format!("run `{} plugin enable {key}`", host.command_name),
        DisabledBy::System(path) => {
            format!("ask the administrator to remove `{key}` from `{}`", path.display())
        }
    })
}

/// Returns what to do about a configuration that could not be changed.
pub(super) fn edit(err: &EditError) -> Hint {
    match err {
        EditError::Read(ConfigError { path, .. }) => {
            format!("fix the errors in `{}`", path.display())
        }
        EditError::Write { path, .. } | EditError::Directory { path, .. } => {
            format!("check that you have write permission for `{}`", path.display())
        }
    }
    .into()
}

/// Returns what to do about a required plugin that is missing. A user can change a requirement in
/// the user's own file.
pub(super) fn requirement(required: &Requirement, fix: &str) -> String {
    match required.is_users {
        true => format!("{fix}; or remove the requirement from `{}`", required.file.display()),
        false => fix.to_owned(),
    }
}

/// Returns what to do about a hook without which a command does not continue: fix the plugin, or
/// disable it.
pub(super) fn hook_cannot_run(entry: &Entry, fix: Option<String>) -> String {
    let without = match (entry.key(), entry.path()) {
        (Some(key), _) => format!("disable the plugin with `--disable-plugin {key}`"),
        (None, Some(path)) => format!("remove `{}`", path.display()),
        (None, None) => "remove the plugin".to_owned(),
    };
    fix.into_iter().chain([without]).collect::<Vec<_>>().join("; or ")
}

fn clash(clash: Clash) -> Hint {
    Hint::new(move |host| {
        let run = run(host, "<key>", &clash.command);
        match clash.is_core {
            true => format!("run {run}"),
            false => format!("run {run}, or disable one of the plugins"),
        }
    })
}

/// Returns what to do about a command that several plugins provide.
pub(super) fn conflict(err: &CommandConflict) -> Hint {
    let claims = err.claims.clone();
    Hint::new(move |host| {
        let run = |it: &Claim| run(host, &it.plugin.to_string(), &it.command);
        let runs: Vec<_> = claims.iter().map(run).collect();
        format!("run {}, or disable one of the plugins", runs.join(" or "))
    })
}

/// Returns the command line for a command of one plugin, independently of other plugins.
fn run(host: &Identity, key: &str, command: &[String]) -> String {
    format!("`{} plugin run {key} {}`", host.command_name, command.join(" "))
}

/// Returns what to do about a plugin that does not implement an interface, if it implements another
/// version.
pub(super) fn no_interface(err: &NoInterface) -> Option<Hint> {
    let name = |it: &str| it.rsplit_once('/').map(|it| it.0.to_owned());
    let other = err.implemented.iter().find(|it| name(it) == name(err.interface))?;
    Some(format!("install another version of the plugin: this version implements `{other}`").into())
}

/// Returns what to do about a key for which there is no plugin.
pub(super) fn resolve(err: &ResolveError) -> Hint {
    match err {
        ResolveError::NotFound { similar, .. } if similar.is_empty() => {
            Hint::new(|host| format!("run `{} plugin list` to list the plugins", host.command_name))
        }
        ResolveError::NotFound { similar, .. } => {
            format!("did you mean {}?", either(similar)).into()
        }
        ResolveError::OnlyPreReleases { found: keys, .. }
        | ResolveError::NoSuchVersion { installed: keys, .. }
        | ResolveError::Ambiguous { candidates: keys, .. } => {
            format!("use {}", either(keys)).into()
        }
        ResolveError::UnsupportedProjectVersion { others, .. } if others.is_empty() => {
            "install a version of the plugin that supports it".into()
        }
        ResolveError::UnsupportedProjectVersion { others, .. } => {
            format!("use {}", either(others)).into()
        }
        ResolveError::Refused { source, .. } => refusal(source, None),
        ResolveError::Disabled { by, .. } => disabled(by),
    }
}

fn either<T: ToString>(items: &[T]) -> String {
    let items: Vec<_> =
        items.iter().take(MAX_SUGGESTED).map(|it| format!("`{}`", it.to_string())).collect();
    items.join(" or ")
}

/// Returns what to do about a program that was not run.
pub(super) fn program(err: &RunError) -> Option<Hint> {
    Some(match err {
        RunError::NotExecutable { path } => {
            format!("make it executable: `chmod +x {}`", path.display()).into()
        }
        RunError::NoInterpreter { .. } => "begin the program with a line like `#!/bin/sh`".into(),
        RunError::LongInterpreter { .. } => {
            "begin the program with a line like `#!/usr/bin/env NAME`".into()
        }
        RunError::Interpreter { .. } => {
            "install the interpreter for this platform, or fix the first line of the program".into()
        }
        RunError::Format { .. } => {
            "install the program for this platform, and unpack it if it is an archive".into()
        }
        RunError::System { interpreter, source, .. } => match (source.kind(), interpreter) {
            (ErrorKind::NotFound, Some(name)) if name.ends_with('\r') => {
                "convert the program to Unix line endings".into()
            }
            (ErrorKind::NotFound, Some(name)) => {
                format!("install `{name}`, or fix the first line of the program").into()
            }
            (ErrorKind::NotFound, None) => "install the program for this platform".into(),
            (ErrorKind::PermissionDenied, Some(name)) => {
                format!("check that you have permission to execute the program and `{name}`").into()
            }
            (ErrorKind::PermissionDenied, None) => {
                "check that you have permission to execute the program".into()
            }
            (ErrorKind::ArgumentListTooLong, _) => "pass fewer arguments, or shorter ones".into(),
            _ => return None,
        },
    })
}

/// Returns what to do about a file that is not a plugin that this host can run; its manifest names
/// the author.
pub(super) fn refusal(refusal: &Refusal, manifest: Option<&Manifest>) -> Hint {
    match refusal {
        Refusal::Library(err) => library(err),
        Refusal::Foreign { source } => source.hint.clone().into(),
        // The hint depends on facts that are only in the file.
        Refusal::Remembered { path, .. } => match examine(path, &Rules::default()) {
            Err(file) => self::refusal(&file.refusal, file.manifest.as_ref()),
            Ok(_) => "run the command again".into(),
        },
        Refusal::WrongTarget { .. } => other_platform(),
        Refusal::Exposed { .. } => exposed().into(),
        Refusal::NoRootSymbol { .. } | Refusal::RootSymbolName { .. } => {
            exported("build it with `", "`")
        }
        Refusal::NoManifest => {
            exported("build plugins with `", "`; remove other libraries from the plugin directory")
        }
        Refusal::SeveralManifests => "build each plugin as a separate library".into(),
        Refusal::Manifest { source: ManifestError::Format(_) }
        | Refusal::InterfaceTooNew { .. } => {
            "update this host, or install an older version of the plugin".into()
        }
        Refusal::InterfaceTooOld { expected, .. } => {
            let expected = *expected;
            Hint::new(move |host| {
                format!("update the plugin, or rebuild it with {}", host.plugin_crate_of(expected))
            })
        }
        Refusal::Manifest { .. }
        | Refusal::Name { .. }
        | Refusal::Version { .. }
        | Refusal::ProjectVersion { .. }
        | Refusal::NoProjectVersions
        | Refusal::Command { .. }
        | Refusal::LongManifest { .. }
        | Refusal::TooLong { .. }
        | Refusal::TooMany { .. }
        | Refusal::Twice { .. }
        | Refusal::BadInterface { .. }
        | Refusal::BadHostRequirement { .. } => {
            let contact = contact(manifest);
            format!("report this to the plugin's author{contact}").into()
        }
        Refusal::AbiStable { expected, .. } => {
            let expected = *expected;
            Hint::new(move |host| {
                let plugin_crate = &host.plugin_crate;
                format!("rebuild the plugin with a {plugin_crate} that uses abi_stable {expected}")
            })
        }
        Refusal::PanicStrategy { .. } => "rebuild the plugin with `panic = \"unwind\"`, or load \
                                          it anyway with `--allow-panic-abort`"
            .into(),
        Refusal::HostRequirement { .. } | Refusal::UnsupportedProjectVersions { .. } => {
            "install compatible versions of the plugin and of this host".into()
        }
    }
}

/// Returns what to do about a file or a directory that others can change.
pub(super) fn exposed() -> &'static str {
    "change its owner to your user or to root, and remove the write permission of all others: \
     `chmod go-w`"
}

/// Returns a hint that names the macro of the crate that plugins are built with.
fn exported(before: &'static str, behind: &'static str) -> Hint {
    Hint::new(move |host| {
        format!("{before}{}::export_plugin!{behind}", host.plugin_crate.replace('-', "_"))
    })
}

fn library(err: &LibraryError) -> Hint {
    match err {
        LibraryError::File(FileError::Unreadable { source })
            if source.kind() == ErrorKind::NotFound =>
        {
            "check the path: the file, or the target of the link, does not exist".into()
        }
        LibraryError::File(FileError::Unreadable { .. }) => {
            "check its permissions, or remove it".into()
        }
        LibraryError::File(FileError::NotRegular { .. })
        | LibraryError::NotALibrary
        | LibraryError::NotShared { .. } => "remove it from the plugin directory".into(),
        LibraryError::Empty | LibraryError::Damaged { .. } | LibraryError::Truncated { .. } => {
            "install the plugin again: its file is incomplete".into()
        }
        LibraryError::TooMany { .. } | LibraryError::TooMuch { .. } => {
            "check where the file comes from, or remove it: no compiler creates such a file".into()
        }
        LibraryError::WrongFormat { .. }
        | LibraryError::WrongClass { .. }
        | LibraryError::WrongEndianness { .. }
        | LibraryError::WrongMachine { .. } => other_platform(),
    }
}

fn other_platform() -> Hint {
    format!("install the plugin's build for `{TARGET}`").into()
}

/// Returns what to do about a plugin that could not be loaded, if known.
pub(super) fn load(err: &LoadError) -> Option<Hint> {
    Some(match err {
        LoadError::Refused(file) => refusal(&file.refusal, file.manifest.as_ref()),
        LoadError::Replaced { .. } => "run the command again".into(),
        LoadError::NoRootSymbol { .. } | LoadError::NoLayout { .. } | LoadError::Header { .. } => {
            exported("build it with `", "` of interface 1.x")
        }
        LoadError::Open { source, .. } => open(&with_causes(source.as_ref())),
        LoadError::Incompatible { .. } => Hint::new(|host| {
            let plugin_crate = host.plugin_crate_of(INTERFACE_VERSION);
            format!("rebuild the plugin with {plugin_crate}; `-v` shows every difference")
        }),
        LoadError::ManifestDiffers { .. } | LoadError::DamagedLayout { .. } => {
            "install the plugin again: its file was changed after it was built".into()
        }
        LoadError::NoDescriptors { .. } => "increase the limit on open files, for example with \
                                            `ulimit -n 1024`"
            .into(),
        LoadError::Construction { .. } | LoadError::NoFile { .. } => return None,
    })
}

/// Returns what to do about a library that the dynamic linker rejected with `message`.
fn open(message: &str) -> Hint {
    if message.contains("static TLS") {
        return "rebuild the plugin without allocators that use static TLS (jemalloc, mimalloc), or \
                with their feature for libraries that are loaded at run time"
            .into();
    }
    // The linker may read the file, but not map it as code.
    if message.contains("failed to map segment") {
        return "check that the file system of the plugin is not mounted with the option \
                `noexec`, or install the plugin on another file system"
            .into();
    }
    "check that the libraries that the plugin requires are installed on this machine".into()
}

/// Returns what to do about a plugin whose check timed out.
pub(super) fn check_timeout(manifest: Option<&Manifest>) -> Hint {
    let contact = contact(manifest);
    Hint::new(move |host| {
        let variable = host.env_var("CHECK_TIMEOUT");
        format!(
            "report this to the plugin's author{contact}, or set `{variable}` to a longer time limit \
             for checks, for example `2m`"
        )
    })
}

/// Returns what to do about a hook that stopped a command, if known.
pub(super) fn hook(err: &HookError) -> Option<Hint> {
    match err {
        HookError::TimedOut { .. } => Some(Hint::new(|host| {
            let variable = host.env_var("HOOK_TIMEOUT");
            format!(
                "check what the plugin waits for, or set `{variable}` to a longer time limit for \
                 hooks, for example `10m`"
            )
        })),
        HookError::NotStarted { .. } => {
            Some("check the thread and memory limits of this machine".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, PluginKey};

    fn catalog(plugins: &[(&str, &str)]) -> Catalog {
        let manifest = |(name, version): &(&str, &str)| {
            let json = format!(
                r#"{{"format":1,"name":"{name}","version":"{version}","project_versions":["3"],
                    "commands":[{{"path":["hello"],"about":""}}]}}"#
            );
            Manifest::parse(json.as_bytes()).unwrap()
        };
        Catalog::from_manifests(plugins.iter().map(manifest))
    }

    fn rudder() -> Identity {
        Identity { command_name: "rudder".to_owned(), ..Identity::default() }
    }

    #[track_caller]
    fn check_key(plugins: &[(&str, &str)], key: &str, project: Option<&str>, expected: &str) {
        let project = project.map(|it| it.parse().unwrap());
        let catalog = catalog(plugins);
        let err = catalog.resolve(&key.parse().unwrap(), project.as_ref()).unwrap_err();
        assert_eq!(resolve(&err).text(&rudder()), expected);
    }

    #[test]
    fn a_key_that_means_nothing_is_answered_with_what_to_type() {
        let rust = [("rust.pintle.dev", "1"), ("rust.example.org", "2")];
        check_key(&rust, "rust", None, "use `rust.example.org` or `rust.pintle.dev`");
        check_key(&rust[..1], "rsut", None, "did you mean `rust.pintle.dev`?");
        check_key(&rust, "go", None, "run `rudder plugin list` to list the plugins");
        check_key(&rust[..1], "rust/v7", None, "use `rust.pintle.dev/v1.0.0`");
        let hint = "install a version of the plugin that supports it";
        check_key(&rust[..1], "rust", Some("4"), hint);
    }

    #[test]
    fn a_command_of_several_plugins_is_answered_with_the_ways_to_call_it() {
        let catalog = catalog(&[("a.io", "1"), ("b.io", "1")]);
        let err = catalog.find_command(&["hello".to_owned()]).unwrap_err();
        let runs = "`rudder plugin run a.io/v1.0.0 hello` or `rudder plugin run b.io/v1.0.0 hello`";
        let expected = format!("run {runs}, or disable one of the plugins");
        assert_eq!(conflict(&err).text(&rudder()), expected);
        let clashes = catalog.entries()[0].reason().unwrap();
        let expected = "run `rudder plugin run <key> hello`, or disable one of the plugins";
        assert_eq!(reason(&clashes, None).text(&rudder()), expected);
    }

    #[test]
    fn variables_have_the_names_of_the_host() {
        let expected = "remove it from `--disable-plugin` and from the variable \
                        `RUDDER_DISABLE_PLUGINS`";
        let by_option = Disabled::from("a.io".parse::<PluginKey>().unwrap());
        assert_eq!(disabled(&by_option).text(&rudder()), expected);
    }
}
