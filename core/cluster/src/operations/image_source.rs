//! Interprets a name when images are imported: as an image of the engine, or as a file.
//!
//! The content of a file decides whether it is an archive, never its name. An image of the engine
//! takes precedence over a file of the same name, because directories and programs are often called
//! like the images that are built from them. A path means the file, for example `./buoy`.

use crate::blocking::blocking;
use crate::engine::{Engine, EngineError};
use crate::error::{ArchiveOrigin, ClusterError};
use flate2::read::MultiGzDecoder;
use pintle_host::fs;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

/// The longest beginning of a file that identifies its type: a block of a tar archive.
const BLOCK: usize = 512;

/// The source of an image archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Images of the engine, by name.
    Engine(Vec<String>),
    /// A file with an archive that `docker save` has written, possibly compressed with gzip.
    File(PathBuf),
    /// An archive on the standard input.
    Stdin,
}

impl Source {
    pub(super) fn origin(&self) -> ArchiveOrigin {
        match self {
            Self::Engine(_) => ArchiveOrigin::Engine,
            Self::File(path) => ArchiveOrigin::File(path.clone()),
            Self::Stdin => ArchiveOrigin::Stdin,
        }
    }
}

/// The type of a file, according to its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Tar,
    /// Whether a node can read it depends on its containerd: archives that `ctr` imports by itself
    /// must be uncompressed, while the transfer service of newer versions accepts compressed ones.
    Zstd,
    Gzip,
    /// A format that no node can read.
    Other,
}

impl Format {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            head if is_tar(head) => Self::Tar,
            _ => Self::Other,
        }
    }
}

/// Returns whether a block is the header of a tar archive. Archives from before POSIX have no magic
/// number, but all have a checksum of the header, in which the checksum's own bytes count as
/// spaces.
fn is_tar(block: &[u8]) -> bool {
    let Ok(block) = <&[u8; BLOCK]>::try_from(block) else { return false };
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    let Ok(said) = header.cksum() else { return false };
    header.set_cksum();
    header.cksum().is_ok_and(|it| it == said && said > 8 * u32::from(b' '))
}

/// Determines what each name means. Several images of the engine are one source.
///
/// # Errors
///
/// [`ClusterError::NoImage`] for an unknown name; [`ClusterError::NoArchive`] for a path to
/// something other than an archive.
pub(crate) async fn sources(
    engine: &Engine,
    names: &[String],
) -> Result<Vec<Source>, ClusterError> {
    let (mut images, mut sources) = (Vec::new(), Vec::new());
    for name in names {
        if name == "-" {
            sources.push(Source::Stdin);
        } else if name.starts_with(['/', '.', '~']) {
            let path = PathBuf::from(name);
            check(&path)
                .await
                .map_err(|why| ClusterError::NoArchive { path: path.clone(), why })?;
            sources.push(Source::File(path));
        } else if has_image(engine, name).await? {
            images.push(name.clone());
        } else {
            let path = PathBuf::from(name);
            let why = check(&path).await;
            why.map_err(|file| ClusterError::NoImage { name: name.clone(), file })?;
            sources.push(Source::File(path));
        }
    }
    if !images.is_empty() {
        sources.push(Source::Engine(images));
    }
    Ok(sources)
}

async fn has_image(engine: &Engine, name: &str) -> Result<bool, EngineError> {
    let found = engine.docker().inspect_image(name).await;
    match found.map_err(|err| EngineError::failed(format!("find the image `{name}`"), err)) {
        Ok(_) => Ok(true),
        // An invalid image name does not belong to an image.
        Err(err) if err.is_not_found() || err.status() == Some(400) => Ok(false),
        Err(err) => Err(err),
    }
}

/// Fails, with a description of the file, if it is not an archive.
async fn check(path: &Path) -> Result<(), String> {
    let path = path.to_owned();
    let format = blocking(move || -> Result<_, String> {
        let (mut file, _) = fs::open_named(&path).map_err(|err| match err.is_absent() {
            true => "does not exist".to_owned(),
            false => format!("cannot be read: {}", err.cause),
        })?;
        format(&mut file).map_err(|err| format!("cannot be read: {err}"))
    });
    match format.await? {
        Format::Other => Err("is not an image archive".to_owned()),
        _ => Ok(()),
    }
}

fn format(file: &mut std::fs::File) -> io::Result<Format> {
    let mut head = Vec::with_capacity(BLOCK);
    file.take(BLOCK as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(Format::of(&head))
}

/// Returns the archive in a file without gzip's compression, and its format.
pub(super) fn plain(mut file: std::fs::File) -> io::Result<(std::fs::File, Format)> {
    let format = format(&mut file)?;
    if format != Format::Gzip {
        return Ok((file, format));
    }
    let mut plain = tempfile::tempfile()?;
    io::copy(&mut MultiGzDecoder::new(io::BufReader::new(file)), &mut plain)?;
    plain.rewind()?;
    Ok((plain, Format::Tar))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{File, pack};
    use std::io::Write as _;

    fn archive() -> Vec<u8> {
        pack(&[File { path: "/manifest.json".into(), bytes: b"[]".to_vec(), mode: 0o600 }]).unwrap()
    }

    fn file(bytes: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn an_archive_is_known_by_its_content() {
        let mut old = archive();
        assert_eq!(Format::of(&old[..BLOCK]), Format::Tar);
        // Without the magic number, the checksum differs.
        let mut header = tar::Header::new_old();
        header.set_path("a").unwrap();
        header.set_size(0);
        header.set_cksum();
        assert_eq!(Format::of(header.as_bytes()), Format::Tar);
        assert_eq!(Format::of(&zipped(&old)), Format::Gzip);
        assert_eq!(Format::of(&[0x28, 0xb5, 0x2f, 0xfd, 0]), Format::Zstd);
        old[0] ^= 1;
        for bytes in [&old[..BLOCK], &[0; BLOCK], b"", b"\x7fELF", &[b' '; BLOCK]] {
            assert_eq!(Format::of(bytes), Format::Other);
        }
    }

    #[test]
    fn what_is_zipped_is_unzipped_and_what_is_cut_off_is_an_error() {
        let read = |bytes: &[u8]| {
            let mut text = Vec::new();
            plain(file(bytes))?.0.read_to_end(&mut text)?;
            io::Result::Ok(text)
        };
        let archive = archive();
        assert_eq!(read(&archive).unwrap(), archive);
        let zipped = zipped(&archive);
        assert_eq!(read(&zipped).unwrap(), archive);
        assert!(read(&zipped[..zipped.len() / 2]).is_err());
        assert_eq!(read(b"").unwrap(), b"");
    }
}
