//! Runtimes that other tools tell of in captures, and whose containers cannot be recognised by a path alone.

use super::Runtime;

/// rkt: what its cgroups look like depends on who started it.
pub static RKT: Runtime = Runtime::new("rkt", |_| None).number(4);
/// Containers that were described to an agent by hand.
pub static CUSTOM: Runtime = Runtime::new("custom", |_| None).number(5);
/// One container that a configuration names, for everything.
pub static STATIC: Runtime = Runtime::new("static", |_| None).number(10);
