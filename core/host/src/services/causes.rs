//! Why an error happened: the one walk over its causes.

use std::error::Error;

/// Returns the causes of an error, the nearest first, without the error itself.
pub fn causes<'a>(
    err: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(err.source(), |it: &&'a (dyn Error + 'static)| (*it).source())
}

/// Returns an error and its causes as one line.
pub fn with_causes(err: &(dyn Error + 'static)) -> String {
    causes(err).fold(err.to_string(), |text, it| format!("{text}: {it}"))
}
