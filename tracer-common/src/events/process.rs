//! Processes and threads.
//!
//! A fork is seen twice: in the parent, with the id of the child, and in the child, with result 0. A successful exec is
//! reported from `sched_process_exec`, where everything stands in kernel objects; a failed one from the end of the call,
//! with the arguments that the caller passed. Memory, ids and paths come from the task, at the time of the event.

events! {
    /// Create a process or thread.
    /// Source: clone(2); kernel kernel/fork.c.
    CLONE = 223 "clone" Process [MODIFIES_STATE] => Clone {
        res: Pid = ret, "thread id of the child, in the parent; 0, in the child; or -errno";
        exe: Text = task_text(Exe), "first argument of the program", command;
        args: List = task_text(Args), "other arguments of the program", command;
        tid: Pid = task(Tid), "thread id";
        pid: Pid = task(Tgid), "process id";
        ptid: Pid = task(ParentTgid), "process id of the parent";
        cwd: Text = task_text(Cwd), "working directory";
        fdlimit: I64 = task(FdLimit), "soft limit of open files";
        pgft_maj: U64 = task(MajorFaults), "major page faults since the start";
        pgft_min: U64 = task(MinorFaults), "minor page faults since the start";
        vm_size: U32 = task(VmSize), "virtual memory, kB";
        vm_rss: U32 = task(VmRss), "resident memory, kB";
        vm_swap: U32 = task(VmSwap), "swapped memory, kB";
        comm: Text = task_text(Comm), "name of the thread";
        cgroups: List = task_text(Cgroups), "cgroup of each controller, name=path";
        flags: Flags32(CLONE_FLAGS) = task(CloneFlags), "CLONE_* flags";
        uid: U32 = task(Uid), "effective user id";
        gid: U32 = task(Gid), "effective group id";
        vtid: Pid = task(Vtid), "thread id in its own pid namespace";
        vpid: Pid = task(Vpid), "process id in its own pid namespace";
        pidns_init_start_ts: U64 = task(PidnsInitStart), "start of the init process of that namespace, boot-time ns";
    }

    /// Create a process or thread, with extensible arguments.
    /// Source: clone3(2); kernel kernel/fork.c, struct clone_args.
    CLONE3 = 335 "clone3" Process [MODIFIES_STATE] => Clone {
        res: Pid = ret, "thread id of the child, in the parent; 0, in the child; or -errno";
        exe: Text = task_text(Exe), "first argument of the program", command;
        args: List = task_text(Args), "other arguments of the program", command;
        tid: Pid = task(Tid), "thread id";
        pid: Pid = task(Tgid), "process id";
        ptid: Pid = task(ParentTgid), "process id of the parent";
        cwd: Text = task_text(Cwd), "working directory";
        fdlimit: I64 = task(FdLimit), "soft limit of open files";
        pgft_maj: U64 = task(MajorFaults), "major page faults since the start";
        pgft_min: U64 = task(MinorFaults), "minor page faults since the start";
        vm_size: U32 = task(VmSize), "virtual memory, kB";
        vm_rss: U32 = task(VmRss), "resident memory, kB";
        vm_swap: U32 = task(VmSwap), "swapped memory, kB";
        comm: Text = task_text(Comm), "name of the thread";
        cgroups: List = task_text(Cgroups), "cgroup of each controller, name=path";
        flags: Flags32(CLONE_FLAGS) = task(CloneFlags), "CLONE_* flags";
        uid: U32 = task(Uid), "effective user id";
        gid: U32 = task(Gid), "effective group id";
        vtid: Pid = task(Vtid), "thread id in its own pid namespace";
        vpid: Pid = task(Vpid), "process id in its own pid namespace";
        pidns_init_start_ts: U64 = task(PidnsInitStart), "start of the init process of that namespace, boot-time ns";
    }

    /// Create a process.
    /// Source: fork(2); kernel kernel/fork.c.
    FORK = 225 "fork" Process [MODIFIES_STATE] => Clone {
        res: Pid = ret, "thread id of the child, in the parent; 0, in the child; or -errno";
        exe: Text = task_text(Exe), "first argument of the program", command;
        args: List = task_text(Args), "other arguments of the program", command;
        tid: Pid = task(Tid), "thread id";
        pid: Pid = task(Tgid), "process id";
        ptid: Pid = task(ParentTgid), "process id of the parent";
        cwd: Text = task_text(Cwd), "working directory";
        fdlimit: I64 = task(FdLimit), "soft limit of open files";
        pgft_maj: U64 = task(MajorFaults), "major page faults since the start";
        pgft_min: U64 = task(MinorFaults), "minor page faults since the start";
        vm_size: U32 = task(VmSize), "virtual memory, kB";
        vm_rss: U32 = task(VmRss), "resident memory, kB";
        vm_swap: U32 = task(VmSwap), "swapped memory, kB";
        comm: Text = task_text(Comm), "name of the thread";
        cgroups: List = task_text(Cgroups), "cgroup of each controller, name=path";
        flags: Flags32(CLONE_FLAGS) = task(CloneFlags), "CLONE_* flags";
        uid: U32 = task(Uid), "effective user id";
        gid: U32 = task(Gid), "effective group id";
        vtid: Pid = task(Vtid), "thread id in its own pid namespace";
        vpid: Pid = task(Vpid), "process id in its own pid namespace";
        pidns_init_start_ts: U64 = task(PidnsInitStart), "start of the init process of that namespace, boot-time ns";
    }

    /// Create a process that borrows the memory of its parent until it execs.
    /// Source: vfork(2); kernel kernel/fork.c.
    VFORK = 227 "vfork" Process [MODIFIES_STATE] => Clone {
        res: Pid = ret, "thread id of the child, in the parent; 0, in the child; or -errno";
        exe: Text = task_text(Exe), "first argument of the program", command;
        args: List = task_text(Args), "other arguments of the program", command;
        tid: Pid = task(Tid), "thread id";
        pid: Pid = task(Tgid), "process id";
        ptid: Pid = task(ParentTgid), "process id of the parent";
        cwd: Text = task_text(Cwd), "working directory";
        fdlimit: I64 = task(FdLimit), "soft limit of open files";
        pgft_maj: U64 = task(MajorFaults), "major page faults since the start";
        pgft_min: U64 = task(MinorFaults), "minor page faults since the start";
        vm_size: U32 = task(VmSize), "virtual memory, kB";
        vm_rss: U32 = task(VmRss), "resident memory, kB";
        vm_swap: U32 = task(VmSwap), "swapped memory, kB";
        comm: Text = task_text(Comm), "name of the thread";
        cgroups: List = task_text(Cgroups), "cgroup of each controller, name=path";
        flags: Flags32(CLONE_FLAGS) = task(CloneFlags), "CLONE_* flags";
        uid: U32 = task(Uid), "effective user id";
        gid: U32 = task(Gid), "effective group id";
        vtid: Pid = task(Vtid), "thread id in its own pid namespace";
        vpid: Pid = task(Vpid), "process id in its own pid namespace";
        pidns_init_start_ts: U64 = task(PidnsInitStart), "start of the init process of that namespace, boot-time ns";
    }

    /// Run a program.
    /// Source: execve(2); kernel fs/exec.c.
    EXECVE = 293 "execve" Process [MODIFIES_STATE] => Exec {
        res: Errno = ret, "0, or -errno";
        exe: Text = task_text(Exe), "first argument", command;
        args: List = task_text(Args), "the other arguments", command;
        tid: Pid = task(Tid), "thread id";
        pid: Pid = task(Tgid), "process id";
        ptid: Pid = task(ParentTgid), "process id of the parent";
        cwd: Text = task_text(Cwd), "working directory";
        fdlimit: U64 = task(FdLimit), "soft limit of open files";
        pgft_maj: U64 = task(MajorFaults), "major page faults since the start";
        pgft_min: U64 = task(MinorFaults), "minor page faults since the start";
        vm_size: U32 = task(VmSize), "virtual memory, kB";
        vm_rss: U32 = task(VmRss), "resident memory, kB";
        vm_swap: U32 = task(VmSwap), "swapped memory, kB";
        comm: Text = task_text(Comm), "name of the thread";
        cgroups: List = task_text(Cgroups), "cgroup of each controller, name=path";
        env: List = task_text(Env), "environment", command;
        tty: U32 = task(Tty), "device number of the controlling terminal";
        vpgid: Pid = task(Vpgid), "process group in its own pid namespace";
        loginuid: Uid = task(LoginUid), "audit login user id; all ones when unset";
        flags: Flags32(EXECVE_FLAGS) = task(ExeFlags), "properties of the executable";
        cap_inheritable: Hex64 = task(CapInheritable), "inheritable capabilities";
        cap_permitted: Hex64 = task(CapPermitted), "permitted capabilities";
        cap_effective: Hex64 = task(CapEffective), "effective capabilities";
        exe_ino: U64 = task(ExeIno), "inode number of the executable";
        exe_ino_ctime: AbsTime = task(ExeCtime), "its change time";
        exe_ino_mtime: AbsTime = task(ExeMtime), "its modification time";
        uid: Uid = task(Uid), "effective user id";
        trusted_exepath: Path = task_text(ExePath), "path of the executable, from the kernel";
        pgid: Pid = task(Pgid), "process group in the initial pid namespace";
        gid: Gid = task(Gid), "effective group id";
        filename: Path = task_text(ExecFilename), "path as passed by the caller";
    }

    /// Run a program, named relative to a directory or by descriptor.
    /// Source: execveat(2); kernel fs/exec.c.
    EXECVEAT = 331 "execveat" Process [MODIFIES_STATE] => Exec {
        res: Errno = ret, "0, or -errno";
        exe: Text = task_text(Exe), "first argument", command;
        args: List = task_text(Args), "the other arguments", command;
        tid: Pid = task(Tid), "thread id";
        pid: Pid = task(Tgid), "process id";
        ptid: Pid = task(ParentTgid), "process id of the parent";
        cwd: Text = task_text(Cwd), "working directory";
        fdlimit: U64 = task(FdLimit), "soft limit of open files";
        pgft_maj: U64 = task(MajorFaults), "major page faults since the start";
        pgft_min: U64 = task(MinorFaults), "minor page faults since the start";
        vm_size: U32 = task(VmSize), "virtual memory, kB";
        vm_rss: U32 = task(VmRss), "resident memory, kB";
        vm_swap: U32 = task(VmSwap), "swapped memory, kB";
        comm: Text = task_text(Comm), "name of the thread";
        cgroups: List = task_text(Cgroups), "cgroup of each controller, name=path";
        env: List = task_text(Env), "environment", command;
        tty: U32 = task(Tty), "device number of the controlling terminal";
        vpgid: Pid = task(Vpgid), "process group in its own pid namespace";
        loginuid: Uid = task(LoginUid), "audit login user id; all ones when unset";
        flags: Flags32(EXECVE_FLAGS) = task(ExeFlags), "properties of the executable";
        cap_inheritable: Hex64 = task(CapInheritable), "inheritable capabilities";
        cap_permitted: Hex64 = task(CapPermitted), "permitted capabilities";
        cap_effective: Hex64 = task(CapEffective), "effective capabilities";
        exe_ino: U64 = task(ExeIno), "inode number of the executable";
        exe_ino_ctime: AbsTime = task(ExeCtime), "its change time";
        exe_ino_mtime: AbsTime = task(ExeMtime), "its modification time";
        uid: Uid = task(Uid), "effective user id";
        trusted_exepath: Path = task_text(ExePath), "path of the executable, from the kernel";
        pgid: Pid = task(Pgid), "process group in the initial pid namespace";
        gid: Gid = task(Gid), "effective group id";
    }

    /// A thread ends, by exit, exit_group or a signal.
    /// Source: exit(2); tracepoint sched_process_exit; kernel kernel/exit.c.
    PROCEXIT = 186 "procexit" [] Process [MODIFIES_STATE | TRACEPOINT] => ProcExit {
        status: Errno = task(ExitStatus), "exit status as wait(2) encodes it";
        ret: Errno = task(ExitValue), "value passed to exit; 0 after a signal";
        sig: Signal = task(ExitSignal), "signal that ended it, or 0";
        core: U8 = task(CoreDumped), "1 if a core was written";
        reaper_tid: Pid = task(Reaper), "thread that inherits the children; 0 when there are none";
    }

    /// Wait for a child to change its state.
    /// Source: wait4(2); kernel kernel/exit.c.
    WAIT4 = 537 "wait4" Wait [WAITS] {
        res: Pid = ret, "child that changed; 0 if none did and WNOHANG is set, or -errno";
        pid: Pid = arg_signed(0), "child; -1 for any, 0 for those of the own group, -N for those of group N";
        status: Hex32 = user_u32(1, 0), "what became of it, as the kernel writes it; 0 also if the caller does not ask";
        options: Flags32(WAIT_OPTIONS) = 2, "W* flags";
    }

    /// Wait for a child to change its state, with more choice.
    /// Source: waitid(2); kernel kernel/exit.c.
    WAITID = 539 "waitid" Wait [WAITS] {
        res: Errno = ret, "0, or -errno";
        idtype: Enum32(WAIT_IDTYPES) = 0, "what the id is of";
        id: I64 = arg_signed(1), "id of a process or a group, or a pidfd";
        options: Flags32(WAIT_OPTIONS) = 3, "W* flags";
    }
}
