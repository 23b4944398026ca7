//! From view to view and from level to level: what each of them asks, and where one is afterwards.

use super::*;

/// A frame of a view that has a row for each of these: the fields of the key and what they are.
fn frame(view: &str, containers: bool, rows: &[&[(&str, &str)]]) -> Arc<Frame> {
    let compiled = Compiled::of(&views()[view], containers, Show::PLAIN).unwrap();
    let places: Vec<(String, usize)> = compiled
        .shown
        .iter()
        .filter_map(|it| match it.place {
            Place::Key(at) => Some((it.field.clone(), at)),
            Place::Value(_) => None,
        })
        .chain([(views()[view].key.as_ref().unwrap().field.clone(), 0)])
        .collect();
    let keys = 1 + places.iter().map(|(_, at)| *at).max().unwrap_or(0);
    let values = 1 + compiled
        .shown
        .iter()
        .filter_map(|it| match it.place {
            Place::Value(at) => Some(at),
            Place::Key(_) => None,
        })
        .max()
        .unwrap_or(0);
    let row = |cells: &&[(&str, &str)]| {
        let mut row = Row { keys: vec![Vec::new(); keys], values: vec![Some(1.0); values], line: Vec::new() };
        for (field, text) in *cells {
            let found: Vec<usize> = places.iter().filter(|(name, _)| name == field).map(|(_, at)| *at).collect();
            assert!(!found.is_empty(), "{view} does not show {field}");
            found.into_iter().for_each(|at| row.keys[at] = text.as_bytes().to_vec());
        }
        row
    };
    let mut columns: Vec<Column> = (0..keys).map(|at| Column::key(format!("K{at}"), format!("k{at}"))).collect();
    places.iter().for_each(|(name, at)| columns[*at].name.clone_from(name));
    Arc::new(Frame {
        keys: columns,
        values: vec![Column::key("V".into(), "v".into()); values],
        rows: rows.iter().map(row).collect(),
        ..Frame::new(Form::Table, "", Span::default())
    })
}

/// What the line of crumbs says.
fn crumbs(model: &mut Model) -> String {
    screen(model, 160, 24)[1].trim_end().to_owned()
}

const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

#[test]
fn s033_s034_a_container_has_its_processes_those_their_threads_and_these_their_files() {
    let mut model = model("containers");
    model.settings.containers = true;
    model.ask();
    let rows = frame("containers", true, &[&[("container.id", ID), ("container.name", "web")]]);
    model.update(Msg::Frame(model.asked, rows));
    let ask = asked(&press(&mut model, KeyCode::Enter)).clone();
    assert_eq!((ask.view.id.as_str(), ask.filter), ("procs", Some(format!("container.id=\"{ID}\""))));
    let text = crumbs(&mut model);
    assert!(text.contains("> container web"), "{text}");
    model.update(Msg::Frame(model.asked, frame("procs", true, &[&[("proc.pid", "31")]])));
    let ask = asked(&press(&mut model, KeyCode::Enter)).clone();
    assert_eq!(ask.view.id, "threads");
    assert_eq!(ask.filter, Some(format!("(container.id=\"{ID}\") and (proc.pid=\"31\")")));
    model.update(Msg::Frame(model.asked, frame("threads", true, &[&[("thread.tid", "33")]])));
    let ask = asked(&press(&mut model, KeyCode::Enter)).clone();
    assert_eq!(ask.view.id, "files");
    assert_eq!(ask.filter, Some(format!("(container.id=\"{ID}\") and (proc.pid=\"31\") and (thread.tid=\"33\")")));
    let text = crumbs(&mut model);
    assert!(text.contains("> container web > proc 31 > tid 33"), "{text}");
}

#[test]
fn s016_s036_the_chooser_changes_nothing_when_it_is_closed_and_a_chosen_view_is_left_again() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::F(2));
    type_in(&mut model, "files");
    assert!(press(&mut model, KeyCode::Esc).is_empty(), "nothing is asked");
    assert_eq!((model.level().view.id.as_str(), selected(&model).as_str()), ("procs", "40"));
    press(&mut model, KeyCode::F(2));
    type_in(&mut model, "files");
    let ask = asked(&press(&mut model, KeyCode::Enter)).clone();
    assert_eq!(ask.view.id, "files");
    let ask = asked(&press(&mut model, KeyCode::Backspace)).clone();
    assert_eq!(ask.view.id, "procs");
    assert_eq!((model.level().len(), selected(&model).as_str()), (4, "40"), "the row, at once");
}

#[test]
fn s018_escape_never_quits_wherever_it_is_pressed() {
    for way in
        [&[][..], &[KeyCode::F(2)], &[KeyCode::Char('f')], &[KeyCode::Char('?')], &[KeyCode::Enter], &[KeyCode::F(12)]]
    {
        let mut model = model("procs");
        model.ask();
        model.update(Msg::Frame(1, processes(ROWS)));
        way.iter().for_each(|code| drop(press(&mut model, *code)));
        for _ in 0..20 {
            let commands = press(&mut model, KeyCode::Esc);
            assert!(!commands.iter().any(|it| matches!(it, Command::Quit)), "{way:?}: {commands:?}");
        }
        assert_eq!(model.level().view.id, "procs", "{way:?}");
    }
}

#[test]
fn s010_what_the_program_has_to_say_is_a_line_of_the_screen_and_of_its_log() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    model.update(Msg::Note("container 3ad7b26ded6d: the engine does not answer".into()));
    let text = screen(&mut model, 100, 24);
    assert!(text[23].contains("container 3ad7b26ded6d: the engine does not answer"), "{text:?}");
}

#[test]
fn s098_the_cursor_is_on_the_selected_row_or_in_the_prompt() {
    let cursor = |model: &mut Model| {
        let area = Rect::new(0, 0, 100, 24);
        let mut buffer = Buffer::empty(area);
        let drawn = draw::draw(model, Style { colors: true, theme: Theme::Dark }, "14:03:27", area, &mut buffer);
        drawn.tell(model, 100);
        let line: String = (0..100).map(|x| buffer[(x, drawn.cursor.1)].symbol()).collect();
        (drawn.cursor, line)
    };
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    for (presses, pid) in [(0, "31"), (1, "40"), (2, "8")] {
        (0..presses.min(1)).for_each(|_| drop(press(&mut model, KeyCode::Down)));
        if presses == 2 {
            press(&mut model, KeyCode::End);
        }
        let ((_, _), line) = cursor(&mut model);
        assert!(line.contains(&format!(" {pid} ")), "{pid}: {line}");
    }
    press(&mut model, KeyCode::Char('f'));
    type_in(&mut model, "proc.name=日本");
    let ((x, _), line) = cursor(&mut model);
    let before: String = "filter: proc.name=日本".into();
    assert!(line.trim_start().starts_with("filter: proc.name="), "{line}");
    assert_eq!(usize::from(x), before.width(), "{line}");
}
