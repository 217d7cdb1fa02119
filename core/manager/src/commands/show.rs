//! Prints what the commands have done.

use crate::install::Installed;
use crate::source::spec::shown;
use crate::store::Receipt;
use pintle_host::cli::Session;
use pintle_plugin::Level;

/// Returns a version as it is displayed: `hello.pintle.dev/v1.0.0`.
pub(super) fn key(receipt: &Receipt) -> String {
    format!("{}/v{}", receipt.name, receipt.version)
}

/// Reports the installed version.
pub(super) fn installed(session: &Session<'_>, done: &Installed) {
    let receipt = &done.receipt;
    let console = session.console();
    for warning in &done.warnings {
        console.log(Level::Warn, &format!("{}: {warning}", key(receipt)));
    }
    let what = match &done.before {
        Some(before) if before.version != receipt.version => {
            format!("installed {} in place of v{}", key(receipt), before.version)
        }
        _ => format!("installed {}", key(receipt)),
    };
    let source = shown(&receipt.source);
    console.println(format!("{what} from `{source}` (trust: {})", receipt.trust));
}
