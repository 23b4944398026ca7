//! What is there now: threads, processes, descriptors, containers, as rows that have fields like events.

use std::rc::Rc;

use rustc_hash::FxHashSet;
use tracer_common::events::file;

use super::top::Line;
use crate::{
    event::{Event, Params},
    fields::{Context, Needs, Times},
    filter::Filter,
    state::{ContainerKey, Fd, State, Thread},
};

/// What the rows of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All threads.
    Threads,
    /// The main threads of processes.
    Processes,
    /// The descriptors of each process.
    Fds,
    /// Containers, without the host.
    Containers,
}

impl Rows {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 4] = [
        ("threads", Self::Threads),
        ("processes", Self::Processes),
        ("fds", Self::Fds),
        ("containers", Self::Containers),
    ];

    /// By its name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, rows)| *rows)
    }

    /// What has to be collected so that all of them are known.
    pub(super) fn needs(self) -> Needs {
        if self == Self::Fds { Needs::STATE } else { Needs::THREADS }.with(Needs::WHOLE)
    }
}

/// A list: printed once, when everything that was there is known, and of a capture at its end.
#[derive(Debug)]
pub struct Listing {
    /// What the rows are.
    pub rows: Rows,
    /// Which of them.
    pub filter: Option<Filter>,
    /// Lines above them.
    pub title: String,
    /// What each is printed as; `None` hands them to the script.
    pub line: Option<Line>,
}

impl Listing {
    /// What has to be collected for it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let filter = self.filter.as_ref().map_or(Needs::NONE, Filter::needs);
        let line = self.line.as_ref().map_or(Needs::NONE, Line::needs);
        // A name is asked for at the start, and a list does not wait for events.
        self.rows.needs().with(filter).with(line).without(Needs::CONTAINER_NOW)
    }
}

/// Calls `visit` for each row that the filter lets through.
///
/// # Errors
/// Those of `visit`.
pub fn each<E>(
    rows: Rows,
    filter: Option<&Filter>,
    state: &State,
    now_ns: u64,
    visit: &mut dyn FnMut(&Context<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut show = |thread: Option<&Rc<Thread>>, fd: Option<(i32, &Rc<Fd>)>, container: ContainerKey| {
        with_row(state, now_ns, thread, fd, container, &mut |context| {
            if filter.is_none_or(|filter| filter.matches(context)) { visit(context) } else { Ok(()) }
        })
    };
    if rows == Rows::Containers {
        for (key, _) in state.containers.all().filter(|(key, _)| *key != ContainerKey::HOST) {
            show(None, None, key)?;
        }
        return Ok(());
    }
    let mut threads: Vec<&Rc<Thread>> =
        state.threads.iter().filter(|thread| !thread.is_stranger && thread.exited_ns.is_none()).collect();
    threads.sort_unstable_by_key(|thread| (thread.tid, thread.pid));
    let mut seen = FxHashSet::default();
    for thread in &threads {
        match rows {
            Rows::Processes if !thread.is_main() => {}
            Rows::Fds => {
                // Threads of a process share their descriptors. Those without their main thread have them all the same.
                let leads = thread.is_main() || state.threads.get(thread.pid).is_none_or(|main| main.fds != thread.fds);
                if !leads || !seen.insert((thread.pid, thread.fds)) {
                    continue;
                }
                let mut fds: Vec<(i32, &Rc<Fd>)> = state.fds.iter(thread.fds).collect();
                fds.sort_unstable_by_key(|(number, _)| *number);
                for fd in fds {
                    show(Some(thread), Some(fd), thread.container)?;
                }
            }
            Rows::Threads | Rows::Processes | Rows::Containers => show(Some(thread), None, thread.container)?,
        }
    }
    Ok(())
}

/// A row as the event that fields are asked of: a `close` of the descriptor that never happened.
pub fn with_row<R>(
    state: &State,
    now_ns: u64,
    thread: Option<&Rc<Thread>>,
    fd: Option<(i32, &Rc<Fd>)>,
    container: ContainerKey,
    show: &mut dyn FnMut(&Context<'_>) -> R,
) -> R {
    /// Lengths of the result and of the descriptor.
    const LENGTHS: [u8; 4] = [8, 0, 8, 0];
    let row = &file::CLOSE;
    let number = fd.map_or(-1, |(number, _)| i64::from(number)).to_le_bytes();
    let payload = [[0; 8], number].concat();
    let params = match fd {
        Some(_) => Params::of_file(row, &LENGTHS, false, &payload),
        None => Params::empty(row),
    };
    let event = Event {
        time_ns: now_ns,
        tid: thread.map_or(0, |thread| thread.tid),
        tgid: thread.map_or(0, |thread| thread.pid),
        // Names of descriptors that nobody knows are empty, as in captures.
        from_file: true,
        params,
        ..Event::empty(row)
    };
    let fd = fd.map(|(_, fd)| fd);
    show(&Context { event: &event, thread, fd, fd_out: None, container, state, times: Times::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fields::Show, format::Template, testing::World};

    fn list(rows: Rows, filter: Option<&str>, format: &str) -> Vec<String> {
        let world = World::new();
        let filter = filter.map(|text| Filter::compile(text, Show::default()).unwrap());
        let template = Template::parse(format, Show::default()).unwrap();
        let mut lines = Vec::new();
        let visit = &mut |context: &Context<'_>| {
            let mut line = Vec::new();
            assert!(template.render(context, &mut line));
            lines.push(String::from_utf8(line).unwrap());
            Ok::<(), ()>(())
        };
        each(rows, filter.as_ref(), &world.state, 0, visit).unwrap();
        lines
    }

    #[test]
    fn rows_have_the_fields_of_events() {
        let fds = list(Rows::Fds, Some("fd.type=ipv4 and proc.pid>10"), "*%proc.name %fd.num %fd.name %container.name");
        assert_eq!(fds, ["cat 5 10.0.0.1:40000->10.0.0.2:80 host", "nginx 5 10.0.0.1:40000->10.0.0.2:80 web"]);
        assert_eq!(list(Rows::Threads, None, "%thread.tid"), ["1", "10", "20", "30"]);
        assert_eq!(list(Rows::Containers, None, "%container.type %container.id"), ["docker 0123456789ab"]);
        assert_eq!(list(Rows::Processes, Some("proc.name contains n"), "%proc.name"), ["init", "nginx"]);
    }
}
