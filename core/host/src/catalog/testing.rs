//! Hand-made libraries for the tests of this module.

use pintle_plugin::manifest::{
    ABI_STABLE_VERSION, INTERFACE_VERSION, Manifest, NOTE_TYPE, SECTION_MAGIC, TARGET,
};
use serde_json::{Value, json};

/// The offset of a field of the ELF header.
pub(super) const EI_CLASS: usize = 4;
pub(super) const EI_DATA: usize = 5;
pub(super) const E_TYPE: usize = 16;
pub(super) const E_MACHINE: usize = 18;

/// Returns a manifest that this host accepts, changed by `patch`.
pub(super) fn manifest_json(patch: &Value) -> String {
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
        match (&mut manifest[name], value) {
            (Value::Object(old), Value::Object(new)) => old.extend(new.clone()),
            (old, new) => *old = new.clone(),
        }
    }
    manifest.to_string()
}

/// Returns a manifest with a name, a version and commands.
pub(super) fn manifest(key: &str, commands: &[&str]) -> Manifest {
    let (name, version) = key.split_once('/').unwrap();
    let commands: Vec<_> = commands
        .iter()
        .map(|it| json!({"path": it.split(' ').collect::<Vec<_>>(), "about": ""}))
        .collect();
    let patch = json!({"name": name, "version": version, "commands": commands});
    Manifest::parse(manifest_json(&patch).as_bytes()).unwrap()
}

/// Returns the bytes of the manifest's link section.
pub(super) fn section(json: &str) -> Vec<u8> {
    let len = u32::try_from(json.len()).unwrap().to_le_bytes();
    [SECTION_MAGIC.as_slice(), &len, json.as_bytes()].concat()
}

/// Returns a 64-bit little-endian ELF library for this processor, with the name of its root symbol
/// and a note for each manifest.
pub(super) fn elf(manifests: &[&str]) -> Vec<u8> {
    let notes: Vec<u8> = manifests.iter().flat_map(|it| note(it)).collect();
    let strings = b"\0pintle_root_it\0";
    let start = (64 + 2 * 56 + strings.len()) as u64;
    let len = start + notes.len() as u64;
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    bytes.extend([3u16, machine].iter().flat_map(|it| it.to_le_bytes()));
    bytes.extend(1u32.to_le_bytes());
    bytes.extend([0u64, 64, 0].iter().flat_map(|it| it.to_le_bytes()));
    bytes.extend(0u32.to_le_bytes());
    bytes.extend([64u16, 56, 2, 64, 0, 0].iter().flat_map(|it| it.to_le_bytes()));
    bytes.extend(segment(1, 0, len));
    bytes.extend(segment(4, start, notes.len() as u64));
    bytes.extend(strings);
    bytes.extend(notes);
    bytes
}

fn segment(kind: u32, offset: u64, size: u64) -> Vec<u8> {
    let mut bytes = [kind, 4].map(u32::to_le_bytes).concat();
    bytes.extend([offset, offset, offset, size, size, 4].map(u64::to_le_bytes).concat());
    bytes
}

fn note(json: &str) -> Vec<u8> {
    let len = u32::try_from(json.len()).unwrap();
    let mut bytes = [7, len, NOTE_TYPE].map(u32::to_le_bytes).concat();
    bytes.extend(b"Pintle\0\0");
    bytes.extend(json.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
