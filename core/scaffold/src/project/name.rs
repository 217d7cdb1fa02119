//! The names in a project: checked by Kubernetes' rules, and generated if the user did not specify
//! any.

use std::path::Path;

/// A name breaks a rule of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} `{name}`: {rule}")]
pub struct NameError {
    what: &'static str,
    name: String,
    rule: &'static str,
    example: &'static str,
}

impl NameError {
    pub(super) fn new(
        what: &'static str,
        name: &str,
        rule: &'static str,
        example: &'static str,
    ) -> Self {
        Self { what, name: name.to_owned(), rule, example }
    }

    /// Returns the key of PROJECT that has such a name.
    pub(super) fn key(&self) -> &'static str {
        self.what
    }

    /// Returns a name that follows the rule.
    pub fn example(&self) -> &str {
        self.example
    }
}

/// The longest name of a project: the operator's namespace is called `<name>-system`, and the
/// name of a namespace is a label.
const LONGEST_PROJECT_NAME: usize = 63 - "-system".len();

/// Why a kind cannot have a plural.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PluralError {
    /// The kind already has another plural.
    #[error("the plural of `{kind}` is `{known}`, not `{plural}`: all versions of a kind share it")]
    Known {
        /// The kind, for example `crew.example.org/Captain`.
        kind: String,
        /// The plural that the kind has.
        known: String,
        /// The plural that it cannot have.
        plural: String,
    },
    /// Another kind of the group has the name.
    #[error("`{kind}` cannot have the name `{name}`: the kind `{other}` of its group has it")]
    Taken {
        /// The kind, for example `crew.example.org/Captain`.
        kind: String,
        /// The plural or singular that both have.
        name: String,
        /// The other kind.
        other: String,
    },
}

/// Checks the name of a new project: a DNS-1123 label that is short enough for the names that are
/// derived from it.
///
/// # Errors
///
/// [`NameError`] with the rule.
pub fn check_project_name(name: &str) -> Result<(), NameError> {
    if is_label(name) && name.len() <= LONGEST_PROJECT_NAME {
        return Ok(());
    }
    Err(NameError::new(
        "project name",
        name,
        "it must be at most 56 lower-case letters, digits and `-`, \
         and start and end with a letter or digit",
        "my-operator",
    ))
}

/// Checks the name of an existing project: a DNS-1123 label.
pub(super) fn check_known_project_name(name: &str) -> Result<(), NameError> {
    if is_label(name) { Ok(()) } else { check_project_name(name) }
}

/// Checks the domain of a project: a DNS-1123 subdomain.
///
/// # Errors
///
/// [`NameError`] with the rule.
pub fn check_domain(domain: &str) -> Result<(), NameError> {
    if is_subdomain(domain) {
        return Ok(());
    }
    Err(NameError::new("domain", domain, SUBDOMAIN_RULE, "example.org"))
}

/// Returns the name of the project in the directory `root`, derived from the directory's name.
pub fn default_project_name(root: &Path) -> String {
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let folder = root.file_name().map(|it| it.to_string_lossy()).unwrap_or_default();
    let mut name = String::new();
    for c in folder.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name.truncate(LONGEST_PROJECT_NAME);
    match name.trim_end_matches('-') {
        "" => "project".to_owned(),
        name => name.to_owned(),
    }
}

pub(super) const SUBDOMAIN_RULE: &str = "it must consist of dot-separated parts of at most 63 lower-case letters, digits \
     and `-`, each starting and ending with a letter or digit, and have at most 253 characters \
     in total";

/// Whether `text` is a DNS-1123 subdomain.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether `text` is a DNS-1123 label.
fn is_label(text: &str) -> bool {
    let inner = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether `text` is a DNS-1035 label: a DNS-1123 label that starts with a letter.
pub(super) fn is_lettered_label(text: &str) -> bool {
    is_label(text) && text.starts_with(|it: char| it.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_project_a_name() {
        for (folder, name) in [
            ("/home/ada/captain-operator", "captain-operator"),
            ("/home/ada/My Operator_2", "my-operator-2"),
            ("/home/ada/--x--", "x"),
            ("/home/ada/…", "project"),
            ("/", "project"),
            ("/a/Größe", "gr-e"),
        ] {
            assert_eq!(default_project_name(Path::new(folder)), name, "{folder}");
            check_project_name(name).unwrap();
        }
        let long = default_project_name(Path::new(&format!("/{}", "a-".repeat(60))));
        check_project_name(&long).unwrap();
    }

    #[test]
    fn a_name_outside_the_rules_is_refused_with_the_rule_and_an_example() {
        for name in ["", "-a", "a-", "A", "a.b", "a_b", &"a".repeat(57), &"a".repeat(64)] {
            let err = check_project_name(name).unwrap_err();
            assert!(err.to_string().contains("lower-case"), "{err}");
            check_project_name(err.example()).unwrap();
        }
        check_project_name(&"a".repeat(56)).unwrap();
        for domain in ["", "a..b", ".a", "Example.org", "a b"] {
            check_domain(domain).unwrap_err();
        }
        check_domain("example.org").unwrap();
        check_domain("localhost").unwrap();
    }
}
