//! Captures in several files: their names, and that together they have all events.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tracer_tests::{
    command::{Running, tracer},
    peer::peers,
    scratch::Scratch,
};

use super::{lines, printed, run, same, same_lines, sample, sound, text, write};

/// All that is known of an event but its number and what is counted from the first one.
const FORMAT: &str = "*%evt.rawtime %evt.cpu %evt.dir %evt.type %evt.args %evt.latency %thread.tid %proc.cmdline %proc.pname \
    %fd.num %fd.type %fd.name %user.name %container.name";

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // By what is behind the last letter or dash as a number, which `x9` and `x10` need.
    names.sort_by_key(|name| {
        let digits = name.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |last| last + 1);
        (name[..digits].to_owned(), name[digits..].parse::<u64>().unwrap_or(0), name.clone())
    });
    names
}

/// Writes a capture into the files of an empty folder.
fn rotated(capture: &Path, name: &str, options: &[&str]) -> (Scratch, Vec<PathBuf>) {
    let scratch = Scratch::new();
    write(capture, &scratch.path(name), options);
    let files = names(scratch.dir()).into_iter().map(|name| scratch.path(name)).collect();
    (scratch, files)
}

/// Each file stands for itself, and all together show what the capture shows.
#[track_caller]
fn whole(capture: &Path, files: &[PathBuf]) {
    let mut all = Vec::new();
    for file in files {
        let _ = sound(file);
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
        all.extend(printed(file, &["-p", FORMAT]));
    }
    let expected = printed(capture, &["-p", FORMAT]);
    same(&all, &expected, &format!("{} files", files.len()));
    let words: Vec<&str> = files.iter().flat_map(|file| ["-r", text(file)]).chain(["-p", FORMAT]).collect();
    same(run(&words).lines.join("\n").as_bytes(), expected.trim_ascii_end(), "several -r");
}

/// The names are `x0`, `x1` and so on.
#[track_caller]
fn numbered(files: &[PathBuf]) {
    for (number, file) in files.iter().enumerate() {
        assert_eq!(file.file_name().unwrap().to_str().unwrap(), format!("x{number}"));
    }
}

#[test]
fn another_file_begins_after_a_number_of_events() {
    let capture = sample("run_as_user_0_container");
    for options in [&["-e", "300"][..], &["-e", "300", "-z"], &["-e", "300", "--compress=zstd"], &["-e", "300", "-F"]] {
        let (_folder, files) = rotated(&capture, "x", options);
        assert_eq!(files.len(), 10, "{options:?}");
        numbered(&files);
        for file in &files[..9] {
            // What is told of containers, and where facts are many, is not counted.
            let events = sound(file).event_count();
            assert!((300..320).contains(&events), "{}: {events}", file.display());
        }
        whole(&capture, &files);
    }
}

#[test]
fn another_file_begins_after_a_number_of_seconds() {
    let capture = sample("run_as_user_0_container");
    let (_folder, files) = rotated(&capture, "x", &["-G", "1"]);
    assert!(files.len() >= 3, "{files:?}");
    whole(&capture, &files);
    for file in &files {
        let seconds = lines(file, &["-p", "%evt.reltime"]);
        let last: u64 = seconds.last().unwrap().parse().unwrap();
        // The event that is the first one there is not the oldest.
        assert!(last < 1_100_000_000, "{}: {last} ns", file.display());
    }
}

#[test]
fn names_have_the_time_of_the_first_event() {
    let capture = sample("run_as_user_0_container");
    let scratch = Scratch::new();
    write(&capture, &scratch.path("x-%Y%m%d-%H%M%S"), &["-G", "1"]);
    let found = names(scratch.dir());
    // The first one is made before anything is read.
    let of_events: Vec<_> = found.iter().filter(|name| name.starts_with("x-20190709-")).collect();
    assert_eq!(of_events, ["x-20190709-223111", "x-20190709-223112"], "{found:?}");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn another_file_begins_after_a_number_of_megabytes() {
    // There is no capture of more than a megabyte: read again and again, one is.
    let capture = sample("tcp-client-server");
    let file = ["-r", text(&capture)];
    let many = [&file[..]; 12].concat();
    let scratch = Scratch::new();
    let _ = run(&[&many[..], &["-C", "1", "-w", text(&scratch.path("x"))]].concat());
    let found = names(scratch.dir());
    assert!(found.len() >= 3, "{found:?}");
    for (number, name) in found.iter().enumerate() {
        assert_eq!(*name, format!("x{number}"));
        let _ = sound(&scratch.path(name));
        let bytes = fs::metadata(scratch.path(name)).unwrap().len();
        assert!(bytes < 1_700_000 && (bytes > 900_000 || number + 1 == found.len()), "{name}: {bytes} bytes");
    }
    let each: Vec<_> = found.iter().flat_map(|name| lines(&scratch.path(name), &["-p", FORMAT])).collect();
    same_lines(&each, &run(&[&many[..], &["-p", FORMAT]].concat()).lines, "all files");
}

#[test]
fn only_the_last_files_are_kept() {
    let capture = sample("run_as_user_0_container");
    let (_folder, files) = rotated(&capture, "x", &["-e", "100", "-W", "7"]);
    assert_eq!(files.len(), 7);
    numbered(&files);
    let mut parts: Vec<_> = files.iter().map(|file| lines(file, &["-p", FORMAT])).collect();
    // Each begins with the time of its first event.
    parts.sort_unstable();
    let (kept, all) = (parts.concat(), lines(&capture, &["-p", FORMAT]));
    same_lines(&kept, &all[all.len() - kept.len()..], "what is kept");
    assert!(kept.len() > 500 && kept.len() <= 700, "{}", kept.len());
}

#[test]
fn what_was_in_a_file_before_is_gone() {
    let scratch = Scratch::new();
    let path = scratch.path("old.scap");
    fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    write(&sample("sample"), &path, &[]);
    let _ = sound(&path);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn released_readers_read_each_file() {
    let capture = sample("tcp-client-server");
    let (_folder, files) = rotated(&capture, "x", &["-e", "10"]);
    assert!(files.len() > 8, "{files:?}");
    for reader in peers() {
        for file in &files {
            let found = reader.read(file, &[]).lines().iter().filter(|line| !line.is_empty()).count();
            assert!(found <= 16, "{}, {}: {found}", reader.tool(), file.display());
        }
    }
}

#[test]
fn a_capture_that_is_damaged_is_written_up_to_there() {
    let scratch = Scratch::new();
    let [cut, path] = ["cut.scap", "path.scap"].map(|name| scratch.path(name));
    let bytes = fs::read(sample("sample")).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 100]).unwrap();
    let output = Running::start(&mut tracer(["-r", text(&cut), "-w", text(&path)])).end();
    assert_eq!(output.status.code(), Some(1), "{}", output.errors);
    assert!(output.errors.contains("cut in the middle of a block"), "{}", output.errors);
    let _ = sound(&path);
    let read = tracer(["-r", text(&cut), "-p", FORMAT]).output().unwrap().stdout;
    assert!(read.len() > 10_000);
    same(&printed(&path, &["-p", FORMAT]), &read, "up to the damage");
}

#[test]
fn a_reader_of_the_pipe_that_goes_away_is_a_quiet_end() {
    let scratch = Scratch::new();
    // More than fits into a pipe.
    let one = scratch.path("one.scap");
    let file = sample("run_as_user_0_container");
    let _ = run(&[&["-r", text(&file)][..]; 4].concat().into_iter().chain(["-w", text(&one)]).collect::<Vec<_>>());
    let binary = tracer_tests::level::tracer();
    let script =
        format!("'{}' -r '{}' -w - | head -c 1000 | wc -c; echo \"${{PIPESTATUS[0]}}\"", binary.display(), text(&one));
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1000\n0\n", "{}", String::from_utf8_lossy(&output.stderr));
}
