//! A hook before each operation, with which a test can cause a failure.
//!
//! It is always compiled, because the tests of other crates use it, and with a feature the whole
//! workspace would be built twice. A process without a hook pays one relaxed load for each
//! operation, which is a system call. Hooks belong to one thread, so tests can run in parallel.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// An operation on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Query what is at a path.
    Find,
    /// Open a directory.
    OpenDir,
    /// List a directory.
    List,
    /// Read a file.
    Read,
    /// Take the kernel's lock on a file.
    Lock,
    /// Create a file, or open a file that may not exist.
    Create,
    /// Write a file.
    Write,
    /// Set permission bits.
    SetMode,
    /// Make a file, or the names in a directory, survive a power failure.
    Sync,
    /// Rename a file; an existing file with the new name is lost.
    Rename,
    /// Rename a file to a name that does not exist, in one step.
    RenameNew,
    /// Exchange the names of two files in one step.
    Exchange,
    /// Give a file a second name.
    Link,
    /// Create a symbolic link.
    Symlink,
    /// Remove a file.
    Unlink,
    /// Create a directory.
    CreateDir,
    /// Remove an empty directory.
    RemoveDir,
}

impl Operation {
    /// Whether the operation changes the disk.
    pub fn is_change(self) -> bool {
        !matches!(self, Self::Find | Self::OpenDir | Self::List | Self::Read | Self::Lock)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Find => "look for",
            Self::OpenDir => "open the directory",
            Self::List => "list",
            Self::Read => "read",
            Self::Lock => "lock",
            Self::Create => "create",
            Self::Write => "write",
            Self::SetMode => "set the permissions of",
            Self::Sync => "sync",
            Self::Rename | Self::RenameNew => "rename",
            Self::Exchange => "exchange",
            Self::Link => "link",
            Self::Symlink => "create the link",
            Self::Unlink => "remove",
            Self::CreateDir => "create the directory",
            Self::RemoveDir => "remove the directory",
        })
    }
}

type Hook = Box<dyn FnMut(Operation) -> io::Result<()>>;

/// Whether any thread of the process has ever had a hook.
static ARMED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// While this value exists, the hook is called.
#[derive(Debug)]
#[must_use = "the hook is removed with this value"]
pub struct Injected(());

/// Calls `hook` before each operation of this thread; if it returns an error, the operation fails
/// with it.
///
/// There is one hook at a time. The hook is not called for its own operations.
pub fn inject(hook: impl FnMut(Operation) -> io::Result<()> + 'static) -> Injected {
    ARMED.store(true, Ordering::Relaxed);
    HOOK.set(Some(Box::new(hook)));
    Injected(())
}

impl Drop for Injected {
    fn drop(&mut self) {
        HOOK.set(None);
    }
}

/// The moment before an operation.
pub(super) fn point(operation: Operation) -> io::Result<()> {
    match ARMED.load(Ordering::Relaxed) {
        false => Ok(()),
        true => call(operation),
    }
}

#[cold]
fn call(operation: Operation) -> io::Result<()> {
    let Some(mut hook) = HOOK.take() else { return Ok(()) };
    let res = hook(operation);
    HOOK.set(Some(hook));
    res
}
