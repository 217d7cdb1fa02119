//! Images: getting them onto the engine, and from there into the nodes.

use super::error::{ClusterError, LogTail};
use super::plan::SHARED_FOLDER;
use super::run::random_hex;
use super::state::{Cluster, Node};
use crate::engine::{Engine, EngineError, TRANSFER_LIMIT, in_time};
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::{CreateImageOptionsBuilder, UploadToContainerOptionsBuilder};
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use std::path::Path;
use std::time::Duration;

/// How long the engine may say nothing while it pulls or saves an image.
const SILENCE: Duration = Duration::from_secs(5 * 60);

/// Makes sure that the engine has an image: pulls it if it does not.
pub(crate) async fn ensure(engine: &Engine, image: &str) -> Result<(), EngineError> {
    let docker = engine.docker();
    match docker.inspect_image(image).await {
        Ok(_) => return Ok(()),
        Err(err) => match EngineError::failed(format!("look for the image `{image}`"), err) {
            err if err.is_not_found() => {}
            err => return Err(err),
        },
    }
    let action = || format!("pull the image `{image}`");
    let mut options = CreateImageOptionsBuilder::new().from_image(image);
    if !has_tag(image) {
        // Without a tag the engine would pull all that there are.
        options = options.tag("latest");
    }
    let mut steps = Box::pin(docker.create_image(Some(options.build()), None, None));
    while in_time(SILENCE, action, steps.try_next()).await?.is_some() {}
    Ok(())
}

fn has_tag(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.contains([':', '@'])
}

/// Where an image archive comes from.
#[derive(Debug)]
pub enum Source<'a> {
    /// Images of the engine, by name.
    Engine(&'a [String]),
    /// A file with an archive, as `docker save` makes it.
    File(&'a Path),
    /// An archive on the standard input.
    Stdin,
}

/// Imports images into the nodes of a cluster, and returns the nodes that took them.
///
/// The archive goes to the engine once, into the folder that the nodes share; then each
/// node's own importer reads it, all side by side.
///
/// # Errors
///
/// When the archive cannot be read, or any node does not take it.
pub async fn import(
    engine: &Engine,
    cluster: &Cluster,
    source: &Source<'_>,
) -> Result<Vec<String>, ClusterError> {
    let nodes: Vec<_> = cluster.nodes.iter().filter(|it| it.is_running()).collect();
    let Some(first) = nodes.first() else {
        let hint = "start it first".to_owned();
        let what = format!("a running node of the cluster `{}`", cluster.name);
        return Err(ClusterError::Missing { what, hint });
    };
    let name = format!("images-{}.tar", random_hex());
    let path = format!("{SHARED_FOLDER}/{name}");
    let uploaded = upload(engine, first, &name, source).await;
    let imported = match uploaded {
        Ok(()) => import_everywhere(engine, &nodes, &path).await,
        Err(err) => Err(err),
    };
    // Whatever happened, the archive must not fill the engine's disk.
    let removed = exec(engine, first, &["rm", "-f", &path]).await;
    let names = imported?;
    match removed {
        Ok((0, _)) => Ok(names),
        Ok((_, output)) => {
            Err(ClusterError::Import { nodes: first.name.clone(), source: LogTail(output) })
        }
        Err(err) => Err(err.into()),
    }
}

async fn import_everywhere(
    engine: &Engine,
    nodes: &[&Node],
    path: &str,
) -> Result<Vec<String>, ClusterError> {
    let command = ["ctr", "-n", "k8s.io", "images", "import", "--all-platforms", path];
    let results = join_all(nodes.iter().map(|it| exec(engine, it, &command))).await;
    let mut failures = Vec::new();
    for (node, result) in nodes.iter().zip(results) {
        match result? {
            (0, _) => {}
            (_, output) => failures.push((format!("`{}`", node.name), output)),
        }
    }
    if failures.is_empty() {
        return Ok(nodes.iter().map(|it| it.name.clone()).collect());
    }
    let names: Vec<_> = failures.iter().map(|it| it.0.as_str()).collect();
    let nodes = names.join(", ");
    let said = failures.swap_remove(0).1;
    Err(ClusterError::Import { nodes, source: LogTail(said) })
}

/// Puts an archive into the shared folder, as a file of its own in an archive around it.
async fn upload(
    engine: &Engine,
    node: &Node,
    name: &str,
    source: &Source<'_>,
) -> Result<(), ClusterError> {
    let mut spool = spool(engine, source).await?;
    let io = |source| ClusterError::Read { path: "the image archive".to_owned(), source };
    let size = std::io::Seek::seek(&mut spool, std::io::SeekFrom::End(0)).map_err(io)?;
    std::io::Seek::rewind(&mut spool).map_err(io)?;
    if size == 0 {
        return Err(ClusterError::Invalid("the image archive is empty".to_owned()));
    }
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o600);
    header.set_size(size);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_path(name).map_err(io)?;
    header.set_cksum();
    let body = Framed { head: header.as_bytes().to_vec(), file: spool, size };
    let options = UploadToContainerOptionsBuilder::new().path(SHARED_FOLDER).build();
    let docker = engine.for_transfer();
    let body = bollard::body_try_stream(body.into_stream());
    let sent = docker.upload_to_container(&node.id, Some(options), body).await;
    let action = format!("put the image archive into `{}`", node.name);
    Ok(sent.map_err(|err| EngineError::failed(action, err))?)
}

/// Collects the archive in an unnamed file: its size must be known before it is sent.
async fn spool(engine: &Engine, source: &Source<'_>) -> Result<std::fs::File, ClusterError> {
    use std::io::Write as _;

    let failed = |path: &str| {
        let path = path.to_owned();
        move |source| ClusterError::Read { path, source }
    };
    match source {
        Source::File(path) => {
            let shown = path.display().to_string();
            let metadata = std::fs::metadata(path).map_err(failed(&shown))?;
            if metadata.is_dir() {
                return Err(ClusterError::Invalid(format!("`{shown}` is a folder")));
            }
            if metadata.is_file() {
                return std::fs::File::open(path).map_err(failed(&shown));
            }
            let mut input = std::fs::File::open(path).map_err(failed(&shown))?;
            copy(&mut input).map_err(failed(&shown))
        }
        Source::Stdin => copy(&mut std::io::stdin().lock()).map_err(failed("the standard input")),
        Source::Engine(names) => {
            for name in *names {
                let found = engine.docker().inspect_image(name).await;
                let action = format!("look for the image `{name}`");
                found.map_err(|err| EngineError::failed(action, err))?;
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let docker = engine.for_transfer();
            let mut chunks = Box::pin(docker.export_images(&names));
            let mut file = tempfile::tempfile().map_err(failed("a temporary file"))?;
            let action = || format!("save the image `{}`", names.join("`, `"));
            while let Some(chunk) = in_time(SILENCE, action, chunks.try_next()).await? {
                file.write_all(&chunk).map_err(failed("a temporary file"))?;
            }
            Ok(file)
        }
    }
}

fn copy(input: &mut dyn std::io::Read) -> std::io::Result<std::fs::File> {
    let mut file = tempfile::tempfile()?;
    std::io::copy(input, &mut file)?;
    Ok(file)
}

/// A file with a tar header before it and the end of an archive behind it.
struct Framed {
    head: Vec<u8>,
    file: std::fs::File,
    size: u64,
}

impl Framed {
    fn into_stream(
        self,
    ) -> impl futures_util::Stream<Item = std::io::Result<hyper::body::Bytes>> + Send {
        /// What comes next.
        enum Part {
            Head,
            File(u64),
            End,
        }
        let (head, size) = (self.head, self.size);
        let state = (Part::Head, self.file);
        futures_util::stream::try_unfold(state, move |(part, mut file)| {
            let head = head.clone();
            async move {
                match part {
                    Part::Head => Ok(Some((head.into(), (Part::File(0), file)))),
                    Part::File(done) if done < size => {
                        let mut chunk = vec![0; (size - done).min(1 << 18) as usize];
                        std::io::Read::read_exact(&mut file, &mut chunk)?;
                        let done = done + chunk.len() as u64;
                        Ok(Some((chunk.into(), (Part::File(done), file))))
                    }
                    Part::File(done) => {
                        // Entries are whole blocks of 512 bytes, and two empty ones end it all.
                        let padding = (512 - done % 512) % 512;
                        let end = vec![0; padding as usize + 1024];
                        Ok(Some((end.into(), (Part::End, file))))
                    }
                    Part::End => Ok(None),
                }
            }
        })
    }
}

/// Runs a program in a node, and returns its exit code and what it said.
pub(crate) async fn exec(
    engine: &Engine,
    node: &Node,
    command: &[&str],
) -> Result<(i64, String), EngineError> {
    let action = || format!("run `{}` in `{}`", command.join(" "), node.name);
    let failed = |err| EngineError::failed(action(), err);
    let docker = engine.for_transfer();
    let config = ExecConfig {
        cmd: Some(command.iter().map(|it| (*it).to_owned()).collect()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..ExecConfig::default()
    };
    let id = docker.create_exec(&node.id, config).await.map_err(failed)?.id;
    let started = docker.start_exec(&id, None::<StartExecOptions>).await.map_err(failed)?;
    let mut said = String::new();
    if let StartExecResults::Attached { output, .. } = started {
        let parts = output.map_ok(|it| it.to_string()).try_collect::<Vec<_>>();
        said = in_time(TRANSFER_LIMIT, action, parts).await?.concat();
    }
    // The stream ends when the program does, so its exit code is known now.
    let ended = docker.inspect_exec(&id).await.map_err(failed)?;
    Ok((ended.exit_code.unwrap_or(-1), said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_behind_the_last_slash() {
        assert!(has_tag("a:1"));
        assert!(has_tag("localhost:5000/a:1"));
        assert!(has_tag("a@sha256:00"));
        assert!(!has_tag("localhost:5000/a"));
        assert!(!has_tag("a"));
    }

    #[test]
    fn a_framed_file_is_a_whole_archive() {
        use std::io::{Read as _, Write as _};
        let mut file = tempfile::tempfile().unwrap();
        let bytes = vec![7; 300_000];
        file.write_all(&bytes).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_path("a.tar").unwrap();
        header.set_cksum();
        let framed = Framed { head: header.as_bytes().to_vec(), file, size: bytes.len() as u64 };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let parts: Vec<_> = runtime.block_on(framed.into_stream().try_collect()).unwrap();
        let archive = parts.concat();
        let mut archive = tar::Archive::new(archive.as_slice());
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let mut read = Vec::new();
        entry.read_to_end(&mut read).unwrap();
        assert!(read == bytes);
    }
}
