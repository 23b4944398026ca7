//! Compiles the kernel side from source, for `include_bytes!` in `source/live/load.rs`, and lists the chisels for
//! `chisel/builtin.rs` and the views for `view/library.rs`.
#![allow(clippy::disallowed_methods, reason = "names of files go into code, not into messages")]

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::exit,
};

#[path = "../xtask/src/ebpf.rs"]
mod ebpf;

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let workspace = manifest.parent().expect("the crate stands in the workspace").to_owned();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for path in ["tracer-ebpf", "tracer-common", "Cargo.toml", "Cargo.lock", "xtask/src/ebpf.rs"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    for (folder, extension, list) in [("chisels", "rhai", "chisels.rs"), ("chisels/views", "toml", "views.rs")] {
        if let Err(error) = embed(&workspace.join(folder), extension, &out.join(list)) {
            eprintln!("tracer: cannot list the files of {folder}: {error}");
            exit(1);
        }
    }
    println!("cargo::rerun-if-env-changed=BPF_LINKER");
    println!("cargo::rerun-if-env-changed=TRACER_BPF_RUSTC");
    ebpf::wait();
    let object = out.join("tracer-ebpf");
    match ebpf::find(&workspace).and_then(|toolchain| toolchain.build(&workspace, &object)) {
        Ok(()) => println!("cargo::rustc-env=TRACER_EBPF_OBJECT={}", object.display()),
        Err(error) => {
            eprintln!("tracer: cannot build the kernel side: {error}");
            exit(1);
        }
    }
}

/// Writes an array of name and text of every file with that extension, in alphabetical order.
fn embed(folder: &Path, extension: &str, list: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|it| it == extension));
    paths.sort();
    let mut text = String::from("&[\n");
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    text.push_str("]\n");
    fs::write(list, text)
}
