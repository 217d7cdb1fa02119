//! What a host offers to the plugin that it calls.

use crate::args::Args;
use crate::cancel::Cleanup;
use crate::containers::Containers;
use crate::error::{Result, from_reply};
use crate::handle::{CallScope, HostHandle};
use crate::message::{
    Directories, DirectoriesRequest, ProgressUpdate, Prompt, ServiceReply, ServiceRequest, Shown,
    Terminal,
};
use crate::raw::RawHost;
use crate::view::View;
use serde::Serialize;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use crate::services::HostServices;
pub use crate::streams::{Level, Stream};

/// The host, for the duration of one call.
///
/// Use it for all output: text that a library prints with `println!` is not flushed when the host
/// exits, and ignores the host's options.
///
/// ```
/// use pintle_plugin::testing::Stage;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let stage = Stage::new();
/// let host = stage.host();
/// host.println("a result");
/// host.info("a message");
/// assert_eq!(stage.finish()?.stdout, "a result\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Host<'a> {
    raw: RawHost<'a>,
    /// The call that this is for; `None` if another call is still in progress.
    scope: Option<&'a CallScope>,
}

impl<'a> Host<'a> {
    pub(crate) fn new(raw: RawHost<'a>) -> Self {
        Self { raw, scope: None }
    }

    /// Returns the host for a call of the plugin.
    pub(crate) fn in_call(raw: RawHost<'a>, scope: &'a CallScope) -> Self {
        Self { raw, scope: Some(scope) }
    }

    /// Returns the services as a plugin's code sees them, for a host that calls an implementation
    /// of its own [interface](mod@crate::interface).
    ///
    /// ```
    /// use pintle_plugin::Host;
    /// use pintle_plugin::host::HostServices;
    ///
    /// /// Calls a function of a plugin.
    /// fn greet(services: &impl HostServices) {
    ///     Host::of(services).println("hello");
    /// }
    /// ```
    pub fn of<S: HostServices>(services: &'a S) -> Self {
        Self::new(RawHost::new(services))
    }

    pub(crate) fn raw(&self) -> RawHost<'a> {
        self.raw
    }

    /// Writes `text` to the standard output.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// host.print("no line feed");
    /// assert_eq!(stage.finish()?.stdout, "no line feed");
    /// # Ok(())
    /// # }
    /// ```
    pub fn print(&self, text: impl Display) {
        self.raw.write(Stream::Out, text.to_string().as_bytes());
    }

    /// Writes `text` and a line feed to the standard output.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// host.println(format!("hello, {}", "Ada"));
    /// assert_eq!(stage.finish()?.stdout, "hello, Ada\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn println(&self, text: impl Display) {
        self.raw.write(Stream::Out, format!("{text}\n").as_bytes());
    }

    /// Writes bytes to the standard output unchanged.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// host.write(b"\x1f\x8b");
    /// # Ok(())
    /// # }
    /// ```
    pub fn write(&self, bytes: &[u8]) {
        self.raw.write(Stream::Out, bytes);
    }

    /// Writes `text` and a line feed to the standard error, which is for messages rather than
    /// results.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// host.eprintln("still waiting");
    /// assert_eq!(stage.finish()?.stderr, "still waiting\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn eprintln(&self, text: impl Display) {
        self.raw.write(Stream::Err, format!("{text}\n").as_bytes());
    }

    /// Logs a line; the host's `-v` and `-q` decide whether it is shown.
    ///
    /// ```
    /// use pintle_plugin::{Level, testing::Stage};
    ///
    /// let stage = Stage::new();
    /// stage.host().log(Level::Debug, "3 files read");
    /// assert_eq!(stage.finish().unwrap().log, [(Level::Debug, "3 files read".to_owned())]);
    /// ```
    pub fn log(&self, level: Level, text: impl Display) {
        self.raw.log(level, &text.to_string());
    }

    /// Logs a possible problem.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// host.warn("the water is shallow");
    /// assert_eq!(stage.finish()?.log[0].1, "the water is shallow");
    /// # Ok(())
    /// # }
    /// ```
    pub fn warn(&self, text: impl Display) {
        self.log(Level::Warn, text);
    }

    /// Logs information for the user.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// host.info("the ship has left");
    /// assert_eq!(stage.finish()?.log[0].1, "the ship has left");
    /// # Ok(())
    /// # }
    /// ```
    pub fn info(&self, text: impl Display) {
        self.log(Level::Info, text);
    }

    /// Logs information for developers.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// host.debug("3 files read");
    /// assert_eq!(stage.finish()?.log[0].1, "3 files read");
    /// # Ok(())
    /// # }
    /// ```
    pub fn debug(&self, text: impl Display) {
        self.log(Level::Debug, text);
    }

    /// Asks the user; without a terminal, the answer is the prompt's default.
    ///
    /// ```
    /// use pintle_plugin::{Prompt, testing::Stage};
    ///
    /// let stage = Stage::new().answer("red");
    /// let prompt = Prompt::new("Which colour?").choice("red").choice("blue").default_answer("blue");
    /// assert_eq!(stage.host().prompt(prompt).unwrap(), "red");
    /// ```
    ///
    /// # Errors
    ///
    /// If there is neither a terminal nor a default, or if the user cancels the question.
    pub fn prompt(&self, prompt: Prompt) -> Result<String> {
        let reply = self.request(&ServiceRequest::Prompt(prompt))?;
        reply.answer.ok_or_else(|| anyhow::anyhow!("the host did not answer a question"))
    }

    /// Asks a yes-or-no question.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// assert!(host.confirm("Go on?", Some(true))?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is neither a terminal nor a default, or if the user cancels the question.
    pub fn confirm(&self, question: impl Into<String>, default: Option<bool>) -> Result<bool> {
        let prompt = Prompt::confirm(question);
        let prompt = Prompt { default: default.map(|it| it.to_string()), ..prompt };
        let answer = self.prompt(prompt)?;
        answer.parse().map_err(|_| anyhow::anyhow!("the answer `{answer}` is neither yes nor no"))
    }

    /// Lets the user choose one of several answers.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new().answer("blue");
    /// let host = stage.host();
    /// assert_eq!(host.select("Which colour?", ["red", "blue"], Some("red"))?, "blue");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is neither a terminal nor a default, or if the user cancels the question.
    pub fn select<I: IntoIterator<Item: Into<String>>>(
        &self,
        question: impl Into<String>,
        choices: I,
        default: Option<&str>,
    ) -> Result<String> {
        let choices = choices.into_iter().map(Into::into).collect();
        let default = default.map(str::to_owned);
        self.prompt(Prompt { choices, default, ..Prompt::new(question) })
    }

    /// Asks for a text.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new().answer("Ada");
    /// let host = stage.host();
    /// assert_eq!(host.ask("Who are you?", None)?, "Ada");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is neither a terminal nor a default, or if the user cancels the question.
    pub fn ask(&self, question: impl Into<String>, default: Option<&str>) -> Result<String> {
        self.prompt(Prompt { default: default.map(str::to_owned), ..Prompt::new(question) })
    }

    /// Asks for a text that is hidden while it is typed.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new().answer("s3cret");
    /// let host = stage.host();
    /// assert_eq!(host.ask_secret("Password?", None)?, "s3cret");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is neither a terminal nor a default, or if the user cancels the question.
    pub fn ask_secret(&self, question: impl Into<String>, default: Option<&str>) -> Result<String> {
        let default = default.map(str::to_owned);
        self.prompt(Prompt { default, ..Prompt::new(question).secret() })
    }

    /// Prints a result in the format that the user requests with
    /// [`Arg::output`](crate::Arg::output): `value` as JSON or YAML, or `view` as text.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # use pintle_plugin::Table;
    /// # fn show(call: &Call, host: &Host<'_>) -> Result<()> {
    /// let ports = [80, 443];
    /// host.show(&call.args, &ports, Table::new(["PORT"]).row(["80"]).row(["443"]))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If `value` cannot be represented as JSON.
    pub fn show(&self, args: &Args, value: &impl Serialize, view: impl Into<View>) -> Result<()> {
        let form = args.find("output")?.unwrap_or_default();
        let shown = Shown { form, value: serde_json::to_value(value)?, view: view.into() };
        self.request(&ServiceRequest::Show(shown)).map(drop)
    }

    /// Returns the properties of the host's standard streams.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new().terminal(|it| it.width = Some(80));
    /// let host = stage.host();
    /// let width = host.terminal()?.width.unwrap_or(120);
    /// assert_eq!(width, 80);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the host does not describe them.
    pub fn terminal(&self) -> Result<Terminal> {
        let reply = self.request(&ServiceRequest::Terminal)?;
        reply.terminal.ok_or_else(|| anyhow::anyhow!("the host does not describe the terminal"))
    }

    /// Returns the plugin's own directories; they exist.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let root = tempfile::tempdir()?;
    /// let stage = Stage::new().directories(root.path());
    /// let host = stage.host();
    /// std::fs::write(host.directories()?.state.join("ships"), "3")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If they cannot be created, or if the user has no home directory.
    pub fn directories(&self) -> Result<Directories> {
        let reply = self.request(&ServiceRequest::Directories(DirectoriesRequest::default()))?;
        reply.directories.ok_or_else(|| anyhow::anyhow!("the host has no directories for plugins"))
    }

    /// Returns whether the call is cancelled: the user interrupted the host, or a hook exceeded its
    /// time limit. A plugin that calls this is given some seconds to end by itself; a plugin that
    /// never does is ended at once.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new().cancelled();
    /// let host = stage.host();
    /// for _ship in 0..1000 {
    ///     if host.is_cancelled() {
    ///         break;
    ///     }
    ///     host.println("one more");
    /// }
    /// assert_eq!(stage.finish()?.stdout, "");
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.raw.wait_cancelled(0)
    }

    /// Waits for at most `limit` until the call is cancelled, and returns whether it is.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new().cancelled();
    /// let host = stage.host();
    /// // Instead of `std::thread::sleep`:
    /// let is_cancelled = host.wait_cancelled(std::time::Duration::from_secs(60));
    /// assert!(is_cancelled);
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_cancelled(&self, limit: Duration) -> bool {
        let start = Instant::now();
        loop {
            let left = limit.saturating_sub(start.elapsed());
            // In short intervals: the host counts in 32 bits.
            let millis = left.as_millis().min(60_000) as u32;
            if self.raw.wait_cancelled(millis) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    /// Registers a cleanup, which the host runs if the call is cancelled and the plugin does not
    /// end by itself, before an interrupted host ends with exit code 130. It may run on any thread
    /// while the plugin is still working.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn run(host: &Host<'_>, file: std::path::PathBuf) -> Result<()> {
    /// let partial = file.clone();
    /// let cleanup = host.on_cancel(move || drop(std::fs::remove_file(partial)))?;
    /// std::fs::write(&file, "all of it")?;
    /// drop(cleanup); // From here on the file stays.
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the host does not support cleanups.
    pub fn on_cancel(&self, work: impl FnOnce() + Send + 'static) -> Result<Cleanup<'a>> {
        Cleanup::register(self.raw, Box::new(work))
    }

    /// Returns the host as an owned value, for threads and async tasks.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn run(host: &Host<'_>) -> Result<()> {
    /// let handle = host.handle()?;
    /// std::thread::spawn(move || handle.with(|host| host.info("copied")));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If this is already the host of a handle: clone the handle.
    pub fn handle(&self) -> Result<HostHandle> {
        let scope = self
            .scope
            .ok_or_else(|| anyhow::anyhow!("the host of a handle cannot create another handle"))?;
        Ok(scope.handle(self.raw))
    }

    /// Shows the progress of a task, out of `total` units if the number is known.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// let mut progress = host.progress("copying", Some(3));
    /// progress.advance(3);
    /// drop(progress);
    /// assert_eq!(stage.finish()?.progress.last().map(|it| it.done), Some(3));
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress(&self, title: impl Into<String>, total: Option<u64>) -> Progress<'a> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let state = ProgressUpdate { id, title: title.into(), total, ..ProgressUpdate::default() };
        let progress = Progress { host: *self, state };
        progress.send();
        progress
    }

    /// Returns the host's containers.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// assert!(host.containers().list()?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn containers(&self) -> Containers<'a> {
        Containers::new(self.raw)
    }

    fn request(&self, request: &ServiceRequest) -> Result<ServiceReply> {
        self.raw.request(request).map_err(from_reply)
    }
    // New host services are added here.
}

/// A task in progress; it ends when this value is dropped.
///
/// ```
/// use pintle_plugin::testing::Stage;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let stage = Stage::new();
/// let host = stage.host();
/// let mut progress = host.progress("copying", None);
/// progress.title("copying the second file");
/// drop(progress); // The work is done.
/// # Ok(())
/// # }
/// ```
pub struct Progress<'a> {
    host: Host<'a>,
    state: ProgressUpdate,
}

impl Progress<'_> {
    /// Adds to the units that are done.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// let mut progress = host.progress("copying", Some(2));
    /// progress.advance(1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn advance(&mut self, units: u64) {
        self.state.done += units;
        self.send();
    }

    /// Changes the name of the task.
    ///
    /// ```
    /// use pintle_plugin::testing::Stage;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = Stage::new();
    /// let host = stage.host();
    /// let mut progress = host.progress("connecting", None);
    /// progress.title("copying");
    /// # Ok(())
    /// # }
    /// ```
    pub fn title(&mut self, title: impl Into<String>) {
        self.state.title = title.into();
        self.send();
    }

    fn send(&self) {
        // If a host cannot show progress, the task continues anyway.
        let _ = self.host.request(&ServiceRequest::Progress(self.state.clone()));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.state.finished = true;
        self.send();
    }
}

impl HostHandle {
    /// Lets `work` use the host. The call that the handle belongs to does not end before `work` has
    /// returned.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn run(host: &Host<'_>) -> Result<()> {
    /// let handle = host.handle()?;
    /// let thread = std::thread::spawn(move || handle.with(|host| host.info("copied")));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the call is over.
    pub fn with<T>(&self, work: impl FnOnce(&Host<'_>) -> T) -> Result<T> {
        let user = self.enter()?;
        Ok(work(&Host::new(user.host)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ErrorReply, ServiceReply, ServiceRequest};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl HostServices for Counter {
        fn write(&self, _stream: Stream, _text: &[u8]) {}

        fn log(&self, _level: Level, _text: &str) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }

        fn request(&self, _request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
            Ok(ServiceReply::default())
        }
    }

    #[test]
    fn a_handle_fails_cleanly_once_the_call_is_over() {
        let services = Counter::default();
        let scope = CallScope::default();
        let handle = Host::in_call(RawHost::new(&services), &scope).handle().unwrap();
        let of_thread = handle.clone();
        let thread = std::thread::spawn(move || of_thread.with(|host| host.info("one")));
        thread.join().unwrap().unwrap();
        assert!(!handle.is_over());
        drop(scope);
        assert!(handle.is_over());
        let err = handle.with(|host| host.info("two")).unwrap_err();
        assert!(err.to_string().contains("the call of the plugin is over"), "{err}");
        assert_eq!(services.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn the_end_of_a_call_waits_for_those_who_use_the_host() {
        let services = Counter::default();
        let scope = CallScope::default();
        let handle = Host::in_call(RawHost::new(&services), &scope).handle().unwrap();
        let ((began, begins), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel::<()>());
        let thread = std::thread::spawn(move || {
            handle.with(|host| {
                began.send(()).unwrap();
                // This waits for the end of the call.
                let _ = goes_on.recv_timeout(Duration::from_millis(50));
                host.info("last");
            })
        });
        begins.recv().unwrap();
        drop(scope);
        assert_eq!(services.0.load(Ordering::SeqCst), 1, "it ended before");
        drop(go_on);
        thread.join().unwrap().unwrap();
    }
}
