//! Messages in, what is known and what is drawn out. Numbers in names are those of the statements that the interface has to hold.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr as _;

mod drawing;
mod fields;
mod going;
mod holding;
mod keeping;
mod menus;
mod readme;
mod shapes;

use super::{
    Theme,
    actions::Confirmed,
    app::{Command, Model, Msg, Overlay},
    draw::{self, Style},
    keys::KEYS,
    part::Part,
};
use crate::{
    fields::Show,
    filter::Filter,
    output::{Column, Form, Frame, Row, Span},
    testing::World,
    view::{Ask, Compiled, Library, Place, View, spec::Order},
};

fn views() -> BTreeMap<String, View> {
    static VIEWS: LazyLock<BTreeMap<String, View>> = LazyLock::new(|| Library::builtin().all());
    VIEWS.clone()
}

fn model(view: &str) -> Model {
    let views = views();
    let first = views[view].clone();
    Model::new(super::bench::settings(), views, first).unwrap()
}

/// A frame of Processes: name, id and CPU of each.
fn processes(rows: &[(&str, u32, f64)]) -> Arc<Frame> {
    let compiled = Compiled::of(&views()["procs"], false, Show::PLAIN).unwrap();
    let count = |is_key: bool| {
        let places = compiled.shown.iter().filter_map(|it| match it.place {
            Place::Key(at) if is_key => Some(at + 1),
            Place::Value(at) if !is_key => Some(at + 1),
            _ => None,
        });
        places.max().unwrap_or(0)
    };
    let place = |field: &str| compiled.shown.iter().find(|it| it.field == field).unwrap().place;
    let (Place::Key(command), Place::Value(cpu)) = (place("proc.exeline"), place("thread.cpu")) else { panic!() };
    let row = |(name, pid, used): &(&str, u32, f64)| {
        let (mut keys, mut values) = (vec![Vec::new(); count(true)], vec![Some(0.0); count(false)]);
        keys[0] = pid.to_string().into_bytes();
        keys[command] = name.as_bytes().to_vec();
        values[cpu] = Some(*used);
        Row { keys, values, line: Vec::new() }
    };
    let mut keys: Vec<Column> = (0..count(true)).map(|at| Column::key(format!("K{at}"), format!("k{at}"))).collect();
    let mut values = vec![Column::key("V".into(), "v".into()); count(false)];
    for it in &compiled.shown {
        match it.place {
            Place::Key(at) => keys[at].name.clone_from(&it.field),
            Place::Value(at) => values[at].name.clone_from(&it.field),
        }
    }
    Arc::new(Frame {
        keys,
        values,
        rows: rows.iter().map(row).collect(),
        ..Frame::new(Form::Table, "", Span::default())
    })
}

fn press(model: &mut Model, code: KeyCode) -> Vec<Command> {
    let modifiers = match code {
        KeyCode::Char(letter) if letter.is_ascii_uppercase() => KeyModifiers::SHIFT,
        _ => KeyModifiers::NONE,
    };
    model.update(Msg::Input(Event::Key(KeyEvent::new(code, modifiers))))
}

fn type_in(model: &mut Model, text: &str) {
    text.chars().for_each(|letter| drop(press(model, KeyCode::Char(letter))));
}

fn asked(commands: &[Command]) -> &Ask {
    match commands {
        [Command::Ask(_, ask)] => ask,
        other => panic!("a question was expected: {other:?}"),
    }
}

/// Lines of a screen of that size.
fn screen(model: &mut Model, width: u16, height: u16) -> Vec<String> {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let drawn = draw::draw(model, Style { colors: true, theme: Theme::Dark }, "14:03:27", area, &mut buffer);
    assert!(drawn.cursor.0 <= width && drawn.cursor.1 <= height, "s098: the cursor is on the screen");
    drawn.tell(model, width);
    let line = |y: u16| {
        let cells = (0..width).map(|x| buffer[(x, y)].symbol());
        let text: String = cells.collect();
        assert!(!text.contains(['\x1b', '\u{202e}', '\n']), "{text:?}");
        text
    };
    (0..height).map(line).collect()
}

fn selected(model: &Model) -> String {
    let level = model.level();
    level.row(level.at).map(|row| String::from_utf8_lossy(&row.keys[0]).into_owned()).unwrap_or_default()
}

const ROWS: &[(&str, u32, f64)] =
    &[("nginx: worker", 31, 61.25), ("postgres", 40, 12.0), ("bash", 7, 0.0), ("cron", 8, 0.0)];

#[test]
fn s011_s012_each_function_key_has_a_letter_and_is_in_the_help() {
    let mut model = model("procs");
    for key in KEYS.iter().filter(|key| key.names.iter().any(|name| name.starts_with('F') && name.len() > 1)) {
        assert!(key.names.iter().any(|name| name.len() == 1), "{:?}", key.names);
    }
    press(&mut model, KeyCode::Char('?'));
    let help = screen(&mut model, 120, 80).join("\n");
    for key in KEYS {
        assert!(help.contains(&key.names.join(" ")) && help.contains(key.about), "{:?}", key.names);
    }
}

#[test]
fn s020_s021_rows_are_sorted_and_ties_keep_their_order() {
    let mut model = model("procs");
    let ask = model.ask();
    assert!(matches!(ask, Command::Ask(1, _)));
    model.update(Msg::Frame(1, processes(ROWS)));
    let order = |model: &Model| -> Vec<String> {
        let level = model.level();
        (0..level.len()).map(|at| String::from_utf8(level.row(at).unwrap().keys[0].clone()).unwrap()).collect()
    };
    assert_eq!(order(&model), ["31", "40", "7", "8"]);
    assert!(screen(&mut model, 120, 20)[2].contains("CPU% v"));
    let mut again = ROWS.to_vec();
    again.reverse();
    model.update(Msg::Frame(1, processes(&again)));
    assert_eq!(order(&model), ["31", "40", "7", "8"], "rows of one value do not jump");
    press(&mut model, KeyCode::Char('r'));
    assert_eq!((order(&model), model.level().order), (["7", "8", "40", "31"].map(str::to_owned).to_vec(), Order::Up));
    press(&mut model, KeyCode::Char('1'));
    assert_eq!(order(&model), ["40", "31", "8", "7"], "by the first column, the largest first");
    press(&mut model, KeyCode::Char('1'));
    assert_eq!(order(&model), ["7", "8", "31", "40"]);
}

#[test]
fn s022_the_selected_row_stays_selected() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    press(&mut model, KeyCode::Down);
    assert_eq!(selected(&model), "40");
    model.update(Msg::Frame(1, processes(&[("bash", 7, 99.0), ("nginx: worker", 31, 50.0), ("postgres", 40, 1.0)])));
    assert_eq!((selected(&model).as_str(), model.level().at), ("40", 2));
    model.update(Msg::Frame(1, processes(&[("bash", 7, 99.0), ("nginx: worker", 31, 50.0)])));
    assert_eq!(selected(&model), "31", "the row in its place");
    model.update(Msg::Frame(9, processes(&[])));
    assert_eq!(model.level().len(), 2, "a frame of another question is not shown");
}

#[test]
fn s035_s040_going_in_adds_a_test_and_going_back_finds_all_as_it_was() {
    let mut model = model("procs");
    model.settings.filter = Some("user.uid=0 or proc.pid>1".into());
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    press(&mut model, KeyCode::Down);
    let commands = press(&mut model, KeyCode::Enter);
    let ask = asked(&commands);
    assert_eq!(ask.view.id, "threads");
    assert_eq!(ask.filter.as_deref(), Some("(user.uid=0 or proc.pid>1) and (proc.pid=\"40\")"));
    assert!(screen(&mut model, 120, 20)[1].contains("all > [user.uid=0 or proc.pid>1] > proc 40"));
    let commands = press(&mut model, KeyCode::Backspace);
    assert_eq!(asked(&commands).view.id, "procs");
    assert_eq!((selected(&model).as_str(), model.level().len()), ("40", 4), "at once, without a new frame");
    assert!(press(&mut model, KeyCode::Backspace).is_empty());
    for _ in 0..20 {
        assert!(press(&mut model, KeyCode::Esc).is_empty(), "s018: it never quits");
    }
}

#[test]
fn s037_any_name_can_be_gone_into() {
    let world = World::new();
    for name in
        ["/etc/passwd", "a\"b", "it's", "back\\slash", "two\nlines", "a  b", "$(x)", "-rf", "%s", "ünï", "a,b) or (c"]
    {
        let by_arg = Part::is("evt.arg.name", &format!("/x/{name}")).filter();
        let by_arg = Filter::compile(&by_arg, Show::PLAIN).unwrap();
        assert!(
            world.with(&world.openat(10, 3, format!("/x/{name}").as_bytes()), |context| by_arg.matches(context)),
            "{name:?}"
        );
        assert!(!world.with(&world.openat(10, 3, b"other"), |context| by_arg.matches(context)), "{name:?}");
    }
}

#[test]
fn s044_to_s046_rows_are_searched_and_narrowed() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    press(&mut model, KeyCode::Char('/'));
    type_in(&mut model, "61.2");
    assert_eq!(selected(&model), "31", "numbers as they are shown");
    press(&mut model, KeyCode::Esc);
    press(&mut model, KeyCode::Char('/'));
    type_in(&mut model, "cro");
    press(&mut model, KeyCode::Enter);
    assert_eq!(selected(&model), "8");
    press(&mut model, KeyCode::Char('n'));
    assert_eq!(selected(&model), "8", "around the end");
    press(&mut model, KeyCode::Char('\\'));
    type_in(&mut model, "post");
    assert_eq!(model.level().len(), 1);
    assert!(screen(&mut model, 80, 24)[1].contains("1 of 4 rows"));
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.level().len(), 4);
}

#[test]
fn s053_s054_a_frozen_screen_sorts_and_shows_the_newest_interval_afterwards() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    press(&mut model, KeyCode::Char('p'));
    for cpu in [1.0, 2.0] {
        model.update(Msg::Frame(1, processes(&[("bash", 7, cpu)])));
    }
    assert_eq!(model.level().len(), 4);
    press(&mut model, KeyCode::Char('r'));
    assert_eq!(selected(&model), "7");
    assert!(screen(&mut model, 80, 24)[0].contains("PAUSED"));
    press(&mut model, KeyCode::Char('p'));
    assert_eq!(model.level().len(), 1);
    assert!(screen(&mut model, 80, 24)[3].contains(" 2.0 "));
}

#[test]
fn s050_a_paste_is_one_line_and_applies_nothing() {
    let mut model = model("procs");
    model.ask();
    press(&mut model, KeyCode::Char('f'));
    assert!(model.update(Msg::Input(Event::Paste("proc.pid=1\nor proc.pid=2\n".into()))).is_empty());
    let last = screen(&mut model, 80, 24).pop().unwrap();
    assert!(last.starts_with("filter: proc.pid=1or proc.pid=2"), "{last}");
}

/// A line of a heat map: how many events took so many nanoseconds.
fn heat(number: u32, counts: &[(u64, u64)]) -> Arc<Frame> {
    let form = Form::Heat { scale: crate::output::Scale::Log, limits: crate::view::heat::LIMITS, number };
    let row =
        |(from, count): &(u64, u64)| Row { values: vec![Some(*from as f64), Some(*count as f64)], ..Row::default() };
    Arc::new(Frame { rows: counts.iter().map(row).collect(), ..Frame::new(form, "", Span::default()) })
}

#[test]
fn s070_to_s073_a_heat_map_has_a_line_for_each_interval_and_opens_its_events() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    let commands = press(&mut model, KeyCode::F(12));
    assert_eq!((asked(&commands).mode, asked(&commands).filter.clone()), (crate::view::Mode::Heat, None));
    for (number, counts) in [&[(1000, 50), (1_000_000, 3)][..], &[], &[(1000, 9)]].iter().enumerate() {
        model.update(Msg::Frame(2, heat(number as u32, counts)));
    }
    let text = screen(&mut model, 110, 24);
    assert!(text[1].contains("3 lines"), "{}", text[1]);
    assert!(text[2].contains('-') && text[2].contains('.'), "many and few: {}", text[2]);
    assert_eq!(text[3].trim().len(), "00:00:00".len(), "s070: a line without events: {:?}", text[3]);
    let axis = text.iter().position(|line| line.contains("|1us")).unwrap();
    assert_eq!(text[2].find('-'), text[axis].find("|1us"), "the axis is to scale");
    assert!(press(&mut model, KeyCode::Enter).is_empty(), "nothing is selected");
    for key in [KeyCode::Left, KeyCode::Char(' '), KeyCode::Right, KeyCode::Right] {
        press(&mut model, key);
    }
    assert!(screen(&mut model, 110, 24)[22].contains("59 events (95.2 %)"));
    let commands = press(&mut model, KeyCode::Enter);
    let filter = asked(&commands).filter.clone().unwrap();
    let compiled = Filter::compile(&filter, Show::PLAIN).unwrap_or_else(|error| panic!("{filter}: {error}"));
    assert!(filter.starts_with("evt.latency>=") && filter.contains(" and evt.latency<"), "{filter}");
    drop(compiled);
    assert_eq!(asked(&commands).mode, crate::view::Mode::Events);
}

#[test]
fn s081_s082_actions_are_arguments_and_dangerous_ones_ask() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(&[("nginx", 31, 1.0)])));
    press(&mut model, KeyCode::F(8));
    let commands = press(&mut model, KeyCode::Char('t'));
    assert!(matches!(commands.as_slice(), [Command::Hold(targets)] if targets[0].pid == 31), "it asks: {commands:?}");
    let text = screen(&mut model, 80, 24).join("\n");
    assert!(text.contains("SIGTERM to 1 process") && text.contains("31 nginx") && text.contains("[No]"), "{text}");
    let commands = press(&mut model, KeyCode::Enter);
    assert!(matches!(commands.as_slice(), [Command::Hold(none)] if none.is_empty()), "Enter at once means No");
    press(&mut model, KeyCode::F(8));
    press(&mut model, KeyCode::Char('t'));
    let commands = press(&mut model, KeyCode::Char('y'));
    assert!(matches!(commands.as_slice(), [Command::Kill(15)]), "{commands:?}");
    press(&mut model, KeyCode::F(8));
    let commands = press(&mut model, KeyCode::Char('f'));
    assert!(
        matches!(commands.as_slice(), [Command::Run(words, false)] if words == &["lsof", "-p", "31"]),
        "{commands:?}"
    );
    // s085
    model.settings.read_only = true;
    press(&mut model, KeyCode::F(8));
    assert!(press(&mut model, KeyCode::Char('t')).is_empty());
    assert!(!screen(&mut model, 80, 24).join("\n").contains("SIG"));
}

#[test]
fn s027_s093_columns_go_by_what_they_matter() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    let titles = |model: &mut Model, width, height| {
        let text = screen(model, width, height);
        text[model.head].trim_end().to_owned()
    };
    assert_eq!(titles(&mut model, 40, 12), "     PID  CPU% v COMMAND");
    assert_eq!(
        titles(&mut model, 80, 24).split_whitespace().collect::<Vec<_>>(),
        ["PID", "CPU%", "v", "USER", "RES", "FILE/s", "NET/s", "ERR/s", "COMMAND"]
    );
    let wide = titles(&mut model, 200, 60);
    assert!(wide.contains("PPID") && wide.contains("ERR/s"), "{wide}");
    let text = screen(&mut model, 40, 12);
    assert!(text[3].starts_with(">     31    61.2 nginx: worker"), "{}", text[3]);
    assert!(screen(&mut model, 38, 10)[0].starts_with("screen too small (38x10, 40x12 needed)"));
}

#[test]
fn s079_s080_names_stay_in_their_cells() {
    let mut model = model("procs");
    model.ask();
    let names =
        ["\x1b]0;x\x07", "\u{202e}txt.exe", "日本語日本語", "e\u{301}\u{301}\u{301}", "\u{200b}\u{200b}", "a\tb\nc"];
    let rows: Vec<(&str, u32, f64)> = names.iter().zip(1..).map(|(name, pid)| (*name, pid, 1.0)).collect();
    model.update(Msg::Frame(1, processes(&rows)));
    for (width, height) in [(40, 12), (80, 24), (120, 40)] {
        for line in screen(&mut model, width, height) {
            assert!(line.width() <= usize::from(width) + 6, "{line:?}");
        }
    }
    let text = screen(&mut model, 80, 24).join("\n");
    assert!(text.contains("\\u{1b}") || text.contains("\\x1b") || text.contains("^["), "{text}");
}

#[test]
fn s015_s017_s019_no_key_on_no_screen_ends_it_but_those_for_it() {
    let key = prop_oneof![
        (32u8..127).prop_map(|byte| KeyCode::Char(byte.into())),
        (1u8..13).prop_map(KeyCode::F),
        Just(KeyCode::Up),
        Just(KeyCode::Down),
        Just(KeyCode::PageDown),
        Just(KeyCode::PageUp),
        Just(KeyCode::Home),
        Just(KeyCode::End),
        Just(KeyCode::Left),
        Just(KeyCode::Right),
        Just(KeyCode::Enter),
        Just(KeyCode::Backspace),
        Just(KeyCode::Esc),
        Just(KeyCode::Tab),
        Just(KeyCode::Delete),
        Just(KeyCode::Insert),
        Just(KeyCode::Char('é')),
    ];
    let step = prop_oneof![
        8 => (key, prop_oneof![4 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL), 1 => Just(KeyModifiers::ALT)])
            .prop_map(|(code, modifiers)| Event::Key(KeyEvent::new(code, modifiers))),
        2 => (0u16..260, 0u16..90, 0usize..5).prop_map(|(column, row, kind)| {
            let kind = [
                MouseEventKind::Down(MouseButton::Left),
                MouseEventKind::Down(MouseButton::Right),
                MouseEventKind::Drag(MouseButton::Left),
                MouseEventKind::ScrollUp,
                MouseEventKind::ScrollDown,
            ][kind];
            Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
        }),
        1 => ".{0,8}".prop_map(Event::Paste),
    ];
    let steps = proptest::collection::vec((step, 1u16..250, 1u16..80, 0usize..6), 1..40);
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 256, ..Config::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let names = ["nginx", "\x1b[2J", "日本", "\u{202e}x", "a\"b\\", ""];
    runner
        .run(&steps, |steps| {
            let mut model = model("procs");
            model.ask();
            for (event, width, height, count) in steps {
                let rows: Vec<_> =
                    names.iter().zip(1..).take(count).map(|(name, pid)| (*name, pid, f64::from(pid))).collect();
                let number = model.asked;
                let frame = if model.level().mode == crate::view::Mode::Heat {
                    heat(count as u32, &[(1000, 5), (1_000_000, count as u64)])
                } else {
                    processes(&rows)
                };
                model.update(Msg::Frame(number, frame));
                let by_word = matches!(model.overlay, Some(Overlay::Palette { .. }));
                let is_quit = match &event {
                    Event::Key(key) => by_word || matches!(key.code, KeyCode::Char('q' | 'c' | 'C') | KeyCode::F(10)),
                    _ => false,
                };
                let asks = matches!(model.overlay, Some(Overlay::Confirm { .. }));
                let commands = model.update(Msg::Input(event));
                // s015: nothing is signalled before a dialog was answered.
                let acts = commands.iter().any(|command| matches!(command, Command::Kill(_)));
                prop_assert!(!acts || asks, "{:?}", commands);
                let quits = commands.iter().any(|command| matches!(command, Command::Quit));
                prop_assert!(!quits || is_quit, "{:?}", commands);
                screen(&mut model, width, height);
            }
            Ok(())
        })
        .unwrap();
}
