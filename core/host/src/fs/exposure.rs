//! Who else can change a file or a directory.
//!
//! A file counts as exposed if users other than this process's user and the administrator can
//! change it, according to its owner and permissions. The parent directories are not checked,
//! because each would cost a system call: a user who can write to a parent can replace the file,
//! but the new file belongs to that user, which is detected. The sticky bit does not help, because
//! new files can still be added. A group counts as the user's own if it has the user's number,
//! because some systems give each user such a group.

use std::fmt;
#[cfg(unix)]
use std::fs::Metadata;

/// Who else can change a file or a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// It belongs to another user.
    Owner(u32),
    /// The members of a group may write to it.
    Group(u32),
    /// All users may write to it.
    World,
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(id) => write!(f, "it belongs to another user (uid {id})"),
            Self::Group(id) => write!(f, "its group (gid {id}) can write to it"),
            Self::World => f.write_str("all users can write to it"),
        }
    }
}

impl Exposure {
    /// Returns who else can change a file with this metadata.
    #[cfg(unix)]
    pub fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Self::of_owner(metadata.uid(), metadata.gid(), metadata.mode())
    }

    /// Returns nothing: other systems have other permissions, which are not checked.
    #[cfg(not(unix))]
    pub fn of(_: &std::fs::Metadata) -> Option<Self> {
        None
    }

    #[cfg(unix)]
    pub(super) fn of_owner(owner: u32, group: u32, mode: u32) -> Option<Self> {
        Self::to_user(rustix::process::geteuid().as_raw(), owner, group, mode)
    }

    #[cfg(unix)]
    fn to_user(user: u32, owner: u32, group: u32, mode: u32) -> Option<Self> {
        match () {
            () if owner != 0 && owner != user => Some(Self::Owner(owner)),
            () if mode & 0o002 != 0 => Some(Self::World),
            () if mode & 0o020 != 0 && group != 0 && group != user => Some(Self::Group(group)),
            () => None,
        }
    }
}

/// Returns whether a file belongs to the user, and no other user can change it; only the host
/// should have written it.
#[cfg(unix)]
pub(super) fn is_private(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.uid() == rustix::process::geteuid().as_raw() && Exposure::of(metadata).is_none()
}

#[cfg(not(unix))]
pub(super) fn is_private(_: &std::fs::Metadata) -> bool {
    true
}

/// Returns whether the process has privileges that others could gain through the files that it
/// loads: those of the administrator, or more than its caller has.
#[cfg(unix)]
pub fn is_worth_protecting() -> bool {
    rustix::process::geteuid().is_root() || !crate::caller::is_trusted()
}

/// Returns whether the process has privileges that others could gain through the files that it
/// loads.
#[cfg(not(unix))]
pub fn is_worth_protecting() -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_others_may_change_is_exposed() {
        let root = |owner, group, mode| Exposure::to_user(0, owner, group, mode);
        assert_eq!(root(0, 0, 0o755), None);
        assert_eq!(root(0, 0, 0o775), None);
        assert_eq!(root(0, 50, 0o2755), None);
        assert_eq!(root(0, 50, 0o2775), Some(Exposure::Group(50)));
        assert_eq!(root(0, 0, 0o1777), Some(Exposure::World));
        assert_eq!(root(1000, 1000, 0o700), Some(Exposure::Owner(1000)));
        let user = |owner, group, mode| Exposure::to_user(1000, owner, group, mode);
        assert_eq!(user(0, 0, 0o755), None);
        assert_eq!(user(1000, 1000, 0o775), None);
        assert_eq!(user(1000, 100, 0o775), Some(Exposure::Group(100)));
        assert_eq!(user(1000, 1000, 0o777), Some(Exposure::World));
        assert_eq!(user(1001, 1000, 0o755), Some(Exposure::Owner(1001)));
    }
}
