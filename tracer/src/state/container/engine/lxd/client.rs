//! The API of LXD and Incus, asked: the list of all projects, one instance, and events over WebSocket.

use std::rc::Rc;

use super::{LXC, Said, Server, happened, in_cgroups, inspected, key, listed, of_cgroups, server, stream::Stream};
use crate::state::container::{
    engine::{
        Metadata,
        api::{Engine, Listed, Soon, Teller, Version},
        ask::{Question, Row, Told, Wish},
        client::{INSPECTION_TIMEOUT, LIST_TIMEOUT, VERSION_TIMEOUT},
        cut::Form,
        endpoint::EndpointError,
        http::{HttpError, within},
        json,
        pace::Pace,
        way::Way,
    },
    runtime,
};

/// Paths of the requests for what the server is, and for the instances of all projects with all that is known of them.
pub(super) const SERVER: &str = "/1.0";
pub(super) const LIST: &str = "/1.0/instances?recursion=1&all-projects=true";

/// An LXD, or an Incus.
#[derive(Debug)]
pub(super) struct Lxd {
    pub(super) way: Way,
    pub(super) pace: Rc<Pace>,
    server: Server,
}

/// Learns which engine is there.
pub(in super::super) async fn greet(way: Way, pace: Rc<Pace>) -> Result<Rc<dyn Engine>, EndpointError> {
    let mut said = None;
    let asked = json::read(&way, &pace, SERVER, |object| said = said.take().or_else(|| server(object)));
    within(VERSION_TIMEOUT, asked).await?;
    let server = said.ok_or(HttpError::Version)?;
    Ok(Rc::new(Lxd { way, pace, server }))
}

impl Engine for Lxd {
    fn version(&self) -> &Version {
        &self.server.version
    }

    fn lacks(&self) -> Option<&'static str> {
        Some("it is not asked for addresses, because it would start other programs to find them")
    }

    fn asked_about<'a>(&self, id: &'a str) -> Option<&'a str> {
        id.strip_prefix(LXC)?.strip_prefix(':')
    }

    fn list<'a>(&'a self, teller: &'a Teller) -> Soon<'a, Listed> {
        let said = |object: &[u8]| listed(object, self.server.member.as_deref());
        let list = json::hand_over(&self.way, &self.pace, (LIST, Form::Wrapped), said, key, teller);
        Box::pin(within(LIST_TIMEOUT, list))
    }

    fn events<'a>(&'a self, teller: &'a Teller) -> Soon<'a, ()> {
        Box::pin(self.follow(teller))
    }

    fn inspect<'a>(&'a self, id: &'a str) -> Soon<'a, Option<Metadata>> {
        Box::pin(within(INSPECTION_TIMEOUT, self.inspect_one(id)))
    }

    fn ask(&self, question: Question) -> Soon<'_, Told> {
        Box::pin(within(LIST_TIMEOUT, self.reply(question)))
    }

    fn tell<'a>(&'a self, wish: Wish, to: &'a mut dyn FnMut(Row)) -> Soon<'a, Told> {
        Box::pin(self.report(wish, to))
    }
}

impl Lxd {
    async fn inspect_one(&self, id: &str) -> Result<Option<Metadata>, EndpointError> {
        let Some((project, name)) = self.asked_about(id).and_then(of_cgroups) else { return Ok(None) };
        let (path, expected) = (format!("/1.0/instances/{name}?project={project}"), in_cgroups(project, name));
        let member = self.server.member.as_deref();
        let mut found = None;
        let read = json::read(&self.way, &self.pace, &path, |object| {
            found = found.take().or_else(|| inspected(object, member)).filter(|found| found.full_id == expected);
        });
        read.await?;
        Ok(found)
    }

    /// Passes events on until there are no more.
    async fn follow(&self, teller: &Teller) -> Result<(), EndpointError> {
        let mut stream = Stream::begin(&self.way).await?;
        let member = self.server.member.as_deref();
        while let Some(said) = stream.next(&self.pace, |object| happened(object, member)).await? {
            for said in said {
                match said {
                    Said::Changed(id) => teller.inspect(&runtime::named(LXC, &id)),
                    Said::Ended(id) => teller.ended(runtime::named(LXC, &id)).await,
                }
            }
        }
        Ok(())
    }
}
