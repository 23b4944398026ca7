//! What watches a load: nothing, tracer in its ways, and its peers.

use std::{
    fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{find_program, output, shown, target_dir},
    sys,
};

/// The case that all others are compared with.
pub(super) const UNTRACED: &str = "untraced";
/// The case with a program that does nothing at the end of each call.
pub(super) const EMPTY: &str = "empty exit program";

/// Something that watches.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) name: &'static str,
    /// The command that watches the whole machine; `TRACER` is the binary under test, `CAPTURE` a file that it writes. None:
    /// nothing runs beside.
    beside: &'static [&'static str],
    /// The command that starts the load itself, with the same words.
    around: &'static [&'static str],
    /// It gets a load that is this much smaller, being so much slower.
    pub(super) shrink: u32,
    /// Whether it is measured with the paced load, too, which takes half a minute.
    pub(super) paced: bool,
}

/// Something that runs beside the load.
pub(super) const fn beside(name: &'static str, beside: &'static [&'static str]) -> Observer {
    Observer { name, beside, around: &[], shrink: 1, paced: false }
}

/// Something that starts the load itself, which is divided by `shrink`.
const fn around(name: &'static str, around: &'static [&'static str], shrink: u32) -> Observer {
    Observer { name, beside: &[], around, shrink, paced: false }
}

impl Observer {
    const fn paced(self) -> Self {
        Self { paced: true, ..self }
    }
}

/// All that is measured, in the order of the report.
pub(super) const OBSERVERS: &[Observer] = &[
    beside(UNTRACED, &[]).paced(),
    beside(EMPTY, &["TRACER", "--bench-empty"]),
    beside("tracer, nothing matches", &["TRACER", "proc.name=nosuch"]).paced(),
    beside("tracer, nothing matches, no names", &["TRACER", "-p", "%evt.type %proc.name", "proc.name=nosuch"]),
    beside("tracer --no-pushdown, nothing matches", &["TRACER", "--no-pushdown", "proc.name=nosuch"]),
    beside("tracer, everything, no payload", &["TRACER", "-q", "-s", "0"]).paced(),
    beside("tracer, everything", &["TRACER"]),
    beside("tracer, everything, with latency", &["TRACER", "-q", "-s", "0", "evt.latency exists"]),
    beside("tracer -c topprocs_cpu", &["TRACER", "-c", "topprocs_cpu"]),
    beside("tracer -c topprocs_net", &["TRACER", "-c", "topprocs_net"]),
    beside("tracer -c topprocs_net -c topprocs_cpu", &["TRACER", "-c", "topprocs_net", "-c", "topprocs_cpu"]),
    beside(
        "tracer -c topscalls -c topcontainers_net -c topprocs_cpu",
        &["TRACER", "-c", "topscalls", "-c", "topcontainers_net", "-c", "topprocs_cpu"],
    ),
    beside(
        "tracer -c topscalls -c topprocs_file -c topcontainers_net",
        &["TRACER", "-c", "topscalls", "-c", "topprocs_file", "-c", "topcontainers_net"],
    ),
    beside("tracer -c topprocs_file", &["TRACER", "-c", "topprocs_file"]),
    beside("tracer -c topcontainers_cpu", &["TRACER", "-c", "topcontainers_cpu"]),
    beside("tracer -c topcontainers_net", &["TRACER", "-c", "topcontainers_net"]).paced(),
    beside("tracer -c topcontainers_file", &["TRACER", "-c", "topcontainers_file"]),
    beside("tracer -c topconns", &["TRACER", "-c", "topconns"]),
    beside("tracer -c topconns fd.l4proto=tcp", &["TRACER", "-c", "topconns", "fd.l4proto=tcp"]),
    beside("tracer --no-pushdown -c topconns", &["TRACER", "--no-pushdown", "-c", "topconns"]),
    beside("tracer -c topfiles_bytes", &["TRACER", "-c", "topfiles_bytes"]),
    beside("tracer -c topscalls", &["TRACER", "-c", "topscalls"]),
    beside("tracer top -v procs", &["TRACER", "top", "-j", "-v", "procs"]),
    beside("tracer top -v syscalls", &["TRACER", "top", "-j", "-v", "syscalls"]),
    beside("tracer top -v containers", &["TRACER", "top", "-j", "-v", "containers"]),
    beside("tracer serve", &["TRACER", "serve", "--listen", "127.0.0.1:0"]),
    beside("tracer serve --metrics=basic", &["TRACER", "serve", "--listen", "127.0.0.1:0", "--metrics=basic"]),
    beside("tracer --no-pushdown -c topscalls", &["TRACER", "--no-pushdown", "-c", "topscalls"]),
    beside("tracer -w", &["TRACER", "-w", "CAPTURE"]).paced(),
    beside("tracer -w --no-latency", &["TRACER", "-w", "CAPTURE", "--no-latency"]).paced(),
    beside("tracer -w -z", &["TRACER", "-w", "CAPTURE", "-z"]),
    beside("tracer -w --compress=zstd", &["TRACER", "-w", "CAPTURE", "--compress=zstd"]),
    beside("tracer -c spy_users", &["TRACER", "-c", "spy_users"]),
    beside(
        "bpftrace @[comm] = count()",
        &["bpftrace", "-e", "tracepoint:raw_syscalls:sys_exit { @[comm] = count(); }"],
    ),
    around("tracer run -w", &["TRACER", "run", "-w", "CAPTURE", "--"], 1),
    around("tracer run, lines", &["TRACER", "run", "-o", "/dev/null", "--"], 1),
    around("tracer run --strace", &["TRACER", "run", "--strace", "-o", "/dev/null", "--"], 1),
    Observer { name: "perf trace -s", beside: &["perf", "trace", "-a", "-s"], around: &[], shrink: 20, paced: false },
    around("strace -f -c", &["strace", "-f", "-c", "-o", "/dev/null"], 20),
    around("strace -f -o", &["strace", "-f", "-o", "CAPTURE"], 20),
];

/// The observer of that name.
pub(super) fn named(name: &str) -> Result<&'static Observer> {
    OBSERVERS.iter().find(|observer| observer.name == name).with_context(|| format!("no observer '{name}'"))
}

/// What is measured, and what it needs to know of the machine.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// The binary under test.
    pub(super) tracer: PathBuf,
    /// The engine that runs containers, where it is not in the usual place.
    pub(super) docker_host: Option<String>,
}

/// An observer at work.
pub(super) struct Running {
    child: Option<Child>,
    /// What it says of errors and at its end.
    said: PathBuf,
    /// What it captures, if it does.
    capture: PathBuf,
}

/// What an observer said at its end.
#[derive(Debug, Default)]
pub(super) struct End {
    /// Events that it saw.
    pub(super) seen: Option<u64>,
    /// Events that it lost.
    pub(super) lost: Option<u64>,
    /// Of the capture that it wrote.
    pub(super) bytes_per_event: Option<f64>,
    pub(super) max_rss_kib: u64,
}

const START_TIMEOUT: Duration = Duration::from_secs(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

impl Observer {
    /// Whether its program is here.
    pub(super) fn installed(&self) -> bool {
        self.beside
            .iter()
            .chain(self.around)
            .next()
            .is_none_or(|name| *name == "TRACER" || find_program(name).is_some())
    }

    /// Whether it is the binary under test.
    pub(super) fn is_tracer(&self) -> bool {
        self.beside.first() == Some(&"TRACER")
    }

    /// The load as this observer runs it.
    pub(super) fn wrap(&self, load: &[String], subject: &Subject, running: &Running) -> Result<Command> {
        let around = self.around.iter().map(|word| match *word {
            "TRACER" => subject.tracer.as_os_str(),
            "CAPTURE" => running.capture.as_os_str(),
            word => word.as_ref(),
        });
        let mut words = around.chain(load.iter().map(AsRef::as_ref));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !self.around.is_empty() {
            command.stderr(File::create(&running.said)?);
        }
        Ok(command)
    }

    /// Starts what runs beside, and waits until it is attached. What it prints is dropped.
    pub(super) fn start(&self, subject: &Subject) -> Result<Running> {
        self.start_with(subject, &[], Stdio::null())
    }

    /// Like [`Observer::start`], but with more options before its own, and what it prints goes somewhere.
    pub(super) fn start_with(&self, subject: &Subject, more: &[String], stdout: Stdio) -> Result<Running> {
        let (folder, captures) = (target_dir().join("xtask"), capture_folder());
        let file: String = self.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let said = folder.join(format!("{file}.stderr"));
        let capture = captures.join(format!("tracer-bench-{}.scap", std::process::id()));
        let mut running = Running { child: None, said, capture };
        for folder in [&folder, &captures] {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let Some((program, arguments)) = self.beside.split_first() else { return Ok(running) };
        let mut command =
            Command::new(if *program == "TRACER" { subject.tracer.as_os_str() } else { program.as_ref() });
        let arguments =
            arguments.iter().map(|word| if *word == "CAPTURE" { running.capture.as_os_str() } else { word.as_ref() });
        command.args(more).args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(File::create(&running.said)?);
        if let Some(host) = &subject.docker_host {
            command.env("DOCKER_HOST", host);
        }
        let child =
            sys::as_service(&mut command).spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
        running.child = Some(child);
        running.wait_until_attached().with_context(|| format!("`{}` does not trace", shown(&command)))?;
        Ok(running)
    }
}

impl Running {
    fn wait_until_attached(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else { return Ok(()) };
        let fds = Path::new("/proc").join(child.id().to_string()).join("fd");
        let deadline = Instant::now() + START_TIMEOUT;
        while !holds_link(&fds) {
            if let Some(status) = child.try_wait()? {
                bail!("it ended at once ({status}): {}", fs::read_to_string(&self.said).unwrap_or_default().trim());
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                bail!("nothing is attached after {START_TIMEOUT:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        // The first of several programs is attached: the others follow at once.
        thread::sleep(Duration::from_millis(300));
        Ok(())
    }

    /// Its process; none if nothing runs beside.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// CPU time that it has used so far.
    pub(super) fn cpu(&self) -> Duration {
        self.child.as_ref().map_or(Duration::ZERO, |child| cpu_of(child.id()))
    }

    /// Ends it as Ctrl-C does.
    pub(super) fn stop(&mut self) -> Result<End> {
        let Some(child) = self.child.take() else { return Ok(self.end(0)) };
        sys::signal(&child, libc::SIGINT).context("cannot stop the observer")?;
        let stat = format!("/proc/{}/stat", child.id());
        let deadline = Instant::now() + STOP_TIMEOUT;
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            if Instant::now() > deadline {
                sys::signal(&child, libc::SIGKILL)?;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let usage = sys::wait(child).context("cannot wait for the observer")?;
        let end = self.end(usage.max_rss_kib);
        if !usage.status.success() && end.seen.is_none() && usage.status.code() != Some(130) {
            let said = fs::read_to_string(&self.said).unwrap_or_default();
            crate::command::say(format!("bench: the observer ended with {}: {}", usage.status, said.trim()));
        }
        Ok(end)
    }

    /// What it said at its end; what it wrote is removed.
    fn end(&self, max_rss_kib: u64) -> End {
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        let count = |what| said.lines().rev().find_map(|line| number_before(line, what));
        let bytes = fs::metadata(&self.capture).ok().map(|metadata| metadata.len());
        if bytes.is_some() {
            let _ = fs::remove_file(&self.capture);
        }
        let bytes_per_event =
            bytes.zip(count(" written in")).map(|(bytes, events)| bytes as f64 / events.max(1) as f64);
        End { seen: count(" events seen"), lost: count(" lost"), bytes_per_event, max_rss_kib }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Where captures go: memory, so that no disk is measured, where there is enough of it for half a minute of a million events a
/// second.
fn capture_folder() -> PathBuf {
    const ENOUGH: u64 = 4 << 30;
    let free = |folder: &str| {
        let said = output(Command::new("stat").args(["-f", "-c", "%T %a %S", folder])).ok()?;
        let mut words = said.split_whitespace();
        let kind = words.next()?;
        let (blocks, size) = (words.next()?.parse::<u64>().ok()?, words.next()?.parse::<u64>().ok()?);
        (kind == "tmpfs").then(|| blocks.saturating_mul(size))
    };
    let memory = ["/dev/shm", "/run", "/tmp"].into_iter().find(|folder| free(folder).is_some_and(|free| free > ENOUGH));
    memory.map_or_else(|| target_dir().join("bench"), PathBuf::from)
}

/// Whether a process has a BPF link or a perf event open: it is attached to something.
fn holds_link(fds: &Path) -> bool {
    let Ok(entries) = fs::read_dir(fds) else { return false };
    entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| {
        let target = target.to_string_lossy();
        target.contains("bpf_link") || target.contains("bpf-link") || target.contains("[perf_event]")
    })
}

/// CPU time that a process has used so far.
pub(super) fn cpu_of(pid: u32) -> Duration {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| parse_cpu(&stat)).unwrap_or_default()
}

/// User and kernel time of `/proc/PID/stat`, in ticks of 10 ms; proc(5), fields 14 and 15.
fn parse_cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// The number right before `what` in a line; it may have `,` or `_` between its digits.
pub(super) fn number_before(line: &str, what: &str) -> Option<u64> {
    let before = &line[..line.find(what)?];
    let from = before.rfind(|c: char| !c.is_ascii_digit() && c != ',' && c != '_').map_or(0, |at| at + 1);
    before[from..].replace([',', '_'], "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_read() {
        let line = "tracer: 1,234 events seen, 0 shown, 56 lost (ring full 56)";
        assert_eq!(number_before(line, " events seen"), Some(1234));
        assert_eq!(number_before(line, " lost"), Some(56));
        assert_eq!(number_before("nothing lost", " lost"), None);
    }

    #[test]
    fn cpu_time_is_read_behind_any_name() {
        let stat = "7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 12 30 0 0 20 0 1 0 5 0 0";
        assert_eq!(parse_cpu(stat), Some(Duration::from_millis(420)));
    }
}
