//! How a node comes to a server: it asks again and again until there is an answer.

use crate::http::Denied;
use crate::log;
use std::thread;
use std::time::Duration;

/// Does something until it succeeds, with pauses of 10 to 250 ms. The first failure is said.
///
/// # Errors
///
/// Only when the server does not know our token: another try is of no use then.
pub(crate) fn until_done<T>(
    url: &str,
    mut step: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut pause = Duration::from_millis(10);
    let mut is_first = true;
    loop {
        let err = match step() {
            Ok(it) => return Ok(it),
            Err(err) => err,
        };
        if err.is::<Denied>() {
            return Err(err.context(format!("preparing node: token is not valid: {url}")));
        }
        if is_first {
            log::info(&format!(
                "Waiting to retrieve agent configuration; server is not ready: Get \"{url}\": {err:#}"
            ));
        }
        is_first = false;
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}
