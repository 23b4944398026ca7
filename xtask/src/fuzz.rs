//! Runs the fuzz targets of `tests/fuzz` for a bounded time, from seeds of their own in `tests/fuzz/seeds/TARGET`, else from seeds
//! cut out of the captures of the tests.
//!
//! What was found before is kept in `target/fuzz/corpus` and used again; an input that fails stays in
//! `target/fuzz/artifacts`.

use std::{fs, num::NonZero, path::Path, process::Command, thread};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{cargo, output, say, shown, target_dir, workspace},
    setup,
};

/// Which targets, and how long.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Seconds for each target
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Only these targets
    target: Vec<String>,
}

/// The folder of the targets, and what they are built for.
const FUZZ_DIR: &str = "tests/fuzz";
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// The longest input: more is slow and finds no more.
const MAX_LEN: usize = 64 << 10;
/// The longest block of a seed.
const MAX_BLOCK: usize = 8 << 10;
/// How the code under test tells the fuzzer what an input reached: which blocks, what was compared with what, how deep
/// the stack was. Source: <https://clang.llvm.org/docs/SanitizerCoverage.html>.
const COVERAGE: &[&str] = &[
    "--cfg=fuzzing",
    "-Cdebug-assertions",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-sanitizer-coverage-stack-depth",
];

/// `cargo xtask fuzz`.
pub(crate) fn task(options: &Options) -> Result<()> {
    setup::toolchain(&workspace())?;
    let dir = target_dir().join("fuzz");
    say("fuzz: building the targets");
    // The target is named, although it is this machine's own, so that the flags do not reach build scripts.
    let mut build = cargo(["build", "--package", "tracer-fuzz", "--release", "--target", TRIPLE, "--target-dir"]);
    build.arg(&dir).env("RUSTFLAGS", COVERAGE.join(" ")).env_remove("CARGO_ENCODED_RUSTFLAGS");
    output(&mut build)?;

    let seeds = dir.join("seeds");
    make_seeds(&workspace().join("tests/captures"), &seeds.join(CAPTURES))?;
    copy_scripts(&workspace().join("chisels"), &seeds.join("script"))?;
    copy_process(&seeds.join("procfs"))?;
    let mut targets = targets()?;
    targets.retain(|target| options.target.is_empty() || options.target.contains(target));
    let mut failed = Vec::new();
    // Each keeps one processor busy.
    for together in targets.chunks(thread::available_parallelism().map_or(1, NonZero::get)) {
        let feed = |target| feed(target, &dir, &seeds, options.seconds);
        let results = thread::scope(|scope| {
            let fed: Vec<_> = together.iter().map(|target| scope.spawn(move || feed(target))).collect();
            fed.into_iter().map(|fed| fed.join().expect("nothing there panics")).collect::<Vec<_>>()
        });
        for (target, result) in together.iter().zip(results) {
            match result {
                Ok(inputs) => say(format!("fuzz {target}: {inputs} inputs, none failed")),
                Err(error) => {
                    say(format!("fuzz {target}: FAILED: {error:#}"));
                    failed.push(target.clone());
                }
            }
        }
    }
    if !failed.is_empty() {
        bail!("fuzz failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Runs one target and returns how many inputs there were.
fn feed(target: &str, dir: &Path, seeds: &Path, seconds: u32) -> Result<String> {
    let corpus = dir.join("corpus").join(target);
    let artifacts = dir.join("artifacts").join(target);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    say(format!("fuzz {target}: {seconds} s"));
    // Those that are kept, those that were made for it, and what all others begin with.
    let own = [workspace().join(FUZZ_DIR).join("seeds").join(target), seeds.join(target)];
    let seeds = own.into_iter().find(|own| own.is_dir()).unwrap_or_else(|| seeds.join(CAPTURES));
    let mut command = Command::new(dir.join(TRIPLE).join("release").join(target));
    command.arg(&corpus).arg(seeds).args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_LEN}"),
        "-timeout=10".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
        "-print_final_stats=1".to_owned(),
        format!("-artifact_prefix={}/", artifacts.display()),
    ]);
    let printed = output_of_both(&mut command).with_context(|| format!("the input is in {}", artifacts.display()))?;
    Ok(executed(&printed).to_owned())
}

/// What the fuzzer printed, which is all on standard error.
fn output_of_both(command: &mut Command) -> Result<String> {
    let printed = command.output().with_context(|| format!("cannot run `{}`", shown(command)))?;
    let text = String::from_utf8_lossy(&printed.stderr).into_owned();
    if !printed.status.success() {
        let lines: Vec<&str> = text.lines().collect();
        bail!("{}\n{}", printed.status, lines[lines.len().saturating_sub(40)..].join("\n"));
    }
    Ok(text)
}

/// How many inputs there were.
fn executed(printed: &str) -> &str {
    let line = printed.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    line.map_or("unknown", str::trim)
}

/// The names of the targets: a file each.
fn targets() -> Result<Vec<String>> {
    let folder = workspace().join(FUZZ_DIR).join("targets");
    let files = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names: Vec<String> =
        files.filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// Seeds of the targets that have none of their own.
const CAPTURES: &str = "captures";

/// The chisels are seeds of scripts.
fn copy_scripts(chisels: &Path, seeds: &Path) -> Result<()> {
    fs::create_dir_all(seeds).with_context(|| format!("cannot create {}", seeds.display()))?;
    let files = fs::read_dir(chisels).with_context(|| format!("cannot read {}", chisels.display()))?;
    for path in files.filter_map(|file| Some(file.ok()?.path())).filter(|path| path.is_file()) {
        fs::copy(&path, seeds.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// What `/proc` says of this process is a seed, in the order of the target `procfs`.
fn copy_process(seeds: &Path) -> Result<()> {
    /// What stands between files there.
    const BETWEEN: &[u8] = &[0x1e];
    const FILES: [&str; 16] = [
        "self/stat",
        "self/status",
        "self/cgroup",
        "self/cmdline",
        "self/environ",
        "self/limits",
        "self/loginuid",
        "self/comm",
        "self/fdinfo/1",
        "net/tcp",
        "net/tcp6",
        "net/udp",
        "net/unix",
        "net/netlink",
        "self/stat",
        "stat",
    ];
    /// The most of a file that is worth while.
    const MOST: usize = 2 << 10;
    fs::create_dir_all(seeds).with_context(|| format!("cannot create {}", seeds.display()))?;
    let read = |file: &&str| {
        let mut bytes = fs::read(Path::new("/proc").join(file)).unwrap_or_default();
        bytes.truncate(MOST);
        bytes
    };
    let files: Vec<_> = FILES.iter().map(read).collect();
    for (name, links) in
        [("file", "/tmp/a\x1e/bin/cat\x1e/\x1enet:[1]"), ("socket", "socket:[4026]\x1e/a (deleted)\x1e/\x1enet:[1]")]
    {
        let seed = [files.join(BETWEEN), BETWEEN.to_vec(), links.as_bytes().to_vec()].concat();
        fs::write(seeds.join(name), seed)?;
    }
    Ok(())
}

/// Cuts captures into small ones, each with one block of a kind and, of events, of a code.
fn make_seeds(captures: &Path, seeds: &Path) -> Result<()> {
    fs::create_dir_all(seeds).with_context(|| format!("cannot create {}", seeds.display()))?;
    let files = fs::read_dir(captures).with_context(|| format!("cannot read {}", captures.display()))?;
    for path in files.filter_map(|file| Some(file.ok()?.path())).filter(|path| path.is_file()) {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // A compressed one is a seed as it is.
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            fs::write(seeds.join(&name), &bytes)?;
            continue;
        }
        let blocks = blocks(&bytes);
        let Some((_, section)) = blocks.first() else { continue };
        for ((kind, code), block) in &blocks {
            let seed = seeds.join(format!("{name}-{kind:x}-{code}"));
            if block.len() <= MAX_BLOCK && !seed.exists() {
                fs::write(&seed, [*section, *block].concat())?;
            }
        }
    }
    Ok(())
}

/// The blocks of a plain capture: kind, what stands where events have their code, the block.
fn blocks(bytes: &[u8]) -> Vec<((u32, u16), &[u8])> {
    let u32_at = |at: usize| bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four));
    let mut blocks = Vec::new();
    let mut at = 0;
    while let (Some(kind), Some(len)) = (u32_at(at), u32_at(at + 4))
        && let Some(block) = bytes.get(at..at + len as usize).filter(|_| len >= 12)
    {
        // Behind the CPU and, with flags, those: time, thread, length, code.
        let code_at = 8 + 2 + 20 + if matches!(kind, 0x208 | 0x217 | 0x222) { 4 } else { 0 };
        let code = block.get(code_at..).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_le_bytes(*two));
        blocks.push(((kind, if (0x204..0x223).contains(&kind) { code } else { 0 }), block));
        at += len as usize;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_cut_into_blocks() {
        let block = |kind: u32, body: &[u8]| {
            let len = (body.len() as u32 + 12).to_le_bytes();
            [&kind.to_le_bytes()[..], &len, body, &len].concat()
        };
        let mut event = vec![0; 28];
        event[22] = 7;
        let bytes = [block(0x0a0d_0d0a, &[0; 16]), block(0x216, &event), vec![1, 2, 3]].concat();
        let kinds: Vec<_> = blocks(&bytes).iter().map(|(key, _)| *key).collect();
        assert_eq!(kinds, [(0x0a0d_0d0a, 0), (0x216, 7)]);
    }
}
