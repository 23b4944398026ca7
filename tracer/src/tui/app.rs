//! What the interface knows, and what a message changes: no terminal, no clock, no engine. What is to be done outside is returned.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};

use super::{
    keys::{self, Do},
    level::{Level, Part},
    line::{History, Line},
};
use crate::{
    fields::Show,
    filter::Filter,
    format::escape,
    output::Frame,
    view::{Ask, Mode, View, ask::all_of, spec::Kind},
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
    /// Something that the engine says.
    Note(String),
    /// How much was seen and lost.
    Counted { seen: u64, lost: u64 },
    /// How much of a capture was read, in percent; more than 100 when that is not known.
    Read(f64),
    /// The engine has ended: why, if it failed.
    Ended(Result<(), String>),
    /// A signal that ends.
    Signal(i32),
}

/// What is to be done outside.
#[derive(Debug)]
pub enum Command {
    /// Put this question to the engine.
    Ask(u64, Box<Ask>),
    Quit,
    Suspend,
    /// Draw all anew.
    Redraw,
    /// Put this on the clipboard.
    Copy(String),
    /// Write this to a file.
    Export(String),
    /// Give the terminal to this command.
    Run(Vec<String>),
    /// Send a signal to these processes: number, and start, nanoseconds since the epoch.
    Kill(Vec<u32>, i32),
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
    Help { scroll: usize },
    Legend { scroll: usize },
    Views { line: Line, at: usize },
    Sort { at: usize },
    Actions { at: usize },
    Confirm { what: Vec<String>, yes: bool, signal: Option<(Vec<u32>, i32)> },
    Prompt { kind: PromptKind, line: Line, error: Option<(usize, String)>, before: String },
}

/// An action that the menu offers.
#[derive(Debug)]
pub struct Offered {
    pub key: char,
    pub title: String,
    /// Program and arguments, or why it cannot be done.
    pub command: Result<Vec<String>, String>,
    /// The signal that is sent instead of running it.
    pub signal: Option<i32>,
    /// Whether it asks before.
    pub dangerous: bool,
}

/// What does not change.
#[derive(Debug, Clone)]
pub struct Settings {
    pub containers: bool,
    pub interval_ms: u64,
    pub replay: bool,
    pub read_only: bool,
    pub show: Show,
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
    /// The filter that was typed.
    pub typed: String,
    pub overlay: Option<Overlay>,
    pub search: String,
    /// Whether the screen is frozen, and the frame that came meanwhile.
    pub frozen: bool,
    waiting: Option<Arc<Frame>>,
    /// What is said in the last line, until the next key.
    pub said: Option<String>,
    pub log: VecDeque<String>,
    pub seen: u64,
    pub seen_per_s: f64,
    pub lost: u64,
    /// Lost in the last interval.
    pub lost_now: u64,
    pub read: Option<f64>,
    pub ended: bool,
    pub failed: Option<String>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The number of the question that counts.
    pub asked: u64,
    filters: History,
    /// Rows of the table on the screen: set by whoever draws.
    pub page: usize,
    /// Columns of the screen, as well.
    pub width: usize,
    /// What was seen when the rate was computed last, and when that was.
    counted: (u64, u64),
}

impl Model {
    /// At that view.
    ///
    /// # Errors
    /// The view makes no sense.
    pub fn new(settings: Settings, views: BTreeMap<String, View>, first: View) -> Result<Self, crate::view::Wrong> {
        let level = Level::new(first, Mode::Rows, None, settings.containers)?;
        Ok(Self {
            settings,
            views,
            levels: vec![level],
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
            ended: false,
            failed: None,
            signal: None,
            asked: 0,
            filters: History::default(),
            page: 20,
            width: 80,
            counted: (0, 0),
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

    /// The question for the level that is shown.
    pub fn ask(&mut self) -> Command {
        self.asked += 1;
        self.waiting = None;
        let Settings { containers, interval_ms, replay, show, .. } = self.settings;
        let level = self.level();
        let (view, mode) = (level.view.clone(), level.mode);
        let ask = Ask { view, mode, filter: self.filter(), containers, interval_ms, replay, show };
        self.level_mut().stale = true;
        Command::Ask(self.asked, Box::new(ask))
    }

    /// Takes a message.
    pub fn update(&mut self, msg: Msg) -> Vec<Command> {
        match msg {
            Msg::Input(Event::Key(key)) if key.kind != KeyEventKind::Release => return self.key(&key),
            Msg::Input(Event::Mouse(mouse)) => return self.mouse(mouse),
            Msg::Input(Event::Paste(text)) => {
                if let Some(Overlay::Prompt { line, .. } | Overlay::Views { line, .. }) = &mut self.overlay {
                    line.insert(&text);
                    return self.typed();
                }
            }
            Msg::Input(_) => {}
            Msg::Frame(asked, frame) => self.frame(asked, frame),
            Msg::Answered(asked, Err(error)) if asked == self.asked => self.say(error),
            Msg::Answered(..) => {}
            Msg::Note(text) => {
                self.log.push_back(text.clone());
                if self.log.len() > MAX_LOG {
                    self.log.pop_front();
                }
                self.say(text);
            }
            Msg::Counted { seen, lost } => {
                self.lost_now = lost.saturating_sub(self.lost);
                (self.seen, self.lost) = (seen, lost);
            }
            Msg::Read(percent) => self.read = Some(percent),
            Msg::Ended(result) => {
                (self.ended, self.read) = (true, None);
                if let Err(error) = result {
                    self.failed = Some(error.clone());
                    self.say(error);
                    if !self.settings.replay {
                        return vec![Command::Quit];
                    }
                } else if !self.settings.replay {
                    return vec![Command::Quit];
                }
            }
            Msg::Signal(signal) => {
                self.signal = Some(signal);
                return vec![Command::Quit];
            }
        }
        Vec::new()
    }

    fn say(&mut self, text: String) {
        self.said = Some(escape::lines(&text).replace('\n', " "));
    }

    fn frame(&mut self, asked: u64, frame: Arc<Frame>) {
        if asked != self.asked {
            return;
        }
        if self.frozen {
            if self.level().is_list() {
                self.level_mut().left_out += frame.rows.len() as u64;
            } else {
                self.waiting = Some(frame);
            }
            return;
        }
        self.level_mut().take(&frame);
    }

    fn key(&mut self, key: &KeyEvent) -> Vec<Command> {
        self.said = None;
        if keys::find(key) == Some(Do::Suspend) {
            return vec![Command::Suspend];
        }
        match self.overlay.take() {
            None => match keys::find(key) {
                Some(act) => self.act(act),
                None => Vec::new(),
            },
            Some(overlay) => self.overlay_key(overlay, key),
        }
    }

    /// What a key does where nothing lies over the screen.
    fn act(&mut self, act: Do) -> Vec<Command> {
        let page = self.page.max(1);
        let level = self.level_mut();
        let (at, all) = (level.at, level.len());
        match act {
            Do::Up => level.go(at.saturating_sub(1)),
            Do::Down => level.go(at + 1),
            Do::PageUp => level.go(at.saturating_sub(page)),
            Do::PageDown => level.go(at + page),
            Do::Home => level.go(0),
            Do::End => level.go(all),
            Do::Left => level.left = level.left.saturating_sub(4),
            Do::Right => level.left += 4,
            Do::SortBy(column) => level.sort_by(column.into()),
            Do::Reverse => level.sort_by(level.sort),
            Do::Pin => level.pinned = !level.pinned,
            Do::Clear => level.clear(),
            Do::Mark => {
                if let Some(row) = level.row(at).filter(|_| !level.is_list()) {
                    let keys = row.keys.clone();
                    if !level.marked.remove(&keys) {
                        level.marked.insert(keys);
                    }
                    level.go(at + 1);
                }
            }
            Do::UnmarkAll => level.marked.clear(),
            Do::Enter => return self.enter(),
            Do::Back => return self.back(),
            Do::Close => return if self.levels.len() > 1 { self.back() } else { Vec::new() },
            Do::ToCrumb(to) => return self.go_to_crumb(to.into()),
            Do::Freeze => {
                self.frozen = !self.frozen;
                if let Some(frame) = self.waiting.take().filter(|_| !self.frozen) {
                    self.level_mut().take(&frame);
                }
            }
            Do::Help => self.overlay = Some(Overlay::Help { scroll: 0 }),
            Do::Legend => self.overlay = Some(Overlay::Legend { scroll: 0 }),
            Do::Views => {
                let at = self.chosen("").iter().position(|(view, _)| view.id == self.level().view.id).unwrap_or(0);
                self.overlay = Some(Overlay::Views { line: Line::default(), at });
            }
            Do::Sort if !level.is_list() => self.overlay = Some(Overlay::Sort { at: level.sort }),
            Do::Sort => {}
            Do::Actions => {
                if self.actions().is_empty() {
                    self.say("this view has no actions".into());
                } else {
                    self.overlay = Some(Overlay::Actions { at: 0 });
                }
            }
            Do::Search => self.prompt(PromptKind::Search, String::new()),
            Do::Filter => self.prompt(PromptKind::Filter, self.typed.clone()),
            Do::RowFilter => {
                let before = self.level().row_filter.clone();
                self.prompt(PromptKind::RowFilter, before);
            }
            Do::Next => self.find(true, at + 1),
            Do::Previous => self.find(false, at.wrapping_sub(1)),
            Do::Echo => return self.look(Mode::Echo),
            Do::Events => return self.look(Mode::Events),
            Do::DataForm => {}
            Do::Copy => {
                let text = self.selected_text();
                return vec![Command::Copy(text)];
            }
            Do::Export => {
                let text = self.exported();
                return vec![Command::Export(text)];
            }
            Do::Redraw => return vec![Command::Redraw],
            Do::Quit => return vec![Command::Quit],
            Do::Suspend => return vec![Command::Suspend],
        }
        Vec::new()
    }

    fn prompt(&mut self, kind: PromptKind, before: String) {
        let line = Line::new(&before);
        self.overlay = Some(Overlay::Prompt { kind, line, error: None, before });
    }

    /// The cells of the selected row.
    fn selected_text(&self) -> String {
        let level = self.level();
        let Some(row) = level.row(level.at) else { return String::new() };
        if level.mode == Mode::Rows {
            level.shown.iter().map(|column| level.cell(column, row)).collect::<Vec<_>>().join("\t")
        } else {
            escape::escaped(&row.line)
        }
    }

    /// All rows as CSV.
    fn exported(&self) -> String {
        let level = self.level();
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut out = String::new();
        if level.mode == Mode::Rows {
            out += &level.shown.iter().map(|column| quoted(&column.title)).collect::<Vec<_>>().join(",");
            out.push('\n');
        }
        for row in (0..level.len()).filter_map(|at| level.row(at)) {
            if level.mode == Mode::Rows {
                let cells = level.shown.iter().map(|column| quoted(&level.cell(column, row)));
                out += &cells.collect::<Vec<_>>().join(",");
            } else {
                out += &escape::escaped(&row.line);
            }
            out.push('\n');
        }
        out
    }

    /// Looks for a row with the text of the search, from one on.
    fn find(&mut self, forward: bool, from: usize) {
        let wanted = self.search.to_lowercase();
        if wanted.is_empty() {
            self.say("nothing was searched for: /".into());
            return;
        }
        let level = self.level();
        let all = level.len();
        let has = |at: &usize| level.row(*at).is_some_and(|row| level.has_text(row, &wanted));
        let from = if from >= all && forward { 0 } else { from.min(all.saturating_sub(1)) };
        let found = if forward {
            (from..all).chain(0..from).find(has)
        } else {
            (0..=from).rev().chain((from + 1..all).rev()).find(has)
        };
        match found.filter(|_| all > 0) {
            Some(at) => self.level_mut().go(at),
            None => self.say(format!("not found: {}", self.search)),
        }
    }

    /// The part that the selected row stands for.
    fn part(&mut self) -> Option<Part> {
        let level = self.level();
        let row = level.row(level.at)?;
        let part = if level.mode == Mode::Rows {
            let key = level.view.key.as_ref()?;
            Part { field: key.field.clone(), value: String::from_utf8(row.keys.first()?.clone()).ok()? }
        } else {
            let value = String::from_utf8(row.keys.first()?.clone()).ok()?;
            Part { field: "proc.pid".into(), value }
        };
        (!part.value.is_empty()).then_some(part)
    }

    fn enter(&mut self) -> Vec<Command> {
        let Some(part) = self.part() else {
            self.say(
                if self.level().len() == 0 { "there is no row to go into" } else { "this row has no key to go into" }
                    .into(),
            );
            return Vec::new();
        };
        let level = self.level();
        let next = if level.mode == Mode::Rows { level.view.next.clone() } else { Some("files".to_owned()) };
        let applies = |view: &&View| view.applies_to.contains(&part.field);
        let view = next.and_then(|id| self.views.get(&id)).filter(applies);
        match view.or_else(|| self.views.values().find(applies)).cloned() {
            Some(view) => self.push(view, Mode::Rows, Some(part)),
            None => {
                self.say(format!("no view applies to {}", part.field));
                Vec::new()
            }
        }
    }

    /// Data or events of the selected row; of all rows when none is selected.
    fn look(&mut self, mode: Mode) -> Vec<Command> {
        let part = if self.level().mode == Mode::Rows { self.part() } else { None };
        let view = self.level().view.clone();
        self.push(view, mode, part)
    }

    fn push(&mut self, view: View, mode: Mode, part: Option<Part>) -> Vec<Command> {
        match Level::new(view, mode, part, self.settings.containers) {
            Ok(level) => {
                self.levels.push(level);
                self.frozen = false;
                vec![self.ask()]
            }
            Err(error) => {
                self.say(error.to_string());
                Vec::new()
            }
        }
    }

    fn back(&mut self) -> Vec<Command> {
        self.go_to_crumb(self.levels.len().saturating_sub(2))
    }

    fn go_to_crumb(&mut self, to: usize) -> Vec<Command> {
        if to + 1 >= self.levels.len() {
            return Vec::new();
        }
        self.levels.truncate(to + 1);
        self.frozen = false;
        vec![self.ask()]
    }

    /// Views whose name has these letters, and why one does not apply here.
    #[must_use]
    pub fn chosen(&self, text: &str) -> Vec<(&View, Option<String>)> {
        let field =
            self.levels.iter().rev().find_map(|level| level.part.as_ref()).map_or("", |part| part.field.as_str());
        let text = text.to_lowercase();
        let mut views: Vec<_> = self
            .views
            .values()
            .filter(|view| view.name.to_lowercase().contains(&text) || view.id.contains(&text))
            .map(|view| {
                let applies = view.applies_to.iter().any(|it| it == field);
                let of = if field.is_empty() { "the whole machine".to_owned() } else { format!("one {field}") };
                (view, (!applies).then(|| format!("not for {of}")))
            })
            .collect();
        views.sort_by(|a, b| a.1.is_some().cmp(&b.1.is_some()).then_with(|| a.0.name.cmp(&b.0.name)));
        views
    }

    /// The actions of the view.
    #[must_use]
    pub fn actions(&self) -> Vec<Offered> {
        let level = self.level();
        let row = level.row(level.at);
        let mut actions = Vec::new();
        if level.mode == Mode::Rows && self.pids().is_some() && !self.settings.read_only && !self.settings.replay {
            for (key, name, signal) in [('t', "SIGTERM", 15), ('9', "SIGKILL", 9)] {
                let title = format!("send {name}");
                actions.push(Offered {
                    key,
                    title,
                    command: Ok(vec![name.to_owned()]),
                    signal: Some(signal),
                    dangerous: true,
                });
            }
        }
        for action in &level.view.actions {
            if self.settings.replay || self.settings.read_only && action.dangerous {
                continue;
            }
            let value = |name: &str| {
                let row = row?;
                let column = level.shown.iter().find(|column| column.field == name);
                let at = level
                    .view
                    .key
                    .as_ref()
                    .and_then(|key| [&key.field].into_iter().chain(&key.also).position(|field| field == name));
                let text = match (at, column) {
                    (Some(at), _) => String::from_utf8(row.keys.get(at)?.clone()).ok()?,
                    (None, Some(column)) => level.cell(column, row),
                    (None, None) => return None,
                };
                (!text.is_empty() && text != "-").then_some(text)
            };
            let command = action.run.iter().map(|word| fill(word, &value)).collect();
            let (key, title, dangerous) = (action.key, action.title.clone(), action.dangerous);
            actions.push(Offered { key, title, command, signal: None, dangerous });
        }
        actions
    }

    /// The processes of the marked rows, or of the selected one.
    fn pids(&self) -> Option<Vec<u32>> {
        let level = self.level();
        let key = level.view.key.as_ref()?;
        let at = [&key.field].into_iter().chain(&key.also).position(|field| field == "proc.pid")?;
        let number = |keys: &Vec<Vec<u8>>| std::str::from_utf8(keys.get(at)?).ok()?.parse().ok();
        if level.marked.is_empty() {
            return Some(vec![number(&level.row(level.at)?.keys)?]);
        }
        Some(level.marked.iter().filter_map(number).collect())
    }

    /// After what is typed has changed.
    fn typed(&mut self) -> Vec<Command> {
        let Some(Overlay::Prompt { kind, line, error, .. }) = &mut self.overlay else {
            if let Some(Overlay::Views { at, .. }) = &mut self.overlay {
                *at = 0;
            }
            return Vec::new();
        };
        let (kind, text) = (*kind, line.text());
        match kind {
            PromptKind::Filter => *error = wrong(&text, self.settings.show),
            PromptKind::Search => {
                self.search = text;
                let at = self.level().at;
                if !self.search.is_empty() {
                    self.find(true, at);
                }
            }
            PromptKind::RowFilter => {
                self.level_mut().row_filter = text;
                self.level_mut().arrange();
            }
        }
        Vec::new()
    }

    fn overlay_key(&mut self, overlay: Overlay, key: &KeyEvent) -> Vec<Command> {
        let act = keys::find(key);
        if act == Some(Do::Quit) && key.code == KeyCode::Char('c') {
            return vec![Command::Quit];
        }
        match overlay {
            Overlay::Help { scroll } | Overlay::Legend { scroll } if is_scroll(act) => {
                let scroll = scrolled(act, scroll, self.page);
                let is_help = matches!(overlay, Overlay::Help { .. });
                self.overlay = Some(if is_help { Overlay::Help { scroll } } else { Overlay::Legend { scroll } });
            }
            Overlay::Help { .. } | Overlay::Legend { .. } => {}
            Overlay::Sort { at } => {
                let last = self.level().shown.len().saturating_sub(1);
                match key.code {
                    KeyCode::Up => self.overlay = Some(Overlay::Sort { at: at.saturating_sub(1) }),
                    KeyCode::Down => self.overlay = Some(Overlay::Sort { at: (at + 1).min(last) }),
                    KeyCode::Enter => self.level_mut().sort_by(at),
                    KeyCode::Esc | KeyCode::Backspace | KeyCode::F(9) => {}
                    _ => self.overlay = Some(Overlay::Sort { at }),
                }
            }
            Overlay::Views { mut line, at } => {
                let count = self.chosen(&line.text()).len();
                match key.code {
                    KeyCode::Esc | KeyCode::F(2) => {}
                    KeyCode::Up => self.overlay = Some(Overlay::Views { line, at: at.saturating_sub(1) }),
                    KeyCode::Down => {
                        let at = (at + 1).min(count.saturating_sub(1));
                        self.overlay = Some(Overlay::Views { line, at });
                    }
                    KeyCode::Enter => {
                        let chosen =
                            self.chosen(&line.text()).get(at).map(|(view, why)| ((*view).clone(), why.clone()));
                        match chosen {
                            Some((view, None)) => return self.change(view),
                            Some((view, Some(why))) => {
                                self.say(format!("{}: {why}", view.name));
                                self.overlay = Some(Overlay::Views { line, at });
                            }
                            None => self.overlay = Some(Overlay::Views { line, at }),
                        }
                    }
                    _ => {
                        line.key(key);
                        self.overlay = Some(Overlay::Views { line, at: 0 });
                    }
                }
            }
            Overlay::Actions { at } => return self.action_key(at, key),
            Overlay::Confirm { what, yes, signal } => match key.code {
                KeyCode::Left | KeyCode::Right | KeyCode::Tab => {
                    self.overlay = Some(Overlay::Confirm { what, yes: !yes, signal });
                }
                KeyCode::Char('y' | 'Y') => return confirmed(what, signal),
                KeyCode::Enter if yes => return confirmed(what, signal),
                _ => {}
            },
            Overlay::Prompt { kind, line, error, before } => return self.prompt_key(kind, line, error, before, key),
        }
        Vec::new()
    }

    fn action_key(&mut self, at: usize, key: &KeyEvent) -> Vec<Command> {
        let actions = self.actions();
        let chosen = match key.code {
            KeyCode::Esc | KeyCode::Backspace | KeyCode::F(8) => return Vec::new(),
            KeyCode::Up => {
                self.overlay = Some(Overlay::Actions { at: at.saturating_sub(1) });
                return Vec::new();
            }
            KeyCode::Down => {
                self.overlay = Some(Overlay::Actions { at: (at + 1).min(actions.len().saturating_sub(1)) });
                return Vec::new();
            }
            KeyCode::Enter => actions.get(at),
            KeyCode::Char(character) => actions.iter().find(|offered| offered.key == character),
            _ => None,
        };
        let Some(Offered { title, command, signal, dangerous, .. }) = chosen else {
            self.overlay = Some(Overlay::Actions { at });
            return Vec::new();
        };
        match command {
            Err(why) => self.say(format!("{title}: {why}")),
            Ok(words) if signal.is_some() => {
                let pids = self.pids().unwrap_or_default();
                let what = words.iter().cloned().chain(["to".to_owned()]).chain(pids.iter().map(u32::to_string));
                let (what, signal) = (what.collect(), signal.map(|signal| (pids, signal)));
                self.overlay = Some(Overlay::Confirm { what, yes: false, signal });
            }
            Ok(words) if *dangerous => {
                self.overlay = Some(Overlay::Confirm { what: words.clone(), yes: false, signal: None });
            }
            Ok(words) => return vec![Command::Run(words.clone())],
        }
        Vec::new()
    }

    fn prompt_key(
        &mut self,
        kind: PromptKind,
        mut line: Line,
        error: Option<(usize, String)>,
        before: String,
        key: &KeyEvent,
    ) -> Vec<Command> {
        match key.code {
            KeyCode::Esc => {
                match kind {
                    PromptKind::RowFilter => {
                        self.level_mut().row_filter.clear();
                        self.level_mut().arrange();
                    }
                    PromptKind::Search => self.search.clear(),
                    PromptKind::Filter => {}
                }
                return Vec::new();
            }
            KeyCode::Enter if kind != PromptKind::Filter => return Vec::new(),
            KeyCode::Enter => {
                let text = line.text().trim().to_owned();
                if let Some(error) = wrong(&text, self.settings.show) {
                    self.overlay = Some(Overlay::Prompt { kind, line, error: Some(error), before });
                    return Vec::new();
                }
                self.filters.add(text.clone());
                self.typed = text;
                self.frozen = false;
                return vec![self.ask()];
            }
            KeyCode::Tab if kind == PromptKind::Filter => {
                if let Some((typed, full)) = complete(&line.before()) {
                    line.remove_before(typed);
                    line.insert(&full);
                }
            }
            KeyCode::Up | KeyCode::Down if kind == PromptKind::Filter => {
                if let Some(text) = self.filters.go(key.code == KeyCode::Up) {
                    line = Line::new(text);
                }
            }
            _ => drop(line.key(key)),
        }
        self.overlay = Some(Overlay::Prompt { kind, line, error, before });
        self.typed()
    }

    /// Another view of the same things: a level of its own, which Backspace leaves.
    fn change(&mut self, view: View) -> Vec<Command> {
        if view.id == self.level().view.id && self.level().mode == Mode::Rows {
            return Vec::new();
        }
        self.push(view, Mode::Rows, None)
    }

    fn mouse(&mut self, mouse: MouseEvent) -> Vec<Command> {
        let up = matches!(mouse.kind, MouseEventKind::ScrollUp);
        match mouse.kind {
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown if self.overlay.is_none() => {
                let level = self.level_mut();
                let at = level.at;
                level.go(if up { at.saturating_sub(3) } else { at + 3 });
            }
            MouseEventKind::Down(MouseButton::Left) if self.overlay.is_none() => {
                let (column, row) = (usize::from(mouse.column), usize::from(mouse.row));
                match row.checked_sub(super::draw::HEAD) {
                    Some(0) => {
                        if let Some(clicked) = super::draw::column_at(self, column) {
                            self.level_mut().sort_by(clicked);
                        }
                    }
                    Some(below) => {
                        let level = self.level_mut();
                        let to = level.scroll + below - 1;
                        if to < level.len() {
                            let again = level.at == to && level.selected.is_some();
                            level.go(to);
                            if again {
                                return self.enter();
                            }
                        }
                    }
                    None => {}
                }
            }
            _ => {}
        }
        Vec::new()
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
        let kind = if level.view.kind == Kind::List { "event" } else { "row" };
        match filter {
            Some(filter) => {
                format!("no {kind} yet; {} events seen, filter: {}", self.seen, escape::escaped(filter.as_bytes()))
            }
            None => format!("no {kind} yet; {} events seen", self.seen),
        }
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
        }
    }
}

fn confirmed(what: Vec<String>, signal: Option<(Vec<u32>, i32)>) -> Vec<Command> {
    vec![match signal {
        Some((pids, signal)) => Command::Kill(pids, signal),
        None => Command::Run(what),
    }]
}

/// A word of a command with the values of fields: each is a whole argument or a part of one, and never an option.
fn fill(word: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), word);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or_else(|| format!("'{word}' has no closing brace"))?;
        let text = value(name).ok_or_else(|| format!("the row has no {name}"))?;
        out += before;
        if out.is_empty() && text.starts_with('-') {
            return Err(format!("{name} begins with '-': it would be an option"));
        }
        out += &text;
        rest = behind;
    }
    Ok(out + rest)
}

/// What is wrong with a filter, and the column.
fn wrong(text: &str, show: Show) -> Option<(usize, String)> {
    if text.trim().is_empty() {
        return None;
    }
    let error = Filter::compile(text, show).err()?;
    let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    let before = error.filter.get(..error.at.start).unwrap_or_default();
    Some((before.chars().count(), escape::escaped(format!("{}{hint}", error.message).as_bytes())))
}

/// The name of the only field that begins like the last word, or what all that do have in common; and how much of it is there.
fn complete(before: &str) -> Option<(usize, String)> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '.' || it == '_';
    let from = before.char_indices().rev().take_while(|(_, it)| is_name(*it)).last().map_or(before.len(), |(at, _)| at);
    let word = &before[from..];
    let mut names = crate::fields::all().map(|field| field.name).filter(|name| name.starts_with(word));
    let first = names.next().filter(|_| !word.is_empty())?;
    let common = names.fold(first.to_owned(), |common, name| {
        common.chars().zip(name.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    });
    (common.len() > word.len()).then(|| (word.chars().count(), common))
}

fn is_scroll(act: Option<Do>) -> bool {
    matches!(act, Some(Do::Up | Do::Down | Do::PageUp | Do::PageDown | Do::Home | Do::End))
}

fn scrolled(act: Option<Do>, scroll: usize, page: usize) -> usize {
    match act {
        Some(Do::Up) => scroll.saturating_sub(1),
        Some(Do::Down) => scroll + 1,
        Some(Do::PageUp) => scroll.saturating_sub(page),
        Some(Do::PageDown) => scroll + page,
        Some(Do::Home) => 0,
        _ => scroll.max(1000),
    }
}
