//! The journal of systemd: files that the real systemd-journal-remote wrote, a real systemd-journald with a place of its own, and what the real
//! journalctl says of both. `cargo xtask setup --test` unpacks them.

use std::{
    fs,
    io::Write as _,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{peer, wait};

/// The programs.
#[derive(Debug, Clone)]
pub struct Tools(PathBuf);

/// How a file is written: compression, compact, hashes with a key.
pub type Form<'f> = (&'f str, bool, bool);

impl Tools {
    /// Those that are there; what is not is said.
    #[must_use]
    pub fn find() -> Option<Self> {
        peer::unpacked("journal", "systemd-journal-remote and journalctl").map(Self)
    }

    /// What journalctl prints. Times are those of UTC.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn journalctl(&self, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new(self.0.join("run"));
        let output = command.args(args).args(["--all", "--no-pager"]).env("TZ", "UTC").output().expect("journalctl");
        output.stdout
    }

    /// Writes entries in the export format to a file.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, entries: &[u8], to: &Path, (compress, compact, keyed): Form<'_>) {
        let flag = |is_on: bool| if is_on { "1" } else { "0" };
        let mut command = Command::new(self.0.join("systemd-journal-remote"));
        command.arg("-o").arg(to).arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
            .env("SYSTEMD_JOURNAL_COMPRESS", compress)
            .env("SYSTEMD_JOURNAL_COMPACT", flag(compact))
            .env("SYSTEMD_JOURNAL_KEYED_HASH", flag(keyed));
        let mut child = command.spawn().expect("systemd-journal-remote");
        child.stdin.take().expect("a pipe").write_all(entries).expect("it takes entries");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Numbered entries of three boots, in the export format: those of which `is_wanted` is true. Some values are long, binary, empty, or several.
#[must_use]
pub fn entries(count: u32, is_wanted: impl Fn(u32) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut time_us: u64 = 1_780_000_000_000_000;
    for number in 0..count {
        time_us += 1 + u64::from(number).wrapping_mul(2_654_435_761) % 2_000_000;
        if !is_wanted(number) {
            continue;
        }
        let unit = ["nginx", "ssh", "app-1", "app-2"][number as usize % 4];
        let mut field = |name: &str, value: &[u8]| add(name, value, &mut out);
        let mut text = |name: &str, value: String| field(name, value.as_bytes());
        text("__REALTIME_TIMESTAMP", time_us.to_string());
        text("__MONOTONIC_TIMESTAMP", (1_000_000 + u64::from(number) * 1_000).to_string());
        text("_BOOT_ID", format!("{:032x}", 0xb007_0000 + number * 3 / count));
        text("_MACHINE_ID", "0123456789abcdef0123456789abcdef".to_owned());
        text("_HOSTNAME", "box".to_owned());
        text("PRIORITY", (number % 8).to_string());
        text("_TRANSPORT", if number % 10 == 0 { "kernel" } else { "journal" }.to_owned());
        text("_SYSTEMD_UNIT", format!("{unit}.service"));
        text("SYSLOG_IDENTIFIER", unit.to_owned());
        text("_PID", (100 + number % 50).to_string());
        text("_UID", (number % 3 * 500).to_string());
        if number % 17 == 0 {
            let bytes: Vec<u8> = (0..1_200).map(|at: u32| (at * at % 251) as u8).collect();
            field("BLOB", &bytes);
        }
        if number % 19 == 0 {
            ["one", "two", "three"].into_iter().for_each(|value| field("MULTI", value.as_bytes()));
        }
        if number % 29 == 0 {
            field("EMPTY", b"");
        }
        let message = match number {
            _ if number % 13 == 0 => format!("long {number} {}", "abcdefghij".repeat(200)).into_bytes(),
            _ if number % 11 == 0 => [&b"\x1b]0;title\x07 \xff\xfe"[..], number.to_string().as_bytes()].concat(),
            _ if number % 7 == 0 => format!("first line {number}\nsecond line\n  grüße").into_bytes(),
            _ => format!("message {number}").into_bytes(),
        };
        if number % 31 != 30 {
            field("MESSAGE", &message);
        }
        out.push(b'\n');
    }
    out
}

fn add(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    if value.iter().any(|byte| !(0x20..0x7f).contains(byte)) {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Gives systemd-journald the folders that it needs, in a mount namespace of its own. `$0` is the program.
const JOURNALD: &str = r#"set -e
    for folder in /run/systemd /run/log; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
    mkdir -p /run/systemd/journald.conf.d /run/systemd/journal
    printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\nRateLimitIntervalSec=0\nReadKMsg=no\nForwardToWall=no\n' \
        >/run/systemd/journald.conf.d/test.conf
    exec "$0""#;

/// A systemd-journald. It ends when it is dropped.
#[derive(Debug)]
pub struct Journald {
    tools: Tools,
    child: Child,
}

impl Journald {
    /// Starts one. `None` if it is not there.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let tools = Tools::find()?;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", JOURNALD])
            .arg(tools.0.join("systemd-journald"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("unshare");
        let this = Self { tools, child };
        wait::until("the journal's socket", || this.socket().exists().then_some(()));
        Some(this)
    }

    /// Where its files are seen.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.child.id()).into()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn socket(&self) -> PathBuf {
        self.root().join("run/systemd/journal/socket")
    }

    /// Sends a message to its socket, in its native protocol.
    ///
    /// # Panics
    /// If it is not taken.
    pub fn send(&self, fields: &[(&str, &[u8])]) {
        let mut message = Vec::new();
        fields.iter().for_each(|(name, value)| add(name, value, &mut message));
        let socket = UnixDatagram::unbound().expect("a socket");
        socket.connect(self.socket()).expect("journald listens");
        socket.send(&message).expect("journald takes it");
    }

    /// Lets another user send one, whose values have one line each.
    ///
    /// # Panics
    /// If it is not taken.
    pub fn send_as(&self, uid: u32, fields: &[(&str, &[u8])]) {
        let lines: Vec<u8> =
            fields.iter().flat_map(|(name, value)| [name.as_bytes(), b"=", value, b"\n"].concat()).collect();
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.pid()));
        command.args(["setpriv", &format!("--reuid={uid}"), "--clear-groups", "logger", "--journald"]);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("logger");
        child.stdin.take().expect("a pipe").write_all(&lines).expect("it takes fields");
        assert!(child.wait().expect("it ends").success(), "logger");
    }

    /// Lets it begin new files.
    ///
    /// # Panics
    /// If it cannot be told so.
    pub fn rotate(&self) {
        let files = || fs::read_dir(self.folder()).map_or(0, Iterator::count);
        let before = files();
        let told = Command::new("kill").args(["-USR2", &self.child.id().to_string()]).status().expect("kill");
        assert!(told.success());
        wait::until("another file", || (files() > before).then_some(()));
    }

    /// The folder of its files.
    ///
    /// # Panics
    /// If it has none.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        let folder = self.root().join("run/log/journal");
        let first = || fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path()).next();
        wait::until("the folder of the journal", first)
    }

    /// What journalctl prints of them.
    #[must_use]
    pub fn journalctl(&self, args: &[&str]) -> Vec<u8> {
        // What was sent a moment ago.
        thread::sleep(Duration::from_millis(300));
        let folder = self.folder().display().to_string();
        self.tools.journalctl(&[&["-D", &folder], args].concat())
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
