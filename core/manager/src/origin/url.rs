//! One file on a web server.

use super::partial::{bytes_of, partial_file};
use super::release::{Origin, OriginError, Progress, Release, Remote, Wanted};
use crate::archive::MAX_LEN;
use crate::signature;
use crate::source::http::{Client, Download, host_of};
use reqwest::header::HeaderMap;
use std::path::PathBuf;
use url::Url;

/// A signature is far shorter.
const MAX_SIGNATURE: u64 = 64 * 1024;

/// One file on a web server, with its signature if there is one next to it.
pub(crate) struct UrlOrigin<'c> {
    pub(crate) client: &'c Client,
    pub(crate) url: Url,
    pub(crate) partial: Option<PathBuf>,
}

impl Origin for UrlOrigin<'_> {
    fn release(&self, _: &Wanted) -> Result<Release, OriginError> {
        let name = self.url.path_segments().and_then(|mut it| it.next_back()).unwrap_or_default();
        let mut files = vec![remote(name, &self.url)];
        for name in signature::signature_names(name) {
            let url = self.url.join(&name).map_err(OriginError::new)?;
            if self.client.get(&url, &HeaderMap::new(), MAX_SIGNATURE)?.is_success() {
                files.push(remote(&name, &url));
                break;
            }
        }
        Ok(Release { files, ..Release::default() })
    }

    fn server(&self) -> Option<String> {
        Some(host_of(&self.url))
    }

    fn fetch(&self, file: &Remote, progress: Progress<'_>) -> Result<Vec<u8>, OriginError> {
        let partial = self.partial.as_ref().map(|it| partial_file(it, file));
        let mut download = Download { partial, limit: MAX_LEN, expected_len: file.size, progress };
        let url = Url::parse(&file.url).map_err(OriginError::new)?;
        let done = self.client.download(&url, &HeaderMap::new(), &mut download)?;
        bytes_of(done.content)
    }
}

fn remote(name: &str, url: &Url) -> Remote {
    Remote {
        name: name.to_owned(),
        url: url.to_string(),
        size: None,
        digest: None,
        unknown_digest: None,
        target: None,
    }
}
