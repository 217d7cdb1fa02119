//! Keeps a plugin's panics on the plugin's side of the boundary.
//!
//! Invariant: no function that crosses the boundary unwinds. A panic that does
//! ends the whole process, so every exported function runs inside [`guard`].

use crate::error::ErrorReply;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    /// `Some` while this thread is inside [`guard`]; holds what the last panic said.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work` and turns a panic into an error that says where it happened.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, ErrorReply>) -> Result<T, ErrorReply> {
    static HOOK: Once = Once::new();
    // The host's panic hook does not reach into a library that has its own
    // standard library, so each plugin brings one of its own.
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Nobody comes back to tell what was noted where a panic is the end.
            if !note_panic(info) || cfg!(panic = "abort") {
                previous(info);
            }
        }));
    });

    let outer = CAUGHT.with(|it| it.replace(Some(String::new())));
    let res = catch_unwind(AssertUnwindSafe(work));
    let said = CAUGHT.with(|it| it.replace(outer)).unwrap_or_default();
    res.unwrap_or_else(|payload| {
        // Dropping a payload runs foreign code, which may panic once more.
        std::mem::forget(payload);
        Err(ErrorReply::panicked(said))
    })
}

/// Keeps the panic's message if this thread is inside [`guard`]; returns whether it was.
fn note_panic(info: &PanicHookInfo<'_>) -> bool {
    let payload = info.payload();
    let said = payload.downcast_ref::<&str>().copied();
    let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let said = said.unwrap_or("a value that is no text");
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
