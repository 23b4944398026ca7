//! Functions of the program that simple functions call: those that change nothing, and what they have to say. The language has
//! the same ones from `chisel/functions`; where they would fail there, the interpreter has to run.

use super::{
    super::{
        declared::Declared,
        dns,
        functions::text::{cell, quoted, shown},
        http,
        value::{Data, Form},
    },
    value::Value,
};
use crate::format::{color::Color, time, units};

/// A function: what it says of its arguments.
pub(super) type Native = fn(&Declared, &[Value]) -> Option<Value>;

/// Arguments that a function has at most.
pub(super) const MAX_ARGUMENTS: usize = 2;

/// By name and number of arguments, of which the first may stand before a point.
const NATIVES: [(&str, usize, Native); 24] = [
    ("weight", 0, |it, _| Some(Value::Int(it.weight.into()))),
    ("now", 0, |it, _| Some(Value::Int(it.now_ns as i64))),
    ("is_json", 0, |it, _| Some(Value::Bool(it.env.page.json))),
    ("is_tty", 0, |it, _| Some(Value::Bool(it.env.page.out.is_terminal()))),
    ("show_container", 0, |it, _| Some(Value::Bool(it.env.container))),
    ("size", 1, |_, all| of_data(all, |data| Some(Value::Int(data.0.len() as i64)))),
    ("dots", 1, |_, all| of_data(all, |data| text(data.dots()))),
    ("ascii", 1, |_, all| of_data(all, |data| text(data.ascii()))),
    ("show", 2, show),
    // What messages hold is the interpreter's: most data is none.
    ("http", 1, |_, all| of_data(all, |data| http::parse(&data.0).is_none().then_some(Value::Unit))),
    ("dns", 1, |_, all| of_data(all, |data| dns::parse(&data.0).is_none().then_some(Value::Unit))),
    ("left", 2, |_, all| of_cell(all, false)),
    ("right", 2, |_, all| of_cell(all, true)),
    ("quote", 1, |_, all| of_text(all, quoted)),
    ("format_bytes", 1, |_, all| of_number(all, units::bytes)),
    ("format_time", 1, |_, all| of_number(all, units::time)),
    ("time_of_day", 1, |_, all| of_time(all, |ns, out| time::time_of_day(ns, false, out))),
    ("date_time", 1, |_, all| of_time(all, |ns, out| time::date_time(ns, false, out))),
    ("red", 1, |it, all| of_text(all, |text| it.env.page.colored(Color::Red, text))),
    ("green", 1, |it, all| of_text(all, |text| it.env.page.colored(Color::Green, text))),
    ("yellow", 1, |it, all| of_text(all, |text| it.env.page.colored(Color::Yellow, text))),
    ("blue", 1, |it, all| of_text(all, |text| it.env.page.colored(Color::Blue, text))),
    ("magenta", 1, |it, all| of_text(all, |text| it.env.page.colored(Color::Magenta, text))),
    ("cyan", 1, |it, all| of_text(all, |text| it.env.page.colored(Color::Cyan, text))),
];

/// The function with that name and so many arguments.
pub(super) fn find(name: &str, arguments: usize) -> Option<Native> {
    let found = NATIVES.iter().find(|(known, count, _)| *known == name && *count == arguments);
    found.map(|(_, _, native)| *native)
}

fn text(text: String) -> Option<Value> {
    Some(Value::Text(text.into()))
}

fn of_text(all: &[Value], make: impl FnOnce(&str) -> String) -> Option<Value> {
    let [Value::Text(it)] = all else { return None };
    text(make(it))
}

fn of_data(all: &[Value], say: impl FnOnce(&Data) -> Option<Value>) -> Option<Value> {
    let [Value::Other(value)] = all else { return None };
    say(&*value.read_lock::<Data>()?)
}

fn show(it: &Declared, all: &[Value]) -> Option<Value> {
    let [Value::Other(value), Value::Text(form)] = all else { return None };
    text(value.read_lock::<Data>()?.show(it.env.data, Form::by_name(form)?))
}

fn of_cell(all: &[Value], right: bool) -> Option<Value> {
    let [Value::Text(it), Value::Int(width)] = all else { return None };
    text(cell(it, *width, right))
}

fn of_number(all: &[Value], make: impl FnOnce(f64) -> String) -> Option<Value> {
    match all {
        [Value::Int(number)] => text(make(*number as f64)),
        [Value::Float(number)] => text(make(*number)),
        _ => None,
    }
}

fn of_time(all: &[Value], write: impl FnOnce(u64, &mut Vec<u8>)) -> Option<Value> {
    let [Value::Int(ns)] = all else { return None };
    text(shown(*ns, write))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There, each is described, and so is how many arguments it has.
    #[test]
    fn all_are_functions_of_the_program() {
        for (name, count, _) in NATIVES {
            let all: Vec<_> = crate::chisel::functions::all().filter(|function| function.name() == name).collect();
            let [function] = &*all else { panic!("{name}: {all:?}") };
            let (before, arguments) = function.usage.split_once('(').unwrap();
            let arguments = arguments.trim_end_matches(')').split(',').filter(|word| !word.is_empty()).count();
            assert_eq!(arguments + usize::from(before.contains('.')), count, "{name}");
            assert!(count <= MAX_ARGUMENTS, "{name}");
        }
    }
}
