//! The released programs that `cargo xtask setup --test` unpacks: the readers of captures, what they make of a capture, and
//! where the others are.
//!
//! The newer sysdig ends with 0 and a short output when it gives up, so its exit code alone says nothing: [`Said::fault`]
//! looks at all that shows it, and the lines are to be counted.

use std::{
    env, fmt,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::command::{Output, Running};

/// A released reader that is there.
#[derive(Debug, Clone)]
pub struct Peer {
    tool: Tool,
    launcher: PathBuf,
}

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// sysdig 0.29.3: pairs enter and exit events, knows containers and latencies.
    Old,
    /// sysdig 0.41.4: converts old events to the newest schema, and has no containers as packaged.
    New,
    /// tshark 4.6: a line for each block of an event. What it does not like it skips without a word, with all behind it.
    Wireshark,
}

/// What a reader made of a capture.
#[derive(Debug)]
pub struct Said {
    tool: Tool,
    /// Its lines, its errors and how it ended.
    pub output: Output,
}

impl Tool {
    /// Those that know what events mean.
    pub const SYSDIG: [Self; 2] = [Self::Old, Self::New];

    /// Its folder.
    fn folder(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
            Self::Wireshark => "wireshark",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Old => "sysdig 0.29",
            Self::New => "sysdig 0.41",
            Self::Wireshark => "tshark",
        })
    }
}

/// `$TRACER_TEST_PEERS`, else where `cargo xtask setup --test` puts them.
fn folder() -> PathBuf {
    let built_in = || {
        let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), |dir| workspace.join(dir))
    };
    env::var_os("TRACER_TEST_PEERS").map_or_else(|| built_in().join("tools/peers"), PathBuf::from)
}

/// The sysdigs that are there. One that is not is named on standard error; `cargo xtask test` does so again at its end.
#[must_use]
pub fn peers() -> Vec<Peer> {
    Tool::SYSDIG.into_iter().filter_map(peer).collect()
}

/// One reader, see [`peers`].
#[must_use]
pub fn peer(tool: Tool) -> Option<Peer> {
    let launcher = unpacked(tool.folder(), &tool.to_string())?.join("run");
    Some(Peer { tool, launcher })
}

/// The folder of a program, in which `run` starts it, also from another place that the folder is mounted at. One that is
/// not there is named on standard error as `shown`.
#[must_use]
pub fn unpacked(name: &str, shown: &str) -> Option<PathBuf> {
    let there = folder().join(name);
    if there.join("run").is_file() {
        return Some(there);
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Written to the stream itself: the test runner swallows `eprintln!` of tests that pass.
    let _ = writeln!(
        std::io::stderr(),
        "WARNING: {test}: NOT TESTED with {shown}, which is not in {} (cargo xtask setup --test)",
        folder().display()
    );
    None
}

impl Peer {
    /// Which one it is.
    #[must_use]
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// What it says it is.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn version(&self) -> String {
        let printed = Command::new(&self.launcher).arg("--version").output().expect("the peer starts").stdout;
        String::from_utf8_lossy(&printed).lines().next().unwrap_or_default().to_owned()
    }

    /// Lets it read a capture, with more options. Times are those of UTC.
    ///
    /// # Panics
    /// If it cannot be started, or does not end in time.
    #[must_use]
    pub fn read(&self, capture: &Path, options: &[&str]) -> Said {
        let mut command = Command::new(&self.launcher);
        command.arg("-r").arg(capture).args(options).env("TZ", "UTC").stdin(Stdio::null());
        Said { tool: self.tool, output: Running::start(&mut command).end() }
    }
}

impl Said {
    /// Why it did not read the capture to its end; `None` if there is no sign of that.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let Output { status, errors, lines } = &self.output;
        // What tshark says of everything that root starts.
        let errors: Vec<_> =
            errors.lines().filter(|line| !line.is_empty() && !line.starts_with("Running as ")).collect();
        let fine = status.success() && errors.is_empty();
        (!fine).then(|| format!("{}: {status}, {} lines, {errors:?}", self.tool, lines.len()))
    }

    /// Its lines, if it read to the end.
    ///
    /// # Panics
    /// If it did not.
    #[must_use]
    #[track_caller]
    pub fn lines(self) -> Vec<String> {
        assert!(self.fault().is_none(), "{}", self.fault().unwrap_or_default());
        self.output.lines
    }
}
