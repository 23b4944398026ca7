//! Calls on files and directories, as older captures have them.

old_events! {
    STAT_E = 66 "stat" File [ENTER] {}
    LSTAT_E = 68 "lstat" File [ENTER] {}
    FSTAT_E = 70 "fstat" File [USES_FD | ENTER] { fd: Fd; }
    STAT64_E = 72 "stat64" File [ENTER] {}
    LSTAT64_E = 74 "lstat64" File [ENTER] {}
    FSTAT64_E = 76 "fstat64" File [USES_FD | ENTER] { fd: Fd; }
    LSEEK_E = 86 "lseek" File [USES_FD | ENTER] { fd: Fd; offset: U64; whence: Enum8(LSEEK_WHENCE); }
    LLSEEK_E = 88 "llseek" File [USES_FD | ENTER] { fd: Fd; offset: U64; whence: Enum8(LSEEK_WHENCE); }
    GETCWD_E = 92 "getcwd" File [ENTER] {}
    CHDIR_E = 94 "chdir" File [MODIFIES_STATE | ENTER] {}
    FCHDIR_E = 96 "fchdir" File [USES_FD | MODIFIES_STATE | ENTER] { fd: Fd; }
    MKDIR_E = 98 "mkdir" File [ENTER] { path: Path; mode: Hex32; }
    MKDIR_X = 99 "mkdir" File [] { res: Errno; }
    RMDIR_E = 100 "rmdir" File [ENTER] { path: Path; }
    RMDIR_X = 101 "rmdir" File [] { res: Errno; }
    OPENAT_E = 102 "openat" File [CREATES_FD | MODIFIES_STATE | ENTER] {
        dirfd: Fd; name: Text; flags: Flags32(OPEN_FLAGS); mode: Oct32;
    }
    OPENAT_X = 103 "openat" File [CREATES_FD | MODIFIES_STATE] { fd: Fd; }
    LINK_E = 104 "link" File [ENTER] { oldpath: Path; newpath: Path; }
    LINK_X = 105 "link" File [] { res: Errno; }
    LINKAT_E = 106 "linkat" File [ENTER] { olddir: Fd; oldpath: Text; newdir: Fd; newpath: Text; }
    LINKAT_X = 107 "linkat" File [] { res: Errno; }
    UNLINK_E = 108 "unlink" File [ENTER] { path: Path; }
    UNLINK_X = 109 "unlink" File [] { res: Errno; }
    UNLINKAT_E = 110 "unlinkat" File [ENTER] { dirfd: Fd; name: Text; }
    UNLINKAT_X = 111 "unlinkat" File [] { res: Errno; }
    RENAME_E = 174 "rename" File [ENTER] {}
    RENAMEAT_E = 176 "renameat" File [ENTER] {}
    SYMLINK_E = 178 "symlink" File [ENTER] {}
    SYMLINKAT_E = 180 "symlinkat" File [ENTER] {}
    GETDENTS_E = 236 "getdents" File [USES_FD | ENTER] { fd: Fd; }
    GETDENTS64_E = 238 "getdents64" File [USES_FD | ENTER] { fd: Fd; }
    FLOCK_E = 242 "flock" File [USES_FD | ENTER] { fd: Fd; operation: Flags32(FLOCK_FLAGS); }
    MOUNT_E = 256 "mount" File [MODIFIES_STATE | ENTER] { flags: Flags32(MOUNT_FLAGS); }
    UMOUNT_E = 258 "umount" File [MODIFIES_STATE | ENTER] { flags: Flags32(UMOUNT_FLAGS); }
    UMOUNT_X = 259 "umount" File [MODIFIES_STATE] { res: Errno; name: Path; }
    ACCESS_E = 264 "access" File [ENTER] { mode: Flags32(ACCESS_FLAGS); }
    MKDIR_2_E = 276 "mkdir" File [ENTER] { mode: Hex32; }
    RMDIR_2_E = 278 "rmdir" File [ENTER] {}
    UNLINK_2_E = 300 "unlink" File [ENTER] {}
    UNLINKAT_2_E = 302 "unlinkat" File [ENTER] {}
    MKDIRAT_E = 304 "mkdirat" File [ENTER] {}
    LINK_2_E = 308 "link" File [ENTER] {}
    LINKAT_2_E = 310 "linkat" File [ENTER] {}
    FCHMODAT_E = 312 "fchmodat" File [ENTER] {}
    CHMOD_E = 314 "chmod" File [ENTER] {}
    FCHMOD_E = 316 "fchmod" File [ENTER] {}
    RENAMEAT2_E = 318 "renameat2" File [ENTER] {}
    USERFAULTFD_E = 320 "userfaultfd" File [CREATES_FD | MODIFIES_STATE | ENTER] {}
    COPY_FILE_RANGE_E = 332 "copy_file_range" File [USES_FD | READS_FROM_FD | WRITES_TO_FD | ENTER] {
        fdin: Fd; offin: U64; len: U64;
    }
    OPEN_BY_HANDLE_AT_E = 336 "open_by_handle_at" File [CREATES_FD | MODIFIES_STATE | ENTER] {}
    CHOWN_E = 378 "chown" File [ENTER] {}
    LCHOWN_E = 380 "lchown" File [ENTER] {}
    FCHOWN_E = 382 "fchown" File [ENTER] {}
    FCHOWNAT_E = 384 "fchownat" File [ENTER] {}
    UMOUNT_1_E = 386 "umount" File [MODIFIES_STATE | ENTER] {}
    UMOUNT2_E = 390 "umount2" File [MODIFIES_STATE | ENTER] { flags: Flags32(UMOUNT_FLAGS); }
    NEWFSTATAT_E = 418 "newfstatat" File [ENTER] {}
}
