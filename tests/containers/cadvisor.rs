//! `tracer serve` as those see it who wrote for cAdvisor: what happened to containers.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;
use tracer_tests::{
    docker::{Docker, unique},
    level,
    served::Served,
    wait,
};

/// Type of each event of that container, and what it says.
fn of<'e>(events: &'e [Value], path: &str) -> Vec<(&'e str, &'e Value)> {
    let own = events.iter().filter(|event| event["container_name"] == path);
    own.map(|event| (event["event_type"].as_str().expect("a type"), &event["event_data"])).collect()
}

#[test]
fn what_happens_to_containers_is_told_as_a_list_and_as_it_comes() {
    if !level::engine_or_skip() {
        return;
    }
    let served = Served::beside_engine(&[]);
    let mut stream = TcpStream::connect(&served.address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let path = "/api/v1.3/events/?stream=true&subcontainers=true&all_events=true";
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", served.address).expect("the request is sent");
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("a line in time"));
    assert!(lines.next().expect("an answer").contains(" 200 "));
    assert!(lines.by_ref().take_while(|line| !line.is_empty()).any(|line| line.to_lowercase().contains("chunked")));

    let docker = Docker::default();
    let name = unique("happens");
    // Its first process stays when another one takes more memory than there is.
    let script = "dd if=/dev/zero of=/dev/null bs=200M count=1; while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 7";
    let options = ["--memory", "64m", "--memory-swap", "64m"];
    let container = docker.run(&name, &options, &["sh", "-c", script]);
    let list = |path: &str, query: &str| -> Vec<Value> {
        let answer = served.get(&format!("/api/{path}?{query}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
        answer.json().as_array().expect("a list").clone()
    };
    let path = wait::until("it is known", || {
        let info = served.get(&format!("/api/v1.3/docker/{name}"));
        (info.status == 200).then(|| info.json().as_object()?.keys().next().cloned()).flatten()
    });
    wait::until("a process was killed", || {
        // The kernel's files are read when somebody asks.
        let _ = served.get("/metrics");
        let events = list(&format!("v2.1/events{path}"), "oom_kill_events=true");
        (of(&events, &path) == [("oomKill", &serde_json::json!({ "oom": {} }))]).then_some(())
    });
    // It may end together with the container.
    let _ = docker.command(&["exec", &container.id, "sh", "-c", ": >/tmp/go"]).output();
    let all = wait::until("it has ended", || {
        let events = list("v1.3/events/", "subcontainers=true&all_events=true&max_events=1000");
        of(&events, &path).iter().any(|(kind, _)| *kind == "containerDeletion").then_some(events)
    });
    let kinds: Vec<&str> = of(&all, &path).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["containerCreation", "oomKill", "containerDeletion"]);
    assert_eq!(of(&all, &path)[2].1["container_deletion"]["exit_code"], 7);
    let times: Vec<&str> = all.iter().filter_map(|event| event["timestamp"].as_str()).collect();
    assert!(times.is_sorted() && times.len() == all.len(), "{times:?}");

    // What is not asked for does not come, and what makes no sense is ignored.
    let query = |query: &str| of(&list(&format!("v1.3/events{path}"), query), &path).len();
    assert_eq!(query(""), 0);
    assert_eq!(query("deletion_events=true&max_events=x&other=1"), 1);
    assert_eq!(query("all_events=true&max_events=2"), 2);
    assert_eq!(query("all_events=true&start_time=2100-01-01T00:00:00Z"), 0);
    assert_eq!(query("all_events=true&end_time=2100-01-01T00:00:00%2B01:00"), 3);
    assert_eq!(query("all_events=true&start_time=yesterday"), 3);

    // Pieces have their sizes between them.
    let mut told: Vec<Value> = Vec::new();
    while !of(&told, &path).iter().any(|(kind, _)| *kind == "containerDeletion") {
        let line = lines.next().expect("it goes on");
        told.extend(line.starts_with('{').then(|| serde_json::from_str::<Value>(&line).expect("JSON")));
    }
    assert_eq!(of(&told, &path), of(&all, &path));
}
