//! Captures of other tools, read block by block. The numbers were counted by another program.

mod expected;

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use tracer::scap::{Block, Reader, ScapError, Target, User, open};
use tracer_common::events;
use tracer_tests::{
    command::{Running, output, tracer},
    scap,
    scratch::Scratch,
};

use expected::{CAPTURES, Expected};

/// The uncompressed bytes of a capture.
fn stream(file: &str) -> Vec<u8> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(file);
    let mut bytes = Vec::new();
    open(&path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// What was found, in the form of [`Expected`].
#[derive(Debug, Default)]
struct Found {
    blocks: BTreeMap<(&'static str, u8), u64>,
    processes: (u64, i64, u64, u64, i64),
    fds: BTreeMap<u8, u64>,
    fd_sums: (u64, u64),
    users: (u64, u64, u64),
    interfaces: (u64, u64),
    events: BTreeMap<u16, u64>,
    params: (u64, u64),
}

impl From<scap::Report> for Found {
    fn from(report: scap::Report) -> Self {
        let sums = report.processes;
        Self {
            blocks: report.blocks,
            processes: (sums.count, sums.tids, sums.uids, sums.text_bytes, sums.vpids),
            fds: report.fds,
            fd_sums: report.fd_sums,
            users: report.users,
            interfaces: report.interfaces,
            events: report.events,
            params: report.params,
        }
    }
}

impl Found {
    /// Counts a block with all that is in it.
    fn add(&mut self, block: Block<'_>) -> Result<(), ScapError> {
        let kind = match block {
            Block::Section(_) => ("section", 0),
            Block::Machine(machine) => {
                assert!(machine.cpus > 0);
                ("machine", 0)
            }
            Block::Processes(list) => {
                for process in list {
                    let p = process?;
                    let texts = [p.comm, p.exe, p.exepath, p.args, p.cwd, p.env, p.cgroups, p.root];
                    self.processes.0 += 1;
                    self.processes.1 = self.processes.1.wrapping_add(p.tid);
                    self.processes.2 += u64::from(p.uid);
                    self.processes.3 += texts.iter().map(|text| text.len() as u64).sum::<u64>();
                    self.processes.4 = self.processes.4.wrapping_add(p.vpid.unwrap_or_default());
                }
                ("processes", list.version())
            }
            Block::Fds(list) => {
                for fd in list {
                    let fd = fd?;
                    *self.fds.entry(fd.kind).or_default() += 1;
                    let (name, ports) = match fd.target {
                        Target::Unknown => (0, 0),
                        Target::Name(name) | Target::File { name, .. } | Target::Unix { path: name, .. } => {
                            (name.len(), 0)
                        }
                        Target::Ipv4 { source, dest, .. } => (0, u64::from(source.1) + u64::from(dest.1)),
                        Target::Ipv6 { source, dest, .. } => (0, u64::from(source.1) + u64::from(dest.1)),
                        Target::Ipv4Server { local, .. } => (0, u64::from(local.1)),
                        Target::Ipv6Server { local, .. } => (0, u64::from(local.1)),
                    };
                    self.fd_sums.0 += name as u64;
                    self.fd_sums.1 += ports;
                }
                ("fds", list.version())
            }
            Block::Interfaces(list) => {
                for interface in list {
                    self.interfaces.0 += 1;
                    self.interfaces.1 += interface?.name.len() as u64;
                }
                ("interfaces", list.version())
            }
            Block::Users(list) => {
                for user in list {
                    match user? {
                        User::User { name, home, shell, .. } => {
                            self.users.0 += 1;
                            self.users.2 += (name.len() + home.len() + shell.len()) as u64;
                        }
                        User::Group { name, .. } => {
                            self.users.1 += 1;
                            self.users.2 += name.len() as u64;
                        }
                    }
                }
                ("users", list.version())
            }
            Block::Event(event) => {
                *self.events.entry(event.code).or_default() += 1;
                let most = events::by_code(event.code).map_or(0, |row| row.params.len());
                if let Some(params) = event.params(most) {
                    self.params.0 += params.count as u64;
                    self.params.1 += params.iter().map(|param| param.len() as u64).sum::<u64>();
                }
                ("events", event.version())
            }
            Block::Unknown { .. } => ("unknown", 0),
        };
        *self.blocks.entry(kind).or_default() += 1;
        Ok(())
    }

    fn check(&self, expected: &Expected) {
        let blocks: Vec<_> = self.blocks.iter().map(|((kind, version), count)| (*kind, *version, *count)).collect();
        let fds: Vec<_> = self.fds.iter().map(|(kind, count)| (*kind, *count)).collect();
        let events: Vec<_> = self.events.iter().map(|(code, count)| (*code, *count)).collect();
        let file = expected.file;
        assert_eq!(blocks, expected.blocks, "{file}");
        assert_eq!(self.processes, expected.processes, "{file}");
        assert_eq!(fds, expected.fds, "{file}");
        assert_eq!(self.fd_sums, expected.fd_sums, "{file}");
        assert_eq!(self.users, expected.users, "{file}");
        assert_eq!(self.interfaces, expected.interfaces, "{file}");
        assert_eq!(events, expected.events, "{file}");
        assert_eq!(self.params, expected.params, "{file}");
    }
}

#[test]
fn captures_hold_what_another_program_counted() {
    for expected in &CAPTURES {
        let bytes = stream(expected.file);
        let mut reader = Reader::new(&bytes[..]);
        let mut found = Found::default();
        while let Some(block) = reader.next().unwrap() {
            found.add(block).unwrap();
        }
        found.check(expected);
        assert_eq!(reader.offset(), bytes.len() as u64);
    }
}

/// The reader that checks what the tracer writes counts the same.
#[test]
fn captures_hold_what_the_reader_of_the_tests_counts() {
    for expected in &CAPTURES {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(expected.file);
        Found::from(scap::read_file(&path, scap::Rules::Any)).check(expected);
    }
}

/// Each parameter has a value of its kind, unless it has no bytes.
#[test]
fn every_parameter_of_every_capture_can_be_decoded() {
    for expected in &CAPTURES {
        let bytes = stream(expected.file);
        let mut reader = Reader::new(&bytes[..]);
        while let Some(block) = reader.next().unwrap() {
            let Block::Event(event) = block else { continue };
            let row = events::by_code(event.code).unwrap();
            let raw = event.params(row.params.len()).unwrap();
            let params = tracer::event::Params::new(row, raw.lengths, raw.payload, false);
            for (at, (param, bytes)) in row.params.iter().zip(raw.iter()).enumerate() {
                let missing = matches!(params.value(at), tracer::event::ParamValue::Missing);
                let none = bytes.is_empty() || bytes == b"(NULL)\0";
                assert_eq!(missing, none, "{}: {}.{} {bytes:?}", expected.file, row.ident, param.name);
                let width = param.kind.width().unwrap_or(bytes.len());
                assert!(none || bytes.len() == width, "{}: {}.{} {bytes:?}", expected.file, row.ident, param.name);
            }
        }
    }
}

/// Where each block begins, and the end.
fn borders(bytes: &[u8]) -> Vec<usize> {
    let mut borders = vec![0];
    let mut reader = Reader::new(bytes);
    while reader.next().unwrap().is_some() {
        borders.push(reader.offset() as usize);
    }
    borders
}

/// The blocks that come out of damaged bytes with all that is in them, and how it ended.
fn read(bytes: &[u8]) -> (usize, Option<ScapError>) {
    let mut reader = Reader::new(bytes);
    let (mut found, mut blocks) = (Found::default(), 0);
    loop {
        match reader.next() {
            Ok(Some(block)) => {
                // Damage in a list is an error of the list.
                let _ = found.add(block);
                blocks += 1;
            }
            Ok(None) => return (blocks, None),
            Err(error) if error.is_local() => {}
            Err(error) => return (blocks, Some(error)),
        }
    }
}

const SMALL: &str = "connect_localhost.scap";

#[test]
fn a_capture_cut_anywhere_gives_what_was_whole_and_says_where_it_ends() {
    let bytes = stream(SMALL);
    let borders = borders(&bytes);
    // Every length of each block behind the first one; of long lists, some.
    let header = &bytes[..borders[1]];
    for block in borders.windows(2).skip(1) {
        let step = if block[1] - block[0] > 4096 { 97 } else { 1 };
        for end in (block[0] + 1..block[1]).step_by(step) {
            let (blocks, error) = read(&[header, &bytes[block[0]..end]].concat());
            let there = header.len() + end - block[0];
            assert_eq!(blocks, 1);
            let Some(ScapError::Cut { offset, end }) = error else { panic!("{error:?}") };
            assert_eq!((offset, end), (header.len() as u64, there as u64));
        }
    }
    for len in (0..bytes.len()).step_by(997) {
        let whole = borders.iter().filter(|border| **border <= len).count() - 1;
        let (blocks, error) = read(&bytes[..len]);
        assert_eq!(blocks, whole, "{len}");
        assert_eq!(error.is_none(), borders.contains(&len) && len > 0, "{len}");
    }
}

#[test]
fn flipped_bits_cause_no_panic_and_hide_nothing_in_front_of_them() {
    for (file, flips) in [(SMALL, 1500), ("sample.scap", 500)] {
        let whole = stream(file);
        let borders = borders(&whole);
        let mut bytes = whole.clone();
        let mut random = 0x9E37_79B9_7F4A_7C15u64;
        for _ in 0..flips {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (at, bit) = (random as usize % bytes.len(), 1 << (random >> 61));
            bytes[at] ^= bit;
            let (blocks, error) = read(&bytes);
            let before = borders.iter().filter(|border| **border <= at).count() - 1;
            assert!(blocks >= before, "{at}: {blocks} of {before}, {error:?}");
            let offset = error.map(|error| error.offset());
            assert!(offset.is_none_or(|offset| offset >= borders[before] as u64), "{at}: {offset:?}");
            bytes[at] = whole[at];
        }
    }
}

/// Captures one after the other are sections of one, from a file and from a pipe, if all or none of them are compressed. Otherwise it is
/// said where reading ends.
#[test]
fn captures_one_after_the_other_are_one() {
    let scratch = Scratch::new();
    let write = |name: &str, option: &[&str]| {
        let path = scratch.path(name);
        let words =
            ["-q", "-r", concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap"), "-w", path.to_str().unwrap()];
        assert!(output(words.iter().chain(option).copied()).status.success());
        fs::read(path).unwrap()
    };
    let files = [write("plain", &[]), write("gzip", &["-z"]), write("zstd", &["--compress=zstd"])];
    let alone = output(["-r", scratch.path("plain").to_str().unwrap()]).lines.len();
    let both = scratch.path("both");
    for (first, second) in (0..9).map(|at| (at / 3, at % 3)) {
        fs::write(&both, [&files[first][..], &files[second][..]].concat()).unwrap();
        let of_file = output(["-r", both.to_str().unwrap()]);
        let mut piped = tracer(["-r", "-"]);
        let piped = Running::start(piped.stdin(fs::File::open(&both).unwrap())).end();
        let expected = if first == second { 2 * alone } else { alone };
        for read in [of_file, piped] {
            assert_eq!(read.lines.len(), expected, "{first} {second}: {}", read.errors);
            assert_eq!(read.status.success(), first == second, "{}", read.errors);
            assert!(first == second || read.errors.contains("cannot read capture"), "{}", read.errors);
        }
    }
}
