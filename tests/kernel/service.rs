//! `deploy/tracer.service`: systemd takes it, it is hardened, and the server still traces with the rights that it leaves.

use std::{fs, path::PathBuf, process::Command};

use tracer_tests::{level, scratch::Scratch, served::Served, wait};

/// The most that `systemd-analyze security` may say, in tenths: 0 is a service that can do nothing, 10 one that can do all.
const MAX_EXPOSURE: u32 = 35;

fn unit() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/tracer.service");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    if !level::program_or_skip("systemd-analyze") {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path("tracer.service");
    // The program that is named has to be there.
    fs::write(&path, unit().replace("/usr/bin/tracer", &level::tracer().display().to_string())).expect("a unit");
    let analyze = |words: &[&str]| {
        let output = Command::new("systemd-analyze").args(words).arg(&path).output().expect("systemd-analyze");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let (takes, said) = analyze(&["verify", "--man=no"]);
    assert!(takes && said.is_empty(), "{said}");
    let (is_hardened, said) =
        analyze(&["security", "--offline=true", "--no-pager", &format!("--threshold={MAX_EXPOSURE}")]);
    assert!(is_hardened, "{said}");
}

#[test]
fn the_server_traces_with_the_rights_that_the_unit_leaves() {
    if !level::root_or_skip() || !level::program_or_skip("setpriv") {
        return;
    }
    let unit = unit();
    let line = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("rights");
    assert!(unit.lines().any(|line| line == "NoNewPrivileges=yes"));
    let rights: String =
        line.split(' ').map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase())).collect();
    let mut command = Command::new("setpriv");
    command.args(["--no-new-privs", "--inh-caps=-all", &format!("--bounding-set=-all{rights}")]);
    command.arg(level::tracer()).args(["serve", "--listen", "127.0.0.1:0"]);
    let served = Served::of(&mut command);
    let seen = || served.sample("tracer_events_total", &[]);
    wait::until("it is well", || (served.get("/healthz").status == 200).then_some(()));
    let before = seen();
    let _ = Command::new("true").status();
    wait::until("it counts", || (seen() > before).then_some(()));
}
