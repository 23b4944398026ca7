//! Any text as a chisel: it is read, loaded and gets the events of a capture.

#![no_main]

use std::{
    fs::File,
    io::{Cursor, Read as _},
    sync::{LazyLock, atomic::AtomicBool},
};

use libfuzzer_sys::fuzz_target;
use tracer::{
    chisel::{Chisel, Env, Source, check::check},
    cli::raise_stack,
    output::Out,
    pipeline::{Limits, Pipeline},
    scap::decompress,
    sink::{ChiselSink, Outputs},
    source::replay::Replay,
    state::{Procfs, State},
};

/// The beginning of a capture: some hundred events.
static CAPTURE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    raise_stack();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../captures/sample.scap");
    let mut bytes = Vec::new();
    File::open(path).expect("a capture").take(64 << 10).read_to_end(&mut bytes).expect("a capture");
    bytes
});

fuzz_target!(|text: &str| {
    let capture = CAPTURE.clone();
    // What a script says of itself need not be found by chance.
    let text =
        if text.contains("chisel(") { text.to_owned() } else { format!("chisel(#{{ summary: \"x\" }});\n{text}") };
    let source = Source { name: "fuzz".to_owned(), origin: "fuzz.rhai".to_owned(), text };
    check(&source).iter().for_each(|error| assert!(!error.to_string().is_empty()));
    let out = Out::memory();
    let env = Env { replay: true, ..Env::plain(out.clone()) };
    let chisel = match Chisel::load(source, None, env) {
        Ok(chisel) => chisel,
        Err(error) => {
            // The message points into the text.
            let _ = error.to_string();
            return;
        }
    };
    // What it writes into is not for chance to choose.
    if !chisel.folders().is_empty() || !chisel.excerpts().is_empty() {
        return;
    }
    let outputs = Outputs::new(None, vec![Box::new(ChiselSink::new(chisel))], out, None);
    let input = decompress(Cursor::new(capture)).expect("a capture");
    let mut source = Replay::of("fuzz", input);
    let state = State { procfs: Procfs::none(), ..State::default() };
    // That a script fails is right, and so is that the capture is cut.
    let _ = Pipeline::new(state, outputs, 0).run(&mut source, Limits::default(), &AtomicBool::new(false));
});
