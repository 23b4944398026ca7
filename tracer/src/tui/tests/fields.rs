//! The pane of fields, and data in its forms.

use super::*;
use crate::{
    view::details::Fields,
    view::{Mode, With, ask::OF_EVENTS},
};

/// Rows of events, each with a text, data, and all its fields if `all`.
fn events(names: &[&str], data: &[u8], all: bool, echo: bool) -> Arc<Frame> {
    let world = World::new();
    let fields = Fields::all(Show::PLAIN);
    let row = |(number, name): (usize, &&str)| {
        let mut keys: Vec<Vec<u8>> = ["10", name, "host", "openat"].map(|text| text.as_bytes().to_vec()).to_vec();
        if echo {
            keys.push(data.to_vec());
        }
        keys.push(format!("{}", number + 1).into_bytes());
        if all {
            keys.push(world.with(&world.openat(10, 3, name.as_bytes()), |context| fields.of(context)));
        }
        Row { keys, values: Vec::new(), line: format!("read {number} {name}").into_bytes() }
    };
    let data = echo.then_some("evt.buffer");
    let names_of_keys = OF_EVENTS.iter().copied().chain(data).chain(["evt.num"]);
    let keys = names_of_keys.map(|name| Column::key(name.into(), name.into())).collect();
    let rows = names.iter().enumerate().map(row).collect();
    Arc::new(Frame { keys, rows, ..Frame::new(Form::Lines { continues: true }, "", Span::default()) })
}

fn in_events(key: KeyCode) -> Model {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    press(&mut model, key);
    model
}

#[test]
fn s028_s078_the_pane_has_all_fields_of_an_event_whole() {
    let mut model = in_events(KeyCode::F(6));
    assert_eq!(model.question().with, With::Fields);
    let long = format!("/a/{}/end", "x".repeat(200));
    model.update(Msg::Frame(2, events(&["/etc/passwd", &long], b"", true, false)));
    let before = screen(&mut model, 80, 24).join("\n");
    assert!(!before.contains("- detail -"));
    press(&mut model, KeyCode::Char('i'));
    let text = screen(&mut model, 80, 24).join("\n");
    assert!(text.contains("- detail -") && text.contains("fields"), "{text}");
    // Larger: all of the screen.
    press(&mut model, KeyCode::Char('i'));
    press(&mut model, KeyCode::Tab);
    press(&mut model, KeyCode::Char('/'));
    type_in(&mut model, "evt.arg.name");
    press(&mut model, KeyCode::Enter);
    let text: String = screen(&mut model, 80, 24).concat().split_whitespace().collect();
    assert!(text.contains("/end") && text.contains("evt.arg.name/a/xxx"), "it is whole: {text}");
    // The field is one to filter by.
    press(&mut model, KeyCode::Char('.'));
    let text = screen(&mut model, 80, 24).join("\n");
    assert!(text.contains("only this value"), "{text}");
    let commands = press(&mut model, KeyCode::Char('o'));
    assert_eq!(
        (asked(&commands).mode, asked(&commands).filter.clone()),
        (Mode::Events, Some(format!("(proc.pid=\"31\") and (evt.arg.name=\"{long}\")")))
    );
    press(&mut model, KeyCode::Char('i'));
    assert!(!screen(&mut model, 80, 24).join("\n").contains("- detail -"), "off again");
}

#[test]
fn fields_of_an_event_of_a_capture_are_read_when_somebody_looks() {
    let mut model = model("procs");
    model.settings.replay = true;
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    press(&mut model, KeyCode::F(6));
    assert_eq!(model.question().with, With::Number);
    model.update(Msg::Frame(2, events(&["/a", "/b"], b"", false, false)));
    let commands = press(&mut model, KeyCode::Char('i'));
    let [Command::Find(number, ask)] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(number, "2");
    assert!(
        ask.filter.as_deref().unwrap().ends_with("(evt.num=2)") || ask.filter.as_deref() == Some("evt.num=2"),
        "{ask:?}"
    );
    assert!(screen(&mut model, 80, 24).join("\n").contains("reading the other fields"));
    let found = events(&["/b"], b"", true, false).rows[0].keys.last().unwrap().clone();
    model.update(Msg::Fields("1".into(), found.clone()));
    assert!(screen(&mut model, 80, 24).join("\n").contains("reading the other fields"), "those of another event");
    model.update(Msg::Fields("2".into(), found));
    let text = screen(&mut model, 80, 24).join("\n");
    assert!(text.contains("evt.arg.") || text.contains("evt.abspath") || model.details().len() > 30, "{text}");
    assert!(press(&mut model, KeyCode::Char('b')).is_empty(), "it is asked for once");
    assert!(matches!(press(&mut model, KeyCode::Up).as_slice(), [Command::Find(number, _)] if number == "1"));
}

#[test]
fn a_row_of_a_table_has_what_is_known_of_its_process() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    let commands = press(&mut model, KeyCode::Char('i'));
    assert!(asked(&commands).more.iter().any(|name| name == "proc.cwd"), "{:?}", asked(&commands).more);
    let names: Vec<String> = model.details().into_iter().map(|line| line.name).collect();
    assert!(names.contains(&"proc.pid".to_owned()) && names.contains(&"CPU%".to_owned()), "{names:?}");
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "each once: {names:?}");
    press(&mut model, KeyCode::Char('i'));
    let commands = press(&mut model, KeyCode::Char('i'));
    assert!(!asked(&commands).more.iter().any(|name| name == "proc.cwd"), "nothing is looked up for what is not shown");
}

#[test]
fn s074_data_changes_its_form_and_stays_at_its_place() {
    let mut model = in_events(KeyCode::F(5));
    let names: Vec<String> = (0..50).map(|number| format!("/f{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    model.update(Msg::Frame(2, events(&names, b"GET / HTTP/1.1\r\nHost: x\r\n", true, true)));
    let text = screen(&mut model, 100, 20);
    assert!(text[0].contains("I/O as dots"), "{}", text[0]);
    assert!(text.iter().any(|line| line.contains("/f49") && line.contains("GET / HTTP/1.1..Host: x..")), "{text:?}");
    for _ in 0..30 {
        press(&mut model, KeyCode::Up);
    }
    screen(&mut model, 100, 20);
    let row = |model: &Model| String::from_utf8(model.level().row(model.level().at).unwrap().line.clone()).unwrap();
    assert_eq!(row(&model), "read 19 /f19");
    press(&mut model, KeyCode::Char('b'));
    assert_eq!(row(&model), "read 19 /f19");
    let text = screen(&mut model, 100, 20);
    let head = text.iter().position(|line| line.contains("/f19")).unwrap();
    assert_eq!(text[head + 1].trim_end(), "    GET / HTTP/1.1");
    assert_eq!(text[head + 2].trim_end(), "    Host: x");
    press(&mut model, KeyCode::Char('b'));
    assert_eq!(row(&model), "read 19 /f19");
    let text = screen(&mut model, 100, 20);
    assert!(text.iter().any(|line| line.contains("0010  48 6f 73 74")), "{text:?}");
    // Search finds what is on the screen, in that form.
    press(&mut model, KeyCode::Char('/'));
    type_in(&mut model, "48 6f 73");
    assert!(model.level().line(model.level().at).contains("48 6f 73"));
}

#[test]
fn s075_s077_following_stops_and_says_what_is_new_and_what_is_gone() {
    let mut model = in_events(KeyCode::F(6));
    model.update(Msg::Frame(2, events(&["/a", "/b", "/c"], b"", false, false)));
    assert!(model.level().follows);
    press(&mut model, KeyCode::Up);
    model.update(Msg::Frame(2, events(&["/d", "/e"], b"", false, false)));
    assert!(screen(&mut model, 80, 24)[1].contains("5 kept, 2 new"));
    let at = model.level().at;
    assert_eq!(at, 1, "it stays where it is");
    for key in [KeyCode::Char('F'), KeyCode::End] {
        press(&mut model, key);
        assert!(model.level().follows && model.level().at == 4);
        assert!(screen(&mut model, 80, 24)[1].contains("5 kept") && !screen(&mut model, 80, 24)[1].contains("new"));
    }
    // 32 MiB of text: the oldest go.
    let long = "x".repeat(1 << 20);
    for _ in 0..12 {
        model.update(Msg::Frame(2, events(&[&long, &long, &long], b"", false, false)));
    }
    let head = screen(&mut model, 80, 24)[1].clone();
    assert!(head.contains("oldest") && head.contains("gone"), "{head}");
    assert!(model.level().len() < 41);
}

#[test]
fn s041_enter_on_an_event_asks_where_to() {
    let mut model = in_events(KeyCode::F(6));
    model.update(Msg::Frame(2, events(&["/etc/passwd"], b"", false, false)));
    assert!(press(&mut model, KeyCode::Enter).is_empty());
    let text = screen(&mut model, 80, 24).join("\n");
    assert!(text.contains("p  process 10") && text.contains("d  descriptor /etc/passwd"), "{text}");
    assert!(!text.contains("container"), "it has none: {text}");
    let commands = press(&mut model, KeyCode::Char('d'));
    assert_eq!(asked(&commands).filter.as_deref(), Some("(proc.pid=\"31\") and (fd.name=\"/etc/passwd\")"));
}
