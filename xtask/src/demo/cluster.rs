//! The part of the demo that needs a Docker engine: a cluster with a registry.
//!
//! The nodes are the stand-ins that the tests use, because they require no network.

use super::stage::Stage;
use crate::{cargo, node_images};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The cluster that the demo creates.
pub(crate) const NAME: &str = "demo";

pub(super) fn show(stage: &Stage) -> Result<()> {
    let Some(desk) = Desk::new(stage)? else {
        println!("\nNo Docker engine is running; the demo skips the cluster.");
        return Ok(());
    };
    // If the creation fails, nothing remains; a cluster with this name may belong to the user.
    desk.create()?;
    let shown = desk.show();
    if shown.is_err() {
        // The demo has created the cluster by now, and must not leave it on the user's engine.
        let _ = desk.pintle(&["cluster", "delete", NAME]);
    }
    shown
}

/// Imports an archive unless the engine has it, and returns its tag.
fn import(archive: &PathBuf) -> Result<String> {
    let tag = fs::read_to_string(archive.with_extension("tag"))
        .context("failed to read the tag of an image")?;
    let mut look = Command::new("docker");
    look.args(["image", "inspect", &tag]).stdout(Stdio::null()).stderr(Stdio::null());
    if look.status().is_ok_and(|it| it.success()) {
        return Ok(tag);
    }
    let mut import = Command::new("docker");
    import.args(["import", "--change", node_images::change(archive)]);
    import.args(["--change", "ENV PATH=/bin"]).arg(archive).arg(&tag).stdout(Stdio::null());
    cargo::run(&mut import)?;
    Ok(tag)
}

/// Runs the host with clusters of stand-in nodes.
pub(crate) struct Desk<'a> {
    stage: &'a Stage,
    /// The tags of the images.
    node: String,
    registry: Option<String>,
}

impl<'a> Desk<'a> {
    /// Builds the images of the nodes; returns `None` if there is no Docker engine.
    pub(crate) fn new(stage: &'a Stage) -> Result<Option<Self>> {
        if !node_images::has_engine() || !runs("docker") {
            return Ok(None);
        }
        println!("\nBuilding the image of stand-in nodes …");
        let archives = node_images::build()?;
        let find =
            |name: &str| archives.iter().find(|it| it.file_stem().is_some_and(|it| it == name));
        let node = import(find("standin").context("the stand-in is always built")?)?;
        let registry = find("registry").map(import).transpose()?;
        Ok(Some(Self { stage, node, registry }))
    }

    fn create(&self) -> Result<()> {
        let mut create = vec!["cluster", "create", NAME, "--agents", "2"];
        match self.registry {
            Some(_) => create.push("--registry"),
            None => println!(
                "\n(Debian's docker-registry is not installed; the demo skips the registry.)"
            ),
        }
        self.pintle(&create)
    }

    fn show(&self) -> Result<()> {
        match runs("kubectl") {
            true => self.say("kubectl", &["get", "nodes"])?,
            false => self.pintle(&["node", "list"])?,
        }
        if self.registry.is_some() {
            self.push_and_pull()?;
        }
        self.pintle(&["cluster", "delete", NAME])?;
        let label = format!("label=pintle.cluster={NAME}");
        self.say("docker", &["ps", "--all", "--quiet", "--filter", &label])?;
        println!("\nThe cluster was created and deleted; the engine has nothing left of it.");
        Ok(())
    }

    fn push_and_pull(&self) -> Result<()> {
        let mut list = self.command(&["registry", "list", "-o", "json"]);
        let out = list.stderr(Stdio::inherit()).output().context("failed to list registries")?;
        ensure!(out.status.success(), "`pintle registry list` failed");
        let list: Vec<serde_json::Value> = serde_json::from_slice(&out.stdout)?;
        let own = list.iter().find(|it| it["cluster"] == NAME);
        let address = own.and_then(|it| it["address"].as_str());
        let image = format!("{}/buoy:1", address.context("the registry has no address")?);
        self.say("docker", &["tag", &self.node, &image])?;
        self.say("docker", &["push", "--quiet", &image])?;
        self.say("docker", &["pull", "--quiet", &image])?;
        self.say("docker", &["rmi", &image])
    }

    fn pintle(&self, words: &[&str]) -> Result<()> {
        println!("\n$ pintle {}", words.join(" "));
        cargo::run(&mut self.command(words))
    }

    /// Returns a call of the host that uses only the plugins and the kubeconfig of the demo.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.stage.host);
        command.args(words).current_dir(&self.stage.project).stdin(Stdio::null());
        command.env("PINTLE_PLUGIN_PATH", &self.stage.plugins);
        command.env("PINTLE_PLUGIN_SYSTEM_PATH", "").env("XDG_DATA_HOME", &self.stage.data);
        command.env("KUBECONFIG", self.kubeconfig()).env("PINTLE_NODE_IMAGE", &self.node);
        // The stand-in requires no privileges, and not every engine can grant them.
        command.env("PINTLE_PRIVILEGE", "reduced");
        if let Some(registry) = &self.registry {
            command.env("PINTLE_REGISTRY_IMAGE", registry);
        }
        command
    }

    fn say(&self, program: &str, words: &[&str]) -> Result<()> {
        println!("\n$ {program} {}", words.join(" "));
        let mut command = Command::new(program);
        cargo::run(command.args(words).env("KUBECONFIG", self.kubeconfig()))
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.stage.data.join("kubeconfig")
    }
}

fn runs(program: impl AsRef<Path>) -> bool {
    let mut command = Command::new(program.as_ref());
    command.arg("--help").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}
