//! Flags of mounts. Source: include/uapi/linux/mount.h; include/linux/fs.h for `umount2`, whose flags are not in a UAPI
//! header. The numbers of the file are those of the kernel.

use super::{Flag, FlagSet, flag, masked, value};

/// A flag in the upper half. Old programs have `MS_MGC_VAL` there, 0xc0ed, which means nothing; its two upper bits are those
/// of flags that only the kernel itself sets.
const fn upper(name: &'static str, bit: u32) -> Flag {
    masked(name, bit, bit, bit | 0xc000_0000)
}

/// `MS_*`.
pub static MOUNT_FLAGS: FlagSet = FlagSet::bits(
    "mount_flags",
    &[
        flag("RDONLY", 0x1, 0x1),
        flag("NOSUID", 0x2, 0x2),
        flag("NODEV", 0x4, 0x4),
        flag("NOEXEC", 0x8, 0x8),
        flag("SYNCHRONOUS", 0x10, 0x10),
        flag("REMOUNT", 0x20, 0x20),
        flag("MANDLOCK", 0x40, 0x40),
        flag("DIRSYNC", 0x80, 0x80),
        flag("NOATIME", 0x400, 0x400),
        flag("NODIRATIME", 0x800, 0x800),
        flag("BIND", 0x1000, 0x1000),
        flag("MOVE", 0x2000, 0x2000),
        flag("REC", 0x4000, 0x4000),
        flag("SILENT", 0x8000, 0x8000),
        upper("POSIXACL", 0x10000),
        upper("UNBINDABLE", 0x20000),
        upper("PRIVATE", 0x40000),
        upper("SLAVE", 0x80000),
        upper("SHARED", 0x10_0000),
        upper("RELATIME", 0x20_0000),
        upper("KERNMOUNT", 0x40_0000),
        upper("I_VERSION", 0x80_0000),
        upper("STRICTATIME", 0x100_0000),
        upper("LAZYTIME", 0x200_0000),
        upper("NOSEC", 0x1000_0000),
        upper("BORN", 0x2000_0000),
        upper("ACTIVE", 0x4000_0000),
        upper("NOUSER", 0x8000_0000),
    ],
);

/// `MNT_*` and `UMOUNT_NOFOLLOW`.
pub static UMOUNT_FLAGS: FlagSet = FlagSet::bits(
    "umount_flags",
    &[flag("FORCE", 0x1, 0x1), flag("DETACH", 0x2, 0x2), flag("EXPIRE", 0x4, 0x4), flag("NOFOLLOW", 0x8, 0x8)],
);

/// `FSCONFIG_*`.
pub static FSCONFIG_COMMANDS: FlagSet = FlagSet::values(
    "fsconfig_cmds",
    u32::MAX,
    &[
        value("FSCONFIG_SET_FLAG", 0x0, 0),
        value("FSCONFIG_SET_STRING", 0x1, 1),
        value("FSCONFIG_SET_BINARY", 0x2, 2),
        value("FSCONFIG_SET_PATH", 0x3, 3),
        value("FSCONFIG_SET_PATH_EMPTY", 0x4, 4),
        value("FSCONFIG_SET_FD", 0x5, 5),
        value("FSCONFIG_CMD_CREATE", 0x6, 6),
        value("FSCONFIG_CMD_RECONFIGURE", 0x7, 7),
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_magic_of_old_programs_is_no_flag() {
        assert_eq!(MOUNT_FLAGS.to_file(0xc0ed_0021), 0x21);
        assert_eq!(MOUNT_FLAGS.to_file(0x20_4001), 0x20_4001);
        assert_eq!(MOUNT_FLAGS.to_file(0x4000_0000), 0x4000_0000);
    }
}
