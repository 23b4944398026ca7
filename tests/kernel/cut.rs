//! Arguments and environments that are longer than what is kept: they end in dots, and the length that they had is known. The
//! witness is what was passed.

use std::{os::unix::process::CommandExt as _, process::Command};

use tracer_tests::{command::tracer, level, scratch::Scratch, session::Session};

use crate::capture::replay;

/// What is kept of a list.
const KEPT: usize = tracer_common::wire::CUT_LIST;

#[test]
fn lists_that_are_cut_say_so_and_how_long_they_were() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("cut.scap");
    let own = std::process::id();
    let filter = format!("proc.ppid={own} and evt.type=execve and evt.rawres=0 and proc.exe=cut");
    let format = "| %proc.cmdnargs %proc.args_cut %proc.env_cut %proc.args | %proc.env";
    let mut command = tracer(["-w", file.to_str().expect("a path")]);
    let session = Session::lines_of(&mut command, format, &filter);
    let many: Vec<String> = (0..3000).map(|number| format!("argument-{number:06}")).collect();
    let exact = "e".repeat(KEPT - 1);
    let longer = "l".repeat(KEPT);
    let value = "v".repeat(9000);
    let run = |arguments: &[String], value: &str| {
        let mut command = Command::new("/bin/true");
        let status = command.arg0("cut").args(arguments).env_clear().env("A", value).status().expect("a process");
        assert!(status.success());
    };
    run(&many, &value);
    run(std::slice::from_ref(&exact), "y");
    run(&[longer.clone()], "y");
    run(&[], "y");
    let live = session.end().lines;
    let joined = many.join(" ");
    let whole: usize = many.iter().map(|argument| argument.len() + 1).sum();
    let expected = [
        // 256 arguments of 16 bytes are longer than what is kept, so of the last one the end is missing.
        format!("| 256 {whole} {} {}... | A={}...", value.len() + 3, &joined[..KEPT], &value[..KEPT - 2]),
        format!("| 1 <NA> <NA> {exact} | A=y"),
        format!("| 1 {} <NA> {}... | A=y", KEPT + 1, &longer[..KEPT]),
        "| 0 <NA> <NA>  | A=y".to_owned(),
    ];
    let own = |lines: &[String]| -> Vec<String> {
        lines.iter().filter_map(|line| line.find("| ").map(|at| line[at..].to_owned())).collect()
    };
    assert_eq!(own(&live), expected);
    assert_eq!(own(&replay(&file, &["-p", &format!("*%fd.name {format}"), &filter]).lines), expected);
}
