//! A frame: what an aggregate or a list has at one moment, as data. It knows nothing of terminals, JSON or files; it is made once,
//! never changed after that, and can be given to other threads.

use std::sync::Arc;

use crate::{fields::Unit, sample::Sample};

/// How the values of a column combine over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Part of what identifies a row.
    Key,
    /// A count or a sum: values of several intervals can be added.
    Counter,
    /// Anything else, such as a mean or a percentile: it holds for its interval only.
    Gauge,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// The field it is from, or the title where there is no field.
    pub name: String,
    /// The unit of its values.
    pub unit: Unit,
    /// How its values combine.
    pub kind: Kind,
}

impl Column {
    /// A key.
    #[must_use]
    pub fn key(title: String, name: String) -> Self {
        Self { title, name, unit: Unit::None, kind: Kind::Key }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// The keys, exact: whoever draws them escapes them.
    pub keys: Vec<Vec<u8>>,
    /// The values; `None` where there was none.
    pub values: Vec<Option<f64>>,
    /// Of [`Form::Lines`], the line in the format that was asked for: escaped text, or a JSON object.
    pub line: Vec<u8>,
}

/// How columns of a heat map stand for values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// All ranges are of one size.
    Linear,
    /// Each range is the same multiple of the one before.
    Log,
}

/// How a frame is best drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// A table with a row for each key, largest first.
    Table,
    /// One row without keys: a line for each interval.
    Rate,
    /// Histograms: a row for each range of each key, with the columns from, to, and count. Rows of one key follow each other.
    Bars,
    /// One line of a heat map: a row for each range, with the columns from and count.
    Heat {
        /// How ranges follow each other.
        scale: Scale,
        /// Values of the first and the last range.
        limits: (f64, f64),
        /// Lines of this map before this one.
        number: u32,
    },
    /// Rows that have a line each, such as those of a list.
    Lines {
        /// Whether the frame continues the one before: long lists come in parts.
        continues: bool,
    },
}

/// The time that a frame is about, nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// When it began.
    pub began_ns: u64,
    /// When it ended.
    pub ended_ns: u64,
}

impl Span {
    /// Its length in nanoseconds.
    #[must_use]
    pub const fn length_ns(self) -> u64 {
        self.ended_ns.saturating_sub(self.began_ns)
    }
}

/// What an aggregate or a list has at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The chisel that made it.
    pub chisel: Arc<str>,
    /// Which of the frames of that chisel it is: the same number each time.
    pub index: usize,
    /// Its heading; empty for none.
    pub title: String,
    /// How it is best drawn.
    pub form: Form,
    /// Columns of the keys.
    pub keys: Vec<Column>,
    /// Columns of the values.
    pub values: Vec<Column>,
    /// The column of the values by which rows are sorted.
    pub sort: usize,
    /// The rows.
    pub rows: Vec<Row>,
    /// The time it is about.
    pub span: Span,
    /// Whether the second in which it ended does not tell it from the frame before.
    pub is_short: bool,
    /// How many events were looked at, when counts and sums are estimates.
    pub sample: Option<Sample>,
    /// Events of this time that did not count because there were too many keys.
    pub lost: u64,
    /// Events of this time that were lost before they could count. Some of them may not have been for this frame.
    pub dropped: u64,
    /// Places of rows whose process or thread has ended, in their order: of rows that are about these, and of the running kernel.
    pub ended: Vec<usize>,
}

impl Frame {
    /// An empty one.
    #[must_use]
    pub fn new(form: Form, title: &str, span: Span) -> Self {
        Self {
            chisel: Arc::from(""),
            index: 0,
            title: title.to_owned(),
            form,
            keys: Vec::new(),
            values: Vec::new(),
            sort: 0,
            rows: Vec::new(),
            span,
            is_short: false,
            sample: None,
            lost: 0,
            dropped: 0,
            ended: Vec::new(),
        }
    }
}

impl Scale {
    /// The range, of so many, that a value is in.
    #[must_use]
    pub fn column(self, value: f64, (low, high): (f64, f64), columns: usize) -> usize {
        let part = match self {
            Self::Linear => (value - low) / (high - low),
            Self::Log => (value.max(low) / low).ln() / (high / low).ln(),
        };
        ((part * columns as f64).max(0.0) as usize).min(columns.saturating_sub(1))
    }

    /// The smallest value of a range.
    #[must_use]
    pub fn value(self, column: usize, (low, high): (f64, f64), columns: usize) -> f64 {
        let part = column as f64 / columns as f64;
        match self {
            Self::Linear => low + part * (high - low),
            Self::Log => low * (high / low).powf(part),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// Bytes of two processes.
    pub(in crate::output) fn processes() -> Frame {
        let row = |value, name: &[u8], pid: &[u8]| Row {
            values: vec![Some(value)],
            keys: vec![name.into(), pid.into()],
            line: Vec::new(),
        };
        let bytes =
            Column { unit: Unit::Bytes, kind: Kind::Counter, ..Column::key("Bytes".into(), "evt.buflen".into()) };
        Frame {
            keys: vec![Column::key("Process".into(), "proc.name".into()), Column::key("PID".into(), "proc.pid".into())],
            values: vec![bytes],
            rows: vec![row(1536.0, b"a-very-long-process-name", b"12"), row(3.0, b"c\nt", b"7")],
            ..Frame::new(Form::Table, "", Span { began_ns: 0, ended_ns: 1_690_557_263_532_000_000 })
        }
    }
}
