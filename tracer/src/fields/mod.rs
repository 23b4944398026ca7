//! Fields: what users filter on and print. One row each; `-l`, filters, templates, chisels, views and documentation read
//! the rows.
//!
//! A name is resolved once ([`FieldRef::resolve`]); from then on a field is a function of the [`Context`].

mod container;
mod evt;
mod fd;
mod fdlist;
mod fs;
mod gone;
mod in_kernel;
mod journal;
mod k8s;
mod path;
mod proc;
mod resolve;
mod syslog;
mod thread;
mod used;
mod user;
mod util;
pub mod value;

use std::{ops::ControlFlow, rc::Rc};

use tracer_common::events::{Flags, code};

pub(crate) use container::of as container_of;
pub(crate) use fd::l4proto as fd_l4proto;
pub use gone::GONE;
pub use in_kernel::{End, InKernel};
pub(crate) use path::{absolute, as_name};
pub use resolve::{Arg, FieldError, FieldRef, Key, Show, TimeMode, nearest};
pub(crate) use user::shown as user_shown;
pub use value::{Digits, Type, Value};

use crate::{
    event::{Event, Row, Side},
    state::{Container, ContainerKey, Fd, State, Thread},
};

/// Everything that a field may be computed from.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// The thread that it happened in, as it was then; `None` when it is not known.
    pub thread: Option<&'a Rc<Thread>>,
    /// The descriptor that it is about, as it was then.
    pub fd: Option<&'a Rc<Fd>>,
    /// Of a call that moves data between two descriptors, the one that it writes to.
    pub fd_out: Option<&'a Rc<Fd>>,
    /// The container that it happened in.
    pub container: ContainerKey,
    /// Everything else, as it is now.
    pub state: &'a State,
    /// Times of other events.
    pub times: Times,
}

/// Times that fields are relative to, nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// The first event of the session.
    pub first_ns: u64,
    /// The event before this one.
    pub previous_ns: u64,
}

impl Context<'_> {
    /// Looks at the event once, or, when it moves data between two descriptors, for each of them; until `look` says to break.
    pub fn each_side<B>(&self, mut look: impl FnMut(&Context<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
        if !self.event.row.moves_between_fds() {
            return look(self);
        }
        for (side, fd) in [(Side::In, self.fd), (Side::Out, self.fd_out)] {
            look(&Context { event: &Event { side, ..*self.event }, fd, ..*self })?;
        }
        ControlFlow::Continue(())
    }

    /// Whether a test holds for the event, or for one of its descriptors.
    pub fn any_side(&self, holds: impl Fn(&Context<'_>) -> bool) -> bool {
        self.each_side(|side| if holds(side) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }).is_break()
    }
}

/// An event type as users name it: a row, and for the generic row one of its calls.
#[derive(Debug, Clone, Copy)]
pub struct EventType<'r> {
    /// The row.
    pub row: &'r Row,
    /// `evt.type`; `None` stands for every call of the generic row.
    pub name: Option<&'static str>,
    /// Which descriptor of a call with two it is about. What differs between the two is not known of a whole one.
    pub side: Side,
}

impl<'r> EventType<'r> {
    /// All events of a row.
    #[must_use]
    pub fn of(row: &'r Row) -> Self {
        Self { row, name: (row.code != code::GENERIC).then_some(row.name), side: Side::Whole }
    }

    /// The type of an event.
    #[must_use]
    pub fn of_event(event: &Event<'r>) -> Self {
        Self { row: event.row, name: Some(event.name()), side: event.side }
    }

    /// The same for each descriptor, of a call that moves data between two.
    pub fn sides(self) -> impl Iterator<Item = Self> + Clone {
        Side::of(self.row).iter().map(move |side| Self { side: *side, ..self })
    }

    /// Whether it reads from its descriptor; `None` when that depends on which one is meant.
    #[must_use]
    pub fn reads(&self) -> Option<bool> {
        self.is(Flags::READS_FROM_FD, Side::Out)
    }

    /// Whether it writes to its descriptor; `None` when that depends on which one is meant.
    #[must_use]
    pub fn writes(&self) -> Option<bool> {
        self.is(Flags::WRITES_TO_FD, Side::In)
    }

    fn is(&self, flag: Flags, other: Side) -> Option<bool> {
        let open = self.side == Side::Whole && self.row.moves_between_fds();
        (!open).then(|| self.row.flags.has(flag) && self.side != other)
    }

    /// The events of a row that one system call makes.
    #[must_use]
    pub fn of_call(row: &'r Row, call: &'static str) -> Self {
        let name = Some(if row.code == code::GENERIC { call } else { row.name });
        Self { row, name, side: Side::Whole }
    }
}

/// What has to be collected so that fields have their values: a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs(u16);

impl Needs {
    /// Nothing but the event itself.
    pub const NONE: Self = Self(0);
    /// The data that is read and written.
    pub const PAYLOAD: Self = Self(1);
    /// CPU time of threads, and the `procinfo` events that carry it.
    pub const CPU_TIME: Self = Self(2);
    /// Metadata of containers: name, image, labels. The id is always there.
    pub const CONTAINER: Self = Self(4);
    /// The same, at the time when the event is shown: events of a container without a name have to wait for it.
    pub const CONTAINER_NOW: Self = Self(8);
    /// What is known of threads: programs, ids, parents.
    pub const THREADS: Self = Self(16);
    /// Threads and descriptors.
    pub const STATE: Self = Self(16 | 64);
    /// The event before each one, also when the filter does not want it.
    pub const NEIGHBOURS: Self = Self(256);
    /// Who made the call: the name of its thread, its parent, user and group. Known with threads; without them, records say so.
    pub const WHO: Self = Self(128);
    /// Time from entry to exit.
    pub const LATENCY: Self = Self(32);
    /// The descriptors of a call that moves data between two, one by one: something is asked that differs between them.
    pub const SIDES: Self = Self(512);
    /// The bytes that were read and written, also by requests that were made earlier and are done now.
    pub const BYTES: Self = Self(1024);
    /// All that is there, before the first event.
    pub const WHOLE: Self = Self(2048);
    /// Descriptors: what they are, each for itself.
    pub const FD: Self = Self(Self::STATE.0 | Self::SIDES.0);

    /// Whether all of `other` is there.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All but `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl std::iter::FromIterator<Needs> for Needs {
    fn from_iter<I: IntoIterator<Item = Needs>>(all: I) -> Self {
        all.into_iter().fold(Self::NONE, Self::with)
    }
}

/// What kind of number it is, for tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// None, or it goes without saying.
    #[default]
    None,
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Time,
    /// Percent.
    Percent,
}

/// What stands in brackets behind the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ArgRule {
    /// Nothing.
    #[default]
    None,
    /// A number, or nothing.
    IndexAllowed,
    /// The number of an ancestor, 0 for the process itself; without it, a filter asks all ancestors and a format shows
    /// them all. Also a name, where the row says so.
    Ancestor,
    /// A name, or nothing.
    NameAllowed,
    /// A name.
    Name,
    /// A number, or a name.
    IndexOrName,
    /// The name or number of a parameter of the event.
    Param,
    /// The name or number of an event type.
    Event,
    /// `src` or `dst`, or nothing.
    Side,
    /// A point in time, nanoseconds since the epoch: `=` asks whether the event is at most so far from it.
    Time,
}

/// What a field shows that may have secrets: a command line, or an environment. Data that is read and written is known by
/// [`Needs::PAYLOAD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reveals {
    /// Nothing of that kind.
    #[default]
    Nothing,
    /// That of a process.
    Command,
    /// What the parameters of an event show that it names, or that of any.
    Params,
}

/// What a field is computed by.
pub type Getter = for<'a> fn(&Context<'a>, &Arg) -> Value<'a>;

/// What appends the text of a field. False, and nothing is appended, when the event has no value.
pub type Writer = fn(&Context<'_>, &Arg, &mut Vec<u8>) -> bool;

/// The value of metadata in a container.
pub type ByContainer = for<'a> fn(&'a Container, &Arg) -> Value<'a>;

/// A row of the table of fields.
#[derive(Debug)]
pub struct Field {
    /// `class.name`.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// Its unit.
    pub unit: Unit,
    /// How a whole number is written.
    pub digits: Digits,
    /// What may stand in brackets.
    pub arg: ArgRule,
    /// Whether a name may stand where an ancestor's number may.
    pub or_name: bool,
    /// Whether its value is the beginning of an id, so that a filter may have the whole id.
    pub short_id: bool,
    /// Only for filters: it has several values.
    pub filter_only: bool,
    /// Only for tables: a number to sum, or a key. Short lists leave it out.
    pub table_only: bool,
    /// Kept for those who use it; another field, or nothing, takes its place.
    pub deprecated: bool,
    /// Its value is a list of values of that type.
    pub list: bool,
    /// It shows data among other texts.
    pub shows_data: bool,
    /// What it shows that may have secrets.
    pub reveals: Reveals,
    /// Appends its text, where that is less work than a value: text that is made for each event, and often printed.
    pub write: Option<Writer>,
    /// Its value in JSON, where that is another one.
    pub json: Option<Getter>,
    /// What it means.
    pub doc: &'static str,
    /// What has to be collected for it.
    pub needs: Needs,
    /// How much work it is; a filter asks the cheap ones first.
    pub cost: u8,
    /// The value in an event.
    pub get: Getter,
    /// The value that all events of a type have; `None` when it depends on the event.
    pub by_type: fn(&EventType<'_>, &Arg) -> Option<Value<'static>>,
    /// Of metadata that may arrive late, the value in a container.
    pub by_container: Option<ByContainer>,
    /// By what the kernel side knows it; `None` when it does not.
    pub in_kernel: Option<InKernel>,
}

impl Field {
    const fn new(name: &'static str, kind: Type, get: Getter, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            unit: if matches!(kind, Type::Time) { Unit::Time } else { Unit::None },
            digits: Digits::Decimal,
            arg: ArgRule::None,
            or_name: false,
            short_id: false,
            filter_only: false,
            table_only: false,
            deprecated: false,
            list: false,
            shows_data: false,
            reveals: Reveals::Nothing,
            write: None,
            json: None,
            doc,
            needs: Needs::NONE,
            cost: 1,
            get,
            by_type: |_, _| None,
            by_container: None,
            in_kernel: None,
        }
    }

    const fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    const fn digits(mut self, digits: Digits) -> Self {
        self.digits = digits;
        self
    }

    const fn arg(mut self, rule: ArgRule) -> Self {
        self.arg = rule;
        self
    }

    const fn filter_only(mut self) -> Self {
        self.filter_only = true;
        self
    }

    const fn or_name(mut self) -> Self {
        self.or_name = true;
        self
    }

    const fn short_id(mut self) -> Self {
        self.short_id = true;
        self
    }

    const fn table_only(mut self) -> Self {
        self.table_only = true;
        self
    }

    const fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    const fn list(mut self) -> Self {
        self.list = true;
        self
    }

    const fn shows_data(mut self) -> Self {
        self.shows_data = true;
        self
    }

    const fn reveals(mut self, reveals: Reveals) -> Self {
        self.reveals = reveals;
        self
    }

    const fn write(mut self, write: Writer) -> Self {
        self.write = Some(write);
        self
    }

    const fn json(mut self, get: Getter) -> Self {
        self.json = Some(get);
        self
    }

    const fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    const fn cost(mut self, cost: u8) -> Self {
        self.cost = cost;
        self
    }

    const fn by_type(mut self, by_type: fn(&EventType<'_>, &Arg) -> Option<Value<'static>>) -> Self {
        self.by_type = by_type;
        self
    }

    const fn in_kernel(mut self, known: InKernel) -> Self {
        self.in_kernel = Some(known);
        self
    }

    const fn late(mut self, by_container: ByContainer) -> Self {
        self.by_container = Some(by_container);
        self.in_kernel = Some(InKernel::Container);
        self.needs = Needs::CONTAINER.with(Needs::CONTAINER_NOW);
        self
    }

    /// The part of the name before the first dot.
    #[must_use]
    pub fn class(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }
}

/// Declares the fields of a class, and what each needs that does not say: `"name": Type [modifier(…) …] => getter, "meaning";`.
macro_rules! fields {
    ($rows:ident needs $needs:ident; $($name:literal: $kind:ident $([$($modifier:ident ($($operand:expr),*))*])? => $get:expr, $doc:literal;)+) => {
        /// The rows.
        pub(super) static $rows: &[$crate::fields::Field] = &[$(
            $crate::fields::Field::new($name, $crate::fields::Type::$kind, $get, $doc)
                .needs($crate::fields::Needs::$needs)
                $($(.$modifier($($operand),*))*)?,
        )+];
    };
}
use fields;

/// A class of fields.
#[derive(Debug)]
pub struct Class {
    /// The part of the names before the first dot.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its rows, from one file or several.
    rows: &'static [&'static [Field]],
}

impl Class {
    /// Its fields.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.rows.iter().flat_map(|rows| rows.iter())
    }
}

const fn class(name: &'static str, about: &'static str, rows: &'static [&'static [Field]]) -> Class {
    Class { name, about, rows }
}

/// The classes.
pub static CLASSES: &[Class] = &[
    class("evt", "the event itself", evt::FIELDS),
    class("proc", "the process of the event", proc::FIELDS),
    class("thread", "the thread of the event", &[thread::FIELDS]),
    class("user", "the user of the process", &[user::USER]),
    class("group", "the group of the process", &[user::GROUP]),
    class("fd", "the file descriptor that the event uses or creates", fd::FIELDS),
    class("fdlist", "the file descriptors that a poll returns", &[fdlist::FIELDS]),
    class("fs", "the paths of file system calls that succeeded", &[fs::FIELDS]),
    class(
        "container",
        "the container of the process; host outside of containers",
        &[container::FIELDS, used::OF_CONTAINERS],
    ),
    class(
        "k8s",
        "the pod of the container, from its runtime; the Kubernetes API is not asked",
        &[k8s::FIELDS, used::OF_PODS],
    ),
    class("syslog", "messages to the system log", &[syslog::FIELDS]),
    class("journal", "messages to the systemd journal", &[journal::FIELDS]),
    class("util", "helpers for formats", &[util::FIELDS]),
];

/// All fields.
pub fn all() -> impl Iterator<Item = &'static Field> {
    CLASSES.iter().flat_map(Class::fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_unique_and_of_its_class() {
        let mut names: Vec<&str> = all().map(|field| field.name).collect();
        for class in CLASSES {
            for row in class.fields() {
                let right = row.class() == class.name || row.name == "syscall.type";
                assert!(right, "{} stands in {}", row.name, class.name);
                assert!(!row.doc.is_empty() && !row.doc.ends_with('.'), "{}", row.name);
            }
        }
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    /// The values of a field for each side of an event.
    fn by_side(context: &Context<'_>, field: &FieldRef) -> Vec<String> {
        let mut values = Vec::new();
        let _ = context.each_side(|side| {
            let event = EventType::of_event(side.event);
            let value = field.get(side);
            if let Some(all) = field.by_type(&event) {
                assert_eq!(all, value, "{}: what its type says of a side", field.name());
            }
            if let Some(all) = field.by_type(&EventType { side: Side::Whole, ..event }) {
                assert_eq!(all, value, "{}: what its type says of the whole", field.name());
            }
            values.push(format!("{value:?}"));
            ControlFlow::<()>::Continue(())
        });
        values
    }

    #[test]
    fn what_differs_between_the_descriptors_of_a_call_says_that_it_does() {
        let world = crate::testing::World::new();
        let mut differ = 0;
        world.with(&world.sendfile(10, 5, 3, 700), |context| {
            for field in all().filter_map(|field| FieldRef::resolve(field.name, Show::default()).ok()) {
                let values = by_side(context, &field);
                assert_eq!(values.len(), 2);
                // An error is one, whichever descriptor it is about; and util.cnt counts how often it is asked.
                let other = field.field.name.starts_with("evt.count.error") || field.field.name == "util.cnt";
                let differs = values[0] != values[1] && !other;
                assert!(!differs || field.needs().has(Needs::SIDES), "{}: {values:?}", field.name());
                differ += usize::from(differs);
            }
            let of = |name: &str| by_side(context, &FieldRef::resolve(name, Show::default()).unwrap());
            assert_eq!(of("fd.num"), ["I64(3)", "I64(5)"]);
            assert_eq!(of("evt.buflen.in"), ["U64(700)", "Missing"]);
            assert_eq!(of("evt.buflen.out"), ["Missing", "U64(700)"]);
        });
        assert!(differ > 15, "{differ}");
        world.with(&world.read(10, 3, 1, b"x"), |context| {
            assert_eq!(by_side(context, &FieldRef::resolve("fd.num", Show::default()).unwrap()).len(), 1)
        });
    }
}
