//! One engine, followed for as long as the program runs: connect, subscribe, list, and again when it comes back.
//!
//! How an engine is asked is for its [`Engine`] to know. Nothing that it sends is collected: containers are handed over one
//! by one, at most at the engine's [`Pace`]. Every request has a limit of time, and all but the events one of length.

use std::{
    cell::RefCell,
    collections::{HashSet, VecDeque},
    pin::pin,
    rc::Rc,
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    task::{JoinHandle, spawn_local},
    time::{Instant, sleep},
};

use super::{
    Answer, Endpoint, Metadata, Shared,
    api::{Api, Engine, Teller},
    endpoint::{Address, EndpointError},
    http::HttpError,
    pace::Pace,
    trust::{self, Distrust},
    way::Way,
};
use crate::{
    message::Shown as _,
    state::container::{Owner, runtime},
};

/// The pause before the second attempt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two attempts, with the engine of a user, and of root: names are there soon after it has come back.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
const LONGEST_PAUSE_OF_MACHINE: Duration = Duration::from_millis(800);
/// An engine that answered for so long was not one that only comes and goes: it is soon asked again.
const STEADY: Duration = Duration::from_secs(10);
/// How long an engine may take to say its version.
pub(super) const VERSION_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may take for a list.
pub(super) const LIST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long it may take for an inspection.
pub(super) const INSPECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// The most bytes of a list, MiB: those of ten thousand containers.
pub(super) const MAX_LIST_MIB: usize = 64;
/// The most containers of a list.
pub(super) const MAX_LISTED: usize = 16_384;
/// The pause between two inspections that nobody waits for.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(20);
/// The most containers that wait to be inspected because of events.
const MAX_URGENT: usize = 256;
/// The most requests to one engine at the same time, besides those for lists and events.
const PARALLEL: usize = 4;

/// An engine that answers.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) engine: Rc<dyn Engine>,
    owner: Owner,
    slots: Rc<Semaphore>,
}

impl Client {
    /// Learns which engine is at an address, asked in that way.
    pub(super) async fn greet(api: Api, address: &Address, owner: Owner) -> Result<Self, EndpointError> {
        let way = Way::new(address, owner)?;
        let engine = api.greet(way, Rc::new(Pace::of(owner))).await?;
        Ok(Self { engine, owner, slots: Rc::new(Semaphore::new(PARALLEL)) })
    }

    /// Whose containers it may name.
    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// Asks for one container. `None` if the engine does not know it, or does not answer.
    pub(super) async fn inspect(&self, id: &str) -> Option<Metadata> {
        let _slot = self.slots.acquire().await.ok()?;
        self.engine.inspect(id).await.ok()?
    }
}

/// Which engine is at an address that does not answer as it was asked, if it answers in another way; and what to do. One that says
/// nothing at all is not asked again and again.
pub(super) async fn another(asked: Api, address: &Address, owner: Owner, cause: &str) -> Option<String> {
    let Address::Unix(path) = address else { return None };
    if cause == HttpError::Late.to_string() {
        return None;
    }
    for api in Api::ALL.into_iter().filter(|api| *api != asked) {
        if let Ok(client) = Client::greet(api, address, owner).await {
            let version = client.engine.version();
            return Some(format!("it is {version}: use --engine-socket {}={}", version.runtime, path.shown()));
        }
    }
    None
}

/// How a session ended.
enum End {
    /// There is nothing at any of the addresses.
    Absent,
    /// Its socket is not one to be asked.
    Distrusted { address: String, cause: String },
    /// It did not get as far as a list.
    Failed { address: String, cause: String },
    /// The engine went away, after it had answered.
    Gone { address: String },
}

/// Follows an engine. `counted` says that it is in `hope` already.
pub(super) async fn follow(shared: Rc<Shared>, endpoint: Endpoint, counted: bool) {
    let mut hoped = counted;
    let mut noted = false;
    let mut pause = FIRST_PAUSE;
    loop {
        let start = Instant::now();
        let end = session(&shared, &endpoint, &mut hoped).await;
        if hoped {
            shared.hope.fetch_sub(1, Ordering::Relaxed);
            hoped = false;
        }
        if start.elapsed() >= STEADY {
            pause = FIRST_PAUSE;
        }
        if !endpoint.of_user {
            let mut silent = shared.silent.lock().unwrap_or_else(PoisonError::into_inner);
            silent.insert(endpoint.label.clone(), silence(&endpoint, &end));
        }
        // Asked once: the next time it may be another one.
        let end = match end {
            End::Failed { address, cause } if endpoint.asked_for && !noted => {
                let known = endpoint.addresses.iter().find(|one| one.to_string() == address);
                let owned = known.and_then(|one| Some((one, endpoint.owner_of(one, &shared.host_root).ok()?)));
                let other = match owned {
                    Some((one, owner)) => another(endpoint.api, one, owner, &cause).await,
                    None => None,
                };
                End::Failed { address, cause: other.unwrap_or(cause) }
            }
            end => end,
        };
        let note = match end {
            End::Absent => None,
            // Any user could have it said that there is such a socket.
            End::Distrusted { address, cause } => (endpoint.asked_for || shared.verbose)
                .then(|| format!("container engine at '{address}' is not asked: {cause}\nhint: {}", trust::HINT)),
            End::Failed { address, cause } => Some(format!(
                "container engine at '{address}' does not answer: {cause}\nhint: its containers are shown by id until \
                    it answers"
            )),
            End::Gone { address } => Some(format!(
                "lost connection to the container engine at '{address}'\nhint: new containers are shown by id until \
                    it returns"
            )),
        };
        if let Some(note) = note.filter(|_| !noted) {
            noted = true;
            shared.answer(Answer::Note(note)).await;
        }
        sleep(pause).await;
        pause = if endpoint.of_user { LONGEST_PAUSE } else { LONGEST_PAUSE_OF_MACHINE }.min(pause * 2);
    }
}

/// How the reason ends of an engine that is at none of its places.
pub(super) const NOT_FOUND: &str = ": not found";

/// Where the engine was looked for, and why it does not answer.
fn silence(endpoint: &Endpoint, end: &End) -> String {
    match end {
        End::Absent => {
            let address = endpoint.addresses.first().map_or_else(|| endpoint.label.clone(), ToString::to_string);
            format!("{address}{NOT_FOUND}")
        }
        End::Distrusted { address, cause } | End::Failed { address, cause } => format!("{address}: {}", lower(cause)),
        End::Gone { address } => format!("{address}: it has gone"),
    }
}

/// As the causes of this program begin, and without the number of an error of the system.
fn lower(cause: &str) -> String {
    let cause = cause.split(" (os error").next().unwrap_or(cause);
    let mut letters = cause.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// From the connection to its end.
async fn session(shared: &Rc<Shared>, endpoint: &Endpoint, hoped: &mut bool) -> End {
    let mut failed = End::Absent;
    for address in endpoint.existing() {
        let text = address.to_string();
        let client = match endpoint.owner_of(address, &shared.host_root) {
            Ok(owner) => Client::greet(endpoint.api, address, owner).await,
            Err(distrust) => Err(HttpError::Distrust(distrust).into()),
        };
        match client {
            Ok(client) => {
                let said = client.engine.version().runtime;
                if let Some(runtime) =
                    endpoint.runtime.filter(|runtime| *runtime != said && *runtime != runtime::ANY_CRI)
                {
                    let note = format!(
                        "container engine at '{text}' is {said}, not {runtime}\nhint: its containers have names anyway"
                    );
                    shared.note_once(note).await;
                }
                return attend(shared, client, text, hoped).await;
            }
            // Docker's own containerd has none, and Docker names its containers.
            Err(EndpointError::Http(HttpError::NoCri)) if !endpoint.asked_for => {}
            Err(EndpointError::Http(HttpError::Distrust(distrust))) if !matches!(distrust, Distrust::Io(_)) => {
                failed = End::Distrusted { address: text, cause: distrust.to_string() };
            }
            Err(error) => failed = End::Failed { address: text, cause: cause(&error) },
        }
    }
    match (failed, endpoint.asked_for) {
        (End::Absent, true) => {
            End::Failed { address: endpoint.label.clone(), cause: "the socket does not exist".to_owned() }
        }
        (failed, _) => failed,
    }
}

/// Takes the list of containers, and the events from before the list was made.
async fn attend(shared: &Rc<Shared>, client: Client, address: String, hoped: &mut bool) -> End {
    let urgent = Rc::new(Urgent::default());
    let inspections = [
        Task(spawn_local(inspect_urgently(Rc::clone(shared), client.clone(), Rc::clone(&urgent)))),
        Task(spawn_local(inspect_urgently(Rc::clone(shared), client.clone(), Rc::clone(&urgent)))),
    ];
    let teller = Teller::new(client.owner(), shared, &urgent);
    let mut events = client.engine.events(&teller);
    let listed = {
        let list = pin!(client.engine.list(&teller));
        tokio::select! {
            biased;
            _ = &mut events => None,
            listed = list => Some(listed),
        }
    };
    let ids = match listed {
        Some(Ok(listed)) => {
            if listed.is_cut {
                shared.note_once(format!(
                    "container engine at '{address}' lists more than {MAX_LISTED} containers or {MAX_LIST_MIB} MiB\nhint: it is asked for the others when they are seen"
                )).await;
            }
            listed.ids
        }
        Some(Err(error)) => return End::Failed { address, cause: cause(&error) },
        None => return End::Failed { address, cause: "it sends no events".to_owned() },
    };
    let number = shared.join(client.clone(), &ids);
    if !*hoped && client.owner().is_machine() {
        shared.hope.fetch_add(1, Ordering::Relaxed);
        *hoped = true;
    }
    let details = Task(spawn_local(inspect_quietly(Rc::clone(shared), client.clone(), ids)));
    // However they end, the engine has to be asked anew.
    let _ = events.await;
    drop((details, inspections));
    shared.leave(number);
    End::Gone { address }
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Containers to inspect because of what happened to them, in the order of time, each once.
#[derive(Debug, Default)]
pub(super) struct Urgent {
    waiting: RefCell<(VecDeque<String>, HashSet<String>)>,
    some: Notify,
}

impl Urgent {
    /// Beyond [`MAX_URGENT`] the event has told the name and the image all the same.
    pub(super) fn add(&self, id: &str) {
        let mut waiting = self.waiting.borrow_mut();
        let (order, all) = &mut *waiting;
        if order.len() < MAX_URGENT && all.insert(id.to_owned()) {
            order.push_back(id.to_owned());
            self.some.notify_one();
        }
    }

    async fn next(&self) -> String {
        loop {
            {
                let mut waiting = self.waiting.borrow_mut();
                if let Some(id) = waiting.0.pop_front() {
                    waiting.1.remove(&id);
                    return id;
                }
            }
            self.some.notified().await;
        }
    }
}

/// Asks for what events do not say.
async fn inspect_urgently(shared: Rc<Shared>, client: Client, urgent: Rc<Urgent>) {
    loop {
        let id = urgent.next().await;
        // When it has ended by now, the event has told the name and the image.
        if let Some(found) = client.inspect(&id).await {
            shared.answer(Answer::Found(client.owner(), Box::new(found))).await;
        }
    }
}

/// Asks for what a list does not say, slowly: nobody waits for it.
async fn inspect_quietly(shared: Rc<Shared>, client: Client, ids: Vec<String>) {
    for id in ids {
        if let Some(found) = client.inspect(&id).await {
            shared.answer(Answer::Found(client.owner(), Box::new(found))).await;
        }
        sleep(BACKGROUND_PAUSE).await;
    }
}

/// The innermost cause: the outer ones only say that a request failed.
pub(super) fn cause(error: &EndpointError) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
