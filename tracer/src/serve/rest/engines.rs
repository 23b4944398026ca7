//! `/api/v1/engines`: what container engines say.

use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    format::escape::escaped,
    serve::http::{Answer, Request},
    state::container::engine::{Answered, Question, Told, Wish},
};

/// The most events of a stream that wait to be sent.
const WAITING: usize = 256;
/// Without `since`, past events are those of the last hour.
const PAST_S: u64 = 3_600;

/// What can be asked of an engine, but for its events.
const QUESTIONS: [(&str, Question); 5] = [
    ("info", Question::Info),
    ("version", Question::Version),
    ("images", Question::Images),
    ("containers", Question::Containers),
    ("stats", Question::Stats),
];

pub(in crate::serve) async fn all(request: Request) -> Answer {
    let Some(answers) = request.site.engines().ask(Question::Version, None).await else { return busy() };
    Answer::json(&Value::Array(answers.into_iter().map(|answer| object(answer, "version")).collect()))
}

pub(in crate::serve) async fn one(request: Request) -> Answer {
    let rest = request.rest.trim_end_matches('/');
    let (name, what) = rest.split_once('/').unwrap_or((rest, "info"));
    if what == "events" {
        return events(&request, name).await;
    }
    let Some((what, question)) = QUESTIONS.into_iter().find(|(known, _)| *known == what) else {
        let known = QUESTIONS.map(|(known, _)| known).join(", ");
        return Answer::not_found(&format!("an engine is asked for {known} or events, not '{}'", shown(what)));
    };
    let Some(answers) = request.site.engines().ask(question, Some(name)).await else { return busy() };
    let Some(answer) = answers.into_iter().next() else { return unknown(name) };
    let status = if answer.told.is_ok() { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    Answer::json(&object(answer, what)).with_status(status)
}

async fn events(request: &Request, name: &str) -> Answer {
    let follow = request.flag("stream");
    let now_s = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    let otherwise = if follow { now_s } else { now_s.saturating_sub(PAST_S) };
    let since_s = match request.number("since", otherwise) {
        Ok(since_s) => since_s,
        Err(answer) => return answer,
    };
    let Some(answers) = request.site.engines().ask(Question::Version, Some(name)).await else { return busy() };
    if answers.is_empty() {
        return unknown(name);
    }
    let wish = Wish { since_s, follow };
    if follow {
        let (send, receive) = mpsc::channel(WAITING);
        return if request.site.engines().stream(wish, name, send) { Answer::events(receive) } else { busy() };
    }
    let Some((rows, lacks)) = request.site.engines().past(wish, name).await else { return busy() };
    let rows: Vec<Value> = rows.into_iter().map(Value::Object).collect();
    Answer::json(&json!({ "engine": name, "events": rows, "lacks": lacks.first() }))
}

/// What an engine says: a version or information is one object, all else is a list.
fn object(answer: Answered, what: &str) -> Value {
    let Answered { name, address, told } = answer;
    let mut object = json!({ "engine": name, "address": address });
    match told {
        Err(why) => object["message"] = format!("it does not answer: {why}").into(),
        Ok(Told { rows, lacks, is_cut }) => {
            let mut rows = rows.into_iter().map(Value::Object);
            object[what] = match what {
                "info" | "version" => rows.next().unwrap_or_default(),
                _ => rows.collect(),
            };
            object["lacks"] = lacks.into();
            object["is_cut"] = is_cut.into();
        }
    }
    object
}

fn busy() -> Answer {
    Answer::error(StatusCode::SERVICE_UNAVAILABLE, "engines are being asked too much already")
}

fn unknown(name: &str) -> Answer {
    Answer::not_found(&format!("no engine is called '{}'; /api/v1/engines lists them", shown(name)))
}

fn shown(name: &str) -> String {
    escaped(name.as_bytes())
}
