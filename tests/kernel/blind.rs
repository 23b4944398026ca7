//! What hides the machine from a tracer: namespaces, a `/proc` that is another one or none, and a clock that is set. It is worked
//! around or said, and nothing is shown of one process that belongs to another.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tracer_tests::{command::Running, level, scratch::Scratch, session::Session, sys, wait};

/// A shell that runs already, and makes a call again and again.
struct Shell(Child);

impl Shell {
    fn start() -> Self {
        let script = "echo; while :; do umask >/dev/null; sleep 0.02; done";
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Its name, as the kernel says it.
    fn name(&self) -> String {
        fs::read_to_string(format!("/proc/{}/comm", self.pid())).unwrap().trim().to_owned()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

/// What is shown of a shell, and of a tracer itself.
const FORMAT: &str = "*%proc.pid %proc.name %proc.ppid %user.uid %proc.args %evt.type";
const FILTER: &str = "evt.type=umask or (proc.name=tracer and evt.type=epoll_pwait2)";

/// A tracer in a pid namespace of its own, in which it has the number that `shell` has on the machine; `before` is run first.
fn with_number_of(shell: &Shell, before: &str) -> Running {
    let script = format!(
        "{before}; echo $(({} - 1)) > /proc/sys/kernel/ns_last_pid; \"$@\" & test $! = {0} || echo another number; wait",
        shell.pid()
    );
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "sh", "-c", &script, "sh"]).arg(level::tracer());
    Running::start(command.args(["-M", "3", "-p", FORMAT, FILTER]))
}

/// The number that the machine has for the tracer that has this number in a namespace of its own.
fn number_of_tracer(inside: u32) -> u32 {
    wait::until("the tracer in its namespace", || {
        fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let mut numbers = line("NSpid:").split_ascii_whitespace().map(|number| number.parse::<u32>().unwrap());
            let outside = numbers.next()?;
            (line("Name:").trim() == "tracer" && numbers.next_back() == Some(inside)).then_some(outside)
        })
    })
}

#[test]
fn in_a_pid_namespace_the_process_of_its_own_number_is_seen_and_itself_is_not() {
    if !level::root_or_skip() || !level::file_or_skip("/proc/sys/kernel/ns_last_pid") {
        return;
    }
    let shell = Shell::start();
    let running = with_number_of(&shell, ":");
    let own = number_of_tracer(shell.pid());
    let output = running.end();
    assert!(output.status.success(), "{output:?}");
    let lines_of =
        |pid: u32| output.lines.iter().filter(|line| line.starts_with(&format!("{pid} "))).collect::<Vec<_>>();
    // Name, parent and user are those of the shell, and its arguments are not known: never those of the tracer.
    let right = format!("{} {} {} 0 <NA> umask", shell.pid(), shell.name(), std::process::id());
    let shown = lines_of(shell.pid());
    assert!(shown.len() > 20 && shown.iter().all(|line| **line == right), "{right:?}: {output:?}");
    assert!(lines_of(own).is_empty(), "{output:?}");
    assert!(!output.lines.contains(&"another number".to_owned()), "{output:?}");
    assert!(output.errors.contains("note: /proc belongs to a different pid namespace"), "{}", output.errors);
    assert!(output.errors.contains(", 0 lost"), "{}", output.errors);
}

#[test]
fn in_a_pid_namespace_proc_of_the_machine_is_found_where_it_is_mounted() {
    if !level::root_or_skip() || !level::file_or_skip("/proc/sys/kernel/ns_last_pid") {
        return;
    }
    let (shell, scratch) = (Shell::start(), Scratch::new());
    let at = scratch.path("proc");
    fs::create_dir(&at).unwrap();
    // unshare has mounted the namespace's own over it by then.
    let (at, machine) = (at.display(), "umount /proc");
    let running = with_number_of(&shell, &format!("{machine}; mount --bind /proc {at}; mount -t proc proc /proc"));
    let output = running.end();
    let right = format!("{} {} {} 0 -c ", shell.pid(), shell.name(), std::process::id());
    let shown: Vec<_> = output.lines.iter().filter(|line| line.starts_with(&format!("{} ", shell.pid()))).collect();
    assert!(shown.len() > 20 && shown.iter().all(|line| line.starts_with(&right)), "{right:?}: {output:?}");
    assert!(!output.errors.contains("note:"), "{}", output.errors);
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// Makes a call, and says when: before it, and after it.
fn call() -> (u64, u64) {
    let before = now_ns();
    let _ = sys!(SYS_getpgid, 0);
    (before, now_ns())
}

/// The filter of calls of this thread.
fn of_this_thread() -> String {
    format!("evt.type=getpgid and thread.tid={}", sys!(SYS_gettid))
}

/// Whether the times are those of the calls, each to a millisecond.
fn are_times_of(lines: &[String], calls: &[(u64, u64)]) -> bool {
    const OFF_NS: u64 = 1_000_000;
    let times: Vec<u64> = lines.iter().map(|line| line.trim().parse().unwrap()).collect();
    let mut pairs = times.iter().zip(calls);
    times.len() == calls.len() && pairs.all(|(time, (before, after))| (before - OFF_NS..=after + OFF_NS).contains(time))
}

#[test]
fn in_a_time_namespace_events_are_seen_at_their_times() {
    if !level::root_or_skip() || !level::file_or_skip("/proc/self/ns/time") {
        return;
    }
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    let back = -(uptime / 2.0) as i64;
    for offset in [5_000, back] {
        let mut command = Command::new("unshare");
        let offsets = [format!("--monotonic={offset}"), format!("--boottime={offset}")];
        command.args(["--time", "--fork"]).args(offsets).arg(level::tracer());
        command.args(["-M", "4", "-p", "*%evt.rawtime", &of_this_thread()]);
        let running = Running::start(&mut command);
        // It watches when it shows one.
        let mut calls = Vec::new();
        let first = wait::until("an event", || {
            calls.push(call());
            running.lines().next()
        });
        calls.extend((0..20).map(|_| call()));
        let mut output = running.end();
        output.lines.insert(0, first);
        let seen = calls.len().saturating_sub(output.lines.len());
        assert!(are_times_of(&output.lines, &calls[seen..]), "{offset}: {calls:?} {output:?}");
    }
}

/// Sets the wall clock forward, and back again when it is dropped.
struct Forward;

/// How far: less than other tests care for.
const FORWARD_NS: i64 = 300_000_000;

impl Forward {
    fn set() -> Option<Self> {
        step(FORWARD_NS).then_some(Self)
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        step(-FORWARD_NS);
    }
}

#[allow(unsafe_code, reason = "clocks through libc")]
fn step(by_ns: i64) -> bool {
    let ns = now_ns().wrapping_add_signed(by_ns);
    let time = libc::timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 };
    // SAFETY: the call reads from `time` only.
    unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const time) == 0 }
}

#[test]
fn when_the_clock_is_set_later_events_have_the_new_time_and_earlier_ones_keep_theirs() {
    if !level::root_or_skip() || !level::clock_or_skip() {
        return;
    }
    let session = Session::lines("%evt.rawtime", &of_this_thread());
    let mut calls = vec![call()];
    // Up to the moment: these are still on their way when the clock is set.
    calls.extend((0..5).map(|_| call()));
    let forward = Forward::set();
    thread::sleep(Duration::from_millis(20));
    calls.extend((0..5).map(|_| call()));
    drop(forward);
    thread::sleep(Duration::from_millis(20));
    calls.extend((0..5).map(|_| call()));
    let output = session.end();
    let lines: Vec<_> = output.lines.iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    assert!(are_times_of(&lines, &calls), "{calls:?} {output:?}");
}

#[test]
fn without_proc_what_is_missing_is_said_and_the_rest_is_right() {
    if !level::root_or_skip() {
        return;
    }
    let shell = Shell::start();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "umount -l /proc; exec \"$@\"", "sh"]).arg(level::tracer());
    let filter = format!("evt.type=umask and proc.pid={}", shell.pid());
    let output = Running::start(command.args(["-n", "10", "-p", FORMAT, &filter])).end();
    let right = format!("{} {} {} 0 <NA> umask", shell.pid(), shell.name(), std::process::id());
    assert!(output.lines.len() == 10 && output.lines.iter().all(|line| *line == right), "{right:?}: {output:?}");
    assert!(output.errors.contains("note: there is no /proc"), "{}", output.errors);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "umount -l /proc; exec \"$@\"", "sh"]).arg(level::tracer()).arg("--doctor");
    let output = Running::start(&mut command).end();
    assert!(output.lines.iter().any(|line| line.starts_with("warn processes: there is no /proc")), "{output:?}");
    assert!(!output.lines.iter().any(|line| line.starts_with("fail ")), "{output:?}");
}

#[test]
fn processes_that_proc_hides_are_said_to_be_hidden() {
    if !level::root_or_skip() || !level::program_or_skip("setpriv") {
        return;
    }
    let shell = Shell::start();
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+bpf,+perfmon,+dac_read_search \
                  --ambient-caps=+bpf,+perfmon,+dac_read_search";
    let script = format!("mount -t proc -o hidepid=2 proc /proc; exec {nobody} \"$@\"");
    let run = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh"]).arg(level::tracer()).args(arguments);
        Running::start(&mut command).end()
    };
    let filter = format!("evt.type=umask and proc.pid={}", shell.pid());
    let output = run(&["-n", "5", "-p", FORMAT, &filter]);
    let right = format!("{} {} {} 0 <NA> umask", shell.pid(), shell.name(), std::process::id());
    assert!(output.lines.len() == 5 && output.lines.iter().all(|line| *line == right), "{right:?}: {output:?}");
    assert!(output.errors.contains("note: /proc hides processes of other users"), "{}", output.errors);
    let output = run(&["--doctor"]);
    assert!(output.lines.iter().any(|line| line.starts_with("warn processes: /proc hides")), "{output:?}");
}
