//! Containers about which their runtime writes when their cgroup is there already: systemd-machined does. They are read again.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::Containers;
use crate::state::container::{
    ContainerKey,
    runtime::{self, Found, Id, Runtime},
};

/// Pauses before it is looked again.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
/// The most containers that wait for each of them.
const MAX_WAITING: usize = 1_024;

/// What waits, in the order of time: for the first look, and for the second.
#[derive(Debug, Default)]
pub(super) struct Later([VecDeque<(Instant, ContainerKey)>; PAUSES.len()]);

impl Later {
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(VecDeque::is_empty)
    }

    fn wait(&mut self, which: usize, key: ContainerKey, now: Instant) {
        if let (Some(waiting), Some(pause)) = (self.0.get_mut(which), PAUSES.get(which))
            && waiting.len() < MAX_WAITING
        {
            waiting.push_back((now + *pause, key));
        }
    }
}

impl Containers {
    /// Nothing is written about a container yet.
    pub(super) fn read_later(&mut self, key: ContainerKey) {
        self.later.wait(0, key, Instant::now());
    }

    /// Looks again at those whose time has come.
    pub(super) fn read_what_waits(&mut self, now: Instant) {
        for which in 0..PAUSES.len() {
            while let Some((at, key)) = self.later.0[which].front().copied()
                && at <= now
            {
                self.later.0[which].pop_front();
                let Some(found) = self.as_found(key) else { continue };
                if self.written.is_virtual(&found) {
                    self.is_none(key);
                } else if let Some(metadata) = self.written.read(&found) {
                    self.describe(key, metadata);
                } else {
                    self.later.wait(which + 1, key, now);
                }
            }
        }
    }

    /// A container of the machine, as its path told it; `None` if it is in another one, or gone.
    pub(super) fn as_found(&self, key: ContainerKey) -> Option<Found> {
        let container = self.get(key);
        let runtime = Runtime::by_name(container.runtime)?;
        let full_id = container.full_id.clone();
        let is_own = container.owner.is_machine() && container.around.is_empty();
        is_own.then(|| Found {
            runtime,
            id: if runtime::is_full_id(&full_id) { Id::Digits(full_id) } else { Id::Name(full_id) },
            bundle: None,
            around: Vec::new(),
            parent: String::new(),
            path: String::new(),
            pod: None,
            unit: None,
        })
    }

    /// What was taken for a container is none: its cgroups are those of the host.
    fn is_none(&mut self, key: ContainerKey) {
        for cgroup in self.by_cgroup.values_mut().filter(|cgroup| cgroup.key == key) {
            cgroup.key = ContainerKey::HOST;
        }
        if let Some(row) = self.row(key) {
            row.ended = true;
        }
        self.forget(vec![key]);
        self.changed = true;
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;
    use crate::state::container::{engine::Endpoint, written::Written};

    #[test]
    fn what_machined_writes_after_the_cgroup_is_there_is_read_too() {
        let root = std::env::temp_dir().join(format!("tracer-later-{}", std::process::id()));
        let machines = root.join("run/systemd/machines");
        fs::create_dir_all(&machines).unwrap();
        let mut containers =
            Containers { written: Written::new(&root, &[] as &[Endpoint]).with_names(true), ..Containers::default() };
        for (id, name) in [(77, "web"), (78, "box")] {
            containers.cgroup_added(id, format!("/machine.slice/machine-{name}.scope").as_bytes());
        }
        let web = containers.of_cgroup(77, 1);
        assert!(containers.get(web).spec.mounts.is_empty());
        assert_ne!(containers.of_cgroup(78, 1), ContainerKey::HOST, "nothing says that it is a virtual machine");
        fs::write(machines.join("web"), "CLASS=container\nROOT=/srv/web\n").unwrap();
        fs::write(machines.join("box"), "CLASS=vm\n").unwrap();
        thread::sleep(PAUSES[0] + Duration::from_millis(50));
        assert!(containers.poll());
        assert_eq!(containers.get(web).spec.mounts[0].source, "/srv/web");
        assert_eq!(containers.get(web).labels["machine.class"], "container");
        assert_eq!(containers.of_cgroup(78, 1), ContainerKey::HOST);
        assert!(containers.later.is_empty());
        // One that is known by then is no container from the beginning.
        containers.cgroup_added(79, b"/machine.slice/machine-box.scope");
        assert_eq!(containers.of_cgroup(79, 1), ContainerKey::HOST);
        fs::remove_dir_all(&root).unwrap();
    }
}
