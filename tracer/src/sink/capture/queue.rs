//! What is written, in its order: a chunk that is on its way to the disk, and behind it what waits for a container.

use std::{
    collections::VecDeque,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::super::hold::Held;
use crate::{
    scap::Writer,
    state::{ContainerKey, State, container::Lookup},
};

/// How long an event waits for its container at most.
const PATIENCE: Duration = Duration::from_millis(700);
/// The most bytes that wait; beyond, nothing waits any more.
const MAX_BYTES: usize = 64 << 20;

/// A part of what is written.
pub(super) enum Piece {
    /// Blocks.
    Blocks(Writer),
    /// The place for what is told of a container, the time of the event behind it, and since when it waits.
    Container(ContainerKey, u64, Instant),
    /// An event of which only its container says whether it is wanted.
    Held(Box<Held>, Instant),
    /// Here another file begins; and a file is removed.
    Open(PathBuf, Option<PathBuf>),
}

/// What is written.
#[derive(Default)]
pub(super) struct Queue {
    /// What can go to the disk.
    pub(super) chunk: Writer,
    pieces: VecDeque<Piece>,
    /// Bytes of the pieces, as far as they are not in blocks yet.
    bytes: usize,
    /// Events that wait.
    held: usize,
}

impl Queue {
    /// Where the next block is written.
    pub(super) fn writer(&mut self) -> &mut Writer {
        if self.pieces.is_empty() {
            return &mut self.chunk;
        }
        if !matches!(self.pieces.back(), Some(Piece::Blocks(_))) {
            self.pieces.push_back(Piece::Blocks(Writer::default()));
        }
        match self.pieces.back_mut() {
            Some(Piece::Blocks(writer)) => writer,
            _ => &mut self.chunk,
        }
    }

    pub(super) fn push(&mut self, piece: Piece) {
        if let Piece::Held(held, _) = &piece {
            self.bytes += held.bytes();
            self.held += 1;
        }
        self.pieces.push_back(piece);
    }

    /// Whether the place for what is told of a container is still to be filled.
    pub(super) fn waits_for(&self, key: ContainerKey) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Container(other, ..) if *other == key))
    }

    /// Whether an event waits.
    pub(super) fn holds(&self) -> bool {
        self.held > 0
    }

    fn waiting_bytes(&self) -> usize {
        let blocks = self.pieces.iter().map(|piece| if let Piece::Blocks(writer) = piece { writer.len() } else { 0 });
        self.bytes + blocks.sum::<usize>()
    }

    /// The next piece, when it waits no more; `all` when nothing may wait.
    pub(super) fn next(&mut self, state: &State, all: bool) -> Option<Piece> {
        let ready = match self.pieces.front()? {
            Piece::Blocks(_) | Piece::Open(..) => true,
            Piece::Container(key, _, since) => is_known(state, *key) || since.elapsed() >= PATIENCE,
            Piece::Held(held, since) => is_known(state, held.container()) || since.elapsed() >= PATIENCE,
        };
        if !ready && !all && self.waiting_bytes() < MAX_BYTES {
            return None;
        }
        let piece = self.pieces.pop_front();
        if let Some(Piece::Held(held, _)) = &piece {
            self.bytes -= held.bytes();
            self.held -= 1;
        }
        piece
    }
}

fn is_known(state: &State, key: ContainerKey) -> bool {
    state.containers.get(key).lookup != Lookup::Pending
}
