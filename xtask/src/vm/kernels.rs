//! Gets kernels of other Debian releases without touching this machine's packages.
//!
//! Packages are chosen by name when the task runs, since a point release takes the old ones out of the archive; they
//! are unpacked, never installed. What was unpacked is kept, and used when the archive cannot be reached.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    apt::Apt,
    command::{output, say, shown},
};

/// A kernel to boot.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// `6.1`, `6.12`, `newest`.
    pub(crate) label: String,
    /// The `vmlinuz`.
    pub(crate) image: PathBuf,
}

/// A label, and how the version in the package's name starts.
const WANTED: &[(&str, &str)] = &[("6.1", "6.1."), ("6.12", "6.12."), ("newest", "")];
/// The end of the name of a package with a kernel that needs no modules to boot in qemu.
const FLAVOUR: &str = "-cloud-amd64";
/// Where those are.
const SUITES: &[&str] = &["bookworm", "trixie", "sid", "bookworm-security", "trixie-security"];

/// Debian's kernels, those of `only` if that names any.
pub(crate) fn debian(folder: &Path, only: &[String]) -> Result<Vec<Kernel>> {
    if let Some(unknown) = only.iter().find(|label| !WANTED.iter().any(|(known, _)| known == label)) {
        let known: Vec<_> = WANTED.iter().map(|(label, _)| *label).collect();
        bail!("no kernel '{unknown}'\nhint: known are {}", known.join(", "));
    }
    let wanted = WANTED.iter().filter(|(label, _)| only.is_empty() || only.iter().any(|one| one == label));
    let apt = Apt::new(&folder.join("apt"), SUITES)?;
    let names = apt.update().and_then(|()| apt.package_names("linux-"));
    wanted
        .map(|(label, version)| {
            let kept = folder.join("kernels").join(label);
            let got = match &names {
                Ok(names) => unpack(&apt, &newest(names, version)?, &kept),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            };
            if let Err(error) = got {
                if !kept.join("vmlinuz").is_file() {
                    return Err(error.context(format!("cannot get the kernel '{label}'")));
                }
                say(format!("using the kernel '{label}' that is there: {error:#}"));
            }
            Ok(Kernel { label: (*label).to_owned(), image: kept.join("vmlinuz") })
        })
        .collect()
}

/// The newest package whose version starts with `version`. The image of recent releases is split: `linux-binary-…` has
/// the kernel, and `linux-image-…` of the same version only asks for it.
fn newest(names: &[String], version: &str) -> Result<String> {
    let found = names.iter().filter_map(|name| {
        let (binary, rest) = match name.strip_prefix("linux-binary-") {
            Some(rest) => (true, rest),
            None => (false, name.strip_prefix("linux-image-")?),
        };
        let of = rest.strip_suffix(FLAVOUR)?;
        // `linux-image-6.12-cloud-amd64` is an alias, and asks for the image.
        let full = of.matches('.').count() >= 2 && of.starts_with(|c: char| c.is_ascii_digit());
        (full && of.starts_with(version)).then(|| (numbers(of), binary, name))
    });
    let newest = found.max().with_context(|| format!("the archive has no linux-image-{version}*{FLAVOUR}"))?;
    Ok(newest.2.clone())
}

/// The numbers in a version, to compare by.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// Puts the kernel of a package at `kept/vmlinuz`, unless it is there.
fn unpack(apt: &Apt, package: &str, kept: &Path) -> Result<()> {
    let note = kept.join("package");
    if kept.join("vmlinuz").is_file() && fs::read_to_string(&note).is_ok_and(|noted| noted == package) {
        return Ok(());
    }
    say(format!("fetching {package}"));
    let work = apt.work()?;
    apt.download(package, &work)?;
    // Only the kernel: its modules are large, and the guest needs none.
    let mut unpack = Command::new("sh");
    unpack.args(["-ec", "dpkg-deb --fsys-tarfile ./*.deb | tar -x --wildcards '*/vmlinuz*'"]).current_dir(&work);
    output(&mut unpack)?;
    let mut find = Command::new("find");
    let images = output(find.arg(&work).args(["-name", "vmlinuz*", "-type", "f"]))?;
    let image = images.lines().next().with_context(|| format!("no kernel in {package} (`{}`)", shown(&find)))?;
    fs::create_dir_all(kept).with_context(|| format!("cannot create {}", kept.display()))?;
    let _ = fs::remove_file(&note);
    fs::copy(image, kept.join("vmlinuz")).with_context(|| format!("cannot copy {image}"))?;
    fs::write(&note, package).with_context(|| format!("cannot write {}", note.display()))?;
    let _ = fs::remove_dir_all(&work);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_package_is_chosen_by_number() {
        let names = [
            "linux-image-6.1.0-9-cloud-amd64",
            "linux-image-6.1.0-50-cloud-amd64",
            "linux-image-6.1.0-60-cloud-amd64-unsigned",
            "linux-image-6.12-cloud-amd64",
            "linux-image-6.12.9+deb13-cloud-amd64",
            "linux-image-7.2.13+deb14-cloud-amd64",
            "linux-binary-7.2.13+deb14-cloud-amd64",
            "linux-binary-unsigned-7.3.0-cloud-amd64",
        ]
        .map(str::to_owned);
        assert_eq!(newest(&names, "6.1.").expect("one"), "linux-image-6.1.0-50-cloud-amd64");
        assert_eq!(newest(&names, "6.12.").expect("one"), "linux-image-6.12.9+deb13-cloud-amd64");
        assert_eq!(newest(&names, "").expect("one"), "linux-binary-7.2.13+deb14-cloud-amd64");
        assert!(newest(&names, "5.15.").is_err());
    }
}
