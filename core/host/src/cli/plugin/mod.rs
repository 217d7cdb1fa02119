//! `plugin …`: the installed plugins, and plugin files.

pub(super) mod abi;
pub(super) mod check;
mod checked;
pub(super) mod dev;
pub(super) mod enable;
pub(super) mod inspect;
pub(super) mod list;
pub(super) mod new;
mod probe;
pub(super) mod register;
mod report;
pub(super) mod run;
mod subject;
mod warnings;

pub use checked::{Checked, FileKind};
pub use subject::parse_key;
