//! What is made of lines before anybody takes them: several become one message, some are left out, and parts of them are hidden.
//!
//! Messages are joined first, then filtered, then redacted: a filter sees what a container wrote. A line that waits for others of its message counts
//! as not safe, so that another run reads it again.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use regex::bytes::{Regex, RegexBuilder, Replacer};

use super::{Entry, Line, LineFilter, MAX_LINE, Sink, Stream, Writer};

/// How long the last line of a message waits for more.
const WAIT: Duration = Duration::from_secs(1);
/// The most lines of a message.
const MAX_LINES: usize = 1_000;
/// The most messages that can be open: when there are more, the oldest one ends.
const MAX_OPEN: usize = 1_024;
/// The fewest messages on the way for which it is asked which of them are safe.
const LOOK: usize = 4_096;
/// The most memory of a compiled expression.
const REGEX_SIZE: usize = 1 << 20;
/// What stands in the place of what is hidden.
const HIDDEN: &[u8] = b"***";

/// What is asked for.
#[derive(Debug, Default)]
pub struct Shape {
    /// Which lines are one message.
    pub join: Option<Join>,
    /// Which are wanted.
    pub wanted: Option<LineFilter>,
    /// What is hidden.
    pub redact: Vec<Redact>,
    /// What is left out.
    pub drop: BTreeSet<Dropped>,
}

/// Which lines are one message.
#[derive(Debug, Clone)]
pub struct Join {
    /// Matches the first line of a message, or every other one.
    regex: Regex,
    is_first: bool,
}

fn regex(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE).build().map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default();
        format!("invalid regular expression: {}", reason.strip_prefix("error: ").unwrap_or(reason))
    })
}

impl Join {
    /// Rules with a name: the name, an expression, whether it is about first lines.
    const RULES: [(&'static str, &'static str, bool); 2] = [
        // Stack traces of Java, Python, Go and others.
        ("indent", r"^([ \t]|Caused by: |\} |\.\.\. \d+ more)", false),
        (
            "time",
            r"^[\[(<]?(\d{4}[-/.]\d\d[-/.]\d\d|\d\d[-/.]\d\d[-/.]\d{4}|\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d)",
            true,
        ),
    ];

    /// A rule by its name, or an expression that first lines match.
    ///
    /// # Errors
    /// The expression is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        match Self::RULES.iter().find(|(name, ..)| *name == text) {
            Some((_, rule, is_first)) => Ok(Self { regex: regex(rule)?, is_first: *is_first }),
            None => Ok(Self { regex: regex(text)?, is_first: true }),
        }
    }

    fn begins(&self, line: &[u8]) -> bool {
        self.regex.is_match(line) == self.is_first
    }
}

/// What is hidden of texts.
#[derive(Debug, Clone)]
pub struct Redact(Regex);

impl Redact {
    /// What matches that; of an expression with groups, what these match.
    ///
    /// # Errors
    /// The expression is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let regex = regex(text)?;
        if regex.is_match(b"") {
            return Err("it matches nothing at all, and would hide nothing in particular".to_owned());
        }
        Ok(Self(regex))
    }

    fn hide(&self, text: &mut Vec<u8>) {
        if let std::borrow::Cow::Owned(hidden) = self.0.replace_all(text, Groups) {
            *text = hidden;
            // What is hidden may have been shorter.
            text.truncate(MAX_LINE);
        }
    }
}

/// Replaces the groups of a match; without any, all of it.
struct Groups;

impl Replacer for Groups {
    fn replace_append(&mut self, captures: &regex::bytes::Captures<'_>, out: &mut Vec<u8>) {
        let Some(whole) = captures.get(0) else { return };
        if captures.len() == 1 {
            out.extend_from_slice(HIDDEN);
            return;
        }
        let (text, start) = (whole.as_bytes(), whole.start());
        let mut at = 0;
        for group in captures.iter().skip(1).flatten() {
            let (from, to) = (group.start() - start, group.end() - start);
            // A group within another one is hidden with it.
            if from >= at && to > from {
                out.extend_from_slice(&text[at..from]);
                out.extend_from_slice(HIDDEN);
                at = to;
            }
        }
        out.extend_from_slice(&text[at..]);
    }
}

/// A field that can be left out: its name, and what leaves it out.
type Part = (&'static str, fn(&mut Writer));

/// What is left out of what is known of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// A part with a name.
    Part(&'static str),
    /// A label.
    Label(String),
}

impl Dropped {
    /// What can be left out: the name, and what leaves it out.
    const PARTS: [Part; 5] = [
        ("container.image", |writer| writer.image.clear()),
        ("container.type", |writer| writer.runtime.clear()),
        ("container.labels", |writer| writer.labels.clear()),
        ("k8s.ns.name", |writer| writer.namespace.clear()),
        ("source", |writer| writer.driver.clear()),
    ];

    /// A field by its name; `container.label.NAME` is a label.
    ///
    /// # Errors
    /// It cannot be left out.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(label) = text.strip_prefix("container.label.").filter(|label| !label.is_empty()) {
            return Ok(Self::Label(label.to_owned()));
        }
        let found = Self::PARTS.iter().find(|(name, _)| *name == text);
        found.map(|(name, _)| Self::Part(name)).ok_or_else(|| {
            let names: Vec<&str> = Self::PARTS.iter().map(|(name, _)| *name).collect();
            format!("expected {} or container.label.NAME", names.join(", "))
        })
    }

    fn leave_out(&self, writer: &mut Writer) {
        match self {
            Self::Part(name) => {
                let found = Self::PARTS.iter().find(|(own, _)| own == name);
                found.into_iter().for_each(|(_, clear)| clear(writer));
            }
            Self::Label(name) => _ = writer.labels.remove(name),
        }
    }
}

impl Shape {
    /// Whether lines stay as they are.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.join.is_none() && self.wanted.is_none() && self.redact.is_empty() && self.drop.is_empty()
    }
}

/// The beginning of a message.
struct Open {
    writer: Arc<Writer>,
    line: Line,
    lines: usize,
    /// The number of its first line.
    first: u64,
    /// When its last line came.
    at: Instant,
}

/// Shapes lines on their way to another sink.
pub struct Shaper<'s> {
    shape: Shape,
    sink: &'s mut dyn Sink,
    open: BTreeMap<(String, Stream), Open>,
    /// What writers have become.
    writers: BTreeMap<String, (Arc<Writer>, Arc<Writer>)>,
    /// How many lines came.
    count: u64,
    /// Of what was handed on and may not be safe: its number there, and the number of its first line here.
    on_the_way: VecDeque<(u64, u64)>,
    /// How many of these there are when it is asked which are safe.
    next_look: usize,
}

impl<'s> Shaper<'s> {
    /// Hands lines on to that.
    pub fn new(shape: Shape, sink: &'s mut dyn Sink) -> Self {
        let (open, writers, on_the_way) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Self { shape, sink, open, writers, count: 0, on_the_way, next_look: LOOK }
    }

    /// The writer without what is left out.
    fn reduced(&mut self, writer: &Arc<Writer>) -> Arc<Writer> {
        if self.shape.drop.is_empty() {
            return Arc::clone(writer);
        }
        if let Some((own, reduced)) = self.writers.get(&writer.full_id)
            && Arc::ptr_eq(own, writer)
        {
            return Arc::clone(reduced);
        }
        let mut reduced = (**writer).clone();
        self.shape.drop.iter().for_each(|dropped| dropped.leave_out(&mut reduced));
        let reduced = Arc::new(reduced);
        self.writers.insert(writer.full_id.clone(), (Arc::clone(writer), Arc::clone(&reduced)));
        reduced
    }

    /// Hands a message on, if it is wanted.
    fn pass(&mut self, writer: &Arc<Writer>, mut entry: Entry, first: u64) -> io::Result<()> {
        if self.shape.wanted.as_ref().is_some_and(|wanted| !wanted.wants(writer, &entry)) {
            return Ok(());
        }
        if let Entry::Line(line) = &mut entry {
            self.shape.redact.iter().for_each(|redact| redact.hide(&mut line.text));
        }
        let writer = self.reduced(writer);
        let number = self.sink.handed_over();
        self.sink.entry(&writer, &entry)?;
        if self.sink.handed_over() > number {
            self.on_the_way.push_back((number, first));
            // Without a file of positions, nothing else asks.
            if self.on_the_way.len() >= self.next_look {
                self.settled();
                self.next_look = LOOK.max(2 * self.on_the_way.len());
            }
        }
        Ok(())
    }

    /// Ends the open messages that `which` says, the oldest first.
    fn end(&mut self, which: impl Fn(&Open) -> bool) -> io::Result<()> {
        let mut over: Vec<_> =
            self.open.iter().filter(|(_, open)| which(open)).map(|(key, open)| (open.first, key.clone())).collect();
        over.sort();
        for (_, key) in over {
            if let Some(Open { writer, line, first, .. }) = self.open.remove(&key) {
                self.pass(&writer, Entry::Line(line), first)?;
            }
        }
        Ok(())
    }

    fn join(&mut self, writer: &Arc<Writer>, line: Line, first: u64, begins: bool) -> io::Result<()> {
        let key = (writer.full_id.clone(), line.stream);
        if let Some(open) = self.open.get_mut(&key) {
            let fits = open.lines < MAX_LINES && open.line.text.len() + 1 + line.text.len() <= MAX_LINE;
            if !begins && fits {
                open.line.text.push(b'\n');
                open.line.text.extend_from_slice(&line.text);
                open.line.is_cut |= line.is_cut;
                open.lines += 1;
                open.at = Instant::now();
                return Ok(());
            }
            if let Some(Open { writer, line, first, .. }) = self.open.remove(&key) {
                self.pass(&writer, Entry::Line(line), first)?;
            }
        }
        if self.open.len() >= MAX_OPEN {
            let oldest = self.open.values().map(|open| open.first).min();
            self.end(|open| Some(open.first) == oldest)?;
        }
        self.open.insert(key, Open { writer: Arc::clone(writer), line, lines: 1, first, at: Instant::now() });
        Ok(())
    }
}

impl Sink for Shaper<'_> {
    fn expect(&mut self, writer: &Writer) {
        self.sink.expect(writer);
    }

    fn entry(&mut self, writer: &Arc<Writer>, entry: &Entry) -> io::Result<()> {
        let first = self.count;
        self.count += 1;
        match (entry, &self.shape.join) {
            (Entry::Line(line), Some(join)) => {
                let begins = join.begins(&line.text);
                self.join(writer, line.clone(), first, begins)
            }
            (Entry::Gap(_), Some(_)) => {
                let id = writer.full_id.clone();
                self.end(|open| open.writer.full_id == id)?;
                self.pass(writer, entry.clone(), first)
            }
            (_, None) => self.pass(writer, entry.clone(), first),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end(|open| open.at.elapsed() >= WAIT)?;
        self.sink.flush()
    }

    fn handed_over(&self) -> u64 {
        self.count
    }

    fn settled(&mut self) -> u64 {
        let settled = self.sink.settled();
        self.on_the_way.retain(|(number, _)| *number >= settled);
        let on_the_way = self.on_the_way.iter().map(|(_, first)| *first);
        on_the_way.chain(self.open.values().map(|open| open.first)).min().unwrap_or(self.count)
    }

    fn drain(&mut self) -> io::Result<()> {
        self.end(|_| true)?;
        self.sink.flush()?;
        self.sink.drain()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what it gets; what is safe is told by the test.
    #[derive(Default)]
    struct Kept {
        entries: Vec<(Arc<Writer>, Entry)>,
        safe: u64,
    }

    impl Sink for Kept {
        fn expect(&mut self, _: &Writer) {}

        fn entry(&mut self, writer: &Arc<Writer>, entry: &Entry) -> io::Result<()> {
            self.entries.push((Arc::clone(writer), entry.clone()));
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn handed_over(&self) -> u64 {
            self.entries.len() as u64
        }

        fn settled(&mut self) -> u64 {
            self.safe
        }
    }

    impl Kept {
        fn texts(&self) -> Vec<String> {
            let text = |entry: &Entry| match entry {
                Entry::Line(line) => String::from_utf8_lossy(&line.text).into_owned(),
                Entry::Gap(why) => format!("gap: {why}"),
            };
            self.entries.iter().map(|(_, entry)| text(entry)).collect()
        }
    }

    fn writer(id: &str) -> Arc<Writer> {
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        Arc::new(Writer { full_id: id.into(), image: "i".into(), labels, ..Writer::default() })
    }

    fn line(stream: Stream, text: &str) -> Entry {
        Entry::Line(Line { time_ns: 1, stream, text: text.into(), is_cut: false })
    }

    fn joined(rule: &str) -> Shape {
        Shape { join: Some(Join::parse(rule).unwrap()), ..Shape::default() }
    }

    #[test]
    fn messages_are_joined_by_container_and_stream() {
        let mut kept = Kept::default();
        let mut shaper = Shaper::new(joined("indent"), &mut kept);
        let [a, b] = ["a", "b"].map(writer);
        for (writer, stream, text) in [
            (&a, Stream::Out, "Exception: x"),
            (&b, Stream::Out, "begin"),
            (&a, Stream::Out, "\tat f"),
            (&a, Stream::Err, "  alone"),
            (&a, Stream::Out, "Caused by: y"),
            (&b, Stream::Out, " end"),
            (&a, Stream::Out, "next"),
        ] {
            shaper.entry(writer, &line(stream, text)).unwrap();
        }
        shaper.entry(&a, &Entry::Gap("lost".into())).unwrap();
        shaper.drain().unwrap();
        assert_eq!(kept.texts(), ["Exception: x\n\tat f\nCaused by: y", "  alone", "next", "gap: lost", "begin\n end"]);
    }

    #[test]
    fn rules_know_first_lines() {
        let time = Join::parse("time").unwrap();
        for first in
            ["2026-08-01T10:00:00Z x", "[2026-08-01 10:00] x", "10:00:00.1 x", "Aug  1 10:00:00 x", "01/08/2026 x"]
        {
            assert!(time.begins(first.as_bytes()), "{first}");
        }
        for other in ["  at 10:00:00", "x 2026-08-01", "", "Caused by"] {
            assert!(!time.begins(other.as_bytes()), "{other}");
        }
        let own = Join::parse(r"^\{").unwrap();
        assert!(own.begins(b"{\"a\":1}") && !own.begins(b"}") && !own.begins(b"\xff"));
        assert!(Join::parse("(").unwrap_err().starts_with("invalid regular expression"));
    }

    #[test]
    fn a_message_is_bounded_and_ends_by_itself() {
        let mut kept = Kept::default();
        let mut shaper = Shaper::new(joined("^first"), &mut kept);
        let a = writer("a");
        for _ in 0..=MAX_LINES {
            shaper.entry(&a, &line(Stream::Out, "more")).unwrap();
        }
        let half = "x".repeat(MAX_LINE / 2);
        for _ in 0..2 {
            shaper.entry(&a, &line(Stream::Err, &half)).unwrap();
        }
        shaper.flush().unwrap();
        assert_eq!(shaper.open.len(), 2);
        shaper.open.values_mut().for_each(|open| open.at -= WAIT);
        shaper.flush().unwrap();
        for number in 0..=MAX_OPEN {
            shaper.entry(&writer(&number.to_string()), &line(Stream::Out, "x")).unwrap();
        }
        assert_eq!(shaper.open.len(), MAX_OPEN);
        let lengths: Vec<usize> = kept.texts().iter().map(|text| text.split('\n').count()).collect();
        assert_eq!(lengths, [MAX_LINES, 1, 1, 1, 1]);
    }

    #[test]
    fn a_line_is_safe_when_its_message_is() {
        let mut kept = Kept::default();
        let [a, b] = ["a", "b"].map(writer);
        let mut shaper = Shaper::new(joined("indent"), &mut kept);
        shaper.entry(&a, &line(Stream::Out, "0")).unwrap();
        shaper.entry(&b, &line(Stream::Out, "1")).unwrap();
        shaper.entry(&b, &line(Stream::Out, "2")).unwrap();
        // Line 1 was handed on, and line 0 is open.
        assert_eq!((shaper.handed_over(), shaper.settled()), (3, 0));
        shaper.entry(&a, &line(Stream::Out, "3")).unwrap();
        assert_eq!(shaper.settled(), 0);
        let Shaper { on_the_way, open, .. } = &shaper;
        assert_eq!((on_the_way.iter().copied().collect::<Vec<_>>(), open.len()), (vec![(0, 1), (1, 0)], 2));
        let (mut shaper, on_the_way) = (shaper.open, shaper.on_the_way);
        kept.safe = 1;
        let mut again = Shaper::new(joined("indent"), &mut kept);
        (again.open, again.on_the_way, again.count) = (std::mem::take(&mut shaper), on_the_way, 4);
        assert_eq!(again.settled(), 0, "1 has arrived, and 0 has not");
        again.drain().unwrap();
        drop(again);
        kept.safe = 4;
        let mut last = Shaper::new(Shape::default(), &mut kept);
        last.count = 4;
        assert_eq!(last.settled(), 4);
    }

    #[test]
    fn what_is_safe_is_forgotten() {
        let mut kept = Kept { safe: u64::MAX, ..Kept::default() };
        let mut shaper = Shaper::new(joined("^x"), &mut kept);
        let a = writer("a");
        for _ in 0..3 * LOOK {
            shaper.entry(&a, &line(Stream::Out, "x")).unwrap();
        }
        assert!(shaper.on_the_way.len() < LOOK, "{}", shaper.on_the_way.len());
    }

    #[test]
    fn secrets_are_hidden_and_fields_left_out() {
        let mut kept = Kept::default();
        let shape = Shape {
            redact: [r"\d{4}-\d{4}", r"(?i)password=(\S+)(?: and (x+))?"].map(|it| Redact::parse(it).unwrap()).to_vec(),
            drop: ["container.image", "container.label.a"].map(|it| Dropped::parse(it).unwrap()).into(),
            wanted: Some(LineFilter::compile("log contains 1234").unwrap()),
            ..Shape::default()
        };
        assert!(!shape.is_plain() && Shape::default().is_plain());
        let mut shaper = Shaper::new(shape, &mut kept);
        let a = writer("a");
        for text in ["card 1234-5678, PASSWORD=a\u{e9}b and xx.", "card 9999-5678", "1234 \u{fffd}"] {
            shaper.entry(&a, &line(Stream::Out, text)).unwrap();
        }
        assert_eq!(kept.texts(), ["card ***, PASSWORD=*** and ***.", "1234 \u{fffd}"]);
        let reduced = &kept.entries[0].0;
        assert!(reduced.image.is_empty() && reduced.labels.keys().eq(["b"]));
        assert!(Arc::ptr_eq(reduced, &kept.entries[1].0), "made once");
        for wrong in ["container.id", "log", "container.label."] {
            assert!(Dropped::parse(wrong).unwrap_err().starts_with("expected container.image"), "{wrong}");
        }
        assert!(Redact::parse("x*").is_err() && Redact::parse("(").is_err());
    }
}
