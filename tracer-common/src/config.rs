//! What user space tells the kernel side before it is loaded: settings, and where the fields of kernel structs are.
//!
//! Both structs become read-only globals of the BPF object. The kernel freezes them, so the verifier sees constants and
//! removes what is switched off.

/// Settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Config {
    /// Most bytes of payload in a record.
    pub snaplen: u32,
    /// How many rings there are; a CPU writes to the ring of its number modulo this.
    pub rings: u32,
    /// Thread group that is not traced: the tracer's own.
    pub own_tgid: u32,
    /// Not zero when calls are timed from their beginning.
    pub latency: u32,
    /// Not zero when the beginning of calls is reported.
    pub entry_args: u32,
    /// Not zero when CPU time is measured.
    pub cpu_time: u32,
    /// How many CPUs the machine may have.
    pub cpus: u32,
    /// Not zero when records say who made the call.
    pub who: u32,
    /// What the key of a table of calls has that is counted in the kernel: bits of [`by`](crate::group::by). Where settings vary, all that any
    /// of them may have.
    pub group_by: u32,
    /// A call of a plan with [`SAMPLE`](crate::plan::SAMPLE) is recorded when a random `u32` is below this; 0 when there are no
    /// such plans.
    pub sample_below: u32,
    /// The number of an event that the table adds up: [`Number`](crate::group::Number).
    pub group_number: u32,
    /// Not zero when there are predicates.
    pub predicates: u32,
    /// What the key of the table of sockets has: bits of [`by`](crate::group::by).
    pub sockets_by: u32,
    /// Not zero when only some threads are followed.
    pub follow: u32,
    /// Not zero when the question may change while it runs.
    pub changes: u32,
    /// How many tables of calls there may be at once; at least 1. Each has plans of its own.
    pub tables: u32,
    /// Not zero when tables differ in what [`Counting`] says, because there are several or because the question may change.
    pub varies: u32,
    /// Not zero when a table may add up numbers of some of its events only: see [`Plan::numbered`](crate::plan::Plan::numbered).
    pub numbered: u32,
    /// A secret of this run: without it nobody can say which names give the same number of a directory.
    pub secret: u32,
}

/// What is counted in a table, where that is no setting of [`Config`]. What no table asks for is still switched off there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counting {
    /// As [`Config::group_by`].
    pub by: u32,
    /// As [`Config::group_number`].
    pub number: u32,
}

/// How many questions have a place. One follows the other while nothing is detached: two stand in the maps, and the number of the one
/// that counts is changed as a whole.
pub const TURNS: usize = 2;

#[cfg(feature = "user")]
// SAFETY: `repr(C)`, nineteen `u32`, no padding; every bit pattern is a value.
#[allow(unsafe_code, reason = "aya copies the type into a global")]
unsafe impl aya::Pod for Config {}

#[cfg(feature = "user")]
// SAFETY: `repr(C)`, two `u32`, no padding; every bit pattern is a value.
#[allow(unsafe_code, reason = "aya copies the type into a map")]
unsafe impl aya::Pod for Counting {}

/// How an entry of [`KERNEL_FIELDS`] is looked up in the kernel's BTF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Byte offset of a member; dots go into nested structs, `|` separates names of different kernel versions.
    Member {
        /// The struct.
        of: &'static str,
        /// The paths to try.
        path: &'static str,
    },
    /// Size of a struct in bytes.
    Size {
        /// The struct.
        of: &'static str,
    },
    /// Size in bytes of one element of a member that is an array, or of the member.
    Element {
        /// The struct.
        of: &'static str,
        /// The paths to try.
        path: &'static str,
    },
    /// Offset in bits of a member that is one bit.
    Bit {
        /// The struct.
        of: &'static str,
        /// The paths to try.
        path: &'static str,
    },
    /// Value of an enumerator.
    Enumerator {
        /// The enum.
        of: &'static str,
        /// The name.
        path: &'static str,
    },
}

impl Lookup {
    /// The struct or enum.
    #[must_use]
    pub const fn of(self) -> &'static str {
        match self {
            Self::Member { of, .. }
            | Self::Size { of }
            | Self::Element { of, .. }
            | Self::Bit { of, .. }
            | Self::Enumerator { of, .. } => of,
        }
    }
}

/// One entry of [`KERNEL_FIELDS`].
#[derive(Debug, Clone, Copy)]
pub struct KernelField {
    /// Name of the member of [`Offsets`].
    pub name: &'static str,
    /// How it is found.
    pub lookup: Lookup,
    /// Without it the tracer does not start. Otherwise its absence costs the feature in `loss`.
    pub required: bool,
    /// What is lost without it; empty for required fields.
    pub loss: &'static str,
}

/// In [`Offsets`]: this kernel has no such field.
pub const ABSENT: u32 = u32::MAX;

macro_rules! kernel_fields {
    ($($name:ident = $how:ident $of:literal $($path:literal)? $(or $loss:literal)?;)+) => {
        /// Where the fields of kernel structs are on the running kernel, or [`ABSENT`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(C)]
        #[allow(missing_docs, reason = "each member is described by its lookup")]
        pub struct Offsets {
            $(pub $name: u32,)+
        }

        impl Offsets {
            const fn zero() -> Self {
                Self { $($name: 0,)+ }
            }
        }

        /// Every member of [`Offsets`] in its order, and how it is found.
        pub const KERNEL_FIELDS: &[KernelField] = &[$(
            KernelField {
                name: stringify!($name),
                lookup: Lookup::$how { of: $of, $(path: $path,)? },
                required: concat!($($loss)?).is_empty(),
                loss: concat!($($loss)?),
            },
        )+];
    };
}

kernel_fields! {
    task_comm = Member "task_struct" "comm";
    task_tgid = Member "task_struct" "tgid";
    task_pid = Member "task_struct" "pid";
    task_parent = Member "task_struct" "real_parent";
    task_group_leader = Member "task_struct" "group_leader";
    task_mm = Member "task_struct" "mm";
    task_files = Member "task_struct" "files";
    task_fs = Member "task_struct" "fs";
    task_signal = Member "task_struct" "signal";
    task_cred = Member "task_struct" "cred";
    task_flags = Member "task_struct" "flags";
    task_exit_code = Member "task_struct" "exit_code";
    task_major_faults = Member "task_struct" "maj_flt";
    task_minor_faults = Member "task_struct" "min_flt";
    task_loginuid = Member "task_struct" "loginuid" or "loginuid is not known (kernel without audit)";
    task_thread_pid = Member "task_struct" "thread_pid";
    task_cgroups = Member "task_struct" "cgroups";
    task_children = Member "task_struct" "children";
    task_start_boottime = Member "task_struct" "start_boottime";
    task_utime = Member "task_struct" "utime";
    task_stime = Member "task_struct" "stime";
    task_status = Member "task_struct" "thread_info.status" or "32-bit calls are not recognised";
    signal_is_subreaper = Bit "signal_struct" "is_child_subreaper" or "orphans of subreapers seem to go to init";
    signal_has_subreaper = Bit "signal_struct" "has_child_subreaper" or "orphans of subreapers seem to go to init";
    signal_rlim = Member "signal_struct" "rlim";
    signal_tty = Member "signal_struct" "tty";
    signal_pids = Member "signal_struct" "pids";
    signal_live = Member "signal_struct" "live";
    signal_thread_head = Member "signal_struct" "thread_head";
    task_thread_node = Member "task_struct" "thread_node";
    pid_type_pgid = Enumerator "pid_type" "PIDTYPE_PGID";
    tty_index = Member "tty_struct" "index";
    tty_driver = Member "tty_struct" "driver";
    tty_driver_major = Member "tty_driver" "major";
    tty_driver_minor_start = Member "tty_driver" "minor_start";
    mm_total_vm = Member "mm_struct" "total_vm";
    mm_rss_stat = Member "mm_struct" "rss_stat";
    mm_rss_element = Element "mm_struct" "rss_stat.count|rss_stat";
    percpu_counter_count = Member "percpu_counter" "count";
    percpu_counter_size = Size "percpu_counter";
    mm_arg_start = Member "mm_struct" "arg_start";
    mm_arg_end = Member "mm_struct" "arg_end";
    mm_env_start = Member "mm_struct" "env_start";
    mm_env_end = Member "mm_struct" "env_end";
    mm_exe_file = Member "mm_struct" "exe_file";
    fs_pwd = Member "fs_struct" "pwd";
    fs_root = Member "fs_struct" "root";
    path_mnt = Member "path" "mnt";
    path_dentry = Member "path" "dentry";
    mount_mnt = Member "mount" "mnt";
    mount_parent = Member "mount" "mnt_parent";
    mount_mountpoint = Member "mount" "mnt_mountpoint";
    vfsmount_root = Member "vfsmount" "mnt_root";
    dentry_parent = Member "dentry" "d_parent";
    dentry_name = Member "dentry" "d_name.name";
    dentry_name_len = Member "dentry" "d_name.len";
    dentry_inode = Member "dentry" "d_inode";
    dentry_seq = Member "dentry" "d_seq";
    files_fdt = Member "files_struct" "fdt";
    fdtable_fd = Member "fdtable" "fd";
    fdtable_max_fds = Member "fdtable" "max_fds";
    file_path = Member "file" "f_path";
    file_inode = Member "file" "f_inode";
    file_mode = Member "file" "f_mode";
    file_private_data = Member "file" "private_data";
    inode_ino = Member "inode" "i_ino";
    inode_mode = Member "inode" "i_mode";
    inode_uid = Member "inode" "i_uid.val";
    inode_gid = Member "inode" "i_gid.val";
    inode_sb = Member "inode" "i_sb";
    inode_ctime_sec = Member "inode" "i_ctime_sec|__i_ctime.tv_sec|i_ctime.tv_sec";
    inode_ctime_nsec = Member "inode" "i_ctime_nsec|__i_ctime.tv_nsec|i_ctime.tv_nsec";
    inode_mtime_sec = Member "inode" "i_mtime_sec|__i_mtime.tv_sec|i_mtime.tv_sec";
    inode_mtime_nsec = Member "inode" "i_mtime_nsec|__i_mtime.tv_nsec|i_mtime.tv_nsec";
    inode_size = Size "inode";
    super_dev = Member "super_block" "s_dev";
    super_magic = Member "super_block" "s_magic";
    super_flags = Member "super_block" "s_flags";
    socket_sk = Member "socket" "sk";
    socket_file = Member "socket" "file";
    socket_inode = Member "socket_alloc" "vfs_inode";
    sock_family = Member "sock" "__sk_common.skc_family";
    sock_type = Member "sock" "sk_type";
    sock_protocol = Member "sock" "sk_protocol";
    inet_sport = Member "inet_sock" "inet_sport";
    inet_mc_index = Member "inet_sock" "mc_index";
    inet_pinet6 = Member "inet_sock" "pinet6" or "which end of an IPv6 connection is the server is not known in the kernel";
    ipv6_mcast_oif = Member "ipv6_pinfo" "mcast_oif" or "which end of an IPv6 connection is the server is not known in the kernel";
    mptcp_first = Member "mptcp_sock" "first" or "ends of MPTCP connections are not known in the kernel";
    sock_num = Member "sock" "__sk_common.skc_num";
    sock_dport = Member "sock" "__sk_common.skc_dport";
    sock_daddr = Member "sock" "__sk_common.skc_daddr";
    sock_rcv_saddr = Member "sock" "__sk_common.skc_rcv_saddr";
    sock_v6_daddr = Member "sock" "__sk_common.skc_v6_daddr" or "IPv6 tuples are empty (kernel without IPv6)";
    sock_v6_rcv_saddr = Member "sock" "__sk_common.skc_v6_rcv_saddr" or "IPv6 tuples are empty (kernel without IPv6)";
    sock_ack_backlog = Member "sock" "sk_ack_backlog";
    sock_max_ack_backlog = Member "sock" "sk_max_ack_backlog";
    sock_state = Member "sock" "__sk_common.skc_state";
    sock_err = Member "sock" "sk_err";
    sock_flags = Member "sock" "__sk_common.skc_flags";
    sock_cgroup = Member "sock" "sk_cgrp_data.cgroup|sk_cgrp_data.val" or "connections that their peer ends have no container, if nobody here had closed them";
    tcp_received = Member "tcp_sock" "bytes_received";
    tcp_sent = Member "tcp_sock" "bytes_sent";
    tcp_sent_again = Member "tcp_sock" "bytes_retrans";
    tcp_retrans = Member "tcp_sock" "total_retrans";
    tcp_srtt = Member "tcp_sock" "srtt_us";
    unix_peer = Member "unix_sock" "peer" or "unix tuples are empty (kernel module without BTF)";
    unix_addr = Member "unix_sock" "addr" or "unix tuples are empty (kernel module without BTF)";
    unix_address_len = Member "unix_address" "len" or "unix tuples are empty (kernel module without BTF)";
    unix_address_name = Member "unix_address" "name" or "unix tuples are empty (kernel module without BTF)";
    pid_level = Member "pid" "level";
    pid_numbers = Member "pid" "numbers";
    upid_nr = Member "upid" "nr";
    upid_ns = Member "upid" "ns";
    upid_size = Size "upid";
    pidns_child_reaper = Member "pid_namespace" "child_reaper";
    css_set_subsys = Member "css_set" "subsys";
    css_set_default_cgroup = Member "css_set" "dfl_cgrp";
    css_cgroup = Member "cgroup_subsys_state" "cgroup";
    cgroup_kn = Member "cgroup" "kn";
    cgroup_root = Member "cgroup" "root";
    cgroup_root_hierarchy = Member "cgroup_root" "hierarchy_id";
    kernfs_name = Member "kernfs_node" "name";
    kernfs_parent = Member "kernfs_node" "parent|__parent";
    kernfs_id = Member "kernfs_node" "id";
    cgroup_cpuset = Enumerator "cgroup_subsys_id" "cpuset_cgrp_id" or "no cpuset controller";
    cgroup_cpu = Enumerator "cgroup_subsys_id" "cpu_cgrp_id" or "no cpu controller";
    cgroup_cpuacct = Enumerator "cgroup_subsys_id" "cpuacct_cgrp_id" or "no cpuacct controller";
    cgroup_io = Enumerator "cgroup_subsys_id" "io_cgrp_id" or "no io controller";
    cgroup_memory = Enumerator "cgroup_subsys_id" "memory_cgrp_id" or "no memory controller";
    binprm_fdpath = Member "linux_binprm" "fdpath" or "execveat that succeeds is shown as execve";
    binprm_filename = Member "linux_binprm" "filename";
    siginfo_code = Member "kernel_siginfo" "si_code";
    siginfo_pid = Member "kernel_siginfo" "_sifields._kill._pid";
    cred_euid = Member "cred" "euid.val";
    cred_egid = Member "cred" "egid.val";
    cred_fsuid = Member "cred" "fsuid.val";
    cred_fsgid = Member "cred" "fsgid.val";
    cred_cap_inheritable = Member "cred" "cap_inheritable";
    cred_cap_permitted = Member "cred" "cap_permitted";
    cred_cap_effective = Member "cred" "cap_effective";
}

impl Offsets {
    /// How many fields there are.
    pub const COUNT: usize = KERNEL_FIELDS.len();

    /// Before user space has looked them up.
    pub const ZERO: Self = Self::zero();

    /// From values in the order of [`KERNEL_FIELDS`].
    #[cfg(feature = "user")]
    #[must_use]
    #[allow(unsafe_code, reason = "the struct is the array under names")]
    pub const fn from_values(values: [u32; Self::COUNT]) -> Self {
        // SAFETY: the struct is `repr(C)` with `COUNT` members of type `u32`, as the macro makes it and the assertion
        // below repeats.
        unsafe { core::mem::transmute::<[u32; Self::COUNT], Self>(values) }
    }
}

const _: () = assert!(size_of::<Offsets>() == 4 * Offsets::COUNT);

#[cfg(feature = "user")]
// SAFETY: `repr(C)`, only `u32`, no padding; every bit pattern is a value.
#[allow(unsafe_code, reason = "aya copies the type into a global")]
unsafe impl aya::Pod for Offsets {}
