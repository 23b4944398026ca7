//! The engines of the full screen: the running kernel, and captures.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, TryRecvError},
    },
    thread::JoinHandle,
};

use super::{Live, TopArgs, plan, planned, snaplen, told};
use crate::{
    cli::{explain, replay, run::Screen},
    message::note,
    pipeline::{Answer, Asked, Commander, Mode, Question, channel},
    source::{live::groups, replay::Position},
    thread,
    tui::{Engine, Link, app::Msg},
    view::{self, Ask},
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

/// A capture: each question is a pass over it.
pub(super) struct Passes {
    top: TopArgs,
    send: Option<Sender<Msg>>,
    running: Option<(Arc<AtomicBool>, Running)>,
    confined: bool,
    position: Arc<OnceLock<Arc<Position>>>,
    /// The pass that looks for an event.
    finding: Option<(Arc<AtomicBool>, Running)>,
}

impl Passes {
    pub(super) fn new(top: TopArgs) -> Self {
        Self { top, send: None, running: None, confined: false, position: Arc::default(), finding: None }
    }

    fn stop(&mut self) -> Option<Result<String, String>> {
        let (stop, running) = self.running.take()?;
        stop.store(true, Ordering::Relaxed);
        Some(running.join().unwrap_or_else(|_| Err("the reader has panicked".to_owned())))
    }
}

impl Engine for Passes {
    fn begin(&mut self, send: Sender<Msg>) {
        self.send = Some(send);
    }

    fn ask(&mut self, number: u64, ask: Ask) {
        let Some(send) = self.send.clone() else { return };
        self.stop();
        let stop = Arc::new(AtomicBool::new(false));
        let (top, of_thread) = (self.top.clone(), Arc::clone(&stop));
        let confines = !std::mem::replace(&mut self.confined, true);
        self.position = Arc::default();
        let position = Arc::clone(&self.position);
        let link = Link { number, send: send.clone() };
        let spawned = thread::begin_engine("reader", move || {
            let ran = || -> anyhow::Result<String> {
                let mut plan = planned(&top, &ask, link.clone().publish())?;
                plan.screen =
                    Some(Screen { commands: None, stop: of_thread, runs: false, serves: false, confines, position });
                let (stats, _) = replay::run(plan)?;
                Ok(stats.to_string())
            };
            let result = ran().map_err(|error| told(&error));
            let _ = link.send.send(Msg::Ended(Some(link.number), result.as_ref().map(|_| ()).map_err(Clone::clone)));
            result
        });
        match spawned {
            Ok(running) => self.running = Some((stop, running)),
            Err(error) => drop(send.send(Msg::Ended(None, Err(told(&error.into()))))),
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
        if let (true, Some(send), Some(position)) = (reads, &self.send, self.position.get())
            && let Some(total) = position.total()
        {
            let _ = send.send(Msg::Read(100.0 * position.read() as f64 / total.max(1) as f64));
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
