//! The description of a registry, which is read and checked before anything is created.

use pintle_plugin::prelude::*;
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The default image of a registry.
const IMAGE: &str = "docker.io/library/registry:2";

/// The port of the registry in its container.
pub(crate) const PORT: u16 = 5000;

/// The longest host name (RFC 1123).
const MAX_NAME: usize = 63;

/// The labels that are the plugin's only state.
pub(crate) mod label {
    pub(crate) const PORT: &str = "registry.pintle.dev/port";
    /// The URL of the registry that it is a pull-through cache of.
    pub(crate) const PROXY: &str = "registry.pintle.dev/proxy";
}

/// A registry to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) publish: Publish,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) proxy: Option<Proxy>,
    /// Whether images can be deleted from it.
    pub(crate) delete: bool,
    /// The cluster that it belongs to; empty for none.
    pub(crate) cluster: String,
}

impl Spec {
    /// Describes a registry of which only the name is given.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when the name is invalid.
    pub(crate) fn new(name: String, environment: &Environment<'_>) -> Result<Self> {
        check_name(&name)?;
        Ok(Self {
            name,
            image: environment.get("REGISTRY_IMAGE").unwrap_or_else(|| IMAGE.to_owned()),
            publish: Publish::default(),
            volumes: Vec::new(),
            proxy: None,
            delete: true,
            cluster: String::new(),
        })
    }

    /// Describes the container, with this port on the engine's machine.
    pub(crate) fn container(&self, host_port: u16) -> ContainerSpec {
        let mut container = ContainerSpec::new(&self.name, &self.image)
            .port(PORT, &self.publish.ip, host_port)
            .label(label::PORT, PORT.to_string())
            .cluster(&self.cluster);
        if self.delete {
            container = container.env("REGISTRY_STORAGE_DELETE_ENABLED", "true");
        }
        for Volume { source, target } in &self.volumes {
            container = container.mount(source, target);
        }
        // The URL of the other registry is recorded, but not the user.
        if let Some(proxy) = &self.proxy {
            container = container
                .env("REGISTRY_PROXY_REMOTEURL", &proxy.url)
                .label(label::PROXY, &proxy.url);
            if let Some((username, password)) = &proxy.credentials {
                container = container
                    .env("REGISTRY_PROXY_USERNAME", username)
                    .env("REGISTRY_PROXY_PASSWORD", &password.0);
            }
        }
        container
    }
}

/// The environment variables of a host, which begin with its name.
pub(crate) struct Environment<'a> {
    host: &'a str,
    read: fn(&str) -> Option<String>,
}

impl<'a> Environment<'a> {
    /// Returns the variables for the host with this command name.
    pub(crate) fn new(host: &'a str) -> Self {
        Self { host, read: |name| std::env::var(name).ok() }
    }

    #[cfg(test)]
    pub(crate) fn of_test(read: fn(&str) -> Option<String>) -> Self {
        Self { host: "pintle", read }
    }

    /// Returns the value of the variable with this ending, unless it is empty.
    fn get(&self, suffix: &str) -> Option<String> {
        (self.read)(&self.name(suffix)).filter(|it| !it.is_empty())
    }

    fn name(&self, suffix: &str) -> String {
        let host = self.host.to_ascii_uppercase();
        let host = host.replace(|it: char| !it.is_ascii_alphanumeric(), "_");
        format!("{host}_{suffix}")
    }
}

/// Fails unless `name` can be the name of a container by which others find it: labels of DNS
/// (RFC 1123), separated by dots.
fn check_name(name: &str) -> Result<()> {
    let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let is_label = |it: &str| {
        !it.is_empty() && it.chars().all(fits) && !it.starts_with('-') && !it.ends_with('-')
    };
    // The engine does not accept names of one character.
    if (2..=MAX_NAME).contains(&name.len()) && name.split('.').all(is_label) {
        return Ok(());
    }
    let err = UsageError(format!("invalid registry name `{name}`"));
    Err(err).hint(format!(
        "use 2 to {MAX_NAME} lower-case letters, digits and `-`, beginning and ending with a \
         letter or digit; such parts can be separated by dots"
    ))
}

/// Where a registry is published on the engine's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) ip: String,
    /// 0 lets the engine choose.
    pub(crate) port: u16,
}

impl Default for Publish {
    /// Only for this machine, because a registry does not authenticate its users.
    fn default() -> Self {
        Self { ip: "127.0.0.1".to_owned(), port: 0 }
    }
}

impl Publish {
    /// Reads `5000`, `0.0.0.0:5000` or `[::1]:5000`.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when the text has another form.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if let Ok(port) = text.parse() {
            return Ok(Self { port, ..Self::default() });
        }
        match text.replacen("localhost:", "127.0.0.1:", 1).parse::<SocketAddr>() {
            Ok(it) => Ok(Self { ip: it.ip().to_string(), port: it.port() }),
            Err(_) => Err(UsageError(format!("invalid port `{text}`")))
                .hint("use a port, for example `5000` or `0.0.0.0:5000`"),
        }
    }

    /// Sets the address.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when the text is not an address.
    pub(crate) fn at(mut self, ip: &str) -> Result<Self> {
        let text = if ip == "localhost" { "127.0.0.1" } else { ip };
        let parsed: Result<IpAddr, _> = text.parse();
        let parsed = parsed.map_err(|_| UsageError(format!("invalid address `{ip}`")));
        self.ip = parsed
            .hint("use an address of this machine, for example `127.0.0.1` or `0.0.0.0`")?
            .to_string();
        Ok(self)
    }
}

/// A directory or volume of the engine's machine, and its place in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    source: String,
    target: String,
}

impl Volume {
    /// Reads `SOURCE:TARGET`; a relative path starts from `folder`.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when the text has another form, or the path is relative and there is no
    /// directory for it.
    pub(crate) fn parse(text: &str, folder: Option<&Path>) -> Result<Self> {
        let wrong = || UsageError(format!("invalid volume `{text}`"));
        let hint = "use the form `SOURCE:TARGET`; the source is a volume or a path, the target an \
                    absolute path";
        let pair = text.rsplit_once(':').filter(|it| !it.0.is_empty() && it.1.starts_with('/'));
        let (source, target) = pair.ok_or_else(wrong).hint(hint)?;
        let mut source = source.to_owned();
        if source.starts_with('.') || source.starts_with('~') {
            let folder = folder.ok_or_else(wrong).hint("use an absolute path for its source")?;
            source = std::path::absolute(folder.join(source))?.display().to_string();
        }
        Ok(Self { source, target: target.to_owned() })
    }
}

/// The registry that a cache is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    url: String,
    credentials: Option<(String, Secret)>,
}

impl Proxy {
    /// Reads the settings of the remote registry. The password may also be in the environment,
    /// where other users cannot see it, unlike on a command line.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when a required setting is missing, or the URL is invalid.
    pub(crate) fn read(
        url: Option<String>,
        username: Option<String>,
        password: Option<Secret>,
        environment: &Environment<'_>,
    ) -> Result<Option<Self>> {
        let said = |it: &String| !it.is_empty();
        let username = username.filter(said);
        let password = password.filter(|it| said(&it.0));
        let Some(url) = url.filter(said) else {
            if username.is_none() && password.is_none() {
                return Ok(None);
            }
            return Err(UsageError(
                "a user name or a password without a remote registry".to_owned(),
            ))
            .hint("specify the remote registry of the pull-through cache");
        };
        check_url(&url)?;
        let variable = "REGISTRY_PROXY_PASSWORD";
        let credentials = match username {
            Some(username) => {
                let password = password.or_else(|| environment.get(variable).map(Secret));
                let missing = || UsageError(format!("the user `{username}` has no password"));
                let hint = format!("set `{}`", environment.name(variable));
                Some((username.clone(), password.ok_or_else(missing).hint(hint)?))
            }
            None if password.is_some() => {
                bail!(UsageError(
                    "a password for the remote registry without a user name".to_owned()
                ))
            }
            None => None,
        };
        Ok(Some(Self { url, credentials }))
    }
}

/// Fails unless the URL contains nothing secret. The error does not show it.
///
/// `*` means all registries: some registry images can be a cache of all of them.
fn check_url(url: &str) -> Result<()> {
    if url == "*" {
        return Ok(());
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = |it: char| it.is_ascii_graphic() && !"@?#\\\"".contains(it);
    if rest
        .is_some_and(|it| it.chars().all(is_plain) && !it.starts_with(['/', ':']) && !it.is_empty())
    {
        return Ok(());
    }
    Err(UsageError("invalid URL of the remote registry".to_owned())).hint(
        "use a URL without credentials, for example `https://registry-1.docker.io`; credentials \
         have their own options",
    )
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match json::Value::deserialize(deserializer)? {
            json::Value::String(text) => Ok(Self(text)),
            // For example `password: 1234` in YAML.
            json::Value::Number(number) => Ok(Self(number.to_string())),
            _ => Err(de::Error::custom("the password is not a string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Environment<'static> {
        Environment::of_test(|_| None)
    }

    fn full() -> Environment<'static> {
        Environment::of_test(|name| match name {
            "PINTLE_REGISTRY_IMAGE" => Some("mine:1".to_owned()),
            "PINTLE_REGISTRY_PROXY_PASSWORD" => Some("from-environment".to_owned()),
            _ => None,
        })
    }

    fn proxy(
        url: &str,
        username: Option<&str>,
        password: Option<&str>,
        environment: &Environment<'_>,
    ) -> Result<Option<Proxy>> {
        let password = password.map(|it| Secret(it.to_owned()));
        Proxy::read(Some(url.to_owned()), username.map(str::to_owned), password, environment)
    }

    #[test]
    fn a_name_is_one_that_dns_and_the_engine_take() {
        for name in ["ab", "pintle-registry", "registry.localhost", "0-a", &"a".repeat(63)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "a", "A", "-a", "a-", "a_b", "a..b", "a.", "a:5000", &"a".repeat(64)] {
            let err = check_name(name).unwrap_err();
            assert_eq!(err.to_string(), format!("invalid registry name `{name}`"));
        }
    }

    #[test]
    fn a_port_may_have_an_address() {
        let read = |text: &str| Publish::parse(text).map(|it| (it.ip, it.port)).ok();
        let some = |ip: &str, port| Some((ip.to_owned(), port));
        assert_eq!(read("5000"), some("127.0.0.1", 5000));
        assert_eq!(read("0.0.0.0:5000"), some("0.0.0.0", 5000));
        assert_eq!(read("localhost:5000"), some("127.0.0.1", 5000));
        assert_eq!(read("[::1]:5000"), some("::1", 5000));
        for text in ["", "x", "65536", "-1", ":5000", "here:5000", "1.2.3.4"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(Publish::default().at("localhost").unwrap().ip, "127.0.0.1");
        let err = Publish::default().at("here").unwrap_err();
        assert_eq!(err.to_string(), "invalid address `here`");
    }

    #[test]
    fn a_volume_is_a_source_and_an_absolute_target() {
        let read = |text: &str, folder: Option<&str>| {
            Volume::parse(text, folder.map(Path::new)).map(|it| (it.source, it.target)).ok()
        };
        let some = |source: &str, target: &str| Some((source.to_owned(), target.to_owned()));
        assert_eq!(read("data:/var/lib/registry", None), some("data", "/var/lib/registry"));
        assert_eq!(read("/a:b:/c", None), some("/a:b", "/c"));
        assert_eq!(read("./a:/c", Some("/here")), some("/here/a", "/c"));
        for text in ["", "a", "a:b", ":/c", "/a:/b:ro", "./a:/c"] {
            assert_eq!(read(text, None), None, "{text}");
        }
    }

    #[test]
    fn the_image_may_come_from_the_environment() {
        let image = |it: &Environment<'_>| Spec::new("ab".into(), it).unwrap().image;
        assert_eq!(image(&empty()), IMAGE);
        assert_eq!(image(&full()), "mine:1");
        let other = Environment { host: "my-tool", read: |it| Some(it.to_owned()) };
        assert_eq!(image(&other), "MY_TOOL_REGISTRY_IMAGE");
    }

    #[test]
    fn a_password_said_comes_before_that_of_the_environment() {
        let password = |said, environment: &Environment<'_>| {
            let proxy = proxy("https://a.example", Some("ada"), said, environment).unwrap();
            proxy.unwrap().credentials.unwrap().1.0
        };
        assert_eq!(password(Some("said"), &full()), "said");
        assert_eq!(password(None, &full()), "from-environment");
        let err = proxy("https://a.example", Some("ada"), None, &empty()).unwrap_err();
        assert_eq!(err.to_string(), "the user `ada` has no password");
        let anonymous = proxy("https://a.example", None, None, &full()).unwrap().unwrap();
        assert_eq!(anonymous.credentials, None);
    }

    #[test]
    fn credentials_need_a_remote_registry() {
        let err = proxy("", Some("ada"), None, &full()).unwrap_err();
        assert_eq!(err.to_string(), "a user name or a password without a remote registry");
        assert_eq!(proxy("", Some(""), Some(""), &full()).unwrap(), None);
        let err = proxy("https://a.example", None, Some("x"), &empty()).unwrap_err();
        assert_eq!(err.to_string(), "a password for the remote registry without a user name");
    }

    #[test]
    fn a_url_has_no_credentials_and_is_not_shown_if_it_has() {
        for url in ["http://a", "https://a.example:5000", "https://a.example/b", "*"] {
            assert!(check_url(url).is_ok(), "{url}");
        }
        for url in [
            "a",
            "ftp://a",
            "https://",
            "https:///a",
            "https://u:secret@a",
            "http://a?t=secret",
            "http://a b",
        ] {
            let err = format!("{:?}", check_url(url).unwrap_err());
            assert!(!err.contains("secret"), "{err}");
        }
    }

    #[test]
    fn a_container_shows_no_credentials() {
        let mut spec = Spec::new("ab".into(), &empty()).unwrap();
        spec.proxy = proxy("https://a.example", Some("ada"), Some("secret"), &empty()).unwrap();
        assert!(!format!("{spec:?}").contains("secret"));
        let container = spec.container(0);
        assert_eq!(container.env["REGISTRY_PROXY_REMOTEURL"], "https://a.example");
        assert_eq!(container.env["REGISTRY_PROXY_USERNAME"], "ada");
        assert_eq!(container.env["REGISTRY_PROXY_PASSWORD"], "secret");
        assert_eq!(container.env["REGISTRY_STORAGE_DELETE_ENABLED"], "true");
        let labels: Vec<_> = container.labels.values().map(String::as_str).collect();
        assert_eq!(labels, ["5000", "https://a.example"]);
    }

    #[test]
    fn images_stay_if_that_is_wanted() {
        let mut spec = Spec::new("ab".into(), &empty()).unwrap();
        spec.delete = false;
        assert!(spec.container(0).env.is_empty());
    }
}
