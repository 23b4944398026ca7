//! What a chisel declares and the engine keeps natively: tables, rates, the largest events, heat maps, lists.
//!
//! An event costs one look-up in a hash table; nothing is allocated for a key that is known. Keys are the bytes of their
//! values ([`key`]). Metadata of containers is not part of a key: the container is, and its name is looked up when the
//! frame is made, so that names that arrive late are right from the first row on.

mod distribution;
mod heatmap;
mod histogram;
mod key;
mod list;
mod op;
mod rate;
#[cfg(test)]
mod sampled;
mod snapshot;
mod table;
mod top;

pub use heatmap::{HeatMap, HeatSpec};
pub use histogram::{Histogram, HistogramSpec};
pub use key::Column;
pub use list::{Listing, Rows, each as each_row, with_row};
pub use op::Op;
pub use rate::Rate;
pub use snapshot::Snapshot;
pub use table::{Sort, Spec, Table, TableError, Value};
pub use top::{Line, Top};

use std::fmt;

use tracer_common::group::{Counted, Grouping, Number, by};

use crate::{
    fields::{Context, EventType, Needs},
    filter::{
        Filter,
        kernel::{self, Expr, Question, Target},
    },
    output::{Frame, Span},
    state::State,
};

/// What a frame is made for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    /// The time that it is about.
    pub span: Span,
    /// Whether that is all the time of a capture, and not one interval.
    pub is_whole: bool,
}

impl Moment {
    /// Whether it is about less than a second.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.span.length_ns() < 1_000_000_000
    }
}

/// When an aggregate is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At each interval; of a capture, once, for all of its time.
    Interval,
    /// At each interval, of captures too.
    EachInterval,
    /// When there are no more events.
    End,
}

/// What an aggregate needs of a table in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Members of the key: bits of [`by`](tracer_common::group::by).
    pub by: u32,
    /// The number that is added up.
    pub number: Number,
    /// Whether nothing but the sum of the numbers is asked for: it may come from hooks that know no calls.
    pub sums_only: bool,
}

impl Counts {
    /// Both in one row, if one can have both.
    #[must_use]
    pub fn with(self, other: Self) -> Option<Self> {
        let number = self.number.with(other.number).filter(|_| same_rows(self.by, other.by))?;
        Some(Self { by: self.by | other.by, number, sums_only: self.sums_only && other.sums_only })
    }

    /// The table in the kernel, when these filters come before it.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn in_kernel(self, filters: &[&Filter]) -> Result<Grouping, &'static str> {
        let Self { by, number, sums_only } = self;
        let of_sockets = sums_only && number == Number::Bytes && by & by::OF_CALLS == 0;
        let (by, counted) = match kernel::can_group(filters, by, Counted::SocketBytes) {
            Ok(by) if of_sockets => (by, Counted::SocketBytes),
            _ => (kernel::can_group(filters, by, Counted::Events)?, Counted::Events),
        };
        Ok(Grouping { by, counted, number, bytes_of: None })
    }
}

/// Whether tables by these members can be one, in which rows may be finer than one of them needs: by the range of a number.
#[must_use]
pub const fn same_rows(one: u32, other: u32) -> bool {
    (one ^ other) & !by::RANGE == 0
}

/// Something that is kept while events go by, and taken as a frame.
pub trait Aggregate: fmt::Debug {
    /// Takes an event that passed the filter of the chisel. Returns whether it was of use.
    fn add(&mut self, context: &Context<'_>) -> bool;

    /// What was kept, with the names that are known now. It begins again.
    fn take(&mut self, state: &State, moment: Moment) -> Frame;

    /// When it is taken.
    fn when(&self) -> When;

    /// Whether the frame depends on how long a capture is.
    fn goes_by_length(&self) -> bool {
        false
    }

    /// Whether nothing was kept since it was taken.
    fn is_empty(&self) -> bool;

    /// Events so far that it had no room for.
    fn lost(&self) -> u64 {
        0
    }

    /// What has to be collected.
    fn needs(&self) -> Needs;

    /// Whether events of that type can count.
    fn may_count(&self, event: &EventType<'_>) -> bool;

    /// The filter of its own, behind that of the chisel.
    fn filter(&self) -> Option<&Filter> {
        None
    }

    /// What can be counted in the kernel instead.
    ///
    /// # Errors
    /// The reason why it cannot.
    fn grouping(&self) -> Result<Counts, &'static str> {
        Err("only tables are counted in the kernel")
    }

    /// What the kernel side knows of which events of a type can count: never less than those.
    fn demand(&self, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
        if !self.may_count(&target.event) {
            return Expr::Always(false);
        }
        self.filter().map_or(Expr::Always(true), |filter| filter.in_kernel(target, questions))
    }
}
