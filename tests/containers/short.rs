//! Containers of a moment in tables: those that the kernel counts name them, and say what tables of events say.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tracer_tests::{
    command::{self, Output, Running},
    docker::{Docker, unique},
    level,
};

/// Containers, one after the other.
const CONTAINERS: u64 = 8;

/// The first value of a container, of all tables together.
fn sum(output: &Output, name: &str) -> u64 {
    let tables = output.lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let rows = tables.flat_map(|table| table["data"].as_array().cloned().unwrap_or_default());
    rows.filter(|row| row[0] == name).filter_map(|row| row[1].as_f64()).sum::<f64>() as u64
}

/// The lines of tables that have rows.
fn rows(output: &Output) -> Vec<&String> {
    output.lines.iter().filter(|line| !line.contains("\"data\":[]")).collect()
}

#[test]
fn containers_of_a_moment_are_counted_in_the_kernel_as_from_events() {
    if !level::engine_or_skip() {
        return;
    }
    // It watches when it prints the first table.
    let table = |more: &[&str], chisel: &[&str]| {
        let running = Running::start(&mut command::tracer([more, &["-j", "-c"], chisel].concat()));
        assert!(running.line().is_some(), "a table is printed");
        running
    };
    let end = |running: Running| {
        running.interrupt();
        running.end()
    };
    let ways: [&[&str]; 2] = [&[], &["--no-pushdown"]];
    let bytes = ways.map(|way| table(way, &["fdbytes_by", "container.name", "fd.type=file"]));
    let calls = ways.map(|way| table(way, &["topcontainers_syscalls"]));
    let image = level::image();
    let names: Vec<String> = (0..CONTAINERS).map(|_| unique("short")).collect();
    for (name, number) in names.iter().zip(1..) {
        let script = format!("exec busybox dd if=/dev/zero of=/dev/null bs=512 count={} status=none", 100 * number);
        let mut run = Docker::default().command(&["run", "--rm", "--name", name, &image, "sh", "-c", &script]);
        assert!(run.stdout(Stdio::null()).status().expect("docker").success());
    }
    // What is on its way comes with the next table.
    std::thread::sleep(Duration::from_millis(1500));
    let bytes = bytes.map(end);
    let calls = calls.map(end);
    for (name, number) in names.iter().zip(1u64..) {
        let [there, here] = [0, 1].map(|way| sum(&bytes[way], name));
        assert!(there >= 2 * 512 * 100 * number, "{name}: {there}\n{:#?}", bytes[0].lines);
        assert_eq!(
            there,
            here,
            "{name}: bytes counted in the kernel, and from events: {:#?}",
            bytes.each_ref().map(rows)
        );
        let [there, here] = [0, 1].map(|way| sum(&calls[way], name));
        assert!(there >= 200 * number, "{name}: {there}\n{:#?}", calls[0].lines);
        assert_eq!(
            there,
            here,
            "{name}: calls counted in the kernel, and from events: {:#?}",
            calls.each_ref().map(rows)
        );
    }
}
