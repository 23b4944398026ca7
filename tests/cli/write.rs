//! How a capture is asked for, and what is said when it cannot be written.

use std::{fs, os::unix::fs::MetadataExt as _};

use tracer_tests::{
    command::{self, Output, Running, tracer},
    level,
    scratch::Scratch,
};

use super::wrong_use;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");

/// It fails while it runs, with one line that says these.
#[track_caller]
fn fails(output: &Output, says: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let errors: Vec<_> = output.errors.lines().collect();
    assert!(errors.len() == 1 && says.iter().all(|part| errors[0].contains(part)), "{says:?}: {errors:#?}");
    assert!(errors[0].starts_with("tracer: "), "{errors:#?}");
    // A cause is said once.
    let words = errors[0].split(": ").map(str::trim);
    let mut parts: Vec<_> = words.collect();
    parts.sort_unstable();
    assert!(parts.windows(2).all(|pair| pair[0] != pair[1]), "{errors:#?}");
}

#[test]
fn wrong_use_of_captures_has_a_hint() {
    let scratch = Scratch::new();
    let path = scratch.path("x.scap");
    let path = path.to_str().unwrap();
    let read = ["-r", SAMPLE];
    let of = |more: &[&'static str]| -> Vec<String> {
        let more = more.iter().map(|word| if *word == "FILE" { path } else { *word });
        read.into_iter().chain(more).map(str::to_owned).collect()
    };
    let wrong = |more: &[&'static str], message: &str, hint: &str| {
        let words = of(more);
        wrong_use(words.iter().map(String::as_str), message, hint);
        assert!(!fs::exists(path).unwrap(), "{more:?} makes no file");
    };
    wrong(&["-w", "FILE", "-W", "3"], "-W limits the number of files", "give -C, -G or -e, too");
    wrong(&["-w", "FILE", "--filter-proclist"], "--filter-proclist needs a filter", "put the filter after the options");
    for option in [&["-C", "1"][..], &["-G", "1"], &["-e", "1"], &["-W", "1"], &["-z"], &["-F"], &["--filter-proclist"]]
    {
        wrong(option, "this option needs a capture to write", "give -w FILE, too");
    }
    for option in [&["--schema", "newest"][..], &["--redact", "env"], &["--no-latency"], &["--no-cpu"]] {
        wrong(option, "this option needs a capture to write", "give -w FILE, too");
    }
    for option in
        [&["-C", "0"][..], &["-G", "x"], &["-e", "-1"], &["-W", "0"], &["--redact", "all"], &["--compress=lz4"]]
    {
        let value = option.last().unwrap().rsplit('=').next().unwrap();
        let words = [&["-w", "FILE"], option].concat();
        // A negative number looks like an option.
        if value != "-1" {
            wrong(&words, &format!("invalid value '{value}'"), "tracer -h lists the options");
        }
    }
}

#[test]
fn standard_output_has_either_a_capture_or_lines() {
    for option in [&["-pc"][..], &["-p", "%evt.type"], &["-j"], &["-S"], &["-c", "topscalls"]] {
        let words = [&["-r", SAMPLE, "-w", "-"], option].concat();
        wrong_use(words, "standard output cannot carry both the capture and printed lines", "give -w a name");
    }
    for option in [&["-C", "1"][..], &["-G", "1"], &["-e", "1"]] {
        let words = [&["-r", SAMPLE, "-w", "-"], option].concat();
        wrong_use(words, "-C, -G and -e need a file: standard output cannot be rotated", "give -w a name");
    }
}

#[test]
fn the_file_that_is_read_stays_as_it_is() {
    let scratch = Scratch::new();
    let [path, link, other] = ["x.scap", "link.scap", "other.scap"].map(|name| scratch.path(name));
    fs::copy(SAMPLE, &path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    fs::hard_link(&path, &other).unwrap();
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    for target in [&path, &link, &other] {
        let (read, write) = (text(&path), text(target));
        let words = ["-r", SAMPLE, "-r", &read, "-w", &write];
        wrong_use(words, &format!("capture '{write}' cannot be read and written"), "give -w another name");
    }
    assert!(fs::read(&path).unwrap() == fs::read(SAMPLE).unwrap());
    // Nor for a chisel, or for a file of a rotation.
    let read = text(&path);
    let words = ["-r", &read, "-c", "around", &read, "evt.type=read"];
    wrong_use(words, &format!("capture '{read}' cannot be read and written"), "give the chisel another name");
    let twice = ["-w", "x.scap", "-c", "spy_logs", "x.scap"];
    wrong_use(twice, "capture 'x.scap' is written twice", "give the chisel another name");
    let twice = ["-r", &read, "-c", "spy_logs", "y.scap", "-c", "spy_syslog", "y.scap"];
    wrong_use(twice, "capture 'y.scap' is written twice", "give the chisel another name");
    for (name, before) in [("around", &[][..]), ("spy_logs", &["-C", "1", "-w", "x.scap"])] {
        let words = before.iter().copied().chain(["-c", name, "y.scap"]);
        let hint = "read one with -r, or write one with -w and without -C, -G and -e";
        wrong_use(words, &format!("chisel '{name}' reads a capture twice, so it needs a file"), hint);
    }
    let rotated = scratch.path("rotated");
    fs::copy(SAMPLE, scratch.path("rotated1")).unwrap();
    let read = text(&scratch.path("rotated1"));
    let output = command::output(["-r", &read, "-w", &text(&rotated), "-e", "10"]);
    fails(&output, &["cannot create capture '", "rotated1", "it is being read"]);
    assert!(fs::read(&read).unwrap() == fs::read(SAMPLE).unwrap());
}

#[test]
fn a_file_that_cannot_be_made_is_named() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing/x.scap");
    let write = |path: &str| command::output(["-r", SAMPLE, "-w", path]);
    let missing = missing.to_str().unwrap();
    fails(&write(missing), &[&format!("cannot create capture '{missing}'"), "No such file or directory"]);
    let dir = scratch.dir().to_str().unwrap();
    fails(&write(dir), &[&format!("cannot create capture '{dir}'"), "Is a directory"]);
    fails(&write("/dev/full"), &["cannot write capture '/dev/full' after byte 0", "No space left on device"]);
}

#[test]
fn a_user_that_there_is_not_is_named() {
    let scratch = Scratch::new();
    let path = scratch.path("x.scap");
    let words = ["-r", SAMPLE, "--drop-to", "no-such-user", "-w", path.to_str().unwrap()];
    let output = command::output(words);
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    assert!(output.errors.starts_with("tracer: there is no user 'no-such-user'\nhint: "), "{}", output.errors);
    assert!(!path.exists());
}

#[test]
fn files_of_a_capture_that_is_read_belong_to_whom_it_drops_to() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    std::os::unix::fs::chown(scratch.dir(), Some(65534), Some(65534)).unwrap();
    let path = scratch.path("x.scap");
    let output = Running::start(&mut tracer(["-r", SAMPLE, "--drop-to", "nobody", "-w", path.to_str().unwrap()])).end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o777), (65534, 0o600));
}
