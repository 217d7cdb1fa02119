//! Records of the crate `log`.

use super::sending::{IS_OUR_LOGGER, is_shown, send};
use crate::host::Level;
use crate::message::LogRecord;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{Log, Metadata, Record};
use serde_json::{Map, Number};
use std::sync::atomic::Ordering;

/// Receives the records, unless the plugin has a logger of its own.
pub(super) fn set_up() {
    IS_OUR_LOGGER.store(log::set_logger(&Forward).is_ok(), Ordering::Relaxed);
}

struct Forward;

impl Log for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_shown(level(metadata.level()))
    }

    fn log(&self, record: &Record<'_>) {
        let level = level(record.level());
        if !is_shown(level) {
            return;
        }
        let mut fields = Fields::default();
        // If a field cannot be read, the fields after it are lost, too; the message is the main
        // part of the record.
        let _ = record.key_values().visit(&mut fields);
        let (target, message) = (record.target().to_owned(), record.args().to_string());
        send(LogRecord { level, target, message, fields: fields.0 });
    }

    fn flush(&self) {}
}

fn level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warn,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    }
}

#[derive(Default)]
struct Fields(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut json = Json::default();
        value.visit(&mut json)?;
        self.0.insert(key.to_string(), json.0);
        Ok(())
    }
}

/// The value of a field.
#[derive(Default)]
struct Json(serde_json::Value);

impl VisitValue<'_> for Json {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.0 = value.to_string().into();
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.0 = serde_json::Value::Null;
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        // JSON has no infinity, for example.
        let number = Number::from_f64(value).map(serde_json::Value::Number);
        self.0 = number.unwrap_or_else(|| value.to_string().into());
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }
}
