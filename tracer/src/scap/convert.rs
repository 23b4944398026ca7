//! Events of older captures in the form of today's table.
//!
//! A call once was two events, one when it began and one when it ended, each with some of the parameters; and events were
//! replaced by others with more parameters. Today's table has one event for a call, at its end, with all of them. The
//! [rules](super::rules) say for each old form what becomes of it: an event that begins a call is kept for its thread, and one
//! that ends a call takes parameters from it. A rule may lead to another old form; it goes on from there.
//!
//! What today's readers throw away is kept: how long a call took, from the event that began it.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use tracer_common::events::{self, CODES, Flags};

use super::{EventParams, rules::RULES};

/// The most rules that follow one another.
const ROUNDS: usize = 50;
/// The most threads whose calls are remembered. More are not in a call at the same time on any machine.
const THREADS: usize = 1 << 18;
/// The most bytes of parameters that are remembered for all of them.
const BYTES: usize = 64 << 20;

/// Where a parameter of the new form comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// Parameter of that index of the event itself.
    Old(u8),
    /// Parameter of the event that began the call; when there is none, as [`Take::Missing`].
    Enter(u8),
    /// The same; when there is none, as [`Take::Empty`].
    EnterOr(u8),
    /// No value: length zero, and never zeros, because descriptor 0 is a descriptor. Released readers put zeros here, and expect
    /// a value ([`expected`]).
    Missing,
    /// No value: length zero.
    Empty,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// It begins a call and is kept for its end.
    Store,
    /// It is delivered as it is.
    Pass,
    /// Both.
    StoreAndPass,
    /// It gets these parameters behind its own.
    Add(&'static [Take]),
    /// It becomes an event of another code with these parameters.
    Change(u16, &'static [Take]),
    /// Id, type, name and image of a container become the JSON text of the event of that code.
    ContainerJson(u16),
}

/// A rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// Code of the event as it was read.
    pub(super) code: u16,
    /// Number of its parameters.
    pub(super) params: u8,
    /// What becomes of it.
    pub(super) action: Action,
}

/// An event in the form of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifted<'a> {
    /// Code of the event.
    pub code: u16,
    /// Its parameters.
    pub params: EventParams<'a>,
    /// How long the call took, nanoseconds; `None` when its beginning is not in the capture.
    pub latency_ns: Option<u64>,
}

/// An event that keeps its parameters. Its memory is used again.
#[derive(Debug, Default)]
struct Form {
    code: u16,
    count: usize,
    large: bool,
    lengths: Vec<u8>,
    payload: Vec<u8>,
}

/// An event that began a call.
#[derive(Debug, Default)]
struct Stored {
    time_ns: u64,
    form: Form,
}

/// What has to be known of a code.
#[derive(Debug, Clone, Copy, Default)]
struct Facts {
    is_known: bool,
    is_old: bool,
    begins: bool,
    /// Its rules, by number of parameters.
    rules: &'static [Rule],
}

static FACTS: LazyLock<Box<[Facts]>> = LazyLock::new(|| (0..CODES).map(Facts::find).collect());

/// By code, a bit for each parameter that may be missing here and in which released readers expect a value.
static EXPECTED: LazyLock<Box<[u32]>> = LazyLock::new(|| {
    let mut expected = vec![0; CODES.into()];
    for rule in RULES {
        let (code, first, takes) = match rule.action {
            Action::Add(takes) => (rule.code, usize::from(rule.params), takes),
            Action::Change(code, takes) => (code, 0, takes),
            _ => continue,
        };
        for (at, take) in takes.iter().enumerate() {
            if matches!(take, Take::Enter(_) | Take::Missing) {
                expected[usize::from(code)] |= 1 << (first + at);
            }
        }
    }
    expected.into()
});

/// Whether released readers expect a value of a parameter that a lifted event may not have.
#[must_use]
pub fn expected(code: u16, param: usize) -> bool {
    EXPECTED.get(usize::from(code)).is_some_and(|bits| param < 32 && bits >> param & 1 != 0)
}

impl Facts {
    fn find(code: u16) -> Self {
        let first = RULES.partition_point(|rule| rule.code < code);
        let last = RULES.partition_point(|rule| rule.code <= code);
        let row = events::by_code(code);
        Self {
            is_known: row.is_some(),
            is_old: row.is_some_and(|row| row.flags.has(Flags::OLD)),
            begins: begins(code),
            rules: &RULES[first..last],
        }
    }

    fn action(&self, params: usize) -> Option<Action> {
        self.rules.iter().find(|rule| usize::from(rule.params) == params).map(|rule| rule.action)
    }
}

/// Whether an event of this code begins a call: the code behind it is that of its end.
fn begins(code: u16) -> bool {
    let ends = || events::by_code(code + 1).is_some_and(|row| row.is_syscall());
    let tracepoint = || events::by_code(code).is_some_and(|row| row.flags.has(Flags::TRACEPOINT));
    code.is_multiple_of(2) && !tracepoint() && ends()
}

impl Form {
    fn params(&self) -> EventParams<'_> {
        EventParams { count: self.count, large: self.large, lengths: &self.lengths, payload: &self.payload }
    }

    /// Becomes an event of that code without parameters.
    fn begin(&mut self, code: u16, large: bool) {
        self.code = code;
        self.large = large;
        self.count = 0;
        self.lengths.clear();
        self.payload.clear();
    }

    fn take_over(&mut self, params: &EventParams<'_>) {
        self.count = params.count;
        self.lengths.extend_from_slice(params.lengths);
        self.payload.extend_from_slice(params.payload);
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.large {
            self.lengths.extend_from_slice(&(bytes.len() as u32).to_ne_bytes());
        } else {
            self.lengths.extend_from_slice(&(bytes.len() as u16).to_ne_bytes());
        }
        self.count += 1;
        self.payload.extend_from_slice(bytes);
    }

    fn take(&mut self, take: Take, old: &EventParams<'_>, stored: Option<&Stored>) {
        let from = |index: u8| stored.and_then(|stored| stored.form.params().get(usize::from(index)));
        match take {
            Take::Old(index) => self.push(old.get(usize::from(index)).unwrap_or_default()),
            Take::Enter(index) | Take::EnterOr(index) => self.push(from(index).unwrap_or_default()),
            Take::Missing | Take::Empty => self.push(&[]),
        }
    }
}

/// Lifts events, one after the other.
#[derive(Debug)]
pub struct Converter {
    facts: &'static [Facts],
    stored: Vec<Stored>,
    /// Where in `stored` the call of a thread is.
    by_tid: FxHashMap<u64, usize>,
    /// The thread that was looked up last: its end often follows its beginning.
    last: Option<(u64, usize)>,
    /// Memory that the parameters of `stored` take.
    stored_bytes: usize,
    /// The event that was built, and the one that is being built from it.
    current: Form,
    next: Form,
}

impl Default for Converter {
    fn default() -> Self {
        Self {
            facts: &FACTS,
            stored: Vec::new(),
            by_tid: FxHashMap::default(),
            last: None,
            stored_bytes: 0,
            current: Form::default(),
            next: Form::default(),
        }
    }
}

impl Converter {
    fn facts(&self, code: u16) -> Facts {
        self.facts.get(usize::from(code)).copied().unwrap_or_default()
    }

    /// Lifts an event of thread `tid`. `None` when it is not delivered: it began a call, or has no place in today's table.
    #[inline]
    pub fn lift<'a>(&'a mut self, tid: u64, time_ns: u64, code: u16, params: EventParams<'a>) -> Option<Lifted<'a>> {
        let facts = self.facts(code);
        let mut slot = None;
        let mut latency_ns = None;
        if facts.begins {
            self.remember(tid, time_ns, code, &params);
        } else if !code.is_multiple_of(2) {
            // Of another call, when the end of the one before is not in the capture.
            slot = self.slot(tid).filter(|slot| self.stored[*slot].form.code + 1 == code);
            latency_ns = slot.and_then(|slot| time_ns.checked_sub(self.stored[slot].time_ns));
        }
        match facts.action(params.count) {
            // Events that begin a call are not shown, apart from those that today's table still has.
            None if !facts.is_known || facts.is_old && facts.begins => None,
            None | Some(Action::Pass | Action::StoreAndPass) => Some(Lifted { code, params, latency_ns }),
            Some(Action::Store) => None,
            Some(action) => self.change(slot, code, &params, action).then(|| Lifted {
                code: self.current.code,
                params: self.current.params(),
                latency_ns,
            }),
        }
    }

    fn slot(&mut self, tid: u64) -> Option<usize> {
        match self.last {
            Some((last, slot)) if last == tid => Some(slot),
            _ => {
                let slot = self.by_tid.get(&tid).copied()?;
                self.last = Some((tid, slot));
                Some(slot)
            }
        }
    }

    fn remember(&mut self, tid: u64, time_ns: u64, code: u16, params: &EventParams<'_>) {
        if self.stored.len() >= THREADS || self.stored_bytes >= BYTES {
            self.stored.clear();
            self.by_tid.clear();
            self.last = None;
            self.stored_bytes = 0;
        }
        let slot = self.slot(tid).unwrap_or_else(|| {
            self.stored.push(Stored::default());
            let slot = self.stored.len() - 1;
            self.by_tid.insert(tid, slot);
            self.last = Some((tid, slot));
            slot
        });
        let Stored { time_ns: time, form } = &mut self.stored[slot];
        let before = form.payload.capacity();
        *time = time_ns;
        form.begin(code, params.large);
        form.take_over(params);
        self.stored_bytes += form.payload.capacity().saturating_sub(before);
    }

    /// Applies rules until none is left: the result is in `current`. False when nothing is delivered.
    fn change(&mut self, slot: Option<usize>, code: u16, params: &EventParams<'_>, action: Action) -> bool {
        self.apply(slot, code, params, action);
        for _ in 0..ROUNDS {
            let mut current = std::mem::take(&mut self.current);
            let facts = self.facts(current.code);
            let action = facts.action(current.count);
            // What began the call has the code of the first form only.
            let slot = slot.filter(|slot| self.stored[*slot].form.code + 1 == current.code);
            let done = match action {
                None if !facts.is_known || facts.is_old && facts.begins => Some(false),
                None | Some(Action::Pass | Action::StoreAndPass) => Some(true),
                Some(Action::Store) => Some(false),
                Some(action) => {
                    self.apply(slot, current.code, &current.params(), action);
                    std::mem::swap(&mut self.next, &mut current);
                    continue;
                }
            };
            self.current = current;
            if let Some(delivered) = done {
                return delivered;
            }
        }
        false
    }

    /// Builds the new form of an event in `current`.
    fn apply(&mut self, slot: Option<usize>, code: u16, params: &EventParams<'_>, action: Action) {
        let next = &mut self.next;
        let (to, takes, keeps) = match action {
            Action::Add(takes) => (code, takes, true),
            Action::Change(to, takes) => (to, takes, false),
            Action::ContainerJson(to) => {
                let json = container_json(params);
                next.begin(to, json.len() > usize::from(u16::MAX));
                next.push(&json);
                std::mem::swap(&mut self.current, next);
                return;
            }
            Action::Store | Action::Pass | Action::StoreAndPass => return,
        };
        let stored = slot.map(|slot| &self.stored[slot]);
        next.begin(to, params.large || stored.is_some_and(|stored| stored.form.large));
        if keeps && next.large == params.large {
            next.take_over(params);
        } else if keeps {
            params.iter().for_each(|param| next.push(param));
        }
        for take in takes {
            next.take(*take, params, stored);
        }
        std::mem::swap(&mut self.current, next);
        let uses_enter = takes.iter().any(|take| matches!(take, Take::Enter(_) | Take::EnterOr(_)));
        if uses_enter && let Some(slot) = slot {
            // Its parameters are used up.
            self.stored[slot].form.count = 0;
            self.stored[slot].form.lengths.clear();
        }
    }
}

/// The oldest form of a container: id, type (a number), name and image, each as text but the type.
fn container_json(params: &EventParams<'_>) -> Vec<u8> {
    let text = |index| {
        let bytes = params.get(index).unwrap_or_default();
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        String::from_utf8_lossy(bytes).into_owned()
    };
    let kind = params.get(1).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    let json = serde_json::json!({
        "container": { "id": text(0), "type": kind, "name": text(2), "image": text(3) }
    });
    let mut bytes = json.to_string().into_bytes();
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code, parameters, latency.
    type Out = (u16, Vec<Vec<u8>>, Option<u64>);

    fn lift(converter: &mut Converter, tid: u64, time_ns: u64, code: u16, params: &[&[u8]]) -> Option<Out> {
        let mut form = Form::default();
        params.iter().for_each(|param| form.push(param));
        let lifted = converter.lift(tid, time_ns, code, form.params())?;
        assert_eq!(lifted.params.iter().count(), lifted.params.count);
        Some((lifted.code, lifted.params.iter().map(<[u8]>::to_vec).collect(), lifted.latency_ns))
    }

    fn owned(params: &[&[u8]]) -> Vec<Vec<u8>> {
        params.iter().map(|param| param.to_vec()).collect()
    }

    #[test]
    fn rules_ascend_and_lead_to_codes_that_are_known() {
        for pair in RULES.windows(2) {
            assert!((pair[0].code, pair[0].params) < (pair[1].code, pair[1].params), "{:?}", pair[1]);
        }
        for rule in RULES {
            if let Action::Change(code, _) | Action::ContainerJson(code) = rule.action {
                assert!(events::by_code(code).is_some(), "{rule:?}");
            }
        }
    }

    #[test]
    fn every_rule_ends_at_a_form_of_today() {
        for rule in RULES {
            let params = vec![&[][..]; rule.params.into()];
            if let Some((code, params, _)) = lift(&mut Converter::default(), 1, 5, rule.code, &params) {
                let row = events::by_code(code).expect("a code that is known");
                let next = Facts::find(code).action(params.len());
                let is_last = matches!(next, None | Some(Action::Pass | Action::StoreAndPass));
                assert!(is_last, "{rule:?} ends at {}, which has a rule", row.ident);
                assert!(params.len() <= row.params.len(), "{rule:?} has too many parameters");
            }
        }
    }

    #[test]
    fn an_end_takes_from_its_beginning_and_says_how_long_the_call_took() {
        let mut converter = Converter::default();
        let (fd, size) = (3_i64.to_le_bytes(), 100_u32.to_le_bytes());
        assert!(lift(&mut converter, 7, 1_000, 6, &[&fd, &size]).is_none(), "the beginning is not shown");
        // Another thread reads meanwhile.
        assert!(lift(&mut converter, 8, 1_100, 6, &[&9_i64.to_le_bytes(), &size]).is_none());
        let end = lift(&mut converter, 7, 1_500, 7, &[&4_i64.to_le_bytes(), b"data"]);
        assert_eq!(end, Some((7, owned(&[&4_i64.to_le_bytes(), b"data", &fd, &size]), Some(500))));
    }

    #[test]
    fn without_its_beginning_a_call_has_neither_its_arguments_nor_a_latency() {
        let mut converter = Converter::default();
        let end = lift(&mut converter, 7, 1_500, 7, &[&4_i64.to_le_bytes(), b"data"]);
        assert_eq!(end, Some((7, owned(&[&4_i64.to_le_bytes(), b"data", b"", b""]), None)));
        // The beginning of another call is no beginning of this one.
        assert!(lift(&mut converter, 7, 1_600, 8, &[&5_i64.to_le_bytes(), &[0; 4]]).is_none());
        let (_, params, latency_ns) = lift(&mut converter, 7, 1_700, 7, &[&4_i64.to_le_bytes(), b"data"]).unwrap();
        assert_eq!((latency_ns, &params[2]), (None, &Vec::new()));
    }

    #[test]
    fn an_old_container_becomes_json() {
        let params = [&b"3ad7b26ded6d\0"[..], &0_u32.to_le_bytes(), b"web\0", b"nginx \"x\"\0"];
        let (_, params, _) = lift(&mut Converter::default(), 1, 1, 228, &params).unwrap();
        let text = String::from_utf8(params[0].clone()).unwrap();
        assert!(text.contains(r#""image":"nginx \"x\"""#) && text.contains(r#""name":"web""#), "{text}");
    }

    #[test]
    fn parameters_of_more_than_64_kib_stay_whole() {
        let mut converter = Converter::default();
        let fd = 3_i64.to_le_bytes();
        assert!(lift(&mut converter, 7, 1_000, 6, &[&fd, &[1, 0, 0, 0]]).is_none());
        let mut form = Form { large: true, ..Form::default() };
        form.push(&4_i64.to_le_bytes());
        form.push(&vec![7; 70_000]);
        let lifted = converter.lift(7, 1_500, 7, form.params()).unwrap();
        let params: Vec<_> = lifted.params.iter().collect();
        assert_eq!((lifted.params.large, params[1].len(), params[2]), (true, 70_000, &fd[..]));
    }
}
