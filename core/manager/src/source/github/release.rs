//! Releases and their files, as the API reports them.

use pintle_host::PluginVersion;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use crate::digest::parse_sha256;

/// A release, as GitHub reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The tag, for example `v1.2.3`.
    pub tag: String,
    /// The tag as a version, if it is one.
    pub version: Option<PluginVersion>,
    /// When it was published.
    pub published: Option<OffsetDateTime>,
    /// Whether GitHub or the version marks it as a pre-release.
    pub is_prerelease: bool,
    /// Whether GitHub guarantees that its files never change.
    pub is_immutable: bool,
    /// Its files.
    pub assets: Vec<Asset>,
}

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The name.
    pub name: String,
    /// Its URL in the API, which works for private repositories, too.
    pub url: Url,
    /// The number of bytes.
    pub size: u64,
    /// The digest that GitHub computed when the file was uploaded. Files from before June 2025 have
    /// none.
    pub sha256: Option<[u8; 32]>,
    /// A digest in an unsupported form.
    pub unknown_digest: Option<String>,
    /// The media type.
    pub content_type: String,
}

/// A release as the API reports it.
#[derive(Deserialize)]
pub(super) struct ReleaseMessage {
    tag_name: String,
    #[serde(default)]
    pub(super) draft: bool,
    #[serde(default)]
    prerelease: bool,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(default)]
    published_at: Option<String>,
    #[serde(default)]
    assets: Vec<AssetMessage>,
}

/// A file as the API reports it.
#[derive(Deserialize)]
struct AssetMessage {
    name: String,
    #[serde(deserialize_with = "read_url")]
    url: Url,
    size: u64,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

impl From<ReleaseMessage> for Release {
    fn from(it: ReleaseMessage) -> Self {
        let version: Option<PluginVersion> = it.tag_name.parse().ok();
        let published = it.published_at.and_then(|it| OffsetDateTime::parse(&it, &Rfc3339).ok());
        // An interrupted upload remains listed as `starter`.
        let is_uploaded = |it: &AssetMessage| it.state.as_deref().is_none_or(|it| it == "uploaded");
        Self {
            is_prerelease: it.prerelease || version.as_ref().is_some_and(|it| !it.is_stable()),
            is_immutable: it.immutable.unwrap_or(false),
            assets: it.assets.into_iter().filter(is_uploaded).map(Asset::from).collect(),
            tag: it.tag_name,
            version,
            published,
        }
    }
}

impl From<AssetMessage> for Asset {
    fn from(it: AssetMessage) -> Self {
        let sha256 = it.digest.as_deref().and_then(parse_sha256);
        Self {
            name: it.name,
            url: it.url,
            size: it.size,
            sha256,
            unknown_digest: it.digest.filter(|_| sha256.is_none()),
            content_type: it.content_type.unwrap_or_default(),
        }
    }
}

fn read_url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(serde::de::Error::custom)
}
