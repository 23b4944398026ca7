//! Events of older captures in the form of today's table.
//!
//! A call once was two events, one when it began and one when it ended, each with some of the parameters; and events were
//! replaced by others with more parameters. Today's table has one event for a call, at its end, with all of them. The
//! [rules](super::rules) say for each old form what becomes of it: an event that begins a call is kept for its thread, and one
//! that ends a call takes parameters from it. A rule may lead to another old form; it goes on from there.
//!
//! What today's readers throw away is kept: how long a call took, from the event that began it.

use rustc_hash::FxHashMap;
use tracer_common::{
    events::{self, Flags},
    kind::Kind,
};

use super::rules::RULES;

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
    /// Parameter of the event that began the call; when there is none, as [`Take::Default`].
    Enter(u8),
    /// The same; when there is none, as [`Take::Empty`].
    EnterOr(u8),
    /// Zeros, as many bytes as the parameter has; of user and group ids all ones; nothing when the length varies.
    Default,
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

/// An event: code, time in nanoseconds since the epoch, thread, lengths (`u32` each in memory), parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifted {
    /// Code of the event.
    pub code: u16,
    /// Length of each parameter, bytes.
    pub lengths: Vec<u32>,
    /// The parameters.
    pub payload: Vec<u8>,
    /// How long the call took, nanoseconds; `None` when its beginning is not in the capture.
    pub latency_ns: Option<u64>,
}

/// An event that began a call.
#[derive(Debug, Default)]
struct Stored {
    code: u16,
    time_ns: u64,
    lengths: Vec<u32>,
    payload: Vec<u8>,
}

/// What becomes of an event in one round.
enum Round {
    /// Nothing: it is kept, or nobody wants it.
    Gone,
    /// It is as it should be.
    Done,
    /// It was changed, and may have to be changed again.
    Again,
}

/// Lifts events, one after the other.
#[derive(Debug, Default)]
pub struct Converter {
    stored: FxHashMap<u64, Stored>,
    /// Memory that their parameters take.
    stored_bytes: usize,
    /// The event that is being built; its memory is used again.
    next: Lifted,
}

/// The rule for a code and a number of parameters.
fn rule(code: u16, params: usize) -> Option<&'static Rule> {
    let key = |rule: &Rule| (rule.code, usize::from(rule.params));
    let at = RULES.binary_search_by_key(&(code, params), key).ok()?;
    RULES.get(at)
}

/// Whether an event of this code begins a call: the code behind it is that of its end.
fn begins(code: u16) -> bool {
    let ends = || events::by_code(code + 1).is_some_and(|row| row.is_syscall());
    let tracepoint = || events::by_code(code).is_some_and(|row| row.flags.has(Flags::TRACEPOINT));
    code.is_multiple_of(2) && !tracepoint() && ends()
}

/// Where parameter `index` is.
fn param<'p>(lengths: &[u32], payload: &'p [u8], index: usize) -> Option<&'p [u8]> {
    let len = *lengths.get(index)? as usize;
    let start: usize = lengths[..index].iter().map(|len| *len as usize).sum();
    payload.get(start..start + len)
}

impl Lifted {
    fn clear(&mut self, code: u16) {
        self.code = code;
        self.lengths.clear();
        self.payload.clear();
    }

    fn push(&mut self, bytes: &[u8]) {
        self.lengths.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.payload.extend_from_slice(bytes);
    }

    /// The value of a parameter that the capture does not have.
    fn push_default(&mut self) {
        let kind =
            events::by_code(self.code).and_then(|row| row.params.get(self.lengths.len())).map(|param| param.kind);
        let width = kind.and_then(Kind::width).unwrap_or(0);
        let byte = if matches!(kind, Some(Kind::Uid | Kind::Gid)) { 0xff } else { 0 };
        self.push(&[byte; 8][..width.min(8)]);
    }

    fn take(&mut self, take: Take, old: &Self, stored: Option<&Stored>) {
        let from = |index: u8| {
            let stored = stored?;
            param(&stored.lengths, &stored.payload, usize::from(index))
        };
        match take {
            Take::Old(index) => self.push(param(&old.lengths, &old.payload, usize::from(index)).unwrap_or_default()),
            Take::Enter(index) => match from(index) {
                Some(bytes) => self.push(bytes),
                None => self.push_default(),
            },
            Take::EnterOr(index) => self.push(from(index).unwrap_or_default()),
            Take::Default => self.push_default(),
            Take::Empty => self.push(&[]),
        }
    }
}

impl Converter {
    /// Lifts `event` of thread `tid` in place. False when it is not delivered: it began a call, or has no place in today's
    /// table.
    pub fn lift(&mut self, tid: u64, time_ns: u64, event: &mut Lifted) -> bool {
        event.latency_ns = self.latency(tid, time_ns, event.code);
        if begins(event.code) {
            self.remember(tid, time_ns, event);
        }
        for _ in 0..ROUNDS {
            match self.round(tid, event) {
                Round::Gone => return false,
                Round::Done => return true,
                Round::Again => {}
            }
        }
        false
    }

    /// How long the call that ends now took.
    fn latency(&self, tid: u64, time_ns: u64, code: u16) -> Option<u64> {
        if code.is_multiple_of(2) {
            return None;
        }
        let stored = self.stored.get(&tid).filter(|stored| stored.code + 1 == code)?;
        time_ns.checked_sub(stored.time_ns)
    }

    fn remember(&mut self, tid: u64, time_ns: u64, event: &Lifted) {
        if self.stored.len() >= THREADS || self.stored_bytes >= BYTES {
            self.stored.clear();
            self.stored_bytes = 0;
        }
        let stored = self.stored.entry(tid).or_default();
        let before = stored.payload.capacity();
        stored.code = event.code;
        stored.time_ns = time_ns;
        stored.lengths.clone_from(&event.lengths);
        stored.payload.clone_from(&event.payload);
        self.stored_bytes += stored.payload.capacity().saturating_sub(before);
    }

    fn round(&mut self, tid: u64, event: &mut Lifted) -> Round {
        let Some(row) = events::by_code(event.code) else { return Round::Gone };
        let old = row.flags.has(Flags::OLD);
        let Some(Rule { action, .. }) = rule(event.code, event.lengths.len()) else {
            // Events that begin a call are not shown, apart from those that today's table still has.
            return if old && begins(event.code) { Round::Gone } else { Round::Done };
        };
        match *action {
            Action::Store => Round::Gone,
            Action::Pass | Action::StoreAndPass => Round::Done,
            Action::Add(takes) => {
                let code = event.code;
                self.build(tid, event, code, takes, true);
                Round::Again
            }
            Action::Change(code, takes) => {
                self.build(tid, event, code, takes, false);
                Round::Again
            }
            Action::ContainerJson(code) => {
                let json = container_json(event);
                event.clear(code);
                event.push(&json);
                Round::Again
            }
        }
    }

    /// Builds the new form of `event` and puts it in its place.
    fn build(&mut self, tid: u64, event: &mut Lifted, code: u16, takes: &[Take], keep: bool) {
        let uses_enter = takes.iter().any(|take| matches!(take, Take::Enter(_) | Take::EnterOr(_)));
        // Of another call, when the end of the one before is not in the capture.
        let stored = self.stored.get(&tid).filter(|stored| stored.code + 1 == event.code);
        let next = &mut self.next;
        next.clear(code);
        next.latency_ns = event.latency_ns;
        if keep {
            next.lengths.extend_from_slice(&event.lengths);
            next.payload.extend_from_slice(&event.payload);
        }
        for take in takes {
            next.take(*take, event, stored);
        }
        std::mem::swap(event, next);
        if uses_enter && let Some(stored) = self.stored.get_mut(&tid) {
            // Its parameters are used up; its time stays for the next round.
            stored.lengths.clear();
        }
    }
}

/// The oldest form of a container: id, type (a number), name and image, each as text but the type.
fn container_json(event: &Lifted) -> Vec<u8> {
    let text = |index| {
        let bytes = param(&event.lengths, &event.payload, index).unwrap_or_default();
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        String::from_utf8_lossy(bytes).into_owned()
    };
    let kind =
        param(&event.lengths, &event.payload, 1).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
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

    fn event(code: u16, params: &[&[u8]]) -> Lifted {
        let mut event = Lifted { code, ..Lifted::default() };
        params.iter().for_each(|param| event.push(param));
        event
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
            let mut converter = Converter::default();
            let params = vec![&[][..]; rule.params.into()];
            let mut lifted = event(rule.code, &params);
            if converter.lift(1, 5, &mut lifted) {
                let row = events::by_code(lifted.code).expect("a code that is known");
                let next = super::rule(lifted.code, lifted.lengths.len()).map(|rule| rule.action);
                let is_last = matches!(next, None | Some(Action::Pass | Action::StoreAndPass));
                assert!(is_last, "{rule:?} ends at {}, which has a rule", row.ident);
                assert!(lifted.lengths.len() <= row.params.len(), "{rule:?} has too many parameters");
            }
        }
    }

    #[test]
    fn an_end_takes_from_its_beginning_and_says_how_long_the_call_took() {
        let mut converter = Converter::default();
        let (fd, size) = (3_i64.to_le_bytes(), 100_u32.to_le_bytes());
        assert!(!converter.lift(7, 1_000, &mut event(6, &[&fd, &size])), "the beginning is not shown");
        // Another thread reads meanwhile.
        assert!(!converter.lift(8, 1_100, &mut event(6, &[&9_i64.to_le_bytes(), &size])));
        let mut end = event(7, &[&4_i64.to_le_bytes(), b"data"]);
        assert!(converter.lift(7, 1_500, &mut end));
        assert_eq!(end, Lifted { latency_ns: Some(500), ..event(7, &[&4_i64.to_le_bytes(), b"data", &fd, &size]) });
    }

    #[test]
    fn without_its_beginning_a_call_has_defaults_and_no_latency() {
        let mut converter = Converter::default();
        let mut end = event(7, &[&4_i64.to_le_bytes(), b"data"]);
        assert!(converter.lift(7, 1_500, &mut end));
        assert_eq!(end, event(7, &[&4_i64.to_le_bytes(), b"data", &[0; 8], &[0; 4]]));
        // The beginning of another call is no beginning of this one.
        assert!(!converter.lift(7, 1_600, &mut event(8, &[&5_i64.to_le_bytes(), &[0; 4]])));
        let mut end = event(7, &[&4_i64.to_le_bytes(), b"data"]);
        assert!(converter.lift(7, 1_700, &mut end));
        assert_eq!(end.latency_ns, None);
        assert_eq!(param(&end.lengths, &end.payload, 2), Some(&[0_u8; 8][..]));
    }

    #[test]
    fn an_old_container_becomes_json() {
        let mut container = event(228, &[b"3ad7b26ded6d\0", &0_u32.to_le_bytes(), b"web\0", b"nginx \"x\"\0"]);
        assert!(Converter::default().lift(1, 1, &mut container));
        let text = String::from_utf8(container.payload).unwrap();
        assert!(text.contains(r#""image":"nginx \"x\"""#) && text.contains(r#""name":"web""#), "{text}");
    }
}
