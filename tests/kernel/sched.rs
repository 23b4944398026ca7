//! What happens to threads apart from calls: switches, signals, page faults.

use libc::{SIGCHLD, SIGUSR1};
use tracer::source::live::Options;
use tracer_common::events::sched::{PAGE_FAULT, SIGNALDELIVER, SWITCH};
use tracer_tests::{
    call::at,
    check,
    check::{flags, text},
    level,
    live::Tracer,
    sys,
};

use crate::traced;

#[test]
fn a_thread_that_sleeps_leaves_the_cpu() {
    let Some(run) = traced(|| [sys!(SYS_nanosleep, at(&[0_u64, 5_000_000]), 0)]) else { return };
    let any = || 0..=i64::from(u32::MAX);
    check!(
        run,
        SWITCH {
            next: any(),
            pgft_maj: any(),
            pgft_min: 1..=1_000_000_i64,
            vm_size: 100..=100_000_000_i64,
            vm_rss: any(),
            vm_swap: any()
        }
    );
}

#[test]
fn a_signal_has_its_sender() {
    let Some(run) = traced(|| {
        let ours = sys!(SYS_getpid);
        // The handler of SIGUSR1 does nothing: it is there so that the signal is delivered.
        extern "C" fn nothing(_: i32) {}
        let handler: extern "C" fn(i32) = nothing;
        tracer_tests::call::handle(SIGUSR1, handler);
        tracer_tests::call::handle(SIGCHLD, handler);
        let sent = sys!(SYS_kill, ours, SIGUSR1);
        let child = sys!(SYS_fork);
        if child == 0 {
            let _ = sys!(SYS_exit_group, 0);
        }
        while sys!(SYS_wait4, child, 0, 0, 0) != child {}
        [ours, sent, child]
    }) else {
        return;
    };
    let [ours, _, child] = run.said;
    check!(run, SIGNALDELIVER { spid: ours, dpid: ours, sig: SIGUSR1 });
    check!(run, SIGNALDELIVER { spid: child, dpid: ours, sig: SIGCHLD });
    assert_eq!(text(&run.own().all(&SIGNALDELIVER).next().unwrap(), "sig"), SIGUSR1.to_string());
}

#[test]
fn a_page_fault_has_its_address() {
    if !level::root_or_skip() {
        return;
    }
    let tracer = Tracer::with(&Options { page_faults: true, ..Options::default() });
    let run = tracer.run(|| {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let memory = sys!(SYS_mmap, 0, 1 << 16, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        tracer_tests::call::touch(memory as u64);
        [memory]
    });
    let at = run.own().all(&PAGE_FAULT).position(|event| event.params.u64(0) == Some(run.said[0] as u64));
    for _ in 0..at.expect("a fault at the memory that was touched") {
        let _ = run.own().next(&PAGE_FAULT);
    }
    check!(
        run,
        PAGE_FAULT {
            addr: run.said[0],
            ip: 0x1000..=0x7fff_ffff_ffff_i64,
            error: flags("PAGE_NOT_PRESENT|WRITE_ACCESS|USER_FAULT")
        }
    );
}
