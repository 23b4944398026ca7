//! Containers that have ended. They stay, since tables and late events name them; far above any usual number the oldest
//! are forgotten, first their labels, then all.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::{Containers, answers};
use crate::state::container::ContainerKey;

/// Ended containers that keep their labels.
const WITH_LABELS: usize = 4_096;
/// Ended containers that are kept without.
const WITHOUT_LABELS: usize = 65_536;
/// Ended containers of users that are kept; those beyond are forgotten in groups, which costs less.
const OF_USERS: usize = 512;
const FORGOTTEN_AT_ONCE: usize = 256;

/// Those that have ended, in the order of time. Some of them may run again.
#[derive(Debug, Default)]
pub(super) struct Ended {
    with_labels: VecDeque<ContainerKey>,
    without_labels: VecDeque<ContainerKey>,
    of_users: VecDeque<ContainerKey>,
}

impl Containers {
    pub(super) fn has_ended(&mut self, key: ContainerKey) {
        let Some(row) = self.row(key).filter(|row| !row.ended) else { return };
        row.ended = true;
        if !row.container.owner.is_machine() {
            self.ended.of_users.push_back(key);
            if self.ended.of_users.len() >= OF_USERS + FORGOTTEN_AT_ONCE {
                let oldest: Vec<ContainerKey> = self.ended.of_users.drain(..FORGOTTEN_AT_ONCE).collect();
                self.forget(oldest);
            }
            return;
        }
        self.ended.with_labels.push_back(key);
        if self.ended.with_labels.len() > WITH_LABELS
            && let Some(oldest) = self.ended.with_labels.pop_front()
            && self.row(oldest).is_some_and(|row| row.ended)
        {
            self.shed(oldest);
            self.ended.without_labels.push_back(oldest);
        }
        if self.ended.without_labels.len() > WITHOUT_LABELS
            && let Some(oldest) = self.ended.without_labels.pop_front()
        {
            self.forget(vec![oldest]);
        }
    }

    /// Forgets those of them that have ended. If one should run again, it is entered anew, under another key.
    pub(super) fn forget(&mut self, mut keys: Vec<ContainerKey>) {
        keys.retain(|key| self.row(*key).is_some_and(|row| row.ended));
        self.by_shown.take();
        for key in &keys {
            let Some(row) = self.list.get_mut(key.0 as usize).and_then(Option::take) else { continue };
            self.unclaim(*key, &row);
            let kept = &mut self.details[usize::from(!row.container.owner.is_machine())];
            *kept = kept.saturating_sub(answers::details(&row.container));
        }
        let gone: FxHashSet<ContainerKey> = keys.into_iter().collect();
        if !gone.is_empty() {
            let paths = &mut self.paths;
            self.by_cgroup.retain(|id, cgroup| {
                let is_kept = !gone.contains(&cgroup.key);
                if !is_kept {
                    paths.forget(*id);
                }
                is_kept
            });
            self.last = (0, ContainerKey::HOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lose_their_labels_and_then_all() {
        let mut containers = Containers::default();
        let id = |number: usize| format!("/docker/{number:064x}");
        let all = WITH_LABELS + 10;
        for number in 0..all {
            containers.cgroup_added(number as u64 + 2, id(number).as_bytes());
            let key = containers.of_cgroup(number as u64 + 2, 1);
            if let Some(row) = containers.row(key) {
                row.container.labels.insert("tier".into(), "web".into());
            }
            containers.has_ended(key);
            containers.has_ended(key);
        }
        let labelled = containers.all().filter(|(_, container)| !container.labels.is_empty()).count();
        assert_eq!((labelled, containers.all().count()), (WITH_LABELS, all + 1));
    }

    #[test]
    fn one_that_runs_again_is_not_forgotten() {
        let mut containers = Containers::default();
        let path = format!("/docker/{:064x}", 1);
        containers.cgroup_added(2, path.as_bytes());
        let key = containers.of_cgroup(2, 1);
        containers.has_ended(key);
        containers.cgroup_added(3, path.as_bytes());
        assert_eq!(containers.of_cgroup(3, 1), key);
        assert!(containers.row(key).is_some_and(|row| !row.ended));
    }
}
