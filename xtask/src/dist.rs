//! Makes what a release is: the static binary in a tar.gz and in packages, the container image, what is inside, and the sums of all of that.
//!
//! The same sources give the same bytes, whoever builds them and wherever: times are those of the last commit (or `SOURCE_DATE_EPOCH`), and
//! no path of the machine is in them. `--verify` builds a second time in another folder and compares; `--install` installs each artefact
//! where it belongs and runs it.

mod deb;
mod install;
mod oci;
mod rpm;
mod sbom;
mod tar;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use hmac_sha256::Hash;
use serde_json::Value;

use self::{
    deb::hex,
    tar::{Entry, gzip, tar, with_folders, write},
};
use crate::{
    build,
    command::{cargo, output, run, say, target_dir, workspace},
    ebpf, setup,
};

/// What to make.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Where to put it
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Also build a second time in another folder, and compare
    #[arg(long)]
    verify: bool,
    /// Also install each artefact where it belongs, and run it
    #[arg(long)]
    install: bool,
}

/// Name and tag of the image in the archive.
const IMAGE: &str = "tracer:latest";

/// What all artefacts say of themselves.
#[derive(Debug, Clone)]
struct Release {
    version: String,
    /// The kind of machine, as Rust names it.
    arch: String,
    /// Of all files, seconds since the epoch.
    time: u64,
    licence: String,
    summary: String,
    description: String,
    maintainer: String,
}

impl Release {
    fn read() -> Result<Self> {
        let text = output(&mut cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&text).context("cannot read what `cargo metadata` printed")?;
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let package =
            packages.iter().find(|package| package["name"] == "tracer").context("there is no package tracer")?;
        let value =
            |name: &str| package[name].as_str().map(str::to_owned).with_context(|| format!("tracer has no {name}"));
        Ok(Self {
            version: value("version")?,
            arch: env::consts::ARCH.to_owned(),
            time: time()?,
            licence: value("license")?,
            summary: value("description")?,
            description: "Lines, live tables and captures of what processes and containers do: network, CPU, files,\n\
                          commands. From eBPF, without a kernel module, in one static binary."
                .to_owned(),
            maintainer: "The tracer authors".to_owned(),
        })
    }

    /// Its time as a date, as in 2026-01-31T12:00:00Z.
    fn utc(&self) -> String {
        // Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
        let (days, seconds) = (self.time / 86_400 + 719_468, self.time % 86_400);
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    #[cfg(test)]
    fn sample() -> Self {
        Self {
            version: "1.2.3".into(),
            arch: "x86_64".into(),
            time: 1_000_000_000,
            licence: "MIT".into(),
            summary: "Shows things".into(),
            description: "Line one\nline two".into(),
            maintainer: "Somebody".into(),
        }
    }
}

/// The time of the last commit, unless `SOURCE_DATE_EPOCH` says another one. Source: reproducible-builds.org.
fn time() -> Result<u64> {
    let text = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => output(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(workspace()))
            .context("the time of the release is not known\nhint: set SOURCE_DATE_EPOCH")?,
    };
    text.trim().parse().with_context(|| format!("'{}' is no number of seconds", text.trim()))
}

/// `cargo xtask dist`.
pub(crate) fn task(options: &Options) -> Result<()> {
    let folder = options.out.clone().unwrap_or_else(|| target_dir().join("dist"));
    setup::task(&setup::Options { dist: options.install, engine: options.install, ..setup::Options::default() })?;
    let release = Release::read()?;
    let artefacts = make(&release, &folder)?;
    for name in &artefacts {
        println!("{}", folder.join(name).display());
    }
    if options.verify {
        verify(&release, &folder)?;
    }
    if options.install {
        install::all(&release, &folder)?;
    }
    Ok(())
}

/// Names of the artefacts, each with the kind of machine in it.
struct Names {
    archive: String,
    deb: String,
    rpm: String,
    image: String,
    sbom: String,
}

impl Names {
    fn of(release: &Release) -> Self {
        let Release { version, arch, .. } = release;
        Self {
            archive: format!("tracer-{version}-{arch}-linux.tar.gz"),
            deb: format!("tracer_{version}_{}.deb", deb::architecture(arch)),
            rpm: format!("tracer-{version}-1.{arch}.rpm"),
            image: format!("tracer-{version}-{arch}.oci.tar"),
            sbom: format!("tracer-{version}-{arch}.cdx.json"),
        }
    }
}

/// The file with the sums.
const SUMS: &str = "SHA256SUMS";

/// Builds and writes all artefacts; their names.
fn make(release: &Release, folder: &Path) -> Result<Vec<String>> {
    let path = build::release()?;
    let binary = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let page = |name: &str| output(Command::new(&path).args(["--generate", name]));
    let pages = Pages {
        man: page("man")?,
        bash: page("complete-bash")?,
        zsh: page("complete-zsh")?,
        fish: page("complete-fish")?,
        documents: documents()?,
    };
    let names = Names::of(release);
    let sbom = sbom::document(release, &format!("{}-unknown-linux-gnu", release.arch))?;
    let deb = pages.installed(&binary, "usr/share/zsh/vendor-completions")?;
    let rpm = rpm::files(&pages.installed(&binary, "usr/share/zsh/site-functions")?);
    let top = names.archive.trim_end_matches(".tar.gz");
    let made = [
        (&names.archive, gzip(&tar(&with_folders(&pages.unpacked(&binary, top)), "", release.time)?)?),
        (&names.deb, deb::package(release, &deb)?),
        (&names.rpm, rpm::package(release, &rpm)?),
        (&names.image, oci::archive(release, &binary, IMAGE)?),
        (&names.sbom, sbom.into_bytes()),
    ];
    let mut sums = String::new();
    for (name, bytes) in &made {
        write(&folder.join(name), bytes)?;
        sums += &format!("{}  {name}\n", hex(&Hash::hash(bytes)));
    }
    write(&folder.join(SUMS), sums.as_bytes())?;
    Ok(made.iter().map(|(name, _)| (*name).clone()).chain([SUMS.to_owned()]).collect())
}

/// What is installed beside the binary.
struct Pages {
    man: String,
    bash: String,
    zsh: String,
    fish: String,
    /// Documents for people, by path.
    documents: Vec<(String, Vec<u8>)>,
}

impl Pages {
    /// The files as packages put them on a machine.
    fn installed(&self, binary: &[u8], zsh: &str) -> Result<Vec<Entry>> {
        let mut files = vec![
            Entry::file("usr/bin/tracer", 0o755, binary),
            Entry::file("usr/share/man/man1/tracer.1.gz", 0o644, gzip(self.man.as_bytes())?),
            Entry::file("usr/share/bash-completion/completions/tracer", 0o644, &*self.bash),
            Entry::file(format!("{zsh}/_tracer"), 0o644, &*self.zsh),
            Entry::file("usr/share/fish/vendor_completions.d/tracer.fish", 0o644, &*self.fish),
        ];
        let documents = self
            .documents
            .iter()
            .map(|(path, text)| Entry::file(format!("usr/share/doc/tracer/{path}"), 0o644, &**text));
        files.extend(documents);
        Ok(files)
    }

    /// The files as they are in the archive, below one folder.
    fn unpacked(&self, binary: &[u8], top: &str) -> Vec<Entry> {
        let file = |path: &str, mode, content: &[u8]| Entry::file(format!("{top}/{path}"), mode, content);
        let mut files = vec![
            file("tracer", 0o755, binary),
            file("tracer.1", 0o644, self.man.as_bytes()),
            file("completions/tracer.bash", 0o644, self.bash.as_bytes()),
            file("completions/_tracer", 0o644, self.zsh.as_bytes()),
            file("completions/tracer.fish", 0o644, self.fish.as_bytes()),
        ];
        files.extend(self.documents.iter().map(|(path, text)| file(path, 0o644, text)));
        files
    }
}

/// README, licences, what has changed, and the pages that README leads to.
fn documents() -> Result<Vec<(String, Vec<u8>)>> {
    let root = workspace();
    let mut paths = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"].map(str::to_owned).to_vec();
    let pages = fs::read_dir(root.join("docs")).context("cannot read docs")?.flatten();
    let pages = pages.filter_map(|page| page.file_name().into_string().ok()).filter(|name| name.ends_with(".md"));
    paths.extend(pages.map(|name| format!("docs/{name}")));
    paths.sort();
    let read = |path: String| {
        let text = fs::read(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
        Ok((path, text))
    };
    paths.into_iter().map(read).collect()
}

/// Builds the same commit in another folder, with nothing of what was built here, and compares the sums.
fn verify(release: &Release, folder: &Path) -> Result<()> {
    let copy = target_dir().join("xtask").join("dist-in-another-folder");
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir_all(&copy).with_context(|| format!("cannot create {}", copy.display()))?;
    say(format!("building a second time in {}", copy.display()));
    let mut copied = Command::new("sh");
    copied.args(["-ec", "git ls-files -z | tar --null -T - -c | tar -x -C \"$1\"", "sh"]).arg(&copy);
    output(copied.current_dir(workspace()))?;
    let toolchain = setup::toolchain(&workspace())?;
    let mut again = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    again.args(["run", "--quiet", "--package", "xtask", "--", "dist"]).current_dir(&copy);
    again.env("SOURCE_DATE_EPOCH", release.time.to_string()).env("BPF_LINKER", &toolchain.linker);
    again.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_MANIFEST_DIR");
    if let ebpf::Compiler::Prebuilt(rustc) = &toolchain.compiler {
        again.env("TRACER_BPF_RUSTC", rustc);
    }
    run(&mut again)?;
    let read = |folder: &Path| fs::read_to_string(folder.join(SUMS)).context("cannot read the sums");
    let (one, other) = (read(folder)?, read(&copy.join("target/dist"))?);
    let different: Vec<&str> =
        one.lines().zip(other.lines()).filter(|(one, other)| one != other).map(|(one, _)| one).collect();
    ensure!(one == other, "these differ when they are built in another folder:\n{}", different.join("\n"));
    say("dist: the same sums in both folders");
    let _ = fs::remove_dir_all(&copy);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        assert_eq!(Release::sample().utc(), "2001-09-09T01:46:40Z");
        assert_eq!(Release { time: 1_709_164_799, ..Release::sample() }.utc(), "2024-02-28T23:59:59Z");
        assert_eq!(Release { time: 1_709_164_800, ..Release::sample() }.utc(), "2024-02-29T00:00:00Z");
    }

    #[test]
    fn names_carry_the_kind_of_machine() {
        let Names { archive, deb, rpm, image, sbom } =
            Names::of(&Release { arch: "aarch64".into(), ..Release::sample() });
        assert_eq!(archive, "tracer-1.2.3-aarch64-linux.tar.gz");
        assert_eq!([deb, rpm].map(|name| name.contains("64")), [true, true]);
        assert!(image.contains("aarch64") && sbom.contains("aarch64"));
    }
}
