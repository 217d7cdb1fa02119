//! Archives that are built here: valid ones, and one for each rule.

use super::*;
use flate2::Compression;
use std::error::Error as _;
use std::io::Write as _;
use tar::{EntryType, Header};
use zip::write::SimpleFileOptions;

const LIMITS: Limits = Limits { n_entries: 8, file: 1_000_000, total: 3_000_000, ratio: 10 };
const PLENTY: u64 = 1 << 30;

/// The compression of a tar archive.
type Compress = fn(&[u8]) -> Vec<u8>;
const COMPRESSIONS: [(&str, Kind, Compress); 3] =
    [("gz", Kind::TarGz, gz), ("xz", Kind::TarXz, xz), ("zst", Kind::TarZst, zst)];

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    // As the program does it. Without it, a changed byte may not be noticed.
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A raw entry, which may be invalid.
struct Raw<'a> {
    path: &'a [u8],
    kind: u8,
    mode: u32,
    content: &'a [u8],
}

fn file<'a>(path: &'a str, content: &'a [u8]) -> Raw<'a> {
    Raw { path: path.as_bytes(), kind: b'0', mode: 0o644, content }
}

fn directory(path: &str) -> Raw<'_> {
    Raw { kind: b'5', ..file(path, b"") }
}

fn of_kind<'a>(kind: u8, path: &'a str, content: &'a [u8]) -> Raw<'a> {
    Raw { kind, ..file(path, content) }
}

fn header(entry: &Raw<'_>) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(entry.content.len() as u64);
    header.set_mode(entry.mode);
    header.set_entry_type(EntryType::new(entry.kind));
    let name = &mut header.as_gnu_mut().unwrap().name;
    name[..entry.path.len()].copy_from_slice(entry.path);
    header.set_cksum();
    header
}

fn tarball(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        builder.append(&header(entry), entry.content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zipped(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default().unix_permissions(entry.mode);
        let path = std::str::from_utf8(entry.path).unwrap();
        match entry.kind {
            b'5' => writer.add_directory(path, options).unwrap(),
            b'2' => writer.add_symlink(path, "target", options).unwrap(),
            _ => {
                writer.start_file(path, options).unwrap();
                writer.write_all(entry.content).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

/// Returns a record of an extended header.
fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let len = (1..).find(|it: &usize| it.to_string().len() + rest.len() == *it).unwrap();
    format!("{len}{rest}").into_bytes()
}

/// Replaces bytes with others of the same length, everywhere.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// Returns the text of an error, without the name of the archive.
fn said(err: &ArchiveError) -> String {
    let entry = err.entry.as_ref().map_or(String::new(), |it| format!("{it}: "));
    match &err.reason {
        Reason::Path(fault) => format!("{entry}{}: {fault}", err.reason),
        reason => format!("{entry}{reason}"),
    }
}

fn outcome_within(bytes: &[u8], limits: &Limits) -> String {
    match unpack("a", bytes, limits) {
        Ok(files) => files.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join(", "),
        Err(err) => said(&err),
    }
}

fn outcome(bytes: &[u8]) -> String {
    outcome_within(bytes, &LIMITS)
}

/// Checks the result for a tar archive.
#[track_caller]
fn check_tar(entries: &[Raw<'_>], expected: &str) {
    assert_eq!(outcome(&gz(&tarball(entries))), expected);
}

#[track_caller]
fn check_zip(entries: &[Raw<'_>], expected: &str) {
    assert_eq!(outcome(&zipped(entries)), expected);
}

#[test]
fn archives_of_each_kind_are_read() {
    let program = Raw { mode: 0o4755, ..file("greeter-1.0/bin/greeter", b"program") };
    let text = file("greeter-1.0/README.md", b"");
    let entries = [directory("greeter-1.0/"), program, text];
    let expected = "greeter-1.0/bin/greeter (executable, 7 B), greeter-1.0/README.md (plain, 0 B)";
    for (suffix, expected_kind, compress) in COMPRESSIONS {
        let bytes = compress(&tarball(&entries));
        assert_eq!(kind(&bytes), Some(expected_kind), "{suffix}");
        assert_eq!(outcome(&bytes), expected, "{suffix}");
    }
    let bytes = zipped(&entries);
    assert_eq!((kind(&bytes), outcome(&bytes).as_str()), (Some(Kind::Zip), expected));
    assert_eq!(outcome(&zipped(&[])), "");
    assert_eq!(outcome(&gz(&tarball(&[]))), "");
    let files = unpack("a", &bytes, &LIMITS).unwrap();
    assert_eq!(files[0].bytes, b"program");
}

#[test]
fn what_is_not_an_archive_is_told_by_its_content() {
    for bytes in [b"\x7fELF\x02\x01\x01".as_slice(), b"#!/bin/sh\n", b"MZ", b"PK", b"", b"\x1f"] {
        assert_eq!(kind(bytes), None);
    }
    let err = unpack("a.tar.gz", b"text", &LIMITS).unwrap_err();
    assert_eq!(err.to_string(), "failed to unpack `a.tar.gz`");
    assert_eq!(
        err.source().unwrap().to_string(),
        "not a `.tar.gz`, `.tar.xz`, `.tar.zst` or `.zip` archive"
    );
    let err = unpack("a.tar.gz", &gz(&tarball(&[file("../a", b"")])), &LIMITS).unwrap_err();
    assert_eq!(err.to_string(), "failed to unpack `../a` of `a.tar.gz`");
    for bytes in [b"\x7fELF".repeat(400), b"short".to_vec()] {
        assert_eq!(outcome(&gz(&bytes)), "the compressed data is not a tar archive");
    }
}

#[test]
fn long_paths_come_in_headers_of_their_own() {
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let mut name = long.clone().into_bytes();
    name.push(0);
    let records = pax("path", &long);
    let link = of_kind(b'K', "././@LongLink", b"target\0");
    let gnu = [of_kind(b'L', "././@LongLink", &name), file("short", b"1")];
    let posix = [of_kind(b'x', "PaxHeader", &records), file("short", b"1")];
    let expected = format!("{long} (plain, 1 B)");
    check_tar(&gnu, &expected);
    check_tar(&posix, &expected);
    check_tar(
        &[of_kind(b'g', "pax_global_header", &pax("comment", "x")), file("a", b"")],
        "a (plain, 0 B)",
    );
    check_tar(
        &[link, of_kind(b'2', "link", b"")],
        "link: a symbolic link is not supported in a plugin archive",
    );
    // As Go, bsdtar and the crate itself write them.
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o644);
    builder.append_data(&mut header, &long, b"1".as_slice()).unwrap();
    assert_eq!(outcome(&gz(&builder.into_inner().unwrap())), expected);
}

#[test]
fn extended_headers_say_each_thing_once() {
    let long = || of_kind(b'L', "././@LongLink", b"a\0");
    let records = pax("path", "b");
    let ambiguous = "the headers define the path of the entry more than once";
    check_tar(&[long(), long(), file("short", b"1")], ambiguous);
    check_tar(&[long(), of_kind(b'x', "x", &records), file("short", b"1")], ambiguous);
    check_tar(
        &[of_kind(b'x', "x", &[&records[..], &records].concat()), file("short", b"")],
        ambiguous,
    );
    check_tar(&[of_kind(b'x', "x", &pax("size", "1")), file("a", b"1")], "a (plain, 1 B)");
    check_tar(
        &[of_kind(b'x', "x", &pax("size", "513")), file("a", b"1")],
        "a: the headers define the size of the entry more than once",
    );
    check_tar(
        &[of_kind(b'x', "x", &pax("size", "one")), file("a", b"1")],
        "the archive is damaged",
    );
    check_tar(&[of_kind(b'x', "x", b"99 path=b\n"), file("a", b"1")], "the archive is damaged");
    check_tar(&[of_kind(b'L', "x", &[b'a'; 70_000]), file("a", b"")], "the archive is damaged");
    check_tar(&[file("b", b""), long()], "the archive is truncated");
}

#[test]
fn what_is_not_a_file_or_a_directory_is_refused() {
    let records = pax("GNU.sparse.major", "1");
    let refused = |it| format!("a: {it} is not supported in a plugin archive");
    for (kind, name) in [
        (b'1', "a hard link"),
        (b'2', "a symbolic link"),
        (b'3', "a device"),
        (b'4', "a device"),
        (b'6', "a named pipe"),
        (b'7', "an entry of type 0x37"),
        (b'V', "an entry of type 0x56"),
    ] {
        check_tar(&[of_kind(kind, "a", b"")], &refused(name));
    }
    check_tar(&[of_kind(b'x', "x", &records), file("a", b"")], &refused("a sparse file"));
    check_tar(&[of_kind(b'S', "a", b"")], &refused("a sparse file"));
    check_tar(&[Raw { content: b"1", ..directory("a") }], "a: the directory has content");
    check_zip(&[of_kind(b'2', "a", b"")], &refused("a symbolic link"));
    // Only the directory at the end contains the mode.
    for (mode, name) in
        [(0o010_644_u32, "a named pipe"), (0o060_644, "a device"), (0o140_644, "a socket")]
    {
        let archive = zipped(&[Raw { mode: 0o644, ..file("a", b"") }]);
        let (old, new) = ((0o100_644_u32 << 16).to_le_bytes(), (mode << 16).to_le_bytes());
        assert_eq!(outcome(&replaced(&archive, &old, &new)), refused(name));
    }
}

#[test]
fn paths_have_to_be_valid_on_every_system() {
    let long = "a".repeat(256);
    let longer = ["a".repeat(250).as_str(); 5].join("/");
    let deep = ["a"; 33].join("/");
    for (path, fault) in [
        ("/etc/passwd", "the path is absolute"),
        ("../a", "the path contains `..`"),
        ("a/../../b", "the path contains `..`"),
        ("a/..", "the path contains `..`"),
        ("C:/a", "the path contains `:`, which is not valid on every system"),
        ("a:stream", "the path contains `:`, which is not valid on every system"),
        ("a\\b", "the path contains `\\`, which is not valid on every system"),
        ("a?", "the path contains `?`, which is not valid on every system"),
        ("a\x1b[2J", "the path contains the control character U+001B"),
        ("a\u{85}b", "the path contains the control character U+0085"),
        ("a//b", "a component is empty"),
        ("a/", "a component is empty"),
        (".", "a component is empty"),
        ("a./b", "a component ends with a dot or a space"),
        ("a ", "a component ends with a dot or a space"),
        ("...", "a component ends with a dot or a space"),
        ("CON", "a component is a reserved name on Windows"),
        ("lib/nul.tar.gz", "a component is a reserved name on Windows"),
        ("Com1", "a component is a reserved name on Windows"),
        ("lpt\u{b2}.txt", "a component is a reserved name on Windows"),
        ("aux .h", "a component is a reserved name on Windows"),
        (&deep, "the path has more than 32 components"),
        (&long, "a component is longer than 255 B"),
        (&longer, "the path is longer than 1024 B"),
    ] {
        let shown: String = path.chars().take(200).collect();
        let shown = shown.replace('\x1b', "\\u{1b}").replace('\u{85}', "\\u{85}");
        let shown = if path.len() > 200 { format!("{shown}…") } else { shown };
        let expected = format!("{shown}: invalid path: {fault}");
        let name = [path.as_bytes(), b"\0"].concat();
        check_tar(&[of_kind(b'L', "x", &name), file("short", b"")], &expected);
        // The writer of zip archives interprets names that end with a slash as directories.
        if !path.ends_with('/') {
            check_zip(&[file(path, b"")], &expected);
        }
    }
    let refused = "a\u{fffd}: invalid path: the path is not valid UTF-8";
    check_tar(&[Raw { path: b"a\xff", ..file("", b"") }], refused);
    assert_eq!(
        outcome(&replaced(&zipped(&[file("aQQQ", b"")]), b"aQQQ", b"aQQ\xff")),
        "aQQ\u{fffd}: invalid path: the path is not valid UTF-8"
    );
    check_tar(
        &[of_kind(b'L', "x", b"a\0b\0"), file("short", b"")],
        "a\\u{0}b: invalid path: the path contains the control character U+0000",
    );
    check_tar(&[Raw { path: b"", ..file("", b"") }], ": invalid path: a component is empty");
    check_tar(&[directory("../")], "../: invalid path: the path contains `..`");
}

#[test]
fn ordinary_paths_stay_what_they_are() {
    for path in [
        "a",
        "foo..bar",
        ".hidden",
        "a b",
        "común/Ünï",
        "com10",
        "console",
        "nulls",
        "lib.so.1",
        "-a",
    ] {
        check_tar(&[file(path, b"")], &format!("{path} (plain, 0 B)"));
        check_zip(&[file(path, b"")], &format!("{path} (plain, 0 B)"));
    }
    check_tar(&[directory("./"), directory("./d/"), file("./d/a", b"")], "d/a (plain, 0 B)");
    check_tar(&[directory("d"), directory("d"), file("d/./a", b"")], "d/a (plain, 0 B)");
    check_zip(&[directory("./"), file("./a", b"")], "a (plain, 0 B)");
}

#[test]
fn each_path_is_there_once_whatever_its_case() {
    type Check = fn(&[Raw<'_>], &str);
    for check in [check_tar as Check, check_zip] {
        check(&[file("a", b""), file("./a", b"")], "./a: duplicate path");
        check(&[file("a", b""), file("A", b"")], "A: the path differs from `a` only in case");
        check(
            &[file("Lib/a", b""), file("lib/b", b"")],
            "lib/b: the path differs from `Lib` only in case",
        );
        check(
            &[file("x/Straße", b""), file("x/STRASSE", b"")],
            "x/STRASSE: the path differs from `x/Straße` only in case",
        );
        check(&[file("a", b""), file("a/b", b"")], "a/b: `a` is both a file and a directory");
        check(&[file("a/b", b""), file("a", b"")], "a: `a` is both a file and a directory");
        check(&[file("a", b""), directory("a/")], "a/: `a` is both a file and a directory");
    }
    check_tar(&[file("a", b""), file("a", b"")], "a: duplicate path");
    // The writer refuses to write a name twice.
    let archive = zipped(&[file("aaaa", b""), file("bbbb", b"")]);
    assert_eq!(outcome(&replaced(&archive, b"bbbb", b"aaaa")), "aaaa: duplicate path");
}

#[test]
fn limits_hold_for_what_is_really_there() {
    let many: Vec<_> = (0..9).map(|it| format!("f{it}")).collect();
    let many: Vec<_> = many.iter().map(|it| file(it, b"")).collect();
    let large = vec![0; 1_000_001];
    let parts = ["a", "b", "c", "d"].map(|it| file(it, &large[1..]));
    type Make = fn(&[Raw<'_>]) -> Vec<u8>;
    let gzipped: Make = |it| gz(&tarball(it));
    for make in [gzipped, zipped] {
        assert_eq!(outcome(&make(&many)), "f8: the archive has more than 8 entries");
        assert_eq!(outcome(&make(&[file("a", &large)])), "a: the file is larger than 1000000 B");
        let limits = Limits { ratio: PLENTY, ..LIMITS };
        let expected = "d: the archive unpacks to more than 3000000 B";
        let got = outcome_within(&make(&parts), &limits);
        // The headers of a tar archive count as well.
        assert!(got == expected || got == expected.replace('d', "c"), "{got}");
        let got = outcome(&make(&parts));
        assert_eq!(got, "b: the archive unpacks to more than 10 times its size");
        assert_eq!(outcome(&make(&parts[..1])), "a (plain, 1000000 B)");
    }
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let limits = Limits { file: PLENTY, total: PLENTY, ..Limits::default() };
    let zeros = vec![0; 0x0123_4567];
    for (suffix, _, compress) in COMPRESSIONS {
        let bomb = compress(&tarball(&[file("a", &zeros)]));
        let expected = "a: the archive unpacks to more than 200 times its size";
        assert_eq!(outcome_within(&bomb, &limits), expected, "{suffix}");
        // After the end, where no entry covers it.
        let bomb = compress(&[tarball(&[]), zeros.clone()].concat());
        let expected = "the archive unpacks to more than 200 times its size";
        assert_eq!(outcome_within(&bomb, &limits), expected, "{suffix}");
    }
    let bomb = zipped(&[file("a", &zeros)]);
    let expected = "a: the archive unpacks to more than 200 times its size";
    assert_eq!(outcome_within(&bomb, &limits), expected);
    // A false header: it claims one byte.
    let size = (zeros.len() as u32).to_le_bytes();
    let bomb = replaced(&bomb, &size, &1_u32.to_le_bytes());
    assert_eq!(outcome_within(&bomb, &limits), "a: the archive is damaged");
    // One that claims many bytes, but has few: no memory is allocated for it.
    let bomb = replaced(
        &zipped(&[file("a", &[1; 4097])]),
        &4097_u32.to_le_bytes(),
        &0x3fff_ffff_u32.to_le_bytes(),
    );
    assert_eq!(outcome_within(&bomb, &limits), "a: the archive is truncated");
}

#[test]
fn decoders_may_not_take_much_memory() {
    let tarball = tarball(&[file("a", &[1; 5000])]);
    let refused = "decompression needs more memory than is allowed";
    let mut options = lzma_rust2::XzOptions::with_preset(6);
    options.lzma_options.dict_size = 64 << 20;
    for (dict_size, expected) in [(64 << 20, "a (plain, 5000 B)"), (128 << 20, refused)] {
        options.lzma_options.dict_size = dict_size;
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options.clone()).unwrap();
        encoder.write_all(&tarball).unwrap();
        assert_eq!(outcome(&encoder.finish().unwrap()), expected);
    }
    for (window_log, expected) in [(27, "a (plain, 5000 B)"), (28, refused)] {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(&tarball).unwrap();
        assert_eq!(outcome(&encoder.finish().unwrap()), expected);
    }
}

#[test]
fn what_is_behind_the_end_is_refused() {
    let entries = [file("a", b"1")];
    for (suffix, _, compress) in COMPRESSIONS {
        let garbage = [compress(&tarball(&entries)), b"garbage, and more of it".to_vec()].concat();
        assert_eq!(outcome(&garbage), "the archive is damaged", "{suffix}");
        let hidden = compress(&[tarball(&entries), tarball(&[file("b", b"2")])].concat());
        assert_eq!(outcome(&hidden), "the archive has data after its end", "{suffix}");
        let padded = compress(&[tarball(&entries), vec![0; 9000]].concat());
        assert_eq!(outcome(&padded), "a (plain, 1 B)", "{suffix}");
        // Two concatenated files are one, as for gzip, xz and zstd.
        let (start, end) = (tarball(&entries), vec![0; 512]);
        assert_eq!(outcome(&[compress(&start), compress(&end)].concat()), "a (plain, 1 B)");
    }
    let archive = zipped(&entries);
    assert_eq!(
        outcome(&[&archive[..], b"garbage, and more of it"].concat()),
        "the archive has data after its end"
    );
    let twice = [&archive[..], &zipped(&[file("b", b"2")])].concat();
    assert_eq!(outcome(&twice), "the archive is damaged");
}

#[test]
fn what_is_cut_off_or_changed_is_an_error_not_a_panic() {
    let content: Vec<u8> = (0..4_000_u32).flat_map(|it| (it * it).to_le_bytes()).collect();
    let entries = [directory("d/"), file("d/a", &content), file("d/b", b"b")];
    let tarball = tarball(&entries);
    let mut archives = vec![zipped(&entries)];
    archives.extend(COMPRESSIONS.map(|it| it.2(&tarball)));
    let limits = Limits::default();
    for archive in archives {
        let unpacked = unpack("a", &archive, &limits).unwrap();
        let whole = outcome_within(&archive, &limits);
        assert_eq!(whole, "d/a (plain, 16000 B), d/b (plain, 1 B)");
        for len in (0..archive.len()).step_by(64).chain(archive.len() - 30..archive.len()) {
            unpack("a", &archive[..len], &limits).unwrap_err();
        }
        for at in (0..archive.len()).step_by(64) {
            let mut changed = archive.clone();
            changed[at] ^= 0x55;
            // Some bytes have no meaning, for example times; none of them changes a content.
            match unpack("a", &changed, &limits) {
                Ok(files) => assert_eq!(files, unpacked, "{at}"),
                Err(err) => drop(said(&err)),
            }
        }
    }
    // Each compressed stream is complete, but the archive in it is not.
    for len in (0..tarball.len() - 1024).step_by(64) {
        let got = outcome_within(&gz(&tarball[..len]), &limits);
        assert!(got.contains("truncated") || got.contains("not a tar archive"), "{len}: {got}");
    }
}

#[test]
fn what_a_zip_archive_says_twice_has_to_agree() {
    let archive = zipped(&[file("aaaa", b"1"), file("bbbb", b"2")]);
    let local = archive.windows(4).position(|it| it == b"bbbb").unwrap();
    let mut changed = archive.clone();
    changed[local..local + 4].copy_from_slice(b"cccc");
    assert_eq!(outcome(&changed), "the archive is damaged");
    // Bit 0 of the flags: encrypted. Method 12: bzip2. Both are in the directory at the end.
    let entry = archive.windows(4).position(|it| it == b"PK\x01\x02").unwrap();
    let mut changed = archive.clone();
    changed[entry + 8] |= 1;
    assert_eq!(outcome(&changed), "aaaa: the entry is encrypted");
    let mut changed = archive.clone();
    changed[entry + 10] = 12;
    assert!(
        outcome(&changed).starts_with("aaaa: unsupported compression method `"),
        "{}",
        outcome(&changed)
    );
    // Data before the first entry, as in a self-extracting program.
    let prefixed = [b"PK\x03\x04".as_slice(), &archive].concat();
    assert_eq!(outcome(&prefixed), "the archive is damaged");
}

#[test]
fn one_directory_around_everything_can_be_left_out() {
    let paths = |paths: &[&str]| {
        let bytes = Vec::new;
        let files = paths.iter().map(|it| UnpackedFile {
            path: (*it).to_owned(),
            is_executable: false,
            bytes: bytes(),
        });
        let files = without_top(files.collect());
        files.into_iter().map(|it| it.path).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(paths(&["a/b", "a/c/d"]), "b c/d");
    assert_eq!(paths(&["a/b/c", "a/b/d"]), "b/c b/d");
    assert_eq!(paths(&["a/b", "ab/c"]), "a/b ab/c");
    assert_eq!(paths(&["a/b", "c"]), "a/b c");
    assert_eq!(paths(&["c", "a/b"]), "c a/b");
    assert_eq!(paths(&["c"]), "c");
    assert_eq!(paths(&[]), "");
}
