//! The storage that Podman and CRI-O share: a bundle for each container that runs, and a list of all with their names.
//!
//! Source: containers/storage, containers.go (`containers.json`); podman, libpod/container_internal.go; cri-o, internal/storage.

use std::{
    collections::HashMap,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{file, oci, open};
use crate::state::container::{
    engine::{List, Metadata, Object, PODMAN, Text},
    runtime::{self, Found},
    spec::{Log, Spec},
};

/// What runs, and what is kept, below the host's root.
const RUN_ROOT: &str = "run/containers/storage";
const GRAPH_ROOT: &str = "var/lib/containers/storage";
/// The storage drivers of both.
const DRIVERS: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];

/// An entry of the list.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    id: Text,
    names: List<Text>,
    image: Text,
    /// JSON in a text.
    metadata: Text,
}

/// What Podman notes in it.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Noted {
    name: Text,
    image_name: Text,
}

/// Lists that were read, by their path: one is read again when it is another file or has changed. podman writes a new file
/// each time.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists(HashMap<PathBuf, (Stamp, HashMap<String, Metadata>)>);

/// What changes with a file: its number, size and time.
type Stamp = (u64, u64, i64, i64);

/// What is written about a container.
pub(super) fn read(host_root: &Path, lists: &mut Lists, found: &Found) -> Option<Metadata> {
    let id = found.id.full();
    DRIVERS.iter().find_map(|driver| {
        let containers = format!("{driver}-containers");
        let bundle = host_root.join(RUN_ROOT).join(&containers).join(id).join("userdata/config.json");
        let of_pod = file(&bundle).and_then(|text| oci::read(&text, found));
        of_pod.or_else(|| lists.find(host_root.join(GRAPH_ROOT).join(&containers).join("containers.json"), found))
    })
}

/// The lists that there may be.
pub(super) fn lists(host_root: &Path) -> Vec<PathBuf> {
    let list = |driver| host_root.join(GRAPH_ROOT).join(format!("{driver}-containers/containers.json"));
    DRIVERS.iter().map(list).collect()
}

/// All containers of a list that have a log beside what is kept of them, those that do not run too. Source: podman,
/// libpod/container.go, `LogPath`.
pub(super) fn all(list: &Path) -> Vec<Metadata> {
    let folder = list.parent().unwrap_or(list);
    let all = file(list).map(|text| listed(&text)).unwrap_or_default();
    let with_log = |metadata: Metadata| {
        let path = folder.join(&metadata.full_id).join("userdata/ctr.log");
        let is_there = runtime::is_full_id(&metadata.full_id) && path.exists();
        let log = Log { driver: "k8s-file".to_owned(), path: Some(path), folder: None };
        let spec = Some(Spec { log: Some(log), ..Spec::default() });
        is_there.then_some(Metadata { runtime: PODMAN, spec, ..metadata })
    };
    all.into_values().filter_map(with_log).collect()
}

impl Lists {
    /// What the list says of it.
    fn find(&mut self, list: PathBuf, found: &Found) -> Option<Metadata> {
        let Some(opened) = open(&list) else {
            self.0.remove(&list);
            return None;
        };
        let about = &opened.1;
        let stamp = (about.ino(), about.len(), about.mtime(), about.mtime_nsec());
        if self.0.get(&list).is_none_or(|(known, _)| *known != stamp) {
            self.0.insert(list.clone(), (stamp, super::read(opened).map(|text| listed(&text)).unwrap_or_default()));
        }
        let metadata = self.0.get(&list)?.1.get(found.id.full())?;
        Some(Metadata { runtime: found.runtime.name, ..metadata.clone() })
    }
}

/// What a list says, by id.
fn listed(list: &[u8]) -> HashMap<String, Metadata> {
    let all: Vec<Object<Entry>> = serde_json::from_slice(list).unwrap_or_default();
    let named = all.into_iter().filter_map(|Object(entry)| {
        let id = entry.id.0?;
        let noted =
            entry.metadata.0.as_deref().and_then(|text| serde_json::from_str::<Noted>(text).ok()).unwrap_or_default();
        let first = entry.names.0.into_iter().find_map(|Text(name)| name);
        let metadata = Metadata {
            full_id: id.clone(),
            name: noted.name.0.or(first).filter(|name| !name.is_empty()),
            image: noted.image_name.0.filter(|image| !image.is_empty()),
            image_id: entry.image.0.filter(|image| !image.is_empty()),
            ..Metadata::default()
        };
        Some((id, metadata))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::state::container::runtime::recognise;

    const ID: &str = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";

    /// In the shape that Podman 4.3 writes.
    #[test]
    fn a_container_of_podman_is_named_by_its_list() {
        let root = std::env::temp_dir().join(format!("tracer-storage-{}", std::process::id()));
        let folder = root.join(GRAPH_ROOT).join("overlay-containers");
        fs::create_dir_all(&folder).unwrap();
        let noted =
            r#"{\"image-name\":\"localhost/web:latest\",\"image-id\":\"77\",\"name\":\"web\",\"created-at\":1}"#;
        let list = format!(
            r#"[{{"id":"other","names":["x"]}},{{"id":"{ID}","names":["web"],"image":"77","metadata":"{noted}"}}]"#
        );
        fs::write(folder.join("containers.json"), list).unwrap();
        let found = recognise(&format!("/libpod_parent/libpod-{ID}")).unwrap();
        let metadata = read(&root, &mut Lists::default(), &found).unwrap();
        let said = [metadata.name, metadata.image, metadata.image_id].map(Option::unwrap_or_default);
        assert_eq!((said, metadata.runtime), (["web", "localhost/web:latest", "77"].map(str::to_owned), "podman"));
        assert_eq!(all(&folder.join("containers.json")), [], "without a log");
        fs::create_dir_all(folder.join(ID).join("userdata")).unwrap();
        fs::write(folder.join(ID).join("userdata/ctr.log"), "").unwrap();
        assert_eq!(all(&folder.join("containers.json")).len(), 1);
        let other = recognise(&format!("/libpod_parent/libpod-{}", ID.replace('a', "9"))).unwrap();
        assert_eq!(read(&root, &mut Lists::default(), &other), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
