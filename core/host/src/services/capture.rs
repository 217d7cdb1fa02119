//! Keeps one plugin's output together while others run in parallel.

use super::calls::Call;
use super::plugin::{PluginServices, Services};
use pintle_plugin::Level;
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many bytes of output are held back at most.
const MAX_HELD: usize = 1 << 20;

/// Services that hold back the output until [`release`](Capture::release).
pub struct Capture {
    services: Services,
    plugin: PluginServices,
    held: Mutex<Output>,
}

/// The output that was held back.
#[derive(Default)]
struct Output {
    parts: Vec<Part>,
    /// How many bytes of output the parts have.
    n_held: usize,
    /// How many bytes came after the limit.
    n_dropped: usize,
}

enum Part {
    Bytes(Stream, Vec<u8>),
    Line(Level, String),
}

impl Output {
    /// Keeps as much of `bytes` as fits, as a new part.
    fn hold(&mut self, bytes: &[u8], part: impl FnOnce(&[u8]) -> Part) {
        // Even of empty parts there may be too many.
        let cost = |n: usize| n + size_of::<Part>();
        let room = MAX_HELD.saturating_sub(self.n_held);
        let n_kept = bytes.len().min(room.saturating_sub(cost(0)));
        self.n_dropped += bytes.len() - n_kept;
        if n_kept > 0 || (bytes.is_empty() && room >= cost(0)) {
            self.n_held += cost(n_kept);
            self.parts.push(part(&bytes[..n_kept]));
        }
    }

    /// Returns the parts, the last of which reports how much was dropped.
    fn into_parts(self) -> Vec<Part> {
        let Self { mut parts, n_dropped, .. } = self;
        if n_dropped > 0 {
            let text = format!("{n_dropped} bytes of the plugin's output were dropped here");
            parts.push(Part::Line(Level::Warn, text));
        }
        parts
    }
}

impl Capture {
    /// Returns services for the plugin with the key `plugin` that hold back its output.
    pub fn new(services: &Services, plugin: &str) -> Self {
        Self { services: services.clone(), plugin: services.of(plugin), held: Mutex::default() }
    }

    /// Writes the output that was held back so far, in one piece. If there is too much output for a
    /// user to read, only the beginning is written, and how much was dropped.
    pub fn release(&self) {
        // Another hook may end at the same time, and the output of each is kept together.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let held = std::mem::take(&mut *self.held());
        for part in held.into_parts() {
            match part {
                Part::Bytes(stream, bytes) => self.services.console().write(stream, &bytes),
                Part::Line(level, text) => self.services.console().log(level, &text),
            }
        }
    }

    /// Returns the call that these services are for.
    pub(crate) fn call(&self) -> &Call {
        self.plugin.call()
    }

    fn held(&self) -> MutexGuard<'_, Output> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostServices for Capture {
    fn write(&self, stream: Stream, text: &[u8]) {
        self.held().hold(text, |it| Part::Bytes(stream, it.to_vec()));
    }

    fn log(&self, level: Level, text: &str) {
        let line = |it: &[u8]| Part::Line(level, String::from_utf8_lossy(it).into_owned());
        self.held().hold(text.as_bytes(), line);
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        match request {
            ServiceRequest::Log(record) => {
                self.log(record.level, &record.to_string());
                Ok(ServiceReply::default())
            }
            request => self.plugin.request(request),
        }
    }

    fn wait_cancelled(&self, limit: Duration) -> bool {
        self.plugin.wait_cancelled(limit)
    }

    fn cleanup(&self, id: u64, work: Option<Box<dyn FnOnce() + Send>>) -> Result<(), ErrorReply> {
        self.plugin.cleanup(id, work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::Console;
    use pintle_plugin::message::LogRecord;
    use std::sync::Arc;

    fn shown(capture: &Capture) -> (usize, Vec<String>) {
        let (mut n_bytes, mut lines) = (0, Vec::new());
        for part in std::mem::take(&mut *capture.held()).into_parts() {
            match part {
                Part::Bytes(_, bytes) => n_bytes += bytes.len(),
                Part::Line(_, text) => lines.push(text),
            }
        }
        (n_bytes, lines)
    }

    #[test]
    fn records_are_held_back_among_the_lines() {
        let services = Services::new(Arc::new(Console::new()));
        let capture = Capture::new(&services, "a.io/v1.0.0");
        capture.log(Level::Info, "first");
        let mut record = LogRecord::default();
        record.target = "harbour".to_owned();
        record.message = "moored".to_owned();
        record.fields.insert("ship".to_owned(), "Ada".into());
        capture.request(ServiceRequest::Log(record)).unwrap();
        capture.log(Level::Info, "last");
        let (_, lines) = shown(&capture);
        assert_eq!(lines, ["first", "harbour: moored ship=Ada", "last"]);
    }

    #[test]
    fn output_that_is_held_back_has_a_limit() {
        let services = Services::new(Arc::new(Console::new()));
        let capture = Capture::new(&services, "a.io/v1.0.0");
        capture.log(Level::Info, "a line");
        for _ in 0..5000 {
            capture.write(Stream::Out, &[b'x'; 1000]);
            capture.write(Stream::Out, b"");
        }
        capture.log(Level::Info, "more");
        let (n_bytes, lines) = shown(&capture);
        assert!((MAX_HELD / 2..MAX_HELD).contains(&n_bytes), "{n_bytes}");
        let n_dropped = 5_000_000 + "more".len() - n_bytes;
        let dropped = format!("{n_dropped} bytes of the plugin's output were dropped here");
        assert_eq!(lines, ["a line".to_owned(), dropped]);
        capture.write(Stream::Out, b"again");
        assert_eq!(shown(&capture), (5, Vec::new()));
    }
}
