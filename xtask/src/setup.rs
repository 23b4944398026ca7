//! Finds or installs what the tasks need.
//!
//! Nothing is done, and nothing is run, when all is there. Packages come from apt where this task may install them
//! (root, or sudo without a password); else the person is told the exact commands.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::{
    command::{find_program, output, say, workspace},
    ebpf::{self, Compiler, Toolchain},
    linker, peers, sys,
};

/// What to set up beyond the toolchain.
#[derive(clap::Args, Debug, Default, Clone, Copy)]
pub(crate) struct Options {
    /// Also a Docker engine and busybox, for container tests and the image
    #[arg(long)]
    pub(crate) engine: bool,
    /// Also what the tests compare the tracer with, and load for it
    #[arg(long)]
    pub(crate) test: bool,
    /// Also qemu and what makes an initramfs, for `cargo xtask vm`
    #[arg(long)]
    pub(crate) vm: bool,
    /// Also what installs packages and images of other systems, for `cargo xtask dist --install`
    #[arg(long)]
    pub(crate) dist: bool,
    /// Also the peers that `cargo xtask bench` compares with
    #[arg(long)]
    pub(crate) bench: bool,
}

/// A compiler with a prebuilt `core` for eBPF, and the clippy that fits it.
const COMPILER: &[&str] = &["rustc-web", "libstd-rust-web-dev-bpf", "rust-web-llvm", "rust-web-clippy"];
/// The LLVM that those use today; asked of the compiler itself once it is installed.
const COMPILER_LLVM: u32 = 22;

/// A program that must be there, and the Debian packages that have it.
struct Need(&'static str, &'static [&'static str]);

const PODMAN: Need = Need("podman", &["podman", "crun", "fuse-overlayfs", "conmon"]);
const ENGINE: &[Need] =
    &[Need("dockerd", &["docker.io"]), Need("iptables", &["iptables"]), Need("busybox", &["busybox-static"])];
const VM: &[Need] =
    &[Need("qemu-system-x86_64", &["qemu-system-x86"]), Need("cpio", &["cpio"]), Need("busybox", &["busybox-static"])];
const TEST: &[Need] = &[
    Need("strace", &["strace"]),
    Need("stress-ng", &["stress-ng"]),
    Need("lxc-start", &["lxc"]),
    PODMAN,
    Need("promtool", &["prometheus"]),
    Need("openssl", &["openssl"]),
    Need("rsyslogd", &["rsyslog"]),
    Need("clickhouse-server", &["clickhouse-server"]),
];
const DIST: &[Need] = &[Need("dpkg", &["dpkg"]), Need("rpm", &["rpm"]), PODMAN, Need("unshare", &["util-linux"])];
const BENCH: &[Need] = &[Need("bpftrace", &["bpftrace"]), Need("strace", &["strace"]), Need("perf", &["linux-perf"])];

/// `cargo xtask setup`.
pub(crate) fn task(options: &Options) -> Result<()> {
    let workspace = workspace();
    let wanted = [
        (options.engine, ENGINE),
        (options.test, TEST),
        (options.vm, VM),
        (options.dist, DIST),
        (options.bench, BENCH),
    ];
    let needs = wanted.into_iter().filter(|(on, _)| *on).flat_map(|(_, needs)| needs);
    let packages = missing(needs);
    if !packages.is_empty() {
        install(&packages)?;
    }
    thread::scope(|scope| {
        if options.test {
            // It waits for the archive, while the linker is built.
            scope.spawn(peers::get);
        }
        toolchain(&workspace).map(drop)
    })
}

/// The packages of the programs that are not there, each once.
fn missing<'a>(needs: impl Iterator<Item = &'a Need>) -> Vec<&'static str> {
    let absent = needs.filter(|Need(program, _)| find_program(program).is_none());
    let mut packages: Vec<_> = absent.flat_map(|Need(_, packages)| packages.iter().copied()).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// The BPF toolchain, installed if need be.
pub(crate) fn toolchain(workspace: &Path) -> Result<Toolchain> {
    if let Some(toolchain) = ebpf::chosen(workspace) {
        return Ok(toolchain);
    }
    let compiler = match ebpf::find_compiler() {
        Some(compiler) => compiler,
        None => install_compiler()?,
    };
    if let Compiler::Prebuilt(rustc) = &compiler
        && find_program("apt-get").is_some()
        && !rustc.with_file_name("cargo-clippy").is_file()
    {
        install(&["rust-web-clippy"])?;
    }
    let major = linker::llvm_major(&compiler)?;
    let linker = match ebpf::find_linker(workspace).filter(|path| fits(path, workspace, major)) {
        Some(linker) => linker,
        None => install_linker(major, workspace)?,
    };
    let toolchain = Toolchain { compiler, linker };
    record(&toolchain, workspace)?;
    say(format!("the kernel side is built with {}", describe(&toolchain)));
    Ok(toolchain)
}

fn describe(toolchain: &Toolchain) -> String {
    let compiler = match &toolchain.compiler {
        Compiler::Prebuilt(rustc) => rustc.display().to_string(),
        Compiler::Nightly => "rustup's nightly".to_owned(),
    };
    format!("{compiler} and {}", toolchain.linker.display())
}

/// Debian's compiler where apt offers it; else rustup's nightly with the sources of `core`.
fn install_compiler() -> Result<Compiler> {
    let debian =
        if find_program("apt-get").is_some() { install(COMPILER) } else { Err(anyhow!("there is no apt-get")) };
    if let Err(error) = debian {
        say(format!("no compiler from Debian packages: {error:#}"));
        let toolchain = ["toolchain", "install", "nightly", "--no-self-update", "--profile", "minimal"];
        if find_program("rustup").is_some() {
            say("installing rustup's nightly with rust-src");
            if let Err(error) = output(Command::new("rustup").args(toolchain).args(["--component", "rust-src,clippy"]))
            {
                say(format!("no compiler from rustup: {error:#}"));
            }
        }
    }
    ebpf::find_compiler().ok_or_else(|| {
        anyhow!(
            "no Rust compiler can build for {}\nhint: run one of these, then `cargo xtask setup` again:\n  \
             sudo apt-get update && sudo apt-get install -y --no-install-recommends {} llvm-{COMPILER_LLVM}-dev\n  \
             rustup toolchain install nightly --component rust-src,clippy",
            ebpf::TARGET,
            COMPILER.join(" "),
        )
    })
}

/// Builds the linker, with the LLVM development files from apt if they are not there.
fn install_linker(major: u32, workspace: &Path) -> Result<PathBuf> {
    let tools = workspace.join("target/tools");
    let package = format!("llvm-{major}-dev");
    if linker::llvm_prefix(major).is_none() && find_program("apt-get").is_some() {
        install(&[&package])?;
    }
    let path = linker::install(major, &tools).with_context(|| {
        format!("bpf-linker needs the development files of LLVM {major}\nhint: install them (Debian: {package}), then run `cargo xtask setup` again")
    })?;
    fs::write(tools.join("llvm"), major.to_string()).context("cannot note the linker's LLVM")?;
    Ok(path)
}

/// Whether a linker can read what a compiler with LLVM `major` writes; one that the person brought is taken as it is.
fn fits(path: &Path, workspace: &Path, major: u32) -> bool {
    let tools = workspace.join("target/tools");
    let noted = fs::read_to_string(tools.join("llvm")).ok().and_then(|text| text.trim().parse::<u32>().ok());
    !path.starts_with(&tools) || noted.is_none_or(|noted| noted >= major)
}

/// Writes the choice down, see [`ebpf::CHOICE`].
fn record(toolchain: &Toolchain, workspace: &Path) -> Result<()> {
    let (compiler, rustc) = match &toolchain.compiler {
        Compiler::Prebuilt(rustc) => {
            let file = if rustc.is_absolute() { Some(rustc.clone()) } else { find_program(&rustc.to_string_lossy()) };
            (rustc.display().to_string(), file.context("the compiler is not on the PATH")?)
        }
        Compiler::Nightly => {
            let root = output(Command::new("rustup").args(["run", "nightly", "rustc", "--print", "sysroot"]))?;
            ("nightly".to_owned(), Path::new(root.trim()).join("bin/rustc"))
        }
    };
    let changed = ebpf::changed(&rustc).with_context(|| format!("cannot read {}", rustc.display()))?;
    let path = workspace.join(ebpf::CHOICE);
    let (rustc, linker) = (rustc.display(), toolchain.linker.display());
    let text = format!("compiler={compiler}\nrustc={rustc}\nchanged={changed}\nlinker={linker}\n");
    fs::create_dir_all(workspace.join("target/tools")).context("cannot create target/tools")?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Installs packages with apt. The package lists are fetched only if it does not work without.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let by_hand =
        format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {}", packages.join(" "));
    if find_program("apt-get").is_none() {
        bail!(
            "missing: {}, and there is no apt-get\nhint: install what these Debian packages have",
            packages.join(", ")
        );
    }
    let sudo = !sys::is_root();
    if sudo && output(Command::new("sudo").args(["-n", "true"])).is_err() {
        bail!("missing: {}\nhint: run as root, or run this first:\n  {by_hand}", packages.join(", "));
    }
    say(format!("installing {}", packages.join(" ")));
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    if output(&mut apt_get(sudo, &arguments)).is_ok() {
        return Ok(());
    }
    say("fetching package lists");
    // Lists of a third party that cannot be had do not matter if the install works.
    let update = output(&mut apt_get(sudo, &["update"]));
    output(&mut apt_get(sudo, &arguments))
        .map(drop)
        .map_err(|error| match update {
            Ok(_) => error,
            Err(update) => error.context(format!("{update:#}")),
        })
        .with_context(|| format!("cannot install packages\nhint: see why with\n  {by_hand}"))
}

fn apt_get(sudo: bool, arguments: &[&str]) -> Command {
    let mut command = Command::new(if sudo { "sudo" } else { "env" });
    if sudo {
        command.args(["-n", "env"]);
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command
}
