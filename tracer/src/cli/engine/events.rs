//! `tracer engine events`: what happened, engine by engine, or all of it as it comes.

use std::{
    collections::VecDeque,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering, mpsc},
    time::Duration,
};

use super::{EngineArgs, is_closed, nobody, object, table};
use crate::{
    cli::{End, stop, stop::Stop},
    format::{color::ColorChoice, escape::escaped},
    message::note,
    output::Out,
    state::container::{
        self,
        engine::{Event, Row, Wish, follow_events},
    },
    thread,
};

/// Events that wait to be shown; whoever sends more waits.
const WAITING: usize = 1_024;
/// Without a time, those of the last hour are shown.
const PAST_S: u64 = 3_600;
/// The most past events that are kept to be sorted; the newest are.
const MAX_PAST: usize = 65_536;
/// How often is looked whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// What has no time comes first.
const TIME: &str = "time_ns";

/// Shows them until it is over: then 0, also after Ctrl-C.
pub(super) fn show(args: &EngineArgs, options: &container::Options) -> Result<ExitCode, End> {
    let stop = Arc::new(AtomicBool::new(false));
    let at_signals = Stop::at_signals(None)?;
    let now_s = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    let since_s =
        args.since.map_or(if args.follow { now_s } else { now_s.saturating_sub(PAST_S) }, |ns| ns / 1_000_000_000);
    let wish = Wish { since_s, follow: args.follow };
    let (send, events) = mpsc::sync_channel(WAITING);
    let (of_thread, options, only) = (Arc::clone(&stop), options.clone(), args.engine.clone());
    let asking = thread::begin("asking", move || {
        // Who takes them sets the pace; nobody takes them any more when the program ends.
        let to = move |event| send.send(event).is_ok();
        follow_events(&options, wish, only.as_deref(), to, || of_thread.load(Ordering::Relaxed))
    });
    let asking = asking.map_err(anyhow::Error::from)?;
    let out = Out::stdout(args.follow, false, ColorChoice::Never);
    let shown = take(args, &events, &at_signals, &out);
    stop.store(true, Ordering::Relaxed);
    drop(events);
    shown?;
    // After Ctrl-C nobody waits for an engine that does not answer.
    if !at_signals.load(Ordering::Relaxed) {
        let heard = match asking.join() {
            Ok(asked) => asked?,
            Err(_) => return Err(anyhow::anyhow!("asking engines has panicked").into()),
        };
        match (heard.answered, heard.silent) {
            (0, 0) => return Err(nobody(args.engine.as_deref())),
            (0, _) => return Ok(ExitCode::FAILURE),
            _ => {}
        }
    }
    Ok(ExitCode::from(stop::code()))
}

/// Shows what comes.
fn take(args: &EngineArgs, events: &mpsc::Receiver<Event>, stop: &Stop, out: &Out) -> Result<(), End> {
    let (mut past, mut left_out) = (VecDeque::new(), 0);
    loop {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match events.recv_timeout(LOOK) {
            Ok((engine, Ok(event))) => {
                let row = named(engine, event);
                if args.follow {
                    show_one(args, out, &row)?;
                } else {
                    if past.len() == MAX_PAST {
                        left_out += 1;
                        past.pop_front();
                    }
                    past.push_back(row);
                }
            }
            Ok((engine, Err(why))) => {
                note(&format!("note: {}: {}", escaped(engine.as_bytes()), escaped(why.as_bytes())));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    if left_out > 0 {
        note(&format!("warning: {left_out} older events are left out; --since TIME asks for fewer"));
    }
    let mut past = Vec::from(past);
    past.sort_by_key(|row| row.get(TIME).and_then(serde_json::Value::as_u64));
    if args.json {
        past.iter().try_for_each(|row| object(out, row)).map_err(is_closed)?;
    } else if !args.follow {
        table::table(table::EVENT, &past, out.width()).print(out).map_err(is_closed)?;
    }
    out.flush().map_err(is_closed)?;
    Ok(())
}

fn named(engine: String, event: Row) -> Row {
    [("engine".to_owned(), engine.into())].into_iter().chain(event).collect()
}

/// One that has just come: a line without columns, because nobody knows how wide the next one is.
fn show_one(args: &EngineArgs, out: &Out, row: &Row) -> Result<(), End> {
    if args.json {
        object(out, row).map_err(is_closed)?;
    } else {
        let values = table::EVENT.iter().filter_map(|(title, field, form)| {
            let text = form.shown(Some(row.get(*field)?));
            Some(if *title == "EXIT" { format!("exit={text}") } else { text })
        });
        let line = values.collect::<Vec<_>>().join(" ");
        out.text_line(&line).map_err(is_closed)?;
    }
    Ok(())
}
