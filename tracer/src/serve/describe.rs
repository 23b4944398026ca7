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

/// What comes before the table of parameters.
const PARAMETERS: &str = "\n## Parameters\n\n\
    Paths below `/api/v1` refuse parameters that they do not know; all other paths ignore them. Wrong values are a 400 that names the\n\
    parameter and what it can be, except where cAdvisor ignores them too: `recursive`, and the parameters of its events.\n\n| path | parameter | value [without it] | meaning |\n|---|---|---|---|\n";

/// Versions of cAdvisor's API that take what the newest one takes.
const OLD: [&str; 4] = ["/api/v1.0/", "/api/v1.1/", "/api/v1.2/", "/api/v2.0/"];

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
        let open = if route.is_open { " Needs no password." } else { "" };
        let _ = writeln!(out, "| `{}` | {}{open} |", route.with_name("NAME"), route.about);
    }
    out.push_str(PARAMETERS);
    for route in ROUTES.iter().filter(|route| !OLD.contains(&route.path)) {
        for param in route.takes {
            let usual = param.takes.otherwise().map(|usual| format!(" [{usual}]")).unwrap_or_default();
            let path = route.with_name("NAME");
            let _ = writeln!(out, "| `{path}` | `{}` | {}{usual} | {} |", param.name, param.takes.words(), param.about);
        }
    }
}

/// Type and meaning of each family by its name: those of containers, and those that are there without one.
fn families() -> BTreeMap<String, (String, String)> {
    let mut all = BTreeMap::new();
    let counted = counted::FAMILIES.iter().map(|family| (family.name, family.kind(), family.help));
    for (name, kind, help) in counted.chain(metrics::of_files()) {
        all.insert(name.to_owned(), (kind.name().to_owned(), help.to_owned()));
    }
    let (text, _) = metrics::text(&Snapshot::default(), &Picture::default(), &ContainerLabels::default(), usize::MAX);
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
