//! The functions that scripts have: one table. Scripts get them from here, the documentation is made from it, and so is what
//! `tracer chisel check` knows.

mod declare;
mod environment;
mod output;
mod text;

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
    Group { title: "What is wanted: at the top of the script and in `on_init`", functions: declare::FUNCTIONS },
    Group { title: "Events, arguments, surroundings", functions: environment::FUNCTIONS },
    Group { title: "Texts, numbers, times", functions: text::FUNCTIONS },
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

#[cfg(test)]
mod tests {
    use super::*;

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
