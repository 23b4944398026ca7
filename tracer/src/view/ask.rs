//! From a view and where one is to what the engine is asked.

use super::{
    Compiled, Publish, View, ViewError, Wrong,
    details::Fields,
    heat::Heat,
    join::{Times, sinks},
    rows::{EventRows, What},
    spec::Kind,
};
use crate::{
    fields::{FieldRef, Show},
    filter::Filter,
    format::Template,
    output::Out,
    sink::{Outputs, Sink},
};

/// What is shown of a view's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The rows of the view.
    Rows,
    /// The data that is read and written.
    Echo,
    /// The events, a line each.
    Events,
    /// How long calls took, as a picture.
    Heat,
}

impl Mode {
    /// What csysdig has as a view and is a way to look at one here: how, and whether only at reads and writes of files.
    #[must_use]
    pub fn of_csysdig(id: &str) -> Option<(Self, bool)> {
        match id {
            "echo" => Some((Self::Echo, false)),
            "dig" => Some((Self::Events, false)),
            "spectro_all" => Some((Self::Heat, false)),
            "spectro_file" => Some((Self::Heat, true)),
            _ => None,
        }
    }
}

/// What comes with rows besides what is shown of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum With {
    /// Nothing.
    #[default]
    Nothing,
    /// Of an event its number, by which it is found again in a capture.
    Number,
    /// Of an event its number, and all its fields while events do not come too fast.
    Fields,
}

/// When a question is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Enough {
    /// After so many events that count.
    pub events: Option<u64>,
    /// After so many tables.
    pub tables: Option<u64>,
}

/// What the engine is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The view.
    pub view: View,
    /// What is shown.
    pub mode: Mode,
    /// Which events: what the user said, and the way to here. Without the view's own filter.
    pub filter: Option<String>,
    /// Whether containers are shown.
    pub containers: bool,
    /// How long an interval is, milliseconds.
    pub interval_ms: u64,
    /// Whether a capture is read.
    pub replay: bool,
    /// How values are shown.
    pub show: Show,
    /// What comes with the rows of events.
    pub with: With,
    /// Fields that are looked up for each row of a table, after those of its columns.
    pub more: Vec<String>,
    /// When it ends by itself.
    pub enough: Enough,
}

/// The format of lines of events.
const EVENTS: &str = "*%evt.outputtime %evt.cpu %proc.name (%thread.tid) %evt.type %evt.info";
/// The same with containers.
const EVENTS_OF_CONTAINERS: &str = "*%evt.outputtime %evt.cpu %container.name (%container.id) %proc.name (%thread.tid:%thread.vtid) %evt.type %evt.info";
/// The format of the line over data.
const ECHO: &str = "*%evt.io_dir %evt.rawres bytes, %fd.name (%proc.name %proc.pid)";
/// The same with containers.
const ECHO_OF_CONTAINERS: &str = "*%evt.io_dir %evt.rawres bytes, %fd.name (%container.name: %proc.name %proc.pid)";
/// The field of the data itself.
pub const DATA: &str = "evt.buffer";
/// The field by which an event is found again in a capture.
pub const NUMBER: &str = "evt.num";
/// What has data.
const HAS_DATA: &str = "evt.is_io=true and evt.rawres>0";
/// The fields that Enter on an event can go into.
pub const OF_EVENTS: &[&str] = &["proc.pid", "fd.name", "container.id", "evt.type"];

impl Ask {
    /// All of the filter.
    #[must_use]
    pub fn whole_filter(&self) -> Option<String> {
        let of_view = if self.mode == Mode::Rows { self.view.filter.as_deref() } else { None };
        let data = (self.mode == Mode::Echo).then_some(HAS_DATA);
        all_of(&[self.filter.as_deref(), of_view, data])
    }

    /// Filter and sinks for it.
    ///
    /// # Errors
    /// The filter is wrong, or the view.
    pub fn outputs(&self, publish: Publish) -> anyhow::Result<Outputs> {
        let show = self.show;
        let compile = |text: &str| Filter::compile(text, show);
        let filter = self.whole_filter().as_deref().map(compile).transpose()?;
        let fields = |names: &mut dyn Iterator<Item = &str>| {
            names.map(|name| FieldRef::resolve(name, show)).collect::<Result<Vec<_>, _>>()
        };
        let number = (self.with != With::Nothing).then_some(NUMBER);
        let line = |format: &str, data: Option<&'static str>| -> anyhow::Result<What> {
            let mut names = OF_EVENTS.iter().copied().chain(data).chain(number);
            Ok(What::Line(Template::parse(format, show)?, fields(&mut names)?))
        };
        if self.mode == Mode::Heat {
            // Twice as fine as tables.
            let sink = Heat::new((self.interval_ms / 2).max(100), self.replay, show, publish)?;
            return Ok(Outputs::new(filter, vec![Box::new(sink)], Out::memory(), self.enough.events));
        }
        let what = match (self.mode, self.view.kind) {
            (Mode::Echo, _) => Some(line(if self.containers { ECHO_OF_CONTAINERS } else { ECHO }, Some(DATA))?),
            (Mode::Events, _) => Some(line(if self.containers { EVENTS_OF_CONTAINERS } else { EVENTS }, None)?),
            (Mode::Rows, Kind::List) => {
                let key = self.view.key.iter().map(|key| key.field.as_str());
                let columns = self.view.columns.iter().filter(|column| column.is_shown(self.containers));
                let columns = columns.filter_map(|column| column.field.as_deref());
                Some(What::Fields(fields(&mut key.chain(columns).chain(number))?))
            }
            (Mode::Rows, Kind::Table) | (Mode::Heat, _) => None,
        };
        let sinks = match what {
            Some(what) => {
                let all = (self.with == With::Fields).then(|| Fields::all(show));
                vec![Box::new(EventRows::new(what, all, self.replay, publish)) as Box<dyn Sink>]
            }
            None => {
                let compiled = Compiled::of(&self.view, self.containers, show)
                    .and_then(|compiled| compiled.with(&self.more, show))
                    .map_err(|fault| self.wrong(fault))?;
                let specs = compiled.specs(show).map_err(|fault| self.wrong(fault))?;
                let of_rows = self.filter.as_deref().map(compile).transpose()?;
                let times = Times { replay: self.replay, interval_ms: self.interval_ms, tables: self.enough.tables };
                sinks(&self.view.id, specs, of_rows, times, publish)?
            }
        };
        Ok(Outputs::new(filter, sinks, Out::memory(), self.enough.events))
    }

    fn wrong(&self, fault: Wrong) -> ViewError {
        ViewError::Wrong { origin: self.view.id.clone(), faults: vec![fault] }
    }
}

/// Filters, all of which must hold.
#[must_use]
pub fn all_of(filters: &[Option<&str>]) -> Option<String> {
    let given: Vec<&str> = filters.iter().flatten().copied().filter(|text| !text.trim().is_empty()).collect();
    match given.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        several => Some(several.iter().map(|text| format!("({text})")).collect::<Vec<_>>().join(" and ")),
    }
}
