//! Packages of other Debian releases, without touching this machine's own.
//!
//! apt runs with lists, cache and sources in a folder of the workspace, from the mirrors that this machine uses.
//! Packages are downloaded for the caller to unpack, never installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::command::{output, say};

/// How long fetched package lists are good.
const LISTS_AGE: Duration = Duration::from_secs(24 * 3600);

/// apt with a state of its own.
pub(crate) struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// For some suites; those that end in `-security` are of another mirror, and left out if this machine has none.
    pub(crate) fn new(folder: &Path, suites: &[&str]) -> Result<Self> {
        for name in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(name)).context("cannot create apt's folders")?;
        }
        // Nothing is installed, as far as this apt knows.
        fs::write(folder.join("state/status"), "").context("cannot create apt's status")?;
        let mirrors = mirrors(Path::new("/etc/apt"))?;
        let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
        let signed = if keyring.is_file() { format!("[signed-by={}] ", keyring.display()) } else { String::new() };
        let mut sources = String::new();
        for suite in suites {
            let mirror = if suite.ends_with("-security") { mirrors.security.as_ref() } else { Some(&mirrors.main) };
            if let Some(mirror) = mirror {
                sources += &format!("deb {signed}{mirror} {suite} main\n");
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
            format!("Dir::State::status={folder}/state/status"),
            format!("Dir::Cache={folder}/cache"),
            format!("Dir::Etc::sourcelist={folder}/sources.list"),
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
    pub(crate) fn update(&self) -> Result<()> {
        let stamp = self.folder.join("updated");
        let age = fs::metadata(&stamp).and_then(|file| file.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age < LISTS_AGE) {
            return Ok(());
        }
        say("fetching package lists of other Debian releases");
        // Else a mirror that cannot be reached is a warning.
        output(self.command("apt-get").args(["-q", "-o", "APT::Update::Error-Mode=any", "update"]))?;
        fs::write(&stamp, "").context("cannot note that lists are there")
    }

    /// The packages whose names start so.
    pub(crate) fn package_names(&self, start: &str) -> Result<Vec<String>> {
        let names = output(self.command("apt-cache").args(["pkgnames", start]))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// An empty folder to unpack in.
    pub(crate) fn work(&self) -> Result<PathBuf> {
        let work = self.folder.join("work");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
        Ok(work)
    }

    /// Puts the `.deb` of a package into a folder.
    pub(crate) fn download(&self, package: &str, into: &Path) -> Result<()> {
        self.fetch(self.command("apt-get").args(["-q", "download", package]).current_dir(into))
    }

    /// Puts the `.deb`s of a package and of all that it needs, down to the C library, into a folder.
    fn download_all(&self, package: &str, into: &Path) -> Result<()> {
        // As an installation that ends after the download, since that alone works out what is needed.
        fs::create_dir_all(into.join("partial")).with_context(|| format!("cannot write {}", into.display()))?;
        let mut command = self.command("apt-get");
        command.args(["-q", "-y", "--no-install-recommends", "--download-only", "-o", "Debug::NoLocking=true"]);
        command.args(["-o", &format!("Dir::Cache::archives={}", into.display()), "install", package]);
        self.fetch(&mut command)
    }

    /// Unpacks packages and all that they need into a folder, which must be there. Nothing of them is run.
    pub(crate) fn unpack_all(&self, packages: &[&str], root: &Path) -> Result<()> {
        let work = self.work()?;
        for package in packages {
            self.download_all(package, &work)?;
        }
        let files = fs::read_dir(&work).with_context(|| format!("cannot read {}", work.display()))?;
        for file in files.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("deb".as_ref())) {
            output(Command::new("dpkg-deb").arg("-x").arg(&file).arg(root))?;
        }
        Ok(())
    }

    fn fetch(&self, command: &mut Command) -> Result<()> {
        let fetched = output(command);
        if fetched.is_err() {
            // Lists that name a package which is gone are too old.
            let _ = fs::remove_file(self.folder.join("updated"));
        }
        fetched.map(drop)
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
