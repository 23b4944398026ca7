//! What the files of the kernel say of containers and of the host, read when somebody asks: of cgroups, network interfaces, processes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{
    disk::{self, Used},
    gather::Snapshot,
    known::Known,
    machine::Machine,
};
use crate::{
    resources::{Files, Limit, Part, Resources, Trees},
    state::{host_root, procfs::View},
};

/// Interfaces that are not of a container, or whose bytes others count again. Source: cAdvisor's rule, and those of network plugins.
const OTHER_INTERFACES: [&str; 9] = ["lo", "veth", "docker", "nerdctl", "br-", "cali", "cni", "lxc", "flannel."];
/// CPUs come and go, but seldom, and on a large machine they are hundreds of files.
const MACHINE_AGE: Duration = Duration::from_secs(60);
/// The most of a text of `/proc`, bytes.
const MAX_BYTES: u64 = 256 << 10;

/// A network interface: what came in and went out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    /// Bytes, packets, errors, dropped.
    pub(super) received: [u64; 4],
    pub(super) sent: [u64; 4],
}

/// What was read of a cgroup.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Measured {
    /// When, nanoseconds since the epoch.
    pub(super) now_ns: u64,
    pub(super) resources: Resources,
    /// Processes in it and in the cgroups in it.
    pub(super) processes: Option<u64>,
    /// Empty where the network is that of the host, or of another container that has it already.
    pub(super) interfaces: Vec<Interface>,
    /// When its first process began, seconds since the epoch.
    pub(super) started_s: Option<f64>,
    /// What it has in its writable layer; only where that is read.
    pub(super) disk: Option<Used>,
    /// The smallest limit of memory that holds for it, bytes.
    pub(super) memory_limit: Option<u64>,
}

/// What is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Picture {
    pub(super) machine: Arc<Machine>,
    pub(super) host: Measured,
    /// By the whole id. What has just ended is not there.
    pub(super) containers: BTreeMap<String, Measured>,
    /// Names of block devices by their number.
    pub(super) devices: HashMap<(u32, u32), String>,
    /// Whether a part could not be read.
    pub(super) failed: bool,
}

/// A process, without its command line, which may have secrets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) name: String,
    /// As ps(1) has it: R, S, D, Z, T.
    pub(super) state: char,
    pub(super) threads: u64,
    /// CPU time, seconds.
    pub(super) cpu_s: f64,
    /// Memory that is resident, bytes.
    pub(super) resident: u64,
    /// When it began, seconds since the epoch.
    pub(super) started_s: Option<f64>,
}

/// What was read for one container and holds for others, too.
#[derive(Debug, Default)]
struct Seen {
    /// Namespaces whose interfaces were counted.
    networks: HashSet<PathBuf>,
    limits: HashMap<PathBuf, Option<Limit>>,
}

/// The most files that stay open between two readings, about 35 of each container. The kernel takes 5 KB for each.
const MOST_KEPT: usize = 6_000;
/// The most processes of a container that are listed.
const MAX_PROCESSES: usize = 1_000;
/// Ticks of a second, of every architecture that programs see.
const TICKS: f64 = 100.0;

/// Reads.
#[derive(Debug)]
pub(super) struct Reader {
    root: PathBuf,
    proc: Option<PathBuf>,
    trees: Trees,
    files: Files,
    disk: Option<disk::All>,
    boot_s: Option<f64>,
    /// And when it was read.
    machine: (Instant, Arc<Machine>),
    devices: HashMap<(u32, u32), String>,
}

impl Reader {
    /// Finds the files of the host.
    pub(super) fn new(disk: Option<disk::All>) -> Self {
        let (root, _) = host_root();
        let view = View::find(root, None);
        let proc = view.path().map(Path::to_owned);
        let stat = proc.as_ref().and_then(|proc| text(&proc.join("stat")));
        let boot =
            stat.as_deref().and_then(|stat| stat.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok());
        Self {
            root: root.clone(),
            trees: Trees::find(root, &view),
            files: Files::keeping(may_keep()),
            disk,
            proc,
            boot_s: boot,
            machine: (Instant::now(), Arc::new(Machine::read())),
            devices: HashMap::new(),
        }
    }

    /// Reads all of it.
    pub(super) fn read(&mut self, snapshot: &Snapshot) -> Picture {
        let now_ns = epoch_ns();
        if self.machine.0.elapsed() > MACHINE_AGE {
            self.machine = (Instant::now(), Arc::new(Machine::read()));
        }
        let mut picture = Picture {
            machine: Arc::clone(&self.machine.1),
            host: self.host(now_ns),
            failed: self.trees.are_none(),
            ..Picture::default()
        };
        let mut seen = self.seen();
        // The sandbox of a pod stands for the network of its containers.
        let is_sandbox = |known: &Known| known.get("sandbox") == "true";
        let mut all: Vec<_> = snapshot.live.iter().map(|(id, live)| (id, &*live.known)).collect();
        all.sort_by_key(|(_, known)| !is_sandbox(known));
        for (id, known) in all {
            if let Some(measured) = self.container(&known.cgroup, now_ns, &mut seen) {
                picture.containers.insert(id.clone(), Measured { disk: self.used(id), ..measured });
            }
        }
        let all = picture.containers.values().chain([&picture.host]);
        let numbers: HashSet<(u32, u32)> = all
            .flat_map(|it| {
                let devices = it.resources.io.devices.iter().flatten().map(|device| (device.major, device.minor));
                devices.chain(it.disk.map(|disk| disk.device))
            })
            .collect();
        for number in &numbers {
            if !self.devices.contains_key(number) {
                let name = self.device(*number);
                self.devices.insert(*number, name);
            }
        }
        self.devices.retain(|number, _| numbers.contains(number));
        picture.devices = self.devices.clone();
        self.files.end_round();
        picture
    }

    /// Reads one cgroup, and the names of those in it; `None` if there is no such cgroup.
    pub(super) fn one(&mut self, path: &str) -> Option<(Measured, Vec<String>)> {
        let now_ns = epoch_ns();
        let measured = if path == "/" { self.host(now_ns) } else { self.container(path, now_ns, &mut self.seen())? };
        Some((measured, self.trees.children(path)))
    }

    /// The processes of a cgroup, those with the most CPU time first.
    pub(super) fn processes(&self, path: &str) -> Vec<Process> {
        let pids = self.trees.pids(path, MAX_PROCESSES);
        let mut all: Vec<Process> = pids.into_iter().filter_map(|pid| self.process(pid)).collect();
        all.sort_by(|a, b| b.cpu_s.total_cmp(&a.cpu_s).then(a.pid.cmp(&b.pid)));
        all
    }

    fn process(&self, pid: u32) -> Option<Process> {
        let stat = text(&self.proc.as_ref()?.join(pid.to_string()).join("stat"))?;
        let process = process(&stat)?;
        Some(Process { pid, started_s: process.started_s.and_then(|since| Some(self.boot_s? + since)), ..process })
    }

    /// What a container has in its writable layer.
    fn used(&self, id: &str) -> Option<Used> {
        self.disk.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// Reads one container.
    fn container(&mut self, cgroup: &str, now_ns: u64, seen: &mut Seen) -> Option<Measured> {
        let resources = self.trees.read(&mut self.files, cgroup, &Part::ALL)?;
        let members = self.trees.members(&mut self.files, cgroup);
        let process = members.and_then(|(_, first)| first);
        let interfaces = process.and_then(|pid| self.interfaces(pid, &mut seen.networks)).unwrap_or_default();
        Some(Measured {
            now_ns,
            processes: members.map(|(count, _)| count),
            memory_limit: self.trees.memory_limit(&mut self.files, cgroup, resources.memory.limit, &mut seen.limits),
            interfaces,
            started_s: process.and_then(|pid| self.started(pid)),
            disk: None,
            resources,
        })
    }

    fn host(&mut self, now_ns: u64) -> Measured {
        let mut resources = self.trees.read(&mut self.files, "/", &Part::ALL).unwrap_or_default();
        let info = self.proc.as_ref().and_then(|proc| text(&proc.join("meminfo"))).unwrap_or_default();
        let bytes = |key: &str| {
            let rest = info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            Some(rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
        };
        if resources.memory.usage.is_none() {
            // The root of a v2 tree has no usage of its own.
            resources.memory.usage =
                bytes("MemTotal").zip(bytes("MemFree")).map(|(all, free)| all.saturating_sub(free));
        }
        Measured {
            now_ns,
            resources,
            processes: self.trees.processes(&mut self.files, "/"),
            interfaces: self.proc.as_ref().map(|proc| interfaces(&proc.join("1/net/dev"))).unwrap_or_default(),
            started_s: self.boot_s,
            disk: None,
            memory_limit: bytes("MemTotal"),
        }
    }

    /// What is known before the first container: the network of the host is that of none.
    fn seen(&self) -> Seen {
        let link = self.proc.as_ref().and_then(|proc| fs::read_link(proc.join("1/ns/net")).ok());
        Seen { networks: link.into_iter().collect(), ..Seen::default() }
    }

    /// Those of the network namespace of a process, unless it was counted already.
    fn interfaces(&self, pid: u32, networks: &mut HashSet<PathBuf>) -> Option<Vec<Interface>> {
        let proc = self.proc.as_ref()?;
        let process = proc.join(pid.to_string());
        let own = fs::read_link(process.join("ns/net")).ok()?;
        if !networks.insert(own) {
            return None;
        }
        Some(interfaces(&process.join("net/dev")))
    }

    /// When a process began, seconds since the epoch. The file stays open: it is that of this process and of no later one.
    fn started(&mut self, pid: u32) -> Option<f64> {
        let stat = self.files.text(&self.proc.as_ref()?.join(pid.to_string()).join("stat"))?;
        Some(self.boot_s? + process(&stat)?.started_s?)
    }

    /// The name of a block device, as `/dev` has it; its number where it has none.
    fn device(&self, (major, minor): (u32, u32)) -> String {
        let path = self.root.join(format!("sys/dev/block/{major}:{minor}/uevent"));
        let text = text(&path).unwrap_or_default();
        let name = text.lines().find_map(|line| line.strip_prefix("DEVNAME="));
        name.map_or_else(|| format!("{major}:{minor}"), |name| format!("/dev/{name}"))
    }
}

/// How many files may stay open: half of what this process may have, whose limit is raised for it where the system allows that.
fn may_keep() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 0 };
    let wanted = (2 * MOST_KEPT as u64).min(hard).max(soft);
    let is_raised = wanted > soft && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    let limit = if is_raised { wanted } else { soft };
    usize::try_from(limit / 2).unwrap_or(MOST_KEPT).min(MOST_KEPT)
}

/// A process from `/proc/PID/stat` (proc_pid_stat(5)); its begin is that since the boot.
fn process(stat: &str) -> Option<Process> {
    // The name may have any characters.
    let (begin, end) = (stat.find('(')?, stat.rfind(')')?);
    let fields: Vec<&str> = stat[end + 1..].split_ascii_whitespace().collect();
    // They begin with the third one.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Process {
        pid: 0,
        parent: u32::try_from(number(4)?).ok()?,
        name: stat.get(begin + 1..end)?.to_owned(),
        state: fields.first()?.chars().next()?,
        threads: number(20)?,
        cpu_s: (number(14)? + number(15)?) as f64 / TICKS,
        resident: number(24)?.saturating_mul(rustix::param::page_size() as u64),
        started_s: Some(number(22)? as f64 / TICKS),
    })
}

/// The interfaces of `/proc/PID/net/dev` (proc_pid_net(5)) that count.
fn interfaces(path: &Path) -> Vec<Interface> {
    let text = text(path).unwrap_or_default();
    text.lines()
        .filter_map(interface)
        .filter(|it| !OTHER_INTERFACES.iter().any(|other| it.name.starts_with(other)))
        .collect()
}

fn interface(line: &str) -> Option<Interface> {
    let (name, rest) = line.split_once(':')?;
    let numbers: Vec<u64> = rest.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect();
    let of = |at: usize| Some([*numbers.get(at)?, *numbers.get(at + 1)?, *numbers.get(at + 2)?, *numbers.get(at + 3)?]);
    Some(Interface { name: name.trim().to_owned(), received: of(0)?, sent: of(8)? })
}

/// Now, nanoseconds since the epoch.
pub(super) fn epoch_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn text(path: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_interfaces_are_read() {
        let line = "  eth0: 1500 10 1 2 0 0 0 0 700 7 3 4 0 0 0 0";
        let eth0 = Interface { name: "eth0".into(), received: [1500, 10, 1, 2], sent: [700, 7, 3, 4] };
        assert_eq!(interface(line), Some(eth0));
        for line in ["Inter-|   Receive", " face |bytes", "eth0: 1 2 3", "eth0: x"] {
            assert_eq!(interface(line), None, "{line}");
        }
    }

    #[test]
    fn a_process_is_read_whatever_it_is_called() {
        let stat = "7 (a ) (b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 3 0 1234 1000000 25 18446744073709551615 0";
        let read = process(stat).unwrap();
        assert_eq!((read.name.as_str(), read.state, read.parent, read.threads), ("a ) (b", 'S', 1, 3));
        assert_eq!((read.cpu_s, read.started_s), (2.0, Some(12.34)));
        assert_eq!(read.resident, 25 * rustix::param::page_size() as u64);
        for wrong in ["", "7 (x", "7 (x) S", ") 7 ("] {
            assert_eq!(process(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn this_machine_is_measured() {
        let mut reader = Reader::new(None);
        let picture = reader.read(&Snapshot::default());
        assert!(picture.host.memory_limit.is_some_and(|limit| limit > 1 << 20));
        assert!(picture.host.started_s.is_some_and(|boot| boot > 1e9));
        assert!(reader.started(std::process::id()).is_some_and(|began| began * 1e9 <= epoch_ns() as f64 + 2e9));
    }
}
