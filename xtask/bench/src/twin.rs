//! A program that does the same as the benchmark's plugin: the same command, the same hook, and the
//! same step of a scaffolding chain. Under another name, it is an external plugin of kubebuilder
//! that changes nothing.
#![expect(clippy::print_stdout, reason = "a command-line program prints")]

use clap::{Arg, Command};
use serde_json::{Value, json};
use std::env;
use std::io::{self, Read, Write as _};
use std::path::Path;

fn main() -> io::Result<()> {
    let is_set = |name| env::var_os(name).is_some();
    let name = env::args_os().next().unwrap_or_default();
    if Path::new(&name).file_name().is_some_and(|it| it == EXTERNAL) {
        return external();
    }
    match env::var("PINTLE_COMMAND").as_deref() {
        Ok("INFO") => println!("{}", info()),
        Ok("EXEC") if is_set("PINTLE_SUBCOMMAND") => edit()?,
        Ok("EXEC") if is_set("PINTLE_WORDS") => {
            println!("hello, {}", env::args().nth(1).unwrap_or_default());
        }
        Ok("EXEC") => watch()?,
        _ => hello(),
    }
    Ok(())
}

/// The name of the external plugin.
const EXTERNAL: &str = "bench.example.org";

/// Answers kubebuilder: there are no flags, and `edit` changes nothing.
fn external() -> io::Result<()> {
    let request: Value = serde_json::from_reader(io::stdin())?;
    let mut answer = json!({"apiVersion": "v1alpha1", "command": request["command"]});
    match request["command"].as_str() {
        Some("metadata") => answer["metadata"] = json!({"description": "Does nothing"}),
        Some("flags") => answer["flags"] = json!([]),
        _ => answer["universe"] = json!({}),
    }
    println!("{answer}");
    Ok(())
}

fn info() -> Value {
    json!({
        "version": "1.0.0",
        "project_versions": ["3"],
        "commands": [{
            "command": "bench-program",
            "about": "Greet someone",
            "args": [{"name": "name", "kind": "positional", "default": "world"}],
        }],
        "events": ["post-resource-create"],
        "scaffolds": [{"subcommand": "edit"}],
    })
}

/// Reads the event and does nothing.
fn watch() -> io::Result<()> {
    let mut event = Vec::new();
    io::stdin().read_to_end(&mut event).map(|_| ())
}

/// Changes one file in a hundred.
fn edit() -> io::Result<()> {
    let mut lines = io::stdin().lines();
    let mut next = || lines.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
    next()?;
    println!("{}", json!({"nodes": {}}));
    io::stdout().flush()?;
    let answer: Value = serde_json::from_str(&next()?)?;
    let nodes = answer["nodes"].as_array().into_iter().flatten().step_by(100);
    let change = |it: &Value| {
        let len = it["text"].as_str().unwrap_or_default().len();
        json!({"path": it["path"], "text": "#".repeat(len), "change": "put"})
    };
    let nodes: Vec<_> = nodes.map(change).collect();
    println!("{}", json!({"reply": {"nodes": nodes}}));
    Ok(())
}

fn hello() {
    let name = Arg::new("name").default_value("world").help("The name to greet");
    let matches = Command::new("pintle-bench-twin").about("Greet someone").arg(name).get_matches();
    if let Some(name) = matches.get_one::<String>("name") {
        println!("hello, {name}");
    }
}
