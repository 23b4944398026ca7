//! Frames are all that tables, rates, bars, heat maps and lists print: drawn again from the data alone, they are the same.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::Path,
    rc::Rc,
    sync::{Arc, atomic::AtomicBool},
};

use tracer::{
    chisel::{Chisel, Env, Library, Source},
    output::{Form, Frame, Out, Page, View},
    pipeline::{Limits, Pipeline},
    sink::{ChiselSink, Outputs},
    source::replay::Replay,
    state::{Procfs, State},
};

use super::chisels::ARGUMENTS;

/// A view that keeps all frames.
#[derive(Debug, Default)]
struct Kept(RefCell<Vec<Arc<Frame>>>);

impl View for Kept {
    fn frame(&self, frame: &Arc<Frame>) {
        self.0.borrow_mut().push(Arc::clone(frame));
    }
}

/// What a chisel prints of a capture, and its frames.
fn run(source: &Source, capture: &str, json: bool) -> (String, Vec<Arc<Frame>>) {
    super::utc();
    let argument = ARGUMENTS.iter().find(|(known, _)| *known == source.name).map(|(_, argument)| *argument);
    let (out, kept) = (Out::memory(), Rc::new(Kept::default()));
    let view: Rc<dyn View> = kept.clone();
    let page = Page { json, views: Rc::new([view]), ..Page::plain(out.clone()) };
    let env = Env { container: !json, replay: true, page, ..Env::plain(out.clone()) };
    let chisel = Chisel::load(source.clone(), argument, env).unwrap();
    let outputs = Outputs::new(None, vec![Box::new(ChiselSink::new(chisel))], out.clone(), None);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(format!("{capture}.scap"));
    let mut replay = Replay::open(vec![path]).unwrap();
    let state = State { procfs: Procfs::none(), ..State::default() };
    Pipeline::new(state, outputs, 0).run(&mut replay, Limits::default(), &AtomicBool::new(false)).unwrap();
    let frames = kept.0.take();
    (out.text(), frames)
}

/// Frames have what they say, and the frames of one place have the same columns each time.
fn check(source: &Source, frames: &[Arc<Frame>]) {
    let mut columns = BTreeMap::new();
    for frame in frames {
        let name = &source.name;
        assert_eq!((&*frame.chisel, frame.span.began_ns <= frame.span.ended_ns), (name.as_str(), true), "{frame:?}");
        let shape = (frame.keys.clone(), frame.values.clone());
        assert_eq!(columns.entry(frame.index).or_insert_with(|| shape.clone()), &shape, "{name}");
        for row in &frame.rows {
            assert_eq!((row.keys.len(), row.values.len()), (frame.keys.len(), frame.values.len()), "{name}: {row:?}");
            assert_eq!(row.line.is_empty(), !matches!(frame.form, Form::Lines { .. }), "{name}: {row:?}");
        }
    }
}

#[test]
fn what_is_drawn_again_from_frames_is_what_was_printed() {
    let (mut with_frames, mut frames_only) = (0, 0);
    for source in super::chisels_of_captures().values() {
        for json in [false, true] {
            let (printed, frames) = run(source, "files", json);
            check(source, &frames);
            let out = Out::memory();
            let page = Page { json, ..Page::plain(out.clone()) };
            for frame in &frames {
                page.frame(Frame::clone(frame)).unwrap();
            }
            let again = out.text();
            // Scripts print lines, too, between those of frames.
            let mut lines = printed.lines();
            let is_there = again.lines().all(|line| lines.by_ref().any(|printed| printed == line));
            assert!(is_there, "{}, JSON {json}: {again}\nprinted:\n{printed}", source.name);
            with_frames += usize::from(!frames.is_empty());
            frames_only += usize::from(!frames.is_empty() && again == printed);
        }
    }
    assert!(with_frames >= 60 && frames_only >= 60, "{with_frames} with frames, {frames_only} with nothing else");
}

#[test]
fn a_frame_has_exact_numbers_and_what_they_mean() {
    let library = Library::builtin();
    let (_, frames) = run(&library.list()["topfiles_bytes"], "files", false);
    let [frame] = &frames[..] else { panic!("{frames:?}") };
    let titles = |columns: &[tracer::output::Column]| columns.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    assert!(titles(&frame.values).contains(&"evt.buflen".to_owned()), "{frame:?}");
    assert!(frame.keys.iter().any(|it| it.name == "fd.name") && !frame.rows.is_empty(), "{frame:?}");
    assert!(frame.rows.is_sorted_by(|a, b| a.values[0] >= b.values[0]), "{frame:?}");
    // Of a capture, it is about all of its time.
    assert!(frame.span.length_ns() > 0 && frame.sample.is_none(), "{frame:?}");
}
