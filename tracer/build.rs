//! Compiles the kernel side from source, for `include_bytes!` in `source/live/load.rs`.

use std::{env, path::PathBuf, process::exit};

#[path = "../xtask/src/ebpf.rs"]
mod ebpf;

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let workspace = manifest.parent().expect("the crate stands in the workspace").to_owned();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for path in ["tracer-ebpf", "tracer-common", "Cargo.toml", "Cargo.lock", "xtask/src/ebpf.rs"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    println!("cargo::rerun-if-env-changed=BPF_LINKER");
    println!("cargo::rerun-if-env-changed=TRACER_BPF_RUSTC");
    let object = ebpf::find(&workspace).and_then(|toolchain| toolchain.build(&workspace, &out.join("ebpf")));
    match object {
        Ok(object) => println!("cargo::rustc-env=TRACER_EBPF_OBJECT={}", object.display()),
        Err(error) => {
            eprintln!("tracer: cannot build the kernel side: {error}");
            exit(1);
        }
    }
}
