//! What there is to ask for, as pages of the documentation: metrics and paths.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    counted,
    gather::Snapshot,
    measured::Picture,
    metrics::{self, ContainerLabels},
    routes::ROUTES,
};

/// The beginning of the page.
const BEGIN: &str = "\
# Metrics and paths of `tracer serve`

[serve.md](serve.md) explains how to use them.

## Metrics

`/metrics` has these families. Metrics that begin with `container_` and `machine_` have the names, types, labels and meanings of
cAdvisor's; a value that the kernel does not have is left out instead of 0. Metrics that begin with `tracer_` are counted by tracer.

| metric | type | meaning |
|---|---|---|
";

/// The page.
///
/// Writing to a string cannot fail, so results of `write!` are dropped in this file.
pub fn page(out: &mut String) {
    out.push_str(BEGIN);
    for (name, (kind, help)) in families() {
        let _ = writeln!(out, "| `{name}` | {kind} | {} |", help.replace('|', "\\|"));
    }
    out.push_str("\n## Paths\n\n| path | response |\n|---|---|\n");
    for route in ROUTES {
        let rest = if route.has_rest { "NAME" } else { "" };
        let open = if route.is_open { " Needs no password." } else { "" };
        let _ = writeln!(out, "| `{}{rest}` | {}{open} |", route.path, route.about);
    }
}

/// Type and meaning of each family by its name: those of containers, and those that are there without one.
fn families() -> BTreeMap<String, (String, String)> {
    let mut all = BTreeMap::new();
    let counted = counted::FAMILIES.iter().map(|family| (family.name, family.kind(), family.help));
    for (name, kind, help) in counted.chain(metrics::of_files()) {
        all.insert(name.to_owned(), (kind.name().to_owned(), help.to_owned()));
    }
    let text = metrics::text(&Snapshot::default(), &Picture::default(), &ContainerLabels::default());
    let mut help = String::new();
    for line in text.lines() {
        if let Some((_, said)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            said.clone_into(&mut help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            all.insert(name.to_owned(), (kind.to_owned(), std::mem::take(&mut help)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_says_what_it_is() {
        let families = families();
        assert!(families.len() > 60, "{}", families.len());
        for (name, (kind, help)) in &families {
            assert!(help.ends_with('.') && !kind.is_empty(), "{name}");
        }
        for name in
            ["container_last_seen", "machine_memory_bytes", "tracer_workload_syscalls_total", "tracer_build_info"]
        {
            assert!(families.contains_key(name), "{name}");
        }
    }
}
