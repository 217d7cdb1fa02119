//! Work with files in asynchronous code, on threads that may block.

/// Runs work that may block, for example on a file or a lock.
///
/// The work continues if the returned future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|err| match err.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => unreachable!("the runtime does not cancel work that has begun"),
    })
}
