//! CRI, asked: lists whose items are handed over one by one, statuses, and the stream of events where there is one.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};

use rustc_hash::FxHashMap;
use tokio::time::{sleep, timeout};

use super::{CREATED, STARTED, Said, Sandbox, info};
use crate::state::container::{
    engine::{
        Metadata,
        api::{Listed, Remote, Teller, Version},
        ask::{Question, Row, Told, Wish},
        client::{LIST_TIMEOUT, MAX_LIST_MIB, MAX_LISTED},
        endpoint::EndpointError,
        grpc::{Channel, NOT_FOUND, UNIMPLEMENTED},
        http::{HttpError, within},
        pace::Pace,
        proto::{Message, bytes, each, number, text},
        text::cut,
    },
    runtime::{self, Runtime},
};

/// The services of that name that there are, the newest first. What is asked for is the same in both.
const SERVICES: [&str; 2] = ["/runtime.v1.RuntimeService", "/runtime.v1alpha2.RuntimeService"];
/// The most bytes of an answer about one thing, MiB.
const MAX_SINGLE_MIB: usize = 2;
/// The longest version that is shown.
const MAX_VERSION: usize = 64;
/// How much is kept of sandboxes, bytes: those of the pods of hundreds of nodes.
const MAX_SANDBOX_BYTES: usize = 8 << 20;
/// Where the engine tells no events, it is asked for its list again after so long.
const LIST_AGAIN: Duration = Duration::from_secs(5);
/// `ContainerState`: running.
const RUNNING: u64 = 1;
/// How long it may take until it is clear that an engine has no events.
const EVENTS_REFUSED: Duration = Duration::from_secs(1);

/// An engine that speaks CRI.
#[derive(Debug)]
pub(in super::super) struct Cri {
    pub(super) channel: Rc<Channel>,
    pub(super) pace: Rc<Pace>,
    version: Version,
    service: &'static str,
    sandboxes: RefCell<Sandboxes>,
    /// Whether it tells events, once that is known.
    has_events: Cell<Option<bool>>,
}

/// Sandboxes by id; the oldest make way.
#[derive(Debug, Default)]
struct Sandboxes {
    by_id: FxHashMap<String, Rc<Sandbox>>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Sandboxes {
    fn keep(&mut self, sandbox: Sandbox) -> Rc<Sandbox> {
        let (id, sandbox) = (sandbox.id.clone(), Rc::new(sandbox));
        self.bytes += sandbox.bytes();
        match self.by_id.insert(id.clone(), Rc::clone(&sandbox)) {
            Some(old) => self.bytes -= old.bytes(),
            None => self.order.push_back(id),
        }
        while self.bytes > MAX_SANDBOX_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.by_id.remove(&oldest).map_or(0, |old| old.bytes());
        }
        sandbox
    }

    fn forget(&mut self, id: &str) {
        if let Some(old) = self.by_id.remove(id) {
            self.bytes -= old.bytes();
            self.order.retain(|other| other != id);
        }
    }
}

/// A short text that is shown in one line.
pub(in super::super) fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(2 * MAX_VERSION)]).replace(char::is_control, "");
    cut(&text, MAX_VERSION).to_owned()
}

impl Remote for Cri {
    fn version(&self) -> &Version {
        &self.version
    }

    fn lacks(&self) -> Option<&'static str> {
        let lacks = "it tells no events, so it is asked about each container that appears";
        (self.has_events.get() == Some(false)).then_some(lacks)
    }

    /// Hands over the pods and the containers that run, and returns their ids.
    async fn hand_over(&self, teller: &Teller) -> Result<Listed, EndpointError> {
        let mut listed = Listed::default();
        let method = self.method("ListPodSandbox");
        self.channel
            .ask(&self.pace, (&method, &[]), &[], MAX_LIST_MIB, async |field, item| {
                let Some(sandbox) = (field == 1).then(|| Sandbox::listed(&item)).flatten() else { return true };
                let is_ready = number(&item, 3) == 0;
                let sandbox = self.sandboxes.borrow_mut().keep(sandbox);
                if is_ready && listed.ids.len() < MAX_LISTED {
                    listed.ids.push(sandbox.id.clone());
                    teller.listed(Box::new(sandbox.metadata(self.version.runtime))).await;
                }
                true
            })
            .await?;
        let method = self.method("ListContainers");
        let is_running = Message::default().bytes(2, &Message::default().number(1, RUNNING).finish()).finish();
        let request = Message::default().bytes(1, &is_running).finish();
        self.channel
            .ask(&self.pace, (&method, &[]), &request, MAX_LIST_MIB, async |field, item| {
                let said = (field == 1).then(|| Said::listed(&item, self.version.runtime)).flatten();
                let Some(said) = said else { return true };
                if listed.ids.len() == MAX_LISTED {
                    listed.is_cut = true;
                    return false;
                }
                let sandbox = said.sandbox.as_ref().and_then(|id| self.sandboxes.borrow().by_id.get(id).cloned());
                let metadata = said.within(sandbox.as_ref());
                listed.ids.push(metadata.full_id.clone());
                teller.listed(Box::new(metadata)).await;
                true
            })
            .await?;
        Ok(listed)
    }

    /// Passes events on until the connection ends. An engine without events is asked for its list from time to time: who can
    /// see cgroups asks about each container anyway.
    async fn follow(&self, teller: &Teller) -> Result<(), EndpointError> {
        let ended = self.follow_events(teller).await;
        // Where events are turned off, some runtimes say so with a status of their own, or end the stream at once.
        let is_refused = matches!(ended, Ok(()) | Err(EndpointError::Http(HttpError::Grpc { .. })));
        if !is_refused || self.has_events.get() == Some(true) {
            return ended;
        }
        self.has_events.set(Some(false));
        loop {
            tokio::select! {
                () = self.channel.closed() => return Ok(()),
                () = sleep(LIST_AGAIN) => within(LIST_TIMEOUT, self.hand_over(teller)).await?,
            };
        }
    }

    /// All of a container, or of the sandbox of that id.
    async fn describe(&self, id: &str) -> Result<Option<Metadata>, EndpointError> {
        if !runtime::is_full_id(id) {
            return Ok(None);
        }
        let request = Message::default().bytes(1, id.as_bytes()).number(2, 1).finish();
        let Some(answer) = self.ask("ContainerStatus", &request).await? else {
            let sandbox = self.sandbox_status(id).await?;
            return Ok(
                sandbox.map(|(sandbox, privileged)| Metadata { privileged, ..sandbox.metadata(self.version.runtime) })
            );
        };
        let Some(mut said) = Said::status(bytes(&answer, 1), self.version.runtime) else { return Ok(None) };
        if said.metadata.full_id != id {
            return Ok(None);
        }
        let (sandbox, privileged) = info(&answer);
        said.metadata.privileged = privileged;
        said.sandbox = sandbox;
        let sandbox = match &said.sandbox {
            Some(id) => self.sandbox(id).await?,
            None => None,
        };
        Ok(Some(said.within(sandbox.as_ref())))
    }

    async fn reply(&self, question: Question) -> Result<Told, EndpointError> {
        self.answer_to(question).await
    }

    async fn report(&self, wish: Wish, to: &mut dyn FnMut(Row)) -> Result<Told, EndpointError> {
        self.tell_events(wish, to).await
    }
}

impl Cri {
    /// Learns which engine is there, and which version of the interface it speaks.
    pub(in super::super) async fn greet(channel: &Rc<Channel>, pace: &Rc<Pace>) -> Result<Self, EndpointError> {
        for service in SERVICES {
            let [mut name, mut number, mut api] = [const { None }; 3];
            let method = format!("{service}/Version");
            let request = Message::default().bytes(1, b"v1").finish();
            let said = channel.ask(pace, (&method, &[]), &request, MAX_SINGLE_MIB, async |field, value| {
                let text = || Some(plain(&value));
                match field {
                    2 => name = text(),
                    3 => number = text(),
                    4 => api = text(),
                    _ => {}
                }
                true
            });
            match said.await {
                Err(EndpointError::Http(HttpError::Grpc { status: UNIMPLEMENTED, .. })) => continue,
                said => said?,
            }
            let known = name.as_deref().and_then(Runtime::by_name).map_or(runtime::ANY_CRI, |runtime| runtime.name);
            let version = Version {
                runtime: known,
                number: number.ok_or(HttpError::Version)?,
                api: format!("CRI {}", api.unwrap_or_default()),
            };
            let (channel, pace) = (Rc::clone(channel), Rc::clone(pace));
            return Ok(Self {
                channel,
                pace,
                version,
                service,
                sandboxes: RefCell::default(),
                has_events: Cell::new(None),
            });
        }
        Err(HttpError::NoCri.into())
    }

    pub(super) fn method(&self, name: &str) -> String {
        format!("{}/{name}", self.service)
    }

    /// A method of another service of the same version.
    pub(super) fn method_of(&self, service: &str, name: &str) -> String {
        let version = self.service.rsplit_once('.').map_or(self.service, |(version, _)| version);
        format!("{version}.{service}/{name}")
    }

    /// The parts of an answer about one thing; `None` if there is no such thing.
    pub(super) async fn ask(&self, name: &str, request: &[u8]) -> Result<Option<Vec<u8>>, EndpointError> {
        let mut answer = Message::default();
        let method = self.method(name);
        let asked = self.channel.ask(&self.pace, (&method, &[]), request, MAX_SINGLE_MIB, async |field, part| {
            answer = std::mem::take(&mut answer).bytes(field, &part);
            true
        });
        match asked.await {
            Ok(()) => Ok(Some(answer.finish())),
            Err(EndpointError::Http(HttpError::Grpc { status: NOT_FOUND, .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A sandbox with its address, asked for once.
    async fn sandbox(&self, id: &str) -> Result<Option<Rc<Sandbox>>, EndpointError> {
        let known = self.sandboxes.borrow().by_id.get(id).cloned();
        match known.filter(|known| known.shares.is_some()) {
            Some(known) => Ok(Some(known)),
            None => Ok(self.sandbox_status(id).await?.map(|(sandbox, _)| sandbox)),
        }
    }

    async fn sandbox_status(&self, id: &str) -> Result<Option<(Rc<Sandbox>, Option<bool>)>, EndpointError> {
        let request = Message::default().bytes(1, id.as_bytes()).number(2, 1).finish();
        let Some(answer) = self.ask("PodSandboxStatus", &request).await? else { return Ok(None) };
        let sandbox = Sandbox::status(bytes(&answer, 1)).filter(|sandbox| sandbox.id == id);
        let (_, privileged) = info(&answer);
        Ok(sandbox.map(|sandbox| (self.sandboxes.borrow_mut().keep(sandbox), privileged)))
    }

    async fn follow_events(&self, teller: &Teller) -> Result<(), EndpointError> {
        let method = self.method("GetContainerEvents");
        let mut answer = self.channel.call(&method, &[], &[], true).await?;
        // A service that is not there says so at once, a stream without events says nothing.
        let mut next = match timeout(EVENTS_REFUSED, answer.message(&self.pace)).await {
            Ok(first) => first?,
            Err(_) => {
                self.has_events.set(Some(true));
                answer.message(&self.pace).await?
            }
        };
        while let Some(event) = next {
            self.has_events.set(Some(true));
            self.happened(&event, teller).await;
            next = answer.message(&self.pace).await?;
        }
        Ok(())
    }

    /// One event.
    async fn happened(&self, event: &[u8], teller: &Teller) {
        let Some(id) = text(event, 1).filter(|id| runtime::is_full_id(id)) else { return };
        let kind = number(event, 2);
        let sandbox = Sandbox::status(bytes(event, 4)).map(|sandbox| self.sandboxes.borrow_mut().keep(sandbox));
        if kind != CREATED && kind != STARTED {
            self.sandboxes.borrow_mut().forget(&id);
            return teller.ended(id).await;
        }
        let metadata = match &sandbox {
            Some(sandbox) if sandbox.id == id => Some(sandbox.metadata(self.version.runtime)),
            _ => {
                let mut all = each(event, 5).filter_map(|status| Said::status(status, self.version.runtime));
                let said = all.find(|said| said.metadata.full_id == id);
                said.map(|said| said.within(sandbox.as_ref()))
            }
        };
        if let Some(metadata) = metadata {
            teller.happened(Box::new(metadata), true).await;
        }
    }
}
