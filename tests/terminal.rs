//! A shell on a separate terminal, into which tests type.

use crate::completion::Shell;
use crate::support::Sandbox;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The time limit for a shell. On a loaded machine it needs seconds; only a hang takes this long.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The keys Ctrl-X d, which make the shell write the line to a file.
const WRITE_LINE: &str = "\x18d";

/// The key that clears the line.
const CLEAR: &str = "\x15";

/// A running shell that has read the host's completion script.
pub(crate) struct Terminal {
    shell: &'static Shell,
    child: Child,
    keyboard: File,
    /// The output on the screen, for messages.
    screen: Arc<Mutex<Vec<u8>>>,
    work: PathBuf,
    path: String,
    home: PathBuf,
}

impl Terminal {
    /// Starts a shell in the sandbox's working directory.
    #[track_caller]
    pub(crate) fn start(shell: &'static Shell, sandbox: &Sandbox) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let pty = openpt(flags).expect("the system has terminals");
        grantpt(&pty).and_then(|()| unlockpt(&pty)).expect("the terminal is ours");
        let name = ptsname(&pty, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let side = || File::from(open(&name, flags, Mode::empty()).expect("the terminal is ours"));
        let size = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&pty, size).expect("the terminal has a size");
        let (work, home) = (sandbox.work(), sandbox.path("home"));
        // The lines that the shell runs when it starts.
        fs::write(sandbox.path("typed"), shell.typed).expect("the directory is ours");
        // It makes the terminal the shell's controlling terminal.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", shell.program]).args(shell.interactive);
        shell.set_up(&mut command, sandbox);
        command.env("SHELL_OUT", sandbox.path("line")).env("TERM", "xterm").env("PS1", "> ");
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn();
        let child = child.expect("there is `setsid`");
        let keyboard = File::from(pty);
        let mut output = keyboard.try_clone().expect("it is open");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let copy = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                copy.lock().expect("no thread panics with it").extend(&buffer[..n]);
            }
        });
        let path = shell.search_path(sandbox);
        let mut this = Self { shell, child, keyboard, screen, work, path, home };
        this.keys(&format!("source {}\r", sandbox.path("typed").display()));
        this.wait_for(&sandbox.path("line"), "the shell has started");
        this
    }

    fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the shell runs");
    }

    #[track_caller]
    fn wait_for(&mut self, file: &Path, what: &str) -> String {
        let start = Instant::now();
        loop {
            // The shell creates the file atomically.
            if let Ok(text) = fs::read_to_string(file) {
                fs::remove_file(file).expect("the directory is ours");
                return text;
            }
            let screen = self.screen.lock().expect("no thread panics with it");
            let screen = String::from_utf8_lossy(&screen);
            assert!(start.elapsed() < TIME_LIMIT, "{}: {what}: {screen}", self.shell.program);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types some keys on an empty line, and returns the resulting line.
    #[track_caller]
    pub(crate) fn line(&mut self, keys: &str) -> String {
        self.keys(&format!("{CLEAR}{keys}{WRITE_LINE}"));
        let file = self.work.with_file_name("line");
        let line = self.wait_for(&file, keys);
        line.strip_suffix('\n').unwrap_or(&line).to_owned()
    }

    /// Types some keys on an empty line, and returns the arguments that the shell passes to the
    /// program when that line is entered.
    #[track_caller]
    pub(crate) fn args(&mut self, keys: &str) -> Vec<String> {
        let line = self.line(keys);
        let rest = line.strip_prefix("pintle ").unwrap_or_else(|| panic!("{line}"));
        let mut command = Command::new(self.shell.program);
        // The system's `printf`, because shells have their own.
        command.args(["-c", &format!("/usr/bin/printf '%s\\n' {rest}")]);
        command.env_clear().env("PATH", &self.path).env("HOME", &self.home);
        let output = command.current_dir(&self.work).output().expect("the shell is there");
        assert!(output.status.success(), "{keys}: {line}");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // `setsid` waits for the shell, which ends with its terminal.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
