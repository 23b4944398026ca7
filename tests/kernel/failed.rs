//! Calls that fail, and what they were about: who tried to open a file is found by its name.

use std::{
    ffi::CString,
    fs::{self, File},
    io::Read as _,
    net::{TcpListener, TcpStream},
    os::{fd::AsRawFd as _, unix::ffi::OsStrExt as _},
};

use tracer_tests::{call::at, level, scratch::Scratch, session::Session, sys};

/// A line without what the beacon's path is for.
fn own(lines: &[String], name: &str) -> Vec<String> {
    lines
        .iter()
        .filter_map(|line| line.split_once(" | "))
        .filter(|(_, line)| line.contains(name))
        .map(|(_, line)| line.to_owned())
        .collect()
}

#[test]
fn an_open_that_failed_has_the_name_of_its_file() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (folder, missing) = (scratch.dir().display().to_string(), scratch.path("missing"));
    let path = CString::new(missing.as_os_str().as_bytes()).expect("no NUL");
    let filter = format!("fd.name={} and evt.failed=true", missing.display());
    let format =
        "| %evt.type %evt.res %fd.num %fd.name %fd.directory %fd.filename %evt.is_open_read %evt.is_open_write";
    let session = Session::lines(format, &filter);
    let folder_fd = File::open(scratch.dir()).expect("the folder");
    let relative = c"missing";
    let results = [
        sys!(SYS_open, at(path.to_bytes_with_nul()), libc::O_RDONLY),
        sys!(SYS_openat, libc::AT_FDCWD, at(path.to_bytes_with_nul()), libc::O_RDWR),
        sys!(SYS_openat, folder_fd.as_raw_fd(), at(relative.to_bytes_with_nul()), libc::O_WRONLY),
    ];
    // The witness: the kernel said so, and no such file is there.
    assert_eq!(results, [-i64::from(libc::ENOENT); 3]);
    assert!(!fs::exists(&missing).expect("the folder can be searched"));
    let lines = own(&session.end().lines, "missing");
    let line = |call: &str, ways: &str| format!("{call} ENOENT -1 {folder}/missing {folder} missing {ways}");
    assert_eq!(lines, [line("open", "true false"), line("openat", "true true"), line("openat", "false true")]);
}

#[test]
fn calls_below_a_directory_have_its_descriptor() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let folder = File::open(scratch.dir()).expect("the folder");
    let (fd, name) =
        (folder.as_raw_fd(), fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd())).expect("its path"));
    let filter = format!("fd.name={} and evt.type in (mkdirat, unlinkat, symlinkat, mknodat)", name.display());
    let session = Session::lines("| %evt.type %fd.num %fd.name %evt.res", &filter);
    let [made, link, node] = [c"made", c"link", c"node"].map(|name| at(name.to_bytes_with_nul()));
    let results = [
        sys!(SYS_mkdirat, fd, made, 0o755),
        sys!(SYS_mkdirat, fd, made, 0o755),
        sys!(SYS_symlinkat, made, fd, link),
        sys!(SYS_mknodat, fd, node, libc::S_IFIFO | 0o600, 0),
        sys!(SYS_unlinkat, fd, link, 0),
        // Below the working directory there is no descriptor, and so no name.
        sys!(SYS_unlinkat, libc::AT_FDCWD, made, 0),
    ];
    assert_eq!(results, [0, -i64::from(libc::EEXIST), 0, 0, 0, -i64::from(libc::ENOENT)]);
    let lines = own(&session.end().lines, "at ");
    let line = |call: &str, result: &str| format!("{call} {fd} {} {result}", name.display());
    let expected = [
        line("mkdirat", "SUCCESS"),
        line("mkdirat", "EEXIST"),
        line("symlinkat", "SUCCESS"),
        line("mknodat", "SUCCESS"),
        line("unlinkat", "SUCCESS"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_connection_that_its_peer_reset_at_once_has_its_port() {
    if !level::root_or_skip() {
        return;
    }
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let filter =
            format!("fd.sport={port} and fd.is_server=true and evt.type in (accept, accept4, recvfrom, close)");
        let session = Session::lines("| %evt.type %fd.lport %fd.rport %fd.sport %fd.cport %fd.is_server", &filter);
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let client_port = client.local_addr().expect("connected").port();
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        let set = sys!(SYS_setsockopt, client.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, at(&linger), 8);
        drop(client);
        let (mut server, _) = listener.accept().expect("it waits");
        // The witness: nobody is at the other end any more.
        let left = (set, server.peer_addr().is_err(), server.read(&mut [0]).is_err());
        drop(server);
        assert_eq!(left, (0, true, true));
        let lines = own(&session.end().lines, " ");
        let ends = format!("{port} {client_port} {port} {client_port} true");
        assert_eq!(lines, ["accept4", "recvfrom", "close"].map(|call| format!("{call} {ends}")), "{address}");
    }
}
