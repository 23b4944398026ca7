# Attaches and detaches all hooks again and again while other processes make calls: `cargo xtask vm --smoke xtask/vm/attach.sh`.

while true; do xtask workload files 200 /proc/version; done >/dev/null &
while true; do xtask workload files 200 /proc/version; done >/dev/null &

attached=0
while [ "$attached" -lt 20 ]; do
    if ! timeout 100 tracer -n 20 evt.type=read >/tmp/out 2>/tmp/err; then
        echo "VM-RESULT fail attached and detached"
        sed 's/^/VM-SAYS err: /' /tmp/err
        break
    fi
    attached=$((attached + 1))
done
[ "$attached" -lt 20 ] || echo "VM-RESULT pass attached and detached $attached times"

kill %1 %2
