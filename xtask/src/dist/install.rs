//! Installs what was made where it belongs, as its users do, and runs it there: the archive in a container with nothing but busybox, the
//! packages in roots that are empty, the image in Docker and in podman. Each must say its version, and trace a command.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{IMAGE, Names, Release, SUMS};
use crate::{
    command::{find_program, output, say, shown, target_dir},
    engine::{self, Engine, TEST_IMAGE},
};

/// What a container needs so that the tracer in it sees the machine. `--privileged` stands for all of that where it is allowed.
const ALLOWED: [&str; 7] = [
    "--pid=host",
    "--cap-add=SYS_ADMIN",
    "--cap-add=SYS_PTRACE",
    "--cap-add=DAC_READ_SEARCH",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--network=none",
];

/// Installs and runs all of them.
pub(super) fn all(release: &Release, folder: &Path) -> Result<()> {
    let names = Names::of(release);
    let mut failed = Vec::new();
    let mut run = |name: &str, result: Result<()>| match result {
        Ok(()) => say(format!("dist: {name}: ok")),
        Err(error) => {
            say(format!("dist: {name}: FAILED: {error:#}"));
            failed.push(name.to_owned());
        }
    };
    run(
        "sums",
        output(Command::new("sha256sum").args(["--check", "--strict", "--quiet", SUMS]).current_dir(folder)).map(drop),
    );
    run("deb into an empty root", deb(release, &folder.join(&names.deb)));
    run("rpm into an empty root", rpm(release, &folder.join(&names.rpm)));
    let engine = Engine::start()?;
    engine.import_test_image()?;
    run("tar.gz in a container with busybox", archive(release, &engine, folder, &names.archive));
    run("image in Docker", docker(release, &engine, &folder.join(&names.image)));
    drop(engine);
    run("image in podman", podman(release, &folder.join(&names.image)));
    ensure!(failed.is_empty(), "not installed or not running: {}", failed.join(", "));
    Ok(())
}

/// A folder of ours that is empty.
fn empty(name: &str) -> Result<PathBuf> {
    let root = target_dir().join("xtask/install").join(name);
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    Ok(root)
}

/// Whether a program says the version that was made.
fn has_version(release: &Release, command: &mut Command) -> Result<()> {
    let said = output(command)?;
    ensure!(said.trim() == format!("tracer {}", release.version), "`{}` says '{}'", shown(command), said.trim());
    Ok(())
}

/// Whether a program traces: it shows something, and loses nothing. Standard error is part of what is looked at.
fn traces(command: &mut Command) -> Result<()> {
    let output =
        while_files_are_looked_at(|| command.output()).with_context(|| format!("cannot run `{}`", shown(command)))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if !output.status.success() || !said.contains("3 shown, 0 lost") {
        bail!("`{}` ended with {} and said:\n{said}", shown(command), output.status);
    }
    Ok(())
}

/// Something to trace: on a machine that does nothing else, a program would wait for its first line until its time is
/// over.
fn while_files_are_looked_at<T>(work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = fs::metadata("/");
                thread::sleep(Duration::from_millis(20));
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// Three lines of whatever the machine does.
const SHORT: [&str; 6] = ["-n", "3", "-M", "20", "-p", "%evt.type"];

/// In a root that has busybox, so that there is a shell; with what a running system has mounted.
fn in_root(root: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    let script = "for at in proc sys; do mkdir -p \"$1/$at\"; mount --rbind /$at \"$1/$at\"; done; root=$1; shift; exec chroot \"$root\" \"$@\"";
    command.args(["--mount", "sh", "-ec", script, "sh"]).arg(root).args(words);
    command
}

/// The files that every package puts on a machine.
fn has_files(root: &Path) -> Result<()> {
    for path in [
        "usr/share/man/man1/tracer.1.gz",
        "usr/share/bash-completion/completions/tracer",
        "usr/share/fish/vendor_completions.d/tracer.fish",
        "usr/share/doc/tracer/README.md",
        "usr/share/doc/tracer/LICENSE-MIT",
    ] {
        ensure!(root.join(path).is_file(), "{path} is not installed");
    }
    Ok(())
}

fn deb(release: &Release, package: &Path) -> Result<()> {
    let root = empty("deb")?;
    engine::busybox_root(&root)?;
    for folder in ["info", "updates", "triggers"] {
        fs::create_dir_all(root.join("var/lib/dpkg").join(folder))?;
    }
    fs::write(root.join("var/lib/dpkg/status"), "")?;
    let at = format!("--root={}", root.display());
    output(Command::new("dpkg").args([&at, "--install"]).arg(package))?;
    has_files(&root)?;
    ensure!(root.join("usr/share/zsh/vendor-completions/_tracer").is_file(), "completions of zsh are not installed");
    let status = output(Command::new("dpkg-query").arg(format!("--admindir={}/var/lib/dpkg", root.display())).args([
        "-W",
        "-f",
        "${Status} ${Version}",
        "tracer",
    ]))?;
    ensure!(status == format!("install ok installed {}", release.version), "dpkg says '{status}'");
    has_version(release, &mut in_root(&root, &["tracer", "--version"]))?;
    traces(&mut in_root(&root, &[&["tracer"][..], &SHORT].concat()))?;
    output(Command::new("dpkg").args([&at, "--purge", "tracer"]))?;
    ensure!(!root.join("usr/bin/tracer").exists(), "the package leaves its program behind");
    Ok(())
}

fn rpm(release: &Release, package: &Path) -> Result<()> {
    let root = empty("rpm")?;
    engine::busybox_root(&root)?;
    let rpm = |words: &[&str]| {
        let mut command = Command::new("rpm");
        command.arg("--root").arg(&root).args(["--dbpath", "/var/lib/rpm"]).args(words);
        command
    };
    let checked = output(Command::new("rpm").args(["--checksig", "--verbose"]).arg(package))?;
    ensure!(checked.contains("digest: OK") && !checked.contains("BAD"), "rpm says of the sums:\n{checked}");
    output(&mut rpm(&["--initdb"]))?;
    output(rpm(&["--install"]).arg(package))?;
    has_files(&root)?;
    ensure!(root.join("usr/share/zsh/site-functions/_tracer").is_file(), "completions of zsh are not installed");
    let said = output(&mut rpm(&["--query", "tracer"]))?;
    ensure!(said.trim() == format!("tracer-{}-1.{}", release.version, release.arch), "rpm says '{}'", said.trim());
    output(&mut rpm(&["--verify", "tracer"]))?;
    has_version(release, &mut in_root(&root, &["tracer", "--version"]))?;
    traces(&mut in_root(&root, &[&["tracer"][..], &SHORT].concat()))?;
    output(&mut rpm(&["--erase", "tracer"]))?;
    ensure!(!root.join("usr/bin/tracer").exists(), "the package leaves its program behind");
    Ok(())
}

fn archive(release: &Release, engine: &Engine, folder: &Path, name: &str) -> Result<()> {
    let top = name.trim_end_matches(".tar.gz");
    let volume = format!("{}:/dist:ro", folder.canonicalize()?.display());
    let in_container = |words: &str| {
        let script = format!("cd /tmp && tar xzf /dist/{name} && cd {top} && exec ./tracer {words}");
        let mut command = engine.docker(&["run", "--rm", "--volume", &volume]);
        command.args(ALLOWED).args([TEST_IMAGE, "sh", "-ec", &script]);
        command
    };
    has_version(release, &mut in_container("--version"))?;
    traces(&mut in_container(&SHORT.join(" ")))
}

fn docker(release: &Release, engine: &Engine, image: &Path) -> Result<()> {
    output(engine.docker(&["load", "--input"]).arg(image))?;
    has_version(release, &mut engine.docker(&["run", "--rm", "--network=none", IMAGE, "--version"]))?;
    traces(engine.docker(&["run", "--rm", "--volume", "/:/host:ro"]).args(ALLOWED).arg(IMAGE).args(SHORT))?;
    output(&mut engine.docker(&["rmi", IMAGE])).map(drop)
}

fn podman(release: &Release, image: &Path) -> Result<()> {
    let root = empty("podman")?;
    let podman = |words: &[&str]| {
        let mut command = Command::new("podman");
        // A store of our own, in the form that works in every file system.
        command.arg("--root").arg(root.join("store")).arg("--runroot").arg(root.join("run"));
        command.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]);
        // The usual runtime refuses machines on which cgroups of both versions are mounted.
        if let Some(runc) = find_program("runc") {
            command.arg("--runtime").arg(runc);
        }
        command.args(words);
        command
    };
    output(podman(&["load", "--input"]).arg(image))?;
    let name = format!("localhost/{IMAGE}");
    let listed = output(&mut podman(&["images", "--format", "{{.Repository}}:{{.Tag}}"]))?;
    let name = listed.lines().find(|line| line.ends_with(IMAGE)).map_or(name, str::to_owned);
    // Its own limits are above what some machines allow.
    let run = ["run", "--rm", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
    has_version(release, podman(&run).args(["--network=none", &name, "--version"]))?;
    let traced = traces(podman(&run).args(["--volume", "/:/host:ro"]).args(ALLOWED).arg(&name).args(SHORT));
    let _ = output(&mut podman(&["rmi", "--force", &name]));
    traced
}
