//! Another file every second, under load.

use std::fs;

use tracer_tests::{level, peer::peers, scratch::Scratch};

use super::{
    flood::{Flood, calls, no_gap, wait_for_bytes},
    sound, writing,
};

#[test]
fn files_of_a_second_have_all_events_together() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let flood = Flood::start(32);
    let filter = flood.filter();
    // Two of them, one with the time in its names.
    let plain = writing(&scratch.path("x"), &["-G", "1", &filter]);
    let dated = writing(&scratch.path("t%s"), &["-G", "1", "-W", "4", "-z", &filter]);
    wait_for_bytes(&scratch.path("x9"), 0);
    for tracer in [plain, dated] {
        tracer.interrupt();
        let output = tracer.end();
        assert_eq!(output.status.code(), Some(0), "{}", output.errors);
        assert!(output.errors.contains(", 0 lost"), "{}", output.errors);
    }
    let mut names: Vec<_> =
        fs::read_dir(scratch.dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    for (prefix, least) in [("x", 10), ("t", 4)] {
        let files: Vec<_> =
            names.iter().filter(|name| name.starts_with(prefix)).map(|name| scratch.path(name)).collect();
        assert!(files.len() >= least && files.len() <= least + 2, "{names:?}");
        assert!(prefix == "x" || files.len() == 4, "the oldest are removed: {names:?}");
        let mut all = Vec::new();
        for (at, file) in files.iter().enumerate() {
            let _ = sound(file);
            let (calls, code, errors) = calls(file);
            assert_eq!(code, Some(0), "{errors}");
            let length = calls.last().unwrap().time_ns - calls[0].time_ns;
            assert!(length < 1_000_000_000, "{length}");
            assert!(length > 900_000_000 || at == 0 || at + 1 == files.len(), "{length}");
            all.extend(calls);
        }
        no_gap(&all);
        println!("{prefix}: {} calls in {} files", all.len(), files.len());
        for reader in peers() {
            let count = |file| reader.read(file, &["evt.type=lseek"]).lines().len();
            assert_eq!(files.iter().map(|file| count(file)).sum::<usize>(), all.len(), "{}", reader.tool());
        }
    }
}

#[test]
fn a_few_files_of_a_megabyte_have_the_last_events() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let flood = Flood::start(48);
    let tracer = writing(&scratch.path("x"), &["-C", "1", "-W", "3", &flood.filter()]);
    // Until each was written more than twice.
    let mut before = None;
    let mut rounds = 0;
    tracer_tests::wait::until("files that are written again", || {
        let first = fs::metadata(scratch.path("x0")).ok()?.modified().ok()?;
        let last = fs::metadata(scratch.path("x2")).ok()?.modified().ok()?;
        let began_again = first > last;
        rounds += usize::from(before == Some(false) && began_again);
        before = Some(began_again);
        (rounds == 3).then_some(())
    });
    tracer.interrupt();
    let output = tracer.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    assert!(output.errors.contains(", 0 lost"), "{}", output.errors);
    let names: Vec<_> = fs::read_dir(scratch.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let mut parts = Vec::new();
    for name in ["x0", "x1", "x2"] {
        let file = scratch.path(name);
        let _ = sound(&file);
        let bytes = fs::metadata(&file).unwrap().len();
        assert!(bytes < 1_700_000, "{name}: {bytes}");
        parts.push(calls(&file).0);
    }
    parts.sort_unstable();
    no_gap(&parts.concat());
    println!("{} calls", parts.concat().len());
}
