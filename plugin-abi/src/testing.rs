//! Runs a plugin in-process against a fake host, for its unit tests.
