//! The harness: plugins in a temporary directory, a host with a cleared environment, and its output
//! as one text.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a host may take. A loaded machine needs seconds; only a hang takes this long.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Returns the library of the fixture in `tests/fixtures/<name>`.
///
/// The fixtures are dev-dependencies, so cargo has built their libraries before the
/// tests start.
#[track_caller]
pub(crate) fn fixture(name: &str) -> PathBuf {
    built(&format!("libfixture_{}.so", name.replace('-', "_")))
}

/// Copies the content of a directory, with its subdirectories, into another.
#[track_caller]
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the directory is writable");
    for entry in fs::read_dir(from).expect("the directory exists") {
        let from = entry.expect("it can be read").path();
        let to = to.join(from.file_name().expect("it has a name"));
        match from.is_dir() {
            true => copy_dir(&from, &to),
            false => drop(fs::copy(&from, &to).expect("a file can be copied")),
        }
    }
}

/// Returns a file beside the test binary.
#[track_caller]
pub(crate) fn built(file_name: &str) -> PathBuf {
    let path = deps_dir().join(file_name);
    assert!(path.is_file(), "cargo has not built `{}`", path.display());
    path
}

/// Returns the program of the example `name`.
#[track_caller]
pub(crate) fn example(name: &str) -> PathBuf {
    let path = deps_dir().parent().expect("`deps` is in a directory").join("examples").join(name);
    assert!(path.is_file(), "`{}` is missing: build the examples", path.display());
    path
}

/// Returns the directory of the test binary.
pub(crate) fn deps_dir() -> PathBuf {
    let test = std::env::current_exe().expect("the test binary has a path");
    test.parent().expect("the test binary is in a directory").to_owned()
}

/// Reports that a test is skipped because something is missing, or fails if all tests must run.
///
/// Runners hide the output of a test that passes, so `cargo xtask test` sets a file for this.
#[track_caller]
pub(crate) fn skip(missing: &str) {
    assert!(std::env::var_os("PINTLE_REQUIRE_ALL").is_none(), "{missing} is required here");
    leave_out(missing);
}

/// Reports that a test is skipped because something is missing that not every machine has.
#[expect(clippy::print_stderr, reason = "a test that is not run should be seen")]
pub(crate) fn leave_out(missing: &str) {
    let thread = thread::current();
    let line = format!("{}: without {missing}\n", thread.name().unwrap_or("a test"));
    eprint!("left out: {line}");
    if let Some(path) = std::env::var_os("PINTLE_TESTS_LEFT_OUT") {
        use std::io::Write as _;
        let file = fs::OpenOptions::new().append(true).open(path);
        file.and_then(|mut it| it.write_all(line.as_bytes())).expect("the runner created the file");
    }
}

/// A directory with plugins, and a host that finds them.
#[must_use]
pub(crate) struct Sandbox {
    root: TempDir,
    program: PathBuf,
    env: Vec<(String, OsString)>,
    user: Option<u32>,
}

impl Sandbox {
    /// Returns a sandbox of the host `pintle` without plugins.
    pub(crate) fn new() -> Self {
        Self::of(env!("CARGO_BIN_EXE_pintle"), "PINTLE")
    }

    /// Returns a sandbox of another host, whose environment variables have a prefix.
    pub(crate) fn of(program: impl Into<PathBuf>, prefix: &str) -> Self {
        // In cargo's own directory, so that plugins can be links instead of copies.
        Self::in_dir(env!("CARGO_TARGET_TMPDIR").as_ref(), program.into(), prefix)
    }

    /// Returns a sandbox of the host `pintle` that is outside of any cargo project, so that cargo
    /// treats the scaffolded files in it as a separate project.
    pub(crate) fn outside() -> Self {
        Self::in_dir(&std::env::temp_dir(), env!("CARGO_BIN_EXE_pintle").into(), "PINTLE")
    }

    /// Returns a sandbox whose host is subject to file modes: if the tests run as root, the host
    /// runs as the user `nobody`, in a directory that everyone may read.
    pub(crate) fn unprivileged() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::new();
        }
        use std::os::unix::fs::PermissionsExt as _;

        let program = env!("CARGO_BIN_EXE_pintle").into();
        let mut sandbox = Self::in_dir(&std::env::temp_dir(), program, "PINTLE");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(sandbox.root.path(), open).expect("the directory is writable");
        let copy = sandbox.root.path().join("pintle");
        // From another process: if the copy were open for writing in this one, a host that another
        // test starts at that moment would inherit it, and a program that is open for writing
        // cannot be run (ETXTBSY).
        let status = Command::new("cp").arg(&sandbox.program).arg(&copy).status();
        assert!(status.is_ok_and(|it| it.success()), "the host can be copied");
        sandbox.program = copy;
        sandbox.user = Some(65534);
        sandbox
    }

    fn in_dir(dir: &Path, program: PathBuf, prefix: &str) -> Self {
        let root = tempfile::Builder::new().prefix("host-").tempdir_in(dir);
        let root = root.expect("a temporary directory can be created");
        for name in ["plugins", "home", "desk"] {
            fs::create_dir(root.path().join(name)).expect("the directory is new");
        }
        let env = vec![
            (format!("{prefix}_PLUGIN_PATH"), root.path().join("plugins").into()),
            (format!("{prefix}_PLUGIN_SYSTEM_PATH"), OsString::new()),
            (format!("{prefix}_SYSTEM_CONFIG"), OsString::new()),
            ("HOME".to_owned(), root.path().join("home").into()),
            ("NO_COLOR".to_owned(), "1".into()),
        ];
        Self { root, program, env, user: None }
    }

    /// Adds a fixture to the plugin directory.
    #[track_caller]
    pub(crate) fn plugin(self, name: &str) -> Self {
        self.library(&format!("{name}.so"), &fixture(name))
    }

    /// Adds a library to the plugin directory, under another name.
    #[track_caller]
    pub(crate) fn library(self, name: &str, library: &Path) -> Self {
        install(library, &self.plugins().join(name));
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.set_env(name, value);
        self
    }

    /// Sets an environment variable from now on.
    pub(crate) fn set_env(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.env.retain(|it| it.0 != name);
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
    }

    /// Removes an environment variable.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.env.retain(|it| it.0 != name);
        self
    }

    /// Returns the plugin directory.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.root.path().join("plugins")
    }

    /// Returns the directory that the host runs in.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.path().join("desk")
    }

    /// Returns a path beside the plugin directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Runs the host with some arguments.
    #[track_caller]
    pub(crate) fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Output {
        let mut command = Command::new(&self.program);
        command.args(args).env_clear().current_dir(self.work());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(user) = self.user {
            use std::os::unix::process::CommandExt as _;
            command.uid(user).gid(user);
        }
        let (status, stdout, stderr) = run_in_time(&mut command);
        Output { status, stdout: self.normalize(&stdout), stderr: self.normalize(&stderr) }
    }

    /// Runs the host with some arguments, and with more environment variables.
    #[track_caller]
    pub(crate) fn run_with<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        env: &[(String, String)],
        args: I,
    ) -> Output {
        let mut command = Command::new(&self.program);
        command.args(args).env_clear().current_dir(self.work());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.envs(env.iter().map(|(name, value)| (name, value)));
        let (status, stdout, stderr) = run_in_time(&mut command);
        Output { status, stdout: self.normalize(&stdout), stderr: self.normalize(&stderr) }
    }

    /// Starts the host and returns immediately; its output goes to pipes.
    #[track_caller]
    pub(crate) fn start<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Child {
        self.start_with(&[], args)
    }

    /// Starts the host with more environment variables, and returns immediately.
    #[track_caller]
    pub(crate) fn start_with<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        env: &[(String, String)],
        args: I,
    ) -> Child {
        // Under `nohup`, the tests ignore a signal, and the host would, too.
        let mut command = Command::new("/usr/bin/env");
        command.arg("--default-signal=HUP,INT").arg(&self.program).args(args);
        self.spawn(command, env)
    }

    /// Starts an `sh` script in which `$PINTLE` is the host, and returns immediately.
    #[track_caller]
    pub(crate) fn start_script(&self, env: &[(String, String)], script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-euc", script]);
        let program = ("PINTLE".to_owned(), self.program.display().to_string());
        self.spawn(command, &[env, &[program]].concat())
    }

    #[track_caller]
    fn spawn(&self, mut command: Command, env: &[(String, String)]) -> Child {
        command.env_clear().current_dir(self.work());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.envs(env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the host can be started")
    }

    /// Gives a program the environment of the host.
    pub(crate) fn command_env<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)))
    }

    /// Waits for a host that was started. The result contains the output that was not read before.
    #[track_caller]
    pub(crate) fn finish(&self, mut child: Child) -> Output {
        let stdout = child.stdout.take().map(read_all);
        let stderr = child.stderr.take().map(read_all);
        let status = wait(&mut child, &Command::new(&self.program));
        let join = |it: Option<JoinHandle<Vec<u8>>>| {
            it.map_or(Vec::new(), |it| it.join().expect("reading does not panic"))
        };
        let (stdout, stderr) = (join(stdout), join(stderr));
        Output { status, stdout: self.normalize(&stdout), stderr: self.normalize(&stderr) }
    }

    /// Runs an `sh` script, started by `launcher`, in which `$PINTLE` is the host.
    #[track_caller]
    pub(crate) fn script(&self, launcher: &[&str], script: &str) -> Output {
        let words = [launcher, &["sh", "-euc", script]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env_clear().current_dir(self.work());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.env("PINTLE", &self.program).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let (status, stdout, stderr) = run_in_time(&mut command);
        Output { status, stdout: self.normalize(&stdout), stderr: self.normalize(&stderr) }
    }

    /// Runs one host after another, and returns each command line with its output.
    ///
    /// The lines are split at blanks; `[PLUGINS]` stands for the plugin directory.
    #[track_caller]
    pub(crate) fn transcript(&self, lines: &[&str]) -> String {
        let plugins = self.plugins().display().to_string();
        let shown = lines.iter().map(|line| {
            let args = line.split(' ').map(|it| it.replace("[PLUGINS]", &plugins));
            let program = self.program.file_name().expect("a program has a name").display();
            format!("$ {program} {}\n{}", line.trim_end(), self.run(args))
        });
        shown.collect()
    }

    fn normalize(&self, text: &[u8]) -> String {
        let root = self.root.path().display().to_string();
        let text = String::from_utf8_lossy(text)
            .replace(&format!("{root}/plugins"), "[PLUGINS]")
            .replace(&format!("{root}/home"), "[HOME]")
            .replace(&root, "[SANDBOX]")
            .replace(pintle_plugin::manifest::RUSTC, "[RUSTC]")
            .replace(pintle_plugin::manifest::TARGET, "[TARGET]");
        // Help texts have lines of blanks, and completions have tabs, which the sources must not
        // have.
        let text = text.replace('\t', "[TAB]");
        let lines = text.split('\n').map(|it| hide_numbers(it.trim_end_matches(' ')));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Replaces numbers that differ between runs, days or compilers.
fn hide_numbers(line: &str) -> String {
    if let Some((start, _)) = line.split_once("\"date\": \"") {
        return format!("{start}\"date\": \"[DATE]\",");
    }
    // The system chooses the number of the thread.
    if let Some((thread, rest)) = line.split_once("' (").filter(|it| it.0.starts_with("thread '")) {
        let rest = rest.trim_start_matches(|it: char| it.is_ascii_digit());
        return format!("{thread}'{}", rest.strip_prefix(')').unwrap_or(rest));
    }
    let mut parts = line.split("at byte ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, it| {
        line + "at byte [N]" + it.trim_start_matches(|it: char| it.is_ascii_digit())
    })
}

/// Links a library, or copies it if that is not possible.
#[track_caller]
pub(crate) fn install(library: &Path, path: &Path) {
    if fs::hard_link(library, path).is_err() {
        fs::copy(library, path).expect("the library can be copied");
    }
}

/// The output of a host, and how it ended. `Display` shows all of it.
#[derive(Debug, Clone)]
#[must_use]
pub(crate) struct Output {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Returns how the host ended.
    pub(crate) fn status(&self) -> ExitStatus {
        self.status
    }

    /// Returns the exit code; if a signal has killed the host, the test fails.
    #[track_caller]
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("the host was killed:\n{self}"))
    }

    /// Returns the same output; fails the test unless the host succeeded.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert!(self.status.success(), "the host failed:\n{self}");
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use std::os::unix::process::ExitStatusExt as _;
        f.write_str(&self.stdout)?;
        if !self.stdout.is_empty() && !self.stdout.ends_with('\n') {
            f.write_str("[no line feed]\n")?;
        }
        if !self.stderr.is_empty() {
            write!(f, "--- stderr ---\n{}", self.stderr)?;
        }
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => writeln!(f, "[exit {code}]"),
            (None, signal) => writeln!(f, "[signal {}]", signal.unwrap_or_default()),
        }
    }
}

/// Runs a program until it ends; if it hangs, the test fails.
#[track_caller]
fn run_in_time(command: &mut Command) -> (ExitStatus, Vec<u8>, Vec<u8>) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the host can be started");
    let stdout = read_all(child.stdout.take().expect("it is a pipe"));
    let stderr = read_all(child.stderr.take().expect("it is a pipe"));
    let status = wait(&mut child, command);
    let join = |it: JoinHandle<Vec<u8>>| it.join().expect("reading does not panic");
    (status, join(stdout), join(stderr))
}

/// Returns the first line of a pipe; the other lines are discarded.
#[track_caller]
pub(crate) fn first_line(pipe: impl Read + Send + 'static) -> String {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver.recv_timeout(TIME_LIMIT).expect("the host prints output")
}

fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

#[track_caller]
fn wait(child: &mut Child, command: &Command) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is a child process") {
            return status;
        }
        if start.elapsed() > TIME_LIMIT {
            child.kill().expect("it is a child process");
            panic!("{command:?} hangs");
        }
        thread::sleep(Duration::from_millis(1));
    }
}
