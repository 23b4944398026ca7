//! Any text as what the server reads: a web configuration file, a query, a path.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| tracer::serve::fuzz(text));
