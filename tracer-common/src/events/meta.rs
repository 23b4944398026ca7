//! Events that are not calls of their own, and records of the tracer.

events! {
    /// A system call without a row of its own; the event has the name of the call.
    /// Source: syscalls(2).
    GENERIC = 1 "syscall" [] Other [] {
        ID: SyscallId = syscall_id, "portable number of the call";
        nativeID: U16 = syscall_number, "number of the call on this architecture";
    }

    /// Records of this CPU were lost; the summary says why.
    /// Source: the tracer.
    DROP = 148 "drop" [] Internal [TRACEPOINT] {
        ratio: U32 = empty, "records lost since the last such event; in captures of other tools, the sampling ratio";
    }

    /// CPU time of a thread since the last such event; once a second for each thread that ran.
    /// Source: the tracer, from tracepoint sched_switch; kernel kernel/sched/core.c.
    PROCINFO = 234 "procinfo" [] Internal [TRACEPOINT | INTERNAL] {
        cpu_usr: U64 = empty, "user time, ns";
        cpu_sys: U64 = empty, "system time, ns";
    }

    /// A cgroup appears.
    /// Source: tracepoint cgroup_mkdir; kernel kernel/cgroup/cgroup.c.
    CGROUP_MKDIR = 32769 "cgroup_mkdir" [] Internal [TRACEPOINT | INTERNAL] => CgroupMkdir {
        id: U64 = empty, "inode number of its directory";
        path: Text = empty, "path below the root of the hierarchy";
    }

    /// A cgroup disappears.
    /// Source: tracepoint cgroup_rmdir; kernel kernel/cgroup/cgroup.c.
    CGROUP_RMDIR = 32771 "cgroup_rmdir" [] Internal [TRACEPOINT | INTERNAL] => CgroupRmdir {
        id: U64 = empty, "inode number of its directory";
        path: Text = empty, "path below the root of the hierarchy";
    }
}
