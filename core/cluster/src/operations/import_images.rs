//! Imports images from the user or the engine into the nodes.

use super::image_source::{Format, Source, plain};
use crate::blocking::blocking;
use crate::engine::{Engine, EngineError, in_time};
use crate::error::ClusterError;
use crate::nodes::container_plan::SHARED_FOLDER;
use crate::nodes::{Cluster, Node, exec};
use crate::random::random_hex;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use hyper::body::Bytes;
use pintle_host::fs;
use pintle_host::services::Excerpt;
use std::io::{self, Seek as _};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

/// How long the engine may be silent while it saves an image.
const SILENCE: Duration = Duration::from_secs(5 * 60);

/// Imports images into the nodes of a cluster, and returns the nodes that have imported them.
///
/// The archive is sent to the engine once, into the directory that the nodes share. Each node's own
/// importer then reads it, all of them concurrently.
///
/// # Errors
///
/// When the archive cannot be read, or any node does not import it, for example because it is not
/// running.
pub async fn import(
    engine: &Engine,
    cluster: &Cluster,
    source: &Source,
) -> Result<Vec<String>, ClusterError> {
    let (nodes, idle): (Vec<_>, Vec<_>) = cluster.nodes.iter().partition(|it| it.is_running());
    let stopped = || ClusterError::NoRunningNode { cluster: cluster.name.clone() };
    let first = nodes.first().ok_or_else(stopped)?;
    let name = format!("images-{}.tar", random_hex());
    let path = format!("{SHARED_FOLDER}/{name}");
    let uploaded = upload(engine, first, &name, source).await;
    let imported = match uploaded {
        Ok(format) => import_everywhere(engine, &nodes, &path, format).await,
        Err(err) => Err(err),
    };
    // Whatever happens, the archive must not remain on the engine's disk.
    let removed = exec(engine, first, &["rm", "-f", &path]).await;
    let names = imported?;
    match removed {
        Ok((0, _)) => {}
        Ok((_, output)) => {
            let nodes = vec![first.name.clone()];
            return Err(ClusterError::Import { nodes, source: output, is_zstd: false });
        }
        Err(err) => return Err(err.into()),
    }
    if idle.is_empty() {
        return Ok(names);
    }
    let states: Vec<_> = idle.iter().map(|it| format!("`{}` is {}", it.name, it.state)).collect();
    let nodes = idle.iter().map(|it| it.name.clone()).collect();
    let source = Some(Excerpt(states.join(", ")));
    Err(ClusterError::Import { nodes, source, is_zstd: false })
}

async fn import_everywhere(
    engine: &Engine,
    nodes: &[&Node],
    path: &str,
    format: Format,
) -> Result<Vec<String>, ClusterError> {
    let command = ["ctr", "-n", "k8s.io", "images", "import", "--all-platforms", path];
    let results = join_all(nodes.iter().map(|it| exec(engine, it, &command))).await;
    let mut failures = Vec::new();
    for (node, result) in nodes.iter().zip(results) {
        match result? {
            (0, _) => {}
            (_, output) => failures.push((node.name.clone(), output)),
        }
    }
    if failures.is_empty() {
        return Ok(nodes.iter().map(|it| it.name.clone()).collect());
    }
    let (nodes, mut outputs): (Vec<_>, Vec<_>) = failures.into_iter().unzip();
    let is_zstd = format == Format::Zstd;
    Err(ClusterError::Import { nodes, source: outputs.swap_remove(0), is_zstd })
}

/// Copies an archive into the shared directory, as a file inside another archive, and returns its
/// format.
async fn upload(
    engine: &Engine,
    node: &Node,
    name: &str,
    source: &Source,
) -> Result<Format, ClusterError> {
    let (mut archive, format) = archive(engine, source).await?;
    let failed =
        |source_err| ClusterError::ReadArchive { origin: source.origin(), source: source_err };
    // Its size must be known before it is sent.
    let size = archive.seek(io::SeekFrom::End(0)).await.map_err(failed)?;
    archive.rewind().await.map_err(failed)?;
    if size == 0 {
        return Err(ClusterError::EmptyArchive { origin: source.origin() });
    }
    let head = header(name, size).map_err(failed)?;
    let options = UploadToContainerOptionsBuilder::new().path(SHARED_FOLDER).build();
    let docker = engine.for_transfer();
    let body = bollard::body_try_stream(framed(head, archive, size));
    let sent = docker.upload_to_container(&node.id, Some(options), body).await;
    let action = format!("copy the image archive into `{}`", node.name);
    sent.map_err(|err| EngineError::failed(action, err))?;
    Ok(format)
}

/// Opens the archive. One that is not a file is collected in an unnamed file.
async fn archive(
    engine: &Engine,
    source: &Source,
) -> Result<(tokio::fs::File, Format), ClusterError> {
    let file = match source {
        Source::Engine(names) => return Ok((save(engine, names).await?, Format::Tar)),
        Source::File(path) => {
            let path = path.clone();
            blocking(move || plain(fs::open_named(&path)?.0)).await
        }
        Source::Stdin => blocking(|| plain(copy(&mut io::stdin().lock())?)).await,
    };
    let origin = source.origin();
    file.map(|(file, format)| (tokio::fs::File::from_std(file), format))
        .map_err(|source| ClusterError::ReadArchive { origin, source })
}

fn copy(input: &mut dyn io::Read) -> io::Result<std::fs::File> {
    let mut file = tempfile::tempfile()?;
    io::copy(input, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// Makes the engine save images, all in one archive.
async fn save(engine: &Engine, names: &[String]) -> Result<tokio::fs::File, ClusterError> {
    for name in names {
        let found = engine.docker().inspect_image(name).await;
        let action = format!("find the image `{name}`");
        found.map_err(|err| EngineError::failed(action, err))?;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let docker = engine.for_transfer();
    let mut chunks = Box::pin(docker.export_images(&names));
    let spool = |source| ClusterError::Spool { source };
    let file = blocking(tempfile::tempfile).await.map_err(spool)?;
    let mut file = tokio::fs::File::from_std(file);
    let action = || format!("save the image `{}`", names.join("`, `"));
    while let Some(chunk) = in_time(SILENCE, action, chunks.try_next()).await? {
        file.write_all(&chunk).await.map_err(spool)?;
    }
    file.flush().await.map_err(spool)?;
    Ok(file)
}

fn header(name: &str, size: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o600);
    header.set_size(size);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_path(name)?;
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

/// The next part of a framed file.
enum Part {
    Head(Vec<u8>),
    File(u64),
    End,
}

/// Returns a file with a tar header before it and the end of an archive after it.
fn framed(
    head: Vec<u8>,
    file: tokio::fs::File,
    size: u64,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send {
    let state = (Part::Head(head), file);
    futures_util::stream::try_unfold(state, move |(part, mut file)| async move {
        Ok(match part {
            Part::Head(head) => Some((head.into(), (Part::File(0), file))),
            Part::File(done) if done < size => {
                let mut chunk = vec![0; (size - done).min(1 << 18) as usize];
                file.read_exact(&mut chunk).await?;
                let done = done + chunk.len() as u64;
                Some((chunk.into(), (Part::File(done), file)))
            }
            Part::File(done) => {
                // Entries consist of whole blocks of 512 bytes, and two empty blocks mark the end.
                let padding = (512 - done % 512) % 512;
                let end = vec![0; padding as usize + 1024];
                Some((end.into(), (Part::End, file)))
            }
            Part::End => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framed_file_is_a_whole_archive() {
        use std::io::{Read as _, Write as _};
        let mut file = tempfile::tempfile().unwrap();
        let bytes = vec![7; 300_000];
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let size = bytes.len() as u64;
        let head = header("a.tar", size).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let parts: Vec<_> = runtime
            .block_on(framed(head, tokio::fs::File::from_std(file), size).try_collect())
            .unwrap();
        let archive = parts.concat();
        let mut archive = tar::Archive::new(archive.as_slice());
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let mut read = Vec::new();
        entry.read_to_end(&mut read).unwrap();
        assert!(read == bytes);
    }
}
