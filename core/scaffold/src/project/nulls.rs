//! Reads keys without a value as if they were missing.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Reads a value; a key without a value counts as missing.
pub(super) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a map, in which keys without a value count as missing.
pub(super) fn without_nulls<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let Some(mut map) = Option::<Map<String, Value>>::deserialize(deserializer)? else {
        return Ok(None);
    };
    map.retain(|_, value| !value.is_null());
    serde_json::from_value(map.into()).map(Some).map_err(D::Error::custom)
}
