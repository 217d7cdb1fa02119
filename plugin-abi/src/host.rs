//! What a host offers to the plugin that it calls.

use crate::containers::Containers;
use crate::error::{Result, from_reply};
use crate::message::{ProgressUpdate, Prompt, ServiceReply, ServiceRequest};
use crate::raw::RawHost;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

pub use crate::services::{HostServices, Level, Stream};

/// The host, for the time of one call.
///
/// Use it for all output: what a library prints by itself with `println!` is not
/// flushed when the host exits, and takes no notice of the host's options.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    raw: RawHost<'a>,
}

impl<'a> Host<'a> {
    pub(crate) fn new(raw: RawHost<'a>) -> Self {
        Self { raw }
    }

    /// Returns the services as a plugin's code sees them, for a host that calls an
    /// implementation of its own [interface](crate::interface).
    pub fn of<S: HostServices>(services: &'a S) -> Self {
        Self::new(RawHost::new(services))
    }

    pub(crate) fn raw(&self) -> RawHost<'a> {
        self.raw
    }

    /// Writes `text` to the standard output.
    pub fn print(&self, text: impl Display) {
        self.raw.write(Stream::Out, text.to_string().as_bytes());
    }

    /// Writes `text` and a line feed to the standard output.
    pub fn println(&self, text: impl Display) {
        self.raw.write(Stream::Out, format!("{text}\n").as_bytes());
    }

    /// Writes bytes to the standard output as they are.
    pub fn write(&self, bytes: &[u8]) {
        self.raw.write(Stream::Out, bytes);
    }

    /// Writes `text` and a line feed to the standard error; for messages, not for results.
    pub fn eprintln(&self, text: impl Display) {
        self.raw.write(Stream::Err, format!("{text}\n").as_bytes());
    }

    /// Logs a line; the host's `-v` and `-q` decide whether it is shown.
    pub fn log(&self, level: Level, text: impl Display) {
        self.raw.log(level, &text.to_string());
    }

    /// Logs something that may be wrong.
    pub fn warn(&self, text: impl Display) {
        self.log(Level::Warn, text);
    }

    /// Logs something the user wants to know.
    pub fn info(&self, text: impl Display) {
        self.log(Level::Info, text);
    }

    /// Logs something a developer wants to know.
    pub fn debug(&self, text: impl Display) {
        self.log(Level::Debug, text);
    }

    /// Asks the user; without a terminal the answer is the prompt's default.
    ///
    /// # Errors
    ///
    /// When there is neither a terminal nor a default, or when the user gives up.
    pub fn prompt(&self, prompt: Prompt) -> Result<String> {
        let reply = self.request(&ServiceRequest::Prompt(prompt))?;
        reply.answer.ok_or_else(|| anyhow::anyhow!("the host gave no answer to a question"))
    }

    /// Shows a piece of work; with `total` units if that is known.
    pub fn progress(&self, title: impl Into<String>, total: Option<u64>) -> Progress<'a> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let state = ProgressUpdate { id, title: title.into(), total, ..ProgressUpdate::default() };
        let progress = Progress { host: *self, state };
        progress.send();
        progress
    }

    /// Returns the host's containers.
    pub fn containers(&self) -> Containers<'a> {
        Containers::new(self.raw)
    }

    fn request(&self, request: &ServiceRequest) -> Result<ServiceReply> {
        self.raw.request(request).map_err(from_reply)
    }
    // New host services go here.
}

/// A piece of work under way; it ends when this value is dropped.
pub struct Progress<'a> {
    host: Host<'a>,
    state: ProgressUpdate,
}

impl Progress<'_> {
    /// Adds to the units done.
    pub fn advance(&mut self, units: u64) {
        self.state.done += units;
        self.send();
    }

    /// Changes what the work is called.
    pub fn title(&mut self, title: impl Into<String>) {
        self.state.title = title.into();
        self.send();
    }

    fn send(&self) {
        // A host that cannot show progress is no reason to stop the work.
        let _ = self.host.request(&ServiceRequest::Progress(self.state.clone()));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.state.finished = true;
        self.send();
    }
}
