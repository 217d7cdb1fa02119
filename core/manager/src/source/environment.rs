//! The environment as a value, so that tests have one of their own.

/// Reads a variable of the environment: that of the process in the host, anything in tests.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;
