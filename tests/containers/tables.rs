//! Tables of a known load in containers and on the host, ten processes at once: the numbers are exactly those of the load.

use std::{fs, process::Child, process::Command, process::Stdio};

use tracer_tests::{
    docker::{Container, Docker, unique},
    level,
    scratch::Scratch,
    session::{Session, sum},
    wait,
};

/// Containers, and processes on the host.
const EACH: u64 = 5;
const BLOCK: u64 = 512;

/// Blocks that a process copies: each another number, and less than 1 MB, up to which a table shows single bytes.
fn blocks(number: u64) -> u64 {
    800 + 20 * number
}

/// What a process runs: it waits for the file `go`, then it reads and writes its blocks.
fn copy(dir: &str, number: u64, name: &str) -> String {
    let count = blocks(number);
    format!(
        "while [ ! -e {dir}/go ]; do sleep 0.05; done; \
         busybox dd if={dir}/input of={dir}/{name} bs={BLOCK} count={count} status=none"
    )
}

fn on_host(script: &str) -> Child {
    let mut command = Command::new("busybox");
    command.args(["sh", "-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("busybox")
}

fn join(containers: &[Container], host: Vec<Child>) {
    let docker = Docker::default();
    for container in containers {
        assert_eq!(docker.output(&["wait", &container.id]), "0", "{}", docker.output(&["logs", &container.id]));
    }
    for mut child in host {
        assert!(child.wait().expect("a child").success());
    }
}

#[test]
fn tables_of_files_show_exactly_what_ten_processes_read_and_wrote() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let dir = scratch.dir().display().to_string();
    let _ = scratch.file("input", &vec![b'x'; (BLOCK * blocks(2 * EACH)) as usize]);
    let volume = format!("{dir}:{dir}");
    let start = |number: u64| {
        let script = copy(&dir, number, &format!("out{number}"));
        Docker::default().run(&unique("f"), &["--volume", &volume], &["sh", "-c", &script])
    };
    let containers: Vec<Container> = (0..EACH).map(start).collect();
    let host: Vec<Child> =
        (EACH..2 * EACH).map(|number| on_host(&copy(&dir, number, &format!("out{number}")))).collect();

    let outs = format!("fd.name startswith {dir}/out");
    let all = format!("fd.name startswith {dir}/");
    let by_container = Session::table(&["-pc", "-c", "topcontainers_file"]);
    let by_file = Session::table(&["-pc", "-c", "topfiles_bytes", &outs]);
    let by_call = Session::table(&["-pc", "-c", "topscalls", &format!("evt.is_io=true and {all}")]);
    let lines = Session::lines("%container.name %evt.type %evt.rawres", &all);
    fs::write(scratch.path("go"), "").expect("a file");
    join(&containers, host);
    let by_container = by_container.end();
    let (by_file, by_call, lines) = (by_file.end(), by_call.end(), lines.end());

    for number in 0..2 * EACH {
        let name = containers.get(number as usize).map_or("host", |container| container.name.as_str());
        let bytes = blocks(number) * BLOCK;
        let out = format!("{dir}/out{number}");
        if name != "host" {
            let table = sum(&by_container, &[name]);
            assert!(table.is(2 * bytes), "{name} reads and writes {bytes} bytes: {table:?}\n{:#?}", by_container.lines);
            for call in ["read", "write"] {
                let table = sum(&by_call, &[name, call]);
                assert!(table.is(blocks(number)), "{name}, {call}: {table:?}\n{:#?}", by_call.lines);
            }
        }
        let table = sum(&by_file, &[name, &out]);
        assert!(table.is(bytes), "{name} writes {bytes} bytes to {out}: {table:?}\n{:#?}", by_file.lines);
        let written = format!("{out} {name} write {BLOCK}");
        assert_eq!(lines.lines.iter().filter(|line| **line == written).count() as u64, blocks(number), "{written}");
    }
    let host: u64 = (EACH..2 * EACH).map(blocks).sum();
    for call in ["read", "write"] {
        let table = sum(&by_call, &["host", call]);
        assert!(table.is(host), "host, {call}: {table:?}, not {host}\n{:#?}", by_call.lines);
    }
    let calls =
        |call: &str| lines.lines.iter().filter(|line| line.ends_with(&format!(" {call} {BLOCK}"))).count() as u64;
    let all: u64 = (0..2 * EACH).map(blocks).sum();
    assert_eq!((calls("read"), calls("write")), (all, all));
}

/// Something that listens, and discards what it gets; it ends with its first connection.
///
/// Its input has to stay open: at its end it would say so to the other side, which would end then.
fn listen(port: u16) -> String {
    format!("busybox nc -l -p {port} >/dev/null")
}

/// Sends a number of blocks when the file `go` is there.
fn send(dir: &str, number: u64, to: &str, port: u16) -> String {
    let count = blocks(number);
    format!(
        "while [ ! -e {dir}/go ]; do sleep 0.05; done; \
         busybox dd if=/dev/zero bs={BLOCK} count={count} status=none | busybox nc {to} {port}"
    )
}

/// Whether something in the network of the process listens on the port; proc_net(5), /proc/PID/net/tcp.
fn listens(pid: u32, port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    ["tcp", "tcp6"].iter().any(|table| {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        text.lines().any(|line| {
            let mut columns = line.split_whitespace().skip(1);
            columns.next().is_some_and(|local| local.ends_with(&wanted)) && columns.nth(1) == Some("0A")
        })
    })
}

#[test]
fn tables_of_the_network_show_exactly_what_was_sent_and_received() {
    if !level::engine_or_skip() {
        return;
    }
    const PORT: u16 = 5000;
    let scratch = Scratch::new();
    let dir = scratch.dir().display().to_string();
    let volume = format!("{dir}:{dir}");
    let docker = Docker::default();
    let run = |script: &str| docker.run(&unique("n"), &["--interactive", "--volume", &volume], &["sh", "-c", script]);
    // One sends to another, and one to itself.
    let server = run(&format!("{}; sleep 1000", listen(PORT)));
    let address =
        docker.output(&["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &server.id]);
    let client = run(&send(&dir, 0, &address, PORT));
    let own = run(&format!("({}) & {}", send(&dir, 1, "127.0.0.1", PORT), listen(PORT)));
    for container in [&server, &own] {
        let pid = container.pid();
        wait::until("a container to listen", || listens(pid, PORT).then_some(()));
    }
    let host = on_host(&send(&dir, 2, &address, PORT + 1));
    let second = run_in(&docker, &server, &listen(PORT + 1));
    let pid = server.pid();
    wait::until("the second to listen", || listens(pid, PORT + 1).then_some(()));

    let table = Session::table(&["-pc", "-c", "topcontainers_net"]);
    let ports = format!("evt.is_io=true and fd.sport in ({PORT}, {})", PORT + 1);
    let lines = Session::lines("%container.name %evt.io_dir %evt.rawres", &ports);
    fs::write(scratch.path("go"), "").expect("a file");
    join(&[], vec![host, second]);
    let (table, lines) = (table_end(table, &[&client, &own]), lines.end());

    let bytes = |number: u64| blocks(number) * BLOCK;
    let expected = [(&server, bytes(0) + bytes(2)), (&client, bytes(0)), (&own, 2 * bytes(1))];
    for (container, bytes) in expected {
        let shown = sum(&table, &[&container.name]);
        assert!(shown.is(bytes), "{}: {shown:?}, not {bytes}\n{:#?}", container.name, table.lines);
    }
    let moved = |name: &str, dir: &str| -> u64 {
        let wanted = format!(" {name} {dir} ");
        lines.lines.iter().filter_map(|line| line.split_once(&wanted)?.1.parse::<u64>().ok()).sum()
    };
    assert_eq!(moved(&server.name, "read"), bytes(0) + bytes(2), "{:#?}", lines.lines);
    assert_eq!(moved(&client.name, "write"), bytes(0));
    assert_eq!((moved(&own.name, "write"), moved(&own.name, "read")), (bytes(1), bytes(1)));
    assert_eq!(moved("host", "write"), bytes(2));
}

/// A command in a running container; it has ended when the child has.
fn run_in(docker: &Docker, container: &Container, script: &str) -> Child {
    let mut command = docker.command(&["exec", "--interactive", &container.id, "sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("docker")
}

fn table_end(session: Session, containers: &[&Container]) -> tracer_tests::command::Output {
    let docker = Docker::default();
    for container in containers {
        let _ = docker.output(&["wait", &container.id]);
    }
    session.end()
}
