//! Finds the toolchain that compiles the kernel side and runs it.
//!
//! Responsible for one thing: from the sources in `tracer-ebpf` to an object file. It uses only the standard library,
//! since `tracer/build.rs` includes this same file: there is one description of how the kernel side is built.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::UNIX_EPOCH,
};

/// The target triple of little-endian eBPF.
pub const TARGET: &str = "bpfel-unknown-none";

/// What `cargo xtask setup` settled on, below the workspace: a compiler and a linker that fit each other, and asking
/// neither for it. Lines of `name=value`: `compiler` (`nightly`, or the path of a rustc with a prebuilt `core`), `rustc`
/// (the compiler's file) and `changed` (when that was last written, in seconds), `linker` (its path).
pub const CHOICE: &str = "target/tools/toolchain";

/// While this file is there, set-up still installs the toolchain: the variable has its path, and a build waits before it looks for the
/// toolchain. All else is compiled meanwhile.
pub const COMES: &str = "TRACER_TOOLCHAIN_COMES";

/// Where the kernel side is built, below the workspace: one place for all profiles of the program, since it is the same in
/// each.
const BUILD: &str = "target/ebpf";

/// How `core` for [`TARGET`] is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// A rustc whose sysroot has a prebuilt `core` (Debian's `libstd-rust-web-dev-bpf`).
    Prebuilt(PathBuf),
    /// rustup's nightly with `rust-src`: `core` is built with `-Z build-std`.
    Nightly,
}

/// Everything that is needed to build the kernel side.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The compiler.
    pub compiler: Compiler,
    /// Path of `bpf-linker`.
    pub linker: PathBuf,
}

/// The rustc commands that may have a prebuilt `core`, in order of preference.
fn rustc_candidates() -> Vec<PathBuf> {
    let from_env = env::var_os("TRACER_BPF_RUSTC").map(PathBuf::from);
    from_env.into_iter().chain([PathBuf::from("rustc"), PathBuf::from("/usr/bin/rustc")]).collect()
}

/// What a command prints, if it succeeds.
fn stdout_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn has_prebuilt_core(rustc: &Path) -> bool {
    stdout_of(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]))
        .is_some_and(|dir| Path::new(&dir).read_dir().is_ok_and(|mut entries| entries.next().is_some()))
}

fn nightly_has_source() -> bool {
    stdout_of(Command::new("rustup").args(["run", "nightly", "rustc", "--print", "sysroot"]))
        .is_some_and(|root| Path::new(&root).join("lib/rustlib/src/rust/library/core").is_dir())
}

/// The compiler that can build for [`TARGET`], if one is installed.
#[must_use]
pub fn find_compiler() -> Option<Compiler> {
    if env::var_os("TRACER_BPF_RUSTC").is_none() && nightly_has_source() {
        return Some(Compiler::Nightly);
    }
    rustc_candidates().into_iter().find(|rustc| has_prebuilt_core(rustc)).map(Compiler::Prebuilt)
}

/// Flags that take the folders of this machine out of what is built: the same sources give the same bytes anywhere.
#[must_use]
pub fn remap(workspace: &Path) -> String {
    let home = |name: &str| env::var_os(name).map(PathBuf::from);
    let cargo = home("CARGO_HOME").or_else(|| home("HOME").map(|home| home.join(".cargo")));
    let flag = |(from, to): (&Path, &str)| format!("--remap-path-prefix={}={to}", from.display());
    let folders = [(Some(workspace), "/tracer"), (cargo.as_deref(), "/cargo")];
    folders.into_iter().filter_map(|(from, to)| Some(flag((from?, to)))).collect::<Vec<_>>().join(" ")
}

/// `bpf-linker`: from `$BPF_LINKER`, the workspace's `target/tools`, or `$PATH`.
#[must_use]
pub fn find_linker(workspace: &Path) -> Option<PathBuf> {
    let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    env::var_os("BPF_LINKER")
        .map(PathBuf::from)
        .into_iter()
        .chain([workspace.join("target/tools/bin/bpf-linker")])
        .chain(on_path.into_iter().map(|dir| dir.join("bpf-linker")))
        .find(|path| path.is_file())
}

/// When a file was last written, in seconds since 1970.
#[must_use]
pub fn changed(path: &Path) -> Option<u64> {
    let time = fs::metadata(path).and_then(|file| file.modified()).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// What set-up settled on, if both are still there and the compiler was not replaced since.
#[must_use]
pub fn chosen(workspace: &Path) -> Option<Toolchain> {
    let text = fs::read_to_string(workspace.join(CHOICE)).ok()?;
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let same = changed(Path::new(value("rustc")?))? == value("changed")?.parse::<u64>().ok()?;
    let linker = PathBuf::from(value("linker")?);
    let compiler = match value("compiler")? {
        "nightly" => Compiler::Nightly,
        rustc => Compiler::Prebuilt(PathBuf::from(rustc)),
    };
    let overridden = env::var_os("BPF_LINKER").is_some() || env::var_os("TRACER_BPF_RUSTC").is_some();
    (same && linker.is_file() && !overridden).then_some(Toolchain { compiler, linker })
}

/// Waits until set-up has installed the toolchain, if it is at it.
pub fn wait() {
    let Some(path) = env::var_os(COMES).map(PathBuf::from) else { return };
    while path.exists() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// The whole toolchain, or what is missing and how to get it.
///
/// # Errors
/// A text for the person, ending in the command that helps.
pub fn find(workspace: &Path) -> Result<Toolchain, String> {
    if let Some(toolchain) = chosen(workspace) {
        return Ok(toolchain);
    }
    let compiler = find_compiler().ok_or_else(|| {
        format!("no Rust compiler with `core` for {TARGET} is installed\nhint: run `cargo xtask setup`")
    })?;
    let linker = find_linker(workspace)
        .ok_or_else(|| "bpf-linker is not installed\nhint: run `cargo xtask setup`".to_owned())?;
    Ok(Toolchain { compiler, linker })
}

impl Toolchain {
    /// A cargo command for the kernel side (`build`, `clippy`).
    #[must_use]
    pub fn cargo(&self, subcommand: &str, workspace: &Path) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = match &self.compiler {
            Compiler::Prebuilt(rustc) => {
                // clippy works only with the very rustc that it was built with: its command stands beside that one.
                let mut command = match subcommand {
                    "clippy" => Command::new(rustc.with_file_name("cargo-clippy")),
                    _ => Command::new(&cargo),
                };
                command.env("CARGO", &cargo).env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").arg(subcommand);
                command
            }
            Compiler::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "cargo", subcommand, "-Z", "build-std=core"]).env_remove("RUSTC");
                command
            }
        };
        // What the outer cargo set for the host build must not leak into this one.
        for name in [
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_TARGET_DIR",
            // Incremental code ends a program in the middle: the verifier rejects it.
            "CARGO_INCREMENTAL",
            "CARGO_MAKEFLAGS",
            "RUSTUP_TOOLCHAIN",
            "CLIPPY_ARGS",
        ] {
            command.env_remove(name);
        }
        let linker = self.linker.display();
        command
            .env(
                "RUSTFLAGS",
                format!("-C linker={linker} -C link-arg=--btf -C debuginfo=2 -C target-cpu=v3 {}", remap(workspace)),
            )
            // bpf-linker sees the whole program and does this work itself.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
            // More units than one are linked into programs that the kernel does not take.
            .env("CARGO_INCREMENTAL", "0")
            .args(["--package", "tracer-ebpf", "--release", "--target", TARGET, "--target-dir"])
            .arg(workspace.join(BUILD))
            .current_dir(workspace);
        command
    }

    /// Builds the kernel object and puts it at `object`.
    ///
    /// # Errors
    /// The command and the end of what it printed.
    pub fn build(&self, workspace: &Path, object: &Path) -> Result<(), String> {
        let mut command = self.cargo("build", workspace);
        let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
        if !output.status.success() {
            return Err(format!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)));
        }
        let built = workspace.join(BUILD).join(TARGET).join("release/tracer-ebpf");
        fs::copy(&built, object).map(drop).map_err(|error| format!("cannot copy {}: {error}", built.display()))
    }
}
