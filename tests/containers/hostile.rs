//! Engines that attack whoever reads them. Each attack is played by a server that listens as an unprivileged user, on a
//! socket that the tracer was told to ask. Memory, events and the answer to Ctrl-C stay as they are without it.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::chown,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use tracer_tests::{
    cgroup::Cgroup,
    command::tracer,
    engine::{Answer, Connection, Engine, VERSION},
    level,
    scratch::Scratch,
    session::Session,
};

/// How much more memory an attack may cost, KiB.
const MORE_KIB: u64 = 32 << 10;
/// Calls that are made during an attack, each of which must be seen.
const CALLS: usize = 30_000;
/// How long an attack lasts.
const ATTACK: Duration = Duration::from_secs(4);
/// The longest that a call, or Ctrl-C, may wait to be seen.
const SOON: Duration = Duration::from_secs(2);
const MIB: u64 = 1 << 20;
/// Containers that really are there, for what the engine says of them to be kept.
const REAL: usize = 300;

fn id(number: usize) -> String {
    format!("{number:08x}{}", "e".repeat(56))
}

/// What an engine that is quiet says: nothing runs, and nothing happens.
fn quiet(connection: &mut Connection<'_>, path: &str) -> std::io::Result<()> {
    if path.contains("/events") {
        connection.head()?;
        connection.wait();
        return Ok(());
    }
    connection.whole(if path.ends_with("/version") { VERSION } else { "[]" })
}

/// What came of an attack.
struct Outcome {
    peak_kib: u64,
    sent: u64,
    connections: usize,
    errors: String,
}

/// Traces while the engine does what it does. `uid` is whose engine it is.
fn trace(uid: u32, answer: Box<Answer>) -> Outcome {
    let scratch = Scratch::new();
    chown(scratch.dir(), Some(uid), Some(uid)).expect("an owner");
    let engine = Engine::start(&scratch.path("engine.sock"), uid, answer);
    // Below root's folders for root's engine, else below those of the user.
    let place =
        if uid == 0 { "/docker".to_owned() } else { format!("/user.slice/user-{uid}.slice/user@{uid}.service") };
    let _place = Cgroup::make(&place);
    let _containers: Vec<Cgroup> =
        (0..REAL).map(|number| Cgroup::make(&format!("{place}/docker-{}.scope", id(number)))).collect();
    let path = scratch.path("calls");
    let mut file = File::create(&path).expect("a file");
    let socket = format!("docker={}", engine.socket.display());
    // The kernel keeps the events of others out: what they do is not part of it.
    let filter = format!("proc.pid={} and evt.type=write and fd.name={}", std::process::id(), path.display());
    let mut session =
        Session::lines_of(&mut tracer(["--engine-socket", &socket]), "%evt.arg.data %container.name", &filter);
    let (start, mut made) = (Instant::now(), 0);
    while made < CALLS || start.elapsed() < ATTACK {
        for _ in 0..CALLS / 100 {
            file.write_all(b"x").expect("a call");
            made += 1;
        }
        thread::sleep(ATTACK / 100);
    }
    let asked = Instant::now();
    file.write_all(b"marker").expect("a call");
    let _ = session.wait_for(&["marker"]);
    assert!(asked.elapsed() < SOON, "a call was shown after {:?}", asked.elapsed());
    let pid = session.pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let asked = Instant::now();
    // It ends with `0 lost`, or this fails.
    let output = session.end();
    assert!(asked.elapsed() < SOON, "the end took {:?}", asked.elapsed());
    let seen = output.lines.iter().filter(|line| line.ends_with("x host")).count();
    assert_eq!(seen, made, "{}", output.errors);
    Outcome {
        peak_kib: peak.trim().trim_end_matches(" kB").parse().expect("a number"),
        sent: engine.sent(),
        connections: engine.contacts(pid).0,
        errors: output.errors,
    }
}

/// The peak without an attack, KiB.
fn quiet_peak() -> u64 {
    static QUIET: OnceLock<u64> = OnceLock::new();
    *QUIET.get_or_init(|| trace(0, Box::new(quiet)).peak_kib)
}

/// Plays an attack as root's engine, and as that of a user; `sent` is how much of it has to get through for it to be one,
/// and from a user's engine, which is read more slowly, a sixteenth of it.
fn withstand(name: &str, sent: u64, attack: fn(&mut Connection<'_>, &str) -> std::io::Result<()>) -> Vec<Outcome> {
    if !level::root_or_skip() {
        return Vec::new();
    }
    let quiet_kib = quiet_peak();
    let play = |uid: u32, sent: u64| {
        let outcome = trace(uid, Box::new(attack));
        let Outcome { peak_kib, sent: got, connections, .. } = outcome;
        println!(
            "{name}, user {uid}: {quiet_kib} KiB without, {peak_kib} KiB with; {got} bytes, {connections} connections"
        );
        assert!(peak_kib <= quiet_kib + MORE_KIB, "{name}: {quiet_kib} KiB without, {peak_kib} KiB with");
        assert!(got >= sent, "{name}: {got} bytes were taken");
        outcome
    };
    vec![play(0, sent), play(61_003, sent / 16)]
}

/// Sends the same again and again, until nobody takes it any more.
fn forever(connection: &mut Connection<'_>, bytes: &str) -> std::io::Result<()> {
    let many = bytes.repeat(1 + (64 << 10) / bytes.len());
    while connection.is_wanted() {
        connection.send(&many)?;
    }
    Ok(())
}

/// A container with as many labels as there is room for in a list.
fn fat(number: usize, bytes: usize) -> String {
    let labels: Vec<String> = (0..bytes / 1000).map(|n| format!(r#""l{n}":"{}""#, "v".repeat(990))).collect();
    format!(r#"{{"Id":"{}","Names":["/n{number}"],"Image":"i","Labels":{{{}}}}}"#, id(number), labels.join(","))
}

#[test]
fn a_list_without_end_is_cut() {
    withstand("list without end", 8 * MIB, |connection, path| match path {
        path if path.contains("/containers/json") => {
            connection.head()?;
            connection.send("[")?;
            for number in 0.. {
                connection.send(fat(number, 1000) + ",")?;
            }
            Ok(())
        }
        path => quiet(connection, path),
    });
}

#[test]
fn an_object_without_end_is_not_kept() {
    withstand("object without end", 8 * MIB, |connection, path| match path {
        path if path.contains("/containers/json") => {
            connection.head()?;
            connection.send(r#"[{"Id":""#)?;
            forever(connection, "a")
        }
        path if path.contains("/events") => {
            connection.head()?;
            connection.send(r#"{"Actor":{"#)?;
            forever(connection, r#""a":[{}],"#)
        }
        path => quiet(connection, path),
    });
}

#[test]
fn a_gigabyte_of_containers_is_read_within_limits() {
    withstand("a gigabyte of JSON", 16 * MIB, |connection, path| match path {
        path if path.contains("/containers/json") => {
            connection.head()?;
            connection.send("[")?;
            for number in 0..2_000 {
                connection.send(fat(number % REAL, 500_000) + ",")?;
            }
            connection.send("{}]")
        }
        path => quiet(connection, path),
    });
}

#[test]
fn an_inspection_without_end_is_given_up() {
    withstand("inspection without end", 2 * MIB, |connection, path| match path {
        path if path.contains("/containers/json") => {
            let all: Vec<String> = (0..REAL).map(|number| fat(number, 0)).collect();
            connection.whole(format!("[{}]", all.join(",")))
        }
        path if path.contains("/containers/") => {
            connection.head()?;
            connection.send(r#"{"Mounts":["#)?;
            forever(connection, r#"{"Source":"/a","Destination":"/b"},"#)
        }
        path => quiet(connection, path),
    });
}

#[test]
fn a_version_that_is_a_bomb_is_given_up() {
    let outcomes = withstand("version bomb", MIB, |connection, path| match path {
        path if path.ends_with("/version") => {
            connection.head()?;
            connection.send(r#"{"Version":""#)?;
            forever(connection, "\\u001b[2J")
        }
        path => quiet(connection, path),
    });
    for outcome in outcomes {
        assert!(outcome.errors.contains("does not answer: its answer is longer than 2 MiB"), "{}", outcome.errors);
    }
}

#[test]
fn headers_without_end_are_given_up() {
    let outcomes = withstand("headers without end", 0, |connection, path| match path {
        path if path.ends_with("/version") => {
            connection.send("HTTP/1.1 200 OK\r\n")?;
            forever(connection, "X-Header: 0123456789\r\n")
        }
        path => quiet(connection, path),
    });
    for outcome in outcomes {
        assert!(outcome.errors.contains("does not answer: "), "{}", outcome.errors);
    }
}

#[test]
fn a_flood_of_events_is_taken_at_its_pace() {
    // Each container changes its name again and again, and ten thousand others come and go.
    withstand("flood of events", MIB, |connection, path| match path {
        path if path.contains("/events") => {
            connection.head()?;
            for number in 0.. {
                for action in ["create", "start", "rename", "die"] {
                    let labels = "v".repeat(400);
                    for id in [id(number % REAL), id(number % 1_000_000)] {
                        connection.send(format!(
                            r#"{{"Action":"{action}","Actor":{{"ID":"{id}","Attributes":{{"name":"n{number}","l":"{labels}"}}}}}}{}"#,
                            '\n'
                        ))?;
                    }
                }
            }
            Ok(())
        }
        path => quiet(connection, path),
    });
}

#[test]
fn depth_is_no_recursion() {
    withstand("deep nesting", 8 * MIB, |connection, path| match path {
        path if path.contains("/containers/json") => {
            connection.head()?;
            connection.send(format!(r#"[{{"Id":"{}","Labels":"#, id(1)))?;
            forever(connection, "[")
        }
        path if path.contains("/events") => {
            connection.head()?;
            // Deep, but whole.
            while connection.is_wanted() {
                connection.send(format!(r#"{{"Actor":{}{}}}"#, "[".repeat(400_000), "]".repeat(400_000)))?;
            }
            Ok(())
        }
        path => quiet(connection, path),
    });
}

#[test]
fn wrong_types_cost_nothing_but_themselves() {
    withstand("wrong types", 1_000, |connection, path| match path {
        path if path.contains("/containers/json") => {
            let id = id(1);
            connection.whole(format!(
                r#"[7,null,[[]],{{"Id":7}},{{"Id":{{}},"Names":"x"}},{{"Id":"{id}","Names":{{"a":1}},"Labels":[1,2],"Image":1e999,"NetworkSettings":7}},
                   {{"Id":"{id}","Id":"{id}"}},{{"Id":"{id}","Names":[null,[],{{}}]}}]"#
            ))
        }
        path if path.contains("/events") => {
            connection.head()?;
            for event in
                [r#"{"Actor":7}"#, r#"{"Action":{},"Actor":{"ID":[]}}"#, "7", "\"\"", "[{}]", "\u{0}\u{fffd}", "{]"]
            {
                connection.send(event)?;
            }
            connection.wait();
            Ok(())
        }
        path => quiet(connection, path),
    });
}

#[test]
fn a_connection_that_is_half_closed_and_one_that_is_mute_stop_nobody() {
    withstand("half-closed", 0, |connection, path| match path {
        path if path.contains("/containers/json") => {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[{")?;
            connection.stream.shutdown(std::net::Shutdown::Write)?;
            connection.wait();
            Ok(())
        }
        path => quiet(connection, path),
    });
    withstand("mute", 0, |connection, _| {
        connection.wait();
        Ok(())
    });
}

#[test]
fn a_slow_drip_stops_nobody() {
    withstand("slow drip", 10, |connection, path| {
        let text = match path {
            path if path.ends_with("/version") => format!("HTTP/1.1 200 OK\r\n\r\n{VERSION}"),
            _ => "HTTP/1.1 200 OK\r\n\r\n[{}".to_owned(),
        };
        for byte in text.bytes() {
            connection.send([byte])?;
            thread::sleep(Duration::from_millis(20));
        }
        connection.wait();
        Ok(())
    });
}
