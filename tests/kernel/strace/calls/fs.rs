//! Files, directories and their names.

use libc::{AT_FDCWD, O_DIRECTORY, O_RDONLY};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    scratch::Scratch,
    sys,
};

use super::{NO_FD, NO_PATH, open};
use crate::io::iovec;

pub(super) fn files(scratch: &Scratch) {
    let (a, b) = (scratch.c_path("a"), scratch.c_path("b"));
    let fd = open(&a);
    let other = sys!(SYS_creat, &*b, 0o640);
    let how = [O_RDONLY as u64, 0, 0];
    let third = sys!(SYS_openat, AT_FDCWD, &*a, O_RDONLY, 0);
    let fourth = sys!(SYS_openat2, AT_FDCWD, &*b, at(&how), 24);
    let mut room = [0_u8; 256];
    let text = b"a text of thirty-two bytes, more";
    let both = iovec(&[&text[..]]);
    calls! {
        SYS_openat(fd, c"relative", O_RDONLY, 0);
        SYS_open(NO_PATH, O_RDONLY, 0);
        SYS_open(c"odd \"name\"\n\xc3\xa4\xff", O_RDONLY, 0);
        SYS_open(NOWHERE, O_RDONLY, 0);
        SYS_write(fd, at(text), 32);
        SYS_write(fd, NOWHERE, 4);
        SYS_write(NO_FD, at(text), 32);
        SYS_pwrite64(fd, at(text), 32, 100);
        SYS_writev(fd, at(&*both), 1);
        SYS_pwritev(fd, at(&*both), 1, 7, 0);
        SYS_pwritev2(fd, at(&*both), 1, 7, 0, 0);
        SYS_lseek(fd, 3, 0);
        SYS_lseek(fd, -300, 0);
        SYS_read(fd, at_mut(&mut room), 10);
        SYS_pread64(fd, at_mut(&mut room), 10, 1_000);
        SYS_readv(fd, at(&*both), 0);
        SYS_preadv(fd, at(&*both), 0, 0, 0);
        SYS_preadv2(fd, at(&*both), 0, 0, 0, 0);
        SYS_readahead(fd, 0, 10);
        SYS_fadvise64(fd, 0, 10, 0);
        SYS_fallocate(fd, 0, 0, 400);
        SYS_ftruncate(fd, 200);
        SYS_truncate(&*a, 150);
        SYS_truncate(NO_PATH, 150);
        SYS_fsync(NO_FD);
        SYS_fdatasync(NO_FD);
        SYS_syncfs(NO_FD);
        SYS_sync_file_range(fd, 0, 0, 0);
        SYS_sendfile(other, fd, 0, 20);
        SYS_copy_file_range(fd, 0, other, 0, 20, 0);
        SYS_flock(fd, 2);
        SYS_flock(fd, 8);
        SYS_fcntl(fd, libc::F_GETFL);
        SYS_fcntl(fd, libc::F_SETFD, 1);
        SYS_ioctl(fd, libc::FIOCLEX);
        SYS_ioctl(fd, libc::TCGETS, at_mut(&mut room));
        SYS_dup3(fd, fd, 0);
        SYS_dup2(third, 60);
        SYS_dup3(fd, 61, libc::O_CLOEXEC);
        SYS_close(sys!(SYS_dup, fd));
        SYS_close(sys!(SYS_fcntl, fd, libc::F_DUPFD, 50));
        SYS_close(NO_FD);
        SYS_close_range(60, 61, 0);
        SYS_close_range(9, 8, 0);
    }
    crate::close([fd, other, third, fourth]);
}

pub(super) fn attributes(scratch: &Scratch) {
    let (a, link) = (scratch.c_path("a"), scratch.c_path("to-a"));
    let mut room = [0_u8; 512];
    let fd = open(&a);
    let name = c"user.tracer";
    calls! {
        SYS_symlink(c"a", &*link);
        SYS_stat(&*a, at_mut(&mut room));
        SYS_stat(NO_PATH, at_mut(&mut room));
        SYS_lstat(&*link, at_mut(&mut room));
        SYS_fstat(fd, at_mut(&mut room));
        SYS_newfstatat(AT_FDCWD, &*a, at_mut(&mut room), 0);
        SYS_statx(AT_FDCWD, &*a, 0, 0xfff, at_mut(&mut room));
        SYS_statfs(&*a, at_mut(&mut room));
        SYS_fstatfs(fd, at_mut(&mut room));
        SYS_ustat(0, NOWHERE);
        SYS_access(&*a, 4);
        SYS_access(NO_PATH, 4);
        SYS_faccessat(AT_FDCWD, &*a, 4);
        SYS_faccessat2(AT_FDCWD, &*a, 4, 0);
        SYS_chmod(&*a, 0o644);
        SYS_fchmod(fd, 0o600);
        SYS_fchmodat(AT_FDCWD, &*a, 0o640);
        SYS_chown(&*a, 0, 0);
        SYS_fchown(fd, 0, 0);
        SYS_lchown(&*link, 0, 0);
        SYS_fchownat(AT_FDCWD, &*a, 0, 0, 0);
        SYS_utime(&*a, 0);
        SYS_utimes(&*a, 0);
        SYS_futimesat(AT_FDCWD, &*a, 0);
        SYS_utimensat(AT_FDCWD, &*a, 0, 0);
        SYS_umask(0o27);
        SYS_umask(0o22);
        SYS_setxattr(&*a, name, at(b"1"), 1, 0);
        SYS_lsetxattr(NO_PATH, name, at(b"1"), 1, 0);
        SYS_fsetxattr(NO_FD, name, at(b"1"), 1, 0);
        SYS_getxattr(&*a, name, at_mut(&mut room), 512);
        SYS_lgetxattr(&*a, name, at_mut(&mut room), 512);
        SYS_fgetxattr(fd, name, at_mut(&mut room), 512);
        SYS_listxattr(&*a, at_mut(&mut room), 512);
        SYS_llistxattr(&*a, at_mut(&mut room), 512);
        SYS_flistxattr(fd, at_mut(&mut room), 512);
        SYS_removexattr(&*a, name);
        SYS_lremovexattr(&*a, name);
        SYS_fremovexattr(fd, name);
        SYS_name_to_handle_at(AT_FDCWD, NO_PATH, at_mut(&mut room), at_mut(&mut [0_i32]), 0);
        SYS_open_by_handle_at(NO_FD, at(&[0_u32; 4]), 0);
    }
    crate::close([fd]);
}

pub(super) fn directories(scratch: &Scratch) {
    let dir = scratch.c_path("dir");
    let mut room = [0_u8; 512];
    calls! {
        SYS_mkdir(&*dir, 0o700);
        SYS_mkdir(&*dir, 0o700);
        SYS_chdir(&*dir);
        SYS_chdir(NO_PATH);
        SYS_getcwd(at_mut(&mut room), 512);
        SYS_getcwd(at_mut(&mut room), 1);
    }
    let fd = sys!(SYS_open, c".", O_RDONLY | O_DIRECTORY, 0);
    calls! {
        SYS_mkdirat(fd, c"inner", 0o700);
        SYS_openat(fd, c"../a", O_RDONLY, 0);
        SYS_getdents64(fd, at_mut(&mut room), 512);
        SYS_getdents(fd, at_mut(&mut room), 512);
        SYS_unlinkat(fd, c"inner", libc::AT_REMOVEDIR);
        SYS_rmdir(c"inner");
        SYS_fchdir(fd);
        SYS_fchdir(NO_FD);
        SYS_chroot(NO_PATH);
    }
    crate::close([fd]);
}

pub(super) fn names(scratch: &Scratch) {
    let names = ["one", "two", "three"].map(|name| scratch.c_path(name));
    let [one, two, three] = [&*names[0], &*names[1], &*names[2]];
    let mut room = [0_u8; 64];
    let fd = open(one);
    calls! {
        SYS_rename(one, two);
        SYS_renameat(AT_FDCWD, two, AT_FDCWD, one);
        SYS_renameat2(AT_FDCWD, one, AT_FDCWD, two, 1);
        SYS_rename(NO_PATH, two);
        SYS_link(two, one);
        SYS_linkat(AT_FDCWD, two, AT_FDCWD, three, 0);
        SYS_unlink(one);
        SYS_unlink(one);
        SYS_unlinkat(AT_FDCWD, three, 0);
        SYS_symlinkat(c"two", AT_FDCWD, three);
        SYS_readlink(three, at_mut(&mut room), 64);
        SYS_readlinkat(AT_FDCWD, three, at_mut(&mut room), 64);
        SYS_mknod(one, 0o100_600, 0);
        SYS_mknodat(AT_FDCWD, one, 0o100_600, 0);
    }
    let watch = sys!(SYS_inotify_init);
    calls! {
        SYS_inotify_add_watch(watch, one, 2);
        SYS_inotify_rm_watch(watch, 1);
        SYS_inotify_rm_watch(watch, 1);
        SYS_close(sys!(SYS_inotify_init1, 0));
        SYS_fanotify_init(u32::MAX, 0);
        SYS_fanotify_mark(NO_FD, 1, 0, AT_FDCWD, 0);
    }
    crate::close([fd, watch]);
}

pub(super) fn mounts() {
    calls! {
        SYS_mount(c"none", NO_PATH, c"tmpfs", 0, 0);
        SYS_umount2(NO_PATH, 0);
        SYS_pivot_root(NO_PATH, NO_PATH);
        SYS_fsopen(c"no-such-filesystem", 0);
        SYS_fsconfig(NO_FD, 99, 0, 0, 0);
        SYS_fsmount(NO_FD, 0, 0);
        SYS_fspick(AT_FDCWD, NO_PATH, 0);
        SYS_open_tree(AT_FDCWD, NO_PATH, 0);
        SYS_move_mount(AT_FDCWD, NO_PATH, AT_FDCWD, NO_PATH, 0);
        SYS_mount_setattr(AT_FDCWD, NO_PATH, 0, 0, 0);
    }
}
