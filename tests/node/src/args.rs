//! The settings from the command line and the environment, read as k3s reads them.

use crate::flags::{self, Flag, Unknown};
use anyhow::bail;
use std::path::PathBuf;

/// What the program must do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Print the version.
    Version,
    /// Run as containerd's client, with these arguments.
    Ctr(Vec<String>),
    /// Run as `rm`, which k3s's image also has.
    Rm(Vec<String>),
    /// Run as a node.
    Node(Settings),
}

/// The settings of a node.
#[derive(Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) is_server: bool,
    pub(crate) name: String,
    pub(crate) hostname: String,
    /// The secret that all nodes share.
    pub(crate) token: Option<String>,
    /// The server to join; a server without it is the first.
    pub(crate) url: Option<String>,
    /// Whether the first server keeps its data in etcd, so that others can join it.
    pub(crate) is_cluster_init: bool,
    /// Additional names of the server for its certificate.
    pub(crate) names: Vec<String>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) kubeconfig: PathBuf,
}

/// Reads the settings. Flags that k3s knows and the stand-in does not need are ignored, with their
/// values.
///
/// # Errors
///
/// [`Unknown`] for a flag that k3s does not know; other errors if something is missing.
pub(crate) fn read(
    program: &str,
    mut args: impl Iterator<Item = String>,
    variable: impl Fn(&str) -> Option<String>,
    hostname: &str,
) -> anyhow::Result<Command> {
    match program.rsplit('/').next() {
        Some("ctr") => return Ok(Command::Ctr(args.collect())),
        Some("rm") => return Ok(Command::Rm(args.collect())),
        _ => {}
    }
    let is_server = match args.next().as_deref() {
        Some("ctr") => return Ok(Command::Ctr(args.collect())),
        Some("--version" | "-v") => return Ok(Command::Version),
        Some("server") => true,
        Some("agent") => false,
        Some(it) => bail!("no such command: `{it}`; there are `server`, `agent` and `ctr`"),
        None => bail!("a command is missing: `server`, `agent` or `ctr`"),
    };
    let kubeconfig = variable("K3S_KUBECONFIG_OUTPUT");
    let kubeconfig = kubeconfig.unwrap_or_else(|| "/etc/rancher/k3s/k3s.yaml".to_owned());
    let mut settings = Settings {
        is_server,
        name: variable("K3S_NODE_NAME").unwrap_or_else(|| hostname.to_owned()),
        hostname: hostname.to_owned(),
        token: variable("K3S_TOKEN"),
        url: variable("K3S_URL"),
        is_cluster_init: false,
        names: Vec::new(),
        labels: Vec::new(),
        kubeconfig: kubeconfig.into(),
    };
    while let Some(arg) = args.next() {
        // k3s stops at the first word that is not a flag.
        let Some(flag) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')) else { break };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let known = flags::find(name);
        let known = known.ok_or_else(|| Unknown { name: name.to_owned(), is_server })?;
        let name = match known {
            Flag::Switch("cluster-init") => {
                settings.is_cluster_init = value.as_deref() != Some("false");
                continue;
            }
            Flag::Switch(_) => continue,
            Flag::WithValue(name) => name,
        };
        let value = value.or_else(|| args.next()).unwrap_or_default();
        match name {
            "token" => settings.token = Some(value),
            "server" => settings.url = Some(value),
            "node-name" => settings.name = value,
            "tls-san" => settings.names.extend(list(&value)),
            "node-label" => settings.labels.extend(list(&value).iter().map(|it| label(it))),
            _ => {}
        }
    }
    if settings.token.is_none() && (!is_server || settings.url.is_some()) {
        bail!("--token is required");
    }
    if !is_server && settings.url.is_none() {
        bail!("--server is required");
    }
    Ok(Command::Node(settings))
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn label(text: &str) -> (String, String) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    (key.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str, variables: &[(&str, &str)]) -> anyhow::Result<Command> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let program = words.next().unwrap();
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, it)| (*it).to_owned())
        };
        read(&program, words, variable, "host-0")
    }

    fn node(line: &str, variables: &[(&str, &str)]) -> Settings {
        match read_line(line, variables).unwrap() {
            Command::Node(settings) => settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_server_is_described_by_arguments_and_environment() {
        let line = "/bin/k3s server --cluster-init --disable traefik --tls-san 0.0.0.0,lb \
                    --tls-san=host.example --node-label a=b --node-label=c=d,e";
        let variables = [("K3S_TOKEN", "secret"), ("K3S_KUBECONFIG_OUTPUT", "/output/k.yaml")];
        let settings = node(line, &variables);
        assert!(settings.is_server);
        assert_eq!(settings.name, "host-0");
        assert_eq!(settings.token.as_deref(), Some("secret"));
        assert_eq!(settings.url, None);
        assert!(settings.is_cluster_init);
        assert_eq!(settings.names, ["0.0.0.0", "lb", "host.example"]);
        let labels = [("a", "b"), ("c", "d"), ("e", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(settings.labels, labels);
        assert_eq!(settings.kubeconfig, PathBuf::from("/output/k.yaml"));
    }

    #[test]
    fn an_agent_needs_a_server_and_a_token() {
        let settings = node("node agent -t x -s https://a:6443", &[("K3S_NODE_NAME", "other")]);
        assert!(!settings.is_server);
        assert_eq!((settings.name.as_str(), settings.hostname.as_str()), ("other", "host-0"));
        assert_eq!(settings.url.as_deref(), Some("https://a:6443"));
        let says =
            |line: &str, variables: &[_]| read_line(line, variables).unwrap_err().to_string();
        assert_eq!(says("node agent", &[("K3S_URL", "https://a")]), "--token is required");
        assert_eq!(says("node agent", &[("K3S_TOKEN", "x")]), "--server is required");
        assert_eq!(says("node server", &[("K3S_URL", "https://a")]), "--token is required");
    }

    #[test]
    fn an_unknown_flag_is_an_error() {
        for line in ["node server --no-such-flag", "node server --no-such-flag=1 --disable x"] {
            let err = read_line(line, &[]).unwrap_err();
            assert_eq!(err.to_string(), "flag provided but not defined: -no-such-flag");
            assert!(err.downcast::<Unknown>().unwrap().is_server);
        }
    }

    #[test]
    fn the_name_of_the_program_counts() {
        let ctr = |line| match read_line(line, &[]).unwrap() {
            Command::Ctr(args) => args.join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(ctr("/bin/ctr images ls -q"), "images ls -q");
        assert_eq!(ctr("/bin/k3s ctr images ls -q"), "images ls -q");
        assert_eq!(read_line("node --version", &[]).unwrap(), Command::Version);
        assert!(read_line("node", &[]).is_err());
        assert!(read_line("node etcd", &[]).is_err());
    }
}
