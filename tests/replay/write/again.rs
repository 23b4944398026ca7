//! A capture that is written from another without a filter prints what that prints.

use std::fs;

use tracer_tests::{
    scap::{self, Rules},
    scratch::Scratch,
};

use super::{CAPTURES, lines, printed, run, same, same_lines, sample, sound, text, write};
use crate::rows;

/// Options that decide what is printed.
const OUTPUTS: [&[&str]; 22] = [
    &[],
    &["-D"],
    &["-pc"],
    &["-pk"],
    &["-j"],
    &["-j", "-pc", "-D"],
    &["-v"],
    &["-A"],
    &["-x"],
    &["-X"],
    &["-b"],
    &["-j", "-b"],
    &["-R"],
    &["-E"],
    &["-S"],
    &["-t", "a"],
    &["-t", "r"],
    &["-t", "d"],
    &["-t", "D"],
    &["-n", "20"],
    &["-M", "1"],
    &["-p", "*%evt.num %evt.latency %evt.cpu %proc.cmdline %fd.name %user.name %container.name", "evt.num > 10"],
];

#[test]
fn it_prints_the_same_with_any_option() {
    let scratch = Scratch::new();
    let path = scratch.path("again.scap");
    for capture in CAPTURES {
        write(&sample(capture), &path, &[]);
        for options in OUTPUTS {
            let expected = printed(&sample(capture), options);
            assert!(!expected.is_empty(), "{capture} {options:?}");
            same(&printed(&path, options), &expected, &format!("{capture} {options:?}"));
        }
    }
}

#[test]
fn every_field_of_every_event_is_the_same() {
    let scratch = Scratch::new();
    let path = scratch.path("again.scap");
    let fields: Vec<_> = rows::every_name();
    // Some have a value in filters only.
    let is_shown = |name: &String| tracer::format::Template::parse(&format!("%{name}"), Default::default()).is_ok();
    let format = fields.iter().filter(|name| is_shown(name)).map(|name| format!("{name}=%{name}"));
    let format = format!("*{}", format.collect::<Vec<_>>().join("|"));
    for capture in CAPTURES {
        write(&sample(capture), &path, &[]);
        let expected = printed(&sample(capture), &["-D", "-p", &format]);
        assert!(expected.len() > 10_000, "{capture}");
        same(&printed(&path, &["-D", "-p", &format]), &expected, capture);
    }
}

#[test]
fn every_chisel_shows_the_same() {
    let scratch = Scratch::new();
    let path = scratch.path("again.scap");
    let names: Vec<_> = run_list();
    assert!(names.len() >= 8, "{names:?}");
    for capture in CAPTURES {
        write(&sample(capture), &path, &[]);
        for name in &names {
            for preset in ["-pp", "-pc"] {
                let options = [preset, "-c", name];
                same(
                    &printed(&path, &options),
                    &printed(&sample(capture), &options),
                    &format!("{capture} {options:?}"),
                );
            }
        }
    }
}

/// The names of the chisels that work without an argument.
fn run_list() -> Vec<String> {
    let list = tracer_tests::command::output(["-cl"]).lines;
    let names = list.iter().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    let works =
        |name: &&str| tracer_tests::command::output(["-r", text(&sample("sample")), "-q", "-c", name]).status.success();
    names.filter(works).map(str::to_owned).collect()
}

#[test]
fn it_is_sound_and_the_same_when_it_is_written_again() {
    let scratch = Scratch::new();
    let [first, second] = ["first.scap", "second.scap"].map(|name| scratch.path(name));
    for capture in CAPTURES {
        write(&sample(capture), &first, &[]);
        let report = sound(&first);
        assert!(report.inversions.worst_ns == scap::read_file(&sample(capture), Rules::Any).inversions.worst_ns);
        write(&first, &second, &[]);
        assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "{capture} is not the same again");
    }
}

#[test]
fn all_parameters_are_there_in_the_newest_schema() {
    let scratch = Scratch::new();
    let [newest, back] = ["newest.scap", "back.scap"].map(|name| scratch.path(name));
    for capture in CAPTURES {
        write(&sample(capture), &newest, &["--schema", "newest"]);
        scap::read_file(&newest, Rules::Newest).assert_sound();
        for options in OUTPUTS {
            same(&printed(&newest, options), &printed(&sample(capture), options), &format!("{capture} {options:?}"));
        }
        write(&newest, &back, &[]);
        sound(&back);
        same(&printed(&back, &["-v"]), &printed(&sample(capture), &["-v"]), capture);
    }
}

#[test]
fn compressed_it_prints_the_same_and_is_smaller() {
    let scratch = Scratch::new();
    let [plain, packed] = ["plain.scap", "packed.scap"].map(|name| scratch.path(name));
    for capture in CAPTURES {
        write(&sample(capture), &plain, &[]);
        for (option, magic) in [("-z", &[0x1F, 0x8B][..]), ("--compress=zstd", &[0x28, 0xB5, 0x2F, 0xFD])] {
            write(&sample(capture), &packed, &[option]);
            sound(&packed);
            let (whole, bytes) = (fs::read(&plain).unwrap(), fs::read(&packed).unwrap());
            assert!(bytes.starts_with(magic), "{option}: {:x?}", &bytes[..4]);
            assert!(bytes.len() * 2 < whole.len(), "{capture} {option}: {} of {}", bytes.len(), whole.len());
            same(&printed(&packed, &["-D", "-v"]), &printed(&plain, &["-D", "-v"]), &format!("{capture} {option}"));
        }
    }
}

#[test]
fn what_is_printed_beside_it_changes_nothing() {
    let scratch = Scratch::new();
    let [alone, beside] = ["alone.scap", "beside.scap"].map(|name| scratch.path(name));
    let capture = sample("run_as_user_0_container");
    write(&capture, &alone, &["evt.cpu=1"]);
    for options in [&["-pp"][..], &["-j"], &["-pc", "-c", "topscalls"], &["-S"], &["-q"]] {
        let words = [options, &["evt.cpu=1"]].concat();
        let with = [&["-r", text(&capture), "-w", text(&beside)], &words[..]].concat();
        let (found, mut expected) = (run(&with).lines, lines(&capture, &words));
        if options == ["-S"] {
            // Lines were not asked for.
            expected.retain(|line| !line.contains(" ("));
        }
        same_lines(&found, &expected, &format!("{options:?}"));
        assert!(fs::read(&alone).unwrap() == fs::read(&beside).unwrap(), "{options:?}");
    }
}

#[test]
fn several_captures_become_one() {
    let scratch = Scratch::new();
    let one = scratch.path("one.scap");
    let names = ["sample", "tcp-client-server", "sample"];
    let files: Vec<_> = names.map(sample).to_vec();
    let all: Vec<&str> = files.iter().flat_map(|file| ["-r", text(file)]).collect();
    let _ = run(&[&all[..], &["-w", text(&one)]].concat());
    let report = sound(&one);
    assert_eq!(report.sections, 3);
    for options in OUTPUTS {
        // Times of day go back there, and so does what is counted from the first event.
        let expected =
            tracer_tests::command::tracer([&all[..], options].concat()).env("TZ", "UTC").output().unwrap().stdout;
        same(&printed(&one, options), &expected, &format!("{options:?}"));
    }
    // Captures one behind the other are one, too.
    let (first, second, joined) = (scratch.path("first"), scratch.path("second"), scratch.path("joined"));
    write(&sample("sample"), &first, &["-z"]);
    write(&sample("tcp-client-server"), &second, &["-z"]);
    fs::write(&joined, [fs::read(&first).unwrap(), fs::read(&second).unwrap()].concat()).unwrap();
    assert_eq!(sound(&joined).sections, 2);
    let each = [lines(&first, &["-p", "%evt.args"]), lines(&second, &["-p", "%evt.args"])].concat();
    same_lines(&lines(&joined, &["-p", "%evt.args"]), &each, "joined");
}

#[test]
fn it_goes_through_a_pipe() {
    let scratch = Scratch::new();
    let capture = sample("sample");
    let binary = tracer_tests::level::tracer();
    let script = format!("'{0}' -r '{1}' -w - | '{0}' -r - -w - -z | '{0}' -r -", binary.display(), text(&capture));
    let output = std::process::Command::new("bash").args(["-c", &script]).env("TZ", "UTC").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    same(&output.stdout, &printed(&capture, &[]), "through pipes");
    // Standard output is a file here.
    let path = scratch.path("out.scap");
    let script = format!("'{}' -r '{}' -w - > '{}'", binary.display(), text(&capture), text(&path));
    assert!(std::process::Command::new("bash").args(["-c", &script]).status().unwrap().success());
    sound(&path);
    same(&printed(&path, &[]), &printed(&capture, &[]), "through standard output");
}
