//! Any text as a settings file: what comes out are defaults, and what is wrong is said in a text that is safe to print.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::{cli::config, format::escape};

/// What one run does, and no file may ask for.
const NEVER: [&str; 12] = [
    "write",
    "read",
    "force",
    "explain",
    "doctor",
    "config",
    "chisel",
    "watch",
    "generate",
    "list",
    "bench-empty",
    "bench-memory",
];

fuzz_target!(|text: &str| {
    match config::parse(text) {
        Ok(words) => {
            for word in words {
                let name = word.strip_prefix("--").expect("each word is a long option");
                let name = name.split('=').next().unwrap_or(name);
                assert!(!NEVER.contains(&name), "{word}");
            }
        }
        Err(failure) => {
            let said = escape::lines(&format!("{failure}\n{}", failure.hint.as_deref().unwrap_or_default()));
            assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
        }
    }
});
