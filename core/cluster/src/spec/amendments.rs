//! Adds the amendments of hooks to a cluster before it is created. Pure.

use super::cluster_spec::ClusterSpec;
use super::node_filter::Filtered;
use super::values::{Pair, VolumeMount};
use crate::engine::File;
use crate::names::{HOST_VARIABLES, Names};
use pintle_host::lifecycle::Answer;
use pintle_plugin::Amendment;
use serde_json::Value;
use std::collections::BTreeMap;

/// The highest mode of a file.
const MAX_MODE: u32 = 0o7777;

/// Why amendments cannot be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AmendmentError {
    /// A reply is not an amendment.
    #[error("plugin `{plugin}` replied with an invalid amendment")]
    Invalid {
        /// The plugin.
        plugin: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A plugin sets one of the host's labels.
    #[error("plugin `{plugin}` sets the label `{label}`, which is reserved for the host")]
    ReservedLabel {
        /// The plugin.
        plugin: String,
        /// The label.
        label: String,
    },
    /// A file or mount has an invalid path.
    #[error("plugin `{plugin}` amends `{path}`, which {fault}")]
    Path {
        /// The plugin.
        plugin: String,
        /// The path.
        path: String,
        /// What is wrong with it, for example `is not an absolute path`.
        fault: &'static str,
    },
    /// A variable has an invalid name.
    #[error(
        "plugin `{plugin}` sets the variable `{}`: a name must not be empty or contain `=` or NUL",
        variable.escape_debug()
    )]
    Variable {
        /// The plugin.
        plugin: String,
        /// The variable.
        variable: String,
    },
    /// A variable has an invalid value.
    #[error("plugin `{plugin}` sets the variable `{variable}` to a value that contains NUL")]
    VariableValue {
        /// The plugin.
        plugin: String,
        /// The variable.
        variable: String,
    },
    /// A plugin sets a variable with which the host controls a node.
    #[error("plugin `{plugin}` sets the variable `{variable}`, which is reserved for the host")]
    ReservedVariable {
        /// The plugin.
        plugin: String,
        /// The variable.
        variable: String,
    },
    /// A file has a mode with more than permission bits.
    #[error(
        "plugin `{plugin}` amends the file `{path}` with the mode {mode:o}: the highest mode is \
         7777"
    )]
    Mode {
        /// The plugin.
        plugin: String,
        /// The file.
        path: String,
        /// The mode.
        mode: u32,
    },
    /// Two plugins amend the same thing differently.
    #[error("plugins `{one}` and `{other}` amend {part} `{key}` differently")]
    Conflict {
        /// One plugin.
        one: String,
        /// The other one.
        other: String,
        /// The part of the cluster, for example `the label`.
        part: &'static str,
        /// The name of the item.
        key: String,
    },
}

/// Adds the amendments of hooks to `spec`. The user's own settings are not changed.
///
/// # Errors
///
/// When a plugin amends something that cannot be amended, or two plugins amend the same item
/// differently.
pub(crate) fn apply(
    spec: &mut ClusterSpec,
    names: &Names,
    answers: Vec<(String, Answer)>,
) -> Result<(), AmendmentError> {
    let mut all = Merge::default();
    for (plugin, answer) in answers {
        if answer.amend.is_empty() {
            continue;
        }
        let amendment = read(&plugin, answer)?;
        check(&plugin, &amendment, names)?;
        all.add(&plugin, amendment)?;
    }
    all.into_spec(spec);
    Ok(())
}

fn read(plugin: &str, answer: Answer) -> Result<Amendment, AmendmentError> {
    serde_json::from_value(Value::Object(answer.amend))
        .map_err(|source| AmendmentError::Invalid { plugin: plugin.to_owned(), source })
}

fn check(plugin: &str, amendment: &Amendment, names: &Names) -> Result<(), AmendmentError> {
    let plugin = plugin.to_owned();
    if let Some(label) = amendment.labels.keys().find(|it| names.is_reserved(it)) {
        return Err(AmendmentError::ReservedLabel { plugin, label: label.clone() });
    }
    for (name, value) in &amendment.env {
        let variable = name.clone();
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(AmendmentError::Variable { plugin, variable });
        }
        if value.contains('\0') {
            return Err(AmendmentError::VariableValue { plugin, variable });
        }
        if HOST_VARIABLES.contains(&name.as_str()) {
            return Err(AmendmentError::ReservedVariable { plugin, variable });
        }
    }
    for path in amendment.files.keys().chain(amendment.mounts.keys()) {
        if let Some(fault) = path_fault(path) {
            return Err(AmendmentError::Path { plugin, path: path.clone(), fault });
        }
    }
    match amendment.files.iter().find(|(_, it)| it.mode > MAX_MODE) {
        Some((path, it)) => Err(AmendmentError::Mode { plugin, path: path.clone(), mode: it.mode }),
        None => Ok(()),
    }
}

/// Returns what is wrong with the path of a file or a mount.
fn path_fault(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("is not an absolute path");
    }
    if path.contains('\0') {
        return Some("contains NUL");
    }
    if path.split('/').any(|it| it == "..") {
        return Some("contains `..`");
    }
    path.split('/').all(|it| it.is_empty() || it == ".").then_some("is the root directory")
}

/// The amendments so far, each with the plugin that sent it.
#[derive(Default)]
struct Merge {
    parts: BTreeMap<(&'static str, String), (String, Value)>,
    amendment: Amendment,
}

impl Merge {
    fn add(&mut self, plugin: &str, more: Amendment) -> Result<(), AmendmentError> {
        self.claim(plugin, "the variable", &more.env)?;
        self.claim(plugin, "the label", &more.labels)?;
        self.claim(plugin, "the file", &more.files)?;
        self.claim(plugin, "the mount", &more.mounts)?;
        self.claim(plugin, "the mirror", &more.mirrors)?;
        self.amendment.env.extend(more.env);
        self.amendment.labels.extend(more.labels);
        self.amendment.files.extend(more.files);
        self.amendment.mounts.extend(more.mounts);
        self.amendment.mirrors.extend(more.mirrors);
        Ok(())
    }

    fn claim<V: serde::Serialize>(
        &mut self,
        plugin: &str,
        part: &'static str,
        values: &BTreeMap<String, V>,
    ) -> Result<(), AmendmentError> {
        for (key, value) in values {
            let value = serde_json::to_value(value).expect("amendments have string keys");
            let place = (part, key.clone());
            match self.parts.get(&place) {
                Some((other, theirs)) if *theirs != value => {
                    return Err(AmendmentError::Conflict {
                        one: other.clone(),
                        other: plugin.to_owned(),
                        part,
                        key: key.clone(),
                    });
                }
                Some(_) => {}
                None => drop(self.parts.insert(place, (plugin.to_owned(), value))),
            }
        }
        Ok(())
    }

    fn into_spec(self, spec: &mut ClusterSpec) {
        let Amendment { env, labels, files, mounts, mirrors, .. } = self.amendment;
        // Later values replace earlier ones, and the user's values must come last.
        let pair = |(name, value)| Filtered::plain(Pair(name, value));
        spec.env.splice(0..0, env.into_iter().map(pair));
        spec.labels.splice(0..0, labels.into_iter().map(pair));
        let file = |(path, it): (String, pintle_plugin::AmendedFile)| {
            Filtered::plain(File { path, bytes: it.text.into_bytes(), mode: it.mode })
        };
        spec.files.splice(0..0, files.into_iter().map(file));
        for (target, it) in mounts {
            if spec.volumes.iter().any(|it| it.value.target == target) {
                continue;
            }
            let options = if it.read_only { "ro" } else { "" }.to_owned();
            let mount = VolumeMount { source: Some(it.source), target, options };
            spec.volumes.push(Filtered::plain(mount));
        }
        spec.mirrors.extend(mirrors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_host::Identity;
    use pintle_plugin::HookReply;

    fn outcome(amendments: Vec<(&str, HookReply)>) -> Result<ClusterSpec, String> {
        let mut spec = ClusterSpec::new("demo".parse().unwrap());
        spec.env.push(Filtered::plain(Pair("MINE".into(), "user".into())));
        let names = Names::new(&Identity::default());
        let answer = |it: HookReply| Answer { amend: it.amend, replies: Vec::new() };
        let answers = amendments.into_iter().map(|(plugin, it)| (plugin.to_owned(), answer(it)));
        match apply(&mut spec, &names, answers.collect()) {
            Ok(()) => Ok(spec),
            Err(err) => Err(err.to_string()),
        }
    }

    #[test]
    fn amendments_come_together_and_the_user_has_the_last_word() {
        let one = Amendment::new().env("A", "1").env("MINE", "plugin").mirror("r:1", "http://r");
        let two = Amendment::new().env("A", "1").file("/etc/x", "y").mount("/here", "/there");
        let spec = outcome(vec![("one", one.into()), ("two", two.into())]).unwrap();
        let env: Vec<_> =
            spec.env.iter().map(|it| (it.value.0.as_str(), it.value.1.as_str())).collect();
        assert_eq!(env, [("A", "1"), ("MINE", "plugin"), ("MINE", "user")]);
        assert_eq!(spec.files[0].value.path, "/etc/x");
        assert_eq!(spec.volumes[0].value.to_bind(), "/here:/there");
        assert_eq!(spec.mirrors["r:1"], ["http://r"]);
    }

    #[test]
    fn different_amendments_of_one_thing_are_a_conflict() {
        let env = |value: &str| HookReply::from(Amendment::new().env("A", value));
        assert_eq!(
            outcome(vec![("one", env("1")), ("two", env("2"))]).unwrap_err(),
            "plugins `one` and `two` amend the variable `A` differently"
        );
        let mirror = |value: &str| HookReply::from(Amendment::new().mirror("r", value));
        assert_eq!(
            outcome(vec![("one", mirror("http://a")), ("two", mirror("http://b"))]).unwrap_err(),
            "plugins `one` and `two` amend the mirror `r` differently"
        );
    }

    #[test]
    fn what_cannot_be_amended_is_refused() {
        let err = |it: HookReply| outcome(vec![("one", it)]).unwrap_err();
        assert_eq!(
            err(Amendment::new().label("pintle.role", "x").into()),
            "plugin `one` sets the label `pintle.role`, which is reserved for the host"
        );
        assert_eq!(
            err(Amendment::new().file("/a/../b", "").into()),
            "plugin `one` amends `/a/../b`, which contains `..`"
        );
        assert_eq!(
            err(Amendment::new().file("/", "").into()),
            "plugin `one` amends `/`, which is the root directory"
        );
        assert_eq!(
            err(Amendment::new().mount("/here", "there").into()),
            "plugin `one` amends `there`, which is not an absolute path"
        );
        for name in ["", "A=B", "A\0"] {
            let shown = name.escape_debug();
            assert_eq!(
                err(Amendment::new().env(name, "x").into()),
                format!(
                    "plugin `one` sets the variable `{shown}`: a name must not be empty or \
                     contain `=` or NUL"
                )
            );
        }
        for name in HOST_VARIABLES {
            assert_eq!(
                err(Amendment::new().env(*name, "x").into()),
                format!("plugin `one` sets the variable `{name}`, which is reserved for the host")
            );
        }
        let mut amendment = Amendment::new().file("/a", "");
        amendment.files.get_mut("/a").unwrap().mode = 0o10_000;
        assert_eq!(
            err(amendment.into()),
            "plugin `one` amends the file `/a` with the mode 10000: the highest mode is 7777"
        );
        let unknown = err(HookReply::proceed().amend("colour", "red"));
        assert_eq!(unknown, "plugin `one` replied with an invalid amendment");
    }
}
