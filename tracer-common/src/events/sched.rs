//! What happens to threads apart from calls: switches, signals, page faults.

events! {
    /// A thread leaves the CPU and a different one runs. Memory and faults belong to the thread that leaves.
    /// Source: tracepoint sched_switch; kernel kernel/sched/core.c.
    SWITCH = 152 "switch" [] Scheduler [TRACEPOINT] {
        next: Pid = empty, "thread that runs now; 0 for the idle task";
        pgft_maj: U64 = empty, "major page faults since the start";
        pgft_min: U64 = empty, "minor page faults since the start";
        vm_size: U32 = empty, "virtual memory, kB";
        vm_rss: U32 = empty, "resident memory, kB";
        vm_swap: U32 = empty, "swapped memory, kB";
    }

    /// A signal is delivered to a thread.
    /// Source: tracepoint signal_deliver; kernel kernel/signal.c.
    SIGNALDELIVER = 232 "signaldeliver" [] Signal [TRACEPOINT] {
        spid: Pid = empty, "sender process, as seen by the receiver; 0 for the kernel";
        dpid: Pid = empty, "thread that receives the signal";
        sig: Signal = empty, "signal";
    }

    /// A page fault: the page is missing, or the access is not allowed. Only with --page-faults.
    /// Source: tracepoints page_fault_user and page_fault_kernel; kernel arch/x86/mm/fault.c.
    PAGE_FAULT = 290 "page_fault" [] Other [TRACEPOINT] {
        addr: Hex64 = empty, "address that was used";
        ip: Hex64 = empty, "address of the instruction";
        error: Flags32(FAULT_FLAGS) = empty, "error code of the processor";
    }
}
