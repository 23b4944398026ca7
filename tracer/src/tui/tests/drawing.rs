//! Whole screens, text and styles, at the sizes that people have. `UPDATE_GOLDEN=1` writes the files anew.

use std::{fmt::Write as _, fs, path::PathBuf};

use super::*;

/// The text of a screen, then its styles: line, columns, what it is not plain in.
fn picture(model: &mut Model, style: Style, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let drawn = draw::draw(model, style, "14:03:27", area, &mut buffer);
    drawn.tell(model, width);
    let mut out = String::new();
    for y in 0..height {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let mut out = without_clocks(&out);
    let _ = writeln!(out, "---");
    for y in 0..height {
        let mut x = 0;
        while x < width {
            let look = buffer[(x, y)].style();
            let end = (x..width).find(|at| buffer[(*at, y)].style() != look).unwrap_or(width);
            let (fg, bg) = (look.fg.unwrap_or_default(), look.bg.unwrap_or_default());
            if !look.add_modifier.is_empty() || fg != ratatui::style::Color::Reset || bg != ratatui::style::Color::Reset
            {
                let _ = writeln!(out, "{y}:{x}-{} {fg} on {bg} {:?}", end - 1, look.add_modifier);
            }
            x = end;
        }
    }
    out
}

/// Times of day are those of the place where the test runs.
fn without_clocks(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for at in 0..bytes.len().saturating_sub(7) {
        let is_clock =
            (0..8).all(|it| if it % 3 == 2 { bytes[at + it] == b':' } else { bytes[at + it].is_ascii_digit() });
        if is_clock {
            bytes[at..at + 8].copy_from_slice(b"hh:mm:ss");
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tui/tests/screens").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name}: UPDATE_GOLDEN=1 writes it anew");
}

const COLORS: Style = Style { colors: true, theme: Theme::Dark };
const NONE: Style = Style { colors: false, theme: Theme::Mono };

fn shown() -> Model {
    let mut model = model("procs");
    model.ask();
    for cpu in [10.0, 30.0, 61.25] {
        let rows = [
            ("nginx: worker process with a long name that has to be cut somewhere", 31, cpu),
            ("\x1b]0;x\x07", 40, 12.0),
            ("日本語", 7, 0.0),
            ("cron", 8, 0.0),
        ];
        model.update(Msg::Frame(1, processes(&rows)));
    }
    for second in 1..6 {
        model.counted(second * 312_000, if second < 4 { 0 } else { 7 }, second * 1_000_000_000);
    }
    model
}

#[test]
fn s093_the_table_at_each_size() {
    for (width, height) in [(40, 12), (80, 24), (120, 40), (200, 60)] {
        golden(&format!("table-{width}x{height}"), &picture(&mut shown(), COLORS, width, height));
    }
    golden("table-too-small", &picture(&mut shown(), COLORS, 38, 10));
}

#[test]
fn s097_without_colours_selection_and_order_are_seen() {
    let text = picture(&mut shown(), NONE, 80, 24);
    assert!(!text.contains("Blue") && !text.contains("Red ") && !text.contains("Green"), "{text}");
    golden("table-mono-80x24", &text);
}

#[test]
fn s093_what_lies_over_the_table() {
    let mut screens: Vec<(&str, Vec<KeyCode>)> = vec![
        ("help", vec![KeyCode::F(1)]),
        ("views", vec![KeyCode::F(2)]),
        ("sort", vec![KeyCode::F(9)]),
        ("columns", vec![KeyCode::Char('o')]),
        ("cell", vec![KeyCode::Char('.')]),
        ("group", vec![KeyCode::Char('g')]),
        ("signal", vec![KeyCode::F(8), KeyCode::Char('t')]),
        ("palette", vec![KeyCode::Char(':'), KeyCode::Char('s')]),
        ("detail", vec![KeyCode::Char('i')]),
        ("filter", vec![KeyCode::Char('f'), KeyCode::Char('x'), KeyCode::Char('=')]),
    ];
    for (name, keys) in screens.drain(..) {
        for (width, height) in [(40, 12), (80, 24)] {
            let mut model = shown();
            keys.iter().for_each(|key| drop(press(&mut model, *key)));
            golden(&format!("{name}-{width}x{height}"), &picture(&mut model, COLORS, width, height));
        }
    }
}

#[test]
fn s073_a_heat_map_with_and_without_colours() {
    for (name, style) in [("heat", COLORS), ("heat-mono", NONE)] {
        let mut model = shown();
        press(&mut model, KeyCode::F(12));
        for number in 0..4 {
            model.update(Msg::Frame(2, heat(number, &[(1000, 50), (30_000, 4000), (1_000_000, u64::from(number))])));
        }
        for key in [KeyCode::Down, KeyCode::Char(' '), KeyCode::Up, KeyCode::Right] {
            press(&mut model, key);
        }
        golden(&format!("{name}-80x24"), &picture(&mut model, style, 80, 24));
        // The history follows the width.
        golden(&format!("{name}-120x40"), &picture(&mut model, style, 120, 40));
    }
}

#[test]
fn s083_s085_what_is_not_offered_is_not_drawn() {
    let mut model = shown();
    model.settings.read_only = true;
    press(&mut model, KeyCode::F(8));
    let text = picture(&mut model, COLORS, 80, 24);
    assert!(!text.contains("SIGTERM") && text.contains("open files"), "{text}");
}
