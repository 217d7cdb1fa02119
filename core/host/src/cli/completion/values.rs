//! Values of arguments that are found while the user types.

use crate::cli::session::Session;
use clap::ArgMatches;
use clap::builder::ArgExt;
use pintle_plugin::Candidate;

/// Completes an argument of a row with the values that a function finds:
/// `Arg::new("berth").add(Values(berths))`.
///
/// The function gets what is on the line so far, as far as that can be read. It runs while the
/// user waits, so it should be fast; what fails has no values. Values that do not begin with what
/// is typed, or that the parser refuses, are left out by the host.
#[derive(Debug, Clone, Copy)]
pub struct Values(pub fn(&Session<'_>, &ArgMatches) -> Vec<Candidate>);

impl ArgExt for Values {}
