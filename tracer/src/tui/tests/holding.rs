//! A screen that is frozen, and a capture whose reading is stopped.

use super::*;

fn frame_at(seconds: u64, rows: &[(&str, u32, f64)]) -> Arc<Frame> {
    let span = Span { began_ns: (seconds - 1) * 1_000_000_000, ended_ns: seconds * 1_000_000_000 };
    Arc::new(Frame { span, ..Frame::clone(&processes(rows)) })
}

#[test]
fn s053_a_frozen_screen_stays_frozen_when_one_goes_into_a_row_and_comes_back() {
    let mut model = model("procs");
    model.ask();
    model.now_ns = 100_000_000_000;
    model.update(Msg::Frame(1, frame_at(100, ROWS)));
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Char('p'));
    let commands = press(&mut model, KeyCode::Enter);
    assert_eq!(asked(&commands).view.id, "threads");
    let text = screen(&mut model, 120, 24);
    assert!(text[0].contains("PAUSED") && text[23].contains("was not kept"), "{text:?}");
    // It fills once, and then it stays.
    let number = model.asked;
    model.update(Msg::Frame(number, processes(&[("a", 1, 1.0), ("b", 2, 2.0)])));
    model.update(Msg::Frame(number, processes(&[("a", 1, 1.0)])));
    assert_eq!(model.level().len(), 2);
    // The row that one came from is as it was, also after what the engine says now.
    let commands = press(&mut model, KeyCode::Backspace);
    assert_eq!(asked(&commands).view.id, "procs");
    let number = model.asked;
    model.update(Msg::Frame(number, frame_at(105, &[("bash", 7, 50.0)])));
    assert_eq!((model.level().len(), selected(&model).as_str()), (4, "40"));
    assert!(screen(&mut model, 120, 24)[0].contains("PAUSED"));
    // s054: what it shows then is the newest interval.
    press(&mut model, KeyCode::Char('p'));
    assert_eq!(model.level().len(), 1);
    assert!(screen(&mut model, 120, 24)[0].contains("LIVE"));
}

#[test]
fn s053_a_value_of_a_frozen_table_is_looked_at_in_that_table() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, frame_at(100, ROWS)));
    press(&mut model, KeyCode::Char('p'));
    model.then(crate::tui::app::Then::Only(Part::is("proc.pid", "7")));
    assert_eq!((model.level().len(), selected(&model).as_str()), (1, "7"), "from the rows that are there");
    let number = model.asked;
    model.update(Msg::Frame(number, frame_at(105, &[("bash", 7, 50.0), ("cat", 70, 1.0)])));
    assert_eq!(model.level().len(), 1);
}

#[test]
fn s053_events_of_a_frozen_screen_are_those_of_one_interval() {
    let mut model = model("procs");
    model.ask();
    model.now_ns = 100_000_000_000;
    model.update(Msg::Frame(1, frame_at(100, ROWS)));
    press(&mut model, KeyCode::Char('p'));
    press(&mut model, KeyCode::Char('d'));
    let number = model.asked;
    let lines = |count: usize| {
        let row = |at: usize| Row { line: format!("line {at}").into_bytes(), ..Row::default() };
        let rows = (0..count).map(row).collect();
        Arc::new(Frame { rows, ..Frame::new(Form::Lines { continues: true }, "", Span::default()) })
    };
    for (milliseconds, count) in [(200, 2), (400, 3), (1100, 4), (1300, 5)] {
        model.now_ns = 100_000_000_000 + milliseconds * 1_000_000;
        model.update(Msg::Frame(number, lines(count)));
    }
    assert_eq!((model.level().len(), model.level().left_out), (9, 5));
}

#[test]
fn s064_reading_stops_at_esc_and_what_was_read_stays() {
    let mut model = model("procs");
    model.settings.replay = true;
    model.ask();
    model.update(Msg::Read(37.2));
    assert!(screen(&mut model, 120, 24)[0].contains("READING 37 %"));
    let commands = press(&mut model, KeyCode::Esc);
    assert!(matches!(commands.as_slice(), [Command::Stop]), "{commands:?}");
    model.update(Msg::Frame(1, frame_at(100, ROWS)));
    model.update(Msg::Ended(Some(1), Ok(())));
    let text = screen(&mut model, 120, 24);
    assert!(text[0].contains("37 % of the FILE") && text[23].contains("37 % of the file"), "{text:?}");
    assert_eq!(model.level().len(), 4);
    // Once it has stopped, Esc goes up.
    assert!(press(&mut model, KeyCode::Esc).is_empty());
    press(&mut model, KeyCode::Enter);
    assert!(screen(&mut model, 120, 24)[0].contains("READING"), "the next question is about all of it");
}

#[test]
fn s061_rows_of_first_looks_are_replaced_by_those_of_the_whole() {
    let mut model = model("procs");
    model.settings.replay = true;
    model.ask();
    model.update(Msg::Frame(1, frame_at(100, &[("bash", 7, 1.0), ("cat", 9, 1.0)])));
    press(&mut model, KeyCode::Down);
    let chosen = selected(&model);
    model.update(Msg::Frame(1, frame_at(100, &[("bash", 7, 2.0), ("cat", 9, 3.0), ("dd", 10, 9.0)])));
    assert_eq!((model.level().len(), selected(&model)), (3, chosen), "the row that was chosen stays chosen");
    assert_eq!(model.level().history.len(), 1, "it is no interval after another one");
    assert!(model.said.is_none());
}

#[test]
fn s066_damage_is_said_in_the_header_and_the_rows_before_it_stay() {
    let mut model = model("procs");
    model.settings.replay = true;
    model.ask();
    model.update(Msg::Counted { seen: 12, lost: 0 });
    model.update(Msg::Frame(1, frame_at(100, ROWS)));
    model.update(Msg::Damaged(1, "cut in the middle of a block".into()));
    press(&mut model, KeyCode::Down);
    let text = screen(&mut model, 120, 24);
    assert!(text[0].contains("FILE, TRUNCATED  12 events") && text[0].contains(" 1.00s "), "{}", text[0]);
    assert_eq!(model.level().len(), 4);
    // Damaged from its beginning.
    let mut model = super::model("procs");
    model.settings.replay = true;
    model.ask();
    model.update(Msg::Damaged(1, "not a capture file".into()));
    assert!(screen(&mut model, 80, 24)[4].contains("not a capture file"));
}

#[test]
fn s025_s089_what_is_not_known_is_a_dash_and_what_is_estimated_has_a_mark() {
    let mut model = model("procs");
    model.ask();
    let mut frame = Frame::clone(&processes(&[("bash", 7, 1.5)]));
    model.update(Msg::Frame(1, Arc::new(frame.clone())));
    let row = |model: &mut Model| screen(model, 120, 24)[3].clone();
    assert!(row(&mut model).contains(" 1.5 "), "{}", row(&mut model));
    frame.sample = crate::sample::Sample::new(10);
    model.update(Msg::Frame(1, Arc::new(frame.clone())));
    assert!(row(&mut model).contains(" 1.5~ "), "{}", row(&mut model));
    assert!(screen(&mut model, 120, 24)[0].contains("1/10"));
    // s088: of an interval in which events were lost, nothing is exact.
    (frame.sample, frame.dropped) = (None, 3);
    model.update(Msg::Frame(1, Arc::new(frame.clone())));
    assert!(row(&mut model).contains(" 1.5~ "), "{}", row(&mut model));
    frame.dropped = 0;
    frame.rows[0].values.iter_mut().for_each(|value| *value = None);
    model.update(Msg::Frame(1, Arc::new(frame)));
    assert!(row(&mut model).contains("   - "), "{}", row(&mut model));
}

#[test]
fn s013_keys_of_the_user_are_in_the_help_and_in_the_bar() {
    let mut model = model("procs");
    model.keys = crate::tui::keymap::Keys::parse("freeze = ['Z']\nfilter = 'ctrl+g'\n").unwrap();
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    press(&mut model, KeyCode::Char('p'));
    assert!(!model.frozen);
    press(&mut model, KeyCode::Char('Z'));
    assert!(model.frozen);
    let bar = screen(&mut model, 120, 24)[23].clone();
    assert!(bar.contains("ZPause") && bar.contains("Ctrl+GFilter"), "{bar}");
    press(&mut model, KeyCode::Char('?'));
    let help = screen(&mut model, 120, 80).join("\n");
    assert!(help.contains("Ctrl+G ") && help.contains("Keys that you changed in keys.toml: freeze, filter"), "{help}");
    assert!(!help.contains("F4"), "{help}");
}

#[test]
fn s024_a_process_that_has_ended_is_a_row_with_a_mark() {
    let mut model = model("procs");
    model.ask();
    let frame = Frame { ended: vec![1], ..Frame::clone(&processes(ROWS)) };
    model.update(Msg::Frame(1, Arc::new(frame)));
    let text = screen(&mut model, 80, 24);
    assert!(text[4].starts_with("x     40    12.0"), "{}", text[4]);
    press(&mut model, KeyCode::Char('r'));
    let line = screen(&mut model, 80, 24).into_iter().find(|line| line.starts_with('x')).unwrap();
    assert!(line.contains("postgres"), "the mark goes with its row: {line}");
}
