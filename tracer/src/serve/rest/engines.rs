//! `/api/v1/engines`: what container engines say.

use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    format::escape::escaped,
    serve::{
        engines::Past,
        http::{Answer, Request},
        params,
        routes::ROUTES,
    },
    state::container::engine::{Answered, Question, Told, Wish},
};

/// The most events of a stream that wait to be sent.
const WAITING: usize = 256;
/// Without `since`, past events are those of the last hour.
const PAST_S: u64 = 3_600;

pub(in crate::serve) async fn all(request: Request) -> Answer {
    let Some(answers) = request.site.engines().ask(Question::Version, None).await else { return busy() };
    Answer::json(&Value::Array(answers.into_iter().map(|answer| object(answer, "version")).collect()))
}

/// Without a question it is information; what comes after a name that is no question is not known.
pub(in crate::serve) async fn one(request: Request) -> Answer {
    let rest = request.rest.trim_end_matches('/');
    if let Some((_, what)) = rest.split_once('/') {
        let known = ROUTES.iter().map(|route| route.ends.trim_start_matches('/')).filter(|known| !known.is_empty());
        let known: Vec<&str> = known.collect();
        return Answer::not_found(&format!("an engine is asked for {}, not '{}'", known.join(", "), shown(what)));
    }
    ask(&request, rest, "info", Question::Info).await
}

pub(in crate::serve) async fn info(request: Request) -> Answer {
    ask(&request, &request.rest, "info", Question::Info).await
}

pub(in crate::serve) async fn version(request: Request) -> Answer {
    ask(&request, &request.rest, "version", Question::Version).await
}

pub(in crate::serve) async fn images(request: Request) -> Answer {
    ask(&request, &request.rest, "images", Question::Images).await
}

pub(in crate::serve) async fn containers(request: Request) -> Answer {
    ask(&request, &request.rest, "containers", Question::Containers).await
}

pub(in crate::serve) async fn stats(request: Request) -> Answer {
    ask(&request, &request.rest, "stats", Question::Stats).await
}

async fn ask(request: &Request, name: &str, what: &str, question: Question) -> Answer {
    let Some(answers) = request.site.engines().ask(question, Some(name)).await else { return busy() };
    let Some(answer) = answers.into_iter().next() else { return unknown(name) };
    let status = if answer.told.is_ok() { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    Answer::json(&object(answer, what)).with_status(status)
}

pub(in crate::serve) async fn events(request: Request) -> Answer {
    let name = &*request.rest;
    let follow = request.flag(&params::FOLLOW);
    let now_s = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    let otherwise = if follow { now_s } else { now_s.saturating_sub(PAST_S) };
    let since_s = request.number(&params::SINCE).and_then(|since_s| u64::try_from(since_s).ok()).unwrap_or(otherwise);
    let wish = Wish { since_s, follow };
    if follow {
        let (send, receive) = mpsc::channel(WAITING);
        return match request.site.engines().stream(wish, name, send).await {
            Some(true) => Answer::events(receive),
            Some(false) => unknown(name),
            None => Answer::error(StatusCode::SERVICE_UNAVAILABLE, "too many streams of events are open already"),
        };
    }
    let Some(Past { rows, lacks, is_there }) = request.site.engines().past(wish, name).await else { return busy() };
    if !is_there {
        return unknown(name);
    }
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
