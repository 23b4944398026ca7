# tracer in a container with `docker run --privileged`, and beside containers, on a host whose root cannot be written to.
. /check.sh
seconds=200

check "a root that cannot be written to" "Read-only file system" sh -c 'touch /file 2>&1; true'

dockerd --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs >/tmp/dockerd.log 2>&1 &
timeout 120 sh -c 'until docker version >/dev/null 2>&1; do sleep 0.2; done'
check "a Docker engine" "^[0-9]+[.]" docker version --format '{{.Server.Version}}'

# The images: tracer's as `cargo xtask image` makes it, and one of busybox.
while read -r change; do set -- "$@" --change "$change"; done </image
tar -C /bin -c tracer | docker import "$@" - tracer >/dev/null
tar -C / -c bin/busybox bin/sh bin/sleep bin/echo bin/nc bin/true | docker import - busybox >/dev/null

# Something to see: a container that talks to itself.
talk='while true; do echo question | nc -l -p 80 >/dev/null & sleep 0.1; echo answer | nc 127.0.0.1 80 >/dev/null; sleep 0.3; done'
docker run -d --name web busybox sh -c "$talk" >/dev/null

# The command of the README, on a terminal as there, until its table has a row of the container. Then it ends as with Ctrl-C.
sh /readme.sh </dev/console >/tmp/table 2>&1 &
timeout 120 sh -c "until grep -q ' web' /tmp/table; do sleep 0.2; done"
docker kill --signal INT "$(docker ps --quiet --filter ancestor=tracer)" >/dev/null
wait $!
check "docker run --privileged as in the README" "^ *[0-9.]+[KM]?B .* web" cat /tmp/table

# The same with other words for tracer.
in_container="docker run --rm --privileged --pid=host -v /:/host:ro -v /var/run/docker.sock:/host/var/run/docker.sock"
check "doctor in a container" "^ok +container engine: docker .* at /host/.*docker.sock, 2 containers" $in_container tracer --doctor
check "events of a container, seen from one that is read-only" "^web nc" \
    $in_container --read-only tracer -n 1 -p '%container.name %proc.name' 'container.name=web and evt.type=connect'
check "containers of the host" " web " tracer -c lscontainers
check "events of a container on the host" "^web nc" tracer -n 1 -p '%container.name %proc.name' 'container.name=web and evt.type=connect'

# A container of 50 ms.
tracer -p '*%container.id %container.name' container.id!=host >/tmp/lines 2>/tmp/summary &
watching=$!
timeout 120 sh -c 'until [ -s /tmp/lines ]; do sleep 0.2; done'
id=$(docker create --rm --name short busybox sleep 0.05 | cut -c 1-12)
docker start --attach short
sleep 1
kill -INT $watching
wait $watching
named=$(grep -c "^$id short$" /tmp/lines)
all=$(grep -c "^$id " /tmp/lines)
echo "VM-SAYS a container of 50 ms: $named of $all events have its name"
check "the name of a container of 50 ms" named sh -c "[ $named -gt 50 ] && [ $((named * 100)) -ge $((all * 99)) ] && echo named"

docker kill web >/dev/null
