//! Imports have one direction: there are no cycles between the files of a crate, and crates and
//! modules import only along the arrows in ARCHITECTURE.md.
//!
//! An import counts for the file that defines its item, not for the module that re-exports it.
//! Imports in tests do not count.

use super::assert_none;
use crate::cargo;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// The crates whose files are checked.
const CRATES: &[&str] = &[
    "core",
    "core/host",
    "core/scaffold",
    "core/cluster",
    "core/manager",
    "plugin-abi",
    "plugins/ci",
    "plugins/license",
    "plugins/registry",
    "plugins/rust",
    "xtask",
];

/// The packages of the workspace that each package may depend on.
const PACKAGES: &[(&str, &[&str])] = &[
    ("pintle-plugin", &[]),
    ("pintle-host", &["pintle-plugin"]),
    ("pintle-scaffold", &["pintle-host", "pintle-plugin"]),
    ("pintle-cluster", &["pintle-host", "pintle-plugin"]),
    ("pintle-manager", &["pintle-host", "pintle-plugin"]),
    (
        "pintle",
        &["pintle-cluster", "pintle-host", "pintle-manager", "pintle-plugin", "pintle-scaffold"],
    ),
    ("pintle-plugin-ci", &["pintle-plugin"]),
    ("pintle-plugin-license", &["pintle-plugin"]),
    ("pintle-plugin-registry", &["pintle-plugin"]),
    ("pintle-plugin-rust", &["pintle-plugin"]),
];

/// The modules at the top of a crate that each module may import. Modules that are not listed may
/// import all modules except those that no module may import.
const MODULES: &[(&str, &str, &[&str])] = &[
    ("core/host", "identity", &[]),
    ("core/host", "fs", &["caller"]),
    ("core/host", "process", &["caller", "services"]),
    ("core/host", "services", &["caller", "identity", "plain", "signals"]),
    ("core/host", "caller", &[]),
    ("core/host", "catalog", &["caller", "causes", "fnv", "fs", "identity", "plain"]),
    ("core/host", "callables", &["caller", "catalog", "identity", "process"]),
    ("core/host", "transport", &["caller", "catalog", "fs", "identity", "process", "services"]),
    ("core/host", "lifecycle", &["services", "transport"]),
];

/// Modules that no other module of their crate imports: they are at its edge.
const EDGES: &[(&str, &str)] = &[
    ("core/host", "cli"),
    ("core/scaffold", "commands"),
    ("core/cluster", "commands"),
    ("core/manager", "commands"),
];

#[test]
fn no_import_circle_between_the_files_of_a_crate() {
    let mut found = Vec::new();
    for name in CRATES {
        let imports = Crate::read(name).imports();
        for circle in circles(&imports) {
            let edges = circle.iter().flat_map(|from| {
                let inside = imports[from].iter().filter(|it| circle.contains(it));
                inside.map(move |to| format!("\n    {from} imports {to}"))
            });
            found.push(format!("{name}:{}", edges.collect::<String>()));
        }
    }
    assert_none("import cycles", found.into_iter());
}

#[test]
fn modules_import_only_what_they_may() {
    let mut wrong = Vec::new();
    for name in CRATES {
        for (from, to) in pairs(&Crate::read(name).imports()) {
            let (from_top, to_top) = (top(&from), top(&to));
            let rule = MODULES.iter().find(|it| it.0 == *name && it.1 == from_top);
            let is_allowed = match rule {
                _ if from_top == to_top || from_top == "lib.rs" => true,
                _ if EDGES.contains(&(name, to_top.as_str())) => false,
                Some((_, _, allowed)) => allowed.contains(&to_top.as_str()),
                None => true,
            };
            if !is_allowed {
                wrong.push(format!("{name}: {from} imports {to}"));
            }
        }
    }
    assert_none("imports that ARCHITECTURE.md does not allow", wrong.into_iter());
}

#[test]
fn packages_depend_only_on_what_they_may() {
    let metadata = cargo::metadata(&["--locked"]).expect("cargo knows the workspace");
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = PACKAGES.iter().find(|it| it.0 == name) else { continue };
        let is_ours = |it: &&Value| it["path"].is_string() && it["kind"].is_null();
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        for dependency in dependencies.filter(is_ours) {
            let dependency = dependency["name"].as_str().unwrap_or_default();
            if !allowed.contains(&dependency) {
                wrong.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    assert_none("dependencies that ARCHITECTURE.md does not allow", wrong.into_iter());
}

/// Words of the domains, which must not appear in the sources of the host library.
const WORDS_OF_JOBS: &[&str] =
    &["kube", "k3s", "k3d", "docker", "podman", "cluster", "webhook", "bollard", "tokio"];

#[test]
fn the_host_knows_no_job() {
    let mut wrong = Vec::new();
    for file in files(&cargo::root().join("core/host/src")) {
        let is_test = file.file_stem().is_some_and(|it| it == "tests" || it == "testing");
        let text = fs::read_to_string(&file).expect("a source is text");
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_lowercase();
        let words = WORDS_OF_JOBS.iter().filter(|it| !is_test && text.contains(**it));
        wrong.extend(words.map(|it| format!("{}: {it}", file.display())));
    }
    assert_none("words of the domains in the host library", wrong.into_iter());
}

type Imports = BTreeMap<String, BTreeSet<String>>;

fn pairs(imports: &Imports) -> impl Iterator<Item = (String, String)> {
    imports.iter().flat_map(|(from, all)| all.iter().map(|to| (from.clone(), to.clone())))
}

/// Returns the top-level module of the crate that a file belongs to.
fn top(file: &str) -> String {
    let first = file.split('/').next().unwrap_or_default();
    match first.strip_suffix(".rs") {
        Some("lib" | "main") | None => first.to_owned(),
        Some(name) => name.to_owned(),
    }
}

/// Returns the groups of files that import each other, directly or indirectly.
fn circles(imports: &Imports) -> Vec<Vec<String>> {
    let reach = |start: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(file) = open.pop() {
            let next = imports.get(&file).into_iter().flatten();
            open.extend(next.filter(|it| seen.insert((*it).clone())).cloned());
        }
        seen
    };
    let reached: BTreeMap<_, _> = imports.keys().map(|it| (it, reach(it))).collect();
    let mut circles: BTreeSet<Vec<String>> = BTreeSet::new();
    for (file, all) in &reached {
        let back = |it: &&String| reached.get(it).is_some_and(|all| all.contains(*file));
        let circle: Vec<_> = all.iter().filter(back).cloned().collect();
        if !circle.is_empty() {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// The modules of a crate, each under its path.
struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
}

struct Module {
    /// The file, relative to `src`.
    file: String,
    /// The names that `use` imports, each with its path.
    names: BTreeMap<String, Vec<String>>,
    /// All paths that the file mentions.
    paths: Vec<Vec<String>>,
}

impl Crate {
    fn read(name: &str) -> Self {
        let src = cargo::root().join(name).join("src");
        let modules = files(&src).into_iter().filter_map(|path| {
            let file = path.strip_prefix(&src).ok()?.to_string_lossy().into_owned();
            let module = module_path(&file)?;
            let text = fs::read_to_string(&path).expect("a source is text");
            let syntax = syn::parse_file(&text).expect("a source is Rust");
            let mut found = Module { file, names: BTreeMap::new(), paths: Vec::new() };
            found.visit_file(&syntax);
            Some((module, found))
        });
        Self { modules: modules.collect() }
    }

    fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (path, module) in &self.modules {
            let used = module.names.values().chain(&module.paths);
            let files = used.filter_map(|it| self.resolve(path, it, 0));
            let others = files.filter(|it| *it != module.file);
            imports.entry(module.file.clone()).or_default().extend(others);
        }
        imports
    }

    /// Returns the file that defines the item at a path in a module, if it is in this crate.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<String> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module.split_last()?.1.to_vec(),
            name => {
                let is_child = self.modules.contains_key(&[module, &[name.to_owned()]].concat());
                let is_name = self.modules[module].names.contains_key(name);
                rest = path;
                (is_child || is_name).then(|| module.to_vec())?
            }
        };
        loop {
            match rest.split_first() {
                Some((word, more)) if word == "super" => {
                    at.pop();
                    rest = more;
                }
                Some((word, more))
                    if self
                        .modules
                        .contains_key(&[&at[..], std::slice::from_ref(word)].concat()) =>
                {
                    at.push(word.clone());
                    rest = more;
                }
                Some((word, more)) => {
                    let behind = self.modules.get(&at)?.names.get(word);
                    let resolved = behind
                        .filter(|it| depth < 8 && *it != path)
                        .map(|it| self.resolve(&at, &[it, more].concat(), depth + 1));
                    return match resolved {
                        // A name from another crate belongs to no file here.
                        Some(found) => found,
                        None => Some(self.modules.get(&at)?.file.clone()),
                    };
                }
                // A module as a whole is only a name for its contents.
                None => return None,
            }
        }
    }
}

/// Returns the path of a file's module, or `None` for files of tests.
fn module_path(file: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> =
        file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if words.iter().any(|it| it == "tests" || it == "testing" || it == "test_plugin") {
        return None;
    }
    if words.last().is_some_and(|it| it == "mod") || file == "lib.rs" || file == "main.rs" {
        words.pop();
    }
    Some(words)
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // A module whose file has another name, one per platform, is that file.
        if let Some(file) = path_of(&item.attrs) {
            let file = file.trim_end_matches(".rs").to_owned();
            let name = item.ident.to_string();
            self.names.entry(name).or_insert_with(|| vec!["self".to_owned(), file]);
        }
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.add_tree(&item.tree, &mut Vec::new());
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            self.paths.push(path.segments.iter().map(|it| it.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }
}

impl Module {
    fn add_tree(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(it) => {
                prefix.push(it.ident.to_string());
                self.add_tree(&it.tree, prefix);
                prefix.pop();
            }
            syn::UseTree::Name(it) => self.add_name(&it.ident.to_string(), None, prefix),
            syn::UseTree::Rename(it) => {
                self.add_name(&it.ident.to_string(), Some(it.rename.to_string()), prefix);
            }
            syn::UseTree::Group(it) => it.items.iter().for_each(|it| self.add_tree(it, prefix)),
            syn::UseTree::Glob(_) => self.paths.push([&prefix[..], &["*".to_owned()]].concat()),
        }
    }

    fn add_name(&mut self, name: &str, rename: Option<String>, prefix: &[String]) {
        let mut path = prefix.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        let last = path.last().cloned().unwrap_or_default();
        // Two traits that are imported only for their methods have the same name, `_`.
        let name = rename.unwrap_or(last);
        match name.as_str() {
            "_" => self.paths.push(path),
            _ => drop(self.names.insert(name, path)),
        }
    }
}

/// Returns the file that a `#[path]` attribute names.
fn path_of(attrs: &[syn::Attribute]) -> Option<String> {
    let attr = attrs.iter().find(|it| it.path().is_ident("path"))?;
    match &attr.meta.require_name_value().ok()?.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(file), .. }) => Some(file.value()),
        _ => None,
    }
}

fn is_test(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|it| {
        let cfg = it.meta.require_list().map(|it| it.tokens.to_string()).unwrap_or_default();
        let speaks_of_tests = || cfg.split(|it: char| !it.is_alphanumeric()).any(|it| it == "test");
        it.path().is_ident("test") || it.path().is_ident("cfg") && speaks_of_tests()
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if path.extension().is_some_and(|it| it == "rs") => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

#[test]
fn a_circle_is_found_whatever_its_length() {
    let imports = |pairs: &[(&str, &str)]| {
        let mut imports = Imports::new();
        for (from, to) in pairs {
            imports.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        imports
    };
    assert!(circles(&imports(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let found = circles(&imports(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]));
    assert_eq!(found, [["a", "b", "c"]]);
}
