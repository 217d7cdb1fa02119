//! Completion from a user's perspective: typing into a shell and pressing Tab.
//!
//! Debian does not have a package of PowerShell: only the requests of its script and the answers
//! are tested.

use crate::completion::{BASH, FISH, Shell, ZSH};
use crate::support::{Sandbox, skip};
use crate::terminal::Terminal;
use expect_test::expect;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

/// The objects of an engine: a cluster with two nodes, and an image. The labels are the host's.
const CONTAINERS: &str = r#"[
    {"Id": "1", "Names": ["/pintle-demo-server-0"], "State": "running", "Image": "k3s",
     "Labels": {"pintle.cluster": "demo", "pintle.role": "server", "pintle.index": "0"}},
    {"Id": "2", "Names": ["/pintle-demo-agent-0"], "State": "running", "Image": "k3s",
     "Labels": {"pintle.cluster": "demo", "pintle.role": "agent", "pintle.index": "0"}}
]"#;
const IMAGES: &str = r#"[
    {"Id": "1", "ParentId": "", "RepoTags": ["reg.local:5000/app:v1"], "RepoDigests": [],
     "Created": 0, "Size": 0, "SharedSize": 0, "Labels": {}, "Containers": 0},
    {"Id": "2", "ParentId": "", "RepoTags": ["<none>:<none>"], "RepoDigests": [],
     "Created": 0, "Size": 0, "SharedSize": 0, "Labels": {}, "Containers": 0}
]"#;

/// Answers like an engine, at the address where the shells' hosts look for one.
fn fake_engine(sandbox: &Sandbox) {
    let listener = UnixListener::bind(sandbox.path("engine.sock")).expect("the directory is ours");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    let request = String::from_utf8_lossy(&buffer[..n]);
                    let target = request.split(' ').nth(1).unwrap_or_default();
                    let body = match target.split('?').next().unwrap_or_default() {
                        it if it.ends_with("/version") => r#"{"ApiVersion": "1.44"}"#,
                        it if it.ends_with("/containers/json") => CONTAINERS,
                        it if it.ends_with("/images/json") => IMAGES,
                        _ => "{}",
                    };
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
                    let len = body.len();
                    let answer = format!("{head}Content-Length: {len}\r\n\r\n{body}");
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

/// Returns a sandbox with odd file names.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new().plugin("good").plugin("plain");
    let (work, home) = (sandbox.work(), sandbox.path("home"));
    for dir in [work.join("my dir"), home.join("moor & keel"), work.join("sub")] {
        fs::create_dir(dir).expect("the directory is new");
    }
    let names = ["my dir/in it", "a$b", "it's", "say \"x\"", "back\\slash", "co:lon=1", "two.txt"];
    for name in names {
        fs::write(work.join(name), "").expect("the directory is ours");
    }
    fs::write(home.join("tide table"), "").expect("the directory is ours");
    sandbox
}

/// Types lines that must have the same result in all shells.
fn check(shell: &'static Shell) {
    if !shell.is_there() {
        return skip(shell.program);
    }
    let sandbox = sandbox();
    fake_engine(&sandbox);
    let home = sandbox.path("home").display().to_string();
    let mut terminal = Terminal::start(shell, &sandbox);
    let check = |keys: &str, expected: &str| {
        let args = terminal.args(keys);
        assert_eq!(args.join("|"), expected, "{}: {keys}", shell.program);
    };
    let mut check = check;

    // Words, options and values.
    check("pintle gre\t", "greet");
    check("pintle greet --ti\t", "greet|--ti");
    check("pintle greet --tit\t", "greet|--title");
    check("pintle greet --style f\t", "greet|--style|fancy");
    check("pintle greet --style=f\t", "greet|--style=fancy");
    check("pintle cluster create --privilege=r\t", "cluster|create|--privilege=reduced");
    // An option that only has its value after `=`.
    check("pintle create api --resource f\t", "create|api|--resource|f");
    check("pintle create api --resource=f\t", "create|api|--resource=false");
    // An option that is no longer accepted.
    check("pintle greet --times 2 --tim\t", "greet|--times|2|--tim");

    // File names.
    check("pintle plugin check my\t\t", "plugin|check|my dir/in it");
    check("pintle plugin check my\\ d\t\t", "plugin|check|my dir/in it");
    check("pintle plugin check a\t", "plugin|check|a$b");
    check("pintle plugin check it\t", "plugin|check|it's");
    check("pintle plugin check sa\t", "plugin|check|say \"x\"");
    check("pintle plugin check ba\t", "plugin|check|back\\slash");
    check("pintle plugin check co\t", "plugin|check|co:lon=1");
    check("pintle plugin check co:l\t", "plugin|check|co:lon=1");
    check("pintle plugin check \"say\t", "plugin|check|say \"x\"");
    check("pintle plugin check \"a\t", "plugin|check|a$b");
    check("pintle plugin check 'it\t", "plugin|check|it's");
    check("pintle plugin check \"my dir\"/i\t", "plugin|check|my dir/in it");
    check("pintle plugin check ~/ti\t", &format!("plugin|check|{home}/tide table"));
    check("pintle plugin check $HOME/ti\t", &format!("plugin|check|{home}/tide table"));
    check("pintle --plugin-dir=my\t", "--plugin-dir=my dir/");

    // Files only where files are expected, and directories where directories are expected.
    check("pintle cluster create tw\t", "cluster|create|tw");
    check("pintle greet tw\t", "greet|tw");
    check("pintle cluster create --config=tw\t", "cluster|create|--config=two.txt");
    check("pintle --plugin-dir tw\t", "--plugin-dir|tw");
    check("pintle --plugin-dir su\t", "--plugin-dir|sub/");

    // Objects that currently exist.
    check("pintle cluster delete d\t", "cluster|delete|demo");
    check("pintle cluster delete demo d\t", "cluster|delete|demo|d");
    check("pintle node create --cluster=d\t", "node|create|--cluster=demo");
    check("pintle node delete pintle-demo-a\t", "node|delete|pintle-demo-agent-0");
    check("pintle cluster logs demo --node=server:0\t", "cluster|logs|demo|--node=server:0");
    check("pintle cluster logs demo --node a\t0\t", "cluster|logs|demo|--node|agent:0");
    check("pintle image import re\t", "image|import|reg.local:5000/app:v1");
    check("pintle image import reg.local:5\t", "image|import|reg.local:5000/app:v1");
    check(
        "pintle cluster create --image=reg.local:50\t",
        "cluster|create|--image=reg.local:5000/app:v1",
    );
    check("pintle plugin disable g\t", "plugin|disable|good.example.org/v1.0.0");
    check("pintle --disable-plugin=g\t", "--disable-plugin=good.example.org/v1.0.0");
    check("pintle plugin run good fl\t a\t", "plugin|run|good|fleet|add");
    check("pintle init --plugins good --motto av\t", "init|--plugins|good|--motto|avast there");
    check("pintle init --plugins=go\t", "init|--plugins=good.example.org/v1.0.0");
    check("pintle init --plugins x,go\t", "init|--plugins|x,good.example.org/v1.0.0");

    // After words other than the program's name.
    assert_eq!(terminal.line("X=1 pintle gre\t"), "X=1 pintle greet ");
    assert_eq!(terminal.line("true; pintle gre\t"), "true; pintle greet ");
    // In the middle of a line (Ctrl-B moves the cursor back), where a blank already follows.
    let line = terminal.line("pintle gre Ada\x02\x02\x02\x02\t");
    assert_eq!(line.trim_end(), "pintle greet Ada", "{}", shell.program);
}

#[test]
fn bash_completes_what_is_typed() {
    check(&BASH);
}

#[test]
fn zsh_completes_what_is_typed() {
    check(&ZSH);
}

#[test]
fn fish_completes_what_is_typed() {
    check(&FISH);
}

/// Shells expand `~/` only at the beginning of a word.
#[test]
fn a_home_directory_behind_an_option_is_written_out() {
    // fish only offers words that begin with the typed part.
    for shell in [&BASH, &ZSH] {
        if !shell.is_there() {
            return skip(shell.program);
        }
        let sandbox = sandbox();
        let home = sandbox.path("home").display().to_string();
        let args = Terminal::start(shell, &sandbox).args("pintle --plugin-dir=~/moo\t");
        assert_eq!(args, [format!("--plugin-dir={home}/moor & keel/")], "{}", shell.program);
    }
}

/// Some users remove the characters at which bash splits words.
#[test]
fn bash_completes_values_whatever_splits_words() {
    if !BASH.is_there() {
        return skip(BASH.program);
    }
    let sandbox = sandbox();
    fake_engine(&sandbox);
    let mut terminal = Terminal::start(&BASH, &sandbox);
    terminal.line("COMP_WORDBREAKS=' '\r");
    let args = terminal.args("pintle cluster create --image=reg.local:50\t");
    assert_eq!(args, ["cluster", "create", "--image=reg.local:5000/app:v1"]);
}

#[test]
fn an_engine_that_is_dead_or_absent_delays_the_prompt_briefly() {
    let sandbox = sandbox().env("PINTLE_COMPLETE", "fish");
    let socket = sandbox.path("engine.sock");
    let sandbox = sandbox.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let ask = |line: &[&str]| {
        let start = Instant::now();
        let args = [&["--", "pintle"], line].concat();
        let output = sandbox.run(args).success();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""), "{line:?}");
        start.elapsed()
    };
    ask(&["cluster", "delete", "d"]);
    // It accepts connections, and never responds.
    let _listener = UnixListener::bind(&socket).expect("the directory is ours");
    for line in [["cluster", "delete", "d"], ["image", "import", "zz"]] {
        let taken = ask(&line);
        assert!(taken < Duration::from_secs(10), "{line:?}: {taken:?}");
    }
}

#[test]
fn a_scaffolding_part_completes_its_flags() {
    let sandbox = sandbox().env("PINTLE_COMPLETE", "fish");
    let line = ["--", "pintle", "init", "--plugins=good", "--domain", "b", "--motto", "a"];
    let output = sandbox.run(line).success();
    let expected = "ahoy[TAB]motto of init\navast there[TAB]typed a\n";
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), (expected, ""));
}

/// Values from PROJECT match the other values on the line.
#[test]
fn the_resources_of_a_project_are_offered() {
    let sandbox = sandbox();
    let resource = |group: &str, version: &str, kind: &str| {
        format!(
            "- api:\n    crdVersion: v1\n  domain: example.org\n  group: {group}\n  kind: {kind}\n  \
             version: {version}\n"
        )
    };
    let resources = [
        resource("crew", "v1", "Captain"),
        resource("crew", "v2", "Captain"),
        resource("dock", "v1", "Pier"),
    ];
    let project = format!(
        "domain: example.org\nlayout:\n- good.example.org/v1\nprojectName: demo\nresources:\n{}\
         version: \"3\"\n",
        resources.concat()
    );
    fs::write(sandbox.work().join("PROJECT"), project).expect("the directory is ours");
    let sandbox = sandbox.env("PINTLE_COMPLETE", "fish");
    let said = |line: &str| {
        let output = sandbox.run(format!("-- pintle {line}").split(' ')).success();
        output.stdout.lines().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(said("delete api --group "), "crew dock");
    assert_eq!(said("delete api --group crew --kind "), "Captain");
    assert_eq!(said("delete api --kind=Captain --version "), "v1 v2");
    assert_eq!(said("create webhook --kind Pier --group="), "--group=dock");
    let spokes = said("create webhook --group crew --kind Captain --version v1 --spoke ");
    assert_eq!(spokes, "v2");
}

/// None of these values requires the engine, so an unresponsive engine causes no delay.
#[test]
fn only_what_needs_the_engine_asks_it() {
    let sandbox = sandbox().env("PINTLE_COMPLETE", "fish");
    let socket = sandbox.path("engine.sock");
    let sandbox = sandbox.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let listener = UnixListener::bind(&socket).expect("the directory is ours");
    listener.set_nonblocking(true).expect("it is a socket");
    for line in [
        ["cluster", "delete", "--"],
        ["cluster", "create", "--privilege="],
        ["cluster", "delete", "--config="],
        ["node", "create", "--ro"],
    ] {
        let _ = sandbox.run([&["--", "pintle"][..], &line].concat()).success();
        let call = listener.accept().map(drop).map_err(|it| it.kind());
        assert_eq!(call, Err(std::io::ErrorKind::WouldBlock), "{line:?}");
    }
}

#[test]
fn powershell_is_answered_in_its_notation() {
    let sandbox = sandbox().env("PINTLE_COMPLETE", "powershell");
    let said = |words: &[&str]| {
        let words = ["pintle"].iter().chain(words).map(|it| format!(".{it}"));
        sandbox.run(["--".to_owned()].into_iter().chain(words)).success().stdout
    };
    let home = sandbox.path("home").display().to_string();
    assert_eq!(
        said(&["greet", "--style", ""]),
        "plain[TAB]plain[TAB]plain\nfancy[TAB]fancy[TAB]fancy\n"
    );
    assert_eq!(
        said(&["greet", "--style=f"]),
        "--style=fancy[TAB]--style=fancy[TAB]--style=fancy\n"
    );
    assert_eq!(said(&["plugin", "check", "my"]), "'my dir/'[TAB]my dir/[TAB]my dir/\n");
    assert_eq!(
        said(&["plugin", "check", "'my dir/i"]),
        "'my dir/in it'[TAB]in it[TAB]my dir/in it\n"
    );
    // An empty word stays a word.
    assert_eq!(
        said(&["greet", "", "--style="]),
        "--style=plain[TAB]--style=plain[TAB]--style=plain\n\
         --style=fancy[TAB]--style=fancy[TAB]--style=fancy\n"
    );
    assert_eq!(said(&["plugin", "check", "it"]), "'it''s'[TAB]it's[TAB]it's\n");
    assert_eq!(said(&["plugin", "check", "a"]), "'a$b'[TAB]a$b[TAB]a$b\n");
    let path = format!("{home}/tide table");
    let expected = format!("'{path}'[TAB]tide table[TAB]{path}\n");
    let said = said(&["plugin", "check", "~/ti"]);
    assert_eq!(said.replace("[HOME]", &home), expected);
}

#[test]
fn the_script_for_powershell() {
    let script = Sandbox::new().run(["completion", "powershell"]).success().stdout;
    expect![[r#"
        Register-ArgumentCompleter -Native -CommandName pintle -ScriptBlock {
            param($wordToComplete, $commandAst, $cursorPosition)

            # PowerShell can lose an empty argument, so each word has a dot before it.
            $words = @(foreach ($element in $commandAst.CommandElements) {
                if ($element.Extent.EndOffset -ge $cursorPosition) { break }
                if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
                    ".$($element.Value)"
                } else {
                    ".$($element.Extent.Text)"
                }
            })
            $before = $env:PINTLE_COMPLETE
            $env:PINTLE_COMPLETE = 'powershell'
            try {
                $lines = & 'pintle' -- @words ".$wordToComplete" 2>$null
            } finally {
                $env:PINTLE_COMPLETE = $before
            }
            foreach ($line in $lines) {
                $text, $shown, $help = $line -split "`t", 3
                [System.Management.Automation.CompletionResult]::new($text, $shown, 'ParameterValue', $help)
            }
        }
    "#]].assert_eq(&script);
}

const OF_EVERY_COMMAND: [&str; 9] = [
    "--plugin-dir",
    "--disable-plugin",
    "--allow-panic-abort",
    "--quiet",
    "-q",
    "--verbose",
    "-v",
    "--help",
    "-h",
];

/// Walks through all commands, and requests the words that may follow.
struct Walk<'s> {
    sandbox: &'s Sandbox,
    n_offers: usize,
    refused: Vec<String>,
}

impl Walk<'_> {
    fn offered(&self, line: &[&str], word: &str) -> Vec<String> {
        let env = [("PINTLE_COMPLETE".to_owned(), "fish".to_owned())];
        let args = [&["--", "pintle"], line, &[word]].concat();
        let output = self.sandbox.run_with(&env, args).success();
        assert_eq!(output.stderr, "", "{line:?}");
        let words = output.stdout.lines().filter_map(|it| it.split("[TAB]").next());
        words.map(str::to_owned).collect()
    }

    /// Makes the parser read the line up to `--help`, where it stops; returns the rejected words.
    fn refusal(&self, line: &[&str]) -> Option<String> {
        let output = self.sandbox.run([line, &["--help"]].concat());
        (output.code() != 0).then_some(output.stderr)
    }

    fn check(&mut self, line: &[&str]) {
        self.n_offers += 1;
        self.refused.extend(self.refusal(line).map(|it| format!("{}: {it}", line.join(" "))));
    }

    fn follow(&mut self, line: &[&str]) {
        let mut offers = self.offered(line, "");
        for offer in [self.offered(line, "-"), self.offered(line, "--")].concat() {
            if !offers.contains(&offer) {
                offers.push(offer);
            }
        }
        // The options of every command are checked once.
        offers.retain(|it| line.is_empty() || !OF_EVERY_COMMAND.contains(&it.as_str()));
        for (idx, offer) in offers.iter().enumerate() {
            let longer = [line, &[offer]].concat();
            if !offer.starts_with('-') {
                // `plugin run KEY` takes all words of a command, which are offered one by one.
                let is_begun = line.starts_with(&["plugin", "run"]) && longer.len() == 4;
                if !is_begun || self.offered(&longer, "").is_empty() {
                    self.check(&longer);
                }
                // The same words follow all values.
                if longer.len() < 3 || longer.len() < 5 && (idx == 0 || is_begun) {
                    self.follow(&longer);
                }
                continue;
            }
            // The value of an option may be missing, or may be the next word.
            let lacks_value = self.refusal(&longer).is_some_and(|it| it.contains("value"));
            if !lacks_value && self.refusal(&[&longer[..], &["x"]].concat()).is_some() {
                self.check(&longer);
            }
            for value in self.offered(&longer, "").iter().filter(|it| !it.starts_with('-')) {
                self.check(&[&longer[..], &[value]].concat());
            }
            for value in self.offered(line, &format!("{offer}=")) {
                self.check(&[line, &[&value]].concat());
            }
        }
    }
}

#[test]
fn what_is_offered_is_accepted() {
    let sandbox = sandbox().plugin("toolbox").plugin("harbour");
    fake_engine(&sandbox);
    let engine = format!("unix://{}", sandbox.path("engine.sock").display());
    let sandbox = sandbox.env("DOCKER_HOST", engine);
    let _ = sandbox.run(["init", "--plugins", "good", "--project-name", "demo"]).success();
    let mut walk = Walk { sandbox: &sandbox, n_offers: 0, refused: Vec::new() };
    walk.follow(&[]);
    assert_eq!(walk.refused, Vec::<String>::new());
    assert!(walk.n_offers > 300, "only {} were offered", walk.n_offers);
}
