//! Classes of fields that other tools once had.

/// Classes that are gone, and why.
pub static GONE: &[(&str, &str)] = &[
    ("mesos", "Mesos was asked by a client that no release has any more"),
    ("marathon", "Marathon was asked by a client that no release has any more"),
    ("span", "traces that programs write to /dev/null are not followed any more"),
    ("evtin", "traces that programs write to /dev/null are not followed any more"),
];

/// Why the class of a field is gone; `None` when it is not.
pub(super) fn why(field: &str) -> Option<&'static str> {
    let class = field.split('.').next()?;
    GONE.iter().find(|(name, _)| *name == class).map(|(_, why)| *why)
}
