//! Events and the dispatch of hooks.
//!
//! Hooks of several plugins run in parallel, in no order; the output of each is kept together, and
//! the time of each is limited, as is that of the plugins of a chain.

mod dispatch;
mod error;
mod events;
mod hooks;
mod limited;

pub use dispatch::{Answer, Outcome, TimeLimit, dispatch, dispatch_each};
pub use error::HookError;
pub use events::EventInfo;
pub use hooks::Hooks;
pub use limited::{TakeStepError, take_step};
