//! Outputs in their parts, for those who ask several questions at a time.

use super::{Outputs, Sink};
use crate::filter::Filter;

impl Outputs {
    /// The filter that stands before the sinks, and the sinks in their order.
    #[must_use]
    pub fn into_parts(self) -> (Option<Filter>, Vec<Box<dyn Sink>>) {
        (self.filter, self.sinks.into_iter().map(|slot| slot.sink).collect())
    }
}
