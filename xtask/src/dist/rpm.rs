//! The package for Fedora, SUSE and their kin: a lead that nobody reads, a header with the sums of what follows, a header that describes
//! files and package, and a compressed cpio archive.
//!
//! A header is an index of entries, each a tag, a type, an offset and a count, all big endian, and the data that they point into. Its first
//! entry is the region: it says that all of the others belong together, so that the sum of the bytes is that of the package.
//!
//! Source: rpm.org, "RPM V4 Package format" and "Package Tags".

use anyhow::Result;
use hmac_sha256::Hash;

use super::{
    Release,
    deb::hex,
    tar::{Entry, cpio, gzip, with_folders},
};

/// `rpmlib(…)` features that the package uses, and since which version they are there.
const FEATURES: [(&str, &str); 3] = [
    ("rpmlib(CompressedFileNames)", "3.0.4-1"),
    ("rpmlib(FileDigests)", "4.6.0-1"),
    ("rpmlib(PayloadFilesHavePrefix)", "4.0-1"),
];
/// `RPMSENSE_RPMLIB | RPMSENSE_LESS | RPMSENSE_EQUAL`, and `RPMSENSE_EQUAL` alone.
const OF_RPMLIB: u32 = 1 << 24 | 2 | 8;
const EQUAL: u32 = 8;
/// SHA-256, as OpenPGP numbers it.
const SHA256: u32 = 8;
/// The release of the version: it is packaged once.
const RELEASE: &str = "1";

/// What an entry of a header holds.
enum Data {
    Int16(Vec<u16>),
    Int32(Vec<u32>),
    Text(String),
    Texts(Vec<String>),
    /// A text that may be translated, and is not.
    Words(String),
}

impl Data {
    fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::Texts(texts.into_iter().map(Into::into).collect())
    }

    /// Number of the type, alignment, count, bytes.
    fn encode(&self) -> (u32, usize, usize, Vec<u8>) {
        let text = |text: &str| [text.as_bytes(), &[0]].concat();
        match self {
            Self::Int16(numbers) => (3, 2, numbers.len(), numbers.iter().flat_map(|it| it.to_be_bytes()).collect()),
            Self::Int32(numbers) => (4, 4, numbers.len(), numbers.iter().flat_map(|it| it.to_be_bytes()).collect()),
            Self::Text(one) => (6, 1, 1, text(one)),
            Self::Texts(texts) => (8, 1, texts.len(), texts.iter().flat_map(|it| text(it)).collect()),
            Self::Words(one) => (9, 1, 1, text(one)),
        }
    }
}

/// A header whose region has this tag. The entries are in the order of their tags.
fn header(region: u32, entries: &[(u32, Data)]) -> Vec<u8> {
    const BIN: u32 = 7;
    let count = entries.len() as u32 + 1;
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, entry) in entries {
        let (kind, align, count, bytes) = entry.encode();
        data.resize(data.len().next_multiple_of(align), 0);
        for number in [*tag, kind, data.len() as u32, count as u32] {
            index.extend_from_slice(&number.to_be_bytes());
        }
        data.extend_from_slice(&bytes);
    }
    let words = |words: [u32; 4]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    // The trailer points back over the whole index.
    let (trailer, at) = (words([region, BIN, (16 * count).wrapping_neg(), 16]), data.len() as u32);
    data.extend_from_slice(&trailer);
    let first = words([region, BIN, at, 16]);
    let magic = [0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    [&magic[..], &count.to_be_bytes(), &(data.len() as u32).to_be_bytes(), &first, &index, &data].concat()
}

/// The bytes of the package.
pub(super) fn package(release: &Release, files: &[Entry]) -> Result<Vec<u8>> {
    let payload = cpio(files, release.time);
    let compressed = gzip(&payload)?;
    let described = header(63, &describe(release, files, &compressed));
    let signature = header(
        62,
        &[
            (273, Data::Text(hex(&Hash::hash(&described)))),
            (1000, Data::Int32(vec![(described.len() + compressed.len()) as u32])),
            (1007, Data::Int32(vec![payload.len() as u32])),
        ],
    );
    let mut out = lead(release);
    out.extend_from_slice(&signature);
    out.resize(out.len().next_multiple_of(8), 0);
    out.extend_from_slice(&described);
    out.extend_from_slice(&compressed);
    Ok(out)
}

fn lead(release: &Release) -> Vec<u8> {
    let mut name = [0; 66];
    let full = format!("tracer-{}-{RELEASE}", release.version);
    name[..full.len()].copy_from_slice(full.as_bytes());
    [&[0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 1][..], &name, &[0, 1, 0, 5], &[0; 16]].concat()
}

fn describe(release: &Release, files: &[Entry], compressed: &[u8]) -> Vec<(u32, Data)> {
    let all = files.len();
    let split = |path: &str| {
        path.rsplit_once('/')
            .map_or((String::from("/"), path.to_owned()), |(folder, name)| (format!("/{folder}/"), name.to_owned()))
    };
    let mut folders: Vec<String> = files.iter().map(|file| split(&file.path).0).collect();
    folders.sort();
    folders.dedup();
    let folder_of = |file: &Entry| folders.iter().position(|folder| *folder == split(&file.path).0).unwrap_or(0) as u32;
    let each = |number: u32| Data::Int32(vec![number; all]);
    let same = |text: &str| Data::texts(vec![text.to_owned(); all]);
    let digest = |file: &Entry| hex(&Hash::hash(file.bytes()));
    let size: usize = files.iter().map(|file| file.bytes().len()).sum();
    let full = format!("{}-{RELEASE}", release.version);
    // RPMFILE_DOC.
    let flags = files.iter().map(|file| if file.path.starts_with("usr/share/doc") { 2 } else { 0 });
    vec![
        (100, Data::texts(["C"])),
        (1000, Data::Text("tracer".into())),
        (1001, Data::Text(release.version.clone())),
        (1002, Data::Text(RELEASE.into())),
        (1004, Data::Words(release.summary.clone())),
        (1005, Data::Words(release.description.clone())),
        (1006, Data::Int32(vec![release.time as u32])),
        (1007, Data::Text("localhost".into())),
        (1009, Data::Int32(vec![size as u32])),
        (1011, Data::Text(release.maintainer.clone())),
        (1014, Data::Text(release.licence.clone())),
        (1016, Data::Words("Unspecified".into())),
        (1021, Data::Text("linux".into())),
        (1022, Data::Text(release.arch.clone())),
        (1028, Data::Int32(files.iter().map(|file| file.bytes().len() as u32).collect())),
        (1030, Data::Int16(files.iter().map(|file| (0o100_000 | file.mode) as u16).collect())),
        (1033, Data::Int16(vec![0; all])),
        (1034, each(release.time as u32)),
        (1035, Data::texts(files.iter().map(digest))),
        (1036, same("")),
        (1037, Data::Int32(flags.collect())),
        (1039, same("root")),
        (1040, same("root")),
        (1044, Data::Text(format!("tracer-{full}.src.rpm"))),
        (1045, each(u32::MAX)),
        (1047, Data::texts(["tracer"])),
        (1048, Data::Int32(vec![OF_RPMLIB; FEATURES.len()])),
        (1049, Data::texts(FEATURES.map(|(name, _)| name))),
        (1050, Data::texts(FEATURES.map(|(_, since)| since))),
        (1064, Data::Text("4.18.0".into())),
        (1095, each(1)),
        (1096, Data::Int32((1..=all as u32).collect())),
        (1097, same("")),
        (1112, Data::Int32(vec![EQUAL])),
        (1113, Data::texts([full])),
        (1116, Data::Int32(files.iter().map(folder_of).collect())),
        (1117, Data::texts(files.iter().map(|file| split(&file.path).1))),
        (1118, Data::texts(folders.clone())),
        (1124, Data::Text("cpio".into())),
        (1125, Data::Text("gzip".into())),
        (1126, Data::Text("9".into())),
        (5011, Data::Int32(vec![SHA256])),
        (5062, Data::Text("utf-8".into())),
        (5092, Data::texts([hex(&Hash::hash(compressed))])),
        (5093, Data::Int32(vec![SHA256])),
    ]
}

/// The files of the package: folders of the system are not its own.
pub(super) fn files(files: &[Entry]) -> Vec<Entry> {
    with_folders(files).into_iter().filter(|entry| entry.content.is_some()).collect()
}
