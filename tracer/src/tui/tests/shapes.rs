//! Trees, groups, columns, and the lines of the last values.

use super::*;
use crate::tui::arrange::Node;

/// Processes with their parents: id, parent, name, CPU.
fn family(rows: &[(u32, u32, &str, f64)]) -> Arc<Frame> {
    let plain: Vec<(&str, u32, f64)> = rows.iter().map(|(pid, _, name, cpu)| (*name, *pid, *cpu)).collect();
    let mut frame = Frame::clone(&processes(&plain));
    let at = frame.values.iter().position(|column| column.name == "proc.ppid").unwrap();
    for (row, (_, parent, ..)) in frame.rows.iter_mut().zip(rows) {
        row.values[at] = Some(f64::from(*parent));
    }
    Arc::new(frame)
}

/// The same with a text that was looked up.
fn with_text(frame: &Frame, name: &str, values: &[&str]) -> Arc<Frame> {
    let mut frame = frame.clone();
    frame.keys.push(Column::key(name.into(), name.into()));
    for (row, value) in frame.rows.iter_mut().zip(values) {
        row.keys.push(value.as_bytes().to_vec());
    }
    Arc::new(frame)
}

const FAMILY: &[(u32, u32, &str, f64)] = &[
    (1, 0, "init", 1.0),
    (10, 1, "bash", 2.0),
    (20, 10, "cat", 30.0),
    (21, 10, "grep", 4.0),
    (30, 1, "nginx", 50.0),
    (40, 41, "loop", 0.5),
    (41, 40, "loop", 0.5),
];

fn pids(model: &Model) -> Vec<String> {
    let level = model.level();
    (0..level.len()).map(|at| String::from_utf8_lossy(&level.row(at).unwrap().keys[0]).into_owned()).collect()
}

#[test]
fn s031_children_are_below_their_parents_and_folding_adds_them() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, family(FAMILY)));
    let commands = press(&mut model, KeyCode::Char('t'));
    assert!(asked(&commands).more.iter().any(|name| name == "proc.ppid"));
    let number = model.asked;
    model.update(Msg::Frame(number, family(FAMILY)));
    assert_eq!(pids(&model), ["1", "30", "10", "20", "21", "40", "41"], "siblings by CPU, those without a root last");
    let text = screen(&mut model, 100, 24);
    let line = |name: &str, text: &[String]| text.iter().find(|line| line.contains(name)).unwrap().clone();
    let column = |name: &str| line(name, &text).find(name).unwrap();
    assert_eq!((column("bash") - column("init"), column("cat") - column("bash")), (2, 2));
    assert!(line("bash", &text).contains("- bash"));
    // To bash, and fold.
    press(&mut model, KeyCode::Home);
    for _ in 0..2 {
        press(&mut model, KeyCode::Down);
    }
    press(&mut model, KeyCode::Char('-'));
    assert_eq!(pids(&model), ["1", "30", "10", "40", "41"]);
    let text = screen(&mut model, 100, 24);
    assert!(line("bash", &text).contains("+ bash") && line("bash", &text).contains(" 36.0 "), "{text:?}");
    // It stays folded with the next frame.
    model.update(Msg::Frame(number, family(FAMILY)));
    assert_eq!(pids(&model).len(), 5);
    assert_eq!(selected(&model), "10");
    press(&mut model, KeyCode::Char('+'));
    assert_eq!(pids(&model).len(), 7);
    // From a leaf, its parent is folded.
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Char('-'));
    assert_eq!((selected(&model).as_str(), pids(&model).len()), ("10", 5));
    press(&mut model, KeyCode::Char('*'));
    assert_eq!(pids(&model), ["1", "40"], "all are folded");
    let sum = |model: &Model, at: usize| {
        model.level().made.get(at).map(|row| row.values.iter().flatten().any(|it| *it == 87.0))
    };
    assert_eq!(sum(&model, 0), Some(true), "1+2+30+4+50: {:?}", model.level().made);
    press(&mut model, KeyCode::Char('t'));
    assert_eq!(pids(&model).len(), 7);
    assert!(model.level().spots.iter().all(|spot| spot.node == Node::Leaf && spot.depth == 0));
    // A view whose rows are no processes has none.
    let mut model = super::model("syscalls");
    assert!(press(&mut model, KeyCode::Char('t')).is_empty());
    assert!(screen(&mut model, 80, 24).last().unwrap().contains("no tree"));
}

#[test]
fn s032_groups_have_the_sums_of_their_rows() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, family(FAMILY)));
    press(&mut model, KeyCode::Char('g'));
    assert!(screen(&mut model, 80, 24).join("\n").contains("by container"));
    let commands = press(&mut model, KeyCode::Char('c'));
    assert!(asked(&commands).more.iter().any(|name| name == "container.name"));
    let containers = ["host", "host", "web", "web", "web", "", ""];
    let number = model.asked;
    let frame = with_text(&family(FAMILY), "container.name", &containers);
    model.update(Msg::Frame(number, Arc::clone(&frame)));
    let text = screen(&mut model, 100, 24);
    assert!(text[1].contains("by container"), "{}", text[1]);
    assert!(text[3].contains("+ web (3)") && text[3].contains(" 84.0 "), "{}", text[3]);
    assert!(text[4].contains("+ host (2)") && text[4].contains(" 3.0 "), "{}", text[4]);
    assert!(text[5].contains("+ (none) (2)") && text[5].contains(" 1.0 "), "{}", text[5]);
    press(&mut model, KeyCode::Home);
    press(&mut model, KeyCode::Enter);
    assert_eq!(pids(&model), ["", "30", "20", "21", "", ""], "it opens");
    // A group cannot be marked or killed.
    press(&mut model, KeyCode::Char(' '));
    assert!(model.level().marked.is_empty());
    press(&mut model, KeyCode::F(8));
    assert!(!screen(&mut model, 80, 24).join("\n").contains("SIGTERM"));
    press(&mut model, KeyCode::Esc);
    let commands = press(&mut model, KeyCode::Enter);
    assert_eq!(asked(&commands).filter.as_deref(), Some("container.name=\"web\""));
}

#[test]
fn s029_columns_move_by_whole_ones_and_the_key_stays() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    let titles = |model: &mut Model| screen(model, 60, 24)[2].split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let before = titles(&mut model);
    assert_eq!(before[0], "PID");
    press(&mut model, KeyCode::Right);
    press(&mut model, KeyCode::Right);
    press(&mut model, KeyCode::Right);
    let after = titles(&mut model);
    assert_eq!(after[0], "PID", "{after:?}");
    assert!(!after.contains(&"CPU%".to_owned()) && !after.contains(&"USER".to_owned()), "{after:?}");
    assert!(after.len() > 3, "others have room: {after:?}");
    for _ in 0..3 {
        press(&mut model, KeyCode::Left);
    }
    assert_eq!(titles(&mut model), before);
}

#[test]
fn columns_are_hidden_moved_and_widened() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    press(&mut model, KeyCode::Char('o'));
    assert!(screen(&mut model, 100, 24).join("\n").contains("[x] PID"));
    // The key stays.
    press(&mut model, KeyCode::Char(' '));
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Char(' '));
    press(&mut model, KeyCode::Home);
    press(&mut model, KeyCode::Down);
    // CPU% one to the right, and wider.
    press(&mut model, KeyCode::Right);
    for _ in 0..3 {
        press(&mut model, KeyCode::Char('+'));
    }
    press(&mut model, KeyCode::Esc);
    let titles = screen(&mut model, 120, 24)[2].split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(titles[..4], ["PID", "USER", "CPU%", "v"], "{titles:?}");
    assert!(!titles.contains(&"PPID".to_owned()));
    // A digit is a column of the screen.
    press(&mut model, KeyCode::Char('2'));
    assert!(screen(&mut model, 120, 24)[2].contains("USER"));
    assert_eq!(model.level().shown[model.level().sort].title, "USER");
    press(&mut model, KeyCode::Char('o'));
    press(&mut model, KeyCode::Char('r'));
    press(&mut model, KeyCode::Esc);
    assert!(screen(&mut model, 160, 24)[2].contains("PPID"));
}

#[test]
fn the_last_values_of_a_row_are_a_line_where_there_is_room() {
    let mut model = model("procs");
    model.ask();
    for cpu in [1.0, 50.0, 100.0] {
        model.update(Msg::Frame(1, processes(&[("bash", 7, cpu), ("idle", 8, 0.0)])));
    }
    let text = screen(&mut model, 140, 24);
    assert!(text[2].contains("CPU% 15s"), "{}", text[2]);
    let line = |name: &str| text.iter().find(|line| line.contains(name)).unwrap();
    assert!(line("bash").contains(" .+@ "), "{}", line("bash"));
    assert!(!screen(&mut model, 80, 24)[2].contains("15s"), "not where there is none");
    // A question that is another one begins anew.
    model.ask();
    let number = model.asked;
    model.update(Msg::Frame(number, processes(&[("bash", 7, 1.0)])));
    assert_eq!(model.level().history.len(), 1);
}

#[test]
fn s030_many_rows_are_sorted_and_narrowed_fast() {
    let mut model = model("procs");
    model.ask();
    let names: Vec<String> = (0..100_000).map(|number| format!("process-{number}")).collect();
    let rows: Vec<(&str, u32, f64)> =
        names.iter().zip(1..).map(|(name, pid)| (name.as_str(), pid, f64::from(pid % 977))).collect();
    model.update(Msg::Frame(1, processes(&rows)));
    let began = std::time::Instant::now();
    for key in [KeyCode::End, KeyCode::Home, KeyCode::Char('r'), KeyCode::Char('1'), KeyCode::End] {
        press(&mut model, key);
        screen(&mut model, 120, 40);
    }
    // Fifty milliseconds each when it is compiled for speed; this is not.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    press(&mut model, KeyCode::Char('\\'));
    type_in(&mut model, "process-99999");
    assert_eq!(model.level().len(), 1);
}
