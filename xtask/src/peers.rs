//! Gets the released programs that the tests need: readers of captures that the tracer is compared with, a server
//! whose requests it is to show, and newer engines than this machine has.
//!
//! They are Debian packages of an old and of the newest release, unpacked with all libraries that they need under
//! `target/tools/peers` and never installed: what is installed may start by itself. Once there they are used as they are, without the archive.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    apt::Apt,
    command::{find_program, output, say, target_dir},
};

/// A released program.
struct Peer {
    /// Its folder under `target/tools/peers`; the tests know it by this name.
    name: &'static str,
    /// The package with it.
    package: &'static str,
    /// Its program, below the root.
    program: &'static str,
    /// Other programs that it comes with: the tests know each by its name.
    others: &'static [&'static str],
    /// Packages that it uses if they are there.
    uses: &'static [&'static str],
    /// The Debian release that has it.
    suite: &'static str,
}

const PEERS: &[Peer] = &[
    Peer::new("old", "sysdig", "usr/bin/sysdig", "bookworm"),
    Peer::new("new", "sysdig", "usr/bin/sysdig", "sid"),
    Peer::new("wireshark", "tshark", "usr/bin/tshark", "sid"),
    Peer::new("memcached", "memcached", "usr/bin/memcached", "bookworm"),
    // The oldest of Debian that tells events through CRI, and the newest.
    Peer::new("containerd-trixie", "containerd", "usr/bin/containerd", "trixie"),
    Peer::new("containerd-sid", "containerd", "usr/bin/containerd", "sid"),
    Peer::new("lxd", "lxd", "usr/bin/lxd", "bookworm"),
    Peer::new("nspawn", "systemd-container", "usr/bin/systemd-nspawn", "bookworm"),
    // It writes every form of journal files.
    Peer {
        others: &["usr/lib/systemd/systemd-journal-remote", "usr/lib/systemd/systemd-journald"],
        uses: &["liblz4-1", "liblzma5"],
        ..Peer::new("journal", "systemd-journal-remote", "usr/bin/journalctl", "trixie")
    },
];
/// Starts the program of that name with the libraries beside it, whatever this machine has.
const LAUNCHER: &str = "#!/bin/sh
here=$(dirname \"$(readlink -f \"$0\")\")/root
for lib in usr/lib lib; do
    linker=$here/$lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
    [ -x \"$linker\" ] && break
done
libraries=$here/usr/lib/x86_64-linux-gnu:$here/lib/x86_64-linux-gnu:$here/usr/lib/x86_64-linux-gnu/systemd
exec \"$linker\" --library-path \"$libraries\" \"$here/PROGRAM\" \"$@\"
";

/// The folder with a folder per peer, each with `run`, which takes the program's options.
pub(crate) fn folder() -> PathBuf {
    target_dir().join("tools/peers")
}

/// Gets those that are not there. It is said when one cannot be had; that is no error, since the archive is not ours.
pub(crate) fn get() {
    let folder = folder();
    for peer in PEERS {
        if let Err(error) = get_one(&folder, peer) {
            say(format!("WARNING: cannot get {}: {error:#}", peer.shown()));
        }
    }
}

/// Those that are not there, for people; [`get`] has said why.
pub(crate) fn missing() -> Vec<String> {
    let folder = folder();
    PEERS.iter().filter(|peer| !folder.join(peer.name).join("run").is_file()).map(Peer::shown).collect()
}

impl Peer {
    /// One with a single program.
    const fn new(name: &'static str, package: &'static str, program: &'static str, suite: &'static str) -> Self {
        Self { name, package, program, others: &[], uses: &[], suite }
    }

    fn shown(&self) -> String {
        format!("{} of Debian's {}", self.package, self.suite)
    }
}

fn get_one(folder: &Path, peer: &Peer) -> Result<()> {
    let kept = folder.join(peer.name);
    if kept.join("run").is_file() {
        return Ok(());
    }
    if find_program("apt-get").is_none() || find_program("dpkg-deb").is_none() {
        bail!("there is no apt-get and dpkg-deb");
    }
    // One release at a time: else apt takes the newest libraries of all.
    let lists = folder.join("apt").join(peer.name);
    let apt = Apt::new(&lists, &[peer.suite])?;
    apt.update()?;
    say(format!("fetching {}", peer.shown()));
    let root = kept.join("root");
    let _ = fs::remove_dir_all(&kept);
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    apt.unpack_all(&[&[peer.package], peer.uses].concat(), &root)?;
    let launcher = kept.join("unproven");
    let named = |program: &'static str| (kept.join(program.rsplit('/').next().unwrap_or(program)), program);
    let others = peer.others.iter().map(|program| named(program));
    for (launcher, program) in others.chain([(launcher.clone(), peer.program)]) {
        fs::write(&launcher, LAUNCHER.replace("PROGRAM", program))
            .with_context(|| format!("cannot write {}", launcher.display()))?;
        output(Command::new("chmod").arg("+x").arg(&launcher))?;
    }
    let version = output(Command::new(&launcher).arg("--version"))?;
    fs::rename(&launcher, kept.join("run")).context("cannot name the launcher")?;
    say(format!("{} is in {}", version.lines().next().unwrap_or_default(), kept.display()));
    // Larger than the peer itself, and not needed again.
    let _ = fs::remove_dir_all(&lists);
    Ok(())
}
