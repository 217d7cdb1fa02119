//! The values of a cluster's options, and their syntax.

use super::destinations;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Why a text is not a valid value of an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} `{text}`: {examples}")]
pub struct ValueError {
    text: String,
    what: &'static str,
    /// Examples of such a value.
    examples: &'static str,
}

fn wrong(text: &str, what: &'static str, examples: &'static str) -> ValueError {
    ValueError { text: text.to_owned(), what, examples }
}

/// Published ports of a node, in the syntax of the Docker command line:
/// `[[IP:][PORT]:]PORT[/PROTOCOL]`, where `PORT` may be a range `A-B`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The address on the engine's machine; empty means all addresses.
    pub ip: String,
    /// The first port there; `None` lets the engine choose.
    pub host: Option<u16>,
    /// The first port of the node.
    pub container: u16,
    /// The number of consecutive ports.
    pub count: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

impl FromStr for Publish {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        publish(text).ok_or_else(|| {
            wrong(
                text,
                "port mapping",
                "use a form such as `8080:80`, `127.0.0.1:8080:80/tcp` or `80`",
            )
        })
    }
}

fn publish(text: &str) -> Option<Publish> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !["tcp", "udp", "sctp"].contains(&protocol) {
        return None;
    }
    let (rest, container) = match ports.rsplit_once(':') {
        Some((rest, container)) => (Some(rest), container),
        None => (None, ports),
    };
    let (container, last) = range(container)?;
    let count = last - container + 1;
    let (ip, host) = match rest {
        None => ("", None),
        Some(rest) => match rest.rsplit_once(':') {
            Some((ip, host)) => (ip.trim_matches(['[', ']']), Some(host)),
            None => ("", Some(rest)),
        },
    };
    if !ip.is_empty() {
        ip.parse::<IpAddr>().ok()?;
    }
    let host = match host.filter(|it| !it.is_empty()) {
        None => None,
        Some(host) => {
            let (first, last) = range(host)?;
            if last - first + 1 != count {
                return None;
            }
            Some(first)
        }
    };
    Some(Publish { ip: ip.to_owned(), host, container, count, protocol: protocol.to_owned() })
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last && last - first < 10_000).then_some((first, last))
}

/// Where the API server is published: `[HOST:]PORT`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiAddress {
    /// The host in the kubeconfig. It is also the address to publish on, if it is an address and
    /// `ip` is not set.
    pub host: Option<String>,
    /// The only address to publish on, whatever the host is.
    pub ip: Option<IpAddr>,
    /// The port; `None` lets the engine choose.
    pub port: Option<u16>,
}

impl ApiAddress {
    /// Returns the host at which clients reach the API, if they reach the engine's machine at
    /// `engine_host`: the host that the user specified, or else the address that the API is
    /// published on.
    pub(crate) fn reached_at(&self, engine_host: &str) -> String {
        // A server can bind to the address that means all addresses, but clients cannot connect to
        // it.
        let named = self
            .host
            .as_ref()
            .filter(|it| it.parse::<IpAddr>().map_or(true, |ip| !ip.is_unspecified()));
        let ip = || self.ip.filter(|it| !it.is_unspecified()).map(|it| it.to_string());
        named.cloned().or_else(ip).unwrap_or_else(|| engine_host.to_owned())
    }
}

impl FromStr for ApiAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error =
            || wrong(text, "address for the API", "use a form such as `6550` or `0.0.0.0:6550`");
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (Some(host.trim_matches(['[', ']'])), port),
            None => (None, text),
        };
        let port = match port {
            // A free port that the engine chooses, as in k3d.
            "random" | "0" => None,
            port => Some(port.parse().map_err(|_| error())?),
        };
        if host.is_some_and(|it| it.is_empty() || it.contains(['/', ' '])) {
            return Err(error());
        }
        Ok(Self { host: host.map(str::to_owned), ip: None, port })
    }
}

/// A mount: `SOURCE:TARGET[:OPTIONS]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeMount {
    /// A path on the engine's machine, or the name of a volume; `None` for an anonymous volume.
    pub source: Option<String>,
    /// The absolute path in the node.
    pub target: String,
    /// Options, for example `ro`.
    pub options: String,
}

impl FromStr for VolumeMount {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || {
            wrong(
                text,
                "mount",
                "use a form such as `/path/here:/path/there`, `volume:/path:ro` or `/path`",
            )
        };
        let parts: Vec<_> = text.split(':').collect();
        let (source, target, options) = match parts.as_slice() {
            [target] => (None, *target, ""),
            [source, target] => (Some(*source), *target, ""),
            [source, target, options] => (Some(*source), *target, *options),
            _ => return Err(error()),
        };
        let target = destinations::resolve(target);
        let has_source = source.is_none_or(|it| !it.is_empty());
        if !has_source || !target.starts_with('/') || target.len() < 2 {
            return Err(error());
        }
        Ok(Self {
            source: source.map(str::to_owned),
            target: target.into_owned(),
            options: options.to_owned(),
        })
    }
}

impl VolumeMount {
    /// Returns whether the source is a path, and not the name of a volume.
    pub fn is_path(&self) -> bool {
        // Volume names contain no slash.
        self.source.as_ref().is_some_and(|it| it.starts_with(['.', '~']) || it.contains('/'))
    }

    /// Returns the mount in the form of the engine's API.
    pub fn to_bind(&self) -> String {
        let parts = [self.source.as_deref(), Some(&self.target), Some(&self.options)];
        let parts: Vec<_> = parts.into_iter().flatten().filter(|it| !it.is_empty()).collect();
        parts.join(":")
    }
}

/// An amount of memory in bytes: a number and a unit `b`, `k`, `m`, `g` or `t` (powers of 1024), in
/// the syntax of the Docker command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory(pub i64);

impl FromStr for Memory {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        memory(text).ok_or_else(|| {
            wrong(text, "amount of memory", "use a form such as `512m`, `512Mi` or `1.5g`")
        })
    }
}

fn memory(text: &str) -> Option<Memory> {
    let lower = text.to_ascii_lowercase();
    let number = lower.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let shift = match &lower[number.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "ki" | "kib" => 10,
        "m" | "mb" | "mi" | "mib" => 20,
        "g" | "gb" | "gi" | "gib" => 30,
        "t" | "tb" | "ti" | "tib" => 40,
        _ => return None,
    };
    let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), "0"));
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole = whole.parse::<i64>().ok()?.checked_mul(1 << shift)?;
    let parts = i128::from(fraction.parse::<i64>().ok()?) << shift;
    let part = i64::try_from(parts / 10_i128.pow(u32::try_from(fraction.len()).ok()?)).ok()?;
    whole.checked_add(part).filter(|it| *it > 0).map(Memory)
}

/// `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair(pub String, pub String);

impl FromStr for Pair {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self(name.to_owned(), value.to_owned())),
            _ => Err(wrong(text, "pair", "use `NAME=VALUE`")),
        }
    }
}

/// A process limit of a container, as set by `ulimit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    /// The name, for example `nofile`.
    pub name: String,
    /// The soft limit, which applies.
    pub soft: i64,
    /// The hard limit, to which a process can raise the soft limit.
    pub hard: i64,
}

/// The privileges of the nodes' containers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Privilege {
    /// Privileged containers, as k3s requires.
    #[default]
    Full,
    /// All capabilities except CAP_SYS_RESOURCE, for engines that cannot start privileged
    /// containers.
    Reduced,
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Reduced => "reduced",
        })
    }
}

impl FromStr for Privilege {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "full" => Ok(Self::Full),
            "reduced" => Ok(Self::Reduced),
            _ => Err(wrong(text, "privilege", "use `full` or `reduced`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_written_as_dockers() {
        let parse = |it: &str| {
            it.parse::<Publish>().map(|it| {
                let host = it.host.map_or("?".to_owned(), |it| it.to_string());
                format!("{}:{host}:{}x{}/{}", it.ip, it.container, it.count, it.protocol)
            })
        };
        assert_eq!(parse("8080:80").unwrap(), ":8080:80x1/tcp");
        assert_eq!(parse("80/udp").unwrap(), ":?:80x1/udp");
        assert_eq!(parse("127.0.0.1:8080:80").unwrap(), "127.0.0.1:8080:80x1/tcp");
        assert_eq!(parse("127.0.0.1::80").unwrap(), "127.0.0.1:?:80x1/tcp");
        assert_eq!(parse("[::1]:8080:80").unwrap(), "::1:8080:80x1/tcp");
        assert_eq!(parse("30000-30009:30000-30009").unwrap(), ":30000:30000x10/tcp");
        for text in ["", "x", "0:80", "80:80/icmp", "1-3:1-2", "host:1:1", "70000", "3-1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_api_has_a_host_and_a_port() {
        let parse = |it: &str| it.parse::<ApiAddress>().map(|it| (it.host, it.port));
        assert_eq!(parse("6550"), Ok((None, Some(6550))));
        assert_eq!(parse("random"), Ok((None, None)));
        assert_eq!(parse("0.0.0.0:6550"), Ok((Some("0.0.0.0".into()), Some(6550))));
        assert_eq!(parse("[::1]:0"), Ok((Some("::1".into()), None)));
        assert!(parse(":6550").is_err());
        assert!(parse("x").is_err());
    }

    #[test]
    fn clients_reach_the_api_where_it_listens_unless_told_otherwise() {
        let reached = |host: Option<&str>, ip: Option<&str>| {
            let ip = ip.map(|it| it.parse().unwrap());
            let api = ApiAddress { host: host.map(str::to_owned), ip, port: None };
            api.reached_at("engine.example")
        };
        assert_eq!(reached(None, None), "engine.example");
        assert_eq!(reached(Some("box"), Some("192.168.1.5")), "box");
        assert_eq!(reached(None, Some("192.168.1.5")), "192.168.1.5");
        assert_eq!(reached(None, Some("0.0.0.0")), "engine.example");
        assert_eq!(reached(Some("0.0.0.0"), None), "engine.example");
        assert_eq!(reached(Some("::"), Some("::1")), "::1");
    }

    #[test]
    fn mounts_have_a_target() {
        let parse = |it: &str| it.parse::<VolumeMount>().map(|it| (it.to_bind(), it.is_path()));
        assert_eq!(parse("/a:/b:ro"), Ok(("/a:/b:ro".into(), true)));
        assert_eq!(parse("data:/b"), Ok(("data:/b".into(), false)));
        assert_eq!(parse("./a:/b"), Ok(("./a:/b".into(), true)));
        assert_eq!(parse("/b"), Ok(("/b".into(), false)));
        assert_eq!(parse("a/b:/c"), Ok(("a/b:/c".into(), true)));
        let manifests = "/var/lib/rancher/k3s/server/manifests";
        assert_eq!(parse("a:k3s-manifests"), Ok((format!("a:{manifests}"), false)));
        assert_eq!(
            parse("./a.yaml:k3s-manifests-custom/a.yaml:ro"),
            Ok((format!("./a.yaml:{manifests}/custom/a.yaml:ro"), true))
        );
        for text in ["", "a", "a:b", ":/b", "a:/", "a:/b:ro:x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_has_units() {
        let parse = |it: &str| it.parse::<Memory>().map(|it| it.0);
        assert_eq!(parse("512m"), Ok(512 << 20));
        assert_eq!(parse("2GiB"), Ok(2 << 30));
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("512Mi"), Ok(512 << 20));
        assert_eq!(parse("1.5g"), Ok(3 << 29));
        assert_eq!(parse("0.5k"), Ok(512));
        assert_eq!(parse("1t"), Ok(1 << 40));
        for text in ["", "m", "-1g", "0", "0.0g", "1.g", ".5g", "1.2.3g", "1e9", "9999999999g"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
