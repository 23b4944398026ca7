//! The running kernel as a source: loads the kernel side, drains its rings in the order of time, and counts what was lost.

pub mod btf;
pub mod clock;
pub mod counters;
pub mod cpu;
mod directories;
pub mod follow;
pub mod groups;
pub mod load;
pub mod own;
pub mod plan;
pub mod probes;
pub mod ring;
mod turn;
mod types;
mod verdict;
mod wait;

use std::{io, ops::ControlFlow, os::fd::BorrowedFd, path::PathBuf, time::Duration};

use aya::Ebpf;
use tracer_common::{
    counters::Counters,
    events::code,
    group::{Counted, Grouping},
    wire,
};

pub use self::clock::{monotonic_ns, to_epoch_ns};
pub(crate) use self::turn::programs;
use self::{
    clock::WallClock,
    cpu::{CpuSampler, Totals},
    directories::Directories,
    follow::{Follow, Followed},
    groups::Groups,
    own::Own,
    probes::{Attached, Outcomes, When},
    ring::Ring,
    turn::Next,
    verdict::Verdicts,
    wait::Waiter,
};
use super::{CpuLosses, Drained, Losses, Record, Source, Step, Visit, record::Head};
use crate::message::Shown as _;
use crate::{event::decode, state::State};

/// How long a record may be on its way to its ring, nanoseconds: only older ones are released to the merge.
pub const WINDOW_NS: u64 = 2_000_000;
/// The most records that are delivered at once, so that the loop comes round.
pub const BATCH: usize = 65_536;
/// After so many records, what was read is given back to the kernel.
const RELEASE_EVERY: usize = 256;

/// Why the kernel cannot be traced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The kernel does not describe its types.
    #[error("cannot read the kernel's type information '{path}': {cause}\nhint: a kernel built with CONFIG_DEBUG_INFO_BTF=y is needed", path = path.shown())]
    NoBtf {
        /// Where it was looked for.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// A kernel struct is not as it was on any kernel known.
    #[error("this kernel has no {field}\nhint: tracer supports kernels from 5.15 on; if this is one, please report it")]
    NoField {
        /// The field.
        field: String,
    },
    /// The object is refused.
    #[error("the kernel rejects the BPF object: {cause}\nhint: run `tracer --doctor`")]
    Load {
        /// What went wrong.
        cause: String,
    },
    /// A program is refused.
    #[error("the kernel rejects BPF program {program} on {hook}: {cause}\nhint: run `tracer --doctor`")]
    Program {
        /// Its name.
        program: &'static str,
        /// The tracepoint.
        hook: &'static str,
        /// What went wrong.
        cause: String,
    },
    /// A ring cannot be made.
    #[error("cannot create a ring buffer of {size} bytes: {cause}\nhint: try a smaller --buffer-size")]
    Ring {
        /// Its size.
        size: usize,
        /// What went wrong.
        cause: String,
    },
    /// A map of the object is not there or refuses.
    #[error("cannot use map {0} of the BPF object")]
    Map(&'static str),
    /// More threads are to be followed than there is room for.
    #[error("more than {max} threads would be followed\nhint: give fewer processes with --pid", max = tracer_common::follow::MAX_FOLLOWED)]
    TooManyThreads,
    /// The privileges for BPF are missing.
    #[error("{0}\nhint: run it with sudo; in a container with --privileged --pid=host")]
    Privileges(String),
    /// What is asked for was not to change.
    #[error("the question of this tracer is fixed")]
    Fixed,
}

/// What the source is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Most bytes of payload.
    pub snaplen: u32,
    /// Bytes of each ring; `None` for the default.
    pub ring_bytes: Option<usize>,
    /// Whether CPU time is measured.
    pub cpu_time: bool,
    /// Whether calls are timed from their beginning.
    pub latency: bool,
    /// Whether the beginning of calls that open and connect is reported.
    pub entry_args: bool,
    /// Whether page faults are reported.
    pub page_faults: bool,
    /// Whether it is asked whose connection it is of which a segment is reported; its cgroup is always known.
    pub owners: bool,
    /// Whether TCP connections are followed: what is asked for says so.
    pub connections: bool,
    /// Whether the tracer's own events are reported, too.
    pub own: bool,
    /// Whether containers are followed.
    pub containers: bool,
    /// Whether records say who made the call, although no predicate asks for it.
    pub who: bool,
    /// The tables of calls that are counted in the kernel, by their number. The first is `None` where records are made beside others.
    pub calls: Vec<Option<Grouping>>,
    /// The table of the bytes of sockets that is.
    pub sockets: Option<Grouping>,
    /// Whether something else may be asked for later: see [`Source::prepare`]. Then all programs are loaded at the start.
    pub changes: bool,
    /// Whether the kernel side logs.
    pub kernel_log: bool,
    /// Whom to follow; all that run when `None`.
    pub follow: Option<Follow>,
}

/// The running kernel.
pub struct Live {
    bpf: Ebpf,
    rings: Vec<Ring>,
    directories: Directories,
    /// Time of the next record of each ring; `None` when there was none at the last look.
    heads: Vec<Option<u64>>,
    waiter: Waiter,
    clock: WallClock,
    cpu: Option<CpuSampler>,
    logger: Option<aya_log::EbpfLogger<wait::StderrLog>>,
    last_ns: u64,
    /// No record that is delivered from now on is older, but for late ones; 0 before the first.
    delivered_ns: u64,
    late: u64,
    /// Losses that drop events were made of, by CPU.
    reported: Vec<u64>,
    /// What was lost by the time that the last record was delivered: what is lost later, nobody has asked for.
    at_the_end: Option<Losses>,
    unreleased: usize,
    missing: Vec<String>,
    verdicts: Verdicts,
    groups: Groups,
    /// What is asked for now, and the number of its turn.
    options: Options,
    turn: u32,
    /// What became of the programs, and which of them are attached.
    outcomes: Outcomes,
    attached: Attached,
    next: Option<Next>,
    followed: Option<Followed>,
}

/// CPUs that the kernel may ever have: their numbers index the maps.
fn possible_cpus() -> u32 {
    aya::util::nr_cpus().ok().and_then(|cpus| u32::try_from(cpus).ok()).unwrap_or(1)
}

impl Live {
    /// Loads the kernel side and attaches it. From here on events are recorded.
    ///
    /// # Errors
    /// The privileges are missing, or the kernel cannot do it.
    pub fn start(options: &Options, wanted: &plan::Wanted<'_>) -> Result<Self, LiveError> {
        let own = Own::learn()?;
        let plans = plan::all(wanted);
        let programs = turn::programs(options, wanted, &plans);
        let connections = programs.iter().any(|probe| probe.when == When::Connections);
        let options = &Options { who: options.who || plans.asks_who, connections, ..options.clone() };
        let mut loaded = load::load(options, own, possible_cpus(), plans.predicates.len() as u32, wanted.sample)?;
        load::write_plans(&mut loaded.bpf, &plans, 0, options, false)?;
        let groups = Groups::new(&mut loaded.bpf, groups::wanted(options), options.changes)?;
        let wanted = programs;
        let (mut outcomes, rings) = if options.changes {
            loaded.programs_and_rings(&turn::all_programs(options))?
        } else {
            loaded.programs_and_rings(&wanted)?
        };
        load::write_counting(&mut loaded.bpf, options, 0)?;
        if options.changes {
            turn::time_since(&mut loaded.bpf, if options.latency { 0 } else { u64::MAX })?;
        }
        let mut attached = Attached::new();
        let refused = probes::attach(&mut loaded.bpf, &wanted, &mut outcomes, &mut attached)?;
        drop(loaded.hooks);
        wait::trim_memory();
        let mut bpf = loaded.bpf;
        let cpu = if options.cpu_time || options.changes { Some(CpuSampler::new(&mut bpf)?) } else { None };
        let verdicts = Verdicts::new(&mut bpf, plans.questions)?;
        let logger = if options.kernel_log {
            aya_log::EbpfLogger::init_with_logger(&mut bpf, wait::StderrLog).ok()
        } else {
            None
        };
        let clock = WallClock::follow();
        let waiter = Waiter::new(&rings, clock.fd()).map_err(|error| LiveError::Load { cause: error.to_string() })?;
        let followed = options.follow.as_ref().map(|follow| Followed::start(&mut bpf, follow)).transpose()?;
        let mut missing = loaded.losses;
        missing.extend(refused);
        let heads = vec![None; rings.len()];
        Ok(Self {
            directories: Directories::new(&mut bpf),
            bpf,
            rings,
            heads,
            waiter,
            clock,
            cpu,
            logger,
            last_ns: 0,
            delivered_ns: 0,
            late: 0,
            reported: Vec::new(),
            at_the_end: None,
            unreleased: 0,
            missing,
            verdicts,
            groups,
            followed,
            options: options.clone(),
            turn: 0,
            outcomes,
            attached,
            next: None,
        })
    }

    /// What this kernel cannot do, for the person to know.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Instructions that the verifier went through, by program.
    #[must_use]
    pub fn verified_instructions(&self) -> Vec<(&'static str, u32)> {
        probes::PROBES
            .iter()
            .filter_map(|probe| {
                let program: &aya::programs::BtfTracePoint = self.bpf.program(probe.program)?.try_into().ok()?;
                Some((probe.program, counters::verified_instructions(program.fd().ok()?)?))
            })
            .collect()
    }

    /// The ring whose next record is the oldest, if it is older than `limit_ns`.
    fn oldest(&mut self, limit_ns: u64) -> Option<usize> {
        let mut oldest: Option<(usize, u64)> = None;
        for (number, (ring, head)) in self.rings.iter_mut().zip(&mut self.heads).enumerate() {
            if head.is_none() {
                *head = ring.peek().map(decode::live_time);
            }
            if let Some(time) = *head
                && oldest.is_none_or(|(_, best)| time < best)
            {
                oldest = Some((number, time));
            }
        }
        oldest.filter(|(_, time)| *time <= limit_ns).map(|(number, _)| number)
    }

    fn release(&mut self) {
        self.unreleased = 0;
        for ring in &mut self.rings {
            ring.release();
        }
    }

    /// Delivers all records that are there, until `visit` breaks.
    fn deliver(&mut self, visit: Visit<'_>) -> ControlFlow<()> {
        let limit_ns = monotonic_ns();
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue()
            && self.drain_until(limit_ns, &mut |record| {
                flow = visit(record);
                flow
            }) == BATCH
        {}
        if flow.is_continue() {
            self.delivered_ns = limit_ns;
        }
        flow
    }

    fn drain_until(&mut self, limit_ns: u64, visit: Visit<'_>) -> usize {
        let mut count = 0;
        while count < BATCH
            && let Some(number) = self.oldest(limit_ns)
        {
            let time = self.heads[number].take().unwrap_or(0);
            if time < self.last_ns {
                self.late += 1;
            } else {
                self.last_ns = time;
            }
            let ring = &mut self.rings[number];
            let flow = ring
                .peek()
                .map_or(ControlFlow::Continue(()), |record| visit(Record::Wire(self.directories.whole(record))));
            ring.advance();
            count += 1;
            self.unreleased += 1;
            if self.unreleased >= RELEASE_EVERY {
                self.release();
            }
            if flow.is_break() {
                break;
            }
        }
        self.release();
        count
    }
}

/// What a CPU lost.
fn cpu_losses(counters: &Counters) -> CpuLosses {
    CpuLosses {
        ring_full: counters.ring_full,
        scratch: counters.scratch,
        messages: counters.messages,
        cpu_table: counters.cpu_table_full,
        entry_table: counters.entry_table_full,
        groups: counters.groups_full,
        followed: counters.followed_full,
    }
}

impl Live {
    /// The time of a record of our own that stands behind those that were delivered and in front of all others.
    fn delivered_ns(&self) -> u64 {
        if self.delivered_ns == 0 { monotonic_ns() } else { self.delivered_ns }
    }

    /// A record for each row that was counted in the kernel.
    fn report_groups(&mut self, visit: Visit<'_>) -> Result<(), LiveError> {
        let time_ns = self.delivered_ns();
        self.groups.take(&mut |row| visit(Record::Wire(&row.record(time_ns, 0))))
    }

    /// What threads ran and moved by now, when that is asked for.
    fn totals(&self) -> Option<Totals> {
        self.cpu.as_ref().filter(|_| self.options.cpu_time).map(CpuSampler::read)
    }

    /// A record for what each thread received and sent, when that is kept with CPU time. Bytes of threads that are not known yet wait,
    /// unless this `is_last`.
    fn report_transfers(&mut self, totals: &Totals, is_last: bool, flags: u16, visit: Visit<'_>) {
        let time_ns = self.delivered_ns();
        let grouping = self.options.sockets.filter(|sockets| sockets.counted == Counted::SliceBytes);
        let Some((cpu, grouping)) = self.cpu.as_mut().zip(grouping) else { return };
        for transfer in cpu.transfers(totals, is_last) {
            for (key, value) in groups::of_transfer(&transfer, grouping.by) {
                let row = groups::Row::of_slices(grouping, &key, value);
                if visit(Record::Wire(&row.record(time_ns, flags))).is_break() {
                    return;
                }
            }
        }
    }

    /// A record for each thread that ran, with flags of its turn.
    fn report_cpu(&mut self, totals: &Totals, length_ns: u64, flags: u16, visit: Visit<'_>) {
        let time_ns = self.delivered_ns();
        let Some(cpu) = &mut self.cpu else { return };
        for ran in cpu.ran(totals, length_ns) {
            let params = [ran.user_ns.to_le_bytes(), ran.system_ns.to_le_bytes()];
            let head = Head {
                tgid: ran.tgid,
                cgroup: ran.cgroup,
                time_ns,
                tid: ran.tid.into(),
                code: code::PROCINFO,
                flags: flags | if ran.who.is_some() { wire::FLAG_WHO } else { 0 },
                ..Head::default()
            };
            let mut record = head.with(&[&params[0], &params[1]]);
            record.extend(ran.who.into_iter().flatten().flat_map(u64::to_le_bytes));
            if visit(Record::Wire(&record)).is_break() {
                break;
            }
        }
    }

    /// A drop event for each CPU that lost something since the last one, and for runs that the kernel skipped, which belong to
    /// no CPU and stand at the first.
    fn report_losses(&mut self, visit: Visit<'_>) -> Losses {
        let (losses, time_ns) = (self.losses(), self.delivered_ns());
        let skipped = std::iter::once((0, losses.skipped));
        let lost = losses.by_cpu.iter().enumerate().map(|(cpu, lost)| (cpu, lost.total())).chain(skipped);
        self.reported.resize(losses.by_cpu.len() + 1, 0);
        for ((cpu, lost), reported) in lost.zip(&mut self.reported) {
            let new = lost.saturating_sub(std::mem::replace(reported, lost));
            if new == 0 {
                continue;
            }
            let count = u32::try_from(new).unwrap_or(u32::MAX);
            let head = Head { cpu: cpu as u16, time_ns, code: code::DROP, ..Head::default() };
            let record = head.with(&[&count.to_le_bytes()]);
            if visit(Record::Wire(&record)).is_break() {
                break;
            }
        }
        losses
    }
}

impl Source for Live {
    fn drain(&mut self, visit: Visit<'_>) -> anyhow::Result<Drained> {
        self.at_the_end = None;
        // The mark is taken first: a record older than it, less the window, is in its ring by now.
        let limit_ns = monotonic_ns().saturating_sub(WINDOW_NS);
        let count = self.drain_until(limit_ns, visit);
        self.delivered_ns = if count < BATCH { limit_ns } else { self.last_ns };
        let is_over = count < BATCH && self.followed.as_ref().is_some_and(Followed::is_over);
        Ok(if is_over { Drained::End } else { Drained::Records(count) })
    }

    fn drain_rest(&mut self, visit: Visit<'_>) -> anyhow::Result<()> {
        if self.deliver(visit).is_continue() {
            self.at_the_end = Some(self.report_losses(visit));
            self.report_groups(visit)?;
            if let Some(totals) = self.totals() {
                self.report_transfers(&totals, true, 0, visit);
            }
        }
        Ok(())
    }

    fn last_losses(&mut self, visit: Visit<'_>) {
        self.at_the_end = Some(self.report_losses(visit));
    }

    fn wait(&mut self, drained: usize, at_most: Duration) {
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
        self.waiter.wait(drained, at_most);
    }

    fn interval(&mut self, length_ns: u64, visit: Visit<'_>) -> anyhow::Result<()> {
        self.report_losses(visit);
        self.report_groups(visit)?;
        if let Some(totals) = self.totals() {
            self.report_transfers(&totals, false, 0, visit);
            self.report_cpu(&totals, length_ns, 0, visit);
        }
        Ok(())
    }

    fn wake_by(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.waiter.add(fd)
    }

    fn prepare(&mut self, options: &Options, wanted: &plan::Wanted<'_>) -> anyhow::Result<()> {
        Ok(self.prepare_next(options, wanted)?)
    }

    fn give_up(&mut self) {
        self.give_up_next();
    }

    fn pass_on(&mut self, length_ns: u64, visit: Visit<'_>) -> anyhow::Result<()> {
        Ok(self.pass_to_next(length_ns, visit)?)
    }

    fn step(&mut self) -> Option<Step> {
        self.clock.step()
    }

    fn follow(&mut self, state: &State) {
        self.verdicts.follow(state);
    }

    fn losses(&self) -> Losses {
        if let Some(losses) = &self.at_the_end {
            return losses.clone();
        }
        let per_cpu = counters::per_cpu(&self.bpf);
        let sum = |field: fn(&tracer_common::counters::Counters) -> u64| per_cpu.iter().map(field).sum();
        Losses {
            ring_full: sum(|counters| counters.ring_full),
            scratch: sum(|counters| counters.scratch),
            skipped: probes::skipped(&self.bpf).values().sum(),
            messages: sum(|counters| counters.messages),
            cpu_table: sum(|counters| counters.cpu_table_full),
            entry_table: sum(|counters| counters.entry_table_full),
            groups: sum(|counters| counters.groups_full),
            followed: sum(|counters| counters.followed_full),
            late: self.late,
            by_cpu: per_cpu.iter().map(cpu_losses).collect(),
            ..Losses::default()
        }
    }
}
