//! Keeps one plugin's output together while others run beside it.

use super::{Console, PluginServices};
use pintle_plugin::Level;
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use std::sync::Mutex;

/// Services that hold the output back until [`release`](Capture::release).
pub struct Capture<'a> {
    console: &'a Console,
    services: PluginServices<'a>,
    held: Mutex<Vec<Held>>,
}

enum Held {
    Bytes(Stream, Vec<u8>),
    Line(Level, String),
}

impl<'a> Capture<'a> {
    /// Returns services for the plugin with the key `plugin` that hold its output back.
    pub fn new(console: &'a Console, plugin: &'a str) -> Self {
        let services = PluginServices::new(console, plugin);
        Self { console, services, held: Mutex::default() }
    }

    /// Writes what was held back, in one piece.
    pub fn release(self) {
        for held in self.held.into_inner().unwrap_or_default() {
            match held {
                Held::Bytes(stream, bytes) => self.console.write(stream, &bytes),
                Held::Line(level, text) => self.console.log(level, &text),
            }
        }
    }

    fn hold(&self, held: Held) {
        if let Ok(mut all) = self.held.lock() {
            all.push(held);
        }
    }
}

impl HostServices for Capture<'_> {
    fn write(&self, stream: Stream, text: &[u8]) {
        self.hold(Held::Bytes(stream, text.to_vec()));
    }

    fn log(&self, level: Level, text: &str) {
        self.hold(Held::Line(level, text.to_owned()));
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        self.services.request(request)
    }
}
