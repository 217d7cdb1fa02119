//! The contents of the Debian packages.
//!
//! There are no maintainer scripts: a host finds a plugin's file and needs nothing else.

use super::deb::Package;
use super::depends::depends;
use super::files::{Files, file_name};
use super::host::Host;
use super::plugin::Plugin;
use crate::cargo;
use crate::notices::{self, Notices};
use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::Write as _;

const MAINTAINER: &str = "The Pintle authors <packages@pintle.dev>";
const HOMEPAGE: &str = env!("CARGO_PKG_REPOSITORY");
/// The maximum length of a line of a description.
const WIDTH: usize = 76;

/// Returns whether Debian packages can be created for a platform.
pub(super) fn is_for(target: &str) -> bool {
    target.contains("-linux-gnu")
}

/// Returns the package of a host.
pub(super) fn of_host(host: &Host, time: u64) -> Result<Package> {
    let mut files = Files::default();
    let (product, name) = (host.product, host.product.name);
    let program = fs::read(&host.program)?;
    let depends = depends(&program).context("failed to find the packages that the host needs")?;
    files.add_program(format!("usr/bin/{name}"), program);
    for (file, page) in &host.pages {
        files.add(format!("usr/share/man/man1/{file}.gz"), gzip(page)?);
    }
    for (shell, path) in [
        ("bash", format!("usr/share/bash-completion/completions/{name}")),
        ("fish", format!("usr/share/fish/vendor_completions.d/{name}.fish")),
        ("zsh", format!("usr/share/zsh/vendor-completions/_{name}")),
    ] {
        files.add(path, host.completion(shell)?);
    }
    let plugins_dir = host.plugins_dir()?;
    if product.has_packaged_plugins {
        let dir = plugins_dir.trim_start_matches('/');
        files.add(format!("{dir}/managed.toml"), managed(name));
    }
    let lib_dir = plugins_dir.strip_suffix(&format!("/{name}/plugins"));
    let lib_dir =
        lib_dir.with_context(|| format!("`{plugins_dir}` is not in a library directory"))?;
    let pkg_config_dir = format!("{}/pkgconfig", lib_dir.trim_start_matches('/'));
    files.add(format!("{pkg_config_dir}/{name}.pc"), pkg_config(host, lib_dir)?);
    files.add(format!("usr/share/lintian/overrides/{name}"), product.overrides);

    let mut relations = vec![("Depends", depends.join(", "))];
    relations.extend(product.recommends.map(|it| ("Recommends", it.to_owned())));
    relations.push(("Provides", abi_package(host)?));
    let text = description(product.line, product.text);
    let (version, target, notices) = (host.version(), host.target(), &host.notices);
    let of = Source { name, version, target, notices, time };
    package(&of, relations, text, files)
}

/// Returns the package of a plugin of a host.
pub(super) fn of_plugin(plugin: &Plugin, host: &Host, time: u64) -> Result<Package> {
    let name = format!("pintle-plugin-{}", plugin.key().name().short());
    let mut files = Files::default();
    let library = fs::read(&plugin.library)?;
    let libraries = depends(&library)
        .with_context(|| format!("failed to find the packages that `{name}` needs"))?;
    let dir = host.plugins_dir()?.trim_start_matches('/');
    files.add(format!("{dir}/{}", file_name(&plugin.library)?), library);

    let depends: Vec<_> = [abi_package(host)?].into_iter().chain(libraries).collect();
    let recommends = ("Recommends", host.product.name.to_owned());
    let relations = vec![("Depends", depends.join(", ")), recommends];
    let text = description(
        &format!("plugin for pintle: {}", plugin.manifest.description),
        &format!(
            "This plugin is loaded by pintle, a host for native plugins. Its name is {}.",
            plugin.key().name()
        ),
    );
    let (version, target) = (plugin.version()?, &plugin.manifest.target);
    let of = Source { name: &name, version: &version, target, notices: &plugin.notices, time };
    package(&of, relations, text, files)
}

/// The sources of a package.
struct Source<'a> {
    name: &'a str,
    version: &'a str,
    target: &'a str,
    notices: &'a Notices,
    time: u64,
}

/// Adds the files and fields that all packages have.
fn package(
    source: &Source<'_>,
    relations: Vec<(&'static str, String)>,
    description: String,
    mut files: Files,
) -> Result<Package> {
    let (name, version) = (source.name.to_owned(), debian_version(source.version));
    add_documents(&mut files, source, &version)?;
    let mut fields = vec![("Maintainer", MAINTAINER.to_owned())];
    fields.extend(relations);
    fields.extend([
        ("Section", "devel".to_owned()),
        ("Priority", "optional".to_owned()),
        ("Homepage", HOMEPAGE.to_owned()),
        ("Description", description),
    ]);
    Ok(Package { name, version, architecture: architecture(source.target)?, fields, files })
}

/// Returns the marker of systems whose plugins are packages: `plugin install` and similar commands
/// are disabled.
fn managed(host: &str) -> String {
    format!("message = \"install the package `{host}-plugin-NAME`\"\n")
}

/// Returns the virtual package of hosts that load the plugins that depend on it.
fn abi_package(host: &Host) -> Result<String> {
    Ok(format!("{}-plugin-abi-{}", host.product.name, host.plugin_abi()?))
}

fn pkg_config(host: &Host, lib_dir: &str) -> Result<String> {
    let (name, version, abi) = (host.product.name, host.version(), host.plugin_abi()?);
    Ok(format!(
        "prefix=/usr\n\
         libdir={lib_dir}\n\
         pluginsdir=${{libdir}}/{name}/plugins\n\
         plugin_abi={abi}\n\
         \n\
         Name: {name}\n\
         Description: {line}\n\
         URL: {HOMEPAGE}\n\
         Version: {version}\n",
        line = host.product.line,
    ))
}

/// Adds the licences and the history of a package.
fn add_documents(files: &mut Files, source: &Source<'_>, version: &str) -> Result<()> {
    let (name, notices) = (source.name, source.notices);
    let dir = format!("usr/share/doc/{name}");
    let notices_file = format!("{dir}/{}.gz", notices::FILE);
    files.add(format!("{dir}/copyright"), copyright(notices, &notices_file)?);
    files.add(notices_file, gzip(notices.text(name)?.as_bytes())?);
    let time = time::OffsetDateTime::from_unix_timestamp(source.time.try_into()?)?;
    let time = time.format(&time::format_description::well_known::Rfc2822)?;
    let text = format!(
        "{name} ({version}) unstable; urgency=medium\n\n  \
         * See {HOMEPAGE}/blob/main/CHANGELOG.md\n\n \
         -- {MAINTAINER}  {time}\n"
    );
    files.add(format!("{dir}/changelog.gz"), gzip(text.as_bytes())?);
    Ok(())
}

/// Returns the licences in Debian's machine-readable format.
fn copyright(notices: &Notices, notices_file: &str) -> Result<String> {
    let path = cargo::root().join("LICENSE-MIT");
    let text = fs::read_to_string(&path);
    let mit = text.with_context(|| format!("failed to read `{}`", path.display()))?;
    let holder = mit.lines().find_map(|it| it.strip_prefix("Copyright (c) "));
    let holder = holder.context("`LICENSE-MIT` has no copyright holder")?;
    let (_, mit) =
        mit.split_once("\n\nPermission").context("`LICENSE-MIT` is not the MIT licence")?;
    let mit: String = format!("Permission{mit}")
        .lines()
        .map(|it| if it.is_empty() { " .\n".to_owned() } else { format!(" {it}\n") })
        .collect();
    let third_party: String = notices.licences().iter().map(|it| format!("  {it}\n")).collect();
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Source: {HOMEPAGE}\n\
         Comment:\n \
         The binary also contains crates of others. /{notices_file}\n \
         lists them, with their notices and the texts of their licences:\n\
         {third_party}\
         \n\
         Files: *\n\
         Copyright: {holder}\n\
         License: Expat or Apache-2.0\n\
         \n\
         License: Expat\n\
         {mit}\
         \n\
         License: Apache-2.0\n \
         On Debian systems, the text of this licence is in\n \
         /usr/share/common-licenses/Apache-2.0.\n"
    ))
}

/// Returns a description for the control file: a line, and a text below it.
fn description(line: &str, text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a line");
        if last.len() + word.len() >= WIDTH {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    format!("{line}\n {}", lines.join("\n "))
}

/// A pre-release precedes its release, which Debian writes as `~`.
fn debian_version(version: &str) -> String {
    version.replacen('-', "~", 1)
}

/// Returns Debian's name of an architecture.
fn architecture(target: &str) -> Result<&'static str> {
    let Some((arch, libc)) = target.split_once("-unknown-linux-") else {
        bail!("there are no Debian packages for `{target}`");
    };
    Ok(match (arch, libc) {
        ("x86_64", "gnu") => "amd64",
        ("aarch64", "gnu") => "arm64",
        ("armv7", "gnueabihf") => "armhf",
        ("i686", "gnu") => "i386",
        ("powerpc64le", "gnu") => "ppc64el",
        ("riscv64gc", "gnu") => "riscv64",
        ("s390x", "gnu") => "s390x",
        _ => bail!("Debian's name for `{target}` is unknown"),
    })
}

/// Compresses as Debian requires: without a name and a time, at the highest level.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pre_release_is_older_than_its_release() {
        assert_eq!(debian_version("1.2.0"), "1.2.0");
        assert_eq!(debian_version("1.2.0-rc.1"), "1.2.0~rc.1");
    }

    #[test]
    fn a_platform_without_packages_is_named() {
        assert_eq!(architecture("x86_64-unknown-linux-gnu").unwrap(), "amd64");
        for target in ["aarch64-apple-darwin", "x86_64-unknown-linux-musl"] {
            let err = architecture(target).unwrap_err().to_string();
            assert!(err.contains(target), "{err}");
        }
    }

    #[test]
    fn a_description_has_a_line_and_short_lines_below_it() {
        let text = description("a line", &"word ".repeat(40));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines[0], lines.len()), ("a line", 4));
        assert!(lines[1..].iter().all(|it| it.starts_with(" word") && it.len() <= WIDTH + 1));
    }
}
