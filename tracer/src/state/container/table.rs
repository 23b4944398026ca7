//! The table of containers, as the event path sees it.
//!
//! A cgroup's container is found once and then looked up by the cgroup's id. What cannot be found is tried again after
//! a pause that grows, so that an unknown id costs no more than a known one.

mod answers;
mod claims;
mod ended;
mod known_paths;
mod later;
mod told;
mod unseen;
mod used;

use std::{
    cell::RefCell,
    collections::VecDeque,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use super::{
    Container, ContainerKey, Lookup, Options, Owner,
    cgroup::{Hierarchies, Mode},
    engine::{Engines, endpoints},
    runtime::{self, Found, Id},
    usage::Readings,
    written::Written,
};
use crate::resources::Trees;

/// The most cgroups that are kept; beyond, all are forgotten and found again.
const MAX_CGROUPS: usize = 131_072;
/// The most processes that are kept where each must be looked up by itself.
const MAX_PROCESSES: usize = 32_768;
/// For so long the cgroups of a process are taken to be what they were.
const PROCESS_AGE: Duration = Duration::from_secs(1);
/// Pauses before an id that was not found is looked for again: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));
/// The shortest pause between two scans of the whole tree.
const BETWEEN_SCANS: Duration = Duration::from_millis(500);

/// What is known of a cgroup.
#[derive(Debug, Clone, Copy)]
struct Cgroup {
    key: ContainerKey,
    /// When to look again, and the pause after that; `None` when there is no doubt.
    retry: Option<(Instant, Duration)>,
}

/// A container of the table.
#[derive(Debug)]
struct Row {
    container: Container,
    /// Whether it waits in `ended` to be forgotten.
    ended: bool,
    /// Its key in `by_identity`; `None` as long as no cgroup of it was seen, and only a capture told of it.
    identity: Option<String>,
    /// What it claims to be, which is the identity of a container that is no claim.
    claimed: String,
    /// The folder that its cgroup is in.
    parent: String,
    /// The path of its cgroup.
    path: String,
    /// How many cgroups it has in `by_cgroup`.
    cgroups: u32,
    /// Whose word its id is, if a capture tells that.
    told_owner: Option<Owner>,
}

impl Row {
    fn new(container: Container) -> Self {
        let (claimed, parent, path) = (String::new(), String::new(), String::new());
        Self { container, ended: false, identity: None, claimed, parent, path, cgroups: 0, told_owner: None }
    }
}

/// The containers.
#[derive(Debug)]
pub struct Containers {
    /// By key; `None` when forgotten.
    list: Vec<Option<Box<Row>>>,
    by_identity: FxHashMap<String, ContainerKey>,
    /// Of those that a capture told of, by the id that it has there.
    by_told: FxHashMap<String, ContainerKey>,
    /// By the id that is shown; made when it is asked for, and anew when one has changed.
    by_shown: RefCell<Option<FxHashMap<String, ContainerKey>>>,
    by_cgroup: FxHashMap<u64, Cgroup>,
    paths: known_paths::Paths,
    by_process: FxHashMap<u32, (ContainerKey, Instant)>,
    /// What a cgroup may be whose folder was gone before it could be looked at.
    doubtful: FxHashMap<u64, ContainerKey>,
    /// The cgroup of the last look-up; mostly the next one has the same.
    last: (u64, ContainerKey),
    hierarchies: Hierarchies,
    readings: Readings,
    /// Whether runtimes use the v1 hierarchies alone, although there is a v2 tree.
    v1_only_runtimes: bool,
    written: Written,
    /// Whether all cgroups are being looked at, among them many that have been there for long.
    is_scanning: bool,
    next_scan: Option<Instant>,
    engines: Option<Engines>,
    /// Until when an answer is waited for, in the order of time: for containers of the machine, and for those of users.
    deadlines: [VecDeque<(Instant, ContainerKey)>; 2],
    /// Cgroups that are gone, and since when.
    gone: VecDeque<(Instant, u64)>,
    ended: ended::Ended,
    claims: claims::Claims,
    unseen: unseen::Unseen,
    later: later::Later,
    /// Bytes of labels and mounts: of the machine's containers, and of those of users.
    details: [usize; 2],
    /// Folders in which users can make others, by what a capture tells.
    told_makers: FxHashMap<String, Owner>,
    /// Whether cgroups cannot be seen, so that what an engine tells is all there is.
    is_blind: bool,
    /// When a change was told last.
    told_change: Option<Instant>,
    forgotten: Container,
    /// Whether a container changed since the last `poll`.
    changed: bool,
    /// How often containers changed.
    generation: u64,
    notes: Vec<String>,
}

/// What it means that only a part of the cgroups can be seen, and the remedy.
pub const PARTIAL: (&str, &str) = (
    "only the cgroups of this container are visible, so tracer cannot distinguish other containers",
    "add -v /:/host:ro -e HOST_ROOT=/host",
);

impl Default for Containers {
    /// The host alone: nothing is looked up.
    fn default() -> Self {
        let host = Container {
            id: "host".into(),
            full_id: "host".into(),
            runtime: "host",
            name: Some("host".into()),
            lookup: Lookup::Known,
            ..Container::default()
        };
        Self {
            list: vec![Some(Box::new(Row::new(host)))],
            by_identity: FxHashMap::default(),
            by_told: FxHashMap::default(),
            by_shown: RefCell::default(),
            by_cgroup: FxHashMap::default(),
            paths: known_paths::Paths::default(),
            by_process: FxHashMap::default(),
            doubtful: FxHashMap::default(),
            last: (0, ContainerKey::HOST),
            hierarchies: Hierarchies::default(),
            readings: Readings::default(),
            v1_only_runtimes: false,
            written: Written::default(),
            is_scanning: false,
            next_scan: None,
            engines: None,
            deadlines: Default::default(),
            gone: VecDeque::new(),
            ended: ended::Ended::default(),
            claims: claims::Claims::default(),
            unseen: unseen::Unseen::default(),
            later: later::Later::default(),
            details: [0; 2],
            told_makers: FxHashMap::default(),
            is_blind: false,
            told_change: None,
            forgotten: Container { runtime: "unknown", ..Container::default() },
            changed: false,
            generation: 0,
            notes: Vec::new(),
        }
    }
}

impl Containers {
    /// Finds the containers that run, and starts to follow the engines. Errors become notes: ids are shown in any case.
    #[must_use]
    pub fn start(options: &Options) -> Self {
        let mut this = Self {
            hierarchies: Hierarchies::find(&options.host_root, &options.view),
            readings: Readings::new(Trees::find(&options.host_root, &options.view)),
            written: Written::new(&options.host_root, &endpoints(options)).with_names(options.metadata),
            next_scan: Some(Instant::now()),
            ..Self::default()
        };
        if options.metadata {
            match Engines::start(options) {
                Ok(engines) => this.engines = Some(engines),
                Err(error) => this.notes.push(format!("cannot ask container engines for names: {error}")),
            }
        }
        if this.hierarchies.mode() == Mode::Unknown {
            this.notes.push(
                "cannot distinguish containers, because no cgroup hierarchy can be read\nhint: in a \
                container, mount the host's root with -v /:/host:ro"
                    .to_owned(),
            );
        }
        if options.metadata && this.hierarchies.is_partial() {
            this.notes.push(format!("note: {}; {}", PARTIAL.0, PARTIAL.1));
        }
        this.is_blind =
            options.lists_alone || this.hierarchies.mode() == Mode::Unknown || this.hierarchies.is_partial();
        this.scan();
        this.find_v1_only_runtimes();
        this
    }

    /// The container of that key.
    #[must_use]
    pub fn get(&self, key: ContainerKey) -> &Container {
        self.list.get(key.0 as usize).and_then(Option::as_deref).map_or(&self.forgotten, |row| &row.container)
    }

    /// The folder that the cgroup of a container is in; empty where that is not known.
    #[must_use]
    pub fn parent(&self, key: ContainerKey) -> &str {
        self.list.get(key.0 as usize).and_then(Option::as_deref).map_or("", |row| &row.parent)
    }

    /// Adds a container and returns its key.
    pub fn add(&mut self, container: Container) -> ContainerKey {
        let key = ContainerKey(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(Some(Box::new(Row::new(container))));
        self.by_shown.take();
        key
    }

    /// All containers that are known, the host included, also those that have ended.
    pub fn all(&self) -> impl Iterator<Item = (ContainerKey, &Container)> {
        let keyed = self.list.iter().enumerate();
        keyed.filter_map(|(key, row)| Some((ContainerKey(u32::try_from(key).ok()?), &row.as_deref()?.container)))
    }

    /// The container whose id is shown so; `host` for the host.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<ContainerKey> {
        if let Some(known) = self.by_told.get(id) {
            return Some(*known);
        }
        // Whoever makes a frame asks for the id of each row.
        let mut by_shown = self.by_shown.borrow_mut();
        let by_shown = by_shown.get_or_insert_with(|| {
            let mut all = FxHashMap::default();
            for (key, container) in self.all() {
                all.entry(container.id.clone()).or_insert(key);
            }
            all
        });
        by_shown.get(id).copied()
    }

    /// A number that is another one when a container has changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Cgroups of which it is known for good to which container they belong, with those containers whose metadata is known.
    pub fn settled_cgroups(&self) -> impl Iterator<Item = (u64, ContainerKey)> {
        let known = self.by_cgroup.iter().filter(|(_, cgroup)| cgroup.retry.is_none() && !self.v1_only_runtimes);
        known.map(|(id, cgroup)| (*id, cgroup.key)).filter(|(_, key)| !self.pending(*key))
    }

    /// Whether a name may still come.
    #[must_use]
    pub fn pending(&self, key: ContainerKey) -> bool {
        self.get(key).lookup == Lookup::Pending
    }

    /// Why no container engine answers; `None` when one does, or none is asked.
    #[must_use]
    pub fn silence(&self) -> Option<String> {
        self.engines.as_ref().and_then(Engines::silence)
    }

    /// What a person should know, once.
    pub fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Which hierarchies there are.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.hierarchies.mode()
    }

    /// The container of a cgroup, by the id that the kernel gave; `tgid` is a process in it, which helps when the id is
    /// not known yet.
    pub fn of_cgroup(&mut self, cgroup: u64, tgid: u32) -> ContainerKey {
        if cgroup == self.last.0 {
            return self.last.1;
        }
        if let Some(known) = self.by_cgroup.get(&cgroup)
            && known.retry.is_none()
            && (known.key != ContainerKey::HOST || !self.v1_only_runtimes)
        {
            self.last = (cgroup, known.key);
            return known.key;
        }
        self.look_for(cgroup, tgid)
    }

    /// The path of a cgroup in the v2 tree, if it is known and not very long.
    #[must_use]
    pub fn path(&self, cgroup: u64) -> Option<&str> {
        self.paths.get(cgroup)
    }

    /// The container of a process in these cgroups, each as `controller=path` with a NUL behind it.
    pub fn of_cgroups(&mut self, cgroups: &[u8]) -> ContainerKey {
        for path in paths(cgroups) {
            if let Some(key) = self.of_path(path) {
                return key;
            }
        }
        ContainerKey::HOST
    }

    /// What a reader of a capture takes a thread with these cgroups for, if nothing else is told: a path that looks like that of a
    /// container is one. `None` when that is one which is not known here.
    #[must_use]
    pub fn as_read(&self, cgroups: &[u8]) -> Option<ContainerKey> {
        let is_seen = |found: &Found| found.bundle.is_none();
        let found = paths(cgroups).find_map(|path| runtime::recognise(path).filter(is_seen));
        found.map_or(Some(ContainerKey::HOST), |found| self.find(&found, self.maker_in(&found.parent)))
    }

    /// The container of a process, for hosts whose containers have no cgroup in a v2 tree.
    pub fn of_process(&mut self, tgid: u32) -> ContainerKey {
        let now = Instant::now();
        let known = self.by_process.get(&tgid).copied();
        if let Some((key, since)) = known
            && now.duration_since(since) < PROCESS_AGE
        {
            return key;
        }
        let key = match self.hierarchies.paths_of(tgid) {
            Some(paths) => paths.iter().find_map(|path| self.of_path(path)).unwrap_or_default(),
            None => known.map_or(ContainerKey::HOST, |(key, _)| key),
        };
        if self.by_process.len() >= MAX_PROCESSES {
            self.by_process.clear();
        }
        self.by_process.insert(tgid, (key, now));
        key
    }

    /// A process was made, runs another program, or ended: what [`Containers::of_process`] keeps of it is stale.
    pub fn process_changed(&mut self, tgid: u32) {
        self.by_process.remove(&tgid);
    }

    /// A cgroup appeared. The path is relative to the root of its hierarchy.
    pub fn cgroup_added(&mut self, id: u64, path: &[u8]) {
        let path = String::from_utf8_lossy(path);
        let key = self.of_path(&path);
        match self.hierarchies.mode() {
            Mode::Unified | Mode::Unknown => self.remember(id, &path, key.unwrap_or_default()),
            // v1 hierarchies count their ids from 1, too: only the folder in the v2 tree tells whose this id is.
            Mode::Hybrid => match self.hierarchies.id_of(&path) {
                Some(own) if own == id => self.remember(id, &path, key.unwrap_or_default()),
                Some(_) => {}
                None => {
                    if let Some(key) = key {
                        self.doubtful.insert(id, key);
                    }
                    self.paths.keep(id, &path);
                    self.gone.push_back((Instant::now(), id));
                }
            },
            Mode::Legacy => {}
        }
    }

    /// A cgroup disappeared.
    pub fn cgroup_removed(&mut self, id: u64) {
        self.gone.push_back((Instant::now(), id));
    }

    #[cold]
    fn look_for(&mut self, cgroup: u64, tgid: u32) -> ContainerKey {
        if cgroup == 0 {
            return ContainerKey::HOST;
        }
        if self.hierarchies.mode() == Mode::Legacy {
            return self.of_process(tgid);
        }
        let now = Instant::now();
        let mut pause = RETRY.0;
        if let Some(known) = self.by_cgroup.get(&cgroup) {
            match known.retry {
                None => return self.of_process(tgid),
                Some((at, _)) if now < at => return known.key,
                Some((_, next)) => pause = next,
            }
        }
        if let Some(path) = self.hierarchies.path_of(tgid)
            && (self.hierarchies.id_of(&path) == Some(cgroup) || self.hierarchies.tree().is_none())
        {
            let key = self.of_path(&path).unwrap_or_default();
            self.remember(cgroup, &path, key);
            return self.of_cgroup(cgroup, tgid);
        }
        if self.next_scan.is_some_and(|at| now >= at) {
            self.scan();
            if self.by_cgroup.get(&cgroup).is_some_and(|known| known.retry.is_none()) {
                return self.of_cgroup(cgroup, tgid);
            }
        }
        let key = self.doubtful.get(&cgroup).copied().unwrap_or_default();
        self.insert_cgroup(cgroup, Cgroup { key, retry: Some((now + pause, RETRY.1.min(pause * 2))) });
        key
    }

    /// Learns all cgroups that there are.
    fn scan(&mut self) {
        let start = Instant::now();
        let mut all = Vec::new();
        self.hierarchies.scan(&mut |id, path| all.push((id, path.to_owned())));
        self.is_scanning = true;
        self.written.begin_many();
        for (id, path) in all {
            if self.by_cgroup.get(&id).is_none_or(|known| known.retry.is_some()) {
                let key = self.of_path(&path).unwrap_or_default();
                self.remember(id, &path, key);
            }
        }
        self.is_scanning = false;
        self.written.end_many();
        let end = Instant::now();
        // Scanning takes at most a twentieth of the time.
        self.next_scan = self.next_scan.map(|_| end + BETWEEN_SCANS.max(20 * (end - start)));
    }

    /// Old runtimes on a hybrid host leave a container's processes in the engine's own cgroup of the v2 tree.
    fn find_v1_only_runtimes(&mut self) {
        if self.hierarchies.mode() != Mode::Hybrid {
            return;
        }
        let mut v1_only = false;
        self.hierarchies.scan_v1(&mut |path| {
            v1_only |= runtime::recognise(path).is_some_and(|found| {
                // A user who only calls a cgroup so does not change how all others are looked for.
                let maker = self.maker_in(&found.parent);
                let in_v2 = self.by_identity.contains_key(&found.identity(maker));
                maker.is_machine() && !in_v2 && found.bundle.is_none() && self.hierarchies.is_used_v1(path)
            });
        });
        self.v1_only_runtimes = v1_only;
    }

    fn remember(&mut self, cgroup: u64, path: &str, key: ContainerKey) {
        self.paths.keep(cgroup, path);
        self.insert_cgroup(cgroup, Cgroup { key, retry: None });
        self.last = (0, ContainerKey::HOST);
    }

    fn insert_cgroup(&mut self, id: u64, cgroup: Cgroup) {
        if self.by_cgroup.len() >= MAX_CGROUPS {
            self.by_cgroup.clear();
            self.paths.clear();
            self.list.iter_mut().flatten().for_each(|row| row.cgroups = 0);
        }
        if let Some(row) = self.row(cgroup.key) {
            row.cgroups += 1;
        }
        if let Some(old) = self.by_cgroup.insert(id, cgroup) {
            self.left_cgroup(old.key);
        }
    }

    /// A container has one cgroup less in `by_cgroup`; returns how many it has left.
    fn left_cgroup(&mut self, key: ContainerKey) -> u32 {
        let Some(row) = self.row(key) else { return 0 };
        row.cgroups = row.cgroups.saturating_sub(1);
        row.cgroups
    }

    /// Who could have made a container's folder in that one.
    fn maker_in(&self, parent: &str) -> Owner {
        // A machine's capture is read elsewhere: what its folders were, it tells itself.
        self.told_makers.get(parent).copied().unwrap_or_else(|| self.hierarchies.maker_in(parent))
    }

    /// The container that a path belongs to; a new one is entered and asked for.
    fn of_path(&mut self, path: &str) -> Option<ContainerKey> {
        let found = runtime::recognise(path)?;
        if let Some(bundle) = &found.bundle
            && !self.written.has_bundle(bundle)
        {
            return None;
        }
        let owner = self.maker_in(&found.parent);
        if let Some(key) = self.known(&found, owner) {
            return Some(key);
        }
        if !self.has_room_for(owner) {
            return None;
        }
        if self.written.is_virtual(&found) {
            return None;
        }
        // An engine's event may have told it already.
        self.take_answers();
        Some(self.known(&found, owner).unwrap_or_else(|| self.enter(&found, owner)))
    }

    fn known(&mut self, found: &Found, owner: Owner) -> Option<ContainerKey> {
        let key = self.find(found, owner)?;
        let row = self.row(key)?;
        row.ended = false;
        if row.container.around.is_empty() {
            row.container.around.clone_from(&found.around);
        }
        // A capture, or an engine where cgroups cannot be seen, may have told of it before.
        if row.identity.is_none() {
            self.bind(key, found, owner);
        }
        Some(key)
    }

    fn find(&self, found: &Found, owner: Owner) -> Option<ContainerKey> {
        if let Some(key) = self.by_identity.get(&found.identity(owner)) {
            return Some(*key);
        }
        let told = self.by_told.get(found.id.short()).or_else(|| self.by_told.get(found.id.full())).copied()?;
        let row = self.list.get(told.0 as usize)?.as_deref()?;
        // A capture of tracer tells whose word an id is. It says nothing of containers in containers, but by their names.
        let is_nested = matches!(found.id, Id::Digits(_)) && !found.around.is_empty();
        let fits = row.told_owner.is_none_or(|told| told == owner && !is_nested);
        // One whose cgroup is known is in that cgroup, whoever else says so.
        (fits && row.identity.is_none()).then_some(told)
    }

    fn row(&mut self, key: ContainerKey) -> Option<&mut Row> {
        self.list.get_mut(key.0 as usize).and_then(Option::as_deref_mut)
    }
}

/// The paths of a list of cgroups.
pub(crate) fn paths(cgroups: &[u8]) -> impl Iterator<Item = &str> {
    cgroups.split(|byte| *byte == 0).filter_map(|entry| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        std::str::from_utf8(&entry[at + 1..]).ok()
    })
}

#[cfg(test)]
mod tests;
