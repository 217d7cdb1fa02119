//! How a node joins a server: it retries until there is an answer.

use crate::http::{Denied, WrongName};
use crate::{log, times};
use std::thread;
use std::time::Duration;

/// Repeats an operation until it succeeds, like agents: they retry after every failure, and log
/// each.
pub(crate) fn without_end<T>(url: &str, mut step: impl FnMut() -> anyhow::Result<T>) -> T {
    let mut pause = Duration::from_millis(10);
    loop {
        match step() {
            Ok(it) => return it,
            Err(err) => log::info(&format!(
                "Waiting to retrieve agent configuration; server is not ready: {url}: {err:#}"
            )),
        }
        thread::sleep(pause);
        pause = (pause * 2).min(times::JOIN_RETRY);
    }
}

/// Repeats an operation until it succeeds, like servers.
///
/// # Errors
///
/// When the other server does not know our token or has a certificate for other names: in that
/// case, a server gives up immediately.
pub(crate) fn until_hopeless<T>(
    url: &str,
    mut step: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    without_end(url, || match step() {
        Err(err) if is_hopeless(&err) => Ok(Err(explain(err, url))),
        other => other.map(Ok),
    })
}

/// Returns whether a retry is useless.
pub(crate) fn is_hopeless(err: &anyhow::Error) -> bool {
    err.is::<Denied>() || err.is::<WrongName>()
}

/// Reports which server has refused, and what it did not accept.
pub(crate) fn explain(err: anyhow::Error, url: &str) -> anyhow::Error {
    let what = match err.is::<Denied>() {
        true => format!("preparing server: token is not valid: {url}"),
        false => format!("preparing server: Get \"{url}/cacerts\""),
    };
    err.context(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn agents_try_again_after_every_failure() {
        let mut n_tries = 0;
        without_end("https://a", || {
            n_tries += 1;
            match n_tries {
                1 => Err(Denied.into()),
                2 => bail!("lookup a: no such host"),
                _ => Ok(()),
            }
        });
        assert_eq!(n_tries, 3);
    }

    #[test]
    fn servers_give_up_on_a_wrong_token() {
        let mut n_tries = 0;
        let result: anyhow::Result<()> = until_hopeless("https://a", || {
            n_tries += 1;
            if n_tries == 1 { bail!("connection refused") } else { Err(Denied.into()) }
        });
        let message = format!("{:#}", result.unwrap_err());
        let expected = "preparing server: token is not valid: https://a: 401 Unauthorized";
        assert_eq!(message, expected);
    }
}
