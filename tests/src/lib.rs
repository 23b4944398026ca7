//! End-to-end helpers: what the tests of all levels share.

pub mod docker;
pub mod level;
pub mod wait;
