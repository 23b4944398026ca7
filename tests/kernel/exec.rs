//! Running programs.

use std::{ffi::CString, fs, os::unix::fs::MetadataExt as _, path::Path};

use libc::{AT_EMPTY_PATH, EFAULT, ENOENT, O_DIRECTORY, O_RDONLY};
use tracer_common::events::process::{EXECVE, EXECVEAT};
use tracer_tests::{
    call::{NOWHERE, at},
    check,
    check::{Is, flags, list, missing},
    level,
    scratch::{Scratch, c_path},
    session::Session,
    sys,
    workload::Workload,
};

use crate::{
    process::{ignore, image, in_child, set_comm, status, surroundings},
    traced,
};

/// A NULL-terminated array of texts.
struct Texts(Vec<CString>, Vec<u64>);

impl Texts {
    fn new<const N: usize>(texts: [&str; N]) -> Self {
        let texts = texts.map(|text| CString::new(text).unwrap()).to_vec();
        let addresses = texts.iter().map(|text| text.as_ptr() as u64).chain([0]).collect();
        Self(texts, addresses)
    }

    fn address(&self) -> u64 {
        assert_eq!(self.0.len() + 1, self.1.len());
        at(&*self.1)
    }
}

/// A program of the test's own that ends at once.
fn program(scratch: &Scratch) -> CString {
    // Under this name a busybox is this command too.
    fs::copy(fs::canonicalize("/bin/true").unwrap(), scratch.path("true")).unwrap();
    scratch.c_path("true")
}

fn ns(seconds: i64, nanoseconds: i64) -> i64 {
    seconds * 1_000_000_000 + nanoseconds
}

/// What the kernel knows of an executable.
fn executable(path: &Path) -> Vec<(&'static str, Is)> {
    let stat = fs::metadata(path).unwrap();
    vec![
        ("exe_ino", stat.ino().into()),
        ("exe_ino_ctime", ns(stat.ctime(), stat.ctime_nsec()).into()),
        ("exe_ino_mtime", ns(stat.mtime(), stat.mtime_nsec()).into()),
        ("trusted_exepath", path.to_str().unwrap().into()),
        // Root may write to it.
        ("flags", flags("EXE_WRITABLE")),
    ]
}

/// Ids and capabilities of a process that root made as leader of a session.
fn privileges() -> Vec<(&'static str, Is)> {
    let login = fs::read_to_string("/proc/self/loginuid").map_or(u32::MAX, |text| text.trim().parse().unwrap());
    vec![
        ("tty", 0.into()),
        ("loginuid", login.into()),
        ("cap_inheritable", status("CapInh", 16).into()),
        ("cap_permitted", status("CapPrm", 16).into()),
        ("cap_effective", status("CapEff", 16).into()),
    ]
}

/// Of a program that runs; `surroundings` are those of the test.
fn running(path: &Path) -> Vec<(&'static str, Is)> {
    let size = ("vm_size", Is::Between(100, 1 << 20));
    [surroundings(), privileges(), executable(path), vec![size]].concat()
}

#[test]
fn execve_says_all_of_the_program_that_runs() {
    let scratch = Scratch::new();
    let path = program(&scratch);
    let (argv, env) = (Texts::new(["true", "one", "two words", ""]), Texts::new(["A=1", "B=\u{e9}"]));
    let Some(run) = traced(|| {
        let child = sys!(SYS_fork);
        let ended = in_child(child, || {
            let _ = sys!(SYS_setsid);
            let _ = sys!(SYS_execve, &*path, argv.address(), env.address());
        });
        [child, ended]
    }) else {
        return;
    };
    let ([child, ended], own) = (run.said, run.pid);
    assert_eq!(ended, 0);
    check!(
        run.by(child),
        EXECVE {
            res: 0,
            exe: "true",
            args: list(["one", "two words", ""]),
            env: list(["A=1", "B=\u{e9}"]),
            comm: "true",
            tid: child,
            pid: child,
            ptid: own,
            vpgid: child,
            pgid: child,
            filename: &*path
        },
        running(&scratch.path("true"))
    );
}

#[test]
fn a_failed_execve_has_what_the_caller_passed_and_the_program_that_goes_on() {
    let scratch = Scratch::new();
    let absent = scratch.c_path("absent");
    let (argv, env) = (Texts::new(["nothing", "-x"]), Texts::new(["C=3"]));
    let Some(run) = traced(|| {
        let child = sys!(SYS_fork);
        in_child(child, || {
            let _ = sys!(SYS_setsid);
            set_comm();
            let _ = sys!(SYS_execve, &*absent, argv.address(), env.address());
            let _ = sys!(SYS_execve, NOWHERE, NOWHERE, NOWHERE);
            let _ = sys!(SYS_execve, &*absent, 0, 0);
        });
        [child]
    }) else {
        return;
    };
    let ([child], own) = (run.said, run.pid);
    let size = vec![("vm_size", Is::Between(1000, 1 << 31))];
    let same = [surroundings(), privileges(), executable(&std::env::current_exe().unwrap()), size].concat();
    check!(
        run.by(child),
        EXECVE {
            res: -ENOENT,
            exe: "nothing",
            args: list(["-x"]),
            env: list(["C=3"]),
            comm: "a workload",
            tid: child,
            pid: child,
            ptid: own,
            vpgid: child,
            pgid: child,
            filename: &*absent
        },
        same
    );
    check!(
        run.by(child),
        EXECVE {
            res: -EFAULT,
            exe: missing(),
            args: missing(),
            env: missing(),
            comm: "a workload",
            tid: child,
            pid: child,
            ptid: own,
            vpgid: child,
            pgid: child,
            filename: missing()
        },
        same
    );
    check!(
        run.by(child),
        EXECVE {
            res: -ENOENT,
            exe: missing(),
            args: missing(),
            env: missing(),
            comm: "a workload",
            tid: child,
            pid: child,
            ptid: own,
            vpgid: child,
            pgid: child,
            filename: &*absent
        },
        same
    );
}

#[test]
fn execveat_runs_by_directory_and_by_descriptor() {
    let scratch = Scratch::new();
    let path = program(&scratch);
    let dir = c_path(scratch.dir());
    let (argv, env) = (Texts::new(["true", "at"]), Texts::new(["D=4"]));
    let Some(run) = traced(|| {
        let exec = |path: &std::ffi::CStr, open: i32, name: &std::ffi::CStr, how: i32| {
            let child = sys!(SYS_fork);
            let ended = in_child(child, || {
                let _ = sys!(SYS_setsid);
                let fd = sys!(SYS_open, path, open, 0);
                let _ = sys!(SYS_execveat, fd, name, argv.address(), env.address(), how);
            });
            [child, ended]
        };
        let ([a, b], [c, d]) = (exec(&dir, O_DIRECTORY, c"true", 0), exec(&path, O_RDONLY, c"", AT_EMPTY_PATH));
        [a, b, c, d]
    }) else {
        return;
    };
    let ([by_dir, dir_ended, by_fd, fd_ended], own) = (run.said, run.pid);
    assert_eq!((dir_ended, fd_ended), (0, 0));
    let same = running(&scratch.path("true"));
    for child in [by_dir, by_fd] {
        // Before 6.14 a program that is run by descriptor is named after the number.
        let number = (0..100).map(|fd: i32| fd.to_string().into());
        let comm = if child == by_dir { "true".into() } else { Is::OneOf(number.chain(["true".into()]).collect()) };
        check!(
            run.by(child),
            EXECVEAT {
                res: 0,
                exe: "true",
                args: list(["at"]),
                env: list(["D=4"]),
                comm: comm,
                tid: child,
                pid: child,
                ptid: own,
                vpgid: child,
                pgid: child
            },
            same
        );
    }
}

#[test]
fn a_failed_execveat_has_what_the_caller_passed() {
    let (argv, env) = (Texts::new(["nothing", "-x"]), Texts::new(["C=3"]));
    let Some(run) = traced(|| {
        let child = sys!(SYS_fork);
        in_child(child, || {
            let _ = sys!(SYS_setsid);
            set_comm();
            let _ = sys!(SYS_execveat, libc::AT_FDCWD, c"absent", argv.address(), env.address(), 0);
        });
        [child]
    }) else {
        return;
    };
    let ([child], own) = (run.said, run.pid);
    let size = vec![("vm_size", Is::Between(1000, 1 << 31))];
    let same = [surroundings(), privileges(), executable(&std::env::current_exe().unwrap()), size].concat();
    check!(
        run.by(child),
        EXECVEAT {
            res: -ENOENT,
            exe: "nothing",
            args: list(["-x"]),
            env: list(["C=3"]),
            comm: "a workload",
            tid: child,
            pid: child,
            ptid: own,
            vpgid: child,
            pgid: child
        },
        same
    );
}

#[test]
fn a_program_without_privileges_is_run_by_its_user() {
    let scratch = Scratch::new();
    let path = program(&scratch);
    let argv = Texts::new(["true"]);
    let Some(run) = traced(|| {
        let child = sys!(SYS_fork);
        let ended = in_child(child, || {
            let _ = (sys!(SYS_setresgid, 12345, 12345, 12345), sys!(SYS_setresuid, 65534, 65534, 65534));
            let _ = sys!(SYS_execve, &*path, argv.address(), 0);
        });
        [child, ended]
    }) else {
        return;
    };
    assert_eq!(run.said[1], 0);
    let event = run.by(run.said[0]).next(&EXECVE);
    let number = |name: &str| event.params.i64(EXECVE.param(name).unwrap().0);
    assert_eq!((number("uid"), number("gid")), (Some(65534), Some(12345)));
    assert_eq!((number("cap_permitted"), number("cap_effective"), number("flags")), (Some(0), Some(0), Some(0)));
    assert_eq!(image()[0].0, "exe");
}

#[test]
fn descriptors_that_ioctl_marks_are_closed_at_an_exec_and_others_keep_their_names() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let [kept, closed] = ["kept", "closed"].map(|name| {
        fs::write(scratch.path(name), "line\n").unwrap();
        scratch.c_path(name)
    });
    let argv = Texts::new(["sh", "-c", "read x <&7 || exit 2; read y <&8 || exit 3", "marked-by-ioctl"]);
    let session = Session::lines("%fd.name", "evt.type=read and fd.num=0 and proc.args contains marked-by-ioctl");
    let workload = Workload::fork(|| {
        let child = sys!(SYS_fork);
        [in_child(child, || {
            let _ = sys!(SYS_dup3, sys!(SYS_open, &*kept, 0, 0), 7, libc::O_CLOEXEC);
            let _ = sys!(SYS_dup3, sys!(SYS_open, &*closed, 0, 0), 8, 0);
            let _ = (sys!(SYS_ioctl, 7, libc::FIONCLEX), sys!(SYS_ioctl, 8, libc::FIOCLEX));
            let _ = sys!(SYS_execve, c"/bin/sh", argv.address(), 0);
        })]
    });
    workload.start();
    let (_, [ended]) = workload.end();
    // It could read from the first one and not from the second.
    assert_eq!(ended, 3 << 8);
    let output = session.end();
    let name = kept.to_str().unwrap();
    assert!(!output.lines.is_empty() && output.lines.iter().all(|line| line.ends_with(name)), "{output:?}");
}

#[test]
fn a_program_in_memory_is_marked() {
    let program = fs::read("/bin/true").unwrap();
    let argv = Texts::new(["true"]);
    let Some(run) = traced(|| {
        let fd = sys!(SYS_memfd_create, c"hidden", 0);
        assert_eq!(sys!(SYS_write, fd, at(&*program), program.len()), program.len() as i64);
        let child = sys!(SYS_fork);
        let ended = in_child(child, || ignore(sys!(SYS_execveat, fd, c"", argv.address(), 0, AT_EMPTY_PATH)));
        [child, ended]
    }) else {
        return;
    };
    assert_eq!(run.said[1], 0);
    let event = run.by(run.said[0]).next(&EXECVEAT);
    let number = event.params.u64(EXECVEAT.param("flags").unwrap().0).unwrap() as u32;
    let names: Vec<_> = EXECVEAT.params[19].kind.flag_set().unwrap().names(number).collect();
    assert!(names.contains(&"EXE_FROM_MEMFD"), "{names:?}");
    // As /proc/PID/exe shows it, without ` (deleted)`.
    assert_eq!(event.params.text(EXECVEAT.param("trusted_exepath").unwrap().0), Some(&b"/memfd:hidden"[..]));
}

#[test]
fn long_argument_lists_are_cut_and_not_lost() {
    let scratch = Scratch::new();
    let path = program(&scratch);
    let long = "x".repeat(5000);
    let argv = Texts::new(["true", &long, "behind"]);
    let Some(run) = traced(|| {
        let child = sys!(SYS_fork);
        [child, in_child(child, || ignore(sys!(SYS_execve, &*path, argv.address(), argv.address())))]
    }) else {
        return;
    };
    let event = run.by(run.said[0]).next(&EXECVE);
    let raw = |name: &str| event.params.raw(EXECVE.param(name).unwrap().0).unwrap_or_default();
    assert_eq!(raw("exe"), b"true\0");
    let args = raw("args");
    assert!(args.len() >= 4000 && args.len() <= 4096 && args.iter().all(|byte| *byte == b'x'), "{} bytes", args.len());
    assert!(raw("env").starts_with(b"true\0xxx"));
}
