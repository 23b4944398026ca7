//! Chisels: scripts that say what to show. A script declares a filter, tables, fields and an interval, which are kept
//! natively ([`crate::aggregate`]); only what cannot be declared runs in script, for each event.
//!
//! Scripts are Rhai in a sandbox ([`engine`]): no files, processes, network or environment, and limits on time and size.

pub mod args;
pub mod builtin;
pub mod check;
mod declared;
mod dns;
mod engine;
mod env;
mod error;
pub mod excerpt;
mod fast;
mod folder;
pub mod functions;
mod grouping;
mod http;
mod meta;
mod script;
mod sizes;
mod value;
mod watch;

pub use builtin::{Library, Source};
pub use env::{Env, Tables};
pub use error::ChiselError;
pub use meta::{ArgKind, ArgSpec, INTERVALS_MS, Meta};
pub use script::Chisel;
pub use watch::Watch;
