//! Any text as a filter.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::{fields::Show, filter::Filter};

fuzz_target!(|text: &str| {
    if let Err(error) = Filter::compile(text, Show::default()) {
        // The message points into the text.
        let _ = error.to_string();
    }
});
