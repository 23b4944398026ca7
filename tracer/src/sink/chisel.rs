//! Chisels as sinks.

use tracer_common::group::Grouping;

use super::{Shown, Sink, Tick};
use crate::{
    chisel::{Chisel, ChiselError, Watch, excerpt::Excerpt},
    fields::{Context, EventType, Needs},
    filter::{
        Filter,
        kernel::{Expr, Question, Target},
    },
    message::note,
    sample::Sample,
};

/// How often the file of a chisel is looked at, milliseconds.
const WATCH_MS: u64 = 200;

/// A chisel as a sink.
#[derive(Debug)]
pub struct ChiselSink {
    chisel: Chisel,
    intervals: u64,
    /// Whether the run goes on when the script fails.
    among_others: bool,
    /// What failed, when the script did.
    failed: Option<String>,
    watch: Option<Watch>,
    /// Of one that is watched: when its next interval ends, nanoseconds since the epoch.
    due_ns: u64,
    sample: Option<Sample>,
}

impl ChiselSink {
    /// A chisel that was loaded.
    #[must_use]
    pub fn new(chisel: Chisel) -> Self {
        Self { chisel, intervals: 0, among_others: false, failed: None, watch: None, due_ns: 0, sample: None }
    }

    /// The same beside other sinks: when the script fails, they go on, and it is reported again at the end.
    #[must_use]
    pub fn among_others(self, others: bool) -> Self {
        Self { among_others: others, ..self }
    }

    /// The same, loaded again when its file changes.
    #[must_use]
    pub fn watched(self, watch: Option<Watch>) -> Self {
        Self { watch, ..self }
    }

    /// Loads it again if its file has changed. While the file is wrong, the chisel of before goes on.
    fn renew(&mut self) {
        match self.watch.as_mut().and_then(Watch::renewed) {
            None => {}
            Some(Ok(chisel)) => {
                note(&format!("{} is loaded again", chisel.origin()));
                (self.chisel, self.failed, self.due_ns) = (chisel, None, 0);
                self.sample.into_iter().for_each(|sample| self.chisel.sample(sample));
            }
            Some(Err(error)) => {
                note(&error.to_string());
                error.hint.iter().for_each(|hint| note(&format!("hint: {hint}")));
            }
        }
    }

    /// Does something, unless the script failed before.
    fn guard<T>(&mut self, act: impl FnOnce(&mut Self) -> anyhow::Result<T>, otherwise: T) -> anyhow::Result<T> {
        if self.failed.is_some() {
            return Ok(otherwise);
        }
        match act(self) {
            Err(error) if (self.among_others || self.watch.is_some()) && error.is::<ChiselError>() => {
                note(&format!("{error}"));
                if self.among_others {
                    note("the others go on without it");
                }
                self.failed = Some(self.chisel.origin().to_owned());
                Ok(otherwise)
            }
            result => result,
        }
    }
}

impl Sink for ChiselSink {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let shown = |used| if used { Shown::Yes } else { Shown::No };
        self.guard(|it| it.chisel.event(context).map(shown), Shown::No)
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.renew();
        if self.watch.is_some() {
            let Some(interval_ns) = self.chisel.interval_ms().map(|ms| ms * 1_000_000) else { return Ok(()) };
            if self.due_ns == 0 {
                self.due_ns = tick.now_ns + interval_ns;
            }
            if tick.now_ns < self.due_ns {
                return Ok(());
            }
            self.due_ns = tick.now_ns + interval_ns;
        }
        self.intervals += 1;
        self.guard(|it| it.chisel.interval(tick.state, tick.now_ns), ())
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.guard(|it| it.chisel.end(tick.state, it.intervals, tick.now_ns), ())?;
        match self.failed.take() {
            Some(origin) => anyhow::bail!("chisel {origin} failed, as said above"),
            None => Ok(()),
        }
    }

    /// Of one that is watched, what it will want is not known.
    fn needs(&self) -> Needs {
        let all = [Needs::PAYLOAD, Needs::CPU_TIME, Needs::CONTAINER, Needs::STATE, Needs::LATENCY];
        let more = if self.watch.is_some() { all.into_iter().collect() } else { Needs::NONE };
        self.chisel.needs().with(more)
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        self.watch.is_some() || self.chisel.wants(event)
    }

    fn demand(&self, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
        if self.watch.is_some() { Expr::Always(true) } else { self.chisel.demand(target, questions) }
    }

    fn grouping(&self, filter: Option<&Filter>) -> Result<Grouping, &'static str> {
        if self.watch.is_some() { Err("the chisel may change") } else { self.chisel.grouping(filter) }
    }

    fn each_filter(&self, visit: &mut dyn FnMut(&Filter)) {
        self.chisel.each_filter(visit);
    }

    fn may_want(&self, context: &Context<'_>) -> bool {
        self.watch.is_some() || self.chisel.may_want(context)
    }

    fn takes_sides(&self) -> bool {
        self.watch.is_some() || self.chisel.needs().has(Needs::SIDES)
    }

    fn adds_bytes(&self) -> bool {
        self.watch.is_some() || self.chisel.needs().has(Needs::BYTES)
    }

    fn interval_ms(&self) -> Option<u64> {
        if self.watch.is_some() { Some(WATCH_MS) } else { self.chisel.interval_ms() }
    }

    fn excerpts(&self) -> Vec<Excerpt> {
        self.chisel.excerpts()
    }

    fn is_sampled(&self) -> bool {
        self.watch.is_some() || self.chisel.is_sampled()
    }

    fn sample(&mut self, sample: Sample) {
        self.sample = Some(sample);
        self.chisel.sample(sample);
    }

    fn is_done(&self) -> bool {
        self.watch.is_none() && (self.failed.is_some() || self.chisel.is_done())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::SystemTime};

    use super::*;
    use crate::{
        chisel::{Env, Library},
        sink::Out,
        testing::World,
    };

    #[test]
    fn a_file_that_changes_is_loaded_again_and_a_wrong_one_is_not() {
        let path = std::env::temp_dir().join(format!("tracer-watch-{}.rhai", std::process::id()));
        let write = |text: &str, second: u64| {
            fs::write(&path, format!("chisel(#{{ summary: \"x\" }});\n{text}")).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        write("fn on_event(evt) { print(\"one\"); }", 1);
        let env = Env::plain(Out::memory());
        let source = Library::builtin().find(path.to_str().unwrap()).unwrap();
        let watch = Watch::new(&source, None, &env);
        assert!(watch.is_some());
        let mut sink = ChiselSink::new(Chisel::load(source, None, env.clone()).unwrap()).watched(watch);
        let world = World::new();
        let mut step = |text: Option<(&str, u64)>| {
            if let Some((text, second)) = text {
                write(text, second);
            }
            sink.interval(&Tick { state: &world.state, now_ns: 1 }).unwrap();
            world.with(&world.read(10, 3, 1, b"x"), |context| sink.event(context).unwrap());
        };
        step(None);
        step(Some(("fn on_event(evt) { prnt(", 2)));
        step(Some(("fn on_event(evt) { print(\"two\"); }", 3)));
        step(Some(("fn on_event(evt) { 1 / 0 }", 4)));
        step(None);
        step(Some(("fn on_event(evt) { print(\"three\"); }", 5)));
        fs::remove_file(&path).unwrap();
        step(None);
        assert_eq!(env.page.out.text(), "one\none\ntwo\nthree\nthree\n");
    }
}
