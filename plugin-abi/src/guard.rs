//! Keeps a plugin's panics on the plugin's side of the boundary.
//!
//! Invariant: no function that crosses the boundary unwinds. A panic that crosses it ends the whole
//! process, so every exported function runs inside [`guard`].

use crate::error::ErrorReply;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    /// `Some` while this thread is inside [`guard`]; holds the message of the last panic.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work` and converts a panic to an error with its location.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, ErrorReply>) -> Result<T, ErrorReply> {
    static HOOK: Once = Once::new();
    // The host's panic hook does not apply to a library with its own standard library, so each
    // plugin sets a panic hook.
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // If a panic aborts the process, no code remains to report the recorded message.
            if !note_panic(info) || cfg!(panic = "abort") {
                previous(info);
            }
        }));
    });

    let outer = CAUGHT.with(|it| it.replace(Some(String::new())));
    let res = catch_unwind(AssertUnwindSafe(work));
    let said = CAUGHT.with(|it| it.replace(outer)).unwrap_or_default();
    res.unwrap_or_else(|payload| {
        // Dropping a payload runs foreign code, which may panic again.
        std::mem::forget(payload);
        Err(ErrorReply::panicked(said))
    })
}

/// Records the panic's message if this thread is inside [`guard`]; returns whether it did.
fn note_panic(info: &PanicHookInfo<'_>) -> bool {
    let payload = info.payload();
    let said = payload.downcast_ref::<&str>().copied();
    let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let said = said.unwrap_or("a value that is not text");
    let text = match info.location() {
        Some(it) => format!("{said}, at {}:{}:{}", it.file(), it.line(), it.column()),
        None => said.to_owned(),
    };
    CAUGHT.with(|it| match it.try_borrow_mut() {
        Ok(mut slot) => match slot.as_mut() {
            Some(slot) => {
                *slot = text;
                true
            }
            None => false,
        },
        Err(_) => false,
    })
}
