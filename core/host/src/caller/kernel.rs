//! What only the kernel knows of this process: whether it was started with more rights than those
//! of its caller.
#![cfg_attr(
    unix,
    expect(unsafe_code, reason = "the question is a function of C, and no library asks it safely")
)]

/// Whether the process has rights that the one who started it lacks, whatever its ids are:
/// capabilities of a file change none. See `AT_SECURE` in getauxval(3).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn has_raised_privileges() -> bool {
    // SAFETY: the function takes a number, and reads a table that the kernel has made.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whether the process has rights that the one who started it lacks. See issetugid(2).
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
))]
pub(super) fn has_raised_privileges() -> bool {
    // SAFETY: the function takes nothing, and returns a number.
    unsafe { libc::issetugid() != 0 }
}

#[cfg(not(unix))]
pub(super) fn has_raised_privileges() -> bool {
    false
}
