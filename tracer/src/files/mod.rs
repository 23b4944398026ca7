//! Files and folders of other users: what is written never leads elsewhere or waits, and what is read as settings is the caller's.
//!
//! [`create`] opens every file that tracer writes, [`read`] every file that it obeys. Both go from folder to folder ([`walk`]),
//! because who may change a folder on the way decides where the path leads.
//!
//! A folder is *safe* if it belongs to root or the caller and no other user can write to it. In a *sticky* folder, such as
//! `/tmp`, everybody can make new names, but only the owner of a file can rename or remove it.

mod create;
mod read;
mod walk;

use std::io;

use rustix::{fs::Stat, process};

pub use create::{Folder, check, create, remove};
pub use read::{read, settings_folder, state_folder};

/// The bits of a mode that let the group, and everybody, write.
const GROUP_WRITES: u32 = 0o020;
const ALL_WRITE: u32 = 0o002;
/// The bit of a folder in which only owners remove and rename.
const STICKY: u32 = 0o1000;

/// Why a file is not opened.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The kernel says so.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Opening it would do what another user wants.
    #[error("{reason}")]
    Unsafe {
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        hint: &'static str,
    },
}

impl Refused {
    /// What to do about it, when that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io(_) => None,
            Self::Unsafe { hint, .. } => Some(hint),
        }
    }
}

impl From<rustix::io::Errno> for Refused {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

/// Whether a user is root or the caller.
fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == own_uid()
}

/// The user whose rights the process has.
fn own_uid() -> u32 {
    process::geteuid().as_raw()
}

/// Who besides root and the caller can write to a file or a folder, in words.
fn others_who_write(stat: &Stat) -> Option<String> {
    // By convention a group with the number of a user is the private group of that user.
    let is_private = stat.st_gid == 0 || stat.st_uid != 0 && stat.st_uid == own_uid() && stat.st_gid == stat.st_uid;
    if !is_ours(stat.st_uid) {
        Some(format!("user {}", stat.st_uid))
    } else if stat.st_mode & ALL_WRITE != 0 {
        Some("every user".to_owned())
    } else if stat.st_mode & GROUP_WRITES != 0 && !is_private {
        Some(format!("group {}", stat.st_gid))
    } else {
        None
    }
}
