//! `--strace` beside `strace -f -ttt -T`: both look at the same processes at the same time. For each thread they have the same calls in the
//! same order, with the same results, and both pass the same status on.
//!
//! strace itself is the command, so that its use of ptrace is tested, too. Left out of the comparison is what it does itself, and what its
//! child does before the program begins.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use tracer_tests::{level, scratch::Scratch};

use super::{code, lines};
use crate::strace::parse::{self, Call, Step};

/// Calls whose arguments are the same in both, word by word.
const WHOLE: &[&str] = &[
    "access",
    "brk",
    "chdir",
    "close",
    "dup2",
    "exit",
    "exit_group",
    "geteuid",
    "getpid",
    "getppid",
    "getuid",
    "kill",
    "lseek",
    "mmap",
    "mprotect",
    "munmap",
    "open",
    "openat",
    "pipe2",
    "pread64",
    "read",
    "unlink",
    "vfork",
    "write",
];

/// A line without its times: thread, and the rest.
fn timeless(line: &str) -> String {
    let (tid, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no thread: {line}"));
    let (time, rest) = rest.trim_start().split_once(' ').unwrap_or_else(|| panic!("no time: {line}"));
    assert!(time.split_once('.').is_some_and(|(_, micros)| micros.len() == 6), "no time: {line}");
    let rest = match rest.rsplit_once(" <") {
        Some((rest, took)) if took.ends_with('>') && took[..1].starts_with(|digit: char| digit.is_ascii_digit()) => {
            rest
        }
        _ => rest,
    };
    format!("{tid} {rest}\n")
}

fn steps<'a>(lines: impl Iterator<Item = &'a str>) -> HashMap<u32, Vec<Step>> {
    parse::steps(&lines.map(timeless).collect::<String>())
}

/// From the first exec on.
fn from_exec(steps: &[Step]) -> &[Step] {
    let at = steps
        .iter()
        .position(|step| matches!(step, Step::Call(call) if call.name == "execve" && call.result == Some(0)));
    &steps[at.expect("the program begins")..]
}

/// What differs between what both have of a thread.
fn differences(tid: u32, own: &[Step], other: &[Step]) -> Vec<String> {
    let mut own = own.iter().peekable();
    let mut found = Vec::new();
    for step in other {
        let same = |mine: &Step| match (mine, step) {
            (Step::Call(mine), Step::Call(call)) => same_call(mine, call),
            (mine, step) => mine == step,
        };
        match step {
            // The kernel may still have reported its end.
            Step::Cut(name) => {
                let _ = own.next_if(
                    |mine| matches!(mine, Step::Call(Call { name: known, .. }) | Step::Cut(known) if known == name),
                );
            }
            _ if own.peek().is_some_and(|mine| same(mine)) => drop(own.next()),
            // A thread that is ended by others may be in a call that strace is not told of.
            Step::End(_) if own.peek().is_some_and(|mine| matches!(mine, Step::Call(_))) => {
                let _ = own.next();
                let _ = own.next_if(|mine| same(mine));
            }
            _ => {
                found.push(format!("thread {tid}: strace has {step:?}, the tracer {:?}", own.peek()));
                return found;
            }
        }
    }
    found.extend(own.next().map(|step| format!("thread {tid}: only the tracer has {step:?}")));
    found
}

fn same_call(own: &Call, other: &Call) -> bool {
    let whole = WHOLE.contains(&own.name.as_str());
    // The order of flags is that of strace's own tables.
    let sorted = |args: &[String]| {
        let of_arg = |arg: &String| {
            // A flag that the format of captures has no name for.
            let mut flags: Vec<String> = arg.split('|').map(|flag| flag.replace("MAP_STACK", "0x20000")).collect();
            flags.sort_unstable();
            flags
        };
        args.iter().map(of_arg).collect::<Vec<_>>()
    };
    own.name == other.name && own.result == other.result && (!whole || sorted(&own.args) == sorted(&other.args))
}

/// Compares what both say of a program; how many calls there were, and of how many threads.
fn compare(strace_options: &[&str], words: &[&str], status: i32) -> (usize, usize) {
    let scratch = Scratch::new();
    let file = scratch.path("strace");
    let command = ["strace", "-f", "-ttt", "-T", "-s", "80", "-o", file.to_str().unwrap()];
    let command: Vec<&str> = command.iter().chain(strace_options).chain(words).copied().collect();
    let (own, output) = lines(&scratch, &["--strace", "proc.name!=strace"], &command);
    assert_eq!(code(output.status), status, "{words:?}: {}", output.errors);
    let other = fs::read(file).unwrap();
    let other = String::from_utf8_lossy(&other);
    let main: u32 = other.split(' ').next().unwrap().parse().unwrap();
    let (own, other) = (steps(own.iter().map(String::as_str)), steps(other.lines()));
    let other: BTreeMap<_, _> = other.into_iter().collect();
    let mut calls = 0;
    for (tid, other) in &other {
        let own = own.get(tid).map(Vec::as_slice).unwrap_or_default();
        let (own, other) = if *tid == main { (from_exec(own), from_exec(other)) } else { (own, other.as_slice()) };
        let found = differences(*tid, own, other);
        assert!(found.is_empty(), "{words:?}: {}", found.join("\n"));
        calls += other.len();
    }
    (calls, other.len())
}

fn strace_or_skip() -> bool {
    level::root_or_skip() && level::program_or_skip("strace")
}

#[test]
fn a_shell_script_is_as_strace_shows_it() {
    if !strace_or_skip() {
        return;
    }
    let script = "trap 'echo got' USR1; for i in 1 2 3; do ls / | wc -l; done; kill -USR1 $$; cat /nonexistent; (exit 3) || exit 4";
    let (calls, threads) = compare(&[], &["sh", "-c", script], 4);
    assert!(calls > 500 && threads >= 8, "{calls} calls of {threads} threads");
}

#[test]
fn python_with_threads_is_as_strace_shows_it() {
    if !strace_or_skip() || !level::program_or_skip("python3") {
        return;
    }
    let script = "import threading, os, sys\n\
        def work(n):\n    for i in range(20): os.stat('/etc'); open('/etc/hostname').read()\n\
        all = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n\
        [it.start() for it in all]; [it.join() for it in all]; sys.exit(5)";
    let (calls, threads) = compare(&[], &["python3", "-I", "-c", script], 5);
    assert!(calls > 500 && threads >= 5, "{calls} calls of {threads} threads");
}

/// Writes to standard error, makes a child that ends with 3, waits for it, and ends with 6: by calls of 32-bit programs.
const PROGRAM: &str = "
    .globl _start
    _start: movl $20, %eax; int $0x80
        movl $4, %eax; movl $2, %ebx; movl $text, %ecx; movl $3, %edx; int $0x80
        movl $5, %eax; movl $path, %ebx; xorl %ecx, %ecx; xorl %edx, %edx; int $0x80
        movl $6, %eax; movl $99, %ebx; int $0x80
        movl $2, %eax; int $0x80
        testl %eax, %eax; jz child
        movl %eax, %ebx; movl $7, %eax; xorl %ecx, %ecx; xorl %edx, %edx; int $0x80
        movl $1, %eax; movl $6, %ebx; int $0x80
    child: movl $252, %eax; movl $3, %ebx; int $0x80
    .data
    text: .ascii \"hi\\n\"
    path: .asciz \"/etc/hostname\"
";

#[test]
fn a_32_bit_program_is_as_strace_shows_it() {
    if !strace_or_skip() || !level::program_or_skip("cc") {
        return;
    }
    let scratch = Scratch::new();
    let (source, program) = (scratch.path("program.s"), scratch.path("program"));
    fs::write(&source, PROGRAM).unwrap();
    let built = Command::new("cc")
        .args(["-m32", "-nostdlib", "-static", "-no-pie", "-o"])
        .arg(&program)
        .arg(source)
        .status()
        .unwrap();
    assert!(built.success());
    let (calls, threads) = compare(&[], &[program.to_str().unwrap()], 6);
    assert!(calls >= 11 && threads == 2, "{calls} calls of {threads} threads");
}

#[test]
fn a_set_uid_program_is_as_strace_shows_it() {
    if !strace_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let id = scratch.path("id");
    fs::copy("/usr/bin/id", &id).unwrap();
    fs::set_permissions(&id, fs::Permissions::from_mode(0o4755)).unwrap();
    let (calls, threads) = compare(&["-u", "nobody"], &[id.to_str().unwrap()], 0);
    assert!(calls > 30 && threads == 1, "{calls} calls of {threads} threads");
}

#[test]
fn a_program_that_crashes_is_as_strace_shows_it() {
    if !strace_or_skip() {
        return;
    }
    // strace ends itself by the signal that ended its command.
    let (calls, threads) = compare(&[], &["sh", "-c", "ls / > /dev/null; kill -SEGV $$"], 128 + libc::SIGSEGV);
    assert!(calls > 100 && threads == 2, "{calls} calls of {threads} threads");
}

#[test]
fn debuggers_and_shells_with_job_control_work() {
    if !strace_or_skip() || !level::program_or_skip("script") {
        return;
    }
    // A shell on a terminal of its own, which puts its jobs into groups, stops and goes on.
    let scratch = Scratch::new();
    let session = "sleep 0.2 & jobs; fg; sleep 0.3 & kill -STOP %1; kill -CONT %1; wait; exit 8";
    let tracer = level::tracer();
    let run =
        format!("{} run -q -o {} -- bash --norc -i -c '{session}'", tracer.display(), scratch.path("out").display());
    let output = Command::new("script").args(["-qec", &run, "/dev/null"]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(said.contains("sleep 0.2") && !said.contains("no job control"), "{said}");
}
