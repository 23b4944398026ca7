# What the scripts of guests have in common.
#
# check NAME PATTERN COMMAND...: COMMAND ends with 0 within $seconds, prints a line that matches PATTERN (extended, on
# stdout), and says nothing of a failed verification.
seconds=100
check() {
    name=$1 pattern=$2
    shift 2
    timeout $seconds "$@" >/tmp/out 2>/tmp/err
    code=$?
    if [ "$code" -ne 0 ]; then
        reason="exit code $code"
    elif grep -q -i -E 'verifier|BPF_PROG_LOAD|failed to load' /tmp/out /tmp/err; then
        reason="the verifier refused a program"
    elif ! grep -q -E -e "$pattern" /tmp/out; then
        reason="no line matches $pattern"
    else
        echo "VM-RESULT pass $name"
        return
    fi
    echo "VM-RESULT fail $name"
    echo "VM-SAYS $*: $reason"
    head -c 20000 /tmp/err | tail -n 30 | sed 's/^/VM-SAYS err: /'
    # What a test says when it fails, without the way it came.
    grep -A 8 -E "panicked at" /tmp/out | grep -v -E "^ +[0-9]+:|^ +at |stack backtrace" | sed 's/^/VM-SAYS out: /'
    head -c 20000 /tmp/out | tail -n 10 | sed 's/^/VM-SAYS out: /'
}
