//! How fast a capture is read: a file of several million events, made from one of the tests, under filters, tables and output.
//!
//! The events of the small capture are repeated, each time later than before, behind what it says of the machine.

use std::{
    fs::{self, File},
    io::{BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;

use crate::{
    command::{shown, target_dir, workspace},
    sys,
};

/// The capture of the tests: a shell in a container on a busy machine, beginnings and ends of calls.
const SEED: &str = "tests/captures/run_as_user_0_container.scap";
/// Blocks of events with a count of parameters, without and with flags.
const EVENT: u32 = 0x216;
const EVENT_FLAGS: u32 = 0x217;
/// What one repetition is later than the one before, in addition to its length, ns.
const GAP_NS: u64 = 1000;
/// Events that the file begins with and that describe processes rather than happen.
const PROCINFO: u16 = 234;

/// A way to read the capture.
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) words: &'static [&'static str],
}

/// What is measured from memory, as live records.
pub(super) const FROM_MEMORY: &[Way] = &[
    Way { name: "decoding and state", words: &["-q", "evt.num<0"] },
    Way {
        name: "with a filter of three tests",
        words: &["-q", "proc.name=nginx and evt.type in (open,openat) and fd.name contains /etc"],
    },
    Way { name: "with a filter on names", words: &["-q", "proc.name=nosuch"] },
    Way { name: "with `-c topfiles_bytes`", words: &["-c", "topfiles_bytes"] },
    Way { name: "with `-c topscalls`, which counts nearly everything", words: &["-c", "topscalls"] },
    Way { name: "with a script that reads two fields of each event", words: &["-c", SCRIPT] },
    Way { name: "with `-w`", words: &["-w", "/dev/null"] },
    Way { name: "with `-w` and a filter that matches everything", words: &["-w", "/dev/null", "evt.num>0"] },
];

/// A chisel that counts in script.
const SCRIPT: &str = "SCRIPT";
const SCRIPT_TEXT: &str = "chisel(#{ summary: \"counts\" });
let name = field(\"proc.name\");
let kind = field(\"evt.type\");
let count = 0;
fn on_event(evt) {
    if evt.get(this.name) != \"\" && evt.get(this.kind) != \"\" {
        this.count += 1;
    }
}
fn on_end() {
    print(`${this.count}`);
}
";

/// What is measured.
pub(super) const WAYS: &[Way] = &[
    Way { name: "a filter that matches nothing", words: &["proc.name=nosuch"] },
    Way {
        name: "a filter of three tests",
        words: &["proc.name=nginx and evt.type in (open,openat) and fd.name contains /etc"],
    },
    Way { name: "`-c topfiles_bytes`", words: &["-c", "topfiles_bytes"] },
    Way { name: "`-c topscalls`", words: &["-c", "topscalls"] },
    Way { name: "default lines", words: &[] },
    Way { name: "`-j`", words: &["-j"] },
    Way { name: "`-w`, all events", words: &["-w", "/dev/null"] },
    Way { name: "`-w`, only events of files", words: &["-w", "/dev/null", "fd.type=file"] },
    Way { name: "`info`", words: &["info"] },
];

/// One measurement.
pub(super) struct Reading {
    pub(super) name: &'static str,
    /// The best of some runs.
    pub(super) wall: Duration,
    /// User and system time of that run.
    pub(super) cpu: Duration,
    pub(super) max_rss_kib: u64,
}

/// A large capture.
pub(super) struct Capture {
    pub(super) path: PathBuf,
    /// Blocks of events.
    pub(super) events: u64,
    pub(super) bytes: u64,
}

/// Makes a capture with at least that many events.
pub(super) fn make(folder: &Path, events: u64) -> Result<Capture> {
    let seed = workspace().join(SEED);
    let mut bytes = Vec::new();
    let file = File::open(&seed).with_context(|| format!("cannot read {SEED}"))?;
    MultiGzDecoder::new(file).read_to_end(&mut bytes).with_context(|| format!("cannot read {SEED}"))?;
    let path = folder.join("bench.scap");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);

    let mut repeated: Vec<(usize, Vec<u8>)> = Vec::new();
    let u32_at = |at: usize| bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four));
    let mut at = 0;
    while let (Some(kind), Some(len)) = (u32_at(at), u32_at(at + 4)) {
        let block =
            bytes.get(at..at + len as usize).filter(|_| len > 0).context("the capture of the tests is damaged")?;
        at += len as usize;
        // Behind kind, length, CPU and flags.
        let time_at = if kind == EVENT_FLAGS { 14 } else { 10 };
        let code = block.get(time_at + 20..).and_then(<[u8]>::first_chunk).map(|two| u16::from_le_bytes(*two));
        if matches!(kind, EVENT | EVENT_FLAGS) && code != Some(PROCINFO) {
            repeated.push((time_at, block.to_vec()));
        } else {
            out.write_all(block)?;
        }
    }
    let time = |(at, block): &(usize, Vec<u8>)| block[*at..].first_chunk().map_or(0, |time| u64::from_le_bytes(*time));
    let (first, last) = (repeated.iter().map(time).min(), repeated.iter().map(time).max());
    let length = last.zip(first).map(|(last, first)| last - first + GAP_NS).context("the capture has no events")?;
    let mut written = 0;
    while written < events {
        for (at, block) in &mut repeated {
            out.write_all(block)?;
            let later = block[*at..].first_chunk().map_or(0, |time| u64::from_le_bytes(*time)) + length;
            block[*at..*at + 8].copy_from_slice(&later.to_le_bytes());
            written += 1;
        }
    }
    out.flush()?;
    drop(out);
    let bytes = fs::metadata(&path)?.len();
    Ok(Capture { path, events: written, bytes })
}

/// Reads the capture some times in that way, and says what the best run took.
pub(super) fn read(tracer: &str, capture: &Capture, way: &Way, repeat: u32) -> Result<Reading> {
    let mut best: Option<(Duration, Duration, u64)> = None;
    for _ in 0..repeat.max(1) {
        let mut command = Command::new(tracer);
        if way.words == ["info"] {
            command.arg("info").arg(&capture.path);
        } else {
            command.arg("-r").arg(&capture.path).args(way.words);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
        let used = sys::wait(child)?;
        let wall = start.elapsed();
        if !used.status.success() {
            bail!("`{}` failed: {}", shown(&command), used.status);
        }
        if best.is_none_or(|(best, ..)| wall < best) {
            best = Some((wall, used.cpu, used.max_rss_kib));
        }
    }
    let (wall, cpu, max_rss_kib) = best.context("no run")?;
    Ok(Reading { name: way.name, wall, cpu, max_rss_kib })
}

/// Nanoseconds for each event from memory, the best of some runs: decoding, state, and what the words ask for.
pub(super) fn from_memory(tracer: &str, capture: &Capture, words: &[&str], repeat: u32) -> Result<f64> {
    let mut best = f64::INFINITY;
    let script = target_dir().join("xtask/two_fields.rhai");
    fs::create_dir_all(target_dir().join("xtask"))?;
    fs::write(&script, SCRIPT_TEXT).with_context(|| format!("cannot write {}", script.display()))?;
    for _ in 0..repeat.max(1) {
        let mut command = Command::new(tracer);
        command.args(["--bench-memory", "-r"]).arg(&capture.path);
        command.args(words.iter().map(|word| if *word == SCRIPT { script.as_os_str() } else { word.as_ref() }));
        let output = command.output().with_context(|| format!("cannot run `{}`", shown(&command)))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let nanos =
            said.lines().find_map(|line| line.strip_suffix(" ns each")?.rsplit_once(' ')?.1.parse::<f64>().ok());
        best = best.min(nanos.with_context(|| format!("`{}` does not say how long it took: {said}", shown(&command)))?);
    }
    Ok(best)
}
