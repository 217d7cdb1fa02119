//! Transfers files into and out of containers: the engine uses tar archives for both.

use std::io::{self, Read};

/// A file to copy into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The absolute path in the container.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// The Unix permission bits.
    pub mode: u32,
}

/// Packs files for the container's root directory. Missing directories are created.
///
/// # Errors
///
/// When a path contains `..`.
pub fn pack(files: &[File]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(file.mode);
        header.set_size(file.bytes.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        let path = file.path.trim_start_matches('/');
        archive.append_data(&mut header, path, file.bytes.as_slice())?;
    }
    archive.into_inner()
}

/// Returns the only regular file in an archive.
///
/// # Errors
///
/// When it is not an archive, or contains no regular file.
pub fn unpack_one(archive: &[u8]) -> io::Result<Vec<u8>> {
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            return Ok(bytes);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the archive contains no file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_can_be_unpacked() {
        let file = File { path: "/etc/a/b.yaml".into(), bytes: b"x: 1\n".to_vec(), mode: 0o600 };
        let archive = pack(&[file]).unwrap();
        assert_eq!(unpack_one(&archive).unwrap(), b"x: 1\n");
        assert!(unpack_one(b"").is_err());
        let outside = File { path: "/a/../../b".into(), bytes: Vec::new(), mode: 0o600 };
        assert!(pack(&[outside]).is_err());
    }
}
