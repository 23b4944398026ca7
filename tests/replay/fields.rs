//! Fields: their names are those that other tools have, and their values in captures are those that other tools print.
//!
//! `field-names.txt` has the names of all fields of sysdig. In `captures/peer`, `NAME.star.gz`, `NAME.nostar.gz` and
//! `NAME.json.gz` are what sysdig 0.41.4 prints with the formats below and with `-j`; `NAME.star29.gz` and
//! `NAME.container29.gz` are of sysdig 0.29.3, the second with `-pc`. Values that differ are explained by [`explained`] and
//! listed in `docs/differences.md`.

use std::collections::BTreeMap;

use tracer::fields::{GONE, all};

use super::peer::{lacks, ours, peer};

const NAMES: &str = include_str!("field-names.txt");

const CAPTURES: [&str; 3] = ["run_as_user_0_container", "sample", "tcp-client-server"];

/// The fields of the longest format.
const STAR: [&str; 16] = [
    "evt.num",
    "evt.type",
    "evt.dir",
    "proc.name",
    "proc.pname",
    "proc.aname[2]",
    "proc.apid[1]",
    "fd.num",
    "fd.typechar",
    "fd.name",
    "fd.cip",
    "fd.sip",
    "fd.sport",
    "evt.rawarg.fd",
    "evt.arg.res",
    "evt.buffer",
];

#[test]
fn every_field_of_other_tools_is_there_or_gone() {
    let is_gone = |name: &str| GONE.iter().any(|(class, _)| name.split('.').next() == Some(class));
    let missing: Vec<&str> =
        NAMES.lines().filter(|name| !is_gone(name) && all().all(|field| field.name != *name)).collect();
    assert!(NAMES.lines().count() > 300);
    assert!(missing.is_empty(), "{missing:?}");
}

/// A value of one event, ours and that of the other tool, with the type of the event.
struct Pair<'a> {
    event: &'a str,
    field: &'a str,
    ours: &'a str,
    theirs: &'a str,
}

/// Why a value of ours is right though it is another one.
fn explained(pair: &Pair<'_>) -> Option<&'static str> {
    match *pair {
        Pair { event: "mmap", field: "fd.name" | "fd.typechar", ours: "<NA>", theirs: "" | "o" } => {
            Some("-1 is no descriptor, so it has no name and no type")
        }
        Pair { event: "pipe", field: "fd.num", .. } => Some("of the two that a pipe makes, the first"),
        Pair { field: "evt.buffer", ours: "", theirs, .. } if theirs.starts_with("NUL") => {
            Some("data that is not there is empty; theirs is what stood in the buffer before")
        }
        _ => None,
    }
}

/// Why an event has no descriptor here and descriptor 0 there, if that is so: the beginning of the call is not in the capture.
fn lacks_descriptor(ours: &[&str], theirs: &[&str]) -> Option<&'static str> {
    let at = STAR.iter().position(|field| *field == "fd.num")?;
    let is_so = ours[1] != "mmap" && ours.get(at) == Some(&"<NA>") && theirs.get(at) == Some(&"0");
    is_so.then_some("what the capture does not have is missing, not 0")
}

/// Whether a value is missing because the descriptor is.
fn of_descriptor(pair: &Pair<'_>) -> bool {
    pair.ours == "<NA>" && (pair.field.starts_with("fd.") || pair.field == "evt.rawarg.fd")
}

/// How many values were compared, how many are equal, and why others are not.
#[derive(Default)]
struct Share {
    equal: usize,
    all: usize,
    reasons: BTreeMap<&'static str, usize>,
    unexplained: Vec<String>,
}

impl Share {
    fn compare(&mut self, pair: &Pair<'_>, explain: impl Fn(&Pair<'_>) -> Option<&'static str>, line: &str) {
        self.all += 1;
        if pair.ours == pair.theirs {
            self.equal += 1;
            return;
        }
        match explain(pair) {
            Some(reason) => *self.reasons.entry(reason).or_default() += 1,
            None => {
                let Pair { event, field, ours, theirs } = pair;
                let line: String = line.chars().take(120).collect();
                self.unexplained.push(format!("{field} of {event}: ours '{ours}', theirs '{theirs}' in {line}"));
            }
        }
    }

    /// Says the share, and fails when it is smaller than `least` percent.
    fn end(self, case: &str, least: usize) {
        println!("{case}: {} of {} values are equal; {:?}", self.equal, self.all, self.reasons);
        let first: Vec<&String> = self.unexplained.iter().take(20).collect();
        assert!(first.is_empty(), "{case}: {} not explained: {first:#?}", self.unexplained.len());
        assert!(self.all > 0 && self.equal * 100 >= self.all * least, "{case}: {} of {}", self.equal, self.all);
    }
}

fn columns(line: &str) -> Vec<&str> {
    // Data may have the separator in it.
    line.splitn(STAR.len(), '|').map(str::trim_end).collect()
}

fn star() -> String {
    format!("*%{}", STAR.join("|%"))
}

#[test]
fn values_are_those_of_another_tool() {
    let format = star();
    for capture in CAPTURES {
        let (theirs, ours) = (peer(&format!("{capture}.star.gz")), ours(capture, &["-p", &format]));
        let mut share = Share::default();
        // Of the longest capture, theirs is only the beginning.
        assert!(!theirs.is_empty() && theirs.len() <= ours.len(), "{capture}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let (left, right) = (columns(ours), columns(theirs));
            let lacks = lacks_descriptor(&left, &right);
            for ((field, ours), theirs) in STAR.iter().zip(&left).zip(&right) {
                // Columns of theirs have widths.
                let cut = if *field == "proc.name" { ours.get(..10).unwrap_or(ours).trim_end() } else { ours };
                let pair = Pair { event: left[1], field, ours: cut, theirs };
                share.compare(&pair, |pair| lacks.filter(|_| of_descriptor(pair)).or_else(|| explained(pair)), theirs);
            }
        }
        share.end(&format!("{capture}, fields_star"), 97);
    }
}

#[test]
fn lines_with_a_missing_field_are_left_out() {
    for capture in CAPTURES {
        let theirs = peer(&format!("{capture}.nostar.gz"));
        let ours = ours(capture, &["-p", "%evt.num %fd.name %evt.rawres"]);
        let events = self::ours(capture, &["-p", "*%evt.num %evt.type %evt.rawarg.fd"]);
        let is_without_fd = |number: &str| {
            let line = events.iter().find(|line| line.split(' ').next() == Some(number));
            line.is_some_and(|line| line.ends_with(" mmap -1") || line.ends_with(" <NA>"))
        };
        let (mut equal, mut left_out) = (0, 0);
        let mut ours = ours.iter().peekable();
        for line in theirs.iter().map(|line| line.trim_end()) {
            if ours.next_if(|ours| ours.trim_end() == line).is_some() {
                equal += 1;
                continue;
            }
            let number = line.split(' ').next().unwrap_or_default();
            assert!(is_without_fd(number), "{capture}: theirs '{line}', ours {:?}", ours.peek());
            left_out += 1;
        }
        println!(
            "{capture}, fields_nostar: {equal} of {} lines are equal; {left_out} without a descriptor",
            theirs.len()
        );
        assert!(ours.next().is_none() && equal > 0, "{capture}");
    }
}

#[test]
fn values_are_those_that_another_tool_prints_as_json() {
    const FIELDS: [&str; 8] =
        ["evt.num", "evt.rawtime", "evt.cpu", "evt.dir", "evt.type", "proc.name", "thread.tid", "evt.info"];
    let format = format!("*%{}", FIELDS.join("|%"));
    for capture in CAPTURES {
        let (theirs, ours) = (peer(&format!("{capture}.json.gz")), ours(capture, &["-v", "-p", &format]));
        let mut share = Share::default();
        for (ours, theirs) in ours.iter().zip(theirs.iter().filter(|line| line.starts_with('{'))) {
            let object: serde_json::Value = serde_json::from_str(theirs).unwrap();
            let ours: Vec<&str> = ours.splitn(FIELDS.len(), '|').collect();
            for (field, ours_text) in FIELDS.iter().zip(&ours) {
                // There, the time of the output is a number.
                let key = if *field == "evt.rawtime" { "evt.outputtime" } else { field };
                let value = match &object[key] {
                    serde_json::Value::Null => "<NA>".to_owned(),
                    serde_json::Value::String(text) => text.trim_end().to_owned(),
                    value => value.to_string(),
                };
                let pair = Pair { event: ours[4], field, ours: ours_text.trim_end(), theirs: &value };
                share.compare(&pair, explained_json, theirs);
            }
        }
        share.end(&format!("{capture}, json"), 97);
    }
}

/// Why a value of ours is right where the other tool prints JSON.
fn explained_json(pair: &Pair<'_>) -> Option<&'static str> {
    match *pair {
        Pair { field: "evt.info", ours, theirs, .. } if lacks(ours, theirs) => {
            Some("what the capture does not have is missing, not 0")
        }
        Pair { event: "socket", field: "evt.info", .. } => Some("socket has flags and a protocol"),
        Pair { event: "switch", field: "proc.name", theirs: "<NA>", .. } => {
            Some("a thread that ended keeps its name for its last switch")
        }
        _ => None,
    }
}

/// The lines of the older tool that the newer form has, too: beginnings of calls are no events of their own there.
fn without_beginnings<'a>(theirs: &'a [String], direction: &str) -> impl Iterator<Item = &'a String> {
    let begins = format!("{direction}>");
    let kept = ["switch", "signaldeliver", "procexit", "page_fault"];
    theirs.iter().filter(move |line| !line.contains(&begins) || kept.iter().any(|name| line.contains(name)))
}

#[test]
fn values_are_those_of_an_older_tool() {
    let format = star();
    for capture in CAPTURES {
        let (theirs, ours) = (peer(&format!("{capture}.star29.gz")), ours(capture, &["-p", &format]));
        let mut share = Share::default();
        // Without the one field that it did not know for events of another type.
        let fields: Vec<&str> = STAR.into_iter().filter(|field| *field != "evt.rawarg.fd").collect();
        for (ours, theirs) in ours.iter().zip(without_beginnings(&theirs, "|")) {
            let mut left = columns(ours);
            left.remove(13);
            let right: Vec<&str> = theirs.splitn(fields.len(), '|').map(str::trim_end).collect();
            let lacks = lacks_descriptor(&left, &right);
            // Numbers of events count beginnings.
            for ((field, ours), theirs_text) in fields.iter().zip(&left).zip(&right).skip(1) {
                let cut = if *field == "proc.name" { ours.get(..10).unwrap_or(ours).trim_end() } else { ours };
                let pair = Pair { event: left[1], field, ours: cut, theirs: theirs_text };
                let lacks = || lacks.filter(|_| of_descriptor(&pair));
                share.compare(&pair, |pair| lacks().or_else(|| explained_older(pair)), theirs);
            }
        }
        share.end(&format!("{capture}, fields_star of 0.29.3"), 90);
    }
}

/// Why a value of ours is right where the older tool has another one.
fn explained_older(pair: &Pair<'_>) -> Option<&'static str> {
    match *pair {
        Pair { event: "mmap", field: "fd.num" | "fd.typechar" | "fd.name" | "evt.arg.res", .. } => {
            Some("the end of mmap has its descriptor, and its result is a number, as in 0.41.4")
        }
        _ => explained(pair),
    }
}

#[test]
fn containers_are_those_of_an_older_tool() {
    const FORMAT: &str =
        "*%evt.time %evt.cpu %container.name (%container.id) %proc.name (%thread.tid:%thread.vtid) %evt.dir %evt.type";
    const FIELDS: [&str; 8] =
        ["evt.time", "evt.cpu", "container.name", "container.id", "proc.name", "thread.vtid", "evt.dir", "evt.type"];
    for capture in CAPTURES {
        let (theirs, ours) = (peer(&format!("{capture}.container29.gz")), ours(capture, &["-p", FORMAT]));
        let mut share = Share::default();
        for (ours, theirs) in ours.iter().zip(without_beginnings(&theirs, " ")) {
            let event = ours.rsplit(' ').next().unwrap_or_default();
            // Theirs have a number in front, and parameters behind.
            for ((field, ours), theirs_word) in FIELDS.iter().zip(ours.split(' ')).zip(theirs.split(' ').skip(1)) {
                let pair = Pair { event, field, ours, theirs: theirs_word };
                share.compare(&pair, explained_container, theirs);
            }
        }
        share.end(&format!("{capture}, container of 0.29.3"), 85);
    }
}

/// Why a value of ours is right where the older tool shows containers.
fn explained_container(pair: &Pair<'_>) -> Option<&'static str> {
    match *pair {
        Pair { field: "thread.vtid", theirs, .. } if theirs.ends_with(":<NA>)") => {
            Some("outside of other pid namespaces, the id is the same")
        }
        Pair { event: "switch", theirs, .. } if theirs.contains("<NA>") => {
            Some("a thread that ended keeps its name for its last switch")
        }
        _ => None,
    }
}
