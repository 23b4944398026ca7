//! Boots other kernels in qemu and runs a smoke test of the static tracer and the kernel level of the tests on each.
//!
//! No disk and no KVM are needed: the initramfs holds busybox, tracer, a workload and `xtask/vm/{init,smoke.sh}`, and
//! the guest reports on its serial console, a line `VM-RESULT pass|fail NAME` for each check and `VM-END` at the end.
//! A guest that ends without that line, or in which nothing was checked, has failed.
//!
//! One more guest has a Docker engine of its own, for what cannot be asked of the machine that builds.

mod attach;
mod docker;
mod kernels;
mod root;

use std::{
    fs,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use self::kernels::Kernel;
use crate::{
    command::{find_program, say, target_dir},
    page, setup, sys,
};

/// What to boot.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Only these of Debian's kernels: 6.1, 6.12, newest
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Boot this kernel image instead
    #[arg(long, value_name = "VMLINUZ")]
    kernel: Option<PathBuf>,
    /// Run this script in the guest instead of the smoke test
    #[arg(long, value_name = "SCRIPT")]
    smoke: Option<PathBuf>,
    /// Run only the smoke test, without the kernel level of the tests
    #[arg(long)]
    smoke_only: bool,
    /// Only the tests of the kernel level whose names contain this
    #[arg(long, value_name = "PART", conflicts_with_all = ["smoke", "smoke_only", "write"])]
    tests: Option<String>,
    /// Only the guest with a Docker engine
    #[arg(long, conflicts_with_all = ["smoke", "smoke_only", "tests", "attach", "write"])]
    docker: bool,
    /// Only attach and detach hooks again and again, with this
    #[arg(long, value_name = "WITH", conflicts_with_all = ["smoke", "tests", "write"])]
    attach: Option<attach::With>,
    /// Boot each kernel this often
    #[arg(long, requires = "attach", default_value_t = 50)]
    boots: u32,
    /// Attach and detach this often in each boot
    #[arg(long, requires = "attach", default_value_t = 20)]
    loops: u32,
    /// Give each emulated processor a thread of its own: they race over code that the kernel changes
    #[arg(long)]
    race: bool,
    /// Put what the verifiers said into docs/kernels.md
    #[arg(long)]
    write: bool,
    /// Seconds that one guest may take
    #[arg(long, default_value_t = 900)]
    timeout: u64,
}

/// What is booted.
#[derive(Debug)]
struct Guest<'a> {
    /// What its lines and its log are called.
    label: String,
    kernel: &'a Kernel,
    initramfs: &'a Path,
    memory_mib: u32,
}

/// What a guest reported.
#[derive(Debug, Default)]
struct Report {
    passed: Vec<String>,
    failed: Vec<String>,
    ended: bool,
    /// How often hooks were attached and detached.
    loops: u64,
    /// What the kernel said when it stopped.
    oops: Vec<String>,
    /// Release of the kernel.
    release: String,
    /// Instructions that the verifier went through, by program, in the order of the guest's report.
    verified: Vec<(String, u64)>,
}

/// The page that tells of kernels.
const PAGE: &str = "docs/kernels.md";

/// `cargo xtask vm`.
pub(crate) fn task(options: &Options) -> Result<()> {
    let start = Instant::now();
    if std::env::consts::ARCH != "x86_64" {
        bail!("vm knows only x86-64 kernels");
    }
    let has_docker =
        options.smoke.is_none() && options.tests.is_none() && !options.smoke_only && options.attach.is_none();
    setup::task(&setup::Options { vm: true, engine: has_docker, ..setup::Options::default() })?;
    let folder = target_dir().join("vm");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let kernels = || match &options.kernel {
        Some(image) => Ok(vec![Kernel { label: "given".to_owned(), image: image.clone() }]),
        None => kernels::debian(&folder, &options.only),
    };
    // Fetching waits for the archive, building does not.
    let (kernels, archives) = thread::scope(|scope| {
        let kernels = scope.spawn(kernels);
        let archives = || -> Result<_> {
            let usual = if options.docker { None } else { Some(root::initramfs(&folder, options)?) };
            Ok((usual, if has_docker { Some(docker::initramfs(&folder)?) } else { None }))
        };
        let archives = archives();
        (kernels.join().expect("nothing there panics"), archives)
    });
    let (kernels, (usual, docker)) = (kernels?, archives?);
    let usual = usual.as_deref();

    if options.attach.is_some() {
        let figures: Vec<attach::Figures> = thread::scope(|scope| {
            let guests = kernels.iter().zip(usual.into_iter().cycle());
            let examine = |(kernel, archive)| attach::examine(kernel, archive, options, &folder);
            let examined: Vec<_> = guests.map(|guest| scope.spawn(move || examine(guest))).collect();
            examined.into_iter().map(|figures| figures.join().expect("nothing there panics")).collect::<Result<_>>()
        })?;
        return attach::sum_up(kernels.iter().zip(&figures));
    }
    let of_kernels = kernels.iter().zip(usual.into_iter().cycle());
    let of_kernels = of_kernels.map(|(kernel, initramfs)| Guest {
        label: kernel.label.clone(),
        kernel,
        initramfs,
        memory_mib: root::MEMORY_MIB,
    });
    let with_docker = docker.as_deref().and_then(|initramfs| docker::guest(&kernels, initramfs));
    let guests: Vec<Guest<'_>> = of_kernels.chain(with_docker).collect();
    // All at once: a guest alone has times in which it waits.
    let reports: Vec<Report> = thread::scope(|scope| {
        let examine = |guest| examine(guest, options, &folder);
        let examined: Vec<_> = guests.iter().map(|guest| scope.spawn(move || examine(guest))).collect();
        examined.into_iter().map(|report| report.join().expect("nothing there panics")).collect::<Result<_>>()
    })?;
    let passed: usize = reports.iter().map(|report| report.passed.len()).sum();
    let failed: usize = reports.iter().map(|report| report.failed.len()).sum();
    if options.write {
        page::fill(PAGE, "vm", &table(&reports[..kernels.len()]))?;
        say(format!("wrote {PAGE}"));
    }
    say(format!(
        "vm: {passed} passed, {failed} failed in {} guests in {:.0} s",
        guests.len(),
        start.elapsed().as_secs_f64()
    ));
    if failed > 0 || passed == 0 {
        bail!("vm failed");
    }
    Ok(())
}

/// Boots a guest and says what came of it.
fn examine(guest: &Guest<'_>, options: &Options, folder: &Path) -> Result<Report> {
    let label = &guest.label;
    let log = folder.join(format!("{label}.log"));
    let begin = Instant::now();
    let report = boot(guest, options, &log)?;
    let (passed, failed) = (report.passed.len(), report.failed.len());
    println!("vm {label}: {passed} passed, {failed} failed in {:.0} s", begin.elapsed().as_secs_f64());
    if failed > 0 {
        println!("vm {label}: failed: {}\nvm {label}: see {}", report.failed.join(", "), log.display());
    }
    Ok(report)
}

/// Programs and what the verifier of each kernel went through.
fn table(reports: &[Report]) -> String {
    let names: Vec<&String> =
        reports.first().map_or_else(Vec::new, |report| report.verified.iter().map(|(name, _)| name).collect());
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let heads = reports.iter().map(|report| report.release.clone());
    let mut text = row(std::iter::once("program".to_owned()).chain(heads).collect());
    text += &row(vec!["---".to_owned(); reports.len() + 1]);
    let count = |report: &Report, name: &str| {
        let found = report.verified.iter().find(|(program, _)| program == name);
        found.map_or_else(|| "not there".to_owned(), |(_, count)| count.to_string())
    };
    for name in names {
        let counts = reports.iter().map(|report| count(report, name));
        text += &row(std::iter::once(format!("`{name}`")).chain(counts).collect());
    }
    let sums = reports.iter().map(|report| report.verified.iter().map(|(_, count)| count).sum::<u64>().to_string());
    text + &row(std::iter::once("all".to_owned()).chain(sums).collect())
}

/// Boots a guest and reads what it reports until it powers off, or until time is up.
fn boot(guest: &Guest<'_>, options: &Options, log: &Path) -> Result<Report> {
    let qemu = find_program("qemu-system-x86_64").context("qemu-system-x86_64 is not installed")?;
    let mut command = Command::new(qemu);
    command.args([
        // One thread for all processors. The kernel writes a breakpoint over code that it changes, as it does for each hook; with a
        // thread for each, an emulated processor may run into it when it is gone already (`Oops: int3`). No real one does.
        "-accel",
        if options.race { "tcg,thread=multi" } else { "tcg,thread=single" },
        // With an instruction for random numbers: a guest without one waits minutes for its first.
        "-cpu",
        "max",
        "-smp",
        "2",
        "-m",
        &guest.memory_mib.to_string(),
        "-nographic",
        "-no-reboot",
        "-nodefaults",
        "-serial",
        "stdio",
    ]);
    // The timer is not tested, because the emulated one is late when the machine is busy: then the kernel would not start.
    let mut line = "console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check".to_owned();
    // What the kernel does not know becomes a variable of the first process.
    if let Some(part) = &options.tests {
        line += &format!(" TESTS={part}");
    }
    if let Some(with) = options.attach {
        line += &format!(" oops=panic WITH={} LOOPS={}", with.word(), options.loops);
    }
    command.args(["-append", &line]);
    command.arg("-kernel").arg(&guest.kernel.image).arg("-initrd").arg(guest.initramfs);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log.with_extension("qemu.log"))?);
    if options.attach.is_none() {
        say(format!("booting {}", guest.label));
    }
    let mut machine = sys::as_service(&mut command).spawn().context("cannot run qemu")?;
    let console = machine.stdout.take().context("qemu has no console")?;
    let (send, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
            if send.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                break;
            }
        }
    });

    let mut log_file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut report = Report::default();
    let timeout = Duration::from_secs(options.timeout);
    let deadline = Instant::now() + timeout;
    let mut late = false;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                writeln!(log_file, "{line}").context("cannot write the log")?;
                report.take(&guest.label, &line);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                late = true;
                break;
            }
        }
    }
    let _ = machine.kill();
    let _ = machine.wait();
    drop(lines);
    let _ = reader.join();
    if late {
        report.failed.push(format!("the guest was not done after {timeout:?}"));
    } else if !report.ended {
        report.failed.push("the guest stopped before its end".to_owned());
    } else if report.passed.is_empty() && report.failed.is_empty() {
        report.failed.push("the guest checked nothing".to_owned());
    }
    Ok(report)
}

impl Report {
    /// Takes in one line of the console, and shows those that matter.
    fn take(&mut self, label: &str, line: &str) {
        // The lines of a kernel that stops after it has started its first process.
        if !self.release.is_empty() && (line.contains("Oops:") || line.contains("Kernel panic")) {
            self.oops.push(line.to_owned());
        }
        // Something without a line end may stand before: the firmware, or a program that was stopped.
        if let Some((_, result)) = line.split_once("VM-RESULT ") {
            println!("vm {label}: {result}");
            match result.split_once(' ') {
                Some(("pass", name)) => self.passed.push(name.to_owned()),
                Some((_, name)) => self.failed.push(name.to_owned()),
                None => self.failed.push(result.to_owned()),
            }
        } else if let Some((_, release)) = line.split_once("VM-SAYS kernel ") {
            println!("vm {label}:   kernel {release}");
            release.clone_into(&mut self.release);
        } else if let Some((name, count)) = line.split_once("VM-VERIFIED ").and_then(|(_, fact)| fact.split_once(' ')) {
            self.verified.push((name.to_owned(), count.trim().parse().unwrap_or(0)));
        } else if let Some((_, text)) = line.split_once("VM-SAYS ") {
            println!("vm {label}:   {text}");
        } else if line.contains("VM-LOOP") {
            self.loops += 1;
        } else if line.contains("VM-END") {
            self.ended = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_lines_become_a_report() {
        let mut report = Report::default();
        for line in ["\u{1b}[2JVM-RESULT pass one", "VM-RESULT fail two three", "noise", "VM-END"] {
            report.take("test", line);
        }
        for line in ["VM-SAYS kernel 6.1.0", "VM-VERIFIED sys_exit 123"] {
            report.take("test", line);
        }
        assert_eq!(table(&[report]), "| program | 6.1.0 |\n| --- | --- |\n| `sys_exit` | 123 |\n| all | 123 |\n");
        let mut report = Report::default();
        for line in ["VM-RESULT pass one", "VM-RESULT fail two three", "VM-END"] {
            report.take("test", line);
        }
        assert_eq!((report.passed, report.failed), (vec!["one".to_owned()], vec!["two three".to_owned()]));
        assert!(report.ended);
    }
}
