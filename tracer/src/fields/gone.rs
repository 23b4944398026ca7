//! Classes of fields that other tools once had.

/// Classes that are gone, and why.
pub static GONE: &[(&str, &str)] = &[
    ("mesos", "no current tool asks Mesos any more"),
    ("marathon", "no current tool asks Marathon any more"),
    ("span", "traces that programs write to /dev/null are no longer supported"),
    ("evtin", "traces that programs write to /dev/null are no longer supported"),
];

/// Why the class of a field is gone; `None` when it is not.
pub(super) fn why(field: &str) -> Option<&'static str> {
    let class = field.split('.').next()?;
    GONE.iter().find(|(name, _)| *name == class).map(|(_, why)| *why)
}
