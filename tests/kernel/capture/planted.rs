//! While root's tracer rotates its files, another user puts links where the next ones will be.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    process::{Command, Stdio},
};

use tracer_tests::{command::as_user, level, scratch::Scratch};

use super::{
    flood::{Flood, calls, no_gap},
    writing,
};

#[test]
fn a_link_in_the_way_of_the_next_file_ends_it_and_leads_nowhere() {
    const NOBODY: u32 = 65534;
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    fs::set_permissions(scratch.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let (open, victim) = (scratch.path("open"), scratch.path("victim"));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
    fs::write(&victim, "a file of root\n").unwrap();
    let flood = Flood::start(16);
    let tracer = writing(&open.join("x"), &["-e", "3000", &flood.filter()]);
    super::flood::wait_for_bytes(&open.join("x0"), 0);
    // Whatever the next one is, its name can be told.
    let mut shell = Command::new("sh");
    shell.args(["-ec", "i=2; while [ $i -lt 60 ]; do [ -e x$i ] || ln -s \"$V\" x$i || :; i=$((i + 1)); done"]);
    let planted = as_user(shell.env("V", &victim).current_dir(&open).stdin(Stdio::null()), NOBODY).status().unwrap();
    assert!(planted.success());
    let output = tracer.end();
    drop(flood);
    assert_eq!(output.status.code(), Some(1), "{}", output.errors);
    let first = output.errors.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("tracer: cannot create capture '") && first.ends_with(": it is a symbolic link"),
        "{first}"
    );
    assert!(output.errors.contains("\nhint: ") && output.errors.contains("--force"), "{}", output.errors);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "a file of root\n");
    // The files before it are root's, and whole.
    let mut all = Vec::new();
    for number in 0.. {
        let file = open.join(format!("x{number}"));
        let found = fs::symlink_metadata(&file).unwrap();
        if found.is_symlink() {
            break;
        }
        assert_eq!((found.uid(), found.mode() & 0o777), (0, 0o600));
        all.extend(calls(&file).0);
    }
    assert!(all.len() >= 3000, "{}", all.len());
    no_gap(&all);
}
