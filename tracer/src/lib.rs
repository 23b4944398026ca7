//! The engine of tracer: from records to what a person sees.
//!
//! The modules stand in the order of the way of an event.

// Where records come from.
pub mod source;

// What they mean.
pub mod event;
pub mod state;

// What users ask.
pub mod fields;

// What this machine allows.
pub mod doctor;
