//! Parses the source of a plugin that the user typed, without using the network.

use pintle_host::caller;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use super::http::redact;
use crate::digest::{hex, parse_sha256, sha256};

/// The largest length of a component of a store path.
const MAX_COMPONENT: usize = 100;

/// The source of a plugin.
///
/// | typed | is |
/// |---|---|
/// | `owner/repo[@version]`, also as `github.com/owner/repo` or its URL | a GitHub repository |
/// | `oci://host[:port]/repository[:tag][@sha256:…]` | a repository of an OCI registry |
/// | `https://…`, `http://…` | one file |
/// | `/…`, `./…`, `../…`, `~/…`, `C:\…`, `file:///…` | a file or a directory |
///
/// Anything else is a path if something exists there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spec {
    /// A GitHub repository with releases.
    GitHub {
        /// The user or organization.
        owner: String,
        /// The repository's name.
        repo: String,
        /// The version or tag, as typed; without it, the latest release.
        version: Option<String>,
    },
    /// A repository of an OCI registry.
    Oci(OciSpec),
    /// One file on a web server.
    Url(Url),
    /// A file or a directory.
    Path(PathBuf),
}

/// A repository of an OCI registry, and the artifact in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciSpec {
    /// The host, with a port if one was typed.
    pub registry: String,
    /// The path of the repository.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest, in the form `sha256:…`. It takes precedence over the tag.
    pub digest: Option<String>,
}

/// Why a text is not a plugin source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The text is empty.
    #[error("the plugin source is empty")]
    Empty,
    /// The scheme is not supported.
    #[error("unsupported scheme `{scheme}` in the plugin source `{text}`")]
    Scheme {
        /// The text.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// The URL contains a user or a password.
    #[error("the plugin source `{url}` contains credentials, which would be stored in lock files")]
    Credentials {
        /// The URL without them.
        url: String,
    },
    /// A part of the source is malformed.
    #[error("invalid {part} `{value}` in the plugin source `{text}`")]
    Part {
        /// The text.
        text: String,
        /// The part, for example `tag`.
        part: &'static str,
        /// Its value.
        value: String,
    },
    /// A part of the source is missing.
    #[error("the plugin source `{text}` has no {part}")]
    Missing {
        /// The text.
        text: String,
        /// The part, for example `repository`.
        part: &'static str,
    },
    /// The text has none of the known forms, and no such file exists.
    #[error("invalid plugin source `{text}`: not a repository, a URL or an existing file")]
    Unknown {
        /// The text.
        text: String,
    },
}

impl SpecError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> String {
        const FORMS: &str =
            "use `owner/repo[@version]`, `oci://host/repository:tag`, `https://…` or `./path`";
        match self {
            Self::Scheme { text, scheme } if scheme == "docker" => {
                format!("use `oci://{}`", text.trim_start_matches("docker://"))
            }
            Self::Scheme { text, .. } | Self::Unknown { text } if github_of_git(text).is_some() => {
                format!("use `{}`", github_of_git(text).unwrap_or_default())
            }
            Self::Unknown { text } if has_registry(text) => {
                format!("use `oci://{text}` for a registry, or `./{text}` for a file")
            }
            Self::Credentials { url } => format!("use `{url}`"),
            Self::Part { part: "repository", .. } => {
                "write the repository of a registry in lower case, for example \
                 `oci://ghcr.io/owner/name`"
                    .into()
            }
            Self::Part { part: "digest", .. } => "use `sha256:` and 64 hexadecimal digits".into(),
            _ => FORMS.into(),
        }
    }
}

impl Spec {
    /// Returns the source without version, tag or digest, which stays the same in an upgrade.
    pub fn source(&self) -> String {
        match self {
            Self::GitHub { owner, repo, .. } => format!("{owner}/{repo}"),
            Self::Oci(it) => format!("oci://{}/{}", it.registry, it.repository),
            Self::Url(_) | Self::Path(_) => self.to_string(),
        }
    }

    /// Returns the requested version, tag or digest.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::GitHub { version, .. } => version.as_deref(),
            Self::Oci(it) => it.digest.as_deref().or(it.tag.as_deref()),
            Self::Url(_) | Self::Path(_) => None,
        }
    }

    /// Returns the first directory in the store.
    ///
    /// It is the owner of a GitHub repository, `oci.<registry>`, `https.<host>` (or `http.`), or
    /// `file.local`. GitHub owners contain no dot, so different kinds never share a directory. A
    /// port is made safe in the same way as in [`repo`](Self::repo).
    pub fn owner(&self) -> String {
        match self {
            Self::GitHub { owner, .. } => owner.clone(),
            Self::Oci(it) => component(&format!("oci.{}", it.registry), &it.registry),
            Self::Url(url) => {
                let host = url.host_str().unwrap_or_default();
                let port = url.port().map(|it| format!(":{it}")).unwrap_or_default();
                let text = format!("{}.{host}{port}", url.scheme());
                component(&text, &text)
            }
            Self::Path(_) => "file.local".into(),
        }
    }

    /// Returns the second directory in the store.
    ///
    /// It is the name of a GitHub repository or a registry's repository. A slash or any other
    /// character outside `[A-Za-z0-9._-]` becomes `-`, and a part of the source's SHA-256 is
    /// appended, so that two sources never share a directory. For a URL or a path, it is the file's
    /// name with that hash, which covers the rest of the URL or the absolute path.
    pub fn repo(&self) -> String {
        match self {
            Self::GitHub { repo, .. } => repo.clone(),
            Self::Oci(it) => component(&it.repository, &self.source()),
            Self::Url(url) => {
                let name = url.path_segments().and_then(|mut it| it.next_back());
                hashed(name.unwrap_or_default(), url.as_str())
            }
            Self::Path(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                hashed(&name, &path.to_string_lossy())
            }
        }
    }
}

/// Returns a source in displayable form: the query of a URL may contain a secret.
pub fn shown(source: &str) -> String {
    match Url::parse(source) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => redact(&url),
        _ => source.to_owned(),
    }
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(SpecError::Empty);
        }
        if let Some(rest) = text.strip_prefix("oci://") {
            return OciSpec::parse(text, rest).map(Self::Oci);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return with_scheme(text, &scheme.to_ascii_lowercase());
        }
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::Path(path.into()));
        }
        if looks_like_path(text) {
            return Ok(Self::Path(expand_home(text)));
        }
        let without_host =
            text.strip_prefix("github.com/").or(text.strip_prefix("www.github.com/"));
        if let Some(rest) = without_host {
            return github(text, rest);
        }
        if is_github(text) {
            return github(text, text);
        }
        if Path::new(text).exists() {
            return Ok(Self::Path(text.into()));
        }
        Err(SpecError::Unknown { text: text.to_owned() })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitHub { owner, repo, version: None } => write!(f, "{owner}/{repo}"),
            Self::GitHub { owner, repo, version: Some(it) } => write!(f, "{owner}/{repo}@{it}"),
            Self::Oci(it) => write!(f, "{it}"),
            Self::Url(url) => write!(f, "{url}"),
            // Without this, a path such as `a/b` would be interpreted as a repository.
            Self::Path(path) if !looks_like_path(&path.to_string_lossy()) => {
                write!(f, "./{}", path.display())
            }
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Display for OciSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |it| write!(f, "@{it}"))
    }
}

impl OciSpec {
    fn parse(text: &str, rest: &str) -> Result<Self, SpecError> {
        let invalid = |part, value: &str| part_of(text, part, value);
        if rest.split('/').next().is_some_and(|it| it.contains('@')) {
            let url = format!("oci://{}", rest.split_once('@').map_or(rest, |(_, it)| it));
            return Err(SpecError::Credentials { url });
        }
        let (registry, rest) = rest.split_once('/').ok_or_else(|| invalid("repository", ""))?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        if !is_registry(registry) {
            return Err(invalid("registry", registry));
        }
        if repository.len() > 255 || !repository.split('/').all(is_repository_part) {
            return Err(invalid("repository", repository));
        }
        if let Some(tag) = tag.filter(|it| !is_tag(it)) {
            return Err(invalid("tag", tag));
        }
        if let Some(digest) = digest.filter(|it| parse_sha256(it).is_none()) {
            return Err(invalid("digest", digest));
        }
        Ok(Self {
            registry: registry.to_ascii_lowercase(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_ascii_lowercase),
        })
    }
}

/// Parses a source with a scheme other than `oci`.
fn with_scheme(text: &str, scheme: &str) -> Result<Spec, SpecError> {
    if !matches!(scheme, "http" | "https" | "file") {
        return Err(SpecError::Scheme { text: text.to_owned(), scheme: scheme.to_owned() });
    }
    let mut url = Url::parse(text).map_err(|_| part_of(text, "URL", text))?;
    if scheme == "file" {
        return url.to_file_path().map(Spec::Path).map_err(|()| part_of(text, "URL", text));
    }
    url.set_fragment(None);
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SpecError::Credentials { url: redact(&url) });
    }
    match url.host_str() {
        Some("github.com" | "www.github.com") => {
            Ok(github_url(text, &url)?.unwrap_or(Spec::Url(url)))
        }
        Some(_) => Ok(Spec::Url(url)),
        None => Err(part_of(text, "URL", text)),
    }
}

/// Parses the URL of a repository or of the page of a release; `None` for files.
fn github_url(text: &str, url: &Url) -> Result<Option<Spec>, SpecError> {
    let parts: Vec<_> =
        url.path_segments().into_iter().flatten().filter(|it| !it.is_empty()).collect();
    let rest = match parts[..] {
        [owner, repo] | [owner, repo, "releases"] | [owner, repo, "releases", "latest"] => {
            format!("{owner}/{repo}")
        }
        [owner, repo, "releases", "tag", tag] => format!("{owner}/{repo}@{tag}"),
        _ => return Ok(None),
    };
    github(text, &rest).map(Some)
}

/// Parses `owner/repo[@version]`.
fn github(text: &str, rest: &str) -> Result<Spec, SpecError> {
    let (name, version) = match rest.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (rest, None),
    };
    let (owner, repo) = name.split_once('/').ok_or_else(|| part_of(text, "repository", name))?;
    let repo = repo.trim_end_matches('/');
    let repo = repo.strip_suffix(".git").unwrap_or(repo);
    if !is_owner(owner) {
        return Err(part_of(text, "owner", owner));
    }
    if !is_repo(repo) {
        return Err(part_of(text, "repository name", repo));
    }
    if let Some(version) = version.filter(|it| !is_version(it)) {
        return Err(part_of(text, "version", version));
    }
    let version = version.map(str::to_owned);
    Ok(Spec::GitHub { owner: owner.to_owned(), repo: repo.to_owned(), version })
}

fn part_of(text: &str, part: &'static str, value: &str) -> SpecError {
    match value {
        "" => SpecError::Missing { text: shown(text), part },
        value => SpecError::Part { text: shown(text), part, value: shown(value) },
    }
}

/// Returns whether a text has the form `owner/repo` or `owner/repo@…`.
fn is_github(text: &str) -> bool {
    let name = text.split('@').next().unwrap_or_default();
    name.split_once('/').is_some_and(|(owner, repo)| is_owner(owner) && is_repo(repo))
}

/// Owners contain no dots, which distinguishes them from hosts.
fn is_owner(text: &str) -> bool {
    let is_allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
    (1..=39).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(is_allowed)
}

fn is_repo(text: &str) -> bool {
    (1..=MAX_COMPONENT).contains(&text.len())
        && !matches!(text, "." | "..")
        && text.bytes().all(is_safe)
}

/// Approximately the tag names that git allows.
fn is_version(text: &str) -> bool {
    let is_forbidden = |it: char| it.is_control() || it.is_whitespace() || "\\~^:?*[@".contains(it);
    (1..=250).contains(&text.len())
        && !text.contains(is_forbidden)
        && !text.starts_with(['/', '-', '.'])
        && !text.contains("..")
}

fn is_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn is_registry(text: &str) -> bool {
    // The URL parser validates hosts, addresses and ports.
    let url = Url::parse(&format!("https://{text}/"));
    let is_allowed = |it: u8| it.is_ascii_alphanumeric() || b".-:[]".contains(&it);
    text.bytes().all(is_allowed) && url.is_ok_and(|it| it.host_str().is_some())
}

fn is_repository_part(text: &str) -> bool {
    let is_word = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    text.bytes().all(|it| is_word(it) || matches!(it, b'.' | b'_' | b'-'))
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().next_back().is_some_and(is_word)
        && !text.contains("..")
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(is_safe) && !text.starts_with(['.', '-'])
}

fn looks_like_path(text: &str) -> bool {
    let has_drive = |it: &[u8]| it.len() > 2 && it[0].is_ascii_alphabetic() && it[1] == b':';
    matches!(text, "." | ".." | "~")
        || ["/", "./", "../", "~/", "~"].iter().any(|it| text.starts_with(it))
        || text.contains('\\')
        || has_drive(text.as_bytes()) && text.as_bytes()[2] == b'/'
}

/// Shells expand this, but not in the middle of `--from=~/x`.
fn expand_home(text: &str) -> PathBuf {
    let rest = if text == "~" { Some("") } else { text.strip_prefix("~/") };
    match (rest, caller::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => text.into(),
    }
}

/// Returns the `owner/repo` of an address for `git clone`: `git@github.com:o/r.git`, `ssh://…`.
fn github_of_git(text: &str) -> Option<String> {
    let text = text.split_once("://").map_or(text, |(_, it)| it);
    let rest = text.strip_prefix("git@").unwrap_or(text).strip_prefix("github.com")?;
    let name = rest.strip_prefix([':', '/'])?;
    let name = name.strip_suffix(".git").unwrap_or(name);
    is_github(name).then(|| name.to_owned())
}

/// Returns whether a text begins with a host: a name with a dot or a port.
fn has_registry(text: &str) -> bool {
    text.split_once('/').is_some_and(|(host, rest)| {
        (host.contains('.') || host.contains(':')) && is_registry(host) && !rest.is_empty()
    })
}

/// Returns a component of a path: the text itself if it is safe, or else a hashed one.
fn component(text: &str, source: &str) -> String {
    if text.bytes().all(is_safe) && text.len() <= MAX_COMPONENT && !text.starts_with('.') {
        return text.to_owned();
    }
    hashed(text, source)
}

/// Returns a component of a path that is readable, and unique for a source.
fn hashed(text: &str, source: &str) -> String {
    let safe = |it: char| if it.is_ascii() && is_safe(it as u8) { it } else { '-' };
    let readable: String = text.trim_start_matches('.').chars().take(64).map(safe).collect();
    let readable = if readable.is_empty() { "plugin" } else { &readable };
    format!("{readable}-{}", hex(&sha256(source.as_bytes())[..4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let outcome = match text.parse::<Spec>() {
            Ok(it) => {
                assert_eq!(it.to_string().parse(), Ok(it.clone()), "it is read again");
                for part in [it.owner(), it.repo()] {
                    assert!(part.bytes().all(is_safe) && !part.starts_with('.'), "{part}");
                }
                format!("{it} in {}/{}", it.owner(), it.repo())
            }
            Err(err) => format!("{err}; {}", err.hint()),
        };
        assert_eq!(outcome, expected);
    }

    #[test]
    fn github_repositories_are_read_in_all_their_forms() {
        check("acme/registry", "acme/registry in acme/registry");
        check("acme/registry@v1.2", "acme/registry@v1.2 in acme/registry");
        for text in [
            "github.com/acme/registry",
            "https://github.com/acme/registry",
            "https://www.github.com/acme/registry.git",
            "https://github.com/acme/registry/releases/latest",
            "https://github.com/acme/registry/",
        ] {
            check(text, "acme/registry in acme/registry");
        }
        check(
            "https://github.com/acme/registry/releases/tag/v1.0.0",
            "acme/registry@v1.0.0 in acme/registry",
        );
        check("acme/registry@lib/v1", "acme/registry@lib/v1 in acme/registry");
    }

    #[test]
    fn a_file_of_a_release_is_a_file() {
        let text = "https://github.com/acme/registry/releases/download/v1/a.tgz";
        check(text, &format!("{text} in https.github.com/a.tgz-d467a57f"));
    }

    #[test]
    fn registries_are_read() {
        check("oci://ghcr.io/acme:v1", "oci://ghcr.io/acme:v1 in oci.ghcr.io/acme");
        let digest = format!("sha256:{}", "0a".repeat(32));
        let text = format!("oci://localhost:5000/acme/registry@{digest}");
        let spec: Spec = text.parse().expect("it is a registry");
        assert_eq!(spec.to_string(), text);
        assert_eq!(spec.version(), Some(&*digest));
        assert_eq!(spec.source(), "oci://localhost:5000/acme/registry");
        assert!(spec.owner().starts_with("oci.localhost-5000-"), "{}", spec.owner());
        assert!(spec.repo().starts_with("acme-registry-"), "{}", spec.repo());
        let other: Spec = "oci://localhost:5000/acme-registry".parse().expect("it is a registry");
        assert_ne!(spec.repo(), other.repo());
    }

    #[test]
    fn paths_are_read() {
        for text in ["/a/b.so", "./a/b", "../b", "C:\\plugins\\a.dll", "C:/plugins"] {
            let spec = text.parse();
            assert_eq!(spec, Ok(Spec::Path(text.into())));
            assert_eq!(spec.map(|it| it.owner()), Ok("file.local".to_owned()));
        }
        assert_eq!("file:///a/b.so".parse(), Ok(Spec::Path("/a/b.so".into())));
        let home = std::env::home_dir().expect("there is a home");
        assert_eq!("~/a".parse(), Ok(Spec::Path(home.join("a"))));
        assert_eq!("Cargo.toml".parse(), Ok(Spec::Path("Cargo.toml".into())));
        assert_eq!(Spec::Path("a/b".into()).to_string(), "./a/b");
    }

    #[test]
    fn errors_say_what_to_type() {
        let forms =
            "use `owner/repo[@version]`, `oci://host/repository:tag`, `https://…` or `./path`";
        check("", &format!("the plugin source is empty; {forms}"));
        check(
            "registry",
            &format!(
                "invalid plugin source `registry`: not a repository, a URL or an existing file; {forms}"
            ),
        );
        check(
            "ghcr.io/acme/registry",
            "invalid plugin source `ghcr.io/acme/registry`: not a repository, a URL or an existing \
             file; use `oci://ghcr.io/acme/registry` for a registry, or `./ghcr.io/acme/registry` for a file",
        );
        check(
            "git@github.com:acme/registry.git",
            "invalid plugin source `git@github.com:acme/registry.git`: not a repository, a URL or an \
             existing file; use `acme/registry`",
        );
        check(
            "docker://ghcr.io/acme/registry",
            "unsupported scheme `docker` in the plugin source `docker://ghcr.io/acme/registry`; \
             use `oci://ghcr.io/acme/registry`",
        );
        check(
            "ssh://git@github.com/acme/registry.git",
            "unsupported scheme `ssh` in the plugin source `ssh://git@github.com/acme/registry.git`; \
             use `acme/registry`",
        );
        check(
            "https://ada:secret@example.com/a.so?key=1",
            "the plugin source `https://example.com/a.so?…` contains credentials, which would be \
             stored in lock files; use `https://example.com/a.so?…`",
        );
        check(
            "oci://ghcr.io/Acme/registry",
            "invalid repository `Acme/registry` in the plugin source `oci://ghcr.io/Acme/registry`; \
             write the repository of a registry in lower case, for example \
             `oci://ghcr.io/owner/name`",
        );
        check(
            "oci://ghcr.io",
            &format!("the plugin source `oci://ghcr.io` has no repository; {forms}"),
        );
        check(
            "oci://ghcr.io/acme@sha256:12",
            "invalid digest `sha256:12` in the plugin source `oci://ghcr.io/acme@sha256:12`; \
             use `sha256:` and 64 hexadecimal digits",
        );
        check(
            "acme/registry@../x",
            &format!("invalid version `../x` in the plugin source `acme/registry@../x`; {forms}"),
        );
        check(
            "github.com/acme/..",
            &format!(
                "invalid repository name `..` in the plugin source `github.com/acme/..`; {forms}"
            ),
        );
    }
}
