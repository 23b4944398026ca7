//! Chisels as sinks.

use std::io;
use std::path::PathBuf;

use tracer_common::group::Grouping;

use super::{Shown, Sink, Tick};
use crate::{
    chisel::{Chisel, ChiselError, Watch, excerpt::Excerpt},
    fields::{Context, EventType, Needs},
    filter::{
        Filter,
        kernel::{Expr, Question, Target},
    },
    format::escape::escaped,
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
    /// The error, when the script failed.
    failed: Option<ChiselError>,
    watch: Option<Watch>,
    /// Of one that is watched: what is wrong with its file as it is now.
    wrong: Option<ChiselError>,
    /// Of one that is watched: when its next interval ends, nanoseconds since the epoch.
    due_ns: u64,
    sample: Option<Sample>,
    /// Of one that is watched: events that those before it had no room for.
    lost_before: u64,
}

impl ChiselSink {
    /// A chisel that was loaded.
    #[must_use]
    pub fn new(chisel: Chisel) -> Self {
        Self {
            chisel,
            intervals: 0,
            among_others: false,
            failed: None,
            watch: None,
            wrong: None,
            due_ns: 0,
            sample: None,
            lost_before: 0,
        }
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
                note(&format!("{} reloaded", chisel.origin()));
                self.lost_before += self.chisel.lost();
                self.chisel.page().clear();
                (self.chisel, self.failed, self.wrong, self.due_ns) = (chisel, None, None, 0);
                self.sample.into_iter().for_each(|sample| self.chisel.sample(sample));
            }
            Some(Err(error)) => {
                say(&error);
                self.wrong = Some(error);
            }
        }
    }

    /// Puts into a picture on a terminal what is wrong: a line there would be gone with the next picture.
    fn show_trouble(&self) -> io::Result<()> {
        let page = self.chisel.page();
        if !page.out.has_picture() {
            return Ok(());
        }
        let lines: Vec<String> = self.failed.iter().chain(&self.wrong).flat_map(told).collect();
        page.trouble(&lines)
    }

    /// Does something, unless the script failed before.
    fn guard<T>(&mut self, act: impl FnOnce(&mut Self) -> anyhow::Result<T>, otherwise: T) -> anyhow::Result<T> {
        if self.failed.is_some() {
            return Ok(otherwise);
        }
        match act(self) {
            Err(error) if (self.among_others || self.watch.is_some()) && error.is::<ChiselError>() => {
                let error = error.downcast::<ChiselError>()?;
                say(&error);
                if self.among_others {
                    note("the other chisels keep running");
                }
                self.failed = Some(error);
                Ok(otherwise)
            }
            result => result,
        }
    }
}

/// The lines of an error, and its hint.
fn told(error: &ChiselError) -> Vec<String> {
    let text = error.to_string();
    let hint = error.hint.iter().map(|hint| format!("hint: {hint}"));
    text.lines().map(|line| escaped(line.as_bytes())).chain(hint.map(|line| escaped(line.as_bytes()))).collect()
}

fn say(error: &ChiselError) {
    note(&error.to_string());
    error.hint.iter().for_each(|hint| note(&format!("hint: {hint}")));
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
        self.chisel.set_lost(tick.stats.losses.total());
        self.guard(|it| it.chisel.interval(tick.state, tick.now_ns), ())?;
        Ok(self.show_trouble()?)
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.chisel.set_lost(tick.stats.losses.total());
        if tick.failed {
            self.chisel.events_failed();
        }
        self.guard(|it| it.chisel.end(tick.state, it.intervals, tick.now_ns), ())?;
        let picture = self.chisel.page().out.has_picture();
        if let Some(error) = self.wrong.take().filter(|_| picture) {
            say(&error);
        }
        match self.failed.take() {
            // What was said before is under the picture.
            Some(error) if picture => Err(error.into()),
            Some(error) => anyhow::bail!("chisel {} failed; see the error above", error.origin),
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

    fn lost(&self) -> u64 {
        self.lost_before + self.chisel.lost()
    }

    fn folders(&self) -> Vec<PathBuf> {
        self.chisel.folders()
    }

    fn excerpts(&self) -> Vec<Excerpt> {
        self.chisel.excerpts()
    }

    fn name(&self) -> String {
        let origin = self.chisel.origin();
        // Those that are built in have no folder.
        let name = if origin.contains('/') { origin } else { origin.strip_suffix(".rhai").unwrap_or(origin) };
        format!("chisel '{}'", escaped(name.as_bytes()))
    }

    fn is_still(&self) -> bool {
        self.watch.is_none() && self.chisel.is_still()
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
        output::{Out, Status},
        stats::Stats,
        testing::World,
    };

    /// A picture is drawn anew at each interval: what stands beside it would be gone.
    #[test]
    fn errors_of_a_watched_chisel_stay_in_the_picture() {
        let path = std::env::temp_dir().join(format!("tracer-picture-{}.rhai", std::process::id()));
        let write = |text: &str, second: u64| {
            fs::write(&path, format!("chisel(#{{ summary: \"x\" }});\n{text}")).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        let table = "table(#{ keys: [\"proc.name\"], value: #{ op: \"count\" } }); interval(10);\n";
        write(table, 1);
        let env = Env::plain(Out::memory_terminal());
        let source = Library::builtin().find(path.to_str().unwrap()).unwrap();
        let watch = Watch::new(&source, None, &env);
        let mut sink = ChiselSink::new(Chisel::load(source, None, env.clone()).unwrap()).watched(watch);
        let world = World::new();
        let mut now_ns = 0;
        // What a picture has that is drawn then.
        let mut picture = |text: Option<(&str, u64)>| {
            text.iter().for_each(|(text, second)| write(&format!("{table}{text}"), *second));
            let before = env.page.out.text().len();
            world.with(&world.read(10, 3, 1, b"x"), |context| sink.event(context).unwrap());
            for _ in 0..2 {
                now_ns += 20_000_000;
                sink.interval(&Tick { state: &world.state, now_ns, stats: &Stats::default(), failed: false }).unwrap();
                env.page.out.draw(Status::default()).unwrap();
            }
            env.page.out.text()[before..].to_owned()
        };
        assert!(picture(None).contains("bash"));
        for _ in 0..2 {
            let wrong = picture(Some(("fn on_event(evt) { prnt(", 2)));
            assert!(wrong.contains("bash") && wrong.contains("Expecting ')'") && wrong.contains(":3:25"), "{wrong}");
        }
        // It is loaded at the end of the first interval.
        let loaded = picture(Some(("fn on_event(evt) { 1 / 0 }", 3)));
        assert!(!loaded.contains("Expecting"), "{loaded}");
        for _ in 0..2 {
            let failed = picture(None);
            assert!(failed.contains("Division by zero") && !failed.contains("Expecting"), "{failed}");
        }
        let right = picture(Some(("", 4)));
        assert!(right.contains("Count") && !right.contains("Division"), "{right}");
        fs::remove_file(&path).unwrap();
    }

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
            sink.interval(&Tick { state: &world.state, now_ns: 1, stats: &Stats::default(), failed: false }).unwrap();
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
