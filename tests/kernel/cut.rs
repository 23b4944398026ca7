//! Arguments and environments that are longer than what is kept: they end in dots, and the length that they had is known. The
//! witness is what was passed.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

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
    run(std::slice::from_ref(&longer), "y");
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

#[test]
fn a_limit_above_what_the_kernel_keeps_gives_all_of_a_process_that_lives() {
    if !level::root_or_skip() {
        return;
    }
    let value = "v".repeat(9000);
    // It has as many arguments as it says itself.
    let script = "read go; exec sh -c 'echo $#; sleep 0.5; :' sh $(seq -f argument-%06g 0 2999)";
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").env("A", &value);
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
    let filter = format!("proc.pid={} and evt.type=wait4", shell.id());
    let format = "| %proc.cmdnargs %proc.args_cut %proc.env_cut %proc.args[3002] %proc.env[A]";
    let mut command = tracer(["--args-limit", "100000"]);
    let mut session = Session::lines_of(&mut command, format, &filter);
    shell.stdin.take().expect("piped").write_all(b"go\n").expect("it reads");
    let line = session.wait_for(&["| 3003 "]);
    let output = shell.wait_with_output().expect("a child");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3000\n", "what the shell was given");
    assert!(line.ends_with(&format!("| 3003 <NA> <NA> argument-002999 {value}")), "{line}");
    let _ = session.end();
}

#[test]
fn a_path_that_is_too_deep_begins_with_dots() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    // The kernel side follows 32 folders up; the folder of the test is two or three deep itself.
    let depths =
        [20, 60].map(|depth| (0..depth).fold(scratch.dir().to_owned(), |path, at| path.join(format!("d{at}"))));
    depths.iter().for_each(|path| std::fs::create_dir_all(path).expect("folders"));
    let own = std::process::id();
    let filter = format!("proc.ppid={own} and evt.type=execve and evt.rawres=0 and proc.exe=cut");
    let session = Session::lines("| %proc.cwd", &filter);
    for path in &depths {
        assert!(Command::new("/bin/true").arg0("cut").current_dir(path).status().expect("a process").success());
    }
    let lines = session.end().lines;
    let cwds: Vec<&str> = lines.iter().filter_map(|line| line.split("| ").nth(1)).collect();
    assert_eq!(cwds.len(), 2, "{lines:?}");
    assert_eq!(cwds[0], format!("{}/", depths[0].display()));
    let rest = cwds[1].strip_prefix("/.../").unwrap_or_else(|| panic!("{}", cwds[1]));
    assert!(format!("{}/", depths[1].display()).ends_with(&format!("/{rest}")) && rest.ends_with("/d59/"), "{rest}");
}
