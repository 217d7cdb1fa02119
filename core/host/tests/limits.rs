//! The cost of a crafted file before it is refused: bytes that are read, and memory.
//!
//! The kernel counts the bytes, and the allocator counts the memory, so no reader can be missed.
//! The tests are a separate program that runs one test at a time, because there is one allocator.
#![cfg(target_os = "linux")]

use expect_test::{Expect, expect};
use peak_alloc::PeakAlloc;
use pintle_host::catalog::library_file::{self, exports, lint};
use pintle_host::catalog::{Catalog, Manifest, Rules, examine};
use pintle_host::causes::with_causes;
use pintle_plugin::manifest::{
    ABI_STABLE_VERSION, INTERFACE_VERSION, MACHO_SECTION, NOTE_TYPE, SECTION, SECTION_MAGIC,
    TARGET, limits,
};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How many bytes of a file may be read before it is refused or listed.
const MAX_READ: u64 = 64 * 1024;

/// How much memory this may take.
const MAX_MEMORY: usize = 1024 * 1024;

/// How much memory a tool that reads symbol tables may take, besides the file's size.
const MAX_THOROUGH: usize = 16 * 1024 * 1024;

/// The tests read two counters of the whole process, so only one runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how many bytes this thread has read so far, and how many of them for this query.
fn n_read() -> (u64, u64) {
    let counters = std::fs::read_to_string("/proc/thread-self/io").expect("Linux counts them");
    let line = counters.lines().find_map(|it| it.strip_prefix("rchar: "));
    let n_read = line.and_then(|it| it.parse().ok()).expect("it is a number of bytes");
    (n_read, counters.len() as u64)
}

/// Runs `work`, and returns its result, how many bytes it read, and how much memory it took.
fn measured<T>(work: impl FnOnce() -> T) -> (T, u64, usize) {
    let ((before, of_looking), memory) = (n_read(), MEMORY.current_usage());
    MEMORY.reset_peak_usage();
    let res = work();
    let memory = MEMORY.peak_usage().saturating_sub(memory);
    (res, n_read().0 - before - of_looking, memory)
}

struct Crafted {
    /// Keeps the file.
    _dir: TempDir,
    path: PathBuf,
    len: u64,
}

/// Writes a file; bytes that are not given are a hole, up to `len`.
fn crafted(parts: &[(u64, &[u8])], len: u64) -> Crafted {
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let path = dir.path().join("libit.so");
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    let file = file.expect("the directory is empty");
    for (at, bytes) in parts {
        file.write_all_at(bytes, *at).expect("the file is ours");
    }
    let len = len.max(file.metadata().expect("the file is ours").len());
    file.set_len(len).expect("the file system has files with holes");
    Crafted { _dir: dir, path, len }
}

/// Examines a file as the catalog does, and checks why it is refused, and the cost.
#[track_caller]
fn check_crafted(file: &Crafted, expected: Expect) {
    let rules = Rules::default();
    let (res, n_read, memory) = measured(|| examine(&file.path, &rules));
    let text = match res {
        Ok(it) => format!("{} is accepted", it.key),
        Err(it) => with_causes(&it.refusal),
    };
    expected.assert_eq(&text.replace(std::env::consts::ARCH, "[ARCH]"));
    assert!(n_read <= MAX_READ, "{n_read} bytes were read");
    assert!(memory <= MAX_MEMORY, "{memory} bytes of memory were taken");
    assert!(text.len() < 1024, "the message has {} bytes", text.len());
    // A tool that reads files of all platforms takes no more.
    let (_, n_read, memory) = measured(|| library_file::open(&file.path).map(drop));
    assert!(n_read <= MAX_READ, "{n_read} bytes were read of any library");
    assert!(memory <= MAX_MEMORY, "{memory} bytes of memory were taken for any library");
    check_tools(file);
}

/// Checks that the tools which read more have a limit as well.
#[track_caller]
fn check_tools(file: &Crafted) {
    let opened = File::open(&file.path).expect("the file is ours");
    let (_, n_read, memory) = measured(|| {
        drop(exports(&opened, "pintle_root_it"));
        drop(lint(&file.path, "2.31".parse().ok()));
    });
    let small = file.len.min(MAX_THOROUGH as u64) as usize;
    assert!(memory <= small + MAX_THOROUGH, "{memory} bytes of memory were taken by tools");
    assert!(n_read <= 2 * (small + MAX_THOROUGH) as u64, "{n_read} bytes were read by tools");
}

#[track_caller]
fn check(parts: &[(u64, &[u8])], len: u64, expected: Expect) {
    check_crafted(&crafted(parts, len), expected);
}

/// Checks what is found in a library of another platform, and the cost.
#[track_caller]
fn check_foreign(bytes: &[u8], len: u64, expected: Expect) {
    let file = crafted(&[(0, bytes)], len);
    let (res, n_read, memory) = measured(|| library_file::open(&file.path));
    let text = match res {
        Ok(it) => {
            format!("{} for {}: {} manifests", it.format(), it.architecture(), it.manifests().len())
        }
        Err(err) => with_causes(&err),
    };
    expected.assert_eq(&text);
    assert!(n_read <= MAX_READ, "{n_read} bytes were read");
    assert!(memory <= MAX_MEMORY, "{memory} bytes of memory were taken");
    // For the catalog, its format is sufficient.
    let (res, n_read, _) = measured(|| examine(&file.path, &Rules::default()));
    let refusal = with_causes(&res.expect_err("it is of another platform").refusal);
    assert!(refusal.starts_with("it is a library in "), "{refusal}");
    assert!(n_read <= 4096, "{n_read} bytes were read");
    check_tools(&file);
}

const HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;
const SECTION_HEADER: u64 = 64;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const SHT_STRTAB: u32 = 3;
const SHT_DYNSYM: u32 = 11;

/// Returns the header of an ELF library for this machine.
fn header(n_segments: u16, sections_at: u64, n_sections: u16) -> Vec<u8> {
    let machine = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    header_for(machine, n_segments, sections_at, n_sections)
}

fn header_for(machine: u16, n_segments: u16, sections_at: u64, n_sections: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend([3, machine].map(u16::to_le_bytes).concat());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend([0, HEADER, sections_at].map(u64::to_le_bytes).concat());
    bytes.extend(0u32.to_le_bytes());
    let (segment, section) = (PROGRAM_HEADER as u16, SECTION_HEADER as u16);
    bytes.extend([64, segment, n_segments, section, n_sections, 1].map(u16::to_le_bytes).concat());
    bytes
}

fn segment(kind: u32, offset: u64, size: u64) -> Vec<u8> {
    let mut bytes = [kind, 4].map(u32::to_le_bytes).concat();
    bytes.extend([offset, offset, offset, size, size, 4].map(u64::to_le_bytes).concat());
    bytes
}

fn section(name: u32, kind: u32, offset: u64, size: u64, link: u32) -> Vec<u8> {
    let mut bytes = [name, kind].map(u32::to_le_bytes).concat();
    bytes.extend([0, 0, offset, size].map(u64::to_le_bytes).concat());
    bytes.extend([link, 1].map(u32::to_le_bytes).concat());
    bytes.extend([8u64, 24].map(u64::to_le_bytes).concat());
    bytes
}

fn note(owner: &[u8; 8], kind: u32, desc: &[u8]) -> Vec<u8> {
    let len = u32::try_from(desc.len()).expect("it is short");
    let mut bytes = [7, len, kind].map(u32::to_le_bytes).concat();
    bytes.extend(owner);
    bytes.extend(desc);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn manifest_note(json: &str) -> Vec<u8> {
    note(b"Pintle\0\0", NOTE_TYPE, json.as_bytes())
}

/// Returns a library with the name of its root symbol and with notes.
fn elf(notes: &[u8]) -> Vec<u8> {
    elf_for(&header(2, 0, 0), notes)
}

fn elf_for(header: &[u8], notes: &[u8]) -> Vec<u8> {
    let strings = b"\0pintle_root_it\0";
    let start = HEADER + 2 * PROGRAM_HEADER + strings.len() as u64;
    let n_notes = notes.len() as u64;
    let segments =
        [segment(PT_LOAD, 0, start + n_notes), segment(PT_NOTE, start, n_notes)].concat();
    [header, &segments, strings, notes].concat()
}

/// Returns a manifest that this host accepts, changed by `patch`.
fn manifest(patch: &Value) -> String {
    let mut manifest = json!({
        "format": 1,
        "name": "hello.example.org",
        "version": "1.2.3",
        "abi": {
            "interface": INTERFACE_VERSION,
            "abi_stable": ABI_STABLE_VERSION,
            "panic": "unwind",
            "root": "pintle_root_it",
        },
        "target": TARGET,
        "host": "*",
        "project_versions": ["3"],
    });
    for (name, value) in patch.as_object().into_iter().flatten() {
        manifest[name] = value.clone();
    }
    manifest.to_string()
}

#[track_caller]
fn check_manifest(patch: Value, expected: Expect) {
    check(&[(0, &elf(&manifest_note(&manifest(&patch))))], 0, expected);
}

#[test]
fn a_plugin_takes_little_of_what_it_may() {
    let _alone = alone();
    let file = crafted(&[(0, &elf(&manifest_note(&manifest(&json!({})))))], 0);
    check_crafted(&file, expect!["hello.example.org/v1.2.3 is accepted"]);
    let (_, n_read, _) = measured(|| examine(&file.path, &Rules::default()).map(drop));
    assert!(n_read <= 4096, "{n_read} bytes were read");
}

#[test]
fn the_longest_manifest_is_read() {
    let _alone = alone();
    let nouns = |n: usize| {
        let noun = |idx: usize| json!({"path": [format!("n{idx}")], "about": "x".repeat(980)});
        json!({"nouns": (0..n).map(noun).collect::<Vec<_>>()})
    };
    let json = manifest(&nouns(31));
    assert!(json.len() > 31_000 && json.len() <= 32 * 1024, "{}", json.len());
    check_manifest(nouns(31), expect!["hello.example.org/v1.2.3 is accepted"]);
    check_manifest(nouns(40), expect!["its manifest has 40538 bytes, but the limit is 32768"]);
}

#[test]
fn megabytes_of_notes_are_not_read() {
    let _alone = alone();
    let one = note(b"Other\0\0\0", 1, b"");
    let notes = one.repeat(2 * 1024 * 1024 / one.len());
    check(
        &[(0, &elf(&notes))],
        0,
        expect!["more than 65536 bytes of it would have to be read to identify it"],
    );
    check(&[(0, &elf(&one.repeat(1000)))], 0, expect!["it has 65 notes, but the limit is 64"]);
}

#[test]
fn a_file_of_holes_is_not_read() {
    let _alone = alone();
    let huge = 1 << 31;
    // Its notes are the hole.
    let notes = [header(1, 0, 0), segment(PT_NOTE, 4096, huge)].concat();
    check(
        &[(0, &notes)],
        4096 + huge,
        expect!["more than 65536 bytes of it would have to be read to identify it"],
    );
    // Its section is.
    let names = b"\0.pintle\0";
    let sections = [
        section(0, 0, 0, 0, 0),
        section(0, SHT_STRTAB, 4096, names.len() as u64, 0),
        section(1, 1, 8192, huge, 0),
    ];
    check(
        &[(0, &header(0, 512, 3)), (512, &sections.concat()), (4096, names)],
        8192 + huge,
        expect!["more than 65536 bytes of it would have to be read to identify it"],
    );
    // Its symbol tables are; they are read before it is loaded.
    let sections = [
        section(0, 0, 0, 0, 0),
        section(0, SHT_STRTAB, 4096, names.len() as u64, 0),
        section(0, SHT_DYNSYM, 8192, huge / 24 * 24, 3),
        section(0, SHT_STRTAB, 8192, huge, 0),
    ];
    let note = manifest_note(&manifest(&json!({})));
    let segments = [segment(PT_LOAD, 0, 4096), segment(PT_NOTE, 2048, note.len() as u64)];
    check(
        &[
            (0, &header(2, 512, 4)),
            (HEADER, &segments.concat()),
            (512, &sections.concat()),
            (2048, &note),
            (4096, names),
        ],
        8192 + huge,
        expect!["hello.example.org/v1.2.3 is accepted"],
    );
}

#[test]
fn thousands_of_headers_are_not_read() {
    let _alone = alone();
    check(
        &[(0, &header(u16::MAX, 0, 0))],
        8 << 20,
        expect!["it has 65535 program headers, but the limit is 64"],
    );
    let segments = segment(PT_NOTE, 0, 0).repeat(65);
    check(
        &[(0, &header(65, 0, 0)), (HEADER, &segments)],
        8 << 20,
        expect!["it has 65 program headers, but the limit is 64"],
    );
    check(
        &[(0, &header(0, 4096, 65_000))],
        8 << 20,
        expect!["it has 65000 sections, but the limit is 512"],
    );
    // There are more sections than the header can express: the first one contains their number.
    let first = section(0, 0, 0, 1 << 24, 0);
    check(
        &[(0, &header(0, 4096, 0)), (4096, &first)],
        2 << 30,
        expect!["more than 65536 bytes of it would have to be read to identify it"],
    );
}

#[test]
fn sections_whose_names_are_long_are_not_read() {
    let _alone = alone();
    let sections = section(1, 1, 0, 0, 0).repeat(500);
    let names = section(0, SHT_STRTAB, 65_536, 65_536, 0);
    let sections = [section(0, 0, 0, 0, 0), names, sections].concat();
    check(
        &[(0, &header(0, 4096, 502)), (4096, &sections), (65_536, &[b'x'; 65_536])],
        0,
        expect!["more than 65536 bytes of it would have to be read to identify it"],
    );
}

#[test]
fn notes_that_overlap_are_read_once_each() {
    let _alone = alone();
    let note = manifest_note(&manifest(&json!({})));
    let len = note.len() as u64;
    // Different sizes, so that no two segments are the same.
    let segments: Vec<u8> = (0..64).flat_map(|it| segment(PT_NOTE, 8192, len + 4 * it)).collect();
    check(
        &[(0, &header(64, 0, 0)), (HEADER, &segments), (8192, &note)],
        64 * 1024,
        expect!["it has more than one plugin manifest"],
    );
    check(
        &[(0, &header(64, 0, 0)), (HEADER, &segments)],
        64 * 1024,
        expect!["it has 65 notes, but the limit is 64"],
    );
}

#[test]
fn another_machine_is_seen_before_anything_else() {
    let _alone = alone();
    let notes = note(b"Other\0\0\0", 1, b"").repeat(100_000);
    let file = crafted(&[(0, &elf_for(&header_for(22, 2, 0, 0), &notes))], 0);
    check_crafted(&file, expect!["it is a library for s390x, but this host runs on [ARCH]"]);
    let (_, n_read, _) = measured(|| examine(&file.path, &Rules::default()).map(drop));
    assert!(n_read <= 4096, "{n_read} bytes were read");
}

#[test]
fn the_second_manifest_is_the_last_one_that_is_read() {
    let _alone = alone();
    let one = manifest_note(&manifest(&json!({})));
    let expected = || expect!["it has more than one plugin manifest"];
    check(&[(0, &elf(&one.repeat(2)))], 0, expected());
    check(&[(0, &elf(&one.repeat(50)))], 0, expected());
}

#[test]
fn a_manifest_that_is_too_large_is_refused() {
    let _alone = alone();
    let text = |len: usize| "x".repeat(len);
    let commands = |n: usize| {
        let command = |idx: usize| json!({"path": [format!("c{idx}")]});
        json!({"commands": (0..n).map(command).collect::<Vec<_>>()})
    };
    check_manifest(
        json!({"description": text(100_000)}),
        expect!["more than 65536 bytes of it would have to be read to identify it"],
    );
    check_manifest(
        json!({"description": text(40_000)}),
        expect!["its manifest has 40235 bytes, but the limit is 32768"],
    );
    check_manifest(
        json!({"description": text(20_000)}),
        expect!["the description in its manifest has 20000 bytes, but the limit is 1024"],
    );
    check_manifest(
        json!({"name": text(20_000)}),
        expect!["the name in its manifest has 20000 bytes, but the limit is 256"],
    );
    check_manifest(
        json!({"version": format!("1.0.0-{}", text(20_000))}),
        expect!["the version in its manifest has 20006 bytes, but the limit is 256"],
    );
    check_manifest(
        json!({"target": text(20_000)}),
        expect!["the target in its manifest has 20000 bytes, but the limit is 256"],
    );
    check_manifest(
        json!({"events": [text(300)]}),
        expect!["the event in its manifest has 300 bytes, but the limit is 256"],
    );
    check_manifest(commands(256), expect!["hello.example.org/v1.2.3 is accepted"]);
    check_manifest(commands(1000), expect!["its manifest has 1000 commands, but the limit is 256"]);
    check_manifest(
        json!({"commands": vec![json!({}); 8000]}),
        expect!["its manifest has 8000 commands, but the limit is 256"],
    );
    check_manifest(
        json!({"commands": [{"path": vec!["a"; 9]}]}),
        expect!["its manifest has 9 words in a command, but the limit is 8"],
    );
    check_manifest(
        json!({"subcommands": vec!["a"; 5000]}),
        expect!["its manifest has 5000 subcommands, but the limit is 64"],
    );
    check_manifest(
        json!({"nouns": [{"path": ["a"], "about": "", "long_about": text(9000)}]}),
        expect!["the help for a noun in its manifest has 9000 bytes, but the limit is 8192"],
    );
}

#[test]
fn nothing_is_in_a_manifest_twice() {
    let _alone = alone();
    let command = json!({"path": ["a", "b"], "about": ""});
    check_manifest(
        json!({"commands": [command, {"path": ["a", "c"]}, command]}),
        expect!["its manifest contains the command `a b` twice"],
    );
    check_manifest(
        json!({"nouns": [command, command]}),
        expect!["its manifest contains the noun `a b` twice"],
    );
    for (field, expected) in [
        ("events", expect!["its manifest contains the event `3` twice"]),
        ("interfaces", expect!["its manifest contains the interface `3` twice"]),
        ("project_versions", expect!["its manifest contains the project version `3` twice"]),
        ("subcommands", expect!["its manifest contains the subcommand `3` twice"]),
    ] {
        check_manifest(json!({field: ["3", "4", "3"]}), expected);
    }
    let twice = manifest(&json!({})).replacen('{', "{\"name\":\"other\",", 1);
    check(
        &[(0, &elf(&manifest_note(&twice)))],
        0,
        expect![
            "its manifest cannot be read: the manifest is not valid JSON: duplicate field `name` at line 1 column 33"
        ],
    );
}

#[test]
fn what_the_json_reader_quotes_is_cut() {
    let _alone = alone();
    let quoted = format!("{{\"format\":\"{}\"}}", "x".repeat(30_000));
    check(
        &[(0, &elf(&manifest_note(&quoted)))],
        0,
        expect![[
            r#"its manifest cannot be read: the manifest is not valid JSON: invalid type: string "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"#
        ]],
    );
    check(
        &[(0, &elf(&manifest_note(&"[".repeat(30_000))))],
        0,
        expect![
            "its manifest cannot be read: the manifest is not valid JSON: invalid type: sequence, expected u32 at line 1 column 1"
        ],
    );
}

/// Returns the bytes of a manifest's link section.
fn link_section(json: &str) -> Vec<u8> {
    let len = u32::try_from(json.len()).expect("it is short").to_le_bytes();
    [SECTION_MAGIC.as_slice(), &len, json.as_bytes()].concat()
}

/// Returns a Mach-O library with a manifest.
fn mach_o() -> Vec<u8> {
    use object::write::Object;
    use object::{Architecture, BinaryFormat, Endianness, SectionKind};
    let mut object = Object::new(BinaryFormat::MachO, Architecture::Aarch64, Endianness::Little);
    let id = object.add_section("__DATA".into(), MACHO_SECTION.into(), SectionKind::Data);
    object.append_section_data(id, &link_section("{}"), 8);
    let mut bytes = object.write().expect("it is well-made");
    bytes[12] = 6;
    bytes
}

/// Returns a PE library with a manifest, and with more sections.
fn pe(n_more: usize) -> Vec<u8> {
    use object::pe;
    let data = link_section("{}");
    let mut bytes = Vec::new();
    let mut writer = object::write::pe::Writer::new(true, 4096, 512, &mut bytes);
    writer.reserve_dos_header();
    writer.reserve_nt_headers(16);
    writer.reserve_section_headers(u16::try_from(1 + n_more).expect("it is a number of 16 bits"));
    let flags = pe::IMAGE_SCN_CNT_INITIALIZED_DATA | pe::IMAGE_SCN_MEM_READ;
    let len = u32::try_from(data.len()).expect("it is short");
    let range = writer.reserve_section(*b".pintle\0", flags, len, len);
    for _ in 0..n_more {
        writer.reserve_section(*b".other\0\0", flags, 0, 0);
    }
    writer.write_empty_dos_header().expect("it is reserved");
    writer.write_nt_headers(object::write::pe::NtHeaders {
        machine: pe::IMAGE_FILE_MACHINE_AMD64,
        time_date_stamp: 0,
        characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_DLL,
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
        subsystem: pe::IMAGE_SUBSYSTEM_WINDOWS_CUI,
        dll_characteristics: pe::DllFlags(0),
        size_of_stack_reserve: 0,
        size_of_stack_commit: 0,
        size_of_heap_reserve: 0,
        size_of_heap_commit: 0,
    });
    writer.write_section_headers();
    writer.write_section(range.file_offset, &data);
    bytes
}

fn patched(mut bytes: Vec<u8>, at: usize, value: &[u8]) -> Vec<u8> {
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn a_mach_o_library_with_many_load_commands_is_not_read() {
    let _alone = alone();
    check_foreign(&mach_o(), 0, expect!["Mach-O for aarch64: 1 manifests"]);
    let many = patched(mach_o(), 16, &1_000_000u32.to_le_bytes());
    check_foreign(&many, 64 << 20, expect!["it has 1000000 load commands, but the limit is 256"]);
    let long = patched(mach_o(), 20, &1_000_000_000u32.to_le_bytes());
    check_foreign(
        &long,
        2 << 30,
        expect!["it has 1000000000 bytes of load commands, but the limit is 32768"],
    );
}

#[test]
fn a_mach_o_library_with_a_huge_section_is_not_read() {
    let _alone = alone();
    let bytes = mach_o();
    let name = bytes.windows(8).position(|it| it == MACHO_SECTION.as_bytes());
    let name = name.expect("the section has its name");
    // After both names and the address.
    let huge = patched(bytes, name + 40, &(1u64 << 30).to_le_bytes());
    check_foreign(
        &huge,
        2 << 30,
        expect!["more than 65536 bytes of it would have to be read to identify it"],
    );
}

#[test]
fn a_universal_file_with_many_libraries_is_not_read() {
    let _alone = alone();
    let fat = [0xcafe_babe_u32, 1_000_000].map(u32::to_be_bytes).concat();
    check_foreign(&fat, 64 << 20, expect!["it has 1000000 architectures, but the limit is 16"]);
    // A universal file in a universal file is not followed.
    let arch = [0x0100_000c, 0, 0, 4096, 12].map(u32::to_be_bytes).concat();
    let nested = [[0xcafe_babe_u32, 1].map(u32::to_be_bytes).concat(), arch].concat();
    check_foreign(
        &nested,
        64 << 10,
        expect!["it is damaged: it is a universal file that does not contain libraries"],
    );
}

#[test]
fn a_pe_library_with_many_sections_is_not_read() {
    let _alone = alone();
    check_foreign(&pe(0), 0, expect!["PE for x86_64: 1 manifests"]);
    check_foreign(&pe(90), 0, expect!["PE for x86_64: 1 manifests"]);
    check_foreign(&pe(60_000), 0, expect!["it has 60001 sections, but the limit is 512"]);
}

#[test]
fn a_pe_library_with_a_huge_section_is_not_read() {
    let _alone = alone();
    let bytes = pe(0);
    let name = bytes.windows(8).position(|it| it == b".pintle\0").expect("it has its name");
    let size = 1_000_000_000u32.to_le_bytes();
    let huge = patched(patched(bytes, name + 8, &size), name + 16, &size);
    check_foreign(
        &huge,
        2 << 30,
        expect!["more than 65536 bytes of it would have to be read to identify it"],
    );
    assert_eq!(SECTION, ".pintle");
}

#[test]
fn a_command_of_a_thousand_plugins_has_one_record_each() {
    let _alone = alone();
    let plugin = |idx: usize| {
        let (name, own) = (format!("p{idx:03}.example.org"), format!("p{idx:03}"));
        let commands =
            json!([{"path": ["sail"]}, {"path": ["port", own]}, {"path": ["port", own, "x"]}]);
        Manifest::parse(manifest(&json!({"name": name, "commands": commands})).as_bytes())
            .expect("it is one")
    };
    let plugins: Vec<_> = (0..1000).map(plugin).collect();
    let noun = manifest(&json!({"name": "noun.example.org", "commands": [{"path": ["port"]}]}));
    let noun = Manifest::parse(noun.as_bytes()).expect("it is one");
    let (catalog, _, memory) =
        measured(|| Catalog::from_manifests(plugins.into_iter().chain([noun])));
    assert!(memory <= 16 * MAX_MEMORY, "{memory} bytes of memory were taken");
    let reasons = catalog.entries().iter().filter_map(|it| it.reason());
    let reasons: Vec<_> = reasons.map(|it| it.to_string()).collect();
    assert_eq!(reasons.len(), 1001);
    assert!(reasons.iter().map(String::len).sum::<usize>() < MAX_MEMORY);
    expect!["its command `port p000` conflicts with `port` of `noun.example.org/v1.2.3`; its command `port p000 x` conflicts with `port` of `noun.example.org/v1.2.3`; its command `sail` is also provided by `p001.example.org/v1.2.3`, `p002.example.org/v1.2.3`, `p003.example.org/v1.2.3` and 996 more"].assert_eq(&reasons[0]);
    expect!["its command `port p999` conflicts with `port` of `noun.example.org/v1.2.3`; its command `port p999 x` conflicts with `port` of `noun.example.org/v1.2.3`; its command `sail` is also provided by `p000.example.org/v1.2.3`, `p001.example.org/v1.2.3`, `p002.example.org/v1.2.3` and 996 more"].assert_eq(&reasons[999]);
    expect!["its command `port` conflicts with `port p000` of `p000.example.org/v1.2.3`, `port p000 x` of `p000.example.org/v1.2.3`, `port p001` of `p001.example.org/v1.2.3` and 1997 more"].assert_eq(&reasons[1000]);
    let err = catalog.find_command(&["sail".to_owned()]).err().map(|it| it.to_string());
    expect!["several plugins claim the command `sail`: `p000.example.org/v1.2.3`, `p001.example.org/v1.2.3`, `p002.example.org/v1.2.3`, `p003.example.org/v1.2.3` and 996 more"].assert_eq(&err.unwrap_or_default());
}

#[test]
fn the_guide_for_authors_has_the_limits() {
    let _alone = alone();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugin-author.md");
    let guide = std::fs::read_to_string(guide).expect("the guide is there");
    for row in [
        format!("| {} bytes | the whole manifest", limits::BYTES),
        format!("| {} | commands", limits::COMMANDS),
        format!("| {} words |", limits::WORDS),
        format!("| {} items |", limits::ITEMS),
        format!("| {} bytes | a name", limits::NAME),
        format!("| {} bytes | a text of one line", limits::LINE),
        format!("| {} bytes | the long help", limits::LONG_ABOUT),
        format!("at most {MAX_READ} bytes of its file"),
    ] {
        assert!(guide.contains(&row), "{row}");
    }
}

#[test]
fn the_library_of_a_running_program_is_read_within_the_limits() {
    let _alone = alone();
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    let libc = maps.split_whitespace().find(|it| it.contains("/libc.so"));
    let Some(libc) = libc.map(Path::new) else { return };
    let len = libc.metadata().expect("it is loaded").len();
    let file = crafted(&[(0, &std::fs::read(libc).expect("it is loaded"))], len);
    check_crafted(&file, expect!["it has no plugin manifest"]);
}
