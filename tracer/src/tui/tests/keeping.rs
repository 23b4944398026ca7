//! How the user had the views.

use super::*;
use crate::tui::prefs::Prefs;

#[test]
fn order_columns_and_widths_come_back() {
    let mut model = model("procs");
    model.ask();
    model.update(Msg::Frame(1, processes(ROWS)));
    assert_eq!(model.prefs, Prefs::default(), "a view without changes is not kept");
    press(&mut model, KeyCode::Char('o'));
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Char(' '));
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Char('+'));
    press(&mut model, KeyCode::Enter);
    press(&mut model, KeyCode::Char('1'));
    press(&mut model, KeyCode::Char('1'));
    let (before, level) = (screen(&mut model, 120, 24)[2].clone(), model.level());
    assert_eq!((level.shown[level.sort].title.as_str(), level.order), ("PID", Order::Up));
    let text = serde_json::to_string(&model.prefs).unwrap();
    let read: Prefs = serde_json::from_str(&text).unwrap();
    assert_eq!(read, model.prefs);
    let mut again = super::model("procs");
    again.prefer(read);
    again.ask();
    again.update(Msg::Frame(1, processes(ROWS)));
    assert_eq!(screen(&mut again, 120, 24)[2], before);
}

#[test]
fn what_is_not_there_any_more_is_ignored() {
    let text = r#"{"views": {"procs": {"sort": "NOPE", "down": true, "columns": ["NOPE", "USER", "USER"], "widths": {"USER": 9999, "X": 1}},
        "gone": {}}, "newer": 1}"#;
    let prefs: Prefs = serde_json::from_str(text).unwrap();
    let mut model = model("procs");
    model.prefer(prefs);
    let titles: Vec<&str> = model.level().columns.iter().map(|at| model.level().shown[*at].title.as_str()).collect();
    assert_eq!(titles, ["PID", "USER"], "the key is always there");
    assert_eq!(model.level().shown[model.level().sort].title, "CPU%");
    screen(&mut model, 80, 24);
}
