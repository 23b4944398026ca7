//! `tracer logs --spill`: lines that wait on disk while a target is away, also for another run.

use std::path::Path;

use super::{forms, receiver::Receiver, shipped::assert_no_loss, *};

/// Bytes of lines that wait in that folder.
fn waiting(folder: &Path) -> u64 {
    let below = |path: &Path| -> Vec<fs::DirEntry> { fs::read_dir(path).into_iter().flatten().flatten().collect() };
    let files = below(folder).into_iter().flat_map(|target| below(&target.path()));
    let lines = files.filter(|file| file.path().extension().is_some_and(|end| end == "lines"));
    lines.map(|file| file.metadata().map_or(0, |about| about.len())).sum()
}

fn numbers_of(receiver: &Receiver, word: &str) -> Vec<usize> {
    let texts = receiver.taken().into_iter().map(|line| line.text);
    let numbers = texts.filter_map(|text| text.strip_prefix(word)?.split(' ').nth(1)?.parse().ok());
    numbers.collect()
}

#[test]
fn lines_wait_on_disk_and_the_next_run_sends_them() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    // More than the smallest queue has room for.
    let lines = 5_000;
    let container = write(&docker, "spilled", &["--network=none"], &(script(lines, "0") + "; sleep 1000"));
    wait::until("its lines", || (output(["logs", &container.name]).lines.len() == 2 * lines).then_some(()));
    let mut receiver = Receiver::start(forms::calm_fluent);
    receiver.kill();
    let scratch = Scratch::new();
    let [state, folder] = ["state", "spilled"].map(|name| scratch.path(name).display().to_string());
    let url = format!("fluent+tcp://127.0.0.1:{}?tag=a.tag", receiver.port);
    let words = ["logs", "--state", &state, "--queue=1", "--spill", &folder, "--to", &url, &container.name];
    let follow = words.into_iter().chain(["-f"]);
    let first = Running::start(&mut tracer(follow));
    // Nothing changes any more once all is there, and it was written down that it is.
    wait::until("lines on disk", || (waiting(scratch.path("spilled").as_path()) > 500_000).then_some(()));
    thread::sleep(Duration::from_millis(2_500));
    let other = output(words);
    assert_eq!(other.status.code(), Some(2), "{}", other.errors);
    assert!(other.errors.contains("another run keeps lines in"), "{}", other.errors);
    // SIGKILL
    drop(first);
    let on_disk = waiting(scratch.path("spilled").as_path());
    assert!(on_disk > 500_000, "{on_disk}");

    // A run that ends keeps what it has, too, and loses nothing.
    let second = output(words);
    assert_eq!(second.status.code(), Some(0), "{}", second.errors);
    assert!(second.errors.contains(" MiB wait for the next run in '"), "{}", second.errors);
    assert!(!second.errors.contains("lost"), "{}", second.errors);
    assert!(waiting(scratch.path("spilled").as_path()) >= on_disk);

    receiver.start_again();
    let third = output(words);
    assert_eq!(third.status.code(), Some(0), "{}", third.errors);
    for word in ["out", "err"] {
        assert_no_loss(&numbers_of(&receiver, word), lines);
    }
    assert_eq!(waiting(scratch.path("spilled").as_path()), 0);
    let count = receiver.taken().len();
    let last = output(words);
    assert!(last.errors.contains("sent 0 lines to "), "{}", last.errors);
    assert_eq!(receiver.taken().len(), count);
    assert!(count < 2 * lines + 2 * 2_000, "few came twice: {count}");
}

#[test]
fn a_full_disk_is_as_a_full_queue() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let script = "i=0; while [ $i -lt 60000 ]; do echo $i; i=$((i+1)); done";
    let container = write(&docker, "spill-full", &["--network=none"], script);
    wait_for_end(&docker, &container);
    let scratch = Scratch::new();
    let folder = scratch.path("spilled").display().to_string();
    let words = ["logs", "--queue=1", "--spill", &folder, "--spill-size=1", "--full=drop"];
    let to = ["--to", "fluent+tcp://127.0.0.1:9", &container.name];
    let full = output(words.into_iter().chain(to));
    assert_eq!(full.status.code(), Some(1), "{}", full.errors);
    assert!(full.errors.contains(" lines lost: ") && full.errors.contains(" the queue was full"), "{}", full.errors);
    let on_disk = waiting(scratch.path("spilled").as_path());
    assert!((1_000_000..=1 << 20).contains(&on_disk), "{on_disk}");
}
