//! How long the interface takes for what it does itself: `tracer top --bench-screen`, for the benchmark of the project.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    time::{Duration, Instant},
};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Theme,
    app::{Command, Model, Msg, Settings},
    draw::{self, Style},
};
use crate::{
    fields::Show,
    output::Frame,
    sink::Tick,
    state::{State, Thread},
    stats::Stats,
    view::{Library, Publish},
};

/// How often each thing is done.
const TIMES: usize = 50;
/// Processes of a busy machine, and rows of a very large table.
const PROCESSES: u32 = 10_000;
const ROWS: u32 = 100_000;

/// What each thing took: its name, the median and the 99th percentile in milliseconds, separated by semicolons.
///
/// # Errors
/// A built-in view cannot be asked for.
pub fn screen() -> anyhow::Result<String> {
    let mut out = String::new();
    let mut say = |name: &str, mut times: Vec<Duration>| {
        times.sort_unstable();
        let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
        let _ = writeln!(out, "{name};{:.3};{:.3}", at(50), at(99));
    };
    let (mut model, state) = (model()?, machine(PROCESSES));
    let (times, frame) = frames(&mut model, &state, TIMES)?;
    say("a frame of 10,000 processes", times);
    say("taking it: sorting, history", timed(|| drop(model.update(Msg::Frame(model.asked, Arc::clone(&frame))))));
    for (width, height) in [(120, 40), (300, 100)] {
        let area = Rect::new(0, 0, width, height);
        let mut once = || {
            let mut buffer = Buffer::empty(area);
            let style = Style { colors: true, theme: Theme::Dark };
            draw::draw(&model, style, "00:00:00", area, &mut buffer).tell(&mut model, width);
        };
        say(&format!("drawing {width}x{height}"), timed(&mut once));
    }
    let (_, large) = frames(&mut model, &machine(ROWS), 1)?;
    model.update(Msg::Frame(model.asked, large));
    let mut press = |code: KeyCode| {
        model.update(Msg::Input(Event::Key(KeyEvent::new(code, KeyModifiers::NONE))));
    };
    for (name, code) in [("End", KeyCode::End), ("Home", KeyCode::Home), ("r, sorting", KeyCode::Char('r'))] {
        say(&format!("100,000 rows: {name}"), timed(|| press(code)));
    }
    press(KeyCode::Char('\\'));
    say("100,000 rows: \\, a letter", timed(|| press(KeyCode::Char('e'))));
    Ok(out)
}

fn timed(once: impl FnMut()) -> Vec<Duration> {
    timed_often(TIMES, once)
}

fn timed_often(times: usize, mut once: impl FnMut()) -> Vec<Duration> {
    let one = |_| {
        let began = Instant::now();
        once();
        began.elapsed()
    };
    (0..times).map(one).collect()
}

/// Live, and with nothing that a user has chosen.
pub(super) fn settings() -> Settings {
    Settings {
        containers: false,
        interval_ms: 1000,
        replay: false,
        read_only: false,
        max_events: None,
        show: Show::PLAIN,
        theme: Theme::Dark,
        filter: None,
        source: "host".into(),
    }
}

fn model() -> anyhow::Result<Model> {
    let views = Library::builtin().all();
    let first = crate::view::find(&views, "procs")?.clone();
    Model::new(settings(), views, first).map_err(|fault| anyhow::anyhow!("{fault}"))
}

/// A machine with so many processes.
fn machine(processes: u32) -> State {
    let mut state = State::default();
    for tid in 1..=processes {
        let name = format!("process-{}", tid % 100);
        state.threads.insert(Thread {
            comm: name.as_bytes().into(),
            exe: format!("/usr/bin/{name}").into_bytes().into(),
            args: b"--config\0/etc/some/file.conf\0".as_slice().into(),
            start_ns: u64::from(tid),
            uid: 0,
            is_stranger: false,
            ..Thread::stranger(tid, tid)
        });
    }
    state
}

/// How long so many frames of Processes of that machine take, and the last one.
fn frames(model: &mut Model, state: &State, count: usize) -> anyhow::Result<(Vec<Duration>, Arc<Frame>)> {
    let Command::Ask(_, ask) = model.ask() else { anyhow::bail!("no question") };
    let (send, frames) = mpsc::channel();
    let publish = |send: Sender<Frame>| -> Publish {
        Box::new(move |frame, _| {
            let _ = send.send(frame);
            Ok(())
        })
    };
    let mut outputs = ask.outputs(publish(send))?;
    let stats = Stats::default();
    let mut second: u64 = 0;
    let mut result = Ok(());
    let times = timed_often(count, || {
        second += 1;
        let tick = Tick { state, now_ns: second * 1_000_000_000, stats: &stats, failed: false };
        if let Err(error) = outputs.interval(&tick) {
            result = Err(error);
        }
    });
    result?;
    let last = frames.try_iter().last();
    Ok((times, Arc::new(last.ok_or_else(|| anyhow::anyhow!("no frame came"))?)))
}
