//! What container engines tell: names, images, labels. All talk with them is on a thread of its own.
//!
//! The event path hands ids over ([`Engines::ask`]) and takes answers ([`Engines::next`]); neither waits. Every engine
//! is followed by its events, so that a container is known by its id before its first process runs.

mod api;
mod ask;
mod client;
mod containerd;
mod cri;
mod cut;
mod docker;
mod endpoint;
pub mod frames;
mod greeting;
mod grpc;
mod http;
mod json;
pub mod logs;
mod lxd;
mod pace;
pub mod proto;
mod socket;
mod text;
mod trust;
mod way;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashSet},
    io,
    path::PathBuf,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinSet, LocalSet, spawn_local},
    time::{Instant, sleep, sleep_until, timeout_at},
};

use self::{api::AGAIN, client::Client};
use super::{Options, Owner, Spec, runtime};
use crate::{confine, thread};
pub use api::Api;
pub use ask::{Answered, Event, Question, Row, Told, Wish, ask, follow as follow_events};
pub use cri::{KUBERNETES_LOG, POD_NAME, POD_NAMESPACE, POD_UID, read as read_cri};
pub use cut::{CutError, Cutter, Form, MAX_VALUE};
pub use docker::{DOCKER, PODMAN};
pub use docker::{Kind, Said};
pub(crate) use endpoint::resolve;
pub use endpoint::{Address, Endpoint, EndpointError, endpoints};
pub use greeting::{Greeting, greet};
pub use http::HttpError;
pub use lxd::read as read_lxd;
pub use socket::{EngineSocket, SocketError};
pub(super) use text::{List, Object, Text, Texts};
pub use trust::{Distrust, HINT as DISTRUST_HINT};

/// How long the answer to a question may take; afterwards the container stays without a name for now.
pub const DEADLINE: Duration = Duration::from_millis(1_500);
/// Like [`DEADLINE`], for the engine of a user, who must not be able to delay much.
const DEADLINE_OF_USERS: Duration = Duration::from_millis(500);

/// How long to wait for a container of that owner.
#[must_use]
pub fn patience(owner: Owner) -> Duration {
    if owner.is_machine() { DEADLINE } else { DEADLINE_OF_USERS }
}
/// The most answers that wait to be taken.
const ANSWERS: usize = 4_096;
/// The most bytes of them.
const ANSWER_BYTES: usize = 2 << 20;
/// When that much waits, the engines are not read for so long.
const FULL_PAUSE: Duration = Duration::from_millis(2);
/// The most questions that wait to be asked.
const QUESTIONS: usize = 1_024;
/// The most that are asked at the same time, and the same of users' engines: the others wait in the queue.
const ASKED_AT_ONCE: usize = 64;
/// The most engines of which it is said why they do not answer.
const MAX_REASONS: usize = 3;
/// How long a list answers what is asked about its containers.
const LIST_AGE: Duration = Duration::from_secs(10);
/// The most ids that are kept of lists.
const MAX_LISTED: usize = 65_536;
/// How often is looked for engines of users who logged in.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What an engine knows of a container. What it does not tell at once is `None` and comes later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The whole id, or the name where the runtime has no ids.
    pub full_id: String,
    /// `container.type` of the engine's containers.
    pub runtime: &'static str,
    /// Of containerd, the namespace: an id that is a text is one in it.
    pub namespace: Option<String>,
    /// Name, without the slash.
    pub name: Option<String>,
    /// Image as it was started.
    pub image: Option<String>,
    /// Id of the image, without the name of the hash.
    pub image_id: Option<String>,
    /// Address in the engine's network.
    pub ip: Option<String>,
    /// Whether it is privileged.
    pub privileged: Option<bool>,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// How it was made.
    pub spec: Option<Spec>,
}

impl Metadata {
    /// What it is found by: its id if that is one of digits, else what it claims to be ([`runtime::Found::claimed`]).
    #[must_use]
    pub fn key(&self) -> String {
        match &self.namespace {
            _ if runtime::is_full_id(&self.full_id) => self.full_id.clone(),
            Some(namespace) => runtime::named(self.runtime, &format!("{namespace}/{}", self.full_id)),
            None => runtime::named(self.runtime, &self.full_id),
        }
    }

    /// How much memory it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let texts = [&self.namespace, &self.name, &self.image, &self.image_id, &self.ip];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        size_of::<Self>() + self.full_id.len() + texts + self.detail_bytes()
    }

    /// The part of it that is for labels and for how it was made.
    #[must_use]
    pub fn detail_bytes(&self) -> usize {
        self.labels.as_ref().map_or(0, label_bytes) + self.spec.as_ref().map_or(0, Spec::bytes)
    }
}

/// How much memory labels take, about.
pub(super) fn label_bytes(labels: &BTreeMap<String, String>) -> usize {
    labels.iter().map(|(name, value)| 2 * size_of::<String>() + name.len() + value.len()).sum()
}

/// What the engines' thread says. The owner is whose containers the engine may name: it means no others.
#[derive(Debug)]
pub enum Answer {
    /// A container is known.
    Found(Owner, Box<Metadata>),
    /// No engine knows the container of that id.
    NotFound(Owner, String),
    /// The container of that id has ended; it may start again.
    Ended(Owner, String),
    /// Something that a person should know.
    Note(String),
}

impl Answer {
    fn bytes(&self) -> usize {
        match self {
            Self::Found(_, metadata) => metadata.bytes(),
            Self::NotFound(_, text) | Self::Ended(_, text) | Self::Note(text) => text.len(),
        }
    }
}

/// The engines of this machine, seen from the event path. When it is dropped, their thread ends.
#[derive(Debug)]
pub struct Engines {
    questions: mpsc::Sender<(Owner, String)>,
    answers: Receiver<Answer>,
    waiting_bytes: Arc<AtomicUsize>,
    hope: Arc<AtomicUsize>,
    silent: Silent,
    users: Users,
}

/// Whose engines answer, of those of users; one that has two is there twice.
type Users = Arc<Mutex<Vec<Owner>>>;

/// Why engines of the machine do not answer, by what they are called: the address and the reason.
type Silent = Arc<Mutex<BTreeMap<String, String>>>;

impl Engines {
    /// Starts to follow the engines that these options name.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn start(options: &Options) -> io::Result<Self> {
        Self::follow(endpoints(options), options)
    }

    /// Starts to follow these engines, and those of users who log in later unless certain sockets were asked for.
    fn follow(endpoints: Vec<Endpoint>, options: &Options) -> io::Result<Self> {
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let (answer, answers) = sync_channel(ANSWERS);
        // Counted here and not on the thread, so that the first containers wait for engines that are about to answer.
        let hope = endpoints.iter().filter(|endpoint| endpoint.is_hope()).count();
        let hope = Arc::new(AtomicUsize::new(hope));
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let silent = Silent::default();
        let users = Users::default();
        let shared = (answer, Arc::clone(&waiting_bytes), Arc::clone(&hope), Arc::clone(&silent), Arc::clone(&users));
        let (host_root, verbose) = (options.host_root.clone(), options.verbose);
        let (users_too, drops) = (options.sockets.is_empty(), options.drops);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::begin("tracer-engines", move || {
            if !drops {
                confine::of_engines();
            }
            let (answers, waiting_bytes, hope, silent, users) = shared;
            let shared = Rc::new(Shared {
                answers,
                waiting_bytes,
                hope,
                silent,
                users,
                host_root,
                verbose,
                clients: RefCell::default(),
                next_client: Cell::new(0),
                listed: RefCell::default(),
                said: RefCell::default(),
            });
            LocalSet::new().block_on(&runtime, supervise(&shared, endpoints, users_too, asked));
            runtime.shutdown_background();
        })
        .map_err(io::Error::other)?;
        Ok(Self { questions, answers, waiting_bytes, hope, silent, users })
    }

    /// Whether an engine of the machine answers, or may soon.
    #[must_use]
    pub fn may_answer(&self) -> bool {
        self.hope.load(Ordering::Relaxed) > 0
    }

    /// Why no engine of the machine answers; `None` while one does, or may soon.
    #[must_use]
    pub fn silence(&self) -> Option<String> {
        if self.may_answer() {
            return None;
        }
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        // What is there and fails tells more than all the places where nothing is.
        let (absent, failing): (Vec<&str>, Vec<&str>) =
            silent.values().map(String::as_str).partition(|reason| reason.ends_with(client::NOT_FOUND));
        let mut reasons = if failing.is_empty() { absent } else { failing };
        let more = reasons.split_off(reasons.len().min(MAX_REASONS)).len();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        (!reasons.is_empty()).then(|| format!("{}{more}", reasons.join(", ")))
    }

    /// Asks for the container of that id, or that claims to be this. Whether to wait for the answer: that of a user only if an engine of theirs is there, and
    /// not for long ([`patience`]), because it comes when the user wants.
    #[must_use]
    pub fn ask(&self, owner: Owner, id: &str) -> bool {
        let question = (owner, id.to_owned());
        if owner.is_machine() {
            return self.may_answer() && self.questions.try_send(question).is_ok();
        }
        // Questions of users leave room for those of the machine.
        if self.questions.capacity() <= QUESTIONS / 2 {
            return false;
        }
        let is_there = self.users.lock().unwrap_or_else(PoisonError::into_inner).contains(&owner);
        self.questions.try_send(question).is_ok() && is_there
    }

    /// The next answer, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<Answer> {
        let answer = self.answers.try_recv().ok()?;
        self.waiting_bytes.fetch_sub(answer.bytes(), Ordering::Relaxed);
        Some(answer)
    }
}

/// What the tasks of the engines' thread share.
struct Shared {
    answers: SyncSender<Answer>,
    /// How much the answers take that wait to be taken.
    waiting_bytes: Arc<AtomicUsize>,
    /// Engines of the machine that answer, and those that were not tried yet.
    hope: Arc<AtomicUsize>,
    silent: Silent,
    users: Users,
    host_root: PathBuf,
    verbose: bool,
    clients: RefCell<Vec<(usize, Client)>>,
    next_client: Cell<usize>,
    /// Ids that were in a list of the machine's engines, and since when: what is asked about them is answered already.
    listed: RefCell<(Option<Instant>, HashSet<String>)>,
    /// What was said already and is said once, for each engine that was asked for.
    said: RefCell<HashSet<String>>,
}

impl Shared {
    /// Hands an answer over, when there is room. Nobody takes it when the program ends.
    async fn answer(&self, answer: Answer) {
        let bytes = answer.bytes();
        let mut answer = answer;
        loop {
            let waiting = self.waiting_bytes.load(Ordering::Relaxed);
            if waiting == 0 || waiting + bytes <= ANSWER_BYTES {
                self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
                match self.answers.try_send(answer) {
                    Ok(()) | Err(TrySendError::Disconnected(_)) => return,
                    Err(TrySendError::Full(again)) => answer = again,
                }
                self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
            sleep(FULL_PAUSE).await;
        }
    }

    /// Says something that stays as it is: once.
    async fn note_once(&self, note: String) {
        let is_new = self.said.borrow_mut().insert(note.clone());
        if is_new {
            self.answer(Answer::Note(note)).await;
        }
    }

    /// An engine answers from now on, and has listed these; returns its number.
    fn join(&self, client: Client, listed: &[String]) -> usize {
        if client.owner().is_machine() {
            let (since, all) = &mut *self.listed.borrow_mut();
            if all.len() > MAX_LISTED {
                all.clear();
            }
            *since = Some(Instant::now());
            all.extend(listed.iter().cloned());
        } else {
            self.users.lock().unwrap_or_else(PoisonError::into_inner).push(client.owner());
        }
        let number = self.next_client.get();
        self.next_client.set(number + 1);
        self.clients.borrow_mut().push((number, client));
        number
    }

    /// Whether a list has answered that question a moment ago.
    fn was_listed(&self, id: &str) -> bool {
        let (since, all) = &mut *self.listed.borrow_mut();
        if since.is_some_and(|since| since.elapsed() > LIST_AGE) {
            (*since, *all) = (None, HashSet::new());
        }
        all.remove(id)
    }

    fn leave(&self, number: usize) {
        let mut clients = self.clients.borrow_mut();
        let Some(at) = clients.iter().position(|(other, _)| *other == number) else { return };
        let owner = clients.remove(at).1.owner();
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = users.iter().position(|user| *user == owner) {
            users.swap_remove(at);
        }
    }

    /// The engines that may name the containers of that owner.
    fn clients(&self, owner: Owner) -> Vec<Client> {
        let all = self.clients.borrow();
        all.iter().filter(|(_, client)| client.owner() == owner).map(|(_, client)| client.clone()).collect()
    }
}

/// Follows all engines and passes questions on, until nobody can ask any more.
async fn supervise(
    shared: &Rc<Shared>,
    endpoints: Vec<Endpoint>,
    users_too: bool,
    mut questions: mpsc::Receiver<(Owner, String)>,
) {
    let mut labels: HashSet<String> = HashSet::new();
    let follow = |labels: &mut HashSet<String>, endpoint: Endpoint, counted: bool| {
        if labels.insert(endpoint.label.clone()) || endpoint.asked_for {
            spawn_local(client::follow(Rc::clone(shared), endpoint, counted));
        }
    };
    for endpoint in endpoints {
        let counted = endpoint.is_hope();
        follow(&mut labels, endpoint, counted);
    }
    let mut look = Instant::now() + LOOK_AGAIN;
    let slots = [(); 2].map(|()| Arc::new(Semaphore::new(ASKED_AT_ONCE)));
    loop {
        tokio::select! {
            question = questions.recv() => match question {
                Some((owner, id)) => {
                    let asking = &slots[usize::from(!owner.is_machine())];
                    // A user's engine that answers later lists its containers, and what it is not asked it can say itself.
                    let is_wanted = owner.is_machine() || !shared.clients(owner).is_empty() && asking.available_permits() > 0;
                    if is_wanted && let Ok(slot) = Arc::clone(asking).acquire_owned().await {
                        let asked = ask_all(Rc::clone(shared), owner, id);
                        spawn_local(async move {
                            asked.await;
                            drop(slot);
                        });
                    }
                }
                None => return,
            },
            () = sleep_until(look) => {
                if users_too {
                    endpoint::of_users(&shared.host_root).into_iter().for_each(|new| follow(&mut labels, new, false));
                }
                look = Instant::now() + LOOK_AGAIN;
            }
        }
    }
}

/// Asks all engines that may name it for a container, side by side, until one knows it.
async fn ask_all(shared: Rc<Shared>, owner: Owner, id: String) {
    let deadline = Instant::now() + DEADLINE;
    // Before the first engine has answered at all, nobody can be asked; its list may have the container, too.
    let is_hope = || shared.hope.load(Ordering::Relaxed) > 0;
    while shared.clients(owner).is_empty() && is_hope() && Instant::now() < deadline {
        sleep(Duration::from_millis(20)).await;
    }
    if owner.is_machine() && shared.was_listed(&id) {
        return;
    }
    let mut clients = shared.clients(owner);
    clients.retain(|client| client.engine.asked_about(&id).is_some());
    let mut pauses = AGAIN.into_iter();
    loop {
        let mut asked = JoinSet::new();
        for client in &clients {
            let (client, id) = (client.clone(), id.clone());
            asked.spawn_local(async move { client.inspect(&id).await });
        }
        // One that hangs holds up nobody but those that no other engine knows.
        while let Ok(Some(answer)) = timeout_at(deadline, asked.join_next()).await {
            if let Ok(Some(found)) = answer {
                return shared.answer(Answer::Found(owner, Box::new(found))).await;
            }
        }
        clients.retain(|client| !client.engine.knows_at_once());
        let Some(pause) = pauses.next().filter(|_| !clients.is_empty() && Instant::now() < deadline) else { break };
        sleep(pause).await;
    }
    shared.answer(Answer::NotFound(owner, id)).await;
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        os::unix::net::UnixListener,
        path::Path,
        thread,
        time::Instant,
    };

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("tracer-engine-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn at(socket: &Path) -> Vec<Endpoint> {
        vec![Endpoint::new(Api::Docker, "test", vec![Address::Unix(socket.to_owned())])]
    }

    fn follow(endpoints: Vec<Endpoint>) -> io::Result<Engines> {
        Engines::follow(endpoints, &Options { drops: true, ..Options::default() })
    }

    fn wait_for(engines: &Engines, what: impl Fn(&Answer) -> bool) -> Answer {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            match engines.next() {
                Some(answer) if what(&answer) => return answer,
                Some(_) => {}
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
        panic!("no such answer");
    }

    #[test]
    fn without_a_socket_nobody_may_answer() {
        let engines = follow(at(Path::new("/nonexistent/docker.sock"))).unwrap();
        assert!(!engines.may_answer());
        assert!(!engines.ask(Owner::Machine, "id"));
    }

    #[test]
    fn a_dead_socket_gives_one_note_and_no_hope() {
        let socket = folder("dead").join("docker.sock");
        let _ = std::fs::remove_file(&socket);
        drop(UnixListener::bind(&socket).unwrap());
        let engines = follow(at(&socket)).unwrap();
        let Answer::Note(note) = wait_for(&engines, |answer| matches!(answer, Answer::Note(_))) else { unreachable!() };
        assert!(note.contains("does not answer"), "{note}");
        assert!(!engines.may_answer());
        // Longer than the first pause: the second attempt says nothing.
        thread::sleep(Duration::from_millis(800));
        assert!(engines.next().is_none());
        std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    }

    /// Says to everyone that it is podman, and knows nothing else.
    fn podman(listener: UnixListener) {
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let asked = lines.next().unwrap().unwrap();
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                let version =
                    r#"{"Version":"5.0","ApiVersion":"1.41","Components":[{"Name":"Podman Engine","Version":"5.0"}]}"#;
                let body = if asked.contains("/version") { version } else { "[]" };
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
        });
    }

    #[test]
    fn another_engine_than_was_said_is_noted_once() {
        let socket = folder("other").join("docker.sock");
        let _ = std::fs::remove_file(&socket);
        podman(UnixListener::bind(&socket).unwrap());
        let greeting = greet(Api::Docker, &Address::Unix(socket.clone()), Owner::Machine).unwrap();
        assert_eq!((greeting.version.as_str(), greeting.containers), ("podman 5.0, API 1.41", Ok(0)));
        let sockets =
            ["docker", "podman"].map(|engine| format!("{engine}={}", socket.to_str().unwrap()).parse().unwrap());
        let notes_of = |sockets: &[EngineSocket]| {
            let engines = Engines::start(&Options { sockets: sockets.to_vec(), ..Options::default() }).unwrap();
            // It ends the stream of events at once, so that it is asked again and again.
            let end = Instant::now() + Duration::from_millis(1500);
            let mut notes = Vec::new();
            while Instant::now() < end {
                match engines.next() {
                    Some(Answer::Note(note)) if note.contains(" is podman, not docker") => notes.push(note),
                    Some(_) => {}
                    None => thread::sleep(Duration::from_millis(5)),
                }
            }
            notes
        };
        assert_eq!(notes_of(&sockets[..1]).len(), 1);
        assert_eq!(notes_of(&sockets[1..]), Vec::<String>::new());
        std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_socket_that_never_answers_is_given_up() {
        let socket = folder("mute").join("docker.sock");
        let _ = std::fs::remove_file(&socket);
        let _listener = UnixListener::bind(&socket).unwrap();
        let engines = follow(at(&socket)).unwrap();
        assert!(engines.may_answer());
        assert!(engines.ask(Owner::Machine, "id"));
        wait_for(&engines, |answer| matches!(answer, Answer::NotFound(Owner::Machine, id) if id == "id"));
        wait_for(&engines, |answer| matches!(answer, Answer::Note(_)));
        assert!(!engines.may_answer());
        std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    }
}
