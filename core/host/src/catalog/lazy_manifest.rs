//! Manifests that are read when they are needed.

use super::file::read_at;
use pintle_plugin::manifest::Manifest;
use std::borrow::Cow;
use std::fs::File;
use std::sync::{Arc, OnceLock};

/// A manifest that is read when it is needed.
#[derive(Debug)]
pub(super) struct LazyManifest {
    json: Json,
    /// Boxed, as most are never read.
    parsed: OnceLock<Option<Box<Manifest>>>,
}

#[derive(Debug)]
enum Json {
    Own(Vec<u8>),
    /// A part of the index: the file, the offset and the length.
    Shared(Arc<File>, u64, usize),
}

impl Default for LazyManifest {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl LazyManifest {
    /// Keeps the JSON of a manifest; invalid JSON counts as no manifest.
    pub(super) fn new(json: Vec<u8>) -> Self {
        Self { json: Json::Own(json), parsed: OnceLock::new() }
    }

    /// Keeps a part of the index.
    pub(super) fn shared(index: Arc<File>, start: u64, len: usize) -> Self {
        Self { json: Json::Shared(index, start, len), parsed: OnceLock::new() }
    }

    /// Returns the manifest, if there is one.
    pub(super) fn get(&self) -> Option<&Manifest> {
        let parse = || Manifest::parse(&self.json()).ok().map(Box::new);
        self.parsed.get_or_init(parse).as_deref()
    }

    /// Returns its JSON; an empty slice if it was not created from JSON, or cannot be read.
    pub(super) fn json(&self) -> Cow<'_, [u8]> {
        match &self.json {
            Json::Own(json) => json.into(),
            Json::Shared(index, start, len) => {
                let mut json = vec![0; *len];
                let n_read = read_at(index, &mut json, *start).unwrap_or(0);
                json.truncate(n_read);
                json.into()
            }
        }
    }
}

impl From<Manifest> for LazyManifest {
    fn from(manifest: Manifest) -> Self {
        Self { parsed: OnceLock::from(Some(Box::new(manifest))), ..Self::default() }
    }
}
