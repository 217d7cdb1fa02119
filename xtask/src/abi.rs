//! `cargo xtask abi`: has the plugin interface changed in a way that breaks plugins or hosts
//! that exist?
//!
//! `plugin-abi/abi.json` describes the interface: layouts, numbers, and the messages as JSON
//! schemas. The present sources are described in the same way and compared with it. With it goes
//! `docs/protocol.schema.json`, the schema of the messages of programs, for authors of programs.

mod changes;

use crate::cargo::{self, cargo, root};
use crate::step::Verdict;
use anyhow::{Context, Result, bail};
use changes::{Changes, compare};
use serde_json::{Map, Value};
use std::fs;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

/// What to do about changes.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Describe the interface anew, if what has changed is compatible
    #[arg(long)]
    update: bool,
    /// With --update: accept incompatible changes, as long as nothing was released that they
    /// break
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
        fs::write(file(), text).context("failed to write the description")?;
        fs::write(schema_file(), schema).context("failed to write the schema")?;
        return Ok(ExitCode::SUCCESS);
    }
    report(&changes)?;
    compare_schema(&schema)?;
    Ok(ExitCode::SUCCESS)
}

/// Fails for incompatible changes, and prints the others.
pub(crate) fn check() -> Result<Verdict> {
    let verdict = report(&look(&describe()?)?)?;
    compare_schema(&protocol()?)?;
    Ok(verdict)
}

/// Fails when the schema in the repository is not that of the present sources.
fn compare_schema(new: &str) -> Result<()> {
    let old = fs::read_to_string(schema_file()).unwrap_or_default();
    if old != new {
        bail!(
            "docs/protocol.schema.json is not the schema of the present sources; \
             `cargo xtask abi --update` writes it"
        );
    }
    Ok(())
}

fn report(changes: &Changes) -> Result<Verdict> {
    if !changes.breaks.is_empty() {
        bail!(
            "the plugin interface has changed incompatibly:\n  {}\n\
             plugins or hosts that exist would fail; docs/abi.md says what may change, and how",
            changes.breaks.join("\n  ")
        );
    }
    if !changes.additions.is_empty() {
        println!("new in the plugin interface:\n  {}", changes.additions.join("\n  "));
        println!("`cargo xtask abi --update` adds it to plugin-abi/abi.json");
    }
    Ok(Verdict::Passed)
}

fn file() -> PathBuf {
    root().join("plugin-abi/abi.json")
}

fn schema_file() -> PathBuf {
    root().join("docs/protocol.schema.json")
}

/// Compares with what is in the repository.
fn look(new: &Value) -> Result<Changes> {
    let text = fs::read_to_string(file()).context("failed to read plugin-abi/abi.json")?;
    let old = serde_json::from_str(&text).context("plugin-abi/abi.json is not valid JSON")?;
    Ok(compare(&old, new))
}

/// Describes the interface of the present sources.
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

/// Returns the schema of the messages of programs, as the present sources have them.
fn protocol() -> Result<String> {
    example(&["--", "protocol"])
}

/// Returns what the example `abi` prints.
fn example(args: &[&str]) -> Result<String> {
    let mut command = cargo(["run", "--quiet", "--package=pintle-plugin", "--features=schema"]);
    let out = command.arg("--example=abi").args(args).stderr(Stdio::inherit()).output();
    let out = out.context("failed to run cargo")?;
    if !out.status.success() {
        bail!("`{}` failed: {}", cargo::line(&command), out.status);
    }
    String::from_utf8(out.stdout).context("the example does not print UTF-8")
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
    if found.is_empty() { bail!("raw.rs has no numbers in `{module}`") } else { Ok(found) }
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
