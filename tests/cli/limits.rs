//! Limits of the machine: threads, memory, open files, and a root file system with nothing in it. What is missing is an error with
//! a remedy, never a panic.
#![allow(unsafe_code, reason = "limits of child processes")]

use std::{
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tracer_tests::{
    command::{Output, Running, tracer},
    level,
    scratch::Scratch,
};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");

/// Limits the memory of a command, bytes.
pub(super) fn with_memory(command: &mut Command, bytes: u64) {
    limit_to(command, libc::RLIMIT_AS, bytes);
}

fn limit_to(command: &mut Command, resource: libc::__rlimit_resource_t, limit: u64) {
    let set = move || {
        let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
        // SAFETY: the call reads from `limit` only.
        if unsafe { libc::setrlimit(resource, &raw const limit) } == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    // SAFETY: one system call between fork and exec.
    unsafe { command.pre_exec(set) };
}

/// A command under a limit.
fn limited(command: &mut Command, resource: libc::__rlimit_resource_t, limit: u64) -> Output {
    limit_to(command, resource, limit);
    Running::start(command.env("RUST_BACKTRACE", "0").stdin(Stdio::null())).end()
}

/// It worked, or failed with a remedy; returns whether it worked.
#[track_caller]
fn ends_well(output: &Output, remedy: &str) -> bool {
    let errors = &output.errors;
    assert!(!errors.contains("panicked") && !errors.contains("memory allocation of"), "{errors}");
    match output.status.code() {
        Some(0) => true,
        Some(1) => {
            assert!(
                errors.starts_with("tracer: ") && errors.contains("\nhint: ") && errors.contains(remedy),
                "{errors}"
            );
            false
        }
        code => panic!("{code:?} {:?}: {errors}", output.status),
    }
}

#[test]
fn without_threads_there_is_a_remedy() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (binary, capture) = (scratch.path("tracer"), scratch.path("capture"));
    fs::copy(level::tracer(), &binary).unwrap();
    fs::copy(SAMPLE, &capture).unwrap();
    fs::create_dir(scratch.path("out")).unwrap();
    std::os::unix::fs::chown(scratch.path("out"), Some(61_235), None).unwrap();
    let run = |words: &[&str], threads| {
        let mut command = Command::new(&binary);
        command.current_dir(scratch.dir()).args(["-r", "capture"]).args(words);
        limited(command.uid(61_235).gid(61_235), libc::RLIMIT_NPROC, threads)
    };
    // The process itself, the one that reads, and those that the words ask for.
    for (words, threads) in [(&["-q"][..], 2), (&["-q", "-P"], 3), (&["-w", "out/x"], 3), (&["-c", "topprocs_cpu"], 2)]
    {
        assert!(!ends_well(&run(words, 1), "RLIMIT_NPROC"), "{words:?}");
        assert!(ends_well(&run(words, threads), ""), "{words:?}");
        // Whether one has ended when the next begins, nobody knows.
        for limit in 2..threads {
            let _ = ends_well(&run(words, limit), "RLIMIT_NPROC");
        }
    }
}

/// A cgroup with a limit of threads; `None` where the controller is not to be had.
struct Pids(PathBuf);

impl Pids {
    fn new() -> Option<Self> {
        let roots = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(PathBuf::from);
        let group = roots.map(|root| root.join(format!("tracer-test-{}", std::process::id())));
        let group = group.into_iter().find(|group| fs::create_dir(group).is_ok() && group.join("pids.max").exists());
        group.map(Self)
    }

    /// Runs a command that may have so many threads.
    fn run(&self, words: &[&str], threads: usize) -> Output {
        fs::write(self.0.join("pids.max"), threads.to_string()).unwrap();
        let script = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", self.0.display());
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]).arg(level::tracer()).args(words).env("RUST_BACKTRACE", "0");
        Running::start(command.stdin(Stdio::null())).end()
    }
}

impl Drop for Pids {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_live_run_and_the_doctor_without_threads_have_a_remedy() {
    if !level::root_or_skip() {
        return;
    }
    let Some(pids) = Pids::new() else { return println!("skipped: there is no controller of threads") };
    for words in [&["-n", "1", "-q"][..], &["-n", "1", "-c", "topfiles_bytes", "-c", "spy_users"]] {
        let worked: Vec<bool> = (1..16).map(|threads| ends_well(&pids.run(words, threads), "pids.max")).collect();
        assert!(worked.ends_with(&[true]), "{words:?}: {worked:?}");
    }
    for threads in 1..16 {
        let output = pids.run(&["--doctor"], threads);
        assert!(
            !output.errors.contains("panicked") && output.status.code().is_some_and(|it| it < 2),
            "{}",
            output.errors
        );
    }
}

#[test]
fn a_limit_of_the_size_of_files_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.path("x");
    let output = limited(&mut tracer(["-r", SAMPLE, "-w", path.to_str().unwrap()]), libc::RLIMIT_FSIZE, 4096);
    assert_eq!(output.status.code(), Some(1), "{:?}: {}", output.status, output.errors);
    assert!(output.errors.contains("too large"), "{}", output.errors);
}

#[test]
fn without_memory_there_is_a_remedy() {
    if !level::static_or_skip() {
        return;
    }
    let mut failed = 0;
    for megabytes in (26..60).step_by(2) {
        for words in [&["-r", SAMPLE, "-q"][..], &["-r", SAMPLE, "-c", "topprocs_cpu"], &["--list"]] {
            let output = limited(&mut tracer(words.iter().copied()), libc::RLIMIT_AS, megabytes << 20);
            // The kernel ends what it cannot load.
            if std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(libc::SIGSEGV)
                && output.errors.is_empty()
            {
                continue;
            }
            failed += usize::from(!ends_well(&output, "memory"));
        }
    }
    assert!(failed > 0, "no limit was too small");
}

#[test]
fn without_memory_for_a_live_run_there_is_a_remedy() {
    if !level::root_or_skip() || !level::static_or_skip() {
        return;
    }
    let mut failed = 0;
    for megabytes in [40, 60, 80, 100, 150] {
        let output = limited(&mut tracer(["-q", "-M", "0.1"]), libc::RLIMIT_AS, megabytes << 20);
        failed += usize::from(!ends_well(&output, "memory"));
    }
    assert!(failed > 0, "no limit was too small");
}

#[test]
fn without_open_files_there_is_a_remedy() {
    if !level::static_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path("x");
    let words = ["-r", SAMPLE, "-q", "-w", path.to_str().unwrap(), "-e", "100"];
    let reading: Vec<_> =
        (3..12).map(|files| ends_well(&limited(&mut tracer(words), libc::RLIMIT_NOFILE, files), "ulimit -n")).collect();
    assert!(reading.contains(&false) && reading.ends_with(&[true]), "{reading:?}");
    if !level::root_or_skip() {
        return;
    }
    let live = |files| limited(&mut tracer(["-q", "-M", "0.1"]), libc::RLIMIT_NOFILE, files);
    let tracing: Vec<_> = (3..80).step_by(4).map(|files| ends_well(&live(files), "ulimit -n")).collect();
    assert!(tracing.contains(&false) && tracing.ends_with(&[true]), "{tracing:?}");
}

/// A root file system with the binary and a capture.
fn bare(folder: &Path) {
    fs::copy(level::tracer(), folder.join("tracer")).unwrap();
    fs::copy(SAMPLE, folder.join("capture")).unwrap();
    fs::create_dir(folder.join("out")).unwrap();
}

#[test]
fn every_chisel_runs_where_there_is_no_dev() {
    if !level::root_or_skip() || !level::static_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    bare(scratch.dir());
    let folder = scratch.c_path("");
    let run = |words: &[&str]| {
        let mut command = Command::new("/tracer");
        command.args(words).stdin(Stdio::null()).env_clear();
        let folder = folder.clone();
        // SAFETY: system calls between fork and exec, with a text that is alive.
        unsafe {
            command.pre_exec(move || {
                if libc::chroot(folder.as_ptr()) == 0 && libc::chdir(c"/".as_ptr()) == 0 {
                    Ok(())
                } else {
                    Err(io::Error::last_os_error())
                }
            });
        }
        Running::start(&mut command).end()
    };
    let shelf = concat!(env!("CARGO_MANIFEST_DIR"), "/../chisels");
    let names: Vec<_> = fs::read_dir(shelf)
        .unwrap()
        .filter_map(|it| Some(it.unwrap().file_name().to_str()?.strip_suffix(".rhai")?.to_owned()))
        .collect();
    assert!(names.len() > 50);
    for name in names {
        let here = run(&["-r", "/capture", "-c", &name]);
        // It reads files of a host, and there is none here.
        if here.errors.contains("this chisel works only on a running machine") {
            continue;
        }
        let here = match here.status.code() {
            Some(2) => run(&["-r", "/capture", "-c", &name, argument(&name)]),
            _ => here,
        };
        assert_eq!(here.status.code(), Some(0), "{name}: {}", here.errors);
    }
    // A script of one's own, and what is written.
    fs::write(
        scratch.path("own.rhai"),
        "chisel(#{ summary: \"x\" });\nlet n = #{};\nfn on_event(e) { this.n[\"a\"] = 1; }\n",
    )
    .unwrap();
    assert!(run(&["-r", "/capture", "-c", "/own.rhai", "-w", "/out/x", "-e", "100", "-z"]).status.success());
}

/// What a chisel takes that takes something.
fn argument(name: &str) -> &'static str {
    match name {
        "around" => "/out/excerpt 100",
        "udp_extract" => "/out/udp",
        "spy_ip" => "127.0.0.1",
        "spy_file" => "R passwd",
        "fdbytes_by" | "fdcount_by" | "fdtime_by" => "fd.name",
        _ => "80",
    }
}
