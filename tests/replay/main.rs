//! The replay level: records that were made by hand go through the whole program to its output, which is compared with
//! `tests/golden`. `UPDATE_GOLDEN=1` writes what is printed now. Captures of other tools are read, too.

mod captures;
mod chisels;
mod data;
mod fields;
mod filters;
mod foreign;
mod frames;
mod interpreted;
mod lost;
mod machine;
mod needs;
mod output;
mod peer;
mod peers;
mod pods;
mod rows;
mod sample;
mod tables;
mod write;
mod wrong;

use std::{env, fs, path::PathBuf, sync::Once, sync::atomic::AtomicBool};

use tracer::{
    chisel::{Chisel, Env, Library},
    fields::Show,
    filter::Filter,
    format::{Preset, Template},
    output::Out,
    pipeline::{Limits, Pipeline},
    sink::{ChiselSink, Lines, Outputs, Print, Sink},
    source::inject::Inject,
};

use machine::{BOOT_NS, Machine};

/// Runs the records of a machine through sinks behind a filter; what they print, and how it ended.
fn output(machine: Machine, filter: Option<&str>, sink: impl FnOnce(Out) -> Box<dyn Sink>) -> String {
    utc();
    let out = Out::memory();
    let filter = filter.map(|text| Filter::compile(text, Show::default()).unwrap());
    let outputs = Outputs::new(filter, vec![sink(out.clone())], out.clone(), None);
    let (state, records) = machine.into_parts();
    let mut source = Inject::default();
    records.into_iter().for_each(|record| source.push(record));
    let pipeline = Pipeline::new(state, outputs, BOOT_NS);
    let stats = pipeline.run(&mut source, Limits::default(), &AtomicBool::new(false)).unwrap();
    format!("{}{stats}\n", out.text())
}

/// Times of day are those of UTC.
#[allow(unsafe_code, reason = "the time zone is read from the environment")]
fn utc() {
    static ONCE: Once = Once::new();
    // SAFETY: before any other thread of this program reads the environment: every test comes through here first.
    ONCE.call_once(|| unsafe { env::set_var("TZ", "UTC") });
}

fn lines(preset: Preset) -> impl FnOnce(Out) -> Box<dyn Sink> {
    move |out| {
        Box::new(Print::new(Lines::Text(Template::parse(&preset.format(false), Show::default()).unwrap()), out, false))
    }
}

fn chisel(name: &'static str, container: bool) -> impl FnOnce(Out) -> Box<dyn Sink> {
    move |out| {
        let env = Env { container, ..Env::plain(out) };
        Box::new(ChiselSink::new(Chisel::load(Library::new(&[]).find(name).unwrap(), None, env).unwrap()))
    }
}

/// The built-in chisels that can read captures.
fn chisels_of_captures() -> std::collections::BTreeMap<String, tracer::chisel::Source> {
    let mut all = tracer::chisel::Library::builtin().list();
    all.retain(|_, source| tracer::chisel::Chisel::describe(source).expect("it is one of ours").live.is_none());
    all
}

/// Compares with the file of that name.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")).join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} is different (UPDATE_GOLDEN=1 refreshes it); now:\n{text}\nbefore:\n{expected}");
}

#[test]
fn default_lines() {
    golden("lines.txt", &output(Machine::busy(), None, lines(Preset::Default)));
}

#[test]
fn lines_with_containers() {
    golden("lines-pc.txt", &output(Machine::busy(), Some("evt.type!=close"), lines(Preset::Container)));
}

#[test]
fn a_table_of_files() {
    golden("topfiles_bytes.txt", &output(Machine::busy(), None, chisel("topfiles_bytes", false)));
}

#[test]
fn a_table_of_calls_by_container() {
    golden("topscalls-pc.txt", &output(Machine::busy(), None, chisel("topscalls", true)));
}

#[test]
fn what_people_run() {
    golden("spy_users.txt", &output(Machine::busy(), None, chisel("spy_users", true)));
}
