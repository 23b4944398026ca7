//! As much data as there can be, and more calls than can be kept.

use tracer_tests::{
    command::tracer,
    level,
    peer::{Tool, peer, peers},
    scratch::Scratch,
    session::Session,
    sys,
    workload::Workload,
};

use super::{
    flood::{Flood, calls},
    replay, sound, text, writing,
};

/// The longest data that can be asked for.
const MOST: usize = 65_000;

#[test]
fn data_as_long_as_it_gets_is_there() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("long.scap");
    let data = vec![b'x'; 2 * MOST];
    let parts = [[data.as_ptr() as u64, MOST as u64], [data.as_ptr() as u64, MOST as u64]];
    let workload: Workload<2> = Workload::fork(|| {
        let null = sys!(SYS_open, c"/dev/null", libc::O_WRONLY);
        [sys!(SYS_write, null, data.as_ptr(), data.len()), sys!(SYS_writev, null, parts.as_ptr() as u64, 2)]
    });
    let filter = format!("evt.type in (write, writev) and proc.pid={}", workload.pid);
    let format = "%evt.type %evt.rawres %evt.buflen %evt.buffer";
    let session =
        Session::lines_of(tracer(["-v", "-s", "65000", "-w", text(&file)]).args(["--entry-args"]), format, &filter);
    workload.start();
    let (_, said) = workload.end();
    let live = session.end().lines;
    assert_eq!(said, [2 * MOST as i64; 2]);
    let _ = sound(&file);
    let again = replay(&file, &["-v", "-p", &format!("*%fd.name {format}"), &filter]).lines;
    let lengths = |lines: &[String]| lines.iter().map(|line| line.matches('x').count()).collect::<Vec<_>>();
    assert_eq!(lengths(&live), [MOST; 2]);
    assert!(again.iter().zip(&live).all(|(again, live)| again == live), "{:?}", lengths(&again));
    assert_eq!(again.len(), 2);
    let ours = replay(&file, &[]).lines.len();
    for reader in peers() {
        assert_eq!(reader.read(&file, &[]).lines().len(), ours, "{}", reader.tool());
    }
}

#[test]
fn what_was_lost_is_said_by_events() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("lost.scap");
    let flood = Flood::start(100_000);
    let tracer = writing(&file, &["--buffer-size", "64K", "-M", "3", &flood.filter()]);
    let output = tracer.end();
    drop(flood);
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    let closing = output.errors.lines().find(|line| line.contains("events seen")).expect("a closing line");
    let lost = closing.split(" lost").next().and_then(|text| text.rsplit(", ").next()?.parse::<u64>().ok());
    let lost = lost.unwrap_or_else(|| panic!("{closing}"));
    assert!(lost > 1000, "{closing}");
    let _ = sound(&file);
    let said: u64 = replay(&file, &["-D", "-p", "%evt.rawarg.ratio", "evt.type=drop"])
        .lines
        .iter()
        .filter_map(|line| line.parse::<u64>().ok())
        .sum();
    assert_eq!(said, lost, "{closing}");
    let (calls, ..) = calls(&file);
    assert!(calls.is_sorted_by_key(|call| call.number) && calls.is_sorted_by_key(|call| call.time_ns));
    let missing: u64 = calls.windows(2).map(|pair| pair[1].number - pair[0].number - 1).sum();
    println!("{} calls, {lost} lost, {missing} of them between two that are there", calls.len());
    assert!(missing <= lost, "{missing} are missing, {lost} are said to be lost");
    let Some(new) = peer(Tool::New) else { return };
    assert_eq!(new.read(&file, &[]).lines().len(), calls.len());
}
