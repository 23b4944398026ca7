//! Container engines: which answer, and for each container without a name, why it has none.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::Finding;
use crate::{
    format::escape::escaped,
    state::container::{
        Container, ContainerKey, Containers, Options, Owner,
        engine::{Api, DEADLINE, DISTRUST_HINT, Endpoint, Greeting, endpoints, greet},
        runtime::{ANY_CRI, Runtime},
    },
};

/// The most containers whose names are missing that are listed one by one.
const MAX_LISTED: usize = 20;
/// How long names may take to come: an engine is asked, and after that the list of all containers may still be read.
const PATIENCE: Duration = DEADLINE.saturating_add(Duration::from_millis(500));

/// An engine, and how far one got with it.
struct Tried {
    endpoint: Endpoint,
    outcome: Outcome,
}

/// What came of it.
enum Outcome {
    /// Nothing is at any of its places.
    Absent,
    /// It answers.
    Answers { greeting: Greeting, address: String, owner: Owner },
    /// It does not: the address and the reason of each way.
    Fails(Vec<(Failure, String, String)>),
}

/// Why not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure {
    Distrusted,
    Silent,
}

/// The findings.
pub(super) fn look(options: &Options) -> Vec<Finding> {
    let tried: Vec<Tried> = endpoints(options).into_iter().map(|endpoint| attempt(endpoint, options)).collect();
    let mut findings: Vec<Finding> = tried.iter().flat_map(Tried::findings).collect();
    if findings.is_empty() {
        let hint = "containers are shown by id; give the path with --engine-socket, or in a container mount the socket";
        findings.push(Finding::warn("container engine: no socket found", hint));
    }
    findings.extend(nameless(options, &tried));
    findings
}

/// Tries the ways to an engine in order; the first that works is taken.
fn attempt(endpoint: Endpoint, options: &Options) -> Tried {
    let mut failures = Vec::new();
    for address in endpoint.existing() {
        let owner = match endpoint.owner_of(address, &options.host_root) {
            Ok(owner) => owner,
            Err(distrust) => {
                failures.push((Failure::Distrusted, address.to_string(), distrust.to_string()));
                continue;
            }
        };
        match greet(endpoint.api, address, owner) {
            Ok(greeting) => {
                let address = address.to_string();
                return Tried { outcome: Outcome::Answers { greeting, address, owner }, endpoint };
            }
            Err(cause) => failures.push((Failure::Silent, address.to_string(), cause)),
        }
    }
    let outcome = if failures.is_empty() { Outcome::Absent } else { Outcome::Fails(failures) };
    Tried { endpoint, outcome }
}

impl Tried {
    fn findings(&self) -> Vec<Finding> {
        match &self.outcome {
            Outcome::Absent if self.endpoint.asked_for => vec![Finding::warn(
                format!("container engine: no socket at {}", self.endpoint.label),
                "check the path; in a container, mount the socket",
            )],
            Outcome::Absent => Vec::new(),
            Outcome::Answers { greeting, address, owner } => vec![engine(greeting, address, *owner)],
            Outcome::Fails(failures) => failures.iter().map(failed).collect(),
        }
    }

    /// Whether the containers of a runtime and of an owner are its own.
    fn is_for(&self, runtime: &Runtime, owner: Owner) -> bool {
        let Some(service) = &runtime.engine else { return false };
        let owner_fits = match &self.outcome {
            Outcome::Answers { owner: own, .. } => *own == owner,
            Outcome::Absent | Outcome::Fails(_) => self.endpoint.of_user != owner.is_machine(),
        };
        let sockets = if self.endpoint.of_user { service.user_sockets } else { service.sockets };
        let is_usual = || sockets.iter().any(|socket| self.endpoint.label.ends_with(socket));
        let is_it = match self.endpoint.runtime {
            Some(said) => said == runtime.name || said == ANY_CRI || runtime.name == ANY_CRI,
            None => self.endpoint.asked_for || runtime.name == ANY_CRI || is_usual(),
        };
        service.api == self.endpoint.api && owner_fits && is_it
    }

    /// Why it gives no name to a container that is its own.
    fn reason(&self) -> String {
        match &self.outcome {
            Outcome::Absent => format!("there is no socket at {}", self.endpoint.label),
            Outcome::Answers { greeting: Greeting { version, containers: Ok(_), .. }, address, .. } => {
                format!("{version} at {address} does not know it")
            }
            Outcome::Answers { greeting: Greeting { version, containers: Err(cause), .. }, address, .. } => {
                format!("{version} at {address} does not list its containers: {cause}")
            }
            Outcome::Fails(failures) => {
                let texts = failures.iter().map(|(failure, address, cause)| match failure {
                    Failure::Distrusted => format!("the engine at {address} is not asked: {cause}"),
                    Failure::Silent => format!("the engine at {address} does not answer: {cause}"),
                });
                texts.collect::<Vec<_>>().join(", and ")
            }
        }
    }
}

fn failed((failure, address, cause): &(Failure, String, String)) -> Finding {
    match failure {
        Failure::Distrusted => {
            Finding::warn(format!("container engine: not asked at {address}: {cause}"), DISTRUST_HINT)
        }
        Failure::Silent => Finding::warn(
            format!("container engine: no answer at {address}: {cause}"),
            "containers are shown by id until it answers",
        ),
    }
}

/// An engine that answers.
fn engine(greeting: &Greeting, address: &str, owner: Owner) -> Finding {
    let Greeting { version, containers, lacks } = greeting;
    let whose = if owner.is_machine() { String::new() } else { format!(", names only containers of user {owner}") };
    let text = format!("container engine: {version} at {address}{whose}");
    match containers {
        Ok(count) => {
            let lacks = lacks.map_or_else(String::new, |lacks| format!("; {lacks}"));
            Finding::ok(format!("{text}, {count} containers{lacks}"))
        }
        Err(cause) => Finding::warn(
            format!("{text}, does not list its containers: {cause}"),
            "its containers have ids and no names as long as it does not",
        ),
    }
}

/// Each container that has no name, with the reason.
fn nameless(options: &Options, tried: &[Tried]) -> Vec<Finding> {
    let mut containers = Containers::start(options);
    let end = Instant::now() + PATIENCE;
    let waits = |containers: &Containers| {
        containers.all().any(|(_, container)| container.name.is_none() && container.around.is_empty())
    };
    while waits(&containers) && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
        containers.poll();
    }
    let all: Vec<&Container> = containers
        .all()
        .filter(|(key, container)| *key != ContainerKey::HOST && container.name.is_none())
        .map(|(_, container)| container)
        .collect();
    let mut findings: Vec<Finding> = all.iter().take(MAX_LISTED).map(|container| missing(container, tried)).collect();
    if let Some(more) = all.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        findings.push(Finding::warn(
            format!("container names: {more} more containers have no name"),
            "the reasons above probably apply to them, too",
        ));
    }
    findings
}

/// Why that container has no name, and what helps.
fn missing(container: &Container, tried: &[Tried]) -> Finding {
    let Container { id, runtime, owner, around, .. } = container;
    let text = |reason: &str| format!("container {} ({runtime}) has no name: {reason}", escaped(id.as_bytes()));
    if let Some(outer) = around.first() {
        return Finding::warn(
            text(&format!(
                "it is inside container {}, and tracer does not ask engines in containers",
                escaped(outer.as_bytes())
            )),
            "it is shown by its id; container.ids has the ids of the containers around it",
        );
    }
    let Some(own) = Runtime::by_name(runtime).filter(|own| own.engine.is_some()) else {
        return Finding::warn(text("tracer cannot ask this runtime"), "it is shown by its id");
    };
    if *owner == Owner::Anyone {
        return Finding::warn(
            text("several users could have created its cgroup, so no engine is believed"),
            "it is shown by its id; make the folders above its cgroup writable only by root or by one user",
        );
    }
    let own_engines: Vec<&Tried> = tried.iter().filter(|tried| tried.is_for(own, *owner)).collect();
    let answers: Vec<&&Tried> =
        own_engines.iter().filter(|tried| matches!(tried.outcome, Outcome::Answers { .. })).collect();
    let fails: Vec<&&Tried> = own_engines.iter().filter(|tried| matches!(tried.outcome, Outcome::Fails(_))).collect();
    let reasons = |tried: &[&&Tried]| tried.iter().map(|tried| tried.reason()).collect::<Vec<_>>().join(", and ");
    if !answers.is_empty() && fails.is_empty() {
        return Finding::warn(
            text(&reasons(&answers)),
            "its cgroup may be left over from a container that has ended, or it was created by another engine: give the \
                socket of that one with --engine-socket",
        );
    }
    if !fails.is_empty() {
        let distrusted = fails.iter().any(|tried| {
            let Outcome::Fails(failures) = &tried.outcome else { return false };
            failures.iter().any(|(failure, ..)| *failure == Failure::Distrusted)
        });
        let hint = if distrusted { DISTRUST_HINT } else { "see above why the engine does not answer" };
        return Finding::warn(text(&reasons(&[answers, fails].concat())), hint);
    }
    let places = match (owner, &own.engine) {
        (Owner::User(uid), Some(service)) => format!("/run/user/{uid}/{}", service.user_sockets.join(" or ")),
        (_, Some(service)) => service.sockets.iter().map(|socket| format!("/{socket}")).collect::<Vec<_>>().join(", "),
        (_, None) => String::new(),
    };
    let asked_for: Vec<String> =
        tried.iter().filter(|tried| tried.endpoint.asked_for).map(|tried| tried.endpoint.label.clone()).collect();
    let (reason, hint) = match (&*asked_for, own.engine.as_ref().map(|service| service.api)) {
        ([], Some(Api::Docker)) if *runtime == "podman" => (
            format!("no engine of its runtime was found (looked at {places})"),
            "start its API service with 'systemctl start podman.socket', or give the socket with --engine-socket",
        ),
        ([], _) => (
            format!("no engine of its runtime was found (looked at {places})"),
            "give the socket with --engine-socket; in a container, mount it",
        ),
        (asked, _) if !own_engines.is_empty() => (
            format!("none of the engines that were asked for ({}) is there", asked.join(", ")),
            "check the path; in a container, mount the socket",
        ),
        (asked, _) => (
            format!("none of the engines that were asked for ({}) is one of its runtime", asked.join(", ")),
            "add the socket of its engine with another --engine-socket",
        ),
    };
    Finding::warn(text(&reason), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::Grade, message::Shown as _, state::container::engine::Address};

    #[test]
    fn a_dead_engine_is_a_warning() {
        let socket = std::env::temp_dir().join(format!("tracer-doctor-{}.sock", std::process::id()));
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let sockets = vec![format!("docker={}", socket.shown()).parse().unwrap()];
        let findings = look(&Options { sockets, ..Options::default() });
        let dead = findings.iter().find(|finding| finding.text.contains("tracer-doctor")).unwrap();
        assert!(dead.grade == Grade::Warn && dead.text.contains("Connection refused"), "{}", dead.text);
        std::fs::remove_file(&socket).unwrap();
    }

    fn tried(api: Api, label: &str, outcome: Outcome) -> Tried {
        Tried { endpoint: Endpoint::new(api, label, vec![Address::Unix(label.into())]), outcome }
    }

    fn answers(version: &str, address: &str) -> Outcome {
        let greeting = Greeting { version: version.into(), containers: Ok(3), lacks: None };
        Outcome::Answers { greeting, address: address.into(), owner: Owner::Machine }
    }

    #[test]
    fn each_reason_names_the_engine_of_the_runtime() {
        let container =
            |runtime, owner| Container { id: "0123456789ab".into(), runtime, owner, ..Container::default() };
        let text = |container: &Container, tried: &[Tried]| {
            let finding = missing(container, tried);
            assert!(finding.grade == Grade::Warn && finding.hint.is_some());
            let start = format!("container 0123456789ab ({}) has no name: ", container.runtime);
            finding.text.strip_prefix(&start).map(str::to_owned).unwrap_or(finding.text)
        };
        let machines = |runtime| container(runtime, Owner::Machine);
        let failing =
            |failure, cause: &str| Outcome::Fails(vec![(failure, "/run/docker.sock".to_owned(), cause.to_owned())]);
        let docker = |outcome| [tried(Api::Docker, "/run/docker.sock", outcome)];
        let known = docker(answers("docker 27.0, API 1.46", "/run/docker.sock"));
        assert_eq!(text(&machines("docker"), &known), "docker 27.0, API 1.46 at /run/docker.sock does not know it");
        assert_eq!(
            text(&machines("docker"), &docker(failing(Failure::Silent, "Permission denied (os error 13)"))),
            "the engine at /run/docker.sock does not answer: Permission denied (os error 13)"
        );
        assert_eq!(
            text(&machines("docker"), &docker(failing(Failure::Distrusted, "it belongs to user 7, not 0"))),
            "the engine at /run/docker.sock is not asked: it belongs to user 7, not 0"
        );
        // Docker does not know what podman runs.
        let podman = text(&machines("podman"), &known);
        assert_eq!(podman, "no engine of its runtime was found (looked at /run/podman/podman.sock)");
        let rootless = text(&container("podman", Owner::User(7)), &known);
        assert_eq!(rootless, "no engine of its runtime was found (looked at /run/user/7/podman/podman.sock)");
        assert!(text(&container("docker", Owner::Anyone), &known).starts_with("several users "));
        assert_eq!(text(&machines("bpm"), &known), "tracer cannot ask this runtime");
        let cri = [tried(Api::Cri, "/run/crio/crio.sock", answers("cri-o 1.30, API CRI v1", "/run/crio/crio.sock"))];
        assert!(text(&machines("cri"), &cri).ends_with(" does not know it"), "any of them may run it");
        assert!(text(&machines("containerd"), &cri).starts_with("no engine of its runtime was found"));
        let nested = Container { around: vec!["fedcba987654".into()], ..machines("docker") };
        assert!(text(&nested, &known).starts_with("it is inside container fedcba987654"));
    }

    #[test]
    fn sockets_that_are_asked_for_are_the_only_ones() {
        let mut of_podman = tried(Api::Docker, "/x/podman.sock", Outcome::Absent);
        of_podman.endpoint.asked_for = true;
        of_podman.endpoint.runtime = Some("podman");
        let container = Container { runtime: "docker", ..Container::default() };
        let finding = missing(&container, &[of_podman]);
        assert!(finding.text.contains("(/x/podman.sock) is one of its runtime"), "{}", finding.text);
    }
}
