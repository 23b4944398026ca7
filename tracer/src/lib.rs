//! The engine of tracer.
