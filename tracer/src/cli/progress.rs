//! How far reading of capture files is: `-P`. A bar on a terminal, else a line now and then.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{format::units, message::note, source::replay::Position, thread};

/// How often the bar is drawn, and a line is written.
const BAR: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(1);

/// Shows it until it is dropped.
pub struct Progress {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to show it.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start(position: Arc<Position>) -> anyhow::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let bar = io::stderr().is_terminal().then(|| bar(position.total()));
        let run = move || {
            let start = Instant::now();
            let step = if bar.is_some() { BAR } else { LINE };
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(step) {
                match &bar {
                    Some(bar) => bar.set_position(position.read()),
                    None => note(&line(position.read(), position.total(), start.elapsed())),
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        };
        let thread = thread::begin("progress", run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It cannot fail, and a line that is missing is no reason to.
            let _ = thread.join();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{wide_bar} {percent} %  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
        None => "{spinner} {bytes}  {bytes_per_sec}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_style(style)
}

/// Percent, bytes, rate and time left, as far as they are known.
fn line(read: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = read as f64 / elapsed.as_secs_f64().max(0.001);
    let speed = format!("{}/s", units::bytes(rate));
    match total {
        Some(total) => {
            let percent = 100.0 * read as f64 / total as f64;
            let left = total.saturating_sub(read) as f64 / rate.max(1.0);
            let (read, total) = (units::bytes(read as f64), units::bytes(total as f64));
            format!("read {percent:.1} %, {read} of {total}, {speed}, {} left", units::time(left * 1e9))
        }
        None => format!("read {}, {speed}", units::bytes(read as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long_still() {
        let second = Duration::from_secs(1);
        assert_eq!(line(1 << 20, Some(4 << 20), second), "read 25.0 %, 1.00MB of 4.00MB, 1.00MB/s, 3.00s left");
        assert_eq!(line(1 << 20, None, second), "read 1.00MB, 1.00MB/s");
        assert!(line(0, Some(10), Duration::ZERO).starts_with("read 0.0 %"));
    }
}
