//! `cargo xtask node-images`: builds the images that clusters are tested with, as archives that an
//! engine can import. This requires no engine.
//!
//! They are stored in `target/node-images`: `standin` (nodes that are ready immediately),
//! `control-plane` (nodes with a real API server), `registry` (Debian's docker-registry). Beside
//! each archive is a file with the tag for its import, which changes with its content.

use crate::cargo::{self, cargo, target_dir};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The programs of the control plane that nodes run.
const CONTROL_PLANE: [&str; 3] = ["etcd", "kube-apiserver", "kube-controller-manager"];

/// Debian's registry server.
const REGISTRY: &str = "/usr/bin/docker-registry";

/// The registry server's configuration, as in the image `registry:2`.
const REGISTRY_CONFIG: &str = "version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
";

pub(crate) fn run() -> Result<ExitCode> {
    for path in build()? {
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the instruction that turns an imported archive into an image that runs.
pub(crate) fn change(archive: &Path) -> &'static str {
    match archive.file_stem().is_some_and(|it| it == "registry") {
        true => "ENTRYPOINT [\"/bin/registry\", \"serve\", \"/etc/docker/registry/config.yml\"]",
        false => "ENTRYPOINT [\"/bin/k3s\"]",
    }
}

/// Returns whether there may be an engine to import images into.
pub(crate) fn has_engine() -> bool {
    #[cfg(unix)]
    let answers = std::os::unix::net::UnixStream::connect("/var/run/docker.sock").is_ok();
    #[cfg(not(unix))]
    let answers = false;
    answers || std::env::var_os("DOCKER_HOST").is_some()
}

/// Builds all archives that can be built, and returns their paths.
pub(crate) fn build() -> Result<Vec<PathBuf>> {
    let target = target_dir()?;
    let folder = target.join("node-images");
    fs::create_dir_all(&folder).context("failed to create the directory of the images")?;
    let node = build_node(&target)?;
    let mut made = vec![node_image(&folder.join("standin"), &node, &[])?];
    let programs: Vec<_> =
        CONTROL_PLANE.iter().map(|it| target.join("control-plane/bin").join(it)).collect();
    if programs.iter().all(|it| it.is_file()) {
        made.push(node_image(&folder.join("control-plane"), &node, &programs)?);
    }
    if Path::new(REGISTRY).is_file() {
        made.push(registry_image(&folder.join("registry"))?);
    }
    Ok(made)
}

/// Builds the nodes' program, linked statically with the C library: its image has nothing else.
fn build_node(target: &Path) -> Result<PathBuf> {
    let triple = cargo::host_triple()?;
    let mut command = cargo(["build", "--release", "--quiet", "--package=pintle-test-node"]);
    // Flags for the target only, and a separate directory, because they would rebuild everything
    // else.
    let own = target.join("node");
    command.arg(format!("--target={triple}")).env("CARGO_TARGET_DIR", &own);
    command.env("RUSTFLAGS", "-C target-feature=+crt-static");
    cargo::run(&mut command)?;
    Ok(own.join(triple).join("release/node"))
}

fn node_image(path: &Path, node: &Path, programs: &[PathBuf]) -> Result<PathBuf> {
    let mut image = Image::begin(path)?;
    for folder in ["tmp", "run", "output", "var/lib/rancher", "var/log"] {
        image.folder(folder)?;
    }
    image.file("bin/node", node)?;
    for link in ["bin/k3s", "bin/ctr", "bin/rm"] {
        image.link(link, "node")?;
    }
    for program in programs {
        let name = program.file_name().context("a program has a name")?;
        image.program(&Path::new("usr/bin").join(name), program)?;
    }
    image.end("pintle-test/node")
}

fn registry_image(path: &Path) -> Result<PathBuf> {
    let mut image = Image::begin(path)?;
    image.folder("var/lib/registry")?;
    image.folder("tmp")?;
    image.program(Path::new("bin/registry"), Path::new(REGISTRY))?;
    image.text("etc/docker/registry/config.yml", REGISTRY_CONFIG)?;
    image.end("pintle-test/registry")
}

/// An image that is being written.
struct Image {
    path: PathBuf,
    temp: tempfile::NamedTempFile,
    archive: tar::Builder<io::BufWriter<File>>,
}

impl Image {
    fn begin(path: &Path) -> Result<Self> {
        let folder = path.parent().context("an image is in a directory")?;
        let temp = tempfile::NamedTempFile::new_in(folder)?;
        let mut archive = tar::Builder::new(io::BufWriter::new(temp.reopen()?));
        archive.mode(tar::HeaderMode::Deterministic);
        Ok(Self { path: path.with_extension("tar"), temp, archive })
    }

    fn folder(&mut self, path: &str) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        Ok(self.archive.append_data(&mut header, format!("{path}/"), io::empty())?)
    }

    fn file(&mut self, path: impl AsRef<Path>, source: &Path) -> Result<()> {
        let file = || format!("failed to add `{}` to an image", source.display());
        self.archive.append_path_with_name(source, path).with_context(file)
    }

    fn text(&mut self, path: &str, text: &str) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        Ok(self.archive.append_data(&mut header, path, text.as_bytes())?)
    }

    fn link(&mut self, path: &str, to: &str) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        Ok(self.archive.append_link(&mut header, path, to)?)
    }

    /// Adds a program with the libraries that it is linked with.
    fn program(&mut self, path: &Path, source: &Path) -> Result<()> {
        self.file(path, source)?;
        for library in libraries(source)? {
            let real = fs::canonicalize(&library)?;
            self.file(library.strip_prefix("/").unwrap_or(&library), &real)?;
        }
        Ok(())
    }

    /// Ends the archive, and writes the tag for its content beside it.
    fn end(self, name: &str) -> Result<PathBuf> {
        self.archive.into_inner()?.flush()?;
        let mut hasher = DefaultHasher::new();
        let mut file = File::open(self.temp.path())?;
        let mut chunk = vec![0; 1 << 20];
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                n_read => hasher.write(&chunk[..n_read]),
            }
        }
        let stem = self.path.file_stem().context("an image has a name")?.display();
        let tag = format!("{name}:{stem}-{:016x}", hasher.finish());
        self.temp.persist(&self.path).context("failed to store an image")?;
        fs::write(self.path.with_extension("tag"), tag).context("failed to write a tag")?;
        Ok(self.path)
    }
}

/// Returns the libraries that a program is linked with, and its loader; none for a static one.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let out = Command::new("ldd").arg(program).output().context("failed to run ldd")?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let path = |line: &str| {
        let words = line.split_whitespace();
        words.map(Path::new).find(|it| it.is_absolute()).map(Path::to_owned)
    };
    Ok(text.lines().filter_map(path).collect())
}
