//! Chisels as sinks.
