//! Lines that people type, from the examples and the manual of sysdig, over real programs on the host and in containers.

mod row;

use row::{NONE, OneLiner, run};

#[test]
fn files() {
    run(&[
        OneLiner {
            line: r#"-p "%12user.name %6proc.pid %12proc.name %evt.arg.name" "evt.type in (open, openat) and evt.failed=true""#,
            host: "cat {dir}/missing-{tag}; echo >{dir}/there-{tag}; cat {dir}/there-{tag}",
            shows: &["root*cat*{dir}/missing-{tag}"],
            never: &["there-"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%container.name %proc.name %fd.name" "evt.is_open_write=true and fd.name startswith /etc""#,
            web: "echo x >/etc/written-{tag}; cat /etc/written-{tag}; echo x >/tmp/written-{tag}",
            db: "cat /etc/passwd; echo x >/tmp/etc-{tag}",
            shows: &["{web} sh /etc/written-{tag}"],
            never: &["{web} cat", "/tmp/", "{db} sh", "{db} cat"],
            ..NONE
        },
        OneLiner {
            line: "-A evt.is_io_write=true and fd.name contains mylogfile",
            host: "echo error-{tag} >>{dir}/mylogfile; echo other-{tag} >>{dir}/otherfile; cat {dir}/mylogfile",
            shows: &["error-{tag}"],
            never: &["other", " cat ", " read "],
            ..NONE
        },
        OneLiner {
            line: "-x evt.is_io_write=true and fd.filename=mybytes",
            host: r"printf '\001\002%s' {tag} >{dir}/mybytes; printf '\003%s' {tag} >{dir}/otherbytes",
            shows: &["0x0000: 0102 31", "fd=1(<f>{dir}/mybytes) size=6"],
            never: &["otherbytes", "0331"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%evt.type %fd.name %evt.buflen" "evt.buflen > 1000 and fd.directory={dir}""#,
            host: "head -c 1001 /dev/zero >{dir}/large-{tag}; head -c 1000 /dev/zero >{dir}/small-{tag}; \
                   mkdir -p {dir}/sub; head -c 2000 /dev/zero >{dir}/sub/below-{tag}",
            shows: &["write {dir}/large-{tag} 1001"],
            never: &["small-", "below-", "/dev/zero"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%user.name %fd.name" "evt.type in (open, openat) and fd.directory={dir} and not proc.name in (head, cat)""#,
            host: "echo >{dir}/text-{tag}; sort {dir}/text-{tag}; cp {dir}/text-{tag} {dir}/taken-{tag}; cat {dir}/text-{tag} /dev/null; \
                   cat {dir}/nosuch-{tag}; head {dir}/nosuch-{tag}",
            shows: &["root {dir}/text-{tag}", "root {dir}/taken-{tag}"],
            never: &["nosuch"],
            ..NONE
        },
        OneLiner {
            line: r#""evt.type in (unlink, unlinkat) and evt.res=ENOENT""#,
            host: "echo >{dir}/file-{tag}; rm {dir}/file-{tag}; busybox unlink {dir}/nothing-{tag}",
            shows: &["busybox*unlink*ENOENT*{dir}/nothing-{tag}"],
            never: &["file-", "EACCES", "openat"],
            ..NONE
        },
        OneLiner {
            line: "-c topfiles_bytes container.name={web}",
            host: "head -c 9000 /dev/zero >{dir}/host-{tag}",
            web: "dd if=/dev/zero of=/tmp/web-{tag} bs=300000 count=1",
            db: "dd if=/dev/zero of=/tmp/db-{tag} bs=600000 count=1",
            shows: &["292.97KB*/tmp/web-{tag}"],
            never: &["/tmp/db-", "{dir}"],
        },
        OneLiner {
            line: r#"-S "evt.type in (mkdir, mkdirat)""#,
            host: "mkdir {dir}/made-{tag}; rmdir {dir}/made-{tag}",
            shows: &["mkdir*{dir}/made-{tag}", "#Calls", "mkdir  "],
            never: &["rmdir", "unlink", "openat"],
            ..NONE
        },
    ]);
}

#[test]
fn network() {
    run(&[
        OneLiner {
            line: r#"-p"%proc.cmdline -> %fd.name" evt.type=connect and fd.sport=8080"#,
            web: "/bin/wget -q -O - http://{db_ip}:8080/asked-{tag}; /bin/wget -q -O - http://{db_ip}:8081/not-asked",
            shows: &["asked-{tag} -> {web_ip}:*->{db_ip}:8080"],
            never: &["not-asked", ":8081"],
            ..NONE
        },
        OneLiner {
            line: "-s 2000 -A fd.port=8081 and evt.buffer contains GET",
            web: "/bin/wget -q -O - http://{db_ip}:8081/page-{tag}; /bin/wget -q -O - http://{db_ip}:8080/other-page",
            shows: &["GET /page-{tag} HTTP/1.1"],
            never: &["other-page", "404 Not Found"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%proc.name %fd.name" "evt.type in (accept, accept4) and proc.name!=httpd""#,
            web: "/bin/nc -l -p 5000 </dev/null & until /bin/nc 127.0.0.1 5000 </dev/null || ! kill -0 $!; do :; done; \
                  /bin/wget -q -O - http://127.0.0.1:8080/",
            shows: &["nc 127.0.0.1:*->127.0.0.1:5000"],
            never: &["httpd", "127.0.0.1:8080"],
            ..NONE
        },
        OneLiner {
            line: r#"-pc "evt.type in (connect, accept, accept4) and fd.ip=127.0.0.1""#,
            web: "/bin/wget -q -O - http://127.0.0.1:8080/",
            db: "/bin/wget -q -O - http://{web_ip}:8081/",
            shows: &["{web}*wget*connect*->127.0.0.1:8080", "{web}*httpd*accept*->127.0.0.1:8080"],
            never: &["->{web_ip}:8081", "{db_ip}"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%container.name %proc.name %fd.cip %fd.sip:%fd.sport" evt.is_io=true and fd.cip={web_ip}"#,
            web: "/bin/wget -q -O - http://{db_ip}:8080/",
            db: "/bin/wget -q -O - http://{web_ip}:8080/",
            host: "busybox wget -q -O - http://{db_ip}:8080/",
            shows: &["{web} wget {web_ip} {db_ip}:8080", "{db} httpd {web_ip} {db_ip}:8080"],
            never: &["{db} wget", "{web} httpd", "host"],
        },
        OneLiner {
            line: r#"-j "evt.type=connect and fd.sip={db_ip}""#,
            web: "/bin/wget -q -O - http://{db_ip}:8081/; /bin/wget -q -O - http://127.0.0.1:8081/",
            host: "busybox wget -q -O - http://{web_ip}:8081/",
            shows: &[r#"{*->{db_ip}:8081*"evt.type":"connect"*"proc.name":"wget"*}"#],
            never: &["127.0.0.1", "->{web_ip}"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%proc.name %fd.name" evt.type=connect and fd.type=unix"#,
            web: "/bin/wget -q -O - http://{db_ip}:8081/",
            shows: &["docker */docker.sock"],
            never: &["wget", ":8081"],
            ..NONE
        },
    ]);
}

#[test]
fn processes() {
    run(&[
        OneLiner {
            line: r#"-p"%proc.cmdline %evt.type %evt.latency" "evt.latency > 10000000 and proc.name=sleep""#,
            host: "sleep 0.02{tag}; timeout 0.02{tag} cat /dev/zero >/dev/null",
            shows: &["sleep 0.02{tag} clock_nanosleep "],
            never: &["timeout", "cat"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%proc.cmdline %evt.latency" "evt.latency > 200ms and evt.type in (nanosleep, clock_nanosleep)""#,
            host: "sleep 0.3{tag}; sleep 0.01{tag}",
            shows: &["sleep 0.3{tag} "],
            never: &["sleep 0.01"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%evt.arg.path" "evt.type=chdir and user.name=root""#,
            host: "mkdir {dir}/root-{tag} {dir}/nobody-{tag}; cd {dir}/root-{tag}; \
                   runuser -u nobody -- sh -c 'cd {dir}/nobody-{tag}'",
            shows: &["{dir}/root-{tag}"],
            never: &["nobody"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%user.name) %proc.cmdline" evt.type=execve and user.name=nobody"#,
            host: "runuser -u nobody -- env his={tag} true; env hers={tag} true",
            shows: &["nobody) env his={tag} true"],
            never: &["root)", "hers="],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%proc.name %proc.pname %proc.args" "evt.type=execve and evt.dir=< and proc.aname=nightly""#,
            host: "for name in nightly daily; do \
                   printf '#!/bin/sh\\nsh -c \"env %s={tag} true; :\"; :\\n' $name >{dir}/$name; \
                   chmod +x {dir}/$name; {dir}/$name; done",
            shows: &["env sh nightly={tag} true", "true sh"],
            never: &["daily={tag}"],
            ..NONE
        },
        OneLiner {
            line: "proc.cmdline contains secret and evt.type=procexit",
            host: "sh -c 'exit 3' secret-{tag}; sh -c 'exit 4' public-{tag}; :",
            shows: &["sh*procexit*ret=3 "],
            never: &["ret=4 ", "exit_group"],
            ..NONE
        },
        OneLiner {
            line: r#"-p"%evt.type %proc.cmdline %evt.args" evt.type=kill or evt.type=tgkill"#,
            host: "sh -c 'kill -USR1 $$' own-{tag}; sleep 1000 & kill $!; kill -0 $$",
            web: "/bin/sh -c 'kill -USR2 $$' web-{tag}; :",
            shows: &["kill sh -c kill -USR1 $$ own-{tag} *SIGUSR1", "kill *SIGTERM", "web-{tag} *SIGUSR2"],
            never: &["openat sh", "procexit sh", "execve sh"],
            ..NONE
        },
        OneLiner {
            line: "-pc -c spy_users container.name={web}",
            host: "sh -c 'env host={tag} true; :'",
            web: "cd /tmp; /bin/env web={tag} true; :",
            db: "cd /tmp; /bin/env db={tag} true; :",
            shows: &["root@{web}) /bin/env web={tag} true", "root@{web}) cd /tmp"],
            never: &["host=", "db=", "@{db}"],
        },
        OneLiner {
            line: "-pc container.name={web} and evt.type=execve",
            web: "/bin/env web={tag} true",
            db: "/bin/env db={tag} true",
            host: "env host={tag} true",
            shows: &["{web}*execve*web={tag}"],
            never: &["host=", "db=", "{db}"],
        },
    ]);
}
