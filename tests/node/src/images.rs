//! The `ctr` of the image: it reads image archives like containerd, and stores the names.

use crate::STATE;
use anyhow::{Context as _, anyhow, bail, ensure};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Options that have their value in the next argument.
const WITH_VALUE: [&str; 8] = [
    "-n",
    "--namespace",
    "-a",
    "--address",
    "--platform",
    "--snapshotter",
    "--base-name",
    "--index-name",
];

/// The maximum size of an index that is read.
const MOST_INDEX: u64 = 4 << 20;

/// An image of an archive.
#[derive(Debug, PartialEq)]
struct Image {
    name: String,
    /// For example `sha256:…`.
    digest: String,
}

/// Runs `ctr` with these arguments.
pub(crate) fn ctr(args: &[String], fails: bool) -> ExitCode {
    match run(args, Path::new(STATE), fails) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            let _ = writeln!(io::stderr(), "ctr: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String], state: &Path, fails: bool) -> anyhow::Result<()> {
    let words = words(args);
    let list = state.join("agent/images.txt");
    match words.as_slice() {
        ["images" | "image" | "i", "import", file] => {
            if fails || state.join("ctr-fails").exists() {
                bail!("failed to ingest: no space left on device");
            }
            let images = match *file {
                "-" => read(io::stdin().lock()),
                path => read(File::open(path)?),
            };
            let images = images.map_err(|_| anyhow!("unrecognized image format"))?;
            add(&list, &images)
        }
        ["images" | "image" | "i", "list" | "ls"] => {
            let names = fs::read_to_string(&list).unwrap_or_default();
            Ok(io::stdout().write_all(names.as_bytes())?)
        }
        _ => bail!("no such command: `{}`", words.join(" ")),
    }
}

/// Returns the arguments that are not options.
fn words(args: &[String]) -> Vec<&str> {
    let mut found = Vec::new();
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        if WITH_VALUE.contains(&arg) {
            args.next();
        } else if arg == "-" || !arg.starts_with('-') {
            found.push(arg);
        }
    }
    found
}

/// Reads an archive to its end, and returns its images.
///
/// # Errors
///
/// When it is not an archive, or only a part of one.
fn read(mut input: impl Read) -> anyhow::Result<Vec<Image>> {
    let mut start = [0; 2];
    input.read_exact(&mut start)?;
    let is_packed = start == [0x1f, 0x8b];
    let input = start.chain(input);
    if is_packed { read_archive(MultiGzDecoder::new(input)) } else { read_archive(input) }
}

fn read_archive(mut input: impl Read) -> anyhow::Result<Vec<Image>> {
    let mut names = BTreeSet::new();
    let mut indexes = BTreeMap::new();
    let mut archive = tar::Archive::new(&mut input);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = name.trim_start_matches("./").to_owned();
        if ["manifest.json", "index.json"].contains(&name.as_str()) {
            ensure!(entry.size() <= MOST_INDEX, "`{name}` is too large");
            let mut text = Vec::new();
            entry.read_to_end(&mut text)?;
            let index: Value = serde_json::from_slice(&text)?;
            indexes.insert(name.clone(), index);
        } else {
            // The archive's reader would accept a missing end.
            let size = entry.size();
            ensure!(io::copy(&mut entry, &mut io::sink())? == size, "`{name}` has no end");
        }
        names.insert(name);
    }
    // Read to the end, so that the writer of a pipe can finish.
    io::copy(&mut input, &mut io::sink())?;
    match (indexes.get("manifest.json"), indexes.get("index.json")) {
        (Some(manifest), _) => docker_images(manifest, &names),
        (None, Some(index)) => oci_images(index, &names),
        (None, None) => bail!("there is neither `manifest.json` nor `index.json`"),
    }
}

/// Finds the images of an archive in the format of `docker save`.
fn docker_images(manifest: &Value, names: &BTreeSet<String>) -> anyhow::Result<Vec<Image>> {
    let mut found = Vec::new();
    for image in manifest.as_array().context("`manifest.json` is no list")? {
        let config = image["Config"].as_str().context("an image has no configuration")?;
        let layers = image["Layers"].as_array().context("an image has no layers")?;
        for file in layers.iter().chain([&image["Config"]]) {
            let file = file.as_str().context("a layer has no name")?;
            ensure!(names.contains(file), "`{file}` is missing");
        }
        let hash = config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
        for tag in image["RepoTags"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            found.push(Image { name: tag.to_owned(), digest: format!("sha256:{hash}") });
        }
    }
    Ok(found)
}

/// Finds the images of a layout of the Open Container Initiative.
fn oci_images(index: &Value, names: &BTreeSet<String>) -> anyhow::Result<Vec<Image>> {
    let mut found = Vec::new();
    for image in index["manifests"].as_array().context("`index.json` has no manifests")? {
        let digest = image["digest"].as_str().context("an image has no digest")?;
        let file = format!("blobs/{}", digest.replace(':', "/"));
        ensure!(names.contains(&file), "`{file}` is missing");
        let name = image["annotations"]["io.containerd.image.name"].as_str();
        if let Some(name) = name {
            found.push(Image { name: name.to_owned(), digest: digest.to_owned() });
        }
    }
    Ok(found)
}

/// Adds the names that are not yet in the list.
fn add(list: &Path, images: &[Image]) -> anyhow::Result<()> {
    if let Some(folder) = list.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(list)?;
    // Two imports may run at the same time.
    file.lock()?;
    let mut known = String::new();
    file.read_to_string(&mut known)?;
    let mut new = String::new();
    for Image { name, digest } in images {
        if !known.lines().chain(new.lines()).any(|it| it == name) {
            new += &format!("{name}\n");
        }
        writeln!(io::stdout(), "unpacking {name} ({digest})...done")?;
    }
    Ok(file.write_all(new.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"[{"Config":"c0ffee.json","RepoTags":["app:dev","app:old"],
        "Layers":["one/layer.tar","two/layer.tar"]}]"#;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn saved() -> Vec<u8> {
        let layer = "x".repeat(3000);
        archive(&[
            ("one/layer.tar", &layer),
            ("two/layer.tar", &layer),
            ("c0ffee.json", "{}"),
            ("manifest.json", MANIFEST),
        ])
    }

    fn names(bytes: &[u8]) -> anyhow::Result<Vec<String>> {
        Ok(read(bytes)?.into_iter().map(|it| format!("{} {}", it.name, it.digest)).collect())
    }

    #[test]
    fn what_docker_saves_is_read() {
        let expected = ["app:dev sha256:c0ffee", "app:old sha256:c0ffee"];
        assert_eq!(names(&saved()).unwrap(), expected);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&saved()).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(names(&packed).unwrap(), expected);
        assert!(names(&packed[..packed.len() - 4]).is_err());
    }

    #[test]
    fn a_layout_is_read_by_its_index() {
        let index = r#"{"manifests":[{"digest":"sha256:ab","annotations":
            {"io.containerd.image.name":"docker.io/library/app:dev"}}]}"#;
        let files = [("oci-layout", "{}"), ("./index.json", index), ("blobs/sha256/ab", "{}")];
        assert_eq!(names(&archive(&files)).unwrap(), ["docker.io/library/app:dev sha256:ab"]);
        assert!(names(&archive(&files[..2])).is_err());
    }

    #[test]
    fn half_an_archive_is_refused_wherever_it_ends() {
        let whole = saved();
        // The end is two empty blocks, which are not required.
        for length in (0..whole.len() - 1024).step_by(100) {
            assert!(names(&whole[..length]).is_err(), "{length}");
        }
        assert!(names(b"no archive at all").is_err());
        assert!(names(&archive(&[("a", "b")])).is_err());
        assert!(names(&archive(&[("manifest.json", MANIFEST)])).is_err());
        assert!(names(&archive(&[("manifest.json", "{")])).is_err());
    }

    #[test]
    fn names_are_kept_once() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("app.tar");
        fs::write(&file, saved()).unwrap();
        let line = format!("-n k8s.io images import --all-platforms {}", file.display());
        let args: Vec<_> = line.split(' ').map(str::to_owned).collect();
        run(&args, state.path(), false).unwrap();
        run(&args, state.path(), false).unwrap();
        let list = fs::read_to_string(state.path().join("agent/images.txt")).unwrap();
        assert_eq!(list, "app:dev\napp:old\n");
        let error = run(&args, state.path(), true).unwrap_err();
        assert_eq!(error.to_string(), "failed to ingest: no space left on device");
        fs::write(state.path().join("ctr-fails"), "").unwrap();
        assert!(run(&args, state.path(), false).is_err());
    }

    #[test]
    fn the_dash_is_a_file() {
        let args = ["--namespace", "k8s.io", "i", "import", "--digests", "-"].map(str::to_owned);
        assert_eq!(words(&args), ["i", "import", "-"]);
    }
}
