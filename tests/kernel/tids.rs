//! Ids of threads that are used again, and threads whose place in the kernel's table of calls is taken.

use std::time::Duration;

use aya::maps::{Array, Map, MapData, MapInfo, loaded_maps};
use libc::{AT_FDCWD, O_WRONLY, SIGCHLD};
use tracer_common::{counters::Entry, events::time::NANOSLEEP};
use tracer_tests::{
    call::{at, at_mut},
    command::{self, Running},
    level,
    live::Tracer,
    sys,
    workload::Workload,
};

/// Forks a process with that id (`clone3(2)`, `set_tid`). As fork: zero in the child.
fn fork_as(tid: i64) -> i64 {
    let ids = [tid as u32];
    // struct clone_args up to set_tid_size.
    let args = [0, 0, 0, 0, SIGCHLD as u64, 0, 0, 0, at(&ids), 1_u64];
    sys!(SYS_clone3, at(&args), size_of_val(&args))
}

fn wait_for(child: i64) {
    let mut status = 0i32;
    let _ = sys!(SYS_wait4, child, at_mut(&mut status), 0, 0);
}

/// An id that was just given up.
fn free_id() -> i64 {
    let child = sys!(SYS_fork);
    if child == 0 {
        let _ = sys!(SYS_exit_group, 0);
    }
    wait_for(child);
    child
}

/// What stands at each place of the kernel's table of calls.
fn fill_places(entry: Entry) {
    let ours = |map: &MapInfo| map.name_as_str() == Some("ENTRY_ARRAY");
    for map in loaded_maps().filter_map(Result::ok).filter(ours) {
        let data = MapData::from_id(map.id()).expect("root may open a map");
        let mut places: Array<_, Entry> = Map::Array(data).try_into().expect("an array of entries");
        for place in 0..places.len() {
            places.set(place, entry, 0).expect("a place can be set");
        }
    }
}

#[test]
fn threads_whose_place_is_taken_are_timed_too() {
    const SLEEPS_MS: [u64; 4] = [5, 20, 300, 5];
    if !level::root_or_skip() {
        return;
    }
    let somebody = Entry { began_ns: 1, thread: 1, ..Entry::default() };
    let calls = || {
        let child = sys!(SYS_fork);
        for ms in SLEEPS_MS {
            let _ = sys!(SYS_nanosleep, at(&[0_u64, ms * 1_000_000]), 0);
        }
        if child == 0 {
            let _ = sys!(SYS_exit_group, 0);
        }
        wait_for(child);
        [child]
    };
    let (run, free) = Tracer::shared().run_beside(calls, |_| {
        fill_places(somebody);
        std::thread::spawn(|| {
            // In the middle of the long sleep.
            std::thread::sleep(Duration::from_millis(150));
            fill_places(Entry::default());
        })
    });
    free.join().expect("the places are free again");
    for thread in [run.own(), run.by(run.said[0])] {
        for ms in SLEEPS_MS {
            let slept = thread.next(&NANOSLEEP).latency_ns.expect("the sleep was timed");
            let range = ms * 1_000_000..(ms + 1000) * 1_000_000;
            assert!(range.contains(&slept), "slept {ms} ms and not {slept} ns");
        }
    }
}

#[test]
fn an_id_that_is_used_again_is_that_of_another_process() {
    const LAST: &[u8; 12] = b"the last one";
    if !level::root_or_skip() {
        return;
    }
    let id = free_id();
    let workload = Workload::fork(|| {
        let null = sys!(SYS_openat, AT_FDCWD, c"/dev/null", O_WRONLY);
        // On the stack, whose memory a child has: what no one has touched there, nobody can read in a hook.
        let (dots, last) = ([b'.'; 16], *LAST);
        let mut said = [0; 3];
        for (len, (name, said)) in (7..).zip([c"again_a", c"again_b", c"again_c"].into_iter().zip(&mut said)) {
            *said = fork_as(id);
            if *said == 0 {
                // Its name is that of the process before until here.
                let _ = sys!(SYS_write, null, at(&dots), 1);
                let _ = sys!(SYS_prctl, libc::PR_SET_NAME, name);
                let _ = sys!(SYS_write, null, at(&dots), len);
                let _ = sys!(SYS_exit_group, 0);
            }
            wait_for(*said);
        }
        let _ = sys!(SYS_write, -1, at(&last), last.len());
        said
    });
    let last = String::from_utf8_lossy(LAST);
    let mut wanted = Vec::new();
    let mut running = Vec::new();
    for pushdown in [true, false] {
        let by_name = format!("proc.name in (again_a, again_c) and proc.pid={id}");
        for (filter, lines) in [
            (by_name, &["again_a 7", "again_c 9"][..]),
            (format!("proc.pid={id} and evt.rawres>1"), &["again_a 7", "again_b 8", "again_c 9"]),
            (format!("proc.pid={id} and not proc.name startswith again_"), &["* 1", "* 1", "* 1"]),
        ] {
            let filter = format!("evt.type=write and ({filter} or evt.buffer='{last}' or evt.buffer=beacon)");
            let more: &[&str] = if pushdown { &[] } else { &["--no-pushdown"] };
            let args = [more, &["--unbuffered", "-p", "*%evt.buffer %proc.name %evt.rawres", &filter]].concat();
            running.push(Running::start(&mut command::tracer(args)));
            wanted.push(lines);
        }
    }
    let beacon = Workload::<0>::fork(|| {
        let text = *b"beacon";
        loop {
            let _ = (sys!(SYS_write, -1, at(&text), text.len()), sys!(SYS_poll, 0, 0, 20));
        }
    });
    beacon.start();
    running.iter().for_each(|tracer| assert!(tracer.line().is_some(), "the beacon is seen"));
    beacon.kill();
    workload.start();
    let (_, said) = workload.end();
    assert_eq!(said, [id; 3], "a process cannot have the id that was asked for");
    for (number, (tracer, wanted)) in running.into_iter().zip(wanted).enumerate() {
        let lines = std::iter::from_fn(|| tracer.line()).take_while(|line| !line.starts_with(&*last));
        let mut seen: Vec<String> = lines.filter(|line| line.starts_with('.')).collect();
        if wanted[0].starts_with('*') {
            let other = |line: &String| format!("* {}", line.rsplit(' ').next().unwrap_or_default());
            seen = seen.iter().map(other).collect();
        }
        let seen: Vec<&str> = seen.iter().map(|line| line.trim_start_matches('.').trim_start()).collect();
        tracer.interrupt();
        let said = tracer.end().errors;
        // From 7.0 on the kernel may leave out runs of a program that it has interrupted.
        if said.contains("program skipped") {
            println!("tracer {number} did not see all, and what it showed is not compared: {said}");
        } else {
            assert_eq!(seen, *wanted, "tracer {number}: {said}");
        }
    }
}
