//! Any bytes as a capture that is shown: state, fields and lines.

#![no_main]

use std::sync::atomic::AtomicBool;

use libfuzzer_sys::fuzz_target;
use tracer::{
    fields::Show,
    format::{Preset, Template},
    output::Out,
    pipeline::{Limits, Pipeline},
    scap::decompress,
    sink::{Lines, Outputs, Print, Sink, Summary},
    source::replay::Replay,
    state::{Procfs, State},
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(input) = decompress(std::io::Cursor::new(bytes.to_vec())) else { return };
    let out = Out::memory();
    let Ok(template) = Template::parse(&Preset::Container.format(false), Show::default()) else { return };
    let sinks: Vec<Box<dyn Sink>> = vec![
        Box::new(Print::new(Lines::Text(template), out.clone(), false)),
        Box::new(Summary::new(out.clone(), false, false)),
    ];
    let outputs = Outputs::new(None, sinks, out.clone(), None);
    let state = State { procfs: Procfs::none(), ..State::default() };
    let mut source = Replay::of("fuzz", Box::new(std::io::Read::take(input, 16 << 20)));
    let stop = AtomicBool::new(false);
    // Damage is an error, which is right.
    let _ = Pipeline::new(state, outputs, 0).run(&mut source, Limits::default(), &stop);
    let text = out.text();
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "a control character reached the output: {text:?}");
});
