//! What requests may say besides their path: a row for each parameter. Values are checked by these rows, and the description of the API
//! is made of them.
//!
//! Our own API refuses what it does not know, because a parameter that is ignored gives an answer to another question. Clients of cAdvisor
//! and of Prometheus send what they like, so their paths ignore unknown parameters. Wrong values of known ones are refused, but for those that
//! cAdvisor itself ignores.

use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    http::{Answer, Request},
    routes::Route,
};
use crate::{filter::did_you_mean, format::escape::escaped};

/// What a value can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Any text; whoever uses it checks it.
    Text,
    /// Yes or no, in the words that Go takes.
    Flag,
    /// A whole number between these, both included, and what holds without one.
    Number(i64, i64, Option<i64>),
    /// One of these words; the first one holds without one.
    Word(&'static [&'static str]),
    /// A duration as Go writes it: `10s`, `500ms`, `1m30s`.
    Duration,
    /// A point in time (RFC 3339).
    Time,
}

/// A parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    /// What it does.
    pub(super) about: &'static str,
    /// Whether a wrong value is ignored, as cAdvisor does with this one.
    pub(super) is_lenient: bool,
}

macro_rules! params {
    () => {
        false
    };
    (lenient) => {
        true
    };
    ($($constant:ident = $name:literal, $takes:expr, $about:literal $(, $mark:ident)?;)+) => {
        $(pub(super) static $constant: Param =
            Param { name: $name, takes: $takes, about: $about, is_lenient: params!($($mark)?) };)+
    };
}

params! {
    FILTER = "filter", Takes::Text, "Only events that match this filter.";
    CONTAINER = "container", Takes::Text, "Only events of this container, by name or id.";
    ARGUMENT = "argument", Takes::Text, "The argument of the chisel.";
    SECONDS = "seconds", Takes::Number(1, 60, Some(1)), "How many seconds to look.";
    STREAM = "stream", Takes::Flag, "Repeat the answer as server-sent events.";
    WAITS = "waits", Takes::Flag, "Also show calls that wait for something to happen, such as poll.";
    SINCE = "since", Takes::Number(0, i64::MAX, None), "Only events from then on, in seconds since 1970; without it, those of the last hour.";
    FOLLOW = "stream", Takes::Flag, "New events, as server-sent events.";
    SEARCH = "q", Takes::Text, "Only containers with this text in a column.";
    MAX_AGE = "max_age", Takes::Duration, "How old the values may be.";
    COUNT = "count", Takes::Number(-1, i32::MAX as i64, Some(64)), "How many samples; -1 is all.";
    TYPE = "type", Takes::Word(&["name", "docker", "podman"]), "Whether the path names a cgroup, or is a name or id of a container.";
    RECURSIVE = "recursive", Takes::Flag, "Also the containers below.", lenient;
    EVENTS_STREAM = "stream", Takes::Flag, "Events: new ones as they come, one a line.", lenient;
    SUBCONTAINERS = "subcontainers", Takes::Flag, "Events: also those of the containers below.", lenient;
    ALL_EVENTS = "all_events", Takes::Flag, "Events: of all types.", lenient;
    CREATION_EVENTS = "creation_events", Takes::Flag, "Events: containers that start.", lenient;
    DELETION_EVENTS = "deletion_events", Takes::Flag, "Events: containers that end.", lenient;
    OOM_EVENTS = "oom_events", Takes::Flag, "Events: containers that run out of memory.", lenient;
    OOM_KILL_EVENTS = "oom_kill_events", Takes::Flag, "Events: processes that are killed for it.", lenient;
    MAX_EVENTS = "max_events", Takes::Number(i32::MIN as i64, i32::MAX as i64, Some(10)), "Events: how many of the newest; 0 or less is all.", lenient;
    START_TIME = "start_time", Takes::Time, "Events: from then on.", lenient;
    END_TIME = "end_time", Takes::Time, "Events: until then.", lenient;
}

/// Those of tables of what a container does.
pub(super) static OF_TABLES: &[&Param] = &[&SECONDS, &STREAM, &FILTER];
/// Those of the table of slow calls.
pub(super) static OF_SLOW: &[&Param] = &[&SECONDS, &STREAM, &FILTER, &WAITS];
/// Those of chisels.
pub(super) static OF_CHISELS: &[&Param] = &[&SECONDS, &STREAM, &FILTER, &CONTAINER, &ARGUMENT];
/// Those of cAdvisor's versions: four that only the second one has, and those of events.
const OF_CADVISOR: &[&Param] = &[
    &TYPE,
    &COUNT,
    &RECURSIVE,
    &MAX_AGE,
    &EVENTS_STREAM,
    &SUBCONTAINERS,
    &ALL_EVENTS,
    &CREATION_EVENTS,
    &DELETION_EVENTS,
    &OOM_EVENTS,
    &OOM_KILL_EVENTS,
    &MAX_EVENTS,
    &START_TIME,
    &END_TIME,
];
/// Those of cAdvisor's version 1.
pub(super) static OF_V1: &[&Param] = OF_CADVISOR.split_at(4).1;
/// Those of its version 2.
pub(super) static OF_V2: &[&Param] = OF_CADVISOR;

const YES: [&str; 6] = ["1", "t", "T", "true", "TRUE", "True"];
const NO: [&str; 6] = ["0", "f", "F", "false", "FALSE", "False"];

impl Takes {
    /// Whether this text is such a value.
    fn fits(self, text: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Flag => YES.contains(&text) || NO.contains(&text),
            Self::Number(least, most, _) => text.parse().is_ok_and(|number| (least..=most).contains(&number)),
            Self::Word(words) => words.contains(&text),
            Self::Duration => duration(text).is_some(),
            Self::Time => text.parse::<Timestamp>().is_ok(),
        }
    }

    /// What it can be, in words.
    pub(super) fn words(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Number(least, i64::MAX, _) => format!("a whole number from {least} on"),
            Self::Number(least, most, _) => format!("a whole number from {least} to {most}"),
            Self::Word(words) => words.join(" or "),
            Self::Duration => "a duration, such as 10s or 500ms".to_owned(),
            Self::Time => "a time, such as 2026-08-01T14:03:20Z".to_owned(),
        }
    }

    /// What holds without it, if that is a value.
    pub(super) fn otherwise(self) -> Option<String> {
        match self {
            Self::Flag => Some("false".to_owned()),
            Self::Number(.., otherwise) => otherwise.map(|number| number.to_string()),
            Self::Word(words) => words.first().map(|word| (*word).to_owned()),
            Self::Text | Self::Duration | Self::Time => None,
        }
    }

    /// The same for a description of the API.
    fn schema(self) -> Value {
        let mut schema = match self {
            Self::Text => json!({ "type": "string" }),
            Self::Flag => json!({ "type": "boolean", "default": false }),
            Self::Number(least, most, otherwise) => {
                let mut schema = json!({ "type": "integer", "minimum": least, "maximum": most });
                otherwise.into_iter().for_each(|otherwise| schema["default"] = otherwise.into());
                schema
            }
            Self::Word(words) => json!({ "type": "string", "enum": words, "default": words.first() }),
            Self::Duration => json!({ "type": "string" }),
            Self::Time => json!({ "type": "string", "format": "date-time" }),
        };
        if self == Self::Duration {
            schema["description"] = self.words().into();
        }
        schema
    }
}

impl Param {
    /// What the description of the API says of it.
    pub(super) fn described(&self) -> Value {
        json!({ "name": self.name, "in": "query", "required": false, "description": self.about, "schema": self.takes.schema() })
    }
}

/// Why a request with these parameters is refused.
pub(super) fn refuse(route: &Route, query: &[(String, String)]) -> Option<Answer> {
    let known = |name: &str| route.takes.iter().find(|param| param.name == name);
    for (at, (name, value)) in query.iter().enumerate() {
        let shown = escaped(name.as_bytes());
        let Some(param) = known(name) else {
            if !route.is_own() {
                continue;
            }
            let names: Vec<&str> = route.takes.iter().map(|param| param.name).collect();
            let hint = did_you_mean(name, names.iter().copied()).unwrap_or_else(|| match &names[..] {
                [] => "this path takes no parameters".to_owned(),
                names => format!("this path takes {}", names.join(", ")),
            });
            return Some(wrong(&format!("there is no parameter '{shown}' here"), name, &hint, &names));
        };
        // An empty value is none to clients that are written in Go, and forms send it.
        if !route.is_own() && value.is_empty() {
            continue;
        }
        if route.is_own() && query[..at].iter().any(|(before, _)| before == name) {
            return Some(wrong(&format!("parameter '{shown}' is given twice"), name, "give it once", &[]));
        }
        if !param.is_lenient && !param.takes.fits(value) {
            let value: String = value.chars().take(60).collect();
            let message = format!("{shown} is '{}'", escaped(value.as_bytes()));
            let words = match param.takes {
                Takes::Word(words) => words,
                _ => &[],
            };
            let meant = did_you_mean(&value, words.iter().copied()).map(|meant| format!("; {meant}"));
            let hint = format!("it can be {}{}", param.takes.words(), meant.unwrap_or_default());
            return Some(wrong(&message, name, &hint, words));
        }
    }
    None
}

fn wrong(message: &str, name: &str, hint: &str, takes: &[&str]) -> Answer {
    let mut object = json!({ "message": format!("{message}: {hint}"), "parameter": name, "hint": hint });
    if !takes.is_empty() {
        object["takes"] = takes.into();
    }
    Answer::json(&object).with_status(StatusCode::BAD_REQUEST)
}

/// Values of parameters, which were checked before.
impl Request {
    fn value(&self, param: &Param) -> Option<&str> {
        debug_assert!(
            self.route.takes.iter().any(|known| known.name == param.name),
            "{} is not in the row",
            param.name
        );
        self.query.iter().find(|(known, _)| known == param.name).map(|(_, value)| value.as_str())
    }

    /// A text.
    pub(super) fn text(&self, param: &Param) -> Option<&str> {
        self.value(param)
    }

    /// One of the words.
    pub(super) fn word(&self, param: &Param) -> &str {
        let usual = if let Takes::Word(words) = param.takes { words.first().copied().unwrap_or_default() } else { "" };
        self.value(param).filter(|text| !text.is_empty()).unwrap_or(usual)
    }

    /// A number.
    pub(super) fn number(&self, param: &Param) -> Option<i64> {
        let usual = if let Takes::Number(.., usual) = param.takes { usual } else { None };
        self.value(param).and_then(|text| text.parse().ok()).or(usual)
    }

    /// Whether it says yes.
    pub(super) fn flag(&self, param: &Param) -> bool {
        self.value(param).is_some_and(|text| YES.contains(&text))
    }

    /// A duration.
    pub(super) fn duration(&self, param: &Param) -> Option<Duration> {
        self.value(param).and_then(duration)
    }

    /// A point in time.
    pub(super) fn time(&self, param: &Param) -> Option<Timestamp> {
        self.value(param)?.parse().ok()
    }
}

/// A duration as Go writes it: `10s`, `500ms`, `1m30s`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let unit = match &rest[digits..end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        sum = sum.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = &rest[end..];
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::{http::pairs, routes::find};

    /// What is said of a request, if it is refused.
    fn refused(path: &str, query: &str) -> Option<String> {
        let (route, _) = find(path).unwrap();
        let answer = refuse(route, &pairs(query))?;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        Some(answer.text())
    }

    #[test]
    fn what_our_own_api_does_not_know_is_refused_with_what_was_meant() {
        let said = refused("/api/v1/files/web", "secnds=5").unwrap();
        assert!(said.contains("'secnds'") && said.contains("did you mean 'seconds'?"), "{said}");
        assert!(
            said.contains("\"parameter\":\"secnds\"") && said.contains("[\"seconds\",\"stream\",\"filter\"]"),
            "{said}"
        );
        let said = refused("/api/v1/containers", "x=1").unwrap();
        assert!(said.contains("takes no parameters"), "{said}");
        for (query, says) in [
            ("seconds=0", "it can be a whole number from 1 to 60"),
            ("seconds=", "it can be a whole number"),
            ("seconds=61", "from 1 to 60"),
            ("seconds=1e0", "from 1 to 60"),
            ("stream=yes", "it can be true or false"),
            ("stream", "it can be true or false"),
            ("seconds=1&seconds=2", "given twice"),
            ("Seconds=1", "did you mean 'seconds'?"),
            ("a%1b%5b31m=1", "'a\\x1b[31m'"),
        ] {
            let said = refused("/api/v1/files/web", query).unwrap_or_default();
            let message = serde_json::from_str::<Value>(&said).unwrap()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(says), "{query}: {message}");
        }
        for query in ["", "seconds=60&stream=f", "filter=proc.name=a%20and%20x", "stream=True"] {
            assert_eq!(refused("/api/v1/files/web", query), None, "{query}");
        }
    }

    #[test]
    fn paths_of_others_ignore_what_they_do_not_know_and_no_wrong_value() {
        for (path, query) in [
            ("/metrics", "collect[]=cpu"),
            ("/", "utm=1&q="),
            ("/api/v1.3/containers/", "x=1&count=x"),
            ("/api/v2.1/stats/", "count=&type=&max_age=&recursive=&more=1"),
            ("/api/v2.1/stats/", "count=-1&type=docker&max_age=1m30s&recursive=true"),
            ("/api/v2.1/events", "start_time=now&max_events=x&stream=si&recursive=si"),
            ("/api/v2.1/events", "start_time=2026-01-01T00:00:00Z&max_events=3"),
        ] {
            assert_eq!(refused(path, query), None, "{path} {query}");
        }
        for query in ["count=-2", "count=x", "count=2147483648", "max_age=10", "type=dokcer"] {
            assert!(refused("/api/v2.1/stats/", query).is_some(), "{query}");
        }
        assert!(refused("/api/v2.1/stats/", "type=dokcer").unwrap().contains("did you mean 'docker'?"));
    }

    #[test]
    fn durations_are_those_of_go() {
        for (text, ms) in [("10s", Some(10_000)), ("500ms", Some(500)), ("1m30s", Some(90_000)), ("1.5s", Some(1500))] {
            assert_eq!(duration(text).map(|it| it.as_millis()), ms, "{text}");
        }
        for text in
            ["", "10", "s", "1x", "1e400s", "-1s", "99999999999999999999h", "5000000000000000h5000000000000000h"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
