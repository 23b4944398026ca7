//! Real containers of a real engine.

mod cadvisor;
mod capture;
mod claims;
mod clients;
mod commands;
mod counted;
mod crio;
mod dead;
mod engines;
mod every;
mod forks;
mod fresh;
mod hostile;
mod journal;
mod logs;
mod lxc;
mod lxd;
mod many;
mod memory;
mod names;
mod newer;
mod nspawn;
mod oneliners;
mod places;
mod podman;
mod pods;
mod prometheus;
mod returns;
mod serve;
mod shelf;
mod short;
mod tables;
mod tls;
mod toolbox;
mod units;

use std::process::Command;

use tracer_tests::level;

#[test]
fn a_container_of_the_test_image_runs() {
    if !level::engine_or_skip() {
        return;
    }
    let output = Command::new("docker").args(["run", "--rm", &level::image(), "id", "-un"]).output().expect("docker");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "root\n", "{}", String::from_utf8_lossy(&output.stderr));
}
