//! The user's choices: on the command line, or earlier and stored in PROJECT.

use minijinja::{Environment, UndefinedBehavior};
use pintle_plugin::prelude::*;
use serde::{Deserialize, Serialize};

/// The name for no licence at all: neither text nor headers.
pub(crate) const NONE: &str = "none";

/// The ends of comments in file types without line comments.
const CLOSERS: &[&str] = &["*/", "-->"];

/// A licence whose text the plugin contains.
struct Known {
    /// The SPDX identifier.
    id: &'static str,
    /// The name of its file if the project has several.
    file: &'static str,
    text: &'static str,
    /// The notice that the licence recommends for each file.
    notice: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        id: "Apache-2.0",
        file: "LICENSE-APACHE",
        text: include_str!("../texts/apache-2.0.txt"),
        notice: include_str!("../texts/apache-2.0-notice.txt"),
    },
    Known {
        id: "MIT",
        file: "LICENSE-MIT",
        text: include_str!("../texts/mit.txt"),
        notice: include_str!("../texts/mit-notice.txt"),
    },
];

/// The content of the header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Header {
    /// The SPDX identifier, and the copyright.
    #[default]
    Spdx,
    /// The notice that the licence itself recommends.
    Notice,
    /// Nothing: files have no header.
    None,
}

impl Header {
    /// The names in flags and in PROJECT.
    pub(crate) const NAMES: [&str; 3] = ["spdx", "notice", "none"];
}

/// The choices on the command line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    license: Option<String>,
    owner: Option<String>,
    year: Option<i64>,
    header: Option<Header>,
    template: Option<String>,
}

/// The plugin's configuration in PROJECT.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    license: String,
    owner: String,
    year: i64,
    #[serde(default)]
    header: Header,
    template: Option<String>,
}

/// The text of a licence, for a file of the project.
pub(crate) struct Text {
    pub(crate) path: &'static str,
    pub(crate) text: String,
}

impl Settings {
    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// When it was changed to something invalid.
    pub(crate) fn read(config: &json::Value) -> Result<Self> {
        Self::deserialize(config).context("invalid configuration of the plugin in PROJECT").hint(
            "set `license` (an SPDX expression or `none`), `owner`, `year` (a number), and \
                 optionally `header` (`spdx`, `notice` or `none`) or `template` (a string)",
        )
    }

    /// Returns the texts of the licences, and the identifiers of those whose text the plugin does
    /// not contain.
    ///
    /// # Errors
    ///
    /// When the licence in PROJECT is not a valid SPDX expression.
    pub(crate) fn texts(&self) -> Result<(Vec<Text>, Vec<String>)> {
        let ids = self.ids()?;
        let (mut texts, mut unknown) = (Vec::new(), Vec::new());
        for id in &ids {
            let Some(known) = known(id) else {
                unknown.push(id.clone());
                continue;
            };
            let path = if ids.len() == 1 { "LICENSE" } else { known.file };
            texts.push(Text { path, text: self.fill_in(known.text)? + "\n" });
        }
        Ok((texts, unknown))
    }

    /// Returns the lines of the header, if there is one.
    ///
    /// # Errors
    ///
    /// When the template is malformed, the licence has no notice, or the header would end the
    /// comment that contains it.
    pub(crate) fn header(&self) -> Result<Option<Vec<String>>> {
        let ids = self.ids()?;
        let text = match (&self.template, self.header) {
            _ if self.license == NONE => return Ok(None),
            (Some(template), _) => self.fill_in(template)?,
            (None, Header::None) => return Ok(None),
            (None, Header::Spdx) => self.fill_in(
                "SPDX-License-Identifier: {{ license }}\nCopyright {{ year }} {{ owner }}",
            )?,
            (None, Header::Notice) => {
                let known = (ids.len() == 1).then(|| known(&ids[0])).flatten();
                let known = known
                    .with_context(|| format!("licence `{}` has no notice", self.license))
                    .hint("use `--header spdx`, or your own text with `--template`")?;
                self.fill_in(known.notice)?
            }
        };
        if let Some(closer) = CLOSERS.iter().find(|it| text.contains(**it)) {
            let text = format!("the header contains `{closer}`, which would end a comment");
            bail!(UsageError(text));
        }
        let lines: Vec<String> = text.trim_end().lines().map(|it| it.trim_end().into()).collect();
        ensure!(lines.iter().any(|it| !it.is_empty()), "the header is empty");
        Ok(Some(lines))
    }

    /// Returns the identifiers of the licences, in the order of the expression.
    fn ids(&self) -> Result<Vec<String>> {
        if self.license == NONE {
            return Ok(Vec::new());
        }
        let expression = spdx::Expression::parse(&self.license)
            .with_context(|| format!("invalid SPDX expression `{}` in PROJECT", self.license))
            .hint("use the identifiers from https://spdx.org/licenses")?;
        let mut ids: Vec<String> = Vec::new();
        for requirement in expression.requirements() {
            let id = requirement.req.license.to_string();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn fill_in(&self, template: &str) -> Result<String> {
        let mut env = Environment::new();
        // The line feed at the end of a template is dropped.
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.render_named_str("template", template, minijinja::value::Serde(self))
            .context("invalid template of the header")
            .hint("use only `{{ license }}`, `{{ owner }}` and `{{ year }}`")
    }
}

fn known(id: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|it| it.id == id)
}

/// Stores a choice in the configuration; values that are not chosen stay, or get their defaults.
/// `date` is the day of the command, for example `2026-11-21`.
///
/// # Errors
///
/// When the choice cannot be in a header, or when the configuration is not an object.
pub(crate) fn choose(
    choice: Choice,
    project: &str,
    date: &str,
    config: &mut json::Value,
) -> Result<()> {
    check(&choice)?;
    if config.is_null() {
        *config = json::json!({});
    }
    let config =
        config.as_object_mut().context("the plugin's configuration in PROJECT is not a map")?;
    if let Some(license) = choice.license {
        config.insert("license".into(), canonical(&license)?.into());
    }
    if let Some(owner) = choice.owner {
        config.insert("owner".into(), owner.into());
    }
    if let Some(year) = choice.year {
        config.insert("year".into(), year.into());
    }
    if let Some(header) = choice.header {
        config.remove("template");
        config.insert("header".into(), json::to_value(header)?);
    }
    if let Some(template) = choice.template {
        config.remove("header");
        config.insert("template".into(), template.into());
    }
    let license = config.entry("license").or_insert_with(|| KNOWN[0].id.into());
    if let Some(it) = license.as_str().map(canonical) {
        *license = it?.into();
    }
    config.entry("owner").or_insert_with(|| format!("The {project} authors").into());
    if !config.contains_key("year") {
        let year = date.split('-').next().and_then(|it| it.parse::<i64>().ok());
        let year = year
            .context("the host does not report the current year")
            .hint("specify it with `--year`")?;
        config.insert("year".into(), year.into());
    }
    Settings::read(&json::Value::Object(config.clone()))?.header().map(drop)
}

fn check(choice: &Choice) -> Result<()> {
    if let Some(owner) = &choice.owner {
        let fits = !owner.trim().is_empty() && !owner.contains(char::is_control);
        ensure!(fits, UsageError("`--owner` must be one line of text".into()));
    }
    if let Some(year) = choice.year {
        let fits = (1..=9999).contains(&year);
        ensure!(fits, UsageError(format!("invalid year `{year}`: it must be from 1 to 9999")));
    }
    if choice.header.is_some() && choice.template.is_some() {
        bail!(UsageError("`--header` and `--template` cannot be used together".into()));
    }
    Ok(())
}

/// Returns the licence as SPDX spells it.
fn canonical(license: &str) -> Result<String> {
    let license = license.trim();
    if license.eq_ignore_ascii_case(NONE) {
        return Ok(NONE.to_owned());
    }
    let is_it = |id: &&str| id.eq_ignore_ascii_case(license);
    if let Some(id) = KNOWN.iter().map(|it| it.id).find(is_it) {
        return Ok(id.to_owned());
    }
    match spdx::Expression::parse(license) {
        Ok(it) => Ok(it.to_string()),
        Err(err) => {
            Err(anyhow!(UsageError(format!("invalid SPDX expression `{license}`: {}", err.reason))))
                .hint(
                    "use the identifiers from https://spdx.org/licenses, for example \
                       `MIT OR Apache-2.0`",
                )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_spelled_as_spdx_does() {
        for (given, expected) in [
            ("apache-2.0", "Apache-2.0"),
            ("mit", "MIT"),
            ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
            ("LicenseRef-Acme", "LicenseRef-Acme"),
            ("None", "none"),
        ] {
            assert_eq!(canonical(given).unwrap(), expected);
        }
        let err = canonical("Apache 2").unwrap_err();
        assert!(err.to_string().starts_with("invalid SPDX expression `Apache 2`: "), "{err}");
    }

    #[test]
    fn each_licence_has_a_text_of_its_own() {
        let texts = |license: &str| {
            let settings = Settings {
                license: license.into(),
                owner: "Ada".into(),
                year: 2024,
                header: Header::Spdx,
                template: None,
            };
            let (texts, unknown) = settings.texts().unwrap();
            let paths: Vec<_> = texts.iter().map(|it| it.path).collect();
            for it in &texts {
                assert!(!it.text.contains("{{"));
            }
            (paths, unknown)
        };
        assert_eq!(texts("MIT"), (vec!["LICENSE"], vec![]));
        assert_eq!(texts("MIT OR Apache-2.0"), (vec!["LICENSE-MIT", "LICENSE-APACHE"], vec![]));
        assert_eq!(texts("MPL-2.0"), (vec![], vec!["MPL-2.0".to_owned()]));
        assert_eq!(texts("none"), (vec![], vec![]));
    }

    #[test]
    fn a_notice_is_the_licences_own() {
        let mut settings = Settings {
            license: "Apache-2.0".into(),
            owner: "Ada".into(),
            year: 2024,
            header: Header::Notice,
            template: None,
        };
        let lines = settings.header().unwrap().unwrap();
        assert_eq!(lines[0], "Copyright 2024 Ada");
        assert!(lines.iter().any(|it| it.contains("Licensed under the Apache License")));
        settings.license = "MPL-2.0".into();
        let err = settings.header().unwrap_err();
        assert_eq!(err.to_string(), "licence `MPL-2.0` has no notice");
    }

    #[test]
    fn a_template_is_filled_in() {
        let mut settings = Settings {
            license: "MIT".into(),
            owner: "Ada".into(),
            year: 2024,
            header: Header::Spdx,
            template: Some("(c) {{ owner }}, {{ year }}\n\n{{ license }}\n".into()),
        };
        let lines = settings.header().unwrap().unwrap();
        assert_eq!(lines, ["(c) Ada, 2024", "", "MIT"]);
        settings.template = Some("{{ unknown }}".into());
        let err = settings.header().unwrap_err();
        assert_eq!(err.to_string(), "invalid template of the header");
    }
}
