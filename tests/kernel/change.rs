//! The question changes while the tracer runs: what a workload did is in all frames together to the last call and byte, whatever was
//! asked when.
//!
//! `TRACER_TEST_CASES` says how many changes there are, `TRACER_TEST_SEED` where to begin.

use std::{
    collections::BTreeMap,
    ffi::CString,
    io::Write as _,
    net::{TcpListener, TcpStream},
    ops::ControlFlow,
    os::fd::AsRawFd as _,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use tracer::{
    chisel::{Chisel, Env, Source as Script},
    confine::{self, Tracing},
    fields::Show,
    filter::Filter,
    output::{Frame, Out, Page, View},
    pipeline::{Asked, Commander, Limits, Mode, Pipeline, Question, channel},
    sink::{Capture, ChiselSink, Outputs, Sink, capture},
    source::{
        Source as _,
        live::{Live, Options, groups::has_socket_hooks, to_epoch_ns},
    },
    state::{Containers, Procfs, State, container},
    stats::Stats,
};
use tracer_tests::{level, sys, workload::Workload};

use crate::pushdown::{Random, number};

/// Changes in a usual run.
const CHANGES: usize = 200;
/// Processes of the workload, and what each sends in one go.
const PROCESSES: usize = 4;
const BYTES: usize = 100;
/// How often tables are made, milliseconds.
const INTERVAL_MS: u64 = 100;

/// What counts the calls of `getuid`: in the kernel by several keys, or event by event, with threads and descriptors followed or not.
const CALLS: &[&str] = &[
    r#"table(#{ keys: [#{ field: "evt.type", title: "K" }], value: #{ title: "N", op: "count" }, top: 1000 });"#,
    r#"table(#{ keys: [#{ field: "proc.pid", title: "K" }, #{ field: "evt.cpu", title: "C" }],
        value: #{ title: "N", op: "count" }, top: 1000 });"#,
    r#"table(#{ keys: [#{ field: "user.uid", title: "K" }, #{ field: "container.id", title: "C" }],
        value: #{ title: "N", op: "count" }, top: 1000 });"#,
    r#"let name = field("proc.name", "");
       let calls = tally(#{ keys: ["K"], value: #{ title: "N" }, top: 1000 });
       fn on_event(evt) { this.calls.add([evt.get(this.name)], 1); }"#,
    r#"let line = field("proc.cmdline", "");
       let calls = tally(#{ keys: ["K"], value: #{ title: "N" }, top: 1000 });
       fn on_event(evt) { this.calls.add([evt.get(this.line)], 1); }"#,
];

/// What adds up the bytes that sockets move.
const SOCKETS: &[&str] = &[
    r#"table(#{ keys: [#{ field: "proc.pid", title: "K" }],
        value: #{ field: "evt.buflen", title: "N", op: "sum" }, top: 1000 });"#,
    r#"table(#{ keys: [#{ field: "fd.sport", title: "K" }],
        value: #{ field: "evt.buflen", title: "N", op: "sum" }, top: 1000 });"#,
    r#"table(#{ keys: [#{ field: "proc.name", title: "K" }, #{ field: "fd.rip", title: "R" }],
        value: #{ field: "evt.buflen", title: "N", op: "sum" }, top: 1000 });"#,
];

/// What else may be asked, so that hooks come and go.
const OTHERS: &[(&str, &str)] = &[
    (
        "cpu",
        r#"filter("evt.type=procinfo");
        table(#{ keys: [#{ field: "proc.pid", title: "P" }], value: #{ field: "thread.cpu", title: "N", op: "sum" } });"#,
    ),
    (
        "latency",
        r#"filter("proc.name=NAME");
        table(#{ keys: [#{ field: "evt.type", title: "T" }], value: #{ field: "evt.latency", title: "N", op: "max" } });"#,
    ),
    (
        "files",
        r#"filter("fd.type!=file and proc.name=NAME");
        table(#{ keys: [#{ field: "fd.name", title: "F" }], value: #{ title: "N", op: "count" } });"#,
    ),
    (
        "signals",
        r#"filter("evt.type=signaldeliver");
        table(#{ keys: [#{ field: "proc.name", title: "P" }], value: #{ title: "N", op: "count" } });"#,
    ),
];

/// Filters that stand before all, and let the workload through.
const FILTERS: &[&str] =
    &["", "proc.name=NAME or evt.type=procinfo", "container.id=host", "not proc.name=somebody", "thread.tid>1"];

/// What is asked, without what only the thread of the loop has.
#[derive(Debug, Clone)]
struct Case {
    calls: &'static str,
    sockets: &'static str,
    others: Vec<(&'static str, &'static str)>,
    filter: &'static str,
}

impl Case {
    fn random(random: &mut Random) -> Self {
        Self {
            calls: CALLS[random.below(CALLS.len())],
            sockets: SOCKETS[random.below(SOCKETS.len())],
            others: OTHERS.iter().filter(|_| random.below(4) == 0).copied().collect(),
            filter: FILTERS[random.below(FILTERS.len())],
        }
    }

    /// The question, whose frames go to `frames` under a number.
    fn question(&self, number: usize, frames: &mpsc::Sender<Made>, options: &Options) -> anyhow::Result<Question> {
        let view: Rc<dyn View> = Rc::new(Sent { number, frames: frames.clone() });
        let views: Rc<[Rc<dyn View>]> = Rc::new([view]);
        let sink = |name: &str, text: &str| -> anyhow::Result<Box<dyn Sink>> {
            let out = Out::memory();
            let page = Page { views: Rc::clone(&views), ..Page::plain(out.clone()) };
            let head = format!("chisel(#{{ summary: \"{name}\" }});\ninterval({INTERVAL_MS});\n");
            let text = (head + text).replace("NAME", &name_of_workload());
            let source = Script { name: name.to_owned(), origin: name.to_owned(), text };
            Ok(Box::new(ChiselSink::new(Chisel::load(source, None, Env { page, ..Env::plain(out) })?)))
        };
        let calls = format!("filter(\"proc.name=NAME and evt.type=getuid\");\n{}", self.calls);
        let of_sockets = "evt.is_io=true and fd.type in (ipv4, ipv6) and fd.l4proto=tcp and proc.name=NAME";
        let mut sinks =
            vec![sink("calls", &calls)?, sink("sockets", &format!("filter(\"{of_sockets}\");\n{}", self.sockets))?];
        for (name, text) in &self.others {
            sinks.push(sink(name, text)?);
        }
        let text = self.filter.replace("NAME", &name_of_workload());
        let filter = if text.is_empty() { None } else { Some(Filter::compile(&text, Show::PLAIN)?) };
        let mut outputs = Outputs::new(filter, sinks, Out::memory(), None);
        let mode = Mode { options: options.clone(), pushdown: true, ends: false, sample: None };
        let asked = Asked::of(&mut outputs, &mode, has_socket_hooks);
        Ok(Question { outputs, asked, interval: Some(Duration::from_millis(INTERVAL_MS)) })
    }
}

/// A frame, the number of its question, and when it was made.
struct Made {
    number: usize,
    frame: Arc<Frame>,
    when: Instant,
}

/// Hands frames to another thread.
#[derive(Debug)]
struct Sent {
    number: usize,
    frames: mpsc::Sender<Made>,
}

impl View for Sent {
    fn frame(&self, frame: &Arc<Frame>) {
        let _ = self.frames.send(Made { number: self.number, frame: Arc::clone(frame), when: Instant::now() });
    }
}

/// The tracer, in a thread of its own.
struct Tracer {
    commander: Commander,
    frames: mpsc::Receiver<Made>,
    sender: mpsc::Sender<Made>,
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<Stats>,
    options: Options,
}

impl Tracer {
    fn start(first: Case) -> Self {
        let options = Options {
            changes: true,
            containers: true,
            ring_bytes: Some(tracer_tests::live::ring_bytes(16 << 20)),
            ..Options::default()
        };
        let (commander, commands) = channel().unwrap();
        let (sender, frames) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = mpsc::channel();
        let run = {
            let (options, stop, sender) = (options.clone(), Arc::clone(&stop), sender.clone());
            move || {
                let question = first.question(0, &sender, &options).unwrap();
                let scan = question.scan();
                let state = State {
                    containers: Containers::start(&container::Options::default()),
                    procfs: Procfs::new(std::path::Path::new("/")),
                    brief: scan.is_none(),
                    nameless: scan.is_none() && !question.asked.who,
                    ..State::default()
                };
                let mut live =
                    question.with_wanted(|wanted| Live::start(&question.asked.options, wanted)).expect("it starts");
                ready.send(()).unwrap();
                let scan = scan.map(|wanted| state.procfs.scan(wanted));
                let limits = Limits { interval: question.interval, max_time: None };
                let pipeline = Pipeline::new(state, question.outputs, to_epoch_ns());
                pipeline.scanning(scan).commanded(commands, question.asked).run(&mut live, limits, &stop).unwrap()
            }
        };
        let thread = thread::spawn(run);
        is_ready.recv().expect("the tracer starts");
        Self { commander, frames, sender, stop, thread, options }
    }

    /// Asks for a capture where none can be made: the answer is an error, and the question before goes on.
    fn ask_what_cannot_be(&self, case: Case) {
        let (sender, options) = (self.sender.clone(), self.options.clone());
        let answer = self.commander.ask(move || {
            let Question { outputs, asked, interval } = case.question(usize::MAX, &sender, &options)?;
            let capture = capture::Options { file: "/no/such/folder/x.scap".into(), ..capture::Options::default() };
            Ok(Question { outputs: outputs.with_capture(Some(Capture::new(capture))), asked, interval })
        });
        assert!(answer.recv().expect("the loop runs").is_err(), "nothing can be written there");
    }

    /// Asks the question of that number; returns when it counts, and how long that took.
    fn ask(&self, number: usize, case: Case) -> Duration {
        let began = Instant::now();
        let (sender, options) = (self.sender.clone(), self.options.clone());
        let answer = self.commander.ask(move || case.question(number, &sender, &options));
        answer.recv().expect("the loop runs").expect("the question can be asked");
        began.elapsed()
    }
}

/// The name of its threads: other copies of this test have other ones.
fn name_of_workload() -> String {
    format!("turned{}", std::process::id())
}

/// What the workload says.
const SAID: usize = 2;

/// Calls `getuid` and sends, until the other end of the pipe is closed.
fn work(port: u16, until: [i32; 2]) -> Workload<SAID> {
    let name = CString::new(name_of_workload()).unwrap();
    Workload::fork(move || {
        let _ = sys!(SYS_close, until[1]);
        let _ = sys!(SYS_fcntl, until[0], libc::F_SETFL, libc::O_NONBLOCK);
        let _ = sys!(SYS_prctl, libc::PR_SET_NAME, name.as_ptr());
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut calls, mut bytes) = (0, 0);
        let mut byte = [0u8; 1];
        while sys!(SYS_read, until[0], byte.as_mut_ptr(), 1) < 0 {
            for _ in 0..5 {
                for _ in 0..3 {
                    let _ = sys!(SYS_getuid);
                    calls += 1;
                }
                stream.write_all(&[b'x'; BYTES]).unwrap();
                bytes += BYTES as i64;
            }
            thread::sleep(Duration::from_millis(10));
        }
        [calls, bytes]
    })
}

#[test]
fn nothing_is_lost_or_counted_twice_when_the_question_changes() {
    if !level::root_or_skip() {
        return;
    }
    let mut random = Random(number("TRACER_TEST_SEED").unwrap_or(1) as u64 | 1);
    let changes = number("TRACER_TEST_CASES").unwrap_or(CHANGES);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let taken = listener.incoming().take(PROCESSES).map(|connection| {
            thread::spawn(move || std::io::copy(&mut connection.unwrap(), &mut std::io::sink()).unwrap())
        });
        taken.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum::<u64>()
    });
    let (end, hold) = std::io::pipe().unwrap();
    let workloads: Vec<_> = (0..PROCESSES).map(|_| work(port, [end.as_raw_fd(), hold.as_raw_fd()])).collect();

    let tracer = Tracer::start(Case::random(&mut random));
    workloads.iter().for_each(Workload::start);
    let (mut slowest, mut asked) = (Duration::ZERO, Vec::new());
    for change in 1..=changes {
        if change % 10 == 0 {
            tracer.ask_what_cannot_be(Case::random(&mut random));
        }
        thread::sleep(Duration::from_millis(random.below(150) as u64));
        let case = Case::random(&mut random);
        slowest = slowest.max(tracer.ask(change, case.clone()));
        asked.push((Instant::now(), case));
    }
    thread::sleep(Duration::from_millis(2 * INTERVAL_MS));
    drop(hold);
    let said: Vec<[i64; SAID]> = workloads.into_iter().map(|workload| workload.end().1).collect();
    thread::sleep(Duration::from_millis(2 * INTERVAL_MS));
    tracer.stop.store(true, Ordering::Relaxed);
    let stats = tracer.thread.join().expect("the loop ends well");
    drop(tracer.sender);
    drop(tracer.commander);
    let bytes: u64 = server.join().unwrap();

    let (mut sums, mut first) = (BTreeMap::<String, f64>::new(), BTreeMap::<usize, Instant>::new());
    for Made { number, frame, when } in tracer.frames {
        first.entry(number).or_insert(when);
        let sum: f64 = frame.rows.iter().filter_map(|row| row.values[0]).sum();
        *sums.entry(frame.chisel.to_string()).or_default() += sum;
    }
    let waited =
        asked.iter().zip(1..).filter_map(|((when, _), number)| first.get(&number)?.checked_duration_since(*when));
    let waited = waited.max().unwrap_or_default();
    println!("{changes} changes, the slowest {slowest:?}, a first frame at most {waited:?} later; {stats}; {sums:?}");
    let calls: i64 = said.iter().map(|[calls, _]| calls).sum();
    println!("the workload: {calls} calls, {bytes} bytes");
    if stats.losses.total() != 0 && level::programs_may_be_skipped() {
        return;
    }
    assert_eq!(stats.losses.total(), 0, "{stats}");
    assert_eq!(sums["calls"] as i64, calls);
    if has_socket_hooks() {
        assert_eq!(sums["sockets"] as u64, bytes);
    }
}

#[test]
fn the_question_changes_without_the_rights_to_load_programs() {
    if !level::root_or_skip() {
        return;
    }
    let (frames, _kept) = mpsc::channel();
    let workload = Workload::fork(move || {
        let options = Options { changes: true, containers: true, ..Options::default() };
        let case = |calls, others: &[_]| Case { calls, sockets: SOCKETS[0], others: others.to_vec(), filter: "" };
        let first = case(CALLS[0], &[]).question(0, &frames, &options).unwrap();
        let mut live = first.with_wanted(|wanted| Live::start(&first.asked.options, wanted)).unwrap();
        let confined = confine::tracing(&Tracing { changes: true, ..Tracing::default() });
        println!("{confined}");
        // Each of them takes hooks that the one before did not.
        for (number, next) in (1..).zip([case(CALLS[0], &OTHERS[..1]), case(CALLS[4], OTHERS), case(CALLS[1], &[])]) {
            let next = next.question(number, &frames, &options).unwrap();
            next.with_wanted(|wanted| live.prepare(&next.asked.options, wanted)).unwrap();
            live.pass_on(0, &mut |_| ControlFlow::Continue(())).unwrap();
            assert_eq!(live.missing(), [""; 0]);
        }
        [live.losses().total() as i64]
    });
    workload.start();
    assert_eq!(workload.end().1, [0]);
}
