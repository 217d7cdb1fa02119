//! Plugins in OCI registries: an index with one manifest for each target, whose layers are files.
//!
//! Invariants: every manifest and every file is compared with its digest; credentials reach the
//! registry, and the server of tokens that it names, alone. Manifests and files are fetched by
//! [`http`](super::http), which has limits; oci-client knows how registries give tokens and how
//! they are pushed to.

mod credentials;
mod push;

use std::cell::RefCell;
use std::collections::BTreeMap;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry,
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciImageIndex, OciImageManifest, OciManifest,
    Platform,
};
use oci_client::{Reference, RegistryOperation};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use url::{Host, Url};

use super::http::{Answer, Client, Content, Download, Downloaded, FetchError, Limits};
use super::spec::OciSpec;
use super::{hex, parse_sha256, sha256};

pub use credentials::Credentials;
pub use push::{PushFile, PushTarget};

/// The artifact type of a plugin.
pub const PLUGIN_TYPE: &str = "application/vnd.pintle.plugin.v1";

/// The artifact type of a signature: a referrer of the manifest whose files it signs.
pub const SIGNATURE_TYPE: &str = "application/vnd.pintle.signature.v1";

/// The annotation with the target triple that a manifest is for.
pub const TARGET_ANNOTATION: &str = "pintle.dev/target";

/// The annotation with the name of a file.
const TITLE: &str = "org.opencontainers.image.title";

/// The annotation with the version.
const VERSION: &str = "org.opencontainers.image.version";

/// How large a manifest or an index can be, as registries have it.
const MAX_MANIFEST: u64 = 4 << 20;

/// How many manifests an index can have, and how many files a manifest.
const MAX_ENTRIES: usize = 128;

/// How large a signature can be, and how many are read.
const MAX_SIGNATURE: u64 = 64 << 10;
const MAX_SIGNATURES: usize = 16;

/// A repository of a registry.
pub struct Registry<'c> {
    client: &'c Client,
    spec: OciSpec,
    credentials: Credentials,
    oci: oci_client::Client,
    base: Url,
    /// What reading takes, once it is known.
    authorization: RefCell<Option<Authorization>>,
}

/// What requests have to send, if anything.
type Authorization = Option<HeaderValue>;

/// What a tag or a digest meant when it was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The digest of the index or the manifest, as `sha256:…`.
    pub digest: String,
    /// The version that its annotations name.
    pub version: Option<String>,
    /// What there is for each platform.
    pub platforms: Vec<OciPlatform>,
}

/// The files for a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciPlatform {
    /// The digest of its manifest.
    pub digest: String,
    /// The size of its manifest.
    pub size: u64,
    /// The target triple, if an annotation names it.
    pub target: Option<String>,
    /// The platform, as `linux/arm/v7`; none in a single manifest, which is for all.
    pub platform: Option<String>,
    /// The files.
    pub files: Vec<OciFile>,
}

/// A file in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciFile {
    /// The name.
    pub name: String,
    /// The digest, as `sha256:…`.
    pub digest: String,
    /// The number of bytes.
    pub size: u64,
    /// The media type.
    pub media_type: String,
}

/// A signature in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciSignature {
    /// The name, as `plugin.so.minisig`.
    pub name: String,
    /// The text of the minisig file.
    pub text: String,
}

/// Why a registry could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// The registry was not reached, or failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The tag, the digest or the repository does not exist, or is not visible.
    #[error("`{spec}` does not exist or is private")]
    NotFound {
        /// What was looked up.
        spec: String,
        /// The registry.
        registry: String,
        /// Whether credentials were sent.
        has_credentials: bool,
    },
    /// The registry asks for other credentials.
    #[error("{}", unauthorized(registry, *has_credentials))]
    Unauthorized {
        /// The registry.
        registry: String,
        /// Whether credentials were sent.
        has_credentials: bool,
    },
    /// Docker's configuration has credentials that cannot be used.
    #[error("failed to read the credentials for `{registry}` as Docker stores them: {reason}")]
    Credentials {
        /// The registry.
        registry: String,
        /// What is wrong.
        reason: String,
    },
    /// Bytes that are not the ones that their digest names.
    #[error("wrong digest of {what} in `{spec}`: expected {expected}, received {actual}")]
    Digest {
        /// The repository.
        spec: String,
        /// Which bytes.
        what: String,
        /// The digest that was asked for.
        expected: String,
        /// The digest of what was received.
        actual: String,
    },
    /// A manifest that does not describe a plugin.
    #[error("`{spec}` is not a plugin: {reason}")]
    Invalid {
        /// What was looked up.
        spec: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The registry did not accept something.
    #[error("failed to push to `{spec}`: {reason}")]
    Push {
        /// The repository.
        spec: String,
        /// What the registry reports.
        reason: String,
    },
}

impl OciError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Fetch(err) => err.hint(),
            Self::NotFound { has_credentials: true, .. } => {
                Some("check the spelling, and that your account can read the repository".into())
            }
            Self::NotFound { registry, .. } => Some(format!(
                "check the spelling; for a private repository run `docker login {registry}`"
            )),
            Self::Unauthorized { registry, .. } | Self::Credentials { registry, .. } => {
                Some(format!("run `docker login {registry}` with an account that has access"))
            }
            Self::Digest { .. } => {
                Some("do not use these files; report this to the owner of the registry".into())
            }
            Self::Invalid { .. } | Self::Push { .. } => None,
        }
    }
}

impl std::fmt::Debug for Registry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Pinned {
    /// Returns what fits a target triple.
    ///
    /// Manifests whose annotation names the target come first: only if there are none are those
    /// without the annotation chosen by their platform. Several are for the caller to refuse.
    pub fn for_target(&self, target: &str) -> Vec<&OciPlatform> {
        let named = self.platforms.iter().filter(|it| it.target.as_deref() == Some(target));
        let named: Vec<_> = named.collect();
        if !named.is_empty() {
            return named;
        }
        let Some((os, architecture, variant)) = platform_of(target) else { return Vec::new() };
        let fits = |it: &&OciPlatform| match &it.platform {
            _ if it.target.is_some() => false,
            None => true,
            Some(text) => {
                let mut parts = text.split('/');
                parts.next() == Some(os)
                    && parts.next() == Some(architecture)
                    && parts.next().is_none_or(|it| variant.is_none_or(|own| own == it))
            }
        };
        self.platforms.iter().filter(fits).collect()
    }
}

impl<'c> Registry<'c> {
    /// Prepares the use of a repository; asks for nothing yet.
    ///
    /// The registry is reached over HTTPS, except on this machine: `localhost`, `127.0.0.0/8` and
    /// `[::1]` are reached over plain HTTP, as by Docker.
    ///
    /// # Errors
    ///
    /// [`OciError::Fetch`] if the client cannot be set up.
    pub fn new(
        client: &'c Client,
        spec: &OciSpec,
        credentials: Credentials,
    ) -> Result<Self, OciError> {
        let reference =
            Reference::with_tag(spec.registry.clone(), spec.repository.clone(), "x".into());
        let host = reference.resolve_registry();
        let is_local = is_local(host);
        let scheme = if is_local { "http" } else { "https" };
        let address = format!("{scheme}://{host}/v2/{}/", spec.repository);
        let base = Url::parse(&address).map_err(|err| FetchError::InvalidUrl {
            url: address.clone(),
            source: Some(err.into()),
        })?;
        // oci-client has no other way to say which implementation TLS uses. An embedding
        // program that has chosen one keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let oci = oci_client::Client::try_from(config(client, is_local))
            .map_err(|err| FetchError::Setup(err.into()))?;
        let authorization = RefCell::new(None);
        Ok(Self { client, spec: spec.clone(), credentials, oci, base, authorization })
    }

    /// Looks up what the tag or the digest means now, for every platform. Without either the tag
    /// is `latest`.
    ///
    /// # Errors
    ///
    /// [`OciError`].
    pub fn pin(&self) -> Result<Pinned, OciError> {
        let wanted = self.spec.digest.as_deref().or(self.spec.tag.as_deref()).unwrap_or("latest");
        let bytes = self.manifest(wanted)?.ok_or_else(|| self.not_found())?;
        let digest = digest_text(&bytes);
        match self.parse(&bytes)? {
            OciManifest::Image(manifest) => {
                let version = annotation(&manifest.annotations, VERSION);
                let entry = self.platform(&manifest, &digest, bytes.len() as u64, None)?;
                Ok(Pinned { digest, version, platforms: vec![entry] })
            }
            OciManifest::ImageIndex(index) => self.pin_index(digest, &index),
        }
    }

    fn pin_index(&self, digest: String, index: &OciImageIndex) -> Result<Pinned, OciError> {
        let entries: Vec<_> = index.manifests.iter().filter(|it| is_for_platform(it)).collect();
        if entries.len() > MAX_ENTRIES {
            return Err(self.invalid(format!("it has more than {MAX_ENTRIES} manifests")));
        }
        let mut version = annotation(&index.annotations, VERSION);
        let mut platforms = Vec::new();
        for entry in entries {
            let bytes = self.manifest(&entry.digest)?.ok_or_else(|| {
                self.invalid(format!("its manifest {} does not exist", entry.digest))
            })?;
            let OciManifest::Image(manifest) = self.parse(&bytes)? else {
                return Err(self.invalid("it has an index inside an index".into()));
            };
            version = version.or_else(|| annotation(&manifest.annotations, VERSION));
            let size = bytes.len() as u64;
            platforms.push(self.platform(&manifest, &entry.digest, size, Some(entry))?);
        }
        Ok(Pinned { digest, version, platforms })
    }

    /// Downloads a file and compares it with its digest.
    ///
    /// # Errors
    ///
    /// [`OciError`]. Bytes with a wrong digest are not kept.
    pub fn fetch(
        &self,
        file: &OciFile,
        download: &mut Download<'_>,
    ) -> Result<Downloaded, OciError> {
        let expected = self.supported(&file.digest)?;
        let url = self.address(&["blobs", &file.digest]);
        download.expected_len = Some(file.size);
        let done =
            self.authorized(None, |headers| self.client.download(&url, headers, download))?;
        if done.sha256 == expected {
            return Ok(done);
        }
        done.content.discard();
        let actual = format!("sha256:{}", hex(&done.sha256));
        Err(self.wrong_digest(format!("`{}`", file.name), &file.digest, actual))
    }

    /// Returns the signatures that refer to a manifest.
    ///
    /// # Errors
    ///
    /// [`OciError`].
    pub fn signatures(&self, digest: &str) -> Result<Vec<OciSignature>, OciError> {
        let mut signatures = Vec::new();
        let referrers = self.referrers(digest)?.manifests;
        let is_signature =
            |it: &&ImageIndexEntry| it.artifact_type.as_deref() == Some(SIGNATURE_TYPE);
        for entry in referrers.iter().filter(is_signature).take(MAX_SIGNATURES) {
            let Some(bytes) = self.manifest(&entry.digest)? else { continue };
            let OciManifest::Image(manifest) = self.parse(&bytes)? else { continue };
            // The tag that stands in for a registry's own list can be written by anyone who can
            // push, and can list what belongs to another manifest.
            if manifest.subject.as_ref().is_none_or(|it| it.digest != digest) {
                continue;
            }
            for file in self.files(&manifest)? {
                signatures.push(self.signature(&file)?);
            }
        }
        Ok(signatures)
    }

    fn signature(&self, file: &OciFile) -> Result<OciSignature, OciError> {
        let mut progress = |_, _| {};
        let mut download = Download {
            partial: None,
            limit: MAX_SIGNATURE,
            expected_len: None,
            progress: &mut progress,
        };
        let content = self.fetch(file, &mut download)?.content;
        let text = match content {
            Content::Memory(bytes) => String::from_utf8(bytes).ok(),
            Content::File(_) => None,
        };
        let text = text.ok_or_else(|| self.invalid("its signature is not text".into()))?;
        Ok(OciSignature { name: file.name.clone(), text })
    }

    /// Returns what refers to a manifest, from the registry's list or from the tag that stands in
    /// for it.
    fn referrers(&self, digest: &str) -> Result<OciImageIndex, OciError> {
        self.supported(digest)?;
        let mut url = self.address(&["referrers", digest]);
        url.query_pairs_mut().append_pair("artifactType", SIGNATURE_TYPE);
        let answer = self.get(&url, None)?;
        let bytes = match answer.status {
            // A client must fall back on 404; some registries answer otherwise.
            400 | 404 | 405 | 501 => self.manifest(&digest.replace(':', "-"))?,
            _ => Some(answer.accept(&url).map_err(|err| self.explain(err))?.body),
        };
        let index = match bytes {
            Some(bytes) => match self.parse(&bytes)? {
                OciManifest::ImageIndex(index) => index,
                OciManifest::Image(_) => empty_index(),
            },
            None => empty_index(),
        };
        Ok(index)
    }

    /// Fetches a manifest by a tag or a digest, which is compared; `None` if there is none.
    fn manifest(&self, name: &str) -> Result<Option<Vec<u8>>, OciError> {
        let is_digest = name.contains(':');
        if is_digest {
            self.supported(name)?;
        }
        let url = self.address(&["manifests", name]);
        let accept = [
            OCI_IMAGE_INDEX_MEDIA_TYPE,
            OCI_IMAGE_MEDIA_TYPE,
            IMAGE_MANIFEST_LIST_MEDIA_TYPE,
            IMAGE_MANIFEST_MEDIA_TYPE,
        ];
        let accept = HeaderValue::from_str(&accept.join(", ")).ok();
        let answer = self.get(&url, accept)?;
        if answer.status == 404 {
            return Ok(None);
        }
        let bytes = answer.accept(&url).map_err(|err| self.explain(err))?.body;
        let actual = digest_text(&bytes);
        if is_digest && actual != name {
            return Err(self.wrong_digest("the manifest".into(), name, actual));
        }
        Ok(Some(bytes))
    }

    fn parse(&self, bytes: &[u8]) -> Result<OciManifest, OciError> {
        serde_json::from_slice(bytes)
            .map_err(|_| self.invalid("its manifest is not an OCI manifest or index".into()))
    }

    fn platform(
        &self,
        manifest: &OciImageManifest,
        digest: &str,
        size: u64,
        entry: Option<&ImageIndexEntry>,
    ) -> Result<OciPlatform, OciError> {
        let target = entry.and_then(|it| annotation(&it.annotations, TARGET_ANNOTATION));
        let target = target.or_else(|| annotation(&manifest.annotations, TARGET_ANNOTATION));
        let platform = entry.and_then(|it| it.platform.as_ref()).map(platform_text);
        let files = self.files(manifest)?;
        Ok(OciPlatform { digest: digest.to_owned(), size, target, platform, files })
    }

    /// Returns the layers that have a file's name.
    fn files(&self, manifest: &OciImageManifest) -> Result<Vec<OciFile>, OciError> {
        if manifest.layers.len() > MAX_ENTRIES {
            return Err(self.invalid(format!("a manifest has more than {MAX_ENTRIES} files")));
        }
        let mut files: Vec<OciFile> = Vec::new();
        for layer in &manifest.layers {
            let Some(name) = annotation(&layer.annotations, TITLE) else { continue };
            if !is_file_name(&name) {
                return Err(self.invalid(format!("invalid file name `{}`", name.escape_debug())));
            }
            if files.iter().any(|it| it.name == name) {
                return Err(self.invalid(format!("two files have the name `{name}`")));
            }
            let size = u64::try_from(layer.size);
            let size = size.map_err(|_| self.invalid(format!("`{name}` has a negative size")))?;
            self.supported(&layer.digest)?;
            let (digest, media_type) = (layer.digest.clone(), layer.media_type.clone());
            files.push(OciFile { name, digest, size, media_type });
        }
        Ok(files)
    }

    fn supported(&self, digest: &str) -> Result<[u8; 32], OciError> {
        parse_sha256(digest)
            .ok_or_else(|| self.invalid(format!("unsupported digest `{}`", digest.escape_debug())))
    }

    /// Fetches an answer, whatever its status except 401.
    fn get(&self, url: &Url, accept: Option<HeaderValue>) -> Result<Answer, OciError> {
        self.authorized(accept, |headers| {
            let answer = self.client.get(url, headers, MAX_MANIFEST)?;
            if answer.status == 401 { Err(answer.refusal(url)) } else { Ok(answer) }
        })
    }

    /// Runs a request with what the registry wants to see; again if a token has expired since.
    fn authorized<T>(
        &self,
        accept: Option<HeaderValue>,
        mut request: impl FnMut(&HeaderMap) -> Result<T, FetchError>,
    ) -> Result<T, OciError> {
        let known = self.authorization.borrow().clone();
        let mut headers: HeaderMap = accept.map(|it| (ACCEPT, it)).into_iter().collect();
        if let Some(known) = known {
            headers.extend(known.map(|it| (AUTHORIZATION, it)));
            match request(&headers) {
                Err(FetchError::Status { status: 401, .. }) => drop(headers.remove(AUTHORIZATION)),
                outcome => return outcome.map_err(|err| self.explain(err)),
            }
        }
        let found = self.sign_in(RegistryOperation::Pull)?;
        *self.authorization.borrow_mut() = Some(found.clone());
        headers.extend(found.map(|it| (AUTHORIZATION, it)));
        request(&headers).map_err(|err| self.explain(err))
    }

    /// Asks for a token if the registry wants one; returns what requests have to send.
    fn sign_in(&self, operation: RegistryOperation) -> Result<Option<HeaderValue>, OciError> {
        let (reference, auth) = (self.reference("x"), self.exchange(operation)?);
        let url = self.base.clone();
        let token = self.run(&url, self.oci.auth(&reference, &auth, operation))?;
        Ok(token.map_or_else(|| self.credentials.header(), |it| sensitive(&format!("Bearer {it}"))))
    }

    fn run<T>(
        &self,
        url: &Url,
        work: impl Future<Output = Result<T, OciDistributionError>>,
    ) -> Result<T, OciError> {
        self.client.block_on(url, async { work.await.map_err(|err| self.understand(url, err)) })
    }

    /// Says what an error of oci-client means.
    fn understand(&self, url: &Url, err: OciDistributionError) -> OciError {
        use OciDistributionError as Cause;
        match err {
            Cause::RequestError(err) if err.is_status() => {
                let status = err.status().map_or(0, |it| it.as_u16());
                self.refused(url, status, String::new())
            }
            Cause::RequestError(err) => self.client.context(url).explain(err).into(),
            Cause::AuthenticationFailure(_) | Cause::UnauthorizedError { .. } => {
                self.unauthorized()
            }
            Cause::ServerError { code, message, .. } => {
                let line = message.lines().next().unwrap_or_default();
                self.refused(url, code, line.chars().take(200).collect())
            }
            err => OciError::Push { spec: self.spec.to_string(), reason: err.to_string() },
        }
    }

    fn refused(&self, url: &Url, status: u16, message: String) -> OciError {
        let (url, limits) = (super::http::redact(url), Limits::default());
        self.explain(FetchError::Status { url, status, message, limits })
    }

    fn explain(&self, err: FetchError) -> OciError {
        match err {
            FetchError::Status { status: 401 | 403, .. } => self.unauthorized(),
            err => err.into(),
        }
    }

    fn unauthorized(&self) -> OciError {
        let (registry, has_credentials) = (self.spec.registry.clone(), self.has_credentials());
        OciError::Unauthorized { registry, has_credentials }
    }

    fn not_found(&self) -> OciError {
        OciError::NotFound {
            spec: self.spec.to_string(),
            registry: self.spec.registry.clone(),
            has_credentials: self.has_credentials(),
        }
    }

    fn has_credentials(&self) -> bool {
        self.credentials != Credentials::Anonymous
    }

    fn invalid(&self, reason: String) -> OciError {
        OciError::Invalid { spec: self.spec.to_string(), reason }
    }

    fn wrong_digest(&self, what: String, expected: &str, actual: String) -> OciError {
        let (spec, expected) = (self.spec.to_string(), expected.to_owned());
        OciError::Digest { spec, what, expected, actual }
    }

    fn reference(&self, tag: &str) -> Reference {
        let (registry, repository) = (self.spec.registry.clone(), self.spec.repository.clone());
        Reference::with_tag(registry, repository, tag.to_owned())
    }

    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        url
    }
}

/// Returns oci-client's settings, which are those of the other client.
fn config(client: &Client, is_local: bool) -> ClientConfig {
    let options = client.options();
    let (https_proxy, http_proxy, no_proxy) = client.proxies();
    let certificate = |der: &rustls::pki_types::CertificateDer<'_>| Certificate {
        encoding: CertificateEncoding::Der,
        data: der.to_vec(),
    };
    // oci-client keeps it for the life of the process; there are few of them.
    let user_agent = format!("{}/{}", options.command, options.version).leak();
    ClientConfig {
        protocol: if is_local { ClientProtocol::Http } else { ClientProtocol::Https },
        use_monolithic_push: true,
        tls_certs_only: client.authorities().iter().map(certificate).collect(),
        platform_resolver: None,
        read_timeout: Some(options.idle_limit),
        connect_timeout: Some(options.connect_limit),
        user_agent,
        https_proxy,
        http_proxy,
        no_proxy,
        ..ClientConfig::default()
    }
}

/// Returns whether a registry is on this machine.
fn is_local(registry: &str) -> bool {
    let url = Url::parse(&format!("http://{registry}/"));
    match url.as_ref().ok().and_then(Url::host) {
        Some(Host::Domain(it)) => it == "localhost",
        Some(Host::Ipv4(it)) => it.is_loopback(),
        Some(Host::Ipv6(it)) => it.is_loopback(),
        None => false,
    }
}

/// Returns whether an entry of an index is for a platform: BuildKit adds others.
fn is_for_platform(entry: &ImageIndexEntry) -> bool {
    let is_manifest =
        matches!(&*entry.media_type, OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE);
    let platform = entry.platform.as_ref();
    is_manifest && platform.is_none_or(|it| platform_text(it) != "unknown/unknown")
}

fn platform_text(platform: &Platform) -> String {
    let variant = platform.variant.as_deref().map(|it| format!("/{it}")).unwrap_or_default();
    format!("{}/{}{variant}", platform.os, platform.architecture)
}

/// Returns a target triple's platform as Go and OCI name it: system, architecture, variant.
fn platform_of(target: &str) -> Option<(&'static str, &'static str, Option<&'static str>)> {
    let (architecture, variant) = match target.split('-').next()? {
        "x86_64" => ("amd64", None),
        "aarch64" => ("arm64", Some("v8")),
        "i386" | "i586" | "i686" => ("386", None),
        "armv7" => ("arm", Some("v7")),
        "arm" => ("arm", Some("v6")),
        it if it.starts_with("riscv64") => ("riscv64", None),
        "powerpc64le" => ("ppc64le", None),
        "s390x" => ("s390x", None),
        it if it.starts_with("loongarch64") => ("loong64", None),
        _ => return None,
    };
    let systems = ["linux", "darwin", "windows", "freebsd", "netbsd", "openbsd"];
    let os = systems.into_iter().find(|os| target.split('-').any(|it| it == *os))?;
    Some((os, architecture, variant))
}

fn annotation(annotations: &Option<BTreeMap<String, String>>, key: &str) -> Option<String> {
    annotations.as_ref()?.get(key).cloned()
}

fn is_file_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.contains(|it: char| it.is_control() || matches!(it, '/' | '\\' | ':'))
}

fn digest_text(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&sha256(bytes)))
}

fn empty_index() -> OciImageIndex {
    OciImageIndex {
        schema_version: 2,
        media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.into()),
        manifests: Vec::new(),
        artifact_type: None,
        annotations: None,
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unauthorized(registry: &str, has_credentials: bool) -> String {
    if has_credentials {
        return format!("the registry `{registry}` rejected the credentials");
    }
    format!("the registry `{registry}` requires credentials, and Docker has stored none for it")
}

#[cfg(test)]
mod tests;
