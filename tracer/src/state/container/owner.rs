//! Whose word it is which container a cgroup belongs to.
//!
//! The id of a container is the name of a folder. A machine's engine makes folders where only root may, but a user has
//! folders of their own below the slice of their session, or of a service that runs as that user, and can give the folders
//! in there any name: that of somebody else's container, too. Whoever owns a folder above decides what an id is worth.

use std::fmt;

/// Who could have made the folder of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Owner {
    /// Root alone: a machine's engine.
    #[default]
    Machine,
    /// This user, without root's rights.
    User(u32),
    /// More than one user.
    Anyone,
}

impl Owner {
    /// That user.
    #[must_use]
    pub fn of_uid(uid: u32) -> Self {
        if uid == 0 { Self::Machine } else { Self::User(uid) }
    }

    /// Whether only root could have made it.
    #[must_use]
    pub fn is_machine(self) -> bool {
        self == Self::Machine
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("root"),
            Self::User(uid) => write!(f, "{uid}"),
            Self::Anyone => f.write_str("anyone"),
        }
    }
}

/// The user whose slice a path is in: `/user.slice/user-UID.slice` is made by systemd for that user alone, and only at the
/// root of the hierarchy.
#[must_use]
pub fn of_slice(path: &str) -> Option<Owner> {
    let mut folders = path.split('/').filter(|folder| !folder.is_empty() && *folder != "..");
    let uid = folders.next().filter(|first| *first == "user.slice").and(folders.next())?;
    uid.strip_prefix("user-")?.strip_suffix(".slice")?.parse().ok().map(Owner::of_uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_of_a_user_is_at_the_root_only() {
        assert_eq!(of_slice("/user.slice/user-1000.slice/user@1000.service/app.slice"), Some(Owner::User(1000)));
        assert_eq!(of_slice("/../../user.slice/user-7.slice"), Some(Owner::User(7)));
        assert_eq!(of_slice("/user.slice/user-0.slice/session-1.scope"), Some(Owner::Machine));
        for path in ["/user.slice", "/x/user.slice/user-7.slice", "/user.slice/user-7a.slice", "/", "/user-7.slice"] {
            assert_eq!(of_slice(path), None, "{path}");
        }
    }
}
