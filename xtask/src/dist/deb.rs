//! The package for Debian and its descendants: an ar archive of two tar archives, one that describes and one that has the files.
//!
//! Source: deb(5), deb-control(5).

use anyhow::Result;
use hmac_sha256::Hash;

use super::{
    Release,
    tar::{Entry, ar, gzip, tar, with_folders},
};

/// Debian's name of the kind of machine.
pub(super) fn architecture(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The bytes of the package.
pub(super) fn package(release: &Release, files: &[Entry]) -> Result<Vec<u8>> {
    let entries = with_folders(files);
    let kib = files.iter().map(|file| file.bytes().len().div_ceil(1024)).sum::<usize>();
    let control = format!(
        "Package: tracer\nVersion: {}\nArchitecture: {}\nMaintainer: {}\nInstalled-Size: {kib}\nSection: admin\nPriority: optional\n\
         Description: {}\n{}",
        release.version,
        architecture(&release.arch),
        release.maintainer,
        release.summary,
        release.description.lines().map(|line| format!(" {line}\n")).collect::<String>(),
    );
    // dpkg --verify compares with these. It knows no better sums than MD5, which are left out, so this is for people.
    let sums: String =
        files.iter().map(|file| format!("{}  {}\n", hex(&Hash::hash(file.bytes())), file.path)).collect();
    let control = with_folders(&[Entry::file("control", 0o644, control), Entry::file("sha256sums", 0o644, sums)]);
    Ok(ar(
        &[
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar.gz", gzip(&tar(&control, "./", release.time)?)?),
            ("data.tar.gz", gzip(&tar(&entries, "./", release.time)?)?),
        ],
        release.time,
    ))
}

/// Bytes as digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
