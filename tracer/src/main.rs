//! The command.
static OBJECT: &[u8] = include_bytes!(env!("TRACER_EBPF_OBJECT"));
fn main() {
    println!("{}", OBJECT.len());
}
