//! Rust names for Kubernetes names.

/// The words that Rust reserves, in lower case.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The names that a file cannot have on Windows, regardless of its extension.
const DEVICES: &[&str] = &[
    "aux", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "con", "lpt1",
    "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9", "nul", "prn",
];

/// The names in scope where a type is declared: the prelude, the usual imports, and `S`, a
/// parameter in the code that kube's derive macro generates.
const TYPES: &[&str] = &[
    "AsMut",
    "AsRef",
    "AsyncFn",
    "AsyncFnMut",
    "AsyncFnOnce",
    "Box",
    "Clone",
    "Copy",
    "CustomResource",
    "Default",
    "Deserialize",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Future",
    "Into",
    "IntoFuture",
    "IntoIterator",
    "Iterator",
    "JsonSchema",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "S",
    "Self",
    "Send",
    "Serialize",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Unpin",
    "Vec",
];

/// The packages that a project depends on, those of Rust itself, and the project's other program.
const PACKAGES: &[&str] = &[
    "alloc",
    "axum",
    "axum-server",
    "clap",
    "core",
    "crdgen",
    "futures",
    "k8s-openapi",
    "kube",
    "proc-macro",
    "prometheus-client",
    "rcgen",
    "rustls",
    "schemars",
    "serde",
    "serde-saphyr",
    "serde-json",
    "std",
    "test",
    "thiserror",
    "tokio",
    "tokio-util",
    "tracing",
    "tracing-subscriber",
];

/// Returns the module for a group, a version or a kind: `HTTPRoute` becomes `http_route`.
pub(crate) fn module(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut module = String::new();
    for (idx, it) in chars.iter().enumerate() {
        let after_lower = idx > 0 && !chars[idx - 1].is_ascii_uppercase();
        let before_lower = chars.get(idx + 1).is_some_and(char::is_ascii_lowercase);
        if it.is_ascii_uppercase() && idx > 0 && (after_lower || before_lower) {
            push_underscore(&mut module);
        }
        match it.to_ascii_lowercase() {
            it if it.is_ascii_alphanumeric() => module.push(it),
            _ => push_underscore(&mut module),
        }
    }
    if module.starts_with(|it: char| it.is_ascii_digit()) {
        module.insert(0, '_');
    }
    // The file of a kind contains a module `tests`.
    let taken = KEYWORDS.iter().chain(DEVICES).chain(&["tests"]);
    if taken.into_iter().any(|it| *it == module) {
        module.push('_');
    }
    module
}

fn push_underscore(module: &mut String) {
    // rustc warns about two underscores in a row.
    if !module.ends_with('_') {
        module.push('_');
    }
}

/// The names that the webhook server, which has a module for each group, uses itself.
const SERVER: &[&str] = &[
    "axum",
    "clap",
    "json_patch",
    "kube",
    "patch",
    "serde",
    "serde_json",
    "serve",
    "std",
    "tls",
    "tracing",
];

/// Returns the module for a group.
pub(crate) fn group_module(group: &str) -> String {
    let module = module(group);
    let suffix = if SERVER.contains(&module.as_str()) { "_" } else { "" };
    format!("{module}{suffix}")
}

/// Returns the type for a kind. No two kinds have the same type.
pub(crate) fn type_name(kind: &str) -> String {
    let suffix = if TYPES.contains(&kind.trim_end_matches("Kind")) { "Kind" } else { "" };
    format!("{kind}{suffix}")
}

/// Returns whether `path` is a Rust path, such as `cert_manager::v1`.
pub(crate) fn is_path(path: &str) -> bool {
    path.split("::").all(|name| {
        name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
            && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
    })
}

/// Returns whether `kind` is a valid kind: letters and digits in upper camel case.
pub(crate) fn is_kind(kind: &str) -> bool {
    kind.starts_with(|it: char| it.is_ascii_uppercase())
        && kind.chars().all(|it| it.is_ascii_alphanumeric())
}

/// Returns the package for a project.
pub(crate) fn package(project: &str) -> String {
    let clean = |it: char| if it.is_ascii_alphanumeric() || it == '_' { it } else { '-' };
    let name: String = project.to_ascii_lowercase().chars().map(clean).collect();
    let name = name.trim_matches('-');
    let reserved = |it: &str| it.replace('_', "-") == name.replace('_', "-");
    if name.is_empty() {
        "operator".to_owned()
    } else if name.starts_with(|it: char| it.is_ascii_digit()) {
        format!("operator-{name}")
    } else if KEYWORDS.iter().chain(DEVICES).chain(PACKAGES).any(|it| reserved(it)) {
        format!("{name}-operator")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_identifiers() {
        for (name, expected) in [
            ("Captain", "captain"),
            ("HTTPRoute", "http_route"),
            ("Ec2Instance", "ec2_instance"),
            ("IPAddress", "ip_address"),
            ("Type", "type_"),
            ("Self", "self_"),
            ("Mod", "mod_"),
            ("Con", "con_"),
            ("Tests", "tests_"),
            ("my-group", "my_group"),
            ("net.my-group", "net_my_group"),
            ("3scale", "_3scale"),
            ("v1alpha1", "v1alpha1"),
            ("crate", "crate_"),
        ] {
            assert_eq!(module(name), expected);
        }
    }

    #[test]
    fn types_do_not_hide_the_prelude() {
        assert_eq!(type_name("Captain"), "Captain");
        assert_eq!(type_name("Option"), "OptionKind");
        assert_eq!(type_name("Self"), "SelfKind");
        assert_eq!(type_name("OptionKind"), "OptionKindKind");
    }

    #[test]
    fn groups_do_not_hide_what_the_server_uses() {
        assert_eq!(group_module("crew"), "crew");
        assert_eq!(group_module("kube"), "kube_");
        assert_eq!(group_module("serde-json"), "serde_json_");
    }

    #[test]
    fn paths_are_those_of_rust() {
        for path in ["cert_manager::v1", "crate::api", "a"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["", "a::", "github.com/a/b", "a b", "a::1", "a-b"] {
            assert!(!is_path(path), "{path}");
        }
    }

    #[test]
    fn packages_hide_no_dependency() {
        for (name, expected) in [
            ("ship", "ship"),
            ("My.Ship", "my-ship"),
            ("3scale", "operator-3scale"),
            ("kube", "kube-operator"),
            ("serde_json", "serde_json-operator"),
            ("type", "type-operator"),
            ("", "operator"),
        ] {
            assert_eq!(package(name), expected);
        }
    }
}
