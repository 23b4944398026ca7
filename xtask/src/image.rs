//! The `tracer` container image: the static binary and nothing else.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    build,
    command::{say, target_dir},
    engine::Engine,
    setup,
};

/// Where the binary is in the image, which begins with it.
pub(crate) const ENTRYPOINT: &str = "/tracer";
/// What it finds in its environment: where the machine is mounted.
pub(crate) const ENVIRONMENT: [&str; 1] = ["HOST_ROOT=/host"];

/// What to make.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Name and tag of the image
    #[arg(long, default_value = "tracer")]
    tag: String,
}

/// `cargo xtask image`.
pub(crate) fn task(options: &Options) -> Result<()> {
    setup::task(&setup::Options { engine: true, ..setup::Options::default() })?;
    let binary = build::statically()?.join("tracer");
    let engine = Engine::start()?;
    make(&engine, &binary, &options.tag)?;
    if engine.host().is_some() {
        // Our own engine ends with this task, and the image with it.
        let file = target_dir().join("xtask/tracer-image.tar");
        crate::command::output(engine.docker(&["save", "--output"]).arg(&file).arg(&options.tag))?;
        say(format!("no engine of yours answers: load the image with `docker load -i {}`", file.display()));
    } else {
        say(format!("made image {}", options.tag));
    }
    Ok(())
}

/// Makes the image `tag` in `engine`.
pub(crate) fn make(engine: &Engine, binary: &Path, tag: &str) -> Result<()> {
    let root = target_dir().join("xtask/image");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    fs::copy(binary, root.join("tracer")).with_context(|| format!("cannot copy {}", binary.display()))?;
    let changes = changes();
    engine.import(&root, &changes.iter().map(String::as_str).collect::<Vec<_>>(), tag)
}

/// What the image says of itself, in Dockerfile words.
pub(crate) fn changes() -> Vec<String> {
    let entrypoint = format!("ENTRYPOINT [\"{ENTRYPOINT}\"]");
    [entrypoint].into_iter().chain(ENVIRONMENT.map(|entry| format!("ENV {entry}"))).collect()
}
