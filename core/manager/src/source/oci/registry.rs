//! Reads a registry: the meaning of a tag, the files, and their signatures.

use std::cell::RefCell;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry,
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciImageIndex, OciImageManifest, OciManifest,
};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use url::{Host, Url};

use super::super::http::{
    Answer, Client, Content, Download, Downloaded, FetchError, Limits, redact,
};
use super::super::spec::OciSpec;
use super::artifact::{
    OciFile, OciPlatform, OciSignature, Pinned, SIGNATURE_TYPE, TARGET_ANNOTATION, TITLE, VERSION,
    annotation, digest_text, empty_index, is_file_name, is_for_platform, platform_text,
};
use super::credentials::{Credentials, exchange, sensitive};
use super::error::OciError;
use crate::digest::{hex, parse_sha256};

/// The largest manifest or index, as registries limit it.
const MAX_MANIFEST: u64 = 4 << 20;

/// The largest number of manifests in an index, and of files in a manifest.
const MAX_ENTRIES: usize = 128;

/// The largest signature, and the largest number of signatures that are read.
const MAX_SIGNATURE: u64 = 64 << 10;
const MAX_SIGNATURES: usize = 16;

/// A repository of a registry.
pub struct Registry<'c> {
    client: &'c Client,
    pub(super) spec: OciSpec,
    credentials: Credentials,
    pub(super) oci: oci_client::Client,
    base: Url,
    /// What is required for reading, once it is known.
    authorization: RefCell<Option<Authorization>>,
}

/// The credentials that requests must contain, if any.
type Authorization = Option<HeaderValue>;

impl std::fmt::Debug for Registry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl<'c> Registry<'c> {
    /// Prepares the use of a repository without sending a request.
    ///
    /// The registry is reached over HTTPS. Only a registry on this machine (`localhost`,
    /// `127.0.0.0/8` or `[::1]`) is reached over plain HTTP, as with Docker.
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
        // oci-client has no other way to choose the implementation of TLS. An embedding program
        // that has chosen one keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let oci = oci_client::Client::try_from(config(client, is_local))
            .map_err(|err| FetchError::Setup(err.into()))?;
        let authorization = RefCell::new(None);
        Ok(Self { client, spec: spec.clone(), credentials, oci, base, authorization })
    }

    /// Looks up the current meaning of the tag or the digest, for every platform. Without either,
    /// the tag is `latest`.
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
        download.expected_len = Some(file.size).filter(|it| *it > 0);
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
            // Anyone who can push can write the tag that replaces a registry's own list, and can
            // list the signatures of another manifest in it.
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

    /// Returns the referrers of a manifest, from the registry's list or from the tag that replaces
    /// it.
    pub(super) fn referrers(&self, digest: &str) -> Result<OciImageIndex, OciError> {
        self.supported(digest)?;
        let mut url = self.address(&["referrers", digest]);
        url.query_pairs_mut().append_pair("artifactType", SIGNATURE_TYPE);
        let answer = self.get(&url, None)?;
        let bytes = match answer.status {
            // A client must fall back on 404, but some registries return another status.
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

    /// Fetches a manifest by its tag or its digest, which is verified; `None` if it does not exist.
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

    /// Returns the layers that have a file name.
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

    /// Fetches a response, whatever its status except 401.
    fn get(&self, url: &Url, accept: Option<HeaderValue>) -> Result<Answer, OciError> {
        self.authorized(accept, |headers| {
            let answer = self.client.get(url, headers, MAX_MANIFEST)?;
            if answer.status == 401 { Err(answer.refusal(url)) } else { Ok(answer) }
        })
    }

    /// Runs a request with the required credentials, and repeats it if a token has expired.
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

    /// Requests a token if the registry requires one. Returns the credentials for requests.
    pub(super) fn sign_in(
        &self,
        operation: RegistryOperation,
    ) -> Result<Option<HeaderValue>, OciError> {
        let (reference, auth) = (self.reference("x"), self.auth(operation)?);
        let url = self.base.clone();
        let token = self.run(&url, self.oci.auth(&reference, &auth, operation))?;
        Ok(token.map_or_else(|| self.credentials.header(), |it| sensitive(&format!("Bearer {it}"))))
    }

    /// Returns the credentials for oci-client, which does not support identity tokens.
    fn auth(&self, operation: RegistryOperation) -> Result<RegistryAuth, OciError> {
        let actions = match operation {
            RegistryOperation::Pull => "pull",
            RegistryOperation::Push => "pull,push",
        };
        let scope = format!("repository:{}:{actions}", self.spec.repository);
        match &self.credentials {
            Credentials::Identity { token } => {
                let exchanged = exchange(self.client, &self.base, &scope, token);
                exchanged.map_err(|err| self.explain(err))
            }
            it => Ok(it.auth()),
        }
    }

    pub(super) fn run<T>(
        &self,
        url: &Url,
        work: impl Future<Output = Result<T, OciDistributionError>>,
    ) -> Result<T, OciError> {
        self.client.block_on(url, async { work.await.map_err(|err| self.understand(url, err)) })
    }

    /// Converts an error of oci-client.
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
        let (url, limits) = (redact(url), Limits::default());
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

    pub(super) fn invalid(&self, reason: String) -> OciError {
        OciError::Invalid { spec: self.spec.to_string(), reason }
    }

    fn wrong_digest(&self, what: String, expected: &str, actual: String) -> OciError {
        let (spec, expected) = (self.spec.to_string(), expected.to_owned());
        OciError::Digest { spec, what, expected, actual }
    }

    pub(super) fn reference(&self, tag: &str) -> Reference {
        let (registry, repository) = (self.spec.registry.clone(), self.spec.repository.clone());
        Reference::with_tag(registry, repository, tag.to_owned())
    }

    pub(super) fn address(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        url
    }
}

/// Returns oci-client's settings, which match those of our own client.
fn config(client: &Client, is_local: bool) -> ClientConfig {
    let options = client.options();
    let (https_proxy, http_proxy, no_proxy) = client.proxies();
    let certificate = |der: &rustls::pki_types::CertificateDer<'_>| Certificate {
        encoding: CertificateEncoding::Der,
        data: der.to_vec(),
    };
    // oci-client keeps it until the process ends, but there are only a few.
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
pub(super) fn is_local(registry: &str) -> bool {
    let url = Url::parse(&format!("http://{registry}/"));
    match url.as_ref().ok().and_then(Url::host) {
        Some(Host::Domain(it)) => it == "localhost",
        Some(Host::Ipv4(it)) => it.is_loopback(),
        Some(Host::Ipv6(it)) => it.is_loopback(),
        None => false,
    }
}
