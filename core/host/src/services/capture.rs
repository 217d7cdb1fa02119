//! Keeps one plugin's output together while others run beside it.

use super::{PluginServices, Services};
use pintle_plugin::Level;
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use std::sync::{Mutex, PoisonError};

/// Services that hold the output back until [`release`](Capture::release).
pub struct Capture {
    services: Services,
    plugin: PluginServices,
    held: Mutex<Vec<Held>>,
}

enum Held {
    Bytes(Stream, Vec<u8>),
    Line(Level, String),
}

impl Capture {
    /// Returns services for the plugin with the key `plugin` that hold its output back.
    pub fn new(services: &Services, plugin: &str) -> Self {
        Self { services: services.clone(), plugin: services.of(plugin), held: Mutex::default() }
    }

    /// Writes what was held back so far, in one piece.
    pub fn release(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        for held in held {
            match held {
                Held::Bytes(stream, bytes) => self.services.console().write(stream, &bytes),
                Held::Line(level, text) => self.services.console().log(level, &text),
            }
        }
    }

    fn hold(&self, held: Held) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(held);
    }
}

impl HostServices for Capture {
    fn write(&self, stream: Stream, text: &[u8]) {
        self.hold(Held::Bytes(stream, text.to_vec()));
    }

    fn log(&self, level: Level, text: &str) {
        self.hold(Held::Line(level, text.to_owned()));
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        self.plugin.request(request)
    }
}
