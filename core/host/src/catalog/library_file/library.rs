//! What is known of a library without loading it, and whether this platform can load it.

use super::error::LibraryError;
use super::format::Format;
use object::ObjectKind;
use std::borrow::Cow;

/// Which libraries are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Scope {
    /// The manifests of libraries for all platforms.
    Any,
    /// The manifests of libraries that this platform loads. For others, at most the first page is
    /// read.
    Host,
}

/// A library as bytes.
#[derive(Debug, Clone)]
pub struct LibraryFile {
    pub(super) format: Format,
    pub(super) architecture: Cow<'static, str>,
    pub(super) bits: u8,
    pub(super) little_endian: bool,
    pub(super) kind: ObjectKind,
    pub(super) manifests: Vec<Vec<u8>>,
    /// The minimum length of the file, and its actual length.
    pub(super) needed: u64,
    pub(super) len: u64,
}

impl LibraryFile {
    /// Returns the library's format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the processor that the library was built for, by Rust's name for it, for example
    /// `x86_64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Moves the manifests out.
    pub(in super::super) fn into_manifests(self) -> Vec<Vec<u8>> {
        self.manifests
    }

    /// Returns the bytes of the manifests; a valid plugin has one. If there are several, only the
    /// first two are returned.
    pub fn manifests(&self) -> &[Vec<u8>] {
        &self.manifests
    }

    /// Checks that this platform's loader accepts the library, and that loading it would not read
    /// beyond the end of the file.
    ///
    /// # Errors
    ///
    /// [`LibraryError`] with what does not fit.
    pub fn check_fit(&self) -> Result<(), LibraryError> {
        self.check_platform()?;
        let found = match self.kind {
            ObjectKind::Dynamic => None,
            ObjectKind::Executable => Some("a program"),
            ObjectKind::Relocatable => Some("an object file"),
            ObjectKind::Core => Some("a memory dump"),
            _ => Some("of an unknown kind"),
        };
        if let Some(found) = found {
            return Err(LibraryError::NotShared { found });
        }
        if self.needed > self.len {
            return Err(LibraryError::Truncated { needed: self.needed, len: self.len });
        }
        Ok(())
    }

    /// Checks that this platform loads libraries of this kind.
    pub(super) fn check_platform(&self) -> Result<(), LibraryError> {
        let bits = if cfg!(target_pointer_width = "64") { 64 } else { 32 };
        let architecture = std::env::consts::ARCH;
        if self.format != Format::HOST {
            return Err(LibraryError::WrongFormat { found: self.format, expected: Format::HOST });
        }
        if self.bits != bits {
            return Err(LibraryError::WrongClass { found: self.bits, expected: bits });
        }
        if self.little_endian != cfg!(target_endian = "little") {
            let (found, expected) =
                if self.little_endian { ("little", "big") } else { ("big", "little") };
            return Err(LibraryError::WrongEndianness { found, expected });
        }
        if self.architecture != architecture {
            let found = self.architecture.clone().into_owned();
            return Err(LibraryError::WrongMachine { found, expected: architecture });
        }
        Ok(())
    }
}
