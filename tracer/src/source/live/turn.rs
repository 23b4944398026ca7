//! Questions that follow each other while nothing that stays is detached.
//!
//! The kernel side has room for two of them: plans, predicates, keys of tables and answers about cgroups. One counts; the next one
//! is written into the other half, its hooks are attached, and then one number says whose turn it is. Each event looks at that number once, so it
//! belongs to one question and not to the other. Records say which one made them, and the tables of the question before
//! are taken when no program can still be counting there.
//!
//! All programs are loaded at the start, so that nothing has to be loaded when the rights for it are gone.

use aya::Ebpf;
use tracer_common::{events, wire};

use super::{
    Live, LiveError, Options, Record, Visit, groups, load, monotonic_ns, plan,
    probes::{self, Probe, When},
};

/// The programs that are attached for a question.
pub(crate) fn programs(options: &Options, wanted: &plan::Wanted<'_>, plans: &plan::Plans) -> Vec<&'static Probe> {
    let asked = |probe: &Probe| probe.rows.iter().any(|row| wanted.hook(row));
    probes::wanted(|probe| match probe.when {
        When::Lives => plans.lives || options.latency || options.follow.is_some(),
        When::Forks => options.follow.is_some(),
        When::Sockets => options.sockets.is_some(),
        When::Calls | When::TailCalled => plans.calls,
        When::Parts => plans.parts,
        When::Cgroups => options.containers,
        When::Switches => options.cpu_time || wanted.hook(&events::sched::SWITCH),
        When::Asked => asked(probe),
        When::Faults => options.page_faults && asked(probe),
        When::Connections => {
            let others = [&events::tcp::TCP_RETRANSMIT, &events::tcp::TCP_RESET];
            asked(probe) || options.owners && others.into_iter().any(|row| wanted.hook(row))
        }
        When::Enter => plans.calls && (options.latency || options.entry_args),
    })
}

/// The programs that any question with these options may take.
pub(super) fn all_programs(options: &Options) -> Vec<&'static Probe> {
    let has_sockets = groups::has_socket_hooks();
    probes::wanted(|probe| match probe.when {
        When::Faults => options.page_faults,
        When::Sockets => has_sockets,
        When::Forks => options.follow.is_some(),
        _ => true,
    })
}

/// Says since when calls are timed.
pub(super) fn time_since(bpf: &mut Ebpf, time_ns: u64) -> Result<(), LiveError> {
    load::write(bpf, "TIMED_SINCE", 0, time_ns)
}

/// What was made ready for the next question.
#[derive(Debug)]
pub(super) struct Next {
    options: Options,
    programs: Vec<&'static str>,
    /// What was attached before.
    before: Vec<&'static str>,
}

impl Live {
    /// As [`Source::prepare`](crate::source::Source::prepare). Of the options only those count that say what is asked for and counted; all
    /// else stays as it was.
    pub(super) fn prepare_next(&mut self, options: &Options, wanted: &plan::Wanted<'_>) -> Result<(), LiveError> {
        if !self.options.changes {
            return Err(LiveError::Fixed);
        }
        let plans = plan::all(wanted);
        let turn = 1 - self.turn;
        let options = Options {
            cpu_time: options.cpu_time,
            latency: options.latency,
            owners: options.owners,
            calls: options.calls.clone(),
            sockets: options.sockets,
            ..self.options.clone()
        };
        let programs = programs(&options, wanted, &plans);
        load::write_plans(&mut self.bpf, &plans, turn, &options, true)?;
        load::write_counting(&mut self.bpf, &options, turn)?;
        self.verdicts.ask(turn, plans.questions);
        self.groups.prepare(groups::wanted(&options))?;
        let before: Vec<&'static str> = self.attached.keys().copied().collect();
        if let Err(error) = self.attach(&options, &programs) {
            self.detach_all_but(&before);
            return Err(error);
        }
        let programs = programs.iter().map(|probe| probe.program).collect();
        self.next = Some(Next { options, programs, before });
        Ok(())
    }

    /// As [`Source::give_up`](crate::source::Source::give_up).
    pub(super) fn give_up_next(&mut self) {
        if let Some(Next { before, .. }) = self.next.take() {
            self.detach_all_but(&before);
        }
    }

    /// As [`Source::pass_on`](crate::source::Source::pass_on).
    pub(super) fn pass_to_next(&mut self, length_ns: u64, visit: Visit<'_>) -> Result<(), LiveError> {
        let Some(Next { options, programs, .. }) = self.next.take() else { return Ok(()) };
        let (last, next) = (self.turn, 1 - self.turn);
        load::write(&mut self.bpf, "TURN", 0, next)?;
        self.groups.wait()?;
        // All that belongs to the question before is in the rings by now, or in its tables. Who breaks off has failed, and says so.
        let _ = self.deliver(visit);
        let mark = if last == 0 { 0 } else { wire::FLAG_TURN };
        let time_ns = self.delivered_ns();
        self.groups.pass_on(&mut |row| visit(Record::Wire(&row.record(time_ns, mark))))?;
        if let Some(totals) = self.totals() {
            self.report_transfers(&totals, true, mark, visit);
            self.report_cpu(&totals, length_ns, mark, visit);
        } else if options.cpu_time
            && let Some(cpu) = &mut self.cpu
        {
            // What ran before belongs to nobody.
            let totals = cpu.read();
            cpu.ran(&totals, u64::MAX);
        }
        (self.turn, self.options) = (next, options);
        self.detach_all_but(&programs);
        Ok(())
    }

    /// Detaches what the question that counts does not need.
    fn detach_all_but(&mut self, programs: &[&str]) {
        if !self.options.latency {
            // A map that took numbers before takes this one; if not, only some look-ups are in vain.
            let _ = time_since(&mut self.bpf, u64::MAX);
        }
        probes::detach(&mut self.bpf, programs, &mut self.attached);
    }

    /// Attaches what the next question needs. A hook that was away begins anew.
    fn attach(&mut self, options: &Options, programs: &[&'static Probe]) -> Result<(), LiveError> {
        let attached = |program: &str| self.attached.contains_key(program);
        let times = options.latency && !(self.options.latency && attached("sys_enter"));
        if !attached("sched_switch")
            && let Some(cpu) = &mut self.cpu
        {
            cpu.begin_again();
        }
        if !attached("tcp_state") && programs.iter().any(|probe| probe.when == When::Connections) {
            load::forget_connections(&mut self.bpf)?;
        }
        self.missing = probes::attach(&mut self.bpf, programs, &mut self.outcomes, &mut self.attached)?;
        if times {
            time_since(&mut self.bpf, monotonic_ns())?;
        }
        Ok(())
    }
}
