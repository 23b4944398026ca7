//! The `.scap` capture format.

pub mod convert;
mod rules;
