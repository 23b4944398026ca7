//! Pages that the program writes itself, so that they cannot disagree with it.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{
    build,
    command::{output, say, workspace},
};

/// What `tracer --generate NAME` prints, and the file that holds it.
const PAGES: &[(&str, &str)] = &[
    ("events", "docs/events.md"),
    ("fields", "docs/fields.md"),
    ("options", "docs/options.md"),
    ("chisels", "docs/chisel-list.md"),
    ("views", "docs/view-list.md"),
    ("metrics", "docs/metrics.md"),
    ("log-targets", "docs/log-targets.md"),
];

/// Each page as the program writes it today: its file, below the workspace, and its text.
fn generate() -> Result<Vec<(&'static str, String)>> {
    let tracer = build::release()?;
    let page = |(name, file): &(&str, &'static str)| {
        let text = output(Command::new(&tracer).args(["--generate", *name]))?;
        Ok((*file, text))
    };
    PAGES.iter().map(page).collect()
}

/// `cargo xtask docs`: rewrites the pages.
pub(crate) fn task() -> Result<()> {
    let workspace = workspace();
    for (file, text) in generate()? {
        let path = workspace.join(file);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {file}"))?;
        say(format!("wrote {file}"));
    }
    Ok(())
}

/// Fails if a page is not what the program would write.
pub(crate) fn check() -> Result<()> {
    let workspace = workspace();
    let pages = generate()?;
    let stale: Vec<_> = pages
        .iter()
        .filter(|(file, text)| !fs::read_to_string(workspace.join(file)).is_ok_and(|old| old == *text))
        .map(|(file, _)| *file)
        .collect();
    if !stale.is_empty() {
        bail!("out of date: {}\nhint: run `cargo xtask docs`", stale.join(", "));
    }
    Ok(())
}
