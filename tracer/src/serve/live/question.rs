//! What a client asks: checked in the server's thread, made into sinks in the engine's.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

use super::{
    events::Events,
    frames,
    kept::{Pace, Piece, To},
    secret::Shows,
};
use crate::{
    chisel::{Chisel, ChiselError, Env, Library, Source, Tables},
    fields::{Needs, Show},
    filter::{Filter, FilterError},
    output::{Frame, Out, Page},
    sink::{ChiselSink, Sink},
    view::{self, Ask, Mode, View, With, ask::Enough},
};

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::serve) enum Kind {
    /// Events, one by one.
    Events,
    /// The table of a view: of the full screen, or [`SLOW`].
    View(&'static str),
    /// Frames of a chisel of the shelf, with its argument.
    Chisel(String, Option<String>),
}

/// The views that only the server has: slow calls, and the same with those that wait for something to happen.
pub(in crate::serve) const SLOW: &str = "slow";
pub(in crate::serve) const SLOW_OR_WAITS: &str = "slow_or_waits";
/// The part of the filter of slow calls that leaves out those that wait.
const NO_WAITS: &str = " and evt.is_wait=false and not evt.type in (wait4, waitid, nanosleep, clock_nanosleep, futex, pause, \
    rt_sigsuspend, rt_sigtimedwait)";

/// A question.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Question {
    pub(in crate::serve) kind: Kind,
    /// Which events count.
    pub(in crate::serve) filter: Option<String>,
    /// How long an interval is.
    pub(in crate::serve) interval: Duration,
    /// Whether one interval is enough.
    pub(in crate::serve) once: bool,
}

/// What a question becomes: its filter and sinks, and when these are told that an interval is over.
pub(super) type Made = (Option<Filter>, Vec<Box<dyn Sink>>, Pace);

/// Why it cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(in crate::serve) enum Wrong {
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(transparent)]
    Chisel(#[from] ChiselError),
    #[error("there is no chisel '{0}'; /api/v1/chisels lists them")]
    NoChisel(String),
    #[error("{0}")]
    Hidden(String),
    #[error("chisel '{0}' writes files, which the server does not do")]
    Writes(String),
}

/// Hands over frames of a chisel.
#[derive(Debug)]
struct Taker {
    to: To,
    /// Frames that there was no room for since the last one.
    dropped: Cell<u64>,
}

impl Taker {
    fn take(&self, frame: &Frame) {
        let mut frame = frames::frame(frame);
        frame["frames_dropped"] = self.dropped.get().into();
        let is_taken = self.to.try_send(Piece::Frame(frame)).is_ok();
        self.dropped.set(if is_taken { 0 } else { self.dropped.get() + 1 });
    }
}

impl crate::output::View for Taker {
    fn frame(&self, frame: &Arc<Frame>) {
        self.take(frame);
    }
}

/// The chisels of the shelf: files and folders of others are none of the server's.
pub(in crate::serve) fn shelf() -> impl Iterator<Item = (String, Source)> {
    Library::builtin().list().into_iter()
}

impl Question {
    /// What is wrong with it, before it is asked; else what its client should know, as [`Filter::notes`] has it.
    pub(in crate::serve) fn check(&self, shows: Shows) -> Result<Vec<String>, Wrong> {
        let mut notes = Vec::new();
        if let Some(text) = &self.filter {
            let filter = Filter::compile(text, Show::PLAIN)?;
            notes.extend_from_slice(filter.notes());
            shows.refuse(text, filter.needs()).map_or(Ok(()), |why| Err(Wrong::Hidden(why)))?;
        }
        if let Kind::Chisel(name, argument) = &self.kind {
            let (source, text) = source(name)?;
            // Before it is loaded, which would make a folder.
            if Chisel::describe(&source)?.args.iter().any(|arg| arg.kind.is_written()) {
                return Err(Wrong::Writes(name.clone()));
            }
            let chisel = Chisel::load(source, argument.as_deref(), self.env(None))?;
            let texts = [Some(text.as_str()), argument.as_deref()];
            let why = texts.into_iter().flatten().find_map(|text| shows.refuse(text, Needs::NONE));
            let why = why.or_else(|| shows.refuse(&text, chisel.needs()));
            why.map_or(Ok(()), |why| Err(Wrong::Hidden(why)))?;
        }
        Ok(notes)
    }

    fn interval_ms(&self) -> u64 {
        u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX)
    }

    /// Where a chisel runs; it hands over its frames if there is somebody to take them.
    fn env(&self, to: Option<To>) -> Env {
        let taker = to.map(|to| Rc::new(Taker { to, dropped: Cell::new(0) }) as Rc<dyn crate::output::View>);
        let tables = Tables { interval_ms: Some(self.interval_ms()), ..Tables::default() };
        let page = Page { views: taker.into_iter().collect(), ..Page::plain(Out::memory()) };
        Env { show: Show::PLAIN, page, tables, read_only: true, ..Env::plain(Out::memory()) }
    }

    /// Its filter and sinks, and when these are told that an interval is over.
    pub(super) fn sinks(&self, shows: Shows, to: To) -> anyhow::Result<Made> {
        let every = Pace::Every(self.interval_ms() * 1_000_000);
        let filter = || self.filter.as_deref().map(|text| Filter::compile(text, Show::PLAIN)).transpose();
        match &self.kind {
            Kind::Events => Ok((filter()?, vec![Box::new(Events::new(shows, to)?)], Pace::Own)),
            Kind::View(name) => {
                let taker = Taker { to, dropped: Cell::new(0) };
                let ask = Ask {
                    view: view(name)?,
                    mode: Mode::Rows,
                    filter: self.filter.clone(),
                    containers: false,
                    interval_ms: self.interval_ms(),
                    replay: false,
                    show: Show::PLAIN,
                    with: With::Nothing,
                    more: Vec::new(),
                    enough: Enough::default(),
                };
                let outputs = ask.outputs(Box::new(move |frame, _| {
                    taker.take(&frame);
                    Ok(())
                }))?;
                let (filter, sinks) = outputs.into_parts();
                Ok((filter, sinks, if self.once { Pace::Once { is_view: true } } else { every }))
            }
            Kind::Chisel(name, argument) => {
                let chisel = Chisel::load(source(name)?.0, argument.as_deref(), self.env(Some(to)))?;
                let pace = match (self.once, chisel.interval_ms()) {
                    (true, _) => Pace::Once { is_view: false },
                    (false, Some(ms)) => Pace::Every(ms * 1_000_000),
                    (false, None) => Pace::Own,
                };
                let sinks: Vec<Box<dyn Sink>> = vec![Box::new(ChiselSink::new(chisel))];
                Ok((filter()?, sinks, pace))
            }
        }
    }
}

fn source(name: &str) -> Result<(Source, String), Wrong> {
    let found = shelf().find(|(known, _)| known == name);
    let (_, source) = found.ok_or_else(|| Wrong::NoChisel(crate::format::escape::escaped(name.as_bytes())))?;
    let text = source.text.clone();
    Ok((source, text))
}

fn view(name: &str) -> anyhow::Result<View> {
    let slow = include_str!("slow.toml");
    if name == SLOW {
        return Ok(View::read(SLOW, "slow.toml", slow)?);
    }
    if name == SLOW_OR_WAITS {
        return Ok(View::read(SLOW_OR_WAITS, "slow.toml", &slow.replace(NO_WAITS, ""))?);
    }
    Ok(view::find(&view::Library::builtin().all(), name)?.clone())
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    fn asked(kind: Kind, filter: Option<&str>) -> Question {
        Question { kind, filter: filter.map(str::to_owned), interval: Duration::from_secs(1), once: true }
    }

    #[test]
    fn all_that_can_be_asked_for_becomes_sinks() {
        let (to, _from) = mpsc::channel(1);
        for name in ["connections", "files", SLOW, SLOW_OR_WAITS, "errors"] {
            let question = asked(Kind::View(name), Some("container.id=a"));
            let (filter, sinks, _) = question.sinks(Shows::default(), to.clone()).unwrap();
            assert!(filter.is_some() && !sinks.is_empty(), "{name}");
        }
        let mut shown = 0;
        for (name, _) in shelf() {
            let question = asked(Kind::Chisel(name.clone(), None), None);
            match question.check(Shows { args: true, payload: true }) {
                Ok(_) => {
                    shown += 1;
                    assert_eq!(question.sinks(Shows::default(), to.clone()).unwrap().1.len(), 1, "{name}");
                }
                // Some need an argument.
                Err(Wrong::Chisel(_) | Wrong::Writes(_)) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        assert!(shown > 40, "{shown}");
    }

    #[test]
    fn calls_that_wait_are_left_out_unless_they_are_asked_for() {
        let filter = |name| view(name).unwrap().filter.unwrap_or_default();
        assert!(filter(SLOW).contains("is_wait=false") && filter(SLOW).contains("futex"));
        assert_eq!(filter(SLOW_OR_WAITS), "evt.latency>1ms");
    }

    #[test]
    fn what_shows_command_lines_or_data_is_refused_unless_it_is_shown() {
        let none = Shows::default();
        let refused = |kind: Kind, filter| matches!(asked(kind, filter).check(none), Err(Wrong::Hidden(_)));
        assert!(refused(Kind::Events, Some("proc.cmdline contains a")));
        assert!(refused(Kind::Events, Some("evt.buffer contains a")));
        assert!(!refused(Kind::Events, Some("evt.type=open and proc.name=a")));
        assert!(refused(Kind::Chisel("spy_users".into(), None), None));
        assert!(refused(Kind::Chisel("echo_fds".into(), None), None));
        assert!(!refused(Kind::Chisel("topfiles_bytes".into(), None), None));
        let error = asked(Kind::Events, Some("proc.nme=a")).check(none).unwrap_err().to_string();
        assert!(error.contains("proc.nme") && error.contains('^'), "{error}");
        let wrong = asked(Kind::Chisel("/etc/passwd".into(), None), None).check(none);
        assert!(matches!(wrong, Err(Wrong::NoChisel(_))));
    }

    #[test]
    fn no_question_makes_a_file_or_a_folder() {
        let folder = std::env::temp_dir().join(format!("tracer-question-{}", std::process::id()));
        let path = folder.join("a/b").to_str().unwrap().to_owned();
        let (to, _from) = mpsc::channel(1);
        let all = Shows { args: true, payload: true };
        let mut refused = 0;
        for (name, _) in shelf() {
            for argument in [path.clone(), format!("{path} 1"), format!("1 {path}")] {
                let question = asked(Kind::Chisel(name.clone(), Some(argument)), None);
                refused += u32::from(matches!(question.check(all), Err(Wrong::Writes(_))));
                let _ = question.sinks(all, to.clone());
                assert!(!folder.exists(), "{name}");
            }
        }
        assert!(refused > 1, "{refused}");
    }
}
