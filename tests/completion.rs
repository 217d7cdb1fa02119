//! Completion in the shells themselves: each shell reads the host's script and is asked for the
//! completions at the end of a line. Neither completion nor help depends on the installed plugins.
//!
//! PowerShell is not a Debian package; only the text of its script is checked.

use crate::support::{Sandbox, fixture, skip};
use std::fs;
use std::process::{Command, Stdio};

/// A shell: its program, and a script that prints the completions for the line in `LINE`.
pub(crate) struct Shell {
    pub(crate) program: &'static str,
    args: &'static [&'static str],
    script: &'static str,
    /// What makes it one that a user types into.
    pub(crate) interactive: &'static [&'static str],
    /// What such a shell runs first. Ctrl-X d writes the line into `SHELL_OUT`, Ctrl-U empties it.
    pub(crate) typed: &'static str,
}

pub(crate) const BASH: Shell = Shell {
    program: "bash",
    args: &["--norc", "--noprofile"],
    script: r#"
        source <(pintle completion bash)
        registered=$(complete -p pintle)
        function=${registered##*-F }
        COMP_LINE=$LINE COMP_POINT=${#LINE}
        "${function%% *}" pintle "${LINE##*[ =:]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#,
    interactive: &["--norc", "--noprofile"],
    typed: r#"
        write_line() { printf %s "$READLINE_LINE" >"$SHELL_OUT.new" && mv "$SHELL_OUT.new" "$SHELL_OUT"; }
        bind -x '"\C-xd": write_line'
        source <(pintle completion bash)
        write_line
    "#,
};

/// zsh completes only in a line editor, which requires a terminal. The script uses a terminal of
/// `zsh/zpty`, where Tab runs the completion and records the words that reach `compadd`.
pub(crate) const ZSH: Shell = Shell {
    program: "zsh",
    args: &["-f"],
    script: r#"
        cat >inner.zsh <<'INNER'
            autoload -Uz compinit && compinit -u -d ./dump
            source <(pintle completion zsh)
            compadd() {
                local -a offered
                builtin compadd -O offered "$@"
                # With one of these, completion functions only ask what would fit.
                [[ -n ${@[(r)-[OAD]]} ]] || print -rl -- $offered >>offered
                builtin compadd "$@"
            }
            note() {
                _main_complete
                print >done
                compstate[insert]= compstate[list]=
            }
            zle -C note complete-word note
            bindkey '^I' note
            PS1='ready> '
INNER
        print -n >offered
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell 'source inner.zsh'
        zpty -r shell said '*ready> '
        zpty -n -w shell "$LINE"$'\t'
        until [[ -e done ]] { sleep 0.01 }
        cat offered
    "#,
    interactive: &["-f", "-i"],
    typed: r#"
        autoload -Uz compinit && compinit -u -d $HOME/dump
        write_line() { print -rn -- $BUFFER >$SHELL_OUT.new && mv $SHELL_OUT.new $SHELL_OUT }
        zle -N write_line
        bindkey '^Xd' write_line
        bindkey '^U' kill-whole-line
        source <(pintle completion zsh)
        write_line
    "#,
};

pub(crate) const FISH: Shell = Shell {
    program: "fish",
    args: &["--no-config"],
    script: "pintle completion fish | source; complete --do-complete $LINE",
    interactive: &["--no-config", "--interactive"],
    typed: r#"
        function write_line; commandline >$SHELL_OUT.new; and mv $SHELL_OUT.new $SHELL_OUT; end
        bind \cxd write_line
        bind \cu 'commandline ""'
        pintle completion fish | source
        echo >$SHELL_OUT.new; mv $SHELL_OUT.new $SHELL_OUT
    "#,
};

impl Shell {
    pub(crate) fn is_there(&self) -> bool {
        let found = Command::new(self.program).arg("--version").stdout(Stdio::null()).status();
        found.is_ok_and(|it| it.success())
    }

    /// Returns the shell's completions at the end of a line, without the descriptions.
    #[track_caller]
    pub(crate) fn offers(&self, sandbox: &Sandbox, line: &str) -> Vec<String> {
        let script = sandbox.path("script");
        fs::write(&script, self.script).expect("the directory is writable");
        for left in ["offered", "done"] {
            let _ = fs::remove_file(sandbox.work().join(left));
        }
        // A shell that hangs is killed with all processes that it has started.
        let mut command = Command::new("timeout");
        command.args(["60", self.program]).args(self.args).arg(script).stdin(Stdio::null());
        self.set_up(&mut command, sandbox);
        command.env("LINE", line).env("TERM", "dumb");
        let out = command.output().expect("there is `timeout`");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.is_empty(), "{line}: {}\n{said}", out.status);
        let words = String::from_utf8_lossy(&out.stdout);
        let words = words.lines().filter_map(|it| it.split('\t').next());
        words.map(|it| it.trim_end().to_owned()).filter(|it| !it.is_empty()).collect()
    }

    /// Returns the directories of programs for a shell in a sandbox, that of the host among them.
    pub(crate) fn search_path(&self, sandbox: &Sandbox) -> String {
        let host = std::path::Path::new(env!("CARGO_BIN_EXE_pintle"));
        let path = std::env::var("PATH").expect("the shells are on the search path");
        let own = host.parent().expect("it is in a directory").display();
        format!("{}:{own}:{path}", sandbox.path("bin").display())
    }

    /// Sets the directory and the environment of a shell in a sandbox.
    pub(crate) fn set_up(&self, command: &mut Command, sandbox: &Sandbox) {
        command.env_clear().current_dir(sandbox.work());
        command.env("PATH", self.search_path(sandbox));
        command.env("HOME", sandbox.path("home")).env("LC_ALL", "C.UTF-8");
        command.env("PINTLE_PLUGIN_PATH", sandbox.plugins()).env("PINTLE_PLUGIN_SYSTEM_PATH", "");
        let socket = sandbox.path("engine.sock");
        command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    }

    /// Tests all completions.
    fn check(&self) {
        if !self.is_there() {
            return skip(self.program);
        }
        let sandbox = Sandbox::new().plugin("good").plugin("plain");
        let offers = |line: &str| self.offers(&sandbox, line);

        // The host's own words, besides those of plugins.
        assert_eq!(offers("pintle pl"), ["plain", "plugin"]);
        assert_eq!(offers("pintle plugin in"), ["inspect", "install"]);
        assert_eq!(offers("pintle completion p"), ["powershell"]);
        // The words of plugins' commands.
        assert_eq!(offers("pintle gr"), ["greet"]);
        assert_eq!(offers("pintle fleet a"), ["add"]);
        assert_eq!(offers("pintle help fleet a"), ["add"]);
        assert_eq!(offers("pintle help greet "), Vec::<String>::new());
        assert_eq!(offers("pintle unknown "), Vec::<String>::new());
        // The options of one command, and their values.
        assert_eq!(offers("pintle greet --ti"), ["--times", "--title"]);
        assert_eq!(offers("pintle greet ada --lo"), ["--loud"]);
        assert_eq!(offers("pintle greet --style "), ["plain", "fancy"]);
        // The flags that the plugins of a chain add to `init`, and only those.
        assert_eq!(offers("pintle init --plugins good --mo"), ["--motto"]);
        assert_eq!(offers("pintle init --plugins plain --mo"), Vec::<String>::new());
        assert_eq!(offers("pintle init --dom"), ["--domain"]);
    }
}

#[test]
fn bash_completes() {
    BASH.check();
}

#[test]
fn zsh_completes() {
    ZSH.check();
}

/// A package installs the script as a file, which zsh reads at the first Tab.
#[test]
fn zsh_completes_with_the_script_of_a_package_at_the_first_tab() {
    if !ZSH.is_there() {
        return skip(ZSH.program);
    }
    let script = ZSH.script.replace("source <(pintle completion zsh)", "").replace(
        "autoload -Uz compinit",
        "mkdir -p package; pintle completion zsh >package/_pintle
            fpath=($PWD/package $fpath); autoload -Uz compinit",
    );
    let shell = Shell { script: script.leak(), ..ZSH };
    let sandbox = Sandbox::new().plugin("good");
    assert_eq!(shell.offers(&sandbox, "pintle plugin in"), ["inspect", "install"]);
    assert_eq!(shell.offers(&sandbox, "pintle gr"), ["greet"]);
}

#[test]
fn fish_completes() {
    FISH.check();
}

#[test]
fn the_help_of_init_is_there_without_its_plugins() {
    let help = Sandbox::new().run(["help", "init"]).success();
    assert!(help.stdout.contains("--domain <DOMAIN>"), "{help}");
    assert!(help.stderr.starts_with("warning: cannot show the flags of the plugins: "), "{help}");
}

#[test]
fn the_script_for_powershell_registers_a_completer() {
    let script = Sandbox::new().run(["completion", "powershell"]).success().stdout;
    for part in ["Register-ArgumentCompleter", "-CommandName pintle", "PINTLE_COMPLETE"] {
        assert!(script.contains(part), "there is no `{part}`:\n{script}");
    }
    let count = |it: char| script.matches(it).count();
    for (open, close) in [('{', '}'), ('(', ')'), ('[', ']')] {
        assert_eq!(count(open), count(close), "{script}");
    }
}

#[test]
fn a_plugin_with_several_copies_is_offered_once() {
    let sandbox = Sandbox::new().plugin("plain");
    fs::copy(fixture("plain"), sandbox.plugins().join("copy.so")).expect("the name is free");
    let out = sandbox.env("PINTLE_COMPLETE", "fish").run(["--", "pintle", "plugin", "inspect", ""]);
    let offers = out.stdout.lines().filter(|it| it.starts_with("plain.example.org/"));
    assert_eq!(offers.count(), 1, "{out}");
}

#[test]
fn nothing_is_offered_where_the_parser_accepts_nothing() {
    for (shell, words) in [
        ("bash", &["pintle -- ", ""][..]),
        ("bash", &["pintle plugin -- ", ""]),
        ("bash", &["pintle", ""]),
        ("bash", &["", ""]),
        ("fish", &["pintle"]),
    ] {
        let sandbox = Sandbox::new().env("PINTLE_COMPLETE", shell);
        let out = sandbox.run(["--"].iter().chain(words)).success();
        // The first line for bash says of what kind the offers are.
        let offers: Vec<_> = out.stdout.lines().filter(|it| *it != "paths").collect();
        assert!(offers.is_empty() && out.stderr.is_empty(), "{shell}: {words:?}: {out}");
    }
}

#[test]
fn an_exported_variable_does_not_turn_commands_into_completions() {
    for value in ["bash", "garbage"] {
        let sandbox = Sandbox::new().env("PINTLE_COMPLETE", value);
        let out = sandbox.run(["version"]).success();
        assert!(out.stdout.starts_with("pintle "), "{out}");
    }
}
