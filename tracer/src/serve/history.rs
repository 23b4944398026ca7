//! The last minutes: a few numbers of each container for charts, and the last pictures for those who ask as cAdvisor's clients do.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    calls::Call,
    counted::{CALLS, FILES, SOCKETS},
    gather::Snapshot,
    measured::{Measured, Picture},
    totals::Counts,
};

/// Points of a container: ten minutes in steps of a second.
const MAX_POINTS: usize = 600;
/// Pictures, and containers in all of them together.
const MAX_PICTURES: usize = 60;
const MAX_PICTURED: usize = 6_000;

/// What is kept of a container at one moment. Sums are since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Point {
    /// Milliseconds since the epoch.
    pub(super) ms: u64,
    /// CPU time, seconds.
    pub(super) cpu_s: Option<f64>,
    /// Working set, bytes.
    pub(super) memory: Option<f64>,
    /// The CPU time for which it was held back, seconds.
    pub(super) throttled_s: Option<f64>,
    /// Bytes that were received, sent, read and written.
    pub(super) received: f64,
    pub(super) sent: f64,
    pub(super) read: f64,
    pub(super) written: f64,
    /// Calls, and those that failed.
    pub(super) calls: f64,
    pub(super) errors: f64,
    /// Processes that the OOM killer ended.
    pub(super) oom_kills: Option<f64>,
}

impl Point {
    /// The point of what was measured and counted.
    pub(super) fn of(measured: &Measured, counts: Option<&Counts>) -> Self {
        let resources = &measured.resources;
        let seconds = |ns: Option<u64>| ns.map(|ns| ns as f64 / 1e9);
        let sum = |table, number| counts.map_or(0.0, |counts| counts.sum(table, number));
        let files = |direction: &str| {
            let rows = counts.into_iter().flat_map(|counts| counts.rows(FILES));
            let own = rows.filter(|row| row.keys.first().is_some_and(|name| Call::of(name).direction == direction));
            own.map(|row| row.numbers.first().copied().unwrap_or_default()).fold(0.0, |sum, it| sum + it)
        };
        Self {
            ms: measured.now_ns / 1_000_000,
            cpu_s: seconds(resources.cpu.usage_ns),
            memory: resources.memory.working_set().or(resources.memory.usage).map(|bytes| bytes as f64),
            throttled_s: seconds(resources.cpu.throttled_ns),
            received: sum(SOCKETS, 0),
            sent: sum(SOCKETS, 1),
            read: files("read"),
            written: files("write"),
            calls: sum(CALLS, 0),
            errors: sum(CALLS, 1),
            oom_kills: resources.memory.oom_kills.map(|count| count as f64),
        }
    }
}

/// The last minutes.
#[derive(Debug, Default)]
pub(super) struct History {
    host: VecDeque<Point>,
    points: HashMap<String, VecDeque<Point>>,
    pictures: VecDeque<Arc<Picture>>,
}

impl History {
    /// Adds a picture. Of containers that are not in it any more nothing is kept.
    pub(super) fn add(&mut self, snapshot: &Snapshot, picture: &Arc<Picture>) {
        push(&mut self.host, Point::of(&picture.host, None));
        self.points.retain(|id, _| picture.containers.contains_key(id));
        for (id, measured) in &picture.containers {
            let counts = snapshot.live.get(id).map(|live| &*live.counts);
            push(self.points.entry(id.clone()).or_default(), Point::of(measured, counts));
        }
        self.pictures.push_back(Arc::clone(picture));
        let pictured = |pictures: &VecDeque<Arc<Picture>>| pictures.iter().map(|it| it.containers.len()).sum::<usize>();
        while self.pictures.len() > MAX_PICTURES || self.pictures.len() > 1 && pictured(&self.pictures) > MAX_PICTURED {
            self.pictures.pop_front();
        }
    }

    /// The points of a container; of the host for `None`.
    pub(super) fn points(&self, id: Option<&str>) -> impl Iterator<Item = &Point> {
        id.map_or(Some(&self.host), |id| self.points.get(id)).into_iter().flatten()
    }

    /// The last pictures, the oldest first.
    pub(super) fn pictures(&self) -> impl DoubleEndedIterator<Item = &Arc<Picture>> {
        self.pictures.iter()
    }
}

fn push(points: &mut VecDeque<Point>, point: Point) {
    if points.len() >= MAX_POINTS {
        points.pop_front();
    }
    points.push_back(point);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_forgotten_and_the_rest_has_limits() {
        let mut history = History::default();
        let snapshot = Snapshot::default();
        let picture = |ids: &[&str]| {
            let containers = ids.iter().map(|id| ((*id).to_owned(), Measured::default())).collect();
            Arc::new(Picture { containers, ..Picture::default() })
        };
        for _ in 0..MAX_POINTS + 5 {
            history.add(&snapshot, &picture(&["a", "b"]));
        }
        assert_eq!(history.points(Some("a")).count(), MAX_POINTS);
        assert_eq!(history.pictures().count(), MAX_PICTURES);
        history.add(&snapshot, &picture(&["b"]));
        assert_eq!((history.points(Some("a")).count(), history.points(None).count()), (0, MAX_POINTS));
        let many: Vec<String> = (0..MAX_PICTURED).map(|number| number.to_string()).collect();
        history.add(&snapshot, &picture(&many.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!(history.pictures().count(), 1);
    }
}
