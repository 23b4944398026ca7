//! What a container does right now, chisels and events: asked of the kernel for as long as somebody looks.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{StatusCode, body::Bytes};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::own::find;
use crate::{
    format::escape::escaped,
    serve::{
        http::{Answer, Request},
        live::{self, Desk, Kind, Listening, Piece, Question, Refused, Wrong, shelf},
        params,
    },
    view::ask::all_of,
};

/// What a question about events has in place of the time that one looks.
const NO_INTERVAL: Duration = Duration::from_secs(1);
/// What is left comes within so long.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The most frames of one answer.
const MAX_FRAMES: usize = 1000;
/// So often at least something is sent, which tells whether the client is still there.
const ALIVE: Duration = Duration::from_secs(15);
/// A client that takes nothing for so long is left.
const SLOW: Duration = Duration::from_secs(30);

pub(in crate::serve) async fn connections(request: Request) -> Answer {
    view(request, "connections").await
}

pub(in crate::serve) async fn files(request: Request) -> Answer {
    view(request, "files").await
}

pub(in crate::serve) async fn slow(request: Request) -> Answer {
    let name = if request.flag(&params::WAITS) { live::SLOW_OR_WAITS } else { live::SLOW };
    view(request, name).await
}

pub(in crate::serve) async fn errors(request: Request) -> Answer {
    view(request, "errors").await
}

/// The filter of a request: what it says, and its container.
fn filter(request: &Request, container: Option<&str>) -> Result<Option<String>, Answer> {
    let of_container = container.map(|name| {
        let snapshot = request.site.snapshot();
        let (_, live) = find(&snapshot, name)?;
        Ok(format!("container.id={}", live.known.get("short_id")))
    });
    let of_container = of_container.transpose()?;
    Ok(all_of(&[request.text(&params::FILTER), of_container.as_deref()]))
}

async fn view(request: Request, name: &'static str) -> Answer {
    let filter = match filter(&request, Some(&request.rest)) {
        Ok(filter) => filter,
        Err(answer) => return answer,
    };
    ask(request, Kind::View(name), filter).await
}

pub(in crate::serve) async fn chisels(_request: Request) -> Answer {
    let about = |(name, source): (String, crate::chisel::Source)| {
        let meta = crate::chisel::Chisel::describe(&source).ok()?;
        let arguments = meta.args.iter().map(|arg| json!({ "name": arg.name, "optional": arg.optional }));
        Some(json!({ "name": name, "about": meta.summary, "arguments": arguments.collect::<Vec<_>>() }))
    };
    Answer::json(&shelf().filter_map(about).collect())
}

pub(in crate::serve) async fn chisel(request: Request) -> Answer {
    let filter = match filter(&request, request.text(&params::CONTAINER)) {
        Ok(filter) => filter,
        Err(answer) => return answer,
    };
    let kind = Kind::Chisel(request.rest.clone(), request.text(&params::ARGUMENT).map(str::to_owned));
    ask(request, kind, filter).await
}

pub(in crate::serve) async fn events(request: Request) -> Answer {
    let filter = match filter(&request, request.text(&params::CONTAINER)) {
        Ok(filter) => filter,
        Err(answer) => return answer,
    };
    let question = Question { kind: Kind::Events, filter, interval: NO_INTERVAL, once: false };
    match listen(&request, question).await {
        Ok((listening, notes)) => streamed(listening, notes),
        Err(answer) => answer,
    }
}

/// Begins to listen, or says why not; and what the client should know of the filter.
async fn listen(request: &Request, question: Question) -> Result<(Listening, Vec<Value>), Answer> {
    let desk: Arc<Desk> = request.site.desk();
    let shows = desk.shows();
    let of_check = question.clone();
    // Loading a chisel takes its time.
    let checked = tokio::task::spawn_blocking(move || of_check.check(shows)).await;
    let notes = match checked {
        Ok(Ok(notes)) => notes,
        Ok(Err(wrong)) => return Err(said(&wrong)),
        Err(_) => return Err(Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "the question could not be checked")),
    };
    let listening = desk.listen(question).await.map_err(|refused| {
        let status = match refused {
            Refused::TooMany | Refused::NotYet | Refused::Stuck | Refused::Thread(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refused::Engine(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Answer::error(status, &refused.to_string())
    })?;
    Ok((listening, notes.iter().map(|text| noted(text)).collect()))
}

/// A note as JSON.
fn noted(text: &str) -> Value {
    let (message, hint) = text.split_once("\nhint: ").unwrap_or((text, ""));
    json!({ "message": message.trim_start_matches("note: "), "hint": hint })
}

/// What is wrong with a question, with the place in a filter.
fn said(wrong: &Wrong) -> Answer {
    let status = match wrong {
        Wrong::Filter(_) | Wrong::Chisel(_) => StatusCode::BAD_REQUEST,
        Wrong::NoChisel(_) => StatusCode::NOT_FOUND,
        Wrong::Hidden(_) | Wrong::Writes(_) => StatusCode::FORBIDDEN,
    };
    let mut object = json!({ "message": wrong.to_string() });
    match wrong {
        Wrong::Filter(error) => {
            object["filter"] = json!(error.filter);
            object["at"] = json!([error.at.start, error.at.end]);
            object["hint"] = json!(error.hint);
        }
        Wrong::Chisel(error) => object["hint"] = json!(error.hint),
        Wrong::NoChisel(_) | Wrong::Hidden(_) | Wrong::Writes(_) => {}
    }
    Answer::json(&object).with_status(status)
}

/// One interval, or a stream of them.
async fn ask(request: Request, kind: Kind, filter: Option<String>) -> Answer {
    let seconds = request.number(&params::SECONDS).and_then(|seconds| u64::try_from(seconds).ok());
    let interval = Duration::from_secs(seconds.unwrap_or(1));
    let is_view = matches!(kind, Kind::View(_));
    let once = !request.flag(&params::STREAM);
    let (listening, notes) = match listen(&request, Question { kind, filter, interval, once }).await {
        Ok(listening) => listening,
        Err(answer) => return answer,
    };
    if !once {
        return streamed(listening, notes);
    }
    let mut frames = match gathered(listening, interval).await {
        Ok(frames) => frames,
        Err(why) => return Answer::error(StatusCode::INTERNAL_SERVER_ERROR, &escaped(why.as_bytes())),
    };
    let mut object = match frames.pop() {
        Some(frame) if is_view => frame,
        last => {
            frames.extend(last);
            json!({ "frames": frames })
        }
    };
    if !notes.is_empty() {
        object["notes"] = notes.into();
    }
    Answer::json(&object)
}

/// All frames of that time.
async fn gathered(mut listening: Listening, time: Duration) -> Result<Vec<Value>, String> {
    let mut frames = Vec::new();
    let over = Instant::now() + time;
    let mut is_over = false;
    loop {
        let deadline = if is_over { over + LAST_WORDS } else { over };
        tokio::select! {
            piece = listening.next() => match piece {
                Some(Piece::Frame(frame)) if frames.len() < MAX_FRAMES => frames.push(frame),
                Some(Piece::Frame(_) | Piece::Text(_)) => {}
                Some(Piece::Failed(why)) => return Err(why),
                None => return Ok(frames),
            },
            () = sleep_until(deadline) => {
                if is_over {
                    return Ok(frames);
                }
                is_over = true;
                listening.finish();
            }
        }
    }
}

/// Pieces as server-sent events, after what the client should know.
fn streamed(listening: Listening, notes: Vec<Value>) -> Answer {
    let (send, receive) = mpsc::channel(4);
    tokio::spawn(async move {
        let _ = stream(listening, &notes, &send).await;
    });
    Answer::events(receive)
}

async fn stream(mut listening: Listening, notes: &[Value], send: &mpsc::Sender<Bytes>) -> Option<Infallible> {
    // Says that it has begun: from here on nothing is missed.
    let notes: String = notes.iter().map(|note| format!("event: note\ndata: {note}\n\n")).collect();
    let mut piece = Bytes::from(format!(": listening\n\n{notes}"));
    loop {
        timeout(SLOW, send.send(piece)).await.ok()?.ok()?;
        piece = tokio::select! {
            piece = listening.next() => match piece? {
                Piece::Text(text) => text.into(),
                Piece::Frame(frame) => format!("data: {frame}\n\n").into(),
                Piece::Failed(why) => {
                    let said = json!({ "message": why });
                    let _ = send.send(format!("event: failed\ndata: {said}\n\n").into()).await;
                    return None;
                }
            },
            () = tokio::time::sleep(ALIVE) => Bytes::from_static(b": alive\n\n"),
            () = send.closed() => return None,
        };
    }
}
