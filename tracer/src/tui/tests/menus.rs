//! The menu of a cell, the palette, what is done to processes, and what goes to files.

use super::*;
use crate::{tui::actions::Target, view::Mode};

fn shown(view: &str) -> Model {
    let mut model = model(view);
    model.ask();
    if view == "procs" {
        model.update(Msg::Frame(1, processes(ROWS)));
    }
    model
}

#[test]
fn s051_s052_a_cell_narrows_and_going_back_restores_the_rows() {
    let mut model = shown("procs");
    press(&mut model, KeyCode::Char('.'));
    let text = screen(&mut model, 100, 24).join("\n");
    assert!(text.contains("proc.exeline = nginx: worker") && text.contains("not this value"), "{text}");
    // To the cell of the id, at the left.
    for _ in 0..20 {
        press(&mut model, KeyCode::Left);
    }
    let text = screen(&mut model, 100, 24).join("\n");
    assert!(text.contains("proc.pid = 31") && text.contains("open Threads"), "{text}");
    let commands = press(&mut model, KeyCode::Char('n'));
    let filter = asked(&commands).filter.clone().unwrap();
    assert_eq!(filter, "not proc.pid=\"31\"");
    assert!(Filter::compile(&filter, Show::PLAIN).is_ok());
    assert_eq!(asked(&commands).view.id, "procs");
    assert!(screen(&mut model, 100, 24)[1].contains("all > not proc.pid 31"));
    let commands = press(&mut model, KeyCode::Backspace);
    assert_eq!((asked(&commands).filter.clone(), model.level().len()), (None, 4));
}

#[test]
fn a_cell_opens_another_view_and_what_is_counted_is_only_copied() {
    let mut model = shown("procs");
    press(&mut model, KeyCode::Char('.'));
    for _ in 0..20 {
        press(&mut model, KeyCode::Left);
    }
    // The first line that opens something leads where Enter does.
    let commands = press(&mut model, KeyCode::Char('a'));
    assert_eq!(
        (asked(&commands).view.id.as_str(), asked(&commands).filter.as_deref()),
        ("threads", Some("proc.pid=\"31\""))
    );
    let mut model = shown("procs");
    let area = screen(&mut model, 100, 24);
    let x = area[2].find("CPU%").unwrap() as u16;
    // The right button, on the second row.
    let mouse = |kind| Event::Mouse(MouseEvent { kind, column: x, row: 4, modifiers: KeyModifiers::NONE });
    model.update(Msg::Input(mouse(MouseEventKind::Down(MouseButton::Right))));
    assert_eq!(selected(&model), "40");
    let text = screen(&mut model, 100, 24).join("\n");
    assert!(text.contains("CPU%, which is counted, = 12.0") && !text.contains("only this value"), "{text}");
    let commands = press(&mut model, KeyCode::Char('c'));
    assert!(matches!(commands.as_slice(), [Command::Copy(text)] if text == "12.0"), "{commands:?}");
}

#[test]
fn the_palette_has_every_command_and_every_view() {
    let mut model = shown("procs");
    let words: Vec<String> = model.offers("").into_iter().map(|offer| offer.word).collect();
    for key in KEYS.iter().filter(|key| !key.word.is_empty()) {
        assert!(words.iter().any(|word| word == key.word), "{}", key.word);
    }
    assert!(model.views.keys().all(|id| words.contains(id)));
    let run = |model: &mut Model, text: &str| {
        press(model, KeyCode::Char(':'));
        type_in(model, text);
        press(model, KeyCode::Enter)
    };
    let commands = run(&mut model, "conn 443");
    assert_eq!((asked(&commands).view.id.as_str(), model.level().row_filter.as_str()), ("connections", "443"));
    let commands = run(&mut model, "procs user.uid=0 /ssh");
    let (view, filter) = (asked(&commands).view.id.clone(), asked(&commands).filter.clone());
    assert_eq!(
        (view.as_str(), filter.as_deref(), model.level().row_filter.as_str()),
        ("procs", Some("user.uid=0"), "ssh")
    );
    let commands = run(&mut model, "set interval 500ms");
    assert_eq!(asked(&commands).interval_ms, 500);
    let commands = run(&mut model, "set interval 2s");
    assert_eq!(asked(&commands).interval_ms, 2000);
    assert!(run(&mut model, "set interval 5ms").is_empty());
    assert!(screen(&mut model, 120, 24).last().unwrap().contains("from 100ms"), "it stays and says why");
    press(&mut model, KeyCode::Esc);
    run(&mut model, "set theme light");
    assert_eq!(model.settings.theme, Theme::Light);
    run(&mut model, "sort pid");
    assert_eq!(model.level().shown[model.level().sort].title, "PID");
    assert!(matches!(run(&mut model, "quit").as_slice(), [Command::Quit]));
    assert!(run(&mut model, "nonsense").is_empty());
    assert!(screen(&mut model, 120, 24).last().unwrap().contains("no command and no view 'nonsense'"));
    press(&mut model, KeyCode::Esc);
    // A word that is only begun: what is chosen counts.
    press(&mut model, KeyCode::Char(':'));
    type_in(&mut model, "hel");
    assert!(screen(&mut model, 80, 24).join("\n").contains("help"));
    press(&mut model, KeyCode::Enter);
    assert!(matches!(model.overlay, Some(Overlay::Help { .. })));
}

#[test]
fn every_word_of_the_palette_does_something_and_none_fails() {
    for key in KEYS.iter().filter(|key| !key.word.is_empty()) {
        let mut model = shown("procs");
        press(&mut model, KeyCode::Char(':'));
        type_in(&mut model, key.word);
        press(&mut model, KeyCode::Enter);
        assert!(!matches!(model.overlay, Some(Overlay::Palette { .. })) || key.word == "palette", "{}", key.word);
        screen(&mut model, 80, 24);
    }
}

#[test]
fn s048_s049_filters_are_completed_and_remembered() {
    let mut model = shown("procs");
    press(&mut model, KeyCode::Char('f'));
    type_in(&mut model, "proc.n");
    let text = screen(&mut model, 100, 24).join("\n");
    assert!(text.contains("proc.name") && text.contains("proc.nthreads"), "{text}");
    type_in(&mut model, "am");
    press(&mut model, KeyCode::Tab);
    type_in(&mut model, "=cron");
    let commands = press(&mut model, KeyCode::Enter);
    assert_eq!(asked(&commands).filter.as_deref(), Some("proc.name=cron"));
    assert_eq!(model.prefs.filters, ["proc.name=cron"]);
    // In the next session.
    let prefs = model.prefs.clone();
    let mut model = shown("procs");
    model.prefer(prefs);
    press(&mut model, KeyCode::Char('f'));
    press(&mut model, KeyCode::Up);
    assert!(screen(&mut model, 100, 24).last().unwrap().starts_with("filter: proc.name=cron"));
}

#[test]
fn s082_s084_the_dialog_names_all_processes_that_are_marked() {
    let mut model = shown("procs");
    press(&mut model, KeyCode::Char(' '));
    press(&mut model, KeyCode::Char(' '));
    press(&mut model, KeyCode::F(8));
    let commands = press(&mut model, KeyCode::Char('9'));
    let [Command::Hold(targets)] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(targets.iter().map(|target| target.pid).collect::<Vec<_>>(), [31, 40]);
    let text = screen(&mut model, 80, 24).join("\n");
    assert!(
        text.contains("SIGKILL to 2 processes") && text.contains("31 nginx: worker") && text.contains("40 postgres"),
        "{text}"
    );
    // What cannot get it says why.
    let wrong = |target: &Target| Target { wrong: Some("has ended".into()), ..target.clone() };
    model.update(Msg::Held(vec![targets[0].clone(), wrong(&targets[1])]));
    assert!(screen(&mut model, 80, 24).join("\n").contains("40 postgres  (has ended)"));
    assert!(matches!(press(&mut model, KeyCode::Char('y')).as_slice(), [Command::Kill(9)]));
}

#[test]
fn s083_the_start_of_a_row_goes_with_it() {
    let mut model = shown("procs");
    assert!(model.question().more.iter().any(|name| name == "proc.pid.ts"));
    let mut frame = Frame::clone(&processes(ROWS));
    frame.keys.push(Column::key("proc.pid.ts".into(), "proc.pid.ts".into()));
    frame.keys.push(Column::key("container.name".into(), "container.name".into()));
    for row in &mut frame.rows {
        row.keys.extend([b"1700000000000000007".to_vec(), b"web".to_vec()]);
    }
    model.update(Msg::Frame(1, Arc::new(frame)));
    press(&mut model, KeyCode::F(8));
    let commands = press(&mut model, KeyCode::Char('t'));
    let [Command::Hold(targets)] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(targets[0].began_ns, Some(1_700_000_000_000_000_007));
    assert!(screen(&mut model, 80, 24).join("\n").contains("container web"), "s082");
    assert!(matches!(model.overlay, Some(Overlay::Confirm { what: Confirmed::Signal(15, _), yes: false })));
}

#[test]
fn s099_files_have_exact_values_that_parse() {
    let mut model = shown("procs");
    let rows = [("a \"b\"\n,c", 31, 61.237_5), ("日本", 40, 0.0)];
    model.update(Msg::Frame(1, processes(&rows)));
    let export = |model: &mut Model, key: char| {
        press(model, KeyCode::Char('x'));
        match press(model, KeyCode::Char(key)).as_slice() {
            [Command::Export(_, bytes)] => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let json = export(&mut model, 'j');
    let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["COMMAND"], &lines[0]["CPU%"]), (&"a \"b\"\n,c".into(), &61.237_5.into()));
    assert_eq!(lines[1]["COMMAND"], "日本");
    let csv = export(&mut model, 'c');
    assert!(csv.starts_with("\"PID\",") && csv.contains(",61.2375,") && csv.contains("\"a \"\"b\"\"\n,c\""), "{csv}");
    let text = export(&mut model, 't');
    assert_eq!(text.lines().count(), 3, "{text}");
    let commands = press(&mut model, KeyCode::Char('y'));
    assert!(matches!(commands.as_slice(), [Command::Copy(text)] if text.starts_with("31\t") && !text.contains('\n')));
    let commands = press(&mut model, KeyCode::Char('Y'));
    assert!(matches!(commands.as_slice(), [Command::Copy(text)] if text.lines().count() == 2));
    model.settings.read_only = true;
    press(&mut model, KeyCode::Char('x'));
    assert!(model.overlay.is_none(), "nothing is written");
}

#[test]
fn s043_views_that_do_not_apply_say_why() {
    let mut model = shown("procs");
    press(&mut model, KeyCode::Enter);
    press(&mut model, KeyCode::F(2));
    type_in(&mut model, "containers");
    let text = screen(&mut model, 100, 24).join("\n");
    assert!(text.contains("not for one proc.pid"), "{text}");
    assert!(press(&mut model, KeyCode::Enter).is_empty());
    assert!(matches!(model.overlay, Some(Overlay::Views { .. })), "it stays");
}

#[test]
fn s039_a_crumb_is_gone_to_by_key_and_by_mouse() {
    let mut model = shown("procs");
    press(&mut model, KeyCode::Enter);
    let number = model.asked;
    model.update(Msg::Frame(number, processes(ROWS)));
    press(&mut model, KeyCode::F(6));
    assert_eq!((model.levels.len(), model.level().mode), (3, Mode::Events));
    let text = screen(&mut model, 100, 24);
    let click = |x: usize| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        Msg::Input(Event::Mouse(MouseEvent { kind, column: x as u16, row: 1, modifiers: KeyModifiers::NONE }))
    };
    model.update(click(text[1].find("proc 31").unwrap() + 1));
    assert_eq!(model.levels.len(), 2);
    model.update(Msg::Input(Event::Key(KeyEvent::new(KeyCode::Char('1'), KeyModifiers::ALT))));
    assert_eq!(model.levels.len(), 1);
}

#[test]
fn s071_keys_and_mouse_select_the_same_of_a_heat_map() {
    let span = |number: u64| Span { began_ns: number * 1_000_000_000, ended_ns: (number + 1) * 1_000_000_000 };
    let map = |replay: bool| {
        let mut model = shown("procs");
        model.settings.replay = replay;
        press(&mut model, KeyCode::F(12));
        for number in 0..3 {
            let frame =
                Frame { span: span(number), ..Frame::clone(&heat(number as u32, &[(1000, 50), (1_000_000, 3)])) };
            model.update(Msg::Frame(2, Arc::new(frame)));
        }
        screen(&mut model, 121, 24);
        model
    };
    for replay in [true, false] {
        let mut by_keys = map(replay);
        // From the newest line up to the one before, and three columns from where most is.
        for key in [KeyCode::Down, KeyCode::Char(' '), KeyCode::Up, KeyCode::Right, KeyCode::Right, KeyCode::Right] {
            press(&mut by_keys, key);
        }
        let corner = by_keys.level().heat.cursor.unwrap();
        let text = screen(&mut by_keys, 121, 24);
        assert!(text[22].contains("100 events"), "{}", text[22]);
        let commands = press(&mut by_keys, KeyCode::Enter);
        let filter = asked(&commands).filter.clone().unwrap();
        assert!(Filter::compile(&filter, Show::PLAIN).is_ok(), "{filter}");
        assert_eq!(filter.contains("evt.rawtime>=1000000000 and evt.rawtime<3000000001"), replay, "{filter}");

        let mut by_mouse = map(replay);
        let mouse = |kind, column: usize, row: u16| {
            Msg::Input(Event::Mouse(MouseEvent { kind, column: column as u16, row, modifiers: KeyModifiers::NONE }))
        };
        // The map is as wide as it has columns to select: one each.
        by_mouse.update(mouse(MouseEventKind::Down(MouseButton::Left), 10 + corner.column - 3, 4));
        by_mouse.update(mouse(MouseEventKind::Drag(MouseButton::Left), 10 + corner.column, 3));
        let commands = press(&mut by_mouse, KeyCode::Enter);
        assert_eq!(asked(&commands).filter.as_deref(), Some(filter.as_str()));
    }
}
