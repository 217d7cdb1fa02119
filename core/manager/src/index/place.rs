//! The location of an index: a file, or a URL whose response is cached for an hour.

use super::error::IndexError;
use super::kept::{Head, Kept, now};
use super::list::{Index, MAX_LEN};
use super::signed;
use crate::signature::{self, PublicKey};
use crate::source::Spec;
use crate::source::http::{Client, FetchError, host_of, redact};
use pintle_host::fs;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// How long an index is used without checking for a newer one.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The largest index that is read for the hint of another error.
const MAX_GLANCE: u64 = 4 * 1024 * 1024;
/// A signature is far shorter.
const MAX_SIGNATURE: u64 = 64 * 1024;

/// The location of an index, and the key with which it must be signed.
#[derive(Debug)]
pub struct Place {
    address: Address,
    key: Option<PublicKey>,
    cache: Option<PathBuf>,
}

#[derive(Debug)]
enum Address {
    File(PathBuf),
    Url(Url),
}

/// An index that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The index.
    pub index: Index,
    /// Its location, without secrets.
    pub place: String,
    /// The key with which its signature was verified.
    pub key: Option<PublicKey>,
    /// Why a cached copy was used, which may be outdated.
    pub stale: Option<FetchError>,
    /// When it was signed.
    created: Option<u64>,
}

impl Place {
    /// Reads the location of an index: a path, which is relative to `base`, or a URL. Fetched
    /// indexes are stored in `cache`.
    ///
    /// # Errors
    ///
    /// The text is neither.
    pub fn new(
        text: &str,
        base: Option<&Path>,
        key: Option<PublicKey>,
        cache: Option<PathBuf>,
    ) -> Result<Self, IndexError> {
        let is_path = !text.contains("://") && !text.starts_with("~/");
        let address = match text.parse() {
            _ if text.is_empty() => None,
            _ if is_path => Some(Address::File(base.map_or(text.into(), |it| it.join(text)))),
            Ok(Spec::Url(url)) => Some(Address::Url(url)),
            Ok(Spec::Path(path)) => Some(Address::File(path)),
            _ => None,
        };
        let address = address.ok_or_else(|| IndexError::Place { text: text.to_owned() })?;
        Ok(Self { address, key, cache })
    }

    /// Returns the server of the index, if it is on one.
    pub fn server(&self) -> Option<String> {
        match &self.address {
            Address::Url(url) => Some(host_of(url)),
            Address::File(_) => None,
        }
    }

    /// Reads the index. Without a client, the cached copy is used for one on a server.
    ///
    /// # Errors
    ///
    /// It cannot be read or fetched, its signature was made with another key, or it is invalid.
    pub fn load(&self, client: Option<&Client>) -> Result<Loaded, IndexError> {
        match (&self.address, client) {
            (Address::File(path), _) => self.read(path, MAX_LEN),
            (Address::Url(url), Some(client)) => self.fetch(url, client),
            (Address::Url(url), None) => {
                let kept = self.kept(url, MAX_LEN).map(|it| it.1);
                kept.ok_or_else(|| IndexError::NotKept { place: redact(url) })
            }
        }
    }

    /// Reads the index if that is quick: without the network, and only if it is not large.
    pub fn glance(&self) -> Option<Loaded> {
        match &self.address {
            Address::File(path) => self.read(path, MAX_GLANCE).ok(),
            Address::Url(url) => self.kept(url, MAX_GLANCE).map(|it| it.1),
        }
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Loaded, IndexError> {
        let bytes = fs::read_named(path, limit).map_err(IndexError::Read)?.bytes;
        let signature = match &self.key {
            Some(_) => read_signature(path)?,
            None => None,
        };
        let mut loaded = self.check(&path.display().to_string(), &bytes, signature.as_deref())?;
        // Relative to the index, not to the current directory.
        let base = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        loaded.index.resolve(base.parent().unwrap_or(&base));
        Ok(loaded)
    }

    /// Returns the cached copy of the index, if it is valid and signed with the key.
    fn kept(&self, url: &Url, limit: u64) -> Option<(Kept, Loaded)> {
        let kept = Kept::read(self.cache.as_deref()?, url, limit)?;
        let loaded = self.check_remote(url, &kept).ok()?;
        Some((kept, loaded))
    }

    fn fetch(&self, url: &Url, client: &Client) -> Result<Loaded, IndexError> {
        let Some((kept, loaded)) = self.kept(url, MAX_LEN) else {
            return self.renew(url, client, None);
        };
        if kept.is_younger_than(MAX_AGE) {
            return Ok(loaded);
        }
        match self.renew(url, client, Some((kept, &loaded))) {
            Err(IndexError::Fetch(FetchError::Interrupted { url })) => {
                Err(FetchError::Interrupted { url }.into())
            }
            Err(IndexError::Fetch(err)) => Ok(Loaded { stale: Some(err), ..loaded }),
            res => res,
        }
    }

    /// Fetches the index, unless the cached copy is current.
    fn renew(
        &self,
        url: &Url,
        client: &Client,
        kept: Option<(Kept, &Loaded)>,
    ) -> Result<Loaded, IndexError> {
        let mut headers = HeaderMap::new();
        let etag = kept.as_ref().and_then(|it| it.0.head.etag.as_deref());
        if let Some(etag) = etag.and_then(|it| HeaderValue::from_str(it).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let answer = client.get(url, &headers, MAX_LEN)?;
        let before = kept.as_ref().and_then(|it| it.1.created);
        let new = match (answer.status, kept) {
            (304, Some((kept, _))) => Kept { head: Head { at: now(), ..kept.head }, ..kept },
            _ => {
                let answer = answer.accept(url)?;
                let etag = answer.headers.get(ETAG).and_then(|it| it.to_str().ok());
                let etag = etag.map(ToOwned::to_owned);
                let signature = match &self.key {
                    Some(_) => fetch_signature(url, client)?,
                    None => None,
                };
                Kept { head: Head { at: now(), etag, signature }, bytes: answer.body }
            }
        };
        let loaded = self.check_remote(url, &new)?;
        if loaded.created < before {
            return Err(IndexError::Older { place: loaded.place });
        }
        if let Some(dir) = &self.cache {
            new.write(dir, url);
        }
        Ok(loaded)
    }

    fn check_remote(&self, url: &Url, kept: &Kept) -> Result<Loaded, IndexError> {
        let place = redact(url);
        let loaded = self.check(&place, &kept.bytes, kept.head.signature.as_deref())?;
        // A server does not know the files on this machine.
        match loaded.index.check_remote() {
            Ok(()) => Ok(loaded),
            Err(source) => Err(IndexError::Invalid { place, source }),
        }
    }

    /// Verifies the signature, if one is required, and reads the index.
    fn check(
        &self,
        place: &str,
        bytes: &[u8],
        signature: Option<&str>,
    ) -> Result<Loaded, IndexError> {
        let place = place.to_owned();
        let created = match (&self.key, signature) {
            (None, _) => None,
            (Some(_), None) => return Err(IndexError::NoSignature { place }),
            (Some(key), Some(text)) => {
                let comment = signature::verify(key, bytes, text, &place)?;
                let created = signed::created(&comment);
                if created.is_none() {
                    let found = comment.as_str().to_owned();
                    return Err(IndexError::Unbound { place, found });
                }
                created
            }
        };
        match Index::parse(bytes) {
            Ok(index) => Ok(Loaded { index, place, key: self.key.clone(), stale: None, created }),
            Err(source) => Err(IndexError::Invalid { place, source }),
        }
    }
}

/// Reads the signature next to a file, if there is one.
fn read_signature(path: &Path) -> Result<Option<String>, IndexError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for name in signature::signature_names(&name) {
        match fs::read_named(&path.with_file_name(name), MAX_SIGNATURE) {
            Ok(it) => return Ok(Some(String::from_utf8_lossy(&it.bytes).into_owned())),
            Err(err) if err.is_absent() => {}
            Err(err) => return Err(IndexError::Read(err)),
        }
    }
    Ok(None)
}

/// Fetches the signature next to a URL, if there is one.
fn fetch_signature(url: &Url, client: &Client) -> Result<Option<String>, IndexError> {
    for path in signature::signature_names(url.path()) {
        let mut url = url.clone();
        url.set_path(&path);
        let answer = client.get(&url, &HeaderMap::new(), MAX_SIGNATURE)?;
        match answer.status {
            404 | 410 => {}
            _ => {
                let body = answer.accept(&url)?.body;
                return Ok(Some(String::from_utf8_lossy(&body).into_owned()));
            }
        }
    }
    Ok(None)
}
