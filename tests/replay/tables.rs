//! The tables of all chisels on terminals of several widths.

use tracer::chisel::Chisel;
use tracer_tests::command::{Running, tracer};
use unicode_width::UnicodeWidthStr as _;

use super::golden;

const WIDTHS: [usize; 4] = [40, 80, 120, 200];

/// What chisels are given that need an argument, and some that may have one.
const ARGUMENTS: [(&str, &[&str]); 5] = [
    ("fdbytes_by", &["fd.directory"]),
    ("fdcount_by", &["proc.name"]),
    ("fdtime_by", &["fd.name"]),
    ("topprocs_file", &["", "name", "user", "container", "pod"]),
    ("httptop", &["", "time", "bytes"]),
];

fn table(chisel: &str, argument: &str, width: usize, capture: &str) -> Vec<String> {
    let capture = format!("{}/captures/{capture}.scap", env!("CARGO_MANIFEST_DIR"));
    let mut words = vec!["-r", &capture, "--rows", "4", "-pc", "-c", chisel];
    words.extend(Some(argument).filter(|argument| !argument.is_empty()));
    let mut command = tracer(words);
    let output =
        Running::start(command.env("COLUMNS", width.to_string()).env("LC_ALL", "C.UTF-8").env("TZ", "UTC")).end();
    assert_eq!(output.status.code(), Some(0), "{chisel} {argument}: {}", output.errors);
    output.lines
}

fn is_rule(line: &str) -> bool {
    line.len() > 4 && line.bytes().all(|byte| byte == b'-')
}

#[test]
fn tables_fit_every_width() {
    let mut text = String::new();
    let mut tables = 0;
    for (name, source) in super::chisels_of_captures() {
        let given = ARGUMENTS.iter().find(|(chisel, _)| *chisel == name).map(|(_, given)| *given);
        if Chisel::describe(&source).unwrap().needs_args() && given.is_none() {
            continue;
        }
        for argument in given.unwrap_or(&[""]) {
            if !table(&name, argument, 80, "run_as_user_0_container").get(1).is_some_and(|line| is_rule(line)) {
                continue;
            }
            tables += 1;
            for width in WIDTHS {
                let lines = table(&name, argument, width, "run_as_user_0_container");
                text.push_str(&format!("== {name} {argument} at {width}\n"));
                for line in lines {
                    assert!(line.width() <= width, "{name} at {width}: {line}");
                    text.push_str(&line);
                    text.push('\n');
                }
            }
        }
    }
    assert!(tables >= 30, "{tables}");
    golden("tables.txt", &text);
}

/// One after the other, and each says whose it is.
#[test]
fn several_tables_are_told_apart() {
    let capture = format!("{}/captures/sample.scap", env!("CARGO_MANIFEST_DIR"));
    let words = ["-r", &capture, "-c", "topscalls", "-c", "topprocs_cpu", "--rows", "1"];
    let output = Running::start(&mut tracer(words)).end();
    let heads: Vec<&str> = output.lines.iter().map(String::as_str).filter(|line| line.starts_with("top")).collect();
    assert_eq!(heads, ["topscalls", "topprocs_cpu"], "{:?}", output.lines);
}

#[test]
fn a_capture_has_a_table_for_each_interval_if_that_is_asked_for() {
    let capture = format!("{}/captures/tcp-client-server.scap", env!("CARGO_MANIFEST_DIR"));
    let rows = |words: &[&str]| {
        let words = [&["-r", &capture, "-j", "-c", "topscalls"], words].concat();
        let output = Running::start(&mut tracer(words)).end();
        let tables: Vec<serde_json::Value> = output.lines.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
        let rows = tables.iter().flat_map(|it| it["data"].as_array().unwrap());
        let sum: f64 = rows.map(|row| row[1].as_f64().unwrap()).sum();
        (tables.len(), sum)
    };
    let (one, all) = rows(&["--rows", "1000"]);
    let (several, sum) = rows(&["--rows", "1000", "--interval", "2s"]);
    assert_eq!((one, all), (1, sum));
    assert!(several > 5, "{several}");
}
