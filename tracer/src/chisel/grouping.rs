//! What a row of a table of processes stands for: the argument `grouping` of chisels, and the keys that follow from it.

use rhai::{Array, Dynamic, Map};

/// A column: the field and its title.
type Column = (&'static str, &'static str);

/// A row is a process.
pub(super) const DEFAULT: &str = "process";

const CONTAINER: Column = ("container.name", "Container");

/// By name: the columns of its keys, those that are there with `-pc`, which replace those of the same title, and what a row is.
const ALL: [(&str, &[Column], &[Column]); 6] = [
    (
        DEFAULT,
        &[("proc.main_name", "Process"), ("proc.pid", "PID")],
        &[("proc.main_name", "Process"), ("proc.pid", "PID"), ("proc.vpid", "vPID"), CONTAINER],
    ),
    (
        "thread",
        &[("proc.name", "Thread"), ("thread.tid", "TID"), ("proc.pid", "PID")],
        &[("proc.name", "Thread"), ("thread.tid", "TID"), ("proc.pid", "PID"), CONTAINER],
    ),
    ("name", &[("proc.main_name", "Process")], &[("proc.main_name", "Process"), CONTAINER]),
    ("user", &[("user.name", "User")], &[("user.name", "User"), CONTAINER]),
    ("container", &[CONTAINER], &[CONTAINER]),
    ("pod", &[("k8s.pod.name", "Pod")], &[("k8s.ns.name", "Namespace"), ("k8s.pod.name", "Pod")]),
];

/// All names, the default first.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, ..)| *name)
}

/// The keys of a table with that grouping.
pub(super) fn keys(name: &str, with_container: bool) -> Option<Array> {
    let (_, plain, all) = ALL.iter().find(|(known, ..)| *known == name)?;
    let columns = if with_container { all } else { plain };
    let key = |(field, title): &Column| {
        let entries = [("field", *field), ("title", *title)];
        Dynamic::from_map(entries.into_iter().map(|(name, text)| (name.into(), text.into())).collect::<Map>())
    };
    Some(columns.iter().map(key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{FieldRef, InKernel, Show};

    #[test]
    fn the_kernel_knows_all_keys() {
        for (name, plain, all) in ALL {
            for (field, _) in plain.iter().chain(all) {
                let field = FieldRef::resolve(field, Show::default()).unwrap();
                assert!(field.field.in_kernel.and_then(InKernel::key).is_some(), "{name}: {}", field.name());
            }
        }
    }
}
