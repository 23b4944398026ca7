//! The path of an opened file is that of the file that the kernel opened. The witness is the link in `/proc/self/fd`, read by the process
//! that opened it, so that it is seen from the same root directory.

use std::{
    collections::HashSet,
    ffi::{CStr, CString},
    fs,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::symlink,
    },
    path::{Path, PathBuf},
};

use libc::{AT_FDCWD, MS_BIND, MS_MOVE, MS_PRIVATE, MS_REC, O_CREAT, O_DIRECTORY, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE};
use tracer_common::events::file::OPENAT;
use tracer_tests::{
    call::{at, at_mut},
    scratch::{Scratch, c_path},
    sys,
};

use crate::{process::in_child, traced};

/// What the process that opens files keeps: the links, as the kernel has them.
struct Links {
    proc: i64,
    found: Vec<Vec<u8>>,
}

impl Links {
    fn new() -> Self {
        let proc = sys!(SYS_open, c"/proc", O_PATH | O_DIRECTORY, 0);
        assert!(proc >= 0);
        Self { proc, found: Vec::new() }
    }

    /// Opens a file, and looks where it is.
    #[track_caller]
    fn open(&mut self, dir: i64, path: &CStr, flags: i32) -> i64 {
        let fd = sys!(SYS_openat, dir, path, flags, 0o700);
        assert!(fd >= 0, "{path:?}: {fd}");
        let link = CString::new(format!("self/fd/{fd}")).expect("no NUL");
        let mut buffer = [0u8; 4096];
        let len = sys!(SYS_readlinkat, self.proc, &*link, at_mut(&mut buffer), 4096);
        let text = &buffer[..usize::try_from(len).expect("a link")];
        self.found.push(text.strip_suffix(b" (deleted)").unwrap_or(text).to_vec());
        fd
    }

    #[track_caller]
    fn at(&mut self, path: &Path) -> i64 {
        self.open(AT_FDCWD.into(), &c_path(path), O_RDONLY)
    }

    /// Leaves the links for the test.
    fn write(&self, to: i64) {
        let all = self.found.join(&0);
        assert_eq!(sys!(SYS_write, to, at(&all[0]), all.len()), all.len() as i64);
    }
}

/// Runs `scene` in a process of its own, and compares all that it opened.
#[track_caller]
fn same(scene: impl FnOnce(&mut Links)) {
    let scratch = Scratch::new();
    let notes = scratch.file("notes", b"");
    let Some(run) = traced(|| {
        let to = sys!(SYS_open, &*notes, O_RDWR, 0);
        let mut links = Links::new();
        scene(&mut links);
        links.write(to);
        [0]
    }) else {
        return;
    };
    let notes = fs::read(scratch.path("notes")).expect("the notes");
    let expected: Vec<String> = notes.split(|byte| *byte == 0).map(|it| it.escape_ascii().to_string()).collect();
    let opened = run.own().all(&OPENAT).filter(|event| !event.failed());
    let index = OPENAT.params.iter().position(|param| param.name == "realpath").expect("the path");
    let found: Vec<String> =
        opened.map(|event| event.params.text(index).unwrap_or_default().escape_ascii().to_string()).collect();
    assert_eq!(found, expected);
}

fn dir(path: &Path) -> PathBuf {
    fs::create_dir_all(path).expect("a directory");
    path.to_owned()
}

fn file(path: &Path) -> PathBuf {
    dir(path.parent().expect("a directory"));
    fs::write(path, b"x").expect("a file");
    path.to_owned()
}

#[track_caller]
fn done(result: i64) {
    assert_eq!(result, 0);
}

fn rename(from: &Path, to: &Path) {
    done(sys!(SYS_rename, &*c_path(from), &*c_path(to)));
}

#[test]
fn links_lead_to_the_file_behind_them() {
    let scratch = Scratch::new();
    let secret = file(&scratch.path("real/deep/secret"));
    let inner = dir(&scratch.path("real/deep/dir"));
    file(&scratch.path("pub/secret"));
    symlink(&inner, scratch.path("pub/link")).expect("a link");
    symlink(&secret, scratch.path("pub/other")).expect("a link");
    same(|links| {
        links.at(&scratch.path("pub/link/../secret"));
        links.at(&scratch.path("pub/other"));
        links.at(&scratch.path("pub/./../pub//secret"));
        done(sys!(SYS_chdir, &*scratch.c_path("pub/link")));
        let here = i64::from(AT_FDCWD);
        links.open(here, c"../secret", O_RDONLY);
        links.open(here, c".", O_RDONLY);
        links.open(here, c"..", O_RDONLY);
        links.open(here, c"/", O_RDONLY);
        links.open(here, c"/proc", O_RDONLY);
        let fd = links.open(here, c"/proc/self/root/proc/version", O_RDONLY);
        links.open(here, &CString::new(format!("/proc/self/fd/{fd}")).expect("no NUL"), O_RDONLY);
    });
}

#[test]
fn a_directory_has_the_name_that_it_has_now() {
    let scratch = Scratch::new();
    let (one, two) = (scratch.path("one"), scratch.path("two"));
    file(&one.join("sub/file"));
    same(|links| {
        let sub = links.open(AT_FDCWD.into(), &c_path(&one.join("sub")), O_DIRECTORY);
        done(sys!(SYS_fchdir, sub));
        for _ in 0..3 {
            for (from, to) in [(&one, &two), (&two, &one)] {
                for _ in 0..2 {
                    links.open(sub, c"file", O_RDONLY);
                    links.open(AT_FDCWD.into(), c"file", O_RDONLY);
                }
                rename(from, to);
                links.open(sub, c"file", O_RDONLY);
                links.at(&to.join("sub/file"));
            }
        }
        // The parent keeps its name while the file gets another one.
        rename(&one.join("sub/file"), &one.join("sub/other"));
        links.open(sub, c"other", O_RDONLY);
        // Two change places.
        done(sys!(SYS_mkdir, &*c_path(&two), 0o700));
        let from = c_path(&one);
        done(sys!(SYS_renameat2, AT_FDCWD, &*from, AT_FDCWD, &*c_path(&two), libc::RENAME_EXCHANGE as i32));
        links.open(sub, c"other", O_RDONLY);
    });
}

#[test]
fn a_new_directory_is_not_taken_for_one_that_has_gone() {
    let scratch = Scratch::new();
    same(|links| {
        for number in 0..200 {
            let (name, other) = (format!("d{}", number % 7), format!("f{}", number % 3));
            let path = scratch.path(&name);
            done(sys!(SYS_mkdir, &*c_path(&path), 0o700));
            let file = c_path(&path.join(other));
            let fd = links.open(AT_FDCWD.into(), &file, O_CREAT | O_RDWR);
            done(sys!(SYS_close, fd));
            done(sys!(SYS_unlink, &*file));
            done(sys!(SYS_rmdir, &*c_path(&path)));
        }
    });
}

#[test]
fn names_of_all_lengths_and_bytes() {
    let scratch = Scratch::new();
    let mut names: Vec<Vec<u8>> =
        [1, 2, 7, 8, 15, 31, 32, 33, 39, 40, 41, 63, 64, 200, 254, 255].map(|len| vec![b'n'; len]).into();
    names.extend([b"a b".to_vec(), b"\xff\xfe".to_vec(), b"line\nend".to_vec(), b"\x01".to_vec(), b"...".to_vec()]);
    same(|links| {
        for name in &names {
            let path = scratch.path(std::ffi::OsString::from_vec(name.clone()));
            done(sys!(SYS_mkdir, &*c_path(&path), 0o700));
            for _ in 0..2 {
                for file in &names {
                    let fd = links.open(
                        AT_FDCWD.into(),
                        &c_path(&path.join(std::ffi::OsStr::from_bytes(file))),
                        O_CREAT | O_RDWR,
                    );
                    done(sys!(SYS_close, fd));
                }
            }
        }
    });
}

#[test]
fn files_without_a_place_have_the_name_that_they_had() {
    let scratch = Scratch::new();
    let gone = file(&scratch.path("dir/gone"));
    let here = scratch.c_path("dir");
    same(|links| {
        let cwd = i64::from(AT_FDCWD);
        let again = |fd: i64| CString::new(format!("/proc/self/fd/{fd}")).expect("no NUL");
        let fd = links.at(&gone);
        done(sys!(SYS_unlink, &*c_path(&gone)));
        links.open(cwd, &again(fd), O_RDONLY);
        let memory = sys!(SYS_memfd_create, c"in memory", 0);
        links.open(cwd, &again(memory), O_RDONLY);
        links.open(cwd, &here, O_TMPFILE | O_RDWR);
        done(sys!(SYS_chdir, &*here));
        done(sys!(SYS_rmdir, &*here));
        links.open(cwd, c".", O_RDONLY);
    });
}

#[test]
fn a_pipe_that_is_opened_again_has_no_path() {
    let Some(run) = traced(|| {
        let mut ends = [0i32; 2];
        done(sys!(SYS_pipe, at_mut(&mut ends)));
        let path = CString::new(format!("/proc/self/fd/{}", ends[0])).expect("no NUL");
        [sys!(SYS_openat, AT_FDCWD, &*path, O_RDONLY, 0)]
    }) else {
        return;
    };
    assert!(run.said[0] >= 0);
    let event = run.own().next(&OPENAT);
    let index = OPENAT.params.iter().position(|param| param.name == "realpath").expect("the path");
    assert_eq!(event.params.text(index), None);
}

#[test]
fn mounts_and_roots_are_those_of_the_process() {
    let scratch = Scratch::new();
    let base = scratch.dir().to_owned();
    for name in ["lower/a/f", "tree/in/f", "single", "root/etc/f"] {
        file(&base.join(name));
    }
    for name in ["upper", "work", "merged", "place", "moved", "tmp", "root/bound"] {
        dir(&base.join(name));
    }
    file(&base.join("onto"));
    same(|links| {
        let mount = |what: &CStr, to: &str, kind: &CStr, flags: u64, data: &CStr| {
            let to = c_path(&base.join(to));
            done(sys!(SYS_mount, what, &*to, kind, flags, data));
        };
        done(sys!(SYS_unshare, libc::CLONE_NEWNS));
        done(sys!(SYS_mount, c"none", c"/", 0, MS_REC | MS_PRIVATE, 0));
        mount(&c_path(&base.join("tree")), "place", c"", MS_BIND, c"");
        mount(&c_path(&base.join("single")), "onto", c"", MS_BIND, c"");
        mount(c"tmpfs", "tmp", c"tmpfs", 0, c"");
        links.at(&base.join("place/in/f"));
        links.at(&base.join("place"));
        links.at(&base.join("tree/in/f"));
        links.at(&base.join("onto"));
        links.open(AT_FDCWD.into(), &c_path(&base.join("tmp/new")), O_CREAT | O_RDWR);
        let inside = links.at(&base.join("place/in"));
        mount(&c_path(&base.join("place")), "moved", c"", MS_MOVE, c"");
        links.open(inside, c"f", O_RDONLY);
        links.at(&base.join("moved/in/f"));
        // The upper files of an overlay cannot be on one.
        for name in ["upper", "work"] {
            done(sys!(SYS_mkdir, &*c_path(&base.join("tmp").join(name)), 0o700));
        }
        let layers = format!("lowerdir={0}/lower,upperdir={0}/tmp/upper,workdir={0}/tmp/work", base.display());
        let (layers, merged) = (CString::new(layers).expect("no NUL"), c_path(&base.join("merged")));
        match sys!(SYS_mount, c"overlay", &*merged, c"overlay", 0, &*layers) {
            0 => {
                links.at(&base.join("merged/a/f"));
                links.open(AT_FDCWD.into(), &c_path(&base.join("merged/a/f")), O_RDWR);
            }
            result => {
                assert_eq!(result, i64::from(-libc::ENODEV));
                eprintln!("without an overlay: this kernel has none");
            }
        }
        let outside = links.at(&base.join("tree"));
        mount(&c_path(&base.join("tree")), "root/bound", c"", MS_BIND, c"");
        done(sys!(SYS_chroot, &*c_path(&base.join("root"))));
        links.open(AT_FDCWD.into(), c"/etc/f", O_RDONLY);
        links.open(AT_FDCWD.into(), c"/../etc/f", O_RDONLY);
        links.open(AT_FDCWD.into(), c"/bound/in/f", O_RDONLY);
        links.open(AT_FDCWD.into(), c"/", O_RDONLY);
        done(sys!(SYS_fchdir, outside));
    });
}

#[test]
fn while_directories_are_renamed_a_file_has_one_of_their_names() {
    const OPENED: usize = 3_000;
    let scratch = Scratch::new();
    let (one, two) = (scratch.path("one"), scratch.path("quite another name of the directory"));
    file(&one.join("sub/file"));
    let Some(run) = traced(|| {
        let sub = sys!(SYS_open, &*c_path(&one.join("sub")), O_DIRECTORY, 0);
        let other = sys!(SYS_fork);
        if other == 0 {
            let (one, two) = (c_path(&one), c_path(&two));
            loop {
                let _ = sys!(SYS_rename, &*one, &*two);
                let _ = sys!(SYS_rename, &*two, &*one);
            }
        }
        let mut all = 0;
        for _ in 0..OPENED {
            let fd = sys!(SYS_openat, sub, c"file", O_RDONLY, 0);
            all += i64::from(fd >= 0);
            let _ = sys!(SYS_close, fd);
        }
        let _ = sys!(SYS_kill, other, libc::SIGKILL);
        [all, in_child(other, || {})]
    }) else {
        return;
    };
    let index = OPENAT.params.iter().position(|param| param.name == "realpath").expect("the path");
    let right: HashSet<Vec<u8>> =
        [&one, &two].map(|dir| dir.join("sub/file").into_os_string().into_vec()).into_iter().collect();
    let (mut seen, mut missing) = (0, 0);
    for event in run.own().all(&OPENAT) {
        seen += 1;
        match event.params.text(index).filter(|path| !path.is_empty()) {
            Some(path) => assert!(right.contains(path), "{}", path.escape_ascii()),
            None => missing += 1,
        }
    }
    assert_eq!(seen, run.said[0]);
    assert!(missing <= seen / 10, "{missing} of {seen} have no path");
}
