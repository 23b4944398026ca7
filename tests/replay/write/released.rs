//! What released readers make of a capture that was written from one that they read, too.
//!
//! The newest schema has no events at the beginning of a call. sysdig 0.41 shows none, so its lines are the same ones. Of
//! sysdig 0.29, which shows both, the lines of the ends are the same ones but for what it takes from the beginning; tshark
//! has a line for each block.

use std::path::Path;

use tracer_tests::{
    peer::{Tool, peer},
    scratch::Scratch,
};

use super::{CAPTURES, run, same_lines, sample, sound, text, write};

#[test]
fn the_newer_one_prints_the_same_lines() {
    let Some(new) = peer(Tool::New) else { return };
    let scratch = Scratch::new();
    let path = scratch.path("again.scap");
    for capture in CAPTURES {
        for options in [&[][..], &["-z"]] {
            write(&sample(capture), &path, options);
            let (found, expected) = (new.read(&path, &[]).lines(), new.read(&sample(capture), &[]).lines());
            let equal = found.iter().zip(&expected).filter(|(found, expected)| found == expected).count();
            println!("{capture}: {equal} of {} lines are equal", expected.len());
            same_lines(&found, &expected, capture);
        }
    }
}

/// Thread, name and result of a line that ends a call.
fn ended(line: &str) -> Option<(String, String, String)> {
    let (head, call) = line.split_once(" < ")?;
    let mut words = call.split(' ');
    let (name, result) = (words.next()?, words.next().unwrap_or_default());
    // Of some, the name of the file behind the descriptor comes from what the beginning says.
    let result = result.split('(').next()?;
    Some((head.rsplit_once('(')?.1.to_owned(), name.to_owned(), result.to_owned()))
}

#[test]
fn the_older_one_shows_the_end_of_each_call() {
    let Some(old) = peer(Tool::Old) else { return };
    let scratch = Scratch::new();
    let path = scratch.path("again.scap");
    for capture in CAPTURES {
        write(&sample(capture), &path, &[]);
        let (found, expected) = (old.read(&path, &[]).lines(), old.read(&sample(capture), &[]).lines());
        let ends = |lines: &[String]| -> Vec<_> { lines.iter().filter_map(|line| ended(line)).collect() };
        let (found, expected) = (ends(&found), ends(&expected));
        let equal = found.iter().zip(&expected).filter(|(found, expected)| found == expected).count();
        println!("{capture}: {equal} of {} ends of calls are equal", expected.len());
        let other = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert_eq!((other, found.len()), (None, expected.len()), "{capture}");
    }
}

#[test]
fn wireshark_shows_every_event() {
    let Some(wireshark) = peer(Tool::Wireshark) else { return };
    let scratch = Scratch::new();
    let path = scratch.path("again.scap");
    let count = |path: &Path| wireshark.read(path, &[]).lines().len() as u64;
    for capture in CAPTURES {
        for options in [&[][..], &["-z"], &["--compress=zstd"]] {
            write(&sample(capture), &path, options);
            assert_eq!(count(&path), sound(&path).event_count(), "{capture} {options:?}");
        }
    }
}

#[test]
fn captures_one_behind_the_other_are_read_to_the_end() {
    let scratch = Scratch::new();
    let [one, gzip] = ["one.scap", "one.scap.gz"].map(|name| scratch.path(name));
    let (first, second) = (sample("sample"), sample("run_as_user_0_container"));
    for (path, options) in [(&one, &[][..]), (&gzip, &["-z"])] {
        let files = ["-r", text(&second), "-r", text(&first), "-w", text(path)];
        let _ = run(&[&files[..], options].concat());
        sound(path);
        let Some(new) = peer(Tool::New) else { return };
        let count = |path: &Path| new.read(path, &[]).lines().len();
        assert_eq!(count(path), count(&first) + count(&second), "{options:?}");
    }
    let Some(old) = peer(Tool::Old) else { return };
    same_lines(&old.read(&one, &[]).lines(), &old.read(&gzip, &[]).lines(), "gzip");
}
