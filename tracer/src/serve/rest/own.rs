//! `/api/v1`, `/metrics`, and whether the server is well.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{StatusCode, body::Bytes};
use serde_json::{Map, Value, json};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    fields::Type,
    serve::{
        gather::Snapshot,
        history::Point,
        http::{Answer, PLAIN, Request},
        known, latency,
        measured::{Measured, Process},
        metrics, params,
        routes::ROUTES,
        site::{FRESH, MAX_STREAMS, Site},
        totals::Live,
    },
};

/// A client that takes nothing for so long is left.
const SLOW: Duration = Duration::from_secs(30);

pub(in crate::serve) async fn metrics(request: Request) -> Answer {
    let picture = request.site.picture(FRESH).await;
    let (labels, max_series) = request.site.of_metrics();
    let (text, left_out) = metrics::text(&request.site.snapshot(), &picture, &labels, max_series);
    request.site.left_out(left_out);
    Answer::new(metrics::CONTENT_TYPE, text)
}

pub(in crate::serve) async fn healthz(request: Request) -> Answer {
    match request.site.illness() {
        None => Answer::new(PLAIN, "ok\n"),
        Some(why) => Answer::new(PLAIN, format!("{why}\n")).with_status(StatusCode::SERVICE_UNAVAILABLE),
    }
}

pub(in crate::serve) async fn readyz(request: Request) -> Answer {
    match request.site.illness() {
        None if request.site.snapshot().silence.is_some() => Answer::new(PLAIN, "ok\nengines: degraded\n"),
        None => Answer::new(PLAIN, "ok\n"),
        Some(why) => Answer::new(PLAIN, format!("{why}\n")).with_status(StatusCode::SERVICE_UNAVAILABLE),
    }
}

pub(in crate::serve) async fn version(_request: Request) -> Answer {
    Answer::json(&json!({ "name": "tracer", "version": env!("CARGO_PKG_VERSION") }))
}

pub(in crate::serve) async fn index(_request: Request) -> Answer {
    let routes = ROUTES.iter().map(|route| json!({ "path": route.with_name("{name}"), "about": route.about }));
    Answer::json(&Value::Array(routes.collect()))
}

pub(in crate::serve) async fn containers(request: Request) -> Answer {
    let picture = request.site.picture(FRESH).await;
    let snapshot = request.site.snapshot();
    let all = snapshot.live.iter().map(|(id, live)| container_json(live, picture.containers.get(id)));
    Answer::json(
        &json!({ "time_ms": snapshot.now_ns / 1_000_000, "containers": all.collect::<Vec<_>>(), "health": health(&snapshot) }),
    )
}

pub(in crate::serve) async fn container(request: Request) -> Answer {
    let snapshot = request.site.snapshot();
    let (id, live) = match find(&snapshot, &request.rest) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    request.site.looked();
    let picture = request.site.picture(FRESH).await;
    let mut object = container_json(live, picture.containers.get(id));
    let history = request.site.with_history(|history| points(history.points(Some(id))));
    if let Some(object) = object.as_object_mut() {
        object.insert("counted".to_owned(), counted(live));
        object.insert("labels".to_owned(), json!(live.known.labels));
        object.insert("history".to_owned(), history);
    }
    Answer::json(&object)
}

pub(in crate::serve) async fn processes(request: Request) -> Answer {
    let snapshot = request.site.snapshot();
    let live = match find(&snapshot, &request.rest) {
        Ok((_, live)) => live,
        Err(answer) => return answer,
    };
    let one = |it: Process| {
        json!({
            "pid": it.pid, "ppid": it.parent, "name": it.name, "state": it.state.to_string(), "threads": it.threads, "cpu_s": it.cpu_s,
            "resident_bytes": it.resident, "started_s": it.started_s,
        })
    };
    Answer::json(&Value::Array(request.site.processes(&live.known.cgroup).await.into_iter().map(one).collect()))
}

pub(in crate::serve) async fn host(request: Request) -> Answer {
    request.site.looked();
    let picture = request.site.picture(FRESH).await;
    let machine = &picture.machine;
    let history = request.site.with_history(|history| points(history.points(None)));
    Answer::json(&json!({
        "cpus": machine.cpus,
        "kernel": machine.kernel,
        "distribution": machine.distribution,
        "now": measured_json(&picture.host),
        "history": history,
        "health": health(&request.site.snapshot()),
    }))
}

pub(in crate::serve) async fn workloads(request: Request) -> Answer {
    let snapshot = request.site.snapshot();
    let one = |(name, ended): (&String, &Arc<crate::serve::totals::Ended>)| {
        let counted: Map<String, Value> = families(&ended.counts);
        json!({ "workload": name, "ended": ended.deaths, "began": ended.starts, "lived_s": ended.lived_s, "counted": counted })
    };
    Answer::json(&Value::Array(snapshot.ended.iter().map(one).collect()))
}

pub(in crate::serve) async fn watch(request: Request) -> Answer {
    let (send, receive) = mpsc::channel(4);
    let site = request.site;
    let Some(guard) = site.stream(MAX_STREAMS) else {
        return Answer::error(StatusCode::SERVICE_UNAVAILABLE, "too many streams are open");
    };
    tokio::spawn(async move {
        // Who does not read is left behind, and waited for by nobody else.
        let _ = stream(&site, &send).await;
        drop(guard);
    });
    Answer::events(receive)
}

async fn stream(site: &Site, send: &mpsc::Sender<Bytes>) -> Option<Infallible> {
    let mut snapshots = site.snapshots();
    loop {
        site.looked();
        let picture = site.picture(FRESH).await;
        // What is sent now is not news later.
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        let rows = snapshot.live.iter().map(|(id, live)| {
            let measured = picture.containers.get(id).cloned().unwrap_or_default();
            let mut row = point(&Point::of(&measured, Some(&live.counts)));
            row["id"] = json!(id);
            row
        });
        let mut host = point(&Point::of(&picture.host, None));
        host["id"] = json!("/");
        let message = json!({
            "time_ms": snapshot.now_ns / 1_000_000,
            "containers": rows.collect::<Vec<_>>(),
            "host": host,
            "health": health(&snapshot),
        });
        let piece = Bytes::from(format!("data: {message}\n\n"));
        timeout(SLOW, send.send(piece)).await.ok()?.ok()?;
        tokio::select! {
            changed = snapshots.changed() => changed.ok()?,
            () = send.closed() => return None,
        }
    }
}

pub(in crate::serve) async fn latency(request: Request) -> Answer {
    let snapshot = request.site.snapshot();
    let (id, live) = match find(&snapshot, &request.rest) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    if !request.flag(&params::STREAM) {
        return Answer::json(&latency::json(&live.counts, snapshot.now_ns));
    }
    let Some(guard) = request.site.stream(MAX_STREAMS) else {
        return Answer::error(StatusCode::SERVICE_UNAVAILABLE, "too many streams are open");
    };
    let (send, receive) = mpsc::channel(4);
    let (site, id) = (request.site, id.clone());
    tokio::spawn(async move {
        let _ = stream_latency(&site, &id, &send).await;
        drop(guard);
    });
    Answer::events(receive)
}

/// Until the container or the client has gone.
async fn stream_latency(site: &Site, id: &str, send: &mpsc::Sender<Bytes>) -> Option<Infallible> {
    let mut snapshots = site.snapshots();
    loop {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        let message = latency::json(&snapshot.live.get(id)?.counts, snapshot.now_ns);
        timeout(SLOW, send.send(format!("data: {message}\n\n").into())).await.ok()?.ok()?;
        tokio::select! {
            changed = snapshots.changed() => changed.ok()?,
            () = send.closed() => return None,
        }
    }
}

/// The container of that name, id, or beginning of an id.
pub(in crate::serve) fn find<'s>(snapshot: &'s Snapshot, name: &str) -> Result<(&'s String, &'s Live), Answer> {
    if let Some(found) = snapshot.live.get_key_value(name) {
        return Ok(found);
    }
    let named = snapshot.live.iter().filter(|(_, live)| live.known.get("name") == name);
    let begins = snapshot.live.iter().filter(|(id, _)| !name.is_empty() && id.starts_with(name));
    let found: Vec<_> = named.chain(begins).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(Answer::not_found(&format!("no container '{}' is running", shown(name)))),
        _ => Err(Answer::bad_request(&format!("several containers are called '{}'; use the id", shown(name)))),
    }
}

fn shown(name: &str) -> String {
    crate::format::escape::escaped(name.as_bytes())
}

fn container_json(live: &Live, measured: Option<&Measured>) -> Value {
    let mut object: Map<String, Value> =
        live.known.facts.iter().map(|(name, value)| ((*name).to_owned(), fact(name, value))).collect();
    object.insert("title".to_owned(), json!(live.known.title()));
    object.insert("cgroup".to_owned(), json!(live.known.cgroup));
    object.insert("since_ms".to_owned(), json!(live.since_ns / 1_000_000));
    object.insert("now".to_owned(), measured.map_or(Value::Null, measured_json));
    let counts = point(&Point::of(measured.unwrap_or(&Measured::default()), Some(&live.counts)));
    object.insert("totals".to_owned(), counts);
    Value::Object(object)
}

/// A fact as JSON has it: switches and numbers are no texts.
fn fact(name: &str, value: &str) -> Value {
    match known::kind(name) {
        Some(Type::Bool) => json!(value == "true"),
        Some(Type::Int) => value.parse::<i64>().map_or_else(|_| json!(value), |number| json!(number)),
        _ => json!(value),
    }
}

fn measured_json(measured: &Measured) -> Value {
    let resources = &measured.resources;
    json!({
        "cpu_ns": resources.cpu.usage_ns,
        "throttled_ns": resources.cpu.throttled_ns,
        "quota_cpus": resources.cpu.quota_cpus(),
        "memory_bytes": resources.memory.usage,
        "working_set_bytes": resources.memory.working_set(),
        "memory_limit_bytes": measured.memory_limit,
        "memory_peak_bytes": resources.memory.peak,
        "swap_bytes": resources.memory.swap,
        "oom_kills": resources.memory.oom_kills,
        "processes": measured.processes,
        "threads": resources.pids.current,
        "started_s": measured.started_s,
        "cpu_pressure_ns": resources.pressure.cpu.some_ns,
        "memory_pressure_ns": resources.pressure.memory.some_ns,
        "io_pressure_ns": resources.pressure.io.some_ns,
    })
}

/// What was counted, by family and label.
fn counted(live: &Live) -> Value {
    Value::Object(families(&live.counts))
}

fn families(counts: &crate::serve::totals::Counts) -> Map<String, Value> {
    let values = |values: Vec<(String, f64)>| -> Value {
        Value::Object(values.into_iter().map(|(label, value)| (label, json!(value))).collect())
    };
    metrics::sums(counts).into_iter().map(|(family, of)| (family.to_owned(), values(of))).collect()
}

fn point(point: &Point) -> Value {
    let &Point { ms, cpu_s, memory, throttled_s, received, sent, read, written, calls, errors, oom_kills } = point;
    json!({
        "ms": ms, "cpu_s": cpu_s, "memory": memory, "throttled_s": throttled_s, "received": received, "sent": sent, "read": read,
        "written": written, "calls": calls, "errors": errors, "oom_kills": oom_kills,
    })
}

fn points<'p>(points: impl Iterator<Item = &'p Point>) -> Value {
    Value::Array(points.map(point).collect())
}

/// What was seen and lost, and whether engines answer.
pub(in crate::serve) fn health(snapshot: &Snapshot) -> Value {
    let lost: Map<String, Value> = snapshot
        .lost
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| ((*cause).to_owned(), json!(count)))
        .collect();
    json!({
        "seen": snapshot.seen,
        "lost": snapshot.lost.iter().map(|(_, count)| count).sum::<u64>(),
        "lost_by_cause": lost,
        "left_out": snapshot.left_out,
        "engines": snapshot.silence.as_deref().unwrap_or("ok"),
    })
}
