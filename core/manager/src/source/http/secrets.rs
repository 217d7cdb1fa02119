//! The secrets of a request, which no message may repeat.

use reqwest::header::{AUTHORIZATION, HeaderMap};
use std::fmt;
use url::Url;

/// Shorter values could be ordinary words.
const MIN_LEN: usize = 6;

/// The secrets of a request: its credentials, and the values of the URL's query.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Returns the secrets of a request that was sent to several URLs in turn.
    pub(super) fn of(headers: &HeaderMap, urls: &[&Url]) -> Self {
        let credentials = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        let credentials = credentials.into_iter().flat_map(|it| it.split(' ').skip(1));
        let mut found: Vec<_> = credentials.map(str::to_owned).collect();
        for url in urls {
            found.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
            // A server may repeat them in their original form.
            let written = url.query().unwrap_or_default().split('&');
            found.extend(written.map(|it| it.split_once('=').map_or(it, |it| it.1).to_owned()));
        }
        found.retain(|it| it.len() >= MIN_LEN);
        Self(found)
    }

    /// Returns the secrets of a form.
    pub(super) fn of_form(fields: &[(&str, &str)]) -> Self {
        let values = fields.iter().map(|it| it.1.to_owned());
        Self(values.filter(|it| it.len() >= MIN_LEN).collect())
    }

    /// Returns a text without the secrets.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, it| text.replace(it, "…"))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
