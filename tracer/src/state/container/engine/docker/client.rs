//! Docker's API, asked: requests of limited time and length, whose answers are cut into objects and handed over one by one.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;

use super::{ApiVersion, Kind, PING, PING_HEADERS, Said, VERSION, pinged, version};
use crate::state::container::engine::{
    Metadata,
    api::{Engine, Listed, Soon, Teller, Version},
    ask::{Question, Row, Told, Wish},
    client::{INSPECTION_TIMEOUT, LIST_TIMEOUT, MAX_LISTED, VERSION_TIMEOUT},
    cut::Cutter,
    endpoint::EndpointError,
    http::{self, Body, HttpError, within},
    json,
    logs::LogWish,
    pace::Pace,
    text::{Flag, Object},
    way::Way,
};

/// Events from so long before the subscription are asked for again: nothing is missed, and twice does no harm.
const OVERLAP_S: u64 = 2;
/// How long an answer for a person may take: what a thousand containers use is asked one by one.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// An engine with this API.
#[derive(Debug)]
pub(super) struct Docker {
    pub(super) way: Way,
    pub(super) pace: Rc<Pace>,
    pub(super) version: Version,
    api: ApiVersion,
}

/// Learns which engine is there, and which version of the API to use with it.
pub(in super::super) async fn greet(way: Way, pace: Rc<Pace>) -> Result<Rc<dyn Engine>, EndpointError> {
    let mut said = None;
    let asked = async {
        // Before Podman says its version it runs other programs for theirs, which takes up to a second. A ping is answered at once.
        if let Ok(ping) = http::get(&way, PING).await {
            said = pinged(PING_HEADERS.map(|name| ping.header(name)));
        }
        if said.is_some() {
            return Ok(());
        }
        json::read(&way, &pace, VERSION, |object| said = said.take().or_else(|| version(object))).await
    };
    within(VERSION_TIMEOUT, asked).await?;
    let said = said.ok_or(HttpError::Version)?;
    let version = Version { runtime: said.runtime, number: said.number, api: said.api.to_string() };
    Ok(Rc::new(Docker { way, pace, version, api: said.api }))
}

impl Engine for Docker {
    fn version(&self) -> &Version {
        &self.version
    }

    fn list<'a>(&'a self, teller: &'a Teller) -> Soon<'a, Listed> {
        Box::pin(within(LIST_TIMEOUT, self.hand_over(teller)))
    }

    fn events<'a>(&'a self, teller: &'a Teller) -> Soon<'a, ()> {
        Box::pin(self.follow(teller))
    }

    fn inspect<'a>(&'a self, id: &'a str) -> Soon<'a, Option<Metadata>> {
        Box::pin(async move {
            let Some((mut metadata, other)) = self.inspect_one(id).await? else { return Ok(None) };
            if let Some(other) = other {
                metadata.ip = self.inspect_one(&other).await.ok().flatten().and_then(|(other, _)| other.ip);
            }
            Ok(Some(metadata))
        })
    }

    fn ask(&self, question: Question) -> Soon<'_, Told> {
        Box::pin(within(ASK_TIMEOUT, self.reply(question)))
    }

    fn tell<'a>(&'a self, wish: Wish, to: &'a mut dyn FnMut(Row)) -> Soon<'a, Told> {
        let report = self.report(wish, to);
        if wish.follow { Box::pin(report) } else { Box::pin(within(ASK_TIMEOUT, report)) }
    }

    fn with_logs(&self) -> Soon<'_, Vec<Metadata>> {
        Box::pin(within(LIST_TIMEOUT, self.list_all()))
    }

    fn log<'a>(&'a self, id: &'a str, wish: &'a LogWish) -> Soon<'a, Option<LogBody>> {
        Box::pin(self.open_log(id, wish))
    }
}

/// The part of an inspection that says how a log is to be read.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Terminal {
    config: Object<TerminalConfig>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct TerminalConfig {
    tty: Flag,
}

/// A log that is being read: each entry with its time, in frames or, of a container with a terminal, as it is.
#[derive(Debug)]
pub(in super::super) struct LogBody {
    pub(in super::super) is_terminal: bool,
    pub(in super::super) body: Body,
}

impl Docker {
    /// Hands over the containers of the list as they come, and returns their ids.
    async fn hand_over(&self, teller: &Teller) -> Result<Listed, EndpointError> {
        let said = |object: &[u8]| match Kind::List.read(object, self.version.runtime)? {
            Said::Found { metadata, .. } => Some((metadata, true)),
            Said::Ended(_) => None,
        };
        let path = Kind::list(self.api);
        let id = |metadata: &Metadata| metadata.full_id.clone();
        json::hand_over(&self.way, &self.pace, (&path, Kind::List.form()), said, id, teller).await
    }

    /// Passes events on until there are no more.
    async fn follow(&self, teller: &Teller) -> Result<(), EndpointError> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        // The answer may begin with the first event.
        let path = Kind::events(self.version.runtime, self.api, now_s.saturating_sub(OVERLAP_S));
        let mut body = http::get_at_leisure(&self.way, &path).await?;
        let mut cutter = Cutter::new(Kind::Events.form());
        while let Some(piece) = body.next().await? {
            let mut said = Vec::new();
            let read = |object: &[u8]| said.push(Kind::Events.read(object, self.version.runtime));
            self.pace.bytes(piece.len()).await;
            cutter.push(&piece, &mut { read }).map_err(HttpError::Cut)?;
            self.pace.values(said.len()).await;
            for said in said.into_iter().flatten() {
                match said {
                    Said::Found { metadata, inspect, .. } => teller.happened(metadata, inspect).await,
                    Said::Ended(id) => teller.ended(id).await,
                }
            }
        }
        Ok(())
    }

    /// What the list says of each container, as far as it is read.
    async fn list_all(&self) -> Result<Vec<Metadata>, EndpointError> {
        let path = Kind::list(self.api) + "?all=true";
        let all = RefCell::new(Vec::new());
        let keep = |object: &[u8]| {
            if let Some(Said::Found { metadata, .. }) = Kind::List.read(object, self.version.runtime)
                && all.borrow().len() < MAX_LISTED
            {
                all.borrow_mut().push(*metadata);
            }
            None
        };
        json::rows(&self.way, &self.pace, (&path, Kind::List.form()), keep).await?;
        Ok(all.into_inner())
    }

    /// Asks for a log. The answer may begin with the first entry.
    async fn open_log(&self, id: &str, wish: &LogWish) -> Result<Option<LogBody>, EndpointError> {
        let mut is_terminal = false;
        let path = Kind::inspection(self.api, id);
        let read = json::read(&self.way, &self.pace, &path, |object| {
            let Terminal { config: Object(config) } = serde_json::from_slice(object).unwrap_or_default();
            is_terminal = config.tty.0.unwrap_or(false);
        });
        within(INSPECTION_TIMEOUT, read).await?;
        let mut path = Kind::log(self.api, id, wish.since_s, wish.follow);
        if let Some(last) = wish.last {
            path.push_str(&format!("&tail={last}"));
        }
        let body = http::get_at_leisure(&self.way, &path).await?;
        Ok(Some(LogBody { is_terminal, body }))
    }

    async fn inspect_one(&self, id: &str) -> Result<Option<(Metadata, Option<String>)>, EndpointError> {
        let mut found = None;
        let path = Kind::inspection(self.api, id);
        let read = json::read(&self.way, &self.pace, &path, |object| {
            if let Some(Said::Found { metadata, shares_network_of, .. }) =
                Kind::Inspection.read(object, self.version.runtime)
                && metadata.full_id == id
            {
                found.get_or_insert((*metadata, shares_network_of));
            }
        });
        within(INSPECTION_TIMEOUT, read).await?;
        Ok(found)
    }
}
