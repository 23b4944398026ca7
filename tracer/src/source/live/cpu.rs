//! CPU time of each thread, once per interval, and what its sockets moved in that time: what the scheduler hook added up, and the slices
//! that still run.

use aya::{
    Ebpf,
    maps::{Array, HashMap, MapData},
};
use rustc_hash::FxHashMap;
use tracer_common::counters::{CpuTime, Moved, Running};

use super::{LiveError, monotonic_ns};

/// After so many intervals without running, a thread is taken out of the kernel's table.
const IDLE_INTERVALS: u32 = 10;
/// How often a CPU is looked at again whose threads change while it is read.
const MOST_LOOKS: u32 = 64;

/// What one thread ran since it was last asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// Thread id.
    pub tid: u32,
    /// Process id.
    pub tgid: u32,
    /// Id of its cgroup.
    pub cgroup: u64,
    /// In user mode, nanoseconds.
    pub user_ns: u64,
    /// In the kernel, nanoseconds.
    pub system_ns: u64,
    /// Who it is, as in a record; `None` when the kernel side did not say.
    pub who: Option<[u64; 4]>,
}

/// What one thread moved through internet sockets since it was last asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Thread id.
    pub tid: u32,
    /// Process id.
    pub tgid: u32,
    /// Id of its cgroup; 0 when that is not known.
    pub cgroup: u64,
    /// Its name, as in a record; zeros when the kernel side did not say.
    pub comm: [u64; 2],
    /// What it was.
    pub moved: Moved,
}

/// What all threads ran and moved by now, of which nobody was told what is new.
#[derive(Debug, Default)]
pub struct Totals {
    threads: FxHashMap<u32, Total>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Total {
    time: CpuTime,
    /// Whether the kernel side said who it is; not before its first slice has ended.
    is_known: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    total_ns: u64,
    utime: u64,
    stime: u64,
    moved: Moved,
    idle: u32,
}

/// Reads the tables of the scheduler hook.
pub struct CpuSampler {
    times: HashMap<MapData, u32, CpuTime>,
    running: Array<MapData, Running>,
    seen: FxHashMap<u32, Seen>,
    /// CPUs that were online at the end of the last interval.
    cpus: u64,
}

impl CpuSampler {
    /// Takes the maps out of the object.
    ///
    /// # Errors
    /// They are not there.
    pub fn new(bpf: &mut Ebpf) -> Result<Self, LiveError> {
        let times = bpf.take_map("CPU_TIMES").ok_or(LiveError::Map("CPU_TIMES"))?;
        let running = bpf.take_map("RUNNING").ok_or(LiveError::Map("RUNNING"))?;
        Ok(Self {
            times: HashMap::try_from(times).map_err(|_| LiveError::Map("CPU_TIMES"))?,
            running: Array::try_from(running).map_err(|_| LiveError::Map("RUNNING"))?,
            seen: FxHashMap::default(),
            cpus: online_cpus(),
        })
    }

    /// What all threads ran and moved by now.
    ///
    /// The tables are read while threads run on, so that a slice may end between two reads. Of what a thread has, nothing is there twice; what
    /// it had before this call is there, unless its CPU changes threads faster than it can be read.
    pub fn read(&self) -> Totals {
        let before: Vec<Running> = (0..self.running.len()).map(|cpu| self.on(cpu)).collect();
        let known = |time| Total { time, is_known: true };
        let mut threads: FxHashMap<u32, Total> =
            self.times.iter().filter_map(Result::ok).map(|(tid, time)| (tid, known(time))).collect();
        let now_ns = monotonic_ns();
        for (cpu, before) in (0..self.running.len()).zip(before) {
            self.add_running(cpu, before, now_ns, &mut threads);
        }
        Totals { threads }
    }

    fn on(&self, cpu: u32) -> Running {
        self.running.get(&cpu, 0).unwrap_or_default()
    }

    /// Adds the slice that runs on a CPU, where another one may have run `before` the table was read.
    fn add_running(&self, cpu: u32, mut before: Running, now_ns: u64, threads: &mut FxHashMap<u32, Total>) {
        let changed = |one: &Running, other: &Running| (one.since_ns, one.tid) != (other.since_ns, other.tid);
        let mut keep = |tid: u32, total: Total| {
            let kept = threads.entry(tid).or_insert(total);
            // Both are what it had at some time. The later one has more.
            let is_more = |of: &Total| (of.time.ran_ns, of.time.moved.receives + of.time.moved.sends);
            if is_more(&total) > is_more(kept) {
                *kept = total;
            }
        };
        for _ in 0..MOST_LOOKS {
            let now = self.on(cpu);
            if now.since_ns == 0 && now.tid != 0 {
                // It is being put to the others at this moment.
                continue;
            }
            if changed(&now, &before)
                && before.tid != 0
                && let Ok(time) = self.times.get(&before.tid, 0)
            {
                keep(before.tid, Total { time, is_known: true });
            }
            if now.tid == 0 {
                return;
            }
            let (mut time, is_known) = match self.times.get(&now.tid, 0) {
                Ok(time) => (time, true),
                Err(_) => (CpuTime { tgid: now.tgid, ..CpuTime::default() }, false),
            };
            if !changed(&now, &self.on(cpu)) {
                time.ran_ns += now_ns.saturating_sub(now.since_ns);
                time.moved = time.moved.and(now.moved);
                return keep(now.tid, Total { time, is_known });
            }
            before = now;
        }
    }

    /// What each thread moved since it was last asked for, those that moved anything. That of a thread of which nothing but its number is known
    /// yet waits, unless this is the `last` time.
    pub fn transfers(&mut self, totals: &Totals, is_last: bool) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        for (tid, Total { time, is_known }) in &totals.threads {
            let moved = time.moved;
            let before = self.seen.get(tid).map_or(Moved::default(), |seen| seen.moved);
            let new = Moved {
                received: moved.received.saturating_sub(before.received),
                receives: moved.receives.saturating_sub(before.receives),
                sent: moved.sent.saturating_sub(before.sent),
                sends: moved.sends.saturating_sub(before.sends),
            };
            if new == Moved::default() || !(*is_known || is_last) {
                continue;
            }
            self.seen.entry(*tid).or_default().moved = before.and(new);
            transfers.push(Transfer {
                tid: *tid,
                tgid: time.tgid,
                cgroup: time.cgroup,
                comm: [time.who[0], time.who[1]],
                moved: new,
            });
        }
        transfers
    }

    /// What each thread ran since the last call, those that ran. `length_ns` is how long the interval was.
    ///
    /// No thread is said to have run longer than the interval, and all together no longer than the CPUs have: what is over stays for the next
    /// call.
    pub fn ran(&mut self, totals: &Totals, length_ns: u64) -> Vec<Ran> {
        // One that came or went ran for a part of the interval.
        let online = online_cpus();
        let cpus = self.cpus.max(online);
        self.cpus = online;
        let mut ran = Vec::new();
        let seen_of = |tid: &u32| self.seen.get(tid).map_or(0, |seen| seen.total_ns);
        let threads = || totals.threads.iter().map(|(tid, total)| (tid, total.time));
        let deltas = threads().map(|(tid, time)| time.ran_ns.saturating_sub(seen_of(tid)).min(length_ns));
        let (sum_ns, room_ns) = (deltas.sum::<u64>(), length_ns.saturating_mul(cpus));
        for (tid, time) in threads() {
            let seen = self.seen.entry(*tid).or_default();
            let delta = fit(time.ran_ns.saturating_sub(seen.total_ns).min(length_ns), sum_ns, room_ns);
            if delta == 0 {
                seen.idle += 1;
                continue;
            }
            let (user, system) = (time.utime.saturating_sub(seen.utime), time.stime.saturating_sub(seen.stime));
            *seen = Seen {
                total_ns: seen.total_ns + delta,
                utime: time.utime.max(seen.utime),
                stime: time.stime.max(seen.stime),
                idle: 0,
                ..*seen
            };
            let system_ns = split(delta, user, system);
            ran.push(Ran {
                tid: *tid,
                tgid: time.tgid,
                cgroup: time.cgroup,
                user_ns: delta - system_ns,
                system_ns,
                who: Some(time.who).filter(|who| who[0] != 0),
            });
        }
        self.forget_idle(totals);
        ran
    }

    /// Begins anew, before the hook that was detached is attached again: what was on a CPU then is not what is there now.
    pub fn begin_again(&mut self) {
        for cpu in 0..self.running.len() {
            let _ = self.running.set(cpu, Running::default(), 0);
        }
        let known: Vec<u32> = self.times.keys().filter_map(Result::ok).collect();
        for tid in known {
            let _ = self.times.remove(&tid);
        }
        self.seen.clear();
    }

    fn forget_idle(&mut self, totals: &Totals) {
        let idle: Vec<u32> =
            self.seen.iter().filter(|(_, seen)| seen.idle >= IDLE_INTERVALS).map(|(tid, _)| *tid).collect();
        for tid in idle {
            let was = totals.threads.get(&tid).map(|total| total.time.ran_ns);
            // One that ran meanwhile stays. A thread that runs again is entered anew, from zero.
            if self.times.get(&tid, 0).is_ok_and(|time| Some(time.ran_ns) != was) {
                continue;
            }
            let _ = self.times.remove(&tid);
            self.seen.remove(&tid);
        }
    }
}

/// How many CPUs run.
fn online_cpus() -> u64 {
    aya::util::online_cpus().map_or(1, |cpus| cpus.len() as u64)
}

/// A part of a sum that has to fit into `room`.
fn fit(part: u64, sum: u64, room: u64) -> u64 {
    if sum <= room { part } else { (u128::from(part) * u128::from(room) / u128::from(sum)) as u64 }
}

/// The share of system time, by the kernel's own clock, which is coarser than ours.
fn split(total_ns: u64, user: u64, system: u64) -> u64 {
    match user.checked_add(system) {
        None | Some(0) => 0,
        Some(sum) => (u128::from(total_ns) * u128::from(system) / u128::from(sum)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::{fit, split};

    #[test]
    fn parts_are_cut_alike_when_they_do_not_fit() {
        assert_eq!(fit(30, 100, 200), 30);
        assert_eq!((fit(30, 100, 50), fit(70, 100, 50)), (15, 35));
    }

    #[test]
    fn system_time_is_a_share_of_the_whole() {
        assert_eq!(split(1000, 3, 1), 250);
        assert_eq!(split(1000, 0, 0), 0);
        assert_eq!(split(u64::MAX, 1, 1), u64::MAX / 2);
    }
}
