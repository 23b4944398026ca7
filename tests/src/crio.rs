//! A CRI-O that a test plays, because none can be installed where tests run: the same gRPC over a socket, and answers in the
//! shapes that CRI-O gives. Source: cri-o, server/container_status.go, server/sandbox_status.go; kubernetes/cri-api,
//! pkg/apis/runtime/v1/api.proto.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use h2::{RecvStream, SendStream, server::SendResponse};
use hyper::{Request, body::Bytes};
use tokio::time::sleep;
use tracer::state::container::engine::proto::{Message, text};

use crate::{
    cri::{PodConfig, entry},
    grpc::{NOT_FOUND, OK, Server, UNIMPLEMENTED, UNKNOWN, asked, begin, end, send},
};

/// How often is looked for something new to tell.
const TELL_EVERY: Duration = Duration::from_millis(5);

/// What it answers to `GetContainerEvents`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// Events, as they come.
    Told,
    /// That it has no such method, as runtimes before 1.26.
    Unimplemented,
    /// An error, as one in which they are turned off.
    Refused,
    /// Nothing: the stream ends.
    Ended,
}

/// Kinds of events. Source: api.proto, `ContainerEventType`.
pub const CREATED: u64 = 0;
/// See [`CREATED`].
pub const STARTED: u64 = 1;
/// See [`CREATED`].
pub const STOPPED: u64 = 2;

#[derive(Debug, Default)]
struct Said {
    sandboxes: Vec<Vec<u8>>,
    containers: Vec<Vec<u8>>,
    /// Statuses by method and id.
    statuses: HashMap<(&'static str, String), Vec<u8>>,
    events: Vec<Vec<u8>>,
    calls: Vec<String>,
}

#[derive(Debug)]
struct Shared {
    events: Events,
    said: Mutex<Said>,
    stop: AtomicBool,
}

impl Shared {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runtime, until it is dropped.
#[derive(Debug)]
pub struct Crio {
    socket: PathBuf,
    shared: Arc<Shared>,
    _server: Server,
}

/// A container of a pod, as the runtime knows it.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// What kubelet said of its pod.
    pub pod: &'a PodConfig,
    /// The id of the sandbox.
    pub sandbox: &'a str,
    /// Its own id.
    pub id: &'a str,
    /// Its name in the pod.
    pub name: &'a str,
    /// How often it was started before.
    pub restarts: u32,
    /// The image, as the pod names it.
    pub image: &'a str,
}

impl Known<'_> {
    fn metadata(&self) -> Vec<u8> {
        Message::default().bytes(1, self.name.as_bytes()).number(2, self.restarts.into()).finish()
    }

    fn labels(&self, message: Message, field: u64) -> Message {
        let labels = self.pod.kubelet().into_iter().chain([("io.kubernetes.container.name", self.name)]);
        labels.fold(message, |message, (name, value)| message.bytes(field, &entry(name, value)))
    }

    /// The image, its reference with the digest, and its id.
    fn images(&self) -> [Vec<u8>; 3] {
        let (repository, _) = self.image.rsplit_once(':').unwrap_or((self.image, ""));
        let spec = Message::default().bytes(1, self.image.as_bytes()).bytes(18, self.image.as_bytes()).finish();
        [spec, format!("{repository}@sha256:{}", "ab".repeat(32)).into_bytes(), "cd".repeat(32).into_bytes()]
    }

    /// `Container`, an item of a list.
    fn listed(&self) -> Vec<u8> {
        let [image, reference, image_id] = self.images();
        let message = Message::default()
            .bytes(1, self.id.as_bytes())
            .bytes(2, self.sandbox.as_bytes())
            .bytes(3, &self.metadata())
            .bytes(4, &image)
            .bytes(5, &reference)
            .number(6, 1)
            .number(7, 1_700_000_000_000_000_000);
        self.labels(message, 8).bytes(10, &image_id).finish()
    }

    /// `ContainerStatus`.
    fn status(&self) -> Vec<u8> {
        let [image, reference, image_id] = self.images();
        let mount = Message::default().bytes(1, b"/etc/hosts").bytes(2, b"/var/lib/kubelet/etc-hosts").finish();
        let message = Message::default()
            .bytes(1, self.id.as_bytes())
            .bytes(2, &self.metadata())
            .number(3, 1)
            .number(4, 1_700_000_000_000_000_000)
            .number(5, 1_700_000_000_100_000_000)
            .bytes(8, &image)
            .bytes(9, &reference);
        self.labels(message, 12).bytes(14, &mount).bytes(17, &image_id).finish()
    }
}

/// What is said of a sandbox by a list and by its status; their fields have different numbers.
fn sandbox(pod: &PodConfig, id: &str) -> [Vec<u8>; 2] {
    let metadata = Message::default()
        .bytes(1, pod.name.as_bytes())
        .bytes(2, pod.uid.as_bytes())
        .bytes(3, pod.namespace.as_bytes())
        .finish();
    let own = pod.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let labels: Vec<(&str, &str)> = own.chain(pod.kubelet()).chain([("io.kubernetes.container.name", "POD")]).collect();
    let texts = |message: Message, [of_labels, of_annotations]: [u64; 2]| {
        let message =
            labels.iter().fold(message, |message, (name, value)| message.bytes(of_labels, &entry(name, value)));
        pod.annotations
            .iter()
            .fold(message, |message, (name, value)| message.bytes(of_annotations, &entry(name, value)))
    };
    let head = || Message::default().bytes(1, id.as_bytes()).bytes(2, &metadata);
    let address = Message::default().bytes(1, b"10.85.0.7").finish();
    let options = Message::default().number(1, 0).number(2, 1).finish();
    let linux = Message::default().bytes(1, &Message::default().bytes(2, &options).finish()).finish();
    [texts(head(), [5, 6]).finish(), texts(head().bytes(5, &address).bytes(6, &linux), [7, 8]).finish()]
}

impl Crio {
    /// Starts it on that socket.
    ///
    /// # Panics
    /// If it cannot listen there.
    #[must_use]
    pub fn start(socket: &Path, events: Events) -> Self {
        let shared = Arc::new(Shared { events, said: Mutex::default(), stop: AtomicBool::new(false) });
        let served = Arc::clone(&shared);
        let server = Server::start(socket, move |request, respond| serve(request, respond, Arc::clone(&served)));
        Self { socket: socket.to_owned(), shared, _server: server }
    }

    /// What `--engine-socket` takes.
    #[must_use]
    pub fn argument(&self) -> String {
        format!("cri-o={}", self.socket.display())
    }

    /// A sandbox that runs.
    pub fn add_sandbox(&self, pod: &PodConfig, id: &str) {
        let [listed, status] = sandbox(pod, id);
        let mut said = self.shared.said();
        said.sandboxes.push(listed);
        said.statuses.insert(("PodSandboxStatus", id.to_owned()), Message::default().bytes(1, &status).finish());
    }

    /// A container that runs: in lists, and asked for by its id.
    pub fn add(&self, container: &Known<'_>) {
        let info = format!(
            r#"{{"sandboxID":"{}","pid":4711,"privileged":true,"runtimeSpec":{{"ociVersion":"1.1.0","annotations":{{}}}}}}"#,
            container.sandbox
        );
        let status = Message::default().bytes(1, &container.status()).bytes(2, &entry("info", &info)).finish();
        let mut said = self.shared.said();
        said.containers.push(container.listed());
        said.statuses.insert(("ContainerStatus", container.id.to_owned()), status);
    }

    /// An event of a container, which says all that its status does.
    pub fn tell(&self, container: &Known<'_>, kind: u64) {
        let [_, status] = sandbox(container.pod, container.sandbox);
        let event = Message::default()
            .bytes(1, container.id.as_bytes())
            .number(2, kind)
            .number(3, 1_700_000_000_200_000_000)
            .bytes(4, &status)
            .bytes(5, &container.status());
        self.shared.said().events.push(event.finish());
    }

    /// The methods that were called so far.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.shared.said().calls.clone()
    }
}

impl Drop for Crio {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// One call. `None` when the other side has gone.
async fn serve(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, shared: Arc<Shared>) -> Option<()> {
    let path = request.uri().path().to_owned();
    let (service, method) = path.rsplit_once('/')?;
    let asked = asked(request).await?;
    let asked = asked.get(5..).unwrap_or_default();
    let mut stream = begin(&mut respond)?;
    shared.said().calls.push(method.to_owned());
    if service != "/runtime.v1.RuntimeService" {
        return end(&mut stream, UNIMPLEMENTED);
    }
    if method == "GetContainerEvents" {
        return events(&mut stream, &shared).await;
    }
    let all = |items: &[Vec<u8>]| {
        Some(items.iter().fold(Message::default(), |message, item| message.bytes(1, item)).finish())
    };
    let answer = {
        let said = shared.said();
        match method {
            "Version" => {
                let names: [&[u8]; 4] = [b"0.1.0", b"cri-o", b"1.30.4", b"v1"];
                let fields = (1..).zip(names);
                Some(fields.fold(Message::default(), |message, (field, name)| message.bytes(field, name)).finish())
            }
            "ListPodSandbox" => all(&said.sandboxes),
            "ListContainers" => all(&said.containers),
            "ContainerStatus" => said.statuses.get(&("ContainerStatus", text(asked, 1)?)).cloned(),
            "PodSandboxStatus" => said.statuses.get(&("PodSandboxStatus", text(asked, 1)?)).cloned(),
            _ => return end(&mut stream, UNIMPLEMENTED),
        }
    };
    let Some(answer) = answer else { return end(&mut stream, NOT_FOUND) };
    send(&mut stream, &answer)?;
    end(&mut stream, OK)
}

/// Tells events until there are to be no more.
async fn events(stream: &mut SendStream<Bytes>, shared: &Shared) -> Option<()> {
    match shared.events {
        Events::Told => {}
        Events::Unimplemented => return end(stream, UNIMPLEMENTED),
        Events::Refused => return end(stream, UNKNOWN),
        Events::Ended => return end(stream, OK),
    }
    let mut told = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let new: Vec<Vec<u8>> = shared.said().events.get(told..).unwrap_or_default().to_vec();
        for event in new {
            send(stream, &event)?;
            told += 1;
        }
        sleep(TELL_EVERY).await;
    }
    end(stream, OK)
}
