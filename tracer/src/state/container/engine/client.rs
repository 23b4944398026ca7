//! One engine, followed for as long as the program runs: connect, subscribe, list, and again when it comes back.
//!
//! Nothing that an engine sends is collected: objects are cut out of what comes ([`Cutter`]), read and handed over one by
//! one, at most at the engine's [`Pace`]. Every request has a limit of time, and all but the events one of length.

use std::{
    cell::RefCell,
    collections::{HashSet, VecDeque},
    pin::pin,
    rc::Rc,
    sync::{PoisonError, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{Notify, Semaphore},
    task::{JoinHandle, spawn_local},
    time::{Instant, sleep},
};

use super::{
    Answer, Endpoint, Metadata, Shared,
    cut::{Cutter, Form},
    docker::{self, Kind, Said, Version},
    endpoint::{Address, EndpointError},
    http::{HttpError, Way, within},
    pace::Pace,
    trust::{self, Distrust},
};
use crate::state::container::Owner;

/// The pause before the second attempt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// An engine that answered for so long was not one that only comes and goes: it is soon asked again.
const STEADY: Duration = Duration::from_secs(10);
/// How long an engine may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may take for a list.
const LIST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long it may take for an inspection.
const INSPECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// The most bytes of a version and of an inspection, MiB.
const MAX_SINGLE_MIB: usize = 2;
/// The most bytes of a list, MiB: those of ten thousand containers.
const MAX_LIST_MIB: usize = 64;
/// The most containers of a list.
const MAX_LISTED: usize = 16_384;
/// The pause between two inspections that nobody waits for.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(20);
/// The most containers that wait to be inspected because of events.
const MAX_URGENT: usize = 256;
/// The most requests to one engine at the same time, besides those for lists and events.
const PARALLEL: usize = 4;
/// Events from so long before the subscription are asked for again: nothing is missed, and twice does no harm.
const OVERLAP_S: u64 = 2;

/// An engine that answers.
#[derive(Debug, Clone)]
pub(super) struct Client {
    way: Way,
    pub(super) version: Version,
    pace: Rc<Pace>,
    slots: Rc<Semaphore>,
}

impl Client {
    /// Learns which engine is at an address, and agrees with it on a version of the API.
    pub(super) async fn greet(address: &Address, owner: Owner) -> Result<Self, EndpointError> {
        let way = Way::new(address, owner)?;
        let pace = Rc::new(Pace::of(owner));
        let mut version = None;
        let read = read(&way, &pace, docker::VERSION, |object| {
            version = version.take().or_else(|| docker::version(object));
        });
        within(VERSION_TIMEOUT, read).await?;
        let version = version.ok_or(HttpError::Version)?;
        Ok(Self { way, version, pace, slots: Rc::new(Semaphore::new(PARALLEL)) })
    }

    /// Whose containers it may name.
    pub(super) fn owner(&self) -> Owner {
        self.way.owner
    }

    /// Asks for one container. `None` if the engine does not know it, or does not answer.
    pub(super) async fn inspect(&self, id: &str) -> Option<Metadata> {
        let _slot = self.slots.acquire().await.ok()?;
        let (mut metadata, other) = self.inspect_one(id).await?;
        if let Some(other) = other {
            metadata.ip = self.inspect_one(&other).await.and_then(|(other, _)| other.ip);
        }
        Some(metadata)
    }

    async fn inspect_one(&self, id: &str) -> Option<(Metadata, Option<String>)> {
        let mut found = None;
        let path = Kind::inspection(self.version.api, id);
        let read = read(&self.way, &self.pace, &path, |object| {
            if let Some(Said::Found { metadata, shares_network_of, .. }) =
                Kind::Inspection.read(object, self.version.runtime)
                && metadata.full_id == id
            {
                found.get_or_insert((*metadata, shares_network_of));
            }
        });
        within(INSPECTION_TIMEOUT, read).await.ok()?;
        found
    }
}

/// Reads an answer of a limited length, object by object.
async fn read(way: &Way, pace: &Pace, path: &str, mut visit: impl FnMut(&[u8])) -> Result<(), EndpointError> {
    let mut body = way.get(path).await?;
    let mut cutter = Cutter::new(Form::Sequence);
    let mut left = MAX_SINGLE_MIB << 20;
    while let Some(piece) = body.next().await? {
        left = left.checked_sub(piece.len()).ok_or(HttpError::Long(MAX_SINGLE_MIB))?;
        pace.bytes(piece.len()).await;
        cutter.push(&piece, &mut visit).map_err(HttpError::Cut)?;
    }
    Ok(())
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
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Where the engine was looked for, and why it does not answer.
fn silence(endpoint: &Endpoint, end: &End) -> String {
    match end {
        End::Absent => {
            let address = endpoint.addresses.first().map_or_else(|| endpoint.label.clone(), ToString::to_string);
            format!("{address}: not found")
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
            Ok(owner) => Client::greet(address, owner).await,
            Err(distrust) => Err(HttpError::Distrust(distrust).into()),
        };
        match client {
            Ok(client) => {
                let said = client.version.runtime;
                if let Some(runtime) = endpoint.runtime.filter(|runtime| *runtime != said) {
                    let note = format!(
                        "container engine at '{text}' is {said}, not {runtime}\nhint: its containers have names anyway"
                    );
                    shared.note_once(note).await;
                }
                return attend(shared, client, text, hoped).await;
            }
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
    let mut events = pin!(events(shared, &client, &urgent));
    let listed = {
        let list = pin!(within(LIST_TIMEOUT, list(shared, &client, &address)));
        tokio::select! {
            biased;
            _ = &mut events => None,
            listed = list => Some(listed),
        }
    };
    let ids = match listed {
        Some(Ok(ids)) => ids,
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

/// Hands over the containers of the list as they come, and returns their ids.
async fn list(shared: &Rc<Shared>, client: &Client, address: &str) -> Result<Vec<String>, EndpointError> {
    let mut body = client.way.get(&Kind::list(client.version.api)).await?;
    let mut cutter = Cutter::new(Kind::List.form());
    let mut ids = Vec::new();
    let mut left = MAX_LIST_MIB << 20;
    while let Some(piece) = body.next().await?
        && !cutter.is_done()
    {
        let mut said = Vec::new();
        let read = |object: &[u8]| said.push(Kind::List.read(object, client.version.runtime));
        client.pace.bytes(piece.len()).await;
        cutter.push(&piece, &mut { read }).map_err(HttpError::Cut)?;
        client.pace.values(said.len()).await;
        for said in said.into_iter().flatten() {
            let Said::Found { metadata, .. } = said else { continue };
            if ids.len() < MAX_LISTED {
                ids.push(metadata.full_id.clone());
                shared.answer(Answer::Found(client.owner(), metadata)).await;
            }
        }
        left = left.saturating_sub(piece.len());
        if ids.len() == MAX_LISTED || left == 0 {
            let note = format!(
                "container engine at '{address}' lists more than {MAX_LISTED} containers or {MAX_LIST_MIB} MiB\nhint: \
                    tracer asks for the others when it sees them"
            );
            shared.note_once(note).await;
            break;
        }
    }
    Ok(ids)
}

/// Passes events on until there are no more.
async fn events(shared: &Rc<Shared>, client: &Client, urgent: &Urgent) -> Result<(), EndpointError> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    // The answer may begin with the first event.
    let mut body = client.way.get_at_leisure(&Kind::events(&client.version, now_s.saturating_sub(OVERLAP_S))).await?;
    let mut cutter = Cutter::new(Kind::Events.form());
    while let Some(piece) = body.next().await? {
        let mut said = Vec::new();
        let read = |object: &[u8]| said.push(Kind::Events.read(object, client.version.runtime));
        client.pace.bytes(piece.len()).await;
        cutter.push(&piece, &mut { read }).map_err(HttpError::Cut)?;
        client.pace.values(said.len()).await;
        for said in said.into_iter().flatten() {
            match said {
                Said::Found { metadata, inspect, .. } => {
                    if inspect {
                        urgent.add(&metadata.full_id);
                    }
                    shared.answer(Answer::Found(client.owner(), metadata)).await;
                }
                Said::Ended(id) => shared.answer(Answer::Ended(client.owner(), id)).await,
            }
        }
    }
    Ok(())
}

/// Containers to inspect because of what happened to them, in the order of time, each once.
#[derive(Debug, Default)]
struct Urgent {
    waiting: RefCell<(VecDeque<String>, HashSet<String>)>,
    some: Notify,
}

impl Urgent {
    /// Beyond [`MAX_URGENT`] the event has told the name and the image all the same.
    fn add(&self, id: &str) {
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
