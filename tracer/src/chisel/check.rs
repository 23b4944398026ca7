//! `tracer chisel check`.
