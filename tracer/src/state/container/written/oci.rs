//! The configuration of an OCI bundle: its annotations say whose container it is.
//!
//! Source: containerd, internal/cri/annotations; cri-o, pkg/annotations; nerdctl, pkg/labels.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::state::container::{
    engine::{Metadata, POD_NAME, POD_NAMESPACE, POD_UID, Texts},
    runtime::{self, Found, Id},
    spec::{Pod, Spec},
};

/// What containerd's plugin for Kubernetes calls things.
const CONTAINERD: Words = Words {
    kind: "io.kubernetes.cri.container-type",
    name: "io.kubernetes.cri.container-name",
    image: "io.kubernetes.cri.image-name",
    sandbox: "io.kubernetes.cri.sandbox-id",
    pod: [
        (POD_NAME, "io.kubernetes.cri.sandbox-name"),
        (POD_NAMESPACE, "io.kubernetes.cri.sandbox-namespace"),
        (POD_UID, "io.kubernetes.cri.sandbox-uid"),
    ],
};

/// What CRI-O calls them: it passes kubelet's labels on as annotations.
const CRIO: Words = Words {
    kind: "io.kubernetes.cri-o.ContainerType",
    name: "io.kubernetes.container.name",
    image: "io.kubernetes.cri-o.ImageName",
    sandbox: "io.kubernetes.cri-o.SandboxID",
    pod: [(POD_NAME, POD_NAME), (POD_NAMESPACE, POD_NAMESPACE), (POD_UID, POD_UID)],
};

/// The labels of a container in CRI-O, as JSON in a text; and the same of what kubelet noted on it, and of who it is.
const CRIO_LABELS: &str = "io.kubernetes.cri-o.Labels";
const CRIO_ANNOTATIONS: &str = "io.kubernetes.cri-o.Annotations";
const CRIO_METADATA: &str = "io.kubernetes.cri-o.Metadata";
/// The image as the pod names it.
const CRIO_USER_IMAGE: &str = "io.kubernetes.cri-o.UserRequestedImage";
/// What kubelet calls a sandbox.
const SANDBOX_NAME: &str = "POD";
/// The name of a container of nerdctl, and what its own annotations begin with.
const NERDCTL_NAME: &str = "nerdctl/name";

struct Words {
    kind: &'static str,
    name: &'static str,
    image: &'static str,
    sandbox: &'static str,
    /// Labels, and the annotations that have their values.
    pod: [(&'static str, &'static str); 3],
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    annotations: Texts,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attempt {
    attempt: u32,
}

/// What the text of a `config.json` says of a container.
pub(super) fn read(text: &[u8], found: &Found) -> Option<Metadata> {
    let config: Config = serde_json::from_slice(text).ok()?;
    let annotations = config.annotations.0;
    let metadata = [&CONTAINERD, &CRIO].into_iter().find_map(|words| of_pod(words, &annotations));
    let mut metadata =
        metadata.unwrap_or_else(|| Metadata { name: of_tool(&annotations, found), ..Metadata::default() });
    found.id.full().clone_into(&mut metadata.full_id);
    metadata.runtime = found.runtime.name;
    // What has nothing to say leaves it to others.
    (metadata.name.is_some() || metadata.labels.is_some()).then_some(metadata)
}

/// The name that a tool of containerd's gave; its own have ids for names.
fn of_tool(annotations: &BTreeMap<String, String>, found: &Found) -> Option<String> {
    let own = || matches!(found.id, Id::Text(_)).then(|| found.id.full().to_owned());
    annotations.get(NERDCTL_NAME).filter(|name| !name.is_empty()).cloned().or_else(own)
}

fn of_pod(words: &Words, annotations: &BTreeMap<String, String>) -> Option<Metadata> {
    let text = |name: &str| annotations.get(name).filter(|text| !text.is_empty()).cloned();
    let is_sandbox = text(words.kind)? == "sandbox";
    let json = |name: &str| {
        let texts = annotations.get(name).and_then(|json| serde_json::from_str::<Texts>(json).ok());
        texts.map(|texts| texts.0).unwrap_or_default()
    };
    let mut labels = json(CRIO_LABELS);
    let pod_labels = if is_sandbox { labels.clone() } else { BTreeMap::new() };
    for (label, annotation) in words.pod {
        if let Some(value) = text(annotation) {
            labels.entry(label.to_owned()).or_insert(value);
        }
    }
    let pod_annotations = if is_sandbox { json(CRIO_ANNOTATIONS) } else { BTreeMap::new() };
    let attempt = annotations.get(CRIO_METADATA).and_then(|json| serde_json::from_str::<Attempt>(json).ok());
    let pod = Pod {
        labels: pod_labels,
        annotations: pod_annotations,
        restarts: attempt.filter(|_| !is_sandbox).map(|attempt| attempt.attempt),
        is_sandbox,
    };
    let name = if is_sandbox { Some(SANDBOX_NAME.to_owned()) } else { text(words.name) };
    if let Some(name) = name.as_ref().filter(|_| !is_sandbox) {
        labels.entry("io.kubernetes.container.name".to_owned()).or_insert_with(|| name.clone());
    }
    let image = text(CRIO_USER_IMAGE).or_else(|| text(words.image)).filter(|image| !image.starts_with("sha256:"));
    let sandbox_id = text(words.sandbox).filter(|id| runtime::is_full_id(id));
    Some(Metadata {
        name,
        image: image.filter(|_| !is_sandbox),
        labels: Some(labels),
        spec: Some(Spec { sandbox_id, pod, ..Spec::default() }),
        ..Metadata::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::container::runtime::recognise;

    const ID: &str = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";

    fn read_as(path: &str, annotations: &serde_json::Value) -> Option<Metadata> {
        let found = recognise(&path.replace("{ID}", ID)).unwrap();
        read(serde_json::json!({"ociVersion": "1.0", "annotations": annotations}).to_string().as_bytes(), &found)
    }

    #[test]
    fn a_container_of_containerds_cri_says_its_pod() {
        let sandbox = ID.replace('a', "9");
        let found = read_as(
            "/kubepods.slice/cri-containerd-{ID}.scope",
            &serde_json::json!({
                "io.kubernetes.cri.container-name": "nginx", "io.kubernetes.cri.container-type": "container",
                "io.kubernetes.cri.image-name": "docker.io/library/nginx:1", "io.kubernetes.cri.sandbox-id": sandbox,
                "io.kubernetes.cri.sandbox-name": "web-0", "io.kubernetes.cri.sandbox-namespace": "prod"
            }),
        )
        .unwrap();
        assert_eq!((found.name.as_deref(), found.runtime), (Some("nginx"), "containerd"));
        assert_eq!(found.image.as_deref(), Some("docker.io/library/nginx:1"));
        let labels = found.labels.unwrap();
        assert_eq!(labels["io.kubernetes.pod.name"], "web-0");
        assert_eq!(labels["io.kubernetes.pod.namespace"], "prod");
        let spec = found.spec.unwrap();
        assert_eq!((spec.sandbox_id, spec.pod.is_sandbox), (Some(sandbox), false));
    }

    /// In the shape that CRI-O 1.30 writes, which could not be run here.
    #[test]
    fn a_container_of_cri_o_says_its_pod_and_its_restarts() {
        let found = read_as(
            "/kubepods.slice/crio-{ID}.scope",
            &serde_json::json!({
                "io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.container.name": "nginx",
                "io.kubernetes.cri-o.Metadata": r#"{"name":"nginx","attempt":3}"#,
                "io.kubernetes.cri-o.Labels": r#"{"io.kubernetes.container.name":"nginx","io.kubernetes.pod.uid":"u-1"}"#,
                "io.kubernetes.cri-o.Annotations": r#"{"io.kubernetes.container.hash":"77"}"#,
                "io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "prod",
                "io.kubernetes.cri-o.SandboxID": ID, "io.kubernetes.cri-o.ImageName": "quay.io/web:2"
            }),
        )
        .unwrap();
        assert_eq!((found.name.as_deref(), found.image.as_deref()), (Some("nginx"), Some("quay.io/web:2")));
        assert_eq!(found.labels.unwrap()["io.kubernetes.pod.uid"], "u-1");
        let pod = found.spec.unwrap().pod;
        assert_eq!((pod.restarts, pod.annotations.len()), (Some(3), 0));
    }

    #[test]
    fn a_sandbox_has_a_name_and_the_labels_of_its_pod() {
        let found = read_as(
            "/kubepods.slice/crio-{ID}.scope",
            &serde_json::json!({
                "io.kubernetes.cri-o.ContainerType": "sandbox", "io.kubernetes.pod.name": "web-0",
                "io.kubernetes.cri-o.Labels": r#"{"app":"web"}"#, "io.kubernetes.cri-o.Annotations": r#"{"note":"x"}"#
            }),
        )
        .unwrap();
        let pod = found.spec.unwrap().pod;
        assert_eq!((found.name.as_deref(), pod.is_sandbox), (Some("POD"), true));
        assert_eq!((pod.labels["app"].as_str(), pod.annotations["note"].as_str()), ("web", "x"));
    }

    #[test]
    fn containers_of_containerds_own_tools_have_a_name() {
        let name =
            |path: &str, annotations: serde_json::Value| read_as(path, &annotations).and_then(|found| found.name);
        assert_eq!(name("/default/web", serde_json::json!({})).as_deref(), Some("web"));
        assert_eq!(name("/default/web", serde_json::json!(7)).as_deref(), Some("web"));
        let nerdctl = serde_json::json!({"nerdctl/name": "web-1", "nerdctl/namespace": "default"});
        assert_eq!(name("/system.slice/nerdctl-{ID}.scope", nerdctl).as_deref(), Some("web-1"));
        assert_eq!(name("/system.slice/nerdctl-{ID}.scope", serde_json::json!({})), None);
    }
}
