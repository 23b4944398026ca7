//! What is said on a terminal when nothing was shown for a while: a filter that matches nothing looks like a tracer that does not work.

use std::time::{Duration, Instant};

use crate::{
    fields::Value,
    filter::{Filter, Test},
    format::escape::escaped,
    state::{Container, ContainerKey, State},
};

/// After this long without anything to show.
const PATIENCE: Duration = Duration::from_secs(3);
/// Names in the message.
const MAX_NAMES: usize = 8;

/// Waits for the moment to say it.
#[derive(Debug)]
pub(super) struct Quiet {
    due: Instant,
}

impl Quiet {
    /// From now on.
    pub(super) fn begin() -> Self {
        Self { due: Instant::now() + PATIENCE }
    }

    /// Whether it is time.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }
}

/// Why none of the events that were seen was shown, as far as the filters tell.
pub(super) fn text(seen: u64, reasons: &[Option<String>]) -> String {
    let why = reasons.iter().flatten().next();
    let events = match seen {
        0 => "nothing has matched so far".to_owned(),
        1 => "1 event was seen so far, and it did not match".to_owned(),
        _ => format!("{seen} events were seen so far, and none matched"),
    };
    match why {
        Some(why) => format!("{events}: {why}"),
        None if seen == 0 && !reasons.is_empty() => {
            format!("{events}; the kernel only reports what the filter asks for")
        }
        None => events,
    }
}

/// Why no event can pass a filter now.
pub(super) fn required(filter: &Filter, state: &State) -> Option<String> {
    let mut why = None;
    filter.each_required(&mut |field, test| why = why.take().or_else(|| reason(field, test, state)));
    why
}

/// Why no event can pass a test now.
fn reason(field: &str, test: &Test, state: &State) -> Option<String> {
    let is_of_engine = field.starts_with("k8s.") || field.starts_with("container.") && field != "container.id";
    if is_of_engine
        && state.containers.all().count() > 1
        && let Some(silence) = state.containers.silence()
    {
        return Some(format!("names of containers are not known: no engine answers: {}", escaped(silence.as_bytes())));
    }
    match field {
        "container.name" | "container.id" => {
            let host = "host";
            let running: Vec<&Container> = state
                .containers
                .all()
                .filter(|(key, _)| *key != ContainerKey::HOST)
                .map(|(_, container)| container)
                .collect();
            let by_name = field == "container.name";
            let of = |it: &&Container| it.name.clone().filter(|_| by_name).unwrap_or_else(|| it.id.clone());
            let passes = |name: &str| test.passes(&Value::text(name.as_bytes()));
            if passes(host) || running.iter().any(|container| passes(&of(container))) {
                return None;
            }
            if running.is_empty() {
                return Some(match test.text() {
                    Some(name) => format!("no container is named '{}': none is running", escaped(name)),
                    None => "no container is running, and only events in containers are asked for".to_owned(),
                });
            }
            let names = listed(running.iter().map(of));
            Some(match test.text() {
                Some(name) => format!("no container is named '{}' (running: {names})", escaped(name)),
                None => format!("no running container passes the filter (running: {names})"),
            })
        }
        "proc.name" | "proc.pid" => {
            let processes = state.procfs.names();
            let passes = |(pid, name): &(u32, Vec<u8>)| {
                test.passes(&if field == "proc.pid" { Value::U64((*pid).into()) } else { Value::text(name) })
            };
            if processes.is_empty() || processes.iter().any(passes) {
                return None;
            }
            if field == "proc.pid" {
                return Some("no process has that id now".to_owned());
            }
            let name = test.text().map(|name| String::from_utf8_lossy(name).into_owned());
            let near = name.as_deref().and_then(|name| {
                let names: Vec<String> =
                    processes.iter().map(|(_, name)| String::from_utf8_lossy(name).into_owned()).collect();
                crate::fields::nearest(name, names.iter().map(String::as_str))
            });
            let near = near.map(|near| format!(" (there is '{}')", escaped(near.as_bytes()))).unwrap_or_default();
            let named = name.map_or_else(
                || "no process has such a name now".to_owned(),
                |name| format!("no process is named '{}' now", escaped(name.as_bytes())),
            );
            Some(format!("{named}{near}"))
        }
        _ => None,
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.map(|name| escaped(name.as_bytes())).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fields::Show, testing::World};

    #[test]
    fn the_reason_names_what_there_is_instead() {
        let world = World::new();
        let of = |filter: &str, seen| {
            let filter = Filter::compile(filter, Show::default()).unwrap();
            text(seen, &[required(&filter, &world.state)])
        };
        assert_eq!(
            of("evt.type=open and container.name=ux_web", 7),
            "7 events were seen so far, and none matched: no container is named 'ux_web' (running: web)"
        );
        assert_eq!(
            of("evt.type=open", 0),
            "nothing has matched so far; the kernel only reports what the filter asks for"
        );
        assert_eq!(of("container.name=web and fd.num=3", 1), "1 event was seen so far, and it did not match");
        assert!(of("proc.name=no-such-program", 5).ends_with("no process is named 'no-such-program' now"));
        let empty = State::default();
        let filter = Filter::compile("container.id!=host", Show::default()).unwrap();
        assert_eq!(
            text(0, &[required(&filter, &empty)]),
            "nothing has matched so far: no container is running, and only events in containers are asked for"
        );
    }
}
