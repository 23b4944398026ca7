//! The storage that Podman and CRI-O share: a bundle for each container that runs, and a list of all with their names.
//!
//! Source: containers/storage, containers.go (`containers.json`); podman, libpod/container_internal.go; cri-o, internal/storage.

use std::path::Path;

use serde::Deserialize;

use super::{file, oci};
use crate::state::container::{
    engine::{List, Metadata, Object, Text},
    runtime::Found,
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

/// What is written about a container.
pub(super) fn read(host_root: &Path, found: &Found) -> Option<Metadata> {
    let id = found.id.full();
    DRIVERS.iter().find_map(|driver| {
        let containers = format!("{driver}-containers");
        let bundle = host_root.join(RUN_ROOT).join(&containers).join(id).join("userdata/config.json");
        let of_pod = file(&bundle).and_then(|text| oci::read(&text, found));
        of_pod.or_else(|| listed(&host_root.join(GRAPH_ROOT).join(&containers).join("containers.json"), found))
    })
}

/// What the list says of it.
fn listed(list: &Path, found: &Found) -> Option<Metadata> {
    let id = found.id.full();
    let all: Vec<Object<Entry>> = serde_json::from_slice(&file(list)?).ok()?;
    let Object(entry) = all.into_iter().find(|Object(entry)| entry.id.0.as_deref() == Some(id))?;
    let noted =
        entry.metadata.0.as_deref().and_then(|text| serde_json::from_str::<Noted>(text).ok()).unwrap_or_default();
    let first = entry.names.0.into_iter().find_map(|Text(name)| name);
    Some(Metadata {
        full_id: id.to_owned(),
        runtime: found.runtime.name,
        name: noted.name.0.or(first).filter(|name| !name.is_empty()),
        image: noted.image_name.0.filter(|image| !image.is_empty()),
        image_id: entry.image.0.filter(|image| !image.is_empty()),
        ..Metadata::default()
    })
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
        let metadata = read(&root, &found).unwrap();
        let said = [metadata.name, metadata.image, metadata.image_id].map(Option::unwrap_or_default);
        assert_eq!((said, metadata.runtime), (["web", "localhost/web:latest", "77"].map(str::to_owned), "podman"));
        let other = recognise(&format!("/libpod_parent/libpod-{}", ID.replace('a', "9"))).unwrap();
        assert_eq!(read(&root, &other), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
