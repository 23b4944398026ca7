//! What filter and sinks ask for: which events, and what has to be collected of them.

use super::{Capture, Outputs, Slot};
use crate::{
    event::{Origin, Row},
    fields::{EventType, Needs},
    filter::{
        Filter,
        kernel::{Expr, Question, Target, Untold},
    },
};

impl Outputs {
    /// What has to be collected for filter and sinks.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let filter = self.filter.as_ref().map_or(Needs::NONE, Filter::needs);
        let filter = if self.suppressed.is_empty() { filter } else { filter.with(Needs::WHO) };
        let capture = self.capture.as_ref().map_or(Needs::NONE, Capture::needs);
        self.sinks.iter().map(|slot| slot.sink.needs()).collect::<Needs>().with(filter).with(capture)
    }

    /// Whether events of that type can be of use to anyone.
    #[must_use]
    pub fn wants(&self, event: &EventType<'_>) -> bool {
        !event.row.live_only()
            && self.filter.as_ref().is_none_or(|filter| filter.may_match(event))
            && self.sinks.iter().any(|slot| slot.takes_records() && slot.sink.wants(event))
    }

    /// Whether events of that type can be of use for that table of calls.
    #[must_use]
    pub fn counts(&self, table: u8, event: &EventType<'_>) -> bool {
        !event.row.live_only()
            && self.filter.as_ref().is_none_or(|filter| filter.may_match(event))
            && self.sinks.iter().any(|slot| slot.takes_records_of(1 << table) && slot.sink.wants(event))
    }

    /// Whether they have to be collected: the capture may want what nobody is shown.
    #[must_use]
    pub fn collects(&self, event: &EventType<'_>) -> bool {
        let writes = |capture: &Capture| {
            capture.wants_anyway(event.row) || self.filter.as_ref().is_none_or(|filter| filter.may_match(event))
        };
        self.wants(event) || !event.row.live_only() && self.capture.as_ref().is_some_and(writes)
    }

    /// What the kernel side knows of which events of a type have to be collected, for that table of calls or what is in none: never less
    /// than those.
    #[must_use]
    pub fn demand(&self, table: u8, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
        if target.event.row.live_only() || self.capture.as_ref().is_some_and(|it| it.wants_anyway(target.event.row)) {
            return Expr::Always(true);
        }
        let filter = self.filter.as_ref().map_or(Expr::Always(true), |filter| filter.in_kernel(target, questions));
        if self.capture.is_some() {
            return filter;
        }
        let sinks = self.sinks.iter().filter(|slot| slot.takes_records_of(1 << table));
        let sinks = sinks.map(|slot| slot.sink.demand(target, questions)).collect();
        Expr::And(vec![filter, Expr::any_of(sinks)])
    }

    /// What sinks ask of the events that come from there, but for what rows tell. They ask the same, or have no table in common.
    #[must_use]
    pub fn untold(&self, origin: Origin) -> Untold {
        let mut untold = Untold::default();
        for slot in self.sinks.iter().filter(|slot| slot.origin == origin) {
            slot.sink.each_filter(&mut |filter| untold.add(filter));
        }
        untold
    }

    /// Says where the events of each sink come from. Without it, all of them come from records.
    pub fn set_origins(&mut self, origins: &[Origin]) {
        self.sinks.iter_mut().zip(origins).for_each(|(slot, origin)| slot.origin = *origin);
    }

    /// What has to be collected for the filter and for sinks whose events come from there.
    #[must_use]
    pub fn needs_of(&self, is_wanted: impl Fn(Origin) -> bool) -> Needs {
        let sinks: Vec<&Slot> = self.sinks.iter().filter(|slot| is_wanted(slot.origin)).collect();
        let filter = self.filter.as_ref().filter(|_| !sinks.is_empty()).map_or(Needs::NONE, Filter::needs);
        sinks.iter().map(|slot| slot.sink.needs()).collect::<Needs>().with(filter)
    }

    /// The filter that stands before the sinks, and theirs.
    pub fn each_filter(&self, visit: &mut dyn FnMut(&Filter)) {
        self.filter.iter().for_each(&mut *visit);
        self.sinks.iter().for_each(|slot| slot.sink.each_filter(visit));
    }

    /// What has to be collected for those whose filter names events of that row.
    #[must_use]
    pub fn needs_of_row(&self, row: &'static Row) -> Needs {
        if self.filter.as_ref().is_some_and(|filter| filter.names(row)) {
            return self.needs();
        }
        let names = |slot: &&Slot| {
            let mut names = false;
            slot.sink.each_filter(&mut |filter| names |= filter.names(row));
            names
        };
        self.sinks.iter().filter(names).map(|slot| slot.sink.needs()).collect()
    }

    /// Whether a filter names events of that row.
    #[must_use]
    pub fn names(&self, row: &'static Row) -> bool {
        let mut names = false;
        self.each_filter(&mut |filter| names |= filter.names(row));
        names
    }

    /// The same for all events of a row.
    #[must_use]
    pub fn wants_row(&self, row: &Row) -> bool {
        self.wants(&EventType::of(row))
    }
}
