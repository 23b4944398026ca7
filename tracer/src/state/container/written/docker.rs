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
