//! The services of the host for plugins: output, log, progress, questions, directories,
//! cancellation; and the additions of groups.

mod calls;
mod capture;
mod console;
mod directories;
mod form;
mod plugin;
mod text;

pub(crate) use calls::{Call, ForegroundProgram, ProgramCall, ProgramCalls};
pub use calls::{CommandSignals, forget_interrupt, is_interrupted};
pub use capture::Capture;
pub use console::{Console, Verbosity};
pub use form::{Cell, Form, Table, plain, table};
pub use plugin::{PluginServices, Service, Services};
pub use text::{Excerpt, escaped};
