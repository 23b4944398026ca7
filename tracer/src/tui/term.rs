//! The terminal: taken at the start, and given back at every end.

use std::{
    io::{self, Write as _},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
};

use crossterm::{
    cursor::{MoveTo, Show},
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute, queue,
    terminal::{
        BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode, size,
    },
};
use ratatui::{
    backend::{Backend as _, CrosstermBackend},
    buffer::Buffer,
    layout::Rect,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::{Handle, Signals},
};

use super::{
    app::{Model, Msg},
    draw::{self, Style},
};
use crate::{confine, thread::begin};

/// The exit code after a panic: that of Rust's own.
const PANICKED: i32 = 101;

/// Whether it is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();
/// Whether something else uses it for a while.
static LENT: AtomicBool = AtomicBool::new(false);

/// Whether something else uses the terminal, and is to get what is typed.
pub fn is_lent() -> bool {
    LENT.load(Ordering::SeqCst)
}

/// The terminal, while it is ours.
#[derive(Debug)]
pub struct Terminal {
    mouse: bool,
    backend: CrosstermBackend<io::Stdout>,
    /// What is on the screen; empty when that is not known.
    screen: Buffer,
    /// Where the cursor is.
    cursor: (u16, u16),
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                let was_ours = TAKEN.load(Ordering::SeqCst);
                give_back();
                before(info);
                if was_ours {
                    // Without one of its threads a screen shows what is not so.
                    std::process::exit(PANICKED);
                }
            }));
        });
        take(mouse)?;
        Ok(Self { mouse, backend: CrosstermBackend::new(io::stdout()), screen: Buffer::default(), cursor: (0, 0) })
    }

    /// Draws what has changed.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, model: &mut Model, style: Style, now: &str) -> io::Result<()> {
        let (width, height) = size()?;
        let area = Rect::new(0, 0, width, height);
        if area.is_empty() {
            return Ok(());
        }
        let mut next = Buffer::empty(area);
        let drawn = draw::draw(model, style, now, area, &mut next);
        drawn.tell(model, width);
        let cursor = (drawn.cursor.0.min(width - 1), drawn.cursor.1.min(height - 1));
        let is_known = self.screen.area == area;
        if is_known && cursor == self.cursor && self.screen.content == next.content {
            // Nothing has changed: nothing is written.
            return Ok(());
        }
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        if !is_known {
            self.screen = Buffer::empty(area);
            self.backend.clear()?;
        }
        self.backend.draw(self.screen.diff(&next).into_iter())?;
        queue!(io::stdout(), MoveTo(cursor.0, cursor.1), EndSynchronizedUpdate)?;
        io::stdout().flush()?;
        self.cursor = cursor;
        self.screen = next;
        Ok(())
    }

    /// Draws all anew the next time.
    pub fn forget(&mut self) {
        self.screen = Buffer::default();
    }

    /// Gives the terminal away while something else uses it.
    ///
    /// # Errors
    /// It cannot be taken again.
    pub fn lend<T>(&mut self, to: impl FnOnce() -> T) -> io::Result<T> {
        LENT.store(true, Ordering::SeqCst);
        give_back();
        let result = to();
        let taken = take(self.mouse);
        LENT.store(false, Ordering::SeqCst);
        taken?;
        self.forget();
        Ok(result)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, EnableBracketedPaste)?;
    if mouse {
        execute!(out, EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back as it was, once.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // There is nobody to tell when the terminal is gone.
        let _ = execute!(io::stdout(), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Signals that end, as messages. A second one changes nothing: the terminal has to be given back first.
///
/// # Errors
/// The kernel does not allow it.
pub fn signals(send: Sender<Msg>) -> io::Result<Handle> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
    let handle = signals.handle();
    begin("signals", move || {
        confine::interface();
        for signal in signals.forever() {
            if send.send(Msg::Signal(signal)).is_err() {
                break;
            }
        }
    })
    .map_err(io::Error::other)?;
    Ok(handle)
}
