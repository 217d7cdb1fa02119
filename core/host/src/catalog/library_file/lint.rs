//! Possible problems of a library that this machine can load.
//!
//! A library with a warning works on this machine; on other machines, or together with other
//! libraries, it may not. Only ELF libraries are checked.

use super::super::file;
use super::super::limits::{self, FIRST_PAGE};
use super::error::{LibraryError, damaged};
use super::source::Source;
use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{Endianness, FileKind, elf};
use pintle_plugin::manifest::{SECTION, manifests_in_section};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// How many symbols a warning names.
const MAX_NAMED: usize = 3;

/// A possible problem of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LibraryWarning {
    /// Its thread-local variables are in the static block of each thread, which has little space
    /// for libraries that are opened later.
    StaticTls,
    /// Its code is changed when it is loaded.
    TextRelocations,
    /// It requires that the stacks of the process be executable.
    ExecutableStack,
    /// It has its own search directories for the libraries that it requires.
    SearchPath {
        /// `RPATH` or `RUNPATH`.
        tag: &'static str,
        /// The directories, with colons between them.
        directories: String,
    },
    /// The data that the linker relocates stays writable.
    NoRelro,
    /// It uses symbols of a glibc that is newer than the one given.
    NewerGlibc {
        /// The oldest glibc that has all of them.
        required: GlibcVersion,
        /// The version that was given.
        limit: GlibcVersion,
        /// The symbols, in order.
        symbols: Vec<String>,
    },
    /// It has the manifests of several plugins.
    SeveralManifests {
        /// How many.
        count: usize,
    },
}

impl LibraryWarning {
    /// Returns the identifier of the warning for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StaticTls => "static-tls",
            Self::TextRelocations => "text-relocations",
            Self::ExecutableStack => "executable-stack",
            Self::SearchPath { .. } => "search-path",
            Self::NoRelro => "no-relro",
            Self::NewerGlibc { .. } => "newer-glibc",
            Self::SeveralManifests { .. } => "several-manifests",
        }
    }

    /// Returns the warning in a few words.
    pub fn short(&self) -> String {
        match self {
            Self::StaticTls => "static TLS".to_owned(),
            Self::TextRelocations => "text relocations".to_owned(),
            Self::ExecutableStack => "executable stack".to_owned(),
            Self::SearchPath { tag, .. } => (*tag).to_owned(),
            Self::NoRelro => "no relro".to_owned(),
            Self::NewerGlibc { required, .. } => format!("glibc {required}"),
            Self::SeveralManifests { count } => format!("{count} manifests"),
        }
    }
}

impl fmt::Display for LibraryWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaticTls => f.write_str(
                "it uses static TLS: it cannot be loaded once other libraries have used up the \
                 static TLS block",
            ),
            Self::TextRelocations => {
                f.write_str("it has text relocations: hardened systems refuse to load it")
            }
            Self::ExecutableStack => {
                f.write_str("it requires an executable stack: newer systems refuse to load it")
            }
            Self::SearchPath { tag, directories } => write!(
                f,
                "it has the {tag} `{directories}`: on other machines, these directories contain \
                 other libraries, or none"
            ),
            Self::NoRelro => {
                f.write_str("it is linked without relro: its function pointers stay writable")
            }
            Self::NewerGlibc { required, limit, symbols } => {
                write!(f, "it requires glibc {required}, which is newer than {limit}: ")?;
                let named: Vec<_> =
                    symbols.iter().take(MAX_NAMED).map(|it| format!("`{it}`")).collect();
                f.write_str(&named.join(", "))?;
                match symbols.len() - named.len() {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::SeveralManifests { count } => write!(
                f,
                "its section `{SECTION}` has {count} manifests: it links the crates of other plugins"
            ),
        }
    }
}

/// A version of the GNU C library, for example `2.31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GlibcVersion {
    numbers: [u32; 3],
}

impl GlibcVersion {
    /// Returns the version of the glibc that this process runs with; `None` if it has none.
    ///
    /// The library's file lists the versions of its interface. The file is the one that the kernel
    /// lists among the mappings of the process (proc_pid_maps(5)).
    pub fn of_this_process() -> Option<Self> {
        let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
        let paths = maps.lines().filter_map(|it| it.find('/').map(|at| Path::new(&it[at..])));
        let libc = paths.into_iter().find(|it| it.file_name().is_some_and(|it| it == "libc.so.6"));
        let opened = file::open(libc?).ok()?;
        let (mut head, limit) = ([0; FIRST_PAGE], limits::thorough(opened.len));
        let source = Source::open(&opened.file, opened.len, &mut head, limit).ok()?;
        let file = source.whole();
        match FileKind::parse(file).ok()? {
            FileKind::Elf32 => newest_defined::<elf::FileHeader32<Endianness>, _>(file),
            FileKind::Elf64 => newest_defined::<elf::FileHeader64<Endianness>, _>(file),
            _ => None,
        }
    }
}

/// Returns the newest version of glibc's interface that a library has.
fn newest_defined<'a, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(
    data: R,
) -> Option<GlibcVersion> {
    let header = Elf::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let (mut definitions, strings) = sections.gnu_verdef(endian, data).ok()??;
    let strings = sections.strings(endian, data, strings).ok()?;
    let mut newest = None;
    while let Ok(Some((_, mut names))) = definitions.next() {
        // The first is the name of the version; the others are the versions that it follows.
        let name = names.next().ok()??.name(endian, strings).ok()?;
        newest = newest.max(glibc_version(name));
    }
    newest
}

impl FromStr for GlibcVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut numbers = [0; 3];
        let parts: Vec<_> = text.split('.').collect();
        let is_number = |it: &&str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(is_number) {
            return Err("expected two or three numbers, for example `2.31`".into());
        }
        for (number, part) in numbers.iter_mut().zip(parts) {
            *number = part.parse().map_err(|_| format!("the number `{part}` is too large"))?;
        }
        Ok(Self { numbers })
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        match patch {
            0 => write!(f, "{major}.{minor}"),
            _ => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

/// Returns the warnings about a library; `glibc` is the oldest version that the library is to work
/// with.
///
/// # Errors
///
/// [`LibraryError`] if the file cannot be read or is damaged.
pub fn lint(path: &Path, glibc: Option<GlibcVersion>) -> Result<Vec<LibraryWarning>, LibraryError> {
    let opened = file::open(path)?;
    let mut head = [0; FIRST_PAGE];
    let source = Source::open(&opened.file, opened.len, &mut head, limits::thorough(opened.len))?;
    let file = source.whole();
    source.judge(match FileKind::parse(file) {
        Ok(FileKind::Elf32) => lint_elf::<elf::FileHeader32<Endianness>, _>(file, glibc),
        Ok(FileKind::Elf64) => lint_elf::<elf::FileHeader64<Endianness>, _>(file, glibc),
        Ok(_) => Ok(Vec::new()),
        Err(_) => Err(LibraryError::NotALibrary),
    })
}

fn lint_elf<'a, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(
    data: R,
    glibc: Option<GlibcVersion>,
) -> Result<Vec<LibraryWarning>, LibraryError> {
    let header = Elf::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let segments = header.program_headers(endian, data).map_err(damaged)?;
    let sections = header.sections(endian, data).map_err(damaged)?;
    let mut warnings = dynamic_warnings::<Elf, R>(&sections, endian, data)?;

    let segment = |kind| segments.iter().find(|it| it.p_type(endian) == kind);
    // A library that does not specify its stack has an executable one.
    let stack = segment(elf::PT_GNU_STACK).map(|it| it.p_flags(endian));
    if stack.is_none_or(|it| it.contains(elf::PF_X)) {
        warnings.push(LibraryWarning::ExecutableStack);
    }
    if segment(elf::PT_GNU_RELRO).is_none() {
        warnings.push(LibraryWarning::NoRelro);
    }
    if let Some(limit) = glibc {
        warnings.extend(newer_glibc::<Elf, R>(&sections, endian, data, limit)?);
    }
    if let Some((_, section)) = sections.section_by_name(endian, SECTION.as_bytes()) {
        let count = manifests_in_section(section.data(endian, data).map_err(damaged)?).len();
        if count > 1 {
            warnings.push(LibraryWarning::SeveralManifests { count });
        }
    }
    Ok(warnings)
}

/// Returns the contents of the dynamic section.
fn dynamic_warnings<'a, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(
    sections: &SectionTable<'a, Elf, R>,
    endian: Endianness,
    data: R,
) -> Result<Vec<LibraryWarning>, LibraryError> {
    let table = sections.dynamic_table(endian, data).map_err(damaged)?;
    let (mut flags, mut has_text_relocations) = (0, false);
    let mut search_paths = Vec::new();
    for entry in &table {
        let tag = match entry.tag {
            elf::DT_FLAGS => {
                flags = entry.val;
                continue;
            }
            elf::DT_TEXTREL => {
                has_text_relocations = true;
                continue;
            }
            elf::DT_RPATH => "RPATH",
            elf::DT_RUNPATH => "RUNPATH",
            _ => continue,
        };
        let directories = table.string(entry).map_err(damaged)?;
        let directories = String::from_utf8_lossy(directories).into_owned();
        search_paths.push(LibraryWarning::SearchPath { tag, directories });
    }
    let has = |flag: elf::DynamicFlags| flags & flag.0 != 0;
    let mut warnings = Vec::new();
    if has(elf::DF_STATIC_TLS) {
        warnings.push(LibraryWarning::StaticTls);
    }
    if has_text_relocations || has(elf::DF_TEXTREL) {
        warnings.push(LibraryWarning::TextRelocations);
    }
    warnings.extend(search_paths);
    Ok(warnings)
}

/// Returns the symbols of a glibc newer than `limit` that the library uses.
fn newer_glibc<'a, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(
    sections: &SectionTable<'a, Elf, R>,
    endian: Endianness,
    data: R,
    limit: GlibcVersion,
) -> Result<Option<LibraryWarning>, LibraryError> {
    let Some(versions) = sections.versions(endian, data).map_err(damaged)? else { return Ok(None) };
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM).map_err(damaged)?;
    let mut newer: BTreeMap<String, GlibcVersion> = BTreeMap::new();
    for (idx, symbol) in symbols.enumerate() {
        // A library can do without a weak symbol.
        if !symbol.is_undefined(endian) || symbol.st_bind() == elf::STB_WEAK {
            continue;
        }
        let version = versions.version(versions.version_index(endian, idx).index());
        let Ok(Some(version)) = version else { continue };
        let Some(required) = glibc_version(version.name()).filter(|it| *it > limit) else {
            continue;
        };
        let name = symbols.symbol_name(endian, symbol).map_err(damaged)?;
        newer.insert(String::from_utf8_lossy(name).into_owned(), required);
    }
    let required = newer.values().max().copied();
    let symbols = newer.into_keys().collect();
    Ok(required.map(|required| LibraryWarning::NewerGlibc { required, limit, symbols }))
}

fn glibc_version(name: &[u8]) -> Option<GlibcVersion> {
    std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?.parse().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::process::Command;

    /// Links a library of C, and returns its warnings in lines.
    #[track_caller]
    fn check(code: &str, args: &[&str], glibc: Option<&str>, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let (source, library) = (dir.path().join("code.c"), dir.path().join("library.so"));
        std::fs::write(&source, code).unwrap();
        let mut command = Command::new("cc");
        // Not all compilers have the same defaults.
        command.args(["-shared", "-fPIC", "-Wl,-z,relro", "-Wl,-z,noexecstack"]);
        let out = command.args(args).arg("-o").arg(&library).arg(&source).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let warnings = lint(&library, glibc.map(|it| it.parse().unwrap())).unwrap();
        let lines: Vec<_> = warnings.iter().map(|it| format!("{}: {it}", it.name())).collect();
        assert_eq!(lines.join("\n"), expected);
    }

    const NOTHING: &str = "int nothing(void) { return 0; }";

    #[test]
    #[cfg(target_env = "gnu")]
    fn the_running_glibc_is_the_one_that_it_says_it_is() {
        let out = Command::new("getconf").arg("GNU_LIBC_VERSION").output().unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        let said = said.trim().strip_prefix("glibc ").unwrap().parse().unwrap();
        // Not every release has a new version of the interface.
        let found = GlibcVersion::of_this_process().unwrap();
        assert!(found <= said && found >= "2.17".parse().unwrap(), "{found}, and not {said}");
    }

    #[test]
    fn a_library_with_the_usual_options_has_no_warning() {
        check(NOTHING, &[], None, "");
        check(
            "int printf(const char *, ...); void f(void) { printf(\"\"); }",
            &[],
            Some("2.99"),
            "",
        );
    }

    #[test]
    fn static_tls_is_found() {
        let expected = "static-tls: it uses static TLS: it cannot be loaded once other libraries \
                        have used up the static TLS block";
        let code = "__thread int x; int *f(void) { return &x; }";
        check(code, &["-ftls-model=initial-exec"], None, expected);
        check(code, &["-ftls-model=global-dynamic"], None, "");
    }

    #[test]
    fn text_relocations_are_found() {
        let expected =
            "text-relocations: it has text relocations: hardened systems refuse to load it";
        let code =
            "__asm__(\".text\\n.balign 8\\n.quad nothing\\n\"); int nothing(void) { return 0; }";
        check(code, &["-Wl,-z,notext"], None, expected);
    }

    #[test]
    fn an_executable_stack_is_found() {
        let expected = "executable-stack: it requires an executable stack: newer systems refuse \
                        to load it";
        check(NOTHING, &["-Wl,-z,execstack"], None, expected);
    }

    #[test]
    fn search_paths_are_found() {
        for (option, tag) in
            [("-Wl,--enable-new-dtags", "RUNPATH"), ("-Wl,--disable-new-dtags", "RPATH")]
        {
            let expected = format!(
                "search-path: it has the {tag} `/opt/lib:$ORIGIN`: on other machines, these \
                 directories contain other libraries, or none"
            );
            check(NOTHING, &[option, "-Wl,-rpath,/opt/lib:$ORIGIN"], None, &expected);
        }
    }

    #[test]
    fn missing_relro_is_found() {
        let expected = "no-relro: it is linked without relro: its function pointers stay writable";
        check(NOTHING, &["-Wl,-z,norelro"], None, expected);
    }

    #[test]
    fn symbols_of_a_newer_glibc_are_named() {
        let code =
            "int puts(const char *); int abs(int); void *malloc(unsigned long); int rand(void); \
                    int getpid(void);
                    int f(void) { puts(\"\"); malloc(1); rand(); return getpid(); }";
        let first = if cfg!(target_arch = "x86_64") { "2.2.5" } else { "2.17" };
        let expected = format!(
            "newer-glibc: it requires glibc {first}, which is newer than 2.1: `getpid`, \
             `malloc`, `puts` and 1 more"
        );
        // The code in the start files is not called.
        let args = ["-nostartfiles"];
        check(code, &args, Some("2.1"), &expected);
        check(code, &args, Some(first), "");
        check(code, &args, None, "");
    }

    #[test]
    fn several_manifests_are_counted() {
        let one = r#""PINTLE\0\1" "\2\0\0\0{}""#;
        let code = format!(
            "__attribute__((section(\"{SECTION}\"), used)) static const char all[] = {one} \"\\0\" {one};"
        );
        let expected = "several-manifests: its section `.pintle` has 2 manifests: it links the crates of other plugins";
        check(&code, &[], None, expected);
    }

    #[test]
    fn versions_of_glibc_are_compared_by_their_numbers() {
        let parse = |it: &str| it.parse::<GlibcVersion>();
        assert!(parse("2.9") < parse("2.31") && parse("2.2.5") > parse("2.2"));
        assert_eq!(parse("2.31").map(|it| it.to_string()), Ok("2.31".to_owned()));
        for bad in ["", "2", "2.", "2.x", "2.1.2.3", "+2.1", "2.99999999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
