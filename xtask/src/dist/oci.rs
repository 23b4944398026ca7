//! The image as an archive: a layer with the binary, a configuration, a manifest, each under the sum of its bytes. It is in the form of the
//! Open Container Initiative, and has what `docker load` of older engines reads beside that.
//!
//! Source: OCI image-spec, "Image Layout", "Image Configuration"; moby image/tarexport.

use anyhow::Result;
use hmac_sha256::Hash;
use serde_json::{Value, json};

use super::{
    Release, deb,
    deb::hex,
    tar::{Entry, gzip, tar, with_folders},
};
use crate::image::{ENTRYPOINT, ENVIRONMENT};

/// Something of the image under the sum of its bytes.
fn blob(content: Vec<u8>) -> (String, Entry) {
    let sum = hex(&Hash::hash(&content));
    let entry = Entry::file(format!("blobs/sha256/{sum}"), 0o644, content);
    (sum, entry)
}

fn descriptor(kind: &str, (sum, entry): &(String, Entry)) -> Value {
    json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": format!("sha256:{sum}"), "size": entry.bytes().len() })
}

/// The bytes of the archive, with an image of that name and tag.
pub(super) fn archive(release: &Release, binary: &[u8], name: &str) -> Result<Vec<u8>> {
    let files = [Entry::file(ENTRYPOINT.trim_start_matches('/'), 0o755, binary)];
    let layer = tar(&with_folders(&files), "", release.time)?;
    let diff = hex(&Hash::hash(&layer));
    let layer = blob(gzip(&layer)?);
    let created = release.utc();
    let labels = json!({
        "org.opencontainers.image.title": "tracer",
        "org.opencontainers.image.version": release.version,
        "org.opencontainers.image.licenses": release.licence,
        "org.opencontainers.image.description": release.summary,
    });
    let config = json!({
        "created": created,
        "architecture": deb::architecture(&release.arch),
        "os": "linux",
        "config": { "Entrypoint": [ENTRYPOINT], "Env": ENVIRONMENT, "Labels": labels },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff}")] },
        "history": [{ "created": created, "comment": "tracer" }],
    });
    let config = blob(config.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", &config),
        "layers": [descriptor("layer.v1.tar+gzip", &layer)],
    });
    let manifest = blob(manifest.to_string().into_bytes());
    let mut of_image = descriptor("manifest.v1+json", &manifest);
    let (_, tag) = name.split_once(':').unwrap_or((name, "latest"));
    of_image["annotations"] = json!({ "io.containerd.image.name": format!("docker.io/library/{name}"), "org.opencontainers.image.ref.name": tag });
    let index =
        json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [of_image] });
    let for_docker = json!([{ "Config": config.1.path, "RepoTags": [name], "Layers": [layer.1.path] }]);
    let entries = [
        Entry::file("oci-layout", 0o644, r#"{"imageLayoutVersion":"1.0.0"}"#),
        Entry::file("index.json", 0o644, index.to_string()),
        Entry::file("manifest.json", 0o644, for_docker.to_string()),
        config.1,
        layer.1,
        manifest.1,
    ];
    tar(&with_folders(&entries), "", release.time)
}
