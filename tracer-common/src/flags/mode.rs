//! Permissions and types of files. Source: include/uapi/linux/stat.h; the numbers of the file are those of the kernel.

use super::{Flag, FlagSet, flag, masked};

/// `S_IFMT`.
const TYPE: u32 = 0o170000;

const PERMISSIONS: [Flag; 12] = [
    flag("S_IXOTH", 0o1, 0o1),
    flag("S_IWOTH", 0o2, 0o2),
    flag("S_IROTH", 0o4, 0o4),
    flag("S_IXGRP", 0o10, 0o10),
    flag("S_IWGRP", 0o20, 0o20),
    flag("S_IRGRP", 0o40, 0o40),
    flag("S_IXUSR", 0o100, 0o100),
    flag("S_IWUSR", 0o200, 0o200),
    flag("S_IRUSR", 0o400, 0o400),
    flag("S_ISVTX", 0o1000, 0o1000),
    flag("S_ISGID", 0o2000, 0o2000),
    flag("S_ISUID", 0o4000, 0o4000),
];

/// Permissions.
pub static CHMOD_MODE: FlagSet = FlagSet::bits("chmod_mode", &PERMISSIONS);

const PERMISSIONS_AND_TYPES: [Flag; 17] = {
    let mut flags = [flag("", 0, 0); 17];
    let mut at = 0;
    while at < PERMISSIONS.len() {
        flags[at] = PERMISSIONS[at];
        at += 1;
    }
    flags[12] = masked("S_IFREG", 0o100000, 0o100000, TYPE);
    flags[13] = masked("S_IFCHR", 0o020000, 0o020000, TYPE);
    flags[14] = masked("S_IFBLK", 0o060000, 0o060000, TYPE);
    flags[15] = masked("S_IFIFO", 0o010000, 0o010000, TYPE);
    flags[16] = masked("S_IFSOCK", 0o140000, 0o140000, TYPE);
    flags
};

/// Permissions and type. A type of zero means a regular file, but has no name.
pub static MKNOD_MODE: FlagSet = FlagSet::bits("mknod_mode", &PERMISSIONS_AND_TYPES);

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_type_is_the_whole_of_its_bits() {
        for mode in [0o100644, 0o020666, 0o060660, 0o010600, 0o140777, 0o7777] {
            assert_eq!(MKNOD_MODE.to_file(mode), mode);
        }
        assert_eq!(MKNOD_MODE.to_file(0o120600), 0o600, "a link has no name here");
        let names = |mode| MKNOD_MODE.mode_names(mode).collect::<Vec<_>>();
        assert_eq!(names(0o060600), ["S_IWUSR", "S_IRUSR", "S_IFBLK"]);
        assert_eq!(names(0o140001), ["S_IXOTH", "S_IFSOCK"]);
        assert_eq!(names(0o060000), ["S_IFBLK"]);
        assert_eq!(names(0), [""; 0]);
    }

    #[test]
    fn permissions_have_names_and_types_have_none() {
        assert_eq!(CHMOD_MODE.to_file(0o104755), 0o4755);
        assert_eq!(CHMOD_MODE.mode_names(0o5100).collect::<Vec<_>>(), ["S_IXUSR", "S_ISVTX", "S_ISUID"]);
    }
}
