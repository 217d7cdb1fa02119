//! A plugin for the tests of the chain. Its flags control its behaviour.

use pintle_plugin::json;
use pintle_plugin::message::{ProjectInfo, Resource};
use pintle_plugin::prelude::*;

pintle_plugin::export_plugin! {
    name: "test.pintle.dev",
    description: "Scaffolds for tests",
    version: "1.0.0",
    project_versions: ["3"],
    scaffolds: [Init, CreateApi],
}

#[derive(Default)]
struct Init;

impl Scaffold for Init {
    const SUBCOMMAND: &'static str = "init";

    fn update_metadata(
        &self,
        description: &mut pintle_plugin::message::CommandDescription,
    ) -> Result<()> {
        description.about = "Starts a test project".to_owned();
        Ok(())
    }

    fn bind_flags(&self) -> Vec<Arg> {
        vec![Arg::option("owner").help("Who owns it"), Arg::option("vice").help("What goes wrong")]
    }

    fn inject_config(
        &self,
        call: &ScaffoldCall<'_>,
        project: &mut ProjectInfo,
        config: &mut json::Value,
    ) -> Result<()> {
        let owner: Option<String> = call.args.find("owner")?;
        if let Some(owner) = owner {
            *config = json::json!({ "owner": owner });
        }
        project.repo = format!("example.org/{}", project.name);
        Ok(())
    }

    fn pre_scaffold(&self, call: &ScaffoldCall<'_>) -> Result<()> {
        match vice(call)?.as_str() {
            "stop" => Err(Stop("it has nothing to do".to_owned()).into()),
            "refuse" => Err(UsageError("not here".to_owned()).into()),
            _ => Ok(()),
        }
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let vice = vice(call)?;
        // The first plugin of the chain creates the file, and the others add to it.
        match call.universe.get("chain.txt")? {
            Some(node) => {
                let text = format!("{}{}\n", node.text()?, call.caller().plugin);
                changes.edit(&node, text);
            }
            None => {
                changes.add("chain.txt", format!("{}\n", call.caller().plugin));
            }
        }
        changes.add_executable(format!("bin/{}", call.position()), "");
        ensure!(vice != "fail" || call.position() == 0, "no wind");
        if vice == "panic" {
            panic!("abandon ship");
        }
        if vice == "clash" {
            changes.add("same.txt", "");
        }
        if vice == "outside" {
            changes.add("../outside.txt", "");
        }
        Ok(())
    }

    fn post_scaffold(&self, call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
        tools(call)
    }
}

#[derive(Default)]
struct CreateApi;

impl Scaffold for CreateApi {
    const SUBCOMMAND: &'static str = "create api";

    fn bind_flags(&self) -> Vec<Arg> {
        vec![Arg::option("vice").help("What goes wrong")]
    }

    fn inject_resource(&self, _call: &ScaffoldCall<'_>, resource: &mut Resource) -> Result<()> {
        if resource.api {
            resource.path = format!("src/api/{}.rs", resource.version);
        }
        Ok(())
    }

    fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
        let resource = call.resource()?;
        let recorded = call.project().resources.iter().any(|it| it.kind == resource.kind);
        ensure!(recorded, "the project lacks the resource");
        if resource.api {
            if call.args.flag("force") {
                changes.delete(resource.path.clone());
            }
            let owner = call.config()["owner"].as_str().unwrap_or("unknown");
            changes.add(resource.path.clone(), format!("{} of {owner}", resource.plural));
        }
        if resource.controller {
            let scope = format!("namespaced: {}", resource.namespaced);
            changes.add(format!("src/{}.rs", resource.plural), scope);
            // One file is recreated each time, the other is extended.
            let mut kinds: Vec<_> =
                call.project().resources.iter().map(|it| it.kind.as_str()).collect();
            kinds.sort_unstable();
            let list: String = kinds.iter().map(|it| format!("{it}\n")).collect();
            let list = format!("{list}{} in all\n", kinds.len());
            match call.universe.get("list.txt")? {
                Some(node) => changes.put(&node, list),
                None => changes.add("list.txt", list),
            };
            let entry = format!("{}\n\n\n\n", resource.kind);
            match call.universe.get("kinds.txt")? {
                Some(node) => changes.edit(&node, format!("{}{entry}", node.text()?)),
                None => changes.add("kinds.txt", entry),
            };
        }
        Ok(())
    }

    fn post_scaffold(&self, call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
        tools(call)
    }
}

/// Returns the tools of a fault.
fn tools(call: &ScaffoldCall<'_>) -> Result<Vec<Tool>> {
    let shell = |script: &str| ["sh", "-c", script].map(str::to_owned);
    let good = "echo tool >> chain.txt; mkdir -p target; touch made.txt target/no";
    let greedy = "echo tool >> chain.txt; echo tool > mine.txt; rm -f other.txt; touch made.txt";
    let killed = format!("{greedy}; kill -9 $$");
    Ok(match vice(call)?.as_str() {
        "tool" => vec![Tool::optional(["pintle-no-such-tool"])],
        "required-tool" => vec![Tool::required(["false"])],
        "good-tool" => vec![Tool::required(shell(good))],
        "greedy-tool" => vec![Tool::required(shell(greedy))],
        "killed-tool" => vec![
            Tool::required(shell("echo first >> chain.txt")),
            Tool::optional(shell(&killed)),
            Tool::required(shell("echo last >> chain.txt")),
        ],
        _ => Vec::new(),
    })
}

fn vice(call: &ScaffoldCall<'_>) -> Result<String> {
    Ok(call.args.find("vice")?.unwrap_or_default())
}
