//! A command that is traced from its first call, and processes that run already: all that they do and nothing else, without a
//! difference to them.

mod formats;
mod strace;

use std::{
    os::unix::process::CommandExt as _,
    process::{Command, ExitStatus},
};

use tracer_tests::{
    command::{self, Output, Running},
    level,
    scratch::Scratch,
};

/// `tracer run` with these options and this command, its output in a file of the scratch directory.
fn run(scratch: &Scratch, options: &[&str], words: &[&str]) -> Command {
    let file = scratch.path("out");
    let mut command = command::tracer(["run", "-o"]);
    command.arg(file).args(options).arg("--").args(words);
    command
}

/// Runs it to its end. What it printed, by lines, and how it ended.
fn lines(scratch: &Scratch, options: &[&str], words: &[&str]) -> (Vec<String>, Output) {
    let output = Running::start(&mut run(scratch, options, words)).end();
    let text = std::fs::read_to_string(scratch.path("out")).unwrap_or_default();
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    (text.lines().map(str::to_owned).collect(), output)
}

fn code(status: ExitStatus) -> i32 {
    status.code().expect("it is not ended by a signal")
}

#[test]
fn the_status_of_the_command_is_passed_on() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let status = |script: &str| code(lines(&scratch, &["-q"], &["sh", "-c", script]).1.status);
    assert_eq!(status("exit 0"), 0);
    assert_eq!(status("exit 7"), 7);
    assert_eq!(status("kill -SEGV $$"), 128 + libc::SIGSEGV);
    assert_eq!(status("kill -KILL $$"), 128 + libc::SIGKILL);
    let fails = |words: &[&str]| {
        let output = Running::start(&mut run(&scratch, &[], words)).end();
        (code(output.status), output.errors)
    };
    assert_eq!(
        fails(&["no-such-program"]),
        (127, "tracer: cannot run 'no-such-program': No such file or directory\n".into())
    );
    assert_eq!(fails(&["/etc/passwd"]), (126, "tracer: cannot run '/etc/passwd': Permission denied\n".into()));
    // A file that can be executed and is no program is one of the shell, as for execvp(3).
    let script = scratch.path("script");
    std::fs::write(&script, "exit 9\n").unwrap();
    let set = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, set).unwrap();
    assert_eq!(code(lines(&scratch, &["-q"], &[script.to_str().unwrap()]).1.status), 9);
}

#[test]
fn only_the_command_and_its_children_are_seen_from_the_first_call_on() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    // Something else that calls all the time.
    let mut other = Command::new("sh").args(["-c", "while sleep 0.01; do :; done"]).spawn().unwrap();
    let mut noise = Command::new("dd").args(["if=/dev/zero", "of=/dev/null", "bs=1"]).spawn().unwrap();
    let script = "echo one; (sh -c 'echo two; exec echo three'); echo four & wait";
    let (lines, output) =
        lines(&scratch, &["-p", "%thread.tid %proc.ppid %evt.type %proc.name"], &["sh", "-c", script]);
    let _ = (other.kill(), noise.kill(), other.wait(), noise.wait());
    assert_eq!(output.lines, ["one", "two", "three", "four"]);
    let mut tree = std::collections::BTreeSet::new();
    for (at, line) in lines.iter().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        let [tid, parent, call, ..] = words[..] else { panic!("{line}") };
        if at == 0 {
            assert_eq!(call, "execve", "the first call of the command");
        } else if !tree.contains(tid) {
            assert!(tree.contains(parent), "{line} is of no process of the command");
        }
        tree.insert(tid.to_owned());
    }
    assert!(tree.len() >= 3, "{tree:?}");
    let ends = lines.iter().filter(|line| line.contains(" procexit ")).count();
    assert_eq!(ends, tree.len(), "each process ends");
}

#[test]
fn threads_and_processes_that_run_on_are_seen_to_their_end() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (lines, output) =
        lines(&scratch, &["-p", "%evt.type %proc.name"], &["sh", "-c", "(sleep 0.5; exec id -u) & exit 4"]);
    assert_eq!(code(output.status), 4);
    assert_eq!(lines.last().map(String::as_str), Some("procexit id"));
}

#[test]
fn signals_are_those_of_the_command() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let begin = |signal: &str| {
        let script = format!("trap 'exit 5' {signal}; echo ready; while :; do sleep 0.05; done");
        // In a group of its own, as a shell with job control does.
        let running = Running::start(run(&scratch, &["-q"], &["sh", "-c", &script]).process_group(0));
        assert_eq!(running.line().as_deref(), Some("ready"));
        running
    };
    let send = |signal: &str, to: &str| {
        assert!(Command::new("kill").args([signal, "--", to]).status().unwrap().success());
    };
    // A terminal sends Ctrl-C to all of the group.
    let running = begin("INT");
    send("-INT", &format!("-{}", running.pid()));
    assert_eq!(code(running.end().status), 5);
    let running = begin("TERM");
    send("-TERM", &running.pid().to_string());
    assert_eq!(code(running.end().status), 5);
    let running = begin("HUP");
    send("-HUP", &running.pid().to_string());
    assert_eq!(code(running.end().status), 5);
}

#[test]
fn the_command_is_as_it_would_be_without_a_tracer() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let script = "grep -E '^(Sig(Blk|Ign|Cgt)|Cap|NoNewPrivs|Seccomp:|Groups|Uid|TracerPid)' /proc/self/status; \
                  cat /proc/self/limits /proc/self/oom_score_adj; pwd; env | sort; ls /proc/self/fd | wc -w";
    let plain =
        Command::new("sh").args(["-c", script]).env("X", "1").stdin(std::process::Stdio::null()).output().unwrap();
    let output = Running::start(run(&scratch, &["-q"], &["sh", "-c", script]).env("X", "1")).end();
    let plain = String::from_utf8_lossy(&plain.stdout).lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(output.lines, plain);
}

#[test]
fn programs_of_other_users_have_their_rights() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let id = scratch.path("id");
    std::fs::copy("/usr/bin/id", &id).unwrap();
    std::fs::set_permissions(&id, std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
    let (_, output) = lines(&scratch, &["-q", "-u", "65534"], &[id.to_str().unwrap()]);
    let said = output.lines.join(" ");
    assert!(said.starts_with("uid=65534(") && said.contains("euid=0(root)"), "{said}");
    let failed = Running::start(&mut run(&scratch, &["-u", "nobody-of-that-name"], &["id"])).end();
    assert_eq!(
        (code(failed.status), failed.errors.lines().next()),
        (2, Some("tracer: there is no user 'nobody-of-that-name'"))
    );
}

#[test]
fn processes_that_run_already_are_followed_with_their_children() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let fifo = scratch.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // The child is there before the tracer, and makes another one later.
    let script = format!("(read x < {0}; id -u; exit 3) & wait $!; exit 2", fifo.display());
    let mut process = Command::new("sh").args(["-c", &script]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let tracer = Running::start(&mut command::tracer([
        "--pid",
        &process.id().to_string(),
        "-p",
        "%evt.type %proc.name",
        "--unbuffered",
    ]));
    tracer.attached();
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::fs::write(&fifo, "x\n").unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(2));
    let output = tracer.end();
    assert_eq!(code(output.status), 0, "{}", output.errors);
    let has = |line: &str| output.lines.iter().filter(|it| *it == line).count();
    assert_eq!((has("execve id"), has("procexit id"), has("procexit sh")), (1, 1, 2), "{:?}", output.lines);
}

#[test]
fn captures_and_chisels_are_of_the_command_only() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let capture = scratch.path("x.scap");
    let file = capture.to_str().unwrap();
    let _ = lines(&scratch, &["-w", file], &["ls", "/"]);
    let read = command::output(["-r", file, "-p", "%evt.type %proc.name"]);
    assert_eq!(read.lines.first().map(String::as_str), Some("execve ls"));
    assert!(read.lines.iter().all(|line| line.ends_with(" ls")), "{:?}", read.lines);
    let (table, _) = lines(&scratch, &["-c", "topscalls"], &["ls", "/"]);
    let execs = table.iter().filter(|line| line.split_whitespace().last() == Some("execve"));
    assert_eq!(execs.map(|line| line.split_whitespace().next()).collect::<Vec<_>>(), [Some("1")], "{table:?}");
    let (table, _) =
        lines(&scratch, &["-c", "topprocs_cpu"], &["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]);
    let names: Vec<&str> = table
        .iter()
        .filter(|line| line.contains('%') && !line.trim_start().starts_with("CPU"))
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert!(!names.is_empty() && names.iter().all(|name| *name == "sh"), "{table:?}");
}

#[test]
fn an_output_that_ends_early_does_not_end_the_command() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (lines, output) =
        lines(&scratch, &["-n", "3", "-p", "%evt.type"], &["sh", "-c", "ls / > /dev/null; echo done; exit 6"]);
    assert_eq!((lines.len(), code(output.status)), (3, 6));
    assert_eq!(output.lines, ["done"]);
}

/// As strace does: what the command writes can go to a file or through a pipe without a line of the tracer in it.
#[test]
fn standard_output_is_that_of_the_command() {
    if !level::root_or_skip() {
        return;
    }
    let words = ["sh", "-c", "echo done; echo wrong >&2; true < /dev/null"];
    for (options, shown) in
        [(&[][..], " execve "), (&["-c", "topscalls"], "Calls"), (&["-j"], "\"evt.type\":\"execve\"")]
    {
        let output = Running::start(command::tracer(["run"]).args(options).arg("--").args(words)).end();
        assert_eq!((&*output.lines, code(output.status)), (&["done".to_owned()][..], 0), "{options:?}");
        assert!(output.errors.contains(shown) && output.errors.contains("wrong\n"), "{options:?}: {}", output.errors);
    }
}

/// What has its last name when it is counted in the kernel has it from a capture, too, whichever name failed more often.
#[test]
fn after_an_exec_a_process_has_its_last_name_live_and_from_a_capture() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let capture = scratch.path("x.scap");
    let file = capture.to_str().unwrap();
    let script =
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -e /nowhere ]; done; exec cat /nowhere";
    let words = ["sh", "-c", script];
    let names = |lines: &[String]| {
        let rows = lines.iter().filter(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit()));
        rows.map(|row| row.split_whitespace().nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The second filter is one that the kernel cannot decide.
    for filter in [&[][..], &["not proc.cmdline contains zzz"]] {
        let options: Vec<&str> = ["-c", "topprocs_errors"].iter().chain(filter).copied().collect();
        assert_eq!(names(&lines(&scratch, &options, &words).0), ["cat"], "{filter:?}");
    }
    let _ = lines(&scratch, &["-w", file], &words);
    for interval in [&[][..], &["--interval", "60m"]] {
        let read = command::output(["-r", file, "-c", "topprocs_errors"].iter().chain(interval).copied());
        assert_eq!(names(&read.lines), ["cat"], "{read:?}");
    }
}
