//! The keys: one table, from which dispatch, the bar and the help are made.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key does on a screen with rows or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    Help,
    Views,
    Search,
    Next,
    Previous,
    Filter,
    RowFilter,
    Echo,
    Events,
    Legend,
    Heat,
    HeatOfFiles,
    Actions,
    Sort,
    SortBy(u8),
    Reverse,
    Quit,
    Enter,
    Back,
    Close,
    Freeze,
    Mark,
    UnmarkAll,
    Copy,
    Export,
    Clear,
    Redraw,
    Suspend,
    Pin,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Left,
    Right,
    ToCrumb(u8),
    Detail,
    Focus,
    Form,
    Columns,
    Cell,
    Tree,
    Unfold,
    Fold,
    FoldAll,
    Group,
    Palette,
    CopyAll,
}

/// Where in the help a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Move,
    Go,
    Look,
    Narrow,
    Order,
    Time,
    Act,
    Other,
}

impl Group {
    /// All of them with their names, in the order of the help.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Move, "Move"),
        (Self::Go, "Go"),
        (Self::Look, "Look"),
        (Self::Narrow, "Narrow"),
        (Self::Order, "Order"),
        (Self::Time, "Time"),
        (Self::Act, "Act"),
        (Self::Other, "Other"),
    ];
}

/// A row of the table.
#[derive(Debug)]
pub struct Key {
    /// What the palette calls it; empty for what only moves.
    pub word: &'static str,
    /// The keys, as the help writes them.
    pub names: &'static [&'static str],
    pub act: Do,
    pub group: Group,
    /// What it does.
    pub about: &'static str,
    /// Its word in the bar at the bottom, for keys that are there.
    pub bar: Option<&'static str>,
}

const fn key(
    word: &'static str,
    names: &'static [&'static str],
    act: Do,
    group: Group,
    about: &'static str,
    bar: Option<&'static str>,
) -> Key {
    Key { word, names, act, group, about, bar }
}

/// All keys.
pub const KEYS: &[Key] = &[
    key("", &["Up"], Do::Up, Group::Move, "row up", None),
    key("", &["Down"], Do::Down, Group::Move, "row down", None),
    key("", &["PgUp"], Do::PageUp, Group::Move, "page up", None),
    key("", &["PgDn"], Do::PageDown, Group::Move, "page down", None),
    key("", &["Home"], Do::Home, Group::Move, "first row", None),
    key("", &["End"], Do::End, Group::Move, "last row", None),
    key("", &["Left"], Do::Left, Group::Move, "a column to the left; in text, four characters", None),
    key("", &["Right"], Do::Right, Group::Move, "a column to the right", None),
    key("enter", &["Enter"], Do::Enter, Group::Go, "into the row", None),
    key("back", &["Backspace"], Do::Back, Group::Go, "up one level", None),
    key("", &["Esc"], Do::Close, Group::Go, "close, then up", None),
    key("", &["Alt+1"], Do::ToCrumb(0), Group::Go, "to the first level; Alt+2 to the second, and so on", None),
    key("help", &["F1", "?", "h"], Do::Help, Group::Other, "this help", Some("Help")),
    key("views", &["F2", "v"], Do::Views, Group::Go, "choose a view", Some("Views")),
    key("next", &["F3", "n"], Do::Next, Group::Narrow, "next match", None),
    key("previous", &["Shift+F3", "N"], Do::Previous, Group::Narrow, "previous match", None),
    key("filter", &["F4", "f"], Do::Filter, Group::Narrow, "filter events, as on the command line", Some("Filter")),
    key("rows", &["\\"], Do::RowFilter, Group::Narrow, "only rows that contain a text", None),
    key("search", &["/", "Ctrl+F"], Do::Search, Group::Narrow, "search", Some("Search")),
    key("echo", &["F5", "e"], Do::Echo, Group::Look, "data that the row reads and writes", Some("Echo")),
    key("events", &["F6", "d"], Do::Events, Group::Look, "events of the row", Some("Events")),
    key("heat", &["F12", "m"], Do::Heat, Group::Look, "heat map: how long the calls of the row take", Some("Heat")),
    key("heat-files", &["Shift+F12", "M"], Do::HeatOfFiles, Group::Look, "heat map of file reads and writes", None),
    key("detail", &["i"], Do::Detail, Group::Look, "all fields of the row: on, larger, off", Some("Detail")),
    key("focus", &["Tab"], Do::Focus, Group::Look, "to the fields of the row, and back", None),
    key("form", &["b"], Do::Form, Group::Look, "data as dots, text, or hexadecimal digits", None),
    key(
        "legend",
        &["F7", "l"],
        Do::Legend,
        Group::Look,
        "what the columns say, and where they are counted",
        Some("Legend"),
    ),
    key("actions", &["F8", "a"], Do::Actions, Group::Act, "actions for the row", Some("Actions")),
    key("sort", &["F9", "s", ">"], Do::Sort, Group::Order, "choose a column to sort by", Some("Sort")),
    key("", &["1"], Do::SortBy(0), Group::Order, "sort by the first column; 2 by the second, and so on", None),
    key("reverse", &["r"], Do::Reverse, Group::Order, "reverse the order", None),
    key(
        "pin",
        &["F"],
        Do::Pin,
        Group::Order,
        "keep the selected row at its place on the screen; in lists, follow the end",
        None,
    ),
    key("columns", &["o", "<"], Do::Columns, Group::Order, "columns: show, hide, move, width", None),
    key("tree", &["t"], Do::Tree, Group::Order, "processes below their parents", None),
    key("unfold", &["+"], Do::Unfold, Group::Order, "open a branch or a group", None),
    key("fold", &["-"], Do::Fold, Group::Order, "fold it; its numbers are added", None),
    key("fold-all", &["*"], Do::FoldAll, Group::Order, "fold or open all", None),
    key("group", &["g"], Do::Group, Group::Order, "group rows by executable, container, pod or user", None),
    key("freeze", &["p"], Do::Freeze, Group::Time, "freeze the screen; counting continues", Some("Pause")),
    key("clear", &["c", "Del"], Do::Clear, Group::Time, "clear lists and text", None),
    key("mark", &["Space"], Do::Mark, Group::Act, "mark the row", None),
    key("unmark", &["U"], Do::UnmarkAll, Group::Act, "unmark all rows", None),
    key("cell", &["."], Do::Cell, Group::Act, "menu of a cell: only this value, not this value, go, copy", None),
    key("copy", &["y"], Do::Copy, Group::Act, "copy the row to the clipboard", None),
    key("copy-all", &["Y"], Do::CopyAll, Group::Act, "copy all rows", None),
    key("export", &["x"], Do::Export, Group::Act, "write all rows to a file: CSV, JSON or text", None),
    key("palette", &[":"], Do::Palette, Group::Other, "commands by name, also those without a key", None),
    key("redraw", &["Ctrl+L"], Do::Redraw, Group::Other, "draw anew", None),
    key("suspend", &["Ctrl+Z"], Do::Suspend, Group::Other, "suspend", None),
    key("quit", &["F10", "q", "Ctrl+C"], Do::Quit, Group::Other, "quit", Some("Quit")),
];

/// What a key is called in the table.
#[must_use]
pub fn name(event: &KeyEvent) -> String {
    let base = match event.code {
        KeyCode::F(number) => format!("F{number}"),
        KeyCode::Up => "Up".into(),
        KeyCode::Down => "Down".into(),
        KeyCode::Left => "Left".into(),
        KeyCode::Right => "Right".into(),
        KeyCode::PageUp => "PgUp".into(),
        KeyCode::PageDown => "PgDn".into(),
        KeyCode::Home => "Home".into(),
        KeyCode::End => "End".into(),
        KeyCode::Enter => "Enter".into(),
        KeyCode::Backspace => "Backspace".into(),
        KeyCode::Esc => "Esc".into(),
        KeyCode::Delete => "Del".into(),
        KeyCode::Tab => "Tab".into(),
        KeyCode::Char(' ') => "Space".into(),
        KeyCode::Char(character) if event.modifiers.contains(KeyModifiers::CONTROL) => {
            character.to_uppercase().to_string()
        }
        KeyCode::Char(character) => character.to_string(),
        _ => String::new(),
    };
    let shifted = event.modifiers.contains(KeyModifiers::SHIFT) && !matches!(event.code, KeyCode::Char(_));
    let modifiers = [
        (event.modifiers.contains(KeyModifiers::CONTROL), "Ctrl+"),
        (event.modifiers.contains(KeyModifiers::ALT), "Alt+"),
        (shifted, "Shift+"),
    ];
    modifiers.iter().filter(|(is, _)| *is).map(|(_, name)| *name).chain([base.as_str()]).collect()
}

/// What digits do, which stand for a row of keys each: with Alt they go to a level, else they sort; with Shift as keyboards of the US have
/// them, as csysdig does.
#[must_use]
pub fn of_digits(name: &str) -> Option<Do> {
    let number = |text: &str, digits: &str| u8::try_from(digits.find(text)?).ok();
    match name.strip_prefix("Alt+") {
        Some(digit) if digit.len() == 1 => number(digit, "123456789").map(Do::ToCrumb),
        None if name.len() == 1 => number(name, "123456789").or_else(|| number(name, "!@#$%^&*(")).map(Do::SortBy),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keymap::Keys;

    #[test]
    fn each_key_does_one_thing() {
        let mut names: Vec<&str> = KEYS.iter().flat_map(|key| key.names).copied().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(Group::ALL.iter().all(|(group, _)| KEYS.iter().any(|key| key.group == *group)));
    }

    #[test]
    fn keys_are_found_by_what_a_terminal_sends() {
        let keys = Keys::default();
        let press = |code, modifiers| keys.find(&KeyEvent::new(code, modifiers));
        assert_eq!(press(KeyCode::F(3), KeyModifiers::SHIFT), Some(Do::Previous));
        assert_eq!(press(KeyCode::Char('N'), KeyModifiers::SHIFT), Some(Do::Previous));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Do::Quit));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), Some(Do::Clear));
        assert_eq!(press(KeyCode::Char('3'), KeyModifiers::NONE), Some(Do::SortBy(2)));
        assert_eq!(press(KeyCode::Char('#'), KeyModifiers::NONE), Some(Do::SortBy(2)));
        assert_eq!(press(KeyCode::Char('2'), KeyModifiers::ALT), Some(Do::ToCrumb(1)));
        assert_eq!(press(KeyCode::Char('~'), KeyModifiers::NONE), None);
    }
}
