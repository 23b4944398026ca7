//! containerd's own interface, beside CRI: the containers of its other namespaces, and events of all of them.
//!
//! An engine that speaks CRI alone is asked with that. What kubelet starts is in the namespace `k8s.io` and is asked for with CRI. Namespaces of others, such as those of `ctr` and
//! nerdctl, have a name, an image and labels for each container. Docker's namespace is left to Docker, which knows more.
//! Events come at once for all namespaces, also where CRI has none. Events of CRI are not read, because containerd 1.7 gives each of
//! them to only one of its readers, and kubelet may be another. Source: containerd, api/services and api/types.

mod ask;

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use rustc_hash::FxHashMap;

use super::{
    Metadata,
    api::{self, Listed, Remote, Teller, Version},
    ask::{Question, Row, Told, Wish},
    client::{MAX_LIST_MIB, MAX_LISTED, VERSION_TIMEOUT},
    cri::client::{Cri, plain},
    endpoint::EndpointError,
    grpc::{Channel, NOT_FOUND},
    http::{HttpError, within},
    pace::Pace,
    proto::{Message, bytes, text, texts},
    way::Way,
};
use crate::state::container::runtime;

/// `container.type` of its containers.
const CONTAINERD: &str = "containerd";
/// The namespace of Kubernetes.
const KUBERNETES: &str = "k8s.io";
/// The namespace of Docker, and that in which buildkit builds images: nobody asks for the names of these.
const OF_OTHERS: [&str; 2] = ["moby", "buildkit"];
/// The header that says which namespace is meant.
const NAMESPACE: &str = "containerd-namespace";
/// The most namespaces that are looked at.
const MAX_NAMESPACES: usize = 64;
/// The most bytes of an answer about one container, MiB.
const MAX_SINGLE_MIB: usize = 2;
/// The most containers whose namespace is kept.
const MAX_KNOWN: usize = 4_096;
/// The label by which nerdctl names a container.
const NERDCTL_NAME: &str = "nerdctl/name";

/// A containerd.
#[derive(Debug)]
struct Containerd {
    channel: Rc<Channel>,
    pace: Rc<Pace>,
    version: Version,
    /// Its plugin for Kubernetes, if that is on.
    cri: Option<Cri>,
    known: RefCell<Known>,
}

/// In which namespace a container is; the oldest make way.
#[derive(Debug, Default)]
struct Known {
    by_id: FxHashMap<String, String>,
    order: VecDeque<String>,
}

impl Known {
    fn keep(&mut self, id: &str, namespace: &str) {
        if self.by_id.insert(id.to_owned(), namespace.to_owned()).is_none() {
            self.order.push_back(id.to_owned());
        }
        if self.order.len() > MAX_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }
}

/// Learns which engine is there, and what it speaks.
pub(super) async fn greet(way: Way, pace: Rc<Pace>) -> Result<Rc<dyn api::Engine>, EndpointError> {
    within(VERSION_TIMEOUT, async {
        let channel = Rc::new(Channel::open(&way).await?);
        let cri = match Cri::greet(&channel, &pace).await {
            Ok(cri) => Some(cri),
            Err(EndpointError::Http(HttpError::NoCri)) => None,
            Err(error) => return Err(error),
        };
        if cri.as_ref().is_some_and(|cri| cri.version().runtime != CONTAINERD) {
            return Ok(cri.map(Rc::new).ok_or(HttpError::Version)? as Rc<dyn api::Engine>);
        }
        let version = match &cri {
            Some(cri) => cri.version().clone(),
            None => {
                let mut number = None;
                let method = "/containerd.services.version.v1.Version/Version";
                let ask = channel.ask(&pace, (method, &[]), &[], MAX_SINGLE_MIB, async |field, value| {
                    number = number.take().or_else(|| (field == 1).then(|| plain(&value)));
                    true
                });
                ask.await?;
                let number = number.ok_or(HttpError::Version)?;
                Version { runtime: CONTAINERD, number, api: "containerd v1".to_owned() }
            }
        };
        Ok(Rc::new(Containerd { channel, pace, version, cri, known: RefCell::default() }) as Rc<dyn api::Engine>)
    })
    .await
}

impl Remote for Containerd {
    fn version(&self) -> &Version {
        &self.version
    }

    fn lacks(&self) -> Option<&'static str> {
        self.cri.is_none().then_some("it has no CRI service, which Kubernetes needs; Docker names its own containers")
    }

    async fn hand_over(&self, teller: &Teller) -> Result<Listed, EndpointError> {
        let mut listed = match &self.cri {
            Some(cri) => cri.hand_over(teller).await?,
            None => Listed::default(),
        };
        for namespace in self.namespaces().await? {
            // What runs, by its ids alone: the list of containers has the whole specification of each.
            let tasks = self.ask("/containerd.services.tasks.v1.Tasks/List", &namespace, &[], MAX_LIST_MIB).await?;
            for id in tasks.iter().filter_map(|task| text(task, 2).or_else(|| text(task, 1))) {
                if listed.ids.len() == MAX_LISTED {
                    listed.is_cut = true;
                    return Ok(listed);
                }
                if let Some(metadata) = self.describe_in(&namespace, &id).await? {
                    listed.ids.push(id);
                    teller.listed(Box::new(metadata)).await;
                }
            }
        }
        Ok(listed)
    }

    async fn follow(&self, teller: &Teller) -> Result<(), EndpointError> {
        let topics = ["/containers/create", "/containers/update", "/tasks/start", "/tasks/exit", "/tasks/delete"];
        let filters = topics
            .iter()
            .fold(Message::default(), |request, topic| request.bytes(1, format!("topic==\"{topic}\"").as_bytes()));
        let method = "/containerd.services.events.v1.Events/Subscribe";
        let mut answer = self.channel.call(method, &[], &filters.finish(), true).await?;
        while let Some(envelope) = answer.message(&self.pace).await? {
            self.happened(&envelope, teller).await;
        }
        Ok(())
    }

    async fn describe(&self, id: &str) -> Result<Option<Metadata>, EndpointError> {
        let known = self.known.borrow().by_id.get(id).cloned();
        if known.is_none()
            && let Some(cri) = &self.cri
            && let Some(found) = cri.describe(id).await?
        {
            return Ok(Some(found));
        }
        let namespaces = match known {
            Some(namespace) => vec![namespace],
            None => self.namespaces().await?,
        };
        for namespace in namespaces {
            if let Some(found) = self.describe_in(&namespace, id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn reply(&self, question: Question) -> Result<Told, EndpointError> {
        self.answer_to(question).await
    }

    async fn report(&self, wish: Wish, to: &mut dyn FnMut(Row)) -> Result<Told, EndpointError> {
        self.tell_events(wish, to).await
    }
}

impl Containerd {
    /// The parts of an answer.
    async fn ask(
        &self,
        method: &str,
        namespace: &str,
        request: &[u8],
        max_mib: usize,
    ) -> Result<Vec<Vec<u8>>, EndpointError> {
        let mut parts = Vec::new();
        let headers = [(NAMESPACE, namespace)];
        let headers = if namespace.is_empty() { &headers[..0] } else { &headers[..] };
        let ask = self.channel.ask(&self.pace, (method, headers), request, max_mib, async |field, part| {
            if field == 1 {
                parts.push(part);
            }
            parts.len() < MAX_LISTED
        });
        ask.await?;
        Ok(parts)
    }

    /// The namespaces whose containers are named with this interface.
    async fn namespaces(&self) -> Result<Vec<String>, EndpointError> {
        let all = self.ask("/containerd.services.namespaces.v1.Namespaces/List", "", &[], MAX_SINGLE_MIB).await?;
        let names = all.iter().filter_map(|namespace| text(namespace, 1));
        Ok(names.filter(|name| self.is_own(name)).take(MAX_NAMESPACES).collect())
    }

    fn is_own(&self, namespace: &str) -> bool {
        !OF_OTHERS.contains(&namespace) && (namespace != KUBERNETES || self.cri.is_none())
    }

    /// What the record of a container says.
    async fn describe_in(&self, namespace: &str, id: &str) -> Result<Option<Metadata>, EndpointError> {
        let request = Message::default().bytes(1, id.as_bytes()).finish();
        let method = "/containerd.services.containers.v1.Containers/Get";
        let parts = match self.ask(method, namespace, &request, MAX_SINGLE_MIB).await {
            Err(EndpointError::Http(HttpError::Grpc { status: NOT_FOUND, .. })) => return Ok(None),
            parts => parts?,
        };
        let Some(container) = parts.first().filter(|container| bytes(container, 1) == id.as_bytes()) else {
            return Ok(None);
        };
        self.known.borrow_mut().keep(id, namespace);
        let labels = texts(container, 2);
        // Its own tools know a container by its id.
        let name = labels.get(NERDCTL_NAME).cloned().unwrap_or_else(|| id.to_owned());
        Ok(Some(Metadata {
            full_id: id.to_owned(),
            runtime: CONTAINERD,
            namespace: Some(namespace.to_owned()),
            name: Some(name),
            image: text(container, 3),
            labels: Some(labels),
            ..Metadata::default()
        }))
    }

    /// One event: its envelope has the namespace, the topic, and the event in a message of any type.
    async fn happened(&self, envelope: &[u8], teller: &Teller) {
        let (Some(namespace), Some(topic)) = (text(envelope, 2), text(envelope, 3)) else { return };
        let event = bytes(bytes(envelope, 4), 2);
        let Some(id) = text(event, 1) else { return };
        let is_kubernetes = namespace == KUBERNETES && self.cri.is_some();
        if !is_kubernetes && !self.is_own(&namespace) {
            return;
        }
        match topic.as_str() {
            // Also that of a process which was started in the container later.
            "/tasks/exit" if text(event, 2).is_some_and(|process| process != id) => {}
            // Not before it has started: CRI says nothing of it until then.
            "/containers/create" | "/containers/update" if is_kubernetes => {}
            "/tasks/exit" | "/tasks/delete" => {
                if runtime::is_full_id(&id) {
                    teller.ended(id).await;
                }
            }
            _ if is_kubernetes => teller.inspect_soon(&id),
            _ => {
                self.known.borrow_mut().keep(&id, &namespace);
                let image = if topic == "/containers/create" { text(event, 2) } else { None };
                let metadata = Metadata {
                    full_id: id,
                    runtime: CONTAINERD,
                    namespace: Some(namespace),
                    image,
                    ..Metadata::default()
                };
                teller.happened(Box::new(metadata), true).await;
            }
        }
    }
}
