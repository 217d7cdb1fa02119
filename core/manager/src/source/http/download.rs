//! Downloads: streamed, hashed as they arrive, and resumed when the connection breaks.
//!
//! A partial file is resumed only if the server sent a strong ETag for it, which is stored next to
//! it. All of its bytes are hashed again, so the hash covers the actual content of the file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use pintle_host::fs::{self, Mode};
use reqwest::Response;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_RANGE, RANGE,
};
use ring::digest;
use serde::{Deserialize, Serialize};
use url::Url;

use super::client::Client;
use super::error::{FetchError, redact};
use super::secrets::Secrets;
use crate::digest::{digest_of, hex, sha256};

/// How much is read of the record next to a partial file.
const MAX_RECORD: u64 = 64 << 10;

/// The target of a download, and its limits.
pub struct Download<'a> {
    /// The file that receives the bytes; memory without one. Its content is resumed if it comes
    /// from the same URL. Only one process at a time may use it.
    pub partial: Option<PathBuf>,
    /// The largest accepted number of bytes.
    pub limit: u64,
    /// The expected number of bytes, if known.
    pub expected_len: Option<u64>,
    /// Is called with the number of bytes so far, and of all bytes if known.
    pub progress: &'a mut dyn FnMut(u64, Option<u64>),
}

/// The result of a download.
#[derive(Debug)]
pub struct Downloaded {
    /// The bytes.
    pub content: Content,
    /// Their number.
    pub len: u64,
    /// The SHA-256 digest of all of them.
    pub sha256: [u8; 32],
}

/// The location of the downloaded bytes.
#[derive(Debug)]
pub enum Content {
    /// In memory.
    Memory(Vec<u8>),
    /// In the given file.
    File(PathBuf),
}

impl Content {
    /// Removes bytes that proved to be wrong.
    pub(crate) fn discard(&self) {
        if let Self::File(path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The record next to a partial file.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Record {
    /// The SHA-256 digest of the URL, whose query may contain secrets.
    url: String,
    etag: String,
}

/// The target of the bytes.
enum Sink {
    Memory(Vec<u8>),
    File { file: File, path: PathBuf },
}

/// A download in progress.
struct Transfer<'c> {
    client: &'c Client,
    url: &'c Url,
    sink: Sink,
    /// How many bytes are in the sink.
    len: u64,
    hash: digest::Context,
    /// The strong ETag of the content of the sink.
    etag: Option<String>,
    /// The total number of bytes that the server has announced.
    total: Option<u64>,
}

impl Client {
    /// Fetches a file, resuming when the connection breaks.
    ///
    /// # Errors
    ///
    /// [`FetchError`]. The bytes so far are kept in the file `download.partial`, unless they are
    /// useless.
    pub fn download(
        &self,
        url: &Url,
        headers: &HeaderMap,
        download: &mut Download<'_>,
    ) -> Result<Downloaded, FetchError> {
        run(self, url, headers, download)
    }
}

fn run(
    client: &Client,
    url: &Url,
    headers: &HeaderMap,
    download: &mut Download<'_>,
) -> Result<Downloaded, FetchError> {
    let mut transfer = Transfer::open(client, url, download)?;
    let mut pauses = client.options().pauses.iter();
    loop {
        let attempt = transfer.attempt(headers, download);
        match (client.block_on(url, attempt), pauses.next()) {
            (Ok(()), _) => return transfer.finish(),
            (Err(err), Some(pause)) if err.is_transient() => client.pause(url, *pause)?,
            (Err(err), _) => return Err(transfer.give_up(err, download)),
        }
    }
}

impl<'c> Transfer<'c> {
    fn open(client: &'c Client, url: &'c Url, download: &Download<'_>) -> Result<Self, FetchError> {
        let hash = digest::Context::new(&digest::SHA256);
        let Some(path) = &download.partial else {
            let sink = Sink::Memory(Vec::new());
            return Ok(Self { client, url, sink, len: 0, hash, etag: None, total: None });
        };
        let fail = |err: io::Error| file_error(path, err);
        let etag = read_record(path, url);
        let file = open_partial(path).map_err(fail)?;
        let sink = Sink::File { file, path: path.clone() };
        let mut transfer = Self { client, url, sink, len: 0, hash, etag, total: None };
        transfer.take_over(download.limit.min(download.expected_len.unwrap_or(u64::MAX)))?;
        Ok(transfer)
    }

    /// Hashes the bytes from an earlier process, or drops them if they are useless.
    fn take_over(&mut self, limit: u64) -> Result<(), FetchError> {
        let Sink::File { file, path } = &mut self.sink else { return Ok(()) };
        let len = file.metadata().map_err(|err| file_error(path, err))?.len();
        if self.etag.is_none() || len > limit {
            return self.restart();
        }
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n_read = file.read(&mut buffer).map_err(|err| file_error(path, err))?;
            if n_read == 0 {
                return Ok(());
            }
            self.hash.update(&buffer[..n_read]);
            self.len += n_read as u64;
        }
    }

    /// Drops all received bytes.
    fn restart(&mut self) -> Result<(), FetchError> {
        self.len = 0;
        self.etag = None;
        self.hash = digest::Context::new(&digest::SHA256);
        match &mut self.sink {
            Sink::Memory(bytes) => bytes.clear(),
            Sink::File { file, path } => {
                let fail = |err| file_error(path, err);
                file.set_len(0).map_err(fail)?;
                file.seek(SeekFrom::Start(0)).map_err(fail)?;
                remove_record(path);
            }
        }
        Ok(())
    }

    async fn attempt(
        &mut self,
        headers: &HeaderMap,
        download: &mut Download<'_>,
    ) -> Result<(), FetchError> {
        let (response, last) = self.ask(headers).await?;
        let response = match response.status().as_u16() {
            200 => {
                // Servers without support for ranges, and those with changed files, answer a range
                // request like this, too.
                self.begin(&response)?;
                response
            }
            206 if self.continues(&response) => response,
            416 if self.is_whole(&response) => return self.check_whole(download),
            206 | 416 => {
                self.restart()?;
                let (response, last) = self.ask(headers).await?;
                if response.status().as_u16() != 200 {
                    return Err(self.refuse(response, &last, headers).await);
                }
                self.begin(&response)?;
                response
            }
            _ => return Err(self.refuse(response, &last, headers).await),
        };
        self.receive(response, &last, download).await
    }

    async fn refuse(&self, response: Response, last: &Url, headers: &HeaderMap) -> FetchError {
        let secrets = Secrets::of(headers, &[self.url, last]);
        self.client.refuse(response, last, secrets).await
    }

    /// Requests the missing bytes.
    async fn ask(&self, headers: &HeaderMap) -> Result<(Response, Url), FetchError> {
        let mut headers = headers.clone();
        // The bytes are hashed as they arrive.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let (Some(etag), 1..) = (&self.etag, self.len) {
            let range = HeaderValue::from_str(&format!("bytes={}-", self.len));
            if let (Ok(range), Ok(etag)) = (range, HeaderValue::from_str(etag)) {
                headers.insert(RANGE, range);
                headers.insert(IF_RANGE, etag);
            }
        }
        self.client.send(self.url, &headers).await
    }

    /// Starts again with a response that contains all bytes.
    fn begin(&mut self, response: &Response) -> Result<(), FetchError> {
        self.restart()?;
        let etag = text_of(response, &ETAG);
        self.etag = etag.filter(|it| it.starts_with('"')).map(str::to_owned);
        let (Some(etag), Sink::File { path, .. }) = (&self.etag, &self.sink) else {
            return Ok(());
        };
        let record = Record { url: hex(&sha256(self.url.as_str().as_bytes())), etag: etag.clone() };
        let json = serde_json::to_vec(&record).map_err(|err| file_error(path, err.into()))?;
        let beside = record_path(path);
        fs::replace(&beside, &json, Mode::New(0o600))
            .map_err(|err| FetchError::File { path: beside, source: err.into() })
    }

    /// Returns whether a response continues where the sink ends.
    fn continues(&self, response: &Response) -> bool {
        let etag = text_of(response, &ETAG);
        let range = text_of(response, &CONTENT_RANGE).and_then(|it| it.strip_prefix("bytes "));
        let start = range.and_then(|it| it.split_once('-')?.0.trim().parse().ok());
        start == Some(self.len) && etag.is_none_or(|it| Some(it) == self.etag.as_deref())
    }

    /// Returns whether a server refuses a range because no bytes are left to send.
    fn is_whole(&self, response: &Response) -> bool {
        let range = text_of(response, &CONTENT_RANGE).and_then(|it| it.strip_prefix("bytes */"));
        self.len > 0 && range.and_then(|it| it.trim().parse().ok()) == Some(self.len)
    }

    /// Fails unless all announced bytes have been received.
    fn check_whole(&self, download: &Download<'_>) -> Result<(), FetchError> {
        match download.expected_len.or(self.total) {
            Some(expected) if expected != self.len => {
                let url = redact(self.url);
                Err(FetchError::WrongLength { url, expected, actual: self.len })
            }
            _ => Ok(()),
        }
    }

    async fn receive(
        &mut self,
        mut response: Response,
        last: &Url,
        download: &mut Download<'_>,
    ) -> Result<(), FetchError> {
        let total = self.check_total(&response, download)?;
        self.total = total;
        (download.progress)(self.len, total);
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|err| self.client.context(last).explain(err))?;
            let Some(chunk) = chunk else { break };
            self.check_room(self.len + chunk.len() as u64, download)?;
            self.append(&chunk)?;
            (download.progress)(self.len, total);
        }
        match total {
            Some(expected) if expected != self.len => {
                let source = io::Error::from(io::ErrorKind::UnexpectedEof).into();
                Err(FetchError::Broken { url: redact(self.url), source })
            }
            _ => Ok(()),
        }
    }

    /// Returns the total number of bytes, if the response is the expected one.
    fn check_total(
        &self,
        response: &Response,
        download: &Download<'_>,
    ) -> Result<Option<u64>, FetchError> {
        // A range can be shorter than requested, so its own length does not count.
        let whole = text_of(response, &CONTENT_RANGE).and_then(|it| it.rsplit_once('/'));
        let whole: Option<u64> = whole.and_then(|(_, it)| it.trim().parse().ok());
        let rest = text_of(response, &CONTENT_LENGTH).and_then(|it| it.trim().parse().ok());
        let announced = whole.or(rest.map(|it: u64| it.saturating_add(self.len)));
        if let Some(announced) = announced {
            if announced > download.limit {
                return Err(FetchError::TooLarge { url: redact(self.url), limit: download.limit });
            }
            if let Some(expected) = download.expected_len.filter(|it| *it != announced) {
                let url = redact(self.url);
                return Err(FetchError::WrongLength { url, expected, actual: announced });
            }
        }
        Ok(announced.or(download.expected_len))
    }

    fn check_room(&self, len: u64, download: &Download<'_>) -> Result<(), FetchError> {
        let url = || redact(self.url);
        if len > download.limit {
            return Err(FetchError::TooLarge { url: url(), limit: download.limit });
        }
        match download.expected_len {
            Some(expected) if len > expected => {
                Err(FetchError::WrongLength { url: url(), expected, actual: len })
            }
            _ => Ok(()),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        match &mut self.sink {
            Sink::Memory(memory) => memory.extend_from_slice(bytes),
            Sink::File { file, path } => {
                file.write_all(bytes).map_err(|err| file_error(path, err))?;
            }
        }
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn finish(self) -> Result<Downloaded, FetchError> {
        let content = match self.sink {
            Sink::Memory(bytes) => Content::Memory(bytes),
            Sink::File { file, path } => {
                file.sync_all().map_err(|err| file_error(&path, err))?;
                remove_record(&path);
                Content::File(path)
            }
        };
        Ok(Downloaded { content, len: self.len, sha256: digest_of(self.hash.finish()) })
    }

    /// Keeps what can be resumed, and returns the error.
    fn give_up(self, err: FetchError, download: &Download<'_>) -> FetchError {
        let is_wrong = matches!(err, FetchError::WrongLength { .. } | FetchError::TooLarge { .. });
        if let Sink::File { path, .. } = &self.sink
            && (is_wrong || self.etag.is_none())
        {
            // It is useless for the next attempt, and must not be mistaken for a complete file.
            let _ = std::fs::remove_file(path);
            remove_record(path);
        }
        let is_short = matches!(&err, FetchError::Broken { source, .. }
            if source.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::UnexpectedEof));
        match download.expected_len {
            Some(expected) if is_short && self.len < expected => {
                FetchError::WrongLength { url: redact(self.url), expected, actual: self.len }
            }
            _ => err,
        }
    }
}

/// Returns the ETag of a partial file from a URL.
fn read_record(path: &Path, url: &Url) -> Option<String> {
    let contents = fs::read_regular(&record_path(path), MAX_RECORD).ok()?;
    let record: Record = serde_json::from_slice(&contents.bytes).ok()?;
    (record.url == hex(&sha256(url.as_str().as_bytes()))).then_some(record.etag)
}

fn remove_record(path: &Path) {
    // A remaining record names another ETag or length, and the next download drops it.
    let _ = std::fs::remove_file(record_path(path));
}

fn record_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".origin");
    name.into()
}

/// Opens or creates the file, but never through a symbolic link.
fn open_partial(path: &Path) -> io::Result<File> {
    match path.symlink_metadata() {
        Ok(it) if !it.is_file() => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        _ => {}
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn file_error(path: &Path, err: io::Error) -> FetchError {
    FetchError::File { path: path.to_owned(), source: err.into() }
}

fn text_of<'r>(response: &'r Response, name: &HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}
