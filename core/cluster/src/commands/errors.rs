//! The errors of clusters as users see them. This is the only place that assigns exit codes and
//! hints, which may name options and the host's own command.

use crate::api_server::ApiError;
use crate::engine::{Endpoint, EndpointError, EngineError, FaultKind};
use crate::error::ClusterError;
use crate::kubeconfig::KubeconfigError;
use crate::nodes::lacks_privilege;
use crate::spec::ClusterFileError;
use pintle_host::Identity;
use pintle_host::causes::causes;
use pintle_host::cli::{CliError, Exit, Hint};
use pintle_plugin::message::{ErrorKind, ErrorReply};

/// A hint on the form of node filters.
pub(super) const FILTERS: &str = "\
    use a filter such as `server:0`, `agent:0,2`, `agent:0-3`, `server:*` or `all`; separate \
     several with `;`; write `\\@` for an `@` in the value";

impl From<ClusterError> for CliError {
    fn from(err: ClusterError) -> Self {
        // A hook's error has its own causes and its own exit code.
        if let ClusterError::Hook(hook) = &err {
            return Self::from_hook(hook);
        }
        // An excerpt of the file is shown as lines only if it is a direct cause.
        if let ClusterError::File { source: ClusterFileError::Invalid { source }, .. } = &err {
            return Self::new(exit(&err), err.to_string()).cause(&**source);
        }
        Self::from_error(exit(&err), &err).hint_if_known(hint(&err))
    }
}

/// Returns an error for a plugin that has called a service.
pub(super) fn reply(err: &ClusterError, host: &Identity) -> ErrorReply {
    let mut reply = ErrorReply::failed(err.to_string());
    reply.causes = causes(err).map(ToString::to_string).collect();
    reply.hint = hint(err).map(|it| it.text(host));
    match err {
        _ if err.is_absence_of_engine() => reply.kind = ErrorKind::NoEngine,
        ClusterError::Engine(EngineError::TimeLimit { .. }) => reply.kind = ErrorKind::Usage,
        ClusterError::UnknownRequest => reply.kind = ErrorKind::Unsupported,
        _ => {}
    }
    reply
}

fn exit(err: &ClusterError) -> Exit {
    match err {
        _ if err.is_absence_of_engine() => Exit::NoEngine,
        _ if err.is_interrupt() => Exit::Interrupted,
        ClusterError::File { source: ClusterFileError::Read { .. }, .. } => Exit::Failed,
        ClusterError::Engine(EngineError::TimeLimit { .. })
        | ClusterError::Name(_)
        | ClusterError::File { .. }
        | ClusterError::UnusableNetwork { .. }
        | ClusterError::Taken { .. }
        | ClusterError::NoServer
        | ClusterError::FirstServer { .. }
        | ClusterError::SingleServer
        | ClusterError::SmallSubnet { .. }
        | ClusterError::EmptyArchive { .. }
        | ClusterError::NoContainer { .. }
        | ClusterError::UnknownRequest => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// Returns what to do about an error, if that is known.
fn hint(err: &ClusterError) -> Option<Hint> {
    Some(match err {
        ClusterError::Engine(err) => return engine_hint(err),
        ClusterError::Api(err) => return api_hint(err),
        ClusterError::Kubeconfig(err) => return kubeconfig_hint(err),
        ClusterError::File { source, .. } => return file_hint(source),
        ClusterError::Exists { name, is_remains } => exists_hint(name.clone(), *is_remains),
        ClusterError::Busy { holder, .. } if !holder.is_certain => Hint::from(format!(
            "if no other run is working on it, remove `{}`, which a killed run may have left",
            holder.path.display()
        )),
        ClusterError::Busy { .. } => Hint::from("wait until it ends, or end it"),
        ClusterError::NotFound { .. } => {
            command(|host| format!("run `{host} cluster list` to list the clusters"))
        }
        ClusterError::NoNode { .. } => {
            command(|host| format!("run `{host} node list` to list the nodes"))
        }
        ClusterError::NoRunningNode { cluster } => start_hint(cluster.clone(), "start it"),
        ClusterError::NoKubeconfig { cluster } => {
            start_hint(cluster.clone(), "the first server writes it when it is running: start it")
        }
        ClusterError::NoFirstServer { .. } => {
            Hint::from("delete the cluster: it cannot be used without its first server")
        }
        ClusterError::NoImage { .. } => Hint::from(
            "pull or build the image first, or specify an archive that `docker save` has written",
        ),
        ClusterError::NoArchive { .. } => {
            Hint::from("create an image archive with `docker save --output FILE IMAGE`")
        }
        ClusterError::NoSubnet | ClusterError::SmallSubnet { .. } => {
            Hint::from("choose a free range with `--subnet`, for example `172.28.0.0/22`")
        }
        ClusterError::OtherSubnet { .. } => {
            Hint::from("omit `--subnet`, or specify another network")
        }
        ClusterError::NoVolume { name } => {
            Hint::from(format!("create it with `docker volume create {name}`"))
        }
        ClusterError::NoMountSource { .. } => Hint::from("create it first"),
        ClusterError::SingleServer => {
            Hint::from("create the cluster with several servers, for example with `--servers 3`")
        }
        ClusterError::NoApi { cluster, .. } => {
            let cluster = cluster.clone();
            command(move |host| {
                format!(
                    "start the cluster with `{host} cluster start {cluster}`; `--force` deletes \
                     the nodes' containers regardless, but the cluster still counts the nodes as \
                     members when it starts"
                )
            })
        }
        ClusterError::Import { is_zstd: true, .. } => Hint::from(
            "some versions of containerd cannot read archives that are compressed with zstd: \
             decompress the archive with `zstd -d`, or compress it with gzip",
        ),
        ClusterError::Quorum { lost, .. } if !lost.is_empty() => Hint::from(format!(
            "servers without a container still count as members of the cluster: remove them first \
             with `kubectl delete node {}`",
            lost.join(" ")
        )),
        ClusterError::Quorum { .. } => Hint::from(
            "wait until the other servers are ready, or delete one server at a time; `--force` \
             deletes them regardless, and the cluster may be lost",
        ),
        ClusterError::NotLeft { .. } => Hint::from(
            "its container still exists; `--force` deletes it regardless, and the cluster may be \
             lost",
        ),
        ClusterError::NodeStopped { source: Some(said), .. } if lacks_privilege(&said.0) => {
            Hint::from(
                "this engine cannot provide what a kubelet needs with `--privilege reduced`: use \
                 an engine that can start privileged containers, and `--privilege full`",
            )
        }
        ClusterError::NodeStopped { code: 137, is_out_of_memory, .. } => {
            memory_hint(*is_out_of_memory)
        }
        ClusterError::TimedOut { is_undone, .. } => timeout_hint(*is_undone),
        ClusterError::Abandoned { name, .. } | ClusterError::NotUndone { name, .. } => {
            let name = name.clone();
            command(move |host| {
                format!("run `{host} cluster delete {name}` to remove what is left")
            })
        }
        _ => return None,
    })
}

/// Returns a hint that names the host's command.
fn command(text: impl Fn(&str) -> String + Send + Sync + 'static) -> Hint {
    Hint::new(move |host| text(&host.command_name))
}

fn exists_hint(name: String, is_remains: bool) -> Hint {
    match is_remains {
        true => command(move |host| {
            format!(
                "if no other run is creating it, run `{host} cluster delete {name}` to remove \
                 what is left"
            )
        }),
        false => command(move |host| {
            format!("choose another name, or run `{host} cluster delete {name}` first")
        }),
    }
}

fn start_hint(cluster: String, what: &'static str) -> Hint {
    command(move |host| format!("{what} with `{host} cluster start {cluster}`"))
}

/// What to do about a node that was killed (128 and SIGKILL).
fn memory_hint(is_certain: bool) -> Hint {
    Hint::from(match is_certain {
        true => "it exceeded its memory limit: a server needs about 600 MiB, an agent 200 MiB",
        false => {
            "it was killed, probably because memory ran out: a server needs about 600 MiB, an \
             agent 200 MiB; check what else is running, or raise the limit with `--memory`"
        }
    })
}

fn timeout_hint(is_undone: bool) -> Hint {
    match is_undone {
        true => Hint::from(
            "allow more time with `--timeout`, or keep the nodes with `--no-rollback` and read \
             their logs",
        ),
        false => command(|host| {
            format!(
                "allow more time with `--timeout`; run `{host} cluster logs` to read the nodes' \
                 logs"
            )
        }),
    }
}

fn engine_hint(err: &EngineError) -> Option<Hint> {
    Some(Hint::from(match err {
        EngineError::Endpoint(err) => endpoint_hint(err),
        EngineError::Runtime { .. } => {
            "the process has reached its limit of open files or threads: check `ulimit -n` and \
             `ulimit -u`"
        }
        EngineError::TimeLimit { .. } => "use a duration such as `90s` or `5m`",
        err if err.is_permission_denied() => {
            "your user has no permission for the engine's socket: join the group `docker`, or use \
             a rootless engine"
        }
        EngineError::Unreachable { endpoint: Endpoint::Local(_), .. } => {
            "start Docker or Podman's service, or specify another engine with DOCKER_HOST or \
             `docker context use`"
        }
        EngineError::Unreachable { .. } => {
            "check DOCKER_HOST or `docker context ls`, and that the engine listens there"
        }
        EngineError::Failed { source, .. } => match source.kind()? {
            FaultKind::Privilege => {
                "this engine cannot start privileged containers: try `--privilege reduced`"
            }
            FaultKind::PortInUse => {
                "another program uses the port: choose another one, or let the engine choose"
            }
            FaultKind::DiskFull => {
                "the engine's disk is full: check `docker system df`, and free some space"
            }
            FaultKind::SubnetInUse => {
                "another network uses these addresses: choose another range with `--subnet`"
            }
            FaultKind::NoSubnetLeft => {
                "the engine has no addresses left for networks: remove unused ones with `docker \
                 network prune`, or choose a range with `--subnet`"
            }
        },
    }))
}

fn endpoint_hint(err: &EndpointError) -> &'static str {
    match err {
        EndpointError::Address { address, .. } if address.starts_with("ssh://") => {
            "forward the engine's socket with `ssh -L`, and set DOCKER_HOST=unix://…"
        }
        EndpointError::Address { .. } => "use `unix:///path/to/socket` or `tcp://host:port`",
        EndpointError::NoCertificates { .. } => {
            "set DOCKER_CERT_PATH to the directory with `ca.pem`, `cert.pem` and `key.pem`, or use \
             `tcp://host:port` for an engine without TLS"
        }
        EndpointError::NoContext { .. } => "run `docker context ls` to list the contexts",
        EndpointError::Configuration { .. } => "fix the file, or set DOCKER_HOST",
    }
}

fn api_hint(err: &ApiError) -> Option<Hint> {
    match err {
        ApiError::Unreachable { .. } => Some(command(|host| {
            format!("check that the cluster is running, with `{host} cluster list`")
        })),
        _ => None,
    }
}

fn kubeconfig_hint(err: &KubeconfigError) -> Option<Hint> {
    Some(match err {
        KubeconfigError::Locked { holder, .. } if !holder.is_certain => Hint::from(format!(
            "if no kubectl is working on it, remove `{}`, which a killed one may have left",
            holder.path.display()
        )),
        KubeconfigError::Invalid { .. } => {
            Hint::from("fix the file, or specify another one with KUBECONFIG")
        }
        KubeconfigError::NotOurs { path, context } => Hint::from(format!(
            "rename it with `kubectl --kubeconfig {} config rename-context {context} NEW`, or \
             choose another kubeconfig",
            path.display()
        )),
        KubeconfigError::NotWritten { path, kind, name, is_needed: false } => Hint::from(format!(
            "remove it with `kubectl --kubeconfig {} config delete-{kind} {name}`, or choose \
             another kubeconfig",
            path.display()
        )),
        KubeconfigError::NotWritten { .. } => Hint::from(
            "rename it in the file, and in the contexts that refer to it, or choose another \
             kubeconfig",
        ),
        KubeconfigError::ReadOnly { .. } => {
            Hint::from("give its owner write permission, or specify another file with KUBECONFIG")
        }
        KubeconfigError::Unchangeable { .. } => {
            Hint::from("edit it manually, or specify another file with KUBECONFIG")
        }
        KubeconfigError::Backup { backup, .. } => Hint::from(format!(
            "if `{}` exists, an earlier run did not finish: compare the two files, and remove it",
            backup.display()
        )),
        KubeconfigError::NoLocation => Hint::from("set KUBECONFIG to the path of a file"),
        _ => return None,
    })
}

fn file_hint(err: &ClusterFileError) -> Option<Hint> {
    match err {
        ClusterFileError::Kind { .. } => Some(Hint::from(
            "use `Cluster` of `pintle.dev/v1alpha1`, or `Simple` of `k3d.io/v1alpha5`",
        )),
        ClusterFileError::Unset { .. } => {
            Some(Hint::from("set it; for a dollar sign, write `$$` in k3d files"))
        }
        ClusterFileError::NoName => Some(Hint::from(
            "specify a name on the command line, or set `metadata.name` in the file",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_host::services::Excerpt;

    #[test]
    fn hints_name_the_host_that_runs() {
        let host = Identity { command_name: "rudder".into(), ..Identity::default() };
        let err = ClusterError::NotFound { name: "demo".into() };
        let reply = reply(&err, &host);
        assert_eq!(reply.message, "there is no cluster `demo`");
        assert_eq!(reply.hint.as_deref(), Some("run `rudder cluster list` to list the clusters"));
    }

    #[test]
    fn why_a_node_ended_is_explained_where_its_words_or_its_code_tell() {
        let hint = |code, is_out_of_memory, said: &str| {
            let node = "n".to_owned();
            let source = (!said.is_empty()).then(|| Excerpt(said.to_owned()));
            let err = ClusterError::NodeStopped { node, code, is_out_of_memory, source };
            reply(&err, &Identity::default()).hint.unwrap_or_default()
        };
        let kubelet = "failed to create kubelet: open /dev/kmsg: no such file or directory";
        assert!(hint(1, false, kubelet).contains("--privilege full"));
        assert!(hint(137, true, "").starts_with("it exceeded its memory limit"));
        assert!(hint(137, false, "").starts_with("it was killed"));
        assert_eq!(hint(1, false, "level=fatal"), "");
    }

    #[test]
    fn a_bad_time_limit_is_the_users_mistake_also_by_way_of_a_plugin() {
        let source = humantime::parse_duration("soon").unwrap_err();
        let (variable, text) = ("PINTLE_ENGINE_TIMEOUT".into(), "soon".into());
        let err = ClusterError::from(EngineError::TimeLimit { variable, text, source });
        let reply = reply(&err, &Identity::default());
        assert_eq!(reply.kind, ErrorKind::Usage);
        assert_eq!(CliError::from(err).exit(), Exit::Usage);
    }
}
