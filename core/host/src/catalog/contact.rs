//! Where to report the defects of a plugin.

use pintle_plugin::manifest::Manifest;

/// How much of a manifest's text is shown; an address is shorter.
const MAX_SHOWN: usize = 200;

/// Returns what a hint shows after "author": the address of the plugin's repository or home page,
/// or else its authors' names, in parentheses; an empty text if the manifest has none of them.
pub fn contact(manifest: Option<&Manifest>) -> String {
    let Some(manifest) = manifest else { return String::new() };
    let authors = manifest.authors.join(", ");
    let texts = [&manifest.repository, &manifest.homepage, &authors];
    let text = texts.into_iter().map(|it| it.trim()).find(|it| !it.is_empty());
    text.map(|it| format!(" ({})", shortened(it))).unwrap_or_default()
}

/// Returns the hint for an error that only a change of the plugin can prevent.
pub fn defect(manifest: Option<&Manifest>) -> String {
    format!("this is a defect of the plugin; report it to its author{}", contact(manifest))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let manifest = Manifest::parse(json.as_bytes()).unwrap();
        assert_eq!(contact(Some(&manifest)), expected);
    }

    #[test]
    fn the_repository_comes_before_the_home_page_and_that_before_the_authors() {
        check(r#"{"format":1}"#, "");
        check(r#"{"format":1,"repository":" ","homepage":"","authors":[]}"#, "");
        check(r#"{"format":1,"authors":["Ada <a@b.io>","Bob"]}"#, " (Ada <a@b.io>, Bob)");
        check(r#"{"format":1,"authors":["Ada"],"homepage":"https://b.io"}"#, " (https://b.io)");
        let both = r#"{"format":1,"homepage":"https://b.io","repository":"https://b.io/git"}"#;
        check(both, " (https://b.io/git)");
        assert_eq!(contact(None), "");
    }

    #[test]
    fn a_text_longer_than_an_address_is_cut() {
        let long = "ä".repeat(MAX_SHOWN + 1);
        let expected = format!(" ({}…)", "ä".repeat(MAX_SHOWN));
        check(&format!(r#"{{"format":1,"repository":"{long}"}}"#), &expected);
    }
}
