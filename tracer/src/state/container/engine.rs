//! What container engines tell: names, images, labels. All talk with them is on a thread of its own.
//!
//! The event path hands ids over ([`Engines::ask`]) and takes answers ([`Engines::next`]); neither waits. Every engine
//! is followed by its events, so that a container is known by its id before its first process runs.

mod client;
mod docker;
mod endpoint;
mod socket;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashSet},
    io,
    path::Path,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use bollard::Docker;
use tokio::{
    sync::{Semaphore, mpsc},
    task::{LocalSet, spawn_local},
    time::{Instant, sleep, sleep_until},
};

use super::{Options, Spec};
use crate::{confine, thread};
pub use endpoint::{Address, Endpoint, endpoints};
pub use socket::{EngineSocket, SocketError};

/// How long the answer to a question may take; afterwards the container stays without a name for now.
pub const DEADLINE: Duration = Duration::from_millis(1_500);
/// The most answers that wait to be taken. When they are not taken, the engines' thread waits.
const ANSWERS: usize = 4_096;
/// The most questions that wait to be asked.
const QUESTIONS: usize = 1_024;
/// The most questions that are asked at the same time.
const PARALLEL: usize = 4;
/// The most ids that are kept of lists.
const MAX_LISTED: usize = 65_536;
/// How often is looked for engines of users who logged in.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What an engine knows of a container. What it does not tell at once is `None` and comes later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The whole id.
    pub full_id: String,
    /// `container.type` of the engine's containers.
    pub runtime: &'static str,
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

/// What the engines' thread says.
#[derive(Debug)]
pub enum Answer {
    /// A container is known.
    Found(Box<Metadata>),
    /// No engine knows the container of that id.
    NotFound(String),
    /// The container of that id has ended; it may start again.
    Ended(String),
    /// Something that a person should know.
    Note(String),
}

/// What an engine says of itself: `docker 20.10.24, API 1.41`. It is waited for, so this is not for the event path.
///
/// # Errors
/// Nobody answers there; the text says why.
pub fn greet(address: &Address) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.map_err(|error| error.to_string())?.block_on(async {
        let (client, version) = client::greet(address.connect()?).await?;
        let number = version.version.unwrap_or_default();
        Ok(format!("{} {number}, API {}", client.runtime, client.docker.client_version()))
    });
    answer.map_err(|error| client::cause(&error))
}

/// The engines of this machine, seen from the event path. When it is dropped, their thread ends.
#[derive(Debug)]
pub struct Engines {
    questions: mpsc::Sender<String>,
    answers: Receiver<Answer>,
    hope: Arc<AtomicUsize>,
}

impl Engines {
    /// Starts to follow the engines that these options name.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn start(options: &Options) -> io::Result<Self> {
        let users_below = options.sockets.is_empty().then_some(options.host_root.as_path());
        Self::follow(endpoints(options), users_below, options.drops)
    }

    /// Starts to follow these engines, and those of users who log in later, below that root.
    fn follow(endpoints: Vec<Endpoint>, users_below: Option<&Path>, drops: bool) -> io::Result<Self> {
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let (answer, answers) = sync_channel(ANSWERS);
        // Counted here and not on the thread, so that the first containers wait for engines that are about to answer.
        let hope = Arc::new(AtomicUsize::new(endpoints.iter().filter(|endpoint| endpoint.exists()).count()));
        let shared = (answer, Arc::clone(&hope));
        let users_below = users_below.map(Path::to_owned);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::begin("tracer-engines", move || {
            if !drops {
                confine::of_engines();
            }
            let shared = Rc::new(Shared::new(shared.0, shared.1));
            LocalSet::new().block_on(&runtime, supervise(&shared, endpoints, users_below.as_deref(), asked));
            runtime.shutdown_background();
        })
        .map_err(io::Error::other)?;
        Ok(Self { questions, answers, hope })
    }

    /// Whether an engine answers, or may soon.
    #[must_use]
    pub fn may_answer(&self) -> bool {
        self.hope.load(Ordering::Relaxed) > 0
    }

    /// Asks for the container of that id. False if nobody will answer.
    #[must_use]
    pub fn ask(&self, full_id: &str) -> bool {
        self.may_answer() && self.questions.try_send(full_id.to_owned()).is_ok()
    }

    /// The next answer, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

/// An engine that answers.
#[derive(Clone)]
struct Client {
    docker: Docker,
    runtime: &'static str,
}

/// What the tasks of the engines' thread share.
struct Shared {
    answers: SyncSender<Answer>,
    /// Engines that answer, and those that were not tried yet.
    hope: Arc<AtomicUsize>,
    clients: RefCell<Vec<(usize, Client)>>,
    next_client: Cell<usize>,
    /// Ids that were in a list: what is asked about them is answered already.
    listed: RefCell<HashSet<String>>,
    slots: Semaphore,
    /// What was said already and is said once, for each engine that was asked for.
    said: RefCell<HashSet<String>>,
}

impl Shared {
    fn new(answers: SyncSender<Answer>, hope: Arc<AtomicUsize>) -> Self {
        Self {
            answers,
            hope,
            clients: RefCell::default(),
            next_client: Cell::new(0),
            listed: RefCell::default(),
            slots: Semaphore::new(PARALLEL),
            said: RefCell::default(),
        }
    }

    /// Hands an answer over. Nobody takes it when the program ends.
    fn answer(&self, answer: Answer) {
        let _ = self.answers.send(answer);
    }

    /// Says something that stays as it is: once.
    fn note_once(&self, note: String) {
        if self.said.borrow_mut().insert(note.clone()) {
            self.answer(Answer::Note(note));
        }
    }

    /// An engine answers from now on, and has listed these; returns its number.
    fn join(&self, client: Client, listed: &[String]) -> usize {
        let mut all = self.listed.borrow_mut();
        if all.len() > MAX_LISTED {
            all.clear();
        }
        all.extend(listed.iter().cloned());
        let number = self.next_client.get();
        self.next_client.set(number + 1);
        self.clients.borrow_mut().push((number, client));
        number
    }

    fn leave(&self, number: usize) {
        self.clients.borrow_mut().retain(|(other, _)| *other != number);
    }

    fn clients(&self) -> Vec<Client> {
        self.clients.borrow().iter().map(|(_, client)| client.clone()).collect()
    }
}

/// Follows all engines and passes questions on, until nobody can ask any more.
async fn supervise(
    shared: &Rc<Shared>,
    endpoints: Vec<Endpoint>,
    users_below: Option<&Path>,
    mut questions: mpsc::Receiver<String>,
) {
    let mut labels: Vec<String> = Vec::new();
    let follow = |labels: &mut Vec<String>, endpoint: Endpoint, counted: bool| {
        labels.push(endpoint.label.clone());
        spawn_local(client::follow(Rc::clone(shared), endpoint, counted));
    };
    for endpoint in endpoints {
        let counted = endpoint.exists();
        follow(&mut labels, endpoint, counted);
    }
    let mut look = Instant::now() + LOOK_AGAIN;
    loop {
        tokio::select! {
            question = questions.recv() => match question {
                Some(id) => drop(spawn_local(ask_all(Rc::clone(shared), id))),
                None => return,
            },
            () = sleep_until(look) => {
                for endpoint in users_below.map(endpoint::of_users).unwrap_or_default() {
                    if !labels.contains(&endpoint.label) {
                        follow(&mut labels, endpoint, false);
                    }
                }
                look = Instant::now() + LOOK_AGAIN;
            }
        }
    }
}

/// Asks each engine for a container until one knows it.
async fn ask_all(shared: Rc<Shared>, id: String) {
    let deadline = Instant::now() + DEADLINE;
    // Before the first engine has answered at all, nobody can be asked; its list may have the container, too.
    while shared.clients.borrow().is_empty() && shared.hope.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
        sleep(Duration::from_millis(20)).await;
    }
    if shared.listed.borrow_mut().remove(&id) {
        return;
    }
    let Ok(_slot) = shared.slots.acquire().await else { return };
    for client in shared.clients() {
        if Instant::now() < deadline
            && let Some(found) = docker::inspect(&client, &id).await
        {
            return shared.answer(Answer::Found(Box::new(found)));
        }
    }
    shared.answer(Answer::NotFound(id));
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        os::unix::net::UnixListener,
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
        vec![Endpoint {
            label: "test".into(),
            addresses: vec![Address::Unix(socket.to_owned())],
            ..Endpoint::default()
        }]
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
        let engines = Engines::follow(at(Path::new("/nonexistent/docker.sock")), None, true).unwrap();
        assert!(!engines.may_answer());
        assert!(!engines.ask("id"));
    }

    #[test]
    fn a_dead_socket_gives_one_note_and_no_hope() {
        let socket = folder("dead").join("docker.sock");
        let _ = std::fs::remove_file(&socket);
        drop(UnixListener::bind(&socket).unwrap());
        let engines = Engines::follow(at(&socket), None, true).unwrap();
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
        assert_eq!(greet(&Address::Unix(socket.clone())).unwrap(), "podman 5.0, API 1.41");
        let sockets = ["docker", "podman"].map(|engine| format!("{engine}={}", socket.display()).parse().unwrap());
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
        let engines = Engines::follow(at(&socket), None, true).unwrap();
        assert!(engines.may_answer());
        assert!(engines.ask("id"));
        wait_for(&engines, |answer| matches!(answer, Answer::NotFound(id) if id == "id"));
        wait_for(&engines, |answer| matches!(answer, Answer::Note(_)));
        assert!(!engines.may_answer());
        std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    }
}
