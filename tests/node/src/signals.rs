//! The signals that end the process: the first process of a container has no default handlers, and
//! would ignore them.

use crate::plane;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::{io, process, thread};

/// Makes SIGTERM and SIGINT end the process immediately, after its children, with exit code 1 as in
/// k3s; with `hang`, SIGTERM has no effect.
pub(crate) fn install(hang: bool) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if hang && signal == SIGTERM {
                continue;
            }
            plane::stop();
            process::exit(1);
        }
    })?;
    Ok(())
}
