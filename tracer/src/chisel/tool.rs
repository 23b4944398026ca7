//! `tracer chisel new` and `test`.
