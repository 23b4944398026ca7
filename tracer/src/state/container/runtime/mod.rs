//! Which runtime and container a cgroup belongs to, from its path alone.
//!
//! One file per runtime, each with a row; [`RUNTIMES`] is the list. A path is read from the root down, and the last folder
//! that a row recognises decides: other folders in a container, such as systemd's slices, belong to it, and a container in a
//! container (Docker in Docker, the nodes of kind) is one of its own, with the others around it.

mod bpm;
mod containerd;
mod cri;
mod crio;
mod docker;
mod foreign;
mod kube;
mod libvirt;
mod lxc;
mod lxd;
mod mesos;
mod nspawn;
mod podman;

use super::{Owner, engine::Api, unit::Place, written::Form};

/// What a runtime is called of which it is known only that it speaks CRI.
pub const ANY_CRI: &str = "cri";

pub use kube::PodPlace;

/// How many digits of an id are shown.
const SHORT: usize = 12;
/// How many digits an id has.
const FULL: usize = 64;

/// A runtime: how its containers are recognised, and how its engine is asked about them.
#[derive(Debug)]
pub struct Runtime {
    /// `container.type`.
    pub name: &'static str,
    /// Its number in capture files; `None` where the format has none.
    pub number: Option<u16>,
    /// The container that a folder stands for, if it does.
    pub recognise: fn(&Folder<'_>) -> Option<Id>,
    /// How it writes down what it starts: each is tried.
    pub written: &'static [Form],
    /// How its own engine is asked, and where that listens; `None` if it has none.
    pub engine: Option<Service>,
    /// Whether engines of other rows know its containers, by their names.
    pub known_by_name: bool,
}

/// The engine of a runtime.
#[derive(Debug)]
pub struct Service {
    /// How it is asked.
    pub api: Api,
    /// Its usual sockets, relative to the root of the host.
    pub sockets: &'static [&'static str],
    /// The same of an engine that a user runs, relative to `/run/user/UID`.
    pub user_sockets: &'static [&'static str],
}

impl Runtime {
    const fn new(name: &'static str, recognise: fn(&Folder<'_>) -> Option<Id>) -> Self {
        Self { name, number: None, recognise, written: &[], engine: None, known_by_name: false }
    }

    const fn number(mut self, number: u16) -> Self {
        self.number = Some(number);
        self
    }

    const fn written(mut self, forms: &'static [Form]) -> Self {
        self.written = forms;
        self
    }

    const fn engine(
        mut self,
        api: Api,
        sockets: &'static [&'static str],
        user_sockets: &'static [&'static str],
    ) -> Self {
        self.engine = Some(Service { api, sockets, user_sockets });
        self
    }

    const fn known_by_name(mut self) -> Self {
        self.known_by_name = true;
        self
    }

    /// Whether anything is known of its containers but what their cgroups say.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.engine.is_some() || self.known_by_name || !self.written.is_empty()
    }

    /// The runtime of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        RUNTIMES.into_iter().find(|runtime| runtime.name == name)
    }

    /// The runtime that has that number in captures.
    #[must_use]
    pub fn by_number(number: u64) -> Option<&'static Self> {
        RUNTIMES.into_iter().find(|runtime| runtime.number.is_some_and(|own| u64::from(own) == number))
    }

    /// Those whose engines can be asked, with how.
    pub fn with_engine() -> impl Iterator<Item = (&'static Self, &'static Service)> {
        RUNTIMES.into_iter().filter_map(|runtime| Some((runtime, runtime.engine.as_ref()?)))
    }
}

/// All runtimes: to add one takes a file with a row, and its place here. Of several that recognise a folder the first is taken.
pub static RUNTIMES: [&Runtime; 15] = [
    &podman::RUNTIME,
    &cri::RUNTIME,
    &crio::RUNTIME,
    &containerd::RUNTIME,
    &docker::RUNTIME,
    &libvirt::RUNTIME,
    &lxc::RUNTIME,
    &lxd::LXD,
    &lxd::INCUS,
    &nspawn::RUNTIME,
    &bpm::RUNTIME,
    &mesos::RUNTIME,
    &foreign::RKT,
    &foreign::CUSTOM,
    &foreign::STATIC,
];

/// A folder of a cgroup path, and where it stands.
#[derive(Debug)]
pub struct Folder<'a> {
    /// Its name.
    pub name: &'a str,
    /// The folders above it, the root's child first.
    pub above: &'a [&'a str],
}

impl Folder<'_> {
    /// The folder that it is in; empty for a child of the root.
    #[must_use]
    pub fn parent(&self) -> &str {
        self.above.last().copied().unwrap_or_default()
    }
}

/// What a runtime calls a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id {
    /// 64 hexadecimal digits.
    Digits(String),
    /// Any text that is an id, and not what people call it.
    Text(String),
    /// A name: the runtime has no ids.
    Name(String),
}

impl Id {
    /// The id of a folder whose name is `prefix`, 64 digits, and one of `suffixes`.
    fn digits(name: &str, prefix: &str, suffixes: &[&str]) -> Option<Self> {
        let (id, rest) = name.strip_prefix(prefix)?.split_at_checked(FULL)?;
        let hexadecimal = id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (hexadecimal && suffixes.contains(&rest)).then(|| Self::Digits(id.to_owned()))
    }

    /// A name that is not empty, with systemd's escapes (`\x2d`) undone.
    fn name(escaped: &str) -> Option<Self> {
        (!escaped.is_empty()).then(|| Self::Name(unescape(escaped)))
    }

    /// The whole id.
    #[must_use]
    pub fn full(&self) -> &str {
        let (Self::Digits(id) | Self::Text(id) | Self::Name(id)) = self;
        id
    }

    /// What is shown: the first twelve digits, or the name.
    #[must_use]
    pub fn short(&self) -> &str {
        match self {
            Self::Digits(id) | Self::Text(id) => id.char_indices().nth(SHORT).map_or(id, |(end, _)| &id[..end]),
            Self::Name(name) => name,
        }
    }
}

/// A container that a path belongs to.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its runtime.
    pub runtime: &'static Runtime,
    /// Its id.
    pub id: Id,
    /// Where the runtime must have a folder for it (`namespace/id`); `None` when the path leaves no doubt.
    pub bundle: Option<String>,
    /// The containers that it is in, as they are shown, the nearest first.
    pub around: Vec<String>,
    /// The folder that its own is in.
    pub parent: String,
    /// Its own folder, from the root of the hierarchy.
    pub path: String,
    /// The pod of Kubernetes that it is in.
    pub pod: Option<PodPlace>,
    /// The unit of systemd that it is in.
    pub unit: Option<String>,
}

impl Found {
    /// Two containers with the same text are the same one. `owner` is whose word the id is: that of a user, and that of a
    /// container in which another one is, is not the machine's, although both may say the same.
    #[must_use]
    pub fn identity(&self, owner: Owner) -> String {
        identity(&self.claimed(), owner, &self.around)
    }

    /// What its runtime finds it by: its id, which of containerd may be any text in a namespace.
    #[must_use]
    pub fn key(&self) -> &str {
        self.bundle.as_deref().unwrap_or(self.id.full())
    }

    /// What it claims to be, whoever made it: in each container there may be one of that name.
    #[must_use]
    pub fn claimed(&self) -> String {
        match &self.id {
            Id::Digits(id) => id.clone(),
            Id::Text(_) | Id::Name(_) => named(self.runtime.name, self.key()),
        }
    }
}

/// What a container without digits claims to be.
#[must_use]
pub fn named(runtime: &str, key: &str) -> String {
    format!("{runtime}:{key}")
}

/// The identity of a container whose id is of digits; of one of the machine, it is the id.
#[must_use]
pub fn identity(id: &str, owner: Owner, around: &[String]) -> String {
    match (owner, around) {
        (Owner::Machine, []) => id.to_owned(),
        (Owner::Machine, around) => format!("{id} in {}", around.join(" ")),
        (owner, around) => format!("{id} by {owner} in {}", around.join(" ")),
    }
}

/// The container that a path of a cgroup hierarchy belongs to, the innermost one; `None` for the host's own cgroups.
#[must_use]
pub fn recognise(path: &str) -> Option<Found> {
    let folders: Vec<&str> = path.split('/').filter(|folder| !folder.is_empty() && *folder != "..").collect();
    let mut innermost: Option<Found> = None;
    for (depth, name) in folders.iter().enumerate() {
        let folder = Folder { name, above: &folders[..depth] };
        let found = RUNTIMES.iter().find_map(|runtime| Some((*runtime, (runtime.recognise)(&folder)?)));
        let Some((runtime, id)) = found else { continue };
        let mut around = Vec::new();
        if let Some(outer) = innermost {
            // Some have several folders with their id.
            if outer.id == id {
                innermost = Some(outer);
                continue;
            }
            around = [vec![outer.id.short().to_owned()], outer.around].concat();
        }
        let parent = format!("/{}", folders[..depth].join("/"));
        let path = format!("/{}", folders[..=depth].join("/"));
        let unit = Place::of_folders(folders[..=depth].iter().copied()).unit.map(str::to_owned);
        let pod = kube::pod_of(&folders[..=depth]);
        innermost = Some(Found { runtime, id, bundle: None, around, parent, path, pod, unit });
    }
    innermost.or_else(|| containerd::by_namespace(&folders))
}

/// The path of a pod's folder, from that of a container in it.
#[must_use]
pub fn pod_folder(path: &str, pod: &PodPlace) -> Option<String> {
    let folders: Vec<&str> = path.split('/').filter(|folder| !folder.is_empty()).collect();
    let is_it = |depth: &usize| kube::pod_of(&folders[..*depth]).is_some_and(|found| found.uid == pod.uid);
    (1..=folders.len()).find(is_it).map(|depth| format!("/{}", folders[..depth].join("/")))
}

/// The digits of an id that an engine names, as [`recognise`] finds them.
#[must_use]
pub fn is_full_id(id: &str) -> bool {
    Id::digits(id, "", &[""]).is_some()
}

/// Undoes the escapes of systemd's unit names. Source: systemd.unit(5), "String escaping for inclusion in unit names".
pub(super) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after
            .strip_prefix(b"x")
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits.get(..2)?).ok()?, 16).ok());
        if let Some(byte) = escaped {
            bytes.push(byte);
            rest = &after[3..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 64 digits that start with `abcdef012345`.
    const H: &str = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";
    const OTHER: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

    fn found(path: &str) -> Option<(&'static str, String)> {
        let path = path.replace("{H}", H).replace("{O}", OTHER);
        recognise(&path).map(|found| (found.runtime.name, found.id.short().to_owned()))
    }

    #[test]
    fn ids_of_digits_are_found_in_every_layout() {
        for (path, runtime) in [
            ("/docker/{H}", "docker"),
            ("/{H}", "docker"),
            ("/docker.slice/docker-{H}.scope", "docker"),
            ("/system.slice/docker-{H}.scope", "docker"),
            ("/actions_job/{H}", "docker"),
            ("/ecs/0a1b2c3d/{H}", "docker"),
            ("/kubepods/besteffort/pod01/docker-{H}.scope", "docker"),
            ("/system.slice/libpod-{H}", "podman"),
            ("/machine.slice/libpod-{H}.scope", "podman"),
            ("/machine.slice/libpod-{H}.scope/container", "podman"),
            ("/user.slice/user-1000.slice/user@1000.service/libpod-{H}", "podman"),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/podman-813.scope/{H}", "podman"),
            ("/system.slice/x.service/libpod-payload-{H}", "podman"),
            ("/system.slice/x.service/libpod-payload-{H}.scope", "podman"),
            ("/kubepods/besteffort/pod0f90f31c-ebb3-4b34-9e8d/{H}", "cri"),
            ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f.slice/{H}", "cri"),
            ("/kubepods-burstable-pod0f.slice:cri-containerd:{H}", "containerd"),
            ("/system.slice/containerd.service/kubepods-burstable-pod0f.slice:cri-containerd:{H}", "containerd"),
            ("/kubepods.slice/kubepods-pod0f.slice/cri-containerd-{H}.scope", "containerd"),
            ("/system.slice/nerdctl-{H}.scope", "containerd"),
            ("/kubepods.slice/kubepods-pod0f.slice/crio-{H}.scope", "cri-o"),
            ("/kubepods/burstable/pod0f/crio-{H}", "cri-o"),
        ] {
            assert_eq!(found(path), Some((runtime, "abcdef012345".to_owned())), "{path}");
        }
    }

    #[test]
    fn names_are_found_where_runtimes_have_no_ids() {
        for (path, runtime, name) in [
            ("/lxc/web", "lxc", "web"),
            ("/lxc.payload/web", "lxc", "web"),
            ("/lxc.payload.web", "lxc", "web"),
            ("/lxc.payload.web/system.slice/cron.service", "lxc", "web"),
            ("/machine/web.libvirt-lxc", "libvirt-lxc", "web"),
            (r"/machine.slice/machine-lxc\x2dmy\x2dweb.scope/libvirt", "libvirt-lxc", "my-web"),
            ("/libvirt/lxc/web", "libvirt-lxc", "web"),
            (r"/machine.slice/machine-my\x2dweb.scope/payload", "systemd-nspawn", "my-web"),
            ("/machine.slice/systemd-nspawn@web.service/payload/init.scope", "systemd-nspawn", "web"),
            ("/garden/bpm-cloud_controller", "bpm", "cloud_controller"),
            ("/system.slice/bpm-router.scope", "bpm", "router"),
            ("/mesos/24e5f5e4-8a3a-4c2e-a0d7-1a2b3c4d5e6f", "mesos", "24e5f5e4-8a3a-4c2e-a0d7-1a2b3c4d5e6f"),
        ] {
            assert_eq!(found(path), Some((runtime, name.to_owned())), "{path}");
        }
    }

    #[test]
    fn containerd_has_ids_of_any_text_to_be_confirmed() {
        assert_eq!(found("/default/test_container"), Some(("containerd", "test_contain".into())));
        assert_eq!(found("/my.namespace/container.name"), Some(("containerd", "container.na".into())));
        let bundle = |path: &str| recognise(path).and_then(|found| found.bundle);
        assert_eq!(bundle("/default/test_container").as_deref(), Some("default/test_container"));
        assert_eq!(bundle(&format!("/docker/{H}")), None);
    }

    #[test]
    fn cgroups_of_the_host_are_no_containers() {
        for path in [
            "",
            "/",
            "/init.scope",
            "/user.slice/user-1000.slice/user@1000.service/init.scope",
            "/system.slice/docker.service",
            "/system.slice/dev-hugepages.mount",
            "/default/x.service",
            "/ns/.scope",
            "/docker",
            "/docker/{H}0",
            "/docker-{H}.service",
            "/docker/zbcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
            "/machine.slice/libpod-conmon-{H}.scope",
            "/kubepods.slice/crio-conmon-{H}.scope",
            "/lxc.monitor.web",
            "/lxc.pivot",
            r"/machine.slice/machine-qemu\x2d1\x2dvm.scope/emulator",
            "/kubepods/besteffort/pod0f90f31c-ebb3-4b34-9e8d",
            "/libpod_parent/conmon",
        ] {
            let confirmed = found(path).filter(|_| recognise(path).is_some_and(|found| found.bundle.is_none()));
            assert_eq!(confirmed, None, "{path}");
        }
    }

    #[test]
    fn what_is_inside_a_container_belongs_to_it() {
        for path in [
            "/docker/{H}/init.scope",
            "/docker/{H}/system.slice/nginx.service",
            "/docker/{H}/machine.slice/libpod-conmon-{O}.scope",
            "/docker/{H}/docker",
            "/docker/{H}/default/text",
            "/../../docker/{H}",
        ] {
            assert_eq!(found(path), Some(("docker", "abcdef012345".to_owned())), "{path}");
        }
    }

    #[test]
    fn a_container_in_a_container_is_one_of_its_own() {
        let third = "1".repeat(FULL);
        for (path, runtime, id, around) in [
            ("/docker/{H}/docker/{O}", "docker", "000000000000", &["abcdef012345"][..]),
            ("/docker/{H}/docker/{O}/init.scope", "docker", "000000000000", &["abcdef012345"]),
            ("/docker/{H}/kubepods/besteffort/pod01/{O}", "cri", "000000000000", &["abcdef012345"]),
            (
                "/system.slice/docker-{H}.scope/kubelet.slice/kubelet-kubepods.slice/cri-containerd-{O}.scope/x",
                "containerd",
                "000000000000",
                &["abcdef012345"],
            ),
            ("/docker/{H}/docker/{O}/docker/{T}", "docker", "111111111111", &["000000000000", "abcdef012345"]),
            ("/lxc.payload.web/docker/{H}", "docker", "abcdef012345", &["web"]),
            ("/docker/{H}/lxc.payload.web", "lxc", "web", &["abcdef012345"]),
            ("/machine.slice/libpod-{H}.scope/libpod-payload-{H}", "podman", "abcdef012345", &[]),
        ] {
            let found = recognise(&path.replace("{H}", H).replace("{O}", OTHER).replace("{T}", &third)).unwrap();
            assert_eq!((found.runtime.name, found.id.short()), (runtime, id), "{path}");
            assert_eq!(found.around, around, "{path}");
        }
        let identity =
            |path: &str, owner| recognise(&path.replace("{H}", H).replace("{O}", OTHER)).unwrap().identity(owner);
        let machine = |path| identity(path, Owner::Machine);
        assert_ne!(machine("/docker/{H}/lxc.payload.web"), machine("/docker/{O}/lxc.payload.web"));
        // Who is root in a container can give a folder the name of any other container.
        assert_eq!(machine("/docker/{O}"), OTHER);
        assert_ne!(machine("/docker/{H}/docker/{O}"), OTHER);
        assert_ne!(identity("/docker/{O}", Owner::User(7)), OTHER);
        assert_ne!(identity("/docker/{O}", Owner::User(7)), identity("/docker/{O}", Owner::User(8)));
    }

    #[test]
    fn names_of_runtimes_are_distinct() {
        let mut names: Vec<_> = RUNTIMES.iter().map(|runtime| runtime.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RUNTIMES.len());
    }

    #[test]
    fn the_numbers_are_those_of_the_capture_format() {
        // Source: falcosecurity/libs, `sinsp_container_type`.
        let all = [
            "docker",
            "lxc",
            "libvirt-lxc",
            "mesos",
            "rkt",
            "custom",
            "cri",
            "containerd",
            "cri-o",
            "bpm",
            "static",
            "podman",
        ];
        for (number, name) in (0..).zip(all) {
            assert_eq!(Runtime::by_number(number).map(|runtime| runtime.name), Some(name), "{number}");
        }
        assert_eq!(RUNTIMES.iter().filter(|runtime| runtime.number.is_some()).count(), all.len());
    }

    #[test]
    fn the_page_about_containers_has_all_sockets_and_engines() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/containers.md"));
        for (runtime, service) in Runtime::with_engine() {
            assert!(page.contains(&format!("`{}`", runtime.name)), "{} is missing", runtime.name);
            let of_users = service.user_sockets.iter().map(|socket| format!("run/user/UID/{socket}"));
            for socket in service.sockets.iter().map(|socket| (*socket).to_owned()).chain(of_users) {
                assert!(page.contains(&format!("`/{socket}`")), "/{socket} is missing");
            }
        }
    }

    #[test]
    fn systemd_escapes_are_undone_and_broken_ones_kept() {
        assert_eq!(unescape(r"a\x2db\x"), r"a-b\x");
        assert_eq!(unescape(r"\xzz\x41"), r"\xzzA");
    }
}
