//! Sets up the client: its trusted certificates, and its proxies.

use std::path::Path;
use std::sync::Arc;

use reqwest::{NoProxy, Proxy};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::super::Environment;
use super::error::FetchError;

/// How much is read of a file with certificates.
const MAX_AUTHORITIES: u64 = 16 << 20;

/// Returns the trusted certificates: those of the system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`,
/// and those from one more file.
pub(super) fn authorities(
    extra: Option<&Path>,
) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    // Individual unreadable files do not matter if the server's authority is in another file.
    let mut certificates = rustls_native_certs::load_native_certs().certs;
    // Some systems have certificates in forms that are no longer supported.
    let mut roots = RootCertStore::empty();
    certificates.retain(|it| roots.add(it.clone()).is_ok());
    let Some(path) = extra else { return Ok(certificates) };
    let fail = |source| FetchError::Authority { path: path.to_owned(), source };
    let contents = pintle_host::fs::read_named(path, MAX_AUTHORITIES);
    let contents = contents.map_err(|err| fail(err.into()))?;
    let own = CertificateDer::pem_slice_iter(&contents.bytes).collect::<Result<Vec<_>, _>>();
    let own = own.map_err(|err| fail(err.into()))?;
    if own.is_empty() {
        return Err(fail("the file contains no PEM certificate".into()));
    }
    certificates.extend(own);
    Ok(certificates)
}

pub(super) fn tls(
    authorities: &[CertificateDer<'static>],
) -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// The proxies from the environment.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    pub(super) https: Option<Url>,
    pub(super) http: Option<Url>,
    /// The hosts that are reached without a proxy, as in `NO_PROXY`.
    pub(super) except: Option<String>,
}

impl Proxies {
    pub(super) fn read(env: Environment<'_>) -> Result<Self, FetchError> {
        // A web server passes the header `Proxy` of a request to scripts as HTTP_PROXY.
        let is_script = env("REQUEST_METHOD").is_some();
        let (_, except) = either(env, "NO_PROXY").unzip();
        let all = proxy(env, "ALL_PROXY")?;
        let http = if is_script { None } else { proxy(env, "HTTP_PROXY")? };
        let https = proxy(env, "HTTPS_PROXY")?;
        Ok(Self { https: https.or_else(|| all.clone()), http: http.or(all), except })
    }

    /// Returns the proxies for reqwest.
    pub(super) fn rules(&self) -> Result<Vec<Proxy>, reqwest::Error> {
        let except = self.except.as_deref().and_then(NoProxy::from_string);
        let https = self.https.as_ref().map(|it| Proxy::https(it.clone()));
        let http = self.http.as_ref().map(|it| Proxy::http(it.clone()));
        let rules = https.into_iter().chain(http);
        rules.map(|it| Ok(it?.no_proxy(except.clone()))).collect()
    }

    /// Returns the proxy for a URL in displayable form, for errors.
    pub(super) fn shown(&self, url: &Url) -> Option<String> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        let proxy = proxy.as_ref().filter(|_| !self.is_excepted(url))?;
        Some(super::error::redact(proxy))
    }

    /// Returns whether `NO_PROXY` contains a host. reqwest handles ranges of addresses.
    fn is_excepted(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let mut names = self.except.as_deref().unwrap_or_default().split(',').map(str::trim);
        names.any(|it| {
            let name = it.trim_start_matches('.');
            let before = host.strip_suffix(name);
            it == "*"
                || !name.is_empty() && before.is_some_and(|it| it.is_empty() || it.ends_with('.'))
        })
    }
}

/// Returns a variable by its upper-case or lower-case name. As in curl, an empty value counts as
/// missing.
fn either(env: Environment<'_>, name: &str) -> Option<(String, String)> {
    [name.to_owned(), name.to_ascii_lowercase()].into_iter().find_map(|it| {
        let value = env(&it).filter(|value| !value.trim().is_empty())?;
        Some((it, value))
    })
}

fn proxy(env: Environment<'_>, name: &str) -> Result<Option<Url>, FetchError> {
    let Some((variable, value)) = either(env, name) else { return Ok(None) };
    // The value may contain a password, so it is never repeated.
    let fail = |reason: String| FetchError::ProxySetting { variable: variable.clone(), reason };
    let value = value.trim();
    let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&text).map_err(|err| fail(err.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some() => Ok(Some(url)),
        it => Err(fail(format!("unsupported scheme `{it}`; proxies are HTTP or HTTPS"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Proxies, FetchError> {
        Proxies::read(&|name| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn proxies_are_read_in_both_cases_of_letters() {
        let proxies = read(&[
            ("https_proxy", "http://ada:secret@proxy:3128"),
            ("ALL_PROXY", "other:8080"),
            ("no_proxy", "localhost,.internal"),
        ]);
        let proxies = proxies.expect("they are valid");
        let shown = |url: &str| proxies.shown(&url.parse().expect("it is a URL"));
        assert_eq!(shown("https://example.com").as_deref(), Some("http://proxy:3128/"));
        assert_eq!(shown("http://example.com").as_deref(), Some("http://other:8080/"));
        assert_eq!(shown("https://a.internal"), None);
        assert_eq!(proxies.except.as_deref(), Some("localhost,.internal"));
        assert_eq!(proxies.rules().map(|it| it.len()).ok(), Some(2));
    }

    #[test]
    fn a_script_of_a_web_server_takes_no_proxy_from_its_request() {
        let proxies = read(&[("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")]);
        assert!(proxies.expect("they are valid").http.is_none());
    }

    #[test]
    fn a_proxy_that_is_not_supported_is_reported_without_its_password() {
        let err = read(&[("ALL_PROXY", "socks5://ada:secret@proxy")]).expect_err("it is refused");
        assert_eq!(
            err.to_string(),
            "invalid proxy in the environment variable `ALL_PROXY`: unsupported scheme `socks5`; \
             proxies are HTTP or HTTPS"
        );
    }
}
