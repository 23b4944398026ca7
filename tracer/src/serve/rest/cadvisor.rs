//! cAdvisor's API, versions 1.0 to 1.3 and 2.0 and 2.1: paths and parameters. [`super::shapes`] has the objects.
//!
//! Where cAdvisor answers every error with 500 and a text, this answers 404 and 400 with JSON: its clients look for 200 only. A parameter
//! that is not known is ignored, as there.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{events, own, shapes};
use crate::serve::{
    gather::Snapshot,
    http::{Answer, Request},
    measured::{Measured, Picture},
    params,
    site::{FRESH, Site},
    totals::Live,
};

/// How many samples are given, unless a request says so.
const SAMPLES_V1: i64 = 60;

/// What there is in version 2.1.
const TYPES: [&str; 11] = [
    "version",
    "attributes",
    "machine",
    "machinestats",
    "stats",
    "spec",
    "summary",
    "storage",
    "ps",
    "appmetrics",
    "events",
];

pub(in crate::serve) async fn versions(_request: Request) -> Answer {
    Answer::bad_request("Supported API versions: v1.0,v1.1,v1.2,v1.3,v2.0,v2.1")
}

/// What a request of version 1 may say in its body.
#[derive(Debug, Default, Deserialize)]
struct Wish {
    num_stats: Option<i64>,
}

/// A container with what is known of it, or another cgroup.
struct Subject {
    path: String,
    live: Option<(String, Live)>,
    now: Measured,
    children: Vec<String>,
}

/// Splits off the first word of a path.
fn split(rest: &str) -> (&str, &str) {
    rest.split_once('/').unwrap_or((rest, ""))
}

pub(in crate::serve) async fn v1(request: Request) -> Answer {
    let site = Arc::clone(&request.site);
    let wish: Wish = serde_json::from_slice(&request.body).unwrap_or_default();
    let samples = wish.num_stats.unwrap_or(SAMPLES_V1);
    site.looked();
    let picture = site.picture(FRESH).await;
    let snapshot = site.snapshot();
    let (what, name) = split(&request.rest);
    match what {
        "machine" => Answer::json(&shapes::machine(&picture)),
        "containers" => match subject(&site, &snapshot, &picture, &absolute(name)).await {
            Some(subject) => Answer::json(&info(&site, &picture, &subject, samples)),
            None => unknown(name),
        },
        "subcontainers" => {
            let path = absolute(name);
            let Some(own) = subject(&site, &snapshot, &picture, &path).await else { return unknown(name) };
            let below = snapshot.live.values().map(|live| live.known.cgroup.clone());
            let below: Vec<String> = below.filter(|cgroup| *cgroup != path && is_below(cgroup, &path)).collect();
            let mut all = vec![info(&site, &picture, &own, samples)];
            for cgroup in below {
                if let Some(subject) = subject(&site, &snapshot, &picture, &cgroup).await {
                    all.push(info(&site, &picture, &subject, samples));
                }
            }
            Answer::json(&Value::Array(all))
        }
        "docker" => {
            let ids = match of_runtime(&snapshot, "docker", name) {
                Ok(ids) => ids,
                Err(answer) => return answer,
            };
            let mut all = Map::new();
            for id in ids {
                let Some(live) = snapshot.live.get(&id) else { continue };
                if let Some(subject) = subject(&site, &snapshot, &picture, &live.known.cgroup).await {
                    all.insert(subject.path.clone(), info(&site, &picture, &subject, samples));
                }
            }
            Answer::json(&Value::Object(all))
        }
        "events" => events::answer(&request, &absolute(name)),
        _ => Answer::not_found("Supported request types: containers, docker, events, machine, subcontainers"),
    }
}

pub(in crate::serve) async fn v2(request: Request) -> Answer {
    let site = Arc::clone(&request.site);
    let max_age = request.duration(&params::MAX_AGE).unwrap_or(FRESH).max(Duration::from_millis(50));
    let count = request.number(&params::COUNT).unwrap_or(-1);
    site.looked();
    let picture = site.picture(max_age).await;
    let snapshot = site.snapshot();
    let (what, name) = split(&request.rest);
    match what {
        "" => Answer::bad_request(&format!("Supported request types: {}", TYPES.join(","))),
        "version" => Answer::json(&json!(env!("CARGO_PKG_VERSION"))),
        "machine" => Answer::json(&shapes::machine(&picture)),
        "attributes" => Answer::json(&shapes::attributes(&picture)),
        "machinestats" => {
            let samples = site.with_history(|history| {
                let hosts: Vec<Measured> = history.pictures().map(|picture| picture.host.clone()).collect();
                shapes::samples_v2(&hosts, count, &picture)
            });
            Answer::json(&Value::Array(samples))
        }
        "stats" | "spec" | "summary" => {
            let subjects = match subjects(&site, &snapshot, &picture, &request, name).await {
                Ok(subjects) => subjects,
                Err(answer) => return answer,
            };
            let all = subjects.iter().map(|subject| {
                let known = subject.live.as_ref().map(|(_, live)| &*live.known);
                let own = match what {
                    "spec" => shapes::spec(known, &subject.now, true),
                    "summary" => shapes::summary(&history_of(&site, subject)),
                    _ => json!({
                        "spec": shapes::spec(known, &subject.now, true),
                        "stats": shapes::samples_v2(&history_of(&site, subject), count, &picture),
                    }),
                };
                (subject.path.clone(), own)
            });
            Answer::json(&Value::Object(all.collect()))
        }
        "ps" => match subjects(&site, &snapshot, &picture, &request, name).await.ok().and_then(|mut all| all.pop()) {
            Some(subject) => {
                let all = site.processes(&subject.path).await;
                Answer::json(&Value::Array(all.iter().map(|it| shapes::process(it, &subject.path)).collect()))
            }
            None => unknown(name),
        },
        "events" => events::answer(&request, &absolute(name)),
        "storage" => Answer::json(&json!([])),
        "appmetrics" => Answer::json(&json!({})),
        _ => Answer::not_found(&format!("Supported request types: {}", TYPES.join(","))),
    }
}

fn unknown(name: &str) -> Answer {
    Answer::not_found(&format!("unknown container '{}'", crate::format::escape::escaped(name.as_bytes())))
}

/// The path of a cgroup as a request has it.
fn absolute(name: &str) -> String {
    format!("/{}", name.trim_matches('/'))
}

pub(super) fn is_below(path: &str, root: &str) -> bool {
    root == "/" || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}

/// Containers of that runtime, all of them or that of a name.
fn of_runtime(snapshot: &Snapshot, runtime: &str, name: &str) -> Result<Vec<String>, Answer> {
    let name = name.trim_matches('/');
    if name.is_empty() {
        let own = snapshot.live.iter().filter(|(_, live)| live.known.get("runtime") == runtime);
        return Ok(own.map(|(id, _)| id.clone()).collect());
    }
    own::find(snapshot, name).map(|(id, _)| vec![id.clone()])
}

async fn subjects(
    site: &Site,
    snapshot: &Arc<Snapshot>,
    picture: &Arc<Picture>,
    request: &Request,
    name: &str,
) -> Result<Vec<Subject>, Answer> {
    let recursive = request.flag(&params::RECURSIVE);
    let paths: Vec<String> = match request.word(&params::TYPE) {
        runtime @ ("docker" | "podman") => {
            let ids = of_runtime(snapshot, runtime, name)?;
            ids.iter().filter_map(|id| Some(snapshot.live.get(id)?.known.cgroup.clone())).collect()
        }
        _ => {
            let root = absolute(name);
            let below = snapshot.live.values().map(|live| live.known.cgroup.clone());
            let below = below.filter(|cgroup| recursive && *cgroup != root && is_below(cgroup, &root));
            // What the whole machine does is told by machinestats.
            let own = (root != "/" || !recursive).then(|| root.clone());
            own.into_iter().chain(below).collect()
        }
    };
    let mut all = Vec::new();
    for path in paths {
        all.extend(subject(site, snapshot, picture, &path).await);
    }
    if all.is_empty() && !recursive && !name.trim_matches('/').is_empty() {
        return Err(unknown(name));
    }
    Ok(all)
}

/// What is known of the cgroup of that path.
async fn subject(site: &Site, snapshot: &Snapshot, picture: &Picture, path: &str) -> Option<Subject> {
    let live = snapshot.live.iter().find(|(_, live)| live.known.cgroup == path);
    if let Some((id, live)) = live
        && let Some(now) = picture.containers.get(id)
    {
        let (live, now) = (Some((id.clone(), live.clone())), now.clone());
        return Some(Subject { path: path.to_owned(), live, now, children: Vec::new() });
    }
    let (now, children) = site.cgroup(path).await?;
    Some(Subject { path: path.to_owned(), live: None, now, children })
}

/// What was measured of it lately, the oldest first.
fn history_of(site: &Site, subject: &Subject) -> Vec<Measured> {
    site.with_history(|history| match &subject.live {
        Some((id, _)) => history.pictures().filter_map(|picture| picture.containers.get(id).cloned()).collect(),
        None if subject.path == "/" => history.pictures().map(|picture| picture.host.clone()).collect(),
        None => vec![subject.now.clone()],
    })
}

/// The object of version 1.
fn info(site: &Site, picture: &Picture, subject: &Subject, samples: i64) -> Value {
    let known = subject.live.as_ref().map(|(_, live)| &*live.known);
    let mut object: BTreeMap<&str, Value> = BTreeMap::new();
    if let Some(known) = known {
        object.insert("id", json!(known.get("id")));
        object.insert("aliases", json!(shapes::aliases(known)));
        object.insert("namespace", json!(known.get("runtime")));
    }
    let below = |name: &String| json!({ "name": format!("{}/{name}", subject.path.trim_end_matches('/')) });
    object.insert("name", json!(subject.path));
    object.insert("subcontainers", Value::Array(subject.children.iter().map(below).collect()));
    object.insert("spec", shapes::spec(known, &subject.now, false));
    object.insert("stats", Value::Array(shapes::samples_v1(&history_of(site, subject), samples, picture)));
    json!(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_their_roots() {
        assert!(is_below("/a/b", "/a") && is_below("/a", "/") && !is_below("/ab", "/a") && !is_below("/a", "/a"));
        assert_eq!((absolute(""), absolute("a/b/"), absolute("/a")), ("/".into(), "/a/b".into(), "/a".into()));
    }
}
