//! What the user chose: on the command line, or earlier and kept in PROJECT.

use pintle_plugin::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// The licences that the plugin knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum License {
    /// Apache License 2.0.
    #[default]
    #[serde(rename = "apache-2.0")]
    Apache2,
    /// MIT License.
    #[serde(rename = "mit")]
    Mit,
    /// Neither text nor headers.
    #[serde(rename = "none")]
    None,
}

/// What was given on the command line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    license: Option<License>,
    owner: Option<String>,
    year: Option<i64>,
}

/// The plugin's configuration in PROJECT.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    license: License,
    owner: String,
    year: i64,
}

impl License {
    /// All licences, in the order of the help.
    pub(crate) const ALL: &[Self] = &[Self::Apache2, Self::Mit, Self::None];

    /// Returns the name in flags and in PROJECT.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Apache2 => "apache-2.0",
            Self::Mit => "mit",
            Self::None => "none",
        }
    }
}

impl Settings {
    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// When it was changed to something else.
    pub(crate) fn read(config: &json::Value) -> Result<Self> {
        Self::deserialize(config)
            .context("the plugin's configuration in PROJECT is not valid")
            .hint("it has `license` (`apache-2.0`, `mit` or `none`), `owner` and a number `year`")
    }

    /// Returns the text of the licence, if there is one.
    pub(crate) fn text(&self) -> Option<String> {
        match self.license {
            License::Apache2 => Some(include_str!("../texts/apache-2.0.txt").to_owned()),
            License::Mit => {
                let text = include_str!("../texts/mit.txt");
                let text = text.replace("<year>", &self.year.to_string());
                Some(text.replace("<owner>", &self.owner))
            }
            License::None => None,
        }
    }

    /// Returns the lines of the header, if there is one.
    pub(crate) fn header(&self) -> Option<[String; 2]> {
        let identifier = match self.license {
            License::Apache2 => "Apache-2.0",
            License::Mit => "MIT",
            License::None => return None,
        };
        Some([
            format!("SPDX-License-Identifier: {identifier}"),
            format!("Copyright {} {}", self.year, self.owner),
        ])
    }
}

/// Puts a choice into the configuration; what is not chosen stays, or gets its default.
///
/// # Errors
///
/// When the choice cannot stand in a header, or when the configuration is no object.
pub(crate) fn choose(choice: Choice, project: &str, config: &mut json::Value) -> Result<()> {
    if let Some(owner) = &choice.owner {
        let fits = !owner.trim().is_empty() && !owner.contains(char::is_control);
        ensure!(fits, UsageError("`--owner` must be one line of text".into()));
    }
    if let Some(year) = choice.year {
        let fits = (1..=9999).contains(&year);
        ensure!(fits, UsageError(format!("`--year {year}` is not a year from 1 to 9999")));
    }
    if config.is_null() {
        *config = json::json!({});
    }
    let config =
        config.as_object_mut().context("the plugin's configuration in PROJECT is not a map")?;
    if let Some(license) = choice.license {
        config.insert("license".into(), license.name().into());
    }
    if let Some(owner) = choice.owner {
        config.insert("owner".into(), owner.into());
    }
    if let Some(year) = choice.year {
        config.insert("year".into(), year.into());
    }
    config.entry("license").or_insert_with(|| License::default().name().into());
    config.entry("owner").or_insert_with(|| format!("The {project} authors").into());
    config.entry("year").or_insert_with(|| this_year().into());
    Ok(())
}

/// Returns the year of the Gregorian calendar, in UTC.
fn this_year() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    year_of_day(i64::try_from(since_epoch.as_secs() / 86_400).unwrap_or_default())
}

/// Returns the year of a day, counted from 1 January 1970.
fn year_of_day(day: i64) -> i64 {
    let mut year = 1970;
    let mut rest = day;
    loop {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = if is_leap { 366 } else { 365 };
        if rest < length {
            return year;
        }
        rest -= length;
        year += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_with_leap_years() {
        for (day, year) in [(0, 1970), (364, 1970), (365, 1971), (10_956, 1999), (10_957, 2000)] {
            assert_eq!(year_of_day(day), year);
        }
        assert_eq!((year_of_day(11_322), year_of_day(11_323)), (2000, 2001));
        assert_eq!((year_of_day(20_453), year_of_day(20_454)), (2025, 2026));
    }
}
