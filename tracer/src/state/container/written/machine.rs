//! What systemd-machined writes about a machine that was registered with it. Source: systemd, src/machine/machine.c: `machine_save`.

use std::{collections::BTreeMap, path::Path};

use super::{file, is_file_name};
use crate::state::container::{
    engine::Metadata,
    runtime::unescape,
    spec::{Mount, Spec},
};

/// Where machined has a file for each.
const MACHINES: &str = "run/systemd/machines";
/// `container.type` of those that are containers, unless another runtime has registered them.
const NSPAWN: &str = "systemd-nspawn";
/// What becomes a label: the key in the file, and the name of the label.
const LABELS: [(&str, &str); 2] = [("CLASS", "machine.class"), ("SERVICE", "machine.service")];

/// What machined says of the machine of that name; `None` if it does not know it.
fn values(host_root: &Path, name: &str) -> Option<BTreeMap<String, String>> {
    let text = is_file_name(name).then(|| file(&host_root.join(MACHINES).join(name)))??;
    let text = String::from_utf8_lossy(&text);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Some(pairs.map(|(key, value)| (key.to_owned(), unescape(value))).filter(|(_, value)| !value.is_empty()).collect())
}

/// Whether it is a virtual machine, whose cgroup is named as that of a container is.
pub(super) fn is_virtual(host_root: &Path, name: &str) -> bool {
    values(host_root, name).is_some_and(|values| values.get("CLASS").is_some_and(|class| class == "vm"))
}

/// What machined has written about the container of that name.
pub(super) fn read(host_root: &Path, name: &str) -> Option<Metadata> {
    let mut values = values(host_root, name)?;
    let root = values.remove("ROOT").map(|source| Mount {
        source,
        dest: "/".to_owned(),
        is_writable: true,
        ..Mount::default()
    });
    let labels = LABELS.into_iter().filter_map(|(key, label)| Some((label.to_owned(), values.remove(key)?)));
    Some(Metadata {
        full_id: name.to_owned(),
        runtime: NSPAWN,
        labels: Some(labels.collect()),
        spec: Some(Spec { mounts: root.into_iter().collect(), ..Spec::default() }),
        ..Metadata::default()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn machined_says_what_is_a_container_and_where_its_root_is() {
        let root = std::env::temp_dir().join(format!("tracer-machines-{}", std::process::id()));
        fs::create_dir_all(root.join(MACHINES)).unwrap();
        let write = |name: &str, class: &str| {
            let text = format!(
                "# This is private data. Do not parse.\nNAME={name}\nSCOPE=machine-{name}.scope\nSERVICE=systemd-nspawn\n\
                 ROOT=/var/lib/machines/my\\x20{name}\nID=77\nLEADER=4711\nCLASS={class}\nNETIF=\n"
            );
            fs::write(root.join(MACHINES).join(name), text).unwrap();
        };
        write("web", "container");
        write("box", "vm");
        let said = read(&root, "web").unwrap();
        let labels: Vec<_> = said.labels.iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(labels, ["machine.class=container", "machine.service=systemd-nspawn"]);
        assert_eq!(said.spec.unwrap().mounts[0].to_string(), "/var/lib/machines/my web:/::true:");
        assert_eq!(
            ["web", "box", "none", "..", "a/b"].map(|name| is_virtual(&root, name)),
            [false, true, false, false, false]
        );
        assert_eq!(read(&root, "none"), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
