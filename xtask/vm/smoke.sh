# What tracer must do on every supported kernel. Runs in a guest, by busybox's shell.
. /check.sh

# With `cargo xtask vm --tests PART`.
if [ -n "$TESTS" ]; then
    export TRACER_BIN=/bin/tracer TRACER_TEST_LEVEL=all RUST_BACKTRACE=0 TRACER_TEST_CASES=25
    case $(uname -r) in [7-9].* | [1-9][0-9].*) export TRACER_TEST_SKIPPED_PROGRAMS=1 ;; esac
    seconds=800
    check "tests of $TESTS" "^test result: ok. [1-9]" kernel-level --test-threads=1 "$TESTS"
    exit
fi

# Something to see: a process that opens, reads and closes, again and again, with pauses that leave the emulated processor
# to tracer. The programs of busybox's shell have another name, `exe`.
while true; do xtask workload files 50 /proc/version; sleep 0.3; done >/dev/null &

check "doctor" "BTF" tracer --doctor
# What the verifier did, for the documentation.
tracer --doctor | sed -n 's/^ok *hooks: \([a-z_]*\) loads and attaches, \([0-9]*\) .*/VM-VERIFIED \1 \2/p'

# More events than one run of the workload makes: of a process that ends while tracer starts, nobody knows the name.
check "any events" "xtask|exe|sh|version" tracer -n 1000 evt.type!=switch
check "a filter by process and type" "xtask.*read.*Linux version" tracer -n 5 'proc.name=xtask and evt.type=read and evt.rawres>0'
check "a name of a file" "/proc/version" tracer -n 5 'proc.name=xtask and evt.type=openat and fd.name=/proc/version'
check "a start of a program" "xtask.*workload" tracer -n 1 'evt.type=execve and proc.name=xtask'
check "a chisel" "xtask" tracer -M 4 -c topprocs_file
check "a chisel that needs the scheduler" "xtask" tracer -M 4 -c topprocs_cpu
check "a chisel over all calls" "read" tracer -M 4 -c topscalls
check "times added up by ranges" "read" tracer -M 4 -c syscall_latency
check "bytes added up by process in its namespace" "KB" tracer -M 4 -pc -c fdbytes_by proc.vpid

# Another root, as in a container that shares nothing with the host but its numbers of processes.
mkdir -p /etc /tmp/container/etc /tmp/container/proc /tmp/container/sys
echo "outside:x:0:0::/:/bin/sh" >/etc/passwd
echo "inside:x:0:0::/:/bin/sh" >/tmp/container/etc/passwd
cp /bin/tracer /tmp/container/tracer
mount --rbind /proc /tmp/container/proc
mount --rbind /sys /tmp/container/sys
check "users of the host in another root" "^outside$" chroot /tmp/container /tracer -n 5 -p %user.name 'proc.name=xtask and evt.type=openat'
check "where the host is, in another root" "using the files at /proc/1/root" chroot /tmp/container /tracer --doctor
umount -l /tmp/container/proc /tmp/container/sys

kill %1

# Counts stay exact when processors are taken away: by real-time threads, which leave a twentieth of the time, and by switching them off.
# exact NAME CALLS COMMAND...: of the calls that nothing else makes, what a tracer sees and what it says is lost are CALLS together.
exact() {
    name=$1 calls=$2
    shift 2
    tracer --buffer-size 256K -p %evt.type evt.type=sched_rr_get_interval >/tmp/lines 2>/tmp/summary &
    watching=$!
    attached $watching
    "$@" >/tmp/said 2>&1
    kill -INT $watching
    wait $watching
    seen=$(sed -n 's/^tracer: \([0-9]*\) events seen, .*/\1/p' /tmp/summary)
    lost=$(sed -n 's/^tracer: .* shown, \([0-9]*\) lost.*/\1/p' /tmp/summary)
    # Runs of a program that the kernel skipped (docs/kernels.md) may have been for other calls.
    skipped=$(sed -n 's/^tracer: .*program skipped \([0-9]*\).*/\1/p' /tmp/summary)
    most=$((seen + lost)) least=$((seen + lost - ${skipped:-0}))
    check "$name" exact sh -c "[ $least -le $calls ] && [ $calls -le $most ] && echo exact || { cat /tmp/said; tail -n 3 /tmp/summary; false; } >&2"
    echo "VM-SAYS $calls calls: $seen seen, $lost lost, ${skipped:-0} of them program skipped"
}
# Waits until no more hooks are attached.
attached() {
    before=-1
    while sleep 0.5; do
        now=$(ls -l /proc/$1/fd | grep -c bpf_link)
        [ "$now" -gt 0 ] && [ "$now" = "$before" ] && return
        before=$now
    done
}
cpu1=/sys/devices/system/cpu/cpu1/online
hogs() {
    xtask workload hog 8 --real-time 50 &
    xtask workload hog 8 --real-time 50 &
    xtask workload rare 100000
}
switches() {
    for _ in 1 2; do xtask workload rare 300000 & done
    for _ in 1 2 3 4 5; do echo 0 >$cpu1; sleep 0.1; echo 1 >$cpu1; sleep 0.1; done
    while pidof xtask >/dev/null; do sleep 0.2; done
}
comes_later() {
    echo 1 >$cpu1
    taskset 2 xtask workload rare 5000
}
exact "real-time threads that take both processors" 100000 hogs
while pidof xtask >/dev/null; do sleep 0.2; done
exact "a processor that comes and goes" 600000 switches
echo 0 >$cpu1
exact "a processor that was off at the start" 5000 comes_later

# What both processors did is not cut down to what one can do.
echo 0 >$cpu1
tracer -M 8 -c topprocs_cpu >/tmp/out 2>/tmp/err &
watching=$!
attached $watching
echo 1 >$cpu1
taskset 1 xtask workload hog 10 &
taskset 2 xtask workload hog 10 &
wait $watching
most=$(awk '/CPU%/ { sum = 0 } $2 == "xtask" { sum += $1; if (sum > most) most = sum } END { print int(most) }' /tmp/out)
check "the time of a processor that was off at the start" enough sh -c "[ $most -gt 130 ] && echo enough"
echo "VM-SAYS two busy processes: $most % of a CPU"

# Not with `cargo xtask vm --smoke-only`.
if [ -x /bin/kernel-level ]; then
    seconds=600
    export TRACER_BIN=/bin/tracer TRACER_TEST_LEVEL=all
    export RUST_BACKTRACE=0
    # From 7.0 on the kernel skips a program whose other run was interrupted, which is rare on a processor that is not emulated.
    case $(uname -r) in [7-9].* | [1-9][0-9].*) export TRACER_TEST_SKIPPED_PROGRAMS=1 ;; esac
    # Each case takes a second there.
    export TRACER_TEST_CASES=25
    # What cannot be asked of a guest, and why. All of it runs where the tests run.
    skip=
    without() {
        echo "VM-SAYS skipped $2: $1"
        for name in $2; do skip="$skip --skip $name"; done
    }
    without "two emulated processors are too slow for exact counts of many processes" \
        "counts:: grouped:: tables:: sample:: concurrency:: rows_that_the_kernel_had_no_room"
    without "the guest has no strace" "strace::"
    without "the guest has no systemd" "service::"
    without "each of their tests starts tracers, for which an emulated processor takes seconds each time" \
        "capture:: chisels:: moved:: blind:: reader:: cut:: failed:: nested:: renamed:: start:: hard:: groups:: serve:: asked:: top:: run:: leader::"
    timeout $seconds kernel-level --test-threads=1 $skip >/tmp/first 2>&1
    code=$?
    # The names of the tests that failed stand behind the last "failures:".
    failures() { sed -n '/^failures:$/h; /^failures:$/!H; ${g;p}' "$1" | sed -n 's/^    \([a-z_0-9:]*\)$/\1/p'; }
    failed=$(failures /tmp/first)
    if [ "$code" -ne 0 ] && [ -n "$failed" ] && [ "$(echo "$failed" | wc -l)" -le 5 ]; then
        # An emulated processor may stand still for longer than a test waits, and from 7.0 on the kernel skips programs there
        # (docs/kernels.md), which tests that nothing may be lost in do not take. So a few get other chances, and it is said.
        for attempt in 1 2 3; do
            echo "VM-SAYS failed, and run again:" $failed
            grep -A 3 "panicked at" /tmp/first | sed 's/^/VM-SAYS first: /'
            timeout $seconds kernel-level --test-threads=1 --exact $failed >/tmp/first 2>&1 && break
            still=$(failures /tmp/first)
            failed=${still:-$failed}
        done
        check "the kernel level" "^test result: ok. [1-9]" sh -c "cat /tmp/first; ! grep -q '^failures:$' /tmp/first"
    else
        check "the kernel level" "^test result: ok. [1-9]" sh -c "cat /tmp/first; exit $code"
    fi
fi
