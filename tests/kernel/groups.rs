//! Random tables that are counted at once are the same as one at a time. That those are right, `tables` looks at.
//!
//! `TRACER_TEST_CASES` says how many groups of tables there are, `TRACER_TEST_SEED` where to begin.

use serde_json::Value;
use tracer_tests::{
    command::{self, Running},
    level,
    scratch::Scratch,
};

use crate::{
    pushdown::{Random, World, number},
    tables::{Case, INTERVAL_MS},
};

/// Groups in a usual run.
const CASES: usize = 8;

/// Whether the kernel counts a table when it is alone.
fn is_counted(case: &Case) -> bool {
    let scratch = Scratch::new();
    let path = scratch.path("table.rhai");
    std::fs::write(&path, case.chisel_within("proc.pid>0")).unwrap();
    let explain = command::output(["--explain", "-c", path.to_str().unwrap()]);
    explain.lines.iter().any(|line| line.trim_start().starts_with("the table "))
}

/// Counts a group of tables over one workload, at once and each alone; how many tables the kernel counted for the whole group.
fn compare(group: &[Case], world: &World) -> usize {
    let scratch = Scratch::new();
    let workload = world.workload();
    let pid = workload.pid;
    // What the parent does while it waits for its start is left out.
    let around = format!("(proc.pid={pid} or proc.ppid={pid}) and not evt.type in (poll, ppoll, switch)");
    let write = |(at, case): (usize, &Case)| {
        let path = scratch.path(format!("table{at}.rhai"));
        std::fs::write(&path, case.chisel_within(&around)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let chisels: Vec<String> = group.iter().enumerate().map(write).collect();
    let words: Vec<&str> = chisels.iter().flat_map(|path| ["-c", path.as_str()]).collect();
    let explain = command::output([&["--explain"], &words[..]].concat());
    let counted = explain.lines.iter().filter(|line| line.trim_start().starts_with("the table ")).count();
    // A table says that the hooks are there: each run prints one for an interval.
    let start = |words: &[&str]| Running::start(&mut command::tracer([&["-j"], words].concat()));
    let begun = |running: Running| match running.line() {
        Some(_) => running,
        None => panic!("no table of {:?}: {}", explain.lines, running.end().errors),
    };
    let at_once = start(&words);
    let alone: Vec<_> = chisels.iter().map(|path| start(&["-c", path])).collect();
    let at_once = begun(at_once);
    let alone: Vec<Running> = alone.into_iter().map(begun).collect();
    workload.start();
    let _: (u64, [i64; 1]) = workload.end();
    // What is on its way comes with the next table.
    std::thread::sleep(std::time::Duration::from_millis(2 * INTERVAL_MS));
    let end = |running: Running| {
        running.interrupt();
        let output = running.end();
        assert_eq!(output.status.code(), Some(0), "{}", output.errors);
        assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
        let tables = output.lines.iter().map(|line| serde_json::from_str(line).expect("a table"));
        tables.collect::<Vec<Value>>()
    };
    let at_once = end(at_once);
    for ((case, path), alone) in group.iter().zip(&chisels).zip(alone) {
        let of = |tables: &[Value]| case.rows_of(tables.iter().filter(|table| table["chisel"] == **path).cloned());
        let (name, alone) = (case.name(), case.rows_of(end(alone).into_iter()));
        assert_eq!(of(&at_once), alone, "{name}: at once (left) and alone; {:?}", explain.lines);
    }
    counted
}

#[test]
fn random_groups_of_tables_are_the_same_as_each_table_alone() {
    if !level::root_or_skip() {
        return;
    }
    let world = World::new();
    let mut random = Random(number("TRACER_TEST_SEED").unwrap_or(3) as u64 | 1);
    let groups = number("TRACER_TEST_CASES").unwrap_or(CASES);
    let counted: Vec<usize> = (0..groups)
        .map(|_| {
            let (size, mixed) = (2 + random.below(3), random.below(4) == 0);
            let keys = [&["proc.pid"][..], &["proc.name"], &["container.id"], &["user.uid", "proc.pid"]];
            let keys = if random.below(2) == 0 { Some(random.of(&keys)) } else { None };
            let mut case = || match keys {
                Some(keys) => Case::alike(&mut random, keys),
                None => Case::random(&mut random, world.port),
            };
            let group: Vec<Case> = std::iter::repeat_with(&mut case)
                // One that is not counted in the kernel keeps all others from it.
                // The name of a main thread is looked up when a table is made: where threads are followed, at another time than alone.
                .filter(|case| if mixed { !case.has_key("proc.main_name") } else { is_counted(case) })
                .take(size)
                .collect();
            compare(&group, &world)
        })
        .collect();
    println!("{groups} groups; tables of each that were counted in the kernel: {counted:?}");
    assert!(
        counted.iter().filter(|counted| **counted > 1).count() * 3 > groups,
        "many groups are counted in the kernel"
    );
}
