//! Which tests can run here, and where the binary under test is.
//!
//! Under plain `cargo test` a test that needs root or a Docker engine says why it skips and passes. Under
//! `cargo xtask test`, which sets `TRACER_TEST_LEVEL=all`, the same is a failure.

use std::{env, fs, io::Write as _, os::unix::fs::MetadataExt as _, path::PathBuf, process::Command};

/// Whether a skipped test is a failure.
fn all() -> bool {
    env::var_os("TRACER_TEST_LEVEL").is_some_and(|level| level == "all")
}

/// Says why a test skips; a panic where nothing may be skipped.
fn skip(reason: &str) -> bool {
    assert!(!all(), "a test would be skipped: {reason}");
    // Written to the stream itself: the test runner swallows `eprintln!` of tests that pass.
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "skipped {test}: {reason}");
    false
}

/// Whether the kernel of this guest may skip programs (docs/kernels.md): such losses are then no fault of the tracer.
#[must_use]
pub fn programs_may_be_skipped() -> bool {
    env::var_os("TRACER_TEST_SKIPPED_PROGRAMS").is_some()
}

/// Whether this test may load programs into the kernel: `if !root_or_skip() { return; }`.
#[must_use]
pub fn root_or_skip() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    root || skip("needs root (run as root, or cargo xtask test)")
}

/// Whether the tests run as root, on a kernel with the hooks of sockets. Older kernels are none that a test has to be run on.
#[must_use]
pub fn socket_hooks_or_skip() -> bool {
    let has_hooks = tracer::source::live::groups::has_socket_hooks();
    if !has_hooks {
        println!("skipped: the kernel has no socket hooks");
    }
    root_or_skip() && has_hooks
}

/// Whether the binary under test needs no other files, as the one that users get: what a loader says is not what it says.
///
/// # Panics
/// If there is no binary.
#[must_use]
pub fn static_or_skip() -> bool {
    let binary = fs::read(tracer()).expect("the binary");
    let head = &binary[..binary.len().min(4096)];
    let has_loader = head.windows(9).any(|bytes| bytes == b"/ld-linux");
    !has_loader || skip("needs the static binary (cargo xtask test)")
}

/// Whether this test may set the clock: it is set to what it shows.
#[must_use]
#[allow(unsafe_code, reason = "clocks through libc")]
pub fn clock_or_skip() -> bool {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the calls write to `time` and read from it, and do nothing else.
    let set = unsafe {
        libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time);
        libc::clock_settime(libc::CLOCK_REALTIME, &raw const time) == 0
    };
    set || skip("needs CAP_SYS_TIME, to set the clock")
}

/// Whether the kernel has this file, for a test that needs what it stands for.
#[must_use]
pub fn file_or_skip(path: &str) -> bool {
    fs::exists(path).is_ok_and(|exists| exists) || skip(&format!("needs {path}, which this kernel does not have"))
}

/// Whether this test finds a program that it compares with, or loads the machine with.
#[must_use]
pub fn program_or_skip(name: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&paths).any(|dir| dir.join(name).is_file());
    found || skip(&format!("needs {name} (cargo xtask setup --test)"))
}

/// Whether this test may load programs and run containers of [`image`].
#[must_use]
pub fn engine_or_skip() -> bool {
    if !root_or_skip() {
        return false;
    }
    let inspected = Command::new("docker").args(["image", "inspect", &image()]).output();
    match inspected {
        Ok(output) if output.status.success() => true,
        Ok(output) => skip(&format!(
            "needs a Docker engine with the image {} (cargo xtask test): {}",
            image(),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => skip(&format!("needs a Docker engine (cargo xtask test): docker: {error}")),
    }
}

/// The image for containers: busybox under all its names, users root and web.
#[must_use]
pub fn image() -> String {
    env::var("TRACER_TEST_IMAGE").unwrap_or_else(|_| "tracer-test".to_owned())
}

/// The image with the static binary under test as its entry point.
#[must_use]
pub fn toolbox_image() -> String {
    env::var("TRACER_TEST_TOOLBOX").unwrap_or_else(|_| "tracer".to_owned())
}

/// The binary under test: `$TRACER_BIN`, else the newer of those that cargo built.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn tracer() -> PathBuf {
    if let Some(path) = env::var_os("TRACER_BIN") {
        return PathBuf::from(path);
    }
    let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), |dir| workspace.join(dir));
    let built = ["release/tracer", "debug/tracer"].map(|name| target.join(name));
    let newest = built.into_iter().filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).max();
    newest.map(|(_, path)| path).expect("tracer is built: run `cargo build` first")
}
