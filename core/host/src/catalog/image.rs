//! Libraries as bytes: their format, what they are made for, and the manifests in them.
//!
//! Manifests of all three formats (ELF, Mach-O, PE) can be read on any platform;
//! whether a library [fits](Image::check_fit) this one is another question.
//! Nothing is mapped: reading a file that shrinks meanwhile gives an error, where
//! touching a mapping of it would kill the process.

use super::refusal::Refusal;
use object::read::elf::{FileHeader, NoteIterator, ProgramHeader, SectionHeader, Sym};
use object::read::macho::{FatArch, MachOFatFile};
use object::read::{Object, ObjectSection, ObjectSegment, ReadCache, ReadRef};
use object::{Architecture, Endianness, FileKind, ObjectKind, elf, macho, pod};
use pintle_plugin::manifest::{MACHO_SECTION, NOTE_NAME, NOTE_TYPE, SECTION, manifests_in_section};
use std::borrow::Cow;
use std::fmt;
use std::fs::File;

/// How much of a file is read at once. Linkers put the program headers and the
/// notes first, so that one page holds both, and one read is enough.
pub(super) const HEAD: usize = 4 * 1024;

/// The largest note segment or manifest section that is read, against damaged sizes.
const MAX_MANIFESTS: u64 = 1024 * 1024;

/// The format of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Linux, the BSDs.
    Elf,
    /// Apple.
    MachO,
    /// Windows.
    Pe,
}

impl Format {
    /// The format that this platform loads.
    pub const HOST: Self = if cfg!(target_vendor = "apple") {
        Self::MachO
    } else if cfg!(windows) {
        Self::Pe
    } else {
        Self::Elf
    };
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elf => "ELF",
            Self::MachO => "Mach-O",
            Self::Pe => "PE",
        })
    }
}

/// A library as bytes.
#[derive(Debug, Clone)]
pub struct Image {
    format: Format,
    architecture: Cow<'static, str>,
    bits: u8,
    little_endian: bool,
    kind: ObjectKind,
    manifests: Vec<Vec<u8>>,
    /// Where the file must end at least, and where it ends.
    needed: u64,
    len: u64,
}

/// Opens a file of any platform and reads what it is made for and the manifests in it.
///
/// # Errors
///
/// [`Refusal`] when the file cannot be read, or is not a library of a known format.
pub fn open(path: &std::path::Path) -> Result<Image, Refusal> {
    let opened = super::examine::open(path)?;
    inspect_sized(&opened.file, opened.len)
}

/// Reads an [`Image`] from a file of a known length.
fn inspect_sized(file: &File, len: u64) -> Result<Image, Refusal> {
    inspect_head(file, len, &mut [0; HEAD])
}

/// Reads an [`Image`] from a file of a known length, and leaves its first page in `head`.
pub(super) fn inspect_head(file: &File, len: u64, head: &mut [u8; HEAD]) -> Result<Image, Refusal> {
    let n_read = read_at(file, head, 0)?;
    let source = Source { file, head: &head[..n_read], len };
    if source.head.is_empty() {
        return Err(Refusal::Empty);
    }
    match FileKind::parse(source.head) {
        Ok(FileKind::Elf32) => inspect_elf::<elf::FileHeader32<Endianness>>(&source),
        Ok(FileKind::Elf64) => inspect_elf::<elf::FileHeader64<Endianness>>(&source),
        Ok(FileKind::MachO32 | FileKind::MachO64) => inspect_object(&source, Format::MachO),
        Ok(FileKind::MachOFat32) => inspect_fat::<macho::FatArch32>(&source),
        Ok(FileKind::MachOFat64) => inspect_fat::<macho::FatArch64>(&source),
        Ok(FileKind::Pe32 | FileKind::Pe64) => inspect_object(&source, Format::Pe),
        _ => Err(Refusal::NotALibrary),
    }
}

/// Returns whether the library itself, not one that it links to, exports `symbol`.
///
/// ELF libraries without section headers export nothing that can be seen here.
///
/// # Errors
///
/// [`Refusal`] when the file is not a library of a known format, or is damaged.
pub fn exports(file: &File, symbol: &str) -> Result<bool, Refusal> {
    let metadata = file.metadata().map_err(|source| Refusal::Unreadable { source })?;
    let cache = ReadCache::new(file);
    match FileKind::parse(&cache) {
        Ok(FileKind::Elf32) => elf_exports::<elf::FileHeader32<Endianness>>(&cache, symbol),
        Ok(FileKind::Elf64) => elf_exports::<elf::FileHeader64<Endianness>>(&cache, symbol),
        Ok(FileKind::MachOFat32) => {
            let (offset, size) = fat_range::<macho::FatArch32, _>(&cache, metadata.len())?;
            object_exports(cache.range(offset, size), symbol)
        }
        Ok(FileKind::MachOFat64) => {
            let (offset, size) = fat_range::<macho::FatArch64, _>(&cache, metadata.len())?;
            object_exports(cache.range(offset, size), symbol)
        }
        Ok(_) => object_exports(&cache, symbol),
        Err(_) => Err(Refusal::NotALibrary),
    }
}

impl Image {
    /// Returns the library's format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the processor that the library is made for, as Rust calls it: `x86_64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Takes the manifests out.
    pub(super) fn into_manifests(self) -> Vec<Vec<u8>> {
        self.manifests
    }

    /// Returns the bytes of the manifests; a well-made plugin has one.
    pub fn manifests(&self) -> &[Vec<u8>] {
        &self.manifests
    }

    /// Checks that the library is one that this platform's loader takes, and that
    /// loading it would not run over the end of the file.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with what does not fit.
    pub fn check_fit(&self) -> Result<(), Refusal> {
        self.check_platform()?;
        let found = match self.kind {
            ObjectKind::Dynamic => None,
            ObjectKind::Executable => Some("a program"),
            ObjectKind::Relocatable => Some("an object file"),
            ObjectKind::Core => Some("a memory dump"),
            _ => Some("of an unknown kind"),
        };
        if let Some(found) = found {
            return Err(Refusal::NotShared { found });
        }
        if self.needed > self.len {
            return Err(Refusal::Truncated { needed: self.needed, len: self.len });
        }
        Ok(())
    }

    fn check_platform(&self) -> Result<(), Refusal> {
        let bits = if cfg!(target_pointer_width = "64") { 64 } else { 32 };
        let architecture = std::env::consts::ARCH;
        if self.format != Format::HOST {
            return Err(Refusal::WrongFormat { found: self.format, expected: Format::HOST });
        }
        if self.bits != bits {
            return Err(Refusal::WrongClass { found: self.bits, expected: bits });
        }
        if self.little_endian != cfg!(target_endian = "little") {
            let (found, expected) =
                if self.little_endian { ("little", "big") } else { ("big", "little") };
            return Err(Refusal::WrongEndianness { found, expected });
        }
        if self.architecture != architecture {
            let found = self.architecture.clone().into_owned();
            return Err(Refusal::WrongMachine { found, expected: architecture });
        }
        Ok(())
    }
}

/// A file, with its first bytes at hand.
struct Source<'a> {
    file: &'a File,
    head: &'a [u8],
    len: u64,
}

impl<'a> Source<'a> {
    fn bytes(&self, offset: u64, size: u64) -> Result<Cow<'a, [u8]>, Refusal> {
        if let Ok(bytes) = self.head.read_bytes_at(offset, size) {
            return Ok(Cow::Borrowed(bytes));
        }
        let needed = offset.saturating_add(size);
        if needed > self.len {
            return Err(Refusal::Truncated { needed, len: self.len });
        }
        if size > MAX_MANIFESTS {
            return Err(damaged(format!("a table has {size} bytes")));
        }
        let mut bytes = vec![0; usize::try_from(size).expect("1 MiB fits into memory")];
        match read_at(self.file, &mut bytes, offset)? {
            n_read if n_read == bytes.len() => Ok(Cow::Owned(bytes)),
            n_read => Err(Refusal::Truncated { needed, len: offset + n_read as u64 }),
        }
    }
}

fn inspect_elf<Elf: FileHeader<Endian = Endianness>>(
    source: &Source<'_>,
) -> Result<Image, Refusal> {
    let header = Elf::parse(source.head).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let mut image = Image {
        format: Format::Elf,
        architecture: elf_architecture(header, endian),
        bits: if header.is_class_64() { 64 } else { 32 },
        little_endian: header.is_little_endian(),
        kind: elf_kind(header.e_type(endian)),
        manifests: Vec::new(),
        needed: 0,
        len: source.len,
    };
    // Of a library for another platform, that it is one says more than its damages.
    if let Err(refusal) = inspect_segments(&mut image, source, header, endian) {
        image.check_platform()?;
        return Err(refusal);
    }
    if image.manifests.is_empty() && image.needed <= image.len {
        image.manifests = elf_section_manifests::<Elf>(source.file);
    }
    Ok(image)
}

fn inspect_segments<Elf: FileHeader<Endian = Endianness>>(
    image: &mut Image,
    source: &Source<'_>,
    header: &Elf,
    endian: Endianness,
) -> Result<(), Refusal> {
    let table = program_headers(source, header, endian)?;
    let n_segments = usize::from(header.e_phnum(endian));
    let (segments, _) = pod::slice_from_bytes::<Elf::ProgramHeader>(&table, n_segments)
        .map_err(|()| damaged("the program headers have a wrong size"))?;
    for segment in segments {
        match segment.p_type(endian) {
            elf::PT_LOAD => image.needed = image.needed.max(segment_end::<Elf>(segment, endian)),
            elf::PT_NOTE => notes::<Elf>(source, segment, endian, &mut image.manifests),
            _ => {}
        }
    }
    // Linkers write the section headers last. Half of a library with debug information
    // holds all segments; that the headers are missing is what shows.
    image.needed = image.needed.max(section_headers_end(header, endian));
    Ok(())
}

fn program_headers<'a, Elf: FileHeader<Endian = Endianness>>(
    source: &Source<'a>,
    header: &Elf,
    endian: Endianness,
) -> Result<Cow<'a, [u8]>, Refusal> {
    let entry = size_of::<Elf::ProgramHeader>();
    let count = header.e_phnum(endian);
    if count > 0 && usize::from(header.e_phentsize(endian)) != entry {
        return Err(damaged("the program headers have a wrong size"));
    }
    source.bytes(header.e_phoff(endian).into(), u64::from(count) * entry as u64)
}

fn section_headers_end<Elf: FileHeader>(header: &Elf, endian: Elf::Endian) -> u64 {
    let size = u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian));
    let offset: u64 = header.e_shoff(endian).into();
    offset.saturating_add(size)
}

fn segment_end<Elf: FileHeader>(segment: &Elf::ProgramHeader, endian: Elf::Endian) -> u64 {
    let (offset, size) = segment.file_range(endian);
    offset.saturating_add(size)
}

/// Collects the manifests of a note segment. One that cannot be read has none.
fn notes<Elf: FileHeader>(
    source: &Source<'_>,
    segment: &Elf::ProgramHeader,
    endian: Elf::Endian,
    manifests: &mut Vec<Vec<u8>>,
) {
    let (offset, size) = segment.file_range(endian);
    let Ok(bytes) = source.bytes(offset, size) else { return };
    let Ok(mut notes) = NoteIterator::<Elf>::new(endian, segment.p_align(endian), &bytes) else {
        return;
    };
    while let Ok(Some(note)) = notes.next() {
        if note.name() == NOTE_NAME.as_bytes() && note.n_type(endian).0 == NOTE_TYPE {
            manifests.push(note.desc().to_vec());
        }
    }
}

/// Returns the manifests of the link section. A library without section headers has none.
fn elf_section_manifests<Elf: FileHeader<Endian = Endianness>>(file: &File) -> Vec<Vec<u8>> {
    let cache = ReadCache::new(file);
    let read = || -> Option<Vec<Vec<u8>>> {
        let header = Elf::parse(&cache).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, &cache).ok()?;
        let (_, section) = sections.section_by_name(endian, SECTION.as_bytes())?;
        if section.sh_size(endian).into() > MAX_MANIFESTS {
            return None;
        }
        let bytes = section.data(endian, &cache).ok()?;
        Some(manifests_in_section(bytes).into_iter().map(<[u8]>::to_vec).collect())
    };
    read().unwrap_or_default()
}

fn elf_kind(kind: elf::FileType) -> ObjectKind {
    match kind {
        elf::ET_DYN => ObjectKind::Dynamic,
        elf::ET_EXEC => ObjectKind::Executable,
        elf::ET_REL => ObjectKind::Relocatable,
        elf::ET_CORE => ObjectKind::Core,
        _ => ObjectKind::Unknown,
    }
}

fn elf_architecture<Elf: FileHeader>(header: &Elf, endian: Elf::Endian) -> Cow<'static, str> {
    let is_64 = header.is_class_64();
    Cow::Borrowed(match header.e_machine(endian) {
        elf::EM_X86_64 => "x86_64",
        elf::EM_386 => "x86",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_ARM => "arm",
        elf::EM_RISCV if is_64 => "riscv64",
        elf::EM_RISCV => "riscv32",
        elf::EM_PPC64 => "powerpc64",
        elf::EM_PPC => "powerpc",
        elf::EM_S390 => "s390x",
        elf::EM_LOONGARCH if is_64 => "loongarch64",
        elf::EM_MIPS if is_64 => "mips64",
        elf::EM_MIPS => "mips",
        elf::EM_SPARCV9 => "sparc64",
        other => return Cow::Owned(format!("machine {}", other.0)),
    })
}

fn elf_exports<Elf: FileHeader<Endian = Endianness>>(
    cache: &ReadCache<&File>,
    symbol: &str,
) -> Result<bool, Refusal> {
    // Not `object::File`, which also reads the symbols for debuggers, often megabytes.
    let header = Elf::parse(cache).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let sections = header.sections(endian, cache).map_err(damaged)?;
    let symbols = sections.symbols(endian, cache, elf::SHT_DYNSYM).map_err(damaged)?;
    // The table of names is read once and looked at in place: asking for each name by
    // itself costs a read each, and the search for its end a look at the processor.
    let table = sections.section(symbols.string_section()).map_err(damaged)?;
    let names = table.data(endian, cache).map_err(damaged)?;
    let wanted = [symbol.as_bytes(), b"\0"].concat();
    let is_it = |it: &&Elf::Sym| {
        let at = usize::try_from(it.st_name(endian)).unwrap_or(usize::MAX);
        !it.is_undefined(endian)
            && !it.is_local()
            && names.get(at..).is_some_and(|it| it.starts_with(&wanted))
    };
    Ok(symbols.iter().any(|it| is_it(&it)))
}

fn inspect_object(source: &Source<'_>, format: Format) -> Result<Image, Refusal> {
    let cache = ReadCache::new(source.file);
    image_of(&cache, format, source.len)
}

fn inspect_fat<Fat: FatArch>(source: &Source<'_>) -> Result<Image, Refusal> {
    let cache = ReadCache::new(source.file);
    let (offset, size) = fat_range::<Fat, _>(&cache, source.len)?;
    image_of(cache.range(offset, size), Format::MachO, size)
}

/// Returns where the library for this processor is in a universal file, or else the first.
fn fat_range<'a, Fat: FatArch, R: ReadRef<'a>>(data: R, len: u64) -> Result<(u64, u64), Refusal> {
    let fat = MachOFatFile::<Fat>::parse(data).map_err(damaged)?;
    let arches = fat.arches();
    let is_host = |it: &&Fat| rust_name(it.architecture()) == std::env::consts::ARCH;
    let arch = arches.iter().find(is_host).or(arches.first());
    let (offset, size) = arch.ok_or_else(|| damaged("a universal file of nothing"))?.file_range();
    let needed = offset.saturating_add(size);
    if needed > len {
        return Err(Refusal::Truncated { needed, len });
    }
    Ok((offset, size))
}

fn image_of<'a, R: ReadRef<'a>>(data: R, format: Format, len: u64) -> Result<Image, Refusal> {
    let file = object::File::parse(data).map_err(damaged)?;
    let needed =
        file.segments().map(|it| it.file_range()).map(|(at, size)| at.saturating_add(size));
    Ok(Image {
        format,
        architecture: rust_name(file.architecture()),
        bits: if file.is_64() { 64 } else { 32 },
        little_endian: file.is_little_endian(),
        kind: object_kind(&file),
        manifests: section_manifests(&file),
        needed: needed.max().unwrap_or(0),
        len,
    })
}

fn object_kind<'a, R: ReadRef<'a>>(file: &object::File<'a, R>) -> ObjectKind {
    let file_type = match file {
        object::File::MachO32(it) => it.macho_header().filetype.get(it.endian()),
        object::File::MachO64(it) => it.macho_header().filetype.get(it.endian()),
        _ => return file.kind(),
    };
    // A bundle is what Apple's linker makes of a plugin; `dlopen` takes it.
    if file_type == macho::MH_BUNDLE { ObjectKind::Dynamic } else { file.kind() }
}

fn section_manifests<'a, R: ReadRef<'a>>(file: &object::File<'a, R>) -> Vec<Vec<u8>> {
    let name = match file.format() {
        object::BinaryFormat::MachO => MACHO_SECTION,
        _ => SECTION,
    };
    file.sections()
        .filter(|it| it.name_bytes().is_ok_and(|it| it == name.as_bytes()))
        .filter(|it| it.size() <= MAX_MANIFESTS)
        .filter_map(|it| it.data().ok())
        .flat_map(manifests_in_section)
        .map(<[u8]>::to_vec)
        .collect()
}

fn object_exports<'a, R: ReadRef<'a>>(data: R, symbol: &str) -> Result<bool, Refusal> {
    let file = object::File::parse(data).map_err(damaged)?;
    // Apple's linker puts an underscore before the names of C.
    let name = match file.format() {
        object::BinaryFormat::MachO => format!("_{symbol}"),
        _ => symbol.to_owned(),
    };
    for export in file.exports().map_err(damaged)? {
        let export = export.map_err(damaged)?;
        let is_own = matches!(export.target(), object::ExportTarget::Address { .. });
        if is_own && export.name() == object::NameOrOrdinal::Name(name.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn rust_name(architecture: Architecture) -> Cow<'static, str> {
    Cow::Borrowed(match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::I386 => "x86",
        Architecture::Aarch64 => "aarch64",
        Architecture::Arm => "arm",
        Architecture::Riscv64 => "riscv64",
        other => return Cow::Owned(format!("{other:?}").to_ascii_lowercase()),
    })
}

fn damaged(what: impl ToString) -> Refusal {
    Refusal::Damaged { what: what.to_string() }
}

/// Reads until `buf` is full or the file ends, without moving a cursor where that is possible.
fn read_at(file: &File, buf: &mut [u8], offset: u64) -> Result<usize, Refusal> {
    let mut n_read = 0;
    while n_read < buf.len() {
        match read_once(file, &mut buf[n_read..], offset + n_read as u64) {
            Ok(0) => break,
            Ok(n) => n_read += n,
            Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Refusal::Unreadable { source }),
        }
    }
    Ok(n_read)
}

#[cfg(unix)]
fn read_once(file: &File, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

#[cfg(not(unix))]
fn read_once(mut file: &File, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read(buf)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{E_TYPE, EI_CLASS, elf, section};
    use super::*;
    use expect_test::{Expect, expect};
    use object::write::{Object, Symbol, SymbolSection};
    use object::{BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope};
    use std::io::Write;

    fn inspect(file: &File) -> Result<Image, Refusal> {
        inspect_sized(file, file.metadata().unwrap().len())
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Expect) {
        let text = match inspect(&file(bytes)) {
            Ok(it) => {
                let endian = if it.little_endian { "little" } else { "big" };
                let manifests: Vec<_> =
                    it.manifests.iter().map(|it| String::from_utf8_lossy(it)).collect();
                format!(
                    "{} {} {} {endian} {:?} {manifests:?}",
                    it.format, it.architecture, it.bits, it.kind
                )
            }
            Err(err) => format!("refused: {}", err.reason()),
        };
        expected.assert_eq(&text.replace(std::env::consts::ARCH, "[ARCH]"));
    }

    /// Returns an object file with a manifest and a symbol `root`; linkers keep both.
    fn object_file(format: BinaryFormat, architecture: Architecture, json: &str) -> Vec<u8> {
        let mut object = Object::new(format, architecture, Endianness::Little);
        let (segment, name) = match format {
            BinaryFormat::MachO => ("__DATA", MACHO_SECTION),
            _ => ("", SECTION),
        };
        let id = object.add_section(segment.into(), name.into(), SectionKind::Data);
        object.append_section_data(id, &section(json), 8);
        object.add_symbol(Symbol {
            name: b"root".to_vec(),
            value: 0,
            size: 8,
            kind: SymbolKind::Data,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Section(id),
            flags: SymbolFlags::None,
        });
        object.write().unwrap()
    }

    /// Returns a Mach-O dynamic library, or a bundle.
    fn macho(architecture: Architecture, json: &str, file_type: u8) -> Vec<u8> {
        let mut bytes = object_file(BinaryFormat::MachO, architecture, json);
        bytes[12] = file_type;
        bytes
    }

    /// Returns a universal file of two libraries.
    fn universal(first: (u32, &[u8]), second: (u32, &[u8])) -> Vec<u8> {
        let at = [4096, 4096 + first.1.len().next_multiple_of(4096)];
        let mut words = vec![0xcafe_babe, 2];
        for ((cpu, bytes), offset) in [first, second].into_iter().zip(at) {
            words.extend([cpu, 0, offset as u32, bytes.len() as u32, 12]);
        }
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        for ((_, library), offset) in [first, second].into_iter().zip(at) {
            bytes.resize(offset, 0);
            bytes.extend(library);
        }
        bytes
    }

    fn pe(json: &str) -> Vec<u8> {
        use object::pe::{
            IMAGE_FILE_DLL, IMAGE_FILE_EXECUTABLE_IMAGE, IMAGE_FILE_MACHINE_AMD64,
            IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_READ, IMAGE_SUBSYSTEM_WINDOWS_CUI,
        };
        let data = section(json);
        let mut bytes = Vec::new();
        let mut writer = object::write::pe::Writer::new(true, 4096, 512, &mut bytes);
        writer.reserve_dos_header();
        writer.reserve_nt_headers(16);
        writer.reserve_section_headers(1);
        let flags = IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ;
        let len = data.len() as u32;
        let range = writer.reserve_section(*b".pintle\0", flags, len, len);
        writer.write_empty_dos_header().unwrap();
        writer.write_nt_headers(object::write::pe::NtHeaders {
            machine: IMAGE_FILE_MACHINE_AMD64,
            time_date_stamp: 0,
            characteristics: IMAGE_FILE_EXECUTABLE_IMAGE | IMAGE_FILE_DLL,
            major_linker_version: 0,
            minor_linker_version: 0,
            address_of_entry_point: 0,
            image_base: 0x1_8000_0000,
            major_operating_system_version: 6,
            minor_operating_system_version: 0,
            major_image_version: 0,
            minor_image_version: 0,
            major_subsystem_version: 6,
            minor_subsystem_version: 0,
            subsystem: IMAGE_SUBSYSTEM_WINDOWS_CUI,
            dll_characteristics: object::pe::DllFlags(0),
            size_of_stack_reserve: 0,
            size_of_stack_commit: 0,
            size_of_heap_reserve: 0,
            size_of_heap_commit: 0,
        });
        writer.write_section_headers();
        writer.write_section(range.file_offset, &data);
        bytes
    }

    #[test]
    fn elf_manifests_are_read_from_notes() {
        check(&elf(&["{1}"]), expect![[r#"ELF [ARCH] 64 little Dynamic ["{1}"]"#]]);
        check(&elf(&["{1}", "{2}"]), expect![[r#"ELF [ARCH] 64 little Dynamic ["{1}", "{2}"]"#]]);
        check(&elf(&[]), expect!["ELF [ARCH] 64 little Dynamic []"]);
    }

    #[test]
    fn a_manifest_may_be_longer_than_what_is_read_first() {
        let long = "x".repeat(3 * HEAD);
        let image = inspect(&file(&elf(&[&long]))).unwrap();
        assert_eq!(image.manifests(), [long.into_bytes()]);
    }

    #[test]
    fn an_elf_manifest_without_a_note_is_read_from_its_section() {
        let bytes = object_file(BinaryFormat::Elf, Architecture::Riscv64, "{}");
        check(&bytes, expect![[r#"ELF riscv64 64 little Relocatable ["{}"]"#]]);
    }

    #[test]
    fn elf_of_another_class_is_read_too() {
        let mut bytes = object_file(BinaryFormat::Elf, Architecture::I386, "{}");
        assert_eq!(bytes[EI_CLASS], 1);
        bytes[E_TYPE] = 3;
        check(&bytes, expect![[r#"ELF x86 32 little Dynamic ["{}"]"#]]);
        let object = Object::new(BinaryFormat::Elf, Architecture::S390x, Endianness::Big);
        let image = inspect(&file(&object.write().unwrap())).unwrap();
        let err = image.check_fit().unwrap_err();
        assert_eq!(
            err.to_string(),
            "it is a big-endian library, this host is a little-endian program"
        );
    }

    #[test]
    fn macho_manifests_are_read_on_any_platform() {
        let dylib = macho(Architecture::Aarch64, "{}", 6);
        check(&dylib, expect![[r#"Mach-O aarch64 64 little Dynamic ["{}"]"#]]);
        let bundle = macho(Architecture::Aarch64, "{}", 8);
        check(&bundle, expect![[r#"Mach-O aarch64 64 little Dynamic ["{}"]"#]]);
    }

    #[test]
    fn of_a_universal_file_this_processors_part_is_read() {
        let (x86, arm) = (0x0100_0007, 0x0100_000c);
        let one = macho(Architecture::X86_64, "{x86_64}", 6);
        let two = macho(Architecture::Aarch64, "{aarch64}", 6);
        for bytes in [universal((x86, &one), (arm, &two)), universal((arm, &two), (x86, &one))] {
            check(&bytes, expect![[r#"Mach-O [ARCH] 64 little Dynamic ["{[ARCH]}"]"#]]);
            assert!(exports(&file(&bytes), "root").unwrap());
        }
    }

    #[test]
    fn pe_manifests_are_read_on_any_platform() {
        let image = inspect(&file(&pe("{}"))).unwrap();
        assert_eq!((image.format(), image.architecture()), (Format::Pe, "x86_64"));
        assert_eq!((image.kind, image.manifests()), (ObjectKind::Dynamic, &[b"{}".to_vec()][..]));
        assert!(!exports(&file(&pe("{}")), "root").unwrap());
    }

    #[test]
    fn other_bytes_are_refused() {
        check(b"", expect!["refused: it is empty"]);
        check(b"#!/bin/sh\nexit 0\n", expect!["refused: it is not a library"]);
        check(b"\x7fELF", expect!["refused: it is not a library"]);
        check(
            b"\x7fELF\x02\x01\x01 and then text",
            expect!["refused: it is damaged: Invalid ELF header size or alignment"],
        );
        check(&[0; 5000], expect!["refused: it is not a library"]);
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let samples = [
            elf(&["{}"]),
            object_file(BinaryFormat::Elf, Architecture::X86_64, "{}"),
            macho(Architecture::X86_64, "{}", 6),
            pe("{}"),
        ];
        for sample in samples {
            for len in (0..sample.len()).step_by(7) {
                let _ = inspect(&file(&sample[..len])).map(|it| it.check_fit());
                let _ = exports(&file(&sample[..len]), "root");
            }
            for at in 0..sample.len().min(600) {
                let mut bytes = sample.clone();
                bytes[at] = 0xff;
                let _ = inspect(&file(&bytes)).map(|it| it.check_fit());
                let _ = exports(&file(&bytes), "root");
            }
        }
    }

    #[test]
    fn a_symbol_must_be_defined_by_the_library_itself() {
        let macho = file(&macho(Architecture::X86_64, "{}", 6));
        assert!(exports(&macho, "root").unwrap());
        assert!(!exports(&macho, "oot").unwrap());
        assert!(exports(&file(b"no library at all"), "root").is_err());
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn an_imported_elf_symbol_is_not_an_export() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let library = |name: &str| {
            let path = maps.split_whitespace().find(|it| it.contains(name));
            File::open(path.expect("the test binary links to it")).unwrap()
        };
        assert!(exports(&library("/libc.so"), "malloc").unwrap());
        assert!(!exports(&library("/libgcc_s.so"), "malloc").unwrap());
        assert!(exports(&library("/libgcc_s.so"), "_Unwind_Resume").unwrap());
    }
}
