//! Which containers there are, and where the log of each is kept: what engines say of those that run, and what runtimes have
//! written down, for those that do not run, too.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{Source, Writer, form::Form, journaled::JournalOf};
pub use crate::state::container::spec::Log;
use crate::state::container::{
    Container, ContainerKey, Containers, Kept, Lookup, Options, Owner, Spec,
    engine::{
        DOCKER, KUBERNETES_LOG, Metadata, POD_NAME, POD_NAMESPACE, PODMAN,
        logs::{LogEngines, LogOf, has_files_here},
    },
    runtime,
};

/// Where kubelet has the logs of pods, below the host's root. Source: kubernetes, pkg/kubelet/kuberuntime, `BuildPodLogsDirectory`.
const PODS: &str = "var/log/pods";
/// The most folders of pods that are looked at.
const MAX_PODS: usize = 10_000;
/// The log driver that writes to the journal.
const JOURNALD: &str = "journald";
/// The longest time that names of engines are waited for at the start.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file that is written.
    pub path: PathBuf,
    /// How.
    pub form: Form,
    /// The user that the file has to belong to, when it is the word of a user's engine that it is a log.
    pub owner: Option<u32>,
}

impl Place {
    /// Whether the file can be read, or there is none yet in a folder of such files.
    #[must_use]
    pub fn can_be_read(&self) -> bool {
        let access = rustix::fs::access(&self.path, rustix::fs::Access::READ_OK);
        access.is_ok() || access == Err(rustix::io::Errno::NOENT) && has_files_here(&self.path)
    }

    /// Whether there is a log, one that may not be read included.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !fs::symlink_metadata(&self.path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }
}

/// Where the lines of a container come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Files.
    Files(Place),
    /// The journal.
    Journal(JournalOf),
    /// Its engine, because files cannot be read, or there are none.
    Engine(LogOf),
}

impl Origin {
    /// The files.
    #[must_use]
    pub fn files(&self) -> Option<&Place> {
        match self {
            Self::Files(place) => Some(place),
            Self::Journal(_) | Self::Engine(_) => None,
        }
    }
}

/// Looks for containers and their logs.
pub struct Finder {
    containers: Containers,
    kept: Kept,
    root: PathBuf,
    engines: Arc<LogEngines>,
    /// What engines have listed at the start: nothing tells of those that had stopped by then.
    listed: Vec<(Owner, Metadata)>,
    /// How the logs are kept of containers of which lists do not say that; the default where no engine says it.
    asked: BTreeMap<String, Log>,
    /// Containers of which the journal was asked, before or after their log driver was known, and whether it has their logs.
    journaled: RefCell<BTreeMap<(String, bool), bool>>,
}

impl Finder {
    /// Begins to ask the engines.
    ///
    /// # Errors
    /// There can be no thread for their logs.
    pub fn start(options: &Options) -> io::Result<Self> {
        let options = Options { lists_alone: true, ..options.clone() };
        let mut containers = Containers::start(&options);
        containers.settle(PATIENCE, || false);
        let engines = Arc::new(LogEngines::start(&options)?);
        let listed = engines.all();
        Ok(Self {
            containers,
            kept: Kept::find(&options.host_root),
            root: options.host_root,
            engines,
            listed,
            asked: BTreeMap::new(),
            journaled: RefCell::default(),
        })
    }

    /// Gives the logs that engines have.
    #[must_use]
    pub fn engines(&self) -> Arc<LogEngines> {
        Arc::clone(&self.engines)
    }

    /// What the engines have to say to the person.
    pub fn notes(&mut self) -> Vec<String> {
        self.containers.notes()
    }

    /// All containers that are known now, in the order of their names. Those of Kubernetes without a log of their own (the
    /// sandboxes) are left out.
    pub fn look(&mut self) -> Vec<Source> {
        while self.containers.poll() {}
        let mut found = self.find();
        let is_unknown = |source: &&Source| source.container.driver.is_empty();
        let unknown = found.values().filter(is_unknown).filter_map(|source| match &source.place {
            Ok(Origin::Engine(of)) if !self.asked.contains_key(&of.full_id) => Some(of.clone()),
            _ => None,
        });
        let unknown: Vec<LogOf> = unknown.collect();
        if !unknown.is_empty() {
            self.asked.extend(unknown.iter().map(|of| (of.full_id.clone(), Log::default())));
            for metadata in self.engines.inspect(unknown) {
                let log = metadata.spec.and_then(|spec| spec.log).unwrap_or_default();
                self.asked.insert(metadata.full_id, log);
            }
            found = self.find();
        }
        let mut all: Vec<Source> = found.into_values().collect();
        all.sort_by_key(|source| (source.container.prefix(), source.container.full_id.clone()));
        all
    }

    /// All of them by their ids.
    fn find(&mut self) -> BTreeMap<String, Source> {
        let mut found: BTreeMap<String, Source> = BTreeMap::new();
        for (key, container) in self.containers.all() {
            if key != ContainerKey::HOST
                && container.lookup != Lookup::Pending
                && !container.spec.pod.is_sandbox
                && container.around.is_empty()
            {
                found.insert(container.full_id.clone(), self.of_container(container));
            }
        }
        let known = |found: &BTreeMap<String, Source>, path: &Path| {
            found
                .values()
                .any(|it| it.place.as_ref().ok().and_then(Origin::files).is_some_and(|place| place.path == path))
        };
        let kept: Vec<Metadata> = self.kept.all().to_vec();
        for metadata in &kept {
            let known = found.get(&metadata.full_id).map(|it| &it.place);
            if matches!(known, Some(Ok(Origin::Files(_)))) {
                continue;
            }
            // Files are better than an engine, and that is better than nothing.
            let written = self.of_written(metadata.clone());
            if !matches!((known, &written.place), (Some(Ok(_)), Err(_) | Ok(Origin::Engine(_)))) {
                found.insert(metadata.full_id.clone(), written);
            }
        }
        for (owner, metadata) in &self.listed {
            if !found.contains_key(&metadata.full_id) {
                found.insert(metadata.full_id.clone(), self.of_list(*owner, metadata.clone()));
            }
        }
        for source in pods(&self.root.join(PODS)) {
            if let Ok(Origin::Files(place)) = &source.place
                && !known(&found, &place.path)
            {
                found.insert(source.container.full_id.clone(), source);
            }
        }
        found
    }

    /// How a log is kept, as this is seen from here.
    fn log(&self, full_id: &str, log: Option<Log>) -> Log {
        let log = log.or_else(|| self.asked.get(full_id).cloned()).unwrap_or_default();
        let on_host = |path: PathBuf| self.root.join(path.strip_prefix("/").unwrap_or(&path));
        Log { path: log.path.map(on_host), folder: log.folder.map(on_host), ..log }
    }

    /// A list does not say how a log is kept.
    fn of_list(&self, owner: Owner, metadata: Metadata) -> Source {
        let log = self.log(&metadata.full_id, None);
        let user = if let Owner::User(uid) = owner { Some(uid) } else { None };
        let place = match log.driver.as_str() {
            "" => Ok(Origin::Engine(LogOf::new(&metadata.full_id, metadata.runtime, owner))),
            _ => self.origin(&log, user, metadata.runtime, &metadata.full_id),
        };
        of_metadata(metadata, log.driver, place)
    }

    fn of_container(&self, container: &Container) -> Source {
        let label = |name: &str| container.labels.get(name).cloned().unwrap_or_default();
        let owner = match container.owner {
            Owner::Machine => None,
            Owner::User(uid) => Some(uid),
            Owner::Anyone => return unowned(container),
        };
        let log = self.log(&container.full_id, container.spec.log.clone());
        let place = match self.origin(&log, owner, container.runtime, &container.full_id) {
            // It was listed a moment ago, and how its log is kept comes later.
            Err(_) if log.driver.is_empty() && container.lookup == Lookup::Known && gives_logs(container.runtime) => {
                Ok(Origin::Engine(LogOf::new(&container.full_id, container.runtime, container.owner)))
            }
            place => place,
        };
        Source {
            container: Arc::new(Writer {
                full_id: container.full_id.clone(),
                runtime: container.runtime.to_owned(),
                name: container.name.clone().unwrap_or_else(|| container.id.clone()),
                image: container.image.clone().unwrap_or_default(),
                labels: container.labels.clone(),
                namespace: label(POD_NAMESPACE),
                pod: label(POD_NAME),
                driver: log.driver,
            }),
            place,
        }
    }

    fn of_written(&self, metadata: Metadata) -> Source {
        let log = metadata.spec.as_ref().and_then(|spec: &Spec| spec.log.clone()).unwrap_or_default();
        let place = self.origin(&log, None, metadata.runtime, &metadata.full_id);
        of_metadata(metadata, log.driver, place)
    }

    /// Where the lines come from of a container whose log an engine keeps so, or why nobody can read it. `owner` is the user whose engine it is,
    /// if not the machine's.
    fn origin(&self, log: &Log, owner: Option<u32>, runtime: &'static str, full_id: &str) -> Result<Origin, String> {
        let origin = origin(log, owner, runtime, full_id);
        let is_unknown = log.driver.is_empty() && gives_logs(runtime);
        if log.driver != JOURNALD && !is_unknown || matches!(origin, Ok(Origin::Files(_))) {
            return origin;
        }
        let of = JournalOf { root: self.root.clone(), full_id: full_id.to_owned(), uid: owner.unwrap_or(0) };
        // An engine elsewhere writes to a journal elsewhere; that of Podman may have no service that could be asked.
        let is_there = || of.folder().is_some() && (runtime == PODMAN && !is_unknown || of.has_lines());
        let key = (full_id.to_owned(), is_unknown);
        let is_there = *self.journaled.borrow_mut().entry(key).or_insert_with(is_there);
        if is_there { Ok(Origin::Journal(of)) } else { origin }
    }
}

fn unowned(container: &Container) -> Source {
    let writer = Writer {
        full_id: container.full_id.clone(),
        runtime: container.runtime.to_owned(),
        name: container.id.clone(),
        ..Writer::default()
    };
    Source { container: Arc::new(writer), place: Err("several users could have made this container".to_owned()) }
}

fn of_metadata(metadata: Metadata, driver: String, place: Result<Origin, String>) -> Source {
    let short = metadata.full_id.get(..12).unwrap_or(&metadata.full_id).to_owned();
    Source {
        container: Arc::new(Writer {
            full_id: metadata.full_id,
            runtime: metadata.runtime.to_owned(),
            name: metadata.name.unwrap_or(short),
            image: metadata.image.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            driver,
            ..Writer::default()
        }),
        place,
    }
}

/// Whether engines of that runtime give logs.
fn gives_logs(runtime: &str) -> bool {
    [DOCKER, PODMAN].contains(&runtime)
}

/// Where the lines come from of a container whose log an engine keeps so, or why nobody can read it. `owner` is the user whose engine it is,
/// if not the machine's.
fn origin(log: &Log, owner: Option<u32>, runtime: &'static str, full_id: &str) -> Result<Origin, String> {
    let has_engine = gives_logs(runtime);
    let of = || LogOf::new(full_id, runtime, owner.map_or(Owner::Machine, Owner::User));
    match place(log, owner, full_id) {
        Ok(place) if !has_engine || place.can_be_read() => Ok(Origin::Files(place)),
        Ok(_) | Err(Unkept::Journal(_)) if has_engine => Ok(Origin::Engine(of())),
        // Where its folder is here and has no copy, the engine has none, either.
        Err(Unkept::Elsewhere { .. }) if has_engine && !log.folder.as_deref().is_some_and(Path::is_dir) => {
            Ok(Origin::Engine(of()))
        }
        Ok(place) => Ok(Origin::Files(place)),
        Err(unkept) => Err(unkept.to_string()),
    }
}

/// Why there is no file of a log.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum Unkept {
    /// What a container writes is gone.
    #[error("log driver '{driver}' keeps nothing, so these lines are lost{why}\nhint: {}", seen_writes(.full_id))]
    Nowhere { driver: String, why: &'static str, full_id: String },
    /// An engine that keeps a copy has none of it.
    #[error("log driver '{driver}' sends it elsewhere and keeps nothing here\nhint: {}", seen_writes(.full_id))]
    Elsewhere { driver: String, full_id: String },
    /// The journal has it.
    #[error("its log is in the journal\nhint: journalctl CONTAINER_ID_FULL={0}")]
    Journal(String),
    /// It is not known where.
    #[error("the engine does not say where log driver '{0}' writes")]
    NoPath(String),
    /// Nothing is known.
    #[error("its engine does not say where it keeps logs")]
    NoDriver,
}

/// The command that shows what a container writes from now on, whoever keeps it.
pub fn seen_writes(full_id: &str) -> String {
    let id = full_id.get(..12).unwrap_or(full_id);
    format!("see its writes from now on: sudo tracer -c stdout -c stderr container.id={id}")
}

/// Where the log is that an engine keeps so.
fn place(log: &Log, owner: Option<u32>, full_id: &str) -> Result<Place, Unkept> {
    let at = |path: Option<PathBuf>, form| {
        let path = path.ok_or_else(|| Unkept::NoPath(log.driver.clone()))?;
        Ok(Place { path, form, owner })
    };
    let in_folder = |name: &str| log.folder.as_ref().map(|folder| folder.join(name));
    let (driver, full_id) = (log.driver.clone(), full_id.to_owned());
    match log.driver.as_str() {
        "json-file" if log.folder.is_some() => at(log.path.clone(), Form::JsonFile),
        // Podman takes it for another word.
        "json-file" | "k8s-file" | KUBERNETES_LOG => at(log.path.clone(), Form::Cri),
        "local" => at(in_folder("local-logs/container.log"), Form::Local),
        "none" => Err(Unkept::Nowhere { driver, why: "", full_id }),
        "passthrough" | "passthrough-tty" => {
            Err(Unkept::Nowhere { driver, why: ", except to what started the container", full_id })
        }
        "" => Err(Unkept::NoDriver),
        // What Docker keeps for `docker logs` of drivers that send logs elsewhere.
        other => match in_folder("container-cached.log").filter(|path| path.exists()) {
            Some(path) => at(Some(path), Form::Local),
            None if other == JOURNALD => Err(Unkept::Journal(full_id)),
            None => Err(Unkept::Elsewhere { driver, full_id }),
        },
    }
}

/// The logs of pods that kubelet keeps: `NAMESPACE_POD_UID/CONTAINER/RESTARTS.log`.
fn pods(folder: &Path) -> Vec<Source> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_PODS);
    let mut all = Vec::new();
    for pod in entries(folder) {
        let name = pod.file_name();
        let Some((namespace, rest)) = name.to_str().and_then(|name| name.split_once('_')) else { continue };
        let Some((pod_name, _)) = rest.rsplit_once('_') else { continue };
        for container in entries(&pod.path()) {
            let Some(path) = runs(&container.path()).pop() else { continue };
            let name = container.file_name().to_string_lossy().into_owned();
            all.push(Source {
                container: Arc::new(Writer {
                    full_id: container.path().to_string_lossy().into_owned(),
                    runtime: runtime::ANY_CRI.to_owned(),
                    name,
                    namespace: namespace.to_owned(),
                    pod: pod_name.to_owned(),
                    driver: KUBERNETES_LOG.to_owned(),
                    ..Writer::default()
                }),
                place: Ok(Origin::Files(Place { path, form: Form::Cri, owner: None })),
            });
        }
    }
    all
}

/// The logs of the runs of a container of a pod, the first one first.
fn runs(folder: &Path) -> Vec<PathBuf> {
    let number = |path: &Path| path.file_name()?.to_str()?.strip_suffix(".log")?.parse::<u32>().ok();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_PODS);
    let mut runs: Vec<(u32, PathBuf)> =
        entries.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
    runs.sort();
    runs.into_iter().map(|(_, path)| path).collect()
}

/// The log of the run before the one whose log that is, if it is kept.
pub fn earlier(path: &Path) -> Option<PathBuf> {
    let mut runs = runs(path.parent()?);
    runs.truncate(runs.iter().position(|run| run == path)?);
    runs.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_have_their_places_or_a_reason() {
        let log = |driver: &str| Log {
            driver: driver.to_owned(),
            path: Some("/x/1-json.log".into()),
            folder: Some("/x".into()),
        };
        let place = |log: &Log| super::place(log, None, "7").map(|place| (place.path, place.form));
        assert_eq!(place(&log("json-file")), Ok(("/x/1-json.log".into(), Form::JsonFile)));
        assert_eq!(place(&log("local")), Ok(("/x/local-logs/container.log".into(), Form::Local)));
        let podman = Log { folder: None, ..log("json-file") };
        assert_eq!(place(&podman), Ok(("/x/1-json.log".into(), Form::Cri)));
        for driver in ["none", "passthrough", "journald", "syslog", ""] {
            assert!(place(&log(driver)).is_err(), "{driver}");
        }
    }

    #[test]
    fn pods_are_found_by_the_folders_of_kubelet() {
        let root = std::env::temp_dir().join(format!("tracer-pod-logs-{}", std::process::id()));
        let folder = root.join("prod_api-0_0f1e/app");
        fs::create_dir_all(&folder).unwrap();
        for run in ["0.log", "2.log", "10.log", "10.log.20260801-100000"] {
            fs::write(folder.join(run), "").unwrap();
        }
        let [source] = &pods(&root)[..] else { panic!() };
        let Writer { name, namespace, pod, .. } = &*source.container;
        assert_eq!((name.as_str(), namespace.as_str(), pod.as_str()), ("app", "prod", "api-0"));
        let path = &source.place.as_ref().unwrap().files().unwrap().path;
        assert_eq!((path, earlier(path)), (&folder.join("10.log"), Some(folder.join("2.log"))));
        assert_eq!(earlier(&folder.join("0.log")), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
