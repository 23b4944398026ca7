//! What happens to threads apart from calls: switches, signals, page faults.

events! {
    /// A thread leaves the CPU and another one runs. Memory and faults are those of the one that leaves.
    /// Source: tracepoint sched_switch; kernel kernel/sched/core.c.
    SWITCH = 152 "switch" [] Scheduler [TRACEPOINT] {
        next: Pid = empty, "thread that runs now; 0 for the idle task";
        pgft_maj: U64 = empty, "major page faults since the start";
        pgft_min: U64 = empty, "minor page faults since the start";
        vm_size: U32 = empty, "virtual memory, kB";
        vm_rss: U32 = empty, "resident memory, kB";
        vm_swap: U32 = empty, "swapped memory, kB";
    }

    /// A thread gets a signal.
    /// Source: tracepoint signal_deliver; kernel kernel/signal.c.
    SIGNALDELIVER = 232 "signaldeliver" [] Signal [TRACEPOINT] {
        spid: Pid = empty, "process that sent it, as the receiver sees it; 0 for the kernel";
        dpid: Pid = empty, "thread that gets it";
        sig: Signal = empty, "signal";
    }

    /// A page is not there, or may not be used in this way: with --page-faults.
    /// Source: tracepoints page_fault_user and page_fault_kernel; kernel arch/x86/mm/fault.c.
    PAGE_FAULT = 290 "page_fault" [] Other [TRACEPOINT] {
        addr: Hex64 = empty, "address that was used";
        ip: Hex64 = empty, "address of the instruction";
        error: Flags32(FAULT_FLAGS) = empty, "what the processor says";
    }
}
