//! The cgroups of Kubernetes: a folder for each pod, below one for its class of service.
//!
//! `kubepods-burstable-podUID.slice` under systemd, with `_` for `-` in the uid, and `/kubepods/burstable/podUID` with the
//! cgroupfs driver; guaranteed pods are in neither class. kind has `kubelet-` in front. Of a static pod, the uid is the hash of its
//! configuration. Source: kubernetes, pkg/kubelet/cm/pod_container_manager_linux.go.

/// A pod, as its cgroup tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodPlace {
    /// Its unique id.
    pub uid: String,
    /// Its class of service.
    pub qos: &'static str,
}

/// The classes whose folders have a name.
const CLASSES: [(&str, &str); 2] = [("besteffort", "BestEffort"), ("burstable", "Burstable")];
/// The class of the others.
const GUARANTEED: &str = "Guaranteed";

/// The pod whose folder is among these, the root's child first; the innermost one.
#[must_use]
pub fn pod_of(folders: &[&str]) -> Option<PodPlace> {
    let (depth, uid) = folders.iter().enumerate().rev().find_map(|(depth, name)| {
        let above = &folders[..depth];
        Some((depth, by_systemd(name).or_else(|| by_folder(name, above))?))
    })?;
    let last = folders[depth];
    // With the cgroupfs driver the class is the folder above; under systemd it is in the name, too.
    let parent = depth.checked_sub(1).map_or("", |above| folders[above]);
    let is_of = |class: &str| parent == class || last.contains(&format!("-{class}-"));
    let class = CLASSES.iter().find(|(name, _)| is_of(name));
    Some(PodPlace { uid, qos: class.map_or(GUARANTEED, |(_, class)| class) })
}

fn by_systemd(name: &str) -> Option<String> {
    let (slice, _) = name.split_once(".slice")?;
    let (front, uid) = slice.rsplit_once("-pod")?;
    let is_kubernetes = front.split('-').any(|word| word == "kubepods");
    (is_kubernetes && is_uid(uid)).then(|| uid.replace('_', "-"))
}

fn by_folder(name: &str, above: &[&str]) -> Option<String> {
    let uid = name.strip_prefix("pod")?;
    let is_kubernetes = above.iter().rev().take(2).any(|folder| *folder == "kubepods");
    (is_kubernetes && is_uid(uid)).then(|| uid.to_owned())
}

fn is_uid(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_and_its_class_are_in_the_path() {
        let uid = "0f90f31c-ebb3-4b34-9e8d-1a2b3c4d5e6f";
        let under = uid.replace('-', "_");
        for (path, qos) in [
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{U}.slice/cri-containerd-1.scope",
                "Burstable",
            ),
            ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{U}.slice/crio-1.scope", "BestEffort"),
            ("/kubepods.slice/kubepods-pod{U}.slice/cri-containerd-1.scope", "Guaranteed"),
            (
                "/system.slice/docker-1.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{U}.slice/x",
                "Burstable",
            ),
            ("/system.slice/containerd.service/kubepods-burstable-pod{U}.slice:cri-containerd:1", "Burstable"),
            ("/kubepods/burstable/pod{D}/1", "Burstable"),
            ("/kubepods/besteffort/pod{D}/1", "BestEffort"),
            ("/kubepods/pod{D}/1", "Guaranteed"),
        ] {
            let path = path.replace("{U}", &under).replace("{D}", uid);
            let folders: Vec<&str> = path.split('/').skip(1).collect();
            assert_eq!(pod_of(&folders), Some(PodPlace { uid: uid.to_owned(), qos }), "{path}");
        }
        for path in ["/machine.slice/machine-libpod_pod_77.slice/x", "/kubepods", "/a/pod77/x", "/kubepods/podium!/x"] {
            assert_eq!(pod_of(&path.split('/').skip(1).collect::<Vec<_>>()), None, "{path}");
        }
    }
}
