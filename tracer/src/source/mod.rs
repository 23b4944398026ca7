//! Where records come from. Live and file input meet here, below the decoder.

pub mod inject;

use std::ops::ControlFlow;

/// What a source says after it was asked for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// That many records were delivered; more may be there at once.
    Records(usize),
    /// There will be no more.
    End,
}

/// A source of records (`tracer_common::wire`).
pub trait Source {
    /// Delivers the records that are there, in the order of their time. It returns when there are none left, when it has
    /// delivered a bounded number, or when `visit` breaks.
    ///
    /// # Errors
    /// The source is broken; nothing more will come.
    fn drain(&mut self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> anyhow::Result<Drained>;
}
