//! The engines of the full screen: the running kernel, and captures.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, TryRecvError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{ECHO_BYTES, Live, TopArgs, plan, planned, snaplen, spool::Spool, told};
use crate::{
    cli::{explain, replay, run::Screen},
    message::note,
    pipeline::{Answer, Asked, Commander, Mode, Question, channel},
    scap::ScapError,
    source::{live::groups, replay::Position},
    thread,
    tui::{Engine, Link, app::Msg},
    view::{self, Ask, spec::Kind},
};

/// How wide what is explained is.
const WIDTH: usize = 76;

/// A thread that runs the engine.
type Running = JoinHandle<Result<String, String>>;

/// The running kernel: one engine, whose question changes.
pub(super) struct Tracing {
    top: TopArgs,
    live: Live,
    send: Option<Sender<Msg>>,
    stop: Arc<AtomicBool>,
    commander: Option<Commander>,
    running: Option<Running>,
    answers: Vec<(u64, Answer)>,
}

impl Tracing {
    pub(super) fn new(top: TopArgs, live: Live) -> Self {
        Self { top, live, send: None, stop: Arc::default(), commander: None, running: None, answers: Vec::new() }
    }

    fn start(&mut self, ask: Ask, link: Link) -> anyhow::Result<()> {
        let (commander, commands) = channel()?;
        let (top, live, stop) = (self.top.clone(), self.live, Arc::clone(&self.stop));
        let running = thread::begin_engine("engine", move || {
            let send = link.send.clone();
            let ran = || -> anyhow::Result<String> {
                let mut plan = planned(&top, &ask, link.publish())?;
                // How much of data is recorded is settled when the programs are loaded, and the data of a row may be asked for later.
                plan.snaplen = top.snaplen.unwrap_or(ECHO_BYTES);
                let runs = !top.read_only;
                plan.screen = Some(Screen {
                    commands: Some(commands),
                    stop,
                    runs,
                    serves: false,
                    confines: true,
                    position: Arc::default(),
                });
                Ok((live.run)(plan, None)?.to_string())
            };
            let result = ran().map_err(|error| told(&error));
            let _ = send.send(Msg::Ended(None, result.as_ref().map(|_| ()).map_err(Clone::clone)));
            result
        })?;
        (self.commander, self.running) = (Some(commander), Some(running));
        Ok(())
    }
}

impl Engine for Tracing {
    fn begin(&mut self, send: Sender<Msg>) {
        self.send = Some(send);
    }

    fn ask(&mut self, number: u64, ask: Ask) {
        let Some(send) = self.send.clone() else { return };
        let link = Link { number, send: send.clone() };
        let Some(commander) = &self.commander else {
            if let Err(error) = self.start(ask, link) {
                let _ = send.send(Msg::Ended(None, Err(told(&error))));
            }
            return;
        };
        let top = self.top.clone();
        let answer = commander.ask(move || {
            let mut outputs = ask.outputs(link.publish())?;
            let mut plan = plan(&top)?;
            plan.needs = outputs.needs();
            plan.snaplen = snaplen(&top, plan.needs);
            let mut mode: Mode = plan.mode();
            mode.options.changes = true;
            let asked = Asked::of(&mut outputs, &mode, groups::has_socket_hooks);
            let interval = outputs.interval_ms().map(std::time::Duration::from_millis);
            Ok(Question { outputs, asked, interval })
        });
        self.answers.push((number, answer));
    }

    fn explain(&mut self, ask: Ask) -> Vec<String> {
        let nobody: view::Publish = Box::new(|_, _| Ok(()));
        match planned(&self.top, &ask, nobody) {
            Ok(mut plan) => {
                explain::text(&mut plan, groups::has_socket_hooks, WIDTH).lines().map(str::to_owned).collect()
            }
            Err(error) => vec![told(&error)],
        }
    }

    fn look(&mut self) {
        let Some(send) = &self.send else { return };
        self.answers.retain(|(number, answer)| match answer.try_recv() {
            Ok(result) => {
                let _ = send.send(Msg::Answered(*number, result.map_err(|error| told(&error))));
                false
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Disconnected) => false,
        });
    }

    fn end(&mut self) -> Option<String> {
        self.stop.store(true, Ordering::Relaxed);
        match self.running.take()?.join() {
            Ok(Ok(summary)) => {
                note(&summary);
                None
            }
            Ok(Err(error)) => Some(error),
            Err(_) => Some("the engine has panicked".to_owned()),
        }
    }
}

/// How long the first looks at a capture are. A look ends early, shows what it has, and the capture is read from its beginning: so the
/// rows of a long one are on the screen at once, whatever they are counted from.
const LOOKS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(2)];
/// A look is for captures that are at least so many times as long.
const WORTH: u64 = 4;

/// A pass over a capture.
#[derive(Debug, Clone)]
struct Pass {
    stop: Arc<AtomicBool>,
    position: Arc<OnceLock<Arc<Position>>>,
    began: Instant,
    /// How long it is, when it is a first look; then, whether it was ended as one.
    look: Option<Duration>,
    looked: Arc<AtomicBool>,
}

impl Pass {
    fn begin(look: Option<Duration>) -> Self {
        let (stop, position, looked) = (Arc::default(), Arc::default(), Arc::default());
        Self { stop, position, began: Instant::now(), look, looked }
    }

    /// Bytes that were read, and all.
    fn bytes(&self) -> Option<(u64, u64)> {
        let position = self.position.get()?;
        Some((position.read(), position.total()?))
    }

    /// Ends a look whose time is over, unless the rest is not worth another pass.
    fn look(&self) {
        if self.look.is_some_and(|look| self.began.elapsed() >= look)
            && self.bytes().is_some_and(|(read, total)| read.saturating_mul(WORTH) < total)
        {
            self.looked.store(true, Ordering::Relaxed);
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// What comes after it: the whole, or a longer look if that is worth it, too.
    fn next(&self) -> Option<Duration> {
        let (read, total) = self.bytes()?;
        let whole = self.began.elapsed().mul_f64(total as f64 / read.max(1) as f64);
        LOOKS.into_iter().find(|look| Some(*look) > self.look && whole > *look * WORTH as u32)
    }
}

/// A capture: each question is a pass over it.
pub(super) struct Passes {
    top: TopArgs,
    /// Where standard input is kept, if that is the capture.
    spool: Option<Spool>,
    send: Option<Sender<Msg>>,
    running: Option<(Arc<AtomicBool>, Running)>,
    confined: bool,
    /// The pass of the question.
    pass: Arc<Mutex<Pass>>,
    /// The pass that looks for an event.
    finding: Option<(Arc<AtomicBool>, Running)>,
}

impl Passes {
    pub(super) fn new(top: TopArgs, spool: Option<Spool>) -> Self {
        let pass = Arc::new(Mutex::new(Pass::begin(None)));
        Self { top, spool, send: None, running: None, confined: false, pass, finding: None }
    }

    fn pass(&self) -> Pass {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn stop(&mut self) -> Option<Result<String, String>> {
        self.stop_passes();
        let (_, running) = self.running.take()?;
        Some(running.join().unwrap_or_else(|_| Err("the reader has panicked".to_owned())))
    }

    /// No pass begins any more, and the one that runs ends.
    fn stop_passes(&self) {
        if let Some((over, _)) = &self.running {
            over.store(true, Ordering::Relaxed);
        }
        self.pass().stop.store(true, Ordering::Relaxed);
    }
}

impl Engine for Passes {
    fn begin(&mut self, send: Sender<Msg>) {
        self.send = Some(send);
    }

    fn ask(&mut self, number: u64, ask: Ask) {
        let Some(send) = self.send.clone() else { return };
        self.stop();
        let over = Arc::new(AtomicBool::new(false));
        let (top, of_thread, shared, spool) =
            (self.top.clone(), Arc::clone(&over), Arc::clone(&self.pass), self.spool.clone());
        let mut confines = !std::mem::replace(&mut self.confined, true);
        let link = Link { number, send: send.clone() };
        // Events are shown as they are read.
        let is_table = ask.mode == view::Mode::Rows && ask.view.kind == Kind::Table;
        *shared.lock().unwrap_or_else(PoisonError::into_inner) =
            Pass::begin(LOOKS.first().copied().filter(|_| is_table));
        let spawned = thread::begin_engine("reader", move || {
            if let Some(spool) = &spool {
                spool.wait(&of_thread);
            }
            let mut once = |pass: &Pass| -> anyhow::Result<String> {
                let mut plan = planned(&top, &ask, link.clone().publish())?;
                plan.screen = Some(Screen {
                    commands: None,
                    stop: Arc::clone(&pass.stop),
                    runs: false,
                    serves: false,
                    confines: std::mem::take(&mut confines),
                    position: Arc::clone(&pass.position),
                });
                let (stats, _) = replay::run(plan)?;
                Ok(stats.to_string())
            };
            let mut pass = {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.began = Instant::now();
                shared.clone()
            };
            let ran = loop {
                let ran = once(&pass);
                if ran.is_err() || !pass.looked.load(Ordering::Relaxed) || of_thread.load(Ordering::Relaxed) {
                    break ran;
                }
                let next = Pass::begin(pass.next());
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = next.clone();
                if of_thread.load(Ordering::Relaxed) {
                    break ran;
                }
                pass = next;
            };
            let is_damage = |error: &anyhow::Error| error.chain().any(|cause| cause.is::<ScapError>());
            let damage = ran.as_ref().err().filter(|error| is_damage(error)).map(told);
            let result = ran.map_err(|error| told(&error));
            let _ = link.send.send(match (&result, damage) {
                (_, Some(damage)) => Msg::Damaged(link.number, damage),
                (result, None) => Msg::Ended(Some(link.number), result.as_ref().map(|_| ()).map_err(Clone::clone)),
            });
            result
        });
        match spawned {
            Ok(running) => self.running = Some((over, running)),
            Err(error) => drop(send.send(Msg::Ended(None, Err(told(&error.into()))))),
        }
    }

    fn stop_reading(&mut self) {
        match &self.spool {
            // What has come is read then.
            Some(spool) if !spool.is_complete() => spool.finish(),
            _ => self.stop_passes(),
        }
    }

    fn find(&mut self, number: String, ask: Ask) {
        let Some(send) = self.send.clone() else { return };
        if let Some((stop, running)) = self.finding.take() {
            stop.store(true, Ordering::Relaxed);
            let _ = running.join();
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (top, of_thread, of_frame) = (self.top.clone(), Arc::clone(&stop), Arc::clone(&stop));
        // Like the reader: what it reads is made by strangers. The pass before has confined its own thread only.
        let spawned = thread::begin_engine("finder", move || {
            let publish: view::Publish = Box::new(move |frame: crate::output::Frame, _| {
                let fields = frame.rows.into_iter().next().and_then(|row| row.keys.into_iter().nth(frame.keys.len()));
                if let Some(fields) = fields {
                    let _ = send.send(Msg::Fields(number.clone(), fields));
                    // There is only one: the rest of the capture is not needed.
                    of_frame.store(true, Ordering::Relaxed);
                }
                Ok(())
            });
            let ran = || -> anyhow::Result<String> {
                let mut plan = planned(&top, &ask, publish)?;
                let position = Arc::default();
                plan.screen = Some(Screen {
                    commands: None,
                    stop: of_thread,
                    runs: false,
                    serves: false,
                    confines: false,
                    position,
                });
                let (stats, _) = replay::run(plan)?;
                Ok(stats.to_string())
            };
            ran().map_err(|error| told(&error))
        });
        self.finding = spawned.ok().map(|running| (stop, running));
    }

    fn look(&mut self) {
        let reads = self.running.as_ref().is_some_and(|(_, running)| !running.is_finished());
        let pass = self.pass();
        if !reads {
            return;
        }
        pass.look();
        if let (Some(send), Some((read, total))) = (&self.send, pass.bytes()) {
            let _ = send.send(Msg::Read(100.0 * read as f64 / total.max(1) as f64));
        }
    }

    fn end(&mut self) -> Option<String> {
        if let Some((stop, running)) = self.finding.take() {
            stop.store(true, Ordering::Relaxed);
            let _ = running.join();
        }
        self.stop()?.err()
    }
}
