//! What there is to ask for: a row for each path. The description of the API is made of them.

use std::pin::Pin;

use super::{
    http::{Answer, Request},
    page, rest,
};

/// An answer that comes.
pub(super) type Coming = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A path.
pub(super) struct Route {
    pub(super) path: &'static str,
    /// Whether paths below it are meant, too: what follows is a name.
    pub(super) has_rest: bool,
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

    const fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    const fn posted(self) -> Self {
        Self { takes_body: true, ..self }
    }
}

/// The paths.
pub(super) static ROUTES: &[Route] = &[
    route!("/", "The web page with all containers.", page::overview),
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
    route!("/api/v1/containers/", "One container, by name or id, with its last ten minutes.", rest::own::container)
        .below(),
    route!("/api/v1/processes/", "The processes of one container, without command lines.", rest::own::processes)
        .below(),
    route!("/api/v1/connections/", "Connections of one container that move data, by bytes. `seconds=` says how long to look; `stream=true` repeats it as server-sent events.", rest::live::connections).below(),
    route!("/api/v1/files/", "Files that one container reads and writes, by bytes; like connections.", rest::live::files).below(),
    route!("/api/v1/slow/", "Calls of one container that take 1 ms or longer, slowest first; like connections.", rest::live::slow).below(),
    route!("/api/v1/errors/", "Failed calls of one container by error; like connections.", rest::live::errors).below(),
    route!("/api/v1/events", "Events as server-sent events: those that match `filter=`, or of `container=`.", rest::live::events),
    route!("/api/v1/chisels", "The chisels.", rest::live::chisels),
    route!("/api/v1/chisels/", "What one chisel reports: `argument=`, `filter=`, `container=`, and like connections.", rest::live::chisel).below(),
    route!("/api/v1/host", "The machine, with its last ten minutes.", rest::own::host),
    route!("/api/v1/workloads", "What containers that have ended did, by workload.", rest::own::workloads),
    route!("/api/v1/watch", "All containers once a second, as server-sent events.", rest::own::watch),
    route!("/api/v1/engines", "The container engines, with their versions.", rest::engines::all),
    route!(
        "/api/v1/engines/",
        "What one engine says: NAME/info, version, images, containers, stats, events (since, stream=true).",
        rest::engines::one
    )
    .below(),
    route!("/api", "The supported versions of cAdvisor's API.", rest::cadvisor::versions),
    route!("/api/v1.0/", "cAdvisor's API, version 1.", rest::cadvisor::v1).below().posted(),
    route!("/api/v1.1/", "cAdvisor's API, version 1.", rest::cadvisor::v1).below().posted(),
    route!("/api/v1.2/", "cAdvisor's API, version 1.", rest::cadvisor::v1).below().posted(),
    route!(
        "/api/v1.3/",
        "cAdvisor's API, version 1: machine, containers, subcontainers, docker, events.",
        rest::cadvisor::v1
    )
    .below()
    .posted(),
    route!("/api/v2.0/", "cAdvisor's API, version 2.", rest::cadvisor::v2).below().posted(),
    route!(
        "/api/v2.1/",
        "cAdvisor's API, version 2: version, attributes, machine, machinestats, stats, spec, summary, ps, events.",
        rest::cadvisor::v2
    )
    .below()
    .posted(),
];

/// The route of a path, and what follows.
pub(super) fn find(path: &str) -> Option<(&'static Route, String)> {
    if let Some(route) = ROUTES.iter().find(|route| route.path == path) {
        return Some((route, String::new()));
    }
    let below = ROUTES.iter().filter(|route| route.has_rest && path.starts_with(route.path));
    let route = below.max_by_key(|route| route.path.len())?;
    Some((route, super::http::decoded(&path[route.path.len()..])))
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
        for path in ["", "/nothing", "/metrics/", "/healthz/x", "/api/v1/containersx", "/../etc/passwd"] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn what_needs_no_password_says_nothing_of_what_runs() {
        let open: HashSet<&str> = ROUTES.iter().filter(|route| route.is_open).map(|route| route.path).collect();
        assert_eq!(open, ["/healthz", "/readyz", "/static/"].into());
        let paths: HashSet<&str> = ROUTES.iter().map(|route| route.path).collect();
        assert_eq!(paths.len(), ROUTES.len());
    }
}
