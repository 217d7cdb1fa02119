//! The causes of an error, and the only code that walks them.

use std::error::Error;

/// Returns the causes of an error, the nearest first.
pub fn causes<'e>(
    err: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let mut next = err.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// Returns the message of an error and those of its causes in one text: `a: b: c`.
pub fn with_causes(err: &(dyn Error + 'static)) -> String {
    causes(err).fold(err.to_string(), |text, it| format!("{text}: {it}"))
}
