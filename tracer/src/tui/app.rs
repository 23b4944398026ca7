//! What the interface knows, and what a message changes: no terminal, no clock, no engine. What is to be done outside is returned.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crossterm::event::{Event, KeyEventKind};

use super::{
    Theme,
    actions::{BEGAN, Confirmed, Target},
    arrange::{GROUPS, PARENT, PID, Shape},
    keymap::Keys,
    level::Level,
    line::{History, Line},
    pane::Pane,
    part::Part,
    prefs::Prefs,
    timeline::Timeline,
};
use crate::{
    fields::Show,
    format::escape,
    output::Frame,
    view::{
        Ask, Mode, View, With,
        ask::{Enough, all_of},
    },
};

/// The most messages that are kept.
const MAX_LOG: usize = 1000;
/// The shortest time that a rate is computed from, nanoseconds.
const MIN_RATE_NS: u64 = 800_000_000;

/// What happens.
#[derive(Debug)]
pub enum Msg {
    /// A key, the mouse, a paste or a new size.
    Input(Event),
    /// A frame of the question of that number.
    Frame(u64, Arc<Frame>),
    /// What became of the question of that number.
    Answered(u64, Result<(), String>),
    /// What an event of a capture has besides what its row shows: the number of the event, and its fields.
    Fields(String, Vec<u8>),
    /// What became of the processes that a signal is for.
    Held(Vec<Target>),
    /// What the kernel does for the view.
    Explained(Vec<String>),
    /// Something that the engine says.
    Note(String),
    /// How much was seen and lost.
    Counted { seen: u64, lost: u64 },
    /// How much of a capture was read, in percent; more than 100 when that is not known.
    Read(f64),
    /// The engine has ended: why, if it failed. Of a capture, the pass for the question of that number.
    Ended(Option<u64>, Result<(), String>),
    /// A capture ends with damage: why. What came before it is there. The pass for the question of that number.
    Damaged(u64, String),
    /// A signal that ends.
    Signal(i32),
}

/// What is to be done outside.
#[derive(Debug)]
pub enum Command {
    /// Put this question to the engine.
    Ask(u64, Box<Ask>),
    /// Stop reading the capture: what was read is shown.
    Stop,
    Quit,
    Suspend,
    /// Draw all anew.
    Redraw,
    /// Put this on the clipboard.
    Copy(String),
    /// Write this to a file whose name ends so.
    Export(&'static str, Vec<u8>),
    /// Give the terminal to this command, and all of it if it talks with the user.
    Run(Vec<String>, bool),
    /// Hold these processes, and no others.
    Hold(Vec<Target>),
    /// Send a signal to those that are held.
    Kill(i32),
    /// Find the fields of the event of that number in the capture.
    Find(String, Box<Ask>),
    /// What the kernel does for this.
    Explain(Box<Ask>),
}

/// What is typed at the bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptKind {
    Search,
    Filter,
    RowFilter,
}

/// What lies over the screen.
#[derive(Debug)]
pub enum Overlay {
    Help {
        scroll: usize,
    },
    Legend {
        scroll: usize,
    },
    Views {
        line: Line,
        at: usize,
    },
    Sort {
        at: usize,
    },
    Actions {
        at: usize,
    },
    Columns {
        at: usize,
    },
    /// The menu of a cell: of which column, and where in the menu.
    Cell {
        column: usize,
        at: usize,
    },
    /// A menu whose lines do something each.
    Menu {
        title: String,
        items: Vec<Item>,
        at: usize,
    },
    Palette {
        line: Line,
        at: usize,
    },
    Confirm {
        what: Confirmed,
        yes: bool,
    },
    Prompt {
        kind: PromptKind,
        line: Line,
        error: Option<(usize, String)>,
        before: String,
    },
}

/// What a line of a menu does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Another level with the same view, and that part.
    Only(Part),
    /// A level with that view.
    Into(String, Part),
    Copy(String),
    Export(super::export::Form),
    /// Another shape of the rows.
    Shape(Shape),
}

/// A line of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub key: Option<char>,
    pub text: String,
    pub then: Then,
}

/// What does not change.
#[derive(Debug, Clone)]
pub struct Settings {
    pub containers: bool,
    pub interval_ms: u64,
    pub replay: bool,
    pub read_only: bool,
    /// After how many events it ends.
    pub max_events: Option<u64>,
    pub show: Show,
    /// The theme of the colours.
    pub theme: Theme,
    /// The filter of the command line.
    pub filter: Option<String>,
    /// What is looked at: the name of the machine, or the capture.
    pub source: String,
}

/// What the interface knows.
#[derive(Debug)]
pub struct Model {
    pub settings: Settings,
    pub views: BTreeMap<String, View>,
    pub levels: Vec<Level>,
    /// The keys as the user has them.
    pub keys: Keys,
    /// The filter that was typed.
    pub typed: String,
    pub overlay: Option<Overlay>,
    pub search: String,
    /// Whether the screen is frozen, and the frame that came meanwhile.
    pub frozen: bool,
    pub(super) waiting: Option<Arc<Frame>>,
    /// What is said in the last line, until the next key.
    pub said: Option<String>,
    pub log: VecDeque<String>,
    pub seen: u64,
    pub seen_per_s: f64,
    pub lost: u64,
    /// Lost in the last interval.
    pub lost_now: u64,
    pub read: Option<f64>,
    /// Whether the user has stopped the reading of a capture.
    pub stopped: bool,
    /// Whether a capture ends with damage.
    pub truncated: bool,
    pub ended: bool,
    pub failed: Option<String>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The number of the question that counts.
    pub asked: u64,
    pub(super) filters: History,
    /// How the user had the views.
    pub prefs: Prefs,
    /// The fields of a row: whether they are shown, and what is selected of them.
    pub pane: Pane,
    /// What the kernel does for the view, once it was asked.
    pub explained: Vec<String>,
    /// What was seen and lost, second by second.
    pub timeline: Timeline,
    /// Lines above the titles of the columns: set by whoever draws.
    pub head: usize,
    /// Rows of the table on the screen: set by whoever draws.
    pub page: usize,
    /// Columns of the screen, as well.
    pub width: usize,
    /// What was seen when the rate was computed last, and when that was.
    counted: (u64, u64),
    /// The time of the last message, nanoseconds since the epoch.
    pub now_ns: u64,
}

impl Model {
    /// At that view.
    ///
    /// # Errors
    /// The view makes no sense.
    pub fn new(settings: Settings, views: BTreeMap<String, View>, first: View) -> Result<Self, crate::view::Wrong> {
        let level = Level::new(first, Mode::Rows, None, settings.containers)?;
        Ok(Self {
            prefs: Prefs::default(),
            pane: Pane::default(),
            explained: Vec::new(),
            timeline: Timeline::default(),
            head: 2,
            settings,
            views,
            levels: vec![level],
            keys: Keys::default(),
            typed: String::new(),
            overlay: None,
            search: String::new(),
            frozen: false,
            waiting: None,
            said: None,
            log: VecDeque::new(),
            seen: 0,
            seen_per_s: 0.0,
            lost: 0,
            lost_now: 0,
            read: None,
            stopped: false,
            truncated: false,
            ended: false,
            failed: None,
            signal: None,
            asked: 0,
            filters: History::default(),
            page: 20,
            width: 80,
            counted: (0, 0),
            now_ns: 0,
        })
    }

    /// The level that is shown.
    #[must_use]
    pub fn level(&self) -> &Level {
        self.levels.last().unwrap_or_else(|| unreachable!("the first level stays"))
    }

    pub fn level_mut(&mut self) -> &mut Level {
        self.levels.last_mut().unwrap_or_else(|| unreachable!("the first level stays"))
    }

    /// The filter of what is shown, without the view's own.
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        let parts: Vec<String> = self.levels.iter().filter_map(|level| level.part.as_ref()).map(Part::filter).collect();
        let filters = [self.settings.filter.as_deref(), Some(self.typed.as_str())];
        all_of(&filters.into_iter().chain(parts.iter().map(|part| Some(part.as_str()))).collect::<Vec<_>>())
    }

    /// Takes how the user had the views.
    pub fn prefer(&mut self, prefs: Prefs) {
        prefs.filters.iter().for_each(|filter| self.filters.add(filter.clone()));
        self.levels.iter_mut().for_each(|level| prefs.apply(level));
        self.prefs = prefs;
    }

    /// The question for the level that is shown.
    pub fn ask(&mut self) -> Command {
        self.asked += 1;
        self.waiting = None;
        let ask = self.question();
        if self.settings.replay {
            (self.ended, self.failed, self.stopped, self.read) = (false, None, false, None);
            self.level_mut().begin_anew();
        }
        self.level_mut().stale = true;
        Command::Ask(self.asked, Box::new(ask))
    }

    pub(super) fn question(&self) -> Ask {
        let Settings { containers, interval_ms, replay, show, max_events, .. } = self.settings;
        let enough = Enough { events: max_events, tables: None };
        let level = self.level();
        let (view, mode) = (level.view.clone(), level.mode);
        // A capture is read again for the fields of an event: with all events they would take too long.
        let with = if replay { With::Number } else { With::Fields };
        Ask {
            view,
            mode,
            filter: self.filter(),
            containers,
            interval_ms,
            replay,
            show,
            with,
            more: self.more(),
            enough,
        }
    }

    /// What is looked up for rows besides their columns.
    fn more(&self) -> Vec<String> {
        let level = self.level();
        let Some(key) = level.view.key.as_ref().filter(|_| !level.is_list()) else { return Vec::new() };
        let Settings { replay, read_only, .. } = self.settings;
        let mut more = Vec::new();
        let mut add = |names: &[&str]| {
            for name in names {
                if !more.iter().any(|it| it == name) {
                    more.push((*name).to_owned());
                }
            }
        };
        if key.field == PID && !replay && !read_only {
            add(&[BEGAN, "container.name"]);
        }
        match level.tree.shape {
            Shape::Flat => {}
            Shape::Tree => add(&[PARENT]),
            Shape::Groups(by) => add(&[GROUPS[by].1]),
        }
        if self.pane.is_shown() {
            add(super::pane::of_key(&key.field));
        }
        more
    }

    /// Takes a message.
    pub fn update(&mut self, msg: Msg) -> Vec<Command> {
        match msg {
            Msg::Input(Event::Key(key)) if key.kind != KeyEventKind::Release => return self.key(&key),
            Msg::Input(Event::Mouse(mouse)) => return self.mouse(mouse),
            Msg::Input(Event::Paste(text)) => {
                if let Some(
                    Overlay::Prompt { line, .. } | Overlay::Views { line, .. } | Overlay::Palette { line, .. },
                ) = &mut self.overlay
                {
                    line.insert(&text);
                    return self.typed();
                }
            }
            Msg::Input(_) => {}
            Msg::Frame(asked, frame) => self.frame(asked, frame),
            Msg::Answered(asked, Err(error)) if asked == self.asked => self.say(error),
            Msg::Answered(..) => {}
            Msg::Fields(number, fields) => {
                // The field that is selected stays selected when others come in between.
                let selected = self.details().get(self.pane.at).map(|line| line.name.clone());
                self.pane.found(number, fields);
                let at = self.details().iter().position(|line| Some(&line.name) == selected.as_ref());
                self.pane.at = at.unwrap_or(self.pane.at);
            }
            Msg::Held(targets) => self.held(targets),
            Msg::Explained(lines) => self.explained = lines,
            Msg::Note(text) => {
                self.log(text.clone());
                self.say(text);
            }
            Msg::Counted { seen, lost } => {
                self.lost_now = lost.saturating_sub(self.lost);
                (self.seen, self.lost) = (seen, lost);
            }
            // How far it was when the user stopped it stays.
            Msg::Read(_) if self.stopped => {}
            Msg::Read(percent) => self.read = Some(percent),
            Msg::Damaged(asked, _) | Msg::Ended(Some(asked), _) if asked != self.asked => {}
            Msg::Damaged(_, error) => {
                self.say(error.clone());
                if self.seen == 0 {
                    // Damaged from its beginning: there is nothing to look at.
                    (self.ended, self.read, self.failed) = (true, None, Some(error));
                    return Vec::new();
                }
                (self.ended, self.read, self.truncated) = (true, None, true);
                self.level_mut().complete = true;
                return self.find_fields().into_iter().collect();
            }
            Msg::Ended(_, result) => {
                self.ended = true;
                if !self.stopped {
                    self.read = None;
                }
                self.level_mut().complete = result.is_ok() && !self.stopped;
                if let Err(error) = result {
                    self.failed = Some(error.clone());
                    self.say(error);
                    if !self.settings.replay {
                        return vec![Command::Quit];
                    }
                } else if !self.settings.replay {
                    return vec![Command::Quit];
                }
                // The list has followed its end until now: the selected event may be another one than at the last key.
                return self.find_fields().into_iter().collect();
            }
            Msg::Signal(signal) => {
                self.signal = Some(signal);
                return vec![Command::Quit];
            }
        }
        Vec::new()
    }

    /// Keeps a message: the legend shows it.
    pub(super) fn log(&mut self, text: String) {
        self.log.push_back(text);
        if self.log.len() > MAX_LOG {
            self.log.pop_front();
        }
    }

    pub(super) fn say(&mut self, text: String) {
        self.said = Some(escape::lines(&text).replace('\n', " "));
    }

    pub(super) fn frame(&mut self, asked: u64, frame: Arc<Frame>) {
        if asked != self.asked {
            return;
        }
        if self.holds() {
            if self.level().is_list() {
                self.level_mut().left_out += frame.rows.len() as u64;
            } else {
                self.waiting = Some(frame);
            }
            return;
        }
        if self.frozen {
            let now_ns = self.now_ns;
            self.level_mut().filling_since_ns.get_or_insert(now_ns);
        }
        if self.settings.replay {
            // Each frame has what was read so far: none is the interval after another one.
            self.level_mut().stale = true;
        }
        let selected = self.level().selected.clone();
        if self.level_mut().take(&frame) {
            let id = selected.unwrap_or_default();
            let texts = id.iter().map(|text| escape::escaped(text));
            self.say(format!("{} has ended", texts.collect::<Vec<_>>().join(" ")));
        }
    }

    /// Whether a frozen screen keeps what it has: a level that was opened while it is frozen fills for an interval first.
    fn holds(&self) -> bool {
        let level = self.level();
        let interval_ns = self.settings.interval_ms * 1_000_000;
        let fills = match level.filling_since_ns {
            Some(since_ns) => level.is_list() && self.now_ns.saturating_sub(since_ns) < interval_ns,
            None => level.frame.is_none(),
        };
        self.frozen && !fills
    }

    pub(super) fn freeze(&mut self) {
        self.frozen = !self.frozen;
        if self.frozen {
            return;
        }
        self.levels.iter_mut().for_each(|level| level.filling_since_ns = None);
        if let Some(frame) = self.waiting.take() {
            self.level_mut().take(&frame);
        }
    }

    /// Whether a capture is being read.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.settings.replay && !self.ended
    }

    /// Stops reading a capture; the rows of what was read stay.
    pub(super) fn stop_reading(&mut self) -> Vec<Command> {
        let percent = self.read.filter(|percent| *percent <= 100.0);
        self.say(match percent {
            Some(percent) => format!("stopped: the rows are of {percent:.0} % of the file"),
            None => "stopped: the rows are of a part of the file".to_owned(),
        });
        (self.stopped, self.read) = (true, percent);
        vec![Command::Stop]
    }

    /// Why there are no rows.
    #[must_use]
    pub fn empty(&self) -> String {
        let level = self.level();
        if let Some(failed) = &self.failed {
            return failed.clone();
        }
        if !level.row_filter.is_empty() && level.frame.as_ref().is_some_and(|frame| !frame.rows.is_empty()) {
            return format!("no row has the text '{}' (\\ changes it)", level.row_filter);
        }
        if level.frame.is_none() && !self.ended {
            return match self.read {
                Some(percent) if percent <= 100.0 => format!("Reading: {percent:.0} %"),
                _ => "Collecting data".to_owned(),
            };
        }
        let filter = all_of(&[self.filter().as_deref(), level.view.filter.as_deref()]);
        let kind = if level.is_list() { "event" } else { "row" };
        match filter {
            Some(filter) => {
                format!("no {kind} yet; {} events seen, filter: {}", self.seen, escape::escaped(filter.as_bytes()))
            }
            None => format!("no {kind} yet; {} events seen", self.seen),
        }
    }

    /// How far the screen is behind, milliseconds.
    #[must_use]
    pub fn behind_ms(&self) -> Option<u64> {
        let ended_ns = self.level().frame.as_ref()?.span.ended_ns;
        let is_live = !self.settings.replay && ended_ns > 0;
        is_live.then(|| self.now_ns.saturating_sub(ended_ns) / 1_000_000)
    }

    /// Learns how many events come a second.
    pub fn counted(&mut self, seen: u64, lost: u64, now_ns: u64) {
        self.lost_now = lost.saturating_sub(self.lost);
        (self.seen, self.lost) = (seen, lost);
        let (before, then_ns) = self.counted;
        let length_ns = now_ns.saturating_sub(then_ns);
        // Frames of lists come several times a second: of so short a time the rate says nothing.
        if length_ns >= MIN_RATE_NS {
            self.seen_per_s =
                if then_ns == 0 { 0.0 } else { seen.saturating_sub(before) as f64 * 1e9 / length_ns as f64 };
            self.counted = (seen, now_ns);
            if then_ns != 0 {
                self.timeline.add(self.seen_per_s, lost);
            }
        }
    }
}
