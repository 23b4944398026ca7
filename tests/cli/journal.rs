//! `tracer journal` over files that real programs wrote: equal to what the real journalctl says of them.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tracer_tests::{
    command::{self, Running, tracer},
    journal::{Tools, entries},
    scratch::Scratch,
};

use crate::wrong_use;

/// Files that are kept, each in another form, and what journalctl made of them.
const KEPT: [&str; 4] = ["lz4", "plain-compact", "xz-old", "zstd-compact"];

fn kept(name: &str) -> String {
    format!("{}/fuzz/seeds/journal/{name}.journal", env!("CARGO_MANIFEST_DIR"))
}

/// What it prints, byte by byte; nothing is said on standard error.
#[track_caller]
fn printed(args: &[&str]) -> Vec<u8> {
    let all = ["journal"].into_iter().chain(args.iter().copied());
    let output = tracer(all).env("TZ", "UTC").output().expect("the binary starts");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn objects(json: &[u8]) -> Vec<Value> {
    json.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect()
}

/// Lines of the export format that name entries, for people.
fn cursors(export: &[u8]) -> Vec<String> {
    let lines = export.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"__CURSOR="));
    lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

#[test]
fn kept_files_are_read_as_journalctl_read_them() {
    for name in KEPT {
        let wanted =
            fs::read(format!("{}/golden/journal/{name}.export", env!("CARGO_MANIFEST_DIR"))).expect("a witness");
        assert_eq!(cursors(&wanted).len(), 24, "{name}");
        assert!(printed(&["-i", &kept(name), "-o", "export"]) == wanted, "{name}");
    }
}

#[test]
fn every_form_is_read_as_journalctl_reads_it() {
    let Some(tools) = Tools::find() else { return };
    let scratch = Scratch::new();
    let written = entries(300, |_| true);
    for compress in ["ZSTD", "LZ4", "XZ", "0"] {
        for (compact, keyed) in [(false, false), (false, true), (true, false), (true, true)] {
            let file = scratch.path(format!("{compress}-{compact}-{keyed}.journal"));
            tools.write(&written, &file, (compress, compact, keyed));
            let file = file.display().to_string();
            let wanted = tools.journalctl(&["--file", &file, "-o", "export"]);
            assert_eq!(cursors(&wanted).len(), 300, "{file}");
            assert!(printed(&["--file", &file, "-o", "export"]) == wanted, "{file}");
            let [wanted, own] = [tools.journalctl(&["--file", &file, "-o", "json"]), printed(&["--file", &file, "-j"])];
            assert_eq!(objects(&own), objects(&wanted), "{file}");
        }
    }
}

#[test]
fn what_is_chosen_is_what_journalctl_chooses() {
    let Some(tools) = Tools::find() else { return };
    let scratch = Scratch::new();
    // Three sources whose entries alternate, and a copy of one.
    for number in 0..3 {
        let file = scratch.path(format!("part-{number}.journal"));
        tools.write(&entries(600, |it| (it / 5 + it / 8) % 3 == number), &file, ("ZSTD", number == 1, number != 2));
    }
    fs::copy(scratch.path("part-0.journal"), scratch.path("copy.journal")).expect("a copy");
    let folder = scratch.dir().display().to_string();
    for wanted in [
        "",
        "-u nginx",
        "-u app-*",
        "-u nginx -u ssh _UID=500",
        "-p err",
        "-p 2..4",
        "-n 7",
        "-n 7 -u ssh -p 3",
        "-k -b -1",
        "-b",
        "-b 1",
        "-b 000000000000000000000000b0070001",
        "-b -7",
        "_UID=0 _UID=500 PRIORITY=3 + _PID=101",
        "-t nginx -t ssh",
        "-S @1780000100",
        "-U @1780000200",
        "-S @1780000100 -U @1780000200",
        "-S @1780000100 -n 5",
        "-S @1780000100 -U @1780000300 -u ssh -n 3",
        "-u none",
        "-n 0",
        "-n 100000",
        "MULTI=two",
        "EMPTY=",
    ] {
        let words: Vec<&str> = wanted.split_whitespace().collect();
        let theirs = tools.journalctl(&[&["-D", &folder, "-o", "export"], &words[..]].concat());
        let own: Vec<&str> = words.iter().map(|word| word.trim_start_matches('@')).collect();
        let output =
            tracer(["journal", "-D", &folder, "-o", "export"].into_iter().chain(own)).output().expect("tracer");
        let (own, theirs_too) = (cursors(&output.stdout), cursors(&theirs));
        let differ = own.iter().zip(&theirs_too).find(|(own, theirs)| own != theirs);
        assert!(
            own.len() == theirs_too.len() && differ.is_none(),
            "{wanted}: {}, {}: {differ:?}",
            own.len(),
            theirs_too.len()
        );
        assert!(output.stdout == theirs, "{wanted}");
    }
    let values = |output: Vec<u8>| {
        let text = String::from_utf8(output).expect("text");
        text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };
    let theirs = values(tools.journalctl(&["-D", &folder, "-F", "_SYSTEMD_UNIT"]));
    assert_eq!(values(printed(&["-D", &folder, "-F", "_SYSTEMD_UNIT"])), theirs);
    let boots = String::from_utf8(printed(&["-D", &folder, "--list-boots"])).expect("text");
    let boots: Vec<&str> = boots.lines().skip(1).map(str::trim_start).collect();
    assert_eq!(boots.len(), 3, "{boots:?}");
    assert!(boots[2].starts_with("0 000000000000000000000000b0070002 2026-"), "{boots:?}");
}

#[test]
fn lines_look_like_those_of_journalctl_and_control_nothing() {
    let file = kept("zstd-compact");
    let text = String::from_utf8(printed(&["-i", &file])).expect("text");
    assert!(text.starts_with("May 28 20:26:42 box ssh[101]: message 1\n"), "{text}");
    assert!(
        text.contains("\nMay 28 20:26:48 box app-2[107]: first line 7\n                                second line\n"),
        "{text}"
    );
    assert!(text.contains(r"red        and \xff\xfe bytes 11"), "{text}");
    let shown = |form: &str| String::from_utf8(printed(&["-i", &file, "-n", "2", "-o", form])).expect("text");
    assert_eq!(shown("cat"), "red        and \\xff\\xfe bytes 22\ngrüße ☃ 23\n");
    assert!(shown("short-iso").starts_with("2026-05-28T20:27:0"), "{}", shown("short-iso"));
    let verbose = shown("verbose");
    assert!(verbose.contains("UTC [s=") && verbose.contains("\n    _SYSTEMD_UNIT=app-1.service\n"), "{verbose}");
    for form in ["short", "short-iso", "verbose", "cat"] {
        assert!(!shown(form).contains('\u{1b}'), "{form}");
    }
}

#[test]
fn a_damaged_file_is_shown_as_far_as_it_can_be_read() {
    let scratch = Scratch::new();
    let whole = fs::read(kept("lz4")).expect("a file");
    let path = scratch.path("damaged.journal");
    let count = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        let output = command::output(["journal", "-i", &path.display().to_string(), "-o", "cat"]);
        (output.lines.len(), output.errors, output.status.code())
    };
    let (all, errors, _) = count(&whole);
    assert!(all >= 24 && errors.is_empty(), "{errors}");
    // Cut off: some entries are left, and it is said once where it ends.
    let (left, errors, code) = count(&whole[..whole.len() * 9 / 10]);
    assert!(left > 0 && left < all && code == Some(0), "{left} of {all}");
    assert_eq!(errors.matches("damaged.journal: damaged at byte ").count(), 1, "{errors}");
    assert!(errors.contains("what can be read of it is shown"), "{errors}");
    // What is overwritten takes nothing else with it.
    let mut holed = whole.clone();
    let at = memchr(&holed, b"MESSAGE=message 9").expect("an entry");
    holed[at - 72..at].fill(0xff);
    let (left, errors, _) = count(&holed);
    assert!(left + 2 >= all && left < all && errors.contains("damaged at byte "), "{left} of {all}: {errors}");
    for (bytes, why) in [(&whole[..100], "it is not a journal file"), (b"hello", "it is not a journal file")] {
        let (left, errors, code) = count(bytes);
        assert_eq!((left, code), (0, Some(1)), "{errors}");
        assert!(errors.contains(why), "{errors}");
    }
    let mut newer = whole;
    newer[12] |= 0x80;
    assert!(count(&newer).1.contains("features that tracer does not know (flags 0x80)"));
}

fn memchr(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|it| it == wanted)
}

#[test]
fn a_state_file_continues_without_gap_or_double() {
    let Some(tools) = Tools::find() else { return };
    let scratch = Scratch::new();
    let write = |name: &str, numbers: std::ops::Range<u32>| {
        tools.write(&entries(400, |it| numbers.contains(&it)), &scratch.path(name), ("ZSTD", true, true));
    };
    let [state, folder] = [scratch.path("state.json"), scratch.dir().to_owned()].map(|path| path.display().to_string());
    let read = || cursors(&printed(&["-D", &folder, "--state", &state, "-o", "export"])).len();
    write("a.journal", 0..150);
    assert_eq!((read(), read()), (150, 0));
    // The same file grows, and another one is there.
    write("a.journal", 150..250);
    write("b.journal", 250..400);
    assert_eq!((read(), read()), (250, 0));
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&state).expect("a state file").permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn without_a_journal_it_says_what_to_use() {
    let scratch = Scratch::new();
    let mut command = tracer(["journal"]);
    let output = Running::start(command.env("HOST_ROOT", scratch.dir())).end();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        output.errors.contains("there is no journal in ") && output.errors.contains("tracer -c spy_syslog"),
        "{output:?}"
    );
    fs::create_dir_all(scratch.path("var/log/journal/0123456789abcdef0123456789abcdef")).expect("a folder");
    fs::create_dir_all(scratch.path("etc")).expect("a folder");
    fs::write(scratch.path("etc/machine-id"), "1123456789abcdef0123456789abcdef\n").expect("an id");
    let output = Running::start(tracer(["journal"]).env("HOST_ROOT", scratch.dir())).end();
    assert!(output.errors.contains("hint: --merge"), "{output:?}");
    let to = scratch.path("var/log/journal/0123456789abcdef0123456789abcdef/system.journal");
    fs::copy(Path::new(&kept("lz4")), to).expect("a copy");
    let output = Running::start(tracer(["journal", "--merge", "-n", "3"]).env("HOST_ROOT", scratch.dir())).end();
    assert!(output.lines.last().is_some_and(|line| line.ends_with("☃ 23")), "{output:?}");
}

#[test]
fn wrong_words_are_told_what_is_right() {
    wrong_use(["journal", "nginx"], "'nginx' is no match of the form FIELD=VALUE", "names of units come after -u");
    wrong_use(["journal", "-p", "loud"], "invalid value 'loud' for '--priority <PRIORITY>'", "tracer journal --help");
    let file = kept("lz4");
    wrong_use(["journal", "-i", &file, "-b", "-9"], "the journal has no boot -9, only 3 in all", "--list-boots");
    wrong_use(["journal", "-i", &file, "-u", "zzz*"], "no unit in the journal matches 'zzz*'", "tracer journal -F");
}

#[test]
fn a_fifo_is_no_journal_and_holds_nothing_up() {
    let scratch = Scratch::new();
    let path = scratch.path("system.journal");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    let output = command::output(["journal", "-D", &scratch.dir().display().to_string()]);
    assert!(output.errors.contains("not a regular file"), "{output:?}");
}
