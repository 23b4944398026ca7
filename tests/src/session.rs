//! A tracer that is known to watch before the test goes on, and the tables that it printed.

use std::{
    fs::File,
    io::Write as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    command::{Output, Running, tracer},
    level,
    scratch::Scratch,
};

/// A running tracer that has shown that it watches.
pub struct Session {
    running: Running,
    seen: Vec<String>,
}

/// Writes to a file again and again until it is dropped: what a tracer shows first when it watches.
struct Beacon {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Beacon {
    fn start(mut file: File) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                file.write_all(b".").expect("the beacon is written");
                thread::sleep(Duration::from_millis(10));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Beacon {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Session {
    /// A tracer with a chisel that prints tables. It watches when it prints the first.
    #[must_use]
    pub fn table(arguments: &[&str]) -> Self {
        Self::table_of(&mut tracer(arguments.iter().copied()))
    }

    /// The same by another command.
    ///
    /// # Panics
    /// If it ends before.
    #[must_use]
    pub fn table_of(command: &mut Command) -> Self {
        let running = Running::start(command);
        let mut seen = Vec::new();
        while !seen.last().is_some_and(String::is_empty) {
            match running.line() {
                Some(line) => seen.push(line),
                None => panic!("no table: {}", running.end().errors),
            }
        }
        Self { running, seen }
    }

    /// A tracer that prints a line of `format` for each event of `filter`.
    ///
    /// It watches when it shows writes to a file of this test, whose lines are not among those of [`Session::end`].
    ///
    /// # Panics
    /// If it ends before.
    #[must_use]
    pub fn lines(format: &str, filter: &str) -> Self {
        Self::lines_of(&mut tracer([]), format, filter)
    }

    /// The same by another command, to which format and filter are added.
    ///
    /// # Panics
    /// If it ends before.
    #[must_use]
    pub fn lines_of(command: &mut Command, format: &str, filter: &str) -> Self {
        let scratch = Scratch::new();
        let path = scratch.path("beacon");
        let beacon = Beacon::start(File::create(&path).expect("a beacon"));
        let path = path.display().to_string();
        command.args(["-p", &format!("*%fd.name {format}"), &format!("({filter}) or fd.name={path}")]);
        let running = Running::start(command);
        loop {
            match running.line() {
                Some(line) if line.starts_with(&path) => break,
                Some(_) => {}
                None => panic!("no line: {}", running.end().errors),
            }
        }
        drop(beacon);
        Self { running, seen: vec![path] }
    }

    /// Reads on until a line has all of `words` in it, and returns it.
    ///
    /// # Panics
    /// If none comes.
    pub fn wait_for(&mut self, words: &[&str]) -> String {
        loop {
            let line = self.running.line().unwrap_or_else(|| panic!("the end, and no line with {words:?}"));
            // Shown if the test fails.
            println!("{line}");
            self.seen.push(line.clone());
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// The process id of the tracer.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// The next line of standard error.
    pub fn error_line(&mut self) -> String {
        self.running.error_line()
    }

    /// Ctrl-C, and all that it printed. Nothing may be lost, but for programs that the kernel of a guest skipped.
    ///
    /// # Panics
    /// If it fails, or lost something.
    #[must_use]
    pub fn end(self) -> Output {
        self.running.interrupt();
        let mut output = self.running.end();
        assert!(output.status.success(), "{:?}: {}", output.status, output.errors);
        let skipped = |line: &str| {
            let lost = line.rsplit_once(" lost (program skipped ");
            level::programs_may_be_skipped()
                && lost.is_some_and(|(_, cause)| cause.trim_end_matches(')').parse::<u64>().is_ok())
        };
        assert!(output.errors.lines().any(|line| line.ends_with(", 0 lost") || skipped(line)), "{}", output.errors);
        output.lines.splice(0..0, self.seen);
        // The beacon's own lines, and its path in the first place.
        if let Some(path) = output.lines.first().filter(|line| line.starts_with('/')).cloned() {
            output.lines.retain(|line| !line.starts_with(&path));
        }
        output
    }
}

/// A sum of printed numbers: what it may have been before each was rounded to two decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    low: f64,
    high: f64,
}

impl Sum {
    /// Whether this is the printed form of that number.
    #[must_use]
    pub fn is(self, number: u64) -> bool {
        (self.low..=self.high).contains(&(number as f64))
    }

    /// The number, if nothing was rounded.
    #[must_use]
    pub fn exactly(self) -> Option<u64> {
        (self.low == self.high).then_some(self.low as u64)
    }

    /// Whether both can be the same number.
    #[must_use]
    pub fn agrees(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    fn add(&mut self, text: &str) {
        let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let factor = match &text[digits..] {
            "" | "B" => 1.0,
            "KB" => 1024.0,
            "MB" => 1024.0 * 1024.0,
            unit => panic!("unit {unit} of {text}"),
        };
        let value: f64 = text[..digits].parse().unwrap_or_else(|_| panic!("a number: {text}"));
        // Whole bytes and counts are printed exactly.
        let error = if factor == 1.0 { 0.0 } else { 0.005 * factor };
        self.low += value * factor - error;
        self.high += value * factor + error;
    }
}

/// The rows of all tables in the output whose keys are `keys`, added up.
#[must_use]
pub fn sum(output: &Output, keys: &[&str]) -> Sum {
    let mut sum = Sum::default();
    for line in &output.lines {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let is_number = |cell: &&str| cell.starts_with(|c: char| c.is_ascii_digit());
        let Some((value, rest)) = cells.split_first().filter(|(value, _)| is_number(value)) else { continue };
        // Tables of the network have rates between the sum and the keys.
        let Some(rates) = rest.strip_suffix(keys) else { continue };
        if rates.iter().all(|rate| is_number(rate) && rate.ends_with('B')) {
            sum.add(value);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_as_exact_as_what_was_printed() {
        let mut sum = Sum::default();
        sum.add("900B");
        assert!(sum.is(900) && !sum.is(901));
        assert_eq!(sum.exactly(), Some(900));
        sum.add("2.00KB");
        assert!(sum.is(2948) && sum.is(2950) && !sum.is(2956));
        assert_eq!(sum.exactly(), None);
    }

    #[test]
    fn rates_stand_between_a_sum_and_its_keys() {
        let lines = ["  12B  4B  8B  web", "1B  web", "3B  4B  db", "x  web", "5  80  web"].map(str::to_owned).to_vec();
        let output = Output { status: std::process::ExitStatus::default(), lines, errors: String::new() };
        assert_eq!(sum(&output, &["web"]).exactly(), Some(13));
        assert_eq!(sum(&output, &["80", "web"]).exactly(), Some(5));
    }
}
