//! Set-up, build, run, test, bench and documentation tasks.

mod ebpf;

fn main() {
    println!("{:?}", ebpf::find(std::path::Path::new(".")));
}
