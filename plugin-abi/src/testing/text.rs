//! The result of a run as a text.

use super::{Reaction, Run, Scaffolded, Shown};
use crate::containers::ContainerInfo;
use crate::message::{LogRecord, Tool};
use crate::{HookReply, Level, Node, Outcome};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Writes the output, other results under headings, and `[exit CODE]` or `[continue ARGS]`.
/// Progress reports are left out.
///
/// ```
/// # use pintle_plugin::{prelude::*, testing};
/// # pintle_plugin::export_plugin! {
/// #     name: "hello.example.org",
/// #     description: "Says hello",
/// #     project_versions: ["3"],
/// #     commands: [Hello],
/// # }
/// #[derive(Default)]
/// struct Hello;
///
/// impl Command for Hello {
/// #   const PATH: &'static [&'static str] = &["hello"];
/// #   const ABOUT: &'static str = "Greet someone";
///     fn run(&self, _call: &Call, host: &Host<'_>) -> Result<Outcome> {
///         host.println("hello");
///         host.warn("no one is here");
///         Ok(Outcome::Exit(3))
///     }
/// }
///
/// # fn main() -> Result<(), testing::Error> {
/// let run = testing::command(plugin(), &["hello"]).run()?;
/// assert_eq!(run.to_string(), "hello\n--- log ---\nwarn: no one is here\n[exit 3]\n");
/// # Ok(())
/// # }
/// ```
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        output(f, &self.stdout, &self.stderr, &self.log, &self.records)?;
        engine(f, &self.containers, &self.applied)?;
        match &self.outcome {
            Outcome::Exit(code) => writeln!(f, "[exit {code}]"),
            Outcome::Continue(args) => writeln!(f, "[continue {}]", args.join(" ")),
        }
    }
}

/// Writes the output, other results under headings, and the replies of the hooks, for example
/// `[veto REASON]`. Progress reports are left out.
impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        output(f, &self.stdout, &self.stderr, &self.log, &self.records)?;
        engine(f, &self.containers, &self.applied)?;
        let HookReply { veto, amend, replies } = &self.reply;
        if let Some(reason) = veto {
            writeln!(f, "[veto {reason}]")?;
        }
        for (property, value) in amend {
            writeln!(f, "[amend {property} = {value}]")?;
        }
        for reply in replies {
            writeln!(f, "[reply {reply}]")?;
        }
        if self.reply.is_default() {
            f.write_str("[proceed]\n")?;
        }
        Ok(())
    }
}

/// Writes the output, and other results under headings. Progress reports are left out.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        output(f, &self.stdout, &self.stderr, &self.log, &self.records)?;
        engine(f, &self.containers, &self.applied)
    }
}

/// Writes [`changes`](Scaffolded::changes), the output, and other results under headings. Progress
/// reports are left out.
impl fmt::Display for Scaffolded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.changes())?;
        if self.config != self.config_before {
            writeln!(f, "--- config ---\n{:#}", self.config)?;
        }
        if !self.stdout.is_empty() {
            f.write_str("--- stdout ---\n")?;
        }
        output(f, &self.stdout, &self.stderr, &self.log, &self.records)?;
        engine(f, &self.containers, &self.applied)?;
        for Tool { command, required, files, .. } in &self.tools {
            let words: Vec<_> = command.iter().chain(files).map(String::as_str).collect();
            let need = if *required { "required" } else { "optional" };
            writeln!(f, "[{need} tool: {}]", words.join(" "))?;
        }
        match &self.stopped {
            Some(reason) => writeln!(f, "[stopped: {reason}]"),
            None => Ok(()),
        }
    }
}

impl Scaffolded {
    /// Returns the plugin's changes to files as text, sorted by path: `+` marks a new file with its
    /// lines, `~` a changed file with the lines that differ, and `-` a deleted file.
    ///
    /// ```
    /// # use pintle_plugin::{prelude::*, testing};
    /// # pintle_plugin::export_plugin! {
    /// #     name: "hello.example.org",
    /// #     description: "Says hello",
    /// #     project_versions: ["3"],
    /// #     scaffolds: [Ignore],
    /// # }
    /// #[derive(Default)]
    /// struct Ignore;
    ///
    /// impl Scaffold for Ignore {
    /// #   const SUBCOMMAND: &'static str = "edit";
    ///     fn scaffold(&self, call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    ///         changes.add("README.md", "# Demo\n\nA demo.\n");
    ///         if let Some(node) = call.universe.get(".gitignore")? {
    ///             changes.edit(&node, format!("{}/dist\n", node.text()?));
    ///         }
    ///         changes.delete("old.txt");
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), testing::Error> {
    /// let test = testing::scaffold(plugin(), "edit").file(".gitignore", "/target\n");
    /// let made = test.file("old.txt", "").run()?;
    /// let expected = "\
    /// ~ .gitignore
    /// @ line 2
    /// +/dist
    /// + README.md
    /// | # Demo
    /// |
    /// | A demo.
    /// - old.txt
    /// ";
    /// assert_eq!(made.changes(), expected);
    /// # Ok(())
    /// # }
    /// ```
    pub fn changes(&self) -> String {
        let mut text = String::new();
        let paths: BTreeMap<_, ()> =
            self.before.keys().chain(self.files.keys()).map(|it| (it, ())).collect();
        for path in paths.into_keys() {
            match (self.before.get(path), self.files.get(path)) {
                (None, Some(node)) => added(&mut text, node),
                (Some(before), Some(node)) => changed(&mut text, before, node),
                (Some(_), None) => {
                    let _ = writeln!(text, "- {path}");
                }
                (None, None) => {}
            }
        }
        text
    }
}

fn added(text: &mut String, node: &Node) {
    let _ = writeln!(text, "+ {}{}", node.path(), mode(node));
    match node.text() {
        Ok(content) => {
            for line in content.lines() {
                let gap = if line.is_empty() { "" } else { " " };
                let _ = writeln!(text, "|{gap}{line}");
            }
            end(text, content);
        }
        Err(_) => {
            let _ = writeln!(text, "({} bytes)", node.bytes().len());
        }
    }
}

/// Adds the lines that differ, in one piece: common lines before and after them are left out.
fn changed(text: &mut String, before: &Node, node: &Node) {
    if before.bytes() == node.bytes() && before.mode() == node.mode() {
        return;
    }
    let _ = writeln!(text, "~ {}{}", node.path(), mode(node));
    let (Ok(old), Ok(new)) = (before.text(), node.text()) else {
        let _ = writeln!(text, "({} bytes)", node.bytes().len());
        return;
    };
    let (old_lines, new_lines): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = |it: &(&&str, &&str)| it.0 == it.1;
    let n_head = old_lines.iter().zip(&new_lines).take_while(same).count();
    let (old_rest, new_rest) = (&old_lines[n_head..], &new_lines[n_head..]);
    let n_tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(same).count();
    let removed = &old_rest[..old_rest.len() - n_tail];
    let inserted = &new_rest[..new_rest.len() - n_tail];
    if !removed.is_empty() || !inserted.is_empty() {
        let _ = writeln!(text, "@ line {}", n_head + 1);
    }
    text.extend(removed.iter().map(|it| format!("-{it}\n")));
    text.extend(inserted.iter().map(|it| format!("+{it}\n")));
    end(text, new);
}

/// Adds the properties that lines do not show.
fn end(text: &mut String, content: &str) {
    if !content.is_empty() && !content.ends_with('\n') {
        text.push_str("(no line feed at the end)\n");
    }
}

fn mode(node: &Node) -> &'static str {
    if node.mode() & 0o111 == 0 { "" } else { " (executable)" }
}

fn output(
    f: &mut fmt::Formatter<'_>,
    stdout: &str,
    stderr: &str,
    log: &[(Level, String)],
    records: &[LogRecord],
) -> fmt::Result {
    whole_lines(f, stdout)?;
    if !stderr.is_empty() {
        f.write_str("--- stderr ---\n")?;
        whole_lines(f, stderr)?;
    }
    if !log.is_empty() || !records.is_empty() {
        f.write_str("--- log ---\n")?;
    }
    let name = |level: Level| format!("{level:?}").to_lowercase();
    log.iter().try_for_each(|(level, text)| writeln!(f, "{}: {text}", name(*level)))?;
    records.iter().try_for_each(|it| writeln!(f, "{}: {it}", name(it.level)))
}

fn whole_lines(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(text)?;
    if text.is_empty() || text.ends_with('\n') { Ok(()) } else { f.write_char('\n') }
}

fn engine(
    f: &mut fmt::Formatter<'_>,
    containers: &[ContainerInfo],
    applied: &[(String, Value)],
) -> fmt::Result {
    if !containers.is_empty() {
        f.write_str("--- containers ---\n")?;
    }
    for ContainerInfo { name, image, running, .. } in containers {
        writeln!(f, "{name}: {image}, {}", if *running { "running" } else { "stopped" })?;
    }
    for (cluster, manifest) in applied {
        writeln!(f, "--- applied to {cluster} ---\n{manifest:#}")?;
    }
    Ok(())
}
