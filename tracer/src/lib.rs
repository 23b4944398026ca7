//! The engine of tracer: from records to what a person sees.
//!
//! The modules stand in the order of the way of an event.

// Where records come from.
pub mod scap;
pub mod source;

// What they mean.
pub mod event;
pub mod resources;
pub mod state;

// What users ask.
pub mod fields;
pub mod filter;
mod glob;

// What users see.
pub mod format;
pub mod output;

// Where it goes.
pub mod aggregate;
pub mod chisel;
pub mod sink;

// Files of other users.
pub mod files;

// The loop, what it counts, and what all use.
mod bounded;
pub mod logs;
pub mod memory;
pub mod message;
pub mod pipeline;
pub mod sample;
pub mod serve;
mod signal;
pub mod stats;
mod thread;
mod tui;
mod view;

// What this machine allows, and what is given up.
pub mod confine;
pub mod doctor;

// The command, and the one that it starts.
pub mod cli;
pub mod launch;

#[cfg(test)]
mod testing;
