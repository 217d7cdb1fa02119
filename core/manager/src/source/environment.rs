//! The environment as a value, so that tests can use their own.

/// Reads an environment variable: of the process in the host, and any value in tests.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;
