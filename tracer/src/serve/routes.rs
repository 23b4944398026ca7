//! What there is to ask for: a row for each path. The description of the API is made of them.

use std::pin::Pin;

use super::{
    http::{Answer, Request},
    page,
    params::{self, Param},
    rest,
};

/// An answer that comes.
pub(super) type Coming = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A path.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) path: &'static str,
    /// Whether paths below it are meant, too: what follows is a name.
    pub(super) has_rest: bool,
    /// What comes after the name, which has no `/` then.
    pub(super) ends: &'static str,
    /// The parameters that it takes.
    pub(super) takes: &'static [&'static Param],
    /// Whether it may be asked for without password and token: it says nothing of what runs.
    pub(super) is_open: bool,
    /// Whether it may be posted to; a body is a question then, and changes nothing.
    pub(super) takes_body: bool,
    /// What it answers.
    pub(super) about: &'static str,
    pub(super) answer: fn(Request) -> Coming,
}

macro_rules! route {
    ($path:literal, $about:literal, $answer:path) => {
        Route {
            path: $path,
            has_rest: false,
            ends: "",
            takes: &[],
            is_open: false,
            takes_body: false,
            about: $about,
            answer: |request| Box::pin($answer(request)),
        }
    };
}

impl Route {
    const fn below(self) -> Self {
        Self { has_rest: true, ..self }
    }

    const fn ends(self, ends: &'static str) -> Self {
        Self { has_rest: true, ends, ..self }
    }

    const fn takes(self, takes: &'static [&'static Param]) -> Self {
        Self { takes, ..self }
    }

    const fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    const fn posted(self) -> Self {
        Self { takes_body: true, ..self }
    }

    /// Whether it is of our own API, which refuses what it does not know.
    pub(super) fn is_own(&self) -> bool {
        self.path.strip_prefix("/api/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Its path with a word in place of the name.
    pub(super) fn with_name(&self, word: &str) -> String {
        if self.has_rest { format!("{}{word}{}", self.path, self.ends) } else { self.path.to_owned() }
    }

    /// The name in a path that is meant.
    fn name_in<'p>(&self, path: &'p str) -> Option<&'p str> {
        let name = path.strip_prefix(self.path)?.strip_suffix(self.ends)?;
        (self.has_rest && (self.ends.is_empty() || !name.is_empty() && !name.contains('/'))).then_some(name)
    }
}

/// The paths.
#[rustfmt::skip]
pub(super) static ROUTES: &[Route] = &[
    route!("/", "The web page with all containers.", page::overview).takes(&[&params::SEARCH]),
    route!("/containers/", "The web page of one container, by cgroup path.", page::by_cgroup).below(),
    route!("/docker/", "The web page of one container, by name or id.", page::by_name).below(),
    route!("/static/", "Scripts and styles of the web page.", page::file).below().open(),
    route!("/metrics", "Metrics for Prometheus, in text format 0.0.4.", rest::own::metrics),
    route!("/healthz", "200 while events are being read, otherwise 503 with the reason.", rest::own::healthz).open(),
    route!("/readyz", "200 once containers are known, otherwise 503 with the reason.", rest::own::readyz).open(),
    route!("/version", "The version of tracer.", rest::own::version),
    route!("/api/v1", "A list of all paths.", rest::own::index),
    route!("/api/v1/openapi.json", "This API as an OpenAPI document.", rest::openapi::document),
    route!("/api/v1/containers", "Running containers, with what they use and do.", rest::own::containers),
    route!("/api/v1/containers/", "One container, by name or id, with its last ten minutes.", rest::own::container).below(),
    route!("/api/v1/processes/", "The processes of one container, without command lines.", rest::own::processes).below(),
    route!("/api/v1/latency/", "How many calls of one container took how long, by class, since tracer began.", rest::own::latency).below().takes(&[&params::STREAM]),
    route!("/api/v1/connections/", "Connections of one container that move data, by bytes.", rest::live::connections).below().takes(params::OF_TABLES),
    route!("/api/v1/files/", "Files that one container reads and writes, by bytes.", rest::live::files).below().takes(params::OF_TABLES),
    route!("/api/v1/slow/", "Calls of one container that take 1 ms or longer, slowest first. Calls that wait for something to happen, such as poll, futex and nanosleep, are left out without `waits`.", rest::live::slow).below().takes(params::OF_SLOW),
    route!("/api/v1/errors/", "Failed calls of one container by error.", rest::live::errors).below().takes(params::OF_TABLES),
    route!("/api/v1/events", "Events as server-sent events.", rest::live::events).takes(&[&params::FILTER, &params::CONTAINER]),
    route!("/api/v1/chisels", "The chisels.", rest::live::chisels),
    route!("/api/v1/chisels/", "What one chisel reports.", rest::live::chisel).below().takes(params::OF_CHISELS),
    route!("/api/v1/host", "The machine, with its last ten minutes.", rest::own::host),
    route!("/api/v1/workloads", "What containers that have ended did, by workload.", rest::own::workloads),
    route!("/api/v1/watch", "All containers once a second, as server-sent events.", rest::own::watch),
    route!("/api/v1/engines", "The container engines, with their versions.", rest::engines::all),
    route!("/api/v1/engines/", "What one engine is and has, by its name; the same as info.", rest::engines::one).below(),
    route!("/api/v1/engines/", "What one engine is and has.", rest::engines::info).ends("/info"),
    route!("/api/v1/engines/", "The version of one engine.", rest::engines::version).ends("/version"),
    route!("/api/v1/engines/", "The images of one engine.", rest::engines::images).ends("/images"),
    route!("/api/v1/engines/", "The containers of one engine, stopped ones too.", rest::engines::containers).ends("/containers"),
    route!("/api/v1/engines/", "What the running containers of one engine use.", rest::engines::stats).ends("/stats"),
    route!("/api/v1/engines/", "What happened to containers and images of one engine.", rest::engines::events).ends("/events").takes(&[&params::SINCE, &params::FOLLOW]),
    route!("/api", "The supported versions of cAdvisor's API.", rest::cadvisor::versions),
    route!("/api/v1.0/", "cAdvisor's API, version 1.", rest::cadvisor::v1).below().posted().takes(params::OF_V1),
    route!("/api/v1.1/", "cAdvisor's API, version 1.", rest::cadvisor::v1).below().posted().takes(params::OF_V1),
    route!("/api/v1.2/", "cAdvisor's API, version 1.", rest::cadvisor::v1).below().posted().takes(params::OF_V1),
    route!("/api/v1.3/", "cAdvisor's API, version 1: machine, containers, subcontainers, docker, events.", rest::cadvisor::v1).below().posted().takes(params::OF_V1),
    route!("/api/v2.0/", "cAdvisor's API, version 2.", rest::cadvisor::v2).below().posted().takes(params::OF_V2),
    route!("/api/v2.1/", "cAdvisor's API, version 2: version, attributes, machine, machinestats, stats, spec, summary, ps, events.", rest::cadvisor::v2).below().posted().takes(params::OF_V2),
];

/// The route of a path, and what follows.
pub(super) fn find(path: &str) -> Option<(&'static Route, String)> {
    if let Some(route) = ROUTES.iter().find(|route| route.path == path && route.ends.is_empty()) {
        return Some((route, String::new()));
    }
    let below = ROUTES.iter().filter_map(|route| Some((route, route.name_in(path)?)));
    let (route, name) = below.max_by_key(|(route, _)| route.path.len() + route.ends.len())?;
    Some((route, super::http::decoded(name)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn paths_are_found_and_only_those() {
        let found = |path: &str| find(path).map(|(route, rest)| (route.path, rest));
        assert_eq!(found("/"), Some(("/", String::new())));
        assert_eq!(found("/api/v1/containers"), Some(("/api/v1/containers", String::new())));
        assert_eq!(found("/api/v1/containers/we%62"), Some(("/api/v1/containers/", "web".into())));
        assert_eq!(found("/containers/docker/x"), Some(("/containers/", "docker/x".into())));
        let engine = |path: &str| find(path).map(|(route, rest)| (route.ends, rest));
        assert_eq!(engine("/api/v1/engines/docker/events"), Some(("/events", "docker".into())));
        assert_eq!(engine("/api/v1/engines/%2Frun%2Fa.sock/info"), Some(("/info", "/run/a.sock".into())));
        assert_eq!(engine("/api/v1/engines/docker/exec"), Some(("", "docker/exec".into())));
        for path in ["", "/nothing", "/metrics/", "/healthz/x", "/api/v1/containersx", "/../etc/passwd"] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn what_needs_no_password_says_nothing_of_what_runs() {
        let open: HashSet<&str> = ROUTES.iter().filter(|route| route.is_open).map(|route| route.path).collect();
        assert_eq!(open, ["/healthz", "/readyz", "/static/"].into());
        let paths: HashSet<String> = ROUTES.iter().map(|route| route.with_name("{name}")).collect();
        assert_eq!(paths.len(), ROUTES.len());
    }
}
