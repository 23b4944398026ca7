//! LXC's own file of a container. Source: lxc.container.conf(5); lxc, templates/lxc-download.in, for what a template notes.

use std::path::Path;

use super::{MAX_FILE, file, is_file_name};
use crate::state::container::{
    engine::Metadata,
    spec::{Mount, Spec},
};

/// Where LXC keeps its containers unless it is told otherwise.
const CONTAINERS: &str = "var/lib/lxc";
/// `container.type` of its containers.
const LXC: &str = "lxc";
/// Where the comment has the options of the template that made a container.
const PARAMETERS: &str = "# Parameters passed to the template:";
/// Files that LXC itself brings: they map no users.
const OWN_INCLUDES: &str = "/usr/share/lxc/config/";
/// The most mounts.
const MAX_MOUNTS: usize = 512;

/// What LXC has written about the container of that name.
pub(super) fn read(host_root: &Path, name: &str) -> Option<Metadata> {
    let text = is_file_name(name).then(|| file(&host_root.join(CONTAINERS).join(name).join("config")))??;
    let text = String::from_utf8_lossy(&text[..text.len().min(MAX_FILE as usize)]);
    let values = |key: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let of_key = lines.filter(move |(name, _)| name.trim() == key).map(|(_, value)| value.trim());
        of_key.filter(|value| !value.is_empty()).collect::<Vec<_>>()
    };
    // The path may have the kind of storage before it, as in `dir:/srv/web`.
    let root = values("lxc.rootfs.path").pop().map(|path| path.split_once(':').map_or(path, |(_, path)| path));
    let root =
        root.map(|path| Mount { source: path.to_owned(), dest: "/".to_owned(), is_writable: true, ..Mount::default() });
    let entries = values("lxc.mount.entry").into_iter().filter_map(entry);
    let mounts: Vec<Mount> = root.into_iter().chain(entries).take(MAX_MOUNTS).collect();
    let includes_others = values("lxc.include").iter().any(|path| !path.starts_with(OWN_INCLUDES));
    let privileged = match (values("lxc.idmap").is_empty(), includes_others) {
        (false, _) => Some(false),
        // Users may be mapped there.
        (true, true) => None,
        (true, false) => Some(true),
    };
    Some(Metadata {
        full_id: name.to_owned(),
        runtime: LXC,
        image: text.lines().find_map(|line| image(line.strip_prefix(PARAMETERS)?)),
        privileged,
        spec: Some(Spec { mounts, ..Spec::default() }),
        ..Metadata::default()
    })
}

/// A line of fstab(5), in which the target is relative to the root of the container.
fn entry(line: &str) -> Option<Mount> {
    let mut words = line.split_ascii_whitespace();
    let (source, dest, _kind, mode) = (words.next()?, words.next()?, words.next()?, words.next().unwrap_or_default());
    Some(Mount {
        source: source.to_owned(),
        dest: format!("/{}", dest.trim_start_matches('/')),
        mode: mode.to_owned(),
        is_writable: !mode.split(',').any(|option| option == "ro"),
        propagation: String::new(),
    })
}

/// The distribution and its release, which is all that tells of an image.
fn image(parameters: &str) -> Option<String> {
    let after = |names: [&str; 2]| {
        let mut words = parameters.split_ascii_whitespace();
        words.find(|word| names.contains(word))?;
        words.next()
    };
    Some(format!("{}/{}", after(["--dist", "-d"])?, after(["--release", "-r"])?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_container_of_lxc_is_described_by_its_configuration() {
        let root = std::env::temp_dir().join(format!("tracer-lxc-files-{}", std::process::id()));
        let folder = root.join(CONTAINERS).join("web");
        fs::create_dir_all(&folder).unwrap();
        let text = "# Template used to create this container: /usr/share/lxc/templates/lxc-download\n\
            # Parameters passed to the template: --dist debian --release bookworm --arch amd64\n\
            lxc.include = /usr/share/lxc/config/debian.common.conf\nlxc.uts.name = web\n\
            lxc.rootfs.path = dir:/var/lib/lxc/web/rootfs\nlxc.mount.entry = /srv srv none bind,ro 0 0\n";
        let read = |text: &str| {
            fs::write(folder.join("config"), text).unwrap();
            read(&root, "web").unwrap()
        };
        let said = read(text);
        assert_eq!((said.image.as_deref(), said.privileged), (Some("debian/bookworm"), Some(true)));
        let mounts: Vec<_> = said.spec.unwrap().mounts.iter().map(ToString::to_string).collect();
        assert_eq!(mounts, ["/var/lib/lxc/web/rootfs:/::true:", "/srv:/srv:bind,ro:false:"]);
        assert_eq!(read(&format!("{text}lxc.idmap = u 0 100000 65536\n")).privileged, Some(false));
        assert_eq!(read(&format!("{text}lxc.include = /etc/lxc/more.conf\n")).privileged, None);
        let said = read("");
        assert_eq!((said.image, said.spec.map(|spec| spec.mounts.len())), (None, Some(0)));
        for name in ["..", ".", "", "a/b", "../lxc/web"] {
            assert_eq!(super::read(&root, name), None, "{name}");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
