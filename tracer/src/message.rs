//! Messages to the person, beside the output: one line each on standard error.

use std::io::{self, Write};

use crate::format::escape;

/// Says something that does not end the run.
pub fn note(text: &str) {
    let lines: Vec<String> = text.lines().map(|line| escape::escaped(line.as_bytes())).collect();
    // Nobody to tell when standard error is gone.
    let _ = writeln!(io::stderr(), "tracer: {}", lines.join("\n"));
}

/// A line for programs, behind what is said to the person: an object of JSON.
pub fn object(value: &serde_json::Value) {
    // As above.
    let _ = writeln!(io::stderr(), "{value}");
}
