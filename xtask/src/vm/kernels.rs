//! Gets kernels of other Debian releases without touching this machine's packages.
//!
//! apt runs with lists, cache and sources of its own under `target/vm/apt`, from the mirrors that this machine uses.
//! Packages are chosen by name when the task runs, since a point release takes the old ones out of the archive; they
//! are unpacked, never installed. What was unpacked is kept, and used when the archive cannot be reached.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::command::{output, say, shown};

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
/// How long fetched package lists are good.
const LISTS_AGE: Duration = Duration::from_secs(24 * 3600);

/// Debian's kernels, those of `only` if that names any.
pub(crate) fn debian(folder: &Path, only: &[String]) -> Result<Vec<Kernel>> {
    if let Some(unknown) = only.iter().find(|label| !WANTED.iter().any(|(known, _)| known == label)) {
        let known: Vec<_> = WANTED.iter().map(|(label, _)| *label).collect();
        bail!("no kernel '{unknown}'\nhint: known are {}", known.join(", "));
    }
    let wanted = WANTED.iter().filter(|(label, _)| only.is_empty() || only.iter().any(|one| one == label));
    let apt = Apt::new(&folder.join("apt"))?;
    let names = apt.update().and_then(|()| apt.package_names());
    wanted
        .map(|(label, version)| {
            let kept = folder.join("kernels").join(label);
            let got = match &names {
                Ok(names) => apt.unpack(&newest(names, version)?, &kept),
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

/// apt with a state of its own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn new(folder: &Path) -> Result<Self> {
        for name in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(name)).context("cannot create apt's folders")?;
        }
        let mirrors = mirrors(Path::new("/etc/apt"))?;
        let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
        let signed = if keyring.is_file() { format!("[signed-by={}] ", keyring.display()) } else { String::new() };
        let mut sources = String::new();
        for suite in ["bookworm", "trixie", "sid"] {
            sources += &format!("deb {signed}{} {suite} main\n", mirrors.main);
        }
        if let Some(security) = &mirrors.security {
            for suite in ["bookworm-security", "trixie-security"] {
                sources += &format!("deb {signed}{security} {suite} main\n");
            }
        }
        let path = folder.join("sources.list");
        if fs::read_to_string(&path).is_ok_and(|old| old != sources) {
            let _ = fs::remove_file(folder.join("updated"));
        }
        fs::write(&path, sources).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = self.folder.display();
        for option in [
            format!("Dir::State={folder}/state"),
            format!("Dir::State::lists={folder}/state/lists"),
            format!("Dir::Cache={folder}/cache"),
            format!("Dir::Etc::sourcelist={folder}/sources.list"),
            "Dir::State::status=/dev/null".to_owned(),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::Retries=2".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "APT::Architecture=amd64".to_owned(),
            // The folder need not be open to the user `_apt`.
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command
    }

    /// Fetches package lists, unless they are recent.
    fn update(&self) -> Result<()> {
        let stamp = self.folder.join("updated");
        let age = fs::metadata(&stamp).and_then(|file| file.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age < LISTS_AGE) {
            return Ok(());
        }
        say("fetching package lists of other Debian releases");
        output(self.command("apt-get").args(["-q", "update"]))?;
        fs::write(&stamp, "").context("cannot note that lists are there")
    }

    fn package_names(&self) -> Result<Vec<String>> {
        let names = output(self.command("apt-cache").args(["pkgnames", "linux-"]))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Puts the kernel of a package at `kept/vmlinuz`, unless it is there.
    fn unpack(&self, package: &str, kept: &Path) -> Result<()> {
        let note = kept.join("package");
        if kept.join("vmlinuz").is_file() && fs::read_to_string(&note).is_ok_and(|noted| noted == package) {
            return Ok(());
        }
        say(format!("fetching {package}"));
        let work = self.folder.join("work");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
        let fetched = output(self.command("apt-get").args(["-q", "download", package]).current_dir(&work));
        if fetched.is_err() {
            // Lists that name a package which is gone are too old.
            let _ = fs::remove_file(self.folder.join("updated"));
        }
        fetched?;
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
}

/// Where this machine gets Debian packages from.
#[derive(Debug, PartialEq, Eq)]
struct Mirrors {
    main: String,
    security: Option<String>,
}

/// Reads the mirrors from apt's sources, in both of their formats.
fn mirrors(etc_apt: &Path) -> Result<Mirrors> {
    let listed =
        fs::read_dir(etc_apt.join("sources.list.d")).map(|entries| entries.flatten().map(|entry| entry.path()));
    let mut files: Vec<_> = listed.into_iter().flatten().collect();
    files.sort();
    files.insert(0, etc_apt.join("sources.list"));
    let text: String = files.iter().filter_map(|path| fs::read_to_string(path).ok()).map(|text| text + "\n").collect();
    find_mirrors(&text).with_context(|| format!("no Debian mirror in the sources under {}", etc_apt.display()))
}

/// `deb [options] URI suite component…`, or the field `URIs: URI…`.
fn find_mirrors(sources: &str) -> Option<Mirrors> {
    let lines = sources.lines().map(str::trim).filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"));
    let words = lines.flat_map(str::split_whitespace);
    let uris: Vec<_> = words.filter(|word| word.contains("://")).map(|uri| uri.trim_end_matches('/')).collect();
    let ending = |end: &str| uris.iter().find(|uri| uri.ends_with(end)).map(|uri| (*uri).to_owned());
    Some(Mirrors { main: ending("/debian")?, security: ending("/debian-security") })
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

    #[test]
    fn mirrors_are_found_in_both_formats() {
        let expected = Mirrors {
            main: "http://mirror.test/debian".to_owned(),
            security: Some("http://mirror.test/debian-security".to_owned()),
        };
        let fields = "Types: deb\n# http://old.test/debian\nURIs: http://mirror.test/debian\nSuites: x\n\n\
                      URIs: http://mirror.test/debian-security\n";
        assert_eq!(find_mirrors(fields).as_ref(), Some(&expected));
        let lines = "deb [signed-by=/k.gpg] http://mirror.test/debian/ x main\n#deb http://no.test/debian x main\n\
                     deb http://mirror.test/debian-security x-security main\n";
        assert_eq!(find_mirrors(lines).as_ref(), Some(&expected));
        assert_eq!(find_mirrors("deb https://other.test/apt x main\n"), None);
    }
}
