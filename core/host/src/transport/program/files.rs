//! The files of a program's call.

use super::strict;
use crate::fs;
use pintle_plugin::message::ErrorReply;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The longest reply, in bytes.
const MAX_REPLY: u64 = 16 << 20;

/// The files of one call, in a directory that is removed with this value.
pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn create() -> Result<Self, ErrorReply> {
        let temp = tempfile::Builder::new().prefix("plugin-").tempdir_in(folder()).and_then(|it| {
            std::fs::File::create(it.path().join("reply"))?;
            Ok(it)
        });
        temp.map(Self).map_err(|err| cannot("create the file of its reply", &err))
    }

    /// Returns the path of the reply.
    pub(super) fn reply(&self) -> PathBuf {
        self.0.path().join("reply")
    }

    /// Returns the directory.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn request(&self, json: &[u8]) -> Result<PathBuf, ErrorReply> {
        let path = self.0.path().join("request");
        std::fs::write(&path, json).map_err(|err| cannot("write its request", &err))?;
        Ok(path)
    }

    /// Reads the reply; an empty reply is the default.
    pub(super) fn read_reply<T: DeserializeOwned + Default>(&self) -> Result<T, ErrorReply> {
        let invalid = |err: &dyn std::fmt::Display| {
            let mut reply = ErrorReply::failed("failed to read the program's reply");
            reply.causes.push(err.to_string());
            reply.hint = Some("write the reply as a JSON object".to_owned());
            reply
        };
        let contents =
            fs::read_regular(&self.reply(), MAX_REPLY).map_err(|err| invalid(&err.cause))?;
        match contents.bytes.trim_ascii() {
            [] => Ok(T::default()),
            json => {
                // This error contains the position.
                serde_json::from_slice::<T>(json).map_err(|err| invalid(&err))?;
                let value = serde_json::from_slice(json).map_err(|err| invalid(&err))?;
                strict::read(value).map_err(|err| invalid(&err))
            }
        }
    }
}

/// Returns the directory for temporary files. An empty `TMPDIR` counts as unset, as it does
/// elsewhere.
fn folder() -> PathBuf {
    let folder = std::env::temp_dir();
    if folder.as_os_str().is_empty() { PathBuf::from("/tmp") } else { folder }
}

fn cannot(what: &str, err: &std::io::Error) -> ErrorReply {
    let mut reply = ErrorReply::failed(format!("failed to {what}"));
    reply.causes.push(err.to_string());
    reply
}
