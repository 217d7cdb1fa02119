//! What is in which Debian package.
//!
//! There are no scripts of maintainers: a host finds a plugin's file, and needs nothing else.

use super::deb::Package;
use super::depends::depends;
use super::files::{Files, file_name};
use super::host::{self, Host};
use super::plugin::Plugin;
use crate::cargo;
use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::Write as _;

const MAINTAINER: &str = "The Pintle authors <packages@pintle.dev>";
const HOMEPAGE: &str = env!("CARGO_PKG_REPOSITORY");
/// The longest line of a description.
const WIDTH: usize = 76;

/// Returns whether Debian's packages can be made for a platform.
pub(super) fn is_for(target: &str) -> bool {
    target.contains("-linux-gnu")
}

/// Returns the packages of a host and its plugins.
pub(super) fn packages(host: &Host, plugins: &[Plugin], time: u64) -> Result<Vec<Package>> {
    let mut packages = vec![of_host(host, time)?];
    for plugin in plugins {
        packages.push(of_plugin(plugin, host, time)?);
    }
    Ok(packages)
}

fn of_host(host: &Host, time: u64) -> Result<Package> {
    let mut files = Files::default();
    let program = fs::read(&host.program)?;
    let depends = depends(&program).context("failed to find the packages that the host needs")?;
    files.add_program("usr/bin/pintle", program);
    for (name, page) in &host.pages {
        files.add(format!("usr/share/man/man1/{name}.gz"), gzip(page)?);
    }
    for (shell, path) in [
        ("bash", "usr/share/bash-completion/completions/pintle"),
        ("fish", "usr/share/fish/vendor_completions.d/pintle.fish"),
        ("zsh", "usr/share/zsh/vendor-completions/_pintle"),
    ] {
        files.add(path, host.completion(shell)?);
    }
    let plugins_dir = host.plugins_dir()?;
    let dir = plugins_dir.strip_prefix('/').context("the directory of plugins is absolute")?;
    files.add(format!("{dir}/managed.toml"), MANAGED);
    let lib_dir = plugins_dir.strip_suffix("/pintle/plugins");
    let lib_dir = lib_dir.context("the directory of plugins is not `LIBDIR/pintle/plugins`")?;
    files.add(format!("{}/pkgconfig/pintle.pc", &lib_dir[1..]), pkg_config(host, lib_dir)?);

    files.add(format!("usr/share/lintian/overrides/{}", host::PACKAGE), OVERRIDES);
    let relations = [
        ("Depends", depends.join(", ")),
        // A project that names no plugins is made by this one.
        ("Recommends", "pintle-plugin-rust".to_owned()),
        ("Provides", abi_package(host)?),
    ];
    let text = description(
        "host for native plugins: operator projects and throw-away clusters",
        "Pintle is a command-line host whose commands and hooks come from plugins. It scaffolds \
         operator projects for Kubernetes, and runs throw-away clusters on a Docker engine.",
    );
    let of = Source { name: host::PACKAGE, version: host.version(), target: host.target(), time };
    package(&of, relations, text, files)
}

fn of_plugin(plugin: &Plugin, host: &Host, time: u64) -> Result<Package> {
    let name = format!("pintle-plugin-{}", plugin.key().name().short());
    let mut files = Files::default();
    let library = fs::read(&plugin.library)?;
    let libraries = depends(&library)
        .with_context(|| format!("failed to find the packages that `{name}` needs"))?;
    let dir = host.plugins_dir()?.trim_start_matches('/');
    files.add(format!("{dir}/{}", file_name(&plugin.library)?), library);

    let depends: Vec<_> = [abi_package(host)?].into_iter().chain(libraries).collect();
    let relations = [("Depends", depends.join(", ")), ("Recommends", host::PACKAGE.to_owned())];
    let text = description(
        &format!("plugin for pintle: {}", plugin.manifest.description),
        &format!(
            "This plugin is loaded by pintle, a host for native plugins. Its name is {}.",
            plugin.key().name()
        ),
    );
    let (version, target) = (plugin.version()?, &plugin.manifest.target);
    let of = Source { name: &name, version: &version, target, time };
    package(&of, relations, text, files)
}

/// What a package is made from.
struct Source<'a> {
    name: &'a str,
    version: &'a str,
    target: &'a str,
    time: u64,
}

/// Adds what all packages have.
fn package<const N: usize>(
    source: &Source<'_>,
    relations: [(&'static str, String); N],
    description: String,
    mut files: Files,
) -> Result<Package> {
    let (name, version) = (source.name.to_owned(), debian_version(source.version));
    add_documents(&mut files, &name, &version, source.time)?;
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

/// What lintian reports, and why it is right all the same.
const OVERRIDES: &str = "\
    # libyaml, translated to Rust: the crate unsafe-libyaml. There is no library to link instead.\n\
    pintle: embedded-library libyaml *\n";

/// Systems whose plugins are packages: `plugin install` and its like are off.
const MANAGED: &str = "message = \"install the package `pintle-plugin-NAME`\"\n";

/// Returns the virtual package of hosts that load the plugins which depend on it.
fn abi_package(host: &Host) -> Result<String> {
    Ok(format!("pintle-plugin-abi-{}", host.plugin_abi()?))
}

fn pkg_config(host: &Host, lib_dir: &str) -> Result<String> {
    let (version, abi) = (host.version(), host.plugin_abi()?);
    Ok(format!(
        "prefix=/usr\n\
         libdir={lib_dir}\n\
         pluginsdir=${{libdir}}/pintle/plugins\n\
         plugin_abi={abi}\n\
         \n\
         Name: pintle\n\
         Description: Host for native plugins\n\
         URL: {HOMEPAGE}\n\
         Version: {version}\n"
    ))
}

/// Adds what every package says of its licence and its history.
fn add_documents(files: &mut Files, name: &str, version: &str, time: u64) -> Result<()> {
    let dir = format!("usr/share/doc/{name}");
    files.add(format!("{dir}/copyright"), copyright()?);
    let time = time::OffsetDateTime::from_unix_timestamp(time.try_into()?)?;
    let time = time.format(&time::format_description::well_known::Rfc2822)?;
    let text = format!(
        "{name} ({version}) unstable; urgency=medium\n\n  \
         * See {HOMEPAGE}/blob/main/CHANGELOG.md\n\n \
         -- {MAINTAINER}  {time}\n"
    );
    files.add(format!("{dir}/changelog.gz"), gzip(text.as_bytes())?);
    Ok(())
}

/// Returns the licences in Debian's machine-readable form.
fn copyright() -> Result<String> {
    let path = cargo::root().join("LICENSE-MIT");
    let text = fs::read_to_string(&path);
    let mit = text.with_context(|| format!("failed to read `{}`", path.display()))?;
    let holder = mit.lines().find_map(|it| it.strip_prefix("Copyright (c) "));
    let holder = holder.context("`LICENSE-MIT` names no holder of the rights")?;
    let (_, mit) = mit.split_once("\n\nPermission").context("`LICENSE-MIT` is not the licence")?;
    let mit: String = format!("Permission{mit}")
        .lines()
        .map(|it| if it.is_empty() { " .\n".to_owned() } else { format!(" {it}\n") })
        .collect();
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Source: {HOMEPAGE}\n\
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

/// A pre-release comes before its release, which Debian writes as `~`.
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

/// Compresses as Debian wants it: without a name and a time, and as far as possible.
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
