//! Hundreds of plugins with hooks, where only few files may be open.

use crate::libraries::{cc_with, manifest};
use crate::support::{Sandbox, fixture, skip};
use std::fs;
use std::process::Command;

const N_HOOKS: usize = 200;

/// Fills the plugin directory with plugins that have a hook; returns false if a tool is missing.
#[track_caller]
fn fill(sandbox: &Sandbox, n_hooks: usize) -> bool {
    let stripped = sandbox.path("good.so");
    // Debug information is most of the file.
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(fixture("good")).status();
    if !strip.is_ok_and(|it| it.success()) {
        skip("strip");
        return false;
    }
    let library = fs::read(stripped).expect("it is accessible");
    let from = b"good.example.org";
    let places: Vec<_> =
        (0..library.len() - from.len()).filter(|at| library[*at..].starts_with(from)).collect();
    for number in 0..n_hooks {
        let mut library = library.clone();
        let name = format!("g{number:03}");
        places.iter().for_each(|at| library[*at..*at + 4].copy_from_slice(name.as_bytes()));
        fs::write(sandbox.plugins().join(format!("{name}.so")), library).expect("it is accessible");
    }
    true
}

#[test]
fn more_hooks_run_than_files_may_be_open() {
    let sandbox = Sandbox::new();
    if !fill(&sandbox, N_HOOKS) {
        return;
    }
    // The hard limit, too: no library keeps a file descriptor open.
    let script = "ulimit -n 128; exec \"$PINTLE\" init --plugins g000";
    let out = sandbox.script(&[], script).success();
    assert_eq!(out.stdout.matches("saw pre-project-init").count(), N_HOOKS, "{out}");
    assert!(out.stderr.is_empty(), "{out}");
}

#[test]
fn the_limit_on_open_files_is_raised_and_then_named() {
    let sandbox = Sandbox::new().plugin("good");
    let leak = "#include <fcntl.h>\n\
                __attribute__((constructor)) static void leak(void) {\n\
                    for (int n = 0; n < 40; n++) open(\"/dev/null\", O_RDONLY);\n\
                }";
    for (name, more) in [("leaky", leak), ("zed", "")] {
        let mut manifest = manifest(name);
        manifest.commands.clear();
        manifest.events = vec!["post-project-init".to_owned()];
        let root = format!("-Wl,--defsym={}=nothing", manifest.abi.root);
        let path = sandbox.plugins().join(format!("{name}.so"));
        if !cc_with(&path, Some(&manifest), more, &[&root]) {
            return;
        }
    }
    let line = "exec \"$PINTLE\" init --plugins good";
    let out = sandbox.script(&[], &format!("ulimit -Sn 32; ulimit -Hn 32; {line}"));
    let expected = "plugin file `[PLUGINS]/zed.so` cannot be opened: this process has reached its \
                    limit of 32 open files";
    assert!(out.stderr.contains(expected), "{out}");
    assert!(out.stderr.contains("`ulimit -n 1024`"), "{out}");
    fs::remove_dir_all(sandbox.work()).expect("it is accessible");
    fs::create_dir(sandbox.work()).expect("it is accessible");
    // The hard limit is higher.
    let out = sandbox.script(&[], &format!("ulimit -Sn 32; {line}"));
    assert!(out.stderr.contains("the root symbol of plugin file `[PLUGINS]/zed.so`"), "{out}");
    assert!(sandbox.work().join("PROJECT").is_file());
}
