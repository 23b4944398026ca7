//! The full-screen interface: `tracer top`.
//!
//! Three threads: one runs the engine, as without an interface, and hands over frames; one waits for keys; and this one takes both as
//! messages, changes what it knows ([`app`]), and draws it ([`draw`]). The engine never waits for it.

mod act;
pub mod actions;
pub mod app;
pub mod arrange;
pub mod bench;
pub mod cells;
pub mod complete;
pub mod data;
pub mod draw;
mod engine;
pub mod export;
mod go;
pub mod heat;
pub mod history;
mod hold;
pub mod keymap;
pub mod keys;
pub mod level;
pub mod line;
mod menu;
mod mouse;
mod outside;
mod over;
pub mod palette;
pub mod pane;
pub mod part;
pub mod prefs;
mod term;
#[cfg(test)]
mod tests;
pub mod timeline;

pub use draw::Theme;
pub use engine::{Engine, Link};

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use app::{Command, Model, Msg};
use hold::Held;
use prefs::Keeper;
use term::Terminal;

use crate::{confine, format::time::time_of_day};

/// The most drawings a second.
const BETWEEN: Duration = Duration::from_millis(33);
/// How often it is looked at whether something was answered.
const LOOK: Duration = Duration::from_millis(100);
/// How often a repeated key or a burst of frames is taken at once.
const AT_ONCE: usize = 1000;

/// How the interface looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Whether there are colours.
    pub colors: bool,
    /// Whether the mouse is used.
    pub mouse: bool,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// What the engine failed with.
    pub failed: Option<String>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// Shows the model until somebody quits. How the user had the views is kept at the end, if there is a place for it.
///
/// # Errors
/// The terminal cannot be used.
pub fn run(mut model: Model, mut engine: Box<dyn Engine>, look: Look, keeper: Option<Keeper>) -> anyhow::Result<Ended> {
    let (send, messages) = mpsc::channel();
    crate::message::divert(Some(Box::new({
        let send = send.clone();
        move |text| drop(send.send(Msg::Note(text)))
    })));
    let mut terminal = Terminal::enter(look.mouse)?;
    let keys = send.clone();
    let signals = term::signals(send.clone())?;
    engine.begin(send);
    let before = model.prefs.clone();
    let first = model.ask();
    let mut held = Held::default();
    let mut quit = outside::carry_out(vec![first], &mut model, &mut *engine, &mut terminal, &mut held)?;
    // It ends with the process: a read of the terminal cannot be stopped.
    crate::thread::begin("keys", move || {
        confine::interface();
        loop {
            // Keys belong to whoever has the terminal.
            if term::is_lent() {
                thread::sleep(LOOK);
                continue;
            }
            let event = match crossterm::event::poll(LOOK) {
                Ok(false) => continue,
                Ok(true) => crossterm::event::read(),
                Err(error) => Err(error),
            };
            let Ok(event) = event else { break };
            if keys.send(Msg::Input(event)).is_err() {
                break;
            }
        }
    })?;
    let (mut dirty, mut drawn) = (true, Instant::now() - BETWEEN);
    // Those who only look need no rights. The engine looks at those of the process when it begins, so they stay until then.
    let mut drops = model.settings.read_only;
    let mut shown_second = 0;
    while !quit {
        if dirty && drawn.elapsed() >= BETWEEN {
            (dirty, drawn) = (false, Instant::now());
            let theme = model.settings.theme;
            let style = draw::Style { colors: look.colors && theme != Theme::Mono, theme };
            terminal.draw(&mut model, style, &now())?;
        }
        let wait = if dirty { BETWEEN.saturating_sub(drawn.elapsed()) } else { LOOK };
        let mut commands = Vec::new();
        if let Ok(first) = messages.recv_timeout(wait) {
            for msg in std::iter::once(first).chain(messages.try_iter().take(AT_ONCE)) {
                commands.extend(take(&mut model, msg));
            }
            dirty = true;
        }
        if drops && model.level().frame.is_some() {
            confine::interface();
            drops = false;
        }
        engine.look();
        // The clock goes on.
        let second = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        dirty |= second != shown_second;
        shown_second = second;
        quit = outside::carry_out(commands, &mut model, &mut *engine, &mut terminal, &mut held)?;
    }
    drop(terminal);
    crate::message::divert(None);
    signals.close();
    if let Some(keeper) = keeper.filter(|_| model.prefs != before)
        && let Err(error) = keeper.save(&model.prefs)
    {
        crate::message::note(&error);
    }
    let failed = engine.end().or(model.failed);
    Ok(Ended { failed, signal: model.signal })
}

/// Takes a message; what was counted has the time of now.
fn take(model: &mut Model, msg: Msg) -> Vec<Command> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now_ns = u64::try_from(since.as_nanos()).unwrap_or(0);
    model.now_ns = now_ns;
    if let Msg::Counted { seen, lost } = msg {
        model.counted(seen, lost, now_ns);
        return Vec::new();
    }
    model.update(msg)
}

fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut text = Vec::new();
    time_of_day(u64::try_from(since.as_nanos()).unwrap_or(0), false, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
