//! Looking at one event of N: what is estimated is near to what there is, says that it is an estimate, and is the same each
//! time; a capture of a sample shows what the sample shows.

use serde_json::Value;
use tracer_tests::{
    command::{Output, Running, tracer},
    scap::{self, Rules},
    scratch::Scratch,
};

const CAPTURES: [&str; 5] = ["connect_localhost", "files", "run_as_user_0_container", "sample", "tcp-client-server"];

fn path(capture: &str) -> String {
    format!("{}/captures/{capture}.scap", env!("CARGO_MANIFEST_DIR"))
}

/// Reads captures with these options.
#[track_caller]
fn read(captures: &[&str], options: &[&str]) -> Output {
    let files: Vec<String> = captures.iter().map(|capture| path(capture)).collect();
    let words = files.iter().flat_map(|file| ["-r", file.as_str()]).chain(options.iter().copied());
    let output = Running::start(tracer(words).env("TZ", "UTC")).end();
    assert_eq!(output.status.code(), Some(0), "{options:?}: {}", output.errors);
    output
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The sum of the last column of a table, and the table.
fn total(output: &Output) -> (f64, Value) {
    let [line] = &output.lines[..] else { panic!("one table: {:?}", output.lines) };
    let table = json(line);
    let rows = table["data"].as_array().expect("rows");
    let total = rows.iter().filter_map(|row| row.as_array()?.last()?.as_f64()).sum();
    (total, table)
}

/// A table of all that there is.
const COUNTS: &str = r##"
chisel(#{ summary: "counts" });
table(#{ keys: ["evt.type"], values: [#{ title: "Max", field: "evt.num", op: "max" }, #{ title: "N", op: "count" }], top: 10000 });
"##;

#[test]
fn a_table_is_near_to_the_exact_one_and_marked() {
    let scratch = Scratch::new();
    let chisel = scratch.path("counts.rhai");
    std::fs::write(&chisel, COUNTS).unwrap();
    let chisel = chisel.to_str().unwrap();
    let (exact, table) = total(&read(&CAPTURES, &["-j", "-c", chisel]));
    assert!(exact > 3000.0 && table["sample"].is_null(), "{exact}: {table}");
    for one_in in [2.0, 5.0, 20.0] {
        let option = format!("1/{one_in}");
        let (estimate, table) = total(&read(&CAPTURES, &["-j", "--sample", &option, "-c", chisel]));
        let sigma = (exact * (one_in - 1.0)).sqrt();
        assert!((estimate - exact).abs() < 4.0 * sigma, "{option}: {estimate} of {exact}, sigma {sigma}");
        assert_eq!(table["sample"].as_f64(), Some(one_in));
        let output = read(&CAPTURES, &["--sample", &option, "-c", chisel]);
        assert_eq!(output.lines[0], format!("(estimated from {option} of the events)"));
        assert!(output.errors.starts_with(&format!("tracer: sampling {option} of the events")), "{}", output.errors);
        assert!(output.errors.contains(&format!(", a sample of {option}, 0 lost")), "{}", output.errors);
    }
    assert_eq!(read(&CAPTURES, &["--sample", "1", "-c", chisel]).lines, read(&CAPTURES, &["-c", chisel]).lines);
}

#[test]
fn lines_are_a_part_of_all_with_their_names_and_the_same_each_time() {
    // Not the time since the event before: the one before is another.
    let format = "*%evt.num %evt.rawtime %evt.type %evt.args %proc.name %fd.name %proc.cwd";
    // The first has a handful of events.
    for capture in &CAPTURES[1..] {
        let all = read(&[capture], &["-p", format]).lines;
        let part = read(&[capture], &["--sample", "1/7", "-p", format]);
        assert!(!part.lines.is_empty() && part.lines.len() < all.len() / 3, "{capture}: {}", part.lines.len());
        let mut rest = all.iter();
        for line in &part.lines {
            assert!(rest.any(|known| known == line), "{capture}: {line}");
        }
        assert_eq!(part.errors.lines().filter(|line| line.contains("sampling 1/7")).count(), 1, "{}", part.errors);
        assert_eq!(read(&[capture], &["--sample", "7", "-p", format]).lines, part.lines, "{capture}");
        // Whatever is asked, the same events are looked at.
        let reads = read(&[capture], &["--sample", "7", "-p", format, "evt.type=read"]).lines;
        let known: Vec<_> = part.lines.iter().filter(|line| line.split(' ').nth(2) == Some("read")).collect();
        assert!(reads.iter().eq(known), "{capture}");
    }
}

#[test]
fn what_is_exact_is_neither_scaled_nor_marked() {
    for chisel in ["topprocs_cpu", "ps"] {
        let exact = read(&["files"], &["-c", chisel]);
        let sampled = read(&["files"], &["--sample", "1/10", "-c", chisel]);
        assert_eq!((&exact.lines, &exact.errors), (&sampled.lines, &sampled.errors), "{chisel}");
    }
    let counts = |options: &[&str]| {
        let lines = read(&["files"], &[&["-q", "-S"], options].concat()).lines;
        lines.into_iter().filter(|line| line.contains("procinfo") || line.contains("estimated")).collect::<Vec<_>>()
    };
    let (exact, sampled) = (counts(&[]), counts(&["--sample", "1/10"]));
    assert_eq!((sampled[0].as_str(), &sampled[1..]), ("(estimated from 1/10 of the events)", &exact[..]));
}

#[test]
fn a_capture_of_a_sample_shows_what_the_sample_shows() {
    const FORMAT: &str = "*%evt.rawtime %evt.cpu %evt.dir %evt.type %evt.args %evt.latency %thread.tid %proc.cmdline \
        %proc.pname %proc.cwd %fd.num %fd.type %fd.name %user.name %container.name";
    let scratch = Scratch::new();
    let written = scratch.path("sample.scap");
    let written = written.to_str().unwrap();
    for capture in CAPTURES {
        for filter in [&[][..], &["evt.type in (read, write, close)"]] {
            let expected = read(&[capture], &[&["--sample", "1/4", "-p", FORMAT], filter].concat()).lines;
            for options in [&[][..], &["-F"]] {
                let _ = read(&[capture], &[&["--sample", "1/4", "-w", written], options, filter].concat());
                let output = Running::start(tracer(["-r", written, "-p", FORMAT]).env("TZ", "UTC")).end();
                assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
                assert_eq!(output.lines, expected, "{capture} {options:?} {filter:?}");
                scap::read_file(written.as_ref(), Rules::Released).assert_sound();
            }
        }
    }
}

#[test]
fn a_capture_of_a_sample_says_that_it_is_one() {
    let scratch = Scratch::new();
    let [written, copy] = ["sample.scap", "copy.scap"].map(|name| scratch.path(name).to_str().unwrap().to_owned());
    let of = |words: &[&str]| {
        let output = Running::start(tracer(words.iter().copied()).env("TZ", "UTC")).end();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", output.errors);
        output
    };
    let table = |words: &[&str]| {
        let (_, table) = total(&of(&[words, &["-j", "-c", "topscalls"]].concat()));
        (table["data"].clone(), table["sample"].clone())
    };
    for capture in ["files", "sample", "tcp-client-server"] {
        let whole = path(capture);
        let expected = table(&["-r", &whole, "--sample", "1/4"]);
        assert_eq!(expected.1, 4);
        for options in [&[][..], &["-F"], &["-z"]] {
            let _ = of(&[&["-r", &whole, "--sample", "1/4", "-w", &written], options].concat());
            assert_eq!(table(&["-r", &written]), expected, "{capture} {options:?}");
            // What is made of it says so, too.
            let _ = of(&["-r", &written, "-w", &copy]);
            assert_eq!(table(&["-r", &copy]), expected, "{capture} {options:?}");
            let _ = of(&["-r", &written, "-w", &copy, "proc.name!=nobody"]);
            assert_eq!(table(&["-r", &copy]), expected, "{capture} {options:?}");
        }
        let output = of(&["-r", &written, "-p", "%evt.type"]);
        assert!(output.errors.contains("sampling 1/4 of the events"), "{}", output.errors);
        assert!(output.errors.contains(", a sample of 1/4, 0 lost"), "{}", output.errors);
        // A sample of a sample.
        let (data, sample) = table(&["-r", &written, "--sample", "1/2"]);
        assert_eq!(sample, 8);
        let counts = data.as_array().unwrap().iter().filter_map(|row| row[1].as_u64());
        assert!(counts.clone().count() > 0 && counts.clone().all(|count| count % 8 == 0), "{data}");
        let _ = of(&["-r", &written, "--sample", "1/2", "-w", &copy]);
        assert_eq!(table(&["-r", &copy]), (data, sample));
        // CPU times are those of all.
        let cpu = |file: &str| of(&["-r", file, "-c", "topprocs_cpu"]).lines;
        let _ = of(&["-r", &whole, "--sample", "1/4", "-w", &written]);
        assert!(!cpu(&written).iter().any(|line| line.contains("estimated")));
    }
}

#[test]
fn the_summary_is_an_object_on_standard_error() {
    let output = read(&["files"], &["-j", "--sample", "1/4", "evt.type=open"]);
    assert!(output.lines.iter().all(|line| json(line)["evt.type"] == "open"), "standard output has events only");
    let objects: Vec<Value> = output.errors.lines().filter(|line| line.starts_with('{')).map(json).collect();
    let [summary] = &objects[..] else { panic!("one object: {}", output.errors) };
    assert_eq!(summary["shown"], output.lines.len());
    assert_eq!((&summary["sample"], &summary["lost"]), (&4.into(), &0.into()));
    assert_eq!(summary["lost_by_cause"]["not_taken"], 0);
    assert!(summary["seen"].as_u64().is_some_and(|seen| seen > output.lines.len() as u64), "{summary}");
    assert!(summary["cpu_ns"].as_u64().is_some_and(|time| time > 0), "{summary}");
    assert!(!read(&["files"], &["evt.type=open"]).errors.contains('{'), "only with -j");
}
