# Attaches and detaches hooks again and again while other processes make calls, `cargo xtask vm --attach WITH --loops N`.
#
# Each round changes the kernel's code under two processors that run through it. The kernel command line has WITH and
# LOOPS, which the kernel hands on to the first process of the guest.

# With pauses, because an emulated processor that is always busy leaves no time for what attaches.
while true; do xtask workload files 50 /proc/version; sleep 0.1; done >/dev/null &
while true; do xtask workload files 50 /proc/version; sleep 0.1; done >/dev/null &

round() {
    case $WITH in
    tracer) timeout 600 tracer -n 20 evt.type=read ;;
    # The tracepoints that tracer attaches to, and some that are as busy.
    bpftrace) timeout 600 bpftrace -e 'tracepoint:raw_syscalls:*,tracepoint:sched:*,tracepoint:signal:*,tracepoint:exceptions:*,tracepoint:cgroup:* { @[probe] = count(); } interval:ms:200 { exit(); }' ;;
    # No program at all: the kernel's own switches of the same tracepoints.
    tracefs)
        for group in raw_syscalls sched signal exceptions cgroup; do echo 1 >/sys/kernel/tracing/events/$group/enable || return; done
        for group in raw_syscalls sched signal exceptions cgroup; do echo 0 >/sys/kernel/tracing/events/$group/enable || return; done
        ;;
    *) echo "WITH is not set" >&2; return 1 ;;
    esac
}

done=0
while [ "$done" -lt "$LOOPS" ]; do
    if ! round >/tmp/out 2>/tmp/err; then
        echo "VM-RESULT fail attached and detached with $WITH"
        tail -n 5 /tmp/err | sed 's/^/VM-SAYS err: /'
        break
    fi
    done=$((done + 1))
    # At once, because a kernel that stops says no more.
    echo VM-LOOP
done
[ "$done" -lt "$LOOPS" ] || echo "VM-RESULT pass attached and detached with $WITH"
warnings=$(dmesg | grep -c -E 'WARNING:|BUG:')
[ "$warnings" -eq 0 ] || dmesg | grep -E 'WARNING:|BUG:' | sed 's/^/VM-SAYS log: /'

kill %1 %2
