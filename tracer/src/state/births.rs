//! Forks in other pid namespaces, from one side to the other.
//!
//! There a parent is told a number that means another thread here, so that it cannot name its child; and when the child
//! tells of itself, the parent may have closed what the child still has. What the child inherits is kept from the
//! parent's record until the child's, found by the number that both know. When the child's record comes first, the
//! parent has done nothing since the fork, and nothing has to be kept.

use rustc_hash::FxHashMap;

use super::Thread;

/// Forks of which one side was heard. More than these means that the other sides were lost: all are forgotten.
const MAX_WAITING: usize = 1024;
/// How long the other side may take, nanoseconds. A number that comes later means another fork.
const MAX_AGE_NS: u64 = 3_000_000_000;

/// The parent's process id, and the child's thread id in the namespace of both.
pub type Birth = (u32, u32);

/// Forks of which one side was heard.
#[derive(Debug, Default)]
pub struct Births {
    /// When it was heard, and by the parent: what the child is then.
    waiting: FxHashMap<Birth, (u64, Option<Thread>)>,
}

impl Births {
    /// The child was heard. What it inherited if its parent was heard before; else the parent is expected.
    pub fn child(&mut self, birth: Birth, now_ns: u64) -> Option<Thread> {
        match self.waiting.get(&birth) {
            Some((heard_ns, Some(_))) if now_ns.saturating_sub(*heard_ns) < MAX_AGE_NS => {
                self.waiting.remove(&birth).and_then(|(_, thread)| thread)
            }
            // What is too old goes when the table is full.
            Some((_, Some(_))) => None,
            _ if self.waiting.len() >= MAX_WAITING => None,
            _ => {
                self.waiting.insert(birth, (now_ns, None));
                None
            }
        }
    }

    /// The parent was heard. Whether its child was heard before, which needs nothing then.
    pub fn parent_is_late(&mut self, birth: Birth, now_ns: u64) -> bool {
        match self.waiting.get(&birth) {
            Some((heard_ns, None)) if now_ns.saturating_sub(*heard_ns) < MAX_AGE_NS => {
                self.waiting.remove(&birth);
                true
            }
            _ => false,
        }
    }

    /// Keeps what a child inherits. Returns what will not be asked for any more.
    #[must_use]
    pub fn keep(&mut self, birth: Birth, now_ns: u64, thread: Thread) -> Vec<Thread> {
        let mut forgotten = Vec::new();
        if self.waiting.len() >= MAX_WAITING {
            forgotten.extend(self.waiting.drain().filter_map(|(_, (_, thread))| thread));
        }
        forgotten.extend(self.waiting.insert(birth, (now_ns, Some(thread))).and_then(|(_, thread)| thread));
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(tid: u32) -> Thread {
        Thread { tid, ..Thread::default() }
    }

    #[test]
    fn a_child_takes_what_its_parent_left() {
        let mut births = Births::default();
        assert!(!births.parent_is_late((1, 2), 0));
        assert!(births.keep((1, 2), 0, thread(7)).is_empty());
        assert_eq!(births.child((1, 2), 1).map(|thread| thread.tid), Some(7));
        assert!(births.waiting.is_empty());
    }

    #[test]
    fn a_parent_that_comes_second_leaves_nothing() {
        let mut births = Births::default();
        assert!(births.child((1, 2), 0).is_none());
        assert!(births.parent_is_late((1, 2), 1));
        assert!(births.waiting.is_empty());
    }

    #[test]
    fn a_number_that_comes_again_much_later_is_another_fork() {
        let mut births = Births::default();
        assert!(births.keep((1, 2), 0, thread(7)).is_empty());
        assert_eq!(births.keep((1, 2), MAX_AGE_NS, thread(8)).len(), 1);
        assert!(births.child((1, 2), 2 * MAX_AGE_NS).is_none());
        assert!(!births.parent_is_late((1, 2), 3 * MAX_AGE_NS));
    }

    #[test]
    fn what_nobody_asks_for_is_bounded() {
        let mut births = Births::default();
        let forgotten = (0..5000).map(|number| births.keep((1, number), 0, thread(number)).len()).sum::<usize>();
        assert_eq!(forgotten + births.waiting.len(), 5000);
        assert!(births.waiting.len() <= MAX_WAITING);
    }
}
