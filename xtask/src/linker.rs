//! Installs `bpf-linker` into `target/tools`, built against the LLVM of the compiler whose output it links.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{cargo, output, say, shown},
    ebpf::Compiler,
};

/// The release that is known to build with the Rust versions in use.
const VERSION: &str = "0.13.0";

/// The major version of the LLVM inside a compiler: the linker must not be older.
pub(crate) fn llvm_major(compiler: &Compiler) -> Result<u32> {
    let mut command = match compiler {
        Compiler::Prebuilt(rustc) => Command::new(rustc),
        Compiler::Nightly => {
            let mut command = Command::new("rustup");
            command.args(["run", "nightly", "rustc"]);
            command
        }
    };
    let text = output(command.arg("-vV"))?;
    parse_llvm_major(&text).with_context(|| format!("`{}` does not name its LLVM", shown(&command)))
}

fn parse_llvm_major(rustc_version: &str) -> Option<u32> {
    let version = rustc_version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.parse().ok()
}

/// The command that builds the linker for LLVM `major` and puts it under `tools/bin`.
pub(crate) fn install_command(major: u32, tools: &Path) -> Command {
    let mut command = cargo(["install", "--quiet", "--locked", "--force", "bpf-linker", "--version", VERSION]);
    command.args(["--no-default-features", "--features", &format!("llvm-{major}"), "--root"]).arg(tools);
    if let Some(prefix) = llvm_prefix(major) {
        command.env("LLVM_PREFIX", prefix);
    }
    // Nobody debugs it.
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    // The linker is a program of this machine, whatever the outer build is for.
    for name in ["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC", "CARGO_TARGET_DIR"] {
        command.env_remove(name);
    }
    command
}

/// Where distributions put the development files of LLVM `major`.
pub(crate) fn llvm_prefix(major: u32) -> Option<PathBuf> {
    [format!("/usr/lib/llvm-{major}"), format!("/usr/lib/llvm{major}"), format!("/usr/lib64/llvm{major}")]
        .map(PathBuf::from)
        .into_iter()
        .find(|prefix| prefix.join("bin/llvm-config").exists() && prefix.join("include/llvm-c").is_dir())
}

/// Builds and installs the linker.
pub(crate) fn install(major: u32, tools: &Path) -> Result<PathBuf> {
    fs::create_dir_all(tools).with_context(|| format!("cannot create {}", tools.display()))?;
    say(format!("building bpf-linker {VERSION} with LLVM {major} (about a minute)"));
    output(&mut install_command(major, tools))?;
    let linker = tools.join("bin/bpf-linker");
    if !linker.is_file() {
        bail!("cargo installed no {}", linker.display());
    }
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llvm_major_is_read_from_the_verbose_version() {
        assert_eq!(parse_llvm_major("rustc 1.96.0\nrelease: 1.96.0\nLLVM version: 22.1.8\n"), Some(22));
        assert_eq!(parse_llvm_major("rustc 1.96.0\n"), None);
    }
}
