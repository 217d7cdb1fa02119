//! `cargo xtask abi`: reports whether the plugin interface has changed in a way that breaks
//! existing plugins or hosts.
//!
//! `plugin-abi/abi.json` describes the interface: layouts, numbers, and the messages as JSON
//! schemas. The current sources are described in the same way and compared with it. The command
//! also compares `docs/protocol.schema.json`, the schema of the messages of programs, for authors
//! of programs.

mod changes;

use crate::cargo::{self, cargo, root};
use crate::step::Verdict;
use anyhow::{Context, Result, bail};
use changes::{Changes, compare};
use serde_json::{Map, Value};
use std::fs;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

/// How to handle changes.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Update the description of the interface, if all changes are compatible
    #[arg(long)]
    update: bool,
    /// With --update: accept incompatible changes, if they break nothing that was released
    #[arg(long, requires = "update")]
    incompatible: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let new = describe()?;
    let changes = look(&new)?;
    let schema = protocol()?;
    if options.update && (changes.breaks.is_empty() || options.incompatible) {
        changes.breaks.iter().for_each(|it| println!("incompatible: {it}"));
        changes.additions.iter().for_each(|it| println!("new: {it}"));
        let text = format!("{new:#}\n");
        fs::write(file(), text).context("failed to write `plugin-abi/abi.json`")?;
        fs::write(schema_file(), schema).context("failed to write `docs/protocol.schema.json`")?;
        return Ok(ExitCode::SUCCESS);
    }
    report(&changes)?;
    compare_schema(&schema)?;
    Ok(ExitCode::SUCCESS)
}

/// Fails if there are incompatible changes; prints the other changes.
pub(crate) fn check() -> Result<Verdict> {
    let verdict = report(&look(&describe()?)?)?;
    compare_schema(&protocol()?)?;
    Ok(verdict)
}

/// Fails if the schema in the repository differs from the schema of the current sources.
fn compare_schema(new: &str) -> Result<()> {
    let old = fs::read_to_string(schema_file()).unwrap_or_default();
    if old != new {
        bail!(
            "`docs/protocol.schema.json` is out of date; \
             run `cargo xtask abi --update`"
        );
    }
    Ok(())
}

fn report(changes: &Changes) -> Result<Verdict> {
    if !changes.breaks.is_empty() {
        bail!(
            "the plugin interface has changed incompatibly:\n  {}\n\
             existing plugins or hosts would fail; see docs/abi.md for the changes that are allowed",
            changes.breaks.join("\n  ")
        );
    }
    if !changes.additions.is_empty() {
        println!("new in the plugin interface:\n  {}", changes.additions.join("\n  "));
        println!("run `cargo xtask abi --update` to add it to plugin-abi/abi.json");
    }
    Ok(Verdict::Passed)
}

fn file() -> PathBuf {
    root().join("plugin-abi/abi.json")
}

fn schema_file() -> PathBuf {
    root().join("docs/protocol.schema.json")
}

/// Compares the current interface with the description in the repository.
fn look(new: &Value) -> Result<Changes> {
    let text = fs::read_to_string(file()).context("failed to read `plugin-abi/abi.json`")?;
    let old = serde_json::from_str(&text).context("`plugin-abi/abi.json` is not valid JSON")?;
    Ok(compare(&old, new))
}

/// Describes the interface of the current sources.
fn describe() -> Result<Value> {
    let text = example(&[])?;
    let mut described: Value =
        serde_json::from_str(&text).context("the description is not valid JSON")?;
    let source = fs::read_to_string(root().join("plugin-abi/src/raw.rs"))?;
    for module in ["entry", "service"] {
        described["numbers"][module] = Value::Object(constants(&source, module)?);
    }
    Ok(described)
}

/// Returns the schema of the messages of programs, from the current sources.
fn protocol() -> Result<String> {
    example(&["--", "protocol"])
}

/// Returns the output of the example `abi`.
fn example(args: &[&str]) -> Result<String> {
    let mut command = cargo(["run", "--quiet", "--package=pintle-plugin", "--features=schema"]);
    let out = command.arg("--example=abi").args(args).stderr(Stdio::inherit()).output();
    let out = out.context("failed to run cargo")?;
    if !out.status.success() {
        bail!("`{}` failed: {}", cargo::line(&command), out.status);
    }
    String::from_utf8(out.stdout).context("the output of the example `abi` is not UTF-8")
}

/// Reads the constants in a module of a source file.
fn constants(source: &str, module: &str) -> Result<Map<String, Value>> {
    let start = format!("mod {module} {{");
    let lines = source.lines().skip_while(|it| !it.ends_with(&start)).skip(1);
    let constant = |line: &str| {
        let (name, number) = line.split_once("const ")?.1.split_once(": u32 = ")?;
        let number: u32 = number.strip_suffix(';')?.parse().ok()?;
        Some((name.to_owned(), number.into()))
    };
    let found: Map<_, _> = lines.take_while(|it| *it != "}").filter_map(constant).collect();
    if found.is_empty() {
        bail!("there are no numbers in the module `{module}` of raw.rs")
    } else {
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_read_from_the_source() {
        let source = "mod other {\n    const A: u32 = 9;\n}\npub(crate) mod entry {\n    /// A.\n    \
                      pub(crate) const A: u32 = 0;\n    pub(crate) const B_C: u32 = 12;\n}\n\
                      const D: u32 = 3;\n";
        let found = constants(source, "entry").unwrap();
        assert_eq!(Value::Object(found), json!({ "A": 0, "B_C": 12 }));
        assert!(constants(source, "service").is_err());
        let source = fs::read_to_string(root().join("plugin-abi/src/raw.rs")).unwrap();
        assert_eq!(constants(&source, "entry").unwrap()["EVENT"], 3);
        assert_eq!(constants(&source, "service").unwrap()["LEND"], 5);
    }
}
