//! How many events each of many filters lets through, compared with another tool.
//!
//! `filter-counts.csv` has the number of events that sysdig 0.41.4 shows of each capture, or `error`, and then the filter.
//! Each number is ours too, or stands in a list below with its reason. One pass over a capture counts for all filters.

use std::{cell::RefCell, collections::BTreeSet, path::PathBuf, rc::Rc, sync::atomic::AtomicBool};

use tracer::{
    fields::{Context, EventType, Needs, Show},
    filter::{
        Filter, FilterError,
        operator::{self, Class},
        transform,
    },
    output::Out,
    pipeline::{Limits, Pipeline},
    sink::{Outputs, Shown, Sink},
    source::replay::Replay,
    state::{Procfs, State},
};
use tracer_common::events::Flags;

const COUNTS: &str = include_str!("filter-counts.csv");

const PLUGIN: &str = "sysdig has these fields only with a plugin";
const LATENCY: &str = "sysdig 0.41 does not measure latency, 0.29 did";
const LACKS: &str = "the descriptor of a call that began before the capture is not known, and not 0";
const ENDED: &str = "a thread keeps its name for its last switch";
const NO_FD: &str = "an mmap without a file has no descriptor; of a pipe the first one counts";
const NO_RESULT: &str = "a signal is no call and has no result, and sysdig 0.41 ends with an error then";
const NOT_THERE: &str = "what is not there has no value, sysdig says it is empty";
const MEASURED: &str = "sysdig does not measure it";
const KINDS: &str = "futex and pipe are ipc";
const BETTER: &str = "an error in sysdig";

/// Filters that mean something else here, or are errors in sysdig, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("container.id=host", PLUGIN),
    ("container.id!=host", PLUGIN),
    ("container.name exists", PLUGIN),
    ("container.image contains nginx", PLUGIN),
    ("container.type=docker", PLUGIN),
    ("container.privileged=true", PLUGIN),
    ("k8s.pod.name exists", PLUGIN),
    ("k8s.ns.name exists", PLUGIN),
    ("evt.latency>1000000", LATENCY),
    ("evt.latency.s>=1", LATENCY),
    ("thread.exectime>0", MEASURED),
    ("proc.name!=sh", ENDED),
    ("proc.pname exists", ENDED),
    ("proc.pname=bash", ENDED),
    ("proc.aname=bash", ENDED),
    ("proc.aname[1]=bash", ENDED),
    ("proc.aname[2] exists", ENDED),
    ("proc.aname in (bash, sshd, systemd)", ENDED),
    ("proc.apid=1", ENDED),
    ("proc.apid[1] exists", ENDED),
    ("proc.cwd=/", ENDED),
    ("proc.env contains PATH", ENDED),
    ("proc.exepath exists", ENDED),
    ("proc.loginshellid exists", ENDED),
    ("proc.sid exists", ENDED),
    ("proc.tty>0", ENDED),
    ("thread.ismain=true", ENDED),
    ("thread.vtid exists", ENDED),
    ("thread.cgroups contains docker", ENDED),
    ("user.uid=0", ENDED),
    ("user.name=root", ENDED),
    ("user.loginuid=-1", ENDED),
    ("user.homedir=/root", ENDED),
    ("group.gid=0", ENDED),
    ("group.name=root", ENDED),
    ("fd.name exists", NO_FD),
    ("not fd.name exists", NO_FD),
    ("fd.name=''", NO_FD),
    ("fd.num!=3", NO_FD),
    ("fd.uid exists", NO_FD),
    ("evt.type=open or(fd.num>3)", NO_FD),
    ("evt.buflen>100", NO_RESULT),
    ("evt.buflen.in>0", NO_RESULT),
    ("proc.env[HOME] exists", NOT_THERE),
    ("proc.sname exists", NOT_THERE),
    ("thread.cgroup.cpu exists", NOT_THERE),
    ("fd.name!=''", LACKS),
    ("fd.type=file", LACKS),
    ("fd.type in (file, directory)", LACKS),
    ("fd.typechar=f", LACKS),
    ("fd.types intersects (ipv4, file)", LACKS),
    ("evt.category=file", LACKS),
    ("fd.ip!=127.0.0.1", "a socket that is not bound has no address, not 0.0.0.0"),
    ("user.name!=root", "a user that is not known has no name"),
    ("evt.category=ipc", KINDS),
    ("evt.category=other", KINDS),
    ("evt.abspath contains /etc", "any call with a path has one"),
    ("evt.deltatime>1000000", "the first event has none before it"),
    ("fd.is_server=true", "of a connection inside of the machine one end is the server"),
    ("fd.is_server=false", "of a connection inside of the machine one end is the server"),
    ("fd.l4proto=tcp", "a socket says what it is before it is connected"),
    ("fd.types in (ipv4)", "a process without descriptors has no types, and no list is in another"),
    ("fd.net=::/0", "sysdig refuses the network of all addresses"),
    ("evt.num>0x20", BETTER),
    ("proc.name = oneof (curl, sh)", BETTER),
    (r#"proc.name="cu\x72l""#, BETTER),
];

/// A filter and what the other tool shows: by capture, `None` for an error.
struct Expected {
    filter: &'static str,
    counts: Vec<Option<u64>>,
}

fn expected() -> (Vec<&'static str>, Vec<Expected>) {
    let mut lines = COUNTS.lines();
    let captures: Vec<&str> = lines.next().unwrap().split(',').filter(|name| *name != "filter").collect();
    let count = captures.len();
    let all = lines.map(|line| {
        let mut columns = line.splitn(count + 1, ',');
        let counts = columns.by_ref().take(count).map(|column| column.parse().ok()).collect();
        Expected { filter: columns.next().unwrap(), counts }
    });
    (captures, all.collect())
}

/// Counts what passes each filter.
struct Counts {
    filters: Vec<Result<Filter, FilterError>>,
    counts: Rc<RefCell<Vec<u64>>>,
}

impl Sink for Counts {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let mut counts = self.counts.borrow_mut();
        let event = EventType::of_event(context.event);
        for (filter, count) in self.filters.iter().zip(counts.iter_mut()) {
            let Ok(filter) = filter else { continue };
            let matches = filter.matches(context);
            // What the type of an event rules out is not even collected.
            assert!(!matches || filter.may_match(&event), "{filter:?}");
            *count += u64::from(matches);
        }
        Ok(Shown::Yes)
    }

    fn needs(&self) -> Needs {
        self.filters.iter().flatten().map(Filter::needs).collect()
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        // Lines are not made of the others either.
        !event.row.flags.has(Flags::INTERNAL)
    }
}

/// How many events of a capture pass each filter; `None` for an error.
fn counts(capture: &str, filters: &[Expected]) -> Vec<Option<u64>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(format!("{capture}.scap"));
    let counts = Rc::new(RefCell::new(vec![0; filters.len()]));
    let filters: Vec<_> = filters.iter().map(|expected| Filter::compile(expected.filter, Show::default())).collect();
    let compiled: Vec<bool> = filters.iter().map(Result::is_ok).collect();
    let sink = Counts { filters, counts: Rc::clone(&counts) };
    let outputs = Outputs::new(None, vec![Box::new(sink)], Out::memory(), None);
    let mut source = Replay::open(vec![path]).unwrap();
    let state = State { procfs: Procfs::none(), ..State::default() };
    Pipeline::new(state, outputs, 0).run(&mut source, Limits::default(), &AtomicBool::new(false)).unwrap();
    let counts = counts.borrow();
    counts.iter().zip(compiled).map(|(count, compiled)| compiled.then_some(*count)).collect()
}

/// How the number of a filter came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Equal,
    Explained,
    Wrong,
}

fn outcome(expected: &Expected, ours: Option<u64>, theirs: Option<u64>) -> Outcome {
    match (ours, theirs) {
        _ if ours == theirs => Outcome::Equal,
        _ if DIFFERENT.iter().any(|(filter, _)| *filter == expected.filter) => Outcome::Explained,
        _ => Outcome::Wrong,
    }
}

#[test]
fn filters_let_through_what_they_let_through_in_another_tool() {
    super::utc();
    let (captures, all) = expected();
    let mut wrong = Vec::new();
    let mut used: Vec<&str> = Vec::new();
    for (at, capture) in captures.iter().enumerate() {
        let mut outcomes = Vec::new();
        for (expected, ours) in all.iter().zip(counts(capture, &all)) {
            let outcome = outcome(expected, ours, expected.counts[at]);
            match outcome {
                Outcome::Wrong => {
                    wrong.push(format!("{}: {capture}: {ours:?}, not {:?}", expected.filter, expected.counts[at]));
                }
                Outcome::Explained => used.push(expected.filter),
                Outcome::Equal => {}
            }
            outcomes.push(outcome);
        }
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        println!(
            "{capture}: {} of {} equal ({}%), {} explained",
            count(Outcome::Equal),
            all.len(),
            count(Outcome::Equal) * 100 / all.len(),
            count(Outcome::Explained)
        );
    }
    assert!(wrong.is_empty(), "{} counts differ:\n{}", wrong.len(), wrong.join("\n"));
    let stale: Vec<_> = DIFFERENT.iter().filter(|(filter, _)| !used.contains(filter)).collect();
    assert!(stale.is_empty(), "the same everywhere by now: {stale:#?}");
}

#[test]
fn what_lines_cut_is_compared_whole() {
    // Behind the first 80 characters, which are all that a line has.
    let filter = "evt.arg.env contains 'LS_COLORS=' and evt.args contains 'LS_COLORS='";
    let expected = [Expected { filter, counts: Vec::new() }];
    assert_eq!(counts("tcp-client-server", &expected), [Some(2)]);
}

/// The page for users.
const PAGE: &str = include_str!("../../docs/filters.md");

/// What stands in the first column of its tables.
fn examples() -> impl Iterator<Item = &'static str> {
    PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).map(|(filter, _)| filter)
}

#[test]
fn every_example_of_the_page_is_a_filter() {
    let mut count = 0;
    for text in examples() {
        count += 1;
        Filter::compile(text, Show::default()).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(count > 30, "{count}");
}

#[test]
fn the_page_has_every_operator_and_transformer() {
    let classes = [
        ("| numbers, times, ports |", Class::Number),
        ("| text |", Class::Text),
        ("| data |", Class::Bytes),
        ("| true or false, addresses, networks |", Class::Bool),
        ("| true or false, addresses, networks |", Class::Address),
        ("| lists |", Class::List),
    ];
    for (start, class) in classes {
        let line = PAGE.lines().find_map(|line| line.strip_prefix(start)).unwrap();
        let said: BTreeSet<&str> = line.split('`').skip(1).step_by(2).flat_map(|part| part.split(' ')).collect();
        let operators = operator::names_for(class);
        assert_eq!(said, operators.split(' ').collect(), "{start}");
    }
    let missing = transform::names().find(|name| !PAGE.contains(&format!("{name}(")));
    assert_eq!(missing, None);
}
