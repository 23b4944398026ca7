//! CPU time of each thread, once per interval: what the scheduler hook added up, and the slices that still run.

use aya::{
    Ebpf,
    maps::{Array, HashMap, MapData},
};
use rustc_hash::FxHashMap;
use tracer_common::counters::{CpuTime, Running};

use super::LiveError;

/// After so many intervals without running, a thread is taken out of the kernel's table.
const IDLE_INTERVALS: u32 = 10;

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

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    total_ns: u64,
    utime: u64,
    stime: u64,
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

    /// What each thread ran since the last call, those that ran. `now_ns` is boot time; `length_ns` is how long the
    /// interval was.
    ///
    /// The tables are read while threads run on, so that a slice may end between two reads. No thread is said to have run
    /// longer than the interval, and all together no longer than the CPUs have: what is over stays for the next call.
    pub fn sample(&mut self, now_ns: u64, length_ns: u64) -> Vec<Ran> {
        // One that came or went ran for a part of the interval.
        let online = online_cpus();
        let cpus = self.cpus.max(online);
        self.cpus = online;
        let mut totals: FxHashMap<u32, CpuTime> = self.times.iter().filter_map(Result::ok).collect();
        for cpu in 0..self.running.len() {
            let Ok(running) = self.running.get(&cpu, 0) else { continue };
            if running.tid != 0 && running.since_ns != 0 {
                let entry = totals.entry(running.tid).or_default();
                entry.tgid = running.tgid;
                entry.ran_ns += now_ns.saturating_sub(running.since_ns);
            }
        }
        let mut ran = Vec::new();
        let seen_of = |tid: &u32| self.seen.get(tid).map_or(0, |seen| seen.total_ns);
        let deltas = totals.iter().map(|(tid, time)| time.ran_ns.saturating_sub(seen_of(tid)).min(length_ns));
        let (sum_ns, room_ns) = (deltas.sum::<u64>(), length_ns.saturating_mul(cpus));
        for (tid, time) in &totals {
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
        self.forget_idle();
        ran
    }

    /// Forgets what ran on each CPU when the hook was detached, before it is attached again.
    pub fn begin_again(&mut self) {
        for cpu in 0..self.running.len() {
            let _ = self.running.set(cpu, Running::default(), 0);
        }
    }

    fn forget_idle(&mut self) {
        let idle: Vec<u32> =
            self.seen.iter().filter(|(_, seen)| seen.idle >= IDLE_INTERVALS).map(|(tid, _)| *tid).collect();
        for tid in idle {
            // It may be gone already; a thread that runs again is entered anew, from zero.
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
