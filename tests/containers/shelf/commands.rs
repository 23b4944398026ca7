//! Somebody who types at a terminal, on the host and in a container.

use std::{
    fs,
    process::{Command, id},
};

use tracer_tests::{
    command::{Running, tracer},
    docker::{Docker, unique},
    level,
    scratch::Scratch,
    terminal::{PROMPT, Terminal},
    wait,
};

/// Shells above the commands of this process, and the outermost one: those of its ancestors, by the names of programs.
fn shells_above() -> (usize, Option<u32>) {
    let (mut depth, mut outermost) = (0, None);
    let mut pid = id();
    // The chisel looks at 16 ancestors of a command: the shells that it is typed into, up to three, come first.
    for _ in 0..13 {
        // proc_pid_stat(5): PID (NAME) STATE PARENT
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { break };
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else { break };
        if name.ends_with("sh") {
            (depth, outermost) = (depth + 1, Some(pid));
        }
        match rest.split_whitespace().nth(1).and_then(|parent| parent.parse().ok()) {
            Some(parent) if parent > 0 => pid = parent,
            _ => break,
        }
    }
    (depth, outermost)
}

/// A command as it is shown: how many shells are above it, the outermost of them, who, and what.
#[derive(Debug, PartialEq)]
struct Shown<'a> {
    depth: usize,
    shell: u32,
    who: &'a str,
    command: &'a str,
}

/// Reads `    4080 14:01:20 root@web) ps aux`: four blanks for each shell above the first.
fn shown(line: &str) -> Shown<'_> {
    let rest = line.trim_start();
    let (head, command) = rest.split_once(") ").expect("who, and what");
    let mut words = head.split(' ');
    let shell = words.next().and_then(|pid| pid.parse().ok()).expect("a shell");
    let indent = line.len() - rest.len();
    assert_eq!(indent % 4, 0, "{line}");
    Shown { depth: indent / 4 + 1, shell, who: words.nth(1).expect("who"), command }
}

/// A tracer of commands at terminals that has shown one of this, so that it watches.
fn watching(terminal: &mut Terminal, arguments: &[&str]) -> Running {
    let words = [arguments, &["--unbuffered", "-c", "spy_users", "proc.tty!=0"]].concat();
    let running = Running::start(&mut tracer(words));
    wait::until("the first command to be shown", || {
        terminal.line("/bin/true");
        running.lines().find(|line| line.ends_with(") /bin/true"))
    });
    running
}

/// Ends it: the commands but the first.
fn end(running: Running) -> Vec<String> {
    running.interrupt();
    let output = running.end();
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    output.lines.into_iter().filter(|line| !line.ends_with(") /bin/true")).collect()
}

#[test]
fn commands_that_are_typed_are_shown_further_to_the_right_in_each_shell() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let dir = scratch.dir().display().to_string();
    let mut terminal = Terminal::start(Command::new("/bin/sh").arg("-i"));
    let running = watching(&mut terminal, &[]);
    for line in [
        &format!("ls {dir}"),
        &format!("cd {dir}"),
        "touch typed; ls typed | cat",
        "sh",
        "ls -a .",
        "sh",
        "ls -d .",
        "exit",
        "ls -r .",
    ] {
        terminal.line(line);
    }
    // A shell that nobody types at.
    let script = format!("ls {dir}/untyped; cd {dir}; true");
    let untyped = Command::new("setsid").args(["--wait", "sh", "-c", &script]).output().expect("setsid");
    assert!(untyped.status.success());
    terminal.line("ls -1 .");

    let lines = end(running);
    let (above, outermost) = shells_above();
    let shell = outermost.unwrap_or(terminal.pid());
    let user = "root";
    let expected = [
        (1, format!("ls {dir}")),
        (1, format!("cd {dir}")),
        (1, "touch typed".to_owned()),
        (1, "ls typed".to_owned()),
        (1, "cat".to_owned()),
        (1, "sh".to_owned()),
        (2, "ls -a .".to_owned()),
        (2, "sh".to_owned()),
        (3, "ls -d .".to_owned()),
        (2, "ls -r .".to_owned()),
        (2, "ls -1 .".to_owned()),
    ];
    let mut seen: Vec<Shown<'_>> = lines.iter().map(|line| shown(line)).filter(|it| it.shell == shell).collect();
    // Both sides of a pipe begin at the same time.
    if let Some(at) = seen.iter().position(|it| it.command == "cat") {
        seen[at - 1..=at + 1].sort_by_key(|it| (it.command == "sh", it.command == "cat"));
    }
    let wanted: Vec<Shown<'_>> =
        expected.iter().map(|(depth, command)| Shown { depth: above + depth, shell, who: user, command }).collect();
    assert_eq!(seen, wanted, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("untyped")), "{lines:#?}");
}

#[test]
fn commands_that_are_typed_in_a_container_are_shown_with_it() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let container = docker.run(&unique("typed"), &[], &["sleep", "1000"]);
    let prompt = format!("PS1={PROMPT}");
    let mut terminal =
        Terminal::start(&mut docker.command(&["exec", "-it", "-e", &prompt, &container.id, "/bin/sh", "-i"]));
    let running = watching(&mut terminal, &["-pc"]);
    // With their paths, since busybox runs its own commands without an exec.
    for line in ["cd /tmp", "/bin/id -u", "/bin/sh", "/bin/ls /etc", "exit", "/bin/ls /bin/ls"] {
        terminal.line(line);
    }
    // At no terminal.
    let _ = container.exec(&["sh", "-c", "cd /etc; /bin/ls /untyped-is-not-there || /bin/ls /bin/cat"]);
    terminal.line("/bin/id -g");

    let lines = end(running);
    let who = format!("root@{}", container.name);
    let seen: Vec<Shown<'_>> = lines.iter().map(|line| shown(line)).filter(|it| it.who == who).collect();
    let seen: Vec<(usize, &str)> = seen.iter().map(|it| (it.depth, it.command)).collect();
    let wanted = [
        (1, "cd /tmp"),
        (1, "/bin/id -u"),
        (1, "/bin/sh"),
        (2, "/bin/ls /etc"),
        (1, "/bin/ls /bin/ls"),
        (1, "/bin/id -g"),
    ];
    assert_eq!(seen, wanted, "{lines:#?}");
}
