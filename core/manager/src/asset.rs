//! Chooses the file of a release for the target of the running host, by its name.
//!
//! A name only determines what is downloaded. Whether the library really matches is checked after
//! the download. Therefore this never guesses: several matching files are an error, and so is none.

/// What the file is for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The target triple of the running host, for example `x86_64-unknown-linux-gnu`.
    pub target: &'a str,
    /// The short name of the plugin, or the name of its repository. Words in it that look like a
    /// platform do not count.
    pub plugin: Option<&'a str>,
}

/// The chosen file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The index of its name.
    pub index: usize,
    /// Whether its name contains no platform, and it was chosen because it is the only file.
    pub is_platformless: bool,
}

/// Why no file can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// Several files match.
    #[error("several files of the release match `{target}`: {}", listed(candidates))]
    Ambiguous {
        /// The target.
        target: String,
        /// The names of the matching files.
        candidates: Vec<String>,
    },
    /// No file matches.
    #[error("no file of the release matches `{target}`{}", offered(there))]
    NoneFits {
        /// The target.
        target: String,
        /// The names of the files that might be plugins.
        there: Vec<String>,
        /// What an author should publish for the target: an archive, or a bare library.
        publish: Vec<String>,
    },
}

/// The targets that files of a release can be for.
pub const TARGETS: [&str; 12] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
    "i686-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
    "riscv64gc-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "aarch64-pc-windows-msvc",
    "i686-pc-windows-msvc",
];

/// Chooses the file of a release for a target.
///
/// The first of these rules that matches decides:
///
/// 1. The name contains the target triple.
/// 2. It names the operating system, the architecture and the C library. On Linux, a name without
///    a C library means glibc.
/// 3. It is a universal binary for macOS.
/// 4. It names the operating system and the architecture, but no C library, and the target's C
///    library is not the usual one.
/// 5. It names no platform, and is the only file.
///
/// Files that differ only in format count as one: `.tar.zst` is preferred to `.tar.xz`, then
/// `.tar.gz`, `.zip` and a bare file.
///
/// # Errors
///
/// No file matches, or several do.
pub fn choose(names: &[&str], wanted: &Wanted<'_>) -> Result<Choice, ChooseError> {
    let platform = Platform::of_triple(wanted.target);
    let there: Vec<_> = names
        .iter()
        .enumerate()
        .filter_map(|(index, name)| Candidate::new(index, name, wanted.plugin))
        .collect();
    let (fit, is_platformless) = match fitting(&there, wanted.target, &platform) {
        fit if fit.is_empty() => (platformless(&there, &platform), true),
        fit => (fit, false),
    };
    match &one_format(fit)[..] {
        [] => Err(none_fits(&there, wanted)),
        [one] => Ok(Choice { index: one.index, is_platformless }),
        several => Err(ChooseError::Ambiguous {
            target: wanted.target.to_owned(),
            candidates: several.iter().map(|it| it.name.to_owned()).collect(),
        }),
    }
}

/// Returns the entry of [`TARGETS`] that a file is for, by its name.
///
/// `None` if it is not a plugin, or names no platform, an unlisted one, or several, as a universal
/// binary for macOS does: see [`targets_of`].
pub fn target_of(name: &str, plugin: Option<&str>) -> Option<String> {
    match targets_of(name, plugin)[..] {
        [target] => Some(target.to_owned()),
        _ => None,
    }
}

/// Returns the entries of [`TARGETS`] that a file is for, by its name.
pub fn targets_of(name: &str, plugin: Option<&str>) -> Vec<&'static str> {
    let Some(candidate) = Candidate::new(0, name, plugin) else { return Vec::new() };
    let is_for = |target: &&str| {
        let fit = candidate.fit(target, &Platform::of_triple(target));
        fit.is_some_and(|it| it < Fit::WithoutLibc)
    };
    TARGETS.into_iter().filter(is_for).collect()
}

/// How well a name matches, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It contains the triple.
    Triple,
    /// It names everything that identifies the target.
    Words,
    /// It names several architectures in one file.
    Universal,
    /// It does not name the C library, and the target's C library is not the usual one.
    WithoutLibc,
}

/// The format of a file, in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    TarZst,
    TarXz,
    TarGz,
    Zip,
    /// A library or a program; its suffix determines the operating system.
    Bare(Option<&'static str>),
}

/// A file that may be a plugin.
#[derive(Debug)]
struct Candidate<'a> {
    index: usize,
    name: &'a str,
    format: Format,
    /// The name without suffix, which two formats of one file have in common.
    stem: String,
    platform: Platform,
}

/// The parts of a platform in a name or a triple.
#[derive(Debug, Default)]
struct Platform {
    os: Option<&'static str>,
    arch: Option<&'static str>,
    libc: Option<&'static str>,
    /// Whether it names two platforms.
    is_other: bool,
    /// Whether it claims to be for every architecture.
    is_universal: bool,
}

/// Suffixes, and their formats.
const FORMATS: [(&str, Format); 13] = [
    (".tar.zst", Format::TarZst),
    (".tzst", Format::TarZst),
    (".tar.xz", Format::TarXz),
    (".txz", Format::TarXz),
    (".tar.gz", Format::TarGz),
    (".tgz", Format::TarGz),
    (".zip", Format::Zip),
    (".so", Format::Bare(Some(LINUX))),
    (".dylib", Format::Bare(Some(MACOS))),
    (".dll", Format::Bare(Some(WINDOWS))),
    (".exe", Format::Bare(Some(WINDOWS))),
    (".bat", Format::Bare(Some(WINDOWS))),
    (".ps1", Format::Bare(Some(WINDOWS))),
];

const LINUX: &str = "linux";
const MACOS: &str = "macos";
const WINDOWS: &str = "windows";

/// Operating systems, each with the spellings in names.
const SYSTEMS: [(&str, &[&str]); 14] = [
    (LINUX, &["linux", "linux32", "linux64", "alpine"]),
    (MACOS, &["darwin", "macos", "osx", "mac", "macosx", "macos64", "osx64", "darwin64"]),
    (WINDOWS, &["windows", "win", "win32", "win64", "windows32", "windows64"]),
    ("android", &["android", "androideabi"]),
    ("freebsd", &["freebsd"]),
    ("netbsd", &["netbsd"]),
    ("openbsd", &["openbsd"]),
    ("dragonfly", &["dragonfly"]),
    ("solaris", &["solaris", "sunos"]),
    ("illumos", &["illumos"]),
    ("ios", &["ios"]),
    ("aix", &["aix"]),
    ("plan9", &["plan9"]),
    ("wasi", &["wasi", "wasip1", "wasip2", "emscripten", "wasm", "js"]),
];

const X86_64: &str = "x86_64";
const I686: &str = "i686";

/// Architectures, each with the spellings in names.
const ARCHITECTURES: [(&str, &[&str]); 18] = [
    (X86_64, &["x86_64", "amd64", "x64", "amd64v1"]),
    ("aarch64", &["aarch64", "arm64", "armv8", "arm64v8"]),
    (I686, &["i686", "i586", "i486", "i386", "386", "x86", "ia32", "x86_32"]),
    ("armv7", &["armv7", "armv7l", "armv7hf", "armhf", "arm7", "armv7a"]),
    ("arm", &["arm", "armv6", "armv6l", "armv6hf", "armv5", "armv5te", "armel"]),
    ("arm64e", &["arm64e", "arm64ec"]),
    ("riscv64", &["riscv64", "riscv64gc"]),
    ("riscv32", &["riscv32", "riscv32imac"]),
    ("powerpc64le", &["powerpc64le", "ppc64le", "ppc64el"]),
    ("powerpc64", &["powerpc64", "ppc64"]),
    ("powerpc", &["powerpc", "ppc"]),
    ("s390x", &["s390x"]),
    ("loongarch64", &["loongarch64", "loong64"]),
    ("mips", &["mips", "mipsle", "mipsel", "mips64", "mips64le", "mips64el"]),
    ("sparc64", &["sparc64", "sparcv9"]),
    ("wasm32", &["wasm32"]),
    // For processors that are newer than a target requires.
    ("amd64v2", &["amd64v2"]),
    ("amd64v3", &["amd64v3", "amd64v4"]),
];

/// Words for the width of an architecture, if nothing more precise is given.
const WIDTHS: [(&str, &[&str]); 2] = [
    (X86_64, &["64bit", "linux64", "win64", "windows64", "macos64", "osx64", "darwin64"]),
    (I686, &["32bit", "linux32", "win32", "windows32"]),
];

/// C libraries and compiler environments, each with the spellings in names.
const LIBCS: [(&str, &[&str]); 5] = [
    ("gnu", &["gnu", "glibc", "gnueabihf", "gnueabi", "mingw", "mingw64", "mingw32"]),
    ("musl", &["musl", "musleabihf", "musleabi", "alpine"]),
    ("msvc", &["msvc"]),
    ("gnullvm", &["gnullvm"]),
    ("uclibc", &["uclibc", "uclibceabihf", "ohos", "gnux32", "muslx32"]),
];

/// Words in a file for all architectures of macOS.
const UNIVERSAL: [&str; 3] = ["universal", "universal2", "all"];

/// Suffixes of files that accompany plugins, or are for another tool.
const OTHER_SUFFIXES: &str = "
    .minisig .sig .asc .pem .crt .cert .pub .sha1 .sha256 .sha512 .sha256sum .sha512sum .md5
    .b3 .sum .sums .sbom .json .jsonl .spdx .yaml .yml .toml .txt .md .html .xml .deb .rpm
    .apk .pkg .dmg .msi .msix .appimage .flatpak .snap .pdb .d .debug .dsym .lib .a .rlib .h
    .whl .jar .wasm .crate .zsync .sigstore .bundle
";
/// Suffixes of archives that cannot be read.
const UNREADABLE: [&str; 9] =
    [".tar", ".tar.bz2", ".tbz", ".tbz2", ".tar.lz", ".7z", ".rar", ".gz", ".xz"];
/// Words in files that accompany plugins.
const OTHER_WORDS: &str = "
    checksum checksums sha256 sha512 sha256sum sha256sums sha512sums sbom debug dbg debuginfo
    dbgsym symbols dsym src source sources vendor provenance
";

impl<'a> Candidate<'a> {
    /// Returns `None` for a file that is not a plugin, whatever the platform.
    fn new(index: usize, name: &'a str, plugin: Option<&str>) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let (stem, format) = split_format(&lower)?;
        let own = without_plugin(stem, plugin);
        let words = words(&own);
        if words.iter().any(|it| OTHER_WORDS.split_whitespace().any(|other| other == it)) {
            return None;
        }
        let stem = match format {
            Format::Bare(Some(_)) => stem.strip_prefix("lib").unwrap_or(stem),
            _ => stem,
        };
        let platform = Platform::of_words(&words);
        Some(Self { index, name, format, stem: stem.replace('_', "-"), platform })
    }

    /// Returns how well the file matches a target, or `None` if it does not.
    fn fit(&self, triple: &str, target: &Platform) -> Option<Fit> {
        if !self.suffix_fits(target) {
            return None;
        }
        if contains_word(&self.name.to_ascii_lowercase(), triple) {
            return Some(Fit::Triple);
        }
        let named = &self.platform;
        let os = named.os.or(match self.format {
            Format::Bare(os) => os,
            _ => None,
        });
        let is_known = target.os.is_some() && target.arch.is_some();
        if named.is_other || !is_known || os != target.os {
            return None;
        }
        let is_universal = named.is_universal && os == Some(MACOS);
        match named.arch {
            None if is_universal => return Some(Fit::Universal),
            arch if arch != target.arch => return None,
            _ => (),
        }
        match (named.libc, target.libc) {
            (Some(named), Some(target)) if named == target => Some(Fit::Words),
            (None, None | Some("gnu")) if os != Some(WINDOWS) => Some(Fit::Words),
            (None, Some("msvc")) => Some(Fit::Words),
            (None, Some(_)) => Some(Fit::WithoutLibc),
            _ => None,
        }
    }

    fn suffix_fits(&self, target: &Platform) -> bool {
        match self.format {
            // Systems other than these three have libraries with the same suffix.
            Format::Bare(Some(LINUX)) => !matches!(target.os, Some(MACOS | WINDOWS)),
            Format::Bare(Some(os)) => target.os == Some(os),
            _ => true,
        }
    }
}

impl Platform {
    fn of_triple(triple: &str) -> Self {
        Self::of_words(&words(triple))
    }

    fn of_words(words: &[String]) -> Self {
        let mut platform = Self::default();
        for word in words {
            let is_other = &mut platform.is_other;
            set(&mut platform.os, find(&SYSTEMS, word), is_other);
            set(&mut platform.arch, find(&ARCHITECTURES, word), is_other);
            set(&mut platform.libc, find(&LIBCS, word), is_other);
            platform.is_universal |= UNIVERSAL.contains(&word.as_str());
        }
        let widths = || words.iter().find_map(|it| find(&WIDTHS, it));
        platform.arch = platform.arch.or_else(widths);
        platform
    }

    fn is_unnamed(&self) -> bool {
        self.os.is_none() && self.arch.is_none() && self.libc.is_none()
    }
}

fn set(field: &mut Option<&'static str>, value: Option<&'static str>, is_other: &mut bool) {
    if value.is_some() {
        *is_other |= field.is_some() && *field != value;
        *field = value;
    }
}

fn find(table: &[(&'static str, &[&str])], word: &str) -> Option<&'static str> {
    table.iter().find(|it| it.1.contains(&word)).map(|it| it.0)
}

/// Returns the best matches.
fn fitting<'c, 'a>(
    there: &'c [Candidate<'a>],
    triple: &str,
    target: &Platform,
) -> Vec<&'c Candidate<'a>> {
    let fits: Vec<_> = there.iter().filter_map(|it| Some((it.fit(triple, target)?, it))).collect();
    let best = fits.iter().map(|it| it.0).min();
    fits.into_iter().filter(|it| Some(it.0) == best).map(|it| it.1).collect()
}

/// Returns the only file, if it names no platform.
fn platformless<'c, 'a>(there: &'c [Candidate<'a>], target: &Platform) -> Vec<&'c Candidate<'a>> {
    let there: Vec<_> = there.iter().filter(|it| it.suffix_fits(target)).collect();
    let is_one = there.windows(2).all(|it| it[0].stem == it[1].stem);
    if is_one && there.iter().all(|it| it.platform.is_unnamed()) { there } else { Vec::new() }
}

/// Returns the best format of a file that has several formats, or all files if they differ.
fn one_format<'c, 'a>(fit: Vec<&'c Candidate<'a>>) -> Vec<&'c Candidate<'a>> {
    if fit.windows(2).any(|it| it[0].stem != it[1].stem) {
        return fit;
    }
    let rank = |it: &Candidate<'_>| match it.format {
        Format::Bare(_) => Format::Bare(None),
        format => format,
    };
    let best = fit.iter().map(|it| rank(it)).min();
    fit.into_iter().filter(|it| Some(rank(it)) == best).collect()
}

fn none_fits(there: &[Candidate<'_>], wanted: &Wanted<'_>) -> ChooseError {
    let Wanted { target, plugin } = wanted;
    let name = plugin.unwrap_or("NAME");
    let (archive, library) = match Platform::of_triple(target).os {
        Some(WINDOWS) => ("zip", "dll"),
        Some(MACOS) => ("tar.gz", "dylib"),
        _ => ("tar.gz", "so"),
    };
    ChooseError::NoneFits {
        target: (*target).to_owned(),
        there: there.iter().map(|it| it.name.to_owned()).collect(),
        publish: vec![
            format!("{name}-VERSION-{target}.{archive}"),
            format!("{name}-VERSION-{target}.{library}"),
        ],
    }
}

/// Returns a lower-case name without the suffix of its format; `None` if the suffix is not a
/// plugin's.
fn split_format(name: &str) -> Option<(&str, Format)> {
    if OTHER_SUFFIXES.split_whitespace().any(|it| name.ends_with(it)) {
        return None;
    }
    let known = FORMATS.iter().find_map(|it| Some((name.strip_suffix(it.0)?, it.1)));
    match known {
        Some(it) => Some(it),
        None if UNREADABLE.iter().any(|it| name.ends_with(it)) => None,
        None => Some((name, Format::Bare(None))),
    }
}

/// Returns a lower-case stem without the name of the plugin, with `-` for `_`.
fn without_plugin(stem: &str, plugin: Option<&str>) -> String {
    let stem = stem.replace('_', "-");
    let plugin = plugin.unwrap_or_default().to_ascii_lowercase().replace('_', "-");
    let library = format!("lib{plugin}");
    // The name of a library is one word with `lib`, so that is tried first.
    let found =
        [&library, &plugin].into_iter().find_map(|it| Some((word_at(&stem, it)?, it.len())));
    match found {
        Some((at, len)) if !plugin.is_empty() => format!("{}-{}", &stem[..at], &stem[at + len..]),
        _ => stem,
    }
}

fn contains_word(text: &str, word: &str) -> bool {
    word_at(text, word).is_some()
}

/// Returns where a text contains another one, with no letter or digit next to it.
fn word_at(text: &str, word: &str) -> Option<usize> {
    let is_free = |it: Option<char>| it.is_none_or(|it| !it.is_alphanumeric());
    text.match_indices(word).map(|it| it.0).find(|at| {
        is_free(text[..*at].chars().next_back()) && is_free(text[at + word.len()..].chars().next())
    })
}

/// Returns the words of a name without versions, whose numbers are not those of processors.
fn words(name: &str) -> Vec<String> {
    let mut name = name.to_ascii_lowercase().replace('_', "-");
    for (spelling, word) in
        [("x86-64", "x64"), ("x86-32", "x86"), ("aarch-64", "aarch64"), ("64-bit", "64bit")]
    {
        name = name.replace(spelling, word);
    }
    let is_separator = |it: char| !it.is_alphanumeric() && it != '.';
    let chunks = name.split(is_separator).filter(|it| !is_version(it));
    chunks.flat_map(|it| it.split('.')).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn is_version(chunk: &str) -> bool {
    let numbers = chunk.strip_prefix('v').unwrap_or(chunk);
    numbers.contains('.') && numbers.chars().all(|it| it.is_ascii_digit() || it == '.')
}

fn listed(names: &[String]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

fn offered(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; available: {}", listed(names)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX_GNU: &str = "x86_64-unknown-linux-gnu";
    const LINUX_MUSL: &str = "x86_64-unknown-linux-musl";
    const LINUX_ARM: &str = "aarch64-unknown-linux-gnu";
    const MAC: &str = "aarch64-apple-darwin";
    const MAC_INTEL: &str = "x86_64-apple-darwin";
    const WIN: &str = "x86_64-pc-windows-msvc";

    /// Names in the style of goreleaser.
    const GORELEASER: [&str; 10] = [
        "greeter_1.2.3_Darwin_arm64.tar.gz",
        "greeter_1.2.3_Darwin_x86_64.tar.gz",
        "greeter_1.2.3_Linux_arm64.tar.gz",
        "greeter_1.2.3_Linux_armv7.tar.gz",
        "greeter_1.2.3_Linux_i386.tar.gz",
        "greeter_1.2.3_Linux_x86_64.tar.gz",
        "greeter_1.2.3_Linux_x86_64.tar.gz.sbom.json",
        "greeter_1.2.3_Windows_x86_64.zip",
        "greeter_1.2.3_checksums.txt",
        "greeter_1.2.3_linux_amd64.deb",
    ];
    /// Names in the style of gh extensions.
    const GH: [&str; 8] = [
        "gh-greeter_v1.2.3_checksums.txt",
        "darwin-amd64",
        "darwin-arm64",
        "freebsd-amd64",
        "linux-386",
        "linux-amd64",
        "linux-arm64",
        "windows-amd64.exe",
    ];
    /// Names in the style of Rust programs.
    const RUST: [&str; 11] = [
        "greeter-v1.2.3-aarch64-apple-darwin.tar.gz",
        "greeter-v1.2.3-aarch64-unknown-linux-gnu.tar.gz",
        "greeter-v1.2.3-arm-unknown-linux-gnueabihf.tar.gz",
        "greeter-v1.2.3-i686-pc-windows-msvc.zip",
        "greeter-v1.2.3-x86_64-apple-darwin.tar.gz",
        "greeter-v1.2.3-x86_64-pc-windows-gnu.zip",
        "greeter-v1.2.3-x86_64-pc-windows-msvc.zip",
        "greeter-v1.2.3-x86_64-pc-windows-msvc.zip.sha256",
        "greeter-v1.2.3-x86_64-unknown-linux-gnu.tar.gz",
        "greeter-v1.2.3-x86_64-unknown-linux-gnu.tar.gz.minisig",
        "greeter-v1.2.3-x86_64-unknown-linux-musl.tar.gz",
    ];
    /// Library names as cargo writes them, with targets from a workflow.
    const LIBRARIES: [&str; 7] = [
        "pintle-plugin.toml",
        "libgreeter-aarch64-apple-darwin.dylib",
        "libgreeter-x86_64-apple-darwin.dylib",
        "libgreeter-x86_64-unknown-linux-gnu.so",
        "libgreeter-x86_64-unknown-linux-gnu.so.debug",
        "greeter-x86_64-pc-windows-msvc.dll",
        "greeter-x86_64-pc-windows-msvc.pdb",
    ];

    #[track_caller]
    fn check(names: &[&str], target: &str, plugin: Option<&str>, expected: &str) {
        let outcome = match choose(names, &Wanted { target, plugin }) {
            Ok(it) if it.is_platformless => format!("? {}", names[it.index]),
            Ok(it) => names[it.index].to_owned(),
            Err(err) => err.to_string(),
        };
        assert_eq!(outcome, expected, "{names:?} for {target}");
    }

    #[track_caller]
    fn chosen(names: &[&str], table: &[(&str, &str)]) {
        for (target, expected) in table {
            check(names, target, Some("greeter"), expected);
        }
    }

    #[test]
    fn the_usual_spellings_are_known() {
        chosen(
            &GORELEASER,
            &[
                (LINUX_GNU, "greeter_1.2.3_Linux_x86_64.tar.gz"),
                (LINUX_ARM, "greeter_1.2.3_Linux_arm64.tar.gz"),
                ("armv7-unknown-linux-gnueabihf", "greeter_1.2.3_Linux_armv7.tar.gz"),
                ("i686-unknown-linux-gnu", "greeter_1.2.3_Linux_i386.tar.gz"),
                (MAC, "greeter_1.2.3_Darwin_arm64.tar.gz"),
                (MAC_INTEL, "greeter_1.2.3_Darwin_x86_64.tar.gz"),
                (WIN, "greeter_1.2.3_Windows_x86_64.zip"),
            ],
        );
        chosen(
            &GH,
            &[
                (LINUX_GNU, "linux-amd64"),
                (LINUX_ARM, "linux-arm64"),
                ("i686-unknown-linux-gnu", "linux-386"),
                (MAC, "darwin-arm64"),
                (WIN, "windows-amd64.exe"),
                ("x86_64-unknown-freebsd", "freebsd-amd64"),
            ],
        );
        chosen(
            &RUST,
            &[
                (LINUX_GNU, "greeter-v1.2.3-x86_64-unknown-linux-gnu.tar.gz"),
                (LINUX_MUSL, "greeter-v1.2.3-x86_64-unknown-linux-musl.tar.gz"),
                (MAC, "greeter-v1.2.3-aarch64-apple-darwin.tar.gz"),
                (WIN, "greeter-v1.2.3-x86_64-pc-windows-msvc.zip"),
                ("x86_64-pc-windows-gnu", "greeter-v1.2.3-x86_64-pc-windows-gnu.zip"),
                ("i686-pc-windows-msvc", "greeter-v1.2.3-i686-pc-windows-msvc.zip"),
            ],
        );
        chosen(
            &LIBRARIES,
            &[
                (LINUX_GNU, "libgreeter-x86_64-unknown-linux-gnu.so"),
                (MAC, "libgreeter-aarch64-apple-darwin.dylib"),
                (WIN, "greeter-x86_64-pc-windows-msvc.dll"),
            ],
        );
    }

    #[test]
    fn single_names_are_read_as_they_are_meant() {
        for (name, target) in [
            ("kubectl-greeter_v1.2.3_linux_amd64.tar.gz", LINUX_GNU),
            ("kubectl-greeter-darwin-arm64.tar.gz", MAC),
            ("greeter-1.2.3-linux-x64.zip", LINUX_GNU),
            ("greeter-linux64.tar.gz", LINUX_GNU),
            ("greeter_0.1_Linux-64bit.tar.gz", LINUX_GNU),
            ("greeter_0.1_Linux-ARM64.tar.gz", LINUX_ARM),
            ("greeter_0.1_macOS-ARM64.tar.gz", MAC),
            ("greeter-29.1-linux-x86_64.zip", LINUX_GNU),
            ("greeter-29.1-linux-aarch_64.zip", LINUX_ARM),
            ("greeter-29.1-osx-aarch_64.zip", MAC),
            ("greeter-29.1-win64.zip", WIN),
            ("greeter-29.1-win32.zip", "i686-pc-windows-msvc"),
            ("greeter-win32-x64.zip", WIN),
            ("greeter-macos-arm64.zip", MAC),
            ("greeter-alpine-x64.tar.gz", LINUX_MUSL),
            ("greeter-x86_64-linux-musl.tar.xz", LINUX_MUSL),
            ("greeter-linux-glibc2.17-amd64.tgz", LINUX_GNU),
            ("greeter-riscv64-linux.tar.zst", "riscv64gc-unknown-linux-gnu"),
            ("greeter_1.386.64_linux_arm64.tar.gz", LINUX_ARM),
            ("libgreeter-x86_64.so", LINUX_GNU),
            ("greeter-v1.2.3-amd64.dylib", MAC_INTEL),
            ("greeter-linux-amd64v1", LINUX_GNU),
        ] {
            assert_eq!(target_of(name, Some("greeter")).as_deref(), Some(target), "{name}");
            check(&[name], target, Some("greeter"), name);
        }
    }

    #[test]
    fn the_target_of_each_file_of_a_release_is_known() {
        let targets: Vec<_> = RUST.iter().map(|it| target_of(it, Some("greeter"))).collect();
        assert_eq!(
            targets.iter().map(Option::as_deref).collect::<Vec<_>>(),
            [
                Some(MAC),
                Some(LINUX_ARM),
                None,
                Some("i686-pc-windows-msvc"),
                Some(MAC_INTEL),
                None,
                Some(WIN),
                None,
                Some(LINUX_GNU),
                None,
                Some(LINUX_MUSL),
            ]
        );
        for target in TARGETS {
            for suffix in [".tar.gz", ".zip", ".tar.zst", ""] {
                let name = format!("greeter-1.0.0-{target}{suffix}");
                assert_eq!(target_of(&name, None).as_deref(), Some(target), "{name}");
            }
        }
    }

    #[test]
    fn words_of_another_platform_disqualify() {
        for name in [
            "greeter-linux-arm.tar.gz",
            "greeter-linux-ppc64le.tar.gz",
            "greeter-linux-s390x.tar.gz",
            "greeter-freebsd-amd64.tar.gz",
            "greeter-x86_64-linux-android.tar.gz",
            "greeter-x86_64-unknown-linux-gnux32.tar.gz",
            "greeter-linux-amd64v3.tar.gz",
            "greeter-linux-amd64-arm64.tar.gz",
            "greeter-linux.tar.gz",
            "greeter-amd64.tar.gz",
            "greeter-wasm32-wasi.tar.gz",
            "greeter.tar.gz",
        ] {
            assert_eq!(target_of(name, Some("greeter")), None, "{name}");
        }
        check(
            &["a-linux-amd64.dll"],
            LINUX_GNU,
            None,
            "no file of the release matches `x86_64-unknown-linux-gnu`; available: \
             `a-linux-amd64.dll`",
        );
        // The triple counts only as a whole.
        check(
            &["a-x86_64-unknown-linux-gnux32.so"],
            LINUX_GNU,
            None,
            "no file of the release matches `x86_64-unknown-linux-gnu`; available: \
             `a-x86_64-unknown-linux-gnux32.so`",
        );
    }

    #[test]
    fn words_of_the_plugin_s_own_name_do_not_count() {
        for plugin in [
            "go-arch-lint",
            "darwinia",
            "windowsill",
            "linux-tool",
            "win32-metadata",
            "arm",
            "x86_64",
            "source-map",
            "debug",
            "libmusl",
            "alpine",
        ] {
            for stem in [plugin.to_owned(), plugin.replace('-', "_"), format!("lib{plugin}")] {
                let name = format!("{stem}-1.2.3-linux-amd64.tar.gz");
                assert_eq!(target_of(&name, Some(plugin)).as_deref(), Some(LINUX_GNU), "{name}");
            }
        }
        let names =
            ["go-arch-lint_1.11.6_darwin_arm64.tar.gz", "go-arch-lint_1.11.6_linux_amd64.tar.gz"];
        check(&names, LINUX_GNU, None, names[1]);
        check(
            &["darwinia-x86_64-linux-gnu.tar.zst"],
            LINUX_GNU,
            None,
            "darwinia-x86_64-linux-gnu.tar.zst",
        );
        check(
            &["windowsill-linux-amd64", "windowsill-windows-amd64.exe"],
            LINUX_GNU,
            None,
            "windowsill-linux-amd64",
        );
    }

    #[test]
    fn a_file_for_each_architecture_is_for_macos_only() {
        let names =
            ["greeter-macos-universal.zip", "greeter_darwin_all.tar.gz", "greeter-linux-all.zip"];
        assert_eq!(targets_of(names[0], Some("greeter")), [MAC_INTEL, MAC]);
        assert_eq!(targets_of(names[1], Some("greeter")), [MAC_INTEL, MAC]);
        assert_eq!(targets_of(names[2], Some("greeter")), [""; 0]);
        assert_eq!(target_of(names[0], Some("greeter")), None);
        check(&names[..1], MAC, None, names[0]);
        check(&[names[0], "greeter-macos-arm64.zip"], MAC, None, "greeter-macos-arm64.zip");
    }

    #[test]
    fn a_library_that_is_not_named_is_the_usual_one() {
        let names = ["greeter-linux-amd64.tar.gz", "greeter-linux-amd64-musl.tar.gz"];
        check(&names, LINUX_GNU, None, names[0]);
        check(&names, LINUX_MUSL, None, names[1]);
        check(&names[..1], LINUX_MUSL, None, names[0]);
        check(
            &names[1..],
            LINUX_GNU,
            None,
            "no file of the release matches `x86_64-unknown-linux-gnu`; available: \
             `greeter-linux-amd64-musl.tar.gz`",
        );
        check(
            &["greeter-windows-amd64.zip"],
            "x86_64-pc-windows-gnu",
            None,
            "greeter-windows-amd64.zip",
        );
    }

    #[test]
    fn one_file_in_several_formats_is_one() {
        let all = [
            "a-linux-amd64",
            "a-linux-amd64.zip",
            "a-linux-amd64.tar.gz",
            "a-linux-amd64.tar.xz",
            "a-linux-amd64.tar.zst",
        ];
        for len in 1..=all.len() {
            check(&all[..len], LINUX_GNU, None, all[len - 1]);
        }
        let names = [
            "libgo_greeter-x86_64-unknown-linux-gnu.so",
            "go-greeter-x86_64-unknown-linux-gnu.tar.gz",
        ];
        check(&names, LINUX_GNU, Some("go-greeter"), names[1]);
        check(
            &["a-linux-amd64.tgz", "a-linux-amd64.tar.gz"],
            LINUX_GNU,
            None,
            "several files of the release match `x86_64-unknown-linux-gnu`: `a-linux-amd64.tgz`, \
             `a-linux-amd64.tar.gz`",
        );
    }

    #[test]
    fn two_that_fit_are_an_error() {
        check(
            &["a-linux-amd64.zip", "b-linux-amd64.zip"],
            LINUX_GNU,
            None,
            "several files of the release match `x86_64-unknown-linux-gnu`: `a-linux-amd64.zip`, \
             `b-linux-amd64.zip`",
        );
        check(
            &["a-linux-amd64.zip", "a-linux-x64.tar.gz"],
            LINUX_GNU,
            Some("a"),
            "several files of the release match `x86_64-unknown-linux-gnu`: `a-linux-amd64.zip`, \
             `a-linux-x64.tar.gz`",
        );
    }

    #[test]
    fn a_file_that_names_no_platform_must_be_the_only_one() {
        let there = "no file of the release matches `x86_64-unknown-linux-gnu`; available: ";
        check(&["greeter", "checksums.txt"], LINUX_GNU, None, "? greeter");
        check(
            &["greeter-1.2.3.tar.gz", "greeter-1.2.3.zip"],
            LINUX_GNU,
            None,
            "? greeter-1.2.3.tar.gz",
        );
        check(&["greeter.sh"], LINUX_GNU, None, "? greeter.sh");
        let trio = ["libgreeter.so", "libgreeter.dylib", "greeter.dll"];
        check(&trio, LINUX_GNU, None, "? libgreeter.so");
        check(&trio, MAC, None, "? libgreeter.dylib");
        check(&trio, WIN, None, "? greeter.dll");
        check(&["a.so", "b.so"], LINUX_GNU, None, &format!("{there}`a.so`, `b.so`"));
        let names = ["greeter-1.2.3.tar.gz", "greeter-darwin-arm64.tar.gz"];
        check(&names, LINUX_GNU, None, &format!("{there}`{}`, `{}`", names[0], names[1]));
        check(
            &["greeter-linux.tar.gz"],
            LINUX_GNU,
            None,
            &format!("{there}`greeter-linux.tar.gz`"),
        );
    }

    #[test]
    fn what_is_not_a_plugin_is_not_offered() {
        let names = [
            "greeter-1.2.3-src.tar.gz",
            "greeter-1.2.3-source.tar.gz",
            "SHA256SUMS",
            "checksums.txt",
            "greeter-linux-amd64.tar.gz.sha256",
            "greeter-linux-amd64.minisig",
            "greeter.sbom",
            "greeter-linux-amd64-debug.tar.gz",
            "greeter-x86_64-unknown-linux-gnu.dSYM.zip",
            "greeter_linux_amd64.rpm",
            "greeter.d",
            "greeter-linux-amd64.tar.bz2",
            "greeter-linux-amd64.gz",
            "pintle-plugin.toml",
            "multiple.intoto.jsonl",
        ];
        check(
            &names,
            LINUX_GNU,
            Some("greeter"),
            "no file of the release matches `x86_64-unknown-linux-gnu`",
        );
        check(&[], LINUX_GNU, None, "no file of the release matches `x86_64-unknown-linux-gnu`");
    }

    #[test]
    fn an_author_learns_what_to_publish() {
        let publish = |target, plugin| match choose(&[], &Wanted { target, plugin }) {
            Err(ChooseError::NoneFits { publish, .. }) => publish.join(" "),
            other => format!("{other:?}"),
        };
        assert_eq!(
            publish(LINUX_GNU, None),
            "NAME-VERSION-x86_64-unknown-linux-gnu.tar.gz NAME-VERSION-x86_64-unknown-linux-gnu.so"
        );
        assert_eq!(
            publish(WIN, Some("greeter")),
            "greeter-VERSION-x86_64-pc-windows-msvc.zip greeter-VERSION-x86_64-pc-windows-msvc.dll"
        );
        for target in TARGETS {
            for name in publish(target, Some("greeter")).split(' ') {
                check(&[name], target, Some("greeter"), name);
            }
        }
    }
}
