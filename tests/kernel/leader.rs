//! A process whose main thread ended before the tracer began goes on, and `/proc` tells of it only by its other threads.

use std::{
    fs,
    time::{Duration, Instant},
};

use libc::{AT_FDCWD, O_RDONLY};
use tracer_tests::{
    call::at_mut,
    level,
    scratch::{Scratch, c_path},
    session::Session,
    sys,
    workload::Workload,
};

#[test]
fn a_process_without_its_main_thread_is_known_from_before_the_start() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (dir, data) = (c_path(scratch.dir()), scratch.file("data", b"data"));
    let _ = scratch.file("relative", b"");
    let go = scratch.c_path("go");
    let workload = Workload::<0>::fork(|| {
        let _ = sys!(SYS_chdir, &*dir);
        let fd = sys!(SYS_open, &*data, O_RDONLY, 0);
        std::thread::spawn(move || {
            loop {
                let mut byte = [0u8; 1];
                if sys!(SYS_access, &*go, 0) == 0 {
                    let _ = (sys!(SYS_read, fd, at_mut(&mut byte), 1), sys!(SYS_pread64, 900, at_mut(&mut byte), 1, 0));
                    let _ = sys!(SYS_openat, AT_FDCWD, c"relative", O_RDONLY, 0);
                }
                let _ = sys!(SYS_poll, 0, 0, 50);
            }
        });
        let _ = sys!(SYS_exit, 0);
        []
    });
    workload.start();
    let (pid, deadline) = (workload.pid, Instant::now() + Duration::from_secs(10));
    while fs::read_link(format!("/proc/{pid}/cwd")).is_ok() {
        assert!(Instant::now() < deadline, "the main thread ends");
        std::thread::sleep(Duration::from_millis(5));
    }
    let format = "%evt.type %fd.num %fd.name %proc.exepath %proc.cwd";
    let mut session = Session::lines(format, &format!("proc.pid={pid} and evt.type in (read, openat)"));
    fs::write(scratch.path("go"), b"").expect("a file");
    let exe = std::env::current_exe().expect("a program");
    let tail = format!("{} {}/", exe.display(), scratch.dir().display());
    let read = session.wait_for(&["read "]);
    assert!(read.ends_with(&format!("{}/data {tail}", scratch.dir().display())), "{read}");
    let opened = session.wait_for(&["openat "]);
    assert!(opened.ends_with(&format!("{}/relative {tail}", scratch.dir().display())), "{opened}");
    workload.kill();
    let _ = session.end();
}
