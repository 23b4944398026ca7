//! The functions that scripts have: one table. Scripts get them from here, the documentation is made from it, and so is what
//! `tracer chisel check` knows.

mod declare;
mod environment;
pub(super) mod output;
pub(super) mod text;

use rhai::Engine;

use super::{declared::Shared, value};

/// A function.
pub struct Function {
    /// How it is called.
    pub usage: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Gives it to an engine.
    pub(super) register: fn(&mut Engine, &Shared),
}

impl Function {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let name = self.usage.split('(').next().unwrap_or(self.usage).trim();
        name.rsplit('.').next().unwrap_or(name)
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.usage)
    }
}

/// Functions that belong together.
#[derive(Debug)]
pub struct Group {
    /// Heading.
    pub title: &'static str,
    /// They.
    pub functions: &'static [Function],
}

/// All functions.
pub static GROUPS: &[Group] = &[
    Group { title: "Declarations: at the top of the script and in `on_init`", functions: declare::FUNCTIONS },
    Group { title: "Events, arguments, environment", functions: environment::FUNCTIONS },
    Group { title: "Text, numbers, times", functions: text::FUNCTIONS },
    Group { title: "Output", functions: output::FUNCTIONS },
];

/// All functions.
pub fn all() -> impl Iterator<Item = &'static Function> {
    GROUPS.iter().flat_map(|group| group.functions)
}

/// Gives all functions to an engine.
pub(super) fn register(engine: &mut Engine, shared: &Shared) {
    value::register(engine);
    all().for_each(|function| (function.register)(engine, shared));
}

/// The table as a part of the guide, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::new();
    for group in GROUPS {
        out.push_str(&format!("## {}\n\n| function | meaning |\n|---|---|\n", group.title));
        for function in group.functions {
            out.push_str(&format!("| `{}` | {} |\n", function.usage, function.doc));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_GOLDEN=1` writes it.
    #[test]
    fn the_guide_has_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/chisels.md");
        let guide = std::fs::read_to_string(path).unwrap();
        let (before, rest) = guide.split_once("<!-- functions: ").unwrap();
        let (head, rest) = rest.split_once("-->\n").unwrap();
        let (_, behind) = rest.split_once("<!-- end -->").unwrap();
        let new = format!("{before}<!-- functions: {head}-->\n\n{}<!-- end -->{behind}", markdown());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &new).unwrap();
        }
        assert!(
            guide == new || std::env::var_os("UPDATE_GOLDEN").is_some(),
            "UPDATE_GOLDEN=1 refreshes docs/chisels.md"
        );
    }

    #[test]
    fn every_function_is_described_once() {
        let mut usages: Vec<&str> = all().map(|function| function.usage).collect();
        let count = usages.len();
        usages.sort_unstable();
        usages.dedup();
        assert_eq!(usages.len(), count);
        for function in all() {
            assert!(!function.doc.is_empty() && !function.doc.ends_with('.'), "{function:?}");
            assert!(function.usage.contains('('), "{function:?}");
        }
    }
}
