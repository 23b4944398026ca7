//! cAdvisor's `events`: what happened to containers, as a list or as it comes. Source: its versions 1.3 and 2.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{StatusCode, body::Bytes};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{cadvisor::is_below, shapes};
use crate::serve::{
    happened::{Happening, What},
    http::{Answer, JSON, Request},
    params,
    site::{MAX_STREAMS, Site},
};

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
        let all = request.flag(&params::ALL_EVENTS);
        let time = |param| u64::try_from(request.time(param)?.as_nanosecond()).ok();
        let stream = request.flag(&params::EVENTS_STREAM);
        Self {
            path: path.to_owned(),
            below: request.flag(&params::SUBCONTAINERS),
            creations: all || request.flag(&params::CREATION_EVENTS),
            deletions: all || request.flag(&params::DELETION_EVENTS),
            // When memory is used up, Linux kills: one does not happen without the other.
            oom_kills: all || request.flag(&params::OOM_EVENTS) || request.flag(&params::OOM_KILL_EVENTS),
            since_ns: time(&params::START_TIME).filter(|_| !stream).unwrap_or(0),
            until_ns: time(&params::END_TIME).filter(|_| !stream).unwrap_or(u64::MAX),
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
    if !request.flag(&params::EVENTS_STREAM) {
        let most = request.number(&params::MAX_EVENTS).filter(|most| *most > 0);
        let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
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
