//! stub
use anyhow::Result;
use std::process::ExitCode;
/// Where.
#[derive(clap::Args)]
pub(crate) struct Options {}
pub(crate) fn run(_: &Options) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
