//! Docker's folder of a container. Source: moby, daemon/container/container.go: `config.v2.json`.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::file;
use crate::state::container::{
    engine::{DOCKER, Metadata, Object, Text, Texts},
    runtime,
    spec::{Log, Spec},
};

/// Where Docker keeps its containers unless it is configured otherwise.
const CONTAINERS: &str = "var/lib/docker/containers";

/// Docker's settings, which may name another place.
const SETTINGS: &str = "etc/docker/daemon.json";
/// The most containers that are looked at.
const MAX_CONTAINERS: usize = 10_000;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Settings {
    data_root: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Host {
    log_config: Object<LogConfig>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct LogConfig {
    r#type: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Container {
    log_path: Text,
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
    of_folder(&host_root.join(CONTAINERS).join(id), id)
}

/// Folders of containers of each Docker that there may be: the usual one, that of its settings, and those of engines that run
/// and were told another one.
pub(super) fn folders(host_root: &Path) -> Vec<PathBuf> {
    let settings = file(&host_root.join(SETTINGS));
    let settings: Settings = settings.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let below = |root: String| host_root.join(root.trim_start_matches('/')).join("containers");
    let mut folders = vec![host_root.join(CONTAINERS)];
    for folder in settings.data_root.0.into_iter().chain(told()).map(below) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// What engines of root's were told by options. Source: dockerd(8), `--data-root`, before 17.05 `--graph`.
fn told() -> Vec<String> {
    let is_engine = |folder: &Path| {
        let is_root = fs::metadata(folder).is_ok_and(|about| about.uid() == 0);
        is_root && fs::read(folder.join("comm")).is_ok_and(|name| name == b"dockerd\n")
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let engines = processes.filter(|folder| {
        folder.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit()) && is_engine(folder)
    });
    engines.filter_map(|folder| data_root(&fs::read(folder.join("cmdline")).ok()?)).collect()
}

/// What a command line says.
fn data_root(words: &[u8]) -> Option<String> {
    let mut words = words.split(|byte| *byte == 0).filter_map(|word| std::str::from_utf8(word).ok());
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if ["--data-root", "--graph", "-g"].contains(&name) {
            return value.or_else(|| words.next()).filter(|root| root.starts_with('/')).map(str::to_owned);
        }
    }
    None
}

/// What is written about all containers in these folders, those that do not run too.
pub(super) fn all(folders: &[PathBuf]) -> Vec<Metadata> {
    let entries = |folder: &PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_CONTAINERS);
    let all = folders.iter().flat_map(entries);
    all.filter_map(|entry| of_folder(&entry.path(), entry.file_name().to_str()?)).collect()
}

fn of_folder(folder: &Path, id: &str) -> Option<Metadata> {
    if !runtime::is_full_id(id) {
        return None;
    }
    let text = file(&folder.join("config.v2.json"))?;
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
        spec: Some(Spec { log: Some(log(folder, container.log_path)), ..Spec::default() }),
        ..Metadata::default()
    })
}

/// Where its log is. The driver stands in the other file of the folder.
fn log(folder: &Path, path: Text) -> Log {
    let host: Host =
        file(&folder.join("hostconfig.json")).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    Log {
        driver: host.log_config.0.r#type.0.unwrap_or_default(),
        path: path
            .0
            .filter(|path| !path.is_empty())
            .map(|path| folder.join(Path::new(&path).file_name().unwrap_or_default())),
        folder: Some(folder.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "77ab0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab";

    #[test]
    fn a_container_of_docker_is_named_by_its_folder() {
        let root = std::env::temp_dir().join(format!("tracer-docker-files-{}", std::process::id()));
        let folder = root.join(CONTAINERS).join(ID);
        fs::create_dir_all(&folder).unwrap();
        let text = r#"{"ID":"77","Name":"/web","Image":"sha256:88","Config":{"Image":"nginx:1","Labels":{"tier":"web"}},"X":[1],"LogPath":"/elsewhere/77-json.log"}"#;
        fs::write(folder.join("hostconfig.json"), r#"{"LogConfig":{"Type":"json-file","Config":{}}}"#).unwrap();
        fs::write(folder.join("config.v2.json"), text).unwrap();
        let metadata = read(&root, ID).unwrap();
        let said = [metadata.name, metadata.image, metadata.image_id].map(Option::unwrap_or_default);
        assert_eq!(said, ["web", "nginx:1", "88"].map(str::to_owned));
        assert_eq!(metadata.labels.unwrap()["tier"], "web");
        let log = metadata.spec.unwrap().log.unwrap();
        assert_eq!((log.driver.as_str(), log.path), ("json-file", Some(folder.join("77-json.log"))));
        assert_eq!(all(&folders(&root)).len(), 1);
        assert_eq!(data_root(b"dockerd\0--data-root\0/srv/docker\0-D\0").as_deref(), Some("/srv/docker"));
        assert_eq!(data_root(b"dockerd\0--data-root=/srv/docker\0").as_deref(), Some("/srv/docker"));
        assert_eq!(data_root(b"dockerd\0-D\0"), None);
        // A pipe in its place holds nobody up.
        fs::remove_file(folder.join("config.v2.json")).unwrap();
        nix::unistd::mkfifo(&folder.join("config.v2.json"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(read(&root, ID), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
