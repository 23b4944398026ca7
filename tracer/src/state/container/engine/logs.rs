//! What engines give of the logs that they keep: for containers whose log files cannot be read here.
//!
//! Each log is one request, which waits while whoever reads it is slower, so that memory is bounded. All of them are on one thread. What comes
//! is handed over as it is: reading it is for [`crate::logs`].

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use hyper::body::Bytes;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::{LocalSet, spawn_local},
};

use super::{
    EndpointError, HttpError, Metadata,
    api::Api,
    client::{self, Client},
    docker::client::LogBody,
    endpoints,
};
use crate::{
    state::container::{Options, Owner},
    thread,
};

/// Pieces of a log that wait to be read, of at most 64 KiB each.
const WAITING: usize = 8;
/// How many engines are asked at once which of them has a log.
const PARALLEL: usize = 4;
/// How long an answer is waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Which log is wanted, and from where on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogWish {
    /// Whose.
    pub of: LogOf,
    /// Nothing before that time, seconds since the epoch.
    pub since_s: u64,
    /// Only so many of the last entries.
    pub last: Option<usize>,
    /// Whether it goes on with what comes.
    pub follow: bool,
}

/// A log that an engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOf {
    /// The whole id of the container.
    pub full_id: String,
    /// `container.type` of the engine.
    pub runtime: String,
    /// Whose engine it has to be.
    pub owner: Owner,
}

impl LogOf {
    /// Of that container, and an engine of that runtime and owner.
    #[must_use]
    pub fn new(full_id: &str, runtime: &str, owner: Owner) -> Self {
        Self { full_id: full_id.to_owned(), runtime: runtime.to_owned(), owner }
    }
}

/// Why a log comes to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoLog {
    /// No engine that may be asked knows the container, and one has answered.
    #[error("its engine does not know it any more")]
    Unknown,
    /// None answers.
    #[error("its engine does not answer: {0}")]
    Silent(String),
    /// It keeps none.
    #[error("its engine keeps no copy, because its log driver sends lines elsewhere with cache-disabled=true")]
    NotKept,
    /// It does not say where the log ends.
    #[error("the connection to its engine ended: {0}")]
    Lost(String),
}

/// What comes of a log.
#[derive(Debug)]
pub enum LogPart {
    /// An engine has it: where that is, and whether the container has a terminal, so that its streams are one.
    Begun {
        /// Where the engine is asked.
        address: String,
        /// Whether nothing tells the streams apart.
        is_terminal: bool,
    },
    /// Bytes as the engine sends them.
    Bytes(Bytes),
    /// The end, or why it is none.
    End(Option<NoLog>),
}

/// What the thread is asked for.
enum Asked {
    Log(LogWish, mpsc::Sender<LogPart>),
    All(oneshot::Sender<Vec<(Owner, Metadata)>>),
    Inspection(Vec<LogOf>, oneshot::Sender<Vec<Metadata>>),
}

/// Asks engines for logs.
#[derive(Debug)]
pub struct LogEngines {
    wishes: mpsc::UnboundedSender<Asked>,
    wake: Arc<OwnedFd>,
}

/// A log that an engine gives.
#[derive(Debug)]
pub struct LogStream {
    parts: mpsc::Receiver<LogPart>,
    wake: Arc<OwnedFd>,
}

impl LogEngines {
    /// Asks the engines that these options name.
    ///
    /// # Errors
    /// There can be no thread.
    pub fn start(options: &Options) -> io::Result<Self> {
        let (wishes, asked) = mpsc::unbounded_channel();
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (options, own_wake) = (options.clone(), Arc::clone(&wake));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::begin("logs of engines", move || {
            LocalSet::new().block_on(&runtime, serve(Rc::new(options), asked, own_wake));
            runtime.shutdown_background();
        })
        .map_err(io::Error::other)?;
        Ok(Self { wishes, wake })
    }

    /// A log; its parts come.
    #[must_use]
    pub fn open(&self, wish: LogWish) -> LogStream {
        let (to, parts) = mpsc::channel(WAITING);
        let _ = self.wishes.send(Asked::Log(wish, to));
        LogStream { parts, wake: Arc::clone(&self.wake) }
    }

    /// All containers whose logs engines give, those that have stopped included, and whose engine that is.
    #[must_use]
    pub fn all(&self) -> Vec<(Owner, Metadata)> {
        let (to, all) = oneshot::channel();
        let _ = self.wishes.send(Asked::All(to));
        all.blocking_recv().unwrap_or_default()
    }

    /// What engines know of these containers, of those that they know.
    #[must_use]
    pub fn inspect(&self, these: Vec<LogOf>) -> Vec<Metadata> {
        let (to, all) = oneshot::channel();
        let _ = self.wishes.send(Asked::Inspection(these, to));
        all.blocking_recv().unwrap_or_default()
    }

    /// Where the engine is that gives a log.
    ///
    /// # Errors
    /// None does.
    pub fn check(&self, of: &LogOf) -> Result<String, NoLog> {
        let mut stream = self.open(LogWish { of: of.clone(), since_s: 0, last: Some(0), follow: false });
        match stream.next(PATIENCE) {
            Some(LogPart::Begun { address, .. }) => Ok(address),
            Some(LogPart::End(Some(why))) => Err(why),
            Some(LogPart::End(None) | LogPart::Bytes(_)) | None => {
                Err(NoLog::Silent(format!("it has sent nothing for {} s", PATIENCE.as_secs())))
            }
        }
    }

    /// Can be read when parts have come.
    #[must_use]
    pub fn wake(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.wake)
    }
}

/// Waits until `wake` can be read, and makes it so that it cannot until something comes again.
pub fn clear(wake: BorrowedFd<'_>) {
    let _ = rustix::io::read(wake, &mut [0; 8]);
}

impl LogStream {
    /// The next part; `None` if none has come within that time.
    pub fn next(&mut self, at_most: Duration) -> Option<LogPart> {
        let end = std::time::Instant::now() + at_most;
        loop {
            match self.parts.try_recv() {
                Ok(part) => return Some(part),
                Err(mpsc::error::TryRecvError::Disconnected) => return Some(LogPart::End(None)),
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            let left = end.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return None;
            }
            // Parts of other logs wake it, too.
            let _ = poll(&mut [PollFd::new(&self.wake, PollFlags::IN)], Timespec::try_from(left).ok().as_ref());
            clear(self.wake.as_fd());
        }
    }
}

/// Carries out wishes until nobody can have one any more.
async fn serve(options: Rc<Options>, mut asked: mpsc::UnboundedReceiver<Asked>, wake: Arc<OwnedFd>) {
    let slots = Rc::new(Semaphore::new(PARALLEL));
    while let Some(asked) = asked.recv().await {
        let (wish, to) = match asked {
            Asked::Log(wish, to) => (wish, to),
            Asked::All(to) => {
                let options = Rc::clone(&options);
                spawn_local(async move { to.send(list(&options).await) });
                continue;
            }
            Asked::Inspection(these, to) => {
                let options = Rc::clone(&options);
                spawn_local(async move { to.send(inspect(&options, these).await) });
                continue;
            }
        };
        let to = Sender { to, wake: Arc::clone(&wake) };
        let (options, slots) = (Rc::clone(&options), Rc::clone(&slots));
        spawn_local(async move {
            let why = attend(&options, &slots, &wish, &to).await.err();
            to.send(LogPart::End(why)).await;
        });
    }
}

struct Sender {
    to: mpsc::Sender<LogPart>,
    wake: Arc<OwnedFd>,
}

impl Sender {
    /// Hands a part over, when there is room. False if nobody wants it any more.
    async fn send(&self, part: LogPart) -> bool {
        let is_taken = self.to.send(part).await.is_ok();
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        is_taken
    }
}

/// Hands over a log to its end.
async fn attend(options: &Options, slots: &Semaphore, wish: &LogWish, to: &Sender) -> Result<(), NoLog> {
    let (address, mut log) = {
        let _slot = slots.acquire().await;
        find(options, wish).await?
    };
    to.send(LogPart::Begun { address, is_terminal: log.is_terminal }).await;
    loop {
        // A container that writes nothing would keep the connection of a reader that has gone.
        let piece = tokio::select! {
            piece = log.body.next() => piece,
            () = to.to.closed() => return Ok(()),
        };
        match piece {
            Ok(Some(bytes)) => {
                if !to.send(LogPart::Bytes(bytes)).await {
                    return Ok(());
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => return Err(NoLog::Lost(client::cause(&error))),
        }
    }
}

/// The engines that give logs.
async fn clients(options: &Options) -> Vec<Client> {
    let mut all = Vec::new();
    for endpoint in endpoints(options).into_iter().filter(|endpoint| endpoint.api == Api::Docker) {
        for address in endpoint.existing() {
            let Ok(owner) = endpoint.owner_of(address, &options.host_root) else { continue };
            all.extend(Client::greet(endpoint.api, address, owner).await.ok());
        }
    }
    all
}

/// What all of them list.
async fn list(options: &Options) -> Vec<(Owner, Metadata)> {
    let mut all = Vec::new();
    for client in clients(options).await {
        let listed = client.engine.with_logs().await.unwrap_or_default();
        all.extend(listed.into_iter().map(|metadata| (client.owner(), metadata)));
    }
    all
}

/// What they know of these containers.
async fn inspect(options: &Options, these: Vec<LogOf>) -> Vec<Metadata> {
    let clients = clients(options).await;
    let mut all = Vec::new();
    for LogOf { full_id, runtime, owner } in these {
        let own = |client: &&Client| client.owner() == owner && client.engine.version().runtime == runtime;
        for client in clients.iter().filter(own) {
            all.extend(client.inspect(&full_id).await);
        }
    }
    all
}

/// The engine that has the log, and the log.
async fn find(options: &Options, wish: &LogWish) -> Result<(String, LogBody), NoLog> {
    let LogOf { full_id, runtime, owner } = &wish.of;
    let mut failed = None;
    let mut unknown = false;
    for endpoint in endpoints(options).into_iter().filter(|endpoint| endpoint.api == Api::Docker) {
        for address in endpoint.existing() {
            if endpoint.owner_of(address, &options.host_root).ok() != Some(*owner) {
                continue;
            }
            let log = async {
                let client = Client::greet(endpoint.api, address, *owner).await?;
                if client.engine.version().runtime != runtime {
                    return Ok(None);
                }
                client.engine.log(full_id, wish).await
            };
            match log.await {
                Ok(Some(log)) => return Ok((address.to_string(), log)),
                Ok(None) => {}
                Err(EndpointError::Http(HttpError::Status { status: 404, .. })) => unknown = true,
                Err(EndpointError::Http(HttpError::Status { status: 501, .. })) => return Err(NoLog::NotKept),
                Err(error) => failed = Some(format!("{address}: {}", client::cause(&error))),
            }
        }
    }
    match failed {
        Some(why) => Err(NoLog::Silent(why)),
        None if unknown => Err(NoLog::Unknown),
        None => Err(NoLog::Silent("no socket of such an engine is there".to_owned())),
    }
}

/// Whether there are files of a container here that somebody could read, by the path that its engine says: the folder in which each
/// container has one is there, and can be looked into.
#[must_use]
pub fn has_files_here(path: &std::path::Path) -> bool {
    let folder: Option<PathBuf> = path.parent().and_then(|folder| folder.parent()).map(PathBuf::from);
    folder.is_some_and(|folder| std::fs::read_dir(folder).is_ok())
}
