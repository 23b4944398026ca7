//! A runtime that rotates and packs its files in any order: no line is lost or comes twice.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use proptest::prelude::*;

use super::*;
use crate::logs::form::Form;

/// What a runtime does with its files.
struct Writer {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    written: usize,
    kept: usize,
}

impl Writer {
    fn begin(kept: usize) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tracer-series-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("x.log");
        Self { file: File::create(&path).unwrap(), folder, path, written: 0, kept }
    }

    fn place(&self) -> Place {
        Place { path: self.path.clone(), form: Form::Cri, owner: None }
    }

    fn series(&self, from: From, mark: Option<&Mark>) -> Series {
        Series::begin(self.place(), from, mark).unwrap()
    }

    fn line(number: usize) -> String {
        let time = jiff::Timestamp::from_second(1_700_000_000 + number as i64).unwrap();
        format!("{time} stdout F line {number}\n")
    }

    fn write(&mut self, lines: usize) {
        for _ in 0..lines {
            self.file.write_all(Self::line(self.written).as_bytes()).unwrap();
            self.written += 1;
        }
    }

    fn name(&self, number: usize, packed: bool) -> PathBuf {
        self.folder.join(format!("x.log.{number}{}", if packed { ".gz" } else { "" }))
    }

    /// As Docker does it.
    fn rotate(&mut self) {
        for packed in [false, true] {
            let _ = fs::remove_file(self.name(self.kept, packed));
            for number in (1..self.kept).rev() {
                let _ = fs::rename(self.name(number, packed), self.name(number + 1, packed));
            }
        }
        fs::rename(&self.path, self.name(1, false)).unwrap();
        self.file = File::create(&self.path).unwrap();
    }

    fn pack(&mut self) {
        let Ok(bytes) = fs::read(self.name(1, false)) else { return };
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&bytes).unwrap();
        fs::write(self.name(1, true), packed.finish().unwrap()).unwrap();
        fs::remove_file(self.name(1, false)).unwrap();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn rest(series: &mut Series) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(entry) = series.entry().unwrap() {
        lines.push(match entry {
            Entry::Line(line) => String::from_utf8(line.text).unwrap(),
            Entry::Gap(gap) => format!("gap: {gap}"),
        });
    }
    lines
}

fn lines(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

/// What a writer may do between two looks.
#[derive(Debug, Clone, Copy)]
enum Step {
    Write(usize),
    Rotate,
    Pack,
    Read,
    BeginAgain,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..40_usize).prop_map(Step::Write),
        2 => Just(Step::Rotate),
        1 => Just(Step::Pack),
        3 => Just(Step::Read),
        1 => Just(Step::BeginAgain),
    ]
}

/// Takes these steps. At the end all lines were read, each once.
#[track_caller]
fn take(steps: &[Step]) {
    let mut writer = Writer::begin(1_000);
    let mut series = writer.series(From::default(), None);
    let mut read = Vec::new();
    for step in steps {
        match *step {
            Step::Write(lines) => writer.write(lines),
            Step::Rotate => writer.rotate(),
            Step::Pack => writer.pack(),
            Step::Read => read.extend(rest(&mut series)),
            Step::BeginAgain => {
                // As another run with the marks of this one.
                read.extend(rest(&mut series));
                if let Some(mark) = series.mark(true, series.last_ns) {
                    series = writer.series(From::default(), Some(&mark));
                }
            }
        }
    }
    read.extend(rest(&mut series));
    assert_eq!(read, lines(0..writer.written), "{steps:?}");
}

#[test]
fn files_without_a_line_are_told_apart() {
    use Step::{BeginAgain, Pack, Rotate, Write};
    take(&[Write(1), BeginAgain, Rotate, BeginAgain]);
    take(&[Rotate, Pack, Write(1), Rotate, Rotate, Pack]);
    take(&[Write(1), BeginAgain, Rotate, BeginAgain, Write(2), Rotate, Rotate, BeginAgain]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_lost_or_twice_whatever_becomes_of_the_files(steps in prop::collection::vec(step(), 1..60)) {
        take(&steps);
    }

    #[test]
    fn the_last_lines_are_the_last_ones(
        parts in prop::collection::vec((0..50_usize, any::<bool>()), 1..6),
        last in 0..200_usize,
    ) {
        let mut writer = Writer::begin(1_000);
        for (at, (lines, packed)) in parts.iter().enumerate() {
            if at > 0 {
                writer.rotate();
                if *packed {
                    writer.pack();
                }
            }
            writer.write(*lines);
        }
        let mut series = writer.series(From { since_ns: 0, last: Some(last) }, None);
        prop_assert_eq!(rest(&mut series), lines(writer.written.saturating_sub(last)..writer.written));
    }
}

#[test]
fn a_file_that_is_emptied_is_read_from_its_beginning() {
    let mut writer = Writer::begin(1);
    writer.write(10);
    let mut series = writer.series(From::default(), None);
    assert_eq!(rest(&mut series), lines(0..10));
    writer.file = OpenOptions::new().append(true).open(&writer.path).unwrap();
    writer.file.set_len(0).unwrap();
    writer.write(2);
    let after = rest(&mut series);
    assert!(after[0].starts_with("gap: the file was truncated"), "{after:?}");
    assert_eq!(after[1..], lines(10..12));
}

#[test]
fn lines_that_were_rotated_away_are_a_gap() {
    let mut writer = Writer::begin(2);
    writer.write(10);
    let mut series = writer.series(From::default(), None);
    assert_eq!(rest(&mut series), lines(0..10));
    let mark = series.mark(true, series.last_ns).unwrap();
    drop(series);
    for _ in 0..4 {
        writer.rotate();
        writer.write(10);
    }
    let after = rest(&mut writer.series(From::default(), Some(&mark)));
    assert!(after[0].starts_with("gap: the file that was read last has been rotated away"), "{after:?}");
    assert_eq!(after[1..], lines(20..50));
}

#[test]
fn half_a_line_waits_for_its_other_half() {
    let mut writer = Writer::begin(1);
    let mut series = writer.series(From { since_ns: 1_700_000_001 * 1_000_000_000, last: None }, None);
    assert_eq!(rest(&mut series), [""; 0]);
    let line = Writer::line(1);
    writer.file.write_all(&line.as_bytes()[..20]).unwrap();
    assert_eq!(rest(&mut series), [""; 0]);
    writer.file.write_all(&line.as_bytes()[20..]).unwrap();
    assert_eq!(rest(&mut series), ["line 1"]);
    // Nothing of it is a log, and the rest is.
    writer.file.write_all(b"damaged \xff\n").unwrap();
    writer.written = 2;
    writer.write(1);
    assert_eq!(rest(&mut series), ["gap: part of the file is not a log entry", "line 2"]);
}
