//! From options to a running server.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use super::{
    counted::Level,
    disk,
    gather::{self, Publish, Snapshot},
    http::{self, Bound, Listen, Web, WebError},
    live::{Desk, Engine, Shows},
    metrics::ContainerLabels,
    site::{Settings, Site},
};
use crate::{
    confine,
    message::note,
    pipeline::{self, Commands},
    sink::Outputs,
    state::container::EngineSocket,
    thread::NoThread,
};

/// How long streams and slow clients may take once the server ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; the usual place if nothing is said.
    pub listen: Vec<Listen>,
    /// How much is counted.
    pub level: Level,
    /// The web configuration file.
    pub web_config: Option<PathBuf>,
    /// A file that has the token of clients.
    pub token_file: Option<PathBuf>,
    /// Names of this machine that clients may ask for.
    pub allowed_hosts: Vec<String>,
    /// What all paths begin with.
    pub prefix: String,
    /// Labels of containers that become labels of metrics; the usual ones when nothing is said.
    pub container_labels: Vec<String>,
    /// Whether all of them do.
    pub all_labels: bool,
    /// The most series of `/metrics`; what is over it is left out.
    pub max_series: usize,
    /// Whether to read how much containers have in their writable layers.
    pub disk_usage: bool,
    /// What clients are shown besides.
    pub shows: Shows,
    /// The engines to ask, and no others; those of the usual places when there are none.
    pub engine_sockets: Vec<EngineSocket>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address cannot be listened at.
    #[error("cannot listen at {place}: {error}")]
    Listen {
        /// The address.
        place: String,
        /// Why.
        error: io::Error,
    },
    /// Sockets of systemd cannot be taken over.
    #[error("cannot take over the sockets of systemd: {0}")]
    Systemd(io::Error),
    /// The web configuration is wrong.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The token cannot be read.
    #[error("cannot read the token from '{path}': {error}")]
    Token {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The file has no token that is good enough.
    #[error("'{path}' has no token of at least 16 characters in one line")]
    WeakToken {
        /// The file.
        path: String,
    },
    /// There can be no thread.
    #[error("cannot start the server")]
    Thread(#[from] NoThread),
    /// There can be no runtime, or no signals.
    #[error("cannot start the server: {0}")]
    Start(io::Error),
}

impl ServeError {
    /// What to do about it, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        let Self::Listen { place, error } = self else { return None };
        Some(match error.kind() {
            io::ErrorKind::AddrInUse if place.starts_with("unix:") => {
                "another program listens there, as ss -lxp shows, or the file is not a socket"
            }
            io::ErrorKind::AddrInUse => {
                "another program listens there, as ss -ltnp shows; --listen takes another address"
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine does not have that address; --listen :PORT is all that it has"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need root",
            _ => return None,
        })
    }
}

/// A server that listens already.
#[derive(Debug)]
pub struct Server {
    bound: Vec<Bound>,
    settings: Settings,
    prefix: String,
    sockets: Vec<EngineSocket>,
    disk_usage: bool,
    level: Level,
    publish: Publish,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    desk: Arc<Desk>,
    commands: Option<Commands>,
}

/// What the engine needs to know: it makes its sinks in a thread of its own.
#[derive(Debug)]
pub struct Counting {
    level: Level,
    max_series: usize,
    publish: Publish,
    desk: Arc<Desk>,
    /// What clients ask for meanwhile.
    pub commands: Option<Commands>,
}

impl Counting {
    /// Filter and sinks. From here on clients can ask the engine.
    ///
    /// # Errors
    /// A table of ours makes no sense, or the filter does not.
    pub fn outputs(self, engine: Engine) -> anyhow::Result<Outputs> {
        let outputs = engine.begin(gather::sinks(self.level, self.max_series, self.publish)?)?;
        self.desk.open(Arc::new(engine));
        Ok(outputs)
    }
}

fn settings(options: &Options) -> Result<Settings, ServeError> {
    let mut web = options.web_config.as_deref().map(Web::read).transpose()?.unwrap_or_default();
    web.access.hosts.clone_from(&options.allowed_hosts);
    if let Some(path) = &options.token_file {
        let shown = crate::message::Shown::shown(path.as_path());
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| ServeError::Token { path: shown.clone(), error })?;
        let token = text.trim();
        if token.len() < 16 || token.contains(char::is_whitespace) {
            return Err(ServeError::WeakToken { path: shown });
        }
        web.access.token = Some(token.to_owned());
    }
    let labels = match (options.all_labels, options.container_labels.is_empty()) {
        (true, _) => ContainerLabels::All,
        (false, true) => ContainerLabels::default(),
        (false, false) => ContainerLabels::Some(options.container_labels.clone()),
    };
    Ok(Settings { labels, max_series: options.max_series, web: Arc::new(web) })
}

impl Server {
    /// Begins to listen, which may take rights that are given up later.
    ///
    /// # Errors
    /// An address is taken, or a file is wrong.
    pub fn bind(options: &Options) -> Result<Self, ServeError> {
        let settings = settings(options)?;
        let mut bound = Bound::from_systemd().map_err(ServeError::Systemd)?;
        let usual = [Listen::Tcp(([127, 0, 0, 1], http::PORT).into())];
        let asked = if options.listen.is_empty() && bound.is_empty() { &usual[..] } else { &options.listen[..] };
        for listen in asked {
            let one = Bound::bind(listen);
            bound.push(one.map_err(|error| ServeError::Listen { place: listen.to_string(), error })?);
        }
        let (publish, snapshots) = watch::channel(Arc::default());
        let (commander, commands) = pipeline::channel().map_err(ServeError::Start)?;
        Ok(Self {
            bound,
            settings,
            prefix: options.prefix.clone(),
            sockets: options.engine_sockets.clone(),
            disk_usage: options.disk_usage,
            level: options.level,
            publish,
            snapshots,
            desk: Arc::new(Desk::new(commander, options.shows)),
            commands: Some(commands),
        })
    }

    /// What the engine needs to know.
    #[must_use]
    pub fn counting(&mut self) -> Counting {
        let commands = self.commands.take();
        let max_series = self.settings.max_series;
        Counting {
            level: self.level,
            max_series,
            publish: self.publish.clone(),
            desk: Arc::clone(&self.desk),
            commands,
        }
    }

    /// Whether somebody else may reach it who is asked for nothing.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let web = &self.settings.web;
        self.bound.iter().any(|bound| !bound.is_local()) && !web.access.is_closed()
    }

    /// Whether passwords or tokens reach it unencrypted over a network.
    #[must_use]
    pub fn is_overheard(&self) -> bool {
        let web = &self.settings.web;
        self.bound.iter().any(|bound| !bound.is_local()) && web.access.is_closed() && web.tls.is_none()
    }

    /// Where it listens.
    pub fn places(&self) -> impl Iterator<Item = String> {
        self.bound.iter().map(|bound| {
            let place = bound.place();
            if self.settings.web.tls.is_some() { place.replacen("http:", "https:", 1) } else { place }
        })
    }

    /// Answers until a signal comes, which is returned, or the engine ends. SIGHUP reads the settings that may change again, as
    /// `options` says them then.
    ///
    /// # Errors
    /// There can be no thread, or no signals.
    pub fn run(self, options: &mut dyn FnMut() -> Result<Options, String>) -> Result<Option<i32>, ServeError> {
        let Self { bound, settings, prefix, sockets, disk_usage, level: _, publish, mut snapshots, desk, commands: _ } =
            self;
        // From here on only the engine publishes: when it has gone, however it went, nothing comes any more.
        drop(publish);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Start)?;
        let disk = disk_usage.then(|| disk::start(snapshots.clone())).transpose()?;
        let site = Arc::new(Site::new(snapshots.clone(), settings, prefix, sockets, disk, desk)?);
        // Whoever reads what strangers send needs no rights.
        confine::interface();
        let signal = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            let slots = http::slots();
            for bound in bound {
                tasks.spawn(http::serve(bound, Arc::clone(&site), Arc::clone(&slots)));
            }
            let of_history = Arc::clone(&site);
            tokio::spawn(async move { of_history.keep_history().await });
            let mut interrupted = signal(SignalKind::interrupt())?;
            let mut terminated = signal(SignalKind::terminate())?;
            let mut quit = signal(SignalKind::quit())?;
            let mut hung_up = signal(SignalKind::hangup())?;
            loop {
                tokio::select! {
                    _ = interrupted.recv() => return Ok(Some(SignalKind::interrupt().as_raw_value())),
                    _ = terminated.recv() => return Ok(Some(SignalKind::terminate().as_raw_value())),
                    _ = quit.recv() => return Ok(Some(SignalKind::quit().as_raw_value())),
                    _ = hung_up.recv() => reload(&site, options),
                    Some(failed) = tasks.join_next() => match failed {
                        Ok(Ok(never)) => match never {},
                        Ok(Err(error)) => return Err(error),
                        Err(error) => return Err(io::Error::other(error)),
                    },
                    changed = snapshots.changed() => if changed.is_err() {
                        return Ok(None);
                    },
                }
            }
        });
        runtime.shutdown_timeout(LAST_WORDS);
        signal.map_err(ServeError::Start)
    }
}

/// Reads again what may change. What is wrong is said, and changes nothing.
fn reload(site: &Site, options: &mut dyn FnMut() -> Result<Options, String>) {
    let read = options().and_then(|options| settings(&options).map_err(|error| error.to_string()));
    match read {
        Ok(settings) => {
            site.change(settings);
            note("settings were read again");
        }
        Err(why) => note(&format!("settings stay as they are: {why}")),
    }
}
