//! Docker's folder of a container. Source: moby, daemon/container/container.go: `config.v2.json`.

use std::path::Path;

use serde::Deserialize;

use super::file;
use crate::state::container::engine::{DOCKER, Metadata, Object, Text, Texts};

/// Where Docker keeps its containers unless it is configured otherwise.
const CONTAINERS: &str = "var/lib/docker/containers";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Container {
    name: Text,
    image: Text,
    config: Object<Config>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    image: Text,
    labels: Texts,
}

/// What Docker has written about the container of that id.
pub(super) fn read(host_root: &Path, id: &str) -> Option<Metadata> {
    let text = file(&host_root.join(CONTAINERS).join(id).join("config.v2.json"))?;
    let container: Container = serde_json::from_slice(&text).ok()?;
    let Object(config) = container.config;
    let name = container.name.0.map(|name| name.trim_start_matches('/').to_owned());
    let image_id = container.image.0.and_then(|id| Some(id.rsplit(':').next()?.to_owned()));
    Some(Metadata {
        full_id: id.to_owned(),
        runtime: DOCKER,
        name: name.filter(|name| !name.is_empty()),
        image: config.image.0.filter(|image| !image.is_empty()),
        image_id: image_id.filter(|id| !id.is_empty()),
        labels: Some(config.labels.0),
        ..Metadata::default()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_container_of_docker_is_named_by_its_folder() {
        let root = std::env::temp_dir().join(format!("tracer-docker-files-{}", std::process::id()));
        let folder = root.join(CONTAINERS).join("77");
        fs::create_dir_all(&folder).unwrap();
        let text = r#"{"ID":"77","Name":"/web","Image":"sha256:88","Config":{"Image":"nginx:1","Labels":{"tier":"web"}},"X":[1]}"#;
        fs::write(folder.join("config.v2.json"), text).unwrap();
        let metadata = read(&root, "77").unwrap();
        let said = [metadata.name, metadata.image, metadata.image_id].map(Option::unwrap_or_default);
        assert_eq!(said, ["web", "nginx:1", "88"].map(str::to_owned));
        assert_eq!(metadata.labels.unwrap()["tier"], "web");
        // A pipe in its place holds nobody up.
        fs::remove_file(folder.join("config.v2.json")).unwrap();
        nix::unistd::mkfifo(&folder.join("config.v2.json"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(read(&root, "77"), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
