//! Events as server-sent events. What a client does not take in time is dropped here and counted, and the stream says how many.

use tokio::sync::mpsc::error::TrySendError;
use tracer_common::events::Flags;

use super::{
    kept::{Piece, To},
    secret::{Shows, reveals},
};
use crate::{
    event::Row,
    fields::{Context, EventType, Needs, Show},
    filter::kernel::{Expr, Question, Target},
    format::{Template, TemplateError, json::Json},
    sink::{Shown, Sink, Tick},
};

/// How often events are handed over, milliseconds.
const EVERY_MS: u64 = 200;
/// Bytes that are handed over at once, without waiting.
const MANY_BYTES: usize = 32 << 10;
/// The most bytes that wait for room in the queue.
const MAX_BYTES: usize = 256 << 10;

/// What is said of each event, as by `-j`.
const FIELDS: &str = "*%evt.num %evt.rawtime %evt.cpu %evt.type %evt.res %evt.latency %proc.name %proc.pid %thread.tid \
    %container.id %container.name %fd.name";

/// The sink.
#[derive(Debug)]
pub(super) struct Events {
    /// For events that show no command line.
    json: Json,
    /// For the others.
    brief: Json,
    shows: Shows,
    to: To,
    /// What was not handed over yet.
    text: Vec<u8>,
    /// Events that there was no room for, and those that were lost before, since that was said.
    dropped: u64,
    lost: u64,
    lost_before: Option<u64>,
}

impl Events {
    pub(super) fn new(shows: Shows, to: To) -> Result<Self, TemplateError> {
        let show = Show { whole_data: true, ..Show::PLAIN };
        let json = Json::new(Template::parse(&format!("{FIELDS} %evt.args"), show)?);
        let brief = Json::new(Template::parse(FIELDS, show)?);
        let (text, dropped, lost) = Default::default();
        Ok(Self { json, brief, shows, to, text, dropped, lost, lost_before: None })
    }

    fn is_brief(&self, row: &Row) -> bool {
        !self.shows.args && reveals(row)
    }

    fn hand_over(&mut self, tick: &Tick<'_>) {
        let lost = tick.stats.losses.total();
        self.lost += lost.saturating_sub(self.lost_before.replace(lost).unwrap_or(lost));
        let events = self.text.len();
        if self.dropped + self.lost > 0 {
            let said = serde_json::json!({ "dropped": self.dropped, "lost": self.lost });
            self.text.extend_from_slice(format!("event: lost\ndata: {said}\n\n").as_bytes());
        }
        if self.send() {
            (self.dropped, self.lost) = (0, 0);
        } else {
            // It is said when there is room.
            self.text.truncate(events);
        }
    }

    /// Hands over what there is; false if there is no room, and it waits here.
    fn send(&mut self) -> bool {
        if self.text.is_empty() {
            return true;
        }
        match self.to.try_send(Piece::Text(std::mem::take(&mut self.text))) {
            Err(TrySendError::Full(Piece::Text(text))) => {
                self.text = text;
                false
            }
            // Whoever has gone is removed soon.
            Ok(()) | Err(_) => true,
        }
    }
}

impl Sink for Events {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        if !self.wants(&EventType::of_event(context.event)) {
            return Ok(Shown::No);
        }
        if self.text.len() >= MAX_BYTES {
            self.dropped += 1;
            return Ok(Shown::Yes);
        }
        let json = if self.is_brief(context.event.row) { &self.brief } else { &self.json };
        self.text.extend_from_slice(b"data: ");
        json.render(context, &mut self.text);
        self.text.extend_from_slice(b"\n\n");
        if self.text.len() >= MANY_BYTES && self.dropped == 0 {
            self.send();
        }
        Ok(Shown::Yes)
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.hand_over(tick);
        Ok(())
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.hand_over(tick);
        Ok(())
    }

    fn needs(&self) -> Needs {
        self.json.needs()
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        !event.row.flags.has(Flags::INTERNAL)
    }

    fn demand(&self, target: &Target<'_>, _questions: &mut Vec<Question>) -> Expr {
        Expr::Always(self.wants(&target.event))
    }

    fn interval_ms(&self) -> Option<u64> {
        Some(EVERY_MS)
    }
}
