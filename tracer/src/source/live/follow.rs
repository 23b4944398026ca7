//! Following some threads only: a command from its first program on, or processes that run already, and all that they make.
//!
//! The kernel side keeps the table from there on. It is over when no thread is left in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use aya::{
    Ebpf,
    maps::{HashMap, MapData},
};
use tracer_common::follow::{ENDS, FOLLOWED, MAX_FOLLOWED, WAITS};

use super::LiveError;
use crate::{launch, state::procfs};

/// Whom to follow.
#[derive(Debug, Clone)]
pub enum Follow {
    /// A child of this process, from the next program that it begins.
    Command {
        /// Its number in the first pid namespace.
        tid: u32,
        /// Its number in the namespace of this process.
        pid: u32,
    },
    /// Processes that run already, with all their descendants.
    Processes {
        /// Their numbers in the first pid namespace.
        pids: Vec<u32>,
        /// A `/proc` that shows them under these.
        proc: PathBuf,
    },
}

/// The table of the threads that are followed.
#[derive(Debug)]
pub struct Followed {
    table: HashMap<MapData, u32, u32>,
    /// Number of the command in the namespace of this process.
    command: Option<u32>,
}

impl Followed {
    /// How many entries the table needs.
    #[must_use]
    pub fn capacity(follow: Option<&Follow>) -> u32 {
        if follow.is_some() { MAX_FOLLOWED } else { 1 }
    }

    /// Fills the table. The hooks must be attached, so that no thread is made unseen meanwhile.
    ///
    /// # Errors
    /// The table is not there, or has no room for all threads.
    pub fn start(bpf: &mut Ebpf, follow: &Follow) -> Result<Self, LiveError> {
        let map = bpf.take_map("FOLLOWED").ok_or(LiveError::Map("FOLLOWED"))?;
        let table = HashMap::try_from(map).map_err(|_| LiveError::Map("FOLLOWED"))?;
        let mut followed = Self { table, command: None };
        match follow {
            Follow::Command { tid, pid } => {
                followed.command = Some(*pid);
                followed.insert(*tid, WAITS)?;
            }
            Follow::Processes { pids, proc } => followed.processes(pids, proc)?,
        }
        Ok(followed)
    }

    fn insert(&mut self, tid: u32, state: u32) -> Result<(), LiveError> {
        self.table.insert(tid, state, 0).map_err(|_| LiveError::TooManyThreads)
    }

    /// Those of them that have ended are left out. Looks until nothing new is found: a thread that was made before its maker was followed is there at the next look.
    fn processes(&mut self, pids: &[u32], proc: &Path) -> Result<(), LiveError> {
        let mut known = BTreeSet::new();
        loop {
            let mut is_new = false;
            for pid in tree(pids, proc) {
                for tid in numbers(&proc.join(pid.to_string()).join("task")) {
                    if !known.insert(tid) {
                        continue;
                    }
                    is_new = true;
                    self.insert(tid, FOLLOWED)?;
                    // One that has ended before that stays in the table otherwise.
                    if !proc.join(pid.to_string()).join("task").join(tid.to_string()).exists() {
                        let _ = self.table.remove(&tid);
                    }
                }
            }
            if !is_new {
                return Ok(());
            }
        }
    }

    /// Whether all that was followed has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let lives = |tid: u32| match self.table.get(&tid, 0) {
            Ok(ENDS) | Err(_) => false,
            // One that was ended before it began its program.
            Ok(WAITS) => self.command.is_none_or(|pid| !launch::has_ended(pid)),
            Ok(_) => true,
        };
        !self.table.keys().filter_map(Result::ok).any(lives)
    }
}

/// The numbers that entries of a folder have as names.
fn numbers(folder: &Path) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| u32::from_str(entry.file_name().to_str()?).ok()).collect()
}

/// These processes with all that descend from them now.
fn tree(pids: &[u32], proc: &Path) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in numbers(proc) {
        let stat = fs::read(proc.join(pid.to_string()).join("stat")).unwrap_or_default();
        children.entry(procfs::parent(&stat).unwrap_or(0)).or_default().push(pid);
    }
    let mut found = BTreeSet::new();
    let mut left = pids.to_vec();
    while let Some(pid) = left.pop() {
        if found.insert(pid) {
            left.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_the_process_and_its_descendants() {
        let own = std::process::id();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = tree(&[own], Path::new("/proc"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&own) && found.contains(&child.id()), "{found:?}");
        assert!(!found.contains(&1));
    }
}
