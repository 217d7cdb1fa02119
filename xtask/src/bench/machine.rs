//! The machine on which the numbers were measured.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// Returns a line about the machine and the compiler.
pub(super) fn facts() -> String {
    let n_cores = available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|it| model(&it));
    let cpu = cpu.unwrap_or_else(|| format!("{OS} {ARCH}"));
    format!("{cpu}, {n_cores} cores, {}", rustc())
}

/// Finds the processor's name in `/proc/cpuinfo`.
fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|it| it.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn rustc() -> String {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(program).arg("--version").output().ok();
    let version = version.and_then(|it| String::from_utf8(it.stdout).ok()).unwrap_or_default();
    version.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast CPU @ 3GHz\nmodel name\t: other\n";
        assert_eq!(model(cpuinfo).unwrap(), "Fast CPU @ 3GHz");
        assert_eq!(model("processor : 0\n"), None);
    }
}
