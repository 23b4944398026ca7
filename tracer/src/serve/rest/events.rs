//! cAdvisor's `events`: what happened to containers, as a list or as it comes. Source: its versions 1.3 and 2.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{StatusCode, body::Bytes};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{cadvisor::is_below, shapes};
use crate::serve::{
    happened::{Happening, What},
    http::{Answer, JSON, Request},
    site::{MAX_STREAMS, Site},
};

/// How many are given, unless a request says so.
const MANY: usize = 10;
/// How long a client may take to read; then its stream ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which of them a request wants.
struct Wish {
    /// The cgroup.
    path: String,
    /// Whether those below it count, too.
    below: bool,
    creations: bool,
    deletions: bool,
    oom_kills: bool,
    since_ns: u64,
    until_ns: u64,
}

impl Wish {
    fn of(request: &Request, path: &str) -> Self {
        let asks = |name: &str| request.flag("all_events") || request.flag(name);
        // A time that makes no sense is ignored, as there.
        let time = |name: &str| {
            let time = request.get(name)?.parse::<Timestamp>().ok()?;
            u64::try_from(time.as_nanosecond()).ok()
        };
        let stream = request.flag("stream");
        Self {
            path: path.to_owned(),
            below: request.flag("subcontainers"),
            creations: asks("creation_events"),
            deletions: asks("deletion_events"),
            // When memory is used up, Linux kills: one does not happen without the other.
            oom_kills: asks("oom_events") || asks("oom_kill_events"),
            since_ns: time("start_time").filter(|_| !stream).unwrap_or(0),
            until_ns: time("end_time").filter(|_| !stream).unwrap_or(u64::MAX),
        }
    }

    fn wants(&self, it: &Happening) -> bool {
        let kind = match it.what {
            What::Creation => self.creations,
            What::Deletion(_) => self.deletions,
            What::OomKill => self.oom_kills,
        };
        let place = it.cgroup == self.path || self.below && is_below(&it.cgroup, &self.path);
        kind && place && (self.since_ns..=self.until_ns).contains(&it.time_ns)
    }

    /// Those behind these numbers, the oldest first, and the numbers of the newest.
    fn chosen(&self, site: &Site, seen: [u64; 2]) -> (Vec<Arc<Happening>>, [u64; 2]) {
        let (mut all, last) = site.happened(seen);
        all.retain(|it| self.wants(it));
        all.sort_by_key(|it| it.time_ns);
        (all, last)
    }
}

fn object(it: &Happening) -> Value {
    let (kind, data) = match it.what {
        What::Creation => ("containerCreation", json!({})),
        What::Deletion(code) => ("containerDeletion", json!({ "container_deletion": { "exit_code": code } })),
        // Which process it was is not known.
        What::OomKill => ("oomKill", json!({ "oom": {} })),
    };
    json!({ "container_name": it.cgroup, "timestamp": shapes::time(it.time_ns), "event_type": kind, "event_data": data })
}

/// The answer to a request for what happened to the cgroup of that path.
pub(super) fn answer(request: &Request, path: &str) -> Answer {
    let wish = Wish::of(request, path);
    let site = Arc::clone(&request.site);
    if !request.flag("stream") {
        let most = request.get("max_events").and_then(|text| text.parse().ok()).unwrap_or(MANY);
        let (all, _) = wish.chosen(&site, [0, 0]);
        return Answer::json(&all[all.len().saturating_sub(most)..].iter().map(|it| object(it)).collect());
    }
    let Some(guard) = site.stream(MAX_STREAMS) else {
        return Answer::error(StatusCode::SERVICE_UNAVAILABLE, "too many streams are open");
    };
    let (send, receive) = mpsc::channel(4);
    tokio::spawn(async move {
        let _ = stream(&site, &wish, &send).await;
        drop(guard);
    });
    Answer::stream(JSON, receive)
}

async fn stream(site: &Site, wish: &Wish, send: &mpsc::Sender<Bytes>) -> Option<Infallible> {
    let mut snapshots = site.snapshots();
    let (_, mut seen) = site.happened([u64::MAX; 2]);
    loop {
        tokio::select! {
            changed = snapshots.changed() => changed.ok()?,
            () = send.closed() => return None,
        }
        let (all, last) = wish.chosen(site, seen);
        seen = last;
        let lines: String = all.iter().map(|it| format!("{}\n", object(it))).collect();
        if !lines.is_empty() {
            tokio::time::timeout(PATIENCE, send.send(lines.into())).await.ok()?.ok()?;
        }
    }
}
