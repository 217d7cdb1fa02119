//! Requests with redirects, limits and interrupts.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, PROXY_AUTHORIZATION,
};
use reqwest::{Response, redirect};
use rustls::pki_types::CertificateDer;
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};

use super::super::Environment;
use super::error::{Context, FetchError, Limits, redact};
use super::secrets::Secrets;
use super::setup::{self, Proxies};

/// The largest JSON response.
pub const MAX_JSON: u64 = 16 << 20;

/// The largest number of redirects.
const MAX_REDIRECTS: usize = 10;

/// How much of an error response is read for its message.
const MAX_REFUSAL: u64 = 64 << 10;

/// How often to check for an interrupt.
const TICK: Duration = Duration::from_millis(100);

/// What a client must know about its program.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program, for example `pintle`: the first part of the user agent.
    pub command: String,
    /// Its version.
    pub version: String,
    /// A file with certificate authorities to trust in addition to those of the system.
    pub authorities: Option<PathBuf>,
    /// The time limit for connecting.
    pub connect_limit: Duration,
    /// How long a transfer may pause.
    pub idle_limit: Duration,
    /// The pauses before further attempts. There are as many attempts as pauses.
    pub pauses: Vec<Duration>,
    /// Returns whether the user has interrupted the command.
    pub is_interrupted: fn() -> bool,
}

impl Options {
    /// Returns the default settings for a program.
    pub fn new(command: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            version: version.into(),
            authorities: None,
            connect_limit: Duration::from_secs(10),
            idle_limit: Duration::from_secs(30),
            pauses: vec![Duration::from_secs(1), Duration::from_secs(4)],
            is_interrupted: pintle_host::services::is_interrupted,
        }
    }
}

/// A client for web servers, with functions that block.
#[derive(Debug)]
pub struct Client {
    inner: reqwest::Client,
    /// Always there until the client is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    options: Options,
    proxies: Proxies,
    authorities: Vec<CertificateDer<'static>>,
}

/// A complete response, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    secrets: Secrets,
}

impl Client {
    /// Prepares a client without connecting. Proxies are read from `env`.
    ///
    /// # Errors
    ///
    /// [`FetchError::Authority`], [`FetchError::ProxySetting`] or [`FetchError::Setup`].
    pub fn new(options: Options, env: Environment<'_>) -> Result<Self, FetchError> {
        let fail = |err: Box<dyn std::error::Error + Send + Sync>| FetchError::Setup(err);
        let proxies = Proxies::read(env)?;
        let authorities = setup::authorities(options.authorities.as_deref())?;
        let tls = setup::tls(&authorities).map_err(|err| fail(err.into()))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(format!("{}/{}", options.command, options.version))
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .connect_timeout(options.connect_limit)
            .read_timeout(options.idle_limit)
            .no_proxy();
        for rule in proxies.rules().map_err(|err| fail(err.into()))? {
            builder = builder.proxy(rule);
        }
        let inner = builder.build().map_err(|err| fail(err.into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|err| fail(err.into()))?;
        Ok(Self { inner, runtime: Some(runtime), options, proxies, authorities })
    }

    /// Fetches a response, whatever its status, with at most `limit` bytes.
    ///
    /// If the connection breaks or the server fails, the request is repeated after a pause.
    ///
    /// # Errors
    ///
    /// [`FetchError`], except for statuses.
    pub fn get(&self, url: &Url, headers: &HeaderMap, limit: u64) -> Result<Answer, FetchError> {
        let mut pauses = self.options.pauses.iter();
        loop {
            let outcome = self.block_on(url, self.get_once(url, headers, limit));
            let is_transient = match &outcome {
                Ok(answer) => matches!(answer.status, 500 | 502..=504),
                Err(err) => err.is_transient(),
            };
            match pauses.next() {
                Some(pause) if is_transient => self.pause(url, *pause)?,
                _ => return outcome,
            }
        }
    }

    /// Sends a form. It contains a secret, and is therefore never redirected or repeated.
    pub(in super::super) fn post_form(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
    ) -> Result<Answer, FetchError> {
        check_scheme(url)?;
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.inner.post(url.clone()).body(body);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.block_on(url, async {
            let response = request.send().await.map_err(|err| self.context(url).explain(err))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = self.read(response, url, MAX_JSON).await?;
            Ok(Answer { status, headers, body, secrets: Secrets::of_form(fields) })
        })
    }

    /// Fetches JSON, of at most [`MAX_JSON`] bytes.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    pub fn get_json<T: DeserializeOwned>(
        &self,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<T, FetchError> {
        let answer = self.get(url, headers, MAX_JSON)?.accept(url)?;
        serde_json::from_slice(&answer.body)
            .map_err(|err| FetchError::Answer { url: redact(url), source: err.into() })
    }

    async fn get_once(
        &self,
        url: &Url,
        headers: &HeaderMap,
        limit: u64,
    ) -> Result<Answer, FetchError> {
        let (response, last) = self.send(url, headers).await?;
        let secrets = Secrets::of(headers, &[url, &last]);
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = self.read(response, &last, limit).await?;
        Ok(Answer { status, headers, body, secrets })
    }

    /// Sends a request and follows redirects. Returns the response and its URL.
    pub(super) async fn send(
        &self,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<(Response, Url), FetchError> {
        let (mut url, mut headers) = (url.clone(), headers.clone());
        for _ in 0..=MAX_REDIRECTS {
            check_scheme(&url)?;
            let request = self.inner.get(url.clone()).headers(headers.clone());
            let response = request.send().await.map_err(|err| self.context(&url).explain(err))?;
            let Some(next) = redirect_of(&url, &response)? else { return Ok((response, url)) };
            if next.origin() != url.origin() {
                for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
                    headers.remove(name);
                }
            }
            url = next;
        }
        let shown = redact(&url);
        let reason = "there are too many redirects";
        Err(FetchError::Redirect { url: shown.clone(), to: shown, reason })
    }

    async fn read(
        &self,
        mut response: Response,
        url: &Url,
        limit: u64,
    ) -> Result<Vec<u8>, FetchError> {
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|err| self.context(url).explain(err))?
        {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(FetchError::TooLarge { url: redact(url), limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Returns the error for an unsuccessful response.
    pub(super) async fn refuse(
        &self,
        response: Response,
        url: &Url,
        secrets: Secrets,
    ) -> FetchError {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = self.read(response, url, MAX_REFUSAL).await.unwrap_or_default();
        Answer { status, headers, body, secrets }.refusal(url)
    }

    pub(in super::super) fn context<'a>(&self, url: &'a Url) -> Context<'a> {
        Context {
            url,
            proxy: self.proxies.shown(url),
            connect_limit: self.options.connect_limit,
            idle_limit: self.options.idle_limit,
        }
    }

    /// Runs a future until it is done or the user interrupts it.
    pub(in super::super) fn block_on<T, E: From<FetchError>>(
        &self,
        url: &Url,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let interrupted = async {
            while !(self.options.is_interrupted)() {
                tokio::time::sleep(TICK).await;
            }
        };
        let runtime = self.runtime.as_ref().expect("it is there until the client is dropped");
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = interrupted => Err(FetchError::Interrupted { url: redact(url) }.into()),
                outcome = work => outcome,
            }
        })
    }

    pub(super) fn pause(&self, url: &Url, pause: Duration) -> Result<(), FetchError> {
        self.block_on(url, async {
            tokio::time::sleep(pause).await;
            Ok(())
        })
    }

    pub(in super::super) fn options(&self) -> &Options {
        &self.options
    }

    pub(in super::super) fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// Returns the proxies as (https, http, exceptions).
    pub(in super::super) fn proxies(&self) -> (Option<String>, Option<String>, Option<String>) {
        let text = |it: &Option<Url>| it.as_ref().map(Url::to_string);
        (text(&self.proxies.https), text(&self.proxies.http), self.proxies.except.clone())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The resolver may still be searching for a host, and an interrupted command must not wait
        // for it.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Answer {
    /// Returns whether the status means success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the response if its status means success.
    ///
    /// # Errors
    ///
    /// [`FetchError::Status`].
    pub fn accept(self, url: &Url) -> Result<Self, FetchError> {
        if self.is_success() { Ok(self) } else { Err(self.refusal(url)) }
    }

    /// Returns the error text for this response.
    pub fn refusal(&self, url: &Url) -> FetchError {
        let (status, limits) = (self.status, Limits::of(&self.headers));
        FetchError::Status { url: redact(url), status, message: self.message(), limits }
    }

    /// Returns one line of the server's message, if it is in JSON, as for most servers.
    fn message(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let text = json.as_ref().and_then(|it| {
            let registry = it.pointer("/errors/0/message").and_then(|it| it.as_str());
            registry.or(it.get("message").and_then(|it| it.as_str()))
        });
        let text = self.secrets.hide(text.unwrap_or_default());
        let line = text.lines().next().unwrap_or_default();
        line.chars().filter(|it| !it.is_control()).take(200).collect()
    }
}

fn check_scheme(url: &Url) -> Result<(), FetchError> {
    if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() {
        return Ok(());
    }
    let reason = format!("unsupported scheme `{}`", url.scheme());
    Err(FetchError::InvalidUrl { url: redact(url), source: Some(reason.into()) })
}

/// Returns the target of a redirect, if the response is one.
fn redirect_of(url: &Url, response: &Response) -> Result<Option<Url>, FetchError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION);
    location.map(|it| follow(url, it.to_str().unwrap_or_default())).transpose()
}

/// Returns the URL of a `Location` header.
pub(super) fn follow(url: &Url, location: &str) -> Result<Url, FetchError> {
    let refuse = |to: String, reason| FetchError::Redirect { url: redact(url), to, reason };
    let next = url.join(location).ok().filter(|_| !location.is_empty());
    let next = next.ok_or_else(|| refuse("?".into(), "its location is not a valid URL"))?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(refuse(redact(&next), "only HTTP and HTTPS are supported"));
    }
    if url.scheme() == "https" && next.scheme() == "http" {
        return Err(refuse(redact(&next), "it leads from HTTPS to unencrypted HTTP"));
    }
    Ok(next)
}
