//! What this machine allows.
use std::io;

/// Whether programs may be loaded.
#[must_use]
pub fn may_load() -> bool {
    true
}

/// Prints the report.
///
/// # Errors
/// Output cannot be written.
pub fn run(_out: &mut impl io::Write) -> io::Result<bool> {
    Ok(true)
}
