//! A plugin's description of itself, readable from its file without running it.
//!
//! [`export_plugin!`](crate::export_plugin) fills a [`ManifestSpec`] and converts it to JSON while
//! the plugin is compiled. A host reads the JSON back as a [`Manifest`]. Fields are only ever
//! added: a reader ignores unknown fields and gives absent fields their default.

pub mod limits;

use serde::{Deserialize, Serialize};

/// The manifest format that this crate writes.
pub const FORMAT: u32 = 1;

/// The version of the interface: this crate's own version.
pub const INTERFACE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The series of abi_stable that defines the layout of the root module, as `major.minor`.
pub const ABI_STABLE_VERSION: &str = "0.11";

/// The target triple that this crate was compiled for.
pub const TARGET: &str = env!("PINTLE_TARGET");

/// The compiler that built this crate, as `rustc --version` prints it.
pub const RUSTC: &str = env!("PINTLE_RUSTC");

/// The link section that holds the manifest in ELF and PE files.
pub const SECTION: &str = ".pintle";

/// The link section that holds the manifest in Mach-O files, in segment `__DATA`.
pub const MACHO_SECTION: &str = "__pintle";

/// The owner name of the ELF note that repeats the manifest.
pub const NOTE_NAME: &str = "Pintle";

/// The type of the ELF note that repeats the manifest: `PNTL`, most significant byte first.
pub const NOTE_TYPE: u32 = 0x504e_544c;

/// The first bytes of the manifest's link section.
pub const SECTION_MAGIC: [u8; 8] = *b"PINTLE\0\x01";

/// The scaffolding subcommands that a plugin can take part in.
pub const SUBCOMMANDS: &[&str] =
    &["init", "edit", "create api", "create webhook", "delete api", "delete webhook"];

/// The events of a host for Kubernetes, `pintle`, that hooks can subscribe to.
///
/// A host of another field has events of its own. Its plugins name them in the field `host_events`
/// of [`export_plugin!`](crate::export_plugin).
pub const EVENTS: &[&str] = &[
    "pre-project-init",
    "post-project-init",
    "pre-project-edit",
    "post-project-edit",
    "pre-resource-create",
    "post-resource-create",
    "pre-resource-delete",
    "post-resource-delete",
    "pre-cluster-create",
    "post-cluster-create",
    "pre-cluster-start",
    "post-cluster-start",
    "pre-cluster-stop",
    "post-cluster-stop",
    "pre-cluster-delete",
    "post-cluster-delete",
    "pre-node-create",
    "post-node-create",
    "pre-node-delete",
    "post-node-delete",
];

/// A plugin's description of itself.
///
/// Names and versions are plain text here. The host parses and validates them, so that a plugin
/// with an invalid name can still be listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Manifest {
    /// The manifest's format, [`FORMAT`] in this release.
    pub format: u32,
    /// The plugin's name; a name without a dot gets the host's default qualifier.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// One line on what the plugin is for.
    pub description: String,
    /// Why the plugin should no longer be used, and what to use instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// The facts that must match the host before it loads the library.
    pub abi: Abi,
    /// The target triple that the plugin was compiled for.
    pub target: String,
    /// The compiler that built the plugin.
    pub rustc: String,
    /// A semver requirement on the version of the host library.
    pub host: String,
    /// The versions of the PROJECT file that the plugin supports; empty for a plugin that does not
    /// take part in scaffolding.
    pub project_versions: Vec<String>,
    /// The commands that the plugin provides.
    pub commands: Vec<ManifestCommand>,
    /// The scaffolding subcommands that the plugin takes part in.
    pub subcommands: Vec<String>,
    /// The events that the plugin's hooks subscribe to.
    pub events: Vec<String>,
    /// The interfaces of embedding programs that the plugin implements, each with its version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<String>,
    /// Help for the nouns of the plugin's commands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nouns: Vec<ManifestNoun>,
    /// The address of the plugin's home page, or an empty string.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    /// The address of the plugin's source code, or an empty string.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub repository: String,
    /// The licence as an SPDX expression, or an empty string.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub license: String,
    /// The authors, each as `Name <address>` or just the name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
}

/// The part of a [`Manifest`] that decides whether a host can load a library.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Abi {
    /// The version of this crate that the plugin was built with.
    pub interface: String,
    /// The series of abi_stable that the plugin was built with.
    pub abi_stable: String,
    /// The plugin's panic strategy, `unwind` or `abort`.
    pub panic: String,
    /// The symbol of the root module's header.
    ///
    /// It differs between plugins, so that several can be linked into one program.
    pub root: String,
}

/// One command in a [`Manifest`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ManifestCommand {
    /// The words that call the command, for example `["registry", "create"]`.
    pub path: Vec<String>,
    /// One-line help.
    pub about: String,
}

/// Help for a noun in a [`Manifest`]: the words that several commands begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ManifestNoun {
    /// The words, for example `["registry"]`.
    pub path: Vec<String>,
    /// One-line help.
    pub about: String,
    /// The paragraphs of help for `--help`, or an empty string.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub long_about: String,
}

/// Help for a noun, in the field `nouns` of [`export_plugin!`](crate::export_plugin).
///
/// A noun is the words that several commands of the plugin begin with, for example `registry` in
/// `registry create` and `registry list`.
///
/// ```
/// use pintle_plugin::Noun;
///
/// const REGISTRY: Noun = Noun::new(&["registry"], "Manage image registries")
///     .long_about("A registry is a container that several clusters can use.");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Noun {
    pub(crate) path: &'static [&'static str],
    pub(crate) about: &'static str,
    pub(crate) long_about: &'static str,
}

impl Noun {
    /// Returns the noun with the words `path` and a one-line help.
    pub const fn new(path: &'static [&'static str], about: &'static str) -> Self {
        Self { path, about, long_about: "" }
    }

    /// Sets the paragraphs of help, which `--help` shows below the line.
    pub const fn long_about(mut self, text: &'static str) -> Self {
        self.long_about = text;
        self
    }
}

/// Why bytes are not a valid manifest.
#[derive(Debug)]
pub enum ManifestError {
    /// The bytes are not a JSON object with the manifest's field types.
    Json(serde_json::Error),
    /// The manifest has a format that this crate does not know.
    Format(u32),
}

impl std::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(_) => f.write_str("the manifest is not valid JSON"),
            Self::Format(it) => {
                write!(f, "unsupported manifest format {it}: this host reads format {FORMAT}")
            }
        }
    }
}

impl std::error::Error for ManifestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(err) => Some(err),
            Self::Format(_) => None,
        }
    }
}

impl Manifest {
    /// Reads a manifest from the JSON in a plugin's file.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] if the bytes are not a manifest of a known format.
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        // One UTF-8 check of the whole is cheaper than one check of each text in it.
        let manifest: Self = match std::str::from_utf8(json) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(json),
        }
        .map_err(ManifestError::Json)?;
        match manifest.format {
            FORMAT => Ok(manifest),
            other => Err(ManifestError::Format(other)),
        }
    }
}

/// The facts behind a manifest, as constants of the plugin.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct ManifestSpec {
    pub name: &'static str,
    pub version: &'static str,
    pub description: &'static str,
    pub deprecated: Option<&'static str>,
    pub panic: &'static str,
    pub root: &'static str,
    pub host: &'static str,
    pub project_versions: &'static [&'static str],
    pub commands: &'static [(&'static [&'static str], &'static str)],
    pub subcommands: &'static [&'static str],
    pub events: &'static [&'static [&'static str]],
    /// Events of hosts of another field.
    pub host_events: &'static [&'static str],
    pub interfaces: &'static [&'static str],
    pub nouns: &'static [Noun],
    pub package: Package,
}

/// The facts from the plugin's `Cargo.toml`. The manifest leaves out empty texts.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Package {
    pub homepage: &'static str,
    pub repository: &'static str,
    pub license: &'static str,
    /// As Cargo provides them: separated by colons.
    pub authors: &'static str,
}

impl Package {
    pub const NONE: Self = Self { homepage: "", repository: "", license: "", authors: "" };
}

impl ManifestSpec {
    /// Returns the length of the JSON in bytes.
    pub const fn json_len(&self) -> usize {
        let mut json = JsonWriter::<0>::new();
        self.write(&mut json);
        json.len
    }

    /// Returns the JSON; `N` is the result of [`json_len`](Self::json_len).
    pub const fn json<const N: usize>(&self) -> [u8; N] {
        let mut json = JsonWriter::<N>::new();
        self.write(&mut json);
        assert!(json.len == N, "the manifest's length was measured with another spec");
        json.bytes
    }

    const fn write<const N: usize>(&self, json: &mut JsonWriter<N>) {
        json.raw("{\"format\":1,\"name\":");
        json.string(self.name);
        json.raw(",\"version\":");
        json.string(self.version);
        json.raw(",\"description\":");
        json.string(self.description);
        if let Some(notice) = self.deprecated {
            json.raw(",\"deprecated\":");
            json.string(notice);
        }
        json.raw(",\"abi\":{\"interface\":");
        json.string(INTERFACE_VERSION);
        json.raw(",\"abi_stable\":");
        json.string(ABI_STABLE_VERSION);
        json.raw(",\"panic\":");
        json.string(self.panic);
        json.raw(",\"root\":");
        json.string(self.root);
        json.raw("},\"target\":");
        json.string(TARGET);
        json.raw(",\"rustc\":");
        json.string(RUSTC);
        json.raw(",\"host\":");
        json.string(self.host);
        json.raw(",\"project_versions\":");
        json.strings(self.project_versions);
        json.raw(",\"commands\":[");
        let mut idx = 0;
        while idx < self.commands.len() {
            let (path, about) = self.commands[idx];
            json.raw(if idx == 0 { "{\"path\":" } else { ",{\"path\":" });
            json.strings(path);
            json.raw(",\"about\":");
            json.string(about);
            json.raw("}");
            idx += 1;
        }
        json.raw("],\"subcommands\":");
        json.strings(self.subcommands);
        json.raw(",\"events\":[");
        self.write_events(json);
        json.raw("]");
        if !self.interfaces.is_empty() {
            json.raw(",\"interfaces\":");
            json.strings(self.interfaces);
        }
        self.write_nouns(json);
        json.optional(",\"homepage\":", self.package.homepage);
        json.optional(",\"repository\":", self.package.repository);
        json.optional(",\"license\":", self.package.license);
        if !self.package.authors.is_empty() {
            json.raw(",\"authors\":[");
            json.separated(self.package.authors.as_bytes(), b':');
            json.raw("]");
        }
        json.raw("}");
    }

    const fn write_nouns<const N: usize>(&self, json: &mut JsonWriter<N>) {
        let mut idx = 0;
        while idx < self.nouns.len() {
            let noun = &self.nouns[idx];
            json.raw(if idx == 0 { ",\"nouns\":[{\"path\":" } else { ",{\"path\":" });
            json.strings(noun.path);
            json.raw(",\"about\":");
            json.string(noun.about);
            json.optional(",\"long_about\":", noun.long_about);
            json.raw("}");
            idx += 1;
        }
        if idx > 0 {
            json.raw("]");
        }
    }

    const fn write_events<const N: usize>(&self, json: &mut JsonWriter<N>) {
        let (mut hook_idx, mut n_written) = (0, 0);
        while hook_idx < self.events.len() {
            let events = self.events[hook_idx];
            let mut idx = 0;
            while idx < events.len() {
                // Two hooks may subscribe to one event.
                if self.first_hook_on(events[idx]) == hook_idx && !is_before(events, idx) {
                    if n_written > 0 {
                        json.raw(",");
                    }
                    json.string(events[idx]);
                    n_written += 1;
                }
                idx += 1;
            }
            hook_idx += 1;
        }
    }

    /// Returns the index of the first hook that subscribes to an event.
    const fn first_hook_on(&self, event: &str) -> usize {
        let mut idx = 0;
        while idx < self.events.len() && !contains(self.events[idx], event) {
            idx += 1;
        }
        idx
    }

    /// Returns the same facts, or stops the compilation if no host would accept them.
    pub const fn validated(self) -> Self {
        self.validate();
        self.validate_size();
        self
    }

    const fn validate_size(&self) {
        check_line("name", self.name, limits::NAME);
        check_line("version", self.version, limits::NAME);
        check_line("host", self.host, limits::NAME);
        check_line("description", self.description, limits::LINE);
        if let Some(notice) = self.deprecated {
            check_line("deprecated", notice, limits::LINE);
        }
        check_line("homepage", self.package.homepage, limits::LINE);
        check_line("repository", self.package.repository, limits::LINE);
        check_line("license", self.package.license, limits::LINE);
        check_items("project_versions", self.project_versions);
        check_items("scaffolds", self.subcommands);
        check_items("implements", self.interfaces);
        if self.commands.len() > limits::COMMANDS {
            panic!("a plugin has too many commands: `manifest::limits::COMMANDS` is the limit");
        }
        let mut idx = 0;
        while idx < self.commands.len() {
            let (path, about) = self.commands[idx];
            check_help(path, about, "");
            idx += 1;
        }
        if self.nouns.len() > limits::ITEMS {
            panic!("a plugin has too many nouns: `manifest::limits::ITEMS` is the limit");
        }
        let mut idx = 0;
        while idx < self.nouns.len() {
            let Noun { path, about, long_about } = self.nouns[idx];
            check_help(path, about, long_about);
            idx += 1;
        }
        self.validate_number_of_events();
        if self.json_len() > limits::BYTES {
            panic!("the plugin's manifest is too long: `manifest::limits::BYTES` is the limit");
        }
    }

    const fn validate_number_of_events(&self) {
        let (mut hook_idx, mut n_events) = (0, 0);
        while hook_idx < self.events.len() {
            let mut idx = 0;
            while idx < self.events[hook_idx].len() {
                let event = self.events[hook_idx][idx];
                check_line("events", event, limits::NAME);
                if self.first_hook_on(event) == hook_idx && !is_before(self.events[hook_idx], idx) {
                    n_events += 1;
                }
                idx += 1;
            }
            hook_idx += 1;
        }
        if n_events > limits::ITEMS {
            panic!(
                "the hooks subscribe to too many events: `manifest::limits::ITEMS` is the limit"
            );
        }
    }

    const fn validate(&self) {
        assert!(
            is_dns_1123(self.name),
            "`name` must be a DNS-1123 subdomain, for example `hello.example.org`"
        );
        assert!(
            self.subcommands.is_empty() || !self.project_versions.is_empty(),
            "missing field `project_versions` in `export_plugin!`: `scaffolds` requires it"
        );
        self.validate_interfaces();
        let mut idx = 0;
        while idx < self.commands.len() {
            self.validate_command(idx);
            idx += 1;
        }
        let mut idx = 0;
        while idx < self.subcommands.len() {
            self.validate_subcommand(idx);
            idx += 1;
        }
        let mut idx = 0;
        while idx < self.events.len() {
            self.validate_events(self.events[idx]);
            idx += 1;
        }
        let mut idx = 0;
        while idx < self.nouns.len() {
            self.validate_noun(idx);
            idx += 1;
        }
    }

    const fn validate_noun(&self, idx: usize) {
        let Noun { path, about, .. } = self.nouns[idx];
        if about.is_empty() {
            Panic::new("the noun `").words(path).text("` has no help").panic();
        }
        let (mut command_idx, mut has_command) = (0, false);
        while command_idx < self.commands.len() {
            let (command, _) = self.commands[command_idx];
            if path.len() < command.len() {
                let (words, _) = command.split_at(path.len());
                has_command = has_command || is_same_path(words, path);
            }
            command_idx += 1;
        }
        if path.is_empty() || !has_command {
            Panic::new("the plugin has no command under the noun `").words(path).text("`").panic();
        }
        let mut earlier = 0;
        while earlier < idx {
            if is_same_path(self.nouns[earlier].path, path) {
                Panic::new("the noun `").words(path).text("` is given twice").panic();
            }
            earlier += 1;
        }
    }

    const fn validate_command(&self, idx: usize) {
        let (path, _) = self.commands[idx];
        assert!(!path.is_empty(), "a command's `PATH` must have at least one word");
        let mut word_idx = 0;
        while word_idx < path.len() {
            assert!(
                is_label(path[word_idx].as_bytes(), 0, path[word_idx].len()),
                "each word of a command's `PATH` must be lower-case letters, digits and `-`"
            );
            word_idx += 1;
        }
        let mut earlier = 0;
        while earlier < idx {
            if is_same_path(self.commands[earlier].0, path) {
                Panic::new("two commands have the path `").words(path).text("`").panic();
            }
            earlier += 1;
        }
    }

    const fn validate_subcommand(&self, idx: usize) {
        let subcommand = self.subcommands[idx];
        if !contains(SUBCOMMANDS, subcommand) {
            Panic::new("unknown scaffolding subcommand `")
                .text(subcommand)
                .text("`: `pintle_plugin::manifest::SUBCOMMANDS` lists them")
                .panic();
        }
        let mut earlier = 0;
        while earlier < idx {
            if is_same(self.subcommands[earlier], subcommand) {
                Panic::new("two scaffolds have the subcommand `")
                    .text(subcommand)
                    .text("`")
                    .panic();
            }
            earlier += 1;
        }
    }

    const fn validate_events(&self, events: &[&str]) {
        let mut idx = 0;
        while idx < events.len() {
            let event = events[idx];
            if !contains(EVENTS, event) && !contains(self.host_events, event) {
                Panic::new("unknown event `")
                    .text(event)
                    .text("`: `pintle_plugin::manifest::EVENTS` lists them, and the field ")
                    .text("`host_events` adds those of other hosts")
                    .panic();
            }
            idx += 1;
        }
    }
}

impl ManifestSpec {
    const fn validate_interfaces(&self) {
        let mut idx = 0;
        while idx < self.interfaces.len() {
            let interface = self.interfaces[idx];
            if !is_interface(interface) {
                Panic::new("invalid interface name `")
                    .text(interface)
                    .text("`: it must be a DNS-1123 subdomain with a version, for example ")
                    .text("`codec.example.org/v1`")
                    .panic();
            }
            let (earlier, _) = self.interfaces.split_at(idx);
            if contains(earlier, interface) {
                Panic::new("two types implement the interface `").text(interface).text("`").panic();
            }
            idx += 1;
        }
    }
}

/// Whether `name` is a DNS-1123 subdomain followed by a version, for example
/// `image-scanner.example.org/v1`.
const fn is_interface(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut slash = 0;
    while slash < bytes.len() && bytes[slash] != b'/' {
        slash += 1;
    }
    if slash + 2 >= bytes.len() || bytes[slash + 1] != b'v' || bytes[slash + 2] == b'0' {
        return false;
    }
    let mut idx = slash + 2;
    while idx < bytes.len() {
        if !bytes[idx].is_ascii_digit() {
            return false;
        }
        idx += 1;
    }
    let (name, _) = bytes.split_at(slash);
    is_subdomain(name)
}

/// Checks the length of a text.
const fn check_line(field: &str, text: &str, limit: usize) {
    if text.len() > limit {
        Panic::new("the text in `")
            .text(field)
            .text("` is too long: `pintle_plugin::manifest::limits` has the limits")
            .panic();
    }
}

/// Checks the number of names in a list, and the length of each.
const fn check_items(field: &str, items: &[&str]) {
    if items.len() > limits::ITEMS {
        Panic::new("`")
            .text(field)
            .text("` has too many items: `pintle_plugin::manifest::limits::ITEMS` is the limit")
            .panic();
    }
    let mut idx = 0;
    while idx < items.len() {
        check_line(field, items[idx], limits::NAME);
        idx += 1;
    }
}

/// Checks the number of words of a command or a noun, and the length of its help.
const fn check_help(path: &[&str], about: &str, long_about: &str) {
    if path.len() > limits::WORDS {
        Panic::new("`")
            .words(path)
            .text("` has too many words: `pintle_plugin::manifest::limits::WORDS` is the limit")
            .panic();
    }
    if about.len() > limits::LINE || long_about.len() > limits::LONG_ABOUT {
        Panic::new("the help of `")
            .words(path)
            .text("` is too long: `pintle_plugin::manifest::limits` has the limits")
            .panic();
    }
}

/// Composes the message of a panic in constant evaluation, where formatting is not available.
struct Panic {
    bytes: [u8; 512],
    len: usize,
}

impl Panic {
    const fn new(text: &str) -> Self {
        Self { bytes: [0; 512], len: 0 }.text(text)
    }

    const fn text(mut self, text: &str) -> Self {
        let mut idx = 0;
        while idx < text.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = text.as_bytes()[idx];
            self.len += 1;
            idx += 1;
        }
        self
    }

    const fn words(mut self, words: &[&str]) -> Self {
        let mut idx = 0;
        while idx < words.len() {
            if idx > 0 {
                self = self.text(" ");
            }
            self = self.text(words[idx]);
            idx += 1;
        }
        self
    }

    const fn panic(&self) -> ! {
        let (text, _) = self.bytes.split_at(self.len);
        match std::str::from_utf8(text) {
            Ok(text) => panic!("{}", text),
            // It was cut inside a character.
            Err(_) => panic!("invalid fields of `export_plugin!`"),
        }
    }
}

const fn is_same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut idx = 0;
    while idx < left.len() && idx < right.len() && left[idx] == right[idx] {
        idx += 1;
    }
    idx == left.len() && idx == right.len()
}

const fn is_same_path(left: &[&str], right: &[&str]) -> bool {
    let mut idx = 0;
    while idx < left.len() && idx < right.len() && is_same(left[idx], right[idx]) {
        idx += 1;
    }
    idx == left.len() && idx == right.len()
}

const fn contains(all: &[&str], text: &str) -> bool {
    let mut idx = 0;
    while idx < all.len() {
        if is_same(all[idx], text) {
            return true;
        }
        idx += 1;
    }
    false
}

/// Whether an earlier item of a list is the same.
const fn is_before(all: &[&str], idx: usize) -> bool {
    let (earlier, _) = all.split_at(idx);
    contains(earlier, all[idx])
}

/// Whether `name` is a DNS-1123 subdomain (RFC 1123, as Kubernetes checks it).
const fn is_dns_1123(name: &str) -> bool {
    is_subdomain(name.as_bytes())
}

const fn is_subdomain(bytes: &[u8]) -> bool {
    let (mut start, mut idx) = (0, 0);
    while idx <= bytes.len() {
        if idx == bytes.len() || bytes[idx] == b'.' {
            if !is_label(bytes, start, idx) {
                return false;
            }
            start = idx + 1;
        }
        idx += 1;
    }
    bytes.len() <= 253
}

const fn is_label(bytes: &[u8], start: usize, end: usize) -> bool {
    let mut idx = start;
    while idx < end {
        let inner = idx > start && idx + 1 < end;
        let fits = matches!(bytes[idx], b'a'..=b'z' | b'0'..=b'9') || (inner && bytes[idx] == b'-');
        if !fits {
            return false;
        }
        idx += 1;
    }
    end > start && end - start <= 63
}

/// Writes JSON in constant evaluation; bytes that do not fit are counted, so that `N = 0` measures.
struct JsonWriter<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> JsonWriter<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    const fn byte(&mut self, byte: u8) {
        if self.len < N {
            self.bytes[self.len] = byte;
        }
        self.len += 1;
    }

    const fn raw(&mut self, text: &str) {
        let mut idx = 0;
        while idx < text.len() {
            self.byte(text.as_bytes()[idx]);
            idx += 1;
        }
    }

    /// Writes a field, given as its name preceded by a comma and followed by a colon, unless its
    /// text is empty.
    const fn optional(&mut self, field: &str, text: &str) {
        if !text.is_empty() {
            self.raw(field);
            self.string(text);
        }
    }

    /// Writes the items of a list that an ASCII character separates in `texts`; empty items are
    /// left out.
    const fn separated(&mut self, texts: &[u8], separator: u8) {
        let (mut start, mut idx, mut n_written) = (0, 0, 0);
        while idx <= texts.len() {
            if idx == texts.len() || texts[idx] == separator {
                if idx > start {
                    if n_written > 0 {
                        self.byte(b',');
                    }
                    let (before, _) = texts.split_at(idx);
                    self.string_of(before.split_at(start).1);
                    n_written += 1;
                }
                start = idx + 1;
            }
            idx += 1;
        }
    }

    const fn string(&mut self, text: &str) {
        self.string_of(text.as_bytes());
    }

    /// Writes a JSON string, given in UTF-8. Only what RFC 8259 requires is escaped.
    const fn string_of(&mut self, text: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.byte(b'"');
        let mut idx = 0;
        while idx < text.len() {
            match text[idx] {
                byte @ (b'"' | b'\\') => {
                    self.byte(b'\\');
                    self.byte(byte);
                }
                byte @ 0..0x20 => {
                    self.raw("\\u00");
                    self.byte(HEX[(byte >> 4) as usize]);
                    self.byte(HEX[(byte & 15) as usize]);
                }
                byte => self.byte(byte),
            }
            idx += 1;
        }
        self.byte(b'"');
    }

    const fn strings(&mut self, texts: &[&str]) {
        self.byte(b'[');
        let mut idx = 0;
        while idx < texts.len() {
            if idx > 0 {
                self.byte(b',');
            }
            self.string(texts[idx]);
            idx += 1;
        }
        self.byte(b']');
    }
}

/// The bytes of the manifest's link section: magic, length (little-endian), JSON.
#[doc(hidden)]
#[repr(C)]
pub struct ManifestSection<const N: usize> {
    magic: [u8; 8],
    len: [u8; 4],
    json: [u8; N],
}

impl<const N: usize> ManifestSection<N> {
    pub const fn new(json: [u8; N]) -> Self {
        Self { magic: SECTION_MAGIC, len: (N as u32).to_le_bytes(), json }
    }

    /// Returns the JSON.
    pub const fn text(&'static self) -> &'static str {
        match std::str::from_utf8(&self.json) {
            Ok(text) => text,
            Err(_) => panic!("the manifest consists of `str`s, which are UTF-8"),
        }
    }
}

/// An ELF note (gABI, "Note Section") whose description is the manifest.
#[doc(hidden)]
#[repr(C, align(4))]
pub struct ManifestNote<const N: usize> {
    name_size: u32,
    desc_size: u32,
    kind: u32,
    /// [`NOTE_NAME`] with its NUL, padded to a multiple of four bytes.
    name: [u8; 8],
    json: [u8; N],
}

impl<const N: usize> ManifestNote<N> {
    pub const fn new(json: [u8; N]) -> Self {
        Self { name_size: 7, desc_size: N as u32, kind: NOTE_TYPE, name: *b"Pintle\0\0", json }
    }
}

/// Finds the JSON of every manifest in the bytes of a manifest link section.
///
/// A plugin usually has one. A library that links other plugins' rlibs has several, one after the
/// other, possibly with padding between them.
pub fn manifests_in_section(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some(start) = bytes.windows(SECTION_MAGIC.len()).position(|it| it == SECTION_MAGIC) {
        let rest = &bytes[start + SECTION_MAGIC.len()..];
        let Some((len, rest)) = rest.split_first_chunk::<4>() else { break };
        let Some((json, rest)) = rest.split_at_checked(u32::from_le_bytes(*len) as usize) else {
            break;
        };
        found.push(json);
        bytes = rest;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: ManifestSpec = ManifestSpec {
        name: "hello.example.org",
        version: "1.2.3",
        description: "says \"hello\"\tand\\or 日本",
        deprecated: Some("use `hallo`"),
        panic: "unwind",
        root: "pintle_root_hello",
        host: ">=0.1",
        project_versions: &["3"],
        commands: &[(&["hello"], "Says hello"), (&["hello", "again"], "Says it again")],
        subcommands: &["init"],
        events: &[&["a", "pre-node-create"], &["post-node-create"]],
        host_events: &["a", "b"],
        interfaces: &["codec.example.org/v1", "b.c/v12"],
        nouns: &[
            Noun::new(&["hello"], "Says things"),
            Noun::new(&["hello", "world"], "To all").long_about("Two\n\nparagraphs"),
        ],
        package: Package {
            homepage: "https://example.org/?a=\"b\"",
            repository: "",
            license: "MIT OR Apache-2.0",
            authors: "Ada <ada@example.org>::Bob 日本:",
        },
    };

    #[test]
    fn the_compile_time_json_reads_back() {
        static SECTION: ManifestSection<{ SPEC.json_len() }> = ManifestSection::new(SPEC.json());
        let manifest = Manifest::parse(SECTION.text().as_bytes()).unwrap();
        assert_eq!(manifest.name, "hello.example.org");
        assert_eq!(manifest.description, SPEC.description);
        assert_eq!(manifest.deprecated.as_deref(), SPEC.deprecated);
        assert_eq!(manifest.abi.interface, INTERFACE_VERSION);
        assert_eq!(manifest.target, TARGET);
        assert_eq!(manifest.commands[1].path, ["hello", "again"]);
        assert_eq!(manifest.events, ["a", "pre-node-create", "post-node-create"]);
        assert_eq!(manifest.nouns.len(), 2);
        assert_eq!(manifest.nouns[0].path, ["hello"]);
        assert_eq!(manifest.nouns[0].about, "Says things");
        assert_eq!(manifest.nouns[0].long_about, "");
        assert_eq!(manifest.nouns[1].path, ["hello", "world"]);
        assert_eq!(manifest.nouns[1].long_about, "Two\n\nparagraphs");
        assert_eq!(manifest.homepage, SPEC.package.homepage);
        assert_eq!(manifest.repository, "");
        assert_eq!(manifest.license, "MIT OR Apache-2.0");
        assert_eq!(manifest.authors, ["Ada <ada@example.org>", "Bob 日本"]);
    }

    #[test]
    fn what_a_plugin_does_not_say_is_not_in_its_json() {
        const BARE: ManifestSpec = ManifestSpec {
            description: "says hello",
            nouns: &[],
            package: Package::NONE,
            interfaces: &[],
            ..SPEC
        };
        let json = BARE.json::<{ BARE.json_len() }>();
        let json = std::str::from_utf8(&json).unwrap();
        for field in ["nouns", "homepage", "repository", "license", "authors", "interfaces"] {
            assert!(!json.contains(&format!("\"{field}\"")), "{field}: {json}");
        }
        let manifest = Manifest::parse(json.as_bytes()).unwrap();
        // What a host writes from it is no longer either.
        assert_eq!(serde_json::to_string(&manifest).unwrap(), json);
    }

    #[test]
    fn an_event_of_several_hooks_is_listed_once() {
        const SEVERAL: ManifestSpec =
            ManifestSpec { events: &[&["a", "b", "a"], &["c", "b"], &[], &["a"]], ..SPEC };
        let json = SEVERAL.json::<{ SEVERAL.json_len() }>();
        assert_eq!(Manifest::parse(&json).unwrap().events, ["a", "b", "c"]);
    }

    #[test]
    fn unknown_fields_are_ignored_and_absent_ones_have_defaults() {
        let manifest = Manifest::parse(br#"{"format":1,"name":"a","later":{"x":[1]}}"#).unwrap();
        assert_eq!(manifest.name, "a");
        assert!(manifest.commands.is_empty());
    }

    #[test]
    fn another_format_is_refused_by_number() {
        let err = Manifest::parse(br#"{"format":2}"#).unwrap_err();
        assert_eq!(err.to_string(), "unsupported manifest format 2: this host reads format 1");
    }

    #[test]
    fn names_follow_dns_1123() {
        for good in ["a", "a.b", "a-b.c1", "0"] {
            assert!(is_dns_1123(good), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", ".", "a.", ".a", "A", "a_b", "-a", "a-", "a..b", "a.-b", &long] {
            assert!(!is_dns_1123(bad), "{bad}");
        }
    }

    #[test]
    fn every_manifest_of_a_section_is_found() {
        let one = [SECTION_MAGIC.as_slice(), &2u32.to_le_bytes(), b"{}"].concat();
        let two = [one.as_slice(), &[0; 5], &one].concat();
        assert_eq!(manifests_in_section(&one), [b"{}"]);
        assert_eq!(manifests_in_section(&two).len(), 2);
        assert!(manifests_in_section(&one[..13]).is_empty());
        assert!(manifests_in_section(b"PINTLE").is_empty());
    }
}
