//! What was counted since the start: for each container, and for what outlives containers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use super::{
    counted::{self, COUNT, EXITS, OTHER, Row},
    happened::{Happened, What},
    known::Known,
};
use crate::output::Frame;

/// Rows of a table: keys without that of the container, and sums.
type Rows = BTreeMap<Vec<String>, Vec<f64>>;

/// What was counted of a container.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    tables: [Rows; COUNT],
}

impl Counts {
    /// The rows of a table.
    pub(super) fn rows(&self, table: usize) -> impl Iterator<Item = Row<'_>> {
        let rows = self.tables.get(table).into_iter().flatten();
        rows.map(|(keys, numbers)| Row { keys, numbers })
    }

    /// The sum of a number over the rows of a table.
    pub(super) fn sum(&self, table: usize, number: usize) -> f64 {
        // The sum of nothing is -0.
        self.rows(table).map(|row| row.numbers.get(number).copied().unwrap_or_default()).fold(0.0, |sum, it| sum + it)
    }

    fn add(&mut self, table: usize, keys: Vec<String>, numbers: &[f64]) {
        let Some(rows) = self.tables.get_mut(table) else { return };
        let keys = counted::kept(table, keys);
        let is_new = !rows.contains_key(&keys);
        let keys =
            if is_new && rows.len() >= counted::most_rows(table) { vec![OTHER.to_owned(); keys.len()] } else { keys };
        let sums = rows.entry(keys).or_insert_with(|| vec![0.0; numbers.len()]);
        sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
    }

    /// Adds all of another one.
    pub(super) fn merge(&mut self, other: &Self) {
        for (table, rows) in other.tables.iter().enumerate() {
            rows.iter().for_each(|(keys, numbers)| self.add(table, keys.clone(), numbers));
        }
    }

    /// How the first process of the container ended, if it did: that of number 1 in its pid namespace.
    pub(super) fn exit(&self) -> Option<&'static str> {
        let of_init = self.rows(EXITS).find(|row| row.keys.get(2).is_some_and(|vpid| vpid == counted::INIT))?;
        Some(counted::exit_reason(&of_init.keys[0], &of_init.keys[1]))
    }

    /// The exit code of that process, as a shell has it; -1 when it is not known.
    fn exit_code(&self) -> i64 {
        let of_init = self.rows(EXITS).find(|row| row.keys.get(2).is_some_and(|vpid| vpid == counted::INIT));
        let number = |row: &Row<'_>, at: usize| row.keys.get(at).and_then(|text| text.parse::<i64>().ok());
        let code = of_init.and_then(|row| match number(&row, 0).unwrap_or(0) {
            0 => number(&row, 1),
            signal => Some(128 + signal),
        });
        code.unwrap_or(-1)
    }
}

/// A container that runs.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) known: Arc<Known>,
    pub(super) counts: Arc<Counts>,
    /// When it was first seen, nanoseconds since the epoch.
    pub(super) since_ns: u64,
    /// Whether it was there before tracing began.
    pub(super) was_there: bool,
    /// The workload that its sums are part of; `None` while no name is known.
    pub(super) workload: Option<String>,
}

/// What containers of one workload did that have ended, and how they ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ended {
    pub(super) counts: Counts,
    /// How many began.
    pub(super) starts: u64,
    /// How many ended, by reason.
    pub(super) deaths: BTreeMap<&'static str, u64>,
    /// How long those lived that were seen from begin to end, seconds.
    pub(super) lived_s: f64,
    /// How many of them there were.
    pub(super) lives: u64,
}

/// More containers are not told: each of them makes more than a hundred series.
const MAX_TOLD: usize = 2_000;
/// The same for those that are the claim of an unprivileged user, who can make cgroups without end.
const MAX_CLAIMED: usize = 256;
/// More workloads are not told apart.
const MAX_WORKLOADS: usize = 2_000;
/// So many series one of them has, about.
const SERIES_OF_WORKLOAD: usize = 20;
/// So many of those that ended last are remembered.
const MAX_BURIED: usize = 256;
/// Rows of containers that are not known to run wait for so many intervals: an event may come before its cgroup is known.
const PATIENCE: u32 = 3;

/// All of it.
#[derive(Debug)]
pub(super) struct Totals {
    /// By the whole id.
    pub(super) live: BTreeMap<String, Live>,
    /// By workload.
    pub(super) ended: BTreeMap<String, Arc<Ended>>,
    pub(super) happened: Arc<Happened>,
    /// Counts of containers that are not among those that run, by id, and for how many intervals yet.
    strangers: HashMap<String, (Counts, u32)>,
    /// Workloads of those that have just ended, by id: what comes late of them is of no new one.
    buried: VecDeque<(String, String)>,
    /// Workloads that are told apart; all others are one, from then on.
    workloads: BTreeSet<String>,
    most_workloads: usize,
    has_begun: bool,
}

impl Default for Totals {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Totals {
    /// Nothing yet. Workloads take at most half of so many series.
    pub(super) fn new(max_series: usize) -> Self {
        let (live, ended, happened, strangers, buried, workloads) = Default::default();
        let most_workloads = (max_series / 2 / SERIES_OF_WORKLOAD).clamp(1, MAX_WORKLOADS);
        Self { live, ended, happened, strangers, buried, workloads, most_workloads, has_begun: false }
    }

    /// The workload of that name, or the one for all that there is no room for.
    fn workload(&mut self, name: String) -> String {
        if self.workloads.contains(&name) {
            return name;
        }
        if self.workloads.len() >= self.most_workloads {
            return OTHER.to_owned();
        }
        self.workloads.insert(name.clone());
        name
    }

    /// Adds the frame of a table.
    pub(super) fn add(&mut self, table: usize, frame: &Frame) {
        for row in &frame.rows {
            let mut keys = row.keys.iter().map(|key| String::from_utf8_lossy(key).into_owned());
            let Some(id) = keys.next() else { continue };
            let keys: Vec<String> = keys.collect();
            let numbers: Vec<f64> = row.values.iter().map(|value| value.unwrap_or_default()).collect();
            match self.live.get_mut(&id) {
                // Whoever reads the counts of before has a copy of them.
                Some(live) => Arc::make_mut(&mut live.counts).add(table, keys, &numbers),
                None => {
                    let stranger = self.strangers.entry(id).or_default();
                    stranger.0.add(table, keys, &numbers);
                    stranger.1 = 0;
                }
            }
        }
    }

    /// Containers that run, by the whole id, without those whose names may still come; and how many others run that are beyond
    /// the limits. Those that began first are told, so that no series ends before its container.
    pub(super) fn told(&self) -> (BTreeMap<String, Live>, usize) {
        let mut all: Vec<_> = self.live.iter().filter(|(_, live)| !live.known.is_pending).collect();
        all.sort_by_key(|(_, live)| live.since_ns);
        let (claimed, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, live)| live.known.is_claimed());
        let count = claimed.len() + others.len();
        let told = others.into_iter().take(MAX_TOLD).chain(claimed.into_iter().take(MAX_CLAIMED));
        let told: BTreeMap<String, Live> = told.map(|(id, live)| (id.clone(), live.clone())).collect();
        let left_out = count - told.len();
        (told, left_out)
    }

    /// Says which containers run now. Those that do not any more become part of what outlives them. `find` knows those that have ended.
    pub(super) fn update(
        &mut self,
        running: BTreeMap<String, Arc<Known>>,
        now_ns: u64,
        find: &mut dyn FnMut(&str) -> Option<Known>,
    ) {
        let gone: Vec<String> = self.live.keys().filter(|id| !running.contains_key(*id)).cloned().collect();
        for id in gone {
            let Some(live) = self.live.remove(&id) else { continue };
            // Its name may have come late.
            let known = find(&id).filter(|known| known.workload().is_some());
            let lived_ns = (!live.was_there).then(|| now_ns.saturating_sub(live.since_ns));
            Arc::make_mut(&mut self.happened).add(&live.known.cgroup, now_ns, What::Deletion(live.counts.exit_code()));
            self.bury(&id, known.as_ref().unwrap_or(&live.known), &live.counts, lived_ns);
        }
        for (id, known) in running {
            if self.live.get(&id).is_some_and(|live| live.known == known) {
                continue;
            }
            let workload = known.workload().map(|name| self.workload(name));
            match self.live.get_mut(&id) {
                Some(live) => (live.known, live.workload) = (known, workload),
                None => {
                    let counts = self.strangers.remove(&id).map(|(counts, _)| counts).unwrap_or_default();
                    let was_there = !self.has_begun;
                    if !was_there {
                        Arc::make_mut(&mut self.happened).add(&known.cgroup, now_ns, What::Creation);
                    }
                    let live = Live { known, counts: Arc::new(counts), since_ns: now_ns, was_there, workload };
                    self.live.insert(id, live);
                }
            }
        }
        self.has_begun = true;
        let waited = self.strangers.extract_if(|_, (_, intervals)| {
            *intervals += 1;
            *intervals > PATIENCE
        });
        for (id, (counts, _)) in waited.collect::<Vec<_>>() {
            if let Some((_, workload)) = self.buried.iter().find(|(buried, _)| *buried == id) {
                Arc::make_mut(self.ended.entry(workload.clone()).or_default()).counts.merge(&counts);
                continue;
            }
            // It came and went between two intervals.
            let known = find(&id).unwrap_or_default();
            let happened = Arc::make_mut(&mut self.happened);
            happened.add(&known.cgroup, now_ns, What::Creation);
            happened.add(&known.cgroup, now_ns, What::Deletion(counts.exit_code()));
            self.bury(&id, &known, &counts, Some(0));
        }
    }

    /// Adds what a container did to what outlives it.
    fn bury(&mut self, id: &str, known: &Known, counts: &Counts, lived_ns: Option<u64>) {
        let workload = self.workload(known.workload().unwrap_or_default());
        if self.buried.len() >= MAX_BURIED {
            self.buried.pop_front();
        }
        self.buried.push_back((id.to_owned(), workload.clone()));
        let ended = Arc::make_mut(self.ended.entry(workload).or_default());
        ended.counts.merge(counts);
        *ended.deaths.entry(counts.exit().unwrap_or("unknown")).or_default() += 1;
        if let Some(lived_ns) = lived_ns {
            ended.starts += 1;
            ended.lived_s += lived_ns as f64 / 1e9;
            ended.lives += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        output::{Form, Span},
        serve::counted::CALLS,
    };

    fn known(name: &str) -> Known {
        let facts = if name.is_empty() { BTreeMap::new() } else { [("name", name.to_owned())].into() };
        Known { facts, ..Known::default() }
    }

    fn running(of: &[(&str, &str)]) -> BTreeMap<String, Arc<Known>> {
        of.iter().map(|(id, name)| ((*id).to_owned(), Arc::new(known(name)))).collect()
    }

    fn frame(rows: &[(&[&str], &[f64])]) -> Frame {
        let row = |(keys, values): &(&[&str], &[f64])| crate::output::Row {
            keys: keys.iter().map(|key| key.as_bytes().to_vec()).collect(),
            values: values.iter().copied().map(Some).collect(),
            line: Vec::new(),
        };
        Frame { rows: rows.iter().map(row).collect(), ..Frame::new(Form::Table, "", Span::default()) }
    }

    #[test]
    fn counts_follow_a_container_to_its_end_and_stay() {
        let mut totals = Totals::default();
        let nobody = &mut |_: &str| None;
        totals.update(running(&[("a", "web")]), 0, nobody);
        totals.add(CALLS, &frame(&[(&["a", "read"], &[3.0, 1.0]), (&["b", "read"], &[5.0, 0.0])]));
        totals.update(running(&[("a", "web"), ("b", "")]), 1_000_000_000, nobody);
        totals.add(CALLS, &frame(&[(&["a", "read"], &[4.0, 0.0]), (&["b", "open"], &[1.0, 1.0])]));
        totals.add(EXITS, &frame(&[(&["b", "0", "3", "1"], &[1.0]), (&["b", "9", "0", "7"], &[2.0])]));
        let sum = |totals: &Totals, id: &str| totals.live[id].counts.sum(CALLS, 0);
        assert_eq!((sum(&totals, "a"), sum(&totals, "b")), (7.0, 6.0), "also what came before it was known");
        // Its name comes with its end.
        totals.update(running(&[("a", "web")]), 3_000_000_000, &mut |id| (id == "b").then(|| known("job")));
        let job = &totals.ended["job"];
        assert_eq!((job.counts.sum(CALLS, 0), job.starts, job.lived_s), (6.0, 1, 2.0));
        assert_eq!(job.deaths, [("error", 1)].into());
        totals.update(running(&[]), 4_000_000_000, nobody);
        let web = &totals.ended["web"];
        assert_eq!((web.starts, web.lives, web.deaths.clone()), (0, 0, [("unknown", 1)].into()), "it was there before");
    }

    #[test]
    fn a_container_is_told_once_its_name_is_known_or_will_not_come() {
        let mut totals = Totals::default();
        let one = |is_pending| [("a".to_owned(), Arc::new(Known { is_pending, ..known("web") }))].into();
        totals.update(one(true), 1, &mut |_| None);
        totals.add(CALLS, &frame(&[(&["a", "read"], &[3.0, 1.0])]));
        assert_eq!(totals.told().0.len(), 0);
        totals.update(one(false), 2, &mut |_| None);
        let live = &totals.told().0["a"];
        assert_eq!((live.counts.sum(CALLS, 0), live.since_ns), (3.0, 1), "what it did meanwhile counts");
    }

    #[test]
    fn users_who_claim_containers_do_not_crowd_out_others() {
        let mut totals = Totals::default();
        let claim = |number: usize| {
            let mut claim = known("");
            claim.facts.insert("claimed", "true".to_owned());
            (format!("{number:04}"), Arc::new(claim))
        };
        let first: BTreeMap<_, _> = (1000..1000 + MAX_CLAIMED).map(claim).collect();
        totals.update(first.clone(), 1, &mut |_| None);
        let more = (0..500).map(claim).chain(first.clone()).chain(running(&[("web", "web")]));
        totals.update(more.collect(), 2, &mut |_| None);
        let (told, left_out) = totals.told();
        assert_eq!((told.len(), left_out), (MAX_CLAIMED + 1, 500));
        assert!(told.contains_key("web") && first.keys().all(|id| told.contains_key(id)), "those that were there stay");
    }

    #[test]
    fn a_container_that_no_interval_has_seen_counts_too() {
        let mut totals = Totals::default();
        totals.update(running(&[]), 0, &mut |_| None);
        totals.add(CALLS, &frame(&[(&["c", "read"], &[2.0, 0.0])]));
        for interval in 1..=4 {
            totals.update(running(&[]), interval, &mut |_| Some(known("short")));
        }
        let ended = &totals.ended["short"];
        assert_eq!((ended.counts.sum(CALLS, 0), ended.starts, totals.live.len()), (2.0, 1, 0));
    }

    #[test]
    fn workloads_that_there_is_no_room_for_are_one_that_only_grows() {
        let mut totals = Totals::new(2 * 2 * SERIES_OF_WORKLOAD);
        let mut sums = Vec::new();
        totals.update(running(&[]), 0, &mut |_| None);
        for (interval, live) in [(1, "d c b"), (2, "d c b a"), (3, "a"), (4, "a e"), (5, "")].into_iter() {
            let live: Vec<(&str, &str)> = live.split_whitespace().map(|name| (name, name)).collect();
            totals.update(running(&live), interval, &mut |_| None);
            let of_ended = totals.ended.get(OTHER).map_or(0, |ended| ended.starts);
            let of_live = totals.live.values().filter(|live| live.workload.as_deref() == Some(OTHER)).count();
            sums.push(of_ended + of_live as u64);
        }
        assert_eq!(sums, [1, 2, 2, 3, 3]);
        assert_eq!(totals.ended.keys().map(String::as_str).collect::<Vec<_>>(), ["b", "c", OTHER]);
    }

    #[test]
    fn what_comes_late_of_a_container_is_of_no_new_one() {
        let mut totals = Totals::default();
        totals.update(running(&[]), 0, &mut |_| None);
        totals.update(running(&[("a", "job")]), 1, &mut |_| None);
        totals.update(running(&[]), 2, &mut |_| None);
        totals.add(CALLS, &frame(&[(&["a", "read"], &[2.0, 0.0])]));
        for interval in 3..=7 {
            totals.update(running(&[]), interval, &mut |_| Some(known("job")));
        }
        let ended = &totals.ended["job"];
        assert_eq!((ended.counts.sum(CALLS, 0), ended.starts, ended.deaths.values().sum::<u64>()), (2.0, 1, 1));
    }

    #[test]
    fn processes_that_end_do_not_fill_the_table() {
        let mut counts = Counts::default();
        for pid in 1..1000 {
            counts.add(EXITS, vec!["0".into(), "0".into(), pid.to_string()], &[1.0]);
        }
        assert_eq!((counts.rows(EXITS).count(), counts.sum(EXITS, 0), counts.exit()), (2, 999.0, Some("ok")));
    }

    #[test]
    fn rows_have_a_limit_beyond_which_they_are_one() {
        let mut counts = Counts::default();
        for number in 0..100 {
            counts.add(1, vec![format!("call{number}"), "ENOENT".into()], &[1.0]);
        }
        assert_eq!(counts.rows(1).count(), counted::most_rows(1) + 1);
        assert_eq!(counts.sum(1, 0), 100.0);
    }
}
