//! The files of a new plugin's project.

use super::draft::{Draft, camel, snake};
use pintle_plugin::manifest::{EVENTS, INTERFACE_VERSION};
use std::fmt::Write as _;

const CI: &str = include_str!("templates/ci.yml");
const RELEASE: &str = include_str!("templates/release.yml");
const PACK: &str = include_str!("templates/release.sh");
const SIGN: &str = include_str!("templates/sign.sh");
const README: &str = include_str!("templates/README.md");

impl Draft {
    /// Returns path, text and mode of each file.
    pub(super) fn files(&self) -> Vec<(String, String, u32)> {
        let file = |path: &str, text: String| (path.to_owned(), text, 0o644);
        vec![
            file(".github/workflows/ci.yml", self.filled(CI)),
            file(".github/workflows/release.yml", self.filled(RELEASE)),
            file(".gitignore", "/target\n/dist\n".to_owned()),
            file("Cargo.toml", self.manifest()),
            file("README.md", self.filled(README)),
            ("release.sh".to_owned(), self.filled(PACK), 0o755),
            ("sign.sh".to_owned(), self.filled(SIGN), 0o755),
            file("src/lib.rs", self.library()),
            file("tests/plugin.rs", self.tests()),
        ]
    }

    fn filled(&self, template: &str) -> String {
        template
            .replace("{{name}}", &self.name.to_string())
            .replace("{{short}}", self.name.short())
            .replace("{{crate}}", &self.krate())
            .replace("{{host}}", &self.host)
    }

    fn manifest(&self) -> String {
        let sdk = match &self.sdk {
            Some(dir) => format!("{{ path = {:?} }}", dir.display().to_string()),
            None => format!("{INTERFACE_VERSION:?}"),
        };
        format!(
            "[package]\n\
             name = \"{}\"\n\
             version = \"0.1.0\"\n\
             edition = \"2024\"\n\
             rust-version = \"1.85\"\n\
             description = \"A plugin for {}\"\n\
             \n\
             # The host opens the `cdylib`; the tests link the `rlib`.\n\
             [lib]\n\
             crate-type = [\"cdylib\", \"rlib\"]\n\
             \n\
             [dependencies]\n\
             pintle-plugin = {sdk}\n\
             \n\
             [profile.release]\n\
             strip = true\n",
            self.package(),
            self.host,
        )
    }

    fn library(&self) -> String {
        let types = |words: &[String], suffix: &str| {
            let types: Vec<_> = words.iter().map(|it| camel(it) + suffix).collect();
            types.join(", ")
        };
        let mut fields = format!(
            "    name: \"{}\",\n    description: \"A plugin for {}\",\n    project_versions: [\"3\"],\n",
            self.name, self.host
        );
        let mut items = String::new();
        if !self.commands.is_empty() {
            let _ = writeln!(fields, "    commands: [{}],", types(&self.commands, "Command"));
            self.commands.iter().for_each(|it| items += &command(&self.host, it));
        }
        if !self.scaffolds.is_empty() {
            let _ = writeln!(fields, "    scaffolds: [{}],", types(&self.scaffolds, "Scaffold"));
            self.scaffolds.iter().for_each(|it| items += &scaffold(self.name.short(), it));
        }
        if !self.hooks.is_empty() {
            fields += "    hooks: [Hooks],\n";
            let of_host = self.hooks.iter().filter(|it| !EVENTS.contains(&it.as_str()));
            let of_host: Vec<_> = of_host.map(|it| format!("{it:?}")).collect();
            if !of_host.is_empty() {
                let _ = writeln!(fields, "    host_events: [{}],", of_host.join(", "));
            }
            items += &hooks(&self.hooks);
        }
        format!(
            "//! A plugin for {}.\n\
             \n\
             use pintle_plugin::prelude::*;\n\
             \n\
             pintle_plugin::export_plugin! {{\n\
             {fields}}}\n\
             {items}",
            self.host
        )
    }

    fn tests(&self) -> String {
        let krate = self.krate();
        let mut text = format!(
            "//! The plugin, called as a host calls it.\n\
             \n\
             use pintle_plugin::testing;\n\
             \n\
             #[test]\n\
             fn a_host_accepts_what_it_declares() {{\n    \
             testing::check({krate}::plugin()).unwrap();\n\
             }}\n"
        );
        for words in &self.commands {
            let path: Vec<_> = words.split(' ').map(|it| format!("{it:?}")).collect();
            let (test, path) = (snake(words), path.join(", "));
            let _ = write!(
                text,
                "\n#[test]\n\
                 fn {test}_greets() {{\n    \
                 let run = testing::command({krate}::plugin(), &[{path}]);\n    \
                 let run = run.arg(\"name\", \"Ada\").run().unwrap();\n    \
                 assert_eq!(run.stdout, \"hello, Ada\\n\");\n\
                 }}\n"
            );
        }
        for subcommand in &self.scaffolds {
            let path = path(self.name.short(), subcommand).replace("{}", "sailors");
            let resource = match needs_resource(subcommand) {
                false => "",
                true => {
                    "\n    let test = test.resource(|it| {\n        \
                     (it.group, it.version) = (\"crew\".into(), \"v1\".into());\n        \
                     (it.kind, it.plural) = (\"Sailor\".into(), \"sailors\".into());\n    \
                     });"
                }
            };
            let _ = write!(
                text,
                "\n#[test]\n\
                 fn {}_adds_a_file() {{\n    \
                 let test = testing::scaffold({krate}::plugin(), \"{subcommand}\");{resource}\n    \
                 let made = test.run().unwrap();\n    \
                 assert_eq!(made.added, [\"{path}\"]);\n\
                 }}\n",
                snake(subcommand)
            );
        }
        for event in &self.hooks {
            let _ = write!(
                text,
                "\n#[test]\n\
                 fn {}_is_logged() {{\n    \
                 let reaction = testing::event({krate}::plugin(), \"{event}\").run().unwrap();\n    \
                 let lines: Vec<_> = reaction.log.iter().map(|it| it.1.as_str()).collect();\n    \
                 assert_eq!(lines, [\"{event}\"]);\n\
                 }}\n",
                snake(event)
            );
        }
        text
    }
}

fn command(host: &str, words: &str) -> String {
    let name = camel(words) + "Command";
    let path: Vec<_> = words.split(' ').map(|it| format!("{it:?}")).collect();
    let path = path.join(", ");
    format!(
        "\n/// `{host} {words}`.\n\
         #[derive(Default)]\n\
         struct {name};\n\
         \n\
         impl Command for {name} {{\n    \
         const PATH: &'static [&'static str] = &[{path}];\n    \
         const ABOUT: &'static str = \"Greet someone\";\n\
         \n    \
         fn args(&self) -> Vec<Arg> {{\n        \
         vec![Arg::positional(\"name\").default_value(\"world\")]\n    \
         }}\n\
         \n    \
         fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {{\n        \
         host.println(format!(\"hello, {{}}\", call.args.get::<String>(\"name\")?));\n        \
         Ok(Outcome::done())\n    \
         }}\n\
         }}\n"
    )
}

fn needs_resource(subcommand: &str) -> bool {
    subcommand.starts_with("create ")
}

/// Returns the path of the file that the plugin adds, with `{}` for the plural of a resource.
fn path(short: &str, subcommand: &str) -> String {
    let part = subcommand.strip_prefix("create ");
    part.map_or(format!("docs/{short}-{subcommand}.md"), |it| format!("docs/{short}-{it}-{{}}.md"))
}

fn scaffold(short: &str, subcommand: &str) -> String {
    let name = camel(subcommand) + "Scaffold";
    let path = path(short, subcommand);
    let body = match needs_resource(subcommand) {
        true => format!(
            "let plural = &call.resource()?.plural;\n        \
             changes.add(format!(\"{}\"), format!(\"# {{plural}}\\n\"));",
            path.replace("{}", "{plural}")
        ),
        false => format!("changes.add(\"{path}\", format!(\"# {{}}\\n\", call.project().name));"),
    };
    format!(
        "\n/// The plugin's part in `{subcommand}`.\n\
         #[derive(Default)]\n\
         struct {name};\n\
         \n\
         impl Scaffold for {name} {{\n    \
         const SUBCOMMAND: &'static str = \"{subcommand}\";\n\
         \n    \
         fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {{\n        \
         {body}\n        \
         Ok(())\n    \
         }}\n\
         }}\n"
    )
}

fn hooks(events: &[String]) -> String {
    let events: Vec<_> = events.iter().map(|it| format!("{it:?}")).collect();
    let list = match events.join(", ") {
        line if line.len() <= 48 => format!("&[{line}]"),
        _ => format!("&[\n        {},\n    ]", events.join(",\n        ")),
    };
    format!(
        "\n/// Logs what happens.\n\
         #[derive(Default)]\n\
         struct Hooks;\n\
         \n\
         impl Hook for Hooks {{\n    \
         const EVENTS: &'static [&'static str] = {list};\n\
         \n    \
         fn on_event(&self, event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {{\n        \
         host.info(event.name());\n        \
         Ok(HookReply::proceed())\n    \
         }}\n\
         }}\n"
    )
}
