//! Users and groups that are made or renamed while the tracer runs. The host's files are copies in a folder of the test, and
//! the user's processes are real.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt as _},
    process::Command,
    time::{Duration, Instant},
};

use tracer_tests::{command::tracer, level, scratch::Scratch, session::Session};

use crate::capture::replay;

/// Ids that no machine of these tests has.
const UID: u32 = 47_115;

/// How long a new name may take: the files are looked at once a second.
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn a_new_name_is_known_within_seconds_and_in_captures() {
    if !level::root_or_skip() {
        return;
    }
    let root = Scratch::new();
    fs::create_dir(root.path("etc")).expect("a folder");
    for name in ["proc", "sys", "run", "var"] {
        symlink(format!("/{name}"), root.path(name)).expect("a link");
    }
    // As useradd(8) and vipw(8) do it: a new file takes the place of the old one.
    let name_it = |name: &str| {
        for (file, line) in
            [("passwd", format!("{name}:x:{UID}:{UID}::/:/bin/sh")), ("group", format!("{name}:x:{UID}:"))]
        {
            let new = root.path("etc").join(format!("{file}+"));
            let old = fs::read_to_string(format!("/etc/{file}")).expect("the machine's own");
            fs::write(&new, format!("{old}{line}\n")).expect("a file");
            fs::rename(new, root.path("etc").join(file)).expect("the same folder");
        }
    };
    name_it("before");
    let scratch = Scratch::new();
    let file = scratch.path("renamed.scap");
    let mut command = tracer(["-w", file.to_str().expect("a path")]);
    command.env("HOST_ROOT", root.dir());
    let format = "%user.uid %user.name %group.name %evt.type";
    let filter = format!("user.uid={UID} and evt.type=execve");
    let mut session = Session::lines_of(&mut command, format, &filter);
    let mut named = |name: &str| {
        let (expected, deadline) = (format!("{UID} {name} {name} execve"), Instant::now() + PATIENCE);
        loop {
            let status = Command::new("/bin/true").uid(UID).gid(UID).status().expect("a process");
            assert!(status.success());
            if session.wait_for(&[&UID.to_string()]).ends_with(&expected) {
                break;
            }
            assert!(Instant::now() < deadline, "no {name} in time");
        }
    };
    named("before");
    name_it("after");
    named("after");
    let _ = session.end();
    let again = replay(&file, &["-p", format, &filter]);
    let names: Vec<&str> = again.lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!((names.first(), names.last()), (Some(&"before"), Some(&"after")), "{:?}", again.lines);
}
