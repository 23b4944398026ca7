//! What stands behind an event of a capture of ours, and the parameters as they were before they were written.

use tracer_common::events;

use crate::{
    event::Row,
    scap::{EventParams, Options, options::own},
    state::facts::Facts,
};

/// The options of an event.
#[derive(Debug, Default)]
pub(super) struct Extras<'a> {
    /// How long the call took; `None` inside when it is known that nobody knows.
    pub(super) latency_ns: Option<Option<u64>>,
    /// What the call returned, when no parameter says it.
    pub(super) result: Option<i64>,
    /// Whether its bytes were received without being taken.
    pub(super) peeked: bool,
    /// Whether it is a request that is done.
    pub(super) done: bool,
    /// Whether the number of the call is one of the 32-bit table.
    pub(super) compat: bool,
    facts: Option<&'a [u8]>,
    more: &'a [u8],
    absent: u32,
    cpu: &'a [u8],
    first: &'a [u8],
    name: &'a [u8],
}

/// Memory for parameters that are put together.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    lengths: Vec<u8>,
    payload: Vec<u8>,
}

impl<'a> Extras<'a> {
    /// From the options behind an event. Those of others are left out, and so is one of the wrong length.
    pub(super) fn read(options: Options<'a>) -> Self {
        let mut extras = Self::default();
        for (number, value) in options.custom() {
            match number {
                own::LATENCY => extras.latency_ns = latency(value).or(extras.latency_ns),
                own::FACTS => extras.facts = Some(value),
                own::MORE => extras.more = value,
                own::ABSENT => extras.absent = value.try_into().map_or(0, u32::from_ne_bytes),
                own::FIRST => extras.first = value,
                own::PEEKED => extras.peeked = true,
                own::DONE => extras.done = true,
                own::COMPAT => extras.compat = true,
                own::NAME => extras.name = value,
                own::RESULT => extras.result = result(value).or(extras.result),
                own::CPU if value.len() == 24 => extras.cpu = value,
                _ => {}
            }
        }
        extras
    }

    /// The row of an event that the format does not know. One that is not known here either stays hidden.
    pub(super) fn row(&self) -> Option<&'static Row> {
        events::own_row(self.name)
    }

    /// What is known when the event happens.
    pub(super) fn facts(&self) -> Option<Facts> {
        self.facts.and_then(Facts::parse)
    }

    /// The parameters as they were before they were written: with those that the schema of the file does not have, without
    /// those that had no value. A CPU time event says the times of its interval, and how long that was.
    pub(super) fn params<'p>(&self, params: EventParams<'p>, scratch: &'p mut Scratch) -> EventParams<'p> {
        if self.more.is_empty()
            && self.absent == 0
            && self.cpu.is_empty()
            && self.first.is_empty()
            && self.name.is_empty()
        {
            return params;
        }
        let Scratch { lengths, payload } = scratch;
        lengths.clear();
        payload.clear();
        let mut count = 0;
        let mut push = |value: &[u8]| {
            if params.large {
                lengths.extend_from_slice(&(value.len() as u32).to_ne_bytes());
            } else {
                lengths.extend_from_slice(&(value.len() as u16).to_ne_bytes());
            }
            payload.extend_from_slice(value);
            count += 1;
        };
        if self.cpu.is_empty() {
            // What stands for an event that the format does not know has nothing of it.
            let stored = if self.name.is_empty() { usize::MAX } else { 0 };
            for (at, value) in params.iter().enumerate().take(stored) {
                let is_absent = at < 32 && self.absent & 1 << at != 0;
                let is_first = at == 0 && !self.first.is_empty();
                push(if is_absent {
                    &[]
                } else if is_first {
                    self.first
                } else {
                    value
                });
            }
            let mut more = self.more;
            while let Some((len, rest)) = more.split_first_chunk::<2>()
                && let Some((value, rest)) = rest.split_at_checked(usize::from(u16::from_ne_bytes(*len)))
            {
                push(value);
                more = rest;
            }
        } else {
            self.cpu.chunks_exact(8).for_each(push);
            count = 3;
        }
        EventParams { count, large: params.large, lengths, payload }
    }
}

fn result(value: &[u8]) -> Option<i64> {
    match *value {
        [a, b, c, d] => Some(i32::from_ne_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(i64::from_ne_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

fn latency(value: &[u8]) -> Option<Option<u64>> {
    match *value {
        [] => Some(None),
        [a, b, c, d] => Some(Some(u32::from_ne_bytes([a, b, c, d]).into())),
        [a, b, c, d, e, f, g, h] => Some(Some(u64::from_ne_bytes([a, b, c, d, e, f, g, h]))),
        _ => None,
    }
}
