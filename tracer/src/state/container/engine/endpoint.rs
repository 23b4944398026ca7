//! Where engines listen.

use std::{
    env, fmt, fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::{
    EngineSocket, Options,
    api::Api,
    http::HttpError,
    trust::{self, Distrust},
};
use crate::message::Shown as _;
use crate::state::container::{
    Owner,
    runtime::{Runtime, Service},
};

/// Port of an engine that DOCKER_HOST names without one, plain and with TLS.
const PORTS: [u16; 2] = [2375, 2376];
/// The most sockets of users that are followed.
const MAX_OF_USERS: usize = 128;

/// Why there is no connection to an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The form of the address is not known.
    #[error("only unix:// and tcp:// are supported")]
    Scheme,
    /// A name that is in no file.
    #[error("the name '{0}' is not in /etc/hosts\nhint: give a numeric address, because tracer makes no DNS queries")]
    Name(String),
    /// What says which engines are believed, or who we are.
    #[error("cannot read '{}': {cause}", .path.shown())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The engine, or the way to it.
    #[error("{0}")]
    Http(#[from] HttpError),
}

/// One way to reach an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A network address, in the form of DOCKER_HOST.
    Tcp {
        /// `host` or `host:port`.
        host: String,
        /// Folder of `ca.pem`, `cert.pem` and `key.pem`; `None` without TLS.
        certificates: Option<PathBuf>,
    },
    /// What DOCKER_HOST says and nobody understands.
    Other(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.shown()),
            Self::Tcp { host, .. } => write!(f, "tcp://{host}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Address {
    /// What DOCKER_HOST means.
    fn parse(text: &str, tls: bool, certificates: PathBuf) -> Self {
        // crictl takes plain paths, too.
        if let Some(path) = text.strip_prefix("unix://").or_else(|| text.starts_with('/').then_some(text)) {
            return Self::Unix(path.into());
        }
        let (host, tls) = match text.split_once("://") {
            Some(("tcp", host)) => (host, tls),
            Some(("http", host)) => (host, false),
            Some(("https", host)) => (host, true),
            _ => return Self::Other(text.to_owned()),
        };
        let host = host.trim_end_matches('/');
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let host = if has_port { host.to_owned() } else { format!("{host}:{}", PORTS[usize::from(tls)]) };
        Self::Tcp { host, certificates: tls.then_some(certificates) }
    }

    fn exists(&self) -> bool {
        match self {
            Self::Unix(path) => path.exists(),
            Self::Tcp { .. } | Self::Other(_) => true,
        }
    }
}

/// An engine, and the ways to reach it, which are tried in order.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// How it is asked.
    pub api: Api,
    /// What it is called in notes as long as no way works.
    pub label: String,
    /// The ways.
    pub addresses: Vec<Address>,
    /// Whether the person asked for it: then it is said, too, when nothing is there.
    pub asked_for: bool,
    /// Whether it is one that a user runs for themselves.
    pub of_user: bool,
    /// Which engine the person says it is; `None` when nothing is said.
    pub runtime: Option<&'static str>,
}

impl Endpoint {
    /// An engine whose sockets are in the usual places, or that a person named.
    #[must_use]
    pub fn new(api: Api, label: impl Into<String>, addresses: Vec<Address>) -> Self {
        Self { api, label: label.into(), addresses, asked_for: false, of_user: false, runtime: None }
    }

    fn of_sockets(api: Api, label: &str, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut addresses: Vec<Address> = Vec::new();
        for address in paths.into_iter().map(Address::Unix) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Self::new(api, label, addresses)
    }

    fn asked_for(api: Api, address: Address) -> Self {
        Self { asked_for: true, ..Self::new(api, address.to_string(), vec![address]) }
    }

    fn of_socket(socket: &EngineSocket, host_root: &Path) -> Option<Self> {
        let api = Runtime::by_name(socket.runtime)?.engine.as_ref()?.api;
        let address = Address::Unix(on_host(&socket.path, host_root));
        Some(Self { runtime: Some(socket.runtime), ..Self::asked_for(api, address) })
    }

    /// Whose containers the engine at that address may name.
    ///
    /// # Errors
    /// It is not to be asked.
    pub fn owner_of(&self, address: &Address, host_root: &Path) -> Result<Owner, Distrust> {
        match address {
            Address::Unix(socket) => trust::of_socket(socket, host_root, self.asked_for),
            // A person has named it.
            Address::Tcp { .. } | Address::Other(_) => Ok(Owner::Machine),
        }
    }

    /// Whether a way to it leads through a network.
    #[must_use]
    pub fn is_in_network(&self) -> bool {
        self.addresses.iter().any(|address| matches!(address, Address::Tcp { .. }))
    }

    /// Whether there is something to try.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.asked_for || self.addresses.iter().any(Address::exists)
    }

    /// Whether the machine's containers may get their names from it.
    #[must_use]
    pub fn is_hope(&self) -> bool {
        !self.of_user && self.exists()
    }

    /// The ways that can be tried now, each once: several paths may lead to one socket.
    #[must_use]
    pub fn existing(&self) -> Vec<&Address> {
        let mut seen = Vec::new();
        let existing = self.addresses.iter().filter(|address| address.exists());
        let distinct = existing.filter(|address| match address {
            Address::Unix(path) => {
                let target = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                let new = !seen.contains(&target);
                seen.push(target);
                new
            }
            Address::Tcp { .. } | Address::Other(_) => true,
        });
        distinct.collect()
    }
}

/// The engines that were asked for, or else all that may be on this machine, and those that variables of the environment name.
#[must_use]
pub fn endpoints(options: &Options) -> Vec<Endpoint> {
    let host_root = options.host_root.as_path();
    if !options.sockets.is_empty() {
        return options.sockets.iter().filter_map(|socket| Endpoint::of_socket(socket, host_root)).collect();
    }
    let mut all: Vec<Endpoint> = Vec::new();
    for (api, text) in &options.named {
        let address = asked_for(text, host_root);
        if !all.iter().any(|named| named.addresses.contains(&address)) {
            all.push(Endpoint::asked_for(*api, address));
        }
    }
    for (_, service) in Runtime::with_engine() {
        for socket in service.sockets {
            let paths = usual(socket, host_root);
            let is_named = |named: &Endpoint| {
                named.asked_for && named.addresses.iter().any(|one| paths.iter().any(|path| same_socket(path, one)))
            };
            if !all.iter().any(is_named) {
                all.push(Endpoint::of_sockets(service.api, &format!("/{socket}"), paths));
            }
        }
    }
    all.extend(of_users(host_root));
    all
}

/// Where a socket may be that is usually at that path: below the host's root first. `/var/run` is an absolute link, which
/// leads out of it: `run` is tried, too. In a container the engine follows that link when it mounts the socket, which then is
/// in the container's own `/run`.
fn usual(socket: &str, host_root: &Path) -> Vec<PathBuf> {
    let in_var = socket.starts_with("run/").then(|| format!("var/{socket}"));
    let places = [host_root, Path::new("/")].into_iter();
    places.flat_map(|root| in_var.iter().map(String::as_str).chain([socket]).map(|path| root.join(path))).collect()
}

/// The engines that users run for themselves.
#[must_use]
pub fn of_users(host_root: &Path) -> Vec<Endpoint> {
    let Ok(users) = fs::read_dir(host_root.join("run/user")) else { return Vec::new() };
    let sockets = |service: &'static Service| service.user_sockets.iter().map(|socket| (service.api, *socket));
    let sockets: Vec<(Api, &str)> = Runtime::with_engine().flat_map(|(_, service)| sockets(service)).collect();
    users
        .flatten()
        .flat_map(|user| sockets.iter().map(move |(api, socket)| (*api, user.path().join(socket))))
        .filter(|(_, socket)| socket.exists())
        .map(|(api, socket)| Endpoint {
            of_user: true,
            ..Endpoint::of_sockets(api, &socket.to_string_lossy(), [socket.clone()])
        })
        .take(MAX_OF_USERS)
        .collect()
}

/// The path, or the same below the host's root if there is something only there.
fn on_host(path: &Path, host_root: &Path) -> PathBuf {
    let on_host = host_root.join(path.strip_prefix("/").unwrap_or(path));
    if !path.exists() && on_host.exists() { on_host } else { path.to_owned() }
}

/// What DOCKER_HOST names.
fn asked_for(text: &str, host_root: &Path) -> Address {
    let tls = env::var_os("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty());
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".docker");
    let certificates = env::var_os("DOCKER_CERT_PATH").map_or_else(home, PathBuf::from);
    match Address::parse(text, tls, certificates) {
        Address::Unix(path) => Address::Unix(on_host(&path, host_root)),
        other => other,
    }
}

fn same_socket(path: &Path, address: &Address) -> bool {
    let Address::Unix(other) = address else { return false };
    path == other || fs::canonicalize(path).is_ok_and(|path| fs::canonicalize(other).is_ok_and(|other| other == path))
}

/// The host in numbers. A static binary must not ask glibc's name service, which loads shared objects; others may.
pub(crate) fn resolve(host: &str) -> Result<String, EndpointError> {
    if !cfg!(target_feature = "crt-static") {
        return Ok(host.to_owned());
    }
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Ok(host.to_owned());
    }
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let address = in_hosts(&hosts, name).ok_or_else(|| EndpointError::Name(name.to_owned()))?;
    Ok(match address {
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    })
}

/// The address of a name in a file of hosts(5).
fn in_hosts(text: &str, name: &str) -> Option<IpAddr> {
    if name == "localhost" {
        return Some(IpAddr::from([127, 0, 0, 1]));
    }
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word == name).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::way::Way, *};

    #[test]
    fn every_form_of_docker_host_is_understood() {
        let parse = |text: &str, tls: bool| Address::parse(text, tls, "/certs".into());
        let tcp =
            |host: &str, tls: bool| Address::Tcp { host: host.into(), certificates: tls.then(|| "/certs".into()) };
        assert_eq!(parse("unix:///run/d.sock", false), Address::Unix("/run/d.sock".into()));
        assert_eq!(parse("tcp://10.0.0.1:2375", false), tcp("10.0.0.1:2375", false));
        assert_eq!(parse("tcp://10.0.0.1", false), tcp("10.0.0.1:2375", false));
        assert_eq!(parse("tcp://build/", true), tcp("build:2376", true));
        assert_eq!(parse("https://build:1", false), tcp("build:1", true));
        assert_eq!(parse("ssh://build", false), Address::Other("ssh://build".into()));
        assert!(matches!(Way::new(&parse("ssh://build", false), Owner::Machine), Err(EndpointError::Scheme)));
    }

    #[test]
    fn certificates_that_cannot_be_read_are_an_error() {
        let address = Address::Tcp { host: "127.0.0.1:1".into(), certificates: Some("/nonexistent".into()) };
        let error = Way::new(&address, Owner::Machine).map(drop).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/ca.pem"), "{error}");
    }

    #[test]
    fn sockets_are_looked_for_on_the_host_first() {
        let all = endpoints(&options(None, &[]));
        let docker = all.iter().find(|endpoint| endpoint.label == "/run/docker.sock").unwrap();
        let paths: Vec<_> = docker.addresses.iter().map(ToString::to_string).collect();
        let expected =
            ["/host/var/run/docker.sock", "/host/run/docker.sock", "/var/run/docker.sock", "/run/docker.sock"];
        assert_eq!(paths, expected);
    }

    fn options(docker_host: Option<&str>, sockets: &[&str]) -> Options {
        let sockets = sockets.iter().map(|text| text.parse().unwrap()).collect();
        let named = docker_host.map(|host| (Api::Docker, host.to_owned())).into_iter().collect();
        Options { host_root: "/host".into(), named, sockets, ..Options::default() }
    }

    #[test]
    fn sockets_that_are_asked_for_take_the_place_of_all_others() {
        let all = endpoints(&options(Some("unix:///x.sock"), &["podman=/nonexistent/b.sock", "docker=/nonexistent/a"]));
        let of = |endpoint: &Endpoint| (endpoint.addresses[0].to_string(), endpoint.runtime, endpoint.asked_for);
        let all: Vec<_> = all.iter().map(of).collect();
        let expected = [("/nonexistent/b.sock", "podman"), ("/nonexistent/a", "docker")];
        assert_eq!(all, expected.map(|(path, runtime)| (path.to_owned(), Some(runtime), true)));
    }

    #[test]
    fn a_socket_that_is_asked_for_may_be_below_the_root_of_the_host() {
        let root = env::temp_dir().join(format!("tracer-host-{}", std::process::id()));
        fs::create_dir_all(root.join("only-there")).unwrap();
        fs::write(root.join("only-there/a.sock"), "").unwrap();
        let options = Options { host_root: root.clone(), ..options(None, &["docker=/only-there/a.sock"]) };
        assert_eq!(endpoints(&options)[0].addresses, [Address::Unix(root.join("only-there/a.sock"))]);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_socket_with_two_paths_is_tried_once() {
        let folder = env::temp_dir().join(format!("tracer-endpoint-{}", std::process::id()));
        fs::create_dir_all(folder.join("run")).unwrap();
        fs::write(folder.join("run/docker.sock"), "").unwrap();
        std::os::unix::fs::symlink("run", folder.join("var")).unwrap();
        let paths = ["run/docker.sock", "var/docker.sock", "none.sock"].map(|path| folder.join(path));
        let endpoint = Endpoint::of_sockets(Api::Docker, "docker", paths.clone());
        assert_eq!(endpoint.existing(), [&Address::Unix(paths[0].clone())]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn names_are_found_in_the_file_of_hosts() {
        let text = "# c\n10.1.2.3 build build.example # x\n::1 six\n";
        assert_eq!(in_hosts(text, "build.example"), Some(IpAddr::from([10, 1, 2, 3])));
        assert_eq!(in_hosts(text, "six"), Some("::1".parse().unwrap()));
        assert_eq!(in_hosts(text, "x"), None);
        assert_eq!(in_hosts(text, "localhost"), Some(IpAddr::from([127, 0, 0, 1])));
    }
}
