//! Archives: tar (ustar), ar and cpio (newc), written with the same bytes for the same files, whoever and wherever builds them.
//!
//! Sources: tar(5), ar(5), cpio(5).

use std::io::Write as _;

use anyhow::{Context as _, Result, bail};
use flate2::{Compression, GzBuilder};

/// A file or a folder of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it goes, without a slash in front.
    pub(super) path: String,
    /// What may be done with it, such as 0o755.
    pub(super) mode: u32,
    /// Its content; `None` for a folder.
    pub(super) content: Option<Vec<u8>>,
}

impl Entry {
    /// A file.
    pub(super) fn file(path: impl Into<String>, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode, content: Some(content.into()) }
    }

    /// Its content; nothing for a folder.
    pub(super) fn bytes(&self) -> &[u8] {
        self.content.as_deref().unwrap_or_default()
    }
}

/// The entries with the folders that they are in before them, sorted by path.
pub(super) fn with_folders(files: &[Entry]) -> Vec<Entry> {
    let mut all = files.to_vec();
    for file in files {
        for (at, _) in file.path.match_indices('/') {
            let folder = &file.path[..at];
            if !all.iter().any(|entry| entry.path == folder) {
                all.push(Entry { path: folder.to_owned(), mode: 0o755, content: None });
            }
        }
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    all
}

/// A tar archive, all of it of root and of the same time, seconds since the epoch. `prefix` is put in front of each path.
pub(super) fn tar(entries: &[Entry], prefix: &str, time: u64) -> Result<Vec<u8>> {
    const BLOCK: usize = 512;
    let mut out = Vec::new();
    for entry in entries {
        let slash = if entry.content.is_none() { "/" } else { "" };
        let path = format!("{prefix}{}{slash}", entry.path);
        let mut header = [0; BLOCK];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        if path.len() > 100 {
            bail!("'{path}' is too long for a tar archive");
        }
        put(0, &path);
        put(100, &format!("{:07o}", entry.mode));
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", entry.bytes().len()));
        put(136, &format!("{time:011o}"));
        // The sum is made with blanks in its own place.
        put(148, "        ");
        put(156, if entry.content.is_some() { "0" } else { "5" });
        put(257, "ustar\x0000");
        put(265, "root");
        put(297, "root");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(entry.bytes());
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    out.resize(out.len().next_multiple_of(20 * BLOCK), 0);
    Ok(out)
}

/// Compresses, without a name and a time.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).context("cannot compress")
}

/// An ar archive of some files with short names.
pub(super) fn ar(files: &[(&str, Vec<u8>)], time: u64) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in files {
        out.extend_from_slice(
            format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 100_644, content.len()).as_bytes(),
        );
        out.extend_from_slice(content);
        if content.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// A cpio archive in the form that rpm has: paths begin with `./`.
pub(super) fn cpio(entries: &[Entry], time: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let trailer = Entry { path: String::new(), mode: 0, content: None };
    for (at, entry) in entries.iter().chain([&trailer]).enumerate() {
        let is_trailer = at == entries.len();
        let name = if is_trailer { "TRAILER!!!".to_owned() } else { format!("./{}", entry.path) };
        let kind = if entry.content.is_some() { 0o100_000 } else { 0o040_000 };
        let (mode, time) = if is_trailer { (0, 0) } else { (kind | entry.mode, time) };
        let numbers: [u64; 13] = [
            if is_trailer { 0 } else { at as u64 + 1 },
            mode.into(),
            0,
            0,
            1,
            time,
            entry.bytes().len() as u64,
            0,
            0,
            0,
            0,
            name.len() as u64 + 1,
            0,
        ];
        out.extend_from_slice(b"070701");
        numbers.iter().for_each(|number| out.extend_from_slice(format!("{number:08x}").as_bytes()));
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(entry.bytes());
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// Writes a file whole.
pub(super) fn write(path: &std::path::Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<Entry> {
        with_folders(&[
            Entry::file("usr/bin/x", 0o755, "binary"),
            Entry::file("usr/share/doc/x/README", 0o644, "text\n"),
        ])
    }

    /// What a program of the system makes of an archive.
    fn listed(program: &str, arguments: &[&str], archive: &[u8]) -> String {
        let mut command = std::process::Command::new(program);
        let command = command.args(arguments).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        child.stdin.take().expect("piped").write_all(archive).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let paths: Vec<String> = files().into_iter().map(|entry| entry.path).collect();
        assert_eq!(
            paths,
            ["usr", "usr/bin", "usr/bin/x", "usr/share", "usr/share/doc", "usr/share/doc/x", "usr/share/doc/x/README"]
        );
    }

    #[test]
    fn tar_reads_what_is_written() {
        let archive = gzip(&tar(&files(), "./", 1_000_000_000).expect("it fits")).expect("it is compressed");
        assert_eq!(archive, gzip(&tar(&files(), "./", 1_000_000_000).expect("it fits")).expect("it is compressed"));
        let list = listed("tar", &["tvzf", "-", "--utc", "--full-time"], &archive);
        let line = list.lines().find(|line| line.ends_with("./usr/bin/x")).expect("the file");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..5], ["-rwxr-xr-x", "root/root", "6", "2001-09-09", "01:46:40"]);
        let text = listed("tar", &["xzOf", "-", "./usr/share/doc/x/README"], &archive);
        assert_eq!(text, "text\n");
    }

    #[test]
    fn ar_pads_files_of_odd_length() {
        let archive = ar(&[("a", b"123".to_vec()), ("b", b"4".to_vec())], 7);
        assert_eq!(archive.len(), 8 + 60 + 4 + 60 + 2);
        assert!(archive[8..].starts_with(b"a               7           0     0     100644  3         `\n123\n"));
    }
}
